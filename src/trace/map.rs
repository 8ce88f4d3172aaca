//! The code that replay walks: the blocks of all functions that ran, in one flat array.
//!
//! A function is copied from its module's [`Code`] when it is first entered, once for each instance. Its
//! blocks get consecutive numbers, so a frame of the call stack is one number, and a visitor that counts
//! needs one array.
//!
//! PERF: a block is 12 bytes, and an exit names one block. Owners and tables stand aside, as only rare paths
//! and visitors ask for them.

use std::{fmt, ops::Range, sync::Arc};

use crate::module::{
    BlockIndex, Code, CodeOffset, Exit, FuncIndex, Meeting, Module, Op, PadExit, tags::Tags,
};

use super::limits::{MAX_BLOCKS, MAX_FUNCTIONS};
use super::{FuncKey, InstanceIndex, Meetings, ReplayErrorKind, Trace};

/// A block without its instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlatBlock {
    pub(super) len: u32,
    pub(super) exit: FlatExit,
}

/// An exit with blocks by number, defined functions by slot, and tables by their place in
/// [`CodeMap::tables`].
pub(super) type FlatExit = Exit<u32, u32>;

/// The labels of a `br_table`, a range of [`CodeMap::labels`].
#[derive(Debug, Clone, Copy)]
pub(super) struct FlatTable {
    pub(super) first: u32,
    pub(super) len: u32,
}

/// A function that was entered.
struct Loaded<'t> {
    instance: InstanceIndex,
    func: FuncIndex,
    key: FuncKey,
    module: &'t Arc<Module>,
    code: &'t Code,
    /// Number of its first block.
    first_block: u32,
}

/// To whom a block belongs.
#[derive(Clone, Copy)]
struct Owner {
    loaded: u32,
    /// Its first instruction in the code of the function.
    first_op: u32,
}

/// The functions that one instance defines.
struct Span<'t> {
    instance: InstanceIndex,
    module: &'t Arc<Module>,
    keys: Range<u32>,
    first_slot: u32,
}

/// What a key leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// The slot of a defined function.
    Slot(u32),
    Host,
}

/// All code that ran so far.
pub(super) struct CodeMap<'t> {
    trace: &'t Trace,
    /// The functions that atomic operators and loops ask.
    meetings: Option<Meetings>,
    /// By first key.
    spans: Vec<Span<'t>>,
    /// For each slot (a defined function of an instance) its first block plus 1, or 0 if it was not entered.
    entries: Vec<u32>,
    pub(super) blocks: Vec<FlatBlock>,
    owners: Vec<Owner>,
    pub(super) tables: Vec<FlatTable>,
    pub(super) labels: Vec<u32>,
    loaded: Vec<Loaded<'t>>,
}

impl fmt::Debug for CodeMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeMap").field("functions", &self.loaded.len()).finish_non_exhaustive()
    }
}

impl<'t> CodeMap<'t> {
    pub(super) fn new(trace: &'t Trace) -> Result<Self, ReplayErrorKind> {
        let mut spans = Vec::with_capacity(trace.instances.len());
        let mut slots = 0u32;
        for (index, instance) in (0u32..).zip(&trace.instances) {
            let modules = trace.modules.len();
            let unknown = ReplayErrorKind::UnknownModule { module: instance.module, modules };
            let module = trace.modules.get(instance.module).ok_or(unknown)?;
            let (first, defined) = (instance.first_key, module.defined_functions());
            let end = first.0.checked_add(defined).ok_or(ReplayErrorKind::KeyClash { key: first })?;
            let (instance, keys) = (InstanceIndex(index), first.0..end);
            spans.push(Span { instance, module, keys, first_slot: slots });
            let total = slots.checked_add(defined).filter(|&slots| slots <= MAX_FUNCTIONS);
            slots = total.ok_or(ReplayErrorKind::TooMuchCode { limit: MAX_FUNCTIONS })?;
        }
        spans.sort_by_key(|span| (span.keys.start, span.keys.end));
        if let Some(pair) = spans.windows(2).find(|pair| pair[0].keys.end > pair[1].keys.start) {
            return Err(ReplayErrorKind::KeyClash { key: FuncKey(pair[1].keys.start) });
        }
        let (blocks, owners, tables, labels, loaded) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let meetings = trace.meetings();
        Ok(Self {
            trace,
            meetings,
            spans,
            entries: vec![0; slots as usize],
            blocks,
            owners,
            tables,
            labels,
            loaded,
        })
    }

    /// The key of the function that is asked so.
    #[inline(always)]
    pub(super) fn meeting(&self, meeting: Meeting) -> Option<u32> {
        self.meetings?.key(meeting).map(|key| key.0)
    }

    /// What a key leads to.
    pub(super) fn destination(&self, key: FuncKey) -> Result<Destination, ReplayErrorKind> {
        let position = self.spans.partition_point(|span| span.keys.end <= key.0);
        match self.spans.get(position) {
            Some(span) if span.keys.contains(&key.0) => {
                Ok(Destination::Slot(span.first_slot + (key.0 - span.keys.start)))
            }
            _ if self.trace.hosts.contains_key(&key) => Ok(Destination::Host),
            _ => Err(ReplayErrorKind::UnknownKey { key }),
        }
    }

    /// The first block of the function in `slot`, if it was entered before.
    #[inline(always)]
    pub(super) fn entry(&self, slot: u32) -> Option<u32> {
        self.entries.get(slot as usize)?.checked_sub(1)
    }

    /// The instance whose functions `slot` is among.
    fn span(&self, slot: u32) -> Option<&Span<'t>> {
        let belongs =
            |span: &&Span<'_>| slot.checked_sub(span.first_slot).is_some_and(|n| n < span.keys.len() as u32);
        self.spans.iter().find(belongs)
    }

    /// Copies the tables of labels of a function whose first block is that.
    fn load_tables(&mut self, code: &Code, first_block: u32) {
        for table in code.tables() {
            let labels = code.labels(table);
            let first = self.labels.len() as u32;
            self.tables.push(FlatTable { first, len: labels.len() as u32 });
            self.labels.extend(labels.iter().map(|label| first_block + label.0));
        }
    }

    /// Copies the code of the function in `slot`; gives its first block.
    #[cold]
    pub(super) fn load(&mut self, slot: u32) -> Result<u32, ReplayErrorKind> {
        let span = self.span(slot).ok_or(ReplayErrorKind::TooMuchCode { limit: MAX_FUNCTIONS })?;
        let (module, instance, first_slot) = (span.module, span.instance, span.first_slot);
        let key = FuncKey(span.keys.start + (slot - first_slot));
        let func = FuncIndex(module.imported_functions() + (slot - first_slot));
        let code = module.code(func).map_err(ReplayErrorKind::Code)?;
        let first_block = self.blocks.len() as u32;
        let labels: usize = code.tables().iter().map(|table| code.labels(table).len()).sum();
        if (self.blocks.len() + code.blocks().len()).max(self.labels.len() + labels) > MAX_BLOCKS as usize {
            return Err(ReplayErrorKind::TooMuchCode { limit: MAX_BLOCKS });
        }
        let slot_of = |callee: FuncIndex| first_slot + (callee.0 - module.imported_functions());
        let (first_table, loaded) = (self.tables.len() as u32, self.loaded.len() as u32);
        for block in code.blocks() {
            let exit = flatten(block.exit, first_block, first_table, slot_of);
            self.blocks.push(FlatBlock { len: block.len, exit });
            self.owners.push(Owner { loaded, first_op: block.first.0 });
        }
        self.load_tables(code, first_block);
        self.loaded.push(Loaded { instance, func, key, module, code, first_block });
        self.entries[slot as usize] = first_block + 1;
        Ok(first_block)
    }

    /// Of block `number`: instance, function, and its instructions up to `len`.
    pub(super) fn instructions(&self, number: u32, len: u32) -> (InstanceIndex, FuncIndex, &'t [Op]) {
        let owner = self.owners[number as usize];
        let loaded = &self.loaded[owner.loaded as usize];
        let first = owner.first_op as usize;
        (loaded.instance, loaded.func, &loaded.code.ops()[first..first + len as usize])
    }

    pub(super) fn run(&self, number: u32) -> ExecutedBlock<'_> {
        ExecutedBlock { map: self, number, len: self.blocks[number as usize].len }
    }

    /// The key of the function that block `number` belongs to, and the block's index there.
    pub(super) fn place(&self, number: u32) -> (FuncKey, u32) {
        let loaded = &self.loaded[self.owners[number as usize].loaded as usize];
        (loaded.key, number - loaded.first_block)
    }

    /// The number of the block with this index in the function whose first block is number `first`, if it has
    /// that many.
    pub(super) fn block_of(&self, first: u32, block: u32) -> Option<u32> {
        let number = first.checked_add(block)?;
        let owner = |number: u32| self.owners.get(number as usize).map(|owner| owner.loaded);
        (owner(number)? == owner(first)?).then_some(number)
    }
}

/// What only exceptions ask for.
impl CodeMap<'_> {
    fn loaded(&self, number: u32) -> &Loaded<'_> {
        &self.loaded[self.owners[number as usize].loaded as usize]
    }

    /// The tags of the module of block `number`, and the index of the tag that it throws, if the code says
    /// so.
    pub(super) fn thrown(&self, number: u32) -> (&Tags, Option<u32>) {
        let loaded = self.loaded(number);
        (loaded.module.tags(), loaded.code.thrown(BlockIndex(number - loaded.first_block)))
    }

    /// The landing pad of what comes out of block `number`.
    pub(super) fn landing_pad(&self, number: u32) -> Option<u32> {
        let loaded = self.loaded(number);
        let pad = loaded.code.landing_pad(BlockIndex(number - loaded.first_block))?;
        Some(loaded.first_block + pad.0)
    }

    /// Where an exception with this tag goes from landing pad `number`.
    pub(super) fn way(&self, number: u32, tag: u32) -> PadExit<u32> {
        let (loaded, exit) = (self.loaded(number), self.blocks[number as usize].exit);
        let Exit::Catch(pad) = exit else { return PadExit::Out };
        let way = loaded.code.way(loaded.module.tags(), pad, tag);
        PadExit::of(&number, way.map(|(to, takes)| (loaded.first_block + to.0, takes)))
    }
}

fn flatten(exit: Exit, first_block: u32, first_table: u32, slot_of: impl Fn(FuncIndex) -> u32) -> FlatExit {
    match exit.map(|block| first_block + block.0, slot_of) {
        Exit::BrTable(table) => Exit::BrTable(first_table + table),
        exit => exit,
    }
}

/// A block that ran, up to an instruction: usually its last. Costs nothing until it is asked.
#[derive(Clone, Copy)]
pub struct ExecutedBlock<'r> {
    pub(super) map: &'r CodeMap<'r>,
    pub(super) number: u32,
    pub(super) len: u32,
}

impl fmt::Debug for ExecutedBlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (instance, func, ops) = self.map.instructions(self.number, self.len);
        f.debug_struct("ExecutedBlock")
            .field("instance", &instance)
            .field("func", &func)
            .field("ops", &ops)
            .finish()
    }
}

impl<'r> ExecutedBlock<'r> {
    /// Number of the block in this replay: the first block of its function
    /// ([`ExecutedFunction::first_block`]) plus its index there.
    #[inline(always)]
    pub fn number(self) -> usize {
        self.number as usize
    }

    /// Number of instructions that ran; 0 for an empty block.
    #[inline(always)]
    pub fn len(self) -> u32 {
        self.len
    }

    /// Whether no instruction ran.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The function.
    pub fn function(self) -> ExecutedFunction<'r> {
        ExecutedFunction { map: self.map, block: self.number }
    }

    /// The block in the code of its function.
    pub fn block(self) -> BlockIndex {
        BlockIndex(self.number - self.function().loaded().first_block)
    }

    /// The instructions that ran.
    pub fn ops(self) -> &'r [Op] {
        self.map.instructions(self.number, self.len).2
    }

    /// The last instruction that ran.
    pub fn last(self) -> Option<Op> {
        self.ops().last().copied()
    }

    /// Where the last instruction stands.
    pub fn offset(self) -> Option<CodeOffset> {
        self.last().map(|op| op.offset)
    }
}

/// A function of an instance that ran. Costs nothing until it is asked.
#[derive(Clone, Copy)]
pub struct ExecutedFunction<'r> {
    map: &'r CodeMap<'r>,
    /// Any of its blocks.
    block: u32,
}

impl fmt::Debug for ExecutedFunction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutedFunction")
            .field("instance", &self.instance())
            .field("index", &self.index())
            .finish()
    }
}

impl<'r> ExecutedFunction<'r> {
    pub(super) fn new(map: &'r CodeMap<'r>, block: u32) -> Self {
        Self { map, block }
    }

    fn loaded(self) -> &'r Loaded<'r> {
        &self.map.loaded[self.map.owners[self.block as usize].loaded as usize]
    }

    /// Position among the functions that ran, in the order of their first call.
    pub fn ordinal(self) -> usize {
        self.map.owners[self.block as usize].loaded as usize
    }

    /// The instance.
    pub fn instance(self) -> InstanceIndex {
        self.loaded().instance
    }

    /// The function in its module.
    pub fn index(self) -> FuncIndex {
        self.loaded().func
    }

    /// Its key in the trace.
    pub fn key(self) -> FuncKey {
        self.loaded().key
    }

    /// Its module.
    pub fn module(self) -> &'r Arc<Module> {
        self.loaded().module
    }

    /// Its code.
    pub fn code(self) -> &'r Code {
        self.loaded().code
    }

    /// Number of its first block in this replay; the others follow.
    pub fn first_block(self) -> usize {
        self.loaded().first_block as usize
    }
}
