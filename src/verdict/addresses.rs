//! What a function computes besides addresses. Code that works on a table of numbers in memory computes more
//! places than values. So only little of what it computes is its real work.
//!
//! Operands are followed within a block. An address that a load or store takes, and all that this was made
//! of, is none of the values. Nothing is known of what calls give, nor of vectors.

use wasmparser::Operator;

use std::collections::BTreeMap;

use super::{
    limits::MAX_NODES,
    operators::{for_each_operator, is_load},
};
use crate::{
    module::{FuncIndex, Module},
    text::share,
};

/// The operators of a function that make values.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Values {
    mixing: u64,
    bits: u64,
    all: u64,
}

impl Values {
    /// Those of a function.
    pub(super) fn of(module: &Module, func: FuncIndex) -> Self {
        let mut walk = Walk::default();
        for_each_operator(module, func, |_, operator| walk.step(operator));
        walk.settle();
        walk.sum
    }

    fn add(&mut self, node: &Node) {
        self.mixing += u64::from(node.kind == Kind::Mixes);
        self.bits += u64::from(matches!(node.kind, Kind::Mixes | Kind::Turns));
        self.all += u64::from(node.kind != Kind::Given);
    }

    /// Whether so much of them mixes and turns bits.
    pub(super) fn mix(&self, share_of_xor: f64, share_of_bits: f64) -> bool {
        self.mixing > 1
            && share(self.mixing, self.all) >= share_of_xor
            && share(self.bits, self.all) >= share_of_bits
    }
}

/// What an operator is to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Xor and rotations.
    Mixes,
    /// Other operations on bits.
    Turns,
    Computes,
    /// A constant, or a value from elsewhere.
    Given,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    operands: [Option<u32>; 2],
    is_address: bool,
}

#[derive(Default)]
struct Walk {
    nodes: Vec<Node>,
    stack: Vec<u32>,
    locals: BTreeMap<u32, u32>,
    /// Of the blocks before.
    sum: Values,
}

impl Walk {
    fn push(&mut self, kind: Kind, mut operands: [Option<u32>; 2]) {
        if self.nodes.len() >= MAX_NODES {
            self.settle();
            operands = [None; 2];
        }
        self.stack.push(self.nodes.len() as u32);
        self.nodes.push(Node { kind, operands, is_address: false });
    }

    /// A block ends: what was no address until now is a value.
    fn settle(&mut self) {
        self.nodes.drain(..).filter(|node| !node.is_address).for_each(|node| self.sum.add(&node));
        self.stack.clear();
        self.locals.clear();
    }

    /// A value that is taken here is an address, and so is what it was made of.
    fn address(&mut self) {
        let mut next = Vec::from_iter(self.stack.pop());
        while let Some(node) = next.pop().and_then(|at| self.nodes.get_mut(at as usize)) {
            if !std::mem::replace(&mut node.is_address, true) {
                next.extend(node.operands.into_iter().flatten());
            }
        }
    }

    fn step(&mut self, operator: &Operator<'_>) {
        use Operator as O;
        match *operator {
            O::LocalGet { local_index } => match self.locals.get(&local_index) {
                Some(&at) => self.stack.push(at),
                None => {
                    self.push(Kind::Given, [None; 2]);
                    self.locals.extend(self.stack.last().map(|&at| (local_index, at)));
                }
            },
            O::LocalSet { local_index } => match self.stack.pop() {
                Some(at) => _ = self.locals.insert(local_index, at),
                None => _ = self.locals.remove(&local_index),
            },
            O::LocalTee { local_index } => match self.stack.last() {
                Some(&at) => _ = self.locals.insert(local_index, at),
                None => _ = self.locals.remove(&local_index),
            },
            O::I32Const { .. } | O::I64Const { .. } | O::GlobalGet { .. } => {
                self.push(Kind::Given, [None; 2]);
            }
            O::I32Store { .. }
            | O::I64Store { .. }
            | O::I32Store8 { .. }
            | O::I32Store16 { .. }
            | O::I64Store8 { .. }
            | O::I64Store16 { .. }
            | O::I64Store32 { .. } => {
                self.stack.pop();
                self.address();
            }
            ref load if is_load(load) => {
                self.address();
                self.push(Kind::Given, [None; 2]);
            }
            ref other => match kind(other) {
                Some((kind, 2)) => {
                    let operands = [self.stack.pop(), self.stack.pop()];
                    self.push(kind, operands);
                }
                Some((kind, _)) => {
                    let operand = self.stack.pop();
                    self.push(kind, [operand, None]);
                }
                None => self.settle(),
            },
        }
    }
}

/// What an operator of integers is, and how many operands it takes.
fn kind(operator: &Operator<'_>) -> Option<(Kind, u8)> {
    use Operator as O;
    Some(match operator {
        O::I32Xor | O::I64Xor | O::I32Rotl | O::I32Rotr | O::I64Rotl | O::I64Rotr => (Kind::Mixes, 2),
        O::I32And | O::I32Or | O::I32Shl | O::I32ShrU | O::I32ShrS => (Kind::Turns, 2),
        O::I64And | O::I64Or | O::I64Shl | O::I64ShrU | O::I64ShrS => (Kind::Turns, 2),
        O::I32Add | O::I32Sub | O::I32Mul | O::I32DivU | O::I32DivS | O::I32RemU | O::I32RemS => {
            (Kind::Computes, 2)
        }
        O::I64Add | O::I64Sub | O::I64Mul | O::I64DivU | O::I64DivS | O::I64RemU | O::I64RemS => {
            (Kind::Computes, 2)
        }
        O::I32Eq | O::I32Ne | O::I32LtU | O::I32LtS | O::I32GtU | O::I32GtS => (Kind::Computes, 2),
        O::I32LeU | O::I32LeS | O::I32GeU | O::I32GeS => (Kind::Computes, 2),
        O::I64Eq | O::I64Ne | O::I64LtU | O::I64LtS | O::I64GtU | O::I64GtS => (Kind::Computes, 2),
        O::I64LeU | O::I64LeS | O::I64GeU | O::I64GeS => (Kind::Computes, 2),
        O::I32Eqz | O::I64Eqz | O::I32WrapI64 | O::I64ExtendI32U | O::I64ExtendI32S => (Kind::Computes, 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_no_values() {
        let text = "(module (memory 1) (func (param $p i32) (param $i i32) (local $a i32)
            (local.set $a (i32.add (local.get $p) (i32.mul (local.get $i) (i32.const 4))))
            (i32.store (local.get $a) (i32.xor (i32.load (local.get $a)) (i32.rotl (i32.load
              (i32.add (local.get $p) (i32.shl (i32.and (i32.add (local.get $i) (i32.const 7)) (i32.const 15))
                (i32.const 2)))) (i32.const 9))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))))";
        let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
        let found = Values::of(&module, FuncIndex(0));
        assert_eq!(found, Values { mixing: 2, bits: 2, all: 3 });
        assert!(found.mix(0.25, 0.3));
    }
}
