//! What the documents say of operations, held against the table: each is told of where it belongs, and what is told of is
//! there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::client::{TYPES, named};
use super::shape_source::{Declared, Kind, declared};

const README: &str = include_str!("../../../../../README.md");
const ACCESS: &str = include_str!("../../../../../docs/access.md");
/// All that is for people who use what is there now.
const DOCUMENTS: [(&str, &str); 15] = [
    ("README.md", README),
    ("ARCHITECTURE.md", include_str!("../../../../../ARCHITECTURE.md")),
    ("CONTRIBUTING.md", include_str!("../../../../../CONTRIBUTING.md")),
    ("docs/access.md", ACCESS),
    ("docs/backup.md", include_str!("../../../../../docs/backup.md")),
    ("docs/cameras.md", include_str!("../../../../../docs/cameras.md")),
    ("docs/console.md", include_str!("../../../../../docs/console.md")),
    ("docs/edge.md", include_str!("../../../../../docs/edge.md")),
    ("docs/glossary.md", include_str!("../../../../../docs/glossary.md")),
    ("docs/health.md", include_str!("../../../../../docs/health.md")),
    ("docs/media.md", include_str!("../../../../../docs/media.md")),
    ("docs/playback.md", include_str!("../../../../../docs/playback.md")),
    ("docs/saving.md", include_str!("../../../../../docs/saving.md")),
    ("docs/store.md", include_str!("../../../../../docs/store.md")),
    ("docs/tls.md", include_str!("../../../../../docs/tls.md")),
];

/// The rows of all tables of a document that have this header.
fn rows<'a>(document: &'a str, header: &[&str]) -> Vec<Vec<&'a str>> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in document.lines() {
        let Some(line) = line.strip_prefix('|') else {
            is_inside = false;
            continue;
        };
        let cells = line.trim_end().trim_end_matches('|').split('|').map(str::trim);
        let cells: Vec<&str> = cells.collect();
        if is_inside && !line.trim_start().starts_with("---") {
            rows.push(cells);
        } else {
            is_inside |= cells == header;
        }
    }
    rows
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names, such as `StreamARN`, between backticks.
fn names(text: &str) -> BTreeSet<&str> {
    let words = code(text).flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric()));
    let is_name = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_uppercase()) && word.contains(char::is_lowercase)
    };
    words.filter(is_name).collect()
}

/// The members of a shape and of all that it holds.
fn all_members<'a>(name: &str, shapes: &'a BTreeMap<String, Declared>) -> BTreeSet<&'a str> {
    let Kind::Structure(members) = &shapes[name].kind else { return BTreeSet::new() };
    let inner = members.iter().filter_map(|member| named(&member.form));
    let inner = inner.flat_map(|name| all_members(name, shapes));
    members.iter().map(|member| &*member.name).chain(inner).collect()
}

fn members_of(shape: &Shape) -> BTreeSet<&'static str> {
    match shape {
        Shape::Structure(members) => members
            .iter()
            .flat_map(|one| members_of(one.shape).into_iter().chain([one.name]))
            .collect(),
        Shape::List(list) => members_of(list.element),
        Shape::Map(map) => members_of(map.value),
        _ => BTreeSet::new(),
    }
}

fn operations_in(text: &str) -> BTreeSet<&str> {
    let is_operation = |name: &&str| OPERATIONS.iter().any(|operation| operation.name == *name);
    names(text).into_iter().filter(is_operation).collect()
}

#[test]
fn the_readme_tells_of_every_operation() {
    let rows = rows(README, &["Part", "Today"]);
    let told: BTreeSet<&str> = rows.iter().flat_map(|cells| operations_in(cells[1])).collect();
    let all: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    let missing: Vec<_> = all.difference(&told).collect();
    assert!(missing.is_empty(), "README.md, What works today, leaves out {missing:?}");
}

#[test]
fn each_operation_of_vigie_stands_in_one_table_with_its_members() {
    let shapes = declared();
    let mut told = BTreeMap::new();
    for row in DOCUMENTS.map(|(_, it)| rows(it, &["Operation", "Input", "Output"])).concat() {
        let path = code(row[0]).next().and_then(|code| code.strip_prefix("POST "));
        let found = path.and_then(by_path).map(|operation| operation.name);
        let name = found.unwrap_or_else(|| panic!("{} is no operation", row[0]));
        assert!(told.insert(name, (row[1], row[2])).is_none(), "{name} stands there twice");
    }
    for (operation, _, output) in TYPES {
        let name = operation.name;
        let (input, output_text) =
            told.remove(name).unwrap_or_else(|| panic!("{name} is left out"));
        let inputs = members_of(operation.input);
        assert_eq!(names(input), inputs, "input of {name}");
        let Kind::Structure(members) = &shapes[output].kind else { panic!("{output}") };
        let told = names(output_text);
        for member in members {
            assert!(told.contains(&*member.name), "output of {name} leaves out {}", member.name);
        }
        let all = all_members(output, &shapes);
        for name in told {
            assert!(all.contains(name) || inputs.contains(name), "{output} has no {name}");
        }
    }
    assert_eq!(told.into_keys().collect::<Vec<_>>(), Vec::<&str>::new(), "these are no extensions");
}

#[test]
fn the_resources_of_policies_are_those_of_the_table() {
    let of = |kind| {
        let operations = OPERATIONS.iter().filter(move |operation| operation.resource == kind);
        operations.map(|operation| operation.name).collect::<BTreeSet<&str>>()
    };
    let mut told = BTreeMap::new();
    for row in rows(ACCESS, &["Resource", "ARN"]) {
        let kind = match row[0].split(' ').next() {
            Some("stream") => ResourceKind::Stream,
            Some("secret") => ResourceKind::Secret,
            Some("hub") => ResourceKind::Hub,
            Some("access") => ResourceKind::AccessKey,
            Some("user") => ResourceKind::User,
            _ => {
                assert_eq!(row[1], "`*`");
                ResourceKind::Account
            }
        };
        told.insert(kind, operations_in(row[0]));
    }
    let kinds = told.keys().copied().collect::<BTreeSet<_>>();
    let of_table = OPERATIONS.iter().map(|operation| operation.resource);
    // No policy is asked about the caller itself.
    let of_table = of_table.filter(|kind| *kind != ResourceKind::Caller);
    assert_eq!(kinds, of_table.collect());
    for (kind, told) in told {
        match kind {
            // All that are not in another row: their names say which.
            ResourceKind::Stream | ResourceKind::Secret => assert!(told.is_empty(), "{told:?}"),
            kind => assert_eq!(told, of(kind), "{kind:?}"),
        }
    }
}

#[test]
fn no_document_names_what_is_not_there() {
    let shapes = declared();
    let mut known: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    let verbs = known.iter().map(|name| {
        let end = name[1..].find(|c: char| c.is_ascii_uppercase()).map_or(name.len(), |at| at + 1);
        &name[..end]
    });
    let verbs: BTreeSet<&str> = verbs.collect();
    known.extend(SIGNALING.iter().map(|(name, _)| name));
    known.extend(OPERATIONS.iter().flat_map(|operation| members_of(operation.input)));
    known.extend(shapes.keys().flat_map(|name| all_members(name, &shapes)));
    let actions: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.action).collect();
    for (file, document) in DOCUMENTS {
        for name in outside_blocks(document).flat_map(names) {
            let is_like_one = verbs.iter().any(|verb| {
                let rest = name.strip_prefix(verb);
                rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
            });
            assert!(!is_like_one || known.contains(name), "{file}: there is no {name}");
        }
        for action in actions_in(document) {
            assert!(actions.contains(action), "{file}: there is no {action}");
        }
    }
}

/// The lines that are no example, and name no action of the server itself.
fn outside_blocks(document: &str) -> impl Iterator<Item = &str> {
    let parts = document.split("```").step_by(2);
    parts.flat_map(str::lines).filter(|line| !line.contains("`vigie:"))
}

/// Words such as `kinesisvideo:PutMedia`; `OPERATION` and the `REGION` of an ARN stand for any.
fn actions_in(document: &str) -> impl Iterator<Item = &str> {
    let services = ["kinesisvideo:", "secretsmanager:", "sts:"];
    let found = services.into_iter().flat_map(|service| document.match_indices(service));
    let words = found.map(|(at, service)| {
        let rest = &document[at + service.len()..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        &document[at..at + service.len() + length]
    });
    words.filter(|word| {
        let name = word.split(':').nth(1).unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.contains(char::is_lowercase)
    })
}
