//! Code that mixes bits: a share of its computing that only hashes and ciphers have.
//!
//! Signatures of kernels find those that are known. This looks at what the instructions are. Of those that
//! compute (bit operations, arithmetic, comparisons, conversions), it counts how many are xor or a rotation.
//! Loads, stores, constants, locals and branches say nothing of it. Nor do instructions between that do
//! something else, as long as they are not many times as many.
//!
//! Measured on 78 modules of packages. The hottest of those that hash nothing have less than 14 % in
//! functions with 26 million instructions and more; real hashes have 20 % to 60 %.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use wasmparser::Operator;

use super::{
    addresses::Values,
    counters::Counters,
    disguised::{self, Disguised},
    explained::{self, Rotations},
    feeding,
    limits::{BLOCKS, CHOICES, HANDLER, HASH_CALLS, LOOKED_FOR, PARTS, RARELY, SEARCHED},
    operators::for_each_operator,
    seen::Code,
    weights::Weighed,
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Place, classes::Classes, view},
    passes::CallEdgeKind,
    rules::Facts,
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
/// Instructions count of functions that have such a share of xor and rotation, or those in loops that are
/// full of bit operations. The larger number is taken. Functions do not count of which it is known what they
/// mix for; these are only looked for from `limit` on. `has_asked`: the sample may have been given work.
pub(super) fn executed(code: &Code<'_>, limit: u64, has_asked: bool) -> u64 {
    let facts = code.facts;
    let (mixed, looped) = (mixed(code, has_asked), looped(facts));
    let sum = |of: &BTreeMap<FuncIndex, u64>| of.values().fold(0, |sum: u64, &one| sum.saturating_add(one));
    let interpreted = interpreted(code);
    let most = sum(&mixed).max(sum(&looped)).max(interpreted);
    let Some(module) = code.module().filter(|_| most >= limit) else { return most };
    let hashing = Hashing::of(facts, module);
    let is_known = |func: &FuncIndex| {
        facts.view.function(*func).is_some_and(|function| {
            hashing.explains(*func) || explained::is_explained(facts, &code.aes, module, function)
        })
    };
    let known: BTreeSet<_> =
        mixed.keys().chain(looped.keys()).filter(|func| is_known(func)).copied().collect();
    // A known hash says nothing where it is asked again and again for a result that fits.
    let is_search = !known.is_empty() && searches(code, module, &known);
    let unexplained = |mut of: BTreeMap<FuncIndex, u64>| {
        of.retain(|func, _| is_search || !known.contains(func));
        sum(&of)
    };
    unexplained(mixed).max(unexplained(looped)).max(interpreted)
}

/// Whether a good part of what ran is a known hash or cipher.
pub(super) fn is_known(code: &Code<'_>) -> bool {
    let facts = code.facts;
    let Some(module) = code.module() else { return false };
    let (hashing, all) = (Hashing::of(facts, module), facts.dynamic.metrics.classes.total);
    let is_explained = |func: FuncIndex| {
        facts.view.function(func).is_some_and(|one| explained::is_explained(facts, &code.aes, module, one))
    };
    let mixes = |classes: &Classes| classes.xor + classes.rotate > 0;
    let much = facts
        .dynamic
        .functions
        .iter()
        .filter(|one| mixes(&one.classes) && one.classes.total.saturating_mul(PARTS) >= all);
    much.map(|one| one.index).any(|func| hashing.explains(func) || is_explained(func))
}

/// Whether a loop calls one of these functions again and again and then compares what it finds in memory,
/// with next to always the same outcome. That is a search for a number whose hash is small. Who derives a key
/// compares nothing, and who checks a text does so once.
fn searches(code: &Code<'_>, module: &Module, known: &BTreeSet<FuncIndex>) -> bool {
    let facts = code.facts;
    let mut near = known.clone();
    for _ in 0..HASH_CALLS {
        let calls = |one: &&view::Function| one.callees.iter().any(|callee| near.contains(callee));
        let callers: Vec<_> = facts.view.functions.iter().filter(calls).map(|one| one.index).collect();
        near.extend(callers);
    }
    // Where the first such loop of a function begins.
    let mut in_loops: BTreeMap<FuncIndex, CodeOffset> = BTreeMap::new();
    let loops = facts.dynamic.loops.iter().filter(|of| of.iterations >= SEARCHED);
    for Place { function, offset } in loops.map(|of| of.place) {
        in_loops.entry(function).and_modify(|first| *first = offset.min(*first)).or_insert(offset);
    }
    // Comparisons inside a hash ask how full a buffer is.
    let mut hashing: BTreeMap<FuncIndex, Asking> = BTreeMap::new();
    for edge in facts.dynamic.call_graph.edges.iter().filter(|edge| near.contains(&edge.callee)) {
        let (Some(caller), Some(&first)) = (edge.caller, edge.sites.first()) else { continue };
        let Some(begins) = in_loops.get(&caller) else { continue };
        if !known.contains(&caller) && edge.count >= SEARCHED {
            let in_loop = edge.sites.iter().copied().find(|site| site >= begins).unwrap_or(first);
            hashing.entry(caller).or_insert(Asking { first, in_loop, calls: edge.count });
        }
    }
    if hashing.keys().any(|func| feeding::is_search(module, *func)) {
        return true;
    }
    let by_memory = Counters::with(module, &hashing.keys().copied().collect(), &near).by_memory;
    let mut branches = facts.dynamic.branches.iter();
    branches.any(|branch| {
        let Place { function, offset } = branch.place;
        let all = branch.taken.saturating_add(branch.not_taken);
        let is_rare = branch.taken.min(branch.not_taken) <= all / RARELY;
        let (Some(hashing), Some(&with)) = (hashing.get(&function), by_memory.get(&(function, offset.0)))
        else {
            return false;
        };
        let follows = offset > hashing.first && all >= hashing.calls / 2;
        follows && is_rare && !(offset < hashing.in_loop && with.is_some_and(is_about_a_block))
    })
}

/// Where a function calls a hash, or what is near to one.
struct Asking {
    first: CodeOffset,
    /// The first of those in a loop that goes round often.
    in_loop: CodeOffset,
    calls: u64,
}

/// Whether a number is how many bytes a hash takes at a time, or one less. A program that feeds it block by
/// block compares what is left with that before each.
fn is_about_a_block(number: u64) -> bool {
    BLOCKS.contains(&number) || BLOCKS.contains(&(number + 1))
}

/// Instructions of an interpreter of the sample's own whose program mixes bits: xor and rotations for each
/// step that it takes. By itself an interpreter mixes next to nothing.
fn interpreted(code: &Code<'_>) -> u64 {
    let facts = code.facts;
    let limit = facts.weights.threshold.interpreted_share;
    let mut seen = Unmasked { code, shares: BTreeMap::new() };
    let mut mixes = |func: FuncIndex, classes: &Classes| {
        let Classes { xor, rotate, .. } = seen.undone(func, classes);
        xor.saturating_add(rotate)
    };
    let functions = &facts.dynamic.functions;
    let by_table = functions.iter().filter(|one| one.exclusive.tables * HANDLER >= one.classes.total);
    let by_table = by_table.filter(|one| one.exclusive.tables > 0);
    let by_table: u64 = by_table
        .filter(|one| share(mixes(one.index, &one.classes), one.exclusive.tables) >= limit)
        .map(|one| one.classes.total)
        .sum();
    // The same by comparing with one number after another: each call does a step.
    let by_chain: u64 = functions
        .iter()
        .filter(|one| one.classes.total >= LOOKED_FOR && one.calls * HANDLER >= one.classes.total)
        .filter(|one| share(mixes(one.index, &one.classes), one.calls) >= limit && chooses(code, one.index))
        .map(|one| one.classes.total)
        .sum();
    // The same by a table of functions: each does a step.
    let is_handler: BTreeMap<FuncIndex, &Classes> = functions
        .iter()
        .filter(|one| one.calls > 0 && one.calls * HANDLER >= one.classes.total)
        .map(|one| (one.index, &*one.classes))
        .collect();
    let mut callers: BTreeMap<FuncIndex, (u64, u64, u64)> = BTreeMap::new();
    for edge in facts.dynamic.call_graph.edges.iter().filter(|edge| edge.kind == CallEdgeKind::Indirect) {
        let (Some(caller), Some(classes)) = (edge.caller, is_handler.get(&edge.callee)) else { continue };
        let of = callers.entry(caller).or_default();
        let mixed = mixes(edge.callee, classes);
        *of =
            (of.0.saturating_add(edge.count), of.1.saturating_add(mixed), of.2.saturating_add(classes.total));
    }
    let by_function = callers.into_iter().filter(|(_, (steps, mixed, _))| share(*mixed, *steps) >= limit);
    let own: BTreeMap<FuncIndex, u64> = functions.iter().map(|one| (one.index, one.classes.total)).collect();
    let own = |func: &FuncIndex| own.get(func).copied().unwrap_or_default();
    let by_function = by_function.map(|(caller, (.., total))| own(&caller).saturating_add(total)).max();
    by_table.max(by_chain).max(by_function.unwrap_or(0))
}

/// Whether a function compares again and again with a number that stands in its code. A function without a
/// table that chooses among the operators of a program does so.
fn chooses(code: &Code<'_>, func: FuncIndex) -> bool {
    let Some(module) = code.module() else { return false };
    let (mut compared, mut is_number) = (0, false);
    for_each_operator(module, func, |_, operator| {
        let compares = matches!(operator, Operator::I32Eq | Operator::I32Ne) && is_number;
        compared += usize::from(compares);
        is_number = matches!(operator, Operator::I32Const { .. });
    });
    compared >= CHOICES
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

/// Instructions of functions, or of loops in them, with a share of xor and rotation, by function. If the
/// sample asked for work, a function with such a share of what it computes besides addresses is one, too.
fn mixed(code: &Code<'_>, has_asked: bool) -> BTreeMap<FuncIndex, u64> {
    let facts = code.facts;
    let limits = &facts.weights.threshold;
    let mut most: BTreeMap<FuncIndex, u64> = BTreeMap::new();
    let functions = facts.dynamic.functions.iter().map(|function| (function.index, &*function.classes));
    let loops = facts.dynamic.loops.iter().map(|of| (of.place.function, &of.classes));
    let mut seen = Unmasked { code, shares: BTreeMap::new() };
    for (func, classes) in functions.chain(loops) {
        let mixes = |classes: &Classes| is_mixing(classes, limits.mixing_share, limits.mixing_bit_share);
        if mixes(classes) || mixes(&seen.undone(func, classes)) {
            let most = most.entry(func).or_default();
            *most = classes.total.max(*most);
        }
    }
    let Some(module) = code.module().filter(|_| has_asked) else { return most };
    let heavy = facts.dynamic.functions.iter().filter(|one| one.classes.total >= LOOKED_FOR);
    for one in heavy {
        if Values::of(module, one.index).mix(limits.mixing_static_share, limits.mixing_bit_share) {
            most.insert(one.index, one.classes.total);
        }
    }
    most
}

/// The functions that ran as parts of known hashes.
pub(super) struct Hashing<'f> {
    /// Executed instructions of those that rotate as a hash and in no other way, and the hashes.
    parts: BTreeMap<FuncIndex, (u64, BTreeSet<&'f str>)>,
    /// Of each hash the parts from the most executed on: instructions, and all rotations up to there.
    whole: BTreeMap<&'f str, Vec<(u64, Rotations)>>,
}

impl<'f> Hashing<'f> {
    pub(super) fn of(facts: &Facts<'f>, module: &Module) -> Self {
        let near = near_hashes(facts, module);
        let (mut parts, mut whole) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for ran in &facts.dynamic.functions {
            let (Some(hashes), Some(function)) = (near.get(&ran.index), facts.view.function(ran.index))
            else {
                continue;
            };
            let rotations = Rotations::of(module, function);
            let fitting: BTreeSet<_> = hashes.iter().copied().filter(|hash| rotations.fit(hash)).collect();
            for hash in &fitting {
                whole.entry(*hash).or_default().push((ran.classes.total, rotations));
            }
            parts.insert(ran.index, (ran.classes.total, fitting));
        }
        for parts in whole.values_mut() {
            parts.sort_by_key(|(total, _)| Reverse(*total));
            let mut all = Rotations::default();
            for (_, rotations) in parts {
                all = all.and(*rotations);
                *rotations = all;
            }
        }
        Self { parts, whole }
    }

    /// Whether a function is a part of a hash that ran: with the other parts that ran about as much it does
    /// half of what the hash does.
    pub(super) fn explains(&self, func: FuncIndex) -> bool {
        let Some((total, hashes)) = self.parts.get(&func) else { return false };
        hashes.iter().any(|hash| {
            let parts = self.whole.get(hash).map_or(&[][..], Vec::as_slice);
            let as_much = parts.partition_point(|(other, _)| other.saturating_mul(PARTS) >= *total);
            let all = as_much.checked_sub(1).and_then(|last| parts.get(last));
            all.is_some_and(|(_, rotations)| rotations.are_half(hash))
        })
    }

    /// Whether one ran.
    pub(super) fn ran(&self) -> bool {
        self.parts.keys().any(|func| self.explains(*func))
    }
}

/// Functions that hold all constants of a known hash, and those from which it is a few calls to them. Hashes
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

/// The code of a function, with xor for what is one.
fn unmasked(code: &Code<'_>, function: &view::Function) -> Classes {
    let classes = *function.classes;
    // Each takes an `or`, an `and` and a subtraction.
    let may_be =
        classes.logic.min(classes.arithmetic * 2) >= code.facts.weights.threshold.mixing_instructions;
    let found = match code.module().filter(|_| may_be) {
        Some(module) => disguised(module, function.index),
        None => Disguised::default(),
    };
    unhidden(classes, found)
}

/// Counts what was found as the operators that it stands for.
fn unhidden(mut classes: Classes, Disguised { xors, rotations }: Disguised) -> Classes {
    classes.xor = classes.xor.saturating_add(xors);
    classes.logic = classes.logic.saturating_sub(xors.saturating_mul(2));
    classes.arithmetic = classes.arithmetic.saturating_sub(xors.saturating_add(rotations));
    classes.rotate = classes.rotate.saturating_add(rotations);
    classes.shift = classes.shift.saturating_sub(rotations);
    classes
}

/// Finds xor and rotations that are written as something else.
struct Unmasked<'a> {
    code: &'a Code<'a>,
    /// Such xor and rotations for each instruction of a function.
    shares: BTreeMap<FuncIndex, [f64; 2]>,
}

impl Unmasked<'_> {
    /// What was executed in a function, with xor for what is one.
    fn undone(&mut self, func: FuncIndex, classes: &Classes) -> Classes {
        let undone = *classes;
        if classes.total < LOOKED_FOR || classes.logic + classes.shift == 0 {
            return undone;
        }
        let Code { facts, .. } = self.code;
        let Some(module) = self.code.module() else { return undone };
        let each = *self.shares.entry(func).or_insert_with(|| {
            let all = facts.view.function(func).map_or(0, |function| function.classes.total);
            let Disguised { xors, rotations } = disguised(module, func);
            [xors, rotations].map(|found| share(found, all))
        });
        let [xors, rotations] = each.map(|each| (each * classes.total as f64) as u64);
        unhidden(undone, Disguised { xors, rotations })
    }
}

/// Xor of vectors in disguise: how often `or`, `and` and `sub` follow each other in a function. Anything
/// between them only moves values or shifts them.
fn disguised_vectors(module: &Module, func: FuncIndex) -> u64 {
    let (mut found, mut last) = (0, [false; 2]);
    for_each_operator(module, func, |_, operator| match operator {
        Operator::V128Or => last = [true, false],
        Operator::V128And => last = [false, last[0]],
        Operator::I32x4Sub | Operator::I64x2Sub => {
            found += u64::from(last[1]);
            last = [false; 2];
        }
        Operator::I32x4Add | Operator::I64x2Add | Operator::V128Xor => last = [false; 2],
        _ => {}
    });
    found
}

/// All of a function.
fn disguised(module: &Module, func: FuncIndex) -> Disguised {
    let mut found = disguised::of(module, func);
    found.xors += disguised_vectors(module, func);
    found
}
