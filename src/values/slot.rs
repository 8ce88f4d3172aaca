//! Values in 64-bit slots: integers zero-extended, floats as their bits.

/// A type that has a form as a slot.
pub(super) trait Slot: Copy {
    fn from_slot(slot: u64) -> Self;
    fn to_slot(self) -> u64;
}

macro_rules! slots {
    ($($ty:ty: $from:expr, $to:expr;)*) => {$(
        impl Slot for $ty {
            #[inline(always)]
            fn from_slot(slot: u64) -> Self {
                let from: fn(u64) -> Self = $from;
                from(slot)
            }

            #[inline(always)]
            fn to_slot(self) -> u64 {
                let to: fn(Self) -> u64 = $to;
                to(self)
            }
        }
    )*};
}
slots! {
    i32: |slot| slot as i32, |value| u64::from(value as u32);
    u32: |slot| slot as u32, u64::from;
    i64: |slot| slot as i64, |value| value as u64;
    u64: |slot| slot, |value| value;
    f32: |slot| f32::from_bits(slot as u32), |value| u64::from(value.to_bits());
    f64: f64::from_bits, f64::to_bits;
    bool: |slot| slot != 0, u64::from;
}

/// Applies an operator to a slot.
#[inline(always)]
pub(super) fn unary<A: Slot, R: Slot>(f: impl Fn(A) -> R, a: u64) -> u64 {
    f(A::from_slot(a)).to_slot()
}

/// Applies an operator to two slots.
#[inline(always)]
pub(super) fn binary<A: Slot, B: Slot, R: Slot>(f: impl Fn(A, B) -> R, a: u64, b: u64) -> u64 {
    f(A::from_slot(a), B::from_slot(b)).to_slot()
}

/// The slot of an immediate that stands for the right operand of `f`.
#[inline(always)]
pub(super) fn immediate<A: Slot, B: Slot, R>(_: impl Fn(A, B) -> R, value: u32) -> u64 {
    B::from_slot(value as i32 as i64 as u64).to_slot()
}

/// Applies an operator that may trap.
#[inline(always)]
pub(super) fn try_unary<A: Slot, R: Slot, E>(f: impl Fn(A) -> Result<R, E>, a: u64) -> Result<u64, E> {
    f(A::from_slot(a)).map(Slot::to_slot)
}

/// Applies an operator that may trap.
#[inline(always)]
pub(super) fn try_binary<A: Slot, B: Slot, R: Slot, E>(
    f: impl Fn(A, B) -> Result<R, E>,
    a: u64,
    b: u64,
) -> Result<u64, E> {
    f(A::from_slot(a), B::from_slot(b)).map(Slot::to_slot)
}
