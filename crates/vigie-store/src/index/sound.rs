//! Whether the index is sound in itself: what SQLite finds, definitions that are not those that were made, rows that refer to
//! rows that are not there, numbers that would be given out twice, rows that are not what their fragments say. It never looks
//! at a media file.

use rusqlite::Connection;

use super::sqlite_connection::in_memory;
use super::sqlite_rows::{MEDIA_FILE, media_file, packed};
use crate::error::IndexError;

/// Findings of SQLite that are told; one that is broken in one place is often so in many.
const SQLITE_FINDINGS_MAX: u32 = 20;

/// What must have no row, and what it means when it has.
const RULES: [(&str, &str); 8] = [
    (
        "SELECT id FROM media_file WHERE stream_id NOT IN (SELECT id FROM stream)",
        "a media file of a stream that is not there",
    ),
    (
        "SELECT media_file_id FROM packed WHERE media_file_id NOT IN (SELECT id FROM media_file WHERE state <> 0)",
        "packed fragments of a media file that is not there or not closed",
    ),
    (
        "SELECT id FROM media_file WHERE state <> 0 AND id NOT IN (SELECT media_file_id FROM packed)",
        "a closed media file without its fragments",
    ),
    (
        "SELECT media_file_id FROM fragment WHERE media_file_id NOT IN (SELECT id FROM media_file WHERE state = 0)",
        "a fragment of a media file that is not there or not open",
    ),
    (
        "SELECT media_file_id FROM open_fragment
         WHERE media_file_id NOT IN (SELECT id FROM media_file WHERE state = 0)",
        "an open fragment of a media file that is not there or not open",
    ),
    (
        "SELECT s.id FROM stream s WHERE next_sequence <= max(
             (SELECT coalesce(max(sequence_max), 0) FROM media_file WHERE stream_id = s.id),
             (SELECT coalesce(max(sequence), 0) FROM fragment
              WHERE media_file_id IN (SELECT id FROM media_file WHERE stream_id = s.id AND state = 0)))",
        "a stream whose next sequence is taken",
    ),
    (
        "SELECT 1 WHERE coalesce((SELECT value FROM meta WHERE name = 'next_media_file_id'), 1)
                     <= (SELECT coalesce(max(id), 0) FROM media_file)
                  OR coalesce((SELECT value FROM meta WHERE name = 'next_stream_id'), 1)
                     <= (SELECT coalesce(max(id), 0) FROM stream)",
        "a next number that is taken",
    ),
    (
        "SELECT s.id FROM stream s LEFT JOIN stream_total t ON t.stream_id = s.id
         WHERE (coalesce(media_file_count, 0), coalesce(t.size_bytes, 0), coalesce(t.fragment_count, 0),
                coalesce(t.not_uploaded_count, 0), coalesce(t.not_uploaded_size_bytes, 0)) <>
             (SELECT count(*), coalesce(sum(f.size_bytes), 0), coalesce(sum(f.fragment_count), 0),
                     coalesce(sum(f.not_uploaded_count), 0), coalesce(sum(f.not_uploaded_size_bytes), 0)
              FROM media_file f WHERE f.stream_id = s.id AND f.state <> 0)",
        "a stream whose sums are not those of its media files",
    ),
];

pub(super) fn unsound(connection: &Connection) -> Result<Vec<String>, IndexError> {
    let mut found = Vec::new();
    let sql = format!("PRAGMA integrity_check({SQLITE_FINDINGS_MAX})");
    let mut statement = connection.prepare(&sql)?;
    for finding in statement.query_map([], |row| row.get::<_, String>(0))? {
        found.extend(Some(finding?).filter(|finding| finding != "ok"));
    }
    found.extend(super::schema::altered(connection, in_memory)?);
    for (sql, what) in RULES {
        let sql = format!("SELECT count(*) FROM ({sql})");
        let count: u64 = connection.query_row(&sql, [], |row| row.get(0))?;
        if count > 0 {
            found.push(format!("{what} ({count})"));
        }
    }
    Ok(found)
}

/// Closed media files whose row does not agree with its packed fragments, or whose fragments not with their checksum: no
/// rule of SQLite's knows of either. Rows of older versions, which have no checksum, are passed over.
fn wrong_rows(connection: &Connection) -> Result<Vec<String>, IndexError> {
    let sql = format!(
        "SELECT {MEDIA_FILE}, uploaded, fragments, crc32c
         FROM media_file JOIN packed ON media_file_id = id WHERE state <> 0 AND crc32c IS NOT NULL"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let file = media_file(row)?;
        match packed(row, 17) {
            Ok(entries) if file.agrees_with(&entries) => {}
            _ => found.push(format!("the row of media file {} and its fragments", file.id.0)),
        }
    }
    Ok(found)
}

/// The first thing that is wrong, of all that can be found without the media.
pub(super) fn first_damage(connection: &Connection) -> Result<(), IndexError> {
    let mut found = unsound(connection)?;
    if found.is_empty() {
        found = wrong_rows(connection)?;
    }
    found.into_iter().next().map_or(Ok(()), |what| Err(IndexError::Unsound { what }))
}
