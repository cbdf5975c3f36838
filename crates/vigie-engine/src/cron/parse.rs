//! From text to [`CronExpression`]: the grammar, and a helpful refusal of everything outside it.
//!
//! Never guesses: text that Quartz swallows without a meaning is an error that says what to write.

use super::field::{DayRule, FieldKind, YearRange};
use super::{CronError, CronExpression};

/// Longer than any sensible expression (KVS allows 100 characters); bounds the work for hostile ones.
const LENGTH_MAX: usize = 1000;

/// One field of the text.
#[derive(Clone, Copy)]
struct Field<'a> {
    kind: FieldKind,
    /// Upper case.
    text: &'a str,
    /// Byte offset of `text` in the expression.
    position: usize,
}

/// One entry of a field's list.
#[derive(Clone, Copy)]
struct Item<'a> {
    kind: FieldKind,
    text: &'a str,
    position: usize,
}

pub(super) fn parse(text: &str) -> Result<CronExpression, CronError> {
    if text.len() > LENGTH_MAX {
        return Err(CronError {
            message: format!("the expression is longer than {LENGTH_MAX} bytes"),
            position: LENGTH_MAX,
        });
    }
    // ASCII only, so that byte offsets stay the same.
    let upper = text.trim_ascii_end().to_ascii_uppercase();
    let fields = split_fields(&upper)?;
    let [seconds, minutes, hours, days_of_month, months, days_of_week] = fields[..6] else {
        return Err(wrong_field_count(&upper, fields.len()));
    };
    let expression = CronExpression {
        text: text.to_owned(),
        seconds: number_set(seconds)?,
        minutes: number_set(minutes)?,
        hours: number_set(hours)?,
        months: number_set(months)?,
        days: day_rule(days_of_month, days_of_week)?,
        years: match fields.get(6) {
            Some(field) => year_ranges(*field)?,
            None => vec![YearRange { first: 0, last: u32::MAX, step: 1 }],
        },
    };
    Ok(expression)
}

fn split_fields(upper: &str) -> Result<Vec<Field<'_>>, CronError> {
    let mut fields = Vec::with_capacity(7);
    let mut position = 0;
    for word in upper.split([' ', '\t']) {
        if !word.is_empty() {
            let Some(kind) = FieldKind::ALL.get(fields.len()) else {
                return Err(CronError {
                    message: "there are more than seven fields; write seconds, minutes, hours, day-of-month, month, \
                              day-of-week and, if wanted, year"
                        .to_owned(),
                    position,
                });
            };
            fields.push(Field { kind: *kind, text: word, position });
        }
        position += word.len() + 1;
    }
    if fields.len() < 6 {
        return Err(wrong_field_count(upper, fields.len()));
    }
    Ok(fields)
}

fn wrong_field_count(upper: &str, count: usize) -> CronError {
    let hint = match count {
        5 => "a Quartz expression begins with the seconds, put 0 in front",
        _ => "write seconds, minutes, hours, day-of-month, month, day-of-week and, if wanted, year",
    };
    CronError {
        message: format!("only {count} of six fields are there; {hint}"),
        position: upper.len(),
    }
}

impl<'a> Field<'a> {
    fn items(self) -> impl Iterator<Item = Item<'a>> {
        let mut position = self.position;
        self.text.split(',').map(move |text| {
            let item = Item { kind: self.kind, text, position };
            position += text.len() + 1;
            item
        })
    }

    fn error(self, what: &str) -> CronError {
        CronError {
            message: format!("{} field: {what}", self.kind.name()),
            position: self.position,
        }
    }
}

impl<'a> Item<'a> {
    fn error(self, offset: usize, what: &str) -> CronError {
        CronError {
            message: format!("{} field: {what}", self.kind.name()),
            position: self.position + offset,
        }
    }

    /// The refusal of text that is no item at all.
    fn not_understood(self) -> CronError {
        if self.text.is_empty() {
            return self.error(0, "there is a comma without a value beside it");
        }
        let kind = self.kind;
        let (least, greatest) = kind.range();
        let mut forms = format!("a number from {least} to {greatest}, a range, a step or *");
        if let (Some(first), Some(last)) = (kind.names().first(), kind.names().last()) {
            forms = format!("{forms}, or a name from {first} to {last}");
        }
        // Whatever was written may hold anything, control characters included: only a short plain part is repeated.
        let shown: String = self.text.chars().take(20).filter(|c| c.is_ascii_graphic()).collect();
        self.error(0, &format!("'{shown}' is not understood; write {forms}"))
    }

    /// A number that must lie in the field's range.
    fn number(self, text: &str, offset: usize) -> Result<u32, CronError> {
        let (least, greatest) = self.kind.range();
        match digits(text) {
            Some(number) if (least..=greatest).contains(&number) => Ok(number),
            // Quartz takes any year; those it does not know never fire.
            Some(number) if self.kind == FieldKind::Year => Ok(number),
            Some(_) => Err(self.error(offset, &format!("{text} is outside {least} to {greatest}"))),
            None => Err(self.not_understood()),
        }
    }

    fn name(self, text: &str) -> Option<u32> {
        let index = self.kind.names().iter().position(|name| *name == text)?;
        Some(index as u32 + self.kind.range().0)
    }

    /// `first`, `last` and `step` of a plain item. `last` below `first` wraps around.
    fn span(self) -> Result<Span, CronError> {
        let (least, greatest) = self.kind.range();
        let (base, step) = match self.text.split_once('/') {
            Some((base, step)) => (base, Some((step, base.len() + 1))),
            None => (self.text, None),
        };
        if base == "*" || (base.is_empty() && step.is_some()) {
            let step = self.step(step, true)?.unwrap_or(1);
            return Ok(Span { first: least, last: greatest, step });
        }
        if base.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.named_span(base, step.is_some());
        }
        if let Some((from, to)) = base.split_once('-') {
            let first = self.number(from, 0)?;
            if self.name(to).is_some() {
                return Err(self.error(
                    from.len() + 1,
                    "a range takes two numbers or two names, not one of each",
                ));
            }
            let last = self.number(to, from.len() + 1)?;
            // Quartz limits the step of */s and a/s only.
            return Ok(match self.step(step, false)? {
                Some(0) => Span { first, last: first, step: 1 },
                step => Span { first, last, step: step.unwrap_or(1) },
            });
        }
        let first = self.number(base, 0)?;
        Ok(match self.step(step, true)? {
            None | Some(0) => Span { first, last: first, step: 1 },
            Some(step) => Span { first, last: greatest, step },
        })
    }

    fn named_span(self, base: &str, has_step: bool) -> Result<Span, CronError> {
        let (from, to) = base.split_once('-').unwrap_or((base, base));
        let first = self.name(from).ok_or_else(|| self.not_understood())?;
        if digits(to).is_some() {
            return Err(self
                .error(from.len() + 1, "a range takes two numbers or two names, not one of each"));
        }
        let last = self.name(to).ok_or_else(|| self.not_understood())?;
        if has_step {
            let hint = format!(
                "names take no step; write the numbers instead, {first}-{last}/2 for every second one"
            );
            return Err(self.error(base.len(), &hint));
        }
        Ok(Span { first, last, step: 1 })
    }

    /// The step behind the slash; `limited` where Quartz bounds it.
    fn step(self, step: Option<(&str, usize)>, limited: bool) -> Result<Option<u32>, CronError> {
        let Some((text, offset)) = step else { return Ok(None) };
        let limit = match self.kind {
            FieldKind::Year => u32::MAX,
            kind => kind.range().1,
        };
        match digits(text) {
            Some(step) if limited && step > limit => {
                Err(self.error(offset, &format!("the step {step} is greater than {limit}")))
            }
            Some(step) => Ok(Some(step)),
            None => Err(self.error(offset, "the step behind '/' must be a number")),
        }
    }
}

/// A range with a step; wraps around when `last` is less than `first`.
#[derive(Clone, Copy)]
struct Span {
    first: u32,
    last: u32,
    step: u32,
}

impl Span {
    /// The bits of the numbers it holds, within the field's range.
    fn bits(self, kind: FieldKind) -> u64 {
        let (least, greatest) = kind.range();
        let count = greatest - least + 1;
        let last = if self.last < self.first { self.last + count } else { self.last };
        let mut set = 0u64;
        let mut number = self.first;
        while number <= last {
            set |= 1 << (least + (number - least) % count);
            number = number.saturating_add(self.step.max(1));
        }
        set
    }
}

/// Plain decimal digits, few enough for a `u32`.
fn digits(text: &str) -> Option<u32> {
    let plain =
        !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn number_set(field: Field<'_>) -> Result<u64, CronError> {
    if field.text == "?" {
        return Err(field.error("'?' is for day-of-month or day-of-week only; write *"));
    }
    let mut set = 0;
    for item in field.items() {
        set |= item.span()?.bits(field.kind);
    }
    Ok(set)
}

fn year_ranges(field: Field<'_>) -> Result<Vec<YearRange>, CronError> {
    if field.text == "?" {
        return Err(field.error("'?' is for day-of-month or day-of-week only; write *"));
    }
    let mut ranges = Vec::new();
    for item in field.items() {
        let span = item.span()?;
        if span.last < span.first {
            return Err(item.error(0, "the range ends before it begins; years do not wrap around"));
        }
        ranges.push(YearRange { first: span.first, last: span.last, step: span.step.max(1) });
    }
    Ok(ranges)
}

fn day_rule(days_of_month: Field<'_>, days_of_week: Field<'_>) -> Result<DayRule, CronError> {
    for field in [days_of_month, days_of_week] {
        if field.text.len() > 1 && field.text.contains('?') {
            return Err(field.error("'?' must stand alone in the field"));
        }
    }
    match (days_of_month.text == "?", days_of_week.text == "?") {
        (false, true) => day_of_month_rule(days_of_month),
        (true, false) => day_of_week_rule(days_of_week),
        (true, true) => {
            Err(days_of_week.error("day-of-month and day-of-week are both '?'; write * in one of them"))
        }
        (false, false) => Err(days_of_week.error(
            "day-of-month and day-of-week are both given; write '?' in the one that should not decide",
        )),
    }
}

fn day_of_month_rule(field: Field<'_>) -> Result<DayRule, CronError> {
    let (mut days, mut nearest_weekday, mut before_last, mut before_last_nearest_weekday) =
        (0, 0, 0, 0);
    for item in field.items() {
        if let Some(rest) = item.text.strip_prefix('L') {
            let (rest, weekday) = rest.strip_suffix('W').map_or((rest, false), |rest| (rest, true));
            let offset = match rest.strip_prefix('-') {
                _ if rest.is_empty() => 0,
                Some(offset) => match digits(offset) {
                    Some(offset) if offset <= 30 => offset,
                    Some(_) => {
                        return Err(item.error(2, "the offset behind 'L-' must be 30 or less"));
                    }
                    None => return Err(item.error(0, "write L, L-3, LW or L-3W")),
                },
                None => return Err(item.error(0, "write L, L-3, LW or L-3W")),
            };
            *(if weekday { &mut before_last_nearest_weekday } else { &mut before_last }) |=
                1 << offset;
        } else if let Some(day) = item.text.strip_suffix('W') {
            nearest_weekday |= 1 << item.number(day, 0)?;
        } else {
            // Days are at most 31, so the set fits.
            days |= item.span()?.bits(field.kind) as u32;
        }
    }
    Ok(DayRule::DaysOfMonth { days, nearest_weekday, before_last, before_last_nearest_weekday })
}

fn day_of_week_rule(field: Field<'_>) -> Result<DayRule, CronError> {
    let alone = !field.text.contains(',');
    let mut days = 0;
    for item in field.items() {
        let day = |text: &str| match item.name(text) {
            Some(day) => Ok(day),
            None => item.number(text, 0),
        };
        if item.text == "L" {
            // Quartz refuses a list with an `L` anywhere in it, not only behind a day.
            if !alone {
                return Err(
                    item.error(0, "'L' must stand alone in the field; write 7 or SAT in a list")
                );
            }
            days |= 1 << 7;
        } else if let Some((weekday, nth)) = item.text.split_once('#') {
            let rule = DayRule::NthDayOfWeek {
                day: day(weekday)?,
                nth: nth_of_month(item, weekday, nth)?,
            };
            return if alone {
                Ok(rule)
            } else {
                Err(item.error(0, "'#' must stand alone in the field"))
            };
        } else if let Some(weekday) = item.text.strip_suffix('L') {
            let rule = DayRule::LastDayOfWeek { day: day(weekday)? };
            return if alone {
                Ok(rule)
            } else {
                Err(item.error(0, "a day with 'L' must stand alone in the field"))
            };
        } else {
            days |= item.span()?.bits(field.kind) as u32;
        }
    }
    Ok(DayRule::DaysOfWeek(days))
}

fn nth_of_month(item: Item<'_>, weekday: &str, nth: &str) -> Result<u32, CronError> {
    match digits(nth) {
        Some(nth @ 1..=5) => Ok(nth),
        _ => Err(item.error(weekday.len() + 1, "the number behind '#' must be 1 to 5")),
    }
}
