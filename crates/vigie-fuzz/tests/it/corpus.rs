//! The committed corpus of `fuzz/` through the same functions that the fuzzer drives.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use vigie_fuzz::TARGETS;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_committed_corpus_breaks_no_promise() {
    let mut broken = Vec::new();
    for (name, target) in TARGETS {
        let folder = fuzz_folder().join("corpus").join(name);
        let seeds = names(&folder);
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in seeds {
            let data = fs::read(folder.join(&seed)).unwrap();
            if catch_unwind(|| target(&data)).is_err() {
                broken.push(format!("{name}/{seed}"));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_target_has_a_corpus_and_a_program_and_the_other_way_round() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz_folder().join("corpus")), targets);
    let programs = names(&fuzz_folder().join("fuzz_targets"));
    let programs: BTreeSet<String> =
        programs.iter().map(|name| name.strip_suffix(".rs").unwrap().to_owned()).collect();
    assert_eq!(programs, targets);
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
    }
}
