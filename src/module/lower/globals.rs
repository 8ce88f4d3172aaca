//! Globals that exceptions under way are kept in, behind those of the sample.

use std::collections::HashSet;

use wasm_encoder::{ConstExpr, GlobalSection, GlobalType, RefType};
use wasmparser::ValType;

use crate::module::{Module, objects::Hierarchy, tags::places};

/// Kinds of slots.
const KINDS: usize = 7;
/// Those of references to functions; others come behind.
const OF_FUNCTIONS: usize = 5;

/// Their indices.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Globals {
    /// The number of the tag that is thrown, and 1; 0 if nothing is.
    pub(super) pending: u32,
    /// What is thrown, as references hold it.
    pub(super) exception: u32,
    /// The number of the operator that threw.
    pub(super) place: u32,
    /// How many exceptions were thrown whose operands find no room in what references hold.
    pub(super) serial: u32,
    /// The first slot, and how many there are of each kind. Behind them come as many: exceptions that find
    /// room in what references hold pass there, so that they leave the others' operands alone.
    first: u32,
    counts: [u32; KINDS],
}

/// The kind of slot that a value of type `ty` has, and nothing else.
fn kind(sample: &Module, ty: ValType) -> usize {
    match ty {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(ty) => match sample.objects().hierarchy(ty.heap_type()) {
            Hierarchy::Object => 0,
            Hierarchy::Exception => 4,
            Hierarchy::Function => OF_FUNCTIONS,
            Hierarchy::Host => OF_FUNCTIONS + 1,
        },
    }
}

impl Globals {
    /// Those of a module that has so many itself.
    pub(super) fn of(sample: &Module, own: u32) -> Self {
        let (mut counts, mut seen) = ([0u32; KINDS], HashSet::new());
        for (_, ty) in (0..sample.tags().len()).filter_map(|number| sample.tags().tag(number)) {
            let params = sample.sections.types.get(ty.position()).and_then(Option::as_ref);
            let Some(params) = params.filter(|_| seen.insert(ty)) else { continue };
            let mut needed = [0u32; KINDS];
            params.params().iter().for_each(|&ty| needed[kind(sample, ty)] += 1);
            counts.iter_mut().zip(needed).for_each(|(count, needed)| *count = needed.max(*count));
        }
        Self { pending: own, exception: own + 1, place: own + 2, serial: own + 3, first: own + 4, counts }
    }

    /// The slots of operands of these types.
    pub(super) fn slots(&self, sample: &Module, params: &[ValType]) -> Vec<u32> {
        let is_small = places(params).is_some();
        let all = if is_small { self.counts.iter().sum() } else { 0 };
        let (mut next, mut first) = ([0u32; KINDS], self.first + all);
        for (next, count) in next.iter_mut().zip(self.counts) {
            *next = first;
            first += count;
        }
        let slot = |&ty: &ValType| {
            let next = &mut next[kind(sample, ty)];
            *next += 1;
            *next - 1
        };
        params.iter().map(slot).collect()
    }

    /// Writes them.
    pub(super) fn write(&self, globals: &mut GlobalSection) {
        use wasm_encoder::ValType as V;
        let mut add = |ty, value: ConstExpr| {
            globals.global(GlobalType { val_type: ty, mutable: true, shared: false }, &value);
        };
        add(V::I32, ConstExpr::i32_const(0));
        add(V::V128, ConstExpr::v128_const(0));
        add(V::I32, ConstExpr::i32_const(0));
        add(V::I32, ConstExpr::i32_const(0));
        let kinds = [
            (V::I32, ConstExpr::i32_const(0)),
            (V::I64, ConstExpr::i64_const(0)),
            (V::F32, ConstExpr::f32_const(0.0.into())),
            (V::F64, ConstExpr::f64_const(0.0.into())),
            (V::V128, ConstExpr::v128_const(0)),
            (V::Ref(RefType::FUNCREF), ConstExpr::ref_null(wasm_encoder::HeapType::FUNC)),
            (V::Ref(RefType::EXTERNREF), ConstExpr::ref_null(wasm_encoder::HeapType::EXTERN)),
        ];
        for _ in 0..2 {
            for ((ty, value), &count) in kinds.iter().zip(&self.counts) {
                (0..count).for_each(|_| add(*ty, value.clone()));
            }
        }
    }
}
