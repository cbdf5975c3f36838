//! What RTSP says of a track: payload type, clock rate and the codec's parameters for SDP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use vigie_media::codec::aac::AudioSpecificConfig;
use vigie_media::codec::g711::{Law, WaveFormat};
use vigie_media::codec::h264::AvcConfig;
use vigie_media::codec::h265::HevcConfig;
use vigie_media::{Track, codec_id};

use crate::packetizer::PayloadFormat;

/// The RTP clock of video (RFC 6184 §8.2.1, RFC 7798 §7.1).
const VIDEO_CLOCK_HZ: u32 = 90_000;
/// Dynamic payload types (RFC 3551 §3).
const VIDEO_PAYLOAD_TYPE: u8 = 96;
const AUDIO_PAYLOAD_TYPE: u8 = 97;
/// Static payload types of G.711 at 8 kHz, one channel (RFC 3551 §6).
const PCMU_PAYLOAD_TYPE: u8 = 0;
const PCMA_PAYLOAD_TYPE: u8 = 8;

/// A track as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RtspTrack {
    pub(crate) is_video: bool,
    pub(crate) payload_type: u8,
    pub(crate) clock_rate_hz: u32,
    /// `H264/90000`
    pub(crate) rtpmap: String,
    /// Format parameters, when the format has any.
    pub(crate) fmtp: Option<String>,
    pub(crate) format: PayloadFormat,
    /// Audio samples of one frame (AAC), or bytes of one sample of all channels (G.711).
    pub(crate) samples_per_frame: u32,
}

/// `None` when the camera has no payload format for the track, or its parameter sets cannot be read.
pub(crate) fn rtsp_track(track: &Track) -> Option<RtspTrack> {
    match &*track.codec_id {
        codec_id::H264 => h264(&AvcConfig::parse(&track.codec_private).ok()?),
        codec_id::H265 => h265(&HevcConfig::parse(&track.codec_private).ok()?),
        codec_id::AAC => aac(track),
        codec_id::MS_ACM => g711(&WaveFormat::parse(&track.codec_private).ok()?),
        _ => None,
    }
}

fn h264(config: &AvcConfig) -> Option<RtspTrack> {
    let sets: Vec<_> = config.sps.iter().chain(&config.pps).map(|set| BASE64.encode(set)).collect();
    // RFC 6184 §8.1; mode 1 is single NAL units and FU-A.
    let fmtp = format!(
        "packetization-mode=1;profile-level-id={};sprop-parameter-sets={}",
        config.profile_level_id(),
        sets.join(",")
    );
    let format = PayloadFormat::H264 { nal_length_size: config.nal_length_size };
    Some(video("H264", fmtp, format))
}

fn h265(config: &HevcConfig) -> Option<RtspTrack> {
    let list =
        |sets: &[Bytes]| sets.iter().map(|set| BASE64.encode(set)).collect::<Vec<_>>().join(",");
    // RFC 7798 §7.1.
    let fmtp = format!(
        "sprop-vps={};sprop-sps={};sprop-pps={}",
        list(&config.vps),
        list(&config.sps),
        list(&config.pps)
    );
    let format = PayloadFormat::H265 { nal_length_size: config.nal_length_size };
    Some(video("H265", fmtp, format))
}

fn video(name: &str, fmtp: String, format: PayloadFormat) -> RtspTrack {
    RtspTrack {
        is_video: true,
        payload_type: VIDEO_PAYLOAD_TYPE,
        clock_rate_hz: VIDEO_CLOCK_HZ,
        rtpmap: format!("{name}/{VIDEO_CLOCK_HZ}"),
        fmtp: Some(fmtp),
        format,
        samples_per_frame: 0,
    }
}

fn aac(track: &Track) -> Option<RtspTrack> {
    let config = AudioSpecificConfig::parse(&track.codec_private).ok()?;
    let clock_rate_hz = config.sampling_frequency_hz;
    // Program config elements name the channels elsewhere; the container knows.
    let channels = match config.channels {
        0 => track.audio.map_or(1, |audio| audio.channels.max(1)),
        channels => channels,
    };
    let config_hex: String = track.codec_private.iter().map(|byte| format!("{byte:02X}")).collect();
    // RFC 3640 §4.1; stream type 5 is audio, profile-level-id 1 says nothing that `config` does not say better.
    let fmtp = format!(
        "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;\
         indexdeltalength=3;config={config_hex}"
    );
    (clock_rate_hz > 0).then(|| RtspTrack {
        is_video: false,
        payload_type: AUDIO_PAYLOAD_TYPE,
        clock_rate_hz,
        rtpmap: format!("MPEG4-GENERIC/{clock_rate_hz}/{channels}"),
        fmtp: Some(fmtp),
        format: PayloadFormat::Aac,
        samples_per_frame: config.samples_per_frame,
    })
}

fn g711(format: &WaveFormat) -> Option<RtspTrack> {
    let WaveFormat { law, sampling_frequency_hz, channels } = *format;
    let (name, static_type) = match law {
        Law::A => ("PCMA", PCMA_PAYLOAD_TYPE),
        Law::Mu => ("PCMU", PCMU_PAYLOAD_TYPE),
    };
    let is_static = (sampling_frequency_hz, channels) == (8000, 1);
    Some(RtspTrack {
        is_video: false,
        payload_type: if is_static { static_type } else { AUDIO_PAYLOAD_TYPE },
        clock_rate_hz: sampling_frequency_hz,
        rtpmap: match channels {
            1 => format!("{name}/{sampling_frequency_hz}"),
            channels => format!("{name}/{sampling_frequency_hz}/{channels}"),
        },
        fmtp: None,
        format: PayloadFormat::G711,
        samples_per_frame: channels.into(),
    })
}
