//! The room of stored media: what all who read or write it need, and what of it may still be seen.

use std::sync::Arc;

use vigie_media::Timestamp;

use crate::api::Streams;
use crate::archive::Archive;
use crate::config::ServerConfig;
use crate::db::{Notices, Stream};
use crate::metrics::Metrics;
use crate::process::Process;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Without retention, consumers still read from a buffer of minutes (KVS API_CreateStream: 5 minutes).
const BUFFER_MS: i64 = 5 * 60 * 1000;

pub(crate) struct Media {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub metrics: Arc<Metrics>,
    pub streams: Streams,
    pub fragments: Arc<dyn Archive>,
    /// Of what is new of a stream.
    pub notices: Arc<dyn Notices>,
}

impl Media {
    /// The instant before which received media of a stream is not shown any more: that of its deletion by age. While the clock
    /// is not believed nothing goes, and all that is there is shown: a hub that asks what it has uploaded is not told less.
    pub(crate) fn expired_before(&self, stream: &Stream) -> Timestamp {
        expired_before(stream, self.process.age_hold.age_clock(self.process.now()))
    }

    /// Where what is shown of a stream may begin: with its creation, or with what has not expired.
    pub(crate) fn head(&self, stream: &Stream) -> Timestamp {
        self.expired_before(stream).max(stream.created_at)
    }
}

/// The instant before which received media of a stream has expired.
pub(crate) fn expired_before(stream: &Stream, now: Timestamp) -> Timestamp {
    let kept_ms = match stream.retention_hours {
        0 => BUFFER_MS,
        hours => i64::from(hours) * HOUR_MS,
    };
    now.plus_millis(-kept_ms)
}
