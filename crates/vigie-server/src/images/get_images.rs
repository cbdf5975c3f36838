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
use super::plan::{self, Instants, Link, Shown, Stretch};
use super::{Images, TURN_MAX};
use crate::api::{Call, page_token};
use crate::archive::{ArchiveError, StoredFragment};
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::fragment_selection::key_frame::KEY_FRAME_BEFORE_MS;
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
    let page = Page::new(&times, clock, &fragments);
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
    let since = |reach_ms: i64| {
        let range = TimestampRange {
            start_timestamp: Timestamp::from_millis(first.saturating_sub(reach_ms)),
            end_timestamp: Timestamp::from_millis(last),
        };
        list_range(media, stream, clock, range, usize::MAX)
    };
    let found = since(reach_ms).await?.fragments;
    let begun = found.iter().take_while(|fragment| start_ms(clock, fragment) <= first);
    if found.is_empty() || begun.filter(|fragment| fragment.begins_with_key_frame).count() > 0 {
        return Ok(found);
    }
    // The key frame of the first ones lies before them.
    Ok(since(reach_ms + KEY_FRAME_BEFORE_MS).await?.fragments)
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

/// The instants that one run of fragments holds.
#[derive(Clone)]
struct Job {
    run: Run,
    /// What is before it, if that is no pause away, and how much earlier its last fragment begins.
    before: Option<(Run, i64)>,
    /// Their places in the page, and which moments of the run they are.
    instants: Vec<(usize, Moment)>,
}

/// Fragments that are decoded one behind the other, the first of them with a key frame where there is one.
#[derive(Clone)]
struct Run(Vec<StoredFragment>);

/// So long after the start of the fragment at `index`.
#[derive(Clone, Copy)]
struct Moment {
    index: usize,
    offset_ms: i64,
}

impl Run {
    /// What has to be decoded for the pictures of the fragment at `index`.
    fn of(fragments: &[StoredFragment], links: &[Link], index: usize) -> (usize, Self) {
        let from = plan::beginning_of_run(links, index);
        (from, Self(fragments[from..=index].to_vec()))
    }

    /// When its fragment at `index` begins, after the first one.
    fn start_ms(&self, index: usize) -> i64 {
        let at_ms = |fragment: &StoredFragment| fragment.producer_timestamp.as_millis();
        let (first, at) = (self.0.first(), self.0.get(index));
        first.zip(at).map_or(0, |(first, at)| at_ms(at).saturating_sub(at_ms(first)))
    }

    /// When a moment is, after its start; still in its own fragment, whatever clock counts it.
    fn offset_ms(&self, moment: Moment) -> i64 {
        let at_ms = self.start_ms(moment.index).saturating_add(moment.offset_ms);
        if moment.index + 1 < self.0.len() {
            return at_ms.min(self.start_ms(moment.index + 1).saturating_sub(1));
        }
        at_ms
    }
}

impl Page {
    fn new(times: &[i64], clock: FragmentSelectorType, fragments: &[StoredFragment]) -> Self {
        let stretch = |start_ms, fragment: &StoredFragment| Stretch {
            start_ms,
            duration_ms: fragment.duration_ms.into(),
        };
        let link = |fragment: &StoredFragment| Link {
            stretch: stretch(fragment.producer_timestamp.as_millis(), fragment),
            size_bytes: fragment.size_bytes,
            begins_with_key_frame: fragment.begins_with_key_frame,
        };
        let by_clock = |fragment: &StoredFragment| stretch(start_ms(clock, fragment), fragment);
        let stretches: Vec<Stretch> = fragments.iter().map(by_clock).collect();
        let links: Vec<Link> = fragments.iter().map(link).collect();
        let mut jobs: Vec<Job> = Vec::new();
        let mut made = vec![None; times.len()];
        let mut begun_at = None;
        for (place, &at_ms) in times.iter().enumerate() {
            let Some(index) = plan::holder(&stretches, at_ms) else {
                made[place] = Some(Err(ImageErrorKind::NoMedia));
                continue;
            };
            let (from, run) = Run::of(fragments, &links, index);
            let offset_ms = at_ms.saturating_sub(stretches[index].start_ms);
            let instant = (place, Moment { index: index - from, offset_ms });
            match jobs.last_mut() {
                Some(job) if begun_at == Some(from) => {
                    if run.0.len() > job.run.0.len() {
                        job.run = run;
                    }
                    job.instants.push(instant);
                }
                _ => {
                    let start_ms = stretches[from].start_ms;
                    let before = plan::holder(&stretches[..from], start_ms).map(|before| {
                        let (_, run) = Run::of(fragments, &links, before);
                        (run, start_ms - stretches[before].start_ms)
                    });
                    jobs.push(Job { run, before, instants: vec![instant] });
                    begun_at = Some(from);
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
    let offset_ms = |&(_, moment): &(usize, Moment)| job.run.offset_ms(moment);
    let mut offsets: Vec<i64> = job.instants.iter().map(offset_ms).collect();
    let coded = match read_run(media, &job.run).await {
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
        && let Some((run, later_ms)) = &job.before
        && let Ok(Some(before)) = read_run(media, run).await
    {
        let last_ms = run.start_ms(run.0.len().saturating_sub(1));
        let late = |offset_ms: i64| offset_ms.saturating_add(*later_ms).saturating_add(last_ms);
        let late: Vec<i64> = offsets.drain(..early).map(late).collect();
        let found = before.files(decoders, &late, form).await?;
        files.splice(..early, found);
    }
    let at = files.len() - offsets.len();
    let found = coded.files(decoders, &offsets, form).await?;
    files.splice(at.., found);
    Ok(files)
}

/// The coded frames of a run.
struct Coded {
    /// Without frames.
    video: CodedVideo,
    frames: Vec<Bytes>,
    shown: Vec<Shown>,
}

impl Coded {
    /// When its first picture is shown, after its start.
    fn first_shown_ms(&self) -> i64 {
        plan::frame_at(&self.shown, i64::MIN)
            .map_or(i64::MIN, |(_, first)| self.shown[first].offset_ms)
    }

    /// The files of the pictures that are shown so long after its start.
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

/// Reads the first video track of a run. Where its coding changes in between there is nothing to decode from.
async fn read_run(media: &Media, run: &Run) -> Result<Option<Coded>, ArchiveError> {
    let mut coded: Option<Coded> = None;
    for (index, fragment) in run.0.iter().enumerate() {
        let Some(mut read) = read(media, fragment).await? else { return Ok(None) };
        let start_ms = run.start_ms(index);
        for shown in &mut read.shown {
            shown.offset_ms = shown.offset_ms.saturating_add(start_ms);
        }
        match &mut coded {
            Some(coded) if coded.video == read.video => {
                coded.shown.append(&mut read.shown);
                coded.frames.append(&mut read.frames);
            }
            _ => coded = Some(read),
        }
    }
    Ok(coded)
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
