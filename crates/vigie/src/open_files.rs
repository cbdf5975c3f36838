//! How many files and connections this process may have open at once.
//!
//! Decides that it takes all it is allowed to (the soft limit is a custom from when select() could watch 1,024), and how
//! many connections that is enough for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a server has open besides connections: databases, log, media files that are being closed.
const OTHERS: u64 = 256;
/// A connection that writes or reads media has a media file open besides itself.
const PER_CONNECTION: u64 = 2;
/// What connections have at least of a limit that is below all that: one alone would be none while it is being closed.
const SHARE_MIN: u64 = 8;

/// Raises the soft limit to the hard one. Returns the limit that holds.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    tracing::info!(open_files_max = limit, "limit of open files");
    limit
}

/// The connections that a server accepts at once: as many as wanted, if it may open the files for them.
pub fn connections(wanted: u32, open_files_max: u64) -> u32 {
    let possible = open_files_max.saturating_sub(OTHERS) / PER_CONNECTION;
    let possible = possible.max(open_files_max / SHARE_MIN);
    let possible = u32::try_from(possible).unwrap_or(u32::MAX).max(1);
    if wanted > possible {
        tracing::warn!(
            open_files_max,
            wanted,
            connections_max = possible,
            "fewer connections at once than --connections-max: raise the limit of open files (LimitNOFILE= of a systemd \
             unit, ulimit -n of a shell)"
        );
    }
    wanted.min(possible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_into_the_open_files() {
        let check = |wanted, open_files_max, expect| {
            assert_eq!(connections(wanted, open_files_max), expect, "{wanted} {open_files_max}");
        };
        check(16_384, 1_048_576, 16_384);
        check(16_384, u64::MAX, 16_384);
        check(16_384, 1024, 384);
        check(100, 1024, 100);
        check(100, 10, 1);
        check(100, 80, 10);
        check(100, 300, 37);
    }

    #[test]
    fn the_soft_limit_is_the_hard_one_afterwards() {
        raise();
        let limits = getrlimit(Resource::Nofile);
        assert_eq!(limits.current, limits.maximum);
    }
}
