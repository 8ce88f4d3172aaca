//! The scan itself: files in, one worker process for each sample, rows out.
//!
//! One thread walks the files, and `jobs` others take them one by one and attend to one worker at a time. A
//! module that a worker finds inside a file goes into the same queue. If that is full, the thread that got it
//! analyses it at once. So nothing waits for ever, and memory stays bounded: the bytes of samples are held
//! once, and counted (`room`). Of a finished sample, only hashes and sketches stay in memory.
//!
//! A sample counts as finished when its rows are written, and these come after the rows of the modules within
//! it. A scan that is killed in between does it again, and finds those known.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _},
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread,
    time::Instant,
};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::limits::{INNER_BYTES, INNER_MODULES, MAX_HELD_BYTES, MAX_NESTING, MAX_QUEUED, MAX_WORDS};
use super::{
    budget::Budget,
    cluster::Index,
    confine::Confinement,
    message::Message,
    process::{Spawner, WorkerEnd},
    queue::Queue,
    room::{Held, Room},
    rows::{self, Failure, FailureKind, Origin, SampleRows},
    shard::Shard,
    store::{Known, Store, key},
    summary::{Progress, Summary},
    unpack,
    walk::{FileAt, Root, WalkEntry, walk},
    worker::MAX_SAMPLE_BYTES,
};
use crate::report;

/// Bytes at the beginning of a file that tell what it is.
const HEAD: u64 = 4096;

/// Where rows go.
pub trait Recorder: Send {
    /// Takes the rows of a sample, if there is a new one, and of the place where it was found.
    ///
    /// # Errors
    ///
    /// When they cannot be written; then the scan ends.
    fn record(&mut self, outcome: Option<&SampleRows>, path: Option<&rows::Path>) -> io::Result<()>;

    /// Called a few times a second as long as the scan goes on, whether there are rows or not.
    ///
    /// # Errors
    ///
    /// When what was taken cannot be kept; then the scan ends.
    fn tick(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Recorder for Store {
    fn record(&mut self, outcome: Option<&SampleRows>, path: Option<&rows::Path>) -> io::Result<()> {
        self.append(outcome, path)
    }

    fn tick(&mut self) -> io::Result<()> {
        self.sync_if_due()
    }
}

/// A scan.
pub struct Scan<'a> {
    spawner: &'a Spawner,
    jobs: usize,
    progress: &'a Progress,
    queue: Queue<Job>,
    room: Arc<Room>,
    shard: Option<Shard>,
    listed: Option<&'a report::Known>,
    state: Mutex<State<'a>>,
}

/// What is written to by all threads.
struct State<'a> {
    recorder: &'a mut dyn Recorder,
    known: Known,
    /// Samples that a worker has now.
    under_way: HashSet<[u8; 32]>,
    summary: Summary,
    index: Index,
    error: Option<io::Error>,
}

/// Something to look at.
struct Job {
    origin: Origin,
    source: Source,
}

enum Source {
    File(FileAt),
    /// A module in a file, and what is left for the modules within it and within others of that file.
    Module(Held, Arc<Budget>),
}

/// Modules within a sample, at all levels.
struct Inner<'b> {
    budget: &'b Budget,
    nesting: usize,
}

impl<'b> Inner<'b> {
    fn new(budget: &'b Budget) -> Self {
        Self { budget, nesting: 0 }
    }

    /// Whether a module of so many bytes within the sample may be kept; what is kept counts.
    fn take(&self, bytes: usize) -> bool {
        self.nesting < MAX_NESTING && self.budget.take(bytes as u64)
    }
}

/// Why modules in a sample were left out.
fn cut(left_out: u64) -> Failure {
    let mebibytes = INNER_BYTES >> 20;
    let bounds = format!("{} of them, {mebibytes} MiB or {MAX_NESTING} levels", INNER_MODULES);
    Failure {
        kind: FailureKind::Cut,
        text: format!("modules within modules beyond {bounds}: {left_out} left out"),
    }
}

/// The rows of a sample whose analysis did not come to its end. The facts of its bytes stand, and that it
/// ended an analysis is itself something to know of it.
fn died(of_bytes: Option<SampleRows>, failure: Option<Failure>) -> SampleRows {
    let mut outcome = of_bytes.unwrap_or_default();
    if let Some(Failure { kind, text }) = &failure {
        let words = format!("the analysis of the sample did not come to its end ({}): {text}", kind.name());
        let words: String = words.chars().take(MAX_WORDS).collect();
        outcome.sample.limitations.insert(0, words.clone());
        outcome.findings.insert(
            0,
            rows::FindingRow {
                sha256: String::new(),
                kind: "finding".to_owned(),
                name: "analysis ended by the sample".to_owned(),
                class: kind.name().to_owned(),
                severity: 2,
                confidence: 100,
                dynamic: true,
                places: 0,
                text: words,
            },
        );
        outcome.findings.truncate(rows::MAX_ROWS);
    }
    outcome.sample.failure = failure;
    outcome
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Scan<'a> {
    /// A scan with `jobs` workers at a time; `known`, `summary` and `index` are what an earlier part of it
    /// left behind.
    pub fn new(
        spawner: &'a Spawner,
        jobs: usize,
        progress: &'a Progress,
        recorder: &'a mut dyn Recorder,
        (known, summary, index): (Known, Summary, Index),
    ) -> Self {
        let state = State { recorder, known, under_way: HashSet::new(), summary, index, error: None };
        let flag = || Arc::clone(&spawner.interrupted);
        let (queue, room) = (Queue::new(flag()), Room::new(flag()));
        Self {
            spawner,
            jobs: jobs.max(1),
            progress,
            queue,
            room,
            shard: None,
            listed: None,
            state: Mutex::new(state),
        }
    }

    /// Only the files of a part of the batch.
    pub fn part(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// Rows say what this list calls their sample.
    pub fn with_known(self, listed: &'a report::Known) -> Self {
        Self { listed: Some(listed), ..self }
    }

    /// Looks at all files that `roots` name, `skip` (a canonical path) left out, and gives what they add up
    /// to.
    ///
    /// # Errors
    ///
    /// When rows cannot be written, or workers or threads not be started; what was written holds.
    pub fn run(self, roots: &[Root], skip: Option<&Path>) -> io::Result<(Summary, Index)> {
        thread::scope(|scope| {
            let walker = self.queue.enter();
            for number in 0..self.jobs {
                // Fewer do the same, if later.
                if let Err(error) = thread::Builder::new().spawn_scoped(scope, || self.work()) {
                    if number == 0 {
                        self.fail(io::Error::new(
                            error.kind(),
                            format!("no thread could be started: {error}"),
                        ));
                    }
                    break;
                }
            }
            self.walk(roots, skip);
            drop(walker);
            self.queue.finish(|| self.tick());
        });
        let interrupted = self.is_interrupted();
        let State { mut summary, index, error, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        summary.interrupted = interrupted;
        error.map_or(Ok((summary, index)), Err)
    }

    fn is_interrupted(&self) -> bool {
        self.spawner.interrupted.load(Ordering::Relaxed)
    }

    /// Walks twice: counting is cheap and tells how much there is to do.
    fn walk(&self, roots: &[Root], skip: Option<&Path>) {
        let flow = || if self.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let _ = roots.iter().try_for_each(|root| {
            walk(root, skip, &mut |step| {
                self.progress.found.fetch_add(u64::from(self.has(&step)), Ordering::Relaxed);
                flow()
            })
        });
        self.progress.is_counted.store(true, Ordering::Relaxed);
        let _ = roots.iter().try_for_each(|root| {
            walk(root, skip, &mut |step| {
                match step {
                    step if !self.has(&step) => {}
                    WalkEntry::File(file) => {
                        self.push(Job { origin: origin(&file.path), source: Source::File(file) })
                    }
                    WalkEntry::Unreadable(path, error) => {
                        self.failed(origin(&path), FailureKind::Unreadable, error.to_string());
                        self.done();
                    }
                }
                flow()
            })
        });
    }

    /// Whether a file or folder belongs to this part of the batch.
    fn has(&self, step: &WalkEntry) -> bool {
        let (WalkEntry::File(FileAt { path, .. }) | WalkEntry::Unreadable(path, _)) = step;
        self.shard.is_none_or(|shard| shard.has(path))
    }

    /// Adds a job when there is room.
    fn push(&self, job: Job) {
        self.queue.push(job, 2 * self.jobs, || self.tick());
    }

    fn tick(&self) {
        let ticked = lock(&self.state).recorder.tick();
        if let Err(error) = ticked {
            self.fail(error);
        }
    }

    /// Ends the scan for a reason that is no sample's.
    fn fail(&self, error: io::Error) {
        lock(&self.state).error.get_or_insert(error);
        self.spawner.interrupted.store(true, Ordering::Relaxed);
    }

    fn work(&self) {
        while let Some((job, _busy)) = self.queue.next() {
            self.attend(job);
        }
    }

    fn attend(&self, job: Job) {
        match job.source {
            Source::Module(_, budget) if budget.is_out_of_time() => {
                let text = "the modules of its file have taken all of their time: it was not run".to_owned();
                self.failed(job.origin, FailureKind::Cut, text);
            }
            Source::Module(sample, budget) => self.analyse(job.origin, sample, &Inner::new(&budget)),
            Source::File(file) => self.file(job.origin, &file),
        }
        self.done();
    }

    fn done(&self) {
        self.progress.done.fetch_add(1, Ordering::Relaxed);
    }

    fn file(&self, origin: Origin, file: &FileAt) {
        match open(file) {
            Ok(Opened::Module(file)) => match self.read(file) {
                Ok(sample) => self.analyse(origin, sample, &Inner::new(&Budget::default())),
                Err(failure) => self.failed(origin, failure.kind, failure.text),
            },
            Ok(Opened::Other(file)) => self.unpack(origin, &file),
            Err(failure) => self.failed(origin, failure.kind, failure.text),
        }
    }

    /// Reads a sample when there is room for it.
    fn read(&self, mut file: File) -> Result<Held, Failure> {
        let len = file.metadata().map_err(unreadable)?.len();
        let too_large =
            || Failure { kind: FailureKind::TooLarge, text: format!("larger than {MAX_SAMPLE_BYTES} bytes") };
        if len > MAX_SAMPLE_BYTES {
            return Err(too_large());
        }
        let share = self.room.wait(len, MAX_HELD_BYTES);
        let mut bytes = Vec::with_capacity(len as usize);
        file.by_ref().take(len).read_to_end(&mut bytes).map_err(unreadable)?;
        // It may have grown since.
        file.take(MAX_SAMPLE_BYTES + 1 - bytes.len() as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_SAMPLE_BYTES { Err(too_large()) } else { Ok(share.fill(bytes)) }
    }

    fn unpack(&self, origin: Origin, file: &File) {
        let mut found = 0u64;
        let budget = Arc::new(Budget::default());
        self.progress.unpacking.fetch_add(1, Ordering::Relaxed);
        let end = self.spawner.unpack(file, |message| match message {
            Message::Ready(confinement) => self.confined(confinement),
            Message::Failure(inside, failure) => {
                found += 1;
                self.failed(origin.within(inside), failure.kind, failure.text);
            }
            Message::Module(inside, bytes) => {
                found += 1;
                self.progress.found.fetch_add(1, Ordering::Relaxed);
                budget.add(bytes.len() as u64);
                let sample = self.room.hold(bytes);
                let most = if self.room.held() > MAX_QUEUED { 0 } else { 4 * self.jobs };
                let job = Job {
                    origin: origin.within(inside),
                    source: Source::Module(sample, Arc::clone(&budget)),
                };
                // Before the files that wait, so that archives are finished before others are begun.
                if let Err(job) = self.queue.offer(job, most) {
                    self.attend(job);
                }
            }
            _ => {}
        });
        self.progress.unpacking.fetch_sub(1, Ordering::Relaxed);
        match end {
            WorkerEnd::Failed(failure) => self.failed(origin, failure.kind, failure.text),
            WorkerEnd::NotStarted(text) => self.fail(io::Error::other(text)),
            WorkerEnd::Done if found == 0 => lock(&self.state).summary.without_module += 1,
            WorkerEnd::Done | WorkerEnd::Interrupted => {}
        }
    }

    /// Analyses a sample, and the modules within it, unless that was done.
    fn analyse(&self, origin: Origin, sample: Held, within: &Inner<'_>) {
        let sha256: [u8; 32] = Sha256::digest(&*sample).into();
        let size = sample.len() as u64;
        let path =
            rows::Path { origin, sha256: Some(crate::hex::hex(&sha256)), size: Some(size), failure: None };
        if !self.claim(sha256) {
            return self.record(None, &path);
        }
        let started = Instant::now();
        let (mut of_bytes, mut outcome) = (None, None);
        let (mut inner, mut left_out, mut failures) = (Vec::new(), 0, Vec::new());
        let end = self.spawner.analyse(&sample, |message| match message {
            Message::Ready(confinement) => self.confined(confinement),
            Message::Bytes(rows) => of_bytes = Some(*rows),
            Message::Outcome(rows) => outcome = Some(*rows),
            Message::Module(inside, bytes) if within.take(bytes.len()) => {
                inner.push((inside, self.room.hold(bytes)))
            }
            Message::Module(..) => left_out += 1,
            Message::Failure(inside, failure) => failures.push((inside, failure)),
            // Nobody asked for more.
            Message::Report(_) | Message::Page(_) | Message::Leftover(..) | Message::Done => {}
        });
        drop(sample);
        let time = started.elapsed();
        within.budget.spend(time);
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let failure = match end {
            WorkerEnd::Interrupted => return,
            WorkerEnd::NotStarted(text) => return self.fail(io::Error::other(text)),
            WorkerEnd::Failed(failure) => Some(failure),
            WorkerEnd::Done if outcome.is_none() => {
                Some(Failure { kind: FailureKind::Crash, text: "the worker gave no result".into() })
            }
            WorkerEnd::Done => None,
        };
        if let (Some(_), Some(failure)) = (&outcome, &failure) {
            // The sample has its result: what failed is the search for others in it.
            failures.push((vec!["bytes".to_owned()], failure.clone()));
        }
        // Before this sample counts as finished: one that was finished is not looked into again.
        if left_out > 0 {
            failures.push((Vec::new(), cut(left_out)));
        }
        self.follow(&path.origin, inner, within);
        for (inside, failure) in failures {
            self.failed(path.origin.within(inside), failure.kind, failure.text);
        }
        if !self.is_interrupted() {
            let outcome = outcome.unwrap_or_else(|| died(of_bytes, failure));
            self.finish(outcome, &path, time_ms, sha256);
        }
    }

    /// Analyses the modules that were found in a sample.
    fn follow(&self, origin: &Origin, modules: Vec<(Vec<String>, Held)>, within: &Inner<'_>) {
        let inner = Inner { budget: within.budget, nesting: within.nesting + 1 };
        for (inside, module) in modules {
            self.analyse(origin.within(inside), module, &inner);
        }
    }

    /// Whether nobody has done this sample or is about to.
    fn claim(&self, sha256: [u8; 32]) -> bool {
        let mut state = lock(&self.state);
        !state.known.samples.contains(&sha256) && state.under_way.insert(sha256)
    }

    /// Writes the rows of a sample. A worker's word on itself is taken; whose rows they are is not.
    fn finish(&self, mut outcome: SampleRows, path: &rows::Path, time_ms: u64, sha256: [u8; 32]) {
        let name = crate::hex::hex(&sha256);
        let SampleRows { sample, functions, host_calls, findings } = &mut outcome;
        let owners = functions
            .iter_mut()
            .map(|row| &mut row.sha256)
            .chain(host_calls.iter_mut().map(|row| &mut row.sha256));
        owners
            .chain(findings.iter_mut().map(|row| &mut row.sha256))
            .for_each(|owner| owner.clone_from(&name));
        sample.known = self.listed.and_then(|listed| listed.name(&name)).map(str::to_owned);
        (sample.sha256, sample.origin, sample.size) = (name, path.origin.clone(), path.size.unwrap_or(0));
        sample.time_ms = time_ms;
        let is_failed = sample.failure.is_some();
        self.record(Some(&outcome), path);
        let mut state = lock(&self.state);
        state.under_way.remove(&sha256);
        state.known.samples.insert(sha256);
        state.summary.add_sample(&outcome.sample);
        let added = state.index.add(&outcome.sample);
        drop(state);
        if let Err(error) = added {
            self.fail(error);
        }
        self.progress.failures.fetch_add(u64::from(is_failed), Ordering::Relaxed);
    }

    fn failed(&self, origin: Origin, kind: FailureKind, text: String) {
        if self.is_interrupted() {
            return;
        }
        self.progress.failures.fetch_add(1, Ordering::Relaxed);
        self.record(
            None,
            &rows::Path { origin, sha256: None, size: None, failure: Some(Failure { kind, text }) },
        );
    }

    /// Writes rows; the place only if it has none.
    fn record(&self, outcome: Option<&SampleRows>, path: &rows::Path) {
        let mut state = lock(&self.state);
        let State { recorder, known, summary, error, .. } = &mut *state;
        let is_new = known.paths.insert(key(path));
        if is_new {
            summary.add_path(path);
        }
        if (is_new || outcome.is_some())
            && error.is_none()
            && let Err(failed) = recorder.record(outcome, is_new.then_some(path))
        {
            *error = Some(failed);
            self.spawner.interrupted.store(true, Ordering::Relaxed);
        }
    }

    /// The weakest confinement of any worker is the scan's.
    fn confined(&self, confinement: Confinement) {
        let summary = &mut lock(&self.state).summary;
        match &mut summary.confinement {
            Some(known) => known.weaken(&confinement),
            unknown => *unknown = Some(confinement),
        }
    }
}

/// A file that was opened, to be read from its beginning.
enum Opened {
    /// A module or component, binary or text.
    Module(File),
    /// Anything else.
    Other(File),
}

fn unreadable(error: io::Error) -> Failure {
    Failure { kind: FailureKind::Unreadable, text: error.to_string() }
}

/// How a file is opened that may have become a pipe or a link.
fn reading(may_be_link: bool) -> OpenOptions {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // Opening a pipe would wait for somebody who writes to it, and a link in a folder may lead out of it.
        let flags = if may_be_link { OFlags::NONBLOCK } else { OFlags::NONBLOCK | OFlags::NOFOLLOW };
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits() as i32);
    }
    options
}

/// Opens a file and looks at what it is. It was one when its folder was read; what is there now may be
/// anything.
fn open(FileAt { path, may_be_link }: &FileAt) -> Result<Opened, Failure> {
    let mut file = reading(*may_be_link).open(path).map_err(|error| {
        let is_link = !may_be_link && path.is_symlink();
        unreadable(if is_link {
            io::Error::other("a symbolic link since its folder was read")
        } else {
            error
        })
    })?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("not a regular file")));
    }
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    let is_named = path.extension().is_some_and(|ending| ending == "wasm" || ending == "wat")
        && !unpack::is_container(&head);
    let is_module = is_named || unpack::is_binary(&head) || unpack::is_text(&head);
    Ok(if is_module { Opened::Module(file) } else { Opened::Other(file) })
}

fn origin(path: &Path) -> Origin {
    let bytes = path.as_os_str().as_encoded_bytes();
    let base64 = path.to_str().is_none().then(|| base64::engine::general_purpose::STANDARD.encode(bytes));
    Origin { path: path.to_string_lossy().into_owned(), path_base64: base64, inside: Vec::new() }
}

#[cfg(all(test, unix))]
mod tests;
