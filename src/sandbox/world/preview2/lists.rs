//! Lists, which lie in memory that the module gives.

use std::sync::Mutex;

use crate::{
    sandbox::{
        context::CallEnd,
        state::{State, lock},
        tokens::Source,
        world::limits::LIST_BYTES,
    },
    tracer::{Caller, Value},
};

/// Names under which tools export the function that gives memory.
const REALLOC: [&str; 3] = ["cabi_realloc", "cabi_import_realloc", "canonical_abi_realloc"];

/// Memory from the module for these bytes; `None` if it gives none.
pub(super) fn place(call: &mut Caller<'_>, state: &Mutex<State>, align: i32, bytes: &[u8]) -> Option<u32> {
    let told = lock(state).world.realloc.clone();
    let names = told.as_deref().into_iter().chain(REALLOC);
    let name = names.into_iter().find(|name| call.has_function(name))?;
    let len = i32::try_from(bytes.len()).ok()?;
    let args = [0, 0, align, len].map(Value::I32);
    let &[Value::I32(address)] = call.invoke(name, &args).ok()?.as_slice() else { return None };
    let address = address as u32;
    call.write_memory(address.into(), bytes)?;
    Some(address)
}

/// Where a list begins, and how many elements it has, as the module reads it.
pub(super) fn pointer(address: u32, count: usize) -> [u8; 8] {
    let mut pointer = [0; 8];
    pointer[..4].copy_from_slice(&address.to_le_bytes());
    pointer[4..].copy_from_slice(&(count as u32).to_le_bytes());
    pointer
}

/// Writes a list of records to where the last argument points, each of so many strings.
fn strings(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    to: Option<&u64>,
    rows: &[Vec<&[u8]>],
) -> Result<(), CallEnd> {
    let mut records = Vec::new();
    for text in rows.iter().flatten() {
        let Some(at) = place(call, state, 1, text) else { return Ok(()) };
        records.extend_from_slice(&pointer(at, text.len()));
    }
    if let Some(at) = place(call, state, 4, &records) {
        // What does not fit is not told.
        _ = call.write_memory(to.copied().unwrap_or(0), &pointer(at, rows.len()));
    }
    Ok(())
}

pub(super) fn arguments(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let words = lock(state).wasi.args.clone();
    let rows: Vec<Vec<&[u8]>> = words.iter().map(|word| vec![word.as_slice()]).collect();
    strings(call, state, args.last(), &rows)?;
    lock(state).hand_out(Source::Arguments, 0..u64::MAX, "arguments");
    Ok(())
}

pub(super) fn environment(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let variables = lock(state).wasi.env.clone();
    let rows: Vec<Vec<&[u8]>> =
        variables.iter().map(|variable| variable.splitn(2, |&byte| byte == b'=').collect()).collect();
    strings(call, state, args.last(), &rows)?;
    lock(state).hand_out(Source::Environment, 0..u64::MAX, "environment");
    Ok(())
}

/// All that is known of an error of a stream.
pub(super) fn error_text(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let text = b"input or output failed";
    if let Some(at) = place(call, state, 1, text) {
        _ = call.write_memory(args.last().copied().unwrap_or(0), &pointer(at, text.len()));
    }
    Ok(())
}

pub(super) fn random(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let len = args.first().copied().unwrap_or(0).min(LIST_BYTES);
    let mut bytes = vec![0; len as usize];
    lock(state).random.fill(&mut bytes);
    if let Some(at) = place(call, state, 1, &bytes) {
        _ = call.write_memory(args.last().copied().unwrap_or(0), &pointer(at, bytes.len()));
    }
    Ok(())
}
