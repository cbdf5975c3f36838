//! What can go wrong with an upload, and the sentence that tells its owner what to do.
//!
//! Kinds, not texts: what a service wrote never reaches a status, except the name of its exception.

use vigie_kvs::acknowledgement::ErrorId;

use crate::hub_holder::ANOTHER_AGENT;
use crate::job_status::JobOutcome;

/// Why an attempt or a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or no answer.
    Unreachable,
    /// The service's certificate is not trusted.
    TlsUntrusted,
    /// The service sends the hub to a place where others on the way could read the video.
    PlainDataEndpoint,
    /// HTTP 401 or 403.
    AccessDenied,
    /// HTTP 404.
    StreamNotFound,
    /// `ConnectionLimitExceededException`: another producer is connected to the stream.
    ConnectionLimit,
    /// `ClientLimitExceededException`.
    ClientLimit,
    /// Another HTTP status of 400 and up to 499.
    Refused {
        /// The status code.
        status: u16,
        /// The exception's name.
        exception: String,
    },
    /// HTTP 500 and up.
    ServiceFailed {
        /// The status code.
        status: u16,
    },
    /// The connection was cut.
    Closed,
    /// No progress for [`super::STALL_AFTER`].
    Stalled,
    /// Fragments were received and not confirmed as stored.
    NotPersisted,
    /// An ERROR acknowledgement.
    Acknowledged {
        /// What it says.
        error: ErrorId,
    },
    /// The fragment could not be read from the hub's disk.
    DiskError,
    /// The service refuses this agent as the hub: another one uploads the same cameras.
    AnotherAgent,
}

impl Failure {
    /// From an HTTP answer with an error status.
    pub fn from_http(status: u16, exception: &str) -> Self {
        match (status, exception) {
            (401 | 403, _) => Self::AccessDenied,
            (404, _) => Self::StreamNotFound,
            (_, "ConnectionLimitExceededException") => Self::ConnectionLimit,
            (429, _) | (_, "ClientLimitExceededException") => Self::ClientLimit,
            (500.., _) => Self::ServiceFailed { status },
            _ => Self::Refused { status, exception: exception.to_owned() },
        }
    }

    /// Whose turn it is.
    pub fn outcome(&self) -> JobOutcome {
        use ErrorId::*;
        match self {
            Self::TlsUntrusted
            | Self::PlainDataEndpoint
            | Self::AccessDenied
            | Self::StreamNotFound
            | Self::ConnectionLimit
            | Self::NotPersisted
            | Self::AnotherAgent
            | Self::Refused { .. } => JobOutcome::UserError,
            Self::Acknowledged { error } => match error {
                StreamReadError
                | InternalError
                | ArchivalError
                | KmsKeyUnavailable
                | MaxConnectionDurationReached => JobOutcome::SystemError,
                Other(id) if *id >= 5000 => JobOutcome::SystemError,
                _ => JobOutcome::UserError,
            },
            Self::Unreachable
            | Self::ClientLimit
            | Self::ServiceFailed { .. }
            | Self::Closed
            | Self::Stalled
            | Self::DiskError => JobOutcome::SystemError,
        }
    }

    /// `JobStatusDetails`.
    pub fn details(&self) -> String {
        let fixed = match self {
            Self::Unreachable => {
                "the service does not answer; check the hub's network and endpoint; media is kept and sent later"
            }
            Self::TlsUntrusted => {
                "the certificate of the service is not trusted; check the endpoint, or install its authority's \
                 certificate on the hub"
            }
            Self::PlainDataEndpoint => {
                "the service wants the video by plain http on another host, where others could read it; set --public-url \
                 of the server to its https URL, or start the agent with --insecure-http if the network is trusted"
            }
            Self::AnotherAgent => ANOTHER_AGENT,
            Self::AccessDenied => {
                "the service denies the hub; check that its access key is valid and allows kinesisvideo:PutMedia and \
                 kinesisvideo:GetDataEndpoint on this stream, and that the hub's clock is right"
            }
            Self::StreamNotFound => {
                "the stream does not exist at the service; create it, or delete its edge configuration"
            }
            Self::ConnectionLimit => {
                "another producer is connected to this stream; stop it; trying again"
            }
            Self::ClientLimit => "the service limits requests; sending more slowly",
            Self::Closed => "the connection to the service was cut; connecting again",
            Self::Stalled => "the service or the network to it stopped for 30 s; connecting again",
            Self::NotPersisted => {
                "the service receives fragments but does not confirm that they are stored; check that \
                 DataRetentionInHours of the stream is greater than 0"
            }
            Self::DiskError => {
                "the hub's disk could not be read; check the disk and the agent's log"
            }
            Self::ServiceFailed { status } => {
                return format!("the service failed with HTTP status {status}; trying again");
            }
            Self::Refused { status, exception } => {
                let exception: String =
                    exception.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
                return format!(
                    "the service refuses uploads of this stream with HTTP status {status} {exception}; check the \
                     stream's settings"
                );
            }
            Self::Acknowledged { error } => return acknowledged_details(*error),
        };
        fixed.to_owned()
    }
}

fn acknowledged_details(error: ErrorId) -> String {
    use ErrorId::*;
    let what_to_do = match error {
        StreamNotActive | StreamDeleted => {
            "the stream is deleted or being deleted: create it again"
        }
        MaxFragmentSizeReached => "the fragment is too large: lower the camera's bit rate",
        MaxFragmentDurationReached => {
            "the fragment is too long: lower the camera's key frame interval"
        }
        FramesMissingForTrack => "a track has no frames: check the camera's audio, or turn it off",
        KmsKeyAccessDenied
        | KmsKeyDisabled
        | KmsKeyValidationError
        | KmsKeyUnavailable
        | KmsKeyInvalidUsage
        | KmsKeyInvalidState
        | KmsKeyNotFound => "the key that encrypts the stream cannot be used: check it in KMS",
        StreamReadError | InternalError | ArchivalError | MaxConnectionDurationReached => {
            "trying again"
        }
        FragmentTimecodeLesserThanPrevious => "trying again on a new connection",
        _ => "see the agent's log",
    };
    format!("the service reports {} {}; {what_to_do}", error.id(), error.code())
}
