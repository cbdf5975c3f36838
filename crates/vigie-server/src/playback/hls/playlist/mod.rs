//! The text of master and media playlists (RFC 8216), in the order and with the names that the service uses.
//!
//! Pure: the same window gives the same text.

use std::fmt::Write;

use vigie_kvs::shapes::streaming_session::ContainerFormat;

use crate::playback::selection::Entry;

/// What a master playlist says of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variant {
    /// RFC 6381 codec strings of all tracks.
    pub codecs: Vec<String>,
    /// Width and height of the pictures.
    pub resolution: Option<(u32, u32)>,
    /// Pictures a second.
    pub frame_rate: Option<f64>,
    /// Bits a second, at the peak.
    pub bandwidth: u64,
    /// Whether the sound has a playlist of its own, as track 2.
    pub separate_audio: bool,
}

/// What a media playlist is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MediaPlaylist<'a> {
    /// The session's token, which every URI carries.
    pub token: &'a str,
    /// The track's number in URIs.
    pub track_number: usize,
    /// What media is packed in.
    pub container: ContainerFormat,
    /// Whether it is complete.
    pub on_demand: bool,
    /// The longest fragment of the session.
    pub longest_ms: i64,
    /// What the next fragment's number will be: the playlist's number while it is empty.
    pub next_number: u64,
    /// Oldest first.
    pub entries: &'a [&'a Entry],
    /// `EXT-X-PROGRAM-DATE-TIME` of each entry, where it is wanted.
    pub date_times: &'a [Option<String>],
}

/// Appends to a text; writing to a String cannot fail.
macro_rules! line {
    ($text:expr, $($format:tt)*) => {{
        let _infallible = writeln!($text, $($format)*);
    }};
}

/// The master playlist.
pub(crate) fn master(token: &str, variant: &Variant) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:1\n");
    if variant.separate_audio {
        line!(
            text,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",DEFAULT=YES,AUTOSELECT=YES,\
             URI=\"getHLSMediaPlaylist.m3u8?SessionToken={token}&TrackNumber=2\""
        );
    }
    text.push_str("#EXT-X-STREAM-INF:");
    let _infallible = write!(text, "CODECS=\"{}\"", variant.codecs.join(","));
    if let Some((width, height)) = variant.resolution {
        let _infallible = write!(text, ",RESOLUTION={width}x{height}");
    }
    if let Some(frame_rate) = variant.frame_rate {
        let _infallible = write!(text, ",FRAME-RATE={frame_rate:.3}");
    }
    let _infallible = write!(text, ",BANDWIDTH={}", variant.bandwidth);
    if variant.separate_audio {
        text.push_str(",AUDIO=\"audio\"");
    }
    line!(text, "\ngetHLSMediaPlaylist.m3u8?SessionToken={token}&TrackNumber=1");
    text
}

pub(crate) fn media(playlist: &MediaPlaylist<'_>) -> String {
    let &MediaPlaylist { token, track_number, container, on_demand, entries, .. } = playlist;
    let is_mp4 = container == ContainerFormat::FragmentedMp4;
    // A line of a URI is some 500 bytes with its token.
    let mut text = String::with_capacity(512 + entries.len() * (160 + token.len()));
    // INDEPENDENT-SEGMENTS and EXT-X-MAP need version 6; of fragmented MP4 the service says 7.
    line!(text, "#EXTM3U\n#EXT-X-VERSION:{}", if is_mp4 { 7 } else { 6 });
    if on_demand {
        line!(text, "#EXT-X-PLAYLIST-TYPE:VOD");
    }
    line!(text, "#EXT-X-TARGETDURATION:{}", target_seconds(playlist.longest_ms));
    let first = entries.first();
    line!(
        text,
        "#EXT-X-MEDIA-SEQUENCE:{}",
        first.map_or(playlist.next_number, |first| first.sequence_number)
    );
    if let Some(number) = first.map(|first| first.discontinuity_number).filter(|&n| n > 0) {
        line!(text, "#EXT-X-DISCONTINUITY-SEQUENCE:{number}");
    }
    if entries.iter().all(|entry| entry.fragment.begins_with_key_frame) {
        line!(text, "#EXT-X-INDEPENDENT-SEGMENTS");
    }
    if let Some(from_end_ms) = start_from_end_ms(playlist).filter(|_| !on_demand) {
        line!(text, "#EXT-X-START:TIME-OFFSET=-{}.{:03}", from_end_ms / 1000, from_end_ms % 1000);
    }
    let mut before: Option<&Entry> = None;
    for (index, entry) in entries.iter().enumerate() {
        if before.is_some_and(|before| before.discontinuity_number != entry.discontinuity_number) {
            line!(text, "#EXT-X-DISCONTINUITY");
        }
        let parameters_id = entry.fragment.parameters_id;
        if is_mp4 && before.is_none_or(|before| before.fragment.parameters_id != parameters_id) {
            line!(
                text,
                "#EXT-X-MAP:URI=\"getMP4InitFragment.mp4?SessionToken={token}\
                 &TrackNumber={track_number}&SequenceNumber={parameters_id}\""
            );
        }
        if let Some(Some(date_time)) = playlist.date_times.get(index) {
            line!(text, "#EXT-X-PROGRAM-DATE-TIME:{date_time}");
        }
        let duration_ms = entry.fragment.duration_ms;
        line!(text, "#EXTINF:{}.{:03},", duration_ms / 1000, duration_ms % 1000);
        let number = entry.fragment.number;
        if is_mp4 {
            line!(
                text,
                "getMP4MediaFragment.mp4?FragmentNumber={number}&SessionToken={token}\
                 &TrackNumber={track_number}"
            );
        } else {
            line!(text, "getTSFragment.ts?FragmentNumber={number}&SessionToken={token}");
        }
        before = Some(entry);
    }
    if on_demand {
        line!(text, "#EXT-X-ENDLIST");
    }
    text
}

/// How far before its end a growing playlist is begun at, where players would else begin without a key frame, and wait for the
/// next one without a picture: at the last fragment that has one and is as far from the end as players keep to (RFC 8216
/// §6.3.3: three target durations), or the first.
fn start_from_end_ms(playlist: &MediaPlaylist<'_>) -> Option<i64> {
    let entries = playlist.entries;
    if entries.iter().all(|entry| entry.fragment.begins_with_key_frame) {
        return None;
    }
    let distance_ms = target_seconds(playlist.longest_ms).saturating_mul(3000);
    let mut from_end_ms = 0_i64;
    let begins = entries.iter().rev().filter_map(|entry| {
        from_end_ms = from_end_ms.saturating_add(entry.fragment.duration_ms);
        entry.fragment.begins_with_key_frame.then_some(from_end_ms)
    });
    let mut last = None;
    for from_end_ms in begins {
        last = Some(from_end_ms);
        if from_end_ms >= distance_ms {
            break;
        }
    }
    last
}

/// No segment, rounded to the nearest second, may be longer (RFC 8216 §4.3.3.1).
fn target_seconds(longest_ms: i64) -> i64 {
    (longest_ms.saturating_add(500) / 1000).max(1)
}

#[cfg(test)]
mod tests;
