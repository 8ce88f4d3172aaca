//! Counters: a number that a sample keeps and adds to whenever it comes by. A run of a few calls does not see
//! what such a number opens after so many calls.
//!
//! Costs one walk over the code of the functions that ran.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{MemArg, Operator};

use super::operators::for_each_operator;
use crate::module::{FuncIndex, Module};

/// Where a number is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Global(u32),
    Memory(u64),
}

/// What is known of a value.
#[derive(Debug, Clone, Copy, Default)]
struct Term {
    /// It was read from there.
    cell: Option<Cell>,
    /// And a constant was added to it.
    is_added: bool,
    /// It was computed from what stood in memory.
    is_loaded: bool,
    constant: Option<u64>,
    /// The constant that it was computed or compared with last.
    with: Option<u64>,
}

/// Conditions and choices by counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counters: BTreeSet<Cell>,
    /// What decides a branch, a `select` or the index of an indirect call.
    decided: BTreeMap<(FuncIndex, u32), Cell>,
    /// Counters that a word of memory decides, with the constant that it is compared with.
    pub(super) by_memory: BTreeMap<(FuncIndex, u32), Option<u64>>,
}

impl Counters {
    pub(super) fn of(module: &Module, ran: &BTreeSet<FuncIndex>) -> Self {
        Self::with(module, ran, &BTreeSet::new())
    }

    /// The same, where what functions of `hashes` give is taken for a word of memory.
    pub(super) fn with(module: &Module, ran: &BTreeSet<FuncIndex>, hashes: &BTreeSet<FuncIndex>) -> Self {
        let mut counters = Self::default();
        for &func in ran {
            let (stack, locals) = (Vec::new(), BTreeMap::new());
            let mut walk = Walk { func, hashes, stack, locals, all: &mut counters };
            for_each_operator(module, func, |offset, operator| walk.step(offset.0, operator));
        }
        counters
    }

    /// Whether a counter decides what the instruction there does.
    pub(super) fn decide(&self, func: FuncIndex, offset: u32) -> bool {
        self.decided.get(&(func, offset)).is_some_and(|cell| self.counters.contains(cell))
    }

    /// Whether one decides anything in a function.
    pub(super) fn are_in(&self, func: FuncIndex) -> bool {
        let mut decided = self.decided.range((func, 0)..=(func, u32::MAX));
        decided.any(|(_, cell)| self.counters.contains(cell))
    }
}

/// Values of a function as far as they are plain: whatever else happens, nothing is known of the operands.
struct Walk<'c> {
    func: FuncIndex,
    hashes: &'c BTreeSet<FuncIndex>,
    stack: Vec<Term>,
    locals: BTreeMap<u32, Term>,
    all: &'c mut Counters,
}

impl Walk<'_> {
    fn pop(&mut self) -> Term {
        self.stack.pop().unwrap_or_default()
    }

    /// The cell at an address.
    fn cell(address: Term, MemArg { offset, .. }: MemArg) -> Option<Cell> {
        address.constant.map(|address| Cell::Memory(address.wrapping_add(offset)))
    }

    fn decided(&mut self, offset: u32) {
        let Term { cell, is_loaded, with, .. } = self.pop();
        if let Some(cell) = cell {
            self.all.decided.insert((self.func, offset), cell);
        }
        if is_loaded {
            self.all.by_memory.insert((self.func, offset), with);
        }
    }

    fn kept(&mut self, cell: Option<Cell>, value: Term) {
        if let Some(cell) = cell.filter(|_| value.is_added && value.cell == cell) {
            self.all.counters.insert(cell);
        }
    }

    fn step(&mut self, offset: u32, operator: &Operator<'_>) {
        use Operator as O;
        let constant = |value: u64| Term { constant: Some(value), ..Term::default() };
        match *operator {
            O::I32Const { value } => self.stack.push(constant(u64::from(value as u32))),
            O::I64Const { value } => self.stack.push(constant(value as u64)),
            O::LocalGet { local_index } => {
                self.stack.push(self.locals.get(&local_index).copied().unwrap_or_default());
            }
            O::LocalSet { local_index } => {
                let value = self.pop();
                self.locals.insert(local_index, value);
            }
            O::LocalTee { local_index } => {
                let value = self.stack.last().copied().unwrap_or_default();
                self.locals.insert(local_index, value);
            }
            O::GlobalGet { global_index } => {
                self.stack.push(Term { cell: Some(Cell::Global(global_index)), ..Term::default() });
            }
            O::GlobalSet { global_index } => {
                let value = self.pop();
                self.kept(Some(Cell::Global(global_index)), value);
            }
            O::I32Load { memarg } | O::I64Load { memarg } | O::I32Load8U { memarg } => {
                let cell = Self::cell(self.pop(), memarg);
                self.stack.push(Term { cell, is_loaded: true, ..Term::default() });
            }
            O::I32Store { memarg } | O::I64Store { memarg } | O::I32Store8 { memarg } => {
                let (value, address) = (self.pop(), self.pop());
                self.kept(Self::cell(address, memarg), value);
            }
            O::BrIf { .. } | O::BrTable { .. } | O::If { .. } | O::CallIndirect { .. } => {
                self.decided(offset);
                self.stack.clear();
            }
            O::Select | O::TypedSelect { .. } => {
                self.decided(offset);
                let (_, first) = (self.pop(), self.pop());
                self.stack.push(Term { constant: None, ..first });
            }
            O::I32Eqz | O::I64Eqz | O::I32WrapI64 | O::I64ExtendI32U | O::I64ExtendI32S => {
                let value = self.pop();
                self.stack.push(Term { constant: None, ..value });
            }
            O::Call { function_index } => {
                self.stack.clear();
                if self.hashes.contains(&FuncIndex(function_index)) {
                    self.stack.push(Term { is_loaded: true, ..Term::default() });
                }
            }
            ref other => match is_binary(other) {
                Some(adds) => self.binary(adds),
                None => self.stack.clear(),
            },
        }
    }

    fn binary(&mut self, adds: bool) {
        let (b, a) = (self.pop(), self.pop());
        let is_added = a.is_added || b.is_added || adds && (a.constant.is_some() || b.constant.is_some());
        let is_loaded = a.is_loaded || b.is_loaded;
        let with = b.constant.or(a.constant);
        self.stack.push(Term { cell: a.cell.or(b.cell), is_added, is_loaded, constant: None, with });
    }
}

/// Whether an operator works on two numbers, and whether it adds them.
fn is_binary(operator: &Operator<'_>) -> Option<bool> {
    use Operator as O;
    match operator {
        O::I32Add | O::I32Sub | O::I64Add | O::I64Sub => Some(true),
        O::I32And | O::I32Or | O::I32Xor | O::I32Shl | O::I32ShrU | O::I32ShrS | O::I32Mul => Some(false),
        O::I32DivU | O::I32DivS | O::I32RemU | O::I32RemS | O::I64DivU | O::I64RemU => Some(false),
        O::I64And | O::I64Or | O::I64Xor | O::I64Shl | O::I64ShrU | O::I64ShrS | O::I64Mul => Some(false),
        other => super::guards::comparison(other).map(|_| false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a function that is `body`, with a global and a memory.
    fn of(body: &str) -> Counters {
        let text = format!("(module (memory 1) (global $n (mut i32) (i32.const 0)) (func {body}))");
        let module = Module::parse(wat::parse_str(text).expect("a module")).expect("a valid one");
        Counters::of(&module, &[FuncIndex(0)].into())
    }

    #[test]
    fn what_is_added_to_and_asked_for_is_a_counter() {
        let asked = "(if (i32.gt_u (global.get $n) (i32.const 5)) (then))";
        let counted = "(global.set $n (i32.add (global.get $n) (i32.const 1)))";
        let put = "(global.set $n (i32.const 1))";
        for (body, is_one) in [
            (format!("{asked} {counted}"), true),
            (format!("{asked} {put}"), false),
            (counted.into(), false),
            (asked.into(), false),
        ] {
            assert_eq!(of(&body).are_in(FuncIndex(0)), is_one, "{body}");
        }
    }

    #[test]
    fn a_counter_may_stand_in_memory() {
        let counters = of("(if (i32.eq (i32.load (i32.const 8)) (i32.const 3)) (then))
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))");
        assert!(counters.are_in(FuncIndex(0)));
        assert_eq!(counters.by_memory.len(), 1);
    }
}
