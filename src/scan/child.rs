//! A process of a worker: a program that was started, or a fork of a nursery.

#[cfg(target_os = "linux")]
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{
    fs::File,
    io,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus},
};

#[cfg(target_os = "linux")]
use super::nursery::Nursery;

/// The streams of a worker.
pub(super) type Streams = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

/// A process that does not outlive this.
#[derive(Debug)]
pub(super) enum Process {
    /// Started as a program.
    Started(Started),
    /// Forked.
    #[cfg(target_os = "linux")]
    Forked(Box<Forked>),
}

#[derive(Debug)]
pub(super) struct Started(Child);

#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Forked {
    nursery: Nursery,
    streams: Streams,
    /// How the worker ended, or why there was none. The nursery says it once: who asks it again waits for
    /// ever.
    end: Option<Result<ExitStatus, Arc<io::Error>>>,
}

#[cfg(target_os = "linux")]
impl Forked {
    fn wait(&mut self) -> io::Result<ExitStatus> {
        let nursery = &mut self.nursery;
        let end = self.end.get_or_insert_with(|| nursery.wait().map_err(Arc::new));
        end.clone().map_err(|error| io::Error::new(error.kind(), error))
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let is_known = self.end.is_some() || self.nursery.has_answered()?;
        is_known.then(|| self.wait()).transpose()
    }
}

/// How much memory a worker holds, as the system tells others.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeldBytes {
    /// The number of its process.
    started: Option<u32>,
    /// That of the nursery whose only child it is.
    parent: Option<u32>,
}

impl HeldBytes {
    /// Bytes of it that are there, and not only reserved. `None` where the system does not say.
    pub(super) fn now(&self) -> Option<u64> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let read = |path: String| std::fs::read_to_string(path).ok();
        let child = |parent: u32| read(format!("/proc/{parent}/task/{parent}/children"))?.trim().parse().ok();
        let process = self.started.or_else(|| self.parent.and_then(child))?;
        let status = read(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }
}

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self::Started(Started(child))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Nothing happens to one that was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// The streams; they can be taken once.
    pub(super) fn streams(&mut self) -> Streams {
        match self {
            Self::Started(Started(child)) => (child.stdin.take(), child.stdout.take(), child.stderr.take()),
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => std::mem::take(&mut forked.streams),
        }
    }

    /// What tells how much memory it holds.
    pub(super) fn held(&self) -> HeldBytes {
        match self {
            Self::Started(Started(child)) => HeldBytes { started: Some(child.id()), parent: None },
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => HeldBytes { started: None, parent: Some(forked.nursery.id()) },
        }
    }

    /// Kills it; nothing happens if it has ended.
    pub(super) fn kill(&mut self) {
        match self {
            Self::Started(Started(child)) => {
                let _ = child.kill();
            }
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => forked.nursery.kill(),
        }
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Started(Started(child)) => child.wait(),
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => forked.wait(),
        }
    }

    /// How it ended, if it did.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self {
            Self::Started(Started(child)) => child.try_wait(),
            #[cfg(target_os = "linux")]
            Self::Forked(forked) => forked.try_wait(),
        }
    }
}

/// The nurseries of a scan.
#[derive(Debug, Default)]
pub struct Nurseries {
    /// Those that have no worker now.
    #[cfg(target_os = "linux")]
    idle: Mutex<Vec<Nursery>>,
    /// Set when one could not be started: then each worker is started.
    #[cfg(target_os = "linux")]
    is_hopeless: std::sync::atomic::AtomicBool,
}

#[cfg(target_os = "linux")]
impl Nurseries {
    /// Forks a worker, for a sample or for this file, of a nursery that is idle, or of a new one. `None` if
    /// that cannot be done.
    pub(super) fn fork(&self, file: Option<&File>, command: impl FnOnce() -> Command) -> Option<Process> {
        use std::sync::atomic::Ordering;
        let idle = self.idle().pop();
        // One that died while it was idle is no loss.
        if let Some(worker) = idle.and_then(|nursery| forked(nursery, file)) {
            return Some(worker);
        }
        if self.is_hopeless.load(Ordering::Relaxed) {
            return None;
        }
        let started = Nursery::start(command());
        if started.is_err() {
            self.is_hopeless.store(true, Ordering::Relaxed);
        }
        forked(started.ok()?, file)
    }

    /// Keeps the nursery of a worker that ended as it should.
    pub(super) fn keep(&self, process: Process) {
        if let Process::Forked(forked) = process
            && matches!(forked.end, Some(Ok(_)))
            && forked.nursery.is_fresh()
        {
            self.idle().push(forked.nursery);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Nursery>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(target_os = "linux")]
fn forked(mut nursery: Nursery, file: Option<&File>) -> Option<Process> {
    let (input, output, errors) = nursery.fork(file).ok()?;
    let streams = (input, Some(output), Some(errors));
    Some(Process::Forked(Box::new(Forked { nursery, streams, end: None })))
}

#[cfg(not(target_os = "linux"))]
impl Nurseries {
    /// Nothing can be forked here.
    pub(super) fn fork(&self, _: Option<&File>, _: impl FnOnce() -> Command) -> Option<Process> {
        None
    }

    /// There is nothing to keep.
    pub(super) fn keep(&self, _: Process) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_worker_is_known_however_often_it_is_asked_for() {
        let nurseries = Nurseries::default();
        // 11 is EAGAIN: no process is left.
        for (end, is_kept) in [(Err(11), 0), (Ok(0), 1)] {
            // Nothing more is said, and nobody hangs up.
            let (nursery, _other) = Nursery::after(end);
            let streams = Streams::default();
            let mut worker = Process::Forked(Box::new(Forked { nursery, streams, end: None }));
            for _ in 0..2 {
                let tried = worker.try_wait().map(|status| status.and_then(|status| status.code()));
                let waited = worker.wait().map(|status| status.code());
                assert_eq!(tried.map_err(|error| error.kind()), waited.map_err(|error| error.kind()));
            }
            nurseries.keep(worker);
            assert_eq!(nurseries.idle().len(), is_kept, "{end:?}");
        }
    }
}
