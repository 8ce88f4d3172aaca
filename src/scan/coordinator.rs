//! The scan itself: files in, one worker process for each sample, rows out.
//!
//! A thread walks the files, and `jobs` threads take them one by one and attend to one worker at a time. What a worker finds inside a file goes into the same
//! queue, or, if that is full, is analysed at once by the thread that got it, so that nothing waits for ever and memory stays bounded
//! by the queue. Of a finished sample, only hashes and sketches stay in memory.
//!
//! A sample counts as finished when its rows are written, and that happens after those of the modules within it: a scan that is killed in
//! between does it again, and finds those known.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    io::{self, Read as _, Seek as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    thread,
    time::Instant,
};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{
    cluster::Index,
    confine::Confinement,
    process::{End, Message, Spawner},
    rows::{self, Failure, FailureKind, Origin, Outcome},
    store::{Known, Store, key},
    summary::{Progress, Summary},
    unpack,
    walk::{Root, Step, walk},
    worker::MAX_FILE_BYTES,
};

/// Modules within modules that are followed.
const MAX_NESTING: usize = 8;
/// Bytes of modules that wait in the queue, beside the one that did not fit.
const MAX_QUEUED: usize = 32 << 20;
/// Bytes at the beginning of a file that tell what it is.
const HEAD: u64 = 4096;

/// Where rows go.
pub trait Recorder: Send {
    /// Takes the rows of a sample, if there is a new one, and of the place where it was found.
    ///
    /// # Errors
    ///
    /// When they cannot be written; then the scan ends.
    fn record(&mut self, outcome: Option<&Outcome>, path: Option<&rows::Path>) -> io::Result<()>;
}

impl Recorder for Store {
    fn record(&mut self, outcome: Option<&Outcome>, path: Option<&rows::Path>) -> io::Result<()> {
        self.append(outcome, path)
    }
}

/// A scan.
pub struct Scan<'a> {
    spawner: &'a Spawner,
    jobs: usize,
    progress: &'a Progress,
    queue: Mutex<Queue>,
    /// Something changed in the queue.
    changed: Condvar,
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

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// Threads that may still add jobs.
    busy: usize,
}

/// Something to look at.
struct Job {
    origin: Origin,
    source: Source,
}

enum Source {
    File(PathBuf),
    Module(Arc<[u8]>),
}

impl Job {
    fn bytes(&self) -> usize {
        match &self.source {
            Source::File(_) => 0,
            Source::Module(bytes) => bytes.len(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Scan<'a> {
    /// A scan with `jobs` workers at a time; `known`, `summary` and `index` are what an earlier part of it left behind.
    pub fn new(
        spawner: &'a Spawner,
        jobs: usize,
        progress: &'a Progress,
        recorder: &'a mut dyn Recorder,
        (known, summary, index): (Known, Summary, Index),
    ) -> Self {
        let state = State { recorder, known, under_way: HashSet::new(), summary, index, error: None };
        Self { spawner, jobs: jobs.max(1), progress, queue: Mutex::default(), changed: Condvar::new(), state: Mutex::new(state) }
    }

    /// Looks at all files that `roots` name, `skip` (a canonical path) left out, and gives what they add up to.
    ///
    /// # Errors
    ///
    /// When rows cannot be written.
    pub fn run(self, roots: &[Root], skip: Option<&Path>) -> io::Result<(Summary, Index)> {
        lock(&self.queue).busy = 1;
        thread::scope(|scope| {
            scope.spawn(|| {
                self.walk(roots, skip);
                self.leave();
            });
            for _ in 0..self.jobs {
                scope.spawn(|| self.work());
            }
        });
        let interrupted = self.is_interrupted();
        let State { mut summary, index, error, .. } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
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
            walk(root, skip, &mut |_| {
                self.progress.found.fetch_add(1, Ordering::Relaxed);
                flow()
            })
        });
        self.progress.is_counted.store(true, Ordering::Relaxed);
        let _ = roots.iter().try_for_each(|root| {
            walk(root, skip, &mut |step| {
                match step {
                    Step::File(path) => self.push(Job { origin: origin(&path), source: Source::File(path) }),
                    Step::Unreadable(path, error) => {
                        self.failed(origin(&path), FailureKind::Unreadable, error.to_string());
                        self.done();
                    }
                }
                flow()
            })
        });
    }

    /// Adds a job when there is room.
    fn push(&self, job: Job) {
        let mut queue = lock(&self.queue);
        while queue.jobs.len() >= 2 * self.jobs && !self.is_interrupted() {
            queue =
                self.changed.wait_timeout(queue, std::time::Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.jobs.push_back(job);
        self.changed.notify_all();
    }

    /// Adds a job if there is room, else gives it back.
    fn offer(&self, job: Job) -> Option<Job> {
        let mut queue = lock(&self.queue);
        let bytes = queue.bytes.saturating_add(job.bytes());
        if queue.jobs.len() >= 4 * self.jobs || bytes > MAX_QUEUED {
            return Some(job);
        }
        queue.bytes = bytes;
        // Before the files that wait, so that archives are finished before others are begun.
        queue.jobs.push_front(job);
        self.changed.notify_all();
        None
    }

    /// The next job; `None` if there will be no more.
    fn next(&self) -> Option<Job> {
        let mut queue = lock(&self.queue);
        loop {
            if self.is_interrupted() {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                queue.bytes = queue.bytes.saturating_sub(job.bytes());
                queue.busy += 1;
                self.changed.notify_all();
                return Some(job);
            }
            if queue.busy == 0 {
                return None;
            }
            queue =
                self.changed.wait_timeout(queue, std::time::Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// One thread less may add jobs.
    fn leave(&self) {
        lock(&self.queue).busy -= 1;
        self.changed.notify_all();
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            self.attend(job);
            self.leave();
        }
    }

    fn attend(&self, job: Job) {
        match job.source {
            Source::Module(bytes) => self.analyse(job.origin, bytes, 0),
            Source::File(path) => self.file(job.origin, &path),
        }
        self.done();
    }

    fn done(&self) {
        self.progress.done.fetch_add(1, Ordering::Relaxed);
    }

    fn file(&self, origin: Origin, path: &Path) {
        match open(path) {
            Ok(Opened::Module(bytes)) => self.analyse(origin, bytes.into(), 0),
            Ok(Opened::Other(file)) => self.unpack(origin, file),
            Err(failure) => self.failed(origin, failure.kind, failure.text),
        }
    }

    fn unpack(&self, origin: Origin, file: File) {
        let mut found = 0u64;
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
                let job = Job { origin: origin.within(inside), source: Source::Module(bytes.into()) };
                if let Some(job) = self.offer(job) {
                    self.attend(job);
                }
            }
            Message::Outcome(_) | Message::Done => {}
        });
        self.progress.unpacking.fetch_sub(1, Ordering::Relaxed);
        match end {
            End::Failed(failure) => self.failed(origin, failure.kind, failure.text),
            End::Done if found == 0 => lock(&self.state).summary.without_module += 1,
            End::Done | End::Interrupted => {}
        }
    }

    /// Analyses a sample, and the modules within it, unless that was done.
    fn analyse(&self, origin: Origin, bytes: Arc<[u8]>, nesting: usize) {
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let path = rows::Path { origin, sha256: Some(crate::hex::hex(&sha256)), size: Some(bytes.len() as u64), failure: None };
        if !self.claim(sha256) {
            return self.record(None, &path);
        }
        let started = Instant::now();
        let (mut outcome, mut inner, mut failures) = (None, Vec::new(), Vec::new());
        let end = self.spawner.analyse(Arc::clone(&bytes), |message| match message {
            Message::Ready(confinement) => self.confined(confinement),
            Message::Outcome(rows) => outcome = Some(*rows),
            Message::Module(inside, bytes) => inner.push((inside, bytes)),
            Message::Failure(inside, failure) => failures.push((inside, failure)),
            Message::Done => {}
        });
        let time_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let failure = match end {
            End::Interrupted => return,
            End::Failed(failure) => Some(failure),
            End::Done if outcome.is_none() => {
                Some(Failure { kind: FailureKind::Crash, text: "the worker gave no result".into() })
            }
            End::Done => None,
        };
        if let (Some(_), Some(failure)) = (&outcome, &failure) {
            // The sample has its result: what failed is the search for others in it.
            failures.push((vec!["bytes".to_owned()], failure.clone()));
        }
        for (inside, module) in inner {
            match nesting < MAX_NESTING {
                true => self.analyse(path.origin.within(inside), module.into(), nesting + 1),
                false => self.failed(
                    path.origin.within(inside),
                    FailureKind::Cut,
                    format!("more than {MAX_NESTING} modules within modules"),
                ),
            }
        }
        for (inside, failure) in failures {
            self.failed(path.origin.within(inside), failure.kind, failure.text);
        }
        if !self.is_interrupted() {
            let outcome = outcome
                .unwrap_or_else(|| Outcome { sample: rows::Sample { failure, ..Default::default() }, ..Default::default() });
            self.finish(outcome, &path, time_ms, sha256);
        }
    }

    /// Whether nobody has done this sample or is about to.
    fn claim(&self, sha256: [u8; 32]) -> bool {
        let mut state = lock(&self.state);
        !state.known.samples.contains(&sha256) && state.under_way.insert(sha256)
    }

    /// Writes the rows of a sample. What a worker says of itself is taken; whose rows they are is not.
    fn finish(&self, mut outcome: Outcome, path: &rows::Path, time_ms: u64, sha256: [u8; 32]) {
        let name = crate::hex::hex(&sha256);
        let Outcome { sample, functions, host_calls, findings } = &mut outcome;
        let owners = functions.iter_mut().map(|row| &mut row.sha256).chain(host_calls.iter_mut().map(|row| &mut row.sha256));
        owners.chain(findings.iter_mut().map(|row| &mut row.sha256)).for_each(|owner| owner.clone_from(&name));
        (sample.sha256, sample.origin, sample.size) = (name, path.origin.clone(), path.size.unwrap_or(0));
        sample.time_ms = time_ms;
        let is_failed = sample.failure.is_some();
        self.record(Some(&outcome), path);
        let mut state = lock(&self.state);
        state.under_way.remove(&sha256);
        state.known.samples.insert(sha256);
        state.summary.add_sample(&outcome.sample);
        state.index.add(&outcome.sample);
        drop(state);
        self.progress.failures.fetch_add(u64::from(is_failed), Ordering::Relaxed);
    }

    fn failed(&self, origin: Origin, kind: FailureKind, text: String) {
        if self.is_interrupted() {
            return;
        }
        self.progress.failures.fetch_add(1, Ordering::Relaxed);
        self.record(None, &rows::Path { origin, sha256: None, size: None, failure: Some(Failure { kind, text }) });
    }

    /// Writes rows; the place only if it has none.
    fn record(&self, outcome: Option<&Outcome>, path: &rows::Path) {
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

/// A file that was opened.
enum Opened {
    /// A module or component, binary or text: its bytes.
    Module(Vec<u8>),
    /// Anything else, to be read from its beginning.
    Other(File),
}

fn open(path: &Path) -> Result<Opened, Failure> {
    let unreadable = |error: io::Error| Failure { kind: FailureKind::Unreadable, text: error.to_string() };
    let mut file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
    let is_named = path.extension().is_some_and(|ending| ending == "wasm" || ending == "wat") && !unpack::is_container(&head);
    if !unpack::is_binary(&head) && !unpack::is_text(&head) && !is_named {
        file.rewind().map_err(unreadable)?;
        return Ok(Opened::Other(file));
    }
    let mut bytes = head;
    file.take(MAX_FILE_BYTES + 1 - bytes.len() as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Failure { kind: FailureKind::TooLarge, text: format!("larger than {MAX_FILE_BYTES} bytes") });
    }
    Ok(Opened::Module(bytes))
}

fn origin(path: &Path) -> Origin {
    let bytes = path.as_os_str().as_encoded_bytes();
    let base64 = path.to_str().is_none().then(|| base64::engine::general_purpose::STANDARD.encode(bytes));
    Origin { path: path.to_string_lossy().into_owned(), path_base64: base64, inside: Vec::new() }
}
