//! The hub's calls but for its uploads: what comes of them is among what is heard.

use std::future::Future;
use std::sync::{Arc, PoisonError};

use serde_json::json;
use vigie_agent::core::{CallFailure, Event, FragmentPages, Session, UploadEvent};
use vigie_kvs::Sensitive;
use vigie_kvs::operation;
use vigie_kvs::shapes::archived_media::Fragment;
use vigie_kvs::shapes::secrets::GetSecretValueOutput;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;
use vigie_media::Timestamp;

use super::{CALLERS, Client, ROOT, SECRET_ARN, SimServer};

impl SimServer {
    /// SyncEdgeAgent.
    pub fn sync_edge_agent(&mut self, request: u64, input: SyncEdgeAgentInput) {
        for erased in input.streams.iter().filter_map(|report| report.erased_media.as_ref()) {
            if self.erased.last() != Some(erased) {
                self.erased.push(erased.clone());
            }
        }
        self.call_of_hub(async move |client| {
            match client.call(&operation::SYNC_EDGE_AGENT, &input).await {
                Ok(output) => Event::SyncAnswered { request, output },
                Err(failure) => Event::SyncFailed { request, failure },
            }
        });
    }

    /// GetSecretValue, of the camera that a session is about.
    pub fn get_secret(&mut self, session: Session) {
        self.call_of_hub(async move |client| match secret(&client).await {
            Ok(secret_string) => Event::SecretResolved { session, secret_string },
            Err(failure) => Event::SecretFailed { session, failure },
        });
    }

    /// The same, for the test of a camera.
    pub fn get_test_secret(&mut self, request: String) {
        self.call_of_hub(async move |client| Event::TestSecretRead {
            request,
            secret_string: secret(&client).await,
        });
    }

    /// ListFragments by producer timestamps, all pages.
    pub fn list(&mut self, session: Session, from: Timestamp, until: Timestamp) {
        self.call_of_hub(async move |client| {
            let event = match list(&client, &session.stream, from, until).await {
                Ok(fragments) => UploadEvent::Listed(fragments),
                Err(failure) => UploadEvent::ListFailed(failure),
            };
            Event::Upload { session, event }
        });
    }

    fn call_of_hub<F: Future<Output = Event> + Send + 'static>(
        &mut self,
        call: impl FnOnce(Client) -> F,
    ) {
        let Some(client) = self.client(ROOT) else { return };
        let (call, heard) = (call(client), Arc::clone(&self.heard));
        self.calls.push(self.executor.spawn(CALLERS, async move {
            let event = call.await;
            heard.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
        }));
    }

    /// All calls of the hub break, but for its uploads.
    pub fn hang_up(&mut self) {
        for call in std::mem::take(&mut self.calls) {
            self.executor.cancel(call);
        }
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn secret(client: &Client) -> Result<Option<Sensitive>, CallFailure> {
    let input = json!({ "SecretId": SECRET_ARN });
    let value: GetSecretValueOutput = client.call(&operation::GET_SECRET_VALUE, &input).await?;
    Ok(value.secret_string)
}

/// ListFragments by producer timestamps, all pages.
async fn list(
    client: &Client,
    stream_arn: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Fragment>, CallFailure> {
    let mut pages = FragmentPages::new(stream_arn, from, until);
    while let Some(input) = pages.next_call() {
        pages.take(client.call(&operation::LIST_FRAGMENTS, input).await?)?;
    }
    Ok(pages.into_fragments())
}
