//! Puts the built web console (console/out/dist) into the program: a table of its files, each plain and compressed.
//!
//! Without a build of the console the table is empty and the program says how to make one.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

#[allow(
    clippy::disallowed_methods,
    reason = "the disk seam is for the running program, not for its build"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR")?;
    // The folder above the build's own, which is always there: cargo takes a missing path for a change each time.
    let out = Path::new(&manifest).join("../../console/out").canonicalize()?;
    println!("cargo::rerun-if-changed={}", out.display());
    println!("cargo::rerun-if-changed=build.rs");
    let dist = out.join("dist");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &mut files)?;
        files.sort();
    }
    let mut table = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&dist)?.to_str().ok_or("a file name is not UTF-8")?;
        let mut hash = DefaultHasher::new();
        fs::read(file)?.hash(&mut hash);
        let twin = |suffix: &str| {
            let mut compressed = file.clone().into_os_string();
            compressed.push(suffix);
            match Path::new(&compressed).is_file() {
                true => format!("Some(include_bytes!({compressed:?}))"),
                false => "None".to_owned(),
            }
        };
        let (brotli, gzip) = (twin(".br"), twin(".gz"));
        writeln!(
            table,
            "Asset {{ name: {name:?}, hash: {}, plain: include_bytes!({file:?}), brotli: {brotli}, gzip: {gzip} }},",
            hash.finish()
        )?;
    }
    table.push_str("]\n");
    fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("console_assets.rs"), table)?;
    Ok(())
}

/// The files below `folder` that are served under their own name.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_none_or(|extension| extension != "gz" && extension != "br") {
            files.push(path);
        }
    }
    Ok(())
}
