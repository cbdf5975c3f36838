//! `vigie server backup` and `restore`: what a server's folder holds besides media, copied and brought back.

use vigie_engine::clock::Clock;
use vigie_server::{FolderCommand, Manifest, ServerConfig, restore_backup, take_backup};
use vigie_store::OsDisk;

use crate::cli::{BackupOptions, RestoreOptions};
use crate::cmd::operator::note_one;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::system::SystemClock;

pub fn backup(options: &BackupOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let target = options.target.display();
    let now = SystemClock::new().now().wall;
    let taken = take_backup(&config, &options.target, &OsDisk, now);
    note_one(&config, FolderCommand::Backup, Some(&options.target), &taken);
    let manifest = taken.doing(format!("back up {}", options.data_dir.display()))?;
    output::line(&format!("{target} holds {}", files(&manifest)))?;
    say_no_key(&manifest)?;
    let media = config.media_dir();
    output::line(&format!(
        "now copy {}: what was persisted before {} is in it",
        media.display(),
        manifest.began_at
    ))
}

pub fn restore(options: &RestoreOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let folder = options.data_dir.display();
    let restored = restore_backup(&config, &options.source, &OsDisk);
    note_one(&config, FolderCommand::Restore, Some(&options.source), &restored);
    let manifest = restored.doing(format!("restore {} to {folder}", options.source.display()))?;
    output::line(&format!("{folder} has {} of {}", files(&manifest), manifest.began_at))?;
    say_no_key(&manifest)
}

fn files(manifest: &Manifest) -> String {
    let names: Vec<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    names.join(", ")
}

fn say_no_key(manifest: &Manifest) -> Result<(), Failure> {
    if manifest.has("master.key") {
        return Ok(());
    }
    output::line(
        "the master key is not in it: it is given as VIGIE_MASTER_KEY, keep it with the same care",
    )
}
