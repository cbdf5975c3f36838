//! Asks a hub for something, in the name of a caller, and waits for what comes of it.
//!
//! The shell of [`vigie_engine::hub_request`] on the caller's side. A caller who goes away has his request called off.

use std::time::Duration;

use tokio::sync::oneshot;
use vigie_engine::hub_request::{AskError, Outcome};
use vigie_engine::rate_limit::Rate;
use vigie_kvs::shapes::hub_request::{HubAnswer, HubRequest};
use vigie_kvs::{ErrorKind, KvsError};

use super::Hubs;
use crate::api::Call;
use crate::failure::Answer;

/// What one hub may be asked, whatever the server's limits: most of it goes on to a camera.
const OF_HUB: Rate = Rate::per_second(2);

/// A request that somebody waits for; dropped, it is called off.
struct Asked<'a> {
    hubs: &'a Hubs,
    hub_device_arn: &'a str,
    id: String,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut state = self.hubs.requests.state();
        state.callers.remove(&self.id);
        state.requests.call_off(&self.id);
        drop(state);
        self.hubs.requests.tell(self.hub_device_arn);
    }
}

/// Asks a hub, in the name of the caller, and waits for the answer. `request` needs no id.
///
/// # Errors
///
/// `ResourceNotFoundException` of a hub that never called, `HubNotInContactException`,
/// `HubRequestNotSupportedException`, `HubRequestFailedException`, and `ClientLimitExceededException` when too much is
/// asked.
pub(crate) async fn ask(
    hubs: &Hubs,
    call: &Call,
    hub_device_arn: &str,
    request: HubRequest,
) -> Answer<HubAnswer> {
    let known = hubs.db.hub(hub_device_arn).await?;
    let known = known.ok_or_else(|| KvsError::not_found("no such hub has ever called"))?;
    let now = hubs.process.now();
    if !hubs.contacts.standing(hub_device_arn, known.last_seen_at, now).is_in_contact {
        return Err(not_in_contact().into());
    }
    let (id, outcome) = (hubs.process.new_request_id(), oneshot::channel());
    let (sender, mut outcome) = outcome;
    {
        let mut state = hubs.requests.state();
        state.rates.take(hub_device_arn.to_owned(), OF_HUB, now.mono).map_err(|_| {
            let calls = OF_HUB.calls_per_second();
            limited(format!("Rate exceeded: a hub may be asked {calls} times a second"))
        })?;
        let request = HubRequest { request_id: id.clone(), ..request };
        let caller = &call.identity.principal_arn;
        let asked = state.requests.ask(hub_device_arn, caller, request, now.mono);
        asked.map_err(|error: AskError| limited(error.to_string()))?;
        state.callers.insert(id.clone(), sender);
    }
    let asked = Asked { hubs, hub_device_arn, id };
    hubs.requests.tell(hub_device_arn);
    let mut stopping = hubs.process.stopping();
    loop {
        let now = hubs.process.now().mono;
        let deadline = hubs.requests.state().requests.deadline(&asked.id);
        // What has ended is there to be received.
        let wait = deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_sub(now));
        tokio::select! {
            biased;
            outcome = &mut outcome => return outcome_of(outcome),
            () = hubs.process.sleep(wait) => hubs.requests.tick(hubs.process.now().mono),
            () = stopping.wait() => {
                let message = "the server is stopping; try again";
                return Err(KvsError::new(ErrorKind::ServiceUnavailable, message).into());
            }
        }
    }
}

fn outcome_of(outcome: Result<Outcome, oneshot::error::RecvError>) -> Answer<HubAnswer> {
    let failed = |message: String| KvsError::new(ErrorKind::HubRequestFailed, message).into();
    match outcome {
        Ok(Outcome::Answered(answer)) => match answer.failure {
            Some(failure) => Err(failed(failure)),
            None => Ok(answer),
        },
        Ok(Outcome::Unsupported { agent_version }) => {
            let message = format!(
                "the agent of this hub (version {agent_version}) does not know this request; update it"
            );
            Err(KvsError::new(ErrorKind::HubRequestNotSupported, message).into())
        }
        Ok(Outcome::NotInContact) | Err(_) => Err(not_in_contact().into()),
        Ok(Outcome::TimedOut { progress }) => {
            let doing =
                progress.map_or_else(String::new, |progress| format!(" (it was at {progress})"));
            Err(failed(format!("the hub has taken the request and did not answer in time{doing}")))
        }
    }
}

fn not_in_contact() -> KvsError {
    let message = "the hub is not in contact with this server; check that its agent runs and reaches this endpoint";
    KvsError::new(ErrorKind::HubNotInContact, message)
}

fn limited(message: String) -> KvsError {
    KvsError::new(ErrorKind::ClientLimitExceeded, message)
}
