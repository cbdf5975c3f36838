//! Snapshots of the texts.

use insta::assert_snapshot;
use vigie_kvs::FragmentNumber;
use vigie_media::Timestamp;

use super::*;
use crate::archive::FragmentPosition;
use crate::playback::selection::{Candidate, Period};

fn entry(number: u64, duration_ms: i64, discontinuity_number: u64, parameters_id: u64) -> Entry {
    let fragment = Candidate {
        position: FragmentPosition { value: 0, sequence: number },
        number: FragmentNumber::new(number, Timestamp::from_millis(1_795_363_060_007), 5),
        producer_ms: 0,
        server_ms: 0,
        duration_ms,
        size_bytes: 1000,
        parameters_id,
        begins_with_key_frame: true,
    };
    Entry { fragment, sequence_number: number, discontinuity_number, period: Period::default() }
}

fn playlist<'a>(entries: &'a [&'a Entry]) -> MediaPlaylist<'a> {
    MediaPlaylist {
        token: "Ab-_~",
        track_number: 1,
        container: ContainerFormat::FragmentedMp4,
        on_demand: false,
        longest_ms: 2040,
        next_number: 9,
        entries,
        date_times: &[],
    }
}

/// Fragment numbers are long and tested elsewhere.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for line in text.lines() {
        let (head, number) = line.split_once("FragmentNumber=").unwrap_or((line, ""));
        short.push_str(head);
        if !number.is_empty() {
            let digits = number.find('&').unwrap_or(number.len());
            let (number, rest) = number.split_at(digits);
            let number: FragmentNumber = number.parse().unwrap();
            let _infallible = write!(short, "FragmentNumber=({}){rest}", number.sequence());
        }
        short.push('\n');
    }
    short
}

#[test]
fn a_live_playlist_of_fragmented_mp4() {
    let entries = [entry(41, 2000, 40, 7), entry(42, 2040, 41, 7), entry(43, 500, 42, 8)];
    let entries: Vec<&Entry> = entries.iter().collect();
    let date_times = ["2026-11-22T19:40:40.007Z", "B", "C"].map(|text| Some(text.to_owned()));
    let playlist = MediaPlaylist { date_times: &date_times, ..playlist(&entries) };
    assert_snapshot!(shortened(&media(&playlist)), @r#"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:41
    #EXT-X-DISCONTINUITY-SEQUENCE:40
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXT-X-MAP:URI="getMP4InitFragment.mp4?SessionToken=Ab-_~&TrackNumber=1&SequenceNumber=7"
    #EXT-X-PROGRAM-DATE-TIME:2026-11-22T19:40:40.007Z
    #EXTINF:2.000,
    getMP4MediaFragment.mp4?FragmentNumber=(41)&SessionToken=Ab-_~&TrackNumber=1
    #EXT-X-DISCONTINUITY
    #EXT-X-PROGRAM-DATE-TIME:B
    #EXTINF:2.040,
    getMP4MediaFragment.mp4?FragmentNumber=(42)&SessionToken=Ab-_~&TrackNumber=1
    #EXT-X-DISCONTINUITY
    #EXT-X-MAP:URI="getMP4InitFragment.mp4?SessionToken=Ab-_~&TrackNumber=1&SequenceNumber=8"
    #EXT-X-PROGRAM-DATE-TIME:C
    #EXTINF:0.500,
    getMP4MediaFragment.mp4?FragmentNumber=(43)&SessionToken=Ab-_~&TrackNumber=1
    "#);
}

#[test]
fn a_playlist_on_demand_of_transport_streams_ends() {
    let entries = [entry(1, 4000, 0, 7), entry(2, 4000, 0, 8)];
    let entries: Vec<&Entry> = entries.iter().collect();
    let playlist = MediaPlaylist {
        container: ContainerFormat::MpegTs,
        on_demand: true,
        longest_ms: 4000,
        ..playlist(&entries)
    };
    assert_snapshot!(shortened(&media(&playlist)), @r#"
    #EXTM3U
    #EXT-X-VERSION:6
    #EXT-X-PLAYLIST-TYPE:VOD
    #EXT-X-TARGETDURATION:4
    #EXT-X-MEDIA-SEQUENCE:1
    #EXT-X-INDEPENDENT-SEGMENTS
    #EXTINF:4.000,
    getTSFragment.ts?FragmentNumber=(1)&SessionToken=Ab-_~
    #EXTINF:4.000,
    getTSFragment.ts?FragmentNumber=(2)&SessionToken=Ab-_~
    #EXT-X-ENDLIST
    "#);
}

#[test]
fn a_growing_playlist_is_begun_at_a_key_frame() {
    let check = |keys: &str, on_demand, expect: Option<&str>| {
        let of = |(number, key): (u64, char)| {
            let mut entry = entry(number, 2000, 0, 1);
            entry.fragment.begins_with_key_frame = key == 'k';
            entry
        };
        let entries: Vec<Entry> = (1..).zip(keys.chars()).map(of).collect();
        let entries: Vec<&Entry> = entries.iter().collect();
        let text = media(&MediaPlaylist { on_demand, ..playlist(&entries) });
        let start = text.lines().find_map(|line| line.strip_prefix("#EXT-X-START:TIME-OFFSET="));
        assert_eq!(start, expect, "{keys}");
        let is_independent = keys.chars().all(|key| key == 'k');
        assert_eq!(text.contains("#EXT-X-INDEPENDENT-SEGMENTS"), is_independent, "{keys}");
    };
    check("kkkkk", false, None);
    check("k.k.k.k.", false, Some("-8.000"));
    check("k....", false, Some("-10.000"));
    check("...k.", false, Some("-4.000"));
    check(".....", false, None);
    check("k.k.k.k.", true, None);
}

#[test]
fn an_empty_live_playlist_says_which_number_comes_next() {
    assert_snapshot!(media(&playlist(&[])), @r"
    #EXTM3U
    #EXT-X-VERSION:7
    #EXT-X-TARGETDURATION:2
    #EXT-X-MEDIA-SEQUENCE:9
    #EXT-X-INDEPENDENT-SEGMENTS
    ");
}

#[test]
fn a_master_playlist_with_sound_beside() {
    let variant = Variant {
        codecs: vec!["avc1.4D401E".into(), "mp4a.40.2".into()],
        resolution: Some((640, 360)),
        frame_rate: Some(25.0),
        bandwidth: 812_345,
        separate_audio: true,
    };
    assert_snapshot!(master("Ab-_~", &variant), @r#"
    #EXTM3U
    #EXT-X-VERSION:1
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",DEFAULT=YES,AUTOSELECT=YES,URI="getHLSMediaPlaylist.m3u8?SessionToken=Ab-_~&TrackNumber=2"
    #EXT-X-STREAM-INF:CODECS="avc1.4D401E,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=25.000,BANDWIDTH=812345,AUDIO="audio"
    getHLSMediaPlaylist.m3u8?SessionToken=Ab-_~&TrackNumber=1
    "#);
}

#[test]
fn a_master_playlist_of_sound_alone() {
    let variant = Variant {
        codecs: vec!["mp4a.40.2".into()],
        resolution: None,
        frame_rate: None,
        bandwidth: 64_000,
        separate_audio: false,
    };
    assert_snapshot!(master("T~", &variant), @r#"
    #EXTM3U
    #EXT-X-VERSION:1
    #EXT-X-STREAM-INF:CODECS="mp4a.40.2",BANDWIDTH=64000
    getHLSMediaPlaylist.m3u8?SessionToken=T~&TrackNumber=1
    "#);
}

#[test]
fn the_target_duration_is_never_below_a_segment_rounded_to_seconds() {
    for (longest_ms, seconds) in [(0, 1), (400, 1), (1499, 1), (1500, 2), (2000, 2), (20_000, 20)] {
        assert_eq!(target_seconds(longest_ms), seconds, "{longest_ms} ms");
    }
}

#[test]
fn m3u8_rs_reads_what_is_written() {
    let written = [entry(41, 2000, 40, 7), entry(42, 2040, 41, 7), entry(43, 500, 42, 8)];
    let entries: Vec<&Entry> = written.iter().collect();
    let text = media(&playlist(&entries));
    let (rest, read) = m3u8_rs::parse_media_playlist(text.as_bytes()).unwrap();
    assert!(rest.is_empty());
    assert_eq!((read.version, read.media_sequence), (Some(7), 41));
    assert_eq!((read.target_duration, read.discontinuity_sequence), (2, 40));
    assert!(read.independent_segments && !read.end_list);
    assert_eq!(read.segments.len(), 3);
    for (segment, entry) in read.segments.iter().zip(&written) {
        assert!((segment.duration * 1000.0 - entry.fragment.duration_ms as f32).abs() < 0.01);
        assert!(segment.uri.contains(&format!("FragmentNumber={}&", entry.fragment.number)));
    }
    let discontinuities: Vec<bool> = read.segments.iter().map(|s| s.discontinuity).collect();
    assert_eq!(discontinuities, [false, true, true]);
    let maps = read.segments.iter().filter_map(|segment| segment.map.as_ref());
    let ids: Vec<&str> = maps.map(|map| map.uri.rsplit('=').next().unwrap()).collect();
    assert_eq!(ids, ["7", "8"]);

    let variant = Variant {
        codecs: vec!["avc1.4D401E".into(), "mp4a.40.2".into()],
        resolution: Some((640, 360)),
        frame_rate: Some(25.0),
        bandwidth: 812_345,
        separate_audio: true,
    };
    let text = master("Ab-_~", &variant);
    let (rest, read) = m3u8_rs::parse_master_playlist(text.as_bytes()).unwrap();
    assert!(rest.is_empty());
    assert_eq!((read.variants.len(), read.alternatives.len()), (1, 1));
    let found = &read.variants[0];
    assert_eq!((found.bandwidth, found.frame_rate), (812_345, Some(25.0)));
    assert_eq!(found.codecs.as_deref(), Some("avc1.4D401E,mp4a.40.2"));
    assert_eq!(found.audio.as_deref(), Some("audio"));
    assert_eq!(read.alternatives[0].group_id, "audio");
}
