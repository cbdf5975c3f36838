//! Notices as the texts that go through the database. Untrusted in so far as other versions write them: what is not understood is
//! nobody's here.

use vigie_metadata::Notice;

/// PostgreSQL refuses payloads of 8,000 bytes.
const BYTES_MAX: usize = 7_999;
/// Everybody is to look again.
const ALL: &str = "*";

/// What a text tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    One(Notice),
    All,
}

pub(super) fn all() -> String {
    ALL.to_owned()
}

/// A notice as text. One that is too long is told to all.
pub(super) fn write(notice: &Notice) -> String {
    let text = match notice {
        Notice::HubChanged { hub_device_arn } => format!("h{hub_device_arn}"),
        Notice::SecretChanged { secret_arn } => format!("s{secret_arn}"),
        Notice::MediaChanged { stream } => format!("m{stream}"),
        Notice::LeaseChanged { name } => format!("l{name}"),
        Notice::DeadlineSet => "d".to_owned(),
    };
    // The database cannot hold NUL.
    if text.len() > BYTES_MAX || text.contains('\0') { all() } else { text }
}

pub(super) fn read(text: &str) -> Option<Told> {
    let mut letters = text.chars();
    let kind = letters.next()?;
    let rest = letters.as_str().to_owned();
    Some(Told::One(match kind {
        'h' => Notice::HubChanged { hub_device_arn: rest },
        's' => Notice::SecretChanged { secret_arn: rest },
        'm' => Notice::MediaChanged { stream: rest },
        'l' => Notice::LeaseChanged { name: rest },
        'd' if rest.is_empty() => Notice::DeadlineSet,
        '*' if rest.is_empty() => return Some(Told::All),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_too_long_is_told_to_all() {
        let of = |length| Notice::HubChanged { hub_device_arn: "ä".repeat(length) };
        let all_kinds = [
            of(0),
            of(3_999),
            Notice::SecretChanged { secret_arn: "*".into() },
            Notice::MediaChanged { stream: "gate".into() },
            Notice::LeaseChanged { name: "stream/gate".into() },
            Notice::DeadlineSet,
        ];
        for notice in all_kinds {
            let text = write(&notice);
            assert!(text.len() < 8_000);
            assert_eq!(read(&text), Some(Told::One(notice)));
        }
        for too_much in [of(4_000), Notice::MediaChanged { stream: "a\0".into() }] {
            assert_eq!(read(&write(&too_much)), Some(Told::All));
        }
        for other in ["", "x", "d ", "*a", "ü"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
