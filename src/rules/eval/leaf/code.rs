//! Instructions and blocks, and numbers in them or given to host calls.

use crate::module::{FuncIndex, Op, Opcode, Place};

use super::super::{
    Evaluator, Found, Instance,
    sequence::{numbers, show_call},
    shape, shorten,
};

impl Evaluator<'_> {
    /// An immediate of a constant in code, or an argument of a host call.
    pub(super) fn number(&self, number: i128, at: &Instance) -> Option<Found> {
        let is_it = |value| numbers(value).contains(&Some(number));
        if let Instance::Function(func) | Instance::Block(func, _) | Instance::Op(func, _) = at {
            let wasm = self.index.image();
            return self.in_code(*func, at, |op| shape::constant(wasm, op).is_some_and(is_it));
        }
        let mut found = Found::of_run();
        for call in self.calls(at) {
            let Some(of) = self.index.all_calls().get(call) else { continue };
            if of.args.iter().any(|arg| is_it(arg.value)) {
                found.what.get_or_insert_with(|| shorten(&show_call(of)));
                found.at(self.index.call_site(call));
            }
        }
        Some(found)
    }

    /// The instructions of an instance in the code of `func` that `fits` takes.
    fn in_code(&self, func: FuncIndex, at: &Instance, fits: impl Fn(Op) -> bool) -> Option<Found> {
        let ops = self.ops(at)?;
        let code = self.index.module()?.code(func).ok()?;
        if !self.budget.spend_len(ops.len()) {
            return None;
        }
        let mut found = Found::default();
        for op in code.ops().get(ops)?.iter().filter(|op| fits(**op)) {
            found.at(Some(Place { function: func, offset: op.offset }));
        }
        Some(found)
    }

    /// The instructions of an instance, as positions in the code of its function.
    pub(super) fn ops(&self, at: &Instance) -> Option<std::ops::Range<usize>> {
        match at {
            Instance::Function(func) => Some(0..self.index.module()?.code(*func).ok()?.ops().len()),
            Instance::Block(func, block) => {
                Some(self.index.module()?.code(*func).ok()?.blocks().get(*block)?.range())
            }
            Instance::Op(_, op) => Some(*op..op + 1),
            _ => None,
        }
    }

    pub(super) fn mnemonic(&self, opcode: Opcode, at: &Instance) -> Option<Found> {
        let mnemonic = opcode.mnemonic();
        if let Instance::Function(func) | Instance::Block(func, _) | Instance::Op(func, _) = at {
            return self.in_code(*func, at, |op| op.opcode.mnemonic() == mnemonic);
        }
        let count = self.index.facts.dynamic.opcodes.get(mnemonic).copied().unwrap_or(0);
        Some(Found { count, what: Some(format!("{count} times")), ..Found::of_run() })
    }

    pub(super) fn basic_blocks(&self, at: &Instance) -> Option<Found> {
        let (count, dynamic) = match at {
            Instance::Function(func) => (self.index.defined(*func)?.blocks, false),
            Instance::RunFunction(func) => (self.index.ran(*func)?.blocks_run, true),
            _ => return None,
        };
        Some(Found { count: count.into(), dynamic, ..Found::default() })
    }
}
