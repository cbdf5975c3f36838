//! When an expression fires: the search forwards and backwards in local wall time.
//!
//! Walks fields, not seconds: a month's firing days are one bit set, so that an impossible date ends after at most a
//! century of months and an every-second expression answers at once. Never reads a clock.

use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use vigie_media::Timestamp;

use super::CronExpression;
use super::field::{YEAR_FIRST, YEAR_LAST};

impl CronExpression {
    /// The first fire time after `after`, as Quartz computes it: the smallest matching wall time that is later than
    /// the wall time of `after`. `None` when there is none up to the last year (see the module).
    ///
    /// Asked from inside the first pass of an autumn hour, wall times that are already behind on that pass are skipped
    /// on the second; `schedule` asks in a way that does not skip them.
    pub fn next_valid_time_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let wall = wall_time(after, zone)?;
        self.next_after_wall(wall, zone)
    }

    /// The first fire time after `after`, counting every fire time there is: unlike
    /// [`Self::next_valid_time_after`], the answer does not depend on what was asked before.
    pub(crate) fn next_fire_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let wall = wall_time(after, zone)?;
        match first_pass_start(wall, after, zone) {
            // No wall time of a repeated hour fires on its first pass, so everything from its start on is ahead.
            Some(start) => {
                self.next_after_wall(start.checked_sub(jiff::Span::new().seconds(1)).ok()?, zone)
            }
            None => self.next_after_wall(wall, zone),
        }
    }

    /// The last fire time that is not after `at`.
    pub fn previous_valid_time(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let wall = wall_time(at, zone)?;
        let mut limit = match first_pass_start(wall, at, zone) {
            Some(start) => start.checked_sub(jiff::Span::new().seconds(1)).ok()?,
            None => wall,
        };
        loop {
            let candidate = self.matching_wall_at_or_before(limit)?;
            match resolve(candidate, zone)? {
                Resolved::Instant(instant) => return Some(instant),
                Resolved::Gap { start, .. } => {
                    limit = start.checked_sub(jiff::Span::new().seconds(1)).ok()?;
                }
            }
        }
    }

    /// Whether the expression fires in the second that `at` lies in.
    pub fn is_satisfied_by(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let second = Timestamp::from_millis(at.as_millis().div_euclid(1000).saturating_mul(1000));
        self.previous_valid_time(second, zone) == Some(second)
    }

    fn next_after_wall(&self, wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
        let mut from = wall.checked_add(jiff::Span::new().seconds(1)).ok()?;
        loop {
            let candidate = self.matching_wall_at_or_after(from)?;
            match resolve(candidate, zone)? {
                Resolved::Instant(instant) => return Some(instant),
                Resolved::Gap { end, .. } => from = end,
            }
        }
    }

    fn matching_wall_at_or_after(&self, from: DateTime) -> Option<DateTime> {
        let mut from = from;
        for year in from.year().max(YEAR_FIRST)..=YEAR_LAST {
            if !self.years.iter().any(|range| range.contains(year)) {
                continue;
            }
            for month in ones_up(self.months, 1..=12) {
                if (year, month as i8) < (from.year(), from.month()) {
                    continue;
                }
                let first = Date::new(year, month as i8, 1).ok()?;
                if (first.year(), first.month()) > (from.year(), from.month()) {
                    from = first.at(0, 0, 0, 0);
                }
                for day in ones_up(self.days_in(first), from.day() as u32..=31) {
                    let time = if day > from.day() as u32 { (0, 0, 0) } else { time_of(from) };
                    if let Some((hour, minute, second)) = self.time_at_or_after(time) {
                        return DateTime::new(
                            year,
                            month as i8,
                            day as i8,
                            hour,
                            minute,
                            second,
                            0,
                        )
                        .ok();
                    }
                }
            }
        }
        None
    }

    fn matching_wall_at_or_before(&self, limit: DateTime) -> Option<DateTime> {
        let mut limit = limit;
        for year in (YEAR_FIRST..=limit.year().min(YEAR_LAST)).rev() {
            if !self.years.iter().any(|range| range.contains(year)) {
                continue;
            }
            for month in ones_down(self.months, 1..=12) {
                if (year, month as i8) > (limit.year(), limit.month()) {
                    continue;
                }
                let first = Date::new(year, month as i8, 1).ok()?;
                if (first.year(), first.month()) < (limit.year(), limit.month()) {
                    limit = first.last_of_month().at(23, 59, 59, 0);
                }
                for day in ones_down(self.days_in(first), 1..=limit.day() as u32) {
                    let time = if day < limit.day() as u32 { (23, 59, 59) } else { time_of(limit) };
                    if let Some((hour, minute, second)) = self.time_at_or_before(time) {
                        return DateTime::new(
                            year,
                            month as i8,
                            day as i8,
                            hour,
                            minute,
                            second,
                            0,
                        )
                        .ok();
                    }
                }
            }
        }
        None
    }

    /// The firing days of the month that begins at `first`.
    fn days_in(&self, first: Date) -> u64 {
        let first_weekday = first.weekday().to_sunday_one_offset() as u32;
        self.days.days_in_month(first.days_in_month() as u32, first_weekday)
    }

    fn time_at_or_after(&self, (hour, minute, second): (u32, u32, u32)) -> Option<(i8, i8, i8)> {
        for h in ones_up(self.hours, hour..=23) {
            let minute = if h > hour { 0 } else { minute };
            for m in ones_up(self.minutes, minute..=59) {
                let second = if h > hour || m > minute { 0 } else { second };
                if let Some(s) = ones_up(self.seconds, second..=59).next() {
                    return Some((h as i8, m as i8, s as i8));
                }
            }
        }
        None
    }

    fn time_at_or_before(&self, (hour, minute, second): (u32, u32, u32)) -> Option<(i8, i8, i8)> {
        for h in ones_down(self.hours, 0..=hour) {
            let minute = if h < hour { 59 } else { minute };
            for m in ones_down(self.minutes, 0..=minute) {
                let second = if h < hour || m < minute { 59 } else { second };
                if let Some(s) = ones_down(self.seconds, 0..=second).next() {
                    return Some((h as i8, m as i8, s as i8));
                }
            }
        }
        None
    }
}

fn time_of(wall: DateTime) -> (u32, u32, u32) {
    (wall.hour() as u32, wall.minute() as u32, wall.second() as u32)
}

/// The numbers of `range` whose bits are set, growing.
fn ones_up(set: u64, range: RangeInclusive<u32>) -> impl Iterator<Item = u32> {
    let mut rest = set & mask(&range);
    std::iter::from_fn(move || {
        let n = rest.trailing_zeros();
        rest &= rest.wrapping_sub(1);
        (n < 64).then_some(n)
    })
}

/// The numbers of `range` whose bits are set, falling.
fn ones_down(set: u64, range: RangeInclusive<u32>) -> impl Iterator<Item = u32> {
    let mut rest = set & mask(&range);
    std::iter::from_fn(move || {
        let n = rest.checked_ilog2()?;
        rest ^= 1 << n;
        Some(n)
    })
}

/// Bits `start..=end`, all below 64.
fn mask(range: &RangeInclusive<u32>) -> u64 {
    (u64::MAX >> (63 - range.end())) & (u64::MAX << range.start())
}

/// The wall time of an instant, to the second. `None` outside the years that a calendar knows.
fn wall_time(at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let second = jiff::Timestamp::from_second(at.as_millis().div_euclid(1000)).ok()?;
    Some(zone.to_datetime(second))
}

/// What a wall time is in a zone.
enum Resolved {
    Instant(Timestamp),
    /// It does not exist: clocks went from `start` straight to `end`.
    Gap {
        start: DateTime,
        end: DateTime,
    },
}

fn resolve(wall: DateTime, zone: &TimeZone) -> Option<Resolved> {
    let instant = |offset: Offset| {
        let seconds = offset.to_timestamp(wall).ok()?.as_second();
        Some(Resolved::Instant(Timestamp::from_millis(seconds.checked_mul(1000)?)))
    };
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset),
        AmbiguousOffset::Fold { after, .. } => instant(after),
        AmbiguousOffset::Gap { before, after } => {
            // Read with the offset after the gap, the wall time is an instant shortly before the gap.
            let before_gap = after.to_timestamp(wall).ok()?;
            let transition = zone.following(before_gap).next()?.timestamp();
            Some(Resolved::Gap {
                start: before.to_datetime(transition),
                end: after.to_datetime(transition),
            })
        }
    }
}

/// Where the repeated wall times begin, when `at` is on the first of their two passes.
fn first_pass_start(wall: DateTime, at: Timestamp, zone: &TimeZone) -> Option<DateTime> {
    let AmbiguousOffset::Fold { before, after } = zone.to_ambiguous_timestamp(wall).offset() else {
        return None;
    };
    let first_pass = before.to_timestamp(wall).ok()?;
    if first_pass.as_second() != at.as_millis().div_euclid(1000) {
        return None;
    }
    let transition = zone.following(first_pass).next()?.timestamp();
    Some(after.to_datetime(transition))
}
