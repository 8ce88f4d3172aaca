//! Jobs that wait for a thread, and when there will be no more of them.
//!
//! A thread that takes a job may add others while it has it. So the end is when no job waits and no thread
//! has one. A thread has its job no longer whatever happens to it, even a panic: nobody waits for it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How often an interruption is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Jobs that wait.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Something changed.
    changed: Condvar,
    interrupted: Arc<AtomicBool>,
}

#[derive(Debug)]
struct State<T> {
    jobs: VecDeque<T>,
    /// Threads that may still add jobs.
    busy: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(interrupted: Arc<AtomicBool>) -> Self {
        Self {
            state: Mutex::new(State { jobs: VecDeque::new(), busy: 0 }),
            changed: Condvar::new(),
            interrupted,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'q>(&self, state: MutexGuard<'q, State<T>>) -> MutexGuard<'q, State<T>> {
        self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// A thread may add jobs until what this gives is dropped.
    pub(super) fn enter(&self) -> Busy<'_, T> {
        self.lock().busy += 1;
        Busy { queue: self }
    }

    /// Adds a job when fewer than `most` wait; meanwhile, `tick` is called now and then.
    pub(super) fn push(&self, job: T, most: usize, tick: impl Fn()) {
        loop {
            let mut state = self.lock();
            if state.jobs.len() < most || self.is_interrupted() {
                state.jobs.push_back(job);
                self.changed.notify_all();
                return;
            }
            drop(self.wait(state));
            tick();
        }
    }

    /// Adds a job before all others if fewer than `most` wait, else gives it back.
    pub(super) fn offer(&self, job: T, most: usize) -> Result<(), T> {
        let mut state = self.lock();
        if state.jobs.len() >= most {
            return Err(job);
        }
        state.jobs.push_front(job);
        self.changed.notify_all();
        Ok(())
    }

    /// The next job; `None` if there will be no more.
    pub(super) fn next(&self) -> Option<(T, Busy<'_, T>)> {
        let mut state = self.lock();
        loop {
            if self.is_interrupted() {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                state.busy += 1;
                self.changed.notify_all();
                return Some((job, Busy { queue: self }));
            }
            if state.busy == 0 {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// Waits until there will be no more jobs; meanwhile, `tick` is called now and then.
    pub(super) fn finish(&self, tick: impl Fn()) {
        loop {
            let state = self.lock();
            if state.busy == 0 && (state.jobs.is_empty() || self.is_interrupted()) {
                return;
            }
            drop(self.wait(state));
            tick();
        }
    }
}

/// A thread that may add jobs.
#[derive(Debug)]
pub(super) struct Busy<'q, T> {
    queue: &'q Queue<T>,
}

impl<T> Drop for Busy<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            // It takes no more jobs; if it was the last one, nobody would.
            self.queue.interrupted.store(true, Ordering::Relaxed);
        }
        self.queue.lock().busy -= 1;
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_when_nobody_can_add_to_it() {
        let queue = Queue::new(Arc::default());
        let walker = queue.enter();
        queue.push(1, 2, || ());
        assert_eq!(queue.offer(0, 2), Ok(()));
        assert_eq!(queue.offer(9, 2), Err(9), "it is full");
        drop(walker);
        let (first, busy) = queue.next().unwrap();
        queue.push(2, 2, || ());
        drop(busy);
        let rest: Vec<_> = std::iter::from_fn(|| queue.next().map(|(job, _)| job)).collect();
        assert_eq!((first, rest), (0, vec![1, 2]));
        queue.finish(|| ());
    }

    #[test]
    fn a_panic_ends_it() {
        let queue = Queue::new(Arc::default());
        queue.push((), 1, || ());
        let panicked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _job = queue.next();
                    std::panic::resume_unwind(Box::new("a panic without words"));
                })
                .join()
        });
        assert!(panicked.is_err());
        assert!(queue.next().is_none());
        queue.finish(|| ());
        queue.push((), 0, || ());
    }
}
