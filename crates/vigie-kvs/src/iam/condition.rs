//! The conditions that are supported: what the tags of the resource are.
//!
//! Decides which conditions a document may have, and whether one holds for given tags. All others are refused by their
//! names, for ignoring one would grant too much.

use std::collections::BTreeMap;

use super::PolicyError;
use super::json::Json;
use super::pattern::matches;

/// A resource's tags.
pub type Tags = BTreeMap<String, String>;

/// Stands before the tag's key.
const TAG_KEY_PREFIX: &str = "aws:ResourceTag/";

/// A tag has to be there and to have one of these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TagCondition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    /// With `*` and `?`.
    StringLike,
}

impl TagCondition {
    pub(super) fn holds(&self, tags: &Tags) -> bool {
        let is_met = |tag: &String| {
            self.values.iter().any(|value| match self.operator {
                Operator::StringEquals => value == tag,
                Operator::StringLike => matches(value.as_bytes(), tag.as_bytes()),
            })
        };
        tags.get(&self.key).is_some_and(is_met)
    }
}

/// The conditions of a statement, all of which have to hold. An empty block asks for nothing.
pub(super) fn read(value: Json, variables: bool) -> Result<Vec<TagCondition>, PolicyError> {
    let refuse = |message: String| Err(PolicyError(message));
    let Json::Object(operators) = value else {
        return refuse("Condition must be a JSON object".to_owned());
    };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let operator = match name.as_str() {
            "StringEquals" => Some(Operator::StringEquals),
            "StringLike" => Some(Operator::StringLike),
            _ => None,
        };
        let keys = match keys {
            Json::Object(keys) if !keys.is_empty() => keys,
            _ => return refuse(format!("the condition {name} must name what it is about")),
        };
        for (key, values) in keys {
            let tag = key.strip_prefix(TAG_KEY_PREFIX).filter(|tag| !tag.is_empty());
            let (Some(operator), Some(tag)) = (operator, tag) else {
                return refuse(format!(
                    "the condition {name} on {key} is not supported; remove it and narrow Action or Resource instead, \
                     or use StringEquals or StringLike on {TAG_KEY_PREFIX}KEY"
                ));
            };
            let values = match values {
                Json::Text(value) => vec![Json::Text(value)],
                Json::List(values) if !values.is_empty() => values,
                _ => Vec::new(),
            };
            let texts = values.into_iter().map(|value| match value {
                Json::Text(value) => Some(value),
                _ => None,
            });
            let Some(values) = texts.collect::<Option<Vec<_>>>().filter(|it| !it.is_empty()) else {
                return refuse(format!("the condition on {key} must be text or a list of texts"));
            };
            if variables && (key.contains("${") || values.iter().any(|value| value.contains("${")))
            {
                return refuse(format!(
                    "the condition on {key} holds a policy variable; they are not supported: write the value out"
                ));
            }
            conditions.push(TagCondition { operator, key: tag.to_owned(), values });
        }
    }
    Ok(conditions)
}
