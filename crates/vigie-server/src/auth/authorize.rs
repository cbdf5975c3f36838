//! Whether a caller may do what it asks: the one place where this is decided.

use std::sync::Arc;

use vigie_kvs::iam::{Decision, Policy, Tags};
use vigie_kvs::{KvsError, Operation};

use super::Identity;

/// What an access key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Everything: the root key.
    Everything,
    /// What an IAM policy allows.
    Policy(Arc<Policy>),
}

impl Permissions {
    /// Whether they can depend on a stream's tags.
    pub(crate) fn ask_for_tags(&self) -> bool {
        matches!(self, Self::Policy(policy) if policy.asks_for_tags())
    }

    /// Whether they allow an action on a stream with these tags.
    pub(crate) fn allow(&self, action: &str, resource: &str, tags: &Tags) -> bool {
        match self {
            Self::Everything => true,
            Self::Policy(policy) => {
                policy.decide_tagged(action, resource, tags) == Decision::Allowed
            }
        }
    }

    /// Whether they may allow an action on some resource or other.
    pub(crate) fn allow_somewhere(&self, action: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Policy(policy) => policy.allows_somewhere(action),
        }
    }
}

/// What a call is about, as IAM is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource<'a> {
    /// An ARN, or `*` for the account.
    pub arn: &'a str,
    /// As the caller named it: a refusal repeats that and nothing that the caller does not know.
    pub named: &'a str,
    /// Of a stream. What is not there has none.
    pub tags: &'a Tags,
}

/// Grants or refuses `operation` on a resource.
pub(crate) fn authorize(
    identity: &Identity,
    operation: &Operation,
    resource: Resource<'_>,
) -> Result<(), KvsError> {
    let (action, named) = (operation.action, resource.named);
    let reason = match &identity.permissions {
        Permissions::Everything => return Ok(()),
        Permissions::Policy(policy) => {
            match policy.decide_tagged(action, resource.arn, resource.tags) {
                Decision::Allowed => return Ok(()),
                Decision::ExplicitDeny => {
                    "with an explicit deny in an identity-based policy".into()
                }
                Decision::ImplicitDeny => {
                    format!("because no identity-based policy allows the {action} action")
                }
            }
        }
    };
    let principal = &identity.principal_arn;
    let message = format!(
        "User: {principal} is not authorized to perform: {action} on resource: {named} {reason}"
    );
    Err(KvsError::new(operation.denied_error(), message))
}

#[cfg(test)]
mod tests {
    use vigie_kvs::ErrorKind;
    use vigie_kvs::operation::{
        DESCRIBE_EDGE_CONFIGURATION, DESCRIBE_STREAM, GET_SECRET_VALUE, PUT_MEDIA,
    };

    use super::super::Principal;
    use super::*;

    const ROOT: &str = "arn:aws:iam::000000000000:root";
    const USER: &str = "arn:aws:iam::000000000000:user/a";

    fn authorize(
        identity: &Identity,
        operation: &Operation,
        arn: &str,
        named: &str,
    ) -> Result<(), KvsError> {
        super::authorize(identity, operation, Resource { arn, named, tags: &Tags::new() })
    }

    fn identity(principal_arn: &str, permissions: Permissions) -> Identity {
        Identity {
            principal: Principal::AccessKey("AKIAEXAMPLE".into()),
            access_key_id: "AKIA".into(),
            principal_arn: principal_arn.into(),
            permissions,
            temporary: false,
            user: None,
        }
    }

    #[test]
    fn root_may_do_everything() {
        let root = identity(ROOT, Permissions::Everything);
        assert_eq!(authorize(&root, &DESCRIBE_STREAM, "*", "*"), Ok(()));
    }

    #[test]
    fn a_key_with_a_policy_may_do_what_it_allows_and_hears_what_it_lacks() {
        let policy = r#"{"Statement": [
            {"Effect": "Allow", "Action": "kinesisvideo:Describe*", "Resource": "arn:aws:kinesisvideo:*:*:stream/x/*"},
            {"Effect": "Deny", "Action": "kinesisvideo:PutMedia", "Resource": "*"}]}"#;
        let policy = Arc::new(Policy::parse(policy).unwrap());
        let user = identity(USER, Permissions::Policy(policy));
        let arn = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/x/1";
        assert_eq!(authorize(&user, &DESCRIBE_STREAM, arn, "x"), Ok(()));
        assert_eq!(authorize(&user, &DESCRIBE_EDGE_CONFIGURATION, arn, "x"), Ok(()));
        let check = |operation, kind, expect: &str| {
            let refused = authorize(&user, operation, "arn:y", "arn:z").unwrap_err();
            assert_eq!((refused.kind, refused.message.as_str()), (kind, expect));
        };
        check(
            &DESCRIBE_STREAM,
            ErrorKind::NotAuthorized,
            "User: arn:aws:iam::000000000000:user/a is not authorized to perform: \
             kinesisvideo:DescribeStream on resource: arn:z because no identity-based policy allows \
             the kinesisvideo:DescribeStream action",
        );
        check(
            &PUT_MEDIA,
            ErrorKind::NotAuthorized,
            "User: arn:aws:iam::000000000000:user/a is not authorized to perform: \
             kinesisvideo:PutMedia on resource: arn:z with an explicit deny in an identity-based \
             policy",
        );
        check(
            &GET_SECRET_VALUE,
            ErrorKind::AccessDenied,
            "User: arn:aws:iam::000000000000:user/a is not authorized to perform: \
             secretsmanager:GetSecretValue on resource: arn:z because no identity-based policy \
             allows the secretsmanager:GetSecretValue action",
        );
    }
}
