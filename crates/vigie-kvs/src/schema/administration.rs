//! Inputs of the extensions for those who run the server: access keys and the audit log.

use super::users::{PASSWORD, USER_NAME};
use super::*;

/// Pages of both lists.
const NEXT_TOKEN: Shape = string(1, 1024);

pub(crate) const CREATE_ACCESS_KEY: Shape = Shape::Structure(&[
    // The document has limits of its own, which say more (see `crate::iam`).
    optional("PolicyDocument", &string(1, crate::iam::POLICY_BYTES_MAX)),
    optional("Root", &Shape::Boolean),
    optional("UserName", &USER_NAME),
    optional("CurrentPassword", &PASSWORD),
]);

pub(crate) const LIST_ACCESS_KEYS: Shape = Shape::Structure(&[
    optional("MaxResults", &integer(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);

pub(crate) const LIST_AUDIT_EVENTS: Shape = Shape::Structure(&[
    optional("MaxResults", &integer(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);

pub(crate) const REVOKE_ACCESS_KEY: Shape =
    Shape::Structure(&[required("AccessKeyId", &pattern(16, 128, r"^[A-Z0-9]+$"))]);
