//! System calls and context switches of a process with all its threads, those that come and go included: by `perf stat`,
//! which lets the kernel count.

use std::process::Stdio;
use std::time::Duration;

/// In one second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counters {
    pub(super) system_calls: f64,
    /// How often one of its threads gave up the core: on a core of its own, to wait.
    pub(super) waits: f64,
}

/// Counts for a time; `None` where there is no `perf` or it may not.
pub(super) async fn over(pid: u32, time: Duration) -> Option<Counters> {
    let seconds = time.as_secs_f64();
    let mut perf = tokio::process::Command::new("perf");
    perf.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter,context-switches"]);
    perf.args(["-p", &pid.to_string(), "--", "sleep", &seconds.to_string()]);
    let output = perf.stdin(Stdio::null()).kill_on_drop(true).output().await.ok()?;
    parse(&String::from_utf8_lossy(&output.stderr), seconds)
}

/// Reads what `perf stat -x ,` prints: a line for each event, its count first and its name third.
fn parse(text: &str, seconds: f64) -> Option<Counters> {
    let count = |event: &str| {
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let line = lines.find(|fields| fields.get(2).is_some_and(|name| *name == event))?;
        Some(line.first()?.parse::<f64>().ok()? / seconds)
    };
    let (system_calls, waits) = (count("raw_syscalls:sys_enter")?, count("context-switches")?);
    Some(Counters { system_calls, waits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_what_was_not_counted_is_none() {
        let text = "2723,,context-switches,21992146,100.00,,\n2731,,raw_syscalls:sys_enter,21992146,100.00,,\n";
        let counted = Counters { system_calls: 1365.5, waits: 1361.5 };
        assert_eq!(parse(text, 2.0), Some(counted));
        let refused = text.replace("2731", "<not counted>");
        assert_eq!(parse(&refused, 2.0), None);
        assert_eq!(parse("perf: not permitted\n", 2.0), None);
    }
}
