//! Instants as text, as the audit log, playlists and backups write them.

use vigie_media::Timestamp;

/// RFC 3339, UTC, with milliseconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis())
        .map_or_else(|_| time.to_string(), |time| format!("{time:.3}"))
}
