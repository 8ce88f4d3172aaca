//! Figures of each entry point, from the growth of the block counters between its beginning and its end.
//!
//! An entry point is an invocation by the host at top level. What it calls back into belongs to it, and what
//! threads do after it returned, until the next begins. At its end the blocks of the functions that it
//! entered are looked at once. So an entry point costs as much as the code it touched.

use std::collections::BTreeMap;

use crate::{
    module::{CodeOffset, Exit, OPCODES, Op, Opcode, view::Classes},
    trace::FuncKey,
};

use super::{
    super::{
        HOT,
        top::{Ranked, Top},
    },
    Block, Function, Grown, State,
};

/// Sums over an entry point or a run.
#[derive(Debug, Clone, Default)]
pub(in crate::passes) struct Totals {
    pub(in crate::passes) opcodes: Vec<u64>,
    pub(in crate::passes) calls: u64,
    pub(in crate::passes) grown_pages: u64,
    pub(in crate::passes) grow_refused: u64,
    pub(in crate::passes) taken: u64,
    pub(in crate::passes) not_taken: u64,
    pub(in crate::passes) bulk_len: u64,
    /// Blocks that began for the first time in the run.
    pub(in crate::passes) new_blocks: u64,
    /// By position of the host function; those that were called.
    pub(in crate::passes) host_calls: BTreeMap<usize, u64>,
}

impl Totals {
    fn count(&mut self, ops: &[Op], n: u64) {
        for op in ops {
            if let Some(count) = self.opcodes.get_mut(op.opcode as usize) {
                *count += n;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.opcodes.iter_mut().zip(&other.opcodes) {
            *count += more;
        }
        self.calls += other.calls;
        self.grown_pages = self.grown_pages.saturating_add(other.grown_pages);
        self.grow_refused += other.grow_refused;
        self.taken += other.taken;
        self.not_taken += other.not_taken;
        self.bulk_len = self.bulk_len.saturating_add(other.bulk_len);
        self.new_blocks += other.new_blocks;
        for (&host, count) in &other.host_calls {
            *self.host_calls.entry(host).or_default() += count;
        }
    }
}

/// An entry point that began.
#[derive(Debug)]
pub(in crate::passes) struct Invocation {
    pub(in crate::passes) func: FuncKey,
    pub(in crate::passes) classes: Classes,
    /// Without opcodes.
    pub(in crate::passes) totals: Totals,
    /// Executions of opcodes that count by themselves: `br_table`.
    pub(in crate::passes) tables: u64,
    /// Opcodes that were executed, as positions in [`Opcode::ALL`](crate::module::Opcode::ALL).
    pub(in crate::passes) opcodes: Vec<(u16, u64)>,
    pub(in crate::passes) hot: Hot,
}

/// What an entry point did most. Blocks and branches by number, functions by ordinal.
#[derive(Debug, Default)]
pub(in crate::passes) struct Hot {
    /// By instructions.
    pub(in crate::passes) functions: Ranked<usize>,
    /// By instructions, with how often it began.
    pub(in crate::passes) blocks: Ranked<(usize, u64)>,
    /// By decisions, with not taken and taken.
    pub(in crate::passes) branches: Ranked<(usize, [u64; 2])>,
    /// By calls.
    pub(in crate::passes) targets: Ranked<State>,
    /// Position in the list of constants → executions of its sites, and the first of these.
    pub(in crate::passes) constants: BTreeMap<u32, (u64, CodeOffset)>,
}

/// Blocks that were cut short: number and instructions that ran → how often.
type Cuts = BTreeMap<(usize, u32), u64>;

/// Whether a block was cut short at any place.
fn was_cut(cuts: &Cuts, number: usize) -> bool {
    cuts.range((number, 0)..(number + 1, 0)).next().is_some()
}

/// [`Hot`] in the making.
struct Ranking {
    functions: Top<usize>,
    blocks: Top<(usize, u64)>,
    branches: Top<(usize, [u64; 2])>,
    constants: BTreeMap<u32, (u64, CodeOffset)>,
}

impl Ranking {
    fn new() -> Self {
        Self {
            functions: Top::new(HOT),
            blocks: Top::new(HOT),
            branches: Top::new(HOT),
            constants: BTreeMap::new(),
        }
    }

    fn finish(self, targets: Ranked<State>) -> Hot {
        let Self { functions, blocks, branches, constants } = self;
        Hot {
            functions: functions.finish(),
            blocks: blocks.finish(),
            branches: branches.finish(),
            targets,
            constants,
        }
    }
}

/// The entry points of a run.
#[derive(Debug)]
pub(in crate::passes) struct Entries {
    /// How many are kept one by one.
    keep: usize,
    begun: usize,
    current: Option<FuncKey>,
    /// Calls of defined functions in the current one.
    calls: u64,
    cuts: Cuts,
    /// Functions that the current one entered, by ordinal, and for each function which entry point entered
    /// it last.
    touched: Vec<usize>,
    touched_by: Vec<usize>,
    /// The counters at the end of the one before.
    seen: Vec<(u64, [u64; 2])>,
    /// Calls of each host function, by position, in all and in the current one.
    pub(in crate::passes) host_calls: Vec<u64>,
    host_calls_before: Vec<u64>,
    pub(in crate::passes) kept: Vec<Invocation>,
    /// The whole run.
    pub(in crate::passes) total: Totals,
}

impl Entries {
    pub(super) fn new(hosts: usize, keep: usize) -> Self {
        let total = Totals { opcodes: vec![0; OPCODES], ..Totals::default() };
        Self {
            keep,
            begun: 0,
            current: None,
            calls: 0,
            cuts: BTreeMap::new(),
            touched: Vec::new(),
            touched_by: Vec::new(),
            seen: Vec::new(),
            host_calls: vec![0; hosts],
            host_calls_before: vec![0; hosts],
            kept: Vec::new(),
            total,
        }
    }

    /// How many have begun.
    pub(in crate::passes) fn begun(&self) -> usize {
        self.begun
    }

    /// A function with so many blocks is known from now on.
    pub(super) fn load(&mut self, blocks: usize) {
        self.touched_by.push(0);
        self.seen.resize(self.seen.len() + blocks, (0, [0; 2]));
    }

    pub(super) fn begin(&mut self, func: FuncKey) {
        self.begun += 1;
        self.current = Some(func);
    }

    #[inline]
    pub(super) fn touch(&mut self, function: usize) {
        if let Some(by) = self.touched_by.get_mut(function).filter(|by| **by != self.begun) {
            *by = self.begun;
            self.touched.push(function);
        }
    }

    pub(super) fn cut(&mut self, number: usize, len: u32) {
        *self.cuts.entry((number, len)).or_default() += 1;
    }

    /// A defined function is called.
    #[inline]
    pub(super) fn call(&mut self) {
        self.calls += 1;
    }

    /// Whether it is the first call of this host function.
    pub(super) fn host_call(&mut self, position: usize) -> bool {
        let Some(calls) = self.host_calls.get_mut(position) else { return false };
        *calls += 1;
        *calls == 1
    }

    /// The current one ended, or the replay failed in it. `targets` is what it called through tables,
    /// `grown` what it did to sizes.
    pub(super) fn end(
        &mut self,
        functions: &[Function],
        blocks: &[Block],
        cuts: &mut Cuts,
        (targets, grown): (Ranked<State>, Grown),
    ) {
        let Some(func) = self.current.take() else { return };
        let mut totals = Totals {
            opcodes: vec![0; OPCODES],
            calls: std::mem::take(&mut self.calls),
            grown_pages: grown.pages,
            grow_refused: grown.refused,
            bulk_len: grown.bulk_len,
            ..Totals::default()
        };
        let mut ranking = Ranking::new();
        for ordinal in std::mem::take(&mut self.touched) {
            if let Some(function) = functions.get(ordinal) {
                let instructions = self.count_blocks(&mut totals, &mut ranking, function, (blocks, cuts));
                ranking.functions.push(instructions, ordinal);
            }
        }
        for ((number, len), count) in std::mem::take(&mut self.cuts) {
            let was_cut = was_cut(cuts, number);
            let has_ended = self.seen.get(number).is_some_and(|(ran, _)| *ran != 0);
            totals.new_blocks += u64::from(!was_cut && !has_ended);
            *cuts.entry((number, len)).or_default() += count;
        }
        for (host, (calls, before)) in self.host_calls.iter().zip(&mut self.host_calls_before).enumerate() {
            if *calls != *before {
                totals.host_calls.insert(host, *calls - *before);
                *before = *calls;
            }
        }
        self.total.add(&totals);
        if self.kept.len() < self.keep {
            let opcodes = std::mem::take(&mut totals.opcodes);
            let executed = (0u16..)
                .zip(&opcodes)
                .filter(|(_, count)| **count != 0)
                .map(|(opcode, count)| (opcode, *count));
            self.kept.push(Invocation {
                func,
                classes: Classes::of_histogram(&opcodes),
                tables: tables(&opcodes),
                totals,
                opcodes: executed.collect(),
                hot: ranking.finish(targets),
            });
        }
    }

    /// Adds what a function did since the last entry point that entered it. Gives its instructions.
    fn count_blocks(
        &mut self,
        totals: &mut Totals,
        ranking: &mut Ranking,
        function: &Function,
        (blocks, cut_before): (&[Block], &Cuts),
    ) -> u64 {
        let Some(code) = function.code() else { return 0 };
        let range = function.first_block..function.first_block + code.blocks().len();
        let (Some(now), Some(seen)) = (blocks.get(range.clone()), self.seen.get_mut(range.clone())) else {
            return 0;
        };
        let mut cuts = self.cuts.range((range.start, 0)..(range.end, 0)).peekable();
        let mut constant_sites = function.constant_sites.iter().peekable();
        let mut instructions = 0;
        for (number, ((block, now), seen)) in range.zip(code.blocks().iter().zip(now).zip(seen)) {
            let (ran, [not, yes]) = (now.ran - seen.0, [now.ways[0] - seen.1[0], now.ways[1] - seen.1[1]]);
            totals.new_blocks += u64::from(seen.0 == 0 && ran != 0 && !was_cut(cut_before, number));
            *seen = (now.ran, now.ways);
            let ops = code.ops().get(block.range()).unwrap_or_default();
            let (mut begun, mut executed) = (ran, ran * ops.len() as u64);
            if ran != 0 {
                totals.count(ops, ran);
            }
            let position = (number - function.first_block) as u32;
            let first_site = constant_sites.clone();
            while let Some(site) = constant_sites.next_if(|site| site.block == position) {
                site.count(ran, &mut ranking.constants);
            }
            while let Some((&(_, len), &count)) = cuts.next_if(|((cut, _), _)| *cut == number) {
                let ops = ops.get(..len as usize).unwrap_or_default();
                totals.count(ops, count);
                (begun, executed) = (begun + count, executed + ops.len() as u64 * count);
                let constant_sites =
                    first_site.clone().take_while(|site| site.block == position && site.within < len);
                constant_sites.for_each(|site| site.count(count, &mut ranking.constants));
            }
            instructions += executed;
            ranking.blocks.push(executed, (number, begun));
            match block.exit {
                Exit::BrIf(_) | Exit::If(_) | Exit::BrOn(_) => {
                    totals.taken += yes;
                    totals.not_taken += not;
                    ranking.branches.push(yes + not, (number, [not, yes]));
                }
                Exit::BrTable(_) => ranking.branches.push(yes, (number, [not, yes])),
                // A table whose labels are equal.
                Exit::Br(_) | Exit::BrLoop(_)
                    if ops.last().is_some_and(|op| op.opcode == Opcode::BrTable) =>
                {
                    ranking.branches.push(yes + not, (number, [not, yes]));
                }
                _ => {}
            }
        }
        instructions
    }
}

/// Executions of `br_table`.
pub(in crate::passes) fn tables(opcodes: &[u64]) -> u64 {
    let opcode = crate::module::Opcode::from_mnemonic("br_table");
    opcode.and_then(|opcode| opcodes.get(opcode as usize)).copied().unwrap_or(0)
}
