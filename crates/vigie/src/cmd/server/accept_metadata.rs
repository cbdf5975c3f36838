//! `vigie server accept-metadata`: the deliberate step after which a server starts without the metadata that its folder
//! has seen.

use vigie_server::{
    FolderCommand, MetadataLoss, ServerConfig, accept_metadata_loss, metadata_loss,
};
use vigie_store::OsDisk;

use crate::cli::AcceptMetadataOptions;
use crate::cmd::operator::note_one;
use crate::failure::{Doing, Failure};
use crate::output;

pub fn run(options: &AcceptMetadataOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let folder = options.data_dir.display();
    let loss = metadata_loss(&config, &OsDisk).doing(format!("look at {folder}"))?;
    let path = config.metadata_path();
    let path = path.display();
    match &loss {
        MetadataLoss::None => {
            return output::line(&format!("{folder}: there is nothing to accept"));
        }
        MetadataLoss::Missing { beside } => output::line(&format!(
            "{path} is missing, {} is there: a start from here makes a new root key; streams, keys, secrets and edge \
             configurations of before are given up",
            beside.display()
        ))?,
        MetadataLoss::Older { found, known } => output::line(&format!(
            "{path} is at generation {found}, the folder has seen {known}: streams, keys, secrets and edge \
             configurations that came in between are given up, and those that were deleted are back"
        ))?,
    }
    output::line(
        "no media is removed; that of streams which are not in it stays within reach of `vigie store`",
    )?;
    if !options.yes {
        return output::line("nothing is changed; say --yes to accept it");
    }
    let accepted = accept_metadata_loss(&config, &OsDisk);
    note_one(&config, FolderCommand::AcceptMetadata, Some(&config.metadata_path()), &accepted);
    let kept = accepted.doing(format!("accept it in {folder}"))?;
    for path in kept {
        output::line(&format!("kept as {}", path.display()))?;
    }
    output::line("accepted: the server starts now")
}
