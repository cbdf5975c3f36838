//! The program: command line, configuration, logging and composition.
//!
//! The only place where the real clock, chance, disk and network are named; everything else is told. It makes no
//! decision about media, schedules or deletion.

mod cli;
mod cmd;
mod config;
mod failure;
mod logging;
mod open_files;
mod output;
mod progress;
mod stop;
mod supervisor;
mod system;
mod zone;

use std::process::ExitCode;

use crate::cli::{CamerasCommand, Cli, Command, KeysCommand, StoreCommand, UsersCommand};
use crate::failure::Failure;

fn main() -> ExitCode {
    match config::parse(std::env::args_os().collect()).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    logging::start(&cli.log)?;
    match cli.command {
        Command::Server(options) => cmd::server::run(options),
        Command::Agent(options) => cmd::agent::run(options),
        Command::Demo(options) => cmd::demo::run(options),
        Command::Camera(options) => cmd::camera::run(options),
        Command::Keys(KeysCommand::Create(options)) => cmd::keys::create(&options),
        Command::Keys(KeysCommand::List(options)) => cmd::keys::list(&options),
        Command::Keys(KeysCommand::Revoke(options)) => cmd::keys::revoke(&options),
        Command::Users(UsersCommand::Create(options)) => cmd::users::create(&options),
        Command::Users(UsersCommand::List(options)) => cmd::users::list(&options),
        Command::Users(UsersCommand::Update(options)) => cmd::users::update(&options),
        Command::Users(UsersCommand::SetPassword(options)) => cmd::users::set_password(&options),
        Command::Users(UsersCommand::SignOut(options)) => cmd::users::sign_out(&options),
        Command::Users(UsersCommand::Remove(options)) => cmd::users::remove(&options),
        Command::Cameras(CamerasCommand::Add(options)) => cmd::cameras::add(&options),
        Command::Store(StoreCommand::Check(options)) => cmd::store::check(&options),
        Command::Store(StoreCommand::Repair(options)) => cmd::store::repair(&options),
        Command::Store(StoreCommand::Unclaimed(options)) => cmd::store::unclaimed(&options),
        Command::Store(StoreCommand::List(options)) => cmd::store::list(&options),
        Command::Store(StoreCommand::Export(options)) => cmd::store::export(&options),
        Command::ImageDecoder(options) => cmd::image_decoder::run(options),
        Command::Cron(options) => cmd::cron::run(&options),
    }
}
