//! The folder of a server or a hub: where its store is, and which stream is meant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_store::{IndexError, OsDisk, StoreError, StoreReader};

use crate::failure::{Doing, Failure};

/// A server's or a hub's folder.
pub struct Folder<'a>(&'a Path);

impl<'a> Folder<'a> {
    pub fn new(path: &'a Path) -> Self {
        Self(path)
    }

    pub fn media(&self) -> PathBuf {
        self.0.join("media")
    }

    pub fn index(&self) -> PathBuf {
        self.0.join("index.sqlite")
    }

    /// What is being done, for [`Doing`].
    pub fn reading(&self) -> String {
        format!("read the media store in {}", self.0.display())
    }

    /// Reads what is persisted, also while a server or an agent writes.
    pub fn reader(&self) -> Result<StoreReader, Failure> {
        StoreReader::open(Arc::new(OsDisk), self.media(), self.index()).doing(self.reading())
    }

    /// The key of the stream that is meant: given as the list shows it, or by its name alone where only one has it.
    pub fn find_stream(&self, reader: &StoreReader, wanted: &str) -> Result<String, Failure> {
        let keys = reader.stream_keys().doing(self.reading())?;
        match choose(&keys, wanted).as_slice() {
            [key] => Ok((*key).clone()),
            [] => Err(Failure::other(format!(
                "there is no stream {wanted:?} in {}",
                self.0.display()
            ))),
            several => {
                let keys: Vec<&str> = several.iter().map(|key| key.as_str()).collect();
                let keys = keys.join(", ");
                Err(Failure::other(format!(
                    "several streams are named {wanted:?}: say which of {keys}"
                )))
            }
        }
    }

    /// Refuses a folder that holds no media, before anything is made in it.
    pub fn require_media(&self) -> Result<(), Failure> {
        if self.media().is_dir() {
            return Ok(());
        }
        Err(Failure::other(format!("there is no media store in {}", self.0.display())))
    }

    /// Says what to do when a server or an agent has the store.
    pub fn exclusive<T>(&self, result: Result<T, StoreError>) -> Result<T, Failure> {
        match result {
            Err(StoreError::Index(error)) if matches!(*error, IndexError::InUse { .. }) => {
                Err(Failure::other(format!(
                    "the media store in {} is in use; stop the server or agent that runs on it first",
                    self.0.display()
                )))
            }
            result => result.doing(self.reading()),
        }
    }
}

/// The keys that may be meant. A key is a stream's name and, behind a dot, when it was created.
fn choose<'a>(keys: &'a [String], wanted: &str) -> Vec<&'a String> {
    if let Some(exact) = keys.iter().find(|key| *key == wanted) {
        return vec![exact];
    }
    let is_named = |key: &&String| key.rsplit_once('.').is_some_and(|(name, _)| name == wanted);
    keys.iter().filter(is_named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_found_by_its_key_or_by_its_name() {
        let keys = ["gate.1", "gate.2", "yard.7", "gate", "a.b.3"].map(str::to_owned);
        let check = |wanted: &str, expect: &[&str]| assert_eq!(choose(&keys, wanted), expect);
        check("gate", &["gate"]);
        check("gate.2", &["gate.2"]);
        check("yard", &["yard.7"]);
        check("a.b", &["a.b.3"]);
        check("a", &[]);
        check("", &[]);
        assert_eq!(choose(&keys[..3], "gate"), ["gate.1", "gate.2"]);
    }
}
