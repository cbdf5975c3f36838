//! What of a stream is exported: its fragments in a time range, one after another with their bytes.

use std::fs::TryLockError;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;
use vigie_media::matroska::{DocumentHeader, Limits};
use vigie_store::{
    Fragment, FragmentOrder, FragmentPosition, FragmentQuery, MediaFileId, StoreError, StoreReader,
    describe,
};

use crate::failure::{Doing, Failure};
use crate::progress::Progress;
use crate::zone;

/// Fragments that are listed at a time.
const PAGE: usize = 1000;

/// What an export wrote.
pub struct Exported {
    pub fragment_count: u64,
    pub size_bytes: u64,
    /// Fragments that could not be read and are left out.
    pub lost_count: u64,
    /// The codec of sound that the container cannot carry.
    pub sound_left_out: Option<String>,
}

/// The fragments of a stream whose media meets a time range, by the producer's clock.
pub struct Selection<'a> {
    reader: &'a StoreReader,
    key: &'a str,
    query: FragmentQuery,
    from: Timestamp,
}

/// One fragment with what it needs to be understood.
pub struct Selected {
    pub fragment: Fragment,
    pub header: Arc<DocumentHeader>,
    pub bytes: Bytes,
}

impl<'a> Selection<'a> {
    pub fn new(
        reader: &'a StoreReader,
        key: &'a str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, StoreError> {
        // The fragment that began before may reach into the range.
        let order = FragmentOrder::ProducerTimestamp;
        let before = reader.last_at_or_before(key, order, from.as_millis())?;
        let first = before.map_or(from, |fragment| fragment.entry.producer_timestamp);
        let last = to.plus_millis(-1);
        let query = FragmentQuery::producer_range(first, last, PAGE);
        Ok(Self { reader, key, query, from })
    }

    /// Every fragment in the order of time, without its bytes.
    fn each(&self, mut visit: impl FnMut(Fragment) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut query = self.query;
        loop {
            let page = self.reader.fragments(self.key, &query).doing("list the fragments")?;
            let after: Option<FragmentPosition> =
                page.last().map(|last| query.order.position(&last.entry));
            for fragment in page {
                if fragment.entry.producer_until() > self.from {
                    visit(fragment)?;
                }
            }
            match after {
                Some(after) => query = query.after(after),
                None => return Ok(()),
            }
        }
    }

    /// Bytes of all its fragments.
    pub fn size_bytes(&self) -> Result<u64, Failure> {
        let mut size_bytes = 0;
        self.each(|fragment| {
            size_bytes += fragment.entry.size_bytes;
            Ok(())
        })?;
        Ok(size_bytes)
    }

    /// Every fragment with its bytes. One that cannot be read is said and passed over; gives how many those were.
    pub fn read_each(
        &self,
        progress: &mut Progress,
        mut write: impl FnMut(Selected) -> Result<(), Failure>,
    ) -> Result<u64, Failure> {
        let mut lost_count = 0;
        let mut header: Option<(MediaFileId, Arc<DocumentHeader>)> = None;
        self.each(|fragment| {
            let known = header.take().filter(|(id, _)| *id == fragment.media_file.id);
            let read = known.map_or_else(|| self.header(&fragment), |(_, header)| Ok(header));
            let read = read.and_then(|header| {
                let bytes = self.reader.read(&fragment).doing("read a fragment")?;
                Ok((header, bytes))
            });
            progress.advance(fragment.entry.size_bytes);
            match read {
                Ok((of_file, bytes)) => {
                    header = Some((fragment.media_file.id, Arc::clone(&of_file)));
                    write(Selected { fragment, header: of_file, bytes })
                }
                Err(error) => {
                    tracing::warn!(sequence = fragment.entry.sequence, %error, "fragment left out");
                    lost_count += 1;
                    Ok(())
                }
            }
        })?;
        Ok(lost_count)
    }

    fn header(&self, fragment: &Fragment) -> Result<Arc<DocumentHeader>, Failure> {
        let raw = self.reader.read_document_header(&fragment.media_file);
        let raw = raw.doing("read a document header")?;
        DocumentHeader::parse(&raw, Limits::FILE).map(Arc::new).doing("read a document header")
    }

    /// The document header of the selection, `None` when it is empty: a file has one set of tracks from its beginning
    /// to its end.
    pub fn common_header(&self) -> Result<Option<Arc<DocumentHeader>>, Failure> {
        let mut common: Option<Arc<DocumentHeader>> = None;
        let mut seen = None;
        self.each(|fragment| {
            if seen.replace(fragment.media_file.id) == Some(fragment.media_file.id) {
                return Ok(());
            }
            let header = match self.header(&fragment) {
                Ok(header) => header,
                Err(error) => {
                    tracing::warn!(path = %fragment.media_file.path.display(), %error, "left out");
                    return Ok(());
                }
            };
            match &common {
                None => common = Some(header),
                Some(first) => {
                    let same = first.tracks == header.tracks
                        && first.timestamp_scale_ns == header.timestamp_scale_ns;
                    if !same {
                        return Err(Failure::other(format!(
                            "the tracks of the stream change at {}: export what is before and after separately",
                            zone::utc_text(fragment.entry.producer_timestamp)
                        )));
                    }
                }
            }
            Ok(())
        })?;
        Ok(common)
    }
}

/// Makes the new file `path` for one container's bytes. They stand under another name beside it until they are whole: an
/// export that is cut off (Ctrl-C, a power cut) leaves no file that looks like one. What is left of a failed one is removed.
pub fn write_new(
    path: &Path,
    write: impl FnOnce(std::fs::File) -> Result<Exported, Failure>,
) -> Result<Exported, Failure> {
    let cannot = |error: &std::io::Error| {
        Failure::other(format!("cannot create {}: {}", path.display(), describe(error)))
    };
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(cannot(&std::io::ErrorKind::AlreadyExists.into()));
    }
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = std::path::PathBuf::from(part);
    // One that was cut off before may have left its own; one that is under way holds it.
    let file = std::fs::File::options().create(true).truncate(false).write(true).open(&part);
    let file = file.map_err(|error| cannot(&error))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Failure::other(format!(
            "cannot create {}: another export is writing {}",
            path.display(),
            part.display()
        )),
        TryLockError::Error(error) => cannot(&error),
    })?;
    // The one that was under way may be done meanwhile.
    let begin = || {
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        file.set_len(0)?;
        file.try_clone()
    };
    let own = begin().map_err(|error| cannot(&error));
    let written = own.and_then(write).and_then(|exported| {
        std::fs::rename(&part, path).map_err(|error| cannot(&error))?;
        Ok(exported)
    });
    written.inspect_err(|_| {
        if let Err(error) = std::fs::remove_file(&part) {
            tracing::warn!(path = %part.display(), %error, "remove an incomplete export");
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn exported() -> Exported {
        Exported { fragment_count: 1, size_bytes: 5, lost_count: 0, sound_left_out: None }
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_leaves_nothing_when_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mkv");
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect::<Vec<_>>()
        };
        // As one that was cut off leaves it.
        std::fs::write(folder.path().join("clip.mkv.part"), "of an export before").unwrap();
        let failed = write_new(&path, |mut file| {
            file.write_all(b"half").unwrap();
            assert_eq!(names(), ["clip.mkv.part"]);
            Err(Failure::other("the disk is full"))
        });
        assert!(failed.is_err() && names().is_empty());
        let write = |mut file: std::fs::File| {
            file.write_all(b"whole").unwrap();
            Ok(exported())
        };
        assert!(write_new(&path, write).is_ok());
        assert_eq!(
            (names(), std::fs::read(&path).unwrap()),
            (vec!["clip.mkv".to_owned()], b"whole".to_vec())
        );
        let other = folder.path().join("other.mkv");
        let beside = write_new(&other, |_| {
            let second = write_new(&other, |_| panic!("two do not write one file"));
            let error = second.err().unwrap().to_string();
            assert!(error.contains("another export is writing"), "{error}");
            Err(Failure::other("enough"))
        });
        assert!(beside.is_err());
        let over_it = write_new(&path, |_| panic!("what is there is not written over"));
        assert!(over_it.is_err());
    }
}
