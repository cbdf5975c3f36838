//! What plans and reports ask of media files: totals, and those that ended first. Nothing here reads more rows than it
//! answers with, but for a few.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};
use vigie_media::Timestamp;

use super::sqlite_rows::{MEDIA_FILE, complete, media_file, open_media_files};
use super::{ClosedQuery, StreamId};
use crate::error::IndexError;
use crate::fragment::{MediaFile, MediaFileId, StreamTotals};

pub(super) fn totals(
    connection: &Connection,
    stream: StreamId,
) -> Result<StreamTotals, IndexError> {
    let sql = "SELECT media_file_count, size_bytes, fragment_count, not_uploaded_count,
                   not_uploaded_size_bytes
               FROM stream_total WHERE stream_id = ?1";
    let totals = connection.prepare_cached(sql)?.query_row([stream.0], |row| {
        Ok(StreamTotals {
            media_file_count: row.get(0)?,
            size_bytes: row.get(1)?,
            fragment_count: row.get(2)?,
            not_uploaded_count: row.get(3)?,
            not_uploaded_size_bytes: row.get(4)?,
            ..StreamTotals::default()
        })
    });
    let mut totals = totals.optional()?.unwrap_or_default();
    if totals.media_file_count > 0 {
        let sql = "SELECT producer_min FROM media_file
                   WHERE stream_id = ?1 AND state <> 0 AND producer_min IS NOT NULL
                   ORDER BY producer_min LIMIT 1";
        totals.oldest_producer_timestamp = moment(connection, sql, stream)?;
        let uploaded = "SELECT producer_until FROM media_file
                        WHERE stream_id = ?1 AND state <> 0 AND not_uploaded_count = 0
                        ORDER BY producer_until DESC LIMIT 1";
        let not_uploaded = "SELECT producer_until FROM media_file
                            WHERE stream_id = ?1 AND state <> 0 AND not_uploaded_count > 0
                            ORDER BY producer_until DESC LIMIT 1";
        totals.newest_producer_timestamp =
            moment(connection, uploaded, stream)?.max(moment(connection, not_uploaded, stream)?);
    }
    for file in open_media_files(connection, stream)? {
        totals.media_file_count += 1;
        totals.size_bytes += file.size_bytes;
        totals.fragment_count += file.fragment_count;
        totals.not_uploaded_count += file.not_uploaded_count;
        totals.not_uploaded_size_bytes += file.not_uploaded_size_bytes;
        let Some(span) = file.span else { continue };
        let oldest = totals.oldest_producer_timestamp.unwrap_or(Timestamp::MAX);
        totals.oldest_producer_timestamp = Some(oldest.min(span.producer_min));
        totals.newest_producer_timestamp =
            totals.newest_producer_timestamp.max(Some(span.producer_until));
    }
    Ok(totals)
}

/// The one value that a query finds, if it finds any.
fn moment(
    connection: &Connection,
    sql: &str,
    stream: StreamId,
) -> Result<Option<Timestamp>, IndexError> {
    let found = connection.prepare_cached(sql)?.query_row([stream.0], |row| row.get(0)).optional();
    Ok(found?.flatten().map(Timestamp::from_millis))
}

pub(super) fn sizes(connection: &Connection) -> Result<BTreeMap<StreamId, u64>, IndexError> {
    let mut statement =
        connection.prepare_cached("SELECT stream_id, size_bytes FROM stream_total")?;
    let rows = statement.query_map([], |row| Ok((StreamId(row.get(0)?), row.get(1)?)))?;
    let mut sizes: BTreeMap<StreamId, u64> = rows.collect::<Result<_, _>>()?;
    let sql = format!("SELECT {MEDIA_FILE} FROM media_file WHERE state = 0");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let file = complete(connection, media_file(row)?)?;
        *sizes.entry(StreamId(row.get(16)?)).or_default() += file.size_bytes;
    }
    Ok(sizes)
}

pub(super) fn closed(
    connection: &Connection,
    stream: StreamId,
    query: ClosedQuery,
) -> Result<Vec<MediaFile>, IndexError> {
    let count = if query.uploaded { "not_uploaded_count = 0" } else { "not_uploaded_count > 0" };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let (until, id) = match query.after {
        None => (i64::MIN, 0),
        Some(after) => (after.producer_until.map_or(i64::MAX, Timestamp::as_millis), after.id.0),
    };
    let mut files = Vec::new();
    let sql = format!(
        "SELECT {MEDIA_FILE} FROM media_file
         WHERE stream_id = ?1 AND state <> 0 AND {count} AND (producer_until, id) > (?2, ?3)
         ORDER BY producer_until, id LIMIT ?4"
    );
    if query.after.is_none_or(|after| after.producer_until.is_some()) {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![stream.0, until, id, limit])?;
        while let Some(row) = rows.next()? {
            files.push(media_file(row)?);
        }
    }
    // Those without fragments stand behind the others. The store makes none.
    let sql = format!(
        "SELECT {MEDIA_FILE} FROM media_file
         WHERE stream_id = ?1 AND state <> 0 AND {count} AND producer_until IS NULL AND id > ?2
         ORDER BY id LIMIT ?3"
    );
    if files.len() < query.limit {
        let after = query.after.filter(|after| after.producer_until.is_none());
        let id = after.map_or(0, |after| after.id.0);
        let limit = limit.saturating_sub(i64::try_from(files.len()).unwrap_or(i64::MAX));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params![stream.0, id, limit])?;
        while let Some(row) = rows.next()? {
            files.push(media_file(row)?);
        }
    }
    Ok(files)
}

pub(super) fn received_before(
    connection: &Connection,
    stream: StreamId,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<MediaFileId>, IndexError> {
    let sql = "SELECT id FROM media_file
               WHERE stream_id = ?1 AND state <> 0 AND server_min < ?2 AND server_max < ?2
               ORDER BY server_min LIMIT ?3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![stream.0, before.as_millis(), limit], |row| {
        row.get(0).map(MediaFileId)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Walks from range to range: a file that is not wholly uploaded begins one, and it ends before the next file that is
/// uploaded or that follows a gap.
pub(super) fn not_uploaded_ranges(
    connection: &Connection,
    stream: StreamId,
    limit: usize,
) -> Result<Vec<Range<Timestamp>>, IndexError> {
    let first = "SELECT producer_until, producer_min FROM media_file
                 WHERE stream_id = ?1 AND state <> 0 AND not_uploaded_count > 0
                     AND producer_until > ?2
                 ORDER BY producer_until LIMIT 1";
    let next_uploaded = "SELECT producer_until FROM media_file
                         WHERE stream_id = ?1 AND state <> 0 AND not_uploaded_count = 0
                             AND producer_until > ?2
                         ORDER BY producer_until LIMIT 1";
    let next_gap = "SELECT producer_until FROM media_file
                    WHERE stream_id = ?1 AND state <> 0 AND not_uploaded_count > 0
                        AND follows_gap = 1 AND producer_until > ?2
                    ORDER BY producer_until LIMIT 1";
    let last_before = "SELECT producer_until FROM media_file
                       WHERE stream_id = ?1 AND state <> 0 AND not_uploaded_count > 0
                           AND producer_until < ?2
                       ORDER BY producer_until DESC LIMIT 1";
    let find = |sql: &str, value: i64| {
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row(params![stream.0, value], |row| row.get::<_, i64>(0)).optional()
    };
    let mut ranges = Vec::new();
    let mut behind = i64::MIN;
    loop {
        let mut statement = connection.prepare_cached(first)?;
        let found = statement
            .query_row(params![stream.0, behind], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((first_until, from)) = found else { return Ok(ranges) };
        let is_last = ranges.len() + 1 >= limit;
        let mut end = i64::MAX;
        if !is_last {
            end = end.min(find(next_uploaded, first_until)?.unwrap_or(i64::MAX));
            end = end.min(find(next_gap, first_until)?.unwrap_or(i64::MAX));
        }
        let until = find(last_before, end)?.unwrap_or(first_until).max(first_until);
        ranges.push(Timestamp::from_millis(from)..Timestamp::from_millis(until));
        if is_last {
            return Ok(ranges);
        }
        behind = until;
    }
}
