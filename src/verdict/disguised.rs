//! Xor and rotations that are written as something else: `(a or b) - (a and b)`, `a + b - 2 (a and b)`,
//! `(a and not b) or (b and not a)`, a rotation as a product and a sum.
//!
//! No shape is known here. Each function is computed for a few numbers. If xor or rotation of two values on
//! the way comes out, the function does that, whatever the operators are.
//!
//! Not here: vectors (`mixing`); what is computed over several statements with a branch between.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use wasmparser::Operator;

use super::{
    limits::{BELOW, MAX_NODES, TRIED},
    operators::for_each_operator,
};
use crate::module::{FuncIndex, Module};

/// What a value is for each of the numbers that are tried.
type Outcomes = [u64; TRIED];

/// A value: what it is for some numbers, and what it is made of.
#[derive(Debug, Clone, Copy)]
struct Node {
    outcomes: Outcomes,
    operands: [Option<u32>; 2],
    is_constant: bool,
    is_narrow: bool,
}

/// Xor and rotations in disguise, with the operators that they took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Disguised {
    pub(super) xors: u64,
    pub(super) rotations: u64,
}

/// Those of a function.
pub(super) fn of(module: &Module, func: FuncIndex) -> Disguised {
    let mut values = Values::default();
    for_each_operator(module, func, |_, operator| values.step(operator));
    values.found
}

/// What an operator is to this.
enum Kind {
    Narrow(fn(u32, u32) -> u32),
    Wide(fn(u64, u64) -> u64),
}

#[derive(Default)]
struct Values {
    nodes: Vec<Node>,
    known: HashMap<(u16, Option<u32>, Option<u32>), u32>,
    constants: HashMap<(bool, u64), u32>,
    stack: Vec<u32>,
    locals: BTreeMap<u32, u32>,
    seed: u64,
    found: Disguised,
}

impl Values {
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.seed;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn push(&mut self, node: Node) -> u32 {
        if self.nodes.len() >= MAX_NODES {
            self.nodes.clear();
            self.known.clear();
            self.constants.clear();
            self.stack.clear();
            self.locals.clear();
        }
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// A value of which nothing is known.
    fn leaf(&mut self) -> u32 {
        let outcomes = std::array::from_fn(|_| self.random());
        self.push(Node { outcomes, operands: [None; 2], is_constant: false, is_narrow: false })
    }

    fn constant(&mut self, value: u64, is_narrow: bool) -> u32 {
        if let Some(&known) = self.constants.get(&(is_narrow, value)) {
            return known;
        }
        let node = Node { outcomes: [value; TRIED], operands: [None; 2], is_constant: true, is_narrow };
        let at = self.push(node);
        self.constants.insert((is_narrow, value), at);
        at
    }

    fn pop(&mut self) -> u32 {
        match self.stack.pop() {
            Some(value) => value,
            None => self.leaf(),
        }
    }

    fn step(&mut self, operator: &Operator<'_>) {
        use Operator as O;
        match *operator {
            O::I32Const { value } => {
                let at = self.constant(u64::from(value as u32), true);
                self.stack.push(at);
            }
            O::I64Const { value } => {
                let at = self.constant(value as u64, false);
                self.stack.push(at);
            }
            O::LocalGet { local_index } => {
                let at = match self.locals.get(&local_index) {
                    Some(&at) => at,
                    None => self.leaf(),
                };
                self.locals.insert(local_index, at);
                self.stack.push(at);
            }
            O::LocalSet { local_index } => {
                let at = self.pop();
                self.locals.insert(local_index, at);
            }
            O::LocalTee { local_index } => {
                let at = self.pop();
                self.locals.insert(local_index, at);
                self.stack.push(at);
            }
            O::Loop { .. } | O::Block { .. } | O::If { .. } | O::Else | O::End | O::BrIf { .. } => {
                self.stack.clear();
                self.locals.clear();
            }
            ref other => match kind(other) {
                Some((number, kind)) => self.binary(number, &kind),
                None if is_load(other) => {
                    self.pop();
                    let at = self.leaf();
                    self.stack.push(at);
                }
                None => self.stack.clear(),
            },
        }
    }

    fn binary(&mut self, number: u16, kind: &Kind) {
        let (b, a) = (self.pop(), self.pop());
        let key = (number, Some(a), Some(b));
        if let Some(&known) = self.known.get(&key) {
            self.stack.push(known);
            return;
        }
        let (Some(&left), Some(&right)) = (self.nodes.get(a as usize), self.nodes.get(b as usize)) else {
            return self.stack.clear();
        };
        let one = |place: usize| match kind {
            Kind::Narrow(does) => u64::from(does(left.outcomes[place] as u32, right.outcomes[place] as u32)),
            Kind::Wide(does) => does(left.outcomes[place], right.outcomes[place]),
        };
        let node = Node {
            outcomes: std::array::from_fn(one),
            operands: [Some(a), Some(b)],
            is_constant: left.is_constant && right.is_constant,
            is_narrow: matches!(kind, Kind::Narrow(_)),
        };
        let at = self.push(node);
        if at > 0 {
            self.known.insert(key, at);
        }
        self.stack.push(at);
        if joins(number) {
            self.look(at);
        }
    }

    /// Whether a value is the xor of two that it is made of, or one of them rotated.
    fn look(&mut self, at: u32) {
        let below = self.below(at);
        let Some(&node) = self.nodes.get(at as usize) else { return };
        let mask = if node.is_narrow { u64::from(u32::MAX) } else { u64::MAX };
        let outcomes =
            |of: u32| self.nodes.get(of as usize).filter(|node| !node.is_constant).map(|one| one.outcomes);
        let known: Vec<Outcomes> = below.iter().filter_map(|&of| outcomes(of)).collect();
        let is =
            |does: &dyn Fn(usize) -> u64| (0..TRIED).all(|at| does(at) & mask == node.outcomes[at] & mask);
        let is_rotated = |of: &Outcomes| {
            let width = if node.is_narrow { 32 } else { 64 };
            let turned = |by: u32, value: u64| match width {
                32 => u64::from((value as u32).rotate_left(by)),
                _ => value.rotate_left(by),
            };
            // By as much as another value says, to one side or the other.
            let by_value = |by: &Outcomes| {
                let by = |at: usize| (by[at] % u64::from(width)) as u32;
                is(&|at| turned(by(at), of[at])) || is(&|at| turned(width - by(at), of[at]))
            };
            (1..width).any(|by| is(&|at| turned(by, of[at]))) || known.iter().any(by_value)
        };
        if known.iter().any(is_rotated) {
            self.found.rotations += 1;
            return;
        }
        let is_xor = known.iter().enumerate().any(|(place, a)| {
            known.iter().skip(place + 1).any(|b| {
                // Of numbers that share no bits the sum is the xor.
                let shares = (0..TRIED).map(|at| (a[at] & b[at] & mask).count_ones()).sum::<u32>() >= 8;
                shares && is(&|at| a[at] ^ b[at])
            })
        });
        self.found.xors += u64::from(is_xor);
    }

    /// What a value is made of, the nearest first.
    fn below(&self, at: u32) -> Vec<u32> {
        let mut found = vec![at];
        let mut next = 0;
        while let Some(&at) = found.get(next) {
            next += 1;
            let operands = self.nodes.get(at as usize).map_or([None; 2], |node| node.operands);
            for operand in operands.into_iter().flatten() {
                if found.len() <= BELOW && !found.contains(&operand) {
                    found.push(operand);
                }
            }
        }
        found.split_off(1)
    }
}

/// Whether an operator of this number may be the last of an xor or a rotation in disguise.
fn joins(number: u16) -> bool {
    matches!(number, 0..=3 | 16..=19)
}

fn kind(operator: &Operator<'_>) -> Option<(u16, Kind)> {
    use Operator as O;
    Some(match operator {
        O::I32Add => (0, Kind::Narrow(u32::wrapping_add)),
        O::I32Sub => (1, Kind::Narrow(u32::wrapping_sub)),
        O::I32Or => (2, Kind::Narrow(|a, b| a | b)),
        O::I32And => (3, Kind::Narrow(|a, b| a & b)),
        O::I32Xor => (4, Kind::Narrow(|a, b| a ^ b)),
        O::I32Mul => (5, Kind::Narrow(u32::wrapping_mul)),
        O::I32Shl => (6, Kind::Narrow(u32::wrapping_shl)),
        O::I32ShrU => (7, Kind::Narrow(u32::wrapping_shr)),
        O::I32Rotl => (8, Kind::Narrow(|a, by| a.rotate_left(by % 32))),
        O::I32Rotr => (9, Kind::Narrow(|a, by| a.rotate_right(by % 32))),
        O::I64Add => (16, Kind::Wide(u64::wrapping_add)),
        O::I64Sub => (17, Kind::Wide(u64::wrapping_sub)),
        O::I64Or => (18, Kind::Wide(|a, b| a | b)),
        O::I64And => (19, Kind::Wide(|a, b| a & b)),
        O::I64Xor => (20, Kind::Wide(|a, b| a ^ b)),
        O::I64Mul => (21, Kind::Wide(u64::wrapping_mul)),
        O::I64Shl => (22, Kind::Wide(|a, by| a.wrapping_shl(by as u32))),
        O::I64ShrU => (23, Kind::Wide(|a, by| a.wrapping_shr(by as u32))),
        O::I64Rotl => (24, Kind::Wide(|a, by| a.rotate_left((by % 64) as u32))),
        O::I64Rotr => (25, Kind::Wide(|a, by| a.rotate_right((by % 64) as u32))),
        _ => return None,
    })
}

fn is_load(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(operator, O::I32Load { .. } | O::I64Load { .. } | O::I32Load8U { .. } | O::I32Load16U { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> (u64, u64) {
        let text =
            format!("(module (func (param $a i64) (param $b i64) (param $c i32) (result i64) {body}))");
        let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
        let Disguised { xors, rotations } = of(&module, FuncIndex(0));
        (xors, rotations)
    }

    #[test]
    fn xor_and_rotation_are_found_however_they_are_written() {
        let (a, b) = ("(local.get $a)", "(local.get $b)");
        let not = |of: &str| format!("(i64.sub (i64.const -1) {of})");
        let xors = [
            format!("(i64.sub (i64.or {a} {b}) (i64.and {a} {b}))"),
            format!("(i64.sub (i64.add {a} {b}) (i64.shl (i64.and {a} {b}) (i64.const 1)))"),
            format!("(i64.sub (i64.add {a} {b}) (i64.mul (i64.const 2) (i64.and {b} {a})))"),
            format!("(i64.or (i64.and {a} {}) (i64.and {b} {}))", not(b), not(a)),
            format!("(i64.add (i64.and {a} {}) (i64.and {b} {}))", not(b), not(a)),
            format!("(i64.and (i64.or {a} {b}) {})", not(&format!("(i64.and {a} {b})"))),
        ];
        for text in xors {
            assert_eq!(found(&text), (1, 0), "{text}");
        }
        let rotations = [
            format!("(i64.or (i64.shl {a} (i64.const 13)) (i64.shr_u {a} (i64.const 51)))"),
            format!("(i64.add (i64.mul {a} (i64.const 8192)) (i64.shr_u {a} (i64.const 51)))"),
            format!("(i64.or (i64.shl {a} (i64.sub (i64.const 64) {b})) (i64.shr_u {a} {b}))"),
        ];
        for text in rotations {
            assert_eq!(found(&text), (0, 1), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_none() {
        let (a, b) = ("(local.get $a)", "(local.get $b)");
        for text in [
            format!("(i64.xor {a} {b})"),
            format!("(i64.or (i64.shl {a} (i64.const 8)) (i64.and {b} (i64.const 255)))"),
            format!("(i64.sub (i64.or {a} (i64.const 7)) (i64.const 7))"),
            format!("(i64.add (i64.and {a} {b}) (i64.or {a} {b}))"),
            format!("(i64.add (i64.mul {a} (i64.const 31)) {b})"),
        ] {
            assert_eq!(found(&text), (0, 0), "{text}");
        }
    }
}
