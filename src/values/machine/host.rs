//! What the host did, done again: effects, and values that cross the border.

use crate::trace::effects::{Effect, UNKNOWN_FUNC, Val};

use super::super::{code::Ty, error::ValuesErrorKind, store::NONE, visitor::Visitor};
use super::{Crossing, Machine, Result};

impl<'t> Machine<'t> {
    pub(super) fn effects_before(&mut self, record: u64, visitor: &mut impl Visitor) -> Result<Crossing<'t>> {
        let mut crossing = Crossing::default();
        let effects = self.effects;
        while let Some((at, effect)) = effects.entries().get(self.cursor)
            && *at <= record
        {
            self.cursor += 1;
            match effect {
                Effect::Arguments(values) => crossing.arguments = Some(values),
                Effect::Results(values) => crossing.results = Some(values),
                effect => self.apply(effect, visitor)?,
            }
        }
        match self.effects.ends_at() {
            Some(end) if record >= end => Err(ValuesErrorKind::EffectsEnd),
            _ => Ok(crossing),
        }
    }

    pub(super) fn apply(&mut self, effect: &Effect, visitor: &mut impl Visitor) -> Result<()> {
        self.take_memory(NONE);
        match effect {
            Effect::NewMemory(shape) => _ = self.store.new_memory(*shape)?,
            Effect::NewTable(shape) => _ = self.store.new_table(*shape, 0)?,
            Effect::NewGlobal(value) => {
                let (ty, slots) = self.lower(*value)?;
                self.store.new_global(ty, slots);
            }
            Effect::Instance(imports) => self.instantiate(imports, visitor)?,
            Effect::Write { memory, address, bytes } => {
                let target = self.store.memory(*memory)?;
                let start = usize::try_from(*address).unwrap_or(usize::MAX);
                let end = start.checked_add(bytes.len());
                let target = end.and_then(|end| target.bytes.get_mut(start..end));
                target
                    .ok_or(ValuesErrorKind::Effects("the host writes past the end of a memory"))?
                    .copy_from_slice(bytes);
                visitor.host_write(*memory, *address, bytes);
                self.written(visitor, *memory, *address, bytes.len() as u64);
            }
            Effect::Grow { memory, pages } => {
                self.store.grow_memory(*memory, *pages)?;
                visitor.host_grow(*memory, *pages);
            }
            Effect::Keep { state } => {
                self.kept.keep(*state, &self.store)?;
                visitor.host_keep(*state);
            }
            Effect::Restore { state } => {
                self.kept.restore(*state, &mut self.store)?;
                visitor.host_restore(*state);
                for memory in 0..self.store.memories.len() as u32 {
                    self.written(visitor, memory, 0, u64::MAX);
                }
            }
            Effect::Given(origin) => visitor.host_given(origin),
            Effect::Read { memory, address, len } => {
                let bytes = &self.store.memory(*memory)?.bytes;
                let start = usize::try_from(*address).unwrap_or(usize::MAX);
                let end = usize::try_from(*len).ok().and_then(|len| start.checked_add(len));
                let bytes = end.and_then(|end| bytes.get(start..end));
                let kind = ValuesErrorKind::Effects("the host reads past the end of a memory");
                visitor.host_read(*memory, *address, bytes.ok_or(kind)?);
            }
            Effect::Arguments(_) | Effect::Results(_) => {}
        }
        Ok(())
    }

    pub(super) fn lower(&self, value: Val) -> Result<(Ty, [u64; 2])> {
        Ok(match value {
            Val::I32(value) => (Ty::I32, [u64::from(value as u32), 0]),
            Val::I64(value) => (Ty::I64, [value as u64, 0]),
            Val::F32(bits) => (Ty::F32, [bits.into(), 0]),
            Val::F64(bits) => (Ty::F64, [bits, 0]),
            Val::V128(value) => (Ty::V128, [value as u64, (value >> 64) as u64]),
            Val::Func(None) => (Ty::Func, [0, 0]),
            Val::Func(Some(key)) => {
                let slot = self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
                (Ty::Func, [u64::from(*slot) + 1, 0])
            }
            Val::Extern(number) => (Ty::Extern, [number.map_or(0, |number| u64::from(number) + 1), 0]),
        })
    }

    /// Writes values that come from the host.
    pub(super) fn put(&mut self, at: usize, values: &[Val], types: &[Ty]) -> Result<()> {
        if values.len() != types.len() {
            return Err(ValuesErrorKind::Effects("the number of values is not that of the type"));
        }
        let mut at = at;
        for (&value, &expected) in values.iter().zip(types) {
            let (ty, slots) = self.lower(value)?;
            if ty != expected {
                return Err(ValuesErrorKind::Effects("a value is not of the type"));
            }
            let len = ty.slots() as usize;
            self.reserve(at + len)?;
            self.stack[at..at + len].copy_from_slice(&slots[..len]);
            at += len;
        }
        Ok(())
    }

    /// Compares values on the stack with recorded ones.
    pub(super) fn compare(&self, what: &'static str, at: usize, values: &[Val], types: &[Ty]) -> Result<()> {
        if values.len() != types.len() {
            return Err(ValuesErrorKind::Effects("the number of values is not that of the type"));
        }
        let mut at = at;
        for (index, (&value, &ty)) in values.iter().zip(types).enumerate() {
            let len = ty.slots() as usize;
            let slots = self.stack.get(at..at + len).unwrap_or_default();
            at += len;
            let is_same = match value {
                Val::Func(Some(UNKNOWN_FUNC)) | Val::Extern(Some(u32::MAX)) => slots.first() != Some(&0),
                value => {
                    let (value_ty, recorded) = self.lower(value)?;
                    value_ty == ty && (slots == &recorded[..len] || are_nans(ty, slots, recorded))
                }
            };
            if !is_same {
                let computed = slots.iter().rev().fold(0, |value, &slot| value << 64 | u128::from(slot));
                let recorded = format!("{value:x?}").into();
                return Err(ValuesErrorKind::Border { what, index, computed, recorded });
            }
        }
        Ok(())
    }
}

/// Whether values differ only in what the specification leaves open: both are NaNs, of whatever payload.
/// Which of two payloads an addition passes on is up to the machine code that the engine was compiled to.
pub(super) fn are_nans(ty: Ty, computed: &[u64], recorded: [u64; 2]) -> bool {
    let wide = |a: u64, b: u64| f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan();
    let narrow = |a: u64, b: u64| {
        let is_nan = |slot: u64| f32::from_bits(slot as u32).is_nan();
        (is_nan(a) && is_nan(b)) || a as u32 == b as u32
    };
    let mut halves = computed.iter().zip(recorded);
    match ty {
        Ty::F32 => halves.all(|(&a, b)| narrow(a, b)),
        Ty::F64 => halves.all(|(&a, b)| wide(a, b)),
        Ty::V128 => {
            halves.clone().all(|(&a, b)| a == b || wide(a, b))
                || halves.all(|(&a, b)| narrow(a, b) && narrow(a >> 32, b >> 32))
        }
        _ => false,
    }
}
