//! The console's client of Vigie's own operations: `console/src/api/operations.ts`, written from the table and the
//! shapes. Fails when the committed file is another, and writes it when asked to.
//!
//! Only what Vigie adds is in it: AWS's SDK knows the rest. SyncEdgeAgent is not, for a console is no hub. The actions
//! are all that a policy can name, so none about the caller itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::super::*;
use super::shape_source::{Declared, Form, Kind, Member, declared};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../console/src/api/operations.ts");
/// Set to anything, the file is written anew.
const WRITE: &str = "VIGIE_WRITE_CLIENT";
const COMMAND: &str = "VIGIE_WRITE_CLIENT=1 cargo test --locked -p vigie-kvs --lib client";

/// Each operation with the types of its input and its output.
pub(super) const TYPES: [(&Operation, &str, &str); 23] = [
    (&DESCRIBE_HUB, "DescribeHubInput", "DescribeHubOutput"),
    (&FORGET_HUB, "ForgetHubInput", "Empty"),
    (&LIST_HUBS, "ListHubsInput", "ListHubsOutput"),
    (&LIST_MEDIA_GAPS, "ListMediaLedgerInput", "ListMediaGapsOutput"),
    (&LIST_MEDIA_LOSSES, "ListMediaLedgerInput", "ListMediaLossesOutput"),
    (&DESCRIBE_SCHEDULE, "DescribeScheduleInput", "DescribeScheduleOutput"),
    (&DESCRIBE_STREAM_MEDIA, "DescribeStreamMediaInput", "DescribeStreamMediaOutput"),
    (&LIST_MEDIA_RANGES, "ListMediaRangesInput", "ListMediaRangesOutput"),
    (&EXPORT_CLIP, "ExportClipInput", "ExportClipOutput"),
    (&CREATE_SHARE_LINK, "CreateShareLinkInput", "CreateShareLinkOutput"),
    (&LIST_SHARE_LINKS, "ListShareLinksInput", "ListShareLinksOutput"),
    (&REVOKE_SHARE_LINK, "RevokeShareLinkInput", "Empty"),
    (&TEST_CAMERA, "TestCameraInput", "TestCameraOutput"),
    (&CREATE_ACCESS_KEY, "CreateAccessKeyInput", "CreateAccessKeyOutput"),
    (&LIST_ACCESS_KEYS, "ListAccessKeysInput", "ListAccessKeysOutput"),
    (&LIST_AUDIT_EVENTS, "ListAuditEventsInput", "ListAuditEventsOutput"),
    (&REVOKE_ACCESS_KEY, "RevokeAccessKeyInput", "Empty"),
    (&CREATE_USER, "CreateUserInput", "UserOutput"),
    (&UPDATE_USER, "UpdateUserInput", "UserOutput"),
    (&DELETE_USER, "DeleteUserInput", "Empty"),
    (&LIST_USERS, "ListUsersInput", "ListUsersOutput"),
    (&SIGN_OUT_USER, "SignOutUserInput", "Empty"),
    (&CHANGE_PASSWORD, "ChangePasswordInput", "Empty"),
];

#[test]
fn each_operation_of_vigie_has_its_types() {
    let typed: BTreeSet<_> = TYPES.iter().map(|(operation, ..)| operation.id).collect();
    let own = OPERATIONS.iter().filter(|one| one.service == Service::Extension);
    let own: BTreeSet<_> =
        own.map(|one| one.id).filter(|id| *id != OperationId::SyncEdgeAgent).collect();
    assert_eq!(typed, own);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "writes the file when asked to")]
fn the_client_of_the_console_is_the_one_of_the_table() {
    let client = client();
    if std::env::var(WRITE).is_ok() {
        std::fs::write(FILE, &client).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(committed == client, "console/src/api/operations.ts is stale; write it: {COMMAND}");
}

fn client() -> String {
    let shapes = declared();
    let mut text = format!(
        "/**\n * The operations that Vigie adds to the API, as the server declares them. Timestamps are seconds since \
         1970, as\n * everywhere in the API. Written by a test; do not edit:\n * `{COMMAND}`\n */\n\n"
    );
    text += "/** Input and output of each. */\nexport interface Operations {\n";
    for (operation, input, output) in TYPES {
        let name = operation.name;
        line(&mut text, format_args!("  {name}: {{ input: {input}; output: {output} }};"));
    }
    text +=
        "}\n\n/** Where each is. */\nexport const PATHS: Record<keyof Operations, string> = {\n";
    for (operation, ..) in TYPES {
        line(&mut text, format_args!("  {}: \"{}\",", operation.name, operation.address));
    }
    text += "};\n\n/** What a policy can allow or deny. */\nexport type Action =\n";
    let asked = OPERATIONS.iter().filter(|one| one.resource != ResourceKind::Caller);
    let actions = asked.map(|operation| format!("  | \"{}\"", operation.action));
    text += &actions.collect::<Vec<_>>().join("\n");
    text += ";\n";
    let mut written = BTreeSet::new();
    for (_, input, output) in TYPES {
        for name in [input, output] {
            write_shape(&mut text, name, &shapes, &mut written);
        }
    }
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").unwrap();
}

/// A shape and, behind it, those that it names.
fn write_shape(
    text: &mut String,
    name: &str,
    shapes: &BTreeMap<String, Declared>,
    written: &mut BTreeSet<String>,
) {
    if !written.insert(name.to_owned()) {
        return;
    }
    let shape = shapes.get(name).unwrap_or_else(|| panic!("{name} is declared nowhere"));
    line(text, format_args!("\n/** {} */", shape.docs));
    match &shape.kind {
        Kind::Enumeration(values) => {
            line(text, format_args!("export type {name} ="));
            let values =
                values.iter().map(|(value, docs)| format!("  /** {docs} */\n  | \"{value}\""));
            *text += &values.collect::<Vec<_>>().join("\n");
            *text += ";\n";
        }
        Kind::Structure(members) if members.is_empty() => {
            line(text, format_args!("export type {name} = Record<string, never>;"));
        }
        Kind::Structure(members) => {
            line(text, format_args!("export interface {name} {{"));
            for Member { name, docs, is_optional, form } in members {
                let mark = if *is_optional { "?" } else { "" };
                line(text, format_args!("  /** {docs} */\n  {name}{mark}: {};", typescript(form)));
            }
            *text += "}\n";
            for named in members.iter().filter_map(|member| named(&member.form)) {
                write_shape(text, named, shapes, written);
            }
        }
    }
}

fn typescript(form: &Form) -> String {
    match form {
        Form::Text => "string".to_owned(),
        Form::Number => "number".to_owned(),
        Form::Boolean => "boolean".to_owned(),
        Form::List(element) => format!("{}[]", typescript(element)),
        Form::Named(name) => name.clone(),
    }
}

/// The shape that a form names, if it names one.
pub(super) fn named(form: &Form) -> Option<&str> {
    match form {
        Form::Named(name) => Some(name),
        Form::List(element) => named(element),
        Form::Text | Form::Number | Form::Boolean => None,
    }
}
