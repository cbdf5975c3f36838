//! How far a long command is, on standard error: one line that is written over on a terminal, else a line each ten seconds.
//!
//! Decides when a line is due and what it says. A short command says nothing.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use vigie_engine::clock::Clock;

use crate::system::SystemClock;

/// Who looks sees it move, and who waits a moment sees nothing.
const ON_A_TERMINAL: Duration = Duration::from_millis(500);
const IN_A_LOG: Duration = Duration::from_secs(10);

/// The work of a command, in units of which it knows how many there are.
pub struct Progress {
    clock: SystemClock,
    what: &'static str,
    /// A number of units as people read it.
    text: fn(u64) -> String,
    all: u64,
    done: u64,
    told: Duration,
    is_terminal: bool,
    is_line_open: bool,
}

impl Progress {
    pub fn new(what: &'static str, all: u64, text: fn(u64) -> String) -> Self {
        Self {
            clock: SystemClock::new(),
            what,
            text,
            all,
            done: 0,
            told: Duration::ZERO,
            is_terminal: io::stderr().is_terminal(),
            is_line_open: false,
        }
    }

    /// So many more units are done.
    pub fn advance(&mut self, by: u64) {
        self.reach(self.done + by, self.all);
    }

    /// So many units are done, of so many.
    pub fn reach(&mut self, done: u64, all: u64) {
        (self.done, self.all) = (done, all);
        let passed = self.clock.now().mono;
        let interval = if self.is_terminal { ON_A_TERMINAL } else { IN_A_LOG };
        if passed.saturating_sub(self.told) < interval {
            return;
        }
        self.told = passed;
        let line = line(self.what, (self.done, self.all), passed, self.text);
        let mut stderr = io::stderr().lock();
        // Whoever cannot be told is not told: the work goes on.
        let told = match self.is_terminal {
            true => write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush()),
            false => writeln!(stderr, "{line}"),
        };
        self.is_line_open = self.is_terminal && told.is_ok();
    }
}

impl Drop for Progress {
    /// What the command says next begins a line of its own.
    fn drop(&mut self) {
        if self.is_line_open {
            let mut stderr = io::stderr().lock();
            if write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush()).is_err() {
                tracing::debug!("standard error is gone");
            }
        }
    }
}

/// Media files as units.
pub fn files_text(count: u64) -> String {
    match count {
        1 => "1 media file".to_owned(),
        count => format!("{count} media files"),
    }
}

/// Such as `export: 1.5 GiB of 3.0 GiB, 50 %, 100.0 MiB a second, 15 s left`.
fn line(what: &str, (done, all): (u64, u64), passed: Duration, text: fn(u64) -> String) -> String {
    let seconds = passed.as_secs_f64().max(0.001);
    let rate = done as f64 / seconds;
    let mut line = format!("{what}: {} of {}", text(done), text(all));
    if let Some(percent) = (done.min(all).saturating_mul(100)).checked_div(all) {
        line.push_str(&format!(", {percent} %"));
    }
    line.push_str(&format!(", {} a second", text(rate as u64)));
    if rate > 0.0 {
        let left = all.saturating_sub(done) as f64 / rate;
        line.push_str(&format!(", {} s left", left.ceil()));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::size_text;

    #[test]
    fn a_line_says_how_much_is_done_how_fast_and_how_long_it_takes() {
        let after = Duration::from_secs(15);
        let text = line("export", (3 << 29, 3 << 30), after, size_text);
        assert_eq!(text, "export: 1.5 GiB of 3.0 GiB, 50 %, 102.4 MiB a second, 15 s left");
        let nothing = line("check", (0, 0), Duration::ZERO, |files| format!("{files} files"));
        assert_eq!(nothing, "check: 0 files of 0 files, 0 files a second");
    }
}
