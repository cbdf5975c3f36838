//! The index's rows as what they stand for: media files, fragments, streams. Every read goes through here, and so does the
//! examination of what was read.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_media::Timestamp;

use super::pack::unpack;
use super::runs::Runs;
use super::{FragmentOrder, StreamId, StreamRow, UnsealedMediaFile};
use crate::error::IndexError;
use crate::fragment::{
    FragmentEntry, MediaFile, MediaFileId, MediaFilePlace, MediaFileSpan, MediaFileState,
};

/// Columns of a media file's row, as [`media_file`] reads them.
pub(super) const MEDIA_FILE: &str = "id, path, header_size_bytes, header_crc32c, state, size_bytes,
    fragment_count, not_uploaded_count, not_uploaded_size_bytes, sequence_min, sequence_max,
    producer_min, producer_max, producer_until, server_min, server_max, stream_id";

/// Columns of a fragment's row, as [`entry`] reads them.
const ENTRY: &str = "sequence, producer_timestamp, server_timestamp, timecode_ms, duration_ms,
    offset, size_bytes, frame_count, crc32c, number_tail, key";

/// The entries of a media file in order of offset, marked uploaded as its row says.
pub(super) fn entries_of(
    connection: &Connection,
    id: MediaFileId,
) -> Result<Vec<FragmentEntry>, IndexError> {
    let sql = "SELECT uploaded, fragments, crc32c
               FROM media_file LEFT JOIN packed ON media_file_id = id WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let mut entries = packed(row, 0)?;
    // A closed file has no rows but while recovery adds to it.
    let sql = format!("SELECT {ENTRY} FROM fragment WHERE media_file_id = ?1 ORDER BY offset");
    let mut statement = connection.prepare_cached(&sql)?;
    for found in statement.query_map([id.0], entry)? {
        entries.push(found?);
    }
    mark_uploaded(&mut entries, row, 0)?;
    Ok(entries)
}

/// By the column `uploaded` of their media file's row.
fn mark_uploaded(
    entries: &mut [FragmentEntry],
    row: &Row<'_>,
    uploaded: usize,
) -> Result<(), IndexError> {
    let runs = Runs::parse(row.get_ref(uploaded)?.as_blob().map_err(rusqlite::Error::from)?)?;
    for entry in entries {
        entry.uploaded = runs.contains(entry.sequence);
    }
    Ok(())
}

/// The packed entries of a row, marked uploaded: from the columns `uploaded`, `fragments` and `crc32c`, which follow each
/// other.
pub(super) fn packed(row: &Row<'_>, uploaded: usize) -> Result<Vec<FragmentEntry>, IndexError> {
    let blob = row.get_ref(uploaded + 1)?;
    let Some(blob) = blob.as_blob_or_null().map_err(rusqlite::Error::from)? else {
        return Ok(Vec::new());
    };
    let crc32c: Option<u32> = row.get(uploaded + 2)?;
    if crc32c.is_some_and(|crc32c| crc32c != crc32c::crc32c(blob)) {
        return Err(IndexError::Damaged { what: "a media file's fragments" });
    }
    let mut entries = unpack(blob)?;
    mark_uploaded(&mut entries, row, uploaded)?;
    Ok(entries)
}

/// The open media files of a stream.
pub(super) fn open_media_files(
    connection: &Connection,
    stream: StreamId,
) -> Result<Vec<MediaFile>, IndexError> {
    let sql = format!(
        "SELECT {MEDIA_FILE} FROM media_file WHERE stream_id = ?1 AND state = 0 ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([stream.0])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        files.push(complete(connection, media_file(row)?)?);
    }
    Ok(files)
}

/// Hands over each open media file of a stream, with those of its fragments whose value in this order lies within.
pub(super) fn open_fragments(
    connection: &Connection,
    stream: StreamId,
    order: FragmentOrder,
    values: RangeInclusive<i64>,
    mut take: impl FnMut(&Arc<MediaFilePlace>, &[FragmentEntry]),
) -> Result<(), IndexError> {
    let value = match order {
        FragmentOrder::Sequence => "sequence",
        FragmentOrder::ProducerTimestamp => "producer_timestamp",
        FragmentOrder::ServerTimestamp => "server_timestamp",
    };
    let sql = format!(
        "SELECT {ENTRY} FROM fragment
         WHERE media_file_id = ?1 AND {value} BETWEEN ?2 AND ?3 ORDER BY offset"
    );
    let mut fragments = connection.prepare_cached(&sql)?;
    let sql = "SELECT id, path, header_size_bytes, header_crc32c, uploaded FROM media_file
               WHERE stream_id = ?1 AND state = 0 ORDER BY id";
    let mut files = connection.prepare_cached(sql)?;
    let mut rows = files.query([stream.0])?;
    while let Some(row) = rows.next()? {
        let place = Arc::new(place(row)?);
        let within = params![place.id.0, values.start(), values.end()];
        let mut entries = fragments.query_map(within, entry)?.collect::<Result<Vec<_>, _>>()?;
        mark_uploaded(&mut entries, row, 4)?;
        take(&place, &entries);
    }
    Ok(())
}

/// An open file's numbers follow from its fragments.
pub(super) fn complete(
    connection: &Connection,
    mut file: MediaFile,
) -> Result<MediaFile, IndexError> {
    if file.state != MediaFileState::Open {
        return Ok(file);
    }
    let entries = entries_of(connection, file.id)?;
    let not_uploaded = entries.iter().filter(|entry| !entry.uploaded);
    file.fragment_count = entries.len() as u64;
    file.not_uploaded_count = not_uploaded.clone().count() as u64;
    file.not_uploaded_size_bytes = not_uploaded.map(|entry| entry.size_bytes).sum();
    file.size_bytes = entries.last().map_or(file.place.header_size_bytes, crate::mark::marked_end);
    file.span = MediaFileSpan::of(&entries);
    Ok(file)
}

/// From the columns [`MEDIA_FILE`] of a file that is not sealed.
pub(super) fn unsealed(
    connection: &Connection,
    row: &Row<'_>,
) -> Result<UnsealedMediaFile, IndexError> {
    let file = complete(connection, media_file(row)?)?;
    let sql = format!("SELECT {ENTRY} FROM open_fragment WHERE media_file_id = ?1");
    let mut open_fragment = connection.prepare_cached(&sql)?;
    Ok(UnsealedMediaFile {
        stream: StreamId(row.get(16)?),
        entries: entries_of(connection, file.id)?,
        open_fragment: open_fragment.query_row([file.id.0], entry).optional()?,
        media_file: file,
    })
}

pub(super) const fn state_number(state: MediaFileState) -> i64 {
    match state {
        MediaFileState::Open => 0,
        MediaFileState::Sealed => 1,
        MediaFileState::Abandoned => 2,
    }
}

fn state(number: i64) -> Result<MediaFileState, IndexError> {
    match number {
        0 => Ok(MediaFileState::Open),
        1 => Ok(MediaFileState::Sealed),
        2 => Ok(MediaFileState::Abandoned),
        _ => Err(IndexError::Damaged { what: "a media file's state" }),
    }
}

pub(super) fn stream_row(row: &Row<'_>) -> rusqlite::Result<StreamRow> {
    Ok(StreamRow { id: StreamId(row.get(0)?), key: row.get(1)?, next_sequence: row.get(2)? })
}

pub(super) fn numbered_path(row: &Row<'_>) -> rusqlite::Result<(MediaFileId, PathBuf)> {
    Ok((MediaFileId(row.get(0)?), PathBuf::from(row.get::<_, String>(1)?)))
}

/// From the first four columns.
pub(super) fn place(row: &Row<'_>) -> rusqlite::Result<MediaFilePlace> {
    Ok(MediaFilePlace {
        id: MediaFileId(row.get(0)?),
        path: PathBuf::from(row.get::<_, String>(1)?),
        header_size_bytes: row.get(2)?,
        header_crc32c: row.get(3)?,
    })
}

/// From the columns [`MEDIA_FILE`].
pub(super) fn media_file(row: &Row<'_>) -> Result<MediaFile, IndexError> {
    let span = match row.get::<_, Option<u64>>(9)? {
        None => None,
        Some(sequence_min) => Some(MediaFileSpan {
            sequence_min,
            sequence_max: row.get(10)?,
            producer_min: Timestamp::from_millis(row.get(11)?),
            producer_max: Timestamp::from_millis(row.get(12)?),
            producer_until: Timestamp::from_millis(row.get(13)?),
            server_min: Timestamp::from_millis(row.get(14)?),
            server_max: Timestamp::from_millis(row.get(15)?),
        }),
    };
    let place = Arc::new(place(row)?);
    Ok(MediaFile {
        id: place.id,
        place,
        state: state(row.get(4)?)?,
        size_bytes: row.get(5)?,
        fragment_count: row.get(6)?,
        not_uploaded_count: row.get(7)?,
        not_uploaded_size_bytes: row.get(8)?,
        span,
    })
}

/// From the columns [`ENTRY`].
fn entry(row: &Row<'_>) -> rusqlite::Result<FragmentEntry> {
    Ok(FragmentEntry {
        sequence: row.get(0)?,
        producer_timestamp: Timestamp::from_millis(row.get(1)?),
        server_timestamp: Timestamp::from_millis(row.get(2)?),
        timecode_ms: row.get(3)?,
        duration_ms: row.get(4)?,
        offset: row.get(5)?,
        size_bytes: row.get(6)?,
        frame_count: row.get(7)?,
        crc32c: row.get(8)?,
        number_tail: row.get(9)?,
        begins_with_key_frame: row.get(10)?,
        uploaded: false,
    })
}
