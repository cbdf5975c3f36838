//! Log output: one line an event on standard error, for people or as JSON.

use tracing_subscriber::EnvFilter;

use crate::cli::LogOptions;
use crate::failure::Failure;

/// Starts logging. `--log` takes a level or a filter such as `info,vigie_agent=debug`.
pub fn start(options: &LogOptions) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&options.log).map_err(|error| {
        Failure::usage(format!("--log {:?} is not a log filter: {error}", options.log))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if options.log_json {
        builder.json().flatten_event(true).try_init()
    } else {
        let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
        builder.with_ansi(colours).try_init()
    };
    started.map_err(|error| Failure::other(format!("cannot start logging: {error}")))
}
