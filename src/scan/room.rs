//! Memory for samples: how many bytes of them a scan holds, in its queue and for its workers.

use std::{
    ops::Deref,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How often an interruption is looked for.
const TICK: Duration = Duration::from_millis(100);

/// What is held.
#[derive(Debug)]
pub(super) struct Room {
    held: Mutex<u64>,
    /// Something was given back.
    freed: Condvar,
    interrupted: Arc<AtomicBool>,
}

impl Room {
    pub(super) fn new(interrupted: Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), freed: Condvar::new(), interrupted })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a share of so many bytes. It is given once all shares together are within `limit`, or nobody
    /// else has one, or the scan is interrupted. Whoever has a share must not wait for another.
    pub(super) fn wait(self: &Arc<Self>, bytes: u64, limit: u64) -> Share {
        let mut held = self.lock();
        while *held != 0 && held.saturating_add(bytes) > limit && !self.interrupted.load(Ordering::Relaxed) {
            held = self.freed.wait_timeout(held, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *held = held.saturating_add(bytes);
        Share { room: Arc::clone(self), bytes }
    }

    /// A share of so many bytes, whatever others hold: they are there already.
    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Share {
        let mut held = self.lock();
        *held = held.saturating_add(bytes);
        Share { room: Arc::clone(self), bytes }
    }

    /// The bytes of all shares.
    pub(super) fn held(&self) -> u64 {
        *self.lock()
    }

    /// Counts bytes that are there already.
    pub(super) fn hold(self: &Arc<Self>, bytes: Vec<u8>) -> Held {
        let share = self.take(bytes.len() as u64);
        Held { bytes, _share: share }
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    room: Arc<Room>,
    bytes: u64,
}

impl Share {
    /// Bytes that were read into this share.
    pub(super) fn fill(self, bytes: Vec<u8>) -> Held {
        Held { bytes, _share: self }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.room.lock();
        *held = held.saturating_sub(self.bytes);
        self.room.freed.notify_all();
    }
}

/// A sample that is counted as long as it is held.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl Deref for Held {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn a_share_waits_for_others() {
        let room = Room::new(Arc::default());
        let first = room.wait(1000, 10);
        assert_eq!(room.held(), 1000, "one alone may be larger");
        let modules = room.hold(vec![0; 5]);
        assert_eq!(room.held(), 1005, "what is there already does not wait");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| room.wait(5, 10));
            thread::sleep(Duration::from_millis(30));
            assert!(!waiting.is_finished());
            drop(first);
            assert_eq!(waiting.join().unwrap().fill(vec![7; 5]).len(), 5);
        });
        drop(modules);
        assert_eq!(room.held(), 0);
    }

    #[test]
    fn an_interruption_ends_the_wait() {
        let room = Room::new(Arc::new(AtomicBool::new(true)));
        let (_first, _second) = (room.wait(8, 10), room.wait(8, 10));
    }
}
