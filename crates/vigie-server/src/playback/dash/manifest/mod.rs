//! The text of manifests (ISO/IEC 23009-1): one period for each run of media without a break, segments by their
//! producer timestamps in milliseconds.
//!
//! Pure: the same window gives the same text, but for the time at which a growing manifest is made. A growing
//! manifest's timeline begins at a wall-clock time that the session fixes, and a period's beginning never moves, so
//! that a player can put one version over the other.

use std::fmt::Write;

use vigie_media::Timestamp;

use crate::playback::selection::{Entry, Period};

/// What a track is, as an adaptation set says it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Representation {
    /// The track's number in URLs.
    pub track_number: usize,
    /// RFC 6381 codec string.
    pub codecs: String,
    /// Bits a second, at the peak.
    pub bandwidth: u64,
    /// What it holds.
    pub kind: RepresentationKind,
}

/// See [`Representation`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RepresentationKind {
    /// Pictures.
    Video {
        /// In pixels.
        width: u32,
        /// In pixels.
        height: u32,
    },
    /// Sound.
    Audio {
        /// Samples a second.
        sampling_frequency_hz: u32,
        channels: u32,
    },
}

/// The entries of one period, with what they hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ManifestPeriod<'a> {
    /// Oldest first; at least one.
    pub entries: Vec<&'a Entry>,
    /// Its tracks, by its codec parameters.
    pub representations: Vec<Representation>,
}

/// What a manifest is about.
#[derive(Clone, Debug)]
pub(crate) struct Manifest<'a> {
    /// The session's token, which every URI carries.
    pub token: &'a str,
    /// Oldest first.
    pub periods: Vec<ManifestPeriod<'a>>,
    /// The longest fragment of the session.
    pub longest_ms: i64,
    /// Of a growing manifest.
    pub growing: Option<Growing>,
    /// `kvs:ts` of each segment: what gives it, where it is wanted.
    pub display_timestamp: Option<fn(&Entry) -> Timestamp>,
    /// `kvs:fn` of each segment.
    pub display_number: bool,
}

/// See [`Manifest::growing`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growing {
    /// The wall-clock time of the timeline's zero.
    pub timeline_origin: Timestamp,
    /// When it is made.
    pub now: Timestamp,
}

/// Appends to a text; writing to a String cannot fail.
macro_rules! put {
    ($text:expr, $($format:tt)*) => {{
        let _infallible = write!($text, $($format)*);
    }};
}

/// How often players look for new segments; the service advises a second.
const UPDATE: &str = "PT1S";

/// A source that is later than this with its next fragment pauses.
const LATE_MS: i64 = 3000;

pub(crate) fn manifest(manifest: &Manifest<'_>) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
         xmlns:kvs=\"http://kinesisvideo.amazonaws.com/doc/2017-09-30/\" \
         profiles=\"urn:mpeg:dash:profile:isoff-live:2011\"",
    );
    let longest = duration(manifest.longest_ms);
    match &manifest.growing {
        Some(growing @ Growing { timeline_origin, now }) => {
            put!(
                text,
                " type=\"dynamic\" availabilityStartTime=\"{}\" publishTime=\"{}\" \
                 minimumUpdatePeriod=\"{UPDATE}\" timeShiftBufferDepth=\"{}\" \
                 suggestedPresentationDelay=\"{}\"",
                date_time(*timeline_origin),
                date_time(*now),
                duration(window_ms(manifest, growing)),
                duration(manifest.longest_ms.saturating_mul(2).min(media_ms(manifest))),
            );
        }
        None => {
            let end_ms = manifest.periods.last().map_or(0, end_ms);
            put!(text, " type=\"static\" mediaPresentationDuration=\"{}\"", duration(end_ms));
        }
    }
    put!(text, " minBufferTime=\"{longest}\" maxSegmentDuration=\"{longest}\">\n");
    for (index, period) in manifest.periods.iter().enumerate() {
        let is_last = index + 1 == manifest.periods.len();
        write_period(&mut text, manifest, period, is_last);
    }
    if let Some(Growing { now, .. }) = &manifest.growing {
        put!(
            text,
            "  <UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:direct:2014\" value=\"{}\"/>\n",
            date_time(*now)
        );
    }
    text.push_str("</MPD>\n");
    text
}

fn write_period(
    text: &mut String,
    manifest: &Manifest<'_>,
    period: &ManifestPeriod<'_>,
    is_last: bool,
) {
    let Some(first) = period.entries.first() else { return };
    let of: Period = first.period;
    put!(text, "  <Period id=\"{}\" start=\"{}\"", of.number, duration(of.start_ms));
    // The last period of a growing manifest has no end yet.
    if !is_last || manifest.growing.is_none() {
        put!(text, " duration=\"{}\"", duration(end_ms(period).saturating_sub(of.start_ms)));
    }
    text.push_str(">\n");
    for representation in &period.representations {
        let &Representation { track_number, bandwidth, .. } = representation;
        let (token, parameters_id) = (manifest.token, first.fragment.parameters_id);
        let kind = match representation.kind {
            RepresentationKind::Video { .. } => "video",
            RepresentationKind::Audio { .. } => "audio",
        };
        put!(
            text,
            "    <AdaptationSet id=\"{track_number}\" contentType=\"{kind}\" \
             mimeType=\"{kind}/mp4\" segmentAlignment=\"true\" startWithSAP=\"1\">\n      \
             <SegmentTemplate timescale=\"1000\" presentationTimeOffset=\"{}\" \
             initialization=\"getMP4InitFragment.mp4?SessionToken={token}\
             &amp;TrackNumber={track_number}&amp;SequenceNumber={parameters_id}\" \
             media=\"getMP4MediaFragment.mp4?ProducerTimestamp=$Time$&amp;SessionToken={token}\
             &amp;TrackNumber={track_number}\">\n        <SegmentTimeline>\n",
            of.producer_start_ms,
        );
        write_timeline(text, manifest, &period.entries);
        put!(
            text,
            "        </SegmentTimeline>\n      </SegmentTemplate>\n      \
             <Representation id=\"{kind}\" codecs=\"{}\" bandwidth=\"{bandwidth}\"",
            representation.codecs
        );
        match representation.kind {
            RepresentationKind::Video { width, height } => {
                put!(text, " width=\"{width}\" height=\"{height}\"/>\n");
            }
            RepresentationKind::Audio { sampling_frequency_hz, channels } => put!(
                text,
                " audioSamplingRate=\"{sampling_frequency_hz}\">\n        \
                 <AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" \
                 value=\"{channels}\"/>\n      </Representation>\n"
            ),
        }
        text.push_str("    </AdaptationSet>\n");
    }
    text.push_str("  </Period>\n");
}

fn write_timeline(text: &mut String, manifest: &Manifest<'_>, entries: &[&Entry]) {
    for (index, entry) in entries.iter().enumerate() {
        let start_ms = entry.fragment.producer_ms;
        // Segments of one period neither overlap nor leave holes: at one of more than 10 ms dash.js 5.2.1 finds no next
        // segment, and waits for ever when it had begun to play in the last of those before it.
        let until_next = entries.get(index + 1).map(|next| next.fragment.producer_ms - start_ms);
        let duration_ms = until_next.unwrap_or(entry.fragment.duration_ms).max(1);
        put!(text, "          <S t=\"{start_ms}\" d=\"{duration_ms}\"");
        if let Some(timestamp) = manifest.display_timestamp {
            let at_ms = timestamp(entry).as_millis();
            put!(text, " kvs:ts=\"{}.{:03}\"", at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
        }
        if manifest.display_number {
            put!(text, " kvs:fn=\"{}\"", entry.fragment.number);
        }
        text.push_str("/>\n");
    }
}

/// How far players may go back: as much media as is listed. While a source pauses, and until what came before has left
/// the list, it reaches back to the first segment: a player that is drawn along with the wall clock, away from all media,
/// does not always find the way to what comes after.
fn window_ms(manifest: &Manifest<'_>, growing: &Growing) -> i64 {
    let media_ms = media_ms(manifest);
    let first = manifest.periods.iter().flat_map(|period| &period.entries).next();
    let Some(first) = first else { return media_ms };
    let start_ms = first.period.presentation_ms(first.fragment.producer_ms);
    let since_ms = growing.now.millis_since(growing.timeline_origin).saturating_sub(start_ms);
    let usual_ms = media_ms.saturating_add(manifest.longest_ms).saturating_add(LATE_MS);
    if since_ms > usual_ms { since_ms } else { media_ms }
}

/// All that is listed.
fn media_ms(manifest: &Manifest<'_>) -> i64 {
    let entries = manifest.periods.iter().flat_map(|period| &period.entries);
    entries.map(|entry| entry.fragment.duration_ms).sum()
}

/// Where a period ends on the session's timeline.
fn end_ms(period: &ManifestPeriod<'_>) -> i64 {
    let end = |entry: &&Entry| entry.period.presentation_ms(entry.fragment.producer_end_ms());
    period.entries.last().map_or(0, end)
}

/// An xs:duration.
fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    format!("PT{}.{:03}S", ms / 1000, ms % 1000)
}

fn date_time(at: Timestamp) -> String {
    crate::time_text::rfc3339(at)
}

#[cfg(test)]
mod tests;
