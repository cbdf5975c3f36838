//! Whether a caller may do what it asks: the one place where this is decided.

use vigie_kvs::{KvsError, Operation};

use super::Identity;

/// Grants or refuses `operation` on `resource` (an ARN, or `*` for the account). The root key may do everything; no
/// other kind of key can be made yet, and one that was made by a later version is refused.
pub(crate) fn authorize(
    identity: &Identity,
    operation: &Operation,
    resource: &str,
) -> Result<(), KvsError> {
    let principal = &identity.principal_arn;
    if principal.ends_with(":root") {
        return Ok(());
    }
    let action = operation.action;
    let message =
        format!("User: {principal} is not authorized to perform: {action} on resource: {resource}");
    Err(KvsError::new(operation.denied_error(), message))
}

#[cfg(test)]
mod tests {
    use vigie_kvs::ErrorKind;
    use vigie_kvs::operation::{DESCRIBE_EDGE_CONFIGURATION, DESCRIBE_STREAM};

    use super::*;

    fn identity(principal_arn: &str) -> Identity {
        Identity { access_key_id: "AKIA".into(), principal_arn: principal_arn.into() }
    }

    #[test]
    fn root_may_do_everything_and_nobody_else_anything() {
        let root = identity("arn:aws:iam::000000000000:root");
        assert_eq!(authorize(&root, &DESCRIBE_STREAM, "*"), Ok(()));
        let user = identity("arn:aws:iam::000000000000:user/a");
        let refused = authorize(&user, &DESCRIBE_STREAM, "arn:x").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::NotAuthorized);
        assert_eq!(
            refused.message,
            "User: arn:aws:iam::000000000000:user/a is not authorized to perform: \
             kinesisvideo:DescribeStream on resource: arn:x"
        );
        let refused = authorize(&user, &DESCRIBE_EDGE_CONFIGURATION, "arn:x").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::AccessDenied);
    }
}
