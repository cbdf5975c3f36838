//! Versions of a secret and their staging labels.
//!
//! Decides which version a request means and where labels move (Secrets Manager, "What's in a Secrets Manager
//! secret"). Never sees a value: the caller keeps values by version id.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{ErrorKind, KvsError};

/// The label of the version in use.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that was in use before.
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// Labels that one version may carry, and versions that have one.
const STAGES_PER_SECRET_MAX: usize = 20;

/// The versions of one secret by id, each with its labels. A label is on one version at most; a version without
/// labels is deprecated and may be forgotten by [`SecretVersions::deprecated`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretVersions {
    versions: BTreeMap<String, BTreeSet<String>>,
}

/// What has to be done about a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Store it under the version id; labels have moved.
    Stored,
    /// The version exists with the same value: a repeated request, nothing to do.
    Repeated,
}

impl SecretVersions {
    /// From stored ids and labels.
    pub fn new(versions: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self { versions }
    }

    /// Ids and labels, for storing.
    pub fn as_map(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.versions
    }

    /// Ids and labels as DescribeSecret shows them: without deprecated versions.
    pub fn staged(&self) -> BTreeMap<String, Vec<String>> {
        self.versions
            .iter()
            .filter(|(_, stages)| !stages.is_empty())
            .map(|(id, stages)| (id.clone(), stages.iter().cloned().collect()))
            .collect()
    }

    /// The labels of a version; empty when it has none or does not exist.
    pub fn stages(&self, version_id: &str) -> Vec<String> {
        self.versions.get(version_id).into_iter().flatten().cloned().collect()
    }

    /// Versions without labels.
    pub fn deprecated(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().filter(|(_, stages)| stages.is_empty()).map(|(id, _)| id.as_str())
    }

    /// Forgets a version whose value was dropped.
    pub fn forget(&mut self, version_id: &str) {
        self.versions.remove(version_id);
    }

    /// Adds a version, with `stages` or with AWSCURRENT when there are none. A label moves to the new version; when
    /// AWSCURRENT moves, AWSPREVIOUS goes to the version that it left. The first version is always current.
    ///
    /// `same_value` says, for a version that exists, whether its value is the given one: then the request is a
    /// repetition and nothing changes, else it is refused (`ClientRequestToken` idempotency).
    pub fn put(
        &mut self,
        version_id: &str,
        stages: Option<&[String]>,
        same_value: Option<bool>,
    ) -> Result<Put, KvsError> {
        if self.versions.contains_key(version_id) {
            return match same_value {
                Some(true) => Ok(Put::Repeated),
                _ => Err(KvsError::new(
                    ErrorKind::ResourceExists,
                    format!(
                        "You can't use ClientRequestToken {version_id} because that value is already in use for a version of this secret."
                    ),
                )),
            };
        }
        let mut stages: BTreeSet<String> = match stages {
            Some(stages) if !stages.is_empty() => stages.iter().cloned().collect(),
            _ => BTreeSet::from([CURRENT.to_owned()]),
        };
        if self.by_stage(CURRENT).is_none() {
            stages.insert(CURRENT.to_owned());
        }
        if stages.len() > STAGES_PER_SECRET_MAX {
            return Err(KvsError::new(
                ErrorKind::LimitExceeded,
                format!(
                    "A version of a secret can't have more than {STAGES_PER_SECRET_MAX} staging labels."
                ),
            ));
        }
        let left =
            stages.contains(CURRENT).then(|| self.by_stage(CURRENT).map(str::to_owned)).flatten();
        for labels in self.versions.values_mut() {
            labels.retain(|label| !stages.contains(label));
        }
        if let Some(left) = left
            && !stages.contains(PREVIOUS)
        {
            for labels in self.versions.values_mut() {
                labels.remove(PREVIOUS);
            }
            self.versions.entry(left).or_default().insert(PREVIOUS.to_owned());
        }
        self.versions.insert(version_id.to_owned(), stages);
        Ok(Put::Stored)
    }

    /// The version that GetSecretValue means: by id, by label, by both (which have to agree), else AWSCURRENT.
    pub fn select(
        &self,
        version_id: Option<&str>,
        version_stage: Option<&str>,
    ) -> Result<&str, KvsError> {
        let not_found = |what: String| {
            KvsError::not_found(format!(
                "Secrets Manager can't find the specified secret value for {what}"
            ))
        };
        let Some(id) = version_id else {
            let stage = version_stage.unwrap_or(CURRENT);
            return self
                .by_stage(stage)
                .ok_or_else(|| not_found(format!("staging label: {stage}")));
        };
        let (id, stages) =
            self.versions.get_key_value(id).ok_or_else(|| not_found(format!("VersionId: {id}")))?;
        match version_stage {
            Some(stage) if !stages.contains(stage) => Err(KvsError::new(
                ErrorKind::InvalidRequest,
                "You provided a VersionStage that is not associated to the provided VersionId.",
            )),
            _ => Ok(id),
        }
    }

    fn by_stage(&self, stage: &str) -> Option<&str> {
        self.versions.iter().find(|(_, stages)| stages.contains(stage)).map(|(id, _)| id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stages_of(versions: &SecretVersions) -> Vec<(&str, Vec<&str>)> {
        let versions = versions.as_map().iter();
        versions.map(|(id, s)| (id.as_str(), s.iter().map(String::as_str).collect())).collect()
    }

    #[test]
    fn a_new_value_becomes_current_and_its_forerunner_previous() {
        let mut versions = SecretVersions::default();
        for id in ["a", "b", "c"] {
            assert_eq!(versions.put(id, None, None), Ok(Put::Stored));
        }
        assert_eq!(
            stages_of(&versions),
            [("a", vec![]), ("b", vec![PREVIOUS]), ("c", vec![CURRENT])]
        );
        assert_eq!(versions.deprecated().collect::<Vec<_>>(), ["a"]);
        assert_eq!(versions.select(None, None), Ok("c"));
        assert_eq!(versions.select(None, Some(PREVIOUS)), Ok("b"));
        assert_eq!(versions.select(Some("b"), Some(PREVIOUS)), Ok("b"));
    }

    #[test]
    fn a_repeated_token_does_nothing_unless_the_value_differs() {
        let mut versions = SecretVersions::default();
        versions.put("a", None, None).unwrap();
        let before = versions.clone();
        assert_eq!(versions.put("a", None, Some(true)), Ok(Put::Repeated));
        let error = versions.put("a", None, Some(false)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::ResourceExists);
        assert_eq!(versions, before);
    }

    #[test]
    fn a_pending_version_leaves_the_current_one_alone() {
        let mut versions = SecretVersions::default();
        versions.put("a", Some(&["AWSPENDING".to_owned()]), None).unwrap();
        assert_eq!(stages_of(&versions), [("a", vec![CURRENT, "AWSPENDING"])]);
        versions.put("b", Some(&["AWSPENDING".to_owned()]), None).unwrap();
        assert_eq!(stages_of(&versions), [("a", vec![CURRENT]), ("b", vec!["AWSPENDING"])]);
    }

    #[test]
    fn what_does_not_exist_is_not_found() {
        let mut versions = SecretVersions::default();
        let kind = |result: Result<&str, KvsError>| result.map(drop).map_err(|error| error.kind);
        assert_eq!(kind(versions.select(None, None)), Err(ErrorKind::ResourceNotFound));
        versions.put("a", None, None).unwrap();
        assert_eq!(kind(versions.select(Some("b"), None)), Err(ErrorKind::ResourceNotFound));
        assert_eq!(kind(versions.select(None, Some("X"))), Err(ErrorKind::ResourceNotFound));
        assert_eq!(kind(versions.select(Some("a"), Some("X"))), Err(ErrorKind::InvalidRequest));
    }

    proptest! {
        #[test]
        fn one_version_is_current_and_no_label_is_on_two(
            puts in proptest::collection::vec((0..6u8, proptest::collection::vec(0..4usize, 0..3)), 1..20)
        ) {
            let labels = [CURRENT, PREVIOUS, "AWSPENDING", "mine"];
            let mut versions = SecretVersions::default();
            for (id, stages) in puts {
                let stages: Vec<String> = stages.iter().map(|&i| labels[i].to_owned()).collect();
                let _repeated = versions.put(&id.to_string(), Some(&stages), Some(true));
                for label in labels {
                    let on = versions.as_map().values().filter(|s| s.contains(label)).count();
                    prop_assert!(on <= 1);
                    prop_assert!(label != CURRENT || on == 1);
                }
            }
        }
    }
}
