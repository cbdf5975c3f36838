//! A camera: RTSP by retina, from DESCRIBE to frames in batches, over TCP, UDP or TLS.
//!
//! Frames keep the camera's bytes: every NAL unit but parameter sets stays in place with a 4-byte length before it;
//! parameter sets go into the track's avcC or hvcC, and a change of them is reported before the first frame that needs
//! it. Packets that were lost are counted before the frame that follows them. Decides nothing about time: the core closes
//! a session that does not open or falls silent, and opens the next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use retina::client::{
    Credentials, Demuxed, Described, InitialTimestampPolicy, PlayOptions, SessionOptions,
    SetupOptions, TcpTransportOptions, Transport, UdpTransportOptions,
};
use retina::codec::{AudioParameters, CodecItem, FrameFormat, ParametersRef, VideoParameters};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use url::{Host, Url};
use vigie_engine::clock::Clock;
use vigie_engine::recorder::Failure;
use vigie_kvs::media_uri::MediaUri;
use vigie_kvs::shapes::hub_request::CameraTestStep;
use vigie_media::codec::h264::AvcConfig;
use vigie_media::codec::h265::HevcConfig;
use vigie_media::codec::{aac, g711, h265};
use vigie_media::{Track, TrackKind, VideoSettings, codec_id};

use crate::core::{FrameTime, Session, SourceEvent, SourceFrame};
use crate::shell::camera_tls::{CameraTls, Tunnel, connect};
use crate::shell::camera_uri::{CameraUri, Wire};
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::{FrameBatch, TestNote};

/// Frames are handed over at least this often.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);
/// Between two attempts to reach a camera that does not answer at all.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// Attempts that are under way at once; then the recorder is told, and asks again.
const PROBES_MAX: usize = 8;
/// RTSP 461 Unsupported Transport (RFC 2326 section 7.1.1).
const UNSUPPORTED_TRANSPORT: u16 = 461;

/// Why a run ended.
enum End {
    Failed(Failure),
    CoreGone,
}

impl From<crate::shell::frame_batch::CoreGone> for End {
    fn from(_: crate::shell::frame_batch::CoreGone) -> Self {
        Self::CoreGone
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A camera to record.
pub(crate) struct RtspSource {
    pub(crate) session: Session,
    pub(crate) uri: MediaUri,
    /// See [`crate::core::MediaSource::Rtsp`].
    pub(crate) probe: bool,
    pub(crate) core: CoreHandle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tls: CameraTls,
    /// Where cameras over UDP are read: the kernel keeps few datagrams, so they are read as they come and not in
    /// batches as the others.
    pub(crate) udp_runtime: Handle,
}

impl RtspSource {
    /// Plays the camera until it fails; dropping the future closes the connection.
    pub(crate) async fn run(self) {
        let batch = FrameBatch::new(self.session.clone(), self.core.clone());
        self.run_into(batch).await;
    }

    /// The same, with a batch of the caller's.
    pub(crate) async fn run_into(self, mut batch: FrameBatch) {
        if let Err(End::Failed(failure)) = self.play(&mut batch).await {
            // When the core has ended there is nobody left to tell.
            drop(batch.send(SourceEvent::Failed(failure)).await);
        }
    }

    async fn play(&self, batch: &mut FrameBatch) -> Result<(), End> {
        let camera = CameraUri::parse(self.uri.expose()).ok_or(Failure::BadUri)?;
        let (host, port) = camera.address().ok_or(Failure::BadUri)?;
        if self.probe {
            reach(host.to_owned(), port).await?;
        }
        match camera.wire {
            Wire::Tcp => {
                match play(&camera, &camera.url, tcp(), batch, self.clock.as_ref()).await {
                    Err(End::Failed(Failure::CameraRefused { status: UNSUPPORTED_TRANSPORT })) => {
                        tracing::info!(stream = %self.session.stream, "the camera sends over UDP alone");
                        self.play_udp(camera, batch).await
                    }
                    ended => ended,
                }
            }
            Wire::Tls => {
                let tunnel = Tunnel::open(&self.tls, &camera.url, host, port).await?;
                play(&camera, &tunnel.url, tcp(), batch, self.clock.as_ref()).await
            }
            Wire::Udp => self.play_udp(camera, batch).await,
        }
    }

    /// Plays on the runtime for datagrams.
    async fn play_udp(&self, camera: CameraUri, batch: &mut FrameBatch) -> Result<(), End> {
        let clock = self.clock.clone();
        let mut own_batch = batch.another();
        let mut playing = JoinSet::new();
        playing.spawn_on(
            async move {
                let transport = Transport::Udp(UdpTransportOptions::default());
                let ended =
                    play(&camera, &camera.url, transport, &mut own_batch, clock.as_ref()).await;
                own_batch.flush().await?;
                ended
            },
            &self.udp_runtime,
        );
        match playing.join_next().await {
            Some(Ok(ended)) => ended,
            // Its runtime ends: so does the agent.
            Some(Err(_)) | None => Err(End::CoreGone),
        }
    }
}

fn tcp() -> Transport {
    Transport::Tcp(TcpTransportOptions::default())
}

/// Waits until the camera takes a connection. One that is switched off answers nothing, and the system would ask again
/// after 1, 3 and 7 seconds only: it is asked every half second instead, a packet each time.
async fn reach(host: Host<String>, port: u16) -> Result<(), Failure> {
    let mut probes = JoinSet::new();
    let mut timer = tokio::time::interval(PROBE_INTERVAL);
    for _ in 0..PROBES_MAX {
        timer.tick().await;
        let host = host.clone();
        probes.spawn(async move {
            let host = match &host {
                Host::Domain(name) => Host::Domain(name.as_str()),
                Host::Ipv4(address) => Host::Ipv4(*address),
                Host::Ipv6(address) => Host::Ipv6(*address),
            };
            connect(host, port).await.map(drop)
        });
        let answer = tokio::time::timeout(PROBE_INTERVAL, probes.join_next()).await;
        if let Ok(Some(Ok(answer))) = answer {
            return answer;
        }
    }
    Err(Failure::Unreachable)
}

async fn play(
    camera: &CameraUri,
    url: &Url,
    transport: Transport,
    batch: &mut FrameBatch,
    clock: &dyn Clock,
) -> Result<(), End> {
    let (mut demuxed, chosen) = open(camera, url, transport, batch).await?;
    batch.note(TestNote::Step(CameraTestStep::KeyFrame));
    if let Some(rate_hz) = chosen.frame_rate_hz(&demuxed) {
        batch.note(TestNote::FrameRate(rate_hz));
    }
    let mut announced: Vec<Track> = Vec::new();
    let mut timer = tokio::time::interval(BATCH_INTERVAL);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let item = tokio::select! {
            biased;
            item = demuxed.next() => item,
            _ = timer.tick() => {
                batch.flush().await?;
                continue;
            }
        };
        let item = match item {
            Some(Ok(item)) => item,
            Some(Err(error)) => return Err(failure_of(&error, Stage::Playing).into()),
            None => return Err(Failure::Ended.into()),
        };
        let (frame, packets_lost) = match item {
            CodecItem::VideoFrame(frame) => {
                if frame.has_new_parameters() || announced.is_empty() {
                    // Without parameter sets nothing could be decoded: wait for them.
                    let Some(tracks) = chosen.tracks(&demuxed, &announced) else { continue };
                    if tracks != announced {
                        announced.clone_from(&tracks);
                        batch.send(SourceEvent::Opened { tracks }).await?;
                    }
                }
                let time = media_time(frame.timestamp(), clock);
                // retina 0.4 counts of H.265 only IDR pictures, and open groups of pictures begin with others.
                let is_random_access = frame.is_random_access_point();
                let packets_lost = frame.loss();
                let data = Bytes::from(frame.into_data());
                let key_frame =
                    is_random_access || (chosen.is_h265 && h265::is_key(&data, NAL_LENGTH_BYTES));
                (SourceFrame { track_number: VIDEO_TRACK, time, key_frame, data }, packets_lost)
            }
            CodecItem::AudioFrame(frame) if !announced.is_empty() => {
                let frame_of_source = SourceFrame {
                    track_number: AUDIO_TRACK,
                    time: media_time(frame.timestamp(), clock),
                    key_frame: true,
                    data: Bytes::copy_from_slice(frame.data()),
                };
                (frame_of_source, frame.loss())
            }
            _ => continue,
        };
        if packets_lost > 0 {
            batch.send(SourceEvent::PacketsLost(packets_lost.into())).await?;
        }
        if batch.push(frame) {
            batch.flush().await?;
        }
    }
}

/// KVS producers number video 1 and audio 2.
const VIDEO_TRACK: u64 = 1;
const AUDIO_TRACK: u64 = 2;

/// Of the lengths before NAL units in [`FrameFormat::MP4`].
const NAL_LENGTH_BYTES: usize = 4;

/// Which of the camera's RTSP tracks are recorded.
struct Chosen {
    video: usize,
    is_h265: bool,
    audio: Option<usize>,
}

impl Chosen {
    /// The first video and the first audio track that KVS can carry.
    fn from(described: &retina::client::Session<Described>) -> Result<Self, Failure> {
        let streams = described.streams();
        let find = |media: &str, names: &[&str]| {
            streams.iter().position(|s| s.media() == media && names.contains(&s.encoding_name()))
        };
        let Some(video) = find("video", &["h264", "h265"]) else {
            let other = streams.iter().find(|s| matches!(s.media(), "video" | "image"));
            return Err(other.map_or(Failure::NoVideoTrack, |stream| Failure::UnsupportedCodec {
                codec: stream.encoding_name().to_uppercase(),
            }));
        };
        let is_h265 = streams.get(video).is_some_and(|stream| stream.encoding_name() == "h265");
        let audio = find("audio", &["mpeg4-generic", "pcma", "pcmu"]);
        Ok(Self { video, is_h265, audio })
    }

    /// Pictures a second, where the camera's parameter sets say so before they come.
    fn frame_rate_hz(&self, demuxed: &Demuxed) -> Option<f64> {
        let stream = demuxed.streams().get(self.video)?;
        let Some(ParametersRef::Video(parameters)) = stream.parameters() else { return None };
        let (seconds, of) = parameters.frame_rate()?;
        (seconds > 0).then(|| f64::from(of) / f64::from(seconds))
    }

    /// The tracks as they are now, after those that were `announced`; `None` while the camera has not sent its parameter
    /// sets.
    fn tracks(&self, demuxed: &Demuxed, announced: &[Track]) -> Option<Vec<Track>> {
        let stream = demuxed.streams().get(self.video)?;
        let Some(ParametersRef::Video(parameters)) = stream.parameters() else { return None };
        let video = video_track(stream.encoding_name(), parameters);
        let mut tracks = vec![match announced.first() {
            Some(former) => behind(former, video),
            None => video,
        }];
        if let Some(stream) = self.audio.and_then(|index| demuxed.streams().get(index))
            && let Some(ParametersRef::Audio(parameters)) = stream.parameters()
        {
            tracks.extend(audio_track(stream.encoding_name(), parameters));
        }
        Some(tracks)
    }
}

/// The video track with all parameter sets that are in force: retina 0.4 keeps one picture parameter set, the last.
fn behind(former: &Track, newer: Track) -> Track {
    let codec_private = match newer.codec_id.as_str() {
        codec_id::H264 => {
            let parse = |track: &Track| AvcConfig::parse(&track.codec_private).ok();
            parse(former).zip(parse(&newer)).and_then(|(former_sets, newer_sets)| {
                let sets = newer_sets.behind(&former_sets);
                if sets == former_sets {
                    return Some(former.codec_private.clone());
                }
                sets.to_avcc().ok().map(Bytes::from)
            })
        }
        _ => {
            let parse = |track: &Track| HevcConfig::parse(&track.codec_private).ok();
            parse(former).zip(parse(&newer)).map(|(former_sets, newer_sets)| {
                let sets = newer_sets.behind(&former_sets);
                match sets == former_sets {
                    true => former.codec_private.clone(),
                    false => Bytes::from(sets.to_hvcc()),
                }
            })
        }
    };
    match codec_private {
        Some(codec_private) => Track { codec_private, ..newer },
        None => newer,
    }
}

async fn open(
    camera: &CameraUri,
    url: &Url,
    transport: Transport,
    batch: &FrameBatch,
) -> Result<(Demuxed, Chosen), Failure> {
    let login = camera.login.as_ref().map(|login| Credentials {
        username: login.user.clone(),
        password: login.password.expose().to_owned(),
    });
    let options = SessionOptions::default()
        .creds(login)
        .user_agent(concat!("vigie/", env!("CARGO_PKG_VERSION")).to_owned());
    let failure = |error: retina::Error| failure_of(&error, Stage::Opening);
    // retina 0.4 connects with it.
    batch.note(TestNote::Step(CameraTestStep::Describe));
    let mut session =
        retina::client::Session::describe(url.clone(), options).await.map_err(failure)?;
    let chosen = Chosen::from(&session)?;
    batch.note(TestNote::Step(CameraTestStep::Setup));
    for index in [Some(chosen.video), chosen.audio].into_iter().flatten() {
        let options =
            SetupOptions::default().transport(transport.clone()).frame_format(FrameFormat::MP4);
        session.setup(index, options).await.map_err(failure)?;
    }
    batch.note(TestNote::Step(CameraTestStep::Play));
    // Cameras that leave rtptime out of RTP-Info still play; sound may then be off by the time between first packets.
    let options = PlayOptions::default().initial_timestamp(InitialTimestampPolicy::Permissive);
    let playing = session.play(options).await.map_err(failure)?;
    Ok((playing.demuxed().map_err(failure)?, chosen))
}

fn media_time(timestamp: retina::Timestamp, clock: &dyn Clock) -> FrameTime {
    let rate_hz = i128::from(timestamp.clock_rate().get());
    let media_us = i128::from(timestamp.elapsed()) * 1_000_000 / rate_hz;
    // The rate is at least 1 Hz and RTP time 32 bits at a time: years fit many times over.
    let media_us = i64::try_from(media_us).unwrap_or(0);
    FrameTime::Camera { media_us, arrival: clock.now() }
}

fn video_track(encoding_name: &str, parameters: &VideoParameters) -> Track {
    let (width_pixels, height_pixels) = parameters.pixel_dimensions();
    let codec = if encoding_name == "h265" { codec_id::H265 } else { codec_id::H264 };
    Track {
        number: VIDEO_TRACK,
        kind: TrackKind::Video,
        name: "video".to_owned(),
        codec_id: codec.to_owned(),
        codec_private: Bytes::copy_from_slice(parameters.extra_data()),
        video: Some(VideoSettings { width_pixels, height_pixels }),
        audio: None,
    }
}

/// What kind of failure an error of retina is. Its type is opaque: besides the status there is only its text, whose
/// first words are stable (retina 0.4 `error.rs`). The text itself goes to the log at debug level alone, for it can
/// repeat what the camera sent.
fn failure_of(error: &retina::Error, stage: Stage) -> Failure {
    let text = error.to_string();
    tracing::debug!(error = %text, "the camera's session ended");
    classify(error.status_code(), &text, stage)
}

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Playing,
}

fn classify(status: Option<u16>, text: &str, stage: Stage) -> Failure {
    match status {
        Some(401 | 403) => Failure::WrongPassword,
        Some(404 | 410) => Failure::PathNotFound,
        Some(status @ 300..) => Failure::CameraRefused { status },
        _ if text.starts_with("Unable to connect") => Failure::Unreachable,
        _ if text.starts_with("Error ") => Failure::Ended,
        _ if text.starts_with("RTSP framing error") && stage == Stage::Opening => {
            Failure::NotACamera
        }
        _ => Failure::ProtocolError,
    }
}

fn audio_track(encoding_name: &str, parameters: &AudioParameters) -> Option<Track> {
    let law = match encoding_name {
        "pcma" => g711::Law::A,
        "pcmu" => g711::Law::Mu,
        _ => {
            let config = Bytes::copy_from_slice(parameters.extra_data());
            return aac::track(AUDIO_TRACK, "audio", config).ok();
        }
    };
    let channels = parameters.channels().get();
    Some(g711::track(AUDIO_TRACK, "audio", law, parameters.clock_rate(), channels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_parameter_sets_that_come_in_turn_settle_and_begin_no_new_document() {
        // The sequence parameter set of the fixtures' H.264, and two picture parameter sets of other ids.
        const SPS: &[u8] = &[0x67, 0x42, 0xC0, 0x1E, 0xDA, 0x02, 0x80, 0xBF, 0xE5];
        let sets = |pps: &'static [u8]| {
            let config =
                AvcConfig::new(vec![Bytes::from_static(SPS)], vec![Bytes::from_static(pps)]);
            Track {
                number: VIDEO_TRACK,
                kind: TrackKind::Video,
                name: String::new(),
                codec_id: codec_id::H264.to_owned(),
                codec_private: Bytes::from(config.unwrap().to_avcc().unwrap()),
                video: None,
                audio: None,
            }
        };
        let (zero, one) = (sets(&[0x68, 0xCE, 0x3C, 0x80]), sets(&[0x68, 0x53, 0x8F, 0x20]));
        let both = behind(&zero, one.clone());
        let config = AvcConfig::parse(&both.codec_private).unwrap();
        assert_eq!(config.pps.len(), 2);
        assert_eq!(behind(&both, zero.clone()), both);
        assert_eq!(behind(&both, one.clone()), both);
        assert_eq!(behind(&zero, zero.clone()), zero);
    }

    #[test]
    fn failures_of_a_session_become_kinds_that_a_person_can_act_on() {
        use Stage::{Opening, Playing};
        let check = |stage, status, text, expect| {
            assert_eq!(classify(status, text, stage), expect, "{text}");
        };
        check(Opening, Some(401), "401 Unauthorized response to DESCRIBE", Failure::WrongPassword);
        check(Opening, Some(404), "404 Not Found response to DESCRIBE", Failure::PathNotFound);
        check(Opening, Some(453), "453 response to SETUP", Failure::CameraRefused { status: 453 });
        check(Opening, Some(200), "200 OK response to DESCRIBE: bad SDP", Failure::ProtocolError);
        check(Opening, None, "Unable to connect to RTSP server: refused", Failure::Unreachable);
        check(Opening, None, "RTSP framing error: Invalid RTSP message", Failure::NotACamera);
        check(Playing, None, "RTSP framing error: Invalid RTSP message", Failure::ProtocolError);
        check(Playing, None, "Error reading from RTSP peer: reset", Failure::Ended);
        check(Playing, None, "FU-A has start bit unset", Failure::ProtocolError);
    }
}
