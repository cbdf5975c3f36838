//! Time zones by name, and times as people read them.

use jiff::tz::TimeZone;
use vigie_media::Timestamp;

use crate::failure::{Doing, Failure};

/// The zone of an IANA name, or the system's.
pub fn find(name: Option<&str>) -> Result<TimeZone, Failure> {
    match name {
        None => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).map_err(|_| {
            Failure::usage(format!(
                "there is no time zone {name:?}: give an IANA name such as Europe/Paris or UTC"
            ))
        }),
    }
}

/// RFC 9557 text in `zone`, such as `2026-11-22T09:00:00+01:00[Europe/Paris]`.
pub fn local_text(time: Timestamp, zone: &TimeZone) -> Result<String, Failure> {
    let time = jiff::Timestamp::from_millisecond(time.as_millis())
        .doing(format!("show the time {} ms", time.as_millis()))?;
    Ok(time.to_zoned(zone.clone()).to_string())
}

/// RFC 3339 text in UTC to the millisecond.
pub fn utc_text(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_millis()) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => format!("{} ms", time.as_millis()),
    }
}
