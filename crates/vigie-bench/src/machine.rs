//! What the figures were measured on, and what a process has used, from /proc.

use std::fs;
use std::path::Path;
use std::process::Command;
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
    let [user, system, ..] = cpu_times(pid)?;
    Ok(user + system)
}

/// The same of a process with its children, those that have ended included.
pub(crate) fn family_cpu_time(pid: u32) -> Outcome<Duration> {
    let mut time: Duration = cpu_times(pid)?.iter().sum();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(children) = fs::read_to_string(task?.path().join("children")) else { continue };
        for child in children.split_whitespace() {
            time += cpu_time(child.parse()?)?;
        }
    }
    Ok(time)
}

/// User and system time of a process, and those of its children that it has waited for.
fn cpu_times(pid: u32) -> Outcome<[Duration; 4]> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold blanks; it ends with the last parenthesis. The four are fields 14 to 17.
    let (_, fields) = text.rsplit_once(')').ok_or("no process name in /proc/PID/stat")?;
    let mut times = [Duration::ZERO; 4];
    let mut ticks = fields.split_whitespace().skip(11);
    for time in &mut times {
        let ticks: u64 = ticks.next().ok_or("no processor times in /proc/PID/stat")?.parse()?;
        // USER_HZ is 100 on every Linux there is.
        *time = Duration::from_millis(ticks * 10);
    }
    Ok(times)
}

/// The same, to the nanosecond, of threads that are there now: of a process that makes none anew.
pub(crate) fn run_time(pid: u32) -> Outcome<Duration> {
    let mut time = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // Time on the core comes first, in nanoseconds.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let nanos = text.split_whitespace().next().ok_or("an empty schedstat")?.parse()?;
        time += Duration::from_nanos(nanos);
    }
    Ok(time)
}

/// The version that ffmpeg says it is.
pub(crate) fn ffmpeg_version() -> Outcome<String> {
    let said = Command::new("ffmpeg").arg("-version").output();
    let said = said.map_err(|error| format!("ffmpeg: {error}"))?.stdout;
    let said = String::from_utf8_lossy(&said);
    let version = said.strip_prefix("ffmpeg version ").and_then(|said| said.split(' ').next());
    Ok(version.ok_or("ffmpeg does not say its version")?.to_owned())
}

/// What a disk has left for this user.
pub(crate) fn free_bytes(path: &Path) -> Outcome<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The kind of file system that a path lies on, and of which device.
pub(crate) fn file_system(path: &Path) -> Outcome<String> {
    let path = path.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut found = ("", "unknown file system".to_owned());
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(place), Some(kind)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        // Of two that hold it the inner one, of two at one place the later.
        if path.starts_with(place) && place.len() >= found.0.len() {
            found = (place, format!("{kind} on {device}"));
        }
    }
    Ok(found.1)
}

/// Memory of a process in bytes, with its share of what it has in common with others.
pub(crate) fn proportional_memory_bytes(pid: u32) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = kilobytes.and_then(|line| line.split_whitespace().next()).ok_or("no Pss")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

/// Memory of a process that is resident, in bytes.
pub(crate) fn memory_bytes(pid: u32) -> Outcome<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most that was ever resident of it.
pub(crate) fn memory_bytes_max(pid: u32) -> Outcome<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> Outcome<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = kilobytes.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or_else(|| format!("no {field}"))?.parse::<u64>()? * 1024)
}
