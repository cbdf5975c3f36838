//! Fills a media store as a long time of recording leaves it: index rows through the store's own index, media files as
//! holes of the right length.
//!
//! Each media file is really there, with its name, its directory entry and its inode, because what lists or opens files
//! must meet them. Its bytes are a hole: all zeros, which take no room. The index says of them what is true, checksums
//! included; only the marks that a store writes between fragments are missing, which `vigie store check` says of each.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use vigie_media::Timestamp;
use vigie_store::index::{Change, Index, StreamId};
use vigie_store::{FragmentEntry, MediaFileId, MediaFilePlace, SqliteIndex};

use crate::Outcome;

/// Media files whose rows share a transaction: few enough that what it changes fits the cache of the index, where the rows
/// of all streams are added to at many places.
const FILES_PER_TRANSACTION: usize = 256;
/// Names that wait for their file to be made.
const FILES_WAITING_MAX: usize = 4096;

/// About what a document header takes, and a mark.
const HEADER_BYTES: u64 = 700;
const FRAGMENT_MARK_BYTES: u64 = 70;
const FILE_MARK_BYTES: u64 = 21;
const FRAMES: u32 = 50;
/// From a fragment's begin to when it was taken in.
const LAG_MS: i64 = 2100;
/// Fragments of a camera differ in size: so many sizes take turns, because each needs its checksum.
const SIZES: u64 = 16;
/// Sequences that a store hands out ahead of use.
const SEQUENCES_RESERVED: u64 = 1000;

/// What a stream holds when it has been filled.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    /// The stream's key in the store.
    pub(crate) key: String,
    pub(crate) files: u64,
    pub(crate) fragments_per_file: u64,
    /// About this; see [`SIZES`].
    pub(crate) fragment_bytes: u64,
    pub(crate) fragment_ms: u32,
    /// Between two fragments there is no media for so long.
    pub(crate) pause_ms: i64,
    /// Another place has all of them.
    pub(crate) uploaded: bool,
}

impl Holding {
    /// From the begin of its oldest media to the end of its newest.
    pub(crate) fn span_ms(&self) -> i64 {
        let fragments = (self.files * self.fragments_per_file).cast_signed();
        fragments * (i64::from(self.fragment_ms) + self.pause_ms)
    }
}

/// What was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) streams: u64,
    pub(crate) media_files: u64,
    pub(crate) fragments: u64,
    /// As the media files are long.
    pub(crate) media_bytes: u64,
}

/// Fills the store in `data_dir`, which nobody uses, with streams that it does not have yet; the media of each ends at
/// `until`. The files of all streams come about in the order of time, as they would have.
pub(crate) fn fill(data_dir: &Path, holdings: &[Holding], until: Timestamp) -> Outcome<Filled> {
    let media = data_dir.join("media");
    fs::create_dir_all(&media)?;
    let index = SqliteIndex::open(data_dir.join("index.sqlite"))?;
    let (send, waiting) = sync_channel(FILES_WAITING_MAX);
    std::thread::scope(|scope| {
        let media = media.as_path();
        let making = scope.spawn(move || make_files(media, waiting));
        let filled = Filler::new(index, send).and_then(|mut filler| filler.fill(holdings, until));
        let made = making.join().map_err(|_| "the thread that makes media files panicked")?;
        // Where files cannot be made the rows fail for it: the cause is told, not the consequence.
        made.and(filled)
    })
}

/// Makes files of nothing but a length, until there are no more.
fn make_files(media: &Path, waiting: Receiver<(PathBuf, u64)>) -> Outcome<()> {
    let mut directories = BTreeSet::new();
    for (path, size_bytes) in waiting {
        if let Some(directory) = path.parent()
            && directories.insert(directory.to_owned())
        {
            fs::create_dir_all(media.join(directory))?;
        }
        File::create_new(media.join(path))?.set_len(size_bytes)?;
    }
    for directory in directories {
        File::open(media.join(directory))?.sync_all()?;
    }
    Ok(())
}

struct Filler {
    index: SqliteIndex,
    files: SyncSender<(PathBuf, u64)>,
    changes: Vec<Change>,
    /// Checksum of as many zeros.
    header_crc32c: u32,
    next_media_file_id: u64,
    filled: Filled,
}

/// How far one stream is.
struct Progress<'a> {
    holding: &'a Holding,
    id: StreamId,
    /// Size and checksum, in turn.
    sizes: Vec<(u64, u32)>,
    next_sequence: u64,
    next_at: Timestamp,
}

impl Filler {
    fn new(index: SqliteIndex, files: SyncSender<(PathBuf, u64)>) -> Outcome<Self> {
        let next_media_file_id = index.reader().next_media_file_id()?.0;
        let header_crc32c = zeros_crc32c(HEADER_BYTES);
        let (changes, filled) = (Vec::new(), Filled::default());
        Ok(Self { index, files, changes, header_crc32c, next_media_file_id, filled })
    }

    fn fill(&mut self, holdings: &[Holding], until: Timestamp) -> Outcome<Filled> {
        let first_id = self.index.reader().next_stream_id()?.0;
        let mut progress = Vec::with_capacity(holdings.len());
        for (id, holding) in (first_id..).map(StreamId).zip(holdings) {
            self.changes.push(Change::CreateStream { id, key: holding.key.clone() });
            let next_at = until.plus_millis(-holding.span_ms());
            let sizes = sizes(holding.fragment_bytes);
            progress.push(Progress { holding, id, sizes, next_sequence: 1, next_at });
        }
        let most = holdings.iter().map(|holding| holding.files).max().unwrap_or_default();
        for turn in 0..most {
            for stream in progress.iter_mut().filter(|stream| turn < stream.holding.files) {
                self.media_file(stream)?;
                if self.changes.len() >= FILES_PER_TRANSACTION {
                    self.apply()?;
                }
            }
        }
        self.changes.extend(progress.iter().map(|stream| Change::ReserveSequences {
            id: stream.id,
            next_sequence: stream.next_sequence + SEQUENCES_RESERVED,
        }));
        self.apply()?;
        self.filled.streams = progress.len() as u64;
        Ok(self.filled)
    }

    fn media_file(&mut self, stream: &mut Progress<'_>) -> Outcome<()> {
        let id = MediaFileId(self.next_media_file_id);
        self.next_media_file_id += 1;
        let key = &stream.holding.key;
        let path = path(key, id, stream.next_at)?;
        let mut offset = HEADER_BYTES + FILE_MARK_BYTES + key.len() as u64;
        let count = stream.holding.fragments_per_file;
        let mut entries = Vec::with_capacity(usize::try_from(count)?);
        for _ in 0..count {
            let entry = stream.fragment(offset);
            offset = entry.end() + FRAGMENT_MARK_BYTES;
            entries.push(entry);
        }
        let size_bytes = offset;
        let place = MediaFilePlace {
            id,
            path: path.clone(),
            header_size_bytes: HEADER_BYTES,
            header_crc32c: self.header_crc32c,
        };
        let (stream, place) = (stream.id, place.into());
        self.changes.push(Change::AddSealedMediaFile { stream, place, entries, size_bytes });
        self.files.send((path, size_bytes)).map_err(|_| "media files cannot be made")?;
        self.filled.media_files += 1;
        self.filled.fragments += count;
        self.filled.media_bytes += size_bytes;
        Ok(())
    }

    fn apply(&mut self) -> Outcome<()> {
        let changes = std::mem::take(&mut self.changes);
        Ok(self.index.apply(&changes)?)
    }
}

impl Progress<'_> {
    fn fragment(&mut self, offset: u64) -> FragmentEntry {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        // As unlike as sizes, delays and random bits of a real camera's fragments are.
        let noise = sequence.wrapping_add(self.id.0 << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (size_bytes, crc32c) =
            self.sizes.get((noise >> 60) as usize % self.sizes.len()).copied().unwrap_or_default();
        let producer_timestamp = self.next_at.plus_millis((noise >> 50 & 3).cast_signed());
        let Holding { fragment_ms, pause_ms, uploaded, .. } = *self.holding;
        self.next_at = self.next_at.plus_millis(i64::from(fragment_ms) + pause_ms);
        FragmentEntry {
            sequence,
            producer_timestamp,
            server_timestamp: producer_timestamp
                .plus_millis(LAG_MS + (noise >> 40 & 0x7F).cast_signed()),
            timecode_ms: producer_timestamp.as_millis(),
            duration_ms: fragment_ms,
            offset: offset + FRAGMENT_MARK_BYTES,
            size_bytes,
            frame_count: FRAMES,
            crc32c,
            number_tail: noise as u32 & 0x0FFF_FFFF,
            begins_with_key_frame: true,
            uploaded,
        }
    }
}

/// Sizes about `bytes`, each with the checksum of as many zeros.
fn sizes(bytes: u64) -> Vec<(u64, u32)> {
    let step = bytes / 20 / SIZES;
    (0..SIZES).map(|number| bytes + number * step).map(|size| (size, zeros_crc32c(size))).collect()
}

fn zeros_crc32c(size_bytes: u64) -> u32 {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let mut left = size_bytes;
    let mut crc32c = 0;
    while left > 0 {
        let piece = left.min(ZEROS.len() as u64);
        crc32c = crc32c::crc32c_append(crc32c, &ZEROS[..piece as usize]);
        left -= piece;
    }
    crc32c
}

/// As the store names media files. Keys are names that need no encoding.
fn path(key: &str, id: MediaFileId, begins_at: Timestamp) -> Outcome<PathBuf> {
    let begin = jiff::Timestamp::from_millisecond(begins_at.as_millis())?;
    Ok(Path::new(key).join(format!("{}-{:010}.mkv", begin.strftime("%Y%m%dT%H%M%SZ"), id.0)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vigie_store::{FragmentOrder, FragmentQuery, OsDisk, StoreReader, check};

    use super::*;

    const UNTIL: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn holding(key: &str, files: u64, pause_ms: i64) -> Holding {
        Holding {
            key: key.to_owned(),
            files,
            fragments_per_file: 5,
            fragment_bytes: 3000,
            fragment_ms: 2000,
            pause_ms,
            uploaded: pause_ms == 0,
        }
    }

    #[test]
    fn what_the_index_says_of_a_filled_store_is_true_but_for_the_marks() {
        let folder = tempfile::tempdir().unwrap();
        let holdings = [holding("gate.1", 7, 0), holding("yard.1", 3, 500)];
        let filled = fill(folder.path(), &holdings, UNTIL).unwrap();
        assert_eq!((filled.streams, filled.media_files, filled.fragments), (2, 10, 50));
        let (media, index) = (folder.path().join("media"), folder.path().join("index.sqlite"));
        let reader = StoreReader::open(Arc::new(OsDisk), media, index).unwrap();
        let found: Vec<String> = check(&reader).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 10 + 50, "{found:?}");
        assert!(found.iter().all(|found| found.contains(" mark ")), "{found:?}");
        let all = FragmentQuery::all(FragmentOrder::ProducerTimestamp, 100);
        let of_yard = reader.fragments("yard.1", &all).unwrap();
        assert_eq!(of_yard.len(), 15);
        let begin = of_yard.first().unwrap().entry.producer_timestamp;
        assert!(begin.millis_since(UNTIL.plus_millis(-15 * 2500)) < 4);
        let (gate, yard) = (reader.totals("gate.1").unwrap(), reader.totals("yard.1").unwrap());
        assert_eq!((gate.not_uploaded_count, yard.not_uploaded_count), (0, 15));
        assert_eq!(gate.size_bytes + yard.size_bytes, filled.media_bytes);
    }

    #[test]
    fn a_hole_takes_no_room() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let holdings = [Holding { fragment_bytes: 1_000_000, ..holding("gate.1", 1, 0) }];
        fill(folder.path(), &holdings, UNTIL).unwrap();
        let gate = folder.path().join("media/gate.1");
        let file = fs::read_dir(gate).unwrap().next().unwrap().unwrap().metadata().unwrap();
        assert!(file.len() > 5_000_000);
        assert_eq!(file.blocks(), 0);
    }
}
