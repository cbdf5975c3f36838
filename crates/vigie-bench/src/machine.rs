//! What the figures were measured on, and what a process has used, from /proc.

use std::fs;
use std::time::Duration;

use crate::Outcome;

/// The processor as it names itself, and how many the system has.
pub(crate) fn processor() -> Outcome<(String, usize)> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name"));
    let model =
        model.and_then(|line| line.split_once(':')).map_or("unknown", |(_, name)| name.trim());
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    Ok((model.to_owned(), count.max(1)))
}

/// The kernel's name and release.
pub(crate) fn kernel() -> Outcome<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned())
}

/// Running tasks of the last minute, on average.
pub(crate) fn load_average() -> Outcome<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}

/// Processor time that a process has used so far.
pub(crate) fn cpu_time(pid: u32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold blanks; it ends with the last parenthesis. User and system time are fields 14 and 15.
    let (_, fields) = text.rsplit_once(')').ok_or("no process name in /proc/PID/stat")?;
    let mut ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let user = ticks.next().ok_or("no user time")??;
    let system = ticks.next().ok_or("no system time")??;
    // USER_HZ is 100 on every Linux there is.
    Ok(Duration::from_millis((user + system) * 10))
}

/// Memory of a process in bytes, with its share of what it has in common with others.
pub(crate) fn proportional_memory_bytes(pid: u32) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = kilobytes.and_then(|line| line.split_whitespace().next()).ok_or("no Pss")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Memory of a process that is its own, in bytes.
pub(crate) fn memory_bytes(pid: u32) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = kilobytes.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}
