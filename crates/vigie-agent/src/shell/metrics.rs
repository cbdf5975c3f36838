//! The hub's snapshot in the text form that Prometheus scrapes.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::core::{HubSnapshot, StreamSnapshot};

/// Renders one scrape.
pub(crate) fn render(snapshot: HubSnapshot) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("vigie_agent");
    registry.register_collector(Box::new(SnapshotCollector(snapshot)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct SnapshotCollector(HubSnapshot);

/// One metric of every stream: name, help, type, value.
type StreamMetric = (&'static str, &'static str, MetricType, fn(&StreamSnapshot) -> f64);

const STREAM_METRICS: &[StreamMetric] = &[
    ("recording", "1 while frames are written", MetricType::Gauge, |s| f64::from(s.recording)),
    ("uploading", "1 while a PutMedia connection is open", MetricType::Gauge, |s| {
        f64::from(s.uploading)
    }),
    ("frames", "Frames written", MetricType::Counter, |s| s.frames as f64),
    ("frame_bytes", "Bytes of frames written", MetricType::Counter, |s| s.frame_bytes as f64),
    ("frames_dropped", "Frames that could not be written", MetricType::Counter, |s| {
        s.frames_dropped as f64
    }),
    ("packets_lost", "RTP packets lost on the way from the camera", MetricType::Counter, |s| {
        s.packets_lost as f64
    }),
    ("last_frame_timestamp_seconds", "Newest frame written", MetricType::Gauge, |s| {
        s.last_frame.map_or(0.0, |timestamp| timestamp.as_seconds_f64())
    }),
    ("reconnects", "Times the source was opened again", MetricType::Counter, |s| {
        s.reconnects as f64
    }),
    ("uploaded_fragments", "Fragments persisted by the service", MetricType::Counter, |s| {
        s.fragments_uploaded as f64
    }),
    ("uploaded_bytes", "Bytes persisted by the service", MetricType::Counter, |s| {
        s.bytes_uploaded as f64
    }),
    ("upload_lag_bytes", "Bytes the service does not have yet", MetricType::Gauge, |s| {
        s.upload_lag_bytes as f64
    }),
    ("upload_lag_seconds", "Age of the oldest media not uploaded", MetricType::Gauge, |s| {
        s.upload_lag_seconds
    }),
    ("local_bytes", "Media on the hub's disk", MetricType::Gauge, |s| s.local_bytes as f64),
    ("local_fragments", "Fragments on the hub's disk", MetricType::Gauge, |s| {
        s.local_fragments as f64
    }),
    (
        "local_hours_left",
        "Hours until no room is left at the present rate",
        MetricType::Gauge,
        |s| s.hours_until_full.unwrap_or(f64::INFINITY),
    ),
    ("lost_fragments", "Fragments deleted before upload", MetricType::Counter, |s| {
        s.lost_fragments as f64
    }),
    ("lost_bytes", "Bytes deleted before upload", MetricType::Counter, |s| s.lost_bytes as f64),
];

impl Collector for SnapshotCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let findings = self.0.findings;
        let hub_gauges = [
            ("in_contact", "1 while the service answers", f64::from(self.0.in_contact)),
            ("streams", "Streams configured on this hub", self.0.streams.len() as f64),
            (
                "age_hold_seconds_left",
                "For how long nothing is deleted by age, because the clock jumped",
                self.0.age_hold_left.as_secs_f64(),
            ),
            (
                "unclaimed_bytes",
                "Bytes of media that lies aside because the index does not refer to it and a start could not take it in",
                findings.unclaimed_size_bytes as f64,
            ),
            ("unclaimed_files", "Files of that", findings.unclaimed_file_count as f64),
            (
                "claimed_fragments",
                "Fragments that the index did not know at the start and that are in it again",
                findings.claimed_fragment_count as f64,
            ),
            (
                "missing_media_files",
                "Media files of the index that were not on the disk at the start",
                findings.missing_media_file_count as f64,
            ),
            (
                "index_was_damaged",
                "1 when the start found the index of media files damaged, laid it aside and began a new one",
                f64::from(findings.is_index_new),
            ),
        ];
        let skew = self.0.clock_skew_ms.map(|skew_ms| {
            let help = "How far the hub's clock is ahead of the service's";
            ("clock_skew_seconds", help, skew_ms as f64 / 1000.0)
        });
        for (name, help, value) in hub_gauges.into_iter().chain(skew) {
            Value(MetricType::Gauge, value).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                MetricType::Gauge,
            )?)?;
        }
        let help = "1 while nothing is recorded, with the reason";
        let mut family = encoder.encode_descriptor("gap", help, None, MetricType::Gauge)?;
        for stream in &self.0.streams {
            let Some(reason) = stream.gap else { continue };
            let labels = [("stream", stream.stream_name.as_str()), ("reason", reason.as_str())];
            Value(MetricType::Gauge, 1.0).encode(family.encode_family(&labels)?)?;
        }
        let help = "What of a camera was not as it should be, and was lived with, by its kind";
        let mut family =
            encoder.encode_descriptor("camera_deviations", help, None, MetricType::Counter)?;
        for stream in &self.0.streams {
            for (kind, count) in &stream.deviations {
                let labels = [("stream", stream.stream_name.as_str()), ("kind", *kind)];
                let count = Value(MetricType::Counter, *count as f64);
                count.encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, metric_type, value) in STREAM_METRICS {
            let mut family = encoder.encode_descriptor(name, help, None, *metric_type)?;
            for stream in &self.0.streams {
                let labels = [("stream", stream.stream_name.as_str())];
                Value(*metric_type, value(stream)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// A number that is a counter or a gauge by its descriptor.
struct Value(MetricType, f64);

impl EncodeMetric for Value {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::MetricEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        match self.0 {
            MetricType::Counter => encoder
                .encode_counter::<prometheus_client::encoding::NoLabelSet, _, f64>(&self.1, None),
            _ => encoder.encode_gauge(&self.1),
        }
    }

    fn metric_type(&self) -> MetricType {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vigie_kvs::shapes::media_ledger::MediaGapReason;
    use vigie_media::Timestamp;

    use super::*;

    #[test]
    fn a_scrape_names_every_stream() {
        let stream = StreamSnapshot {
            stream_name: "gate".to_owned(),
            recording: true,
            frames: 7,
            last_frame: Some(Timestamp::from_millis(1_700_000_000_250)),
            lost_bytes: 3,
            deviations: [("stamps_jumped", 2)].into(),
            ..StreamSnapshot::default()
        };
        let yard = StreamSnapshot {
            stream_name: "yard".to_owned(),
            gap: Some(MediaGapReason::SourceOffline),
            ..StreamSnapshot::default()
        };
        let text = render(HubSnapshot {
            in_contact: true,
            age_hold_left: Duration::from_millis(1500),
            clock_skew_ms: Some(-6250),
            streams: vec![stream, yard],
            ..HubSnapshot::default()
        })
        .unwrap();
        assert!(!text.contains("vigie_agent_gap{stream=\"gate\""), "{text}");
        for line in [
            "vigie_agent_in_contact 1.0",
            "vigie_agent_age_hold_seconds_left 1.5",
            "vigie_agent_clock_skew_seconds -6.25",
            "vigie_agent_recording{stream=\"gate\"} 1.0",
            "vigie_agent_frames_total{stream=\"gate\"} 7.0",
            "vigie_agent_last_frame_timestamp_seconds{stream=\"gate\"} 1700000000.25",
            "vigie_agent_lost_bytes_total{stream=\"gate\"} 3.0",
            "vigie_agent_gap{stream=\"yard\",reason=\"SOURCE_OFFLINE\"} 1.0",
            "vigie_agent_camera_deviations_total{stream=\"gate\",kind=\"stamps_jumped\"} 2.0",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line} in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
