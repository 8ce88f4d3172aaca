//! A function that feeds a counter to a hash and looks at a word or two of what comes out. It searches for a
//! number, whatever it does with that word: compares it, takes the lesser, or puts something where it says.
//!
//! Who derives a key feeds what came out before, and who signs looks at nothing.
//!
//! Costs one walk over the code of each function that calls a hash again and again.

use std::collections::BTreeSet;

use wasmparser::Operator;

use super::{
    limits::LOOKED_AT,
    operators::{for_each_operator, is_load},
};
use crate::module::{FuncIndex, Module};

/// Whether a function does so.
pub(super) fn is_search(module: &Module, func: FuncIndex) -> bool {
    let counters = counters(module, func);
    let (mut is_fed, mut loads) = (false, 0);
    let mut given = None;
    for_each_operator(module, func, |_, operator| {
        loads += usize::from(is_load(operator));
        is_fed |= stores_word(operator) && given.is_some_and(|local| counters.contains(&local));
        given = match *operator {
            Operator::LocalGet { local_index } => Some(local_index),
            // What turns its bytes round.
            Operator::Call { .. } | Operator::I64ExtendI32U | Operator::I32WrapI64 => given,
            _ => None,
        };
    });
    is_fed && (1..=LOOKED_AT).contains(&loads)
}

/// The variables to which a constant is added.
fn counters(module: &Module, func: FuncIndex) -> BTreeSet<u32> {
    let mut counters = BTreeSet::new();
    let mut last = [None; 3];
    for_each_operator(module, func, |_, operator| {
        let step = match *operator {
            Operator::LocalGet { local_index } => Some(Step::Get(local_index)),
            Operator::I32Const { .. } | Operator::I64Const { .. } => Some(Step::Constant),
            Operator::I32Add | Operator::I64Add => Some(Step::Add),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if let [Some(Step::Get(from)), Some(Step::Constant), Some(Step::Add)] = last
                    && from == local_index
                {
                    counters.insert(local_index);
                }
                None
            }
            _ => None,
        };
        last = [last[1], last[2], step];
    });
    counters
}

/// An operator of those that add a constant to a variable.
#[derive(Clone, Copy)]
enum Step {
    Get(u32),
    Constant,
    Add,
}

/// Whether an operator stores a word: hashes are fed no bytes.
fn stores_word(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::I32Store { .. } | Operator::I64Store { .. } | Operator::I64Store32 { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_feeds_a_counter_and_looks_at_a_word_searches() {
        let of = |fed: &str, looked: &str| {
            let text = format!(
                "(module (memory 1) (func $hash) (func (local $n i32) (local $v i32)
                   (loop $next (i32.store (i32.const 256) {fed}) (call $hash) {looked}
                     (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                       (i32.const 40000))))))"
            );
            let module = Module::parse(wat::parse_str(text).expect("a module")).expect("one that runs");
            is_search(&module, FuncIndex(1))
        };
        let word = "(local.set $v (i32.load (i32.const 512)))";
        assert!(of("(local.get $n)", word));
        assert!(!of("(local.get $n)", "(memory.copy (i32.const 600) (i32.const 512) (i32.const 32))"));
        assert!(!of("(i32.load (i32.const 512))", word), "what came out before");
        assert!(!of("(local.get $n)", &word.repeat(LOOKED_AT + 1)), "all of it");
    }
}
