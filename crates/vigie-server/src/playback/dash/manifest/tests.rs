//! Snapshots of the texts, and an independent reader of them.

use insta::assert_snapshot;
use vigie_kvs::FragmentNumber;

use super::*;
use crate::archive::FragmentPosition;
use crate::playback::selection::Candidate;

/// A fragment of 2 s in a period: its number, its start by the producer.
fn entry(sequence: u64, producer_ms: i64, period: Period) -> Entry {
    let fragment = Candidate {
        position: FragmentPosition { value: 0, sequence },
        number: FragmentNumber::new(sequence, Timestamp::from_millis(1_795_363_060_007), 5),
        producer_ms,
        server_ms: producer_ms + 3,
        duration_ms: 2000,
        size_bytes: 1000,
        parameters_id: 6 + period.number,
        begins_with_key_frame: true,
    };
    Entry { fragment, sequence_number: sequence, discontinuity_number: 0, period }
}

const START_MS: i64 = 1_795_363_000_000;
const FIRST: Period = Period { number: 1, start_ms: 0, producer_start_ms: START_MS };
const SECOND: Period = Period { number: 2, start_ms: 4000, producer_start_ms: START_MS + 60_000 };

fn entries() -> Vec<Entry> {
    vec![
        entry(41, START_MS, FIRST),
        entry(42, START_MS + 1960, FIRST), // overlaps by 40 ms
        entry(43, START_MS + 60_000, SECOND),
    ]
}

fn video() -> Representation {
    Representation {
        track_number: 1,
        codecs: "avc1.4D401E".into(),
        bandwidth: 800_000,
        kind: RepresentationKind::Video { width: 640, height: 360 },
    }
}

fn audio() -> Representation {
    Representation {
        track_number: 2,
        codecs: "mp4a.40.2".into(),
        bandwidth: 64_000,
        kind: RepresentationKind::Audio { sampling_frequency_hz: 48_000, channels: 2 },
    }
}

fn example(entries: &[Entry]) -> Manifest<'_> {
    let periods = entries
        .chunk_by(|a, b| a.period == b.period)
        .map(|entries| ManifestPeriod {
            entries: entries.iter().collect(),
            representations: vec![video(), audio()],
        })
        .collect();
    Manifest {
        token: "Ab-_~",
        periods,
        longest_ms: 2000,
        growing: None,
        display_timestamp: None,
        display_number: false,
    }
}

#[test]
fn a_static_manifest_has_a_period_for_each_run_of_media() {
    assert_snapshot!(manifest(&example(&entries())), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:kvs="http://kinesisvideo.amazonaws.com/doc/2017-09-30/" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT6.000S" minBufferTime="PT2.000S" maxSegmentDuration="PT2.000S">
      <Period id="1" start="PT0.000S" duration="PT3.960S">
        <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
          <SegmentTemplate timescale="1000" presentationTimeOffset="1795363000000" initialization="getMP4InitFragment.mp4?SessionToken=Ab-_~&amp;TrackNumber=1&amp;SequenceNumber=7" media="getMP4MediaFragment.mp4?ProducerTimestamp=$Time$&amp;SessionToken=Ab-_~&amp;TrackNumber=1">
            <SegmentTimeline>
              <S t="1795363000000" d="1960"/>
              <S t="1795363001960" d="2000"/>
            </SegmentTimeline>
          </SegmentTemplate>
          <Representation id="video" codecs="avc1.4D401E" bandwidth="800000" width="640" height="360"/>
        </AdaptationSet>
        <AdaptationSet id="2" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
          <SegmentTemplate timescale="1000" presentationTimeOffset="1795363000000" initialization="getMP4InitFragment.mp4?SessionToken=Ab-_~&amp;TrackNumber=2&amp;SequenceNumber=7" media="getMP4MediaFragment.mp4?ProducerTimestamp=$Time$&amp;SessionToken=Ab-_~&amp;TrackNumber=2">
            <SegmentTimeline>
              <S t="1795363000000" d="1960"/>
              <S t="1795363001960" d="2000"/>
            </SegmentTimeline>
          </SegmentTemplate>
          <Representation id="audio" codecs="mp4a.40.2" bandwidth="64000" audioSamplingRate="48000">
            <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
          </Representation>
        </AdaptationSet>
      </Period>
      <Period id="2" start="PT4.000S" duration="PT2.000S">
        <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
          <SegmentTemplate timescale="1000" presentationTimeOffset="1795363060000" initialization="getMP4InitFragment.mp4?SessionToken=Ab-_~&amp;TrackNumber=1&amp;SequenceNumber=8" media="getMP4MediaFragment.mp4?ProducerTimestamp=$Time$&amp;SessionToken=Ab-_~&amp;TrackNumber=1">
            <SegmentTimeline>
              <S t="1795363060000" d="2000"/>
            </SegmentTimeline>
          </SegmentTemplate>
          <Representation id="video" codecs="avc1.4D401E" bandwidth="800000" width="640" height="360"/>
        </AdaptationSet>
        <AdaptationSet id="2" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
          <SegmentTemplate timescale="1000" presentationTimeOffset="1795363060000" initialization="getMP4InitFragment.mp4?SessionToken=Ab-_~&amp;TrackNumber=2&amp;SequenceNumber=8" media="getMP4MediaFragment.mp4?ProducerTimestamp=$Time$&amp;SessionToken=Ab-_~&amp;TrackNumber=2">
            <SegmentTimeline>
              <S t="1795363060000" d="2000"/>
            </SegmentTimeline>
          </SegmentTemplate>
          <Representation id="audio" codecs="mp4a.40.2" bandwidth="64000" audioSamplingRate="48000">
            <AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
          </Representation>
        </AdaptationSet>
      </Period>
    </MPD>
    "#);
}

/// dash.js finds no next segment at a hole of more than 10 ms.
#[test]
fn segments_of_a_period_reach_to_the_next_whatever_their_frames_leave() {
    let of = |starts: [i64; 3]| {
        let entries = starts.map(|start_ms| entry(41, START_MS + start_ms, FIRST));
        let text = manifest(&example(&entries));
        let read = dash_mpd_core::parse(&text).unwrap();
        let template = read.periods[0].adaptations[0].SegmentTemplate.clone().unwrap();
        let segments = template.SegmentTimeline.unwrap().segments;
        segments.iter().map(|s| (s.t.unwrap() as i64 - START_MS, s.d as i64)).collect::<Vec<_>>()
    };
    // Each lasts 2 s by its own frames.
    assert_eq!(of([0, 2021, 4900]), [(0, 2021), (2021, 2879), (4900, 2000)]);
    assert_eq!(of([0, 1960, 3960]), [(0, 1960), (1960, 2000), (3960, 2000)]);
}

#[test]
fn a_growing_manifest_says_where_its_timeline_begins() {
    let entries = entries();
    let mut shown = example(&entries[2..]);
    shown.periods[0].representations.truncate(1);
    shown.growing = Some(Growing {
        timeline_origin: Timestamp::from_millis(START_MS),
        now: Timestamp::from_millis(START_MS + 6500),
    });
    shown.display_timestamp = Some(|entry| Timestamp::from_millis(entry.fragment.server_ms));
    shown.display_number = true;
    assert_snapshot!(manifest(&shown), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:kvs="http://kinesisvideo.amazonaws.com/doc/2017-09-30/" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="dynamic" availabilityStartTime="2026-11-22T15:56:40.000Z" publishTime="2026-11-22T15:56:46.500Z" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT2.000S" suggestedPresentationDelay="PT2.000S" minBufferTime="PT2.000S" maxSegmentDuration="PT2.000S">
      <Period id="2" start="PT4.000S">
        <AdaptationSet id="1" contentType="video" mimeType="video/mp4" segmentAlignment="true" startWithSAP="1">
          <SegmentTemplate timescale="1000" presentationTimeOffset="1795363060000" initialization="getMP4InitFragment.mp4?SessionToken=Ab-_~&amp;TrackNumber=1&amp;SequenceNumber=8" media="getMP4MediaFragment.mp4?ProducerTimestamp=$Time$&amp;SessionToken=Ab-_~&amp;TrackNumber=1">
            <SegmentTimeline>
              <S t="1795363060000" d="2000" kvs:ts="1795363060.003" kvs:fn="91343852333181432600655989283792197709679558661"/>
            </SegmentTimeline>
          </SegmentTemplate>
          <Representation id="video" codecs="avc1.4D401E" bandwidth="800000" width="640" height="360"/>
        </AdaptationSet>
      </Period>
      <UTCTiming schemeIdUri="urn:mpeg:dash:utc:direct:2014" value="2026-11-22T15:56:46.500Z"/>
    </MPD>
    "#);
}

#[test]
fn dash_mpd_core_reads_what_is_written() {
    let entries = entries();
    let read = dash_mpd_core::parse(&manifest(&example(&entries))).unwrap();
    assert_eq!(read.mpdtype.as_deref(), Some("static"));
    let seconds = |duration: Option<std::time::Duration>| duration.map(|d| d.as_secs_f64());
    assert_eq!(seconds(read.mediaPresentationDuration), Some(6.0));
    let periods = &read.periods;
    let starts: Vec<_> = periods.iter().map(|period| seconds(period.start)).collect();
    assert_eq!(starts, [Some(0.0), Some(4.0)]);
    for (period, expect) in periods.iter().zip([vec![0, 1960], vec![60_000]]) {
        assert_eq!(period.adaptations.len(), 2);
        for (set, kind) in period.adaptations.iter().zip(["video", "audio"]) {
            assert_eq!(set.contentType.as_deref(), Some(kind));
            let template = set.SegmentTemplate.as_ref().unwrap();
            assert_eq!(template.timescale, Some(1000));
            let segments = &template.SegmentTimeline.as_ref().unwrap().segments;
            let times: Vec<i64> = segments.iter().map(|s| s.t.unwrap() as i64 - START_MS).collect();
            assert_eq!(times, expect);
            let media = template.media.as_deref().unwrap();
            assert!(media.contains("ProducerTimestamp=$Time$&SessionToken=Ab-_~&"), "{media}");
        }
    }
    let mut growing = example(&entries);
    growing.growing = Some(Growing {
        timeline_origin: Timestamp::from_millis(START_MS),
        now: Timestamp::from_millis(START_MS + 6500),
    });
    let read = dash_mpd_core::parse(&manifest(&growing)).unwrap();
    assert_eq!(read.mpdtype.as_deref(), Some("dynamic"));
    assert_eq!(read.availabilityStartTime.unwrap().timestamp_millis(), START_MS);
    assert_eq!(read.publishTime.unwrap().timestamp_millis(), START_MS + 6500);
    assert_eq!(seconds(read.timeShiftBufferDepth), Some(6.0));
    assert_eq!(read.periods[1].duration, None, "it goes on");

    // Nothing has come for a minute: players may still go back to the first segment.
    growing.growing = Some(Growing {
        timeline_origin: Timestamp::from_millis(START_MS),
        now: Timestamp::from_millis(START_MS + 66_000),
    });
    let read = dash_mpd_core::parse(&manifest(&growing)).unwrap();
    assert_eq!(seconds(read.timeShiftBufferDepth), Some(66.0));
}
