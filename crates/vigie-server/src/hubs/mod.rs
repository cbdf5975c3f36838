//! The room of hubs: those that call, what they say of themselves, and what they are asked.
//!
//! Decides nothing: [`vigie_engine`] does. What is held here dies with the process, and hubs say it again.

mod age_holds;
mod ask;
mod contacts;
mod holders;
mod requests;
mod waiter;

use std::sync::Arc;

use crate::api::Streams;
use crate::db::{MetadataDb, Notices};
use crate::engines::own_notices;
use crate::images::Images;
use crate::process::Process;
use age_holds::HubAgeHolds;
use contacts::HubContacts;
use holders::HubHolders;
use requests::HubRequests;

pub(crate) use ask::ask;
pub(crate) use holders::Judged;
pub(crate) use waiter::{HubWaiter, tell_hub, tell_of_secret};

pub(crate) struct Hubs {
    pub process: Arc<Process>,
    pub db: Arc<dyn MetadataDb>,
    pub streams: Streams,
    /// What the calls of hubs wait for, but for what they are asked.
    pub notices: Arc<dyn Notices>,
    pub requests: HubRequests,
    pub holders: HubHolders,
    pub contacts: HubContacts,
    pub age_holds: HubAgeHolds,
    /// Makes pictures of what cameras send; absent when images are switched off.
    pub images: Option<Arc<Images>>,
}

impl Hubs {
    pub(crate) fn new(
        process: Arc<Process>,
        streams: Streams,
        notices: Arc<dyn Notices>,
        images: Option<Arc<Images>>,
    ) -> Self {
        Self {
            process,
            db: Arc::clone(&streams.db),
            streams,
            notices,
            requests: HubRequests::new(own_notices()),
            holders: HubHolders::default(),
            contacts: HubContacts::default(),
            age_holds: HubAgeHolds::default(),
            images,
        }
    }
}
