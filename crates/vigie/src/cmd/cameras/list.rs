//! A list of cameras, comma-separated (RFC 4180), and what is plainly wrong in it.
//!
//! The console's page takes the same lists and says the same of them: `console/src/logic/camera-cases.json` holds the two to
//! each other.

use vigie_kvs::Sensitive;

use super::address;

const COLUMNS: [&str; 4] = ["name", "address", "user", "password"];

/// A camera of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraLine {
    /// From 1 on, as it stands in the file.
    pub line: u64,
    /// Of its stream, too.
    pub name: String,
    /// As people write it; it may hold a login.
    address: Sensitive,
    user: String,
    password: Sensitive,
}

impl CameraLine {
    /// What a hub opens.
    pub fn uri(&self) -> Sensitive {
        address::uri(self.address.expose(), &self.user, self.password.expose()).into()
    }

    /// What is plainly wrong with it; `earlier` are the names above it.
    pub fn fault(&self, earlier: &[&str]) -> Option<&'static str> {
        let is_of_names = |sign: char| sign.is_ascii_alphanumeric() || "_.-".contains(sign);
        if self.name.is_empty() {
            return Some("Give the camera a name.");
        }
        if !self.name.chars().all(is_of_names) || self.name.len() > 256 {
            return Some("Letters, digits, and _ . - only; 256 at most.");
        }
        if earlier.contains(&self.name.as_str()) {
            return Some(TAKEN);
        }
        address::fault(self.address.expose(), &self.user, self.password.expose())
    }
}

/// Of a name that is another's.
pub const TAKEN: &str = "There is a stream of this name.";

/// The cameras of a list: name, address, user, password, in the order of its header if it has one.
pub fn cameras(text: &str) -> Result<Vec<CameraLine>, csv::Error> {
    let text = text.trim_start_matches('\u{feff}');
    // A table program of some countries separates by semicolons.
    let first = text.find(['\n', '"', ',', ';']).map(|at| text.as_bytes()[at]);
    let delimiter = if first == Some(b';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut columns: Option<Vec<String>> = None;
    let mut cameras = Vec::new();
    for record in reader.records() {
        let record = record?;
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        if columns.is_none() {
            let header: Vec<String> =
                record.iter().map(|field| field.trim().to_ascii_lowercase()).collect();
            let has = |column: &str| header.iter().any(|name| name == column);
            if has("name") && has("address") {
                columns = Some(header);
                continue;
            }
        }
        let columns = columns.get_or_insert_with(|| COLUMNS.map(str::to_owned).into());
        let of = |column: &str| {
            let at = columns.iter().position(|name| name == column);
            at.and_then(|at| record.get(at)).unwrap_or_default()
        };
        cameras.push(CameraLine {
            line: record.position().map_or(0, |position| line_of(text, position)),
            name: of("name").trim().to_owned(),
            address: of("address").trim().into(),
            user: of("user").to_owned(),
            password: of("password").into(),
        });
    }
    Ok(cameras)
}

/// A record's position is that of the empty lines before it.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let behind = text.as_bytes().get(from..).unwrap_or_default();
    let empty = behind.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What the console's form is held to as well.
    const CASES: &str = include_str!("../../../../../console/src/logic/camera-cases.json");

    #[derive(Deserialize)]
    struct Cases {
        uris: Vec<UriCase>,
        faults: Vec<FaultCase>,
        lists: Vec<ListCase>,
    }

    #[derive(Clone, Debug, Deserialize)]
    struct Form {
        name: String,
        address: String,
        user: String,
        password: String,
    }

    #[derive(Deserialize)]
    struct UriCase {
        form: Form,
        uri: String,
    }

    #[derive(Deserialize)]
    struct FaultCase {
        form: Form,
        taken: Vec<String>,
        fault: Option<String>,
    }

    #[derive(Deserialize)]
    struct ListCase {
        text: String,
        cameras: Vec<(u64, Form)>,
    }

    fn line((line, form): (u64, Form)) -> CameraLine {
        CameraLine {
            line,
            name: form.name,
            address: form.address.into(),
            user: form.user,
            password: form.password.into(),
        }
    }

    fn cases() -> Cases {
        serde_json::from_str(CASES).unwrap()
    }

    #[test]
    fn an_address_becomes_the_uri_that_the_console_makes_of_it() {
        for UriCase { form, uri } in cases().uris {
            assert_eq!(line((1, form.clone())).uri().expose(), uri, "{form:?}");
        }
    }

    #[test]
    fn what_is_plainly_wrong_is_said_in_the_consoles_words() {
        for FaultCase { form, taken, fault } in cases().faults {
            let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
            let found = line((1, form.clone())).fault(&taken);
            assert_eq!(found, fault.as_deref(), "{form:?}");
        }
    }

    #[test]
    fn a_list_holds_the_cameras_that_the_console_finds_in_it() {
        for ListCase { text, cameras: expect } in cases().lists {
            let expect: Vec<CameraLine> = expect.into_iter().map(line).collect();
            assert_eq!(cameras(&text).unwrap(), expect, "{text:?}");
        }
    }

    #[test]
    fn whatever_a_file_holds_reading_it_ends() {
        for text in ["", "\n\n", "\"", "a,\"b", "\"a\"b,c\nd", ",,,\n", "\u{feff}", "a;b\r\r\n;"] {
            cameras(text).unwrap();
        }
    }

    #[test]
    fn a_login_is_not_printed() {
        let [camera] = &cameras("gate,rtsp://admin:s3cret@10.0.0.1,,pw").unwrap()[..] else {
            panic!("one camera")
        };
        let text = format!("{camera:?}");
        assert!(!text.contains("s3cret") && !text.contains("pw"), "{text}");
    }
}
