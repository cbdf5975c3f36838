//! What local media goes, why, and whether new media may come.
//!
//! Plans; the store executes and has no choices left. A plan is a value: it can be logged, shown and tested, and
//! executing it and planning again plans nothing more. Uploaded media goes before media that exists nowhere else.
//! Losing media that is not uploaded is what the policy may ask for (KVS API_DeletionConfig protects nothing), but it is
//! counted per reason in [`DeletionPlan::losses`] and never silent. It never touches a file.
//!
//! Two questions, asked in this order: [`plan`] per stream by its own policy, then [`plan_reserve`] once for the whole
//! hub when its disk has less free space than is kept in reserve.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter::Peekable;
use std::time::Duration;

use vigie_media::Timestamp;

/// A stream's policy with defaults filled: KVS `DeletionConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionPolicy {
    /// `EdgeRetentionInHours`, 1 to 720.
    pub retention_hours: u32,
    /// `LocalSizeConfig` with a size.
    pub local_size: Option<LocalSizeLimit>,
    /// `DeleteAfterUpload`.
    pub delete_after_upload: bool,
}

/// `MaxLocalMediaSizeInMB` and `StrategyOnFullSize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalSizeLimit {
    /// All local media of the stream together never has more bytes.
    pub size_bytes_max: u64,
    /// What happens when it would.
    pub on_full: OnFullSize,
}

/// KVS `StrategyOnFullSize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFullSize {
    /// The oldest media goes, uploaded media first.
    DeleteOldestMedia,
    /// Nothing goes; recording pauses.
    DenyNewMedia,
}

/// A media file as the planner sees it. `I` is the store's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaFile<I> {
    /// The store's name for it.
    pub id: I,
    /// Begin of its oldest fragment.
    pub starts_at: Timestamp,
    /// End of its newest fragment.
    pub ends_at: Timestamp,
    /// Its bytes on disk so far.
    pub size_bytes: u64,
    /// What of it the service does not hold.
    pub not_uploaded: NotUploaded,
    /// It is still written to: counted, never deleted.
    pub is_open: bool,
}

/// A stream's media files as the planner asks for them, all of one moment.
///
/// It asks for no more than it plans to delete and one beyond, so that a plan with nothing to do costs the same for a
/// stream of an hour and one of a year. Files in memory ([`MediaFile`]s in any order) are one already.
pub trait LocalMedia<I> {
    /// Bytes of all files on disk, the open one included.
    fn size_bytes(&self) -> u64;
    /// Bytes of the open ones among them.
    fn open_size_bytes(&self) -> u64;
    /// The closed files of which the service holds all, the one that ended first first.
    fn uploaded(&self) -> impl Iterator<Item = MediaFile<I>>;
    /// The closed files of which the service does not hold all, the one that ended first first.
    fn not_uploaded(&self) -> impl Iterator<Item = MediaFile<I>>;
}

impl<I: Copy, T: AsRef<[MediaFile<I>]> + ?Sized> LocalMedia<I> for T {
    fn size_bytes(&self) -> u64 {
        self.as_ref().iter().map(|file| file.size_bytes).fold(0, u64::saturating_add)
    }

    fn open_size_bytes(&self) -> u64 {
        let open = self.as_ref().iter().filter(|file| file.is_open);
        open.map(|file| file.size_bytes).fold(0, u64::saturating_add)
    }

    fn uploaded(&self) -> impl Iterator<Item = MediaFile<I>> {
        closed(self.as_ref(), true)
    }

    fn not_uploaded(&self) -> impl Iterator<Item = MediaFile<I>> {
        closed(self.as_ref(), false)
    }
}

fn closed<I: Copy>(
    files: &[MediaFile<I>],
    uploaded: bool,
) -> impl Iterator<Item = MediaFile<I>> + use<I> {
    let wanted = |file: &&MediaFile<I>| !file.is_open && file.not_uploaded.is_nothing() == uploaded;
    let mut files: Vec<_> = files.iter().filter(wanted).copied().collect();
    files.sort_by_key(|file| file.ends_at);
    files.into_iter()
}

/// The part of a media file that exists nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotUploaded {
    pub fragment_count: u64,
    pub size_bytes: u64,
}

impl NotUploaded {
    fn is_nothing(self) -> bool {
        self.fragment_count == 0
    }
}

/// Why a media file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Older than `EdgeRetentionInHours`.
    Expired,
    /// Wholly uploaded, and `DeleteAfterUpload`.
    Uploaded,
    /// `MaxLocalMediaSizeInMB`.
    LocalSize,
    /// The free space that the hub keeps in reserve.
    DiskReserve,
}

impl Reason {
    /// For logs and ledgers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Uploaded => "uploaded",
            Self::LocalSize => "local size",
            Self::DiskReserve => "disk reserve",
        }
    }
}

/// Media that is not uploaded and goes nevertheless: one entry per file of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss<I> {
    pub id: I,
    /// Why it goes.
    pub reason: Reason,
    /// Begin of the file's media.
    pub starts_at: Timestamp,
    /// End of the file's media.
    pub ends_at: Timestamp,
    /// What is lost.
    pub not_uploaded: NotUploaded,
}

/// What to do with a stream's local media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionPlan<I> {
    /// The files to delete, in this order.
    pub delete: Vec<(I, Reason)>,
    /// The part of them that is lost for good.
    pub losses: Vec<Loss<I>>,
    /// Whether the bytes asked for fit once the plan is executed.
    pub accept_new_media: bool,
    /// The limit is reached by the open file alone: end it, so that the next plan can delete it.
    pub seal_open_file: bool,
}

/// Plans one pass over a stream's media, so that afterwards `headroom_bytes` more may be written without exceeding the
/// policy's size. Headroom is what may be written before the next plan is executed.
///
/// ```
/// use vigie_engine::deletion::{DeletionPolicy, MediaFile, NotUploaded, Reason, plan};
/// use vigie_media::Timestamp;
///
/// let file = MediaFile {
///     id: 7,
///     starts_at: Timestamp::EPOCH,
///     ends_at: Timestamp::from_millis(60_000),
///     size_bytes: 1_000,
///     not_uploaded: NotUploaded { fragment_count: 3, size_bytes: 900 },
///     is_open: false,
/// };
/// let policy = DeletionPolicy { retention_hours: 1, local_size: None, delete_after_upload: true };
/// let plan = plan(&[file], &policy, 0, Timestamp::from_millis(3_660_000));
/// assert_eq!(plan.delete, [(7, Reason::Expired)]);
/// assert_eq!(plan.losses[0].not_uploaded.fragment_count, 3);
/// ```
pub fn plan<I: Copy>(
    media: &(impl LocalMedia<I> + ?Sized),
    policy: &DeletionPolicy,
    headroom_bytes: u64,
    now: Timestamp,
) -> DeletionPlan<I> {
    let mut plan = DeletionPlan::nothing();
    let mut wanted_bytes = media.size_bytes().saturating_add(headroom_bytes);
    let mut uploaded = media.uploaded().peekable();
    let mut not_uploaded = media.not_uploaded().peekable();
    // What is due stands at the begin of both: either all of it is, or what ended first.
    let is_due = |file: &MediaFile<I>| due(file, policy, now).is_some();
    loop {
        let ends_at = |file: &MediaFile<I>| is_due(file).then_some(file.ends_at);
        let first = uploaded.peek().and_then(ends_at);
        let second = not_uploaded.peek().and_then(ends_at);
        let file = match (first, second) {
            (None, None) => break,
            (Some(first), Some(second)) if second < first => not_uploaded.next(),
            (Some(_), _) => uploaded.next(),
            (None, Some(_)) => not_uploaded.next(),
        };
        if let Some(file) = file
            && let Some(reason) = due(&file, policy, now)
        {
            wanted_bytes = wanted_bytes.saturating_sub(file.size_bytes);
            plan.delete(&file, reason);
        }
    }
    let Some(limit) = policy.local_size else { return plan };
    if limit.on_full == OnFullSize::DeleteOldestMedia {
        // Media that exists nowhere else goes only when nothing else is left.
        let mut victims = uploaded.chain(not_uploaded);
        while wanted_bytes > limit.size_bytes_max
            && let Some(file) = victims.next()
        {
            wanted_bytes = wanted_bytes.saturating_sub(file.size_bytes);
            plan.delete(&file, Reason::LocalSize);
        }
        let has_open_file = media.open_size_bytes() > 0;
        plan.seal_open_file = wanted_bytes > limit.size_bytes_max && has_open_file;
    }
    plan.accept_new_media = wanted_bytes <= limit.size_bytes_max;
    plan
}

/// One stream of a hub whose disk runs short: its policy and what is left after its own plan.
#[derive(Clone, Copy, Debug)]
pub struct StreamMedia<'a, M: ?Sized> {
    /// The stream's policy: `DENY_NEW_MEDIA` protects its media here as well.
    pub policy: &'a DeletionPolicy,
    /// Its media files.
    pub files: &'a M,
}

/// What to do about a disk that runs short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservePlan<I> {
    /// The files to delete, in this order.
    pub delete: Vec<(I, Reason)>,
    /// The part of them that is lost for good.
    pub losses: Vec<Loss<I>>,
    /// Whether the reserve is kept once the plan is executed; no stream may write otherwise.
    pub accept_new_media: bool,
}

/// Plans for the whole hub, so that `missing_bytes` more are free: uploaded media of any stream first, then the oldest
/// of all.
pub fn plan_reserve<I: Copy, M: LocalMedia<I> + ?Sized>(
    streams: &[StreamMedia<'_, M>],
    missing_bytes: u64,
) -> ReservePlan<I> {
    let may_go = |stream: &&StreamMedia<'_, M>| {
        stream.policy.local_size.is_none_or(|limit| limit.on_full == OnFullSize::DeleteOldestMedia)
    };
    let mut plan = DeletionPlan::nothing();
    let mut missing_bytes = missing_bytes;
    if missing_bytes > 0 {
        let media: Vec<&M> = streams.iter().filter(may_go).map(|stream| stream.files).collect();
        let uploaded = merged(media.iter().map(|media| media.uploaded()));
        let not_uploaded = merged(media.iter().map(|media| media.not_uploaded()));
        let mut victims = uploaded.chain(not_uploaded);
        while missing_bytes > 0
            && let Some(file) = victims.next()
        {
            missing_bytes = missing_bytes.saturating_sub(file.size_bytes);
            plan.delete(&file, Reason::DiskReserve);
        }
    }
    ReservePlan { delete: plan.delete, losses: plan.losses, accept_new_media: missing_bytes == 0 }
}

/// The files of many streams, the one that ended first first. Asks no stream before it is its turn, and none for more
/// than its next file.
struct Merged<F: Iterator> {
    streams: Vec<Peekable<F>>,
    /// When the next file of each stream ended; `None` before the first is asked for.
    next: Option<BinaryHeap<Reverse<(Timestamp, usize)>>>,
}

fn merged<I, F: Iterator<Item = MediaFile<I>>>(streams: impl Iterator<Item = F>) -> Merged<F> {
    Merged { streams: streams.map(Iterator::peekable).collect(), next: None }
}

impl<I: Copy, F: Iterator<Item = MediaFile<I>>> Iterator for Merged<F> {
    type Item = MediaFile<I>;

    fn next(&mut self) -> Option<MediaFile<I>> {
        let streams = &mut self.streams;
        let next = self.next.get_or_insert_with(|| {
            let first = streams.iter_mut().enumerate().filter_map(|(number, stream)| {
                stream.peek().map(|file| Reverse((file.ends_at, number)))
            });
            first.collect()
        });
        let Reverse((_, number)) = next.pop()?;
        let stream = streams.get_mut(number)?;
        let file = stream.next();
        if let Some(following) = stream.peek() {
            next.push(Reverse((following.ends_at, number)));
        }
        file
    }
}

/// Whether a file goes by itself, room or not.
fn due<I>(file: &MediaFile<I>, policy: &DeletionPolicy, now: Timestamp) -> Option<Reason> {
    let retention = Duration::from_secs(u64::from(policy.retention_hours) * 3600);
    if file.is_open {
        None
    } else if file.not_uploaded.is_nothing() && policy.delete_after_upload {
        Some(Reason::Uploaded)
    } else if file.ends_at + retention <= now {
        Some(Reason::Expired)
    } else {
        None
    }
}

impl<I: Copy> DeletionPlan<I> {
    const fn nothing() -> Self {
        Self {
            delete: Vec::new(),
            losses: Vec::new(),
            accept_new_media: true,
            seal_open_file: false,
        }
    }

    fn delete(&mut self, file: &MediaFile<I>, reason: Reason) {
        self.delete.push((file.id, reason));
        if !file.not_uploaded.is_nothing() {
            self.losses.push(Loss {
                id: file.id,
                reason,
                starts_at: file.starts_at,
                ends_at: file.ends_at,
                not_uploaded: file.not_uploaded,
            });
        }
    }
}
