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

/// The part of a media file that exists nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotUploaded {
    /// Fragments.
    pub fragment_count: u64,
    /// Their bytes.
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
    /// The file.
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

/// Plans one pass over a stream's media files (in any order), so that afterwards `headroom_bytes` more may be written
/// without exceeding the policy's size. Headroom is what may be written before the next plan is executed.
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
    files: &[MediaFile<I>],
    policy: &DeletionPolicy,
    headroom_bytes: u64,
    now: Timestamp,
) -> DeletionPlan<I> {
    let mut plan = DeletionPlan {
        delete: Vec::new(),
        losses: Vec::new(),
        accept_new_media: true,
        seal_open_file: false,
    };
    let mut kept = Vec::new();
    for file in oldest_first(files) {
        match due(file, policy, now) {
            Some(reason) => plan.delete(file, reason),
            None => kept.push(file),
        }
    }
    let Some(limit) = policy.local_size else { return plan };
    let mut wanted_bytes =
        kept.iter().map(|file| file.size_bytes).fold(headroom_bytes, u64::saturating_add);
    if limit.on_full == OnFullSize::DeleteOldestMedia {
        for file in victims(&kept) {
            if wanted_bytes <= limit.size_bytes_max {
                break;
            }
            wanted_bytes -= file.size_bytes;
            plan.delete(file, Reason::LocalSize);
        }
        let has_open_file = kept.iter().any(|file| file.is_open && file.size_bytes > 0);
        plan.seal_open_file = wanted_bytes > limit.size_bytes_max && has_open_file;
    }
    plan.accept_new_media = wanted_bytes <= limit.size_bytes_max;
    plan
}

/// One stream of a hub whose disk runs short: its policy and what is left after its own plan.
#[derive(Clone, Copy, Debug)]
pub struct StreamMedia<'a, I> {
    /// The stream's policy: `DENY_NEW_MEDIA` protects its media here as well.
    pub policy: &'a DeletionPolicy,
    /// Its media files.
    pub files: &'a [MediaFile<I>],
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
pub fn plan_reserve<I: Copy>(streams: &[StreamMedia<'_, I>], missing_bytes: u64) -> ReservePlan<I> {
    let may_go = |stream: &&StreamMedia<'_, I>| {
        stream.policy.local_size.is_none_or(|limit| limit.on_full == OnFullSize::DeleteOldestMedia)
    };
    let files: Vec<&MediaFile<I>> =
        streams.iter().filter(may_go).flat_map(|stream| stream.files).collect();
    let mut plan = DeletionPlan {
        delete: Vec::new(),
        losses: Vec::new(),
        accept_new_media: true,
        seal_open_file: false,
    };
    let mut missing_bytes = missing_bytes;
    for file in victims(&files) {
        if missing_bytes == 0 {
            break;
        }
        missing_bytes = missing_bytes.saturating_sub(file.size_bytes);
        plan.delete(file, Reason::DiskReserve);
    }
    ReservePlan { delete: plan.delete, losses: plan.losses, accept_new_media: missing_bytes == 0 }
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

fn oldest_first<I>(files: &[MediaFile<I>]) -> Vec<&MediaFile<I>> {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by_key(|file| file.ends_at);
    files
}

/// The closed files in the order in which they make room: a second pass after everything that is due, since media that
/// exists nowhere else goes only when nothing else is left.
fn victims<'a, I>(files: &[&'a MediaFile<I>]) -> Vec<&'a MediaFile<I>> {
    let mut victims: Vec<_> = files.iter().copied().filter(|file| !file.is_open).collect();
    victims.sort_by_key(|file| (!file.not_uploaded.is_nothing(), file.ends_at));
    victims
}

impl<I: Copy> DeletionPlan<I> {
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
