//! What `Action` and `Resource` name: text with the wildcards `*` (any characters, or none) and `?` (one character).

use std::fmt;

/// Actions: `SERVICE:NAME` with wildcards, or `*`. Case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActionPattern(String);

impl ActionPattern {
    /// `None` for what names no action.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let characters = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-*?".contains(&b))
        };
        let valid = text == "*"
            || text.split_once(':').is_some_and(|(service, name)| {
                characters(service) && !service.contains(['*', '?']) && characters(name)
            });
        valid.then(|| Self(text.to_owned()))
    }

    pub(super) fn matches(&self, action: &str) -> bool {
        matches(self.0.to_ascii_lowercase().as_bytes(), action.to_ascii_lowercase().as_bytes())
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
const ARN_PARTS: usize = 6;

/// Resources: an ARN with wildcards, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ResourcePattern {
    All,
    /// A wildcard reaches to the end of its part and not beyond (IAM user guide, "Wildcards in ARNs").
    Arn([String; ARN_PARTS]),
}

impl ResourcePattern {
    /// `None` for what is no ARN. Parts that an ARN lacks at its end are `*`, as in IAM.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        let mut given = text.splitn(ARN_PARTS, ':');
        let parts = [(); ARN_PARTS].map(|()| given.next().unwrap_or("*").to_owned());
        (parts[0] == "arn" && text.contains(':')).then_some(Self::Arn(parts))
    }

    /// Whether it matches streams and nothing else.
    pub(super) fn is_of_streams(&self) -> bool {
        let Self::Arn(parts) = self else { return false };
        parts[2] == "kinesisvideo" && parts[5].starts_with("stream/")
    }

    pub(super) fn matches(&self, resource: &str) -> bool {
        let Self::Arn(patterns) = self else { return true };
        let mut parts = resource.splitn(ARN_PARTS, ':');
        patterns.iter().all(|pattern| {
            parts.next().is_some_and(|part| matches(pattern.as_bytes(), part.as_bytes()))
        })
    }
}

/// Whether `text` is what `pattern` describes. Takes at most `pattern × text` steps: a mismatch goes back to the last
/// `*` only, since an earlier one could do no better.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // After the last `*`: where the pattern goes on, and how far the text was when the `*` ended.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, from));
            }
            Some(b'?') => {
                at += 1;
                from += character_length(text, from);
            }
            Some(byte) if *byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match &mut star {
                Some((after, eaten)) => {
                    *eaten += 1;
                    (at, from) = (*after, *eaten);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Bytes of the character of UTF-8 `text` at `from`, or of what is left of it.
fn character_length(text: &[u8], from: usize) -> usize {
    1 + text[from + 1..].iter().take_while(|byte| **byte & 0xC0 == 0x80).count()
}
