//! A worker confines itself before it reads the first byte of a sample: its process gets limits, and it gives
//! up nearly all of the kernel.
//!
//! Everything is one way: none of it can be taken back. A limit that a kernel does not offer is left out and
//! reported as not in force, so that a scan says what it stood on. Not here: the limits of a run
//! (`tracer::limits`), which end most samples long before.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of address space, beside those that the process has when it is confined. So its own program,
    /// which is large in a build without optimisation, takes nothing from a sample.
    pub memory_bytes: u64,
    /// Processor time, rounded up to whole seconds.
    pub cpu: Duration,
}

/// Words for how far Landlock is in force, weakest first.
pub const LANDLOCK: [&str; 3] = ["none", "partial", "full"];

/// Which limits were in force in a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confinement {
    /// Address space, in bytes, beside that of the worker before it read anything; null if not limited.
    pub address_space_bytes: Option<u64>,
    /// Processor time, in seconds; null if it was not limited.
    pub cpu_seconds: Option<u64>,
    /// No core file, no byte written to any file, no further file or socket opened (`RLIMIT_CORE`,
    /// `RLIMIT_FSIZE`, `RLIMIT_NOFILE`).
    pub no_files: bool,
    /// It can gain no privileges by executing a program.
    pub no_new_privileges: bool,
    /// It dies with the scan that started it.
    pub dies_with_scan: bool,
    /// Landlock: `full`, `partial` (an older kernel, which knows fewer rights), `none`. No file can be
    /// touched, no port bound or connected to.
    pub landlock: String,
    /// seccomp: only system calls for memory, time, the three streams and ending are answered; most others
    /// end the process. So does a signal to another process, and memory that can be executed. So does the use
    /// of any other descriptor, such as one inherited from whoever started the scan.
    pub seccomp: bool,
    /// Descriptors that the scan inherited from its parent are closed: only the three streams are
    /// open.
    #[serde(default)]
    pub inherited_closed: bool,
}

impl Confinement {
    /// What is in force in both.
    pub fn weaken(&mut self, other: &Self) {
        let larger = |a: Option<u64>, b: Option<u64>| Some(a?.max(b?));
        self.address_space_bytes = larger(self.address_space_bytes, other.address_space_bytes);
        self.cpu_seconds = larger(self.cpu_seconds, other.cpu_seconds);
        self.no_files &= other.no_files;
        self.no_new_privileges &= other.no_new_privileges;
        self.dies_with_scan &= other.dies_with_scan;
        self.seccomp &= other.seccomp;
        self.inherited_closed &= other.inherited_closed;
        let rank = |landlock: &str| LANDLOCK.iter().position(|known| *known == landlock);
        if rank(&other.landlock) < rank(&self.landlock) {
            self.landlock.clone_from(&other.landlock);
        }
    }

    /// The parts of the kernel's own confinement that are not in force. Without them, an error in this
    /// program could reach files and network of the machine.
    pub fn lacks(&self) -> Vec<&'static str> {
        let landlock = (self.landlock == LANDLOCK[0]).then_some("Landlock");
        landlock.into_iter().chain((!self.seccomp).then_some("seccomp")).collect()
    }
}

/// Confines this process for good. What the kernel does not offer is reported.
#[cfg(target_os = "linux")]
pub fn confine(bounds: &Bounds) -> Confinement {
    let no_new_privileges = rustix::thread::set_no_new_privs(true).is_ok();
    let inherited_closed = close_inherited();
    // Both read files, so before those are forbidden.
    let mapped = mapped_bytes();
    let landlock = linux::landlock().to_owned();
    let mut confinement =
        Confinement { no_new_privileges, inherited_closed, landlock, ..resources(bounds, mapped) };
    confinement.dies_with_scan =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_ok();
    confinement.seccomp = linux::seccomp();
    confinement
}

/// Confines this process for good. What the kernel does not offer is reported.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn confine(bounds: &Bounds) -> Confinement {
    let inherited_closed = close_inherited();
    Confinement { landlock: "none".to_owned(), inherited_closed, ..resources(bounds, mapped_bytes()) }
}

/// Confines this process for good. What the kernel does not offer is reported.
#[cfg(not(unix))]
pub fn confine(_: &Bounds) -> Confinement {
    Confinement { landlock: "none".to_owned(), ..Confinement::default() }
}

/// Closes every descriptor but the three streams. Returns whether all are known to be closed.
///
/// The parent of the scan may have left files and sockets open. A worker opens none of its own before it is
/// confined that it keeps.
#[cfg(unix)]
fn close_inherited() -> bool {
    let Ok(entries) = std::fs::read_dir("/dev/fd") else { return false };
    // Collected first: the list itself takes a descriptor, which is closed by then.
    let open: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    open.into_iter()
        .all(|descriptor| matches!(nix::unistd::close(descriptor), Ok(()) | Err(nix::Error::EBADF)))
}

/// The address space that this process has by now; 0 where the kernel does not say it as Linux does.
#[cfg(unix)]
fn mapped_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|sizes| sizes.split(' ').next()?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

#[cfg(unix)]
fn resources(bounds: &Bounds, mapped: u64) -> Confinement {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let set = |resource, soft: u64, hard: u64| {
        setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) }).is_ok()
    };
    let seconds = bounds.cpu.as_secs() + u64::from(bounds.cpu.subsec_nanos() != 0);
    let cpu = set(Resource::Cpu, seconds, seconds + 1);
    let address_space = bounds.memory_bytes.saturating_add(mapped);
    // The streams are open; 0 forbids another descriptor.
    let no_files = [Resource::Core, Resource::Fsize, Resource::Nofile].map(|resource| set(resource, 0, 0));
    let memory = set(Resource::As, address_space, address_space);
    Confinement {
        address_space_bytes: memory.then_some(bounds.memory_bytes),
        cpu_seconds: cpu.then_some(seconds),
        no_files: no_files == [true; 3],
        landlock: "none".to_owned(),
        ..Confinement::default()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use landlock::{ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetStatus, Scope};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch,
    };

    /// Forbids all of the file system, and TCP ports, as far as the kernel knows them.
    pub(super) fn landlock() -> &'static str {
        // The newest interface: what an older kernel lacks is left out, and the status says `partial`.
        let abi = ABI::V6;
        let ruleset = Ruleset::default().handle_access(AccessFs::from_all(abi));
        let ruleset = ruleset.and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(abi)));
        let ruleset = ruleset.and_then(|ruleset| ruleset.scope(Scope::from_all(abi)));
        let status = ruleset.and_then(Ruleset::create).and_then(|ruleset| ruleset.restrict_self());
        match status.map(|status| status.ruleset) {
            Ok(RulesetStatus::FullyEnforced) => "full",
            Ok(RulesetStatus::PartiallyEnforced) => "partial",
            _ => "none",
        }
    }

    /// System calls that an analysis makes: memory, time, its streams, the end, and what aborting takes.
    const ALLOWED: &[i64] = &[
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_pread64,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// System calls that libraries make to learn of the machine, and do without if they are refused.
    const REFUSED: &[i64] = &[
        // By these musl asks for the number of processors, where the kernel has them.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink,
        libc::SYS_openat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_readlinkat,
        libc::SYS_faccessat,
        libc::SYS_getcwd,
        libc::SYS_ioctl,
        libc::SYS_fcntl,
        libc::SYS_uname,
        libc::SYS_sysinfo,
        libc::SYS_prlimit64,
        libc::SYS_sched_getaffinity,
    ];

    /// Installs three filters, of which the strictest answer counts. One refuses what is only asked out of
    /// curiosity. One ends the process with `SIGSYS` at anything else that is not allowed, and one at what is
    /// allowed with other arguments only.
    pub(super) fn seccomp() -> bool {
        let refuse = SeccompAction::Errno(libc::EACCES as u32);
        let always = |call: &i64| (*call, Vec::new());
        let tolerated = ALLOWED.iter().chain(REFUSED).map(always).collect();
        let Ok(misuses) = misuses() else { return false };
        install(REFUSED.iter().map(always).collect(), SeccompAction::Allow, refuse)
            && install(misuses, SeccompAction::Allow, SeccompAction::KillProcess)
            && install(tolerated, SeccompAction::KillProcess, SeccompAction::Allow)
    }

    /// What allowed calls must not be asked for.
    ///
    /// Uses of descriptors beyond the streams. Whoever started the scan may have left files and sockets open,
    /// and a worker inherits those. Neither Landlock nor `RLIMIT_NOFILE` reaches what is open. `close` alone
    /// is harmless on any. Signals to another process: the scan and other workers belong to the same user,
    /// and not every Landlock keeps them apart. Memory that can be executed: the engine interprets, so
    /// nothing but an intruder wants any.
    fn misuses() -> Result<Rules, seccompiler::BackendError> {
        // A descriptor is an `int`: the kernel does not look at the upper half of the argument.
        let differs = |argument, from: u32| {
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, from.into())
        };
        let (input, output, error) = (differs(0, 0)?, differs(0, 1)?, differs(0, 2)?);
        // Memory that no file is mapped to is asked for with descriptor -1.
        let mapped = differs(4, u32::MAX)?;
        let foreign = differs(0, std::process::id())?;
        let exec = libc::PROT_EXEC as u64;
        let executable =
            SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(exec), exec)?;
        let all = [
            (libc::SYS_read, vec![input.clone()]),
            (libc::SYS_readv, vec![input.clone()]),
            (libc::SYS_pread64, vec![input.clone()]),
            (libc::SYS_lseek, vec![input.clone()]),
            (libc::SYS_write, vec![output.clone(), error.clone()]),
            (libc::SYS_writev, vec![output.clone(), error.clone()]),
            (libc::SYS_fstat, vec![input, output, error]),
            (libc::SYS_mmap, vec![mapped]),
            (libc::SYS_mmap, vec![executable.clone()]),
            (libc::SYS_mprotect, vec![executable]),
            (libc::SYS_tgkill, vec![foreign]),
        ];
        let mut rules = Rules::new();
        for (call, conditions) in all {
            rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
        }
        Ok(rules)
    }

    /// System calls, each with the rules of which one must hold; none hold always.
    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    /// Installs a filter: one action for the calls of `rules`, one for all others.
    fn install(rules: Rules, others: SeccompAction, action: SeccompAction) -> bool {
        let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return false };
        let program = SeccompFilter::new(rules, others, action, arch).and_then(BpfProgram::try_from);
        program.is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        fs::File,
        io::{Read as _, Seek as _, Write as _},
        os::unix::process::ExitStatusExt as _,
        process::{Command, Stdio},
    };

    use wasmspoor_needs::needs;

    use super::*;

    /// What the confined process is to do; without it, that test does nothing.
    const DEED: &str = "WASMSPOOR_TEST_CONFINED";

    const EXECUTABLE: i64 = (libc::PROT_READ | libc::PROT_EXEC) as i64;
    const PRIVATE: i64 = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as i64;

    /// A call as an intruder makes it; the libraries have none for these.
    #[allow(unsafe_code)]
    fn call(number: i64, [a, b, c, d, e, f]: [i64; 6]) -> std::io::Result<()> {
        // SAFETY: the arguments are numbers: a signal that is none, a page where the kernel likes, and no
        // page at all.
        match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Not a test by itself: the process that the test below starts and that confines itself.
    #[test]
    fn a_confined_process() {
        let Ok(deed) = std::env::var(DEED) else { return };
        // Open before, as an inherited descriptor is.
        let (mut file, mut null) =
            (File::open("/proc/self/exe").unwrap(), File::create("/dev/null").unwrap());
        let confinement = confine(&Bounds { memory_bytes: 8 << 30, cpu: Duration::from_secs(60) });
        if !confinement.seccomp {
            std::process::exit(3);
        }
        let did = match &*deed {
            "streams" => {
                let memory = vec![1u8; 64 << 20];
                std::io::stdin().read_to_end(&mut Vec::new()).and(std::io::stdout().write_all(&memory[..10]))
            }
            "read" => file.read(&mut [0; 4]).map(drop),
            "seek" => file.rewind(),
            "stat" => rustix::fs::fstat(&file).map(drop).map_err(Into::into),
            "abort" => std::process::abort(),
            "signal" => call(libc::SYS_tgkill, [1, 1, 0, 0, 0, 0]),
            "map" => call(libc::SYS_mmap, [0, 4096, EXECUTABLE, PRIVATE, -1, 0]),
            "protect" => call(libc::SYS_mprotect, [0, 0, EXECUTABLE, 0, 0, 0]),
            _ => null.write_all(b"x"),
        };
        std::process::exit(if did.is_ok() { 0 } else { 4 });
    }

    #[needs("seccomp")]
    #[test]
    fn only_the_streams_of_a_worker_can_be_used() {
        let run = |deed: &str| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["--exact", "scan::confine::tests::a_confined_process", "--nocapture"])
                .env(DEED, deed)
                .stdin(Stdio::null());
            command.output().unwrap().status
        };
        assert_eq!(run("streams").code(), Some(0));
        assert_eq!(run("abort").signal(), Some(libc::SIGABRT), "a signal to itself");
        for deed in ["read", "seek", "stat", "write", "signal", "map", "protect"] {
            assert_eq!(run(deed).signal(), Some(libc::SIGSYS), "{deed}");
        }
    }
}
