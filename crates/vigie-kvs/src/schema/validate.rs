//! A JSON value held against its shape.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::Value;

use super::{Bytes, List, Map, Member, Range, Shape, Text};
use crate::error::{ErrorKind, KvsError};
use crate::operation::{OPERATIONS, Operation, Protocol};

/// A broken constraint is reported with at most this much of the value.
const VALUE_CHARS_MAX: usize = 128;
/// At most this many broken constraints are written out.
const VIOLATIONS_MAX: usize = 10;

/// Holds `input` against the operation's input shape.
///
/// A value of the wrong type ends the check at once (`SerializationException` where awsJson services say so, else
/// `InvalidArgumentException`); broken constraints are collected, with the member's path, the constraint and the
/// value unless it is sensitive. Unknown members are ignored and null counts as missing, as the services do.
pub fn validate(operation: &Operation, input: &Value) -> Result<(), KvsError> {
    let mut check = Check { violations: Vec::new(), count: 0 };
    let checked = check.shape(operation.input, input, &Path::Root, false);
    if let Err(WrongType { path, expected }) = checked {
        let message = match path.as_str() {
            "" => format!("the request body must be {expected}"),
            path => format!("{path} must be {expected}"),
        };
        let kind = match operation.protocol() {
            Protocol::RestJson => ErrorKind::InvalidArgument,
            Protocol::AwsJson11 => ErrorKind::Serialization,
        };
        return Err(KvsError::new(kind, message));
    }
    if check.count == 0 {
        return Ok(());
    }
    let count = check.count;
    let errors = if count == 1 { "error" } else { "errors" };
    let message = format!("{count} validation {errors} detected: {}", check.violations.join("; "));
    Err(KvsError::new(operation.constraint_error(), message))
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

struct Check {
    violations: Vec<String>,
    count: usize,
}

impl Check {
    fn violation(&mut self, path: &Path<'_>, value: Option<&str>, constraint: &str) {
        self.count += 1;
        if self.violations.len() < VIOLATIONS_MAX {
            let value = value.map(|value| format!(" '{}'", cut(value))).unwrap_or_default();
            let path = path.text();
            self.violations.push(format!(
                "Value{value} at '{path}' failed to satisfy constraint: {constraint}"
            ));
        }
    }

    fn length(
        &mut self,
        path: &Path<'_>,
        value: Option<&str>,
        length: usize,
        min: usize,
        max: Option<usize>,
    ) {
        if length < min {
            let constraint = format!("Member must have length greater than or equal to {min}");
            self.violation(path, value, &constraint);
        }
        if let Some(max) = max.filter(|&max| length > max) {
            let constraint = format!("Member must have length less than or equal to {max}");
            self.violation(path, value, &constraint);
        }
    }

    fn shape(
        &mut self,
        shape: &Shape,
        value: &Value,
        path: &Path<'_>,
        _in_key: bool,
    ) -> Result<(), WrongType> {
        let wrong = |expected| WrongType { path: path.text(), expected };
        match shape {
            Shape::String(text) => {
                self.text(text, value.as_str().ok_or_else(|| wrong("a string"))?, path);
            }
            Shape::Integer(range) => {
                let number = value.as_i64().filter(|number| i32::try_from(*number).is_ok());
                self.range(*range, number.ok_or_else(|| wrong("a whole number of 32 bits"))?, path);
            }
            Shape::Long(range) => {
                let number = value.as_i64().ok_or_else(|| wrong("a whole number of 64 bits"))?;
                self.range(*range, number, path);
            }
            Shape::Boolean => {
                value.as_bool().ok_or_else(|| wrong("true or false"))?;
            }
            Shape::Timestamp => {
                value.as_f64().ok_or_else(|| wrong("a time in seconds since 1970"))?;
            }
            Shape::Blob(bytes) => {
                let text = value.as_str().ok_or_else(|| wrong("base64 text"))?;
                let decoded = STANDARD.decode(text).map_err(|_| wrong("base64 text"))?;
                let Bytes { length_min, length_max, sensitive: _ } = *bytes;
                self.length(path, None, decoded.len(), length_min, Some(length_max));
            }
            Shape::Structure(members) => {
                let object = value.as_object().ok_or_else(|| wrong("a JSON object"))?;
                for Member { name, required, shape } in *members {
                    let path = Path::Member(path, name);
                    match object.get(*name) {
                        None | Some(Value::Null) if *required => {
                            self.count += 1;
                            if self.violations.len() < VIOLATIONS_MAX {
                                self.violations.push(format!(
                                    "Value null at '{}' failed to satisfy constraint: Member must not be null",
                                    path.text()
                                ));
                            }
                        }
                        None | Some(Value::Null) => {}
                        Some(value) => self.shape(shape, value, &path, false)?,
                    }
                }
            }
            Shape::List(List { element, length_min, length_max }) => {
                let elements = value.as_array().ok_or_else(|| wrong("a JSON array"))?;
                self.length(path, None, elements.len(), *length_min, *length_max);
                for (index, value) in elements.iter().enumerate() {
                    self.shape(element, value, &Path::Element(path, index), false)?;
                }
            }
            Shape::Map(Map { key, value: of_values, length_min, length_max }) => {
                let object = value.as_object().ok_or_else(|| wrong("a JSON object"))?;
                self.length(path, None, object.len(), *length_min, *length_max);
                for (name, value) in object {
                    let path = Path::Key(path, name);
                    if let Shape::String(text) = key {
                        self.text(text, name, &path);
                    }
                    self.shape(of_values, value, &path, false)?;
                }
            }
        }
        Ok(())
    }

    fn range(&mut self, Range { min, max }: Range, number: i64, path: &Path<'_>) {
        let value = number.to_string();
        if let Some(min) = min.filter(|&min| number < min) {
            let constraint = format!("Member must have value greater than or equal to {min}");
            self.violation(path, Some(&value), &constraint);
        }
        if let Some(max) = max.filter(|&max| number > max) {
            let constraint = format!("Member must have value less than or equal to {max}");
            self.violation(path, Some(&value), &constraint);
        }
    }

    fn text(&mut self, text: &Text, value: &str, path: &Path<'_>) {
        let shown = (!text.sensitive).then_some(value);
        if !text.values.is_empty() && !text.values.contains(&value) {
            let constraint =
                format!("Member must satisfy enum value set: [{}]", text.values.join(", "));
            self.violation(path, shown, &constraint);
        }
        // The services count characters, and a text within the limit in bytes is within it in characters.
        let length_max = text.length_max;
        if value.len() < text.length_min
            || length_max.is_some_and(|max| value.len() > max)
            || text.length_min > 0
        {
            self.length(path, shown, value.chars().count(), text.length_min, length_max);
        }
        if let Some(pattern) = text.pattern
            && !PATTERNS.get(pattern).is_some_and(|regex| regex.is_match(value))
        {
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            self.violation(path, shown, &constraint);
        }
    }
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The patterns of all operations, compiled once. A pattern that does not compile matches nothing; a test holds that
/// all do.
static PATTERNS: LazyLock<BTreeMap<&'static str, Regex>> = LazyLock::new(|| {
    let mut patterns = BTreeMap::new();
    for operation in OPERATIONS {
        collect_patterns(operation.input, &mut patterns);
    }
    patterns
});

fn collect_patterns(shape: &Shape, patterns: &mut BTreeMap<&'static str, Regex>) {
    match shape {
        Shape::String(Text { pattern: Some(pattern), .. }) if !patterns.contains_key(pattern) => {
            if let Ok(regex) = compile(pattern) {
                patterns.insert(pattern, regex);
            }
        }
        Shape::Structure(members) => {
            members.iter().for_each(|member| collect_patterns(member.shape, patterns));
        }
        Shape::List(list) => collect_patterns(list.element, patterns),
        Shape::Map(map) => {
            collect_patterns(map.key, patterns);
            collect_patterns(map.value, patterns);
        }
        _ => {}
    }
}

/// The models are written for Java, where `\d` and `\w` mean ASCII, and a pattern has to match the whole value.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let ascii = pattern.replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]");
    Regex::new(&format!("^(?:{ascii})$"))
}
