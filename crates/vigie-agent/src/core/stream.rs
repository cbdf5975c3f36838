//! A stream as its parts know it: its names, and what it is to do. Decides nothing.

use std::sync::Arc;

use vigie_engine::edge_config::EdgePlan;
use vigie_engine::recorder::SourceKind;
use vigie_kvs::arn::StreamArn;

pub(super) struct Stream {
    pub(super) arn: Arc<str>,
    pub(super) name: String,
    /// Its name in the store.
    pub(super) key: Arc<str>,
    pub(super) plan: EdgePlan,
}

impl Stream {
    pub(super) fn new(arn: Arc<str>, name: &str, plan: EdgePlan) -> Self {
        Self { key: store_key(&arn, name), name: name.to_owned(), arn, plan }
    }

    /// Whether its media is of now, and not of whenever a file says.
    pub(super) fn is_live(&self) -> bool {
        self.plan.source == SourceKind::Rtsp
    }
}

/// The name of a stream in the store: readable, and different for a stream that was deleted and created again.
pub(super) fn store_key(arn: &str, stream_name: &str) -> Arc<str> {
    match arn.parse::<StreamArn>() {
        Ok(arn) => format!("{stream_name}.{}", arn.creation_time.as_millis()).into(),
        Err(_) => arn.into(),
    }
}
