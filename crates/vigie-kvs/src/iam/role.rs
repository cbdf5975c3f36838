//! What a user's role means: an IAM policy like any other, made from the role and the streams that it is for.
//!
//! Decides which role may do which operation, and what of it is left to a user who is limited to some streams. Why is said in
//! docs/access.md.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Policy, PolicyError, document};
use crate::operation::{OPERATIONS, OperationId, ResourceKind};
use crate::shapes::users::Role;

/// The streams that a role is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamScope {
    /// Every one, also those to come.
    All,
    /// Those of these names, in which `*` stands for any characters.
    Names(Vec<String>),
    /// Those that have this tag.
    Tag { key: String, value: String },
}

/// What is left of an operation for somebody whose role is for some streams only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It is about nothing that is kept.
    Free,
    /// What of it concerns these streams.
    Streams,
    /// The same, unless they are chosen by a tag: it could change which they are.
    NamedStreams,
    /// Nothing: it is about more than these streams, or about something that nobody has yet.
    Nothing,
}

/// The least role that may do an operation, and what of it is left where that is limited.
const fn right(operation: OperationId) -> (Role, Reach) {
    use OperationId as Id;
    match operation {
        Id::DescribeSchedule | Id::ChangePassword => (Role::Viewer, Reach::Free),
        Id::GetCallerIdentity | Id::GetSessionToken => (Role::Viewer, Reach::Free),
        Id::DescribeEdgeConfiguration
        | Id::DescribeHub
        | Id::DescribeImageGenerationConfiguration
        | Id::DescribeNotificationConfiguration
        | Id::DescribeStream
        | Id::DescribeStreamMedia
        | Id::DescribeStreamStorageConfiguration
        | Id::ExportClip
        | Id::GetClip
        | Id::GetDASHStreamingSessionURL
        | Id::GetDataEndpoint
        | Id::GetHLSStreamingSessionURL
        | Id::GetImages
        | Id::GetMedia
        | Id::GetMediaForFragmentList
        | Id::ListEdgeAgentConfigurations
        | Id::ListFragments
        | Id::ListHubs
        | Id::ListMediaGaps
        | Id::ListMediaLosses
        | Id::ListMediaRanges
        | Id::ListStreams
        | Id::ListTagsForStream => (Role::Viewer, Reach::Streams),
        // A link shows what it shows to whoever has it.
        Id::CreateShareLink
        | Id::ListShareLinks
        | Id::RevokeShareLink
        | Id::UpdateDataRetention
        | Id::UpdateImageGenerationConfiguration
        | Id::UpdateNotificationConfiguration
        | Id::UpdateStream
        | Id::UpdateStreamStorageConfiguration => (Role::Operator, Reach::Streams),
        Id::TagStream | Id::UntagStream => (Role::Operator, Reach::NamedStreams),
        // A stream can be pointed at every camera of every hub, and its configuration, once ended, be started by none
        // of those who are limited.
        Id::CreateStream
        | Id::DeleteStream
        | Id::DeleteEdgeConfiguration
        | Id::StartEdgeConfigurationUpdate
        | Id::ForgetHub
        | Id::TestCamera
        | Id::CreateSecret
        | Id::DeleteSecret
        | Id::DescribeSecret
        | Id::ListSecrets
        | Id::PutSecretValue => (Role::Operator, Reach::Nothing),
        // What hubs and producers do, what shows a camera's password, and who may do what.
        Id::GetSecretValue
        | Id::PutMedia
        | Id::SyncEdgeAgent
        | Id::CreateAccessKey
        | Id::ListAccessKeys
        | Id::RevokeAccessKey
        | Id::ListAuditEvents
        | Id::CreateUser
        | Id::DeleteUser
        | Id::ListUsers
        | Id::SignOutUser
        | Id::UpdateUser => (Role::Administrator, Reach::Nothing),
    }
}

/// The policy document of a role.
pub fn role_document(role: Role, scope: &StreamScope) -> String {
    let actions = |reaches: &[Reach]| {
        let has = |operation: &&&crate::Operation| {
            let (least, reach) = right(operation.id);
            // Nobody is asked about what the caller does with itself.
            operation.resource != ResourceKind::Caller && least <= role && reaches.contains(&reach)
        };
        OPERATIONS.iter().filter(has).map(|operation| operation.action).collect::<Vec<_>>()
    };
    let allow = |reaches: &[Reach], resources: Value| json!({"Effect": "Allow", "Action": actions(reaches), "Resource": resources});
    let stream = |name: &str| format!("arn:aws:kinesisvideo:*:*:stream/{name}/*");
    let statements = match scope {
        StreamScope::All => {
            let all = [Reach::Free, Reach::Streams, Reach::NamedStreams, Reach::Nothing];
            vec![allow(&all, json!("*"))]
        }
        StreamScope::Names(names) => {
            let names = names.iter().map(|name| stream(name)).collect::<Vec<_>>();
            vec![
                allow(&[Reach::Free], json!("*")),
                allow(&[Reach::Streams, Reach::NamedStreams], json!(names)),
            ]
        }
        StreamScope::Tag { key, value } => {
            let mut some = allow(&[Reach::Streams], json!(stream("*")));
            let tag = format!("aws:ResourceTag/{key}");
            some["Condition"] = json!({"StringEquals": {tag: value}});
            vec![allow(&[Reach::Free], json!("*")), some]
        }
    };
    // A tag's value may hold what is a variable in the newer version.
    json!({"Version": "2008-10-17", "Statement": statements}).to_string()
}

/// What a role means. Has no quota: the streams of a scope are counted where they are taken.
pub fn role_policy(role: Role, scope: &StreamScope) -> Result<Policy, PolicyError> {
    document::read_any(&role_document(role, scope))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Decision, Tags};
    use super::*;
    use crate::Operation;

    const GATE: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1795000000000";
    const YARD: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/yard/1795000000000";

    fn names(list: &[&str]) -> StreamScope {
        StreamScope::Names(list.iter().map(|name| (*name).to_owned()).collect())
    }

    fn tag() -> StreamScope {
        StreamScope::Tag { key: "Site".into(), value: "north".into() }
    }

    fn tagged(value: &str) -> Tags {
        Tags::from([("Site".to_owned(), value.to_owned())])
    }

    /// A resource of the kind, of which nobody has said that it is in the scope.
    fn some_resource(operation: &Operation) -> &'static str {
        match operation.resource {
            ResourceKind::Stream => YARD,
            ResourceKind::Secret => {
                "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbC123"
            }
            ResourceKind::Hub => "arn:aws:iot:us-east-1:000000000000:thing/hub-1",
            ResourceKind::AccessKey => "arn:aws:iam::000000000000:access-key/AKIA1",
            ResourceKind::User => "arn:aws:iam::000000000000:user/guard",
            ResourceKind::Account | ResourceKind::Caller => "*",
        }
    }

    fn allowed(
        role: Role,
        scope: &StreamScope,
        resource: Option<&str>,
        tags: &Tags,
    ) -> BTreeSet<&'static str> {
        let policy = role_policy(role, scope).unwrap();
        let asked = OPERATIONS.iter().filter(|one| one.resource != ResourceKind::Caller);
        let allowed = asked.filter(|operation| {
            let resource = resource.unwrap_or_else(|| some_resource(operation));
            policy.decide_tagged(operation.action, resource, tags) == Decision::Allowed
        });
        allowed.map(|operation| operation.name).collect()
    }

    fn all_of(role: Role) -> BTreeSet<&'static str> {
        allowed(role, &StreamScope::All, None, &Tags::new())
    }

    #[test]
    fn each_role_may_do_what_the_one_below_may_and_an_administrator_everything() {
        let (viewer, operator) = (all_of(Role::Viewer), all_of(Role::Operator));
        assert!(viewer.is_subset(&operator));
        let every = OPERATIONS.iter().filter(|one| one.resource != ResourceKind::Caller);
        let every: BTreeSet<_> = every.map(|operation| operation.name).collect();
        assert_eq!(all_of(Role::Administrator), every);
        for operation in OPERATIONS {
            assert!(
                !(operation.mutates() && viewer.contains(operation.name)),
                "{}",
                operation.name
            );
        }
        for name in
            ["GetSecretValue", "DescribeSecret", "ListSecrets", "ListAuditEvents", "ListUsers"]
        {
            assert!(!viewer.contains(name), "{name}");
        }
        for name in ["GetSecretValue", "CreateAccessKey", "CreateUser", "PutMedia", "SyncEdgeAgent"]
        {
            assert!(!operator.contains(name), "{name}");
        }
        for name in ["PutSecretValue", "TestCamera", "StartEdgeConfigurationUpdate", "TagStream"] {
            assert!(operator.contains(name), "{name}");
        }
    }

    #[test]
    fn who_is_limited_has_the_same_on_its_streams_and_nothing_elsewhere() {
        for (scope, tags) in [(names(&["gate", "dock-*"]), Tags::new()), (tag(), tagged("north"))] {
            for role in [Role::Viewer, Role::Operator] {
                let of_gate = allowed(role, &scope, Some(GATE), &tags);
                assert!(of_gate.contains("GetMedia") && of_gate.contains("ListStreams"));
                let elsewhere = allowed(role, &scope, None, &Tags::new());
                assert_eq!(
                    elsewhere.into_iter().collect::<Vec<_>>(),
                    ["DescribeSchedule"],
                    "{scope:?}"
                );
                for name in [
                    "CreateStream",
                    "DeleteStream",
                    "StartEdgeConfigurationUpdate",
                    "TestCamera",
                    "DeleteEdgeConfiguration",
                    "GetSecretValue",
                    "ListAuditEvents",
                    "PutMedia",
                ] {
                    assert!(!of_gate.contains(name), "{name}");
                }
            }
        }
        let dock = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/dock-2/1";
        let scope = names(&["gate", "dock-*"]);
        assert!(allowed(Role::Viewer, &scope, Some(dock), &Tags::new()).contains("GetMedia"));
        let longer = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gates/1";
        assert!(!allowed(Role::Viewer, &scope, Some(longer), &Tags::new()).contains("GetMedia"));
    }

    #[test]
    fn who_is_limited_by_a_tag_cannot_tag_itself_into_more() {
        let has = |scope: &StreamScope, name: &str| {
            allowed(Role::Operator, scope, Some(GATE), &tagged("north")).contains(name)
        };
        for name in ["TagStream", "UntagStream"] {
            assert!(has(&names(&["gate"]), name));
            assert!(!has(&tag(), name));
        }
        assert!(has(&tag(), "UpdateDataRetention"));
        assert!(
            !allowed(Role::Operator, &tag(), Some(GATE), &tagged("south")).contains("GetMedia")
        );
    }

    #[test]
    fn a_tag_is_taken_as_it_is_written() {
        let value = "${aws:username}*\"";
        let scope = StreamScope::Tag { key: "a b/ü".into(), value: value.into() };
        let tags = Tags::from([("a b/ü".to_owned(), value.to_owned())]);
        assert!(allowed(Role::Viewer, &scope, Some(GATE), &tags).contains("GetMedia"));
        let other = Tags::from([("a b/ü".to_owned(), "${aws:username}x\"".to_owned())]);
        assert!(!allowed(Role::Viewer, &scope, Some(GATE), &other).contains("GetMedia"));
    }
}
