//! Which agent this is: an id that is kept in the hub's folder, and one of this process.
//!
//! What the service makes of them is decided in [`vigie_engine::hub_holder`]. The file is small and is replaced as a whole.
//! It holds no secret. A folder that is copied takes its id along.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vigie_engine::chance::Chance;
use vigie_kvs::shapes::sync_edge_agent::AgentInstance;
use vigie_store::describe;
use vigie_store::disk::Disk;

use super::small_file;

/// The file in the hub's folder.
const FILE_NAME: &str = "instance.json";
const FILE_BYTES_MAX: u64 = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedInstance {
    instance_id: String,
    /// An operator said so, and the service has not agreed yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    takes_over: bool,
}

pub(super) struct Instance {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// `None` when the folder could not keep one: then the agent says nothing of itself, as older ones do.
    saved: Option<SavedInstance>,
    start_id: String,
}

/// Lets the agent of this folder replace whoever works as its hub, with its next call; also when the folder is a copy.
///
/// # Errors
///
/// When the folder cannot be written.
pub fn take_over(disk: &dyn Disk, directory: &Path, chance: &mut dyn Chance) -> io::Result<()> {
    let saved = SavedInstance { instance_id: new_id(chance), takes_over: true };
    save(disk, directory, &saved)
}

impl Instance {
    /// Reads the id of the folder, or gives it one.
    pub(super) fn open(disk: Arc<dyn Disk>, directory: &Path, chance: &mut dyn Chance) -> Self {
        let saved = load(disk.as_ref(), directory).unwrap_or_else(|| {
            let saved = SavedInstance { instance_id: new_id(chance), takes_over: false };
            let kept = save(disk.as_ref(), directory, &saved);
            kept.map(|()| saved).map_err(|error| not_kept(&error)).ok()
        });
        Self { disk, directory: directory.to_owned(), saved, start_id: new_id(chance) }
    }

    /// What the service is told.
    pub(super) fn said(&self) -> Option<AgentInstance> {
        self.saved.as_ref().map(|saved| AgentInstance {
            instance_id: saved.instance_id.clone(),
            start_id: self.start_id.clone(),
            take_over: saved.takes_over,
        })
    }

    /// The service works with this agent: what an operator asked for is done.
    pub(super) fn accepted(&mut self) {
        let Some(saved) = self.saved.as_mut().filter(|saved| saved.takes_over) else { return };
        saved.takes_over = false;
        if let Err(error) = save(self.disk.as_ref(), &self.directory, saved) {
            not_kept(&error);
        }
    }

    /// The service refuses this agent: an operator may have said meanwhile that it takes over.
    pub(super) fn refused(&mut self) {
        if let Some(Some(saved)) = load(self.disk.as_ref(), &self.directory) {
            self.saved = Some(saved);
        }
    }
}

/// `None`: there is no file that can be used; `Some(None)`: it cannot be read now.
fn load(disk: &dyn Disk, directory: &Path) -> Option<Option<SavedInstance>> {
    match small_file::read(disk, &directory.join(FILE_NAME), FILE_BYTES_MAX) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(saved) => Some(Some(saved)),
            Err(_) => {
                tracing::warn!("{FILE_NAME} cannot be understood; the folder gets another id");
                None
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(error = describe(&error), "{FILE_NAME} cannot be read");
            Some(None)
        }
    }
}

fn save(disk: &dyn Disk, directory: &Path, saved: &SavedInstance) -> io::Result<()> {
    let bytes = serde_json::to_vec_pretty(saved)?;
    small_file::replace(disk, directory, FILE_NAME, &bytes)
}

fn not_kept(error: &io::Error) {
    tracing::warn!(error = describe(error), "{FILE_NAME} cannot be written");
}

fn new_id(chance: &mut dyn Chance) -> String {
    format!("{:016x}{:016x}", chance.next_u64(), chance.next_u64())
}
