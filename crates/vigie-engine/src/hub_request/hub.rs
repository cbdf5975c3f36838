//! The hub's side: what it has taken, what it works on, and what it says of it.
//!
//! Never does what is asked; the hub's core does, and says here how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_kvs::shapes::hub_request::{HubAnswer, HubRequest, HubRequestKind, HubRequestReport};

use super::{ANSWERS_BYTES_MAX, ID_BYTES_MAX, OF_HUB_MAX};

/// Nobody waits longer than this, whatever a request says.
const TIMEOUT_MAX: Duration = Duration::from_secs(300);

/// The answer of a hub that has given up.
pub(super) const TOO_LATE: &str = "it took too long on the hub";

/// What follows from what the server says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub begun: Vec<HubRequest>,
    /// To be broken off: nobody waits for them any more.
    pub called_off: Vec<String>,
    /// Something is to be said to the server, or the server has more to say.
    pub is_news: bool,
}

#[derive(Debug)]
struct Taken {
    give_up_at: Duration,
    progress: Option<String>,
    answer: Option<HubAnswer>,
    is_given_up: bool,
}

/// The requests that a hub has taken.
#[derive(Debug, Default)]
pub struct HubRequests {
    taken: BTreeMap<String, Taken>,
}

impl HubRequests {
    /// What a hub of this version can be asked for.
    pub fn kinds() -> Vec<String> {
        HubRequestKind::VALUES.iter().map(|kind| (*kind).to_owned()).collect()
    }

    /// Takes what the server says: all that is asked of this hub. A server that knows no requests asks none.
    pub fn take(&mut self, asked: Option<&[HubRequest]>, now: Duration) -> Changes {
        let asked = asked.unwrap_or_default();
        let mut changes = Changes::default();
        self.taken.retain(|id, taken| {
            let is_asked = asked.iter().any(|request| request.request_id == *id);
            changes.is_news |= !is_asked;
            if !is_asked && taken.answer.is_none() {
                changes.called_off.push(id.clone());
            }
            is_asked
        });
        for request in asked {
            let is_known = self.taken.contains_key(&request.request_id);
            // More than a server asks at once is taken when there is room; no server has ids that cannot be given back.
            let is_taken = self.taken.len() < OF_HUB_MAX
                && (1..=ID_BYTES_MAX).contains(&request.request_id.len());
            if is_known || !is_taken {
                continue;
            }
            let timeout = Duration::from_secs(u64::from(request.timeout_seconds)).min(TIMEOUT_MAX);
            let taken = Taken {
                give_up_at: now + timeout,
                progress: None,
                answer: None,
                is_given_up: false,
            };
            self.taken.insert(request.request_id.clone(), taken);
            changes.is_news = true;
            match request.kind() {
                Some(_) => changes.begun.push(request.clone()),
                None => {
                    let failure = "the hub's agent does not know this request; update it";
                    self.answer(
                        &request.request_id,
                        HubAnswer { failure: Some(failure.to_owned()), ..HubAnswer::default() },
                    );
                }
            }
        }
        changes
    }

    /// What it does now; whether that is news.
    pub fn progress(&mut self, request_id: &str, progress: &str) -> bool {
        let Some(taken) = self.taken.get_mut(request_id) else { return false };
        if taken.answer.is_some() || taken.progress.as_deref() == Some(progress) {
            return false;
        }
        taken.progress = Some(progress.to_owned());
        true
    }

    /// What came of it; whether anybody waits for that. The first answer stands.
    pub fn answer(&mut self, request_id: &str, answer: HubAnswer) -> bool {
        let Some(taken) = self.taken.get_mut(request_id) else { return false };
        if taken.answer.is_some() {
            return false;
        }
        taken.answer = Some(answer);
        true
    }

    /// Whether it is being worked on.
    pub fn is_open(&self, request_id: &str) -> bool {
        self.taken.get(request_id).is_some_and(|taken| taken.answer.is_none())
    }

    /// What took too long, to be broken off. The server has given it up, or will. An answer that could not be said in
    /// time goes as well: a link that is too slow for it must be free for the rest.
    pub fn tick(&mut self, now: Duration) -> Vec<String> {
        let mut given_up = Vec::new();
        let late = |taken: &Taken| !taken.is_given_up && now >= taken.give_up_at;
        for (id, taken) in self.taken.iter_mut().filter(|(_, taken)| late(taken)) {
            taken.is_given_up = true;
            if taken.answer.is_none() {
                given_up.push(id.clone());
            }
            let failure = Some(TOO_LATE.to_owned());
            taken.answer = Some(HubAnswer { failure, ..HubAnswer::default() });
        }
        given_up
    }

    /// When the next [`HubRequests::tick`] is due.
    pub fn deadline(&self) -> Duration {
        let waiting = self.taken.values().filter(|taken| !taken.is_given_up);
        waiting.map(|taken| taken.give_up_at).min().unwrap_or(Duration::MAX)
    }

    /// What the hub says in its next call. Answers that do not fit are said in a later one.
    pub fn reports(&self) -> Vec<HubRequestReport> {
        let mut left = ANSWERS_BYTES_MAX;
        let mut is_first = true;
        let report = |(id, taken): (&String, &Taken)| {
            let answer = taken.answer.as_ref().filter(|answer| {
                let size_bytes = answer.size_bytes();
                let fits = std::mem::take(&mut is_first) || size_bytes <= left;
                if fits {
                    left = left.saturating_sub(size_bytes);
                }
                fits
            });
            HubRequestReport {
                request_id: id.clone(),
                progress: taken.progress.clone(),
                answer: answer.cloned(),
            }
        };
        self.taken.iter().map(report).collect()
    }
}
