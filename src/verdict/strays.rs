//! What code would have written that the time or the surroundings kept from running, where no values tell
//! which place that is: behind an address that was computed, in a function that it calls, in an object, in a
//! table. Whatever the sample did afterwards may follow from it.
//!
//! Not here: what values follow. Those are locals, globals and fixed addresses (`values/taint/control.rs`).
//!
//! Costs one walk over each function that has such a branch, and one over all if such code calls any.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use wasmparser::Operator;

use super::{
    chosen,
    operators::for_each_operator,
    seen::Code,
    text, told,
    weights::{Weighed, listed},
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Opcode, Place},
    sandbox::{Call, Run},
    values::taint::SourceKind,
};

/// Why such code forbids CLEAN, if it does: an effect came after the host had said what decided it.
pub(super) fn lack(code: &Code<'_>) -> Option<String> {
    let facts = code.facts;
    let run = facts.run?;
    let (_, rest) = told::heard(facts, run)?;
    let does = rest.iter().find(|call| is_effect(facts, run, call))?;
    let (branch, place) = Strays { facts, module: code.module()?, keepers: OnceCell::new() }.first()?;
    Some(format!(
        "what func {}:{:#x} would have written, had the branch at {:#x} gone the other way, may decide what {} does",
        place.function,
        place.offset.0,
        branch.0,
        text::quoted(&does.name)
    ))
}

/// Whether a call takes something away, starts something, or opens a file that nobody named to write to it.
fn is_effect(facts: &Weighed<'_>, run: &Run, call: &Call) -> bool {
    let (weights, name) = (facts.weights, call.name.trim_start_matches('_'));
    let does = |kind: &str| ["deletes", "starts", "runs"].iter().any(|one| kind.starts_with(one));
    weights.effect(&call.module, &call.name).is_some_and(does)
        || listed(&weights.calls.removing, name)
        || chosen::opens_to_write(run, call)
}

/// A branch that went one way only: whether its condition held, and whether values followed what it decided.
#[derive(Clone, Copy)]
struct OneWay {
    taken: bool,
    is_followed: bool,
}

struct Strays<'s> {
    facts: &'s Weighed<'s>,
    module: &'s Module,
    /// Made when first asked for.
    keepers: OnceCell<BTreeSet<FuncIndex>>,
}

impl Strays<'_> {
    /// The first such branch, and what it kept from being written.
    fn first(&self) -> Option<(CodeOffset, Place)> {
        let facts = self.facts;
        let mut by_function: BTreeMap<FuncIndex, BTreeMap<CodeOffset, OneWay>> = BTreeMap::new();
        let decided = &facts.flows?.decided;
        for branch in &facts.dynamic.branches {
            let Place { function, offset } = branch.place;
            let one_way = (branch.taken == 0) != (branch.not_taken == 0);
            let Some(from) = decided.get(&(function, offset.0)).filter(|_| one_way) else { continue };
            if from.iter().any(decides) {
                let is_followed = from.iter().any(|kind| *kind != SourceKind::Random && decides(kind));
                let branch = OneWay { taken: branch.taken > 0, is_followed };
                by_function.entry(function).or_default().insert(offset, branch);
            }
        }
        by_function.into_iter().find_map(|(function, branches)| self.first_in(function, &branches))
    }

    fn first_in(
        &self,
        function: FuncIndex,
        branches: &BTreeMap<CodeOffset, OneWay>,
    ) -> Option<(CodeOffset, Place)> {
        let keeps = |callee| self.keepers.get_or_init(|| keepers(self.facts, self.module)).contains(&callee);
        let mut arms = Arms { open: vec![Block::default()], before: [false; 2], last: None, found: None };
        for_each_operator(self.module, function, |offset, operator| {
            if arms.found.is_none() {
                arms.step(offset, operator, branches.get(&offset), keeps);
            }
        });
        let (branch, offset) = arms.found?;
        Some((branch, Place { function, offset }))
    }
}

/// The functions that keep anything, or that call such a function. Each is walked once.
fn keepers(facts: &Weighed<'_>, module: &Module) -> BTreeSet<FuncIndex> {
    let (mut callers, mut asked) = (BTreeMap::<FuncIndex, Vec<FuncIndex>>::new(), Vec::new());
    for function in facts.view.functions.iter().map(|function| function.index) {
        let mut keeps = false;
        for_each_operator(module, function, |_, operator| match callee(operator) {
            Some(callee) => callers.entry(callee).or_default().push(function),
            None => keeps |= is_kept(operator) || is_anyones(operator),
        });
        asked.extend(keeps.then_some(function));
    }
    let mut keepers = BTreeSet::new();
    while let Some(next) = asked.pop() {
        if keepers.insert(next) {
            asked.extend(callers.get(&next).into_iter().flatten());
        }
    }
    keepers
}

/// Whether a source says where and when a program runs, or what chance gave it.
fn decides(kind: &SourceKind) -> bool {
    use SourceKind as Kind;
    matches!(kind, Kind::Clock | Kind::Random | Kind::Environment | Kind::Stdin | Kind::Socket | Kind::Answer)
}

fn callee(operator: &Operator<'_>) -> Option<FuncIndex> {
    match *operator {
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(FuncIndex(function_index))
        }
        _ => None,
    }
}

/// Whether an operator calls what nobody knows, or throws.
fn is_anyones(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::CallIndirect { .. }
            | O::ReturnCallIndirect { .. }
            | O::CallRef { .. }
            | O::ReturnCallRef { .. }
            | O::Throw { .. }
            | O::ThrowRef
            | O::Rethrow { .. }
    )
}

/// Whether an operator writes what outlives its function.
fn is_kept(operator: &Operator<'_>) -> bool {
    let Some(name) = Opcode::of(operator).map(Opcode::mnemonic) else { return false };
    let writes = |of: &str, how: &[&str]| {
        name.strip_prefix(of).is_some_and(|name| how.iter().any(|one| name.starts_with(one)))
    };
    name == "global.set"
        || name.contains(".store")
        || name.contains(".rmw")
        || writes("memory.", &["grow", "copy", "fill", "init"])
        || writes("table.", &["set", "grow", "copy", "fill", "init"])
        || writes("struct.", &["set"])
        || writes("array.", &["set", "fill", "copy", "init"])
}

/// Which part of a block did not run, as far as branches tell.
#[derive(Debug, Default, Clone, Copy)]
struct Block {
    /// The branch that keeps this part from running.
    now: Option<(CodeOffset, bool)>,
    /// The one that keeps the part behind `else` from running.
    later: Option<(CodeOffset, bool)>,
    /// The first stray in the part of the moment.
    stray: Option<(CodeOffset, CodeOffset)>,
}

/// A walk through a function, with the parts that did not run.
struct Arms {
    open: Vec<Block>,
    /// Whether the operators before were constants.
    before: [bool; 2],
    /// Whether the last one was `unreachable`: what leads there leads nowhere else.
    last: Option<bool>,
    found: Option<(CodeOffset, CodeOffset)>,
}

impl Arms {
    fn step(
        &mut self,
        offset: CodeOffset,
        operator: &Operator<'_>,
        branch: Option<&OneWay>,
        keeps: impl Fn(FuncIndex) -> bool,
    ) {
        self.note(offset, operator, keeps);
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => self.open.push(Block::default()),
            Operator::If { .. } => {
                let why = branch.map(|branch| (offset, branch.is_followed));
                let (now, later) = match branch {
                    Some(OneWay { taken: false, .. }) => (why, None),
                    _ => (None, why),
                };
                self.open.push(Block { now, later, stray: None });
            }
            Operator::BrIf { relative_depth } => {
                let index = self.open.len().checked_sub(1 + *relative_depth as usize);
                let taken = branch.filter(|branch| branch.taken);
                if let (Some(branch), Some(block)) = (taken, index.and_then(|index| self.open.get_mut(index)))
                {
                    block.now = block.now.or(Some((offset, branch.is_followed)));
                }
            }
            Operator::Else => {
                if let Some(mut block) = self.open.pop() {
                    self.close(&block);
                    (block.now, block.stray) = (block.later.take(), None);
                    self.open.push(block);
                }
            }
            Operator::End | Operator::Delegate { .. } => {
                if let Some(block) = self.open.pop() {
                    self.close(&block);
                }
            }
            _ => {}
        }
        self.before =
            [self.before[1], matches!(operator, Operator::I32Const { .. } | Operator::I64Const { .. })];
        self.last = Some(matches!(operator, Operator::Unreachable));
    }

    /// A part ends. One that ends the program decides nothing of what comes after.
    fn close(&mut self, block: &Block) {
        if self.last != Some(true) {
            self.found = self.found.or(block.stray);
        }
    }

    /// Notes an operator that would have written, if it is in a part that did not run.
    fn note(&mut self, offset: CodeOffset, operator: &Operator<'_>, keeps: impl Fn(FuncIndex) -> bool) {
        let Some(at) = self.open.iter().position(|block| block.now.is_some()) else { return };
        let Some((branch, is_followed)) = self.open[at].now.filter(|_| self.open[at].stray.is_none()) else {
            return;
        };
        let is_placed = || match operator {
            Operator::GlobalSet { .. } => true,
            _ => self.before[0] && Opcode::of(operator).is_some_and(|one| one.mnemonic().contains(".store")),
        };
        let is_local = matches!(operator, Operator::LocalSet { .. } | Operator::LocalTee { .. });
        let is_stray = match callee(operator) {
            Some(callee) => keeps(callee),
            None if is_followed => is_anyones(operator) || is_kept(operator) && !is_placed(),
            None => is_anyones(operator) || is_kept(operator) || is_local,
        };
        if is_stray {
            self.open[at].stray = Some((branch, offset));
        }
    }
}
