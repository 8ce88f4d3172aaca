//! Types of functions that differ to the specification and not to the engine, which sees no types of objects.

use std::collections::{BTreeSet, HashMap};

use wasmparser::{FuncType, HeapType, UnpackedIndex, ValType};

use crate::module::{
    FuncIndex, Module,
    objects::{Hierarchy, Objects, Takes},
};

/// Of these types those for which the engine takes a function of the sample that has another one, ascending.
pub(super) fn of(sample: &Module, called: impl Iterator<Item = u32>) -> Vec<u32> {
    let objects = sample.objects();
    let called: BTreeSet<u32> = called.filter(|&ty| objects.function(ty) > 0).collect();
    if called.is_empty() {
        return Vec::new();
    }
    // Numbers of the types of functions, by what the engine sees of them.
    let mut there = HashMap::<Vec<u8>, BTreeSet<u32>>::new();
    for func in (0..sample.imported_functions() + sample.defined_functions()).map(FuncIndex) {
        if let Some(ty) = sample.func_type(func) {
            there.entry(seen(ty, objects)).or_default().insert(sample.function_number(func));
        }
    }
    let is_alike = |ty: &u32| {
        let known = sample.sections.types.get(*ty as usize).and_then(Option::as_ref);
        let others = known.and_then(|known| there.get(&seen(known, objects)));
        let Takes::Functions(first, last) = objects.takes(HeapType::Concrete(UnpackedIndex::Module(*ty)))
        else {
            return false;
        };
        others.is_some_and(|others| others.iter().any(|number| !(first..=last).contains(number)))
    };
    called.into_iter().filter(is_alike).collect()
}

/// What the engine sees of a type.
fn seen(ty: &FuncType, objects: &Objects) -> Vec<u8> {
    let kind = |ty: &ValType| match ty {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(ty) => match objects.hierarchy(ty.heap_type()) {
            Hierarchy::Object => 0,
            Hierarchy::Exception => 4,
            Hierarchy::Function => 5,
            Hierarchy::Host => 6,
        },
    };
    let (params, results) = (ty.params().iter().map(kind), ty.results().iter().map(kind));
    params.chain([u8::MAX]).chain(results).collect()
}
