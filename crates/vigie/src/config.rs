//! The configuration file: it gives options their defaults, so that what is said on the command line or in the
//! environment wins over it.

use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
use crate::failure::Failure;

/// Parses the command line, with the environment and the configuration file behind it. Ends the process where the
/// parser has the last word: usage errors, `--help`.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, Failure> {
    let (command, arguments) = with_file(arguments)?;
    let matches = command.try_get_matches_from(arguments).unwrap_or_else(|error| error.exit());
    Cli::from_arg_matches(&matches).map_err(|error| Failure::usage(error.to_string()))
}

/// The same once more, while the process runs: the file may have changed.
pub fn parse_again() -> Result<Cli, Failure> {
    let (command, arguments) = with_file(std::env::args_os().collect())?;
    let matches = command.try_get_matches_from(arguments);
    matches
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The parser with the values of the configuration file as defaults.
fn with_file(arguments: Vec<OsString>) -> Result<(Command, Vec<OsString>), Failure> {
    let mut command = Cli::command();
    if let Some(path) = config_path(&arguments) {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the configuration file {}: {error}",
                path.display()
            ))
        })?;
        command = with_defaults(command, &text)
            .map_err(|message| Failure::usage(format!("{}: {message}", path.display())))?;
    }
    Ok((command, arguments))
}

/// `--config` of a command line that may not be complete without the file it names.
fn config_path(arguments: &[OsString]) -> Option<std::path::PathBuf> {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(arguments).ok()?;
    let direct = matches.try_get_one::<std::path::PathBuf>("config").ok().flatten();
    direct.map(|path| Path::new(path).to_path_buf())
}

/// Puts each value of the file's tables (`[server]`, `[agent]`, …) in as the default of the option of its name.
fn with_defaults(mut command: Command, text: &str) -> Result<Command, String> {
    let file: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    for (key, value) in file {
        match value {
            toml::Value::Table(table) => {
                let Some(subcommand) = command.find_subcommand(&key) else {
                    return Err(format!("there is no command for the table [{key}]"));
                };
                let mut subcommand = subcommand.clone();
                for (option, value) in table {
                    subcommand = with_default(subcommand, &option, &value)
                        .map_err(|message| format!("[{key}] {message}"))?;
                }
                command = command.mut_subcommand(key, |_| subcommand);
            }
            value => command = with_default(command, &key, &value)?,
        }
    }
    Ok(command)
}

fn with_default(command: Command, key: &str, value: &toml::Value) -> Result<Command, String> {
    let id = key.replace('-', "_");
    if !command.get_arguments().any(|argument| argument.get_id() == id.as_str()) {
        return Err(format!("{key} is not an option here"));
    }
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        other => Err(format!("{key} cannot be a {}", other.type_str())),
    };
    let takes_many = |argument: &Arg| matches!(argument.get_action(), ArgAction::Append);
    let is_list = command.get_arguments().any(|of| of.get_id() == id.as_str() && takes_many(of));
    let texts: Vec<String> = match value {
        toml::Value::Array(values) if is_list => {
            values.iter().map(text).collect::<Result<_, _>>()?
        }
        value => vec![text(value)?],
    };
    Ok(command.mut_arg(id, |argument| argument.required(false).default_values(texts)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command as Parsed;

    fn parse_with(file: &str, arguments: &[&str]) -> Result<Cli, String> {
        let command = with_defaults(Cli::command(), file)?;
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        Cli::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn the_file_gives_defaults_and_the_command_line_wins() {
        let file =
            "log = \"debug\"\n[server]\nlisten = \"127.0.0.1:9000\"\nregion = \"eu-west-3\"\n";
        let cli = parse_with(file, &["vigie", "server", "--region", "eu-north-1"]).unwrap();
        assert_eq!(cli.log.log, "debug");
        let Parsed::Server(server) = cli.command else { panic!("not the server command") };
        assert_eq!(server.listen.port(), 9000);
        assert_eq!(server.region, "eu-north-1");
    }

    #[test]
    fn a_required_option_may_come_from_the_file() {
        let file = "[agent]\nhub_device_arn = \"arn\"\nendpoint_url = \"http://127.0.0.1:1\"\n";
        let Parsed::Agent(agent) = parse_with(file, &["vigie", "agent"]).unwrap().command else {
            panic!("not the agent command")
        };
        assert_eq!(agent.hub_device_arn.as_deref(), Some("arn"));
    }

    #[test]
    fn an_option_that_may_be_repeated_is_a_list() {
        let agent = "[agent]\nhub_device_arn = \"arn\"\nendpoint_url = \"http://127.0.0.1:1\"\n";
        let roots = |file: &str, more: &[&str]| {
            let arguments = [&["vigie", "agent"], more].concat();
            let parsed = parse_with(&format!("{agent}{file}"), &arguments)?;
            let Parsed::Agent(agent) = parsed.command else { panic!("not the agent command") };
            Ok::<_, String>(agent.file_root)
        };
        let paths =
            |names: &[&str]| names.iter().map(Path::new).map(Path::to_owned).collect::<Vec<_>>();
        assert_eq!(roots("", &[]), Ok(Vec::new()));
        assert_eq!(roots("file_root = [\"/a\", \"/b\"]\n", &[]), Ok(paths(&["/a", "/b"])));
        assert_eq!(roots("file_root = \"/a\"\n", &[]), Ok(paths(&["/a"])));
        let said = ["--file-root", "/c", "--file-root", "/d"];
        assert_eq!(roots("file_root = [\"/a\"]\n", &said), Ok(paths(&["/c", "/d"])));
        assert_eq!(
            parse_with("[server]\nregion = [\"x\"]\n", &["vigie", "server"]).unwrap_err(),
            "[server] region cannot be a array"
        );
    }

    #[test]
    fn what_is_no_option_is_said() {
        let error = parse_with("[server]\nlisen = \"x\"\n", &["vigie", "server"]).unwrap_err();
        assert_eq!(error, "[server] lisen is not an option here");
        let error = parse_with("[sever]\n", &["vigie", "server"]).unwrap_err();
        assert_eq!(error, "there is no command for the table [sever]");
    }

    /// The commented file in docs/ is the reference for every key: it must stay true to the options.
    #[test]
    fn the_reference_file_holds_every_option_with_its_default() {
        let reference = include_str!("../../../docs/vigie.toml");
        let uncommented: String = reference
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n");
        let file: toml::Table = uncommented.parse().unwrap();
        for section in ["server", "agent", "demo", "camera"] {
            let table = file[section].as_table().unwrap();
            let command = Cli::command();
            let command = command.find_subcommand(section).unwrap();
            for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
                let id = argument.get_id().as_str();
                let value = table.get(id).unwrap_or_else(|| panic!("[{section}] lacks {id}"));
                let default = argument.get_default_values().first().map(|v| v.to_string_lossy());
                if let Some(default) = default {
                    let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    assert_eq!(said, default, "[{section}] {id}");
                }
            }
        }
        with_defaults(Cli::command(), &uncommented).unwrap();
    }
}
