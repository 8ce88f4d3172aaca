//! References to what the host has: each is a number that the host gave it.
//!
//! In a module with types of objects such a reference is an `i32`, as those to objects are
//! (`module::objects`): one of which only bit 1 of the lowest two is set, which no object and no small number
//! has. Elsewhere it is a reference of the engine.
//!
//! Not here: what the numbers stand for (`sandbox`).

use wasmspoor_hooks as engine;

use super::{Caller, Host, capture};
use crate::{
    module::{
        FuncIndex,
        objects::{self, Storage},
    },
    trace::effects::{Effect, UNKNOWN_FUNC, Val},
    tracer::value::Type,
};

/// What a reference refers to, as the host knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reference {
    Null,
    /// Something that the host gave this number.
    Host(u32),
    /// An object of the sample, at this address.
    Object(u32),
    /// A small number, or what only the engine knows.
    Other,
}

/// Bits below the number of the host in an `i32`, and which of them are set.
const TAG_BITS: u32 = 2;
const TAG: u32 = 0b10;

/// The reference to what has this number, where it is one among references to objects.
pub(in crate::tracer) fn word(number: u32) -> u32 {
    number << TAG_BITS | TAG
}

/// The reference to what has this number, as the engine has it.
pub(in crate::tracer) fn made(
    mut store: impl engine::AsContextMut<Data = Host>,
    number: u32,
    ty: engine::ValType,
) -> Option<engine::Val> {
    match ty {
        engine::ValType::I32 => Some(engine::Val::I32(word(number) as i32)),
        engine::ValType::ExternRef => {
            let known = store.as_context().data().references.get(&number).copied();
            let reference = known.unwrap_or_else(|| {
                let reference = engine::ExternRef::new(store.as_context_mut(), number);
                store.as_context_mut().data_mut().references.insert(number, reference);
                reference
            });
            Some(engine::Val::ExternRef(reference.into()))
        }
        _ => None,
    }
}

/// The number of what a reference of the engine refers to.
fn number(store: impl engine::AsContext<Data = Host>, reference: &engine::ExternRef) -> Option<u32> {
    reference.data(store.as_context()).downcast_ref().copied()
}

/// A value as effects keep it. The sample has function references only from its own tables, which the host
/// does not write. So of those that cross the border only whether they are null is known.
pub(in crate::tracer) fn to_val(store: impl engine::AsContext<Data = Host>, value: &engine::Val) -> Val {
    match value {
        engine::Val::I32(value) => Val::I32(*value),
        engine::Val::I64(value) => Val::I64(*value),
        engine::Val::F32(value) => Val::F32(value.to_bits()),
        engine::Val::F64(value) => Val::F64(value.to_bits()),
        engine::Val::V128(value) => Val::V128(value.as_u128()),
        engine::Val::FuncRef(value) => Val::Func((!value.is_null()).then_some(UNKNOWN_FUNC)),
        engine::Val::ExternRef(value) => {
            Val::Extern(value.val().map(|reference| number(store, reference).unwrap_or(u32::MAX)))
        }
    }
}

/// Makes the function that tells the number of the type of a function.
pub(in crate::tracer) fn function_number(
    store: &mut engine::Store<Host>,
    ty: engine::FuncType,
) -> engine::Func {
    let func = engine::Func::new(&mut *store, ty, |caller, args, results| {
        let host: &Host = caller.data();
        let func = match args.first() {
            Some(engine::Val::FuncRef(func)) => func.val().copied(),
            _ => None,
        };
        let index = func.and_then(|func| host.index_of(func));
        let number = index.map_or(0, |index| host.sample.0.function_number(index));
        results.iter_mut().for_each(|result| *result = engine::Val::I32(number as i32));
        Ok(())
    });
    store.recorder_mut().leave_out(func.key());
    func
}

impl Host {
    /// The index that a function has in the sample; those of ours have none.
    pub(super) fn index_of(&self, func: engine::Func) -> Option<FuncIndex> {
        let (sample, first_key) = &self.sample;
        let imported = sample.imported_functions();
        let index = match func.key().checked_sub(*first_key) {
            Some(position) => position.checked_add(imported),
            None => Some(func.key()).filter(|&index| index < imported),
        };
        index.map(FuncIndex)
    }
}

impl Caller<'_> {
    /// What an argument refers to, if it is a reference to what is the host's or to an object.
    pub(crate) fn reference(&self, index: usize) -> Option<Reference> {
        if !matches!(self.args.get(index), Some(super::Value::Ref { .. })) {
            return None;
        }
        Some(match self.given.get(index)? {
            engine::Val::I32(0) => Reference::Null,
            engine::Val::I32(value) => match *value as u32 {
                value if value & 0b11 == TAG => Reference::Host(value >> TAG_BITS),
                value if value & 0b111 == 0 => Reference::Object(value),
                _ => Reference::Other,
            },
            engine::Val::ExternRef(value) => match value.val() {
                None => Reference::Null,
                Some(value) => number(&self.caller, value).map_or(Reference::Other, Reference::Host),
            },
            _ => Reference::Other,
        })
    }

    /// Sets a result that is a reference to what has this number. Whether it is such a result.
    pub(crate) fn give_reference(&mut self, index: usize, number: u32) -> bool {
        if !matches!(self.types.get(index), Some(Type::ExternRef | Type::AnyRef)) {
            return false;
        }
        let Some(slot) = self.results.get_mut(index) else { return false };
        let made = made(&mut self.caller, number, slot.ty());
        made.map(|made| *slot = made).is_some()
    }

    /// The elements of an array of 16-bit numbers, each two bytes; `None` if there is no such array.
    pub(crate) fn units(&self, array: u32) -> Option<&[u8]> {
        let memory = self.objects()?;
        let data = memory.data(&self.caller);
        let word = |at: u32| {
            let bytes = data.get(at as usize..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let sample = &self.caller.data().sample.0;
        if sample.objects().element_of(word(array)?)? != Storage::I16 {
            return None;
        }
        let len = word(array.checked_add(objects::LENGTH)?)?;
        let start = array.checked_add(objects::HEADER)? as usize;
        data.get(start..start.checked_add(2 * len as usize)?)
    }

    /// Notes that the host reads so many elements of such an array, from one on.
    pub(crate) fn reads_units(&mut self, array: u32, start: u32, count: u32) {
        let number = self.caller.data().objects;
        let address = u64::from(array + objects::HEADER) + 2 * u64::from(start);
        if let Some(number) = number
            && count > 0
            && let Some(capture) = capture(&mut self.caller)
        {
            capture.read(number, address, 2 * u64::from(count));
        }
    }

    /// Writes elements of such an array, from one on; `None`, and nothing written, if they are not all there.
    pub(crate) fn put_units(&mut self, array: u32, start: u32, units: &[u16]) -> Option<()> {
        let bytes: Box<[u8]> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let first = 2 * start as usize;
        self.units(array)?.get(first..first.checked_add(bytes.len())?)?;
        let address = array as usize + objects::HEADER as usize + first;
        let (memory, number) = (self.objects()?, self.caller.data().objects?);
        memory.bytes_mut(&mut self.caller, address..address + bytes.len())?.copy_from_slice(&bytes);
        if let Some(capture) = capture(&mut self.caller) {
            capture.effect(|| Effect::Write { memory: number, address: address as u64, bytes });
        }
        Some(())
    }

    /// The memory of objects.
    fn objects(&self) -> Option<engine::Memory> {
        self.caller.data().objects?;
        self.caller.get_export(objects::EXPORT)?.into_memory()
    }
}
