//! What the server counts, in Prometheus' text form. Labels come from fixed sets: no caller can make new ones.

use std::fmt::Error;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Labels of the request counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    /// The operation's name, or `unknown`.
    pub operation: &'static str,
    /// The HTTP status.
    pub status: u16,
}

/// The counters; cheap to clone, shared by handle.
pub(crate) struct Metrics {
    registry: Registry,
    pub requests: Family<RequestLabels, Counter>,
    pub put_media_bytes: Counter,
    pub put_media_fragments: Counter,
    pub put_media_errors: Counter,
    pub put_media_connections: Gauge,
    pub persist_seconds: Histogram,
    pub get_clip_bytes: Counter,
    pub images: Counter,
    pub image_errors: Counter,
    pub get_media_bytes: Counter,
    pub get_media_fragments: Counter,
    pub get_media_connections: Gauge,
    pub connected_hubs: Gauge<u64, AtomicU64>,
    pub stored_bytes: Gauge<u64, AtomicU64>,
    pub connections: Gauge,
    pub strangers: Gauge,
    pub age_hold_seconds_left: Gauge<u64, AtomicU64>,
    pub hub_clock_skew_seconds_max: Gauge<f64, AtomicU64>,
    pub unclaimed_bytes: Gauge<u64, AtomicU64>,
    pub unclaimed_files: Gauge<u64, AtomicU64>,
    pub claimed_fragments: Gauge<u64, AtomicU64>,
    pub index_was_damaged: Gauge<u64, AtomicU64>,
    pub missing_media_files: Gauge<u64, AtomicU64>,
    pub refused_connections: Counter,
    pub given_up_connections: Counter,
    pub limited_calls: Counter,
    pub held_back_answers: Counter,
    pub tls_handshake_failures: Counter,
    pub tls_reloads: Counter,
    pub tls_reload_failures: Counter,
}

impl Metrics {
    /// `audit_failures` is counted by the audit log itself, `refused_bodies` by their budget.
    pub(crate) fn new(audit_failures: Counter, refused_bodies: Counter) -> Self {
        let mut registry = Registry::with_prefix("vigie_server");
        // A commit takes milliseconds on an SSD and can take seconds on a busy disk.
        let persist_seconds = Histogram::new(exponential_buckets(0.001, 2.0, 14));
        let metrics = Self {
            requests: Family::default(),
            put_media_bytes: Counter::default(),
            put_media_fragments: Counter::default(),
            put_media_errors: Counter::default(),
            put_media_connections: Gauge::default(),
            persist_seconds,
            get_clip_bytes: Counter::default(),
            images: Counter::default(),
            image_errors: Counter::default(),
            get_media_bytes: Counter::default(),
            get_media_fragments: Counter::default(),
            get_media_connections: Gauge::default(),
            connected_hubs: Gauge::default(),
            stored_bytes: Gauge::default(),
            connections: Gauge::default(),
            strangers: Gauge::default(),
            age_hold_seconds_left: Gauge::default(),
            hub_clock_skew_seconds_max: Gauge::default(),
            unclaimed_bytes: Gauge::default(),
            unclaimed_files: Gauge::default(),
            claimed_fragments: Gauge::default(),
            index_was_damaged: Gauge::default(),
            missing_media_files: Gauge::default(),
            refused_connections: Counter::default(),
            given_up_connections: Counter::default(),
            limited_calls: Counter::default(),
            held_back_answers: Counter::default(),
            tls_handshake_failures: Counter::default(),
            tls_reloads: Counter::default(),
            tls_reload_failures: Counter::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        let m = &metrics;
        r.register("requests", "Answered requests by operation and status", m.requests.clone());
        r.register_with_unit(
            "put_media",
            "Body bytes received by PutMedia",
            Unit::Bytes,
            m.put_media_bytes.clone(),
        );
        r.register("put_media_fragments", "Fragments persisted", m.put_media_fragments.clone());
        r.register("put_media_errors", "ERROR acknowledgements sent", m.put_media_errors.clone());
        r.register(
            "put_media_connections",
            "PutMedia connections open",
            m.put_media_connections.clone(),
        );
        r.register_with_unit(
            "put_media_persist",
            "From a whole fragment to its group commit",
            Unit::Seconds,
            m.persist_seconds.clone(),
        );
        r.register_with_unit(
            "get_clip",
            "Body bytes sent by GetClip",
            Unit::Bytes,
            m.get_clip_bytes.clone(),
        );
        r.register("images", "Images made by GetImages", m.images.clone());
        r.register(
            "image_errors",
            "Instants of which GetImages could make no image though there is media",
            m.image_errors.clone(),
        );
        r.register_with_unit(
            "get_media",
            "Body bytes sent by GetMedia and GetMediaForFragmentList",
            Unit::Bytes,
            m.get_media_bytes.clone(),
        );
        r.register(
            "get_media_fragments",
            "Fragments sent by GetMedia and GetMediaForFragmentList",
            m.get_media_fragments.clone(),
        );
        r.register(
            "get_media_connections",
            "GetMedia connections open",
            m.get_media_connections.clone(),
        );
        r.register(
            "connected_hubs",
            "Hubs with a SyncEdgeAgent call under way",
            m.connected_hubs.clone(),
        );
        r.register_with_unit(
            "stored",
            "Bytes of media files on disk",
            Unit::Bytes,
            m.stored_bytes.clone(),
        );
        r.register("connections", "Connections open when one last began", m.connections.clone());
        r.register(
            "stranger_connections",
            "Connections without a verified call when one last began",
            m.strangers.clone(),
        );
        r.register(
            "given_up_connections",
            "Connections without a verified call that were closed to make room for others",
            m.given_up_connections.clone(),
        );
        r.register(
            "age_hold_seconds_left",
            "For how long nothing is deleted by age, because the clock jumped",
            m.age_hold_seconds_left.clone(),
        );
        r.register(
            "hub_clock_skew_seconds_max",
            "The greatest difference between a connected hub's clock and this one",
            m.hub_clock_skew_seconds_max.clone(),
        );
        r.register_with_unit(
            "unclaimed",
            "Bytes of media that lies aside because the index does not refer to it and a start could not take it in",
            Unit::Bytes,
            m.unclaimed_bytes.clone(),
        );
        r.register("unclaimed_files", "Files of that", m.unclaimed_files.clone());
        r.register(
            "claimed_fragments",
            "Fragments that the index did not know at the start and that are in it again",
            m.claimed_fragments.clone(),
        );
        r.register(
            "missing_media_files",
            "Media files of the index that were not on the disk at the start",
            m.missing_media_files.clone(),
        );
        r.register(
            "index_was_damaged",
            "1 when the start found the index of media files damaged, laid it aside and began a new one",
            m.index_was_damaged.clone(),
        );
        r.register(
            "refused_connections",
            "Connections closed because their address had as many as it may have",
            m.refused_connections.clone(),
        );
        r.register(
            "limited_calls",
            "Calls refused because their access key was over its rate limit",
            m.limited_calls.clone(),
        );
        r.register(
            "held_back_answers",
            "Refusals of PutMedia and of credentials answered late, because they came again and again",
            m.held_back_answers.clone(),
        );
        r.register(
            "refused_bodies",
            "Request bodies refused because too many large ones were being read",
            refused_bodies,
        );
        r.register(
            "audit_failures",
            "Lines of the audit log that could not be written",
            audit_failures,
        );
        r.register(
            "tls_handshake_failures",
            "TLS handshakes that failed or took too long",
            m.tls_handshake_failures.clone(),
        );
        r.register("tls_reloads", "Changed certificates taken", m.tls_reloads.clone());
        r.register(
            "tls_reload_failures",
            "Changed certificates that could not be used",
            m.tls_reload_failures.clone(),
        );
        Self { registry, ..metrics }
    }

    /// The text that Prometheus scrapes.
    pub(crate) fn text(&self) -> Result<String, Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
