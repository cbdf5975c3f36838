//! Codec configurations and NAL units: what is read is written so that it reads the same.

use bytes::Bytes;
use vigie_media::codec::h264::AvcConfig;
use vigie_media::codec::h265::HevcConfig;
use vigie_media::codec::{aac, codec_string, g711, h264, h265, nal};

/// The first byte says what the rest is.
pub fn parameter_sets(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    match kind % 8 {
        0 => avcc(rest),
        1 => hvcc(rest),
        2 => sets_of_h264(rest),
        3 => sets_of_h265(rest),
        4 => audio_specific_config(rest),
        5 => wave_format(rest),
        6 => annex_b(rest),
        _ => length_prefixed(rest),
    }
}

fn avcc(data: &[u8]) {
    let Ok(config) = AvcConfig::parse(data) else { return };
    if let Ok(written) = config.to_avcc() {
        assert_eq!(AvcConfig::parse(&written).as_ref(), Ok(&config));
    }
    check_h264(&config);
}

fn hvcc(data: &[u8]) {
    let Ok(config) = HevcConfig::parse(data) else { return };
    assert_eq!(HevcConfig::parse(&config.to_hvcc()).as_ref(), Ok(&config));
    check_h265(&config);
}

/// As SDP gives them: an SPS and a PPS, here an Annex B stream of any number.
fn sets_of_h264(data: &[u8]) {
    let units: Vec<Bytes> = nal::annex_b(data).map(Bytes::copy_from_slice).collect();
    let Some((sps, pps)) = units.split_first() else { return };
    if let Ok(config) = AvcConfig::new(vec![sps.clone()], pps.to_vec()) {
        check_h264(&config);
    }
}

fn sets_of_h265(data: &[u8]) {
    let units: Vec<Bytes> = nal::annex_b(data).map(Bytes::copy_from_slice).collect();
    let Some((sps, others)) = units.split_first() else { return };
    if let Ok(config) = HevcConfig::new(others.to_vec(), vec![sps.clone()], Vec::new()) {
        check_h265(&config);
    }
}

fn check_h264(config: &AvcConfig) {
    assert!(config.codec_string().starts_with("avc1."));
    if let Ok(track) = h264::track(1, "video", config) {
        assert!(track.video.is_some_and(|video| video.width_pixels > 0 && video.height_pixels > 0));
        assert_eq!(codec_string(&track), Some(config.codec_string()));
    }
}

fn check_h265(config: &HevcConfig) {
    let track = h265::track(1, "video", config);
    assert!(track.video.is_some_and(|video| video.width_pixels > 0 && video.height_pixels > 0));
    assert_eq!(codec_string(&track), Some(config.codec_string()));
}

fn audio_specific_config(data: &[u8]) {
    if let Ok(config) = aac::AudioSpecificConfig::parse(data) {
        assert!(config.codec_string().starts_with("mp4a.40."));
        let track = aac::track(1, "audio", Bytes::copy_from_slice(data));
        assert!(track.is_ok_and(|track| track.audio.is_some()));
    }
}

fn wave_format(data: &[u8]) {
    if let Ok(format) = g711::WaveFormat::parse(data) {
        assert_eq!(g711::WaveFormat::parse(&format.to_bytes()), Ok(format));
    }
}

fn annex_b(data: &[u8]) {
    let units: Vec<&[u8]> = nal::annex_b(data).filter(|unit| !unit.is_empty()).collect();
    let frame = nal::annex_b_to_length_prefixed(data);
    let again: Vec<&[u8]> = nal::length_prefixed(&frame, 4).map_while(Result::ok).collect();
    assert_eq!(units, again);
}

fn length_prefixed(data: &[u8]) {
    for length_size in 1..=4 {
        let units = nal::length_prefixed(data, length_size).map_while(Result::ok);
        let bytes: usize = units.map(|unit| unit.len() + length_size).sum();
        assert!(bytes <= data.len());
        // Any answer will do; that there is one is what is asked.
        let _is_key = (h264::is_key(data, length_size), h265::is_key(data, length_size));
    }
    assert!(nal::without_emulation_prevention(data).len() <= data.len());
}
