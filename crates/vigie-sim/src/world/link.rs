//! The link between hub and server: messages take time, keep their order, and are lost when it is cut; whoever waits for
//! an answer learns of that only later.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use vigie_agent::core::{CallFailure, Event, Session, UploadEvent};
use vigie_engine::chance::Chance;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;
use vigie_media::Timestamp;

use super::{Delivery, World};

/// Messages take this long, and up to as long again.
const DELAY: Duration = Duration::from_millis(15);
/// After so long an end notices that the link is cut.
const CUT_NOTICED_AFTER: Duration = Duration::from_secs(3);

/// What a hub sends to the server.
pub(super) enum Message {
    Sync { request: u64, input: Box<SyncEdgeAgentInput> },
    GetSecret { session: Session },
    GetTestSecret { request: String },
    OpenUpload { session: Session, header: Bytes },
    Body { session: Session, bytes: Bytes },
    EndOfBody { session: Session },
    List { session: Session, from: Timestamp, until: Timestamp },
}

/// A call that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outstanding {
    Sync(u64),
    Secret(Session),
    TestSecret(String),
    Upload(Session),
    List(Session),
}

impl World {
    /// A call that is answered, or fails, later.
    pub(super) fn call(&mut self, outstanding: Outstanding, message: Message) {
        self.outstanding.insert(outstanding.clone());
        if self.link_is_up && self.server.is_up() {
            self.send_to_server(message);
        } else {
            self.fail(outstanding, CallFailure::Unreachable, Duration::from_secs(1));
        }
    }

    pub(super) fn fail(&mut self, outstanding: Outstanding, failure: CallFailure, after: Duration) {
        let upload = |session, event| Event::Upload { session, event };
        let event = match outstanding {
            Outstanding::Sync(request) => Event::SyncFailed { request, failure },
            Outstanding::Secret(session) => Event::SecretFailed { session, failure },
            Outstanding::TestSecret(request) => {
                Event::TestSecretRead { request, secret_string: Err(failure) }
            }
            Outstanding::Upload(session) => {
                upload(session, UploadEvent::Closed { failure: Some(failure) })
            }
            Outstanding::List(session) => upload(session, UploadEvent::ListFailed(failure)),
        };
        self.tell_hub(after, event);
    }

    pub(super) fn lose_what_is_under_way(&mut self) {
        self.deliveries.retain(|_, delivery| match delivery {
            Delivery::Server { .. } => false,
            Delivery::Hub { crosses_link, .. } => !*crosses_link,
            _ => true,
        });
        let outstanding = self.outstanding.clone();
        for session in uploads(&outstanding) {
            self.server.cut(&session);
        }
        self.server.hang_up();
        for call in outstanding {
            self.fail(call, CallFailure::Disconnected, CUT_NOTICED_AFTER);
        }
    }

    fn delay(&mut self) -> Duration {
        DELAY + Duration::from_millis(self.chance.below(DELAY.as_millis() as u64))
    }

    pub(super) fn send_to_server(&mut self, message: Message) {
        if self.link_is_up {
            let at = (self.now().mono + self.delay()).max(self.last_to_server);
            self.last_to_server = at;
            let life = self.hub.life;
            self.deliver_at(at, Delivery::Server { life, message });
        }
    }

    pub(super) fn send_to_hub(&mut self, event: Event) {
        if self.link_is_up {
            let at = (self.now().mono + self.delay()).max(self.last_to_hub);
            self.last_to_hub = at;
            let (life, event) = (self.hub.life, Box::new(event));
            self.deliver_at(at, Delivery::Hub { life, event, crosses_link: true });
        }
    }

    pub(super) fn tell_hub(&mut self, after: Duration, event: Event) {
        let (life, event) = (self.hub.life, Box::new(event));
        self.deliver_after(after, Delivery::Hub { life, event, crosses_link: false });
    }
}

pub(super) fn uploads(outstanding: &BTreeSet<Outstanding>) -> Vec<Session> {
    let session = |call: &Outstanding| match call {
        Outstanding::Upload(session) => Some(session.clone()),
        _ => None,
    };
    outstanding.iter().filter_map(session).collect()
}
