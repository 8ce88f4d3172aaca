//! Code that mixes bits: a share of its computing that only hashes and ciphers have.
//!
//! Signatures of kernels find those that are known. This looks at what the instructions are: of those that
//! compute (bit operations, arithmetic, comparisons, conversions), how many are xor or a rotation. Loads,
//! stores, constants, locals and branches say nothing of it, nor do instructions between that do something
//! else, as long as they are not many times as many.
//!
//! Measured on 78 modules of packages: the hottest of those that hash nothing have less than 14 % in
//! functions with 26 million instructions and more; real hashes 20 % to 60 %.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::Operator;

use super::{
    explained,
    operators::for_each_operator,
    seen::Code,
    weights::{Weighed, Weights},
};
use crate::{
    module::{FuncIndex, Module, classes::Classes, view},
    text::share,
};

/// Whether a share of so many instructions mixes.
fn is_mixing(classes: &Classes, share_of_xor: f64, share_of_bits: f64) -> bool {
    let mixed = classes.xor + classes.rotate;
    let bits = mixed + classes.shift + classes.logic;
    let computing = bits + classes.arithmetic + classes.compare + classes.convert;
    share(mixed, computing) >= share_of_xor && share(bits, computing) >= share_of_bits
}

/// Whether the code of a function does little but mix.
pub(super) fn stands_in(weights: &Weights, function: &view::Function) -> bool {
    let limits = &weights.threshold;
    let classes = &function.classes;
    let is_enough = classes.xor + classes.rotate >= limits.mixing_instructions;
    // Comparing bytes with xor and or moves no bits.
    let moves = (classes.rotate + classes.shift) * 4 >= classes.xor;
    is_enough && moves && is_mixing(classes, limits.mixing_static_share, limits.mixing_bit_share)
}

/// Instructions of functions, or of loops in them, that mix.
///
/// Counted are those that have such a share of xor and rotation, or those in loops that are full of bit
/// operations, whichever are more; without functions of which it is known what they mix for.
pub(super) fn executed(code: &Code<'_>) -> u64 {
    let facts = code.facts;
    let (mixed, looped) = (mixed(code), looped(facts));
    let limit = facts.weights.class.unexplained_instructions;
    let sum = |of: &BTreeMap<FuncIndex, u64>| of.values().fold(0, |sum: u64, &one| sum.saturating_add(one));
    let most = sum(&mixed).max(sum(&looped));
    let Some(module) = code.module().filter(|_| most >= limit) else { return most };
    // Hashes have their rounds and their constants in functions that call each other.
    let hashes = near_hashes(facts, module);
    let is_known = |func: &FuncIndex| {
        let function = facts.view.function(*func);
        hashes.contains(func)
            || function.is_some_and(|function| explained::is_explained(facts, module, function))
    };
    let known: BTreeSet<_> =
        mixed.keys().chain(looped.keys()).filter(|func| is_known(func)).copied().collect();
    let unexplained = |mut of: BTreeMap<FuncIndex, u64>| {
        of.retain(|func, _| !known.contains(func));
        sum(&of)
    };
    unexplained(mixed).max(unexplained(looped))
}

/// Instructions in loops that are full of bit operations, by function.
fn looped(facts: &Weighed<'_>) -> BTreeMap<FuncIndex, u64> {
    let mut looped = BTreeMap::<_, u64>::new();
    for of in &facts.dynamic.loops {
        let Classes { xor, rotate, shift, logic, total, .. } = of.classes;
        if share(xor + rotate + shift + logic, total) >= facts.weights.class.unexplained_bit_share {
            let sum = looped.entry(of.place.function).or_default();
            *sum = sum.saturating_add(total);
        }
    }
    looped
}

/// Instructions of functions, or of loops in them, with a share of xor and rotation, by function.
fn mixed(code: &Code<'_>) -> BTreeMap<FuncIndex, u64> {
    let facts = code.facts;
    let limits = &facts.weights.threshold;
    let mut most: BTreeMap<FuncIndex, u64> = BTreeMap::new();
    let functions = facts.dynamic.functions.iter().map(|function| (function.index, &*function.classes));
    let loops = facts.dynamic.loops.iter().map(|of| (of.place.function, &of.classes));
    let mut seen = Disguised { code, shares: BTreeMap::new() };
    for (func, classes) in functions.chain(loops) {
        let mixes = |classes: &Classes| is_mixing(classes, limits.mixing_share, limits.mixing_bit_share);
        if mixes(classes) || mixes(&seen.undone(func, classes)) {
            let most = most.entry(func).or_default();
            *most = classes.total.max(*most);
        }
    }
    most
}

/// Functions that hold all constants of a known hash, those that call them, and those that they call.
fn near_hashes(facts: &Weighed<'_>, module: &Module) -> BTreeSet<FuncIndex> {
    let functions = &facts.view.functions;
    let hashes = functions.iter().filter(|one| explained::is_known_hash(facts, module, one));
    let hashes: BTreeSet<_> = hashes.map(|one| one.index).collect();
    let is_near = |one: &view::Function| {
        hashes.contains(&one.index) || one.callees.iter().any(|callee| hashes.contains(callee))
    };
    let mut near: BTreeSet<_> = functions.iter().filter(|one| is_near(one)).map(|one| one.index).collect();
    let called = hashes.iter().filter_map(|&hash| facts.view.function(hash));
    near.extend(called.flat_map(|hash| hash.callees.iter().copied()));
    near
}

/// Instructions below which nobody looks for xor in disguise.
const LOOKED_FOR: u64 = 10_000_000;

/// Finds xor that is written as `(a or b) - (a and b)`.
struct Disguised<'a> {
    code: &'a Code<'a>,
    /// Such xor for each instruction of a function.
    shares: BTreeMap<FuncIndex, f64>,
}

impl Disguised<'_> {
    /// What was executed in a function, with xor for what is one.
    fn undone(&mut self, func: FuncIndex, classes: &Classes) -> Classes {
        let mut undone = *classes;
        if classes.total < LOOKED_FOR || classes.logic == 0 {
            return undone;
        }
        let Code { facts, .. } = self.code;
        let Some(module) = self.code.module() else { return undone };
        let each = *self.shares.entry(func).or_insert_with(|| {
            facts
                .view
                .function(func)
                .map_or(0.0, |function| share(disguised(module, func), function.classes.total))
        });
        let found = (each * classes.total as f64) as u64;
        undone.xor = undone.xor.saturating_add(found);
        undone.logic = undone.logic.saturating_sub(found.saturating_mul(2));
        undone.arithmetic = undone.arithmetic.saturating_sub(found);
        undone
    }
}

/// How often `or`, `and` and `sub` follow each other in a function, with anything between that moves values
/// or shifts them.
fn disguised(module: &Module, func: FuncIndex) -> u64 {
    let (mut found, mut last) = (0, [false; 2]);
    for_each_operator(module, func, |_, operator| match operator {
        Operator::I32Or | Operator::I64Or | Operator::V128Or => last = [true, false],
        Operator::I32And | Operator::I64And | Operator::V128And => last = [false, last[0]],
        Operator::I32Sub | Operator::I64Sub | Operator::I32x4Sub | Operator::I64x2Sub => {
            found += u64::from(last[1]);
            last = [false; 2];
        }
        Operator::I32Add | Operator::I64Add | Operator::I32Mul | Operator::I64Mul => last = [false; 2],
        Operator::I32Xor | Operator::I64Xor | Operator::V128Xor => last = [false; 2],
        _ => {}
    });
    found
}
