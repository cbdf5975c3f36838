//! The extensions for share links, which show one stream or one clip for some time without an account.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::clip_file::check_range;
use super::{identifies_stream, wire_enum};
use crate::error::KvsError;
use crate::sensitive::Sensitive;
use crate::wire::{null_as_default, timestamp, timestamp_option};

wire_enum! {
    /// What a share link shows.
    ShareLinkKind {
        /// A stream: live, and what it recorded from a moment on.
        Stream = "STREAM",
        /// One range, to play and to download.
        Clip = "CLIP",
    }
}

/// Asks for a new share link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateShareLinkInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// What it shows.
    pub kind: ShareLinkKind,
    /// Where what it shows begins, by the producer's clock. Of a stream: now, unless given.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub start_timestamp: Option<Timestamp>,
    /// Where a clip ends.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<Timestamp>,
    /// For how many seconds it holds: 300..=2592000.
    pub expires: i64,
}

identifies_stream!(CreateShareLinkInput);

impl CreateShareLinkInput {
    /// The rule between members: a clip has a range, and a stream has no end.
    pub fn check(&self) -> Result<(), KvsError> {
        match (self.kind, self.start_timestamp, self.end_timestamp) {
            (ShareLinkKind::Clip, Some(start), Some(end)) => check_range(start, end),
            (ShareLinkKind::Clip, ..) => {
                Err(KvsError::invalid_argument("a CLIP needs StartTimestamp and EndTimestamp"))
            }
            (ShareLinkKind::Stream, _, None) => Ok(()),
            (ShareLinkKind::Stream, _, Some(_)) => {
                Err(KvsError::invalid_argument("a STREAM has no EndTimestamp; leave it out"))
            }
        }
    }
}

/// A share link without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShareLink {
    /// Names it, and opens nothing.
    pub link_id: String,
    /// Of the stream.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// Of the stream.
    pub stream_name: String,
    /// What it shows.
    pub kind: ShareLinkKind,
    /// Where what it shows begins, by the producer's clock.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// Where a clip ends.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub end_timestamp: Option<Timestamp>,
    /// Who made it.
    pub principal_arn: String,
    /// When it was made.
    #[serde(with = "timestamp")]
    pub creation_time: Timestamp,
    /// When it ends.
    #[serde(with = "timestamp")]
    pub expiration_time: Timestamp,
    /// When it was revoked, if it was.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub revocation_time: Option<Timestamp>,
}

/// Answers CreateShareLink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateShareLinkOutput {
    /// The link.
    pub share_link: ShareLink,
    /// What to hand over; shown this once.
    #[serde(rename = "ShareLinkURL")]
    pub share_link_url: Sensitive,
}

/// Asks for a page of a stream's share links.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListShareLinksInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// 1..=1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<u32>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

identifies_stream!(ListShareLinksInput);

/// A page of a stream's share links, newest first; those that have ended are in it for 30 days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListShareLinksOutput {
    /// One page.
    #[serde(default, deserialize_with = "null_as_default")]
    pub share_links: Vec<ShareLink>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Ends a share link for good, with all that plays or downloads through it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeShareLinkInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Which one.
    pub link_id: String,
}

identifies_stream!(RevokeShareLinkInput);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_has_a_range_and_a_stream_has_no_end() {
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        let check = |kind, start_timestamp, end_timestamp, is_fine| {
            let input = CreateShareLinkInput {
                stream_name: Some("gate".into()),
                stream_arn: None,
                kind,
                start_timestamp,
                end_timestamp,
                expires: 300,
            };
            assert_eq!(input.check().is_ok(), is_fine, "{input:?}");
        };
        check(ShareLinkKind::Clip, at(1), at(2), true);
        check(ShareLinkKind::Clip, at(2), at(2), false);
        check(ShareLinkKind::Clip, at(1), None, false);
        check(ShareLinkKind::Clip, None, at(1), false);
        check(ShareLinkKind::Stream, None, None, true);
        check(ShareLinkKind::Stream, at(1), None, true);
        check(ShareLinkKind::Stream, at(1), at(2), false);
    }
}
