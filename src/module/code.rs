//! The code of one function as basic blocks, in the form that replay walks.
//!
//! Two flat arrays: instructions in file order (dead code included, `end` and `else` left out), and blocks
//! over them in the same order (reachable code only). A block that goes on does so at the next one, so most
//! exits name one block or none.
//!
//! A block ends after every instruction that takes a way, calls, or pulls a record. It also ends before every
//! place that a branch leads to. It may be empty: an empty `then` arm, or the end of a function when branches
//! lead there.
//!
//! Exceptions go over *landing pads*: a `try` or `try_table` whose body can throw has one, an empty block
//! behind the body (the instruction of a `delegate` stands in it). Each block of the body that can throw
//! leads there. From there one edge leads to each handler, and one to the landing pad around unless a handler
//! takes everything. So the edges stay linear in the code, however deep handlers nest.

use std::{ops::Range, sync::OnceLock};

use super::{BlockIndex, CodeOffset, FuncIndex, OpIndex, Opcode, tags::Tags};

/// An instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op {
    /// Where it stands in the module file.
    pub offset: CodeOffset,
    /// What it is.
    pub opcode: Opcode,
}

/// How control leaves a block. "The next" is the block with the next index.
///
/// Code that numbers blocks and defined functions in another way names them so: `B` is a block, `F` a
/// function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit<B = BlockIndex, F = FuncIndex> {
    /// To the next; no instruction says so.
    Next,
    /// From a `then` arm past the `else` arm; no instruction says so.
    Skip(B),
    /// The function ends without an instruction.
    End,
    /// `return`.
    Return,
    /// `unreachable`.
    Unreachable,
    /// `br`, or `br_table` with equal labels, to a label that is not a loop.
    Br(B),
    /// `br`, or `br_table` with equal labels, to a loop. Reads one bit.
    BrLoop(B),
    /// `br_if`: here if taken, else the next. Reads one bit, 1 when taken.
    BrIf(B),
    /// `if`: the next is the `then` arm, this is the `else` arm or what follows. Reads one bit, 0 for the
    /// `then` arm.
    If(B),
    /// `br_table` with labels that differ. Reads the index, in as many bits as the number of labels needs.
    BrTable(u32),
    /// `call` of a defined function, then the next.
    Call(F),
    /// `call` of an imported function, then the next. Reads a target.
    CallImport(FuncIndex),
    /// `call_indirect`, then the next. Reads a target.
    CallIndirect,
    /// `return_call` of a defined function. Reads one bit.
    ReturnCall(F),
    /// `return_call` of an imported function. Reads a target.
    ReturnCallImport(FuncIndex),
    /// `return_call_indirect`. Reads a target.
    ReturnCallIndirect,
    /// `memory.grow` or `table.grow`, then the next. Pulls a record.
    Grow,
    /// A bulk operation on memories or tables, then the next. Pulls a record.
    Bulk,
    /// An atomic operator of a module that begins threads, or a `loop` in which one may spin, then the next.
    /// Reads one bit: 0 where the host is asked first.
    Atomic(Meeting),
    /// `call_ref`, then the next. Reads a target.
    CallRef,
    /// `return_call_ref`. Reads a target.
    ReturnCallRef,
    /// `br_on_null`, `br_on_cast` and their kin: here if taken, else the next. Reads one bit, 1 when taken.
    BrOn(B),
    /// `throw`, `throw_ref` or `rethrow`: to the landing pad, else out of the function. All but the first
    /// read the number of the tag, in as many bits as the number of tags needs.
    Throw,
    /// A landing pad: to a handler or the landing pad around, in [`Code::pads`]; else out of the function. To
    /// a loop it reads one bit.
    Catch(u32),
    /// `resume`, `suspend` and their kin: the next, or a handler of what was resumed, in [`Code::pads`].
    Switch(u32),
}

/// What an atomic operator or a `loop` asks of the host of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// To wait until it is told.
    Wait,
    /// To tell those that wait.
    Notify,
    /// Whether another thread goes on.
    Pass,
    /// Whether one does, of a loop in which this one may wait for it.
    Round,
}

impl Meeting {
    /// How many there are: each is a function of its own.
    pub(crate) const COUNT: u32 = Self::ALL.len() as u32;

    /// All, in the order of these functions.
    pub(crate) const ALL: [Self; 4] = [Self::Wait, Self::Notify, Self::Pass, Self::Round];
}

impl Exit {
    /// Whether exceptions can come out of it. Those of a tail call come out of the caller.
    pub fn can_throw(self) -> bool {
        matches!(
            self,
            Self::Call(_)
                | Self::CallImport(_)
                | Self::CallIndirect
                | Self::CallRef
                | Self::Throw
                | Self::Switch(_)
        )
    }

    /// Whether the engine runs and records it.
    pub fn is_recorded(self) -> bool {
        !matches!(self, Self::Throw | Self::Catch(_) | Self::Switch(_))
    }
}

impl<B, F> Exit<B, F> {
    /// The same exit with other names for blocks and defined functions.
    pub fn map<C, G>(self, block: impl Fn(B) -> C, func: impl Fn(F) -> G) -> Exit<C, G> {
        match self {
            Self::Next => Exit::Next,
            Self::Skip(to) => Exit::Skip(block(to)),
            Self::End => Exit::End,
            Self::Return => Exit::Return,
            Self::Unreachable => Exit::Unreachable,
            Self::Br(to) => Exit::Br(block(to)),
            Self::BrLoop(to) => Exit::BrLoop(block(to)),
            Self::BrIf(to) => Exit::BrIf(block(to)),
            Self::If(to) => Exit::If(block(to)),
            Self::BrTable(table) => Exit::BrTable(table),
            Self::Call(callee) => Exit::Call(func(callee)),
            Self::CallImport(import) => Exit::CallImport(import),
            Self::CallIndirect => Exit::CallIndirect,
            Self::ReturnCall(callee) => Exit::ReturnCall(func(callee)),
            Self::ReturnCallImport(import) => Exit::ReturnCallImport(import),
            Self::ReturnCallIndirect => Exit::ReturnCallIndirect,
            Self::Grow => Exit::Grow,
            Self::Bulk => Exit::Bulk,
            Self::Atomic(meeting) => Exit::Atomic(meeting),
            Self::CallRef => Exit::CallRef,
            Self::ReturnCallRef => Exit::ReturnCallRef,
            Self::BrOn(to) => Exit::BrOn(block(to)),
            Self::Throw => Exit::Throw,
            Self::Catch(pad) => Exit::Catch(pad),
            Self::Switch(pad) => Exit::Switch(pad),
        }
    }
}

/// Instructions that run in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// First instruction.
    pub first: OpIndex,
    /// Number of instructions.
    pub len: u32,
    /// What comes after them.
    pub exit: Exit,
}

impl Block {
    /// The instructions, as positions in [`Code::ops`].
    pub fn range(&self) -> Range<usize> {
        self.first.position()..self.first.position() + self.len as usize
    }
}

/// The labels of a `br_table`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchTable {
    /// First label in the function's list of labels.
    pub(super) first: u32,
    /// Number of labels, the default included; at least 2.
    pub(super) len: u32,
}

/// Blocks in a row that run as one, since each leads to one other only. A hundred thousand empty blocks
/// before a decision take one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The first block that decides, calls, leads back or leads nowhere.
    pub end: BlockIndex,
    /// Instructions before it.
    pub len: u64,
}

/// Which exceptions a way out of a landing pad takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Those with the tag of this index.
    Tag(u32),
    /// All: it leads to a handler.
    All,
    /// What no other way took: it leads to the landing pad around.
    Rest,
}

/// A way out of a landing pad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PadExit<B> {
    /// To a handler.
    Handler(B),
    /// To a handler that is a loop around.
    Loop(B),
    /// To the landing pad around.
    Around(B),
    /// Out of the function.
    Out,
}

impl<B: PartialOrd> PadExit<B> {
    /// The way out of the landing pad at block `at` to the block that `found` says, and what the way takes.
    pub(crate) fn of(at: &B, found: Option<(B, Takes)>) -> Self {
        match found {
            None => Self::Out,
            Some((to, Takes::Rest)) => Self::Around(to),
            // Only a loop around stands before what is in it.
            Some((to, _)) if to <= *at => Self::Loop(to),
            Some((to, _)) => Self::Handler(to),
        }
    }
}

/// Where a landing pad or an [`Exit::Switch`] leads.
#[derive(Debug, Clone)]
pub(super) struct Pad {
    /// As a range of [`Ways::labels`].
    pub(super) labels: Range<u32>,
    /// Of a landing pad: the first of as many in [`Ways::takes`].
    pub(super) takes: Option<u32>,
}

impl Pad {
    /// Of a landing pad: what its ways take, as a range of [`Ways::takes`].
    fn taken(&self) -> Option<Range<usize>> {
        let first = self.takes? as usize;
        Some(first..first + self.labels.len())
    }
}

/// A way out of a landing pad, by what it takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caught {
    /// The number of the tag, or [`ANY`].
    tag: u32,
    /// Its position among the ways of the landing pad.
    way: u32,
}

/// More than the number of any tag: what takes all that comes to it, which is the last way.
const ANY: u32 = u32::MAX;

/// Of a tag that is not there.
const NONE: u32 = ANY - 1;

/// A decoded function body.
#[derive(Debug, Clone)]
pub struct Code {
    pub(super) body: Range<u32>,
    pub(super) ops: Box<[Op]>,
    pub(super) blocks: Box<[Block]>,
    /// Absent in most functions, of which a module can have a million.
    pub(super) ways: Option<Box<Ways>>,
    /// Made when first asked for: only counting while a sample runs asks.
    pub(super) chains: OnceLock<Box<[Chain]>>,
}

/// Where blocks lead that can lead to more than two.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways {
    pub(super) tables: Box<[BranchTable]>,
    pub(super) labels: Box<[BlockIndex]>,
    /// Where landing pads and [`Exit::Switch`] lead.
    pub(super) pads: Box<[Pad]>,
    /// What the ways out of landing pads take.
    pub(super) takes: Box<[Takes]>,
    /// The same ways, as many, by the number of their tag. The list is made when an exception is first
    /// followed.
    pub(super) sorted: OnceLock<Box<[Caught]>>,
    /// Blocks that can throw, ascending, each with its landing pad.
    pub(super) throws: Box<[(BlockIndex, BlockIndex)]>,
    /// Blocks that end with a `throw`, ascending, each with the index of its tag.
    pub(super) thrown: Box<[(BlockIndex, u32)]>,
}

impl Ways {
    /// `None` if there is nothing to say.
    pub(super) fn boxed(self) -> Option<Box<Self>> {
        let is_empty = self.tables.is_empty()
            && self.pads.is_empty()
            && self.throws.is_empty()
            && self.thrown.is_empty();
        (!is_empty).then(|| Box::new(self))
    }

    /// The ways out of each landing pad by the numbers of their tags, the first of equal ones first.
    fn sort(&self, tags: &Tags) -> Box<[Caught]> {
        let mut sorted = vec![Caught { tag: ANY, way: 0 }; self.takes.len()];
        for range in self.pads.iter().filter_map(Pad::taken) {
            let takes = self.takes.get(range.clone()).unwrap_or_default();
            let sorted = sorted.get_mut(range).unwrap_or_default();
            for ((caught, takes), way) in sorted.iter_mut().zip(takes).zip(0..) {
                let tag = match takes {
                    Takes::Tag(index) => tags.number(*index).unwrap_or(NONE),
                    Takes::All | Takes::Rest => ANY,
                };
                *caught = Caught { tag, way };
            }
            sorted.sort_by_key(|caught| caught.tag);
        }
        sorted.into()
    }
}

impl Code {
    /// First byte of the body (its local declarations); offsets in a body count from here.
    pub fn start(&self) -> CodeOffset {
        CodeOffset(self.body.start)
    }

    /// The bytes of the body, as a range in the module file.
    pub fn body(&self) -> Range<u32> {
        self.body.clone()
    }

    /// All instructions in file order, dead code included.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The blocks that can be reached, in file order; the first is the entry. Never empty.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The chain that begins with each block; of a block that does not lead to one other, itself.
    pub fn chains(&self) -> &[Chain] {
        self.chains.get_or_init(|| {
            let mut chains: Box<[Chain]> =
                (0..).zip(&self.blocks).map(|(index, _)| Chain { end: BlockIndex(index), len: 0 }).collect();
            // They lead forward.
            for (index, &Block { len, exit, .. }) in self.blocks.iter().enumerate().rev() {
                let to = match exit {
                    Exit::Next => index + 1,
                    Exit::Skip(to) | Exit::Br(to) => to.position(),
                    _ => continue,
                };
                if let Some(&next) = chains.get(to).filter(|_| to > index)
                    && let Some(chain) = chains.get_mut(index)
                {
                    *chain = Chain { end: next.end, len: next.len + u64::from(len) };
                }
            }
            chains
        })
    }

    /// The tables that [`Exit::BrTable`] counts.
    pub fn tables(&self) -> &[BranchTable] {
        self.ways.as_ref().map_or(&[], |ways| &ways.tables)
    }

    /// Whether some block leads to places that [`labels`](Self::labels) or [`pads`](Self::pads) list.
    pub(super) fn has_labels(&self) -> bool {
        self.ways.as_ref().is_some_and(|ways| !ways.tables.is_empty() || !ways.pads.is_empty())
    }

    /// The labels of a table, the default last.
    pub fn labels(&self, table: &BranchTable) -> &[BlockIndex] {
        self.listed(table.first as usize..table.first as usize + table.len as usize)
    }

    /// Where [`Exit::Catch`] or [`Exit::Switch`] number `pad` leads, beside the next; a place may be named
    /// more than once.
    pub fn pads(&self, pad: u32) -> &[BlockIndex] {
        let pad = self.ways.as_ref().and_then(|ways| ways.pads.get(pad as usize));
        self.listed(pad.map_or(0..0, |pad| pad.labels.start as usize..pad.labels.end as usize))
    }

    /// The way of an exception out of landing pad number `pad` of an [`Exit::Catch`], and what the way takes.
    /// The exception has this number of a tag. `None` if it leaves the function.
    ///
    /// PERF: a landing pad may have as many ways as the body has bytes, and may be passed at each turn of a
    /// loop. So ways are looked up and not gone through.
    pub(crate) fn way(&self, tags: &Tags, pad: u32, tag: u32) -> Option<(BlockIndex, Takes)> {
        let ways = self.ways.as_ref()?;
        let pad = ways.pads.get(pad as usize)?;
        let range = pad.taken()?;
        let sorted = ways.sorted.get_or_init(|| ways.sort(tags)).get(range.clone())?;
        let first = sorted.partition_point(|caught| caught.tag < tag);
        let fits = sorted.get(first).filter(|caught| caught.tag == tag);
        let way = fits.or(sorted.last().filter(|caught| caught.tag == ANY))?.way as usize;
        Some((*ways.labels.get(pad.labels.start as usize + way)?, *ways.takes.get(range.start + way)?))
    }

    /// Index of the tag of the `throw` that block `index` ends with; `None` if it ends otherwise, with
    /// `throw_ref` or `rethrow` too.
    pub fn thrown(&self, index: BlockIndex) -> Option<u32> {
        let thrown = &self.ways.as_ref()?.thrown;
        let position = thrown.binary_search_by_key(&index, |(block, _)| *block).ok()?;
        thrown.get(position).map(|(_, tag)| *tag)
    }

    fn listed(&self, range: Range<usize>) -> &[BlockIndex] {
        self.ways.as_ref().and_then(|ways| ways.labels.get(range)).unwrap_or_default()
    }

    /// The landing pad of exceptions out of block `index`; `None` if it throws none or they leave the
    /// function.
    pub fn landing_pad(&self, index: BlockIndex) -> Option<BlockIndex> {
        let throws = &self.ways.as_ref()?.throws;
        let position = throws.binary_search_by_key(&index, |(block, _)| *block).ok()?;
        throws.get(position).map(|(_, pad)| *pad)
    }

    /// The blocks that control can go to from block `index`, without calls and returns. A table names each
    /// label once for each index.
    pub fn successors(&self, index: BlockIndex) -> impl Iterator<Item = BlockIndex> + '_ {
        let next = BlockIndex(index.0 + 1);
        let exit = self.blocks.get(index.position()).map_or(Exit::End, |block| block.exit);
        let (first, second, labels) = match exit {
            Exit::Skip(to) | Exit::Br(to) | Exit::BrLoop(to) => (Some(to), None, &[][..]),
            Exit::BrIf(to) | Exit::If(to) | Exit::BrOn(to) => (Some(next), Some(to), &[][..]),
            Exit::Catch(pad) => (None, None, self.pads(pad)),
            Exit::Switch(pad) => (Some(next), None, self.pads(pad)),
            Exit::BrTable(table) => {
                (None, None, self.tables().get(table as usize).map_or(&[][..], |t| self.labels(t)))
            }
            Exit::Next
            | Exit::Grow
            | Exit::Bulk
            | Exit::Atomic(_)
            | Exit::Call(_)
            | Exit::CallImport(_)
            | Exit::CallIndirect
            | Exit::CallRef => (Some(next), None, &[][..]),
            _ => (None, None, &[][..]),
        };
        let pad = self.landing_pad(index);
        first.into_iter().chain(second).chain(labels.iter().copied()).chain(pad)
    }
}
