//! One worker process, from its start to the reason of its end.
//!
//! Messages of a worker are foreign: [`Allowance`] bounds them, and its last words are cut. A worker that
//! takes longer than it may is killed; so is one whose scan is interrupted. Until a worker says that it is
//! confined, it has read no byte of the sample. Whatever happens before is no fault of the sample. Then
//! another worker is started, a few times; if that does not help, the scan ends.

use std::{
    ffi::OsString,
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek as _},
    path::PathBuf,
    process::{ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

pub use super::child::Nurseries;
use super::limits::{GRACE_TIME, PAUSES, START_TIME, STDERR_BYTES};
use super::{
    child::{HeldBytes, Process},
    frame,
    message::{self, Allowance, Message},
    order::Order,
    rows::{Failure, FailureKind},
    worker,
};

/// How workers are started.
#[derive(Debug, Clone)]
pub struct Spawner {
    /// The program: this one.
    pub program: PathBuf,
    /// Arguments of a worker that analyses a sample.
    pub analyse: Vec<OsString>,
    /// Arguments of a nursery, which forks workers of both kinds; without any, each worker is started.
    pub nursery: Vec<OsString>,
    /// Nurseries that were started.
    pub nurseries: Arc<Nurseries>,
    /// Whether workers are asked for full reports, and for what a run left behind.
    pub is_asking_for_reports: bool,
    /// Arguments of a worker that looks into a file; `--unpack=BYTES` is added to them.
    pub unpack: Vec<OsString>,
    /// Time on the wall that one sample may take.
    pub wall: Duration,
    /// Bytes that the worker of a sample may hold, beside those only reserved for memories.
    pub held_bytes: u64,
    /// Set when the scan is to end.
    pub interrupted: Arc<AtomicBool>,
}

/// How a worker ended.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerEnd {
    /// It did all it had to.
    Done,
    /// It did not.
    Failed(Failure),
    /// The scan is to end; what it did counts for nothing.
    Interrupted,
    /// No worker got as far as the sample, for this reason.
    NotStarted(String),
}

impl fmt::Display for WorkerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("it ended and said nothing"),
            Self::Failed(Failure { text, .. }) | Self::NotStarted(text) => f.write_str(text),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// What one worker may take and say.
#[derive(Debug, Clone, Copy)]
struct Terms {
    /// Time on the wall from when it is confined; none in which the scan was busy with what it said.
    wall: Duration,
    allowance: Allowance,
    /// Whether it analyses a sample, and so has an outcome.
    is_analysis: bool,
    /// Whether it was asked for a report, and for a page.
    has_report: bool,
    has_page: bool,
}

/// How often an interruption is looked for.
const TICK: Duration = Duration::from_millis(50);

impl Spawner {
    /// Analyses a sample in a worker and hands its messages to `take`.
    pub fn analyse(&self, sample: &[u8], take: impl FnMut(Message)) -> WorkerEnd {
        let has_report = self.is_asking_for_reports;
        let allowance = if has_report { worker::report_allowance() } else { worker::analyse_allowance() };
        let terms = Terms { wall: self.wall, allowance, is_analysis: true, has_report, has_page: false };
        self.attend(|| self.analyst(), sample, terms, take)
    }

    /// Analyses a sample in a worker of its own that gets `words` behind its arguments, by which it is asked
    /// for a page; hands its messages to `take`.
    pub fn page(&self, words: &[OsString], sample: &[u8], take: impl FnMut(Message)) -> WorkerEnd {
        let allowance = worker::page_allowance();
        let terms =
            Terms { wall: self.wall, allowance, is_analysis: true, has_report: false, has_page: true };
        let start = || {
            let mut command = self.command(&self.analyse);
            command.args(words).stdin(Stdio::piped()).spawn().map(Process::from)
        };
        self.attend(start, sample, terms, take)
    }

    /// A worker that analyses a sample.
    fn analyst(&self) -> io::Result<Process> {
        if let Some(forked) = self.forked(None) {
            return Ok(forked);
        }
        self.command(&self.analyse).stdin(Stdio::piped()).spawn().map(Process::from)
    }

    /// A worker of a nursery, for a sample or for this file.
    fn forked(&self, file: Option<&File>) -> Option<Process> {
        let nursery = || self.command(&self.nursery);
        (!self.nursery.is_empty()).then(|| self.nurseries.fork(file, nursery)).flatten()
    }

    /// Looks for modules in a file in a worker and hands its messages to `take`. A slow `take` slows the
    /// worker, and is not held against it.
    pub fn unpack(&self, mut file: &File, take: impl FnMut(Message)) -> WorkerEnd {
        let len = file.metadata().map_or(0, |meta| meta.len());
        // On a busy machine it has a share of a processor.
        let wall = 2 * worker::unpack_bounds(len).cpu;
        let terms = Terms {
            wall,
            allowance: worker::unpack_allowance(),
            is_analysis: false,
            has_report: false,
            has_page: false,
        };
        let start = || {
            file.rewind()?;
            if let Some(forked) = self.forked(Some(file)) {
                return Ok(forked);
            }
            let mut command = self.command(&self.unpack);
            command.arg(format!("--unpack={len}")).stdin(file.try_clone()?).spawn().map(Process::from)
        };
        self.attend(start, &[], terms, take)
    }

    fn command(&self, args: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        // No variable of the host is of use to it.
        command
            .args(args)
            .env_clear()
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    /// Attends to a worker. As long as none gets as far as the sample, another takes its place.
    fn attend(
        &self,
        mut start: impl FnMut() -> io::Result<Process>,
        sample: &[u8],
        terms: Terms,
        mut take: impl FnMut(Message),
    ) -> WorkerEnd {
        for pause in PAUSES {
            match self.attempt(start(), sample, terms, &mut take) {
                WorkerEnd::NotStarted(_) => self.pause(pause),
                end => return end,
            }
        }
        self.attempt(start(), sample, terms, &mut take)
    }

    fn pause(&self, pause: Duration) {
        let started = Instant::now();
        while started.elapsed() < pause && !self.interrupted.load(Ordering::Relaxed) {
            thread::sleep(TICK.min(pause));
        }
    }

    fn attempt(
        &self,
        worker: io::Result<Process>,
        sample: &[u8],
        terms: Terms,
        take: &mut impl FnMut(Message),
    ) -> WorkerEnd {
        let worker = match worker {
            Ok(worker) => worker,
            Err(error) => return WorkerEnd::NotStarted(format!("no worker could be started: {error}")),
        };
        thread::scope(|scope| {
            // Killed when this scope ends, by whatever way: the threads wait for it.
            let mut worker = worker;
            let (stdin, stdout, stderr) = worker.streams();
            let (sender, receiver) = mpsc::sync_channel(0);
            let (taken, next) = mpsc::channel();
            let threads = || {
                let new = thread::Builder::new;
                new().spawn_scoped(scope, move || feed(stdin, sample))?;
                new().spawn_scoped(scope, move || listen(stdout, terms.allowance, &sender, &next))?;
                new().spawn_scoped(scope, move || last_words(stderr))
            };
            let words = match threads() {
                Ok(words) => words,
                Err(error) => return WorkerEnd::NotStarted(format!("no thread could be started: {error}")),
            };
            let held = worker.held();
            let heard = self.hear((receiver, taken), terms, take, held);
            let ended = heard.how == How::Silent && ends(&mut worker);
            // Whether it hangs, or says that it is done and goes on: it is not needed any more.
            worker.kill();
            let status = worker.wait();
            if heard.how == How::Done {
                self.nurseries.keep(worker);
            }
            let words = words.join().unwrap_or_default();
            let failure = match heard.how {
                How::Done => return WorkerEnd::Done,
                How::Interrupted => return WorkerEnd::Interrupted,
                How::Late if heard.is_ready => {
                    let text = format!("no result within {} s", terms.wall.as_secs_f64());
                    Failure { kind: FailureKind::Timeout, text }
                }
                How::Late => crash(format!("not ready within {} s", START_TIME.as_secs_f64())),
                How::Large => {
                    let text = format!("more than {} MiB held", self.held_bytes >> 20);
                    Failure { kind: FailureKind::OutOfMemory, text }
                }
                How::Nonsense(text) => crash(text),
                How::Silent if ended => reason(status, &words),
                How::Silent => crash("it closed its output, and went on".to_owned()),
            };
            match heard.is_ready {
                true => WorkerEnd::Failed(failure),
                false => WorkerEnd::NotStarted(format!(
                    "a worker failed before it had read its sample: {}",
                    failure.text
                )),
            }
        })
    }

    /// Takes messages until there are no more.
    fn hear(
        &self,
        (messages, taken): (Receiver<io::Result<Message>>, Sender<()>),
        terms: Terms,
        take: &mut impl FnMut(Message),
        held: HeldBytes,
    ) -> Heard {
        let mut order = Order {
            is_ready: false,
            may_have_bytes: terms.is_analysis,
            may_have_outcome: terms.is_analysis,
            may_have_report: terms.has_report,
            may_have_page: terms.has_page,
            may_have_leftovers: terms.has_report,
        };
        let mut left = START_TIME;
        let how = loop {
            if self.interrupted.load(Ordering::Relaxed) {
                break How::Interrupted;
            }
            // Before anything is taken: one that never stops talking must not go on for ever.
            if left.is_zero() {
                break How::Late;
            }
            let waiting = Instant::now();
            let message = messages.recv_timeout(left.min(TICK));
            left = left.saturating_sub(waiting.elapsed());
            match message.map(|message| message.and_then(|message| order.check(message))) {
                Ok(Ok(Message::Done)) => break How::Done,
                Ok(Ok(message)) => {
                    if matches!(message, Message::Ready(_)) {
                        left = terms.wall;
                    }
                    take(message);
                    // If nobody listens any more, that shows above.
                    let _ = taken.send(());
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    break How::Nonsense(error.to_string());
                }
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => break How::Silent,
                Err(RecvTimeoutError::Timeout) => {
                    let is_too_much =
                        terms.is_analysis && held.now().is_some_and(|now| now > self.held_bytes);
                    if is_too_much {
                        break How::Large;
                    }
                }
            }
        };
        Heard { how, is_ready: order.is_ready }
    }
}

struct Heard {
    how: How,
    /// Whether it was confined.
    is_ready: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum How {
    Done,
    /// It fell silent without saying that it was done.
    Silent,
    Late,
    Large,
    Interrupted,
    Nonsense(String),
}

/// Whether it ends by itself, as one must that has closed its output.
fn ends(child: &mut Process) -> bool {
    let started = Instant::now();
    while started.elapsed() < GRACE_TIME {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}

/// Gives the worker its sample; one that does not read it has crashed, and that shows elsewhere.
fn feed(stdin: Option<ChildStdin>, sample: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = frame::write(&mut stdin, message::SAMPLE, &[sample]);
    }
}

/// Reads messages, each when the one before it was taken. They are large, and nobody counts a message before
/// it is taken.
fn listen(
    stdout: Option<ChildStdout>,
    mut allowance: Allowance,
    messages: &SyncSender<io::Result<Message>>,
    next: &Receiver<()>,
) {
    let Some(stdout) = stdout else { return };
    let mut stdout = BufReader::new(stdout);
    while let Some(message) = allowance.read(&mut stdout).transpose() {
        let is_last = message.is_err();
        if messages.send(message).is_err() || is_last || next.recv().is_err() {
            return;
        }
    }
}

/// The beginning of what it wrote to its standard error; the rest is read and dropped, so that it never
/// waits.
fn last_words(stderr: Option<ChildStderr>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut words = Vec::new();
    let _ = Read::by_ref(&mut stderr).take(STDERR_BYTES).read_to_end(&mut words);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&words).into_owned()
}

fn crash(text: String) -> Failure {
    Failure { kind: FailureKind::Crash, text }
}

/// Why a worker ended that did not say it was done.
fn reason(status: io::Result<ExitStatus>, words: &str) -> Failure {
    let first = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let signal = status.as_ref().ok().and_then(signal);
    // How Rust and the C library say it before they abort.
    if words.contains("memory allocation of") || words.contains("out of memory") {
        return Failure { kind: FailureKind::OutOfMemory, text: first.to_owned() };
    }
    let (kind, what) = match signal {
        Some("SIGXCPU") => (FailureKind::Timeout, "no processor time left"),
        Some("SIGSYS") => (FailureKind::Forbidden, "a forbidden system call"),
        // Nobody but the kernel kills it so.
        Some("SIGKILL") => (FailureKind::OutOfMemory, ""),
        _ => (FailureKind::Crash, ""),
    };
    if let (Some(name), false) = (signal, what.is_empty()) {
        return Failure { kind, text: format!("{what} ({name})") };
    }
    let how = match (&status, signal) {
        (_, Some(signal)) => format!("ended by {signal}"),
        (Ok(status), None) => status.to_string(),
        (Err(error), None) => error.to_string(),
    };
    Failure { kind, text: if first.is_empty() { how } else { format!("{how}: {first}") } }
}

#[cfg(unix)]
fn signal(status: &ExitStatus) -> Option<&'static str> {
    use rustix::process::Signal;
    let number = std::os::unix::process::ExitStatusExt::signal(status)?;
    let named = [
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::ILL, "SIGILL"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::SYS, "SIGSYS"),
        (Signal::XCPU, "SIGXCPU"),
    ];
    Some(named.iter().find(|(signal, _)| signal.as_raw() == number).map_or("a signal", |(_, name)| name))
}

#[cfg(not(unix))]
fn signal(_: &ExitStatus) -> Option<&'static str> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::scan::message::shell::{bytes_words, outcome_words, ready_words, say};

    /// A worker that is a shell script.
    fn script(words: &str) -> Spawner {
        let args = vec!["-c".into(), words.into()];
        Spawner {
            program: "/bin/sh".into(),
            analyse: args.clone(),
            nursery: Vec::new(),
            nurseries: Arc::default(),
            is_asking_for_reports: false,
            unpack: args,
            wall: Duration::from_millis(300),
            held_bytes: u64::MAX,
            interrupted: Arc::default(),
        }
    }

    /// A script that says it is confined, and then does this.
    fn ready(words: &str) -> Spawner {
        script(&format!("{}; {words}", ready_words()))
    }

    fn end(spawner: &Spawner) -> WorkerEnd {
        let allowance = worker::analyse_allowance();
        let terms =
            Terms { wall: spawner.wall, allowance, is_analysis: true, has_report: false, has_page: false };
        spawner.attempt(spawner.analyst(), b"sample", terms, &mut |_| ())
    }

    #[test]
    fn every_end_has_its_kind() {
        for (words, expected) in [
            ("exit 3", FailureKind::Crash),
            ("kill -SEGV $$", FailureKind::Crash),
            ("kill -SYS $$", FailureKind::Forbidden),
            ("kill -XCPU $$", FailureKind::Timeout),
            ("kill -KILL $$", FailureKind::OutOfMemory),
            ("echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$", FailureKind::OutOfMemory),
            ("exec sleep 5", FailureKind::Timeout),
            ("exec yes >&2", FailureKind::Crash),
            ("exec yes 3>&1 >&2", FailureKind::Timeout),
            ("exec yes", FailureKind::Crash),
            ("printf 'x\\000\\000\\000\\000'", FailureKind::Crash),
            ("printf 'o\\002\\000\\000\\000{}'", FailureKind::Crash),
            ("printf 'o\\377\\377\\377\\377{}'", FailureKind::Crash),
            ("printf 'm\\000\\000\\000\\000'", FailureKind::Crash),
        ] {
            match end(&ready(words)) {
                WorkerEnd::Failed(failure) => assert_eq!(failure.kind, expected, "{words}: {}", failure.text),
                other => panic!("{words}: {other:?}"),
            }
        }
        let done = format!("{}; exec sleep 60", say(message::DONE, ""));
        assert_eq!(end(&ready(&done)), WorkerEnd::Done, "it is not waited for");
    }

    #[test]
    fn what_fails_before_it_is_ready_is_no_fault_of_the_sample() {
        for words in [
            "exit 3",
            "kill -SEGV $$",
            "kill -KILL $$",
            "exec yes",
            &outcome_words(),
            &say(message::DONE, ""),
        ] {
            assert!(matches!(end(&script(words)), WorkerEnd::NotStarted(_)), "{words}");
        }
        let missing = Spawner { program: "/does/not/exist".into(), ..script("") };
        assert!(matches!(end(&missing), WorkerEnd::NotStarted(_)));
    }

    #[test]
    fn a_worker_that_did_not_start_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let counted = folder.path().join("starts");
        let words = format!(
            "echo x >> '{0}'; [ $(wc -l < '{0}') = 2 ] || exit 1; {1}",
            counted.display(),
            ready_words()
        );
        let spawner = Spawner {
            wall: Duration::from_secs(60),
            ..script(&format!("{words}; {}", say(message::DONE, "")))
        };
        assert_eq!(spawner.analyse(b"", |_| ()), WorkerEnd::Done);
        assert_eq!(std::fs::read_to_string(counted).unwrap().lines().count(), 2);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn one_that_holds_too_much_is_ended() {
        let end = end(&Spawner { wall: Duration::MAX, held_bytes: 1, ..ready("exec sleep 60") });
        assert!(matches!(end, WorkerEnd::Failed(Failure { kind: FailureKind::OutOfMemory, .. })), "{end:?}");
    }

    #[test]
    fn an_interruption_ends_it_at_once() {
        let spawner = Spawner { wall: Duration::from_secs(60), ..script("exec sleep 60") };
        spawner.interrupted.store(true, Ordering::Relaxed);
        assert_eq!(spawner.analyse(b"", |_| ()), WorkerEnd::Interrupted);
    }

    #[test]
    fn one_that_was_taken_over_comes_to_an_end() {
        // A module and a failure without end, the message that begins it twice, and two results.
        let module =
            say(message::MODULE, "....[]").replace("'....[]'", "''") + "; printf '\\002\\000\\000\\000[]'";
        let failure = say(message::FAILURE, r#"[[],{"kind":"broken","text":""}]"#);
        let forever = |words: &str| format!("while :; do {words} || exit; done");
        for words in [
            forever(&module),
            forever(&failure),
            ready_words(),
            format!("{0}; {0}", outcome_words()),
            format!("{0}; {0}", bytes_words()),
            format!("{}; {}", outcome_words(), bytes_words()),
        ] {
            let spawner = Spawner { wall: Duration::from_secs(60), ..ready(&words) };
            match end(&spawner) {
                WorkerEnd::Failed(failure) => {
                    assert_eq!(failure.kind, FailureKind::Crash, "{words}: {}", failure.text)
                }
                other => panic!("{words}: {other:?}"),
            }
        }
        // One that talks all the time, and says nothing more than it may: time ends it.
        let spawner = ready(&forever(&format!("{module}; sleep 0.02")));
        assert!(matches!(end(&spawner), WorkerEnd::Failed(Failure { kind: FailureKind::Timeout, .. })));
    }

    #[test]
    fn a_slow_listener_is_not_held_against_a_worker() {
        let module =
            say(message::MODULE, "....[]").replace("'....[]'", "''") + "; printf '\\002\\000\\000\\000[]'";
        let spawner = ready(&format!("{module}; {module}; {}", say(message::DONE, "")));
        let file = tempfile::tempfile().unwrap();
        let (wall, allowance) = (Duration::from_secs(3), worker::unpack_allowance());
        let terms = Terms { wall, allowance, is_analysis: false, has_report: false, has_page: false };
        let start = || spawner.command(&spawner.unpack).stdin(file.try_clone()?).spawn().map(Process::from);
        let end = spawner.attend(start, &[], terms, |_| thread::sleep(Duration::from_millis(1600)));
        assert_eq!(end, WorkerEnd::Done);
    }

    #[test]
    fn no_message_is_read_before_the_last_one_was_taken() {
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("written");
        // More than a pipe holds: who could write all of it was read.
        let large = "printf 'm\\006\\000\\020\\000\\002\\000\\000\\000[]'; head -c 1048576 /dev/zero";
        let words = format!(
            "{}; {large}; touch '{}'; {}",
            outcome_words(),
            written.display(),
            say(message::DONE, "")
        );
        let spawner = Spawner { wall: Duration::from_secs(60), ..ready(&words) };
        let mut early = false;
        let end = spawner.analyse(b"", |message| {
            if matches!(message, Message::Outcome(_)) {
                thread::sleep(Duration::from_millis(300));
                early = written.exists();
            }
        });
        assert_eq!((end, early), (WorkerEnd::Done, false));
    }
}
