//! Values that cross the border between host and sample, and places in the module.

use super::stored;

stored! {
    /// A value of a Wasm type.
    enum Value for crate::Value {
        I32(value: i32),
        I64(value: i64),
        F32(value: f32),
        F64(value: f64),
        V128(value: u128),
        Ref { null: bool },
    }

    /// An instruction of the sample.
    struct Site for crate::module::Place {
        function: u32,
        offset: u32,
    }
}
