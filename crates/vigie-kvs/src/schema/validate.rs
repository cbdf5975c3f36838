//! A JSON value held against its shape.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::Value;

use super::{Bytes, List, Member, Range, Shape, Text};

/// A broken constraint is reported with at most this much of the value.
const VALUE_CHARS_MAX: usize = 128;
/// At most this many broken constraints are written out.
const VIOLATIONS_MAX: usize = 10;

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A member, or all of it at the path "", is of another type. The check ends there.
    WrongType {
        path: String,
        /// What it should be, such as "a string".
        expected: &'static str,
    },
    /// Constraints are broken.
    Constraints {
        /// How many.
        count: usize,
        /// The first of them, in words.
        said: Vec<String>,
        /// How many of them are of the stream's ARN.
        malformed_arns: usize,
    },
}

/// Holds `input` against a shape, whose patterns have to be among `patterns`.
///
/// A value of the wrong type ends the check at once; broken constraints are collected, with the member's path, the constraint
/// and the value unless it is sensitive. Unknown members are ignored and null counts as missing, as the services do.
pub(crate) fn validate(shape: &Shape, patterns: &Patterns, input: &Value) -> Result<(), Violation> {
    let mut check = Check { patterns, said: Vec::new(), count: 0, malformed_arns: 0 };
    if let Err(WrongType { path, expected }) = check.shape(shape, input, &Path::Root) {
        return Err(Violation::WrongType { path, expected });
    }
    let Check { said, count, malformed_arns, .. } = check;
    if count == 0 { Ok(()) } else { Err(Violation::Constraints { count, said, malformed_arns }) }
}

/// Where a value stands; written only when something is wrong with it.
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Element(&'a Path<'a>, usize),
    /// The key itself, or the value at a key. Keys come from the caller and are cut.
    Key(&'a Path<'a>, &'a str),
}

impl Path<'_> {
    fn text(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Member(Path::Root, name) => (*name).to_owned(),
            Path::Member(parent, name) => format!("{}.{name}", parent.text()),
            Path::Element(parent, index) => format!("{}.{}.member", parent.text(), index + 1),
            Path::Key(parent, key) => format!("{}.{}", parent.text(), cut(key)),
        }
    }
}

struct WrongType {
    path: String,
    expected: &'static str,
}

struct Check<'a> {
    patterns: &'a Patterns,
    said: Vec<String>,
    count: usize,
    malformed_arns: usize,
}

impl Check<'_> {
    fn shape(&mut self, shape: &Shape, value: &Value, path: &Path<'_>) -> Result<(), WrongType> {
        let wrong = |expected| WrongType { path: path.text(), expected };
        match shape {
            Shape::String(text) => {
                self.text(text, value.as_str().ok_or_else(|| wrong("a string"))?, path);
            }
            Shape::Integer(range) => {
                let number = value.as_i64().filter(|number| i32::try_from(*number).is_ok());
                self.range(range, number.ok_or_else(|| wrong("a whole number of 32 bits"))?, path);
            }
            Shape::Long(range) => {
                let number = value.as_i64().ok_or_else(|| wrong("a whole number of 64 bits"))?;
                self.range(range, number, path);
            }
            Shape::Boolean => {
                value.as_bool().ok_or_else(|| wrong("true or false"))?;
            }
            Shape::Timestamp => {
                value.as_f64().ok_or_else(|| wrong("a time in seconds since 1970"))?;
            }
            Shape::Blob(Bytes { length_min, length_max }) => {
                let text = value.as_str().ok_or_else(|| wrong("base64 text"))?;
                let decoded = STANDARD.decode(text).map_err(|_| wrong("base64 text"))?;
                self.length(decoded.len(), *length_min, Some(*length_max), None, path);
            }
            Shape::Structure(members) => {
                let object = value.as_object().ok_or_else(|| wrong("a JSON object"))?;
                self.members(members, object, path)?;
            }
            Shape::List(List { element, length_min, length_max }) => {
                let elements = value.as_array().ok_or_else(|| wrong("a JSON array"))?;
                self.length(elements.len(), *length_min, *length_max, None, path);
                for (index, value) in elements.iter().enumerate() {
                    self.shape(element, value, &Path::Element(path, index))?;
                }
            }
            Shape::Map(map) => {
                let object = value.as_object().ok_or_else(|| wrong("a JSON object"))?;
                self.length(object.len(), map.length_min, map.length_max, None, path);
                for (key, value) in object {
                    let path = Path::Key(path, key);
                    self.text(&map.key, key, &path);
                    self.shape(map.value, value, &path)?;
                }
            }
        }
        Ok(())
    }

    fn members(
        &mut self,
        members: &[Member],
        object: &serde_json::Map<String, Value>,
        parent: &Path<'_>,
    ) -> Result<(), WrongType> {
        for Member { name, required, shape } in members {
            let path = Path::Member(parent, name);
            match object.get(*name) {
                None | Some(Value::Null) if *required => {
                    self.violation(" null", &path, format_args!("Member must not be null"));
                }
                None | Some(Value::Null) => {}
                Some(value) => self.shape(shape, value, &path)?,
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &Text, value: &str, path: &Path<'_>) {
        let shown = (!text.sensitive).then_some(value);
        if !text.values.is_empty() && !text.values.contains(&value) {
            let values = text.values.join(", ");
            self.broken(
                shown,
                path,
                format_args!("Member must satisfy enum value set: [{values}]"),
            );
        }
        let length_chars = value.chars().count();
        self.length(length_chars, text.length_min, text.length_max, shown, path);
        if let Some(pattern) = text.pattern
            && !self.patterns.matches(pattern, value)
        {
            self.broken(
                shown,
                path,
                format_args!("Member must satisfy regular expression pattern: {pattern}"),
            );
        }
    }

    fn length(
        &mut self,
        length: usize,
        min: usize,
        max: Option<usize>,
        shown: Option<&str>,
        path: &Path<'_>,
    ) {
        if length < min {
            self.broken(
                shown,
                path,
                format_args!("Member must have length greater than or equal to {min}"),
            );
        }
        if let Some(max) = max.filter(|&max| length > max) {
            self.broken(
                shown,
                path,
                format_args!("Member must have length less than or equal to {max}"),
            );
        }
    }

    fn range(&mut self, range: &Range, number: i64, path: &Path<'_>) {
        if let Some(min) = range.min.filter(|&min| number < min) {
            let value = format!(" '{number}'");
            self.violation(
                &value,
                path,
                format_args!("Member must have value greater than or equal to {min}"),
            );
        }
        if let Some(max) = range.max.filter(|&max| number > max) {
            let value = format!(" '{number}'");
            self.violation(
                &value,
                path,
                format_args!("Member must have value less than or equal to {max}"),
            );
        }
    }

    /// A broken constraint with its value, or without one that must not be shown or is too big to.
    fn broken(&mut self, shown: Option<&str>, path: &Path<'_>, constraint: fmt::Arguments<'_>) {
        let value = shown.map(|value| format!(" '{}'", cut(value))).unwrap_or_default();
        self.violation(&value, path, constraint);
    }

    fn violation(&mut self, value: &str, path: &Path<'_>, constraint: fmt::Arguments<'_>) {
        self.count += 1;
        if matches!(path, Path::Member(Path::Root, "StreamARN")) {
            self.malformed_arns += 1;
        }
        if self.said.len() < VIOLATIONS_MAX {
            let path = path.text();
            self.said.push(format!(
                "Value{value} at '{path}' failed to satisfy constraint: {constraint}"
            ));
        }
    }
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The patterns of some shapes, compiled once.
#[derive(Debug)]
pub(crate) struct Patterns(BTreeMap<&'static str, Regex>);

impl Patterns {
    /// A pattern that does not compile matches nothing; a test holds that all do.
    pub(crate) fn of(shapes: impl IntoIterator<Item = &'static Shape>) -> Patterns {
        let mut patterns = BTreeMap::new();
        for shape in shapes {
            collect_patterns(shape, &mut patterns);
        }
        Patterns(patterns)
    }

    /// Whether it is among them, and compiles.
    #[cfg(test)]
    pub(crate) fn knows(&self, pattern: &str) -> bool {
        self.0.contains_key(pattern)
    }

    fn matches(&self, pattern: &str, value: &str) -> bool {
        self.0.get(pattern).is_some_and(|regex| regex.is_match(value))
    }
}

fn collect_patterns(shape: &Shape, patterns: &mut BTreeMap<&'static str, Regex>) {
    match shape {
        Shape::String(text) => collect_pattern(text, patterns),
        Shape::Structure(members) => {
            members.iter().for_each(|member| collect_patterns(member.shape, patterns));
        }
        Shape::List(list) => collect_patterns(list.element, patterns),
        Shape::Map(map) => {
            collect_pattern(&map.key, patterns);
            collect_patterns(map.value, patterns);
        }
        _ => {}
    }
}

fn collect_pattern(text: &Text, patterns: &mut BTreeMap<&'static str, Regex>) {
    if let Some(pattern) = text.pattern
        && let Ok(regex) = compile(pattern)
    {
        patterns.entry(pattern).or_insert(regex);
    }
}

/// The models are written for Java, where `\d` and `\w` mean ASCII, and a pattern has to match the whole value.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let ascii = pattern.replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]");
    Regex::new(&format!("^(?:{ascii})$"))
}
