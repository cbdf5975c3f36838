//! Reads the audit log from its end backwards, a page at a time, on into the files that were moved aside.
//!
//! Decides what of a file is a line, and bounds what a page costs, whatever the files hold. Never writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vigie_kvs::shapes::administration::AuditEvent;
use vigie_media::Timestamp;

use super::file::{FileId, OLDER_MAX, older_path};

/// Bytes that are read at once; several times the longest line.
const BLOCK_BYTES: u64 = 64 << 10;
/// Bytes that a page reads at most; a page that holds less than was asked for says where to go on.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Where a page ended: before this many bytes of that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    device: u64,
    inode: u64,
    end: u64,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("read the audit log")]
    Io(#[from] io::Error),
    #[error("the audit log is no file that can be read again")]
    NotAFile,
    #[error("the page before has been removed from the audit log; begin without NextToken")]
    Gone,
}

struct LogFile {
    file: File,
    id: FileId,
    size_bytes: u64,
}

/// A line as it lies in the file; see [`super::AuditLine`].
#[derive(Deserialize)]
struct Line {
    time: String,
    request_id: Option<String>,
    access_key_id: Option<String>,
    principal_arn: String,
    action: String,
    resource: Option<String>,
    status: u16,
    error: Option<String>,
    remote_address: Option<String>,
    not_uploaded_bytes: Option<u64>,
    count: Option<u64>,
    fragment_count: Option<u64>,
    size_bytes: Option<u64>,
    path: Option<String>,
}

impl Line {
    fn read(bytes: &[u8]) -> Option<AuditEvent> {
        let line: Self = serde_json::from_slice(bytes).ok()?;
        let time: jiff::Timestamp = line.time.parse().ok()?;
        Some(AuditEvent {
            event_time: Timestamp::from_millis(time.as_millisecond()),
            request_id: line.request_id,
            access_key_id: line.access_key_id,
            principal_arn: line.principal_arn,
            action: line.action,
            resource: line.resource,
            status_code: line.status,
            error_code: line.error,
            remote_address: line.remote_address,
            not_uploaded_bytes: line.not_uploaded_bytes,
            count: line.count,
            fragment_count: line.fragment_count,
            size_bytes: line.size_bytes,
            path: line.path,
        })
    }
}

/// Up to `events_max` events before `from` (the end, unless given), newest first, and where the next page goes on.
/// Blocks on the disk. What is no line of ours (a torn write, another program's) is passed over.
pub(crate) fn read_page(
    path: &Path,
    from: Option<Position>,
    events_max: usize,
) -> Result<(Vec<AuditEvent>, Option<Position>), PageError> {
    let files = open_all(path)?;
    let mut events = Vec::new();
    let mut budget = PAGE_BYTES_MAX;
    let (mut at, mut end) = match from {
        None => (0, files.first().map_or(0, |file| file.size_bytes)),
        Some(Position { device, inode, end }) => {
            let id = FileId { device, inode };
            let at = files.iter().position(|file| file.id == id).ok_or(PageError::Gone)?;
            (at, end.min(files[at].size_bytes))
        }
    };
    while let Some(LogFile { file, id, .. }) = files.get(at) {
        if end == 0 {
            at += 1;
            end = files.get(at).map_or(0, |file| file.size_bytes);
            continue;
        }
        if events.len() >= events_max || budget == 0 {
            let position = Position { device: id.device, inode: id.inode, end };
            return Ok((events, Some(position)));
        }
        let start = end.saturating_sub(BLOCK_BYTES);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(&mut block, start)?;
        budget = budget.saturating_sub(end - start);
        let taken = take_lines(&block, start == 0, events_max - events.len(), &mut events);
        end -= u64::try_from(taken).unwrap_or_default();
    }
    Ok((events, None))
}

/// Takes lines from the end of `block`, which ends where a line ends; returns how many bytes were taken. `whole` says
/// that the block begins where a line begins.
fn take_lines(block: &[u8], whole: bool, max: usize, events: &mut Vec<AuditEvent>) -> usize {
    let mut end = block.len();
    let mut taken_events = 0;
    while end > 0 && taken_events < max {
        let line_end = end - usize::from(block[end - 1] == b'\n');
        let start = match block[..line_end].iter().rposition(|&byte| byte == b'\n') {
            Some(line_feed) => line_feed + 1,
            None if whole => 0,
            // The rest of this line is in the block before; one that fills a block is none of ours.
            None if end < block.len() => break,
            None => return block.len(),
        };
        // Without a line feed it is still being written, or torn.
        if line_end < end
            && let Some(event) = Line::read(&block[start..line_end])
        {
            events.push(event);
            taken_events += 1;
        }
        end = start;
    }
    block.len() - end
}

/// The newest file and the older ones, as far as they are there.
fn open_all(path: &Path) -> Result<Vec<LogFile>, PageError> {
    let mut files = Vec::new();
    for older in 0..=OLDER_MAX {
        let path = if older == 0 { path.to_owned() } else { older_path(path, older) };
        // Looked at before it is opened: opening a pipe would wait.
        let is_file = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.is_file(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        if !is_file {
            return Err(PageError::NotAFile);
        }
        match OpenOptions::new().read(true).open(&path) {
            Ok(file) => {
                let metadata = file.metadata()?;
                let (id, size_bytes) = (FileId::of(&metadata), metadata.len());
                // Moved while we looked: it is there under its old name already.
                if files.iter().all(|file: &LogFile| file.id != id) {
                    files.push(LogFile { file, id, size_bytes });
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests lay out files")]
mod tests {
    use super::*;

    fn line(n: usize) -> String {
        format!(
            "{{\"time\":\"2026-11-22T12:00:00.{:03}Z\",\"request_id\":null,\"access_key_id\":\"AKIA\",\
             \"principal_arn\":\"arn\",\"action\":\"a:{n}\",\"resource\":null,\"status\":200,\"error\":null,\
             \"remote_address\":null}}\n",
            n % 1000
        )
    }

    fn lines(numbers: std::ops::Range<usize>) -> String {
        numbers.map(line).collect()
    }

    /// All pages from the end; asserts that each holds at most `events_max`.
    fn walk(path: &Path, events_max: usize) -> (Vec<usize>, usize) {
        let (mut numbers, mut position, mut pages) = (Vec::new(), None, 0);
        loop {
            let (events, next) = read_page(path, position, events_max).unwrap();
            assert!(events.len() <= events_max);
            numbers.extend(events.iter().map(|event| event.action[2..].parse::<usize>().unwrap()));
            pages += 1;
            position = next;
            if position.is_none() {
                return (numbers, pages);
            }
        }
    }

    #[test]
    fn pages_lead_from_the_newest_line_to_the_oldest_through_the_files_that_were_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, lines(20..27)).unwrap();
        std::fs::write(older_path(&path, 1), lines(7..20)).unwrap();
        std::fs::write(older_path(&path, 2), lines(0..7)).unwrap();
        let expected: Vec<usize> = (0..27).rev().collect();
        for events_max in [1, 2, 5, 26, 27, 1000] {
            assert_eq!(walk(&path, events_max).0, expected, "{events_max}");
        }
        assert_eq!(walk(&path, 1000).1, 1);
    }

    #[test]
    fn a_page_goes_on_although_the_file_was_moved_aside_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, lines(0..10)).unwrap();
        let (_, position) = read_page(&path, None, 4).unwrap();
        std::fs::rename(&path, older_path(&path, 1)).unwrap();
        std::fs::write(&path, lines(10..12)).unwrap();
        let (events, next) = read_page(&path, position, 100).unwrap();
        assert_eq!((events[0].action.as_str(), events.len(), next), ("a:5", 6, None));
        std::fs::remove_file(older_path(&path, 1)).unwrap();
        assert!(matches!(read_page(&path, position, 4), Err(PageError::Gone)));
    }

    #[test]
    fn a_large_log_is_read_whole_in_pages_of_bounded_cost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, lines(0..15_000)).unwrap();
        let expected: Vec<usize> = (0..15_000).rev().collect();
        assert_eq!(walk(&path, 999).0, expected);
        let (all, pages) = walk(&path, usize::MAX);
        assert_eq!((all, pages), (expected, 3), "a page ends after a megabyte");
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let garbage = "x".repeat(3 * 65_536);
        let text = [
            "\n\n{}\n",
            &line(1),
            "{\"time\":\n",
            &line(2),
            &garbage,
            "\n",
            &line(3),
            "\0\0\0\n",
            &line(4),
            line(5).trim_end(),
        ]
        .concat();
        std::fs::write(&path, text).unwrap();
        assert_eq!(walk(&path, 1).0, [4, 3, 2, 1]);
        assert_eq!(walk(&path, 100).0, [4, 3, 2, 1]);
    }

    #[test]
    fn there_may_be_nothing_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        assert!(matches!(read_page(&path, None, 9), Ok((events, None)) if events.is_empty()));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(read_page(&path, None, 9), Ok((events, None)) if events.is_empty()));
        let device = Path::new("/dev/null");
        assert!(matches!(read_page(device, None, 9), Err(PageError::NotAFile)));
    }
}
