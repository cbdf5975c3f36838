//! A camera: RTSP over TCP by retina, from DESCRIBE to frames in batches.
//!
//! Frames keep the camera's bytes: every NAL unit but parameter sets stays in place with a 4-byte length before it;
//! parameter sets go into the track's avcC or hvcC, and a change of them is reported before the first frame that needs
//! it. Decides nothing about time: the core closes a session that does not open or falls silent, and opens the next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use retina::client::{
    Credentials, Demuxed, Described, InitialTimestampPolicy, PlayOptions, SessionOptions,
    SetupOptions, TcpTransportOptions, Transport,
};
use retina::codec::{AudioParameters, CodecItem, FrameFormat, ParametersRef, VideoParameters};
use vigie_engine::clock::Clock;
use vigie_engine::recorder::Failure;
use vigie_kvs::media_uri::MediaUri;
use vigie_media::codec::{aac, g711, h265};
use vigie_media::{Track, TrackKind, VideoSettings, codec_id};

use crate::core::{FrameTime, Session, SourceEvent, SourceFrame};
use crate::shell::camera_uri::CameraUri;
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::FrameBatch;

/// Frames are handed over at least this often.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);

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

/// Plays the camera behind `uri` until it fails; dropping the future closes the connection.
pub(crate) async fn run(session: Session, uri: MediaUri, core: CoreHandle, clock: Arc<dyn Clock>) {
    let mut batch = FrameBatch::new(session, core);
    match play(&uri, &mut batch, clock.as_ref()).await {
        Err(End::Failed(failure)) => {
            // When the core has ended there is nobody left to tell.
            drop(batch.send(SourceEvent::Failed(failure)).await);
        }
        Err(End::CoreGone) | Ok(()) => {}
    }
}

async fn play(uri: &MediaUri, batch: &mut FrameBatch, clock: &dyn Clock) -> Result<(), End> {
    let (mut demuxed, chosen) = open(uri).await.map_err(End::Failed)?;
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
            Some(Err(error)) => return Err(End::Failed(failure_of(&error, Stage::Playing))),
            None => return Err(End::Failed(Failure::Ended)),
        };
        let frame = match item {
            CodecItem::VideoFrame(frame) => {
                if frame.has_new_parameters() || announced.is_empty() {
                    // Without parameter sets nothing could be decoded: wait for them.
                    let Some(tracks) = chosen.tracks(&demuxed) else { continue };
                    if tracks != announced {
                        announced.clone_from(&tracks);
                        batch.send(SourceEvent::Opened { tracks }).await?;
                    }
                }
                let time = media_time(frame.timestamp(), clock);
                // retina 0.4 counts of H.265 only IDR pictures, and open groups of pictures begin with others.
                let is_random_access = frame.is_random_access_point();
                let data = Bytes::from(frame.into_data());
                let key_frame =
                    is_random_access || (chosen.is_h265 && h265::is_key(&data, NAL_LENGTH_BYTES));
                SourceFrame { track_number: VIDEO_TRACK, time, key_frame, data }
            }
            CodecItem::AudioFrame(frame) if !announced.is_empty() => SourceFrame {
                track_number: AUDIO_TRACK,
                time: media_time(frame.timestamp(), clock),
                key_frame: true,
                data: Bytes::copy_from_slice(frame.data()),
            },
            _ => continue,
        };
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

    /// The tracks as they are now; `None` while the camera has not sent its parameter sets.
    fn tracks(&self, demuxed: &Demuxed) -> Option<Vec<Track>> {
        let stream = demuxed.streams().get(self.video)?;
        let Some(ParametersRef::Video(parameters)) = stream.parameters() else { return None };
        let mut tracks = vec![video_track(stream.encoding_name(), parameters)];
        if let Some(stream) = self.audio.and_then(|index| demuxed.streams().get(index))
            && let Some(ParametersRef::Audio(parameters)) = stream.parameters()
        {
            tracks.extend(audio_track(stream.encoding_name(), parameters));
        }
        Some(tracks)
    }
}

async fn open(uri: &MediaUri) -> Result<(Demuxed, Chosen), Failure> {
    let camera = CameraUri::parse(uri.expose()).ok_or(Failure::BadUri)?;
    let login = camera.login.map(|login| Credentials {
        username: login.user,
        password: login.password.expose().to_owned(),
    });
    let options = SessionOptions::default()
        .creds(login)
        .user_agent(concat!("vigie/", env!("CARGO_PKG_VERSION")).to_owned());
    let failure = |error: retina::Error| failure_of(&error, Stage::Opening);
    let mut session =
        retina::client::Session::describe(camera.url, options).await.map_err(failure)?;
    let chosen = Chosen::from(&session)?;
    for index in [Some(chosen.video), chosen.audio].into_iter().flatten() {
        let options = SetupOptions::default()
            .transport(Transport::Tcp(TcpTransportOptions::default()))
            .frame_format(FrameFormat::MP4);
        session.setup(index, options).await.map_err(failure)?;
    }
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
