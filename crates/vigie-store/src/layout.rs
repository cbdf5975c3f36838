//! Names on disk: one directory for each stream, one file name for each media file.
//!
//! Media keys come from users, so they are encoded. A directory's name is for people who look at the disk; which
//! file belongs to which stream is said by the index and by the mark at the start of the file.

use std::path::{Path, PathBuf};

use vigie_media::Timestamp;

use crate::fragment::MediaFileId;

/// Longest directory name made from a key; file systems allow 255 bytes.
const DIRECTORY_NAME_BYTES_MAX: usize = 200;

/// Where media lies that the index does not refer to and that cannot be taken in again. No stream has it.
pub(crate) const UNCLAIMED_DIRECTORY: &str = "unclaimed";

/// The extension of every media file.
const EXTENSION: &str = "mkv";

/// The directory of a stream, relative to the media directory.
///
/// Letters, digits, `-`, `_` and inner dots stay, all else becomes `%XX`. A long name is cut and completed with the
/// key's checksum. Two keys may share a directory then; their files still differ.
pub(crate) fn stream_directory(key: &str) -> PathBuf {
    let mut name = String::with_capacity(key.len());
    for (position, byte) in key.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_')
            || (byte == b'.' && position > 0);
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name == UNCLAIMED_DIRECTORY {
        name.replace_range(..1, "%75");
    }
    if name.len() > DIRECTORY_NAME_BYTES_MAX {
        name.truncate(DIRECTORY_NAME_BYTES_MAX - 9);
        name.push_str(&format!("~{:08x}", crc32c::crc32c(key.as_bytes())));
    }
    PathBuf::from(name)
}

/// The key of the stream that a directory is named after; `None` where the name was cut or is none of a store.
pub(crate) fn key_of_directory(directory: &Path) -> Option<String> {
    let name = directory.file_name()?.to_str()?;
    let mut key = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            key.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        key.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    let key = String::from_utf8(key).ok()?;
    (stream_directory(&key) == Path::new(name)).then_some(key)
}

/// The path of a new media file, relative to the media directory: when it begins (UTC), then its number.
pub(crate) fn media_file_path(key: &str, id: MediaFileId, begins_at: Timestamp) -> PathBuf {
    let begin = jiff::Timestamp::from_millisecond(begins_at.as_millis())
        .map_or_else(|_| "undated".to_owned(), |at| at.strftime("%Y%m%dT%H%M%SZ").to_string());
    stream_directory(key).join(format!("{begin}-{:010}.{EXTENSION}", id.0))
}

/// Whether `path` is named as a media file of a store is.
pub(crate) fn is_media_file(path: &Path) -> bool {
    media_file_number(path).is_some()
}

/// The number in the name of a media file; `None` where it is none of a store.
pub(crate) fn media_file_number(path: &Path) -> Option<MediaFileId> {
    let (stem, extension) = path.file_name()?.to_str()?.rsplit_once('.')?;
    let (_, number) = stem.rsplit_once('-')?;
    let is_number = number.len() >= 10 && number.bytes().all(|byte| byte.is_ascii_digit());
    (extension == EXTENSION && is_number).then(|| number.parse().ok().map(MediaFileId))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_safe_directory_names() {
        let check = |key: &str, expect: &str| {
            assert_eq!(stream_directory(key), Path::new(expect), "{key:?}");
            let directory = Path::new("media").join(expect);
            assert_eq!(key_of_directory(&directory).as_deref(), Some(key), "{key:?}");
        };
        check("front-door_1.main", "front-door_1.main");
        check("..", "%2E.");
        check(".hidden", "%2Ehidden");
        check("unclaimed", "%75nclaimed");
        check("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd");
        check("a b\0é", "a%20b%00%C3%A9");
    }

    #[test]
    fn a_long_key_still_fits_a_file_system() {
        let key = "k".repeat(1024);
        let name = stream_directory(&key);
        assert!(name.as_os_str().len() <= DIRECTORY_NAME_BYTES_MAX);
        assert_ne!(name, stream_directory(&"k".repeat(1023)));
        assert_eq!(key_of_directory(&name), None);
    }

    #[test]
    fn media_files_are_named_by_time_and_number() {
        let path =
            media_file_path("gate", MediaFileId(42), Timestamp::from_millis(1_763_829_180_000));
        assert_eq!(path, Path::new("gate/20251122T163300Z-0000000042.mkv"));
        assert!(is_media_file(&path));
        let undated = media_file_path("gate", MediaFileId(u64::MAX), Timestamp::MAX);
        assert!(is_media_file(&undated), "{}", undated.display());
    }

    #[test]
    fn other_files_are_not_ours() {
        for name in ["holiday.mkv", "a-1.mkv", "20251122T163300Z-0000000042.mkv.bak", ""] {
            assert!(!is_media_file(Path::new(name)), "{name:?}");
        }
    }
}
