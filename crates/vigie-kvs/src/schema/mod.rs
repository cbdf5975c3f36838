//! Constraints as data: lengths, ranges, patterns, enumerations and required members, declared once per shape.
//!
//! Decides what a well-formed input is; `validate` holds a JSON value against it. Never knows rules between members
//! (such as "StreamName or StreamARN"): those stand at the typed shapes.

pub(crate) mod administration;
pub(crate) mod archived_media;
pub(crate) mod clip_file;
pub(crate) mod describe_schedule;
pub(crate) mod edge;
pub(crate) mod hub;
pub(crate) mod hub_request;
pub(crate) mod kinesisvideo;
pub(crate) mod media;
pub(crate) mod media_ledger;
pub(crate) mod secretsmanager;
pub(crate) mod share_link;
pub(crate) mod stream_media;
pub(crate) mod sts;
pub(crate) mod sync_edge_agent;
pub(crate) mod users;
mod validate;

pub(crate) use validate::{Patterns, Violation, validate};

/// The shape of a value and its constraints, in the terms of the AWS service models.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    String(Text),
    /// A whole number of 32 bits.
    Integer(Range),
    /// A whole number of 64 bits.
    Long(Range),
    /// `true` or `false`.
    Boolean,
    /// Seconds since 1970, with a fraction.
    Timestamp,
    /// Bytes, as base64 text in JSON.
    Blob(Bytes),
    /// An object with known members. Unknown members are ignored, as the services do.
    Structure(&'static [Member]),
    /// An array.
    List(List),
    /// An object with free keys.
    Map(Map),
}

/// Constraints of a string.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Fewest characters.
    pub length_min: usize,
    /// Most characters.
    pub length_max: Option<usize>,
    /// A regular expression that the whole value has to match.
    pub pattern: Option<&'static str>,
    /// The values of an enumeration; empty when any text will do.
    pub values: &'static [&'static str],
    /// The value must not be repeated in errors or logs.
    pub sensitive: bool,
}

/// Constraints of a number, both ends included.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The least value.
    pub min: Option<i64>,
    /// The greatest value.
    pub max: Option<i64>,
}

/// Constraints of bytes, counted after base64 is taken off.
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// Fewest bytes.
    pub length_min: usize,
    /// Most bytes.
    pub length_max: usize,
}

/// Constraints of an array.
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// Of each element.
    pub element: &'static Shape,
    /// Fewest elements.
    pub length_min: usize,
    /// Most elements.
    pub length_max: Option<usize>,
}

/// Constraints of an object with free keys.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// Of each key.
    pub key: Text,
    /// Of each value.
    pub value: &'static Shape,
    /// Fewest entries.
    pub length_min: usize,
    /// Most entries.
    pub length_max: Option<usize>,
}

/// A member of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its key in JSON.
    pub name: &'static str,
    /// Whether it must be there and not null.
    pub required: bool,
    /// Of its value.
    pub shape: &'static Shape,
}

/// A member that must be there.
const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

/// A member that may be missing or null.
const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

impl Text {
    /// Any text of `length_min..=length_max` characters.
    const fn new(length_min: usize, length_max: usize) -> Self {
        Self { length_min, length_max: Some(length_max), ..Self::ANY }
    }

    /// Text without constraints.
    const ANY: Self =
        Self { length_min: 0, length_max: None, pattern: None, values: &[], sensitive: false };

    /// One of the values of an enumeration.
    const fn one_of(values: &'static [&'static str]) -> Self {
        Self { values, ..Self::ANY }
    }

    const fn matching(mut self, pattern: &'static str) -> Self {
        self.pattern = Some(pattern);
        self
    }

    const fn secret(mut self) -> Self {
        self.sensitive = true;
        self
    }
}

/// Text of a length.
const fn string(length_min: usize, length_max: usize) -> Shape {
    Shape::String(Text::new(length_min, length_max))
}

/// Text of a length that matches a pattern as a whole.
const fn pattern(length_min: usize, length_max: usize, pattern: &'static str) -> Shape {
    Shape::String(Text::new(length_min, length_max).matching(pattern))
}

/// One of the values of an enumeration.
const fn one_of(values: &'static [&'static str]) -> Shape {
    Shape::String(Text::one_of(values))
}

/// A 32-bit number of a range.
const fn integer(min: i64, max: i64) -> Shape {
    Shape::Integer(Range { min: Some(min), max: Some(max) })
}

/// A 32-bit number from `min`.
const fn integer_from(min: i64) -> Shape {
    Shape::Integer(Range { min: Some(min), max: None })
}

/// A 64-bit number of a range.
const fn long(min: i64, max: i64) -> Shape {
    Shape::Long(Range { min: Some(min), max: Some(max) })
}

/// An array of `length_min..=length_max` elements.
const fn list(element: &'static Shape, length_min: usize, length_max: usize) -> Shape {
    Shape::List(List { element, length_min, length_max: Some(length_max) })
}

/// Free keys with `length_min..=length_max` entries.
const fn map(key: Text, value: &'static Shape, length_min: usize, length_max: usize) -> Shape {
    Shape::Map(Map { key, value, length_min, length_max: Some(length_max) })
}
