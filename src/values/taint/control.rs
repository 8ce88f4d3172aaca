//! Control: which conditions decide that the instruction of the moment is executed.
//!
//! Wasm is structured: what a branch decides ends with the block that it leaves (or, of `if`, begins). So a
//! condition holds from the branch to the `end` of that block, in its frame and all frames above.
//!
//! What the code of a scope would have written is decided too, whether it ran or not: locals, globals, and
//! bytes at fixed addresses. If that code may leave the function, all that comes behind it is decided.
//!
//! Not here: what an exception keeps from running, and the handler that it leads to.

use hashbrown::HashMap;
use wasmparser::{MemArg, MemArgTarget, Operator, Payload};

use crate::module::{FuncIndex, Module};

use super::label::{Label, Labels};
use super::limits::{DECIDED_STEPS, DECIDED_WRITES};

/// A condition that holds.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// Frames when it began.
    depth: usize,
    /// Between these offsets.
    offsets: (u32, u32),
    /// With all that hold below it.
    label: Label,
}

/// Conditions of a thread that does not run.
#[derive(Debug, Default)]
pub(super) struct Scopes(Vec<Scope>);

/// What code writes, wherever it is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The slots of a local of the frame: the first, and how many.
    Local(u32, u32),
    Global(u32),
    /// Bytes of a memory: its index, address, length.
    Memory(u32, u64, u64),
    /// The function is left.
    Leave,
}

/// The code of a function, as far as conditions ask.
#[derive(Debug, Default)]
struct Body {
    /// Where the scope of each branch ends.
    ends: HashMap<u32, u32>,
    /// In the order of the code.
    writes: Vec<(u32, Written)>,
}

/// The conditions that hold.
#[derive(Debug)]
pub(super) struct Control {
    scopes: Vec<Scope>,
    /// The functions that were looked at.
    bodies: HashMap<FuncIndex, Body>,
    /// Instructions and writes that may still be looked at for the sake of decisions.
    left: u64,
}

impl Default for Control {
    fn default() -> Self {
        Self { scopes: Vec::new(), bodies: HashMap::new(), left: DECIDED_STEPS }
    }
}

impl Control {
    /// Another thread goes on, under the conditions that it left; gives those that hold now.
    pub(super) fn replace(&mut self, scopes: Scopes) -> Scopes {
        Scopes(std::mem::replace(&mut self.scopes, scopes.0))
    }

    /// Whether any condition holds.
    #[inline(always)]
    pub(super) fn is_on(&self) -> bool {
        !self.scopes.is_empty()
    }

    /// Pays for so much that is looked at for the sake of decisions; `false` if there was no room for it.
    pub(super) fn pay(&mut self, steps: u64) -> bool {
        let Some(left) = self.left.checked_sub(steps) else {
            self.scopes.clear();
            return false;
        };
        self.left = left;
        true
    }

    /// What holds now.
    pub(super) fn label(&self) -> Label {
        self.scopes.last().map_or(Label::NONE, |scope| scope.label)
    }

    /// Ends the scopes that an instruction in a frame is not in.
    pub(super) fn pass(&mut self, depth: usize, offset: u32) {
        while let Some(last) = self.scopes.last()
            && (last.depth > depth
                || last.depth == depth && !(last.offsets.0..last.offsets.1).contains(&offset))
        {
            self.scopes.pop();
        }
    }

    /// Frames were left: so many are there.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.scopes.last().is_some_and(|last| last.depth > depth) {
            self.scopes.pop();
        }
    }

    /// A branch of a frame is decided by `label`. If its scope begins and decisions are followed, gives what
    /// the code of the scope writes.
    pub(super) fn begin(
        &mut self,
        labels: &mut Labels,
        module: &Module,
        (function, offset, depth): (FuncIndex, u32, usize),
        label: Label,
        is_deciding: bool,
    ) -> Vec<Written> {
        let body = self.bodies.entry(function).or_insert_with(|| Body::read(module, function, offset));
        let Some(&end) = body.ends.get(&offset) else { return Vec::new() };
        let mut writes = if is_deciding { body.writes_in(offset, end) } else { Vec::new() };
        let mut end = end;
        if writes.contains(&Written::Leave) {
            end = u32::MAX;
            writes = body.writes_in(offset, end);
        }
        // The same branch in a loop is there already.
        let same = |scope: &Scope| scope.depth == depth && scope.offsets == (offset, end);
        if let Some(first) = self.scopes.iter().rposition(same) {
            for scope in &mut self.scopes[first..] {
                scope.label = labels.controlled(scope.label, label);
            }
            return Vec::new();
        }
        let label = labels.controlled(self.label(), label);
        self.scopes.push(Scope { depth, offsets: (offset, end), label });
        writes
    }
}

impl Body {
    /// Reads the body around `offset`.
    fn read(module: &Module, function: FuncIndex, offset: u32) -> Self {
        let mut found = Self::default();
        for payload in module.core().payloads() {
            let Ok(payload) = payload else { return found };
            if let Payload::CodeSectionEntry(body) = payload
                && body.range().contains(&u64::from(offset))
            {
                let Ok(reader) = body.get_operators_reader() else { return found };
                let slots = slots(module, function, &body).unwrap_or_default();
                found.walk(reader, &slots);
                return found;
            }
        }
        found
    }

    /// What is written between two offsets, each thing once.
    fn writes_in(&self, offset: u32, end: u32) -> Vec<Written> {
        let first = self.writes.partition_point(|(at, _)| *at <= offset);
        let inside = self.writes[first..].iter().take_while(|(at, _)| *at <= end);
        let mut writes: Vec<Written> = Vec::new();
        for (_, written) in inside.take(DECIDED_WRITES) {
            if !writes.contains(written) {
                writes.push(*written);
            }
        }
        writes
    }

    fn walk(&mut self, mut reader: wasmparser::OperatorsReader<'_>, slots: &[(u32, u32)]) {
        // The branches that leave each open block, and the constants right before.
        let mut open: Vec<Vec<u32>> = vec![Vec::new()];
        let mut before = [None; 3];
        while !reader.eof() {
            let Ok((operator, at)) = reader.read_with_offset() else { return };
            let at = at as u32;
            if let Some(written) = written(&operator, &before, slots) {
                self.writes.push((at, written));
            }
            before = [before[1], before[2], constant(&operator)];
            self.scope(&mut open, &operator, at);
        }
    }

    fn scope(&mut self, open: &mut Vec<Vec<u32>>, operator: &Operator<'_>, at: u32) {
        let leave = |open: &mut Vec<Vec<u32>>, depth: u32| {
            let index = open.len().checked_sub(1 + depth as usize);
            if let Some(branches) = index.and_then(|index| open.get_mut(index)) {
                branches.push(at);
            }
        };
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => open.push(Vec::new()),
            Operator::If { .. } => open.push(vec![at]),
            Operator::BrIf { relative_depth } => leave(open, *relative_depth),
            Operator::BrTable { targets } => {
                let depths = targets.targets().map_while(Result::ok).chain([targets.default()]);
                leave(open, depths.max().unwrap_or(0));
            }
            Operator::End | Operator::Delegate { .. } => {
                for branch in open.pop().unwrap_or_default() {
                    self.ends.insert(branch, at);
                }
            }
            _ => {}
        }
    }
}

/// The slots of each local: the first, and how many.
fn slots(
    module: &Module,
    function: FuncIndex,
    body: &wasmparser::FunctionBody<'_>,
) -> Option<Vec<(u32, u32)>> {
    let mut slots = Vec::new();
    let mut next = 0;
    let mut declare = |ty: wasmparser::ValType| {
        let len = if ty == wasmparser::ValType::V128 { 2 } else { 1 };
        slots.push((next, len));
        next += len;
    };
    module.func_type(function)?.params().iter().copied().for_each(&mut declare);
    for group in body.get_locals_reader().ok()? {
        let (count, ty) = group.ok()?;
        // A validated body has 50,000 locals at most.
        (0..count).for_each(|_| declare(ty));
    }
    Some(slots)
}

fn constant(operator: &Operator<'_>) -> Option<u64> {
    match *operator {
        Operator::I32Const { value } => Some(u64::from(value as u32)),
        Operator::I64Const { value } => Some(value as u64),
        _ => None,
    }
}

/// What an operator writes; of the operators before it those that are constants are known.
fn written(operator: &Operator<'_>, before: &[Option<u64>; 3], slots: &[(u32, u32)]) -> Option<Written> {
    let stored = |memarg: &MemArg, len: u64| {
        let MemArgTarget::Memory(memory) = memarg.target else { return None };
        Some(Written::Memory(memory, before[1]?.checked_add(memarg.offset)?, len))
    };
    match operator {
        Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
            slots.get(*local_index as usize).map(|&(first, len)| Written::Local(first, len))
        }
        Operator::GlobalSet { global_index } => Some(Written::Global(*global_index)),
        Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => stored(memarg, 1),
        Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => stored(memarg, 2),
        Operator::I32Store { memarg } | Operator::I64Store32 { memarg } | Operator::F32Store { memarg } => {
            stored(memarg, 4)
        }
        Operator::I64Store { memarg } | Operator::F64Store { memarg } => stored(memarg, 8),
        Operator::V128Store { memarg } => stored(memarg, 16),
        Operator::MemoryCopy { dst_mem, .. } => Some(Written::Memory(*dst_mem, before[0]?, before[2]?)),
        Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => {
            Some(Written::Memory(*mem, before[0]?, before[2]?))
        }
        Operator::Return | Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => {
            Some(Written::Leave)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_room_for_is_paid_and_nothing_holds_beyond() {
        let mut control = Control { left: 5, ..Control::default() };
        control.scopes.push(Scope { depth: 0, offsets: (0, 9), label: Label::NONE });
        assert!(control.pay(3) && control.pay(2) && control.is_on());
        assert!(!control.pay(1) && !control.is_on());
    }
}
