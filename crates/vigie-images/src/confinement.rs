//! What keeps a decoder's process away from everything but its two pipes.
//!
//! Media that nobody vouches for may take a decoder over. Then this is what it finds: no file, no network, no other
//! process, and so much memory and processor time. Bounds of resources come from the kernel's limits, the rest from
//! Landlock (files, TCP, signals) and from a seccomp filter (system calls); both hold for what the process starts and
//! cannot be taken back. What is forbidden fails with "operation not permitted" and ends nothing.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// The newest rights of Landlock that are asked for (Linux 6.15); an older kernel gives those that it knows.
const LANDLOCK: ABI = ABI::V7;
/// Where programs and their libraries lie, as far as there are such folders.
const PROGRAM_FOLDERS: [&str; 8] =
    ["/usr", "/lib", "/lib32", "/lib64", "/bin", "/nix/store", "/gnu/store", "/etc/ld.so.conf.d"];
/// What the loader of programs reads besides.
const LOADER_FILES: [&str; 2] = ["/etc/ld.so.cache", "/etc/ld.so.conf"];

/// What a decoder in this process needs: its memory, its pipes, the time; and its own limits, which are asked for by a
/// rule of their own. All else is refused.
const ALONE: [libc::c_long; 25] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // An abort says who dies of it.
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What no program that decodes needs, and Landlock does not forbid (UDP, other sockets) or not in every kernel.
const REFUSED_TO_PROGRAMS: [libc::c_long; 26] = [
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_uring_setup,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_shmget,
    libc::SYS_msgget,
];

/// How a decoder's process is confined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// Decoders in Rust: nothing but memory and the standard streams.
    Alone,
    /// A process that starts this program over and over; both read where programs and libraries lie, and nothing else.
    Starting(PathBuf),
}

/// What one decoder may take of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Address space. Twice what a picture of 8K at 10 bits takes with its references would be more; 4K fits twice.
    memory_bytes: u64,
    /// Processor time for one request.
    pub(crate) request_seconds: u64,
    /// Files that may be open, the three standard streams among them.
    files: u64,
}

impl Confinement {
    /// Confines this process and what it starts, for good. An error where that cannot be had: then it must not decode.
    pub(crate) fn apply(&self) -> io::Result<Bounds> {
        // Also when the server is killed while this process decodes. Its end is seen by the end of the input otherwise.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let bounds = match self {
            Self::Alone => Bounds { memory_bytes: 1 << 30, request_seconds: 30, files: 3 },
            // It loads its libraries from files and maps more than it uses.
            Self::Starting(_) => Bounds { memory_bytes: 2 << 30, request_seconds: 30, files: 64 },
        };
        // Without Landlock the filter of system calls alone keeps a decoder in Rust from files and networks.
        let has_landlock = landlock(&self.readable()).unwrap_or(false);
        limit_resources(bounds)?;
        let has_seccomp = match TargetArch::try_from(std::env::consts::ARCH) {
            Ok(arch) => {
                let program = self.filter(arch).map_err(io::Error::other)?;
                seccompiler::apply_filter(&program).map_err(io::Error::other)?;
                true
            }
            Err(_) => false,
        };
        match self {
            Self::Alone if has_landlock || has_seccomp => Ok(bounds),
            Self::Starting(_) if has_landlock => Ok(bounds),
            _ => Err(io::Error::other("this kernel cannot keep a decoder from files")),
        }
    }

    fn readable(&self) -> Vec<(PathBuf, BitFlags<AccessFs>)> {
        let Self::Starting(program) = self else { return Vec::new() };
        let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
        let file = AccessFs::Execute | AccessFs::ReadFile;
        let folders = PROGRAM_FOLDERS.into_iter().map(|folder| (folder.into(), read));
        let files = LOADER_FILES.into_iter().map(|path| (path.into(), file));
        let null = ("/dev/null".into(), AccessFs::ReadFile | AccessFs::WriteFile);
        folders.chain(files).chain([(program.clone(), file), null]).collect()
    }

    fn filter(&self, arch: TargetArch) -> Result<BpfProgram, BackendError> {
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = match self {
            Self::Alone => {
                let mut rules: std::collections::BTreeMap<_, _> =
                    ALONE.into_iter().map(|call| (number(call), Vec::new())).collect();
                rules.insert(number(libc::SYS_prlimit64), vec![of_this_process()?]);
                SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?
            }
            Self::Starting(_) => {
                let rules = REFUSED_TO_PROGRAMS.into_iter().map(|call| (number(call), Vec::new()));
                SeccompFilter::new(rules.collect(), SeccompAction::Allow, refuse, arch)?
            }
        };
        filter.try_into()
    }
}

/// Whether this kernel can keep a program from the files that are not its own.
pub fn can_start_programs() -> bool {
    let files = AccessFs::from_all(ABI::V1);
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    ruleset.handle_access(files).and_then(Ruleset::create).is_ok()
}

/// The filter's numbers are of 64 bits.
#[allow(clippy::useless_conversion, reason = "the system's `long` has 32 bits on some")]
fn number(call: libc::c_long) -> i64 {
    call.into()
}

/// A call whose first argument names no other process.
fn of_this_process() -> Result<SeccompRule, BackendError> {
    let this = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, 0)?;
    SeccompRule::new(vec![this])
}

/// Leaves the process these files, and no other; whether the kernel does that.
fn landlock(readable: &[(PathBuf, BitFlags<AccessFs>)]) -> Result<bool, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?;
    for (path, access) in readable {
        // Not every system has each of them.
        if let Ok(beneath) = PathFd::new(Path::new(path)) {
            ruleset = ruleset.add_rule(PathBeneath::new(beneath, *access))?;
        }
    }
    Ok(ruleset.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
}

fn limit_resources(bounds: Bounds) -> io::Result<()> {
    let limits = [
        (Resource::As, bounds.memory_bytes),
        (Resource::Nofile, bounds.files),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
    ];
    for (resource, limit) in limits {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    }
    Ok(())
}
