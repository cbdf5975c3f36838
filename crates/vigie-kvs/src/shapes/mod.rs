//! The typed inputs and outputs of the operations, as they stand in JSON.
//!
//! Decides names and types of members, and the rules *between* members of one input. Ranges and patterns of single
//! members stand in [`crate::schema`]. Never fills defaults: what is absent stays absent, and whoever decides fills it.

pub mod administration;
pub mod archived_media;
pub mod clip_file;
pub mod delivery;
pub mod describe_schedule;
pub mod edge;
pub mod hub;
pub mod hub_request;
pub mod images;
pub mod media;
pub mod media_ledger;
pub mod secrets;
pub mod share_link;
pub mod stream;
pub mod stream_media;
pub mod streaming_session;
pub mod sync_edge_agent;
pub mod tag;
pub mod users;

use crate::arn::StreamArn;
use crate::error::KvsError;

/// An enumeration of the wire: its values stand once, for serde, for the schema and for people.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $value)] $variant,)+
        }

        impl $name {
            /// Every value as it stands on the wire.
            pub const VALUES: &'static [&'static str] = &[$($value),+];

            /// The value as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $value,)+ }
            }

            /// Reads a value; case matters.
            pub fn from_wire(text: &str) -> Option<Self> {
                match text { $($value => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;

/// A stream, by name or by ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamIdentifier {
    /// The stream that has the name now.
    Name(String),
    /// The one stream that was created at the time in the ARN.
    Arn(StreamArn),
}

impl StreamIdentifier {
    /// From the two members that every stream operation has: exactly one is needed.
    pub fn of(name: Option<&str>, arn: Option<&str>) -> Result<Self, KvsError> {
        match (name, arn) {
            (Some(name), None) => Ok(Self::Name(name.to_owned())),
            (None, Some(arn)) => arn
                .parse()
                .map(Self::Arn)
                .map_err(|error| KvsError::invalid_argument(format!("StreamARN is {error}"))),
            (None, None) => {
                Err(KvsError::invalid_argument("either StreamName or StreamARN must be given"))
            }
            (Some(_), Some(_)) => Err(KvsError::invalid_argument(
                "StreamName and StreamARN must not both be given; leave one out",
            )),
        }
    }

    /// The stream's name.
    pub fn stream_name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => &arn.stream_name,
        }
    }
}

/// Gives inputs with StreamName and StreamARN their one way to the stream.
macro_rules! identifies_stream {
    ($($input:ident),+ $(,)?) => {$(
        impl $input {
            /// The stream that is meant; an error unless exactly one of StreamName and StreamARN is there.
            pub fn stream(&self) -> Result<$crate::shapes::StreamIdentifier, $crate::KvsError> {
                $crate::shapes::StreamIdentifier::of(
                    self.stream_name.as_deref(),
                    self.stream_arn.as_deref(),
                )
            }
        }
    )+};
}
pub(crate) use identifies_stream;

/// The answer of operations that return nothing: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Empty {}

#[cfg(test)]
mod tests;
