//! The shapes of Vigie's own operations as their source declares them: names, types and what is said of them. What serde
//! is told there is what is on the wire.
//!
//! Decides nothing, and guesses nothing: what it does not know of Rust or serde ends the test.

use std::collections::BTreeMap;

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Field, GenericArgument, Ident, Item, ItemStruct, Lit, LitStr, Meta};
use syn::{PathArguments, Token, Type, braced};

const SOURCES: [&str; 12] = [
    include_str!("../../shapes/mod.rs"),
    include_str!("../../shapes/administration.rs"),
    include_str!("../../shapes/clip_file.rs"),
    include_str!("../../shapes/users.rs"),
    include_str!("../../shapes/edge.rs"),
    include_str!("../../shapes/hub.rs"),
    include_str!("../../shapes/hub_request.rs"),
    include_str!("../../shapes/media_ledger.rs"),
    include_str!("../../shapes/describe_schedule.rs"),
    include_str!("../../shapes/share_link.rs"),
    include_str!("../../shapes/stream_media.rs"),
    include_str!("../../shapes/sync_edge_agent.rs"),
];

/// A shape that has a name.
pub(super) struct Declared {
    /// What is said of it.
    pub docs: String,
    pub kind: Kind,
}

pub(super) enum Kind {
    /// An object.
    Structure(Vec<Member>),
    /// One of these texts, with what is said of each.
    Enumeration(Vec<(String, String)>),
}

/// A member of an object, by its name in JSON.
pub(super) struct Member {
    pub name: String,
    pub docs: String,
    /// It may be absent.
    pub is_optional: bool,
    pub form: Form,
}

/// What a member holds.
#[derive(Clone)]
pub(super) enum Form {
    Text,
    Number,
    Boolean,
    List(Box<Form>),
    /// A shape that has a name.
    Named(String),
}

/// All shapes, by the names of their types.
pub(super) fn declared() -> BTreeMap<String, Declared> {
    let files = SOURCES.into_iter().map(|source| syn::parse_file(source).unwrap());
    let items = files.flat_map(|file| file.items);
    items
        .filter_map(|item| match item {
            Item::Struct(item) if serde_words(&item.attrs).is_some() => structure(&item),
            Item::Macro(item) if item.mac.path.is_ident("wire_enum") => {
                let WireEnum(name, declared) = item.mac.parse_body().unwrap();
                Some((name, declared))
            }
            _ => None,
        })
        .collect()
}

/// `None` for one that takes another into itself: nothing of Vigie's own does.
fn structure(item: &ItemStruct) -> Option<(String, Declared)> {
    let mut is_pascal = false;
    for (key, value) in serde_words(&item.attrs).unwrap_or_default() {
        match (&*key, &*value) {
            ("rename_all", "PascalCase") => is_pascal = true,
            other => panic!("{}: {other:?} is not understood", item.ident),
        }
    }
    let members = item.fields.iter().map(|field| member(field, is_pascal));
    let members = members.collect::<Option<_>>()?;
    let declared = Declared { docs: docs(&item.attrs), kind: Kind::Structure(members) };
    Some((item.ident.to_string(), declared))
}

fn member(field: &Field, is_pascal: bool) -> Option<Member> {
    let ident = field.ident.as_ref().unwrap().to_string();
    let mut name = is_pascal.then(|| pascal(&ident));
    let mut is_skipped = false;
    let mut form = None;
    for (key, value) in serde_words(&field.attrs).unwrap_or_default() {
        match (&*key, &*value) {
            ("flatten", "") => return None,
            ("rename", value) => name = Some(value.to_owned()),
            ("skip_serializing_if", _) => is_skipped = true,
            ("with", "timestamp" | "timestamp_option") => form = Some(Form::Number),
            ("with", "blob_option") => form = Some(Form::Text),
            // Of reading alone: what is written has all that is not skipped.
            ("default", "") | ("deserialize_with", "null_as_default") => {}
            other => panic!("{ident}: {other:?} is not understood"),
        }
    }
    let (is_option, inner) = match argument_of(&field.ty, "Option") {
        Some(inner) => (true, inner),
        None => (false, &field.ty),
    };
    assert!(is_skipped || !is_option, "{ident} would be null");
    Some(Member {
        name: name.unwrap_or_else(|| panic!("{ident} has no name in JSON")),
        docs: docs(&field.attrs),
        is_optional: is_skipped,
        form: form.unwrap_or_else(|| form_of(inner)),
    })
}

fn form_of(rust: &Type) -> Form {
    if let Some(element) = argument_of(rust, "Vec") {
        return Form::List(Box::new(form_of(element)));
    }
    let Type::Path(path) = rust else { panic!("only named types are understood") };
    let name = path.path.require_ident().unwrap().to_string();
    match &*name {
        "String" | "Sensitive" => Form::Text,
        "bool" => Form::Boolean,
        "u16" | "u32" | "u64" | "i32" | "i64" | "f64" => Form::Number,
        "Timestamp" => panic!("a time needs its serde form"),
        _ => Form::Named(name),
    }
}

/// `T` of `outer<T>`.
fn argument_of<'a>(rust: &'a Type, outer: &str) -> Option<&'a Type> {
    let Type::Path(path) = rust else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == outer)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

/// What serde is told: each word with its text. `None` for what it is told nothing of and does not know.
fn serde_words(attributes: &[Attribute]) -> Option<Vec<(String, String)>> {
    let mut words = None;
    for attribute in attributes {
        if attribute.path().is_ident("derive") {
            let mut is_written = false;
            let each = attribute.parse_nested_meta(|meta| {
                is_written |= meta.path.segments.last().is_some_and(|it| it.ident == "Serialize");
                Ok(())
            });
            each.unwrap();
            if is_written {
                words.get_or_insert_with(Vec::new);
            }
        }
        if attribute.path().is_ident("serde") {
            let words = words.get_or_insert_with(Vec::new);
            let each = attribute.parse_nested_meta(|meta| {
                let value = match meta.input.peek(Token![=]) {
                    true => meta.value()?.parse::<LitStr>()?.value(),
                    false => String::new(),
                };
                words.push((meta.path.require_ident()?.to_string(), value));
                Ok(())
            });
            each.unwrap();
        }
    }
    words
}

/// What is said of a thing, without the marks of links.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").replace("[`", "`").replace("`]", "`")
}

/// As serde's `PascalCase` writes the name of a field.
fn pascal(field: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    field.split('_').map(capital).collect()
}

/// The inside of `wire_enum!`.
struct WireEnum(String, Declared);

impl Parse for WireEnum {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let own = docs(&input.call(Attribute::parse_outer)?);
        let name = input.parse::<Ident>()?.to_string();
        let inside;
        braced!(inside in input);
        let values = Punctuated::<WireValue, Token![,]>::parse_terminated(&inside)?;
        let values = values.into_iter().map(|WireValue(text, docs)| (text, docs)).collect();
        Ok(Self(name, Declared { docs: own, kind: Kind::Enumeration(values) }))
    }
}

/// `/// docs` `Variant = "TEXT"`.
struct WireValue(String, String);

impl Parse for WireValue {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let docs = docs(&input.call(Attribute::parse_outer)?);
        input.parse::<Ident>()?;
        input.parse::<Token![=]>()?;
        Ok(Self(input.parse::<LitStr>()?.value(), docs))
    }
}
