//! The shell of GetImages: reads the fragments, has their frames decoded, and cuts the answer to a page.
//!
//! A page ends early, with a token for the rest, when it is large or took long: a caller who follows tokens gets
//! everything, and no call holds much memory or outlasts its caller's patience.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::Instant;
use vigie_images::decode::{Codec, CodedFrame, CodedVideo};
use vigie_images::encode::{Form, Format};
use vigie_images::protocol::{ImageError, Reply, Request};
use vigie_kvs::shapes::archived_media::{FragmentSelectorType, TimestampRange};
use vigie_kvs::shapes::delivery::ImageFormat;
use vigie_kvs::shapes::images::{GetImagesInput, GetImagesOutput, Image, ImageErrorKind};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames};
use vigie_media::sample::{CodecConfig, SampleTrack};
use vigie_media::{Timestamp, TrackKind};

use super::decoders::Decoders;
use super::plan::{self, Instants, Shown, Stretch};
use super::{Images, TURN_MAX};
use crate::api::{Call, page_token};
use crate::archive::{ArchiveError, StoredFragment};
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::fragment_selection::list_range;
use crate::media::Media;

/// No fragment is begun once a page holds so many bytes of images.
const PAGE_BYTES: usize = 8 << 20;
/// No fragment is begun after so long. With the time for a turn and the decoder's deadline a call stays below the
/// minute that the SDKs wait for an answer.
const PAGE_TIME: Duration = Duration::from_secs(15);

/// Where a page ended: the first instant of the next.
#[derive(Serialize, Deserialize)]
struct Position {
    next_ms: i64,
}

pub(crate) async fn get_images(
    images: &Arc<Images>,
    call: &Call,
    input: GetImagesInput,
) -> Answer<GetImagesOutput> {
    let stream = images.media.streams.active(call, &input.stream()?).await?;
    input.check()?;
    if stream.retention_hours == 0 {
        return Err(refused(ErrorKind::NoDataRetention, "the stream retains no media"));
    }
    let start_ms = input.start_timestamp.as_millis();
    let end_ms = input.end_timestamp.as_millis();
    let mut instants = Instants::new(start_ms, end_ms, input.sampling_interval);
    if let Some(token) = &input.next_token {
        let position: Position = page_token::read(token)?;
        instants = instants.from(position.next_ms).ok_or_else(|| {
            KvsError::invalid_argument("NextToken did not come from an earlier page of this range")
        })?;
    }
    let form = Form {
        format: match input.format {
            ImageFormat::Jpeg => Format::Jpeg { quality: input.jpeg_quality()? },
            ImageFormat::Png => Format::Png,
        },
        width: side(input.width_pixels),
        height: side(input.height_pixels),
    };
    let results_max = input.max_results.and_then(|count| usize::try_from(count).ok());
    let results_max = results_max.unwrap_or(plan::PAGE_MAX).min(plan::PAGE_MAX);
    let times = instants.page(results_max);
    let busy = || refused(ErrorKind::ClientLimitExceeded, "too many images are being made");
    let _waiting = images.waiting.try_acquire().map_err(|_| busy())?;
    let turn = images.media.process.timeout(TURN_MAX, images.calls.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(busy()) };
    let clock = input.image_selector_type;
    let fragments = fragments(&images.media, &stream, clock, &times).await?;
    let page = Page::new(&times, clock, fragments);
    let made = page.make(images, form).await?;
    let next = match made.len() < times.len() {
        true => times.get(made.len()).copied(),
        false => times.last().and_then(|&last| instants.after(last)),
    };
    let next_token = next.map(|next_ms| page_token::write(&Position { next_ms })).transpose()?;
    Ok(GetImagesOutput { images: made, next_token })
}

fn side(pixels: Option<i32>) -> Option<u16> {
    pixels.and_then(|pixels| u16::try_from(pixels).ok()).filter(|&pixels| pixels > 0)
}

fn refused(kind: ErrorKind, message: &str) -> Failure {
    KvsError::new(kind, message).into()
}

/// When a fragment begins by the clock that instants are meant by.
fn start_ms(clock: FragmentSelectorType, fragment: &StoredFragment) -> i64 {
    match clock {
        FragmentSelectorType::ProducerTimestamp => fragment.producer_timestamp.as_millis(),
        FragmentSelectorType::ServerTimestamp => fragment.server_timestamp.as_millis(),
    }
}

/// The fragments that could hold one of the instants, in the order of the clock.
async fn fragments(
    media: &Media,
    stream: &Stream,
    clock: FragmentSelectorType,
    times: &[i64],
) -> Answer<Vec<StoredFragment>> {
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
        return Ok(Vec::new());
    };
    let reach_ms = plan::FRAGMENT_MS_MAX + plan::PAUSE_MS;
    let range = TimestampRange {
        start_timestamp: Timestamp::from_millis(first.saturating_sub(reach_ms)),
        end_timestamp: Timestamp::from_millis(last),
    };
    Ok(list_range(media, stream, clock, range, usize::MAX).await?.fragments)
}

/// The images of one answer.
struct Page {
    times: Vec<i64>,
    /// What is decoded together.
    jobs: Vec<Job>,
    /// By instant: the image, or why there is none, once that is known.
    made: Vec<Option<Made>>,
}

type Made = Result<String, ImageErrorKind>;

/// The instants that one fragment holds.
#[derive(Clone)]
struct Job {
    fragment: StoredFragment,
    /// The fragment before it, if that is no pause away, and how much earlier it begins.
    before: Option<(StoredFragment, i64)>,
    /// Their places in the page, and how long after the fragment's start they are.
    instants: Vec<(usize, i64)>,
}

impl Page {
    fn new(times: &[i64], clock: FragmentSelectorType, fragments: Vec<StoredFragment>) -> Self {
        let stretch = |fragment: &StoredFragment| Stretch {
            start_ms: start_ms(clock, fragment),
            duration_ms: fragment.duration_ms.into(),
        };
        let stretches: Vec<Stretch> = fragments.iter().map(stretch).collect();
        let mut jobs: Vec<Job> = Vec::new();
        let mut made = vec![None; times.len()];
        let mut of_job = None;
        for (place, &at_ms) in times.iter().enumerate() {
            let Some(index) = plan::holder(&stretches, at_ms) else {
                made[place] = Some(Err(ImageErrorKind::NoMedia));
                continue;
            };
            let instant = (place, at_ms.saturating_sub(stretches[index].start_ms));
            match jobs.last_mut() {
                Some(job) if of_job == Some(index) => job.instants.push(instant),
                _ => {
                    let start_ms = stretches[index].start_ms;
                    let before = plan::holder(&stretches[..index], start_ms).map(|before| {
                        (fragments[before].clone(), start_ms - stretches[before].start_ms)
                    });
                    let fragment = fragments[index].clone();
                    jobs.push(Job { fragment, before, instants: vec![instant] });
                    of_job = Some(index);
                }
            }
        }
        Self { times: times.to_vec(), jobs, made }
    }

    /// The images up to where the page ends: at least those of one fragment.
    async fn make(mut self, images: &Arc<Images>, form: Form) -> Answer<Vec<Image>> {
        let begun = Instant::now();
        let mut size_bytes = 0;
        let mut under_way = JoinSet::new();
        let mut jobs = std::mem::take(&mut self.jobs).into_iter().peekable();
        loop {
            let has_room = size_bytes < PAGE_BYTES && begun.elapsed() < PAGE_TIME;
            if under_way.len() < images.processes_max
                && has_room
                && let Some(job) = jobs.next()
            {
                let images = Arc::clone(images);
                under_way.spawn(async move { (decode(&images, &job, form).await, job) });
                continue;
            }
            let Some(done) = under_way.join_next().await else { break };
            let (replies, job) = done.map_err(|error| Failure::Internal(error.to_string()))?;
            for (&(place, _), reply) in job.instants.iter().zip(replies?) {
                let Some(reply) = reply else { continue };
                let image = reply.map(|file| STANDARD.encode(file));
                size_bytes += image.as_ref().map_or(0, String::len);
                let count = match &image {
                    Ok(_) => &images.media.metrics.images,
                    Err(_) => &images.media.metrics.image_errors,
                };
                count.inc();
                self.made[place] = Some(image);
            }
        }
        images.tend();
        let made = self.made.into_iter().map_while(|made| made);
        let image = |(made, at_ms): (Made, i64)| Image {
            time_stamp: Timestamp::from_millis(at_ms),
            error: made.as_ref().err().copied(),
            image_content: made.ok(),
        };
        Ok(made.zip(self.times).map(image).collect())
    }
}

/// A file, or why there is none, or nothing where that is left to the next page.
type Files = Vec<Option<Result<Bytes, ImageErrorKind>>>;

/// What comes of each instant of a job.
async fn decode(images: &Images, job: &Job, form: Form) -> Answer<Files> {
    let (media, decoders) = (images.media.as_ref(), images.decoders.as_ref());
    let mut files = vec![Some(Err(ImageErrorKind::MediaError)); job.instants.len()];
    let mut offsets: Vec<i64> = job.instants.iter().map(|&(_, offset_ms)| offset_ms).collect();
    let coded = match read(media, &job.fragment).await {
        Ok(Some(coded)) => coded,
        Ok(None) => return Ok(files),
        // Deleted since it was listed.
        Err(ArchiveError::FragmentGone) => {
            files.fill(Some(Err(ImageErrorKind::NoMedia)));
            return Ok(files);
        }
        Err(error) => return Err(error.into()),
    };
    // Where sound begins earlier than the pictures, the fragment before still shows its last one.
    let early = offsets.iter().take_while(|&&offset| offset < coded.first_shown_ms()).count();
    if early > 0
        && let Some((before, later_ms)) = &job.before
        && let Ok(Some(before)) = read(media, before).await
    {
        let late: Vec<i64> = offsets.drain(..early).map(|offset| offset + later_ms).collect();
        let found = before.files(decoders, &late, form).await?;
        files.splice(..early, found);
    }
    let at = files.len() - offsets.len();
    let found = coded.files(decoders, &offsets, form).await?;
    files.splice(at.., found);
    Ok(files)
}

/// The coded frames of a fragment.
struct Coded {
    /// Without frames.
    video: CodedVideo,
    frames: Vec<Bytes>,
    shown: Vec<Shown>,
}

impl Coded {
    /// When its first picture is shown, after the fragment's start.
    fn first_shown_ms(&self) -> i64 {
        plan::frame_at(&self.shown, i64::MIN)
            .map_or(i64::MIN, |(_, first)| self.shown[first].offset_ms)
    }

    /// The files of the pictures that are shown so long after the fragment's start.
    async fn files(&self, decoders: &Decoders, offsets: &[i64], form: Form) -> Answer<Files> {
        let frames = offsets.iter().map(|&offset_ms| plan::frame_at(&self.shown, offset_ms));
        let frames: Vec<Option<(usize, usize)>> = frames.collect();
        let known: Vec<(usize, usize)> = frames.iter().copied().flatten().collect();
        let mut replies: BTreeMap<(usize, usize), Reply> = BTreeMap::new();
        for (from, wanted) in plan::passes(&known) {
            let request = self.request(from, &wanted, form);
            let answers = decoders.images(request).await.map_err(|error| {
                Failure::Internal(format!("a decoder cannot be started: {error}"))
            })?;
            replies.extend(wanted.into_iter().map(|wanted| (from, wanted)).zip(answers));
        }
        let file = |frame: &Option<(usize, usize)>| match frame.and_then(|it| replies.get(&it)) {
            Some(Ok(file)) => Some(Ok(file.clone())),
            Some(Err(ImageError::NotReached)) => None,
            Some(Err(error)) => {
                tracing::debug!(%error, "no image");
                Some(Err(ImageErrorKind::MediaError))
            }
            None => Some(Err(ImageErrorKind::MediaError)),
        };
        Ok(frames.iter().map(file).collect())
    }

    fn request(&self, from: usize, wanted: &BTreeSet<usize>, form: Form) -> Request {
        let last = wanted.last().copied().unwrap_or(from);
        let frame = |index: usize| CodedFrame {
            data: self.frames[index].clone(),
            wanted: wanted.contains(&index),
            shown_ms: i32::try_from(self.shown[index].offset_ms).unwrap_or(i32::MAX),
        };
        let video = CodedVideo { frames: (from..=last).map(frame).collect(), ..self.video.clone() };
        Request { video, form }
    }
}

/// What a decoder has to know of a track: its codec, its parameter sets, and the length of lengths before NAL units.
pub(super) fn codec_of(config: &CodecConfig) -> Option<(Codec, Vec<Bytes>, usize)> {
    match config {
        CodecConfig::H264(config) => {
            let sets = config.sps.iter().chain(&config.pps).cloned().collect();
            Some((Codec::H264, sets, config.nal_length_size))
        }
        CodecConfig::H265(config) => {
            let sets = config.vps.iter().chain(&config.sps).chain(&config.pps).cloned().collect();
            Some((Codec::H265, sets, config.nal_length_size))
        }
        _ => None,
    }
}

/// Reads the first video track of a fragment; `None` when it has none that could be decoded.
async fn read(media: &Media, fragment: &StoredFragment) -> Result<Option<Coded>, ArchiveError> {
    let raw = media.fragments.read_header(fragment).await?;
    let Ok(header) = DocumentHeader::parse(&raw, Limits::FILE) else { return Ok(None) };
    let Some(track) = header.tracks.iter().find(|track| track.kind == TrackKind::Video) else {
        return Ok(None);
    };
    let Ok(sample_track) = SampleTrack::new(track) else { return Ok(None) };
    let Some((codec, parameter_sets, nal_length_size)) = codec_of(sample_track.config()) else {
        return Ok(None);
    };
    let bytes = media.fragments.read(fragment).await?;
    let mut coded = Coded {
        video: CodedVideo { codec, parameter_sets, nal_length_size, frames: Vec::new() },
        frames: Vec::new(),
        shown: Vec::new(),
    };
    let mut frames = fragment_frames(&header, bytes);
    while let Some(frame) = frames.next() {
        let Ok(frame) = frame else { return Ok(None) };
        if frame.track_number != track.number {
            continue;
        }
        let cluster_ms = frames.cluster_timecode_ms().unwrap_or(frame.timecode_ms);
        let offset_ms = frame.timecode_ms.saturating_sub(cluster_ms);
        coded.shown.push(Shown { offset_ms, key_frame: frame.key_frame });
        coded.frames.push(frame.data);
    }
    Ok(Some(coded))
}
