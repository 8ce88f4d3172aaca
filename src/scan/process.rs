//! One worker process, from its start to the reason of its end.
//!
//! What comes from a worker is foreign: messages have a largest size, rows are parsed before they are written, and its last words are cut. A worker that takes
//! longer than it may, in all or between two messages, is killed; so is one whose scan is interrupted.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufReader, Read},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    confine::Confinement,
    frame,
    rows::{Failure, FailureKind, Outcome},
    worker::{MAX_FILE_BYTES, message},
};

/// How workers are started.
#[derive(Debug, Clone)]
pub struct Spawner {
    /// The program: this one.
    pub program: PathBuf,
    /// Arguments of a worker that analyses a sample.
    pub analyse: Vec<OsString>,
    /// Arguments of a worker that looks into a file; `--unpack=BYTES` is added to them.
    pub unpack: Vec<OsString>,
    /// Time on the wall that one sample may take, and that a file may take between two modules.
    pub wall: Duration,
    /// Set when the scan is to end.
    pub interrupted: Arc<AtomicBool>,
}

/// What a worker says.
#[derive(Debug)]
pub enum Message {
    /// It is confined.
    Ready(Confinement),
    /// A module, with the way to it.
    Module(Vec<String>, Vec<u8>),
    /// Something that could not be looked into, with the way to it.
    Failure(Vec<String>, Failure),
    /// The rows of the sample.
    Outcome(Box<Outcome>),
    /// It is done.
    Done,
}

/// How a worker ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It did all it had to.
    Done,
    /// It did not.
    Failed(Failure),
    /// The scan is to end; what it did counts for nothing.
    Interrupted,
}

/// Bytes of one message at most.
const MAX_MESSAGE: usize = MAX_FILE_BYTES as usize + (1 << 20);
/// Bytes kept of what a worker writes to its standard error.
const MAX_WORDS: u64 = 4096;
/// Time that a worker has to end after it closed its output.
const GRACE: Duration = Duration::from_secs(2);
/// How often an interruption is looked for.
const TICK: Duration = Duration::from_millis(50);

impl Spawner {
    /// Analyses a sample in a worker and hands its messages to `take`.
    pub fn analyse(&self, sample: Arc<[u8]>, take: impl FnMut(Message)) -> End {
        let child = self.command(&self.analyse).stdin(Stdio::piped()).spawn();
        self.attend(child, Some(sample), false, take)
    }

    /// Looks for modules in a file in a worker and hands its messages to `take`. A slow `take` slows the worker, and is not held against it.
    pub fn unpack(&self, file: File, take: impl FnMut(Message)) -> End {
        let len = file.metadata().map_or(0, |meta| meta.len());
        let child = self.command(&self.unpack).arg(format!("--unpack={len}")).stdin(file).spawn();
        self.attend(child, None, true, take)
    }

    fn command(&self, args: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        // No variable of the host is of use to it.
        command.args(args).env_clear().env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }

    fn attend(&self, child: io::Result<Child>, sample: Option<Arc<[u8]>>, anew: bool, mut take: impl FnMut(Message)) -> End {
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return End::Failed(crash(format!("no worker could be started: {error}"))),
        };
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (sender, receiver) = mpsc::sync_channel(2);
        thread::scope(|scope| {
            scope.spawn(move || feed(stdin, sample));
            scope.spawn(move || listen(stdout, &sender));
            let words = scope.spawn(move || last_words(stderr));
            let heard = self.hear(receiver, anew, &mut take);
            let ended = heard == Heard::Silence && ends(&mut child);
            // Whether it hangs, or says that it is done and goes on: it is not needed any more.
            let _ = child.kill();
            let status = child.wait();
            let words = words.join().unwrap_or_default();
            match heard {
                Heard::Done => End::Done,
                Heard::Interrupted => End::Interrupted,
                Heard::Late => End::Failed(Failure {
                    kind: FailureKind::Timeout,
                    text: format!("no result within {} s", self.wall.as_secs_f64()),
                }),
                Heard::Nonsense(text) => End::Failed(crash(text)),
                Heard::Silence if ended => End::Failed(reason(status, &words)),
                Heard::Silence => End::Failed(crash("it closed its output, and went on".to_owned())),
            }
        })
    }

    /// Takes messages until there are no more.
    fn hear(&self, messages: Receiver<io::Result<Message>>, anew: bool, take: &mut impl FnMut(Message)) -> Heard {
        let mut deadline = Instant::now() + self.wall;
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Heard::Interrupted;
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            match messages.recv_timeout(rest.min(TICK)) {
                Ok(Ok(Message::Done)) => return Heard::Done,
                Ok(Ok(message)) => {
                    take(message);
                    if anew {
                        deadline = Instant::now() + self.wall;
                    }
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => return Heard::Nonsense(error.to_string()),
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Heard::Silence,
                Err(RecvTimeoutError::Timeout) if rest.is_zero() => return Heard::Late,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Done,
    /// It fell silent without saying that it was done.
    Silence,
    Late,
    Interrupted,
    Nonsense(String),
}

/// Whether it ends by itself, as one must that has closed its output.
fn ends(child: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < GRACE {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}

/// Gives the worker its sample; one that does not read it has crashed, and that shows elsewhere.
fn feed(stdin: Option<ChildStdin>, sample: Option<Arc<[u8]>>) {
    if let (Some(mut stdin), Some(sample)) = (stdin, sample) {
        let _ = frame::write(&mut stdin, message::SAMPLE, &[&sample]);
    }
}

fn listen(stdout: Option<ChildStdout>, messages: &SyncSender<io::Result<Message>>) {
    let Some(stdout) = stdout else { return };
    let mut stdout = BufReader::new(stdout);
    loop {
        let message = match frame::read(&mut stdout, MAX_MESSAGE) {
            Ok(None) => return,
            Ok(Some((kind, payload))) => parse(kind, &payload),
            Err(error) => Err(error),
        };
        let is_last = message.is_err();
        if messages.send(message).is_err() || is_last {
            return;
        }
    }
}

fn parse(kind: u8, payload: &[u8]) -> io::Result<Message> {
    let wrong = |error: serde_json::Error| nonsense(error.to_string());
    Ok(match kind {
        message::READY => Message::Ready(serde_json::from_slice(payload).map_err(wrong)?),
        message::OUTCOME => Message::Outcome(serde_json::from_slice(payload).map_err(wrong)?),
        message::DONE => Message::Done,
        message::FAILURE => {
            let (inside, failure) = serde_json::from_slice(payload).map_err(wrong)?;
            Message::Failure(inside, failure)
        }
        message::MODULE => {
            let (len, rest) = payload.split_first_chunk().ok_or_else(|| nonsense("a cut message"))?;
            let parts = rest.split_at_checked(u32::from_le_bytes(*len) as usize);
            let (way, bytes) = parts.ok_or_else(|| nonsense("a cut message"))?;
            Message::Module(serde_json::from_slice(way).map_err(wrong)?, bytes.to_vec())
        }
        other => return Err(nonsense(format!("a message of unknown kind {other}"))),
    })
}

fn nonsense(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the worker sent {}", text.into()))
}

/// The beginning of what it wrote to its standard error; the rest is read and dropped, so that it never waits.
fn last_words(stderr: Option<ChildStderr>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut words = Vec::new();
    let _ = Read::by_ref(&mut stderr).take(MAX_WORDS).read_to_end(&mut words);
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
    let kind = match signal {
        Some(name @ "SIGXCPU") => {
            return Failure { kind: FailureKind::Timeout, text: format!("no processor time left ({name})") };
        }
        Some(name @ "SIGSYS") => {
            return Failure { kind: FailureKind::Forbidden, text: format!("a forbidden system call ({name})") };
        }
        // Nobody but the kernel kills it so.
        Some("SIGKILL") => FailureKind::OutOfMemory,
        _ => FailureKind::Crash,
    };
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

    /// A worker that is a shell script.
    fn script(words: &str) -> Spawner {
        let args = vec!["-c".into(), words.into()];
        Spawner {
            program: "/bin/sh".into(),
            analyse: args.clone(),
            unpack: args,
            wall: Duration::from_millis(300),
            interrupted: Arc::default(),
        }
    }

    fn end(words: &str) -> End {
        script(words).analyse(Arc::from(&b"sample"[..]), |_| ())
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
            ("printf 'x\\000\\000\\000\\000'", FailureKind::Crash),
            ("printf 'o\\002\\000\\000\\000{}'", FailureKind::Crash),
            ("printf 'o\\377\\377\\377\\377{}'", FailureKind::Crash),
            ("printf 'm\\000\\000\\000\\000'", FailureKind::Crash),
        ] {
            match end(words) {
                End::Failed(failure) => assert_eq!(failure.kind, expected, "{words}: {}", failure.text),
                other => panic!("{words}: {other:?}"),
            }
        }
        assert_eq!(end("printf 'd\\000\\000\\000\\000'; exec sleep 60"), End::Done, "it is not waited for");
    }

    #[test]
    fn an_interruption_ends_it_at_once() {
        let spawner = Spawner { wall: Duration::from_secs(60), ..script("exec sleep 60") };
        spawner.interrupted.store(true, Ordering::Relaxed);
        assert_eq!(spawner.analyse(Arc::from(&b""[..]), |_| ()), End::Interrupted);
    }

    #[test]
    fn a_worker_that_does_not_exist_is_a_failure() {
        let spawner = Spawner { program: "/does/not/exist".into(), ..script("") };
        assert!(matches!(spawner.analyse(Arc::from(&b""[..]), |_| ()), End::Failed(_)));
    }
}
