//! Reads the file of the audit log from its end backwards, a page at a time, on into the files that were moved aside.
//!
//! Decides what of a file is a line, and bounds what a page costs, whatever the files hold. Never writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};
use vigie_kvs::shapes::administration::AuditEvent;

use super::file::{FileId, OLDER_MAX, older_path};
use super::line::read_line;
use super::log::{AuditCursor, AuditPage, PageError};

/// Bytes that are read at once; several times the longest line.
const BLOCK_BYTES: u64 = 64 << 10;
/// Bytes that a page reads at most; a page that holds less than was asked for says where to go on.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Of a file's first line, so much tells it from every other: its time and its request are in it.
const FIRST_LINE_BYTES_MAX: usize = 4 << 10;

/// Where a page ended: before this many bytes of the file that begins with that line, whatever its name is meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    begins_with: u64,
    end: u64,
}

impl Position {
    fn to_cursor(self) -> AuditCursor {
        AuditCursor(format!("{:016x}-{:x}", self.begins_with, self.end))
    }

    fn read(cursor: &AuditCursor) -> Result<Self, PageError> {
        let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
        let parts = cursor.0.split_once('-');
        let position = parts.and_then(|(begins_with, end)| {
            Some(Self { begins_with: number(begins_with)?, end: number(end)? })
        });
        position.ok_or(PageError::NotACursor)
    }
}

struct LogFile {
    file: File,
    id: FileId,
    size_bytes: u64,
}

impl LogFile {
    /// What stands for its first line. Appending does not change it, and neither does another name.
    fn begins_with(&self) -> io::Result<u64> {
        let mut begin = vec![0; FIRST_LINE_BYTES_MAX];
        let mut length = 0;
        while length < begin.len() {
            let read = self.file.read_at(&mut begin[length..], length as u64)?;
            if read == 0 {
                break;
            }
            length += read;
        }
        let line = begin[..length].split(|&byte| byte == b'\n').next().unwrap_or_default();
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(line).into();
        Ok(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// Up to `events_max` events before `from` (the end, unless given), newest first, and where the next page goes on.
/// Blocks on the disk. What is no line of ours (a torn write, another program's) is passed over.
pub(super) fn read_page(
    path: &Path,
    from: Option<&AuditCursor>,
    events_max: usize,
) -> Result<AuditPage, PageError> {
    let from = from.map(Position::read).transpose()?;
    let files = open_all(path)?;
    let mut events = Vec::new();
    let mut budget = PAGE_BYTES_MAX;
    let (mut at, mut end) = match from {
        None => (0, files.first().map_or(0, |file| file.size_bytes)),
        Some(position) => find(&files, position)?,
    };
    while let Some(log) = files.get(at) {
        if end == 0 {
            at += 1;
            end = files.get(at).map_or(0, |file| file.size_bytes);
            continue;
        }
        if events.len() >= events_max || budget == 0 {
            let position = Position { begins_with: log.begins_with()?, end };
            return Ok(AuditPage { events, next: Some(position.to_cursor()) });
        }
        let start = end.saturating_sub(BLOCK_BYTES);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or_default()];
        log.file.read_exact_at(&mut block, start)?;
        budget = budget.saturating_sub(end - start);
        let taken = take_lines(&block, start == 0, events_max - events.len(), &mut events);
        end -= u64::try_from(taken).unwrap_or_default();
    }
    Ok(AuditPage { events, next: None })
}

/// Which file a page goes on in, and before which of its bytes.
fn find(files: &[LogFile], position: Position) -> Result<(usize, u64), PageError> {
    for (at, file) in files.iter().enumerate() {
        if file.begins_with()? == position.begins_with && file.size_bytes >= position.end {
            return Ok((at, position.end));
        }
    }
    Err(PageError::Gone)
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
            && let Some(event) = read_line(&block[start..line_end])
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
        let (mut numbers, mut position, mut pages) = (Vec::new(), None::<AuditCursor>, 0);
        loop {
            let AuditPage { events, next } =
                read_page(path, position.as_ref(), events_max).unwrap();
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
        let position = read_page(&path, None, 4).unwrap().next.unwrap();
        std::fs::rename(&path, older_path(&path, 1)).unwrap();
        std::fs::write(&path, lines(10..12)).unwrap();
        let AuditPage { events, next } = read_page(&path, Some(&position), 100).unwrap();
        assert_eq!((events[0].action.as_str(), events.len(), next), ("a:5", 6, None));
        std::fs::remove_file(older_path(&path, 1)).unwrap();
        assert!(matches!(read_page(&path, Some(&position), 4), Err(PageError::Gone)));
    }

    #[test]
    fn a_page_goes_on_in_a_copy_and_not_in_what_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, lines(0..10)).unwrap();
        let position = read_page(&path, None, 4).unwrap().next.unwrap();
        // logrotate's copytruncate: a copy under the next name, the same file empty and then with other lines.
        std::fs::copy(&path, older_path(&path, 1)).unwrap();
        std::fs::write(&path, lines(10..30)).unwrap();
        let AuditPage { events, next } = read_page(&path, Some(&position), 100).unwrap();
        assert_eq!((events[0].action.as_str(), events.len(), next), ("a:5", 6, None));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for text in ["", "-", "7", "1-x", "1-2-3", "00000000000000000001-1ffffffffffffffff"] {
            let page = read_page(&path, Some(&AuditCursor(text.to_owned())), 4);
            assert!(matches!(page, Err(PageError::NotACursor)), "{text}");
        }
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
        assert!(matches!(read_page(&path, None, 9), Ok(page) if page == AuditPage::default()));
        std::fs::write(&path, "").unwrap();
        assert!(matches!(read_page(&path, None, 9), Ok(page) if page == AuditPage::default()));
        let device = Path::new("/dev/null");
        assert!(matches!(read_page(device, None, 9), Err(PageError::NotAFile)));
    }
}
