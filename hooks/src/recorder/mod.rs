//! The recorder: what the patched handlers write to, and where it goes.
//!
//! One [`Recorder`] lives in each store, beside the execution context and not inside it, so that an execution
//! nested in a host call goes on in the same streams. Handlers push decisions into a 64-bit window. A full
//! window becomes a word of the current chunk, and full chunks go to the [`Sink`], which copies what it
//! keeps. The chunk is reused, so recording stays in a few warm cache lines. Rare events go to the sink as
//! they happen. `docs/trace-stream.md` says what is pushed when, and the layout of a word.
//!
//! Silence is bounded, since the sink is asked whether to go on ([`Sink::poll`]). It is asked at least every
//! [`WORDS_PER_POLL`] words, every [`CALLS_PER_POLL`] direct calls, at every bulk operation, and every
//! [`OPS_PER_POLL`] operators of straight code.
//!
//! Not here: limits, and what is kept of a trace (the sink's).

// Ours, and so linted again where the crate as a whole is not.
#![warn(warnings, missing_docs, unused, clippy::all)]
#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

pub mod bounds;
pub(crate) mod engine;
pub(crate) mod limits;
pub mod parts;
pub(crate) mod sites;
pub mod stream;
pub mod threads;

use std::{any::Any, fmt, ptr::NonNull};

use bumpalo::Bump;

pub use self::limits::{CALLS_PER_POLL, OPS_PER_POLL, WORDS_PER_CHUNK, WORDS_PER_POLL};

use crate::TrapCode;

/// Takes what is recorded. Called from the execution loop: must not panic.
pub trait Sink: Any + Send + Sync {
    /// A chunk of decision words, oldest first; the memory is reused after the call. `calls`: direct calls
    /// begun so far in this store.
    fn words(&mut self, words: &[u64], calls: u64);

    /// An event, in the order of the run.
    fn event(&mut self, event: Event);

    /// A bulk operation on so many bytes or elements begins that is no event: it is part of an operator of
    /// the sample's. By default it costs nothing.
    fn silent_bulk(&mut self, _len: u64) {}

    /// Whether the run must stop now. `decisions`: pushed so far in this store; `words`: made of them.
    fn poll(&mut self, decisions: u64, words: u64) -> bool;

    /// Whether a host function may be entered now; otherwise the run stops before the call, which leaves no
    /// event. By default always.
    fn may_call_host(&mut self) -> bool {
        true
    }

    /// Asked after each poll: whether the whole words so far are wanted at once, though the chunk is not
    /// full. By default never.
    fn wants_words(&mut self) -> bool {
        false
    }
}

/// A rare event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The host calls the function with this key.
    Invoke {
        /// Key of the function.
        func: u32,
    },
    /// The invocation that began last and has not ended ends.
    End {
        /// How it ended.
        end: End,
        /// Where, if it was cut short by a trap, an error or a stop.
        place: Place,
    },
    /// A host function is entered.
    HostCall {
        /// Key of the function.
        func: u32,
    },
    /// The host function entered last and not left yet is left.
    HostReturn {
        /// Whether it failed, which ends the invocation that called it.
        failed: bool,
    },
    /// The host function entered last and not left yet is left by an exception, which goes on at the call.
    HostThrew {
        /// Number of its tag.
        tag: u32,
    },
    /// `memory.grow` or `table.grow` ran.
    Grow {
        /// Pages or elements asked for.
        delta: u64,
        /// Former size, or -1 in the index type.
        result: u64,
    },
    /// A bulk operation on memories or tables begins.
    Bulk {
        /// First destination index.
        dst: u64,
        /// First source index; the value for `memory.fill`; 0 for `table.fill`.
        src: u64,
        /// Number of bytes or elements.
        len: u64,
    },
    /// Another thread goes on: what follows is on its stack.
    Switch {
        /// Its number; 0 is the one that the host calls in.
        thread: u32,
    },
}

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its first frame returned.
    Returned,
    /// An exception left its first frame.
    Thrown(Thrown),
    /// A trap.
    Trapped(TrapCode),
    /// A host function failed.
    HostError,
    /// [`Sink::poll`] said so.
    Stopped,
    /// The engine could not go on, for instance because it could not translate a function.
    Failed,
}

/// An exception that nothing caught, as the globals of [`bounds::Made`] have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thrown {
    /// Not 0.
    pub pending: u32,
    /// What a reference to it holds.
    pub exception: u128,
    /// The number of the operator that threw it.
    pub place: u32,
}

/// A moment of the run, and the instruction at which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Decisions pushed in this store so far.
    pub decisions: u64,
    /// Direct calls begun in this store so far.
    pub calls: u64,
    /// Frames of the invocation; 0 before its first instruction.
    pub depth: u32,
    /// Key of the function and byte offset in its body: the instruction that failed or, for a stop, at which
    /// the run would go on.
    pub site: Option<(u32, u32)>,
    /// The invocation ended right after the decision that was pushed last: it, and not the site, says where.
    pub after_decision: bool,
}

/// The error with which a stopped invocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by the recorder's sink")
    }
}

impl wasmi_core::HostError for Stop {}

/// The error of a [`crate::ResourceLimiter`]; wasmi does not export it.
pub use wasmi_core::LimiterError;

/// A sink that keeps nothing and never stops.
struct Discard;

impl Sink for Discard {
    fn words(&mut self, _: &[u64], _: u64) {}
    fn event(&mut self, _: Event) {}
    fn poll(&mut self, _: u64, _: u64) -> bool {
        false
    }
}

/// The state that handlers write to, the hottest first.
#[repr(C)]
pub struct Recorder {
    /// Decisions of the current word, below a sentinel bit.
    window: u64,
    /// Where the next word goes. Always below the end of the chunk.
    cursor: NonNull<u64>,
    /// Where [`Recorder::slow`] is due; at most the end of the chunk.
    due: NonNull<u64>,
    /// Direct calls left before the next poll.
    calls_left: u32,
    /// Key pushed last as a target.
    last_target: u32,
    /// A poll said stop.
    stopping: bool,
    /// The host function that was called last failed.
    host_failed: bool,
    /// The run stopped before a host function was entered.
    stopped_at_host: bool,
    /// The host function that was called last suspended its caller.
    suspended: bool,
    /// Where the exception is kept that is under way, once one left an invocation; and whether the host
    /// function that was called last lets one pass, by the number of its tag.
    exceptions: Option<engine::Kept>,
    passing: Option<u32>,
    /// The host function was called by the host, so that nothing behind it takes an exception.
    is_at_root: bool,
    /// Key of a host function whose calls are not recorded.
    left_out: Option<u32>,
    /// First word of the chunk.
    start: NonNull<u64>,
    /// Words up to here are counted in `decisions`.
    counted: NonNull<u64>,
    /// Decisions in counted words.
    decisions: u64,
    /// Words that were handed over.
    handed: u64,
    /// Direct calls before the current stretch of [`CALLS_PER_POLL`].
    calls: u64,
    /// Last place at which a handler may have failed.
    fault: Option<engine::Fault>,
    sink: Box<dyn Sink>,
    /// Owns the chunk.
    _arena: Bump,
}

// SAFETY: the pointers point into `_arena`, which the recorder owns, and are followed only through `&mut
// Recorder`.
unsafe impl Send for Recorder {}
// SAFETY: as above; nothing is read through a shared reference but plain fields.
unsafe impl Sync for Recorder {}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("window", &self.window)
            .field("stopping", &self.stopping)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Creates a recorder that discards what it gets.
    pub fn new() -> Self {
        let arena = Bump::with_capacity(WORDS_PER_CHUNK * size_of::<u64>());
        let start = NonNull::from(arena.alloc_slice_fill_copy(WORDS_PER_CHUNK, 0u64)).cast::<u64>();
        let mut recorder = Self {
            window: 1,
            cursor: start,
            due: start,
            calls_left: CALLS_PER_POLL,
            last_target: 0,
            stopping: false,
            host_failed: false,
            stopped_at_host: false,
            suspended: false,
            exceptions: None,
            passing: None,
            is_at_root: false,
            left_out: None,
            start,
            counted: start,
            decisions: 0,
            handed: 0,
            calls: 0,
            fault: None,
            sink: Box::new(Discard),
            _arena: arena,
        };
        recorder.set_due();
        recorder
    }

    /// Gives everything that is recorded from now on to `sink`. The former one gets what was recorded before,
    /// and is returned.
    pub fn set_sink(&mut self, sink: Box<dyn Sink>) -> Box<dyn Sink> {
        self.drain();
        std::mem::replace(&mut self.sink, sink)
    }

    /// Hands all decisions so far to the sink, the current word included.
    pub fn drain(&mut self) {
        if self.window != 1 {
            self.store_window();
        }
        self.hand_over();
        self.set_due();
    }

    /// Gives the words of the chunk to the sink. Leaves `due` to be set by the caller.
    fn hand_over(&mut self) {
        self.count();
        let calls = self.calls();
        // SAFETY: `start..cursor` lies in the chunk and was written by `store_window`.
        let words = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.stored()) };
        self.handed += words.len() as u64;
        self.sink.words(words, calls);
        self.cursor = self.start;
        self.counted = self.start;
    }

    /// Returns the sink, for events that are not the engine's.
    pub fn sink_mut(&mut self) -> &mut dyn Sink {
        &mut *self.sink
    }

    /// Returns how many decisions were pushed.
    pub fn decisions(&mut self) -> u64 {
        self.count();
        self.decisions + u64::from(stream::decisions_in(self.window))
    }

    /// Returns how many direct calls were begun.
    pub fn calls(&self) -> u64 {
        self.calls + u64::from(CALLS_PER_POLL - self.calls_left)
    }

    /// Whether a poll said stop; every further poll stops at once, until [`Recorder::resume`].
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Lets invocations go on that begin after a stop.
    pub fn resume(&mut self) {
        self.stopping = false;
        self.set_due();
    }

    pub(crate) fn take_host_failed(&mut self) -> bool {
        std::mem::take(&mut self.host_failed)
    }

    pub(crate) fn take_suspended(&mut self) -> bool {
        std::mem::take(&mut self.suspended)
    }

    /// Notes that a host function suspends its caller.
    pub(crate) fn suspend(&mut self) {
        self.suspended = true;
    }

    /// Another thread goes on.
    pub fn switch(&mut self, thread: u32) {
        self.event(Event::Switch { thread });
    }

    pub(crate) fn take_stopped_at_host(&mut self) -> bool {
        std::mem::take(&mut self.stopped_at_host)
    }

    /// Asks the sink whether a host function may be entered; returns whether the run must stop instead.
    #[inline]
    pub(crate) fn stops_at_host(&mut self) -> bool {
        if self.sink.may_call_host() {
            return false;
        }
        (self.stopping, self.stopped_at_host) = (true, true);
        self.set_due();
        true
    }

    /// Pushes one decision; returns whether the window is full and must be flushed before the next push.
    #[inline(always)]
    pub(crate) fn push_bit(&mut self, bit: bool) -> bool {
        self.window = (self.window << 1) | u64::from(bit);
        self.window >> 63 != 0
    }

    /// Pushes a field of `width` bits (1 to 34), most significant first, if the window then has room for one
    /// bit more. Returns whether it did.
    ///
    /// PERF: a window without room is flushed by a handler that begins the operator again, so that the
    /// operator's own handler calls nothing.
    #[inline(always)]
    pub(crate) fn try_push_field(&mut self, value: u64, width: u32) -> bool {
        let fits = self.window >> (63 - width) == 0;
        if fits {
            self.window = (self.window << width) | value;
        }
        fits
    }

    /// Pushes the key of a callee that the code does not name, as [`Recorder::try_push_field`].
    #[inline(always)]
    pub(crate) fn try_push_target(&mut self, key: u32) -> bool {
        stream::write_target(key, self.last_target, |field, width| {
            let fits = self.try_push_field(field, width);
            if fits {
                self.last_target = key;
            }
            fits
        })
    }

    /// Counts a direct call; returns whether a poll is due.
    #[inline(always)]
    pub(crate) fn count_call(&mut self) -> bool {
        self.calls_left -= 1;
        self.calls_left == 0
    }

    /// Makes a word of the window; returns whether [`Recorder::slow`] is due.
    #[inline(always)]
    pub(crate) fn flush(&mut self) -> bool {
        self.store_window();
        self.cursor == self.due
    }

    /// Asks the sink whether the run must stop.
    #[cold]
    #[inline(never)]
    pub(crate) fn poll(&mut self) -> bool {
        self.calls += u64::from(CALLS_PER_POLL - self.calls_left);
        self.calls_left = CALLS_PER_POLL;
        let decisions = self.decisions();
        let words = self.handed + self.stored() as u64;
        self.stopping = self.stopping || self.sink.poll(decisions, words);
        if self.sink.wants_words() {
            self.hand_over();
        }
        self.set_due();
        self.stopping
    }

    /// Empties the chunk if it is full, and asks the sink; returns whether the run must stop.
    #[cold]
    #[inline(never)]
    pub(crate) fn slow(&mut self) -> bool {
        if self.stored() == WORDS_PER_CHUNK {
            self.hand_over();
        }
        self.poll()
    }

    /// Writes the window to the chunk and begins a new one. Leaves `cursor == due` to be seen to by the
    /// caller.
    #[inline(always)]
    fn store_window(&mut self) {
        // SAFETY: `cursor` is below the end of the chunk: whoever makes it reach `due` calls `slow` or
        // `drain` before the next word.
        unsafe {
            self.cursor.write(self.window);
            self.cursor = self.cursor.add(1);
        }
        self.window = 1;
    }

    /// Number of words in the chunk.
    fn stored(&self) -> usize {
        // SAFETY: both point into the chunk, and `cursor` never goes below `start`.
        unsafe { self.cursor.offset_from_unsigned(self.start) }
    }

    fn set_due(&mut self) {
        // When stopping, every word is due.
        let words = if self.stopping { 1 } else { WORDS_PER_POLL };
        let words = (self.stored() + words).min(WORDS_PER_CHUNK);
        // SAFETY: at most one past the end of the chunk.
        self.due = unsafe { self.start.add(words) };
    }

    /// Counts the decisions of the words stored since the last time.
    fn count(&mut self) {
        while self.counted != self.cursor {
            // SAFETY: `counted` is below `cursor`, and words below it were written.
            let word = unsafe { self.counted.read() };
            self.decisions += u64::from(stream::decisions_in(word));
            // SAFETY: not past `cursor`.
            self.counted = unsafe { self.counted.add(1) };
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        match event {
            Event::HostReturn { failed } => self.host_failed = failed,
            Event::HostThrew { .. } => self.host_failed = false,
            _ => {}
        }
        self.sink.event(event);
    }

    /// Records no calls of the host function with this key: what it answers is known otherwise.
    pub fn leave_out(&mut self, key: u32) {
        self.left_out = Some(key);
    }

    pub(crate) fn is_left_out(&self, key: u32) -> bool {
        self.left_out == Some(key)
    }

    /// A host function is left. An exception may pass it.
    pub(crate) fn host_left(&mut self, failed: bool) {
        let event = match self.passing.take() {
            Some(tag) => Event::HostThrew { tag },
            None => Event::HostReturn { failed },
        };
        self.event(event);
    }

    /// Whether the host function that is called next was called by the host; gives what was so before.
    pub(crate) fn at_root(&mut self, is_at_root: bool) -> bool {
        std::mem::replace(&mut self.is_at_root, is_at_root)
    }

    pub(crate) fn charge_bulk(&mut self, len: u64) {
        self.sink.silent_bulk(len);
    }

    pub(crate) fn set_fault(&mut self, fault: Option<engine::Fault>) {
        self.fault = fault;
    }

    pub(crate) fn fault(&self) -> Option<engine::Fault> {
        self.fault
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}
