//! Inputs of the extensions for users.

use super::kinesisvideo::{TAG_KEY, TAG_VALUE};
use super::*;
use crate::shapes::users::Role;

/// User names of IAM.
pub(super) const USER_NAME: Shape = pattern(1, 64, r"^[a-zA-Z0-9_+=,.@-]+$");
/// What a password has to be is said with more words (see the server's `users`).
pub(super) const PASSWORD: Shape = Shape::String(Text::new(1, 1024).secret());
const STREAM_NAMES: Shape = list(&pattern(1, 256, r"^[a-zA-Z0-9_.*-]+$"), 1, 100);
const STREAM_TAG: Shape = Shape::Structure(&[
    required("TagKey", &Shape::String(TAG_KEY)),
    required("TagValue", &TAG_VALUE),
]);

pub(crate) const CREATE_USER: Shape = Shape::Structure(&[
    required("UserName", &USER_NAME),
    required("Password", &PASSWORD),
    required("Role", &one_of(Role::VALUES)),
    optional("StreamNames", &STREAM_NAMES),
    optional("StreamTag", &STREAM_TAG),
    optional("CurrentPassword", &PASSWORD),
]);

pub(crate) const UPDATE_USER: Shape = Shape::Structure(&[
    required("UserName", &USER_NAME),
    optional("Role", &one_of(Role::VALUES)),
    optional("StreamNames", &STREAM_NAMES),
    optional("StreamTag", &STREAM_TAG),
    optional("Disabled", &Shape::Boolean),
    optional("Password", &PASSWORD),
    optional("CurrentPassword", &PASSWORD),
]);

pub(crate) const USER: Shape = Shape::Structure(&[required("UserName", &USER_NAME)]);

pub(crate) const LIST_USERS: Shape = Shape::Structure(&[
    optional("MaxResults", &integer(1, 1000)),
    optional("NextToken", &string(1, 1024)),
]);

pub(crate) const CHANGE_PASSWORD: Shape =
    Shape::Structure(&[required("CurrentPassword", &PASSWORD), required("Password", &PASSWORD)]);
