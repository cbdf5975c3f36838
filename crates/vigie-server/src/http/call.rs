//! The steps around a handler, the same for every signed call: the body within bounds, the signature, the quotas, the
//! input, what IAM says of operations on the account, and the answer in the operation's protocol.
//!
//! Decides the order of these steps and nothing else. Media is verified before it comes; every other body is read whole,
//! within bounds, because its hash is signed. A form says only then which operation it is for.

use std::sync::OnceLock;

use bytes::Bytes;
use hyper::Response;
use hyper::header::{HOST, HeaderMap};
use hyper::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vigie_kvs::KvsError;
use vigie_kvs::operation::{BodyKind, Operation, ResourceKind, parse};
use vigie_kvs::sigv4::{Payload, RequestHead};
use vigie_kvs::sts::StsForm;

use super::body::{RequestBody, ResponseBody};
use super::request_body::{self, Bounds};
use super::response;
use crate::api::{Call, Visible};
use crate::app::App;
use crate::auth::authenticate;
use crate::failure::{Answer, Failure};
use crate::guard::{self, Asked, CallRecord, Caller};

/// A call of which nothing is read or proven yet.
pub(super) struct UnverifiedCall<'a> {
    pub app: &'a App,
    pub caller: Caller,
    pub request_id: &'a str,
    pub record: &'a mut CallRecord,
    pub head: Parts,
    pub body: RequestBody,
}

/// A call whose signature holds, and that is within its quotas.
pub(super) struct SignedCall<'a> {
    pub call: Call,
    request_id: &'a str,
    head: Parts,
    body: SignedBody,
    record: &'a mut CallRecord,
}

/// What a signature is held against.
enum ReadBody {
    Whole(Bytes),
    /// Nothing of it has been read.
    Media(RequestBody),
}

/// The body of a call whose signature holds.
enum SignedBody {
    /// JSON, as far as is known.
    Json(Bytes),
    Form(StsForm),
    Media(RequestBody),
}

impl<'a> UnverifiedCall<'a> {
    /// Reads the body, unless it is media, and proves who signed the call.
    pub(super) async fn verify(self) -> Answer<SignedCall<'a>> {
        let Self { app, caller, request_id, record, head, body } = self;
        let remote = caller.remote.ip();
        let mut share = app.guards.body_budget.share(remote);
        let body = match Bounds::of(record.asked) {
            Some(bounds) => {
                let read = request_body::read(&app.process, bounds, &mut share, body).await;
                ReadBody::Whole(read?)
            }
            None => ReadBody::Media(body),
        };
        let limits = &app.guards.limits;
        let limited = |_: &KvsError| {
            app.metrics.limited_calls.inc();
        };
        let now = app.process.now();
        limits.admit_unproven(record, remote, now.mono).inspect_err(limited)?;
        let payload = match &body {
            ReadBody::Whole(body) => Payload::Whole(body),
            ReadBody::Media(_) => Payload::Streaming,
        };
        let headers = signed_headers(&head);
        let signed = signed_head(&head, &headers);
        record.read_request(&app.config, &signed, &payload);
        let service = record.asked.service().signing_name();
        let identity = authenticate(&app.access, service, &signed, payload, now.wall).await?;
        guard::verified(&head.extensions);
        record.verified(&app.config, identity.clone(), &payload, limits.counts_calls());
        limits.admit(record, app.process.now().mono).inspect_err(limited)?;
        let (operation, body) = find_operation(record, body)?;
        let call = Call {
            operation,
            identity,
            caller,
            host: text_header(&head.headers, HOST.as_str()).map(str::to_owned),
            made_resource: OnceLock::new(),
            is_audited: OnceLock::new(),
            not_uploaded_bytes: OnceLock::new(),
        };
        Ok(SignedCall { call, request_id, head, body, record })
    }
}

/// Which operation it is, and what its body is.
fn find_operation(
    record: &mut CallRecord,
    body: ReadBody,
) -> Answer<(&'static Operation, SignedBody)> {
    match (record.asked, body) {
        (Asked::Operation(operation), ReadBody::Whole(body)) => {
            Ok((operation, SignedBody::Json(body)))
        }
        (Asked::Operation(operation), ReadBody::Media(body)) => {
            Ok((operation, SignedBody::Media(body)))
        }
        (Asked::StsForm, ReadBody::Whole(body)) => {
            let form = StsForm::parse(&body)?;
            record.asked = Asked::Operation(form.operation);
            Ok((form.operation, SignedBody::Form(form)))
        }
        (Asked::StsForm, ReadBody::Media(_)) => Err(wrong_body()),
    }
}

impl Bounds {
    /// Those of a body that is read whole.
    fn of(asked: Asked) -> Option<Self> {
        match asked {
            Asked::Operation(operation) => match operation.body() {
                BodyKind::Whole => Some(Self::of_operation(operation)),
                BodyKind::Media => None,
            },
            Asked::StsForm => Some(Self::of_form()),
        }
    }
}

impl SignedCall<'_> {
    /// The input. Of an operation on the account nothing more has to be known to say whether the caller may do it.
    pub(super) fn input<I: DeserializeOwned>(&self) -> Answer<I> {
        let SignedBody::Json(body) = &self.body else { return Err(wrong_body()) };
        let input = parse(self.call.operation, body)?;
        if self.call.operation.resource == ResourceKind::Account
            && !Visible::is_in_part(self.call.operation)
        {
            self.call.authorize("*")?;
        }
        Ok(input)
    }

    /// The call, with the head and the body that comes.
    pub(super) fn into_media(self) -> Answer<(Call, Parts, RequestBody)> {
        match self.body {
            SignedBody::Media(body) => Ok((self.call, self.head, body)),
            SignedBody::Json(_) | SignedBody::Form(_) => Err(wrong_body()),
        }
    }

    /// Runs a handler in its room that takes and gives JSON.
    pub(super) async fn json<R: ?Sized, I: DeserializeOwned, O: Serialize>(
        self,
        room: &R,
        handler: impl AsyncFnOnce(&R, &Call, I) -> Answer<O>,
    ) -> Answer<Response<ResponseBody>> {
        let answered = async {
            let output = handler(room, &self.call, self.input()?).await?;
            response::json(self.call.operation.protocol(), &output)
        };
        let answer = answered.await;
        self.tell_record();
        answer
    }

    /// Runs a handler in its room that takes a form and gives the XML of its result.
    pub(super) async fn form<R>(
        self,
        room: &R,
        handler: impl AsyncFnOnce(&R, &Call, StsForm) -> Answer<String>,
    ) -> Answer<Response<ResponseBody>> {
        let SignedBody::Form(form) = self.body else { return Err(wrong_body()) };
        let result = handler(room, &self.call, form).await;
        let answer =
            result.map(|result| response::xml(self.call.operation, &result, self.request_id));
        self.tell_record();
        answer
    }

    /// What the handler has learned for the audit log.
    fn tell_record(self) {
        let Self { call, record, .. } = self;
        record.is_audited |= call.is_audited.get().is_some();
        record.not_uploaded_bytes = call.not_uploaded_bytes.get().copied();
        if let Some(resource) = call.made_resource.into_inner() {
            record.resource = Some(resource);
        }
    }
}

/// The table says of each operation how its body comes: a handler that takes another kind is a fault of this program.
fn wrong_body() -> Failure {
    Failure::Internal("the handler takes another kind of body than the operation has".to_owned())
}

fn signed_headers(head: &Parts) -> Vec<(&str, &[u8])> {
    head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn signed_head<'a>(head: &'a Parts, headers: &'a [(&'a str, &'a [u8])]) -> RequestHead<'a> {
    RequestHead {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers,
    }
}

pub(super) fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
