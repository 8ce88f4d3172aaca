//! Where data comes from and goes: what the effects of a run say of it beside the bytes themselves.
//!
//! Bytes that a call hands out are marked with their origin where that is known: a file and the position in
//! it, a variable, a socket. Everything else that a host function writes is its own answer. The reads of a
//! call follow from the meaning of its arguments, once, when it begins.

use crate::{
    trace::effects::{Given, Origin},
    tracer::Caller,
};

use super::{
    context::CallContext,
    log::{self, IOVS},
    signature::{Kind, Param},
};

impl CallContext<'_, '_> {
    /// Writes guest memory with bytes that come from somewhere.
    pub(super) fn give_from(
        &mut self,
        address: u32,
        bytes: &[u8],
        kind: Given,
        name: &str,
        offset: u64,
    ) -> Option<()> {
        self.call.give_memory(u64::from(address), bytes, Origin { kind, name: name.into(), offset })
    }

    /// Sets the first result to a number that comes from somewhere.
    pub(super) fn give_with(&mut self, value: i64, origin: Origin) {
        self.call.gives(origin);
        self.give(value);
    }

    /// Writes what was handed out last to guest memory, from its byte `skipped` on.
    pub(super) fn give_handed(&mut self, address: u32, bytes: &[u8], skipped: u64) -> Option<()> {
        let Some(Origin { kind, name, offset }) = self.state.handed.clone() else {
            return self.write(address, bytes);
        };
        self.give_from(address, bytes, kind, &name, offset.saturating_add(skipped))
    }
}

/// Notes what a call reads of the sample's memory.
pub(super) fn note_reads(call: &mut Caller<'_>, params: &[Param]) {
    let known = params.len() == call.args().len();
    for index in 0..call.args().len().min(super::MAX_ARGS) {
        let Some(address) = log::address(call, index) else { continue };
        let len = log::address(call, index + 1).unwrap_or(0);
        let kind = params.get(index).filter(|_| known).map_or(Kind::Guess, |param| param.kind);
        match kind {
            Kind::Plain | Kind::Out | Kind::Iov | Kind::Job | Kind::Units => {}
            Kind::Str | Kind::In => call.reads(address, len),
            Kind::CStr => {
                let len = log::c_string(call, address).map_or(0, <[u8]>::len);
                call.reads(address, len as u64);
            }
            Kind::Utf16 => {
                let bytes = address.checked_sub(4).and_then(|at| call.read_memory(at, 4));
                let len = bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
                call.reads(address, u64::from(len));
            }
            Kind::Ciov => vectors(call, address, len),
            Kind::Guess => {
                if let Some(len) = log::guessed(call, index, address) {
                    call.reads(address, len);
                }
            }
        }
    }
}

/// Notes what pairs of pointer and length point at.
fn vectors(call: &mut Caller<'_>, address: u64, count: u64) {
    for index in 0..count.min(IOVS) {
        let pair = address.checked_add(8 * index).and_then(|at| call.read_memory(at, 8));
        let Some(pair) = pair.and_then(|pair| <[u8; 8]>::try_from(pair).ok()) else { return };
        let pair = u64::from_le_bytes(pair);
        call.reads(pair & u64::from(u32::MAX), pair >> 32);
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        sandbox::{Drive, RunOptions, run_with_effects},
        trace::effects::{Effect, Given, Origin},
    };

    const SAMPLE: &str = r#"(module
      (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      ;; Two vectors of 2 and 8 bytes, and one of 3 bytes.
      (data (i32.const 0) "\40\00\00\00\02\00\00\00\80\00\00\00\08\00\00\00\40\00\00\00\03\00\00\00")
      (func (export "_start")
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 32)))
        (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 32)))
        (drop (call $env (i32.const 256) (i32.const 512)))
        (drop (call $random (i32.const 1024) (i32.const 5)))))"#;

    #[test]
    fn effects_say_where_bytes_come_from_and_what_is_read() {
        let wasm = wat::parse_str(SAMPLE).unwrap();
        let mut options = RunOptions { drive: Drive::None, ..RunOptions::default() };
        (options.stdin, options.env) = (b"hello".to_vec(), vec![("KEY".into(), "v".into())]);
        let run = run_with_effects(&wasm, &options).unwrap();
        let effects = run.trace.effects.clone().unwrap();
        let entries: Vec<_> = effects.entries().iter().map(|(_, effect)| effect).collect();
        let given = entries.windows(2).filter_map(|pair| match pair {
            [Effect::Given(Origin { kind, name, offset }), Effect::Write { address, bytes, .. }] => {
                Some((*kind, &**name, *offset, *address, bytes.len()))
            }
            _ => None,
        });
        let expected = [
            (Given::Stdin, "standard input", 0, 64, 2),
            (Given::Stdin, "standard input", 2, 128, 3),
            (Given::Environment, "KEY", 0, 512, 5),
            (Given::Random, "random", 0, 1024, 5),
        ];
        assert_eq!(given.collect::<Vec<_>>(), expected);
        let read = entries.iter().filter_map(|effect| match effect {
            Effect::Read { address, len, .. } => Some((*address, *len)),
            _ => None,
        });
        assert_eq!(read.collect::<Vec<_>>(), [(64, 3)]);
    }
}
