//! Breakpoints and watchpoints as they are asked for. One that can never be hit is a mistake, and that is
//! said.

use wasmspoor::{
    module::{CodeOffset, Module},
    trace::{Host, Trace},
    values::{State, Stop},
};

use super::super::{places::Places, valued::Range};

fn module(trace: &Trace) -> Result<&Module, String> {
    trace.modules.first().map(|module| &**module).ok_or_else(|| "there is no module".into())
}

/// Before each entry of a function that has code.
pub(super) fn function(places: &Places<'_>, given: &str) -> Result<Stop, String> {
    let func = places.defined(given).map_err(|failure| failure.cause.to_string())?;
    Ok(Stop::Function(func))
}

/// At the calls of an imported function, named with its module or without.
pub(super) fn host(trace: &Trace, given: &str) -> Option<Stop> {
    let is_named =
        |host: &Host| *host.name == *given || wasmspoor::text::import_name(&host.module, &host.name) == given;
    trace.hosts.iter().find(|(_, host)| is_named(host)).map(|(key, _)| Stop::Host(*key))
}

/// Before an instruction, by its offset in the module.
pub(super) fn offset(trace: &Trace, offset: u64) -> Result<Stop, String> {
    let none = || format!("no instruction is at offset {offset:#x}");
    let at = CodeOffset(u32::try_from(offset).map_err(|_| none())?);
    let module = module(trace)?;
    let func = module.function_at(at).ok_or_else(|| format!("{}, nor any code", none()))?;
    let code = module.code(func).map_err(|error| error.to_string())?;
    let after = code.ops().partition_point(|op| op.offset <= at);
    match after.checked_sub(1).and_then(|before| code.ops().get(before)) {
        Some(op) if op.offset == at => Ok(Stop::Offset(at)),
        Some(op) => {
            let (at, mnemonic) = (op.offset.0, op.opcode.mnemonic());
            Err(format!("{}; the one before, {mnemonic}, is at {at:#x} in wasm-function[{func}]", none()))
        }
        None => Err(format!("{}; wasm-function[{func}] begins there", none())),
    }
}

/// After a global is set to another value.
pub(super) fn global(state: &State, number: u64) -> Result<Stop, String> {
    let count = state.globals.len();
    let global = u32::try_from(number).ok().filter(|&global| (global as usize) < count);
    global.map(Stop::Global).ok_or_else(|| match count {
        0 => format!("there is no global {number}, nor any other"),
        1 => format!("there is no global {number}; there is global 0"),
        _ => format!("there is no global {number}; there are globals 0 to {}", count - 1),
    })
}

/// After a write to bytes of a memory. They need not be there yet: a memory grows.
pub(super) fn memory(state: &State, range: Range) -> Result<Stop, String> {
    let Range { memory, address, len } = range;
    match state.memories.get(memory as usize) {
        Some(_) => Ok(Stop::Memory { memory, address, len }),
        None => Err(format!("there is no memory {memory}")),
    }
}
