//! Values that cross the border between host and sample.

mod json;
mod text;

pub use text::ValueError;

use wasmspoor_hooks as engine;

/// A value of a Wasm type. References are known only as null or not.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `v128`, lane 0 lowest.
    V128(u128),
    /// A reference; `true` when it is null.
    Ref {
        /// Whether it is `ref.null`.
        null: bool,
    },
}

/// A type of a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "analysis", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Type {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `v128`
    V128,
    /// `funcref`
    FuncRef,
    /// `externref`
    ExternRef,
    /// `exnref`
    ExnRef,
    /// `anyref`, or a reference to objects of any kind
    AnyRef,
}

impl From<wasmparser::ValType> for Type {
    fn from(ty: wasmparser::ValType) -> Self {
        use wasmparser::AbstractHeapType as A;
        match ty {
            wasmparser::ValType::I32 => Self::I32,
            wasmparser::ValType::I64 => Self::I64,
            wasmparser::ValType::F32 => Self::F32,
            wasmparser::ValType::F64 => Self::F64,
            wasmparser::ValType::V128 => Self::V128,
            wasmparser::ValType::Ref(ty) => match ty.heap_type() {
                wasmparser::HeapType::Abstract { ty: A::Exn | A::NoExn, .. } => Self::ExnRef,
                wasmparser::HeapType::Abstract { ty: A::Extern | A::NoExtern, .. } => Self::ExternRef,
                wasmparser::HeapType::Abstract {
                    ty: A::Any | A::Eq | A::I31 | A::Struct | A::Array | A::None,
                    ..
                } => Self::AnyRef,
                _ => Self::FuncRef,
            },
        }
    }
}

impl From<engine::ValType> for Type {
    fn from(ty: engine::ValType) -> Self {
        match ty {
            engine::ValType::I32 => Self::I32,
            engine::ValType::I64 => Self::I64,
            engine::ValType::F32 => Self::F32,
            engine::ValType::F64 => Self::F64,
            engine::ValType::V128 => Self::V128,
            engine::ValType::FuncRef => Self::FuncRef,
            engine::ValType::ExternRef => Self::ExternRef,
        }
    }
}

impl From<&engine::Val> for Value {
    fn from(value: &engine::Val) -> Self {
        match value {
            engine::Val::I32(value) => Self::I32(*value),
            engine::Val::I64(value) => Self::I64(*value),
            engine::Val::F32(value) => Self::F32(f32::from_bits(value.to_bits())),
            engine::Val::F64(value) => Self::F64(f64::from_bits(value.to_bits())),
            engine::Val::V128(value) => Self::V128(value.as_u128()),
            engine::Val::FuncRef(value) => Self::Ref { null: value.is_null() },
            engine::Val::ExternRef(value) => Self::Ref { null: value.is_null() },
        }
    }
}

/// The number of type `ty` in the lowest of some bits.
pub(super) fn of_bits(ty: wasmparser::ValType, bits: u128) -> Option<Value> {
    Some(match ty {
        wasmparser::ValType::I32 => Value::I32(bits as i32),
        wasmparser::ValType::I64 => Value::I64(bits as i64),
        wasmparser::ValType::F32 => Value::F32(f32::from_bits(bits as u32)),
        wasmparser::ValType::F64 => Value::F64(f64::from_bits(bits as u64)),
        _ => return None,
    })
}

/// Returns `value` for the engine, if it is of type `ty`. Only null references can be made.
pub(super) fn to_engine(value: Value, ty: Type) -> Option<engine::Val> {
    Some(match (value, ty) {
        (Value::I32(value), Type::I32) => engine::Val::I32(value),
        (Value::I64(value), Type::I64) => engine::Val::I64(value),
        (Value::F32(value), Type::F32) => engine::Val::F32(engine::F32::from_bits(value.to_bits())),
        (Value::F64(value), Type::F64) => engine::Val::F64(engine::F64::from_bits(value.to_bits())),
        (Value::V128(value), Type::V128) => engine::Val::V128(engine::V128::from(value)),
        (Value::Ref { null: true }, Type::FuncRef) => engine::Val::default_for_ty(engine::ValType::FuncRef),
        (Value::Ref { null: true }, Type::ExternRef) => {
            engine::Val::default_for_ty(engine::ValType::ExternRef)
        }
        (Value::Ref { null: true }, Type::AnyRef) => engine::Val::I32(0),
        (Value::Ref { null: true }, Type::ExnRef) => engine::Val::default_for_ty(engine::ValType::V128),
        _ => return None,
    })
}

impl Type {
    /// A value of this type of the sample as the engine has it.
    pub(super) fn see(self, value: &engine::Val) -> Value {
        match (self, value) {
            (Self::ExnRef, engine::Val::V128(value)) => Value::Ref { null: value.as_u128() == 0 },
            (Self::AnyRef, engine::Val::I32(value)) => Value::Ref { null: *value == 0 },
            _ => value.into(),
        }
    }

    /// Types of the engine as the sample has them: a reference to an exception is a `v128` there, one to an
    /// object an `i32`. All other references that the engine lacks are what it has in their place.
    pub(super) fn all(types: &[engine::ValType], sample: Option<&[wasmparser::ValType]>) -> Vec<Self> {
        let of = |(index, &ty): (usize, &engine::ValType)| {
            let declared = sample.and_then(|sample| sample.get(index));
            match (declared, ty) {
                (Some(&declared), _) if Self::from(declared) == Self::ExnRef => Self::ExnRef,
                // Types of a module are not known by their index.
                (Some(wasmparser::ValType::Ref(_)), engine::ValType::I32) => Self::AnyRef,
                _ => ty.into(),
            }
        };
        types.iter().enumerate().map(of).collect()
    }
}
