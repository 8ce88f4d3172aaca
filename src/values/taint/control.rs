//! Control: which conditions decide that the instruction of the moment is executed.
//!
//! Wasm is structured: what a branch decides ends with the block that it leaves (or, of `if`, begins). So a
//! condition holds from the branch to the `end` of that block, in its frame and all frames above.
//!
//! Not here: what a `return`, a trap or an exception keeps from running, and the handler that it leads to.

use hashbrown::HashMap;
use wasmparser::{Operator, Payload};

use crate::module::{FuncIndex, component::Core};

use super::label::{Label, Labels};

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

/// The conditions that hold.
#[derive(Debug, Default)]
pub(super) struct Control {
    scopes: Vec<Scope>,
    /// Where the scope of each branch ends; of the functions that were looked at.
    ends: HashMap<u32, u32>,
    known: hashbrown::HashSet<FuncIndex>,
}

impl Control {
    /// Another thread goes on, under the conditions that it left; gives those that hold now.
    pub(super) fn replace(&mut self, scopes: Scopes) -> Scopes {
        Scopes(std::mem::replace(&mut self.scopes, scopes.0))
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

    /// A branch is decided by `label`.
    pub(super) fn begin(
        &mut self,
        labels: &mut Labels,
        module: Core<'_>,
        (function, offset): (FuncIndex, u32),
        depth: usize,
        label: Label,
    ) {
        if self.known.insert(function) {
            read(module, offset, &mut self.ends);
        }
        let Some(&end) = self.ends.get(&offset) else { return };
        // The same branch in a loop is there already.
        let same = |scope: &Scope| scope.depth == depth && scope.offsets == (offset, end);
        if let Some(first) = self.scopes.iter().rposition(same) {
            for scope in &mut self.scopes[first..] {
                scope.label = labels.controlled(scope.label, label);
            }
            return;
        }
        let label = labels.controlled(self.label(), label);
        self.scopes.push(Scope { depth, offsets: (offset, end), label });
    }
}

/// Reads where the scopes of the branches of the body around `offset` end.
fn read(module: Core<'_>, offset: u32, ends: &mut HashMap<u32, u32>) {
    for payload in module.payloads() {
        let Ok(payload) = payload else { return };
        if let Payload::CodeSectionEntry(body) = payload
            && body.range().contains(&u64::from(offset))
        {
            let Ok(reader) = body.get_operators_reader() else { return };
            scopes(reader, ends);
            return;
        }
    }
}

fn scopes(mut reader: wasmparser::OperatorsReader<'_>, ends: &mut HashMap<u32, u32>) {
    // The branches that leave each open block.
    let mut open: Vec<Vec<u32>> = vec![Vec::new()];
    while !reader.eof() {
        let Ok((operator, at)) = reader.read_with_offset() else { return };
        let at = at as u32;
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
            Operator::BrIf { relative_depth } => leave(&mut open, relative_depth),
            Operator::BrTable { targets } => {
                let depths = targets.targets().map_while(Result::ok).chain([targets.default()]);
                leave(&mut open, depths.max().unwrap_or(0));
            }
            Operator::End | Operator::Delegate { .. } => {
                for branch in open.pop().unwrap_or_default() {
                    ends.insert(branch, at);
                }
            }
            _ => {}
        }
    }
}
