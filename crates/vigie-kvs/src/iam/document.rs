//! From the text of a policy document to a [`Policy`]: every element is understood or refused by its name.

use super::condition;
use super::json::Json;
use super::pattern::{ActionPattern, ResourcePattern};
use super::{
    Effect, POLICY_BYTES_MAX, POLICY_CHARACTERS_MAX, Policy, PolicyError, Scope, Statement,
};

/// Knows policy variables, `${…}`.
const VERSION_WITH_VARIABLES: &str = "2012-10-17";
const VERSION_WITHOUT: &str = "2008-10-17";

type Read<T> = Result<T, PolicyError>;

fn refuse<T>(message: impl Into<String>) -> Read<T> {
    Err(PolicyError(message.into()))
}

pub(super) fn read(document: &str) -> Read<Policy> {
    if document.len() > POLICY_BYTES_MAX {
        return refuse(format!("the policy is longer than {POLICY_BYTES_MAX} bytes"));
    }
    let characters = document.chars().filter(|character| !character.is_whitespace()).count();
    if characters > POLICY_CHARACTERS_MAX {
        return refuse(format!(
            "the policy has {characters} characters without white space; {POLICY_CHARACTERS_MAX} are allowed"
        ));
    }
    read_any(document)
}

/// Reads a document of any length.
pub(super) fn read_any(document: &str) -> Read<Policy> {
    let json: Json = serde_json::from_str(document)
        .map_err(|error| PolicyError(format!("the policy is not valid JSON: {error}")))?;
    let Json::Object(members) = json else { return refuse("the policy must be a JSON object") };
    let mut variables = false;
    let mut statements = None;
    for (name, value) in members {
        match (name.as_str(), value) {
            ("Version", Json::Text(version)) if version == VERSION_WITH_VARIABLES => {
                variables = true;
            }
            ("Version", Json::Text(version)) if version == VERSION_WITHOUT => {}
            ("Version", _) => {
                return refuse(format!(
                    "Version must be \"{VERSION_WITH_VARIABLES}\" or \"{VERSION_WITHOUT}\""
                ));
            }
            ("Id", Json::Text(_)) => {}
            ("Id", _) => return refuse("Id must be text"),
            ("Statement", value) => statements = Some(value),
            (unknown, _) => {
                return refuse(format!(
                    "the element {unknown} is not known in a policy; remove it"
                ));
            }
        }
    }
    let statements = match statements {
        Some(Json::List(list)) if !list.is_empty() => list,
        Some(one @ Json::Object(_)) => vec![one],
        Some(_) => return refuse("Statement must be a statement or a list of statements"),
        None => return refuse("the policy must have a Statement"),
    };
    let statements = statements
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            statement(value, variables).map_err(|PolicyError(reason)| {
                PolicyError(format!("statement {}: {reason}", index + 1))
            })
        })
        .collect::<Read<_>>()?;
    Ok(Policy { statements })
}

fn statement(value: Json, variables: bool) -> Read<Statement> {
    let Json::Object(members) = value else { return refuse("a statement must be a JSON object") };
    let (mut effect, mut actions, mut resources) = (None, None, None);
    let mut conditions = Vec::new();
    for (name, value) in members {
        match name.as_str() {
            "Sid" if matches!(value, Json::Text(_)) => {}
            "Sid" => return refuse("Sid must be text"),
            "Effect" => {
                effect = Some(match value {
                    Json::Text(text) if text == "Allow" => Effect::Allow,
                    Json::Text(text) if text == "Deny" => Effect::Deny,
                    _ => return refuse("Effect must be \"Allow\" or \"Deny\""),
                });
            }
            "Action" | "NotAction" => {
                let patterns = patterns(&name, value, |text| match ActionPattern::parse(text) {
                    Some(pattern) => Ok(pattern),
                    None => refuse(format!(
                        "{name} {text:?} must be SERVICE:NAME, such as kinesisvideo:PutMedia, or *"
                    )),
                })?;
                set(&mut actions, scope(name == "Action", patterns), "Action", "NotAction")?;
            }
            "Resource" | "NotResource" => {
                let patterns = patterns(&name, value, |text| resource(&name, text, variables))?;
                set(
                    &mut resources,
                    scope(name == "Resource", patterns),
                    "Resource",
                    "NotResource",
                )?;
            }
            "Condition" => conditions = condition::read(value, variables)?,
            "Principal" | "NotPrincipal" => {
                return refuse(format!(
                    "{name} has no place in the policy of an access key: the key is the principal; remove it"
                ));
            }
            unknown => {
                return refuse(format!(
                    "the element {unknown} is not known in a statement; remove it"
                ));
            }
        }
    }
    let statement = Statement {
        effect: required(effect, "Effect")?,
        actions: required(actions, "Action or NotAction")?,
        resources: required(resources, "Resource or NotResource")?,
        conditions,
    };
    // Of nothing else tags are looked at: a Deny with a condition would deny nothing.
    let is_about_streams = match &statement.resources {
        Scope::Only(patterns) => patterns.iter().all(ResourcePattern::is_of_streams),
        Scope::AllBut(_) => false,
    };
    match statement.conditions.is_empty() || is_about_streams {
        true => Ok(statement),
        false => refuse(
            "a Condition on a tag is about streams: Resource must be their ARNs, such as \
             arn:aws:kinesisvideo:*:*:stream/*",
        ),
    }
}

fn required<T>(value: Option<T>, name: &str) -> Read<T> {
    value.ok_or_else(|| PolicyError(format!("{name} is missing")))
}

fn scope<P>(only: bool, patterns: Vec<P>) -> Scope<P> {
    if only { Scope::Only(patterns) } else { Scope::AllBut(patterns) }
}

fn set<T>(slot: &mut Option<T>, value: T, one: &str, other: &str) -> Read<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => refuse(format!("{one} and {other} exclude each other; leave one out")),
    }
}

/// A text, or a list of texts that is not empty.
fn patterns<P>(name: &str, value: Json, parse: impl Fn(&str) -> Read<P>) -> Read<Vec<P>> {
    let list = match value {
        Json::List(list) if !list.is_empty() => list,
        one @ Json::Text(_) => vec![one],
        _ => return refuse(format!("{name} must be text or a list of texts")),
    };
    list.iter()
        .map(|item| match item {
            Json::Text(text) => parse(text),
            _ => refuse(format!("{name} must be text or a list of texts")),
        })
        .collect()
}

fn resource(name: &str, text: &str, variables: bool) -> Read<ResourcePattern> {
    if variables && text.contains("${") {
        return refuse(format!(
            "{name} {text:?} holds a policy variable; they are not supported: write the ARN out"
        ));
    }
    let pattern = ResourcePattern::parse(text);
    pattern.ok_or_else(|| PolicyError(format!("{name} {text:?} must be an ARN or *")))
}
