//! Samples in, full reports out, one after the other and without an end: for those who drive spoor from their
//! own pipeline. `docs/protocol.md` describes what goes in and out.
//!
//! ```text
//! input → read (a thread) → `jobs` threads, a confined worker each → one writer → output
//! ```
//!
//! No sample waits in a queue. The next one is read when a thread is free for it, and a worker is heard again
//! when its last message is written. A driver that feeds too fast or reads too slowly is kept waiting. Memory
//! holds one sample for each thread and one more. Nothing is kept between samples: a sample is answered as
//! often as it is given.

use std::{
    fs::File,
    io::{self, BufRead, Read as _, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::limits::{MAX_HEADER, MAX_ID};
use super::{
    confine::Confinement,
    message::{Label, Message},
    process::{Spawner, WorkerEnd},
    rows::{Failure, FailureKind, SampleRow},
    unpack,
    worker::{MAX_FILE_BYTES, MAX_SAMPLE_BYTES},
};
use crate::{
    hex,
    report::{Known, LeftoverKind},
    text,
};

/// Name and version of the protocol: the first number changes when a driver of the last one would fail.
pub const PROTOCOL: &str = "spoor.serve/1";

/// How often a thread that waits for a sample looks whether it is to end.
const TICK: Duration = Duration::from_millis(50);

/// A message to the driver: a line of JSON each, with `bytes` bytes after it where that is given.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    /// First of all.
    Hello {
        protocol: &'static str,
        version: &'static str,
        jobs: usize,
        max_bytes: u64,
        confinement: Box<Confinement>,
    },
    /// The report of a module.
    Report { id: String, bytes: usize },
    /// Bytes that were found in a sample, or that its run left behind.
    File {
        id: String,
        #[serde(flatten)]
        label: Label,
        inside: Vec<String>,
        sha256: String,
        bytes: usize,
    },
    /// Something that could not be looked into or handed on.
    Failure {
        id: String,
        inside: Vec<String>,
        #[serde(flatten)]
        failure: Failure,
    },
    /// The last of a sample.
    Done(Box<Done>),
    /// The input cannot be understood from here on.
    Error { text: String },
    /// The last of all.
    Bye { samples: u64 },
}

/// How a sample ended.
#[derive(Debug, Serialize)]
struct Done {
    id: String,
    result: Outcome,
    sha256: Option<String>,
    bytes_read: u64,
    /// Its row, as in the table `samples` of a scan.
    row: Option<SampleRow>,
    /// Why it has no result, or what ended its analysis.
    failure: Option<Failure>,
    time_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// A module, with its report.
    Analysed,
    /// No module: what was found in it are files.
    Unpacked,
    /// The analysis did not come to its end.
    Failed,
    /// It was not looked at, and that is not its fault: give it again.
    NotRun,
}

/// What stands before the bytes of a sample; other fields are left for later versions.
#[derive(Debug, Deserialize)]
struct Header {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    bytes: u64,
}

/// Something to do.
#[derive(Debug)]
enum Task {
    Sample {
        id: String,
        bytes: Vec<u8>,
    },
    /// One that was skipped.
    Refused {
        id: String,
        bytes: u64,
        failure: Failure,
    },
}

/// A line, and bytes after it.
type Words = (Said, Vec<u8>);

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Samples that were answered.
    pub samples: u64,
    /// Whether all of the input was understood.
    pub is_understood: bool,
}

/// The bytes of a sample; or its size, and why it is not taken.
pub type Received = Result<Vec<u8>, (u64, Failure)>;

/// Where samples come from.
pub trait Source: Send + 'static {
    /// Hands over samples until there are no more, or `take` says that no more are wanted.
    ///
    /// # Errors
    ///
    /// When what comes makes no sense.
    fn each(self, take: &mut dyn FnMut(String, Received) -> bool) -> io::Result<()>;
}

/// The protocol: a header and a sample, again and again.
#[derive(Debug)]
pub struct Framed<R>(pub R);

/// One sample, which is all of the input, under this name.
#[derive(Debug)]
pub struct Whole<R>(pub R, pub &'static str);

impl<R: BufRead + Send + 'static> Source for Framed<R> {
    fn each(mut self, take: &mut dyn FnMut(String, Received) -> bool) -> io::Result<()> {
        while let Some(Header { id, bytes, .. }) = header(&mut self.0)? {
            let sample = match bytes > MAX_FILE_BYTES {
                true => {
                    let skipped = io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink())?;
                    (skipped == bytes).then_some(Err((bytes, too_large(MAX_FILE_BYTES))))
                }
                false => {
                    // Room is made by what comes, not by what was said.
                    let mut sample = Vec::new();
                    let read = self.0.by_ref().take(bytes).read_to_end(&mut sample)?;
                    (read as u64 == bytes).then_some(Ok(sample))
                }
            };
            let Some(sample) = sample else {
                return Err(nonsense(format!("the input ends within sample `{}`", text::line(&id))));
            };
            if !take(id, sample) {
                break;
            }
        }
        Ok(())
    }
}

impl<R: io::Read + Send + 'static> Source for Whole<R> {
    fn each(self, take: &mut dyn FnMut(String, Received) -> bool) -> io::Result<()> {
        let Self(input, id) = self;
        let mut sample = Vec::new();
        input.take(MAX_FILE_BYTES + 1).read_to_end(&mut sample)?;
        let len = sample.len() as u64;
        let is_too_large = len > MAX_FILE_BYTES;
        take(id.to_owned(), if is_too_large { Err((len, too_large(MAX_FILE_BYTES))) } else { Ok(sample) });
        Ok(())
    }
}

/// Reads the line before a sample; `None` at the end.
fn header(input: &mut impl BufRead) -> io::Result<Option<Header>> {
    let mut line = Vec::new();
    input.by_ref().take(MAX_HEADER as u64).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(nonsense(format!("a header without an end in {MAX_HEADER} bytes")));
    }
    let header: Header =
        serde_json::from_slice(&line).map_err(|error| nonsense(format!("no header: {error}")))?;
    if header.kind != "sample" {
        return Err(nonsense(format!("a header of unknown type `{}`", text::line(&header.kind))));
    }
    if header.id.is_empty() || header.id.len() > MAX_ID {
        return Err(nonsense(format!("an id of {} bytes: 1 to {MAX_ID} are allowed", header.id.len())));
    }
    Ok(Some(header))
}

fn nonsense(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn too_large(limit: u64) -> Failure {
    Failure { kind: FailureKind::TooLarge, text: format!("larger than {limit} bytes") }
}

/// Answers samples, so many at a time, until the input ends or `draining` is set: then those that are under
/// way are finished. A row says what the list calls its sample.
///
/// # Errors
///
/// When no thread can be started, no worker be tried, or the output not be written.
pub fn serve(
    spawner: &Spawner,
    (jobs, known): (usize, &Known),
    draining: &Arc<AtomicBool>,
    source: impl Source,
    output: &mut impl Write,
) -> io::Result<Served> {
    let hello = Said::Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION"),
        jobs,
        max_bytes: MAX_FILE_BYTES,
        confinement: Box::new(confinement(spawner)?),
    };
    write(output, &(hello, Vec::new()))?;
    let tasks = Mutex::new(reader(source, draining)?);
    let server = Server { spawner, draining, known, tasks };
    let mut served = Served { samples: 0, is_understood: true };
    let written = thread::scope(|scope| {
        let (sender, said) = mpsc::sync_channel(0);
        let started = (0..jobs).try_for_each(|_| {
            let (server, sender) = (&server, sender.clone());
            thread::Builder::new().spawn_scoped(scope, move || server.work(&sender)).map(drop)
        });
        drop(sender);
        let write_all = |()| {
            said.iter().try_for_each(|words: Words| {
                served.samples += u64::from(matches!(words.0, Said::Done(_)));
                served.is_understood &= !matches!(words.0, Said::Error { .. });
                write(output, &words)
            })
        };
        let written = started.and_then(write_all);
        if written.is_err() {
            // The threads that were started would wait for samples.
            spawner.interrupted.store(true, Ordering::Relaxed);
        }
        written
    });
    written?;
    write(output, &(Said::Bye { samples: served.samples }, Vec::new()))?;
    Ok(served)
}

fn write(output: &mut impl Write, (said, bytes): &Words) -> io::Result<()> {
    text::write_json_line(output, said)?;
    output.write_all(bytes)?;
    output.flush()
}

/// How workers are confined here: that of one which has nothing to do.
fn confinement(spawner: &Spawner) -> io::Result<Confinement> {
    let mut confinement = None;
    let end = spawner.unpack(&anonymous(&[])?, |message| {
        if let Message::Ready(found) = message {
            confinement = Some(found);
        }
    });
    confinement.ok_or_else(|| io::Error::other(format!("no worker could be tried: {end}")))
}

/// A file without a name.
fn anonymous(bytes: &[u8]) -> io::Result<File> {
    // In memory: where this runs, there may be no folder that can be written to.
    #[cfg(target_os = "linux")]
    let mut file = File::from(rustix::fs::memfd_create("sample", rustix::fs::MemfdFlags::CLOEXEC)?);
    #[cfg(not(target_os = "linux"))]
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Reads tasks until `draining` is set: then one at most follows, which was read meanwhile. The thread is one
/// that nobody waits for, since a read of standard input cannot be ended.
fn reader(source: impl Source, draining: &Arc<AtomicBool>) -> io::Result<Receiver<Result<Task, String>>> {
    let (sender, tasks) = mpsc::sync_channel(0);
    let draining = Arc::clone(draining);
    thread::Builder::new().spawn(move || {
        let read = source.each(&mut |id, sample| {
            let task = match sample {
                Ok(bytes) => Task::Sample { id, bytes },
                Err((bytes, failure)) => Task::Refused { id, bytes, failure },
            };
            sender.send(Ok(task)).is_ok() && !draining.load(Ordering::Relaxed)
        });
        if let Err(error) = read {
            let _ = sender.send(Err(error.to_string()));
        }
    })?;
    Ok(tasks)
}

struct Server<'a> {
    spawner: &'a Spawner,
    draining: &'a AtomicBool,
    known: &'a Known,
    tasks: Mutex<Receiver<Result<Task, String>>>,
}

impl Server<'_> {
    /// Answers one sample after the other. When nobody hears the answers any more, that ends it.
    fn work(&self, say: &SyncSender<Words>) {
        while let Some(task) = self.next() {
            let done = match task {
                Ok(Task::Sample { id, bytes }) => self.sample(id, &bytes, say),
                Ok(Task::Refused { id, bytes, failure }) => Said::Done(Box::new(Done {
                    bytes_read: bytes,
                    failure: Some(failure),
                    ..Done::of(id, Outcome::Failed)
                })),
                Err(text) => Said::Error { text },
            };
            if say.send((done, Vec::new())).is_err() {
                return;
            }
        }
    }

    fn next(&self) -> Option<Result<Task, String>> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.draining.load(Ordering::Relaxed) || self.spawner.interrupted.load(Ordering::Relaxed) {
                // One that was read is answered.
                return tasks.try_recv().ok();
            }
            match tasks.recv_timeout(TICK) {
                Ok(task) => return Some(task),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn sample(&self, id: String, bytes: &[u8], say: &SyncSender<Words>) -> Said {
        let started = Instant::now();
        let sha256 = hex::sha256(bytes);
        let is_module = unpack::is_binary(bytes) || unpack::is_text(bytes);
        let mut answer = Answer { id: &id, say, row: None, has_report: false };
        let (end, outcome) = match is_module {
            true if bytes.len() as u64 > MAX_SAMPLE_BYTES => {
                (WorkerEnd::Failed(too_large(MAX_SAMPLE_BYTES)), Outcome::Failed)
            }
            true => (self.spawner.analyse(bytes, |message| answer.take(message)), Outcome::Analysed),
            false => (self.unpack(bytes, &mut answer), Outcome::Unpacked),
        };
        let row = answer.row.take();
        let (result, failure) = match end {
            WorkerEnd::Done if is_module && row.is_none() => {
                (Outcome::Failed, Some(crash("the worker gave no result")))
            }
            WorkerEnd::Done => (outcome, None),
            // It has its result: what failed is the search for others in it.
            WorkerEnd::Failed(failure) if answer.has_report => (outcome, Some(failure)),
            WorkerEnd::Failed(failure) => (Outcome::Failed, Some(failure)),
            WorkerEnd::Interrupted => (Outcome::NotRun, Some(crash("interrupted"))),
            WorkerEnd::NotStarted(text) => (Outcome::NotRun, Some(crash(&text))),
        };
        let time_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let size = bytes.len() as u64;
        // Whose row it is, the worker does not say.
        let known = self.known.name(&sha256).map(str::to_owned);
        let row = row.map(|row| SampleRow { sha256: sha256.clone(), size, time_ms, known, ..row });
        let sha256 = Some(sha256);
        Said::Done(Box::new(Done { sha256, bytes_read: size, row, failure, time_ms, ..Done::of(id, result) }))
    }

    fn unpack(&self, bytes: &[u8], answer: &mut Answer<'_>) -> WorkerEnd {
        match anonymous(bytes) {
            Ok(file) => self.spawner.unpack(&file, |message| answer.take(message)),
            Err(error) => WorkerEnd::NotStarted(format!("no room for the sample: {error}")),
        }
    }
}

fn crash(text: &str) -> Failure {
    Failure { kind: FailureKind::Crash, text: text.to_owned() }
}

impl Done {
    fn of(id: String, result: Outcome) -> Self {
        Self { id, result, sha256: None, bytes_read: 0, row: None, failure: None, time_ms: 0 }
    }
}

/// What is said of one sample.
struct Answer<'a> {
    id: &'a str,
    say: &'a SyncSender<Words>,
    row: Option<SampleRow>,
    has_report: bool,
}

impl Answer<'_> {
    fn take(&mut self, message: Message) {
        let id = self.id.to_owned();
        let words = match message {
            Message::Bytes(rows) | Message::Outcome(rows) => {
                self.row = Some(rows.sample);
                return;
            }
            Message::Report(report) => {
                self.has_report = true;
                let bytes = report.into_bytes();
                (Said::Report { id, bytes: bytes.len() }, bytes)
            }
            Message::Leftover(label, bytes) => self.file(label, Vec::new(), bytes),
            Message::Module(inside, bytes) => {
                let label = Label { kind: LeftoverKind::Module, name: None, change: None };
                self.file(label, inside, bytes)
            }
            Message::Failure(inside, failure) => (Said::Failure { id, inside, failure }, Vec::new()),
            Message::Ready(_) | Message::Page(_) | Message::Done => return,
        };
        // If nobody hears it, that shows at the end.
        let _ = self.say.send(words);
    }

    fn file(&self, label: Label, inside: Vec<String>, bytes: Vec<u8>) -> Words {
        let (id, sha256) = (self.id.to_owned(), hex::sha256(&bytes));
        (Said::File { id, label, inside, sha256, bytes: bytes.len() }, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples without an end, each there at once.
    struct Endless;

    impl Source for Endless {
        fn each(self, take: &mut dyn FnMut(String, Received) -> bool) -> io::Result<()> {
            while take("again".to_owned(), Ok(Vec::new())) {}
            Ok(())
        }
    }

    #[test]
    fn who_goes_on_feeding_does_not_put_off_the_end() {
        let draining = Arc::new(AtomicBool::new(false));
        let tasks = reader(Endless, &draining).unwrap();
        for _ in 0..3 {
            assert!(matches!(tasks.recv(), Ok(Ok(Task::Sample { .. }))));
        }
        draining.store(true, Ordering::Relaxed);
        assert!(tasks.iter().count() <= 1);
    }
}
