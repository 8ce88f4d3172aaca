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

use super::{explained, limits::HASH_CALLS, operators::for_each_operator, seen::Code, weights::Weighed};
use crate::{
    module::{FuncIndex, Module, classes::Classes, view},
    rules::Facts,
    text::share,
};

/// Whether a share of so many instructions mixes.
fn is_mixing(classes: &Classes, share_of_xor: f64, share_of_bits: f64) -> bool {
    let mixed = classes.xor + classes.rotate;
    let bits = mixed + classes.shift + classes.logic;
    let computing = bits + classes.arithmetic + classes.compare + classes.convert;
    // Comparing bytes with xor and and moves no bits.
    let compares = (classes.rotate + classes.shift) * 8 < mixed && classes.logic >= classes.xor;
    !compares && share(mixed, computing) >= share_of_xor && share(bits, computing) >= share_of_bits
}

/// Whether the code of a function does little but mix.
pub(super) fn stands_in(code: &Code<'_>, function: &view::Function) -> bool {
    let limits = &code.facts.weights.threshold;
    let classes = &unmasked(code, function);
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
    let hashes = near_hashes(facts, module);
    let is_known = |func: &FuncIndex| {
        facts.view.function(*func).is_some_and(|function| {
            let is_of = |algorithm: &&str| explained::rotates_as(algorithm, module, function);
            hashes.get(func).is_some_and(|near| near.iter().any(is_of))
                || explained::is_explained(facts, module, function)
        })
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

/// Functions that hold all constants of a known hash, and those from which it is a few calls to them: hashes
/// have their rounds and their constants in functions that call each other. Each with the hashes.
fn near_hashes<'f>(facts: &Facts<'f>, module: &Module) -> BTreeMap<FuncIndex, BTreeSet<&'f str>> {
    let functions = &facts.view.functions;
    let hash = |one: &view::Function| Some((one.index, explained::known_hash(facts, module, one)?));
    let mut near: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    functions.iter().filter_map(hash).for_each(|(func, hash)| _ = near.entry(func).or_default().insert(hash));
    for _ in 0..HASH_CALLS {
        let before = near.clone();
        for one in functions {
            for callee in &one.callees {
                let mut share = |from: &FuncIndex, to: FuncIndex| {
                    if let Some(hashes) = before.get(from) {
                        near.entry(to).or_default().extend(hashes);
                    }
                };
                share(callee, one.index);
                share(&one.index, *callee);
            }
        }
    }
    near
}

/// Instructions below which nobody looks for xor in disguise.
const LOOKED_FOR: u64 = 10_000_000;

/// The code of a function, with xor for what is one.
fn unmasked(code: &Code<'_>, function: &view::Function) -> Classes {
    let classes = *function.classes;
    // Each takes an `or`, an `and` and a subtraction.
    let may_be =
        classes.logic.min(classes.arithmetic * 2) >= code.facts.weights.threshold.mixing_instructions;
    let found = match code.module().filter(|_| may_be) {
        Some(module) => disguised(module, function.index),
        None => 0,
    };
    with_xor(classes, found)
}

/// Counts `found` times an `or`, an `and` and a subtraction as one xor.
fn with_xor(mut classes: Classes, found: u64) -> Classes {
    classes.xor = classes.xor.saturating_add(found);
    classes.logic = classes.logic.saturating_sub(found.saturating_mul(2));
    classes.arithmetic = classes.arithmetic.saturating_sub(found);
    classes
}

/// Finds xor that is written as `(a or b) - (a and b)`.
struct Disguised<'a> {
    code: &'a Code<'a>,
    /// Such xor for each instruction of a function.
    shares: BTreeMap<FuncIndex, f64>,
}

impl Disguised<'_> {
    /// What was executed in a function, with xor for what is one.
    fn undone(&mut self, func: FuncIndex, classes: &Classes) -> Classes {
        let undone = *classes;
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
        with_xor(undone, found)
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
