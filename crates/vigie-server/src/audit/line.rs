//! A line of the audit log: what is said of a call.
//!
//! Decides what of a call may be in the log, and how it lies in a file. Never where it goes.

use std::io;

use serde::{Deserialize, Serialize};
use vigie_kvs::shapes::administration::AuditEvent;
use vigie_media::Timestamp;

/// One call. What of a call may be in the log is decided by what is here: no input but the resource's ARN.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct AuditLine<'a> {
    /// When the call was answered, RFC 3339, UTC.
    pub time: &'a str,
    /// The `x-amzn-RequestId` of the answer; null for a command at the machine, which makes no request.
    pub request_id: Option<&'a str>,
    /// Null for a command at the machine.
    pub access_key_id: Option<&'a str>,
    pub principal_arn: &'a str,
    /// Such as `kinesisvideo:CreateStream`; where it is no call, the name of what the server or a command did.
    pub action: &'a str,
    /// The ARN that the call named, or stood for by a name; null where it named none that could be read.
    pub resource: Option<&'a str>,
    /// The HTTP status; of a command, the one that its API call would have had.
    pub status: u16,
    /// The exception; null when the call was carried out.
    pub error: Option<&'a str>,
    /// Address and port of the caller; null for a command at the machine.
    pub remote_address: Option<&'a str>,
    /// Of a deletion: bytes of video that its hub held and that were never uploaded, so that they are gone for good; as
    /// the hub last said, or as it said when it had erased them. Left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_uploaded_bytes: Option<u64>,
    /// How many calls of the same address the line stands for; where signatures are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Fragments that were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The folder or file that a command at the machine was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
}

impl AuditLine<'_> {
    /// As it lies in a file, with its line feed.
    pub(super) fn to_json(self) -> io::Result<Vec<u8>> {
        let mut json = serde_json::to_vec(&self)?;
        json.push(b'\n');
        Ok(json)
    }
}

/// A line as it was written.
#[derive(Deserialize)]
struct Written {
    time: String,
    request_id: Option<String>,
    access_key_id: Option<String>,
    principal_arn: String,
    action: String,
    resource: Option<String>,
    status: u16,
    error: Option<String>,
    remote_address: Option<String>,
    not_uploaded_bytes: Option<u64>,
    count: Option<u64>,
    fragment_count: Option<u64>,
    size_bytes: Option<u64>,
    path: Option<String>,
}

/// Reads what [`AuditLine::to_json`] wrote; `None` for anything else.
pub(super) fn read_line(bytes: &[u8]) -> Option<AuditEvent> {
    let line: Written = serde_json::from_slice(bytes).ok()?;
    let time: jiff::Timestamp = line.time.parse().ok()?;
    Some(AuditEvent {
        event_time: Timestamp::from_millis(time.as_millisecond()),
        request_id: line.request_id,
        access_key_id: line.access_key_id,
        principal_arn: line.principal_arn,
        action: line.action,
        resource: line.resource,
        status_code: line.status,
        error_code: line.error,
        remote_address: line.remote_address,
        not_uploaded_bytes: line.not_uploaded_bytes,
        count: line.count,
        fragment_count: line.fragment_count,
        size_bytes: line.size_bytes,
        path: line.path,
    })
}
