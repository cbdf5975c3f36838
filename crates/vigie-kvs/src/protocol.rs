//! The protocols in which operations are written, and the services that speak them.
//!
//! Decides which service speaks which, and nothing about an operation.

/// How an input and an error are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// One path per operation, errors as `{"Message": …}` and a header.
    RestJson,
    /// One path for all, the operation in `X-Amz-Target`, errors as `{"__type": …, "message": …}`.
    AwsJson11,
    /// One path for all, a form with the operation as its `Action`; answers and errors are XML.
    AwsQuery,
}

impl Protocol {
    /// The value of `content-type` in answers.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::RestJson => "application/json",
            Self::AwsJson11 => "application/x-amz-json-1.1",
            Self::AwsQuery => "text/xml",
        }
    }
}

/// Which service an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The control plane of KVS.
    KinesisVideo,
    /// KVS archived media.
    KinesisVideoArchivedMedia,
    /// KVS media.
    KinesisVideoMedia,
    SecretsManager,
    /// Security Token Service.
    Sts,
    /// What Vigie adds.
    Extension,
}

impl Service {
    /// The service in the credential scope of a signature. KVS uses one for all its endpoints; extensions follow it.
    pub const fn signing_name(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager",
            Self::Sts => "sts",
            _ => "kinesisvideo",
        }
    }

    /// How its operations are written.
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::SecretsManager => Protocol::AwsJson11,
            Self::Sts => Protocol::AwsQuery,
            _ => Protocol::RestJson,
        }
    }
}
