//! The view that a behaviour has of one call: its arguments, guest memory, its results, and the state of the
//! run.
//!
//! Every access to guest memory is checked; nothing here fails other than by `None` or [`CallEnd`].

use crate::{
    module::FuncIndex,
    tracer::{Caller, Type, Value},
};

use super::{log, state::State};

/// Why a call does not return to the sample.
#[derive(Debug)]
pub(super) enum CallEnd {
    /// The program ends.
    Exit(i32),
    /// It cannot go on, as after `abort`.
    Abort(String),
    /// It returns to its host's event loop without returning to its caller.
    Unwind(String),
    /// It throws, which a caller further up may catch.
    Throw(String),
}

/// A behaviour: answers one call.
pub(super) type Act = fn(&mut CallContext<'_, '_>) -> Result<(), CallEnd>;

/// One call.
pub(super) struct CallContext<'c, 'h> {
    pub(super) call: &'c mut Caller<'h>,
    pub(super) state: &'c mut State,
    /// The arguments as bits, an `i64` that was split in two put together again.
    pub(super) args: &'c [u64],
    /// The function.
    pub(super) func: FuncIndex,
    /// The name that the function was imported by.
    pub(super) name: &'c str,
    /// Whether the module is `wasi_unstable`.
    pub(super) is_unstable: bool,
}

impl CallContext<'_, '_> {
    /// An argument as an unsigned word; 0 if there is none.
    pub(super) fn u32(&self, index: usize) -> u32 {
        self.u64(index) as u32
    }

    /// An argument as 64 bits; 0 if there is none.
    pub(super) fn u64(&self, index: usize) -> u64 {
        self.args.get(index).copied().unwrap_or(0)
    }

    /// An argument as a float; 0 if there is none.
    pub(super) fn f64(&self, index: usize) -> f64 {
        match self.call.args().get(index) {
            Some(&Value::F64(value)) => value,
            Some(&Value::F32(value)) => f64::from(value),
            Some(&Value::I32(value)) => f64::from(value),
            _ => 0.0,
        }
    }

    /// Notes that the call does what is known of it, and nothing outside the sample and its standard output.
    pub(super) fn is_inner(&mut self) {
        self.state.world.is_inner = true;
    }

    /// Sets the first result to a number, in whatever type it has.
    pub(super) fn give(&mut self, value: i64) {
        self.set(0, value, value as f64);
    }

    /// Sets the first result to a float, in whatever type it has.
    pub(super) fn give_f64(&mut self, value: f64) {
        self.set(0, value as i64, value);
    }

    fn set(&mut self, index: usize, integer: i64, float: f64) {
        let value = match self.call.result_type(index) {
            Some(Type::I32) => Value::I32(integer as i32),
            Some(Type::I64) => Value::I64(integer),
            Some(Type::F32) => Value::F32(float as f32),
            Some(Type::F64) => Value::F64(float),
            _ => return,
        };
        // The type was asked for just now.
        _ = self.call.set_result(index, value);
    }

    /// Reads guest memory.
    pub(super) fn read(&self, address: u32, len: u64) -> Option<&[u8]> {
        self.call.read_memory(u64::from(address), len)
    }

    pub(super) fn read_u32(&self, address: u32) -> Option<u32> {
        Some(u32::from_le_bytes(self.read(address, 4)?.try_into().ok()?))
    }

    pub(super) fn read_u64(&self, address: u32) -> Option<u64> {
        Some(u64::from_le_bytes(self.read(address, 8)?.try_into().ok()?))
    }

    /// Writes guest memory; all or nothing.
    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> Option<()> {
        self.call.write_memory(u64::from(address), bytes)
    }

    pub(super) fn write_u32(&mut self, address: u32, value: u32) -> Option<()> {
        self.write(address, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, address: u32, value: u64) -> Option<()> {
        self.write(address, &value.to_le_bytes())
    }

    /// Text that ends with a zero, at most [`super::MAX_POINTED`] bytes; what is not UTF-8 is replaced.
    pub(super) fn c_string(&self, address: u32) -> Option<String> {
        log::c_string(self.call, u64::from(address)).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Text with its length.
    pub(super) fn string(&self, address: u32, len: u32) -> Option<String> {
        let len = u64::from(len).min(super::MAX_POINTED as u64);
        self.read(address, len).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}
