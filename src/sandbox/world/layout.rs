//! The layout of the memory of a sample that asks its host where to put things. Old Emscripten modules import
//! their stack, heap and data addresses as globals.
//!
//! ```text
//! 0        256      512      1024             1 MiB          6 MiB
//! | unused | tables | words  | data of sample | stack →      | heap → ...
//! ```
//!
//! The addresses move up if the data are larger, and down if the memory is smaller.

use crate::{
    sandbox::link::Facts,
    tracer::{Type, Value},
};

/// Where the sample's data begin.
pub(in crate::sandbox) const MEMORY_BASE: u64 = 1024;
/// A table of trailing zeros of each byte, which early asm.js modules expect.
const TRAILING_ZEROS: u64 = 256;
/// The word that holds the start of free memory.
const DYNAMIC_TOP: u64 = 512;
/// Eight bytes to copy a double through.
const TEMP_DOUBLE: u64 = 528;
/// Four words of the asynchronous runtime.
const ASYNC: u64 = 544;
/// A `struct tm`, and the name of its zone behind it.
pub(super) const BROKEN_DOWN_TIME: u32 = 640;
/// Addresses of what a dynamic linker would know, four bytes each.
const SYMBOLS: u64 = 768;

/// The layout of a sample's memory.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Layout {
    is_placed: bool,
    stack: u64,
    stack_max: u64,
    heap: u64,
}

impl Layout {
    pub(in crate::sandbox) fn new(facts: &Facts) -> Self {
        let (len, data_end) = (facts.memory_len, facts.data_end.max(MEMORY_BASE));
        let align = |address: u64| address.saturating_add(15) & !15;
        const MIB: u64 = 1 << 20;
        let (stack, stack_max) = if len >= 8 * MIB && data_end < 8 * MIB {
            // Zeroed data follow the segments, of a size that nothing tells.
            let stack = if data_end <= MIB - (64 << 10) { MIB } else { align(data_end + MIB) };
            (stack, (stack + 5 * MIB).min(len / 4 * 3).max(stack))
        } else {
            let stack = align(data_end.saturating_add(len / 16)).min(len);
            (stack, stack + (len - stack) / 2)
        };
        Self { is_placed: facts.is_placed, stack, stack_max, heap: align(stack_max) }
    }

    /// Whether an imported global of this name is a known one.
    pub(in crate::sandbox) fn knows(module: &str, name: &str) -> bool {
        matches!(name, "NaN" | "Infinity") || Self::default().address(module, name).is_some()
    }

    /// The value of an imported global, if it is a known one.
    pub(in crate::sandbox) fn global(&mut self, module: &str, name: &str, ty: Type) -> Option<Value> {
        let float = match name {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            _ => self.address(module, name)? as f64,
        };
        Some(match ty {
            Type::I32 => Value::I32(float as u32 as i32),
            Type::I64 => Value::I64(float as i64),
            Type::F32 => Value::F32(float as f32),
            Type::F64 => Value::F64(float),
            _ => return None,
        })
    }

    fn address(&self, module: &str, name: &str) -> Option<u64> {
        let position = |name: &str| {
            SYMBOLS + 4 * (name.bytes().fold(7u64, |sum, byte| sum * 31 % 61 + u64::from(byte)) % 61)
        };
        Some(match name.trim_start_matches('_') {
            "DYNAMICTOP_PTR" => DYNAMIC_TOP,
            "DYNAMIC_BASE" | "heap_base" => self.heap,
            "STACKTOP" | "STACK_BASE" => self.stack,
            "STACK_MAX" | "stack_pointer" | "stack_high" => self.stack_max,
            "stack_low" => self.stack,
            "memoryBase" | "memory_base" => MEMORY_BASE,
            "tableBase" | "table_base" | "ABORT" => 0,
            "tempDoublePtr" => TEMP_DOUBLE,
            "cttz_i8" => TRAILING_ZEROS,
            "async" => ASYNC,
            "async_unwind" => ASYNC + 4,
            "async_retval" => ASYNC + 8,
            "async_cur_frame" => ASYNC + 12,
            other if module == "GOT.mem" => position(other),
            other @ ("dso_handle" | "stdin" | "stdout" | "stderr" | "environ") => position(other),
            _ => return None,
        })
    }

    /// What memory of `len` bytes holds before anything runs.
    pub(in crate::sandbox) fn contents(&self, len: u64) -> Vec<(u64, Vec<u8>)> {
        if !self.is_placed || len < MEMORY_BASE {
            return Vec::new();
        }
        let zeros = (0..=255u8).map(|byte| byte.trailing_zeros() as u8).collect();
        vec![(DYNAMIC_TOP, (self.heap as u32).to_le_bytes().to_vec()), (TRAILING_ZEROS, zeros)]
    }

    /// Address of the word that holds the end of memory in use.
    pub(super) fn dynamic_top(&self) -> Option<u32> {
        self.is_placed.then_some(DYNAMIC_TOP as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_fit_the_memory() {
        const MIB: u64 = 1 << 20;
        for (pages, data_end, stack, heap) in [
            (256, 50_000, MIB, 6 * MIB),
            (4096, 0, MIB, 6 * MIB),
            (256, 2 * MIB, 3 * MIB, 8 * MIB),
            (1, 2000, 6096, 35_824),
            (0, 0, 0, 0),
            (16, 16 * MIB, MIB, MIB),
        ] {
            let facts = Facts { memory_len: pages << 16, data_end, is_placed: true, ..Facts::default() };
            let layout = Layout::new(&facts);
            assert_eq!((layout.stack, layout.heap), (stack, heap), "{pages} pages, data to {data_end}");
            assert!(layout.stack <= layout.stack_max && layout.heap <= (pages << 16) + 15);
        }
    }

    #[test]
    fn globals_have_the_type_asked_for() {
        let facts = Facts { memory_len: 256 << 16, data_end: 0, is_placed: true, ..Facts::default() };
        let mut layout = Layout::new(&facts);
        for (module, name, ty, expected) in [
            ("env", "STACKTOP", Type::I32, Some(Value::I32(1 << 20))),
            ("env", "__memory_base", Type::I32, Some(Value::I32(1024))),
            ("env", "tableBase", Type::I64, Some(Value::I64(0))),
            ("global", "Infinity", Type::F64, Some(Value::F64(f64::INFINITY))),
            ("env", "unknown", Type::I32, None),
            ("env", "STACKTOP", Type::ExternRef, None),
        ] {
            assert_eq!(layout.global(module, name, ty), expected, "{name}");
        }
        assert!(matches!(layout.global("global", "NaN", Type::F64), Some(Value::F64(nan)) if nan.is_nan()));
        assert!(matches!(layout.global("GOT.mem", "environ_x", Type::I32), Some(Value::I32(768..1024))));
    }
}
