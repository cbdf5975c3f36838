//! Inputs of Secrets Manager (awsJson1_1).

use super::*;
use crate::shapes::secrets::{FilterKey, SortBy, SortOrder};

const SECRET_ID: Shape = string(1, 2048);
const VERSION_ID: Shape = string(32, 64);
const VERSION_STAGE: Shape = string(1, 256);
const DESCRIPTION: Shape = string(0, 2048);
const KMS_KEY_ID: Shape = string(0, 2048);
const SECRET_STRING: Shape = Shape::String(Text::new(1, 65_536).secret());
const SECRET_BINARY: Shape = Shape::Blob(Bytes { length_min: 1, length_max: 65_536 });
const TAGS: Shape = Shape::List(List {
    element: &Shape::Structure(&[
        optional("Key", &string(1, 128)),
        optional("Value", &string(0, 256)),
    ]),
    length_min: 0,
    length_max: None,
});
const REPLICA_REGIONS: Shape = Shape::List(List {
    element: &Shape::Structure(&[
        optional("Region", &pattern(1, 128, r"^([a-z]+-)+\d+$")),
        optional("KmsKeyId", &KMS_KEY_ID),
    ]),
    length_min: 1,
    length_max: None,
});

pub(crate) const CREATE_SECRET: Shape = Shape::Structure(&[
    required("Name", &string(1, 512)),
    optional("ClientRequestToken", &VERSION_ID),
    optional("Description", &DESCRIPTION),
    optional("KmsKeyId", &KMS_KEY_ID),
    optional("SecretBinary", &SECRET_BINARY),
    optional("SecretString", &SECRET_STRING),
    optional("Tags", &TAGS),
    optional("AddReplicaRegions", &REPLICA_REGIONS),
    optional("ForceOverwriteReplicaSecret", &Shape::Boolean),
    optional("Type", &string(0, 256)),
]);

pub(crate) const GET_SECRET_VALUE: Shape = Shape::Structure(&[
    required("SecretId", &SECRET_ID),
    optional("VersionId", &VERSION_ID),
    optional("VersionStage", &VERSION_STAGE),
]);

pub(crate) const PUT_SECRET_VALUE: Shape = Shape::Structure(&[
    required("SecretId", &SECRET_ID),
    optional("ClientRequestToken", &VERSION_ID),
    optional("SecretBinary", &SECRET_BINARY),
    optional("SecretString", &SECRET_STRING),
    optional("VersionStages", &list(&VERSION_STAGE, 1, 20)),
    optional(
        "RotationToken",
        &Shape::String(Text::new(36, 256).matching(r"^[a-zA-Z0-9\-]+$").secret()),
    ),
]);

pub(crate) const DESCRIBE_SECRET: Shape = Shape::Structure(&[required("SecretId", &SECRET_ID)]);

pub(crate) const LIST_SECRETS: Shape = Shape::Structure(&[
    optional("IncludePlannedDeletion", &Shape::Boolean),
    optional("MaxResults", &integer(1, 100)),
    optional("NextToken", &string(1, 4096)),
    optional(
        "Filters",
        &list(
            &Shape::Structure(&[
                optional("Key", &one_of(FilterKey::VALUES)),
                optional(
                    "Values",
                    &list(&pattern(0, 512, r"^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$"), 1, 10),
                ),
            ]),
            0,
            10,
        ),
    ),
    optional("SortOrder", &one_of(SortOrder::VALUES)),
    optional("SortBy", &one_of(SortBy::VALUES)),
]);

pub(crate) const DELETE_SECRET: Shape = Shape::Structure(&[
    required("SecretId", &SECRET_ID),
    optional("RecoveryWindowInDays", &Shape::Long(Range { min: None, max: None })),
    optional("ForceDeleteWithoutRecovery", &Shape::Boolean),
]);
