//! One step of a walk through the code: from the end of a block to the block that is next.
//!
//! [`step`] says, for each [`Exit`], which decisions are read in which order and where control goes then. It
//! is the only place that does. A [`Walker`] says where bits, fields and records come from and what becomes
//! of calls. So everything that follows a run goes through here:
//!
//! | walker | decisions come from | records | it stops |
//! |---|---|---|---|
//! | replay (`replay/walk.rs`) | a whole trace | pulled in order | at records, at the end of an invocation |
//! | what replay remembers (`explore.rs`) | the next few | it stops there | at what it cannot foresee |
//! | the counter (`tracer/instruction_counter.rs`) | chunks of the run | passed over | where decisions end |
//!
//! A walker implements [`Walker`] and loops:
//!
//! ```ignore
//! loop {
//!     let Block { exit, .. } = blocks[block];
//!     // ... evaluate the instructions of the block here ...
//!     block = step(&mut walker, block, exit)?;
//! }
//! ```
//!
//! One that evaluates operands has the choice. It reads the stream in [`Walker::bit`] and compares it with
//! the operand, or it answers from the operand and reads no stream at all. One that only wants to look on
//! needs no walker: it is a [`Visitor`](super::Visitor) of replay.
//!
//! PERF: everything is inlined into the walker's loop; a walker that holds its state by value keeps it in
//! registers.

use wasmspoor_hooks::recorder::stream;

use crate::module::{Exit, Meeting, PadExit, tags::Tags};

use super::CallKind;

/// Follows a run through the code.
///
/// A method that gives a block gives the one that is next. `from` is always the block that was left.
pub(crate) trait Walker {
    /// A block, as the walker's exits name it.
    type Block: Copy;
    /// A defined function, as the walker's exits name it.
    type Func: Copy;
    /// Why the walk cannot go on here: an error, an end, a pause.
    type Stop;

    /// The block after `block` in the code.
    fn next(block: Self::Block) -> Self::Block;

    /// Reads one bit.
    fn bit(&mut self) -> Result<bool, Self::Stop>;

    /// Reads a field of `width` bits.
    fn field(&mut self, width: u32) -> Result<u64, Self::Stop>;

    /// The next bits of the stream, the first one highest. There are at least two of them if a target of more
    /// than one bit is next.
    fn ahead(&self) -> u64;

    /// The key of the target before; 0 before the first.
    fn last_target(&self) -> u32;

    /// The target with this key: a defined function or, as `None`, one of the host. It is the last target
    /// from now on.
    fn resolve(&mut self, key: u32) -> Result<Option<Self::Func>, Self::Stop>;

    /// Reads a target: the key of a function.
    #[inline(always)]
    fn target(&mut self) -> Result<u32, Self::Stop> {
        let field = self.field(stream::target_bits(self.ahead()))?;
        Ok(stream::read_target(field, self.last_target()))
    }

    /// Number of labels of a `br_table`, the default included.
    fn labels(&self, table: u32) -> Result<u32, Self::Stop>;

    /// A `br_table` took the label at `index`, which is in range.
    fn label(&mut self, from: Self::Block, table: u32, index: u32) -> Result<Self::Block, Self::Stop>;

    /// A branch that names one label. `taken`: it is unconditional or its condition is not zero.
    #[inline(always)]
    fn branch(&mut self, _from: Self::Block, _taken: bool) {}

    /// A step that reads nothing: the place to bound their number.
    #[inline(always)]
    fn silent(&mut self) -> Result<(), Self::Stop> {
        Ok(())
    }

    /// Asked between a decision and the call that it belongs to: the invocation may end there.
    #[inline(always)]
    fn decided(&mut self) -> Result<(), Self::Stop> {
        Ok(())
    }

    /// The key of the function that an atomic operator of this kind may ask; `None` if it asks nobody.
    fn meeting(&self, meeting: Meeting) -> Option<u32>;

    /// A defined function is called.
    fn call(&mut self, from: Self::Block, call: Call<Self::Func>) -> Result<Self::Block, Self::Stop>;

    /// A host function is called, whose record is next.
    fn host(&mut self, from: Self::Block, call: Call<u32>) -> Result<Self::Block, Self::Stop>;

    /// The frame returns.
    fn leave(&mut self, from: Self::Block) -> Result<Self::Block, Self::Stop>;

    /// An exception is thrown: [`thrown`] says what is read, [`land`] where it goes. Rare, so a walker stops
    /// for it.
    fn throw(&mut self, from: Self::Block) -> Result<Self::Block, Self::Stop>;

    /// A growth or a bulk operation, whose record is next, ran.
    fn record(&mut self, from: Self::Block) -> Result<Self::Block, Self::Stop>;

    /// The stream does not fit the code.
    fn misfit(misfit: Misfit) -> Self::Stop;
}

/// A call of the function `callee`: of a host function by its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<F> {
    pub(crate) callee: F,
    pub(crate) kind: CallKind,
    /// It replaces the frame of its caller.
    pub(crate) is_tail: bool,
}

/// What a stream cannot say of this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// An unconditional branch is not taken.
    NotTaken,
    /// A `br_table` takes a label that it does not have.
    TableIndex { index: u64, labels: u32 },
    /// Control goes on after `unreachable`.
    PassedUnreachable,
}

/// Leaves block `from` by its exit; gives the block that is next.
#[inline(always)]
pub(crate) fn step<W: Walker>(
    walker: &mut W,
    from: W::Block,
    exit: Exit<W::Block, W::Func>,
) -> Result<W::Block, W::Stop> {
    match exit {
        Exit::Next => walker.silent().map(|()| W::next(from)),
        Exit::Skip(to) => walker.silent().map(|()| to),
        Exit::Br(to) => {
            walker.silent()?;
            walker.branch(from, true);
            Ok(to)
        }
        Exit::BrLoop(to) => {
            always_taken(walker)?;
            walker.branch(from, true);
            Ok(to)
        }
        Exit::BrIf(to) | Exit::BrOn(to) => {
            let bit = walker.bit()?;
            walker.branch(from, bit);
            Ok(if bit { to } else { W::next(from) })
        }
        Exit::If(to) => {
            let bit = walker.bit()?;
            walker.branch(from, !bit);
            Ok(if bit { to } else { W::next(from) })
        }
        Exit::BrTable(table) => branch_table(walker, from, table),
        Exit::End | Exit::Return => walker.leave(from),
        Exit::Unreachable => Err(W::misfit(Misfit::PassedUnreachable)),
        Exit::Call(callee) => walker.call(from, Call { callee, kind: CallKind::Direct, is_tail: false }),
        Exit::ReturnCall(callee) => {
            always_taken(walker)?;
            walker.decided()?;
            walker.call(from, Call { callee, kind: CallKind::Direct, is_tail: true })
        }
        Exit::CallImport(_) => call_target(walker, from, CallKind::Import, false),
        Exit::CallIndirect | Exit::CallRef => call_target(walker, from, CallKind::Indirect, false),
        Exit::ReturnCallImport(_) => call_target(walker, from, CallKind::Import, true),
        Exit::ReturnCallIndirect | Exit::ReturnCallRef => call_target(walker, from, CallKind::Indirect, true),
        Exit::Grow | Exit::Bulk => walker.record(from),
        Exit::Atomic(meeting) => match walker.meeting(meeting) {
            None => walker.silent().map(|()| W::next(from)),
            Some(key) if !walker.bit()? => {
                walker.decided()?;
                walker.host(from, Call { callee: key, kind: CallKind::Import, is_tail: false })
            }
            Some(_) => Ok(W::next(from)),
        },
        Exit::Throw => walker.throw(from),
        // Landing pads are passed by `land`. The engine lacks the other: a run ends where it comes to one.
        Exit::Catch(_) | Exit::Switch(_) => Err(W::misfit(Misfit::PassedUnreachable)),
    }
}

/// Follows an exception from where it is thrown to where it is caught. No decision is read on the way.
pub(crate) trait Unwinder {
    type Block: Copy;
    type Stop;

    /// The landing pad of what comes out of block `at`.
    fn pad(&self, at: Self::Block) -> Option<Self::Block>;

    /// Passes a landing pad, from a block that has it; gives the way out that an exception with this number
    /// takes.
    fn pass(
        &mut self,
        from: Self::Block,
        pad: Self::Block,
        tag: u32,
    ) -> Result<PadExit<Self::Block>, Self::Stop>;

    /// The frame is left at block `at`; gives the block of the one below that called.
    fn leave(&mut self, at: Self::Block) -> Result<Self::Block, Self::Stop>;
}

/// Where an exception is caught.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Landed<B> {
    /// The landing pad from which control goes on.
    pub(crate) pad: B,
    /// The handler.
    pub(crate) to: B,
    /// Whether it is a loop around: one bit is read before control goes there.
    pub(crate) is_loop: bool,
}

/// Bits that say which of `tags` is thrown by a block that throws the tag with this index, if the code says
/// so. Else the number of the tag.
pub(crate) fn thrown(tags: &Tags, index: Option<u32>) -> Result<u32, u32> {
    index.and_then(|index| tags.number(index)).ok_or(tags.bits())
}

/// Follows an exception with this number that block `from` throws.
pub(crate) fn land<U: Unwinder>(
    unwinder: &mut U,
    from: U::Block,
    tag: u32,
) -> Result<Landed<U::Block>, U::Stop> {
    let mut at = from;
    loop {
        let mut pad = unwinder.pad(at);
        while let Some(here) = pad {
            let from = std::mem::replace(&mut at, here);
            pad = match unwinder.pass(from, here, tag)? {
                PadExit::Handler(to) => return Ok(Landed { pad: here, to, is_loop: false }),
                PadExit::Loop(to) => return Ok(Landed { pad: here, to, is_loop: true }),
                PadExit::Around(around) => Some(around),
                PadExit::Out => None,
            };
        }
        at = unwinder.leave(at)?;
    }
}

/// Reads the bit of a branch that has no condition.
#[inline(always)]
fn always_taken<W: Walker>(walker: &mut W) -> Result<(), W::Stop> {
    match walker.bit()? {
        true => Ok(()),
        false => Err(W::misfit(Misfit::NotTaken)),
    }
}

#[inline(always)]
fn branch_table<W: Walker>(walker: &mut W, from: W::Block, table: u32) -> Result<W::Block, W::Stop> {
    let labels = walker.labels(table)?;
    let index = walker.field(stream::index_bits(labels))?;
    match u32::try_from(index).ok().filter(|&index| index < labels) {
        Some(index) => walker.label(from, table, index),
        None => Err(W::misfit(Misfit::TableIndex { index, labels })),
    }
}

/// A call whose callee stands in the stream.
#[inline(always)]
fn call_target<W: Walker>(
    walker: &mut W,
    from: W::Block,
    kind: CallKind,
    is_tail: bool,
) -> Result<W::Block, W::Stop> {
    let key = walker.target()?;
    let callee = walker.resolve(key)?;
    walker.decided()?;
    match callee {
        Some(callee) => walker.call(from, Call { callee, kind, is_tail }),
        None => walker.host(from, Call { callee: key, kind, is_tail }),
    }
}
