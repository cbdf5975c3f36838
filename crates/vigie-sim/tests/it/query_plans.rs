//! No query reads a table that grows from end to end. Every SQL text in the sources of the three databases is taken from
//! there, so that a new one cannot be forgotten, and SQLite says how it would go about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use vigie_agent::ledger::SqliteLedger;
use vigie_server::db::SqliteMetadataDb;
use vigie_store::SqliteIndex;

const VERBS: [&str; 6] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "REPLACE ", "WITH "];

/// What stands for `{name}` in a text, each value in turn.
const PLACEHOLDERS: &[(&str, &[&str])] = &[
    ("min", &["sequence_min", "producer_min", "server_min"]),
    ("max", &["sequence_max", "producer_max", "server_max"]),
    ("width", &["sequence_width", "producer_width", "server_width"]),
    ("value", &["sequence", "producer_timestamp", "server_timestamp"]),
    ("pending", &["", "AND not_uploaded_count > 0"]),
    ("count", &["not_uploaded_count = 0", "not_uploaded_count > 0"]),
    ("state", &["state = 0", "state <> 0"]),
    ("unsealed_state", &["state = 0", "state = 2"]),
    ("entries_table", &["fragment", "open_fragment"]),
    ("or_replace", &["", "OR REPLACE"]),
    ("column", &["name", "arn"]),
];

/// Tables that `{table}` stands for, by database.
const TABLES: &[(&str, &[&str])] = &[
    ("index", &["fragment", "open_fragment", "packed", "removal"]),
    ("ledger", &["entry", "intent", "refused", "ledger"]),
    ("metadata", &["media_ledger_entry", "media_ledger"]),
];

/// Queries that read all on purpose: how their text begins or what SQLite says of them, and why they may.
const ALLOWED: &[(&str, &str)] = &[
    ("SELECT id, key, next_sequence FROM stream ORDER BY id", "at start; a row for each stream"),
    ("SELECT stream_id, size_bytes FROM stream_total", "at start; a row for each stream"),
    ("SELECT media_file_id, path FROM removal", "at start; what a crash kept from being removed"),
    ("SCAN media_file USING INDEX media_file_open", "what is being written: a row or two a stream"),
    ("SCAN media_file USING INDEX media_file_abandoned", "at start; files whose sync failed"),
    (
        "SELECT stream, coalesce(stream_name, ''), report_json FROM ledger",
        "for a person who asks on the hub; a row for each stream",
    ),
    ("SCAN access_key USING INDEX access_key_root", "root keys that are not revoked: a few"),
];

/// Files whose queries read all on purpose.
const ALLOWED_FILES: &[(&str, &str)] =
    &[("sound.rs", "the check compares everything with everything")];

struct Database {
    name: &'static str,
    sources: PathBuf,
    connection: Connection,
}

fn databases(folder: &Path) -> Vec<Database> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    drop(SqliteIndex::open(folder.join("index.sqlite")).unwrap());
    drop(SqliteLedger::open(folder).unwrap());
    drop(SqliteMetadataDb::open(&folder.join("metadata.sqlite")).unwrap());
    [("index", "vigie-store"), ("ledger", "vigie-agent"), ("metadata", "vigie-server")]
        .map(|(name, home)| Database {
            name,
            sources: crates.join(home).join("src"),
            connection: Connection::open(folder.join(format!("{name}.sqlite"))).unwrap(),
        })
        .into()
}

/// All Rust sources under a folder but the tests, which stand in files of their own or behind the last `cfg(test)`.
fn sources(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" {
                found.extend(sources(&path));
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let end = text.rfind("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            found.insert(path, text[..end].to_owned());
        }
    }
    found
}

/// The string literals of a source, as the compiler reads them.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let after = &rest[at + 1..];
        rest = match &rest[at..at + 1] {
            "/" if after.starts_with('/') => after.split_once('\n').map_or("", |(_, rest)| rest),
            "/" => after,
            // A quote as a character is no string; a lifetime is nothing.
            "'" if after.starts_with("\"'") => &after[2..],
            "'" if after.starts_with("\\\"'") => &after[3..],
            "'" => after,
            _ if rest[..at].ends_with("r#") => {
                let (literal, behind) = after.split_once("\"#").unwrap_or((after, ""));
                found.push(literal.to_owned());
                behind
            }
            _ => {
                let (literal, behind) = literal(after);
                found.push(literal);
                behind
            }
        };
    }
    found
}

/// One literal from behind its quote, and what follows it.
fn literal(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = source.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &source[at + 1..]),
            '\\' => match characters.next() {
                Some((at, '\n')) => {
                    let (behind, rest) = literal(source[at..].trim_start());
                    return (text + &behind, rest);
                }
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            other => text.push(other),
        }
    }
    (text, "")
}

/// The value of a constant of column names in one of the sources.
fn constant(name: &str, source: &str) -> Option<String> {
    let at = source.find(&format!("const {name}: &str ="))?;
    literals(&source[at..]).into_iter().next()
}

/// All texts that a literal with placeholders stands for.
fn expanded(
    text: &str,
    database: &str,
    source: &str,
    all: &BTreeMap<PathBuf, String>,
) -> Vec<String> {
    let Some((head, rest)) = text.split_once('{') else { return vec![text.to_owned()] };
    let (name, tail) = rest.split_once('}').unwrap();
    let conditions: Vec<String> =
        literals(source).into_iter().filter(|text| text.starts_with("WHERE ")).collect();
    let table = TABLES.iter().filter(|(of, _)| *of == database).map(|(_, tables)| *tables);
    let known = PLACEHOLDERS.iter().filter(|(known, _)| *known == name).map(|(_, values)| *values);
    let values: Vec<String> = match name {
        "condition" => conditions,
        "table" => table.flatten().map(|table| (*table).to_owned()).collect(),
        // A constant of columns, here or in a neighbour.
        _ if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') => {
            let of_all = || all.values().find_map(|source| constant(name, source));
            constant(name, source).or_else(of_all).into_iter().collect()
        }
        _ => known.flatten().map(|value| (*value).to_owned()).collect(),
    };
    assert!(!values.is_empty(), "say in this test what {{{name}}} stands for in: {text}");
    let expand = |value: &String| expanded(&format!("{head}{value}{tail}"), database, source, all);
    values.iter().flat_map(expand).collect()
}

fn is_sql(text: &str) -> bool {
    VERBS.iter().any(|verb| text.trim_start().starts_with(verb))
}

/// A text that holds SQL without being it: what is put together in another way escapes this test.
fn is_part_of_sql(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_table = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase() || c == '{');
    let names_a_table = words
        .windows(2)
        .any(|pair| matches!(pair[0], "FROM" | "INTO" | "JOIN" | "UPDATE") && is_table(&pair[1]));
    names_a_table && !is_sql(text) && !text.trim_start().starts_with("CREATE ")
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        lines.push(row.get::<_, String>(3).unwrap());
    }
    lines
}

/// What a query names that is no table: what it makes itself is as large as its answer.
fn own_names(sql: &str) -> BTreeSet<String> {
    let words: Vec<&str> = match sql.starts_with("WITH ") {
        true => sql.split_whitespace().collect(),
        false => Vec::new(),
    };
    let defined = words.windows(2).filter(|pair| pair[1].starts_with('('));
    defined.map(|pair| pair[0].to_owned()).collect()
}

#[test]
fn no_query_reads_a_table_that_grows_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scans, mut used, mut counted) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    for Database { name, sources: home, connection } in databases(folder.path()) {
        let all = sources(&home);
        for (path, source) in &all {
            let file = path.file_name().unwrap().to_str().unwrap();
            if ALLOWED_FILES.iter().any(|(allowed, _)| *allowed == file) {
                continue;
            }
            for text in literals(source) {
                assert!(!is_part_of_sql(&text), "{file}: begin the text with its verb: {text}");
                if !is_sql(&text) {
                    continue;
                }
                for sql in expanded(&text, name, source, &all) {
                    *counted.entry(name).or_insert(0) += 1;
                    let own = own_names(&sql);
                    for line in plan(&connection, &sql) {
                        let mut words = line.split_whitespace();
                        let is_scan = words.next() == Some("SCAN");
                        let table = words.next().unwrap_or("");
                        if !is_scan
                            || table.starts_with("(subquery")
                            || own.contains(table)
                            || table == "CONSTANT"
                            // What tables there are does not grow.
                            || table == "sqlite_master"
                        {
                            continue;
                        }
                        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
                        let allowed = ALLOWED.iter().find(|(allowed, _)| {
                            line.starts_with(allowed) || sql.starts_with(allowed)
                        });
                        match allowed {
                            Some((allowed, _)) => _ = used.insert(*allowed),
                            None => scans.push(format!("{name}, {file}: {line}: {sql}")),
                        }
                    }
                }
            }
        }
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
    let unused: Vec<_> = ALLOWED.iter().filter(|(allowed, _)| !used.contains(allowed)).collect();
    assert!(unused.is_empty(), "no longer needed: {unused:?}");
    // The sources are found and read.
    assert!(
        counted["index"] > 40 && counted["ledger"] > 20 && counted["metadata"] > 40,
        "{counted:?}"
    );
}

#[test]
fn databases_are_spoken_to_nowhere_else() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // PostgreSQL's are looked at in its own tests, by the server that carries them out.
    let homes = [
        "vigie-store/src/index",
        "vigie-agent/src/ledger",
        "vigie-server/src/db",
        "vigie-postgres/src",
    ];
    for entry in std::fs::read_dir(&crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        if !source.is_dir() {
            continue;
        }
        for (path, text) in sources(&source) {
            let is_home = homes.iter().any(|home| path.starts_with(crates.join(home)));
            let speaks = text.contains(".prepare(") || text.contains(".prepare_cached(");
            assert!(is_home || !speaks, "{}: a query that no test looks at", path.display());
        }
    }
}

#[test]
fn the_texts_are_read_as_the_compiler_reads_them() {
    let source = "let a = '\"'; // \"no\"\n let b = \"x \\\n    y\"; f(\"SELECT {column} FROM t\", \"\\\"q\");";
    assert_eq!(literals(source), ["x y", "SELECT {column} FROM t", "\"q"]);
    assert!(is_part_of_sql("{verb} x FROM stream") && !is_part_of_sql("removed from the disk"));
}
