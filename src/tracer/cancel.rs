//! Ending runs from outside.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Ends the sessions of a [`super::Tracer`] from another thread, as a limit would. A run stops at its next
/// poll with [`super::Limit::Cancelled`]. That is after a thousand decisions or direct calls at most, or 8192
/// operators of straight code. The trace up to there is whole. A host function that is running is not
/// interrupted.
///
/// Clones are the same handle. It cannot be taken back.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A handle that has not been used.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the sessions that have this handle.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
