//! Who calls, and what the call is about: what limits and the audit log need to know, whether the call succeeds or not.
//!
//! Decides nothing. Takes from a request only what has the form of a name or an ARN, so that nothing a caller slips in
//! (a camera's URI, a secret) gets any further.

use std::net::SocketAddr;

use serde_json::Value;
use vigie_engine::clock::Now;
use vigie_kvs::arn::{SecretArn, StreamArn};
use vigie_kvs::operation::ResourceKind;
use vigie_kvs::sigv4::{Claim, Payload, RequestHead};
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, Operation, OperationId, Protocol, Service, sts};

use crate::audit::{Audit, AuditLine, SameCalls, UnprovenCall};
use crate::auth::Identity;
use crate::config::ServerConfig;
use crate::db::MetadataDb;
use crate::time_text::rfc3339;

/// Longest access key id that is remembered; AWS's have at most 128 characters.
const ACCESS_KEY_ID_CHARS_MAX: usize = 128;
/// Longest name of a stream or a secret.
const NAME_BYTES_MAX: usize = 512;

/// What a request asks for, as far as its head says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Operation(&'static Operation),
    /// One of STS, whose name stands in the body, which is read when its signature holds.
    StsForm,
}

impl Asked {
    /// Which operation it is, once that is known.
    pub(crate) fn operation(self) -> Option<&'static Operation> {
        match self {
            Self::Operation(operation) => Some(operation),
            Self::StsForm => None,
        }
    }

    pub(crate) fn service(self) -> Service {
        self.operation().map_or(Service::Sts, |operation| operation.service)
    }

    pub(crate) fn protocol(self) -> Protocol {
        self.service().protocol()
    }

    /// In metrics.
    pub(crate) fn name(self) -> &'static str {
        self.operation().map_or("unknown", |operation| operation.name)
    }

    /// In the audit log.
    fn action(self) -> &'static str {
        self.operation().map_or(sts::UNKNOWN_ACTION, |operation| operation.action)
    }

    /// Whether it belongs in the audit log, as far as is known.
    fn is_audited(self) -> bool {
        self.operation().is_some_and(Operation::is_audited)
    }
}

/// A call, as far as it is known.
#[derive(Debug)]
pub(crate) struct CallRecord {
    pub asked: Asked,
    /// The access key id that the request claims; nothing is proven by it.
    pub claimed_key: Option<String>,
    /// Who it is, once the signature has been verified.
    pub identity: Option<Identity>,
    /// The stream that is meant.
    pub stream_name: Option<String>,
    /// The resource that is meant, as an ARN.
    pub resource: Option<String>,
    /// Whether the audit log is to have the call although others of its operation change nothing.
    pub is_audited: bool,
    /// See [`AuditLine::not_uploaded_bytes`].
    pub not_uploaded_bytes: Option<u64>,
}

/// What came of a call.
#[derive(Clone, Copy)]
pub(crate) struct Answered<'a> {
    pub request_id: &'a str,
    pub remote: SocketAddr,
    pub status: u16,
    pub refused: Option<ErrorKind>,
}

impl CallRecord {
    pub(crate) fn new(asked: Asked) -> Self {
        Self {
            asked,
            claimed_key: None,
            identity: None,
            stream_name: None,
            resource: None,
            is_audited: false,
            not_uploaded_bytes: None,
        }
    }

    /// Takes what the head of a request says of itself, before anything of it is proven.
    pub(crate) fn read_request(
        &mut self,
        config: &ServerConfig,
        head: &RequestHead<'_>,
        payload: &Payload<'_>,
    ) {
        self.claimed_key = claimed_key(head);
        if matches!(payload, Payload::Streaming) {
            self.read(config, |member| {
                let header = match member {
                    "StreamName" => header::STREAM_NAME,
                    "StreamARN" => header::STREAM_ARN,
                    _ => return None,
                };
                let (_, value) = head.headers.iter().find(|(name, _)| *name == header)?;
                std::str::from_utf8(value).ok()
            });
        }
    }

    /// Takes who it is, and what the call is about from its body: what nobody has signed is not worth reading. Of one that
    /// changes nothing only quotas want to know, if any are `counted`.
    pub(crate) fn verified(
        &mut self,
        config: &ServerConfig,
        identity: Identity,
        payload: &Payload<'_>,
        counted: bool,
    ) {
        self.identity = Some(identity);
        if let Payload::Whole(body) = payload
            && (self.asked.is_audited() || counted)
        {
            self.read_body(config, body);
        }
    }

    /// Writes the call's line in the audit log, if it changes something and its caller is known; of those who are not, a
    /// sample.
    pub(crate) async fn audit(
        &self,
        audit: &Audit,
        db: &dyn MetadataDb,
        answered: Answered<'_>,
        now: Now,
    ) {
        let Answered { request_id, remote, status, refused } = answered;
        if let (None, Some(refused)) = (&self.identity, refused) {
            let call = UnprovenCall {
                action: self.asked.action(),
                claimed_key: self.claimed_key.as_deref(),
                request_id,
                remote,
                status,
                refused,
            };
            return audit.note_unproven(db, call, now).await;
        }
        let is_audited = self.is_audited || self.asked.is_audited();
        let Some(identity) = self.identity.as_ref().filter(|_| is_audited) else { return };
        let error = refused.map(|kind| kind.code(self.asked.protocol()));
        let is_repeated = self.asked.operation().is_some_and(|asked| is_repeated(asked.id));
        let count = if is_repeated || error.is_some() {
            let same = SameCalls {
                principal: identity.principal.to_string(),
                action: self.asked.action(),
                // Else whoever is refused could name one resource after the other.
                resource: self.resource.clone().filter(|_| error.is_none()),
                error,
            };
            let Some(count) = audit.count(same, now.mono) else { return };
            // One stands for itself.
            (count > 1).then_some(count)
        } else {
            None
        };
        audit.write(&AuditLine {
            time: &rfc3339(now.wall),
            request_id: Some(request_id),
            access_key_id: Some(&identity.access_key_id),
            principal_arn: &identity.principal_arn,
            action: self.asked.action(),
            resource: self.resource.as_deref(),
            status,
            error,
            remote_address: Some(&remote.to_string()),
            count,
            not_uploaded_bytes: self.not_uploaded_bytes,
            ..AuditLine::default()
        });
    }

    /// Takes the resource from a JSON input.
    fn read_body(&mut self, config: &ServerConfig, body: &[u8]) {
        // What is no JSON is refused later, with words.
        let Ok(Value::Object(input)) = serde_json::from_slice(body) else { return };
        self.read(config, |member| input.get(member)?.as_str());
    }

    /// Takes the resource from members of the input.
    fn read<'a>(
        &mut self,
        config: &ServerConfig,
        member: impl Fn(&'static str) -> Option<&'a str>,
    ) {
        let Some(operation) = self.asked.operation() else { return };
        match operation.resource {
            ResourceKind::Account | ResourceKind::Caller => {}
            ResourceKind::Secret => {
                let id = member("SecretId").or_else(|| member("Name"));
                self.resource = id.and_then(|id| secret(config, id));
            }
            ResourceKind::Stream => {
                let arn = member("StreamARN").or_else(|| member("ResourceARN"));
                if let Some(arn) = arn.and_then(|arn| arn.parse::<StreamArn>().ok()) {
                    self.resource = Some(arn.to_string());
                    self.stream_name = Some(arn.stream_name);
                } else if let Some(name) = member("StreamName").filter(|name| is_name(name, b"_.-"))
                {
                    self.resource = Some(config.stream_resource(name));
                    self.stream_name = Some(name.to_owned());
                }
            }
            ResourceKind::Hub => {
                let arn = member("HubDeviceArn").filter(|arn| is_hub(arn));
                self.resource = arn.map(str::to_owned);
            }
            ResourceKind::AccessKey => {
                let id = member("AccessKeyId").filter(|id| is_name(id, b""));
                self.resource = id.map(|id| config.access_key_resource(id));
            }
            ResourceKind::User => {
                let name = member("UserName").filter(|name| is_name(name, b"_+=,.@-"));
                self.resource = name.map(|name| config.user_resource(name));
            }
        }
    }
}

/// Whether a caller may well do it many times a minute with the same stream.
const fn is_repeated(operation: OperationId) -> bool {
    use OperationId as Id;
    matches!(
        operation,
        Id::GetImages
            | Id::GetMedia
            | Id::GetMediaForFragmentList
            | Id::GetHLSStreamingSessionURL
            | Id::GetDASHStreamingSessionURL
    )
}

/// The access key id that a request claims; one without is refused by authentication, with words.
fn claimed_key(head: &RequestHead<'_>) -> Option<String> {
    let claim = Claim::parse(head).ok()?;
    Some(claim.access_key_id().chars().take(ACCESS_KEY_ID_CHARS_MAX).collect())
}

fn secret(config: &ServerConfig, id: &str) -> Option<String> {
    if id.parse::<SecretArn>().is_ok() {
        return Some(id.to_owned());
    }
    let (region, account) = (&config.region, &config.account_id);
    is_name(id, b"/_+=.@-")
        .then(|| format!("arn:aws:secretsmanager:{region}:{account}:secret:{id}"))
}

fn is_hub(arn: &str) -> bool {
    arn.starts_with("arn:") && arn.contains(":thing/") && is_name(arn, b":/_.-")
}

fn is_name(text: &str, more: &[u8]) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
}

#[cfg(test)]
mod tests {
    use vigie_kvs::operation::{
        CREATE_ACCESS_KEY, CREATE_SECRET, DESCRIBE_STREAM, PUT_SECRET_VALUE, REVOKE_ACCESS_KEY,
        TAG_STREAM, TEST_CAMERA,
    };

    use super::*;

    fn check(
        operation: &'static Operation,
        body: &str,
        stream: Option<&str>,
        resource: Option<&str>,
    ) {
        let mut record = CallRecord::new(Asked::Operation(operation));
        record.read_body(&ServerConfig::new("data"), body.as_bytes());
        assert_eq!(record.stream_name.as_deref(), stream, "{body}");
        assert_eq!(record.resource.as_deref(), resource, "{body}");
    }

    #[test]
    fn the_resource_is_taken_from_names_and_arns() {
        let arn = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1700000000000";
        let named = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/*";
        check(&DESCRIBE_STREAM, r#"{"StreamName":"gate"}"#, Some("gate"), Some(named));
        let by_arn = format!(r#"{{"StreamARN":"{arn}"}}"#);
        check(&TAG_STREAM, &by_arn, Some("gate"), Some(arn));
        let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:a/b";
        check(&CREATE_SECRET, r#"{"Name":"a/b","SecretString":"s3cret"}"#, None, Some(secret));
        check(&PUT_SECRET_VALUE, &format!(r#"{{"SecretId":"{secret}"}}"#), None, Some(secret));
        let hub = "arn:aws:iot:us-east-1:000000000000:thing/hub-1";
        let test = format!(r#"{{"HubDeviceArn":"{hub}","MediaUri":"rtsp://u:p@h/"}}"#);
        check(&TEST_CAMERA, &test, None, Some(hub));
        let (id, key) =
            (r#"{"AccessKeyId":"AKIA1"}"#, "arn:aws:iam::000000000000:access-key/AKIA1");
        check(&REVOKE_ACCESS_KEY, id, None, Some(key));
        check(&CREATE_ACCESS_KEY, id, None, None);
    }

    #[test]
    fn what_is_neither_a_name_nor_an_arn_is_left_out() {
        for body in
            ["", "[]", "{", "{}", r#"{"StreamName":7}"#, r#"{"StreamName":"rtsp://u:p@h/"}"#]
        {
            check(&DESCRIBE_STREAM, body, None, None);
        }
        check(&CREATE_SECRET, r#"{"Name":"rtsp://user:word@camera/"}"#, None, None);
        check(&PUT_SECRET_VALUE, r#"{"SecretId":"arn:rtsp://user:word@camera/"}"#, None, None);
        check(&TEST_CAMERA, r#"{"HubDeviceArn":"arn:rtsp://u:p@h/:thing/x"}"#, None, None);
        let long = format!(r#"{{"StreamName":"{}"}}"#, "x".repeat(600));
        check(&DESCRIBE_STREAM, &long, None, None);
    }
}
