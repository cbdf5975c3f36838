//! How a command fails: what is printed and which code the process exits with.

use std::fmt;
use std::process::ExitCode;

/// A failed command. Exit codes: 0 done, 2 usage, 1 anything else.
#[derive(Debug)]
pub struct Failure {
    exit_code: u8,
    message: String,
}

impl Failure {
    /// The command line, environment or configuration file is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit_code: 2, message: message.into() }
    }

    /// Anything else.
    pub fn other(message: impl Into<String>) -> Self {
        Self { exit_code: 1, message: message.into() }
    }

    /// The answer has been printed and is a "no" (an invalid expression, a store with findings).
    pub fn answered_no() -> Self {
        Self { exit_code: 1, message: String::new() }
    }

    /// Prints the message, if there is one, and gives the code to exit with.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("vigie: {self}");
        }
        ExitCode::from(self.exit_code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Turns an error into a [`Failure`] with what was being done in front of it, causes included.
pub trait Doing<T> {
    /// `doing` completes the sentence "cannot …".
    fn doing(self, doing: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: std::error::Error> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| {
            Failure::other(format!("cannot {doing}: {}", vigie_store::describe(&error)))
        })
    }
}
