"""What the documents say of the code's shape is so: rooms, seams, circles, documents of files.

Reads the repository and nothing else. A list of exceptions below is exact: what is no exception any more has to leave it.
"""

import fnmatch
import pathlib
import re
import tomllib

import pytest
import rust_files
from rust_files import CRATES, ROOT

CRATE_FOLDERS = rust_files.crates()
# What is no part of the program: tools and tests, which stand in the real world.
DEVELOPMENT = {"vigie-bench", "vigie-fakes", "vigie-fuzz", "vigie-sdk-tests", "vigie-sim", "vigie-test-server"}
PRODUCT = [crate for crate in CRATE_FOLDERS if crate.name not in DEVELOPMENT]

# Where the program meets the world, besides the binary `vigie`. A file that is not here takes it as an argument.
WORLD = {
    "clock": r"\b(?:Instant|SystemTime|Zoned|Timestamp|Utc|Local)\s*::\s*now\b|\bTimeZone\s*::\s*system\b",
    "chance": r"\bgetrandom\b|\brand\s*::|\bfastrand\b|\bRandomState\b|\bSystemRandom\b|\bthread_rng\b",
    "disk": r"\b(?:std|tokio|rustix)\s*::\s*fs\b|\bFile\s*::\s*(?:open|create)|\bOpenOptions\b|\bConnection\s*::\s*open",
    "network": r"\b(?:Tcp(?:Listener|Stream|Socket)|UdpSocket|Unix(?:Stream|Listener|Datagram))\b",
    "process": r"\bCommand\s*::\s*new\b|\bstd\s*::\s*(?:process|env)\b",
    "thread": r"\bthread\s*::\s*(?:spawn|sleep|Builder)\b",
}
MEETS_THE_WORLD = {
    # tokio's clock, which tests pause, for waits alone; nothing is decided by it.
    ("clock", "vigie-agent/src/shell/rtsp_source.rs"),
    ("clock", "vigie-camera/src/connection.rs"),
    ("clock", "vigie-camera/src/pacer.rs"),
    ("clock", "vigie-camera/src/shared.rs"),
    ("clock", "vigie-images/src/pool.rs"),
    ("clock", "vigie-server/src/images/get_images.rs"),
    # Session numbers of the simulated camera; a key that exists once.
    ("chance", "vigie-camera/src/chance.rs"),
    ("chance", "vigie-server/src/auth/master_key.rs"),
    # The store's disk, and the databases beside it, whose files SQLite opens itself.
    ("disk", "vigie-store/src/index/sqlite.rs"),
    ("disk", "vigie-store/src/index/sqlite_connection.rs"),
    ("disk", "vigie-store/src/index/wal.rs"),
    ("disk", "vigie-store/src/os_disk/mod.rs"),
    ("disk", "vigie-store/src/os_disk/behind/mod.rs"),
    ("disk", "vigie-store/src/os_disk/parts.rs"),
    ("disk", "vigie-store/src/os_disk/source.rs"),
    ("disk", "vigie-store/src/private_sqlite.rs"),
    ("disk", "vigie-agent/src/ledger/reader.rs"),
    ("disk", "vigie-agent/src/ledger/sqlite.rs"),
    ("disk", "vigie-server/src/db/sqlite/mod.rs"),
    # Small files of a server: keys, the audit log, backups.
    ("disk", "vigie-server/src/audit/file.rs"),
    ("disk", "vigie-server/src/audit/page.rs"),
    ("disk", "vigie-server/src/backup/restore.rs"),
    ("disk", "vigie-server/src/backup/take.rs"),
    ("disk", "vigie-server/src/private_file.rs"),
    ("disk", "vigie-server/src/server.rs"),
    ("disk", "vigie-camera/src/media.rs"),
    # Shells.
    ("network", "vigie-agent/src/shell/agent.rs"),
    ("network", "vigie-agent/src/shell/camera_connection.rs"),
    ("network", "vigie-agent/src/shell/camera_datagrams.rs"),
    ("network", "vigie-agent/src/shell/status_server.rs"),
    ("network", "vigie-camera/src/camera.rs"),
    ("network", "vigie-camera/src/client.rs"),
    ("network", "vigie-camera/src/connection.rs"),
    ("network", "vigie-camera/src/outgoing/mod.rs"),
    ("network", "vigie-server/src/http/mod.rs"),
    ("network", "vigie-server/src/server.rs"),
    # The decoders' processes.
    ("process", "vigie-images/src/confinement.rs"),
    ("process", "vigie-images/src/decode/ffmpeg.rs"),
    ("process", "vigie-images/src/pool.rs"),
    ("thread", "vigie-agent/src/shell/core_thread.rs"),
    ("thread", "vigie-agent/src/shell/executor.rs"),
    ("thread", "vigie-agent/src/shell/file_source/folder.rs"),
    ("thread", "vigie-server/src/audit/file_log.rs"),
    ("thread", "vigie-server/src/db/sqlite/writer.rs"),
    ("thread", "vigie-store/src/os_disk/workers.rs"),
    ("thread", "vigie-store/src/thread/mod.rs"),
}
# What of the server tokio alone runs: beneath and around an instance, where no simulation comes.
WAITS_BY_TOKIO = {
    "audit/file_log.rs",
    "http/mod.rs",
    "images/get_images.rs",
    "runtime.rs",
    "server.rs",
    "tls.rs",
}
# Where a path of the repository begins, in a document.
FIRST_FOLDERS = {path.name for path in [*ROOT.iterdir(), *CRATE_FOLDERS] if path.is_dir()}
# What does I/O, waits or draws: no dependency of a pure crate.
IMPURE_DEPENDENCIES = {"tokio", "hyper", "hyper-util", "rustix", "rusqlite", "tokio-postgres", "getrandom", "rand", "mio", "socket2", "tracing"}

# What stands behind the seams, tests included: the program's own, and fakes, of which there is one of a kind, in one place.
SEAMS = ("Clock", "Chance", "Disk", "DiskFile", "Workers", "Runtime", "Archive", "MetadataDb", "AuditLog", "Leases", "Notices")
BEHIND_SEAMS = {
    # The program's.
    ("Clock", "SystemClock", "vigie/src/system.rs"),
    ("Chance", "SystemChance", "vigie/src/system.rs"),
    ("Disk", "OsDisk", "vigie-store/src/os_disk/mod.rs"),
    ("DiskFile", "OsFile", "vigie-store/src/os_disk/mod.rs"),
    ("Workers", "DiskThreads", "vigie-store/src/os_disk/workers.rs"),
    ("Workers", "OnTheSpot", "vigie-store/src/disk.rs"),
    ("Runtime", "TokioRuntime", "vigie-server/src/runtime.rs"),
    ("Archive", "EmbeddedArchive", "vigie-server/src/archive/embedded.rs"),
    ("MetadataDb", "SqliteMetadataDb", "vigie-server/src/db/sqlite/mod.rs"),
    ("MetadataDb", "PostgresMetadataDb", "vigie-postgres/src/rows/mod.rs"),
    ("AuditLog", "FileAuditLog", "vigie-server/src/audit/file_log.rs"),
    ("Leases", "InProcessLeases", "vigie-metadata/src/leases/in_process.rs"),
    ("Notices", "InProcessNotices", "vigie-metadata/src/notices/in_process.rs"),
    ("Leases", "PostgresLeases", "vigie-postgres/src/leases/mod.rs"),
    ("Notices", "PostgresNotices", "vigie-postgres/src/notices/mod.rs"),
    # Beside a seam, for its crate's own tests need it or its contract is held against it.
    ("Chance", "NoChance", "vigie-engine/src/chance.rs"),
    ("Chance", "Extreme", "vigie-engine/src/backoff.rs"),
    ("Archive", "MemoryArchive", "vigie-archive/src/memory.rs"),
    ("MetadataDb", "MemoryMetadataDb", "vigie-metadata/src/memory/mod.rs"),
    ("AuditLog", "MemoryAuditLog", "vigie-server/src/audit/memory_log.rs"),
    ("Notices", "SilentNotices", "vigie-metadata/src/notices/silent.rs"),
    # Fakes.
    ("Clock", "SimClock", "vigie-fakes/src/clock.rs"),
    ("Clock", "TestClock", "vigie-fakes/src/clock.rs"),
    ("Clock", "LeapingClock", "vigie-fakes/src/clock.rs"),
    ("Chance", "SimChance", "vigie-fakes/src/chance.rs"),
    ("Chance", "WatchedChance", "vigie-fakes/src/chance.rs"),
    ("Disk", "FaultyDisk", "vigie-fakes/src/disk.rs"),
    ("DiskFile", "FaultyFile", "vigie-fakes/src/disk.rs"),
    # What a simulated world is made of.
    ("Disk", "SimDisk", "vigie-sim/src/disk/mod.rs"),
    ("DiskFile", "SimFile", "vigie-sim/src/disk/mod.rs"),
    ("Workers", "SimWorkers", "vigie-sim/src/disk/work.rs"),
    ("Runtime", "SimRuntime", "vigie-sim/src/executor.rs"),
    ("Runtime", "Inline", "vigie-sim/src/executor.rs"),
    ("Archive", "LoggedArchive", "vigie-sim/src/archive_log.rs"),
    ("Archive", "Disturbed", "vigie-sim/src/fleet/mutants.rs"),
    ("Leases", "EverybodyHolds", "vigie-sim/src/fleet/mutants.rs"),
}


def architecture():
    return (ROOT / "ARCHITECTURE.md").read_text()


def crate_table():
    """Name, kind and words of each crate in ARCHITECTURE.md, in their order."""
    section = architecture().split("## Crates")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \| ([^|]+) \|$", section, re.M)
    return {name: kind.strip() for name, kind, _ in rows}


def manifest(crate):
    return tomllib.loads((CRATES / crate / "Cargo.toml").read_text())


def test_every_file_says_first_what_it_is_for():
    folders = [*CRATE_FOLDERS, ROOT / "fuzz"]
    files = [path for folder in folders for path in folder.rglob("*.rs") if "target" not in path.parts]
    assert len(files) > 500
    begins = re.compile(r"\s*(?:#!\[[^\]]*\]\s*)?//!")
    silent = [str(path.relative_to(ROOT)) for path in files if not begins.match(path.read_text())]
    assert silent == [], "begin with //! and say what it decides, and what it never does"


def test_a_module_with_files_below_it_is_their_mod_rs():
    files = [path for folder in [*CRATE_FOLDERS, ROOT / "fuzz"] for path in folder.rglob("*.rs")]
    folders = {folder for path in files for folder in path.parents}
    beside = [str(path.relative_to(ROOT)) for path in files if path.with_suffix("") in folders]
    assert beside == [], "move it into its folder, as mod.rs"


def test_the_table_of_crates_is_the_tree_and_dependencies_point_upwards():
    table = list(crate_table())
    assert sorted(table) == [crate.name for crate in CRATE_FOLDERS]
    downwards = []
    for name in table:
        needs = [need for need in manifest(name).get("dependencies", {}) if need.startswith("vigie")]
        downwards += [(name, need) for need in needs if table.index(need) > table.index(name)]
    assert downwards == []


@pytest.mark.parametrize("name", [name for name, kind in crate_table().items() if kind == "pure"])
def test_a_pure_crate_needs_nothing_that_is_not_and_the_compiler_is_told(name):
    needed = set(manifest(name).get("dependencies", {}))
    assert not needed & IMPURE_DEPENDENCIES
    bans = [(CRATES / crate / "clippy.toml").read_text() for crate in (name, "vigie-engine")]
    assert bans[0] == bans[1], "pure crates are held to the same list"


def test_the_program_meets_the_world_where_it_is_said_and_nowhere_else():
    found = set()
    for crate in PRODUCT:
        if crate.name == "vigie":
            continue
        for path in rust_files.product_files(crate):
            text = rust_files.code(path)
            found |= {(kind, str(path.relative_to(CRATES))) for kind, words in WORLD.items() if re.search(words, text)}
    assert sorted(found - MEETS_THE_WORLD) == [], "take it as an argument, or go through a seam of ARCHITECTURE.md"
    assert sorted(MEETS_THE_WORLD - found) == [], "no exception any more: take it off the list"


def test_what_simulations_run_of_the_server_waits_by_its_seam_and_draws_nothing_by_itself():
    server = CRATES / "vigie-server/src"
    waits, draws = set(), set()
    for path in rust_files.product_files(CRATES / "vigie-server"):
        text = rust_files.code(path)
        name = str(path.relative_to(server))
        if re.search(r"\btokio\s*::\s*(?:time|spawn|task)\b|\bsend_timeout\b", text):
            waits.add(name)
        # Which of two that are ready goes first, tokio draws.
        if re.search(r"\bselect!\s*\{(?!\s*biased\b)", text):
            draws.add(name)
    assert sorted(waits - WAITS_BY_TOKIO) == [], "wait by Process::sleep or timeout, spawn by Process::spawn"
    assert sorted(draws - WAITS_BY_TOKIO) == [], "say what goes first: biased"
    assert sorted(WAITS_BY_TOKIO - waits - draws) == [], "no exception any more: take it off the list"


def test_what_stands_behind_a_seam_stands_once_and_where_it_is_said():
    begins = re.compile(rf"\bimpl(?:<[^{{;]*?>)?\s+(?:\w+::)*({'|'.join(SEAMS)})\s+for\s+(?:\w+::)*(\w+)")
    found = set()
    for crate in CRATE_FOLDERS:
        for path in crate.rglob("*.rs"):
            text = rust_files.without_texts(path)
            found |= {(*match.groups(), str(path.relative_to(CRATES))) for match in begins.finditer(text)}
    assert sorted(found - BEHIND_SEAMS) == [], "a fake belongs into vigie-fakes: see what is there already"
    assert sorted(BEHIND_SEAMS - found) == [], "gone: take it off the list"
    names = [name for _, name, _ in found]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_no_crate_takes_a_file_out_of_another_one():
    strangers = []
    for crate in CRATE_FOLDERS:
        for path in crate.rglob("*.rs"):
            for named in re.findall(r'#\[\s*path\s*=\s*"([^"]+)"', path.read_text()):
                if not (path.parent / named).resolve().is_relative_to(crate):
                    strangers.append((str(path.relative_to(CRATES)), named))
    assert strangers == [], "make it a crate, as vigie-fakes is"


@pytest.mark.parametrize("crate", CRATE_FOLDERS, ids=lambda crate: crate.name)
def test_no_files_use_each_other_in_a_circle(crate):
    modules = rust_files.Modules(crate)
    unknown = set(rust_files.product_files(crate)) - set(modules.files.values()) - set(crate.glob("src/bin/*.rs"))
    assert unknown == set(), "a file that no module names"
    found = rust_files.circles(modules.uses())
    found = [sorted(str(path.relative_to(crate / "src")) for path in circle) for circle in found]
    assert found == [], "a circle: what both need belongs into a file below them"


def test_the_server_s_map_of_rooms_is_its_tree():
    lib = (CRATES / "vigie-server/src/lib.rs").read_text()
    drawn = re.search(r"```text\n(.*?)```", lib, re.S).group(1)
    rooms = re.findall(r"(\w+)/\s", drawn)
    folders = [path.name for path in (CRATES / "vigie-server/src").iterdir() if path.is_dir()]
    assert sorted(rooms) == sorted(folders)


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/design/store.md"])
def test_a_file_that_a_document_names_is_there(document):
    words = re.findall(r"`([\w./*-]+)`", (ROOT / document).read_text())
    ends = (".rs", ".py", ".toml", ".ts", ".md", "/")
    named = [word for word in words if ("/" in word or word.endswith(ends)) and not word.startswith((".", "/"))]
    # Paths of a data folder are none of the repository's.
    named = [word for word in named if word.split("/")[0] in FIRST_FOLDERS]
    assert named or document == "docs/design/store.md"
    missing = [word for word in named if not any(list(base.glob(word.rstrip("/"))) for base in (ROOT, CRATES))]
    assert missing == []


COLUMNS_MAX = 130
# Pages that `make bench` and `make soak` write are as wide as their words.
MEASURED = [ROOT / "docs" / "benchmarks", ROOT / "docs" / "soak"]


def test_lines_of_the_documents_fit_a_screen():
    documents = [path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if path.parent not in MEASURED]
    assert len(documents) > 15
    wide = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in documents
        for number, line in enumerate(path.read_text().splitlines(), 1)
        # A row of a table cannot be broken.
        if len(line) > COLUMNS_MAX and not line.startswith("|")
    ]
    assert wide == []


def test_make_test_runs_every_test_of_every_crate():
    """`make test` runs the simulator's tests apart from the others, by a pattern of names of test binaries."""
    makefile = (ROOT / "Makefile").read_text() + (ROOT / "scripts" / "test-side-by-side").read_text()
    patterns = re.findall(r"cargo test .*--test '?([^'\s]+)", makefile)
    assert len(patterns) == 2
    for folder in CRATE_FOLDERS:
        tests = {test["name"]: test.get("path", "") for test in manifest(folder.name).get("test", [])}
        found = {path.stem for path in folder.glob("tests/*.rs")}
        found |= {main.parent.name for main in folder.glob("tests/*/main.rs")}
        found -= {pathlib.Path(path).parent.name for path in tests.values()}
        for name in found | set(tests):
            matches = [pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)]
            assert len(matches) == 1, f"{folder.name}'s {name} is run by {matches or 'nothing'}"


def test_the_reader_of_rust_sees_circles_uses_and_no_tests(tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    (source / "lib.rs").write_text("//! Root.\nmod a;\nmod b;\nmod c;\n")
    (source / "a.rs").write_text('use crate::{b::{self, Thing}, c};\nconst TEXT: &str = "crate::c";\n')
    (source / "b.rs").write_text("// crate::c\nfn f() { super::a::g() }\n#[cfg(test)]\nmod tests { use crate::c; }\n")
    (source / "c.rs").write_text("fn f<'a>() -> char { '\"' }\nuse std::time::Instant;\nfn now() { Instant::now(); }\n")
    uses = rust_files.Modules(tmp_path).uses()
    by_name = {path.stem: sorted(used.stem for used in found) for path, found in uses.items()}
    assert by_name == {"lib": [], "a": ["b", "c"], "b": ["a"], "c": []}
    assert rust_files.circles(uses) == [{source / "a.rs", source / "b.rs"}]
    assert re.search(WORLD["clock"], rust_files.code(source / "c.rs"))
    assert not re.search(WORLD["disk"], rust_files.code(source / "c.rs"))
