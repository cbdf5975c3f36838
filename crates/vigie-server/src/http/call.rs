//! The steps around a handler: the body within bounds, the signature, the quotas, the input, what IAM says of operations
//! on the account, and the answer as JSON.
//!
//! Decides the order of these steps and nothing else. PutMedia is verified before its body; every other body is read
//! whole, within bounds, because its hash is signed.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap};
use hyper::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vigie_kvs::KvsError;
use vigie_kvs::operation::{ResourceKind, parse};
use vigie_kvs::sigv4::{Payload, RequestHead};

use super::body::ResponseBody;
use super::{request_body, response};
use crate::api::Call;
use crate::app::App;
use crate::auth::authenticate;
use crate::failure::Answer;
use crate::strangers;
use crate::subject::Subject;

/// A call of which nothing is read or proven yet.
pub(super) struct UnverifiedCall<'a> {
    pub app: &'a Arc<App>,
    pub remote: IpAddr,
    pub subject: &'a mut Subject,
    pub head: Parts,
    pub body: Incoming,
}

/// A call whose body is read and whose signature holds.
pub(super) struct WholeCall<'a> {
    pub call: Call,
    body: Bytes,
    subject: &'a mut Subject,
}

impl<'a> UnverifiedCall<'a> {
    /// Reads the body and proves who signed it.
    pub(super) async fn read(self) -> Answer<WholeCall<'a>> {
        let Self { app, remote, subject, head, body } = self;
        let mut share = app.body_budget.share(remote);
        let body = request_body::read(subject.operation, &mut share, body).await?;
        let call = verify(app, subject, &head, Payload::Whole(&body)).await?;
        Ok(WholeCall { call, body, subject })
    }

    /// Proves who signed the head, and leaves the body where it is.
    pub(super) async fn read_head(self) -> Answer<(Call, Parts, Incoming)> {
        let Self { app, subject, head, body, .. } = self;
        let call = verify(app, subject, &head, Payload::Streaming).await?;
        Ok((call, head, body))
    }

    /// Runs a handler that takes and gives JSON.
    pub(super) async fn json<I: DeserializeOwned, O: Serialize>(
        self,
        handler: impl AsyncFnOnce(&Call, I) -> Answer<O>,
    ) -> Answer<Response<ResponseBody>> {
        let whole = self.read().await?;
        let answer = whole.answer(handler).await;
        whole.tell_subject();
        answer
    }
}

impl WholeCall<'_> {
    /// The input. Of an operation on the account nothing more has to be known to say whether the caller may do it.
    pub(super) fn input<I: DeserializeOwned>(&self) -> Result<I, KvsError> {
        let input = parse(self.call.operation, &self.body)?;
        if self.call.operation.resource == ResourceKind::Account {
            self.call.authorize("*")?;
        }
        Ok(input)
    }

    async fn answer<I: DeserializeOwned, O: Serialize>(
        &self,
        handler: impl AsyncFnOnce(&Call, I) -> Answer<O>,
    ) -> Answer<Response<ResponseBody>> {
        let output = handler(&self.call, self.input()?).await?;
        response::json(self.call.operation.protocol(), &output)
    }

    /// What the handler has learned for the audit log.
    fn tell_subject(self) {
        let Self { call, subject, .. } = self;
        subject.is_audited |= call.is_audited.get().is_some();
        subject.not_uploaded_bytes = call.not_uploaded_bytes.get().copied();
        if let Some(resource) = call.made_resource.into_inner() {
            subject.resource = Some(resource);
        }
    }
}

async fn verify(
    app: &Arc<App>,
    subject: &mut Subject,
    head: &Parts,
    payload: Payload<'_>,
) -> Answer<Call> {
    let operation = subject.operation;
    let headers = signed_headers(head);
    let signed = signed_head(head, &headers);
    subject.read_request(app, &signed, &payload);
    let identity = authenticate(app, operation.service.signing_name(), &signed, payload).await?;
    strangers::verified(&head.extensions);
    subject.verified(app, identity.clone(), &payload);
    app.limits.admit(app, subject)?;
    Ok(Call {
        app: Arc::clone(app),
        operation,
        identity,
        host: text_header(&head.headers, HOST.as_str()).map(str::to_owned),
        made_resource: OnceLock::new(),
        is_audited: OnceLock::new(),
        not_uploaded_bytes: OnceLock::new(),
    })
}

pub(super) fn signed_headers(head: &Parts) -> Vec<(&str, &[u8])> {
    head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

pub(super) fn signed_head<'a>(
    head: &'a Parts,
    headers: &'a [(&'a str, &'a [u8])],
) -> RequestHead<'a> {
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
