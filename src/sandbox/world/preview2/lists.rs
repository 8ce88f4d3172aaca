//! Lists, which lie in memory that the module gives. Each says where its bytes come from; where they lie is
//! the module's own answer.

use std::sync::Mutex;

use crate::{
    sandbox::{
        context::CallEnd,
        state::{State, lock},
        tokens::Source,
        world::limits::LIST_BYTES,
    },
    trace::effects::{Given, Origin},
    tracer::{Caller, Value},
};

/// Names under which tools export the function that gives memory.
const REALLOC: [&str; 3] = ["cabi_realloc", "cabi_import_realloc", "canonical_abi_realloc"];

/// Memory from the module for these bytes, which are written there with what they come from. `None` if it
/// gives none.
pub(super) fn place(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    align: i32,
    bytes: &[u8],
    origin: Option<Origin>,
) -> Option<u32> {
    let told = lock(state).world.realloc.clone();
    let names = told.as_deref().into_iter().chain(REALLOC);
    let name = names.into_iter().find(|name| call.has_function(name))?;
    let len = i32::try_from(bytes.len()).ok()?;
    let args = [0, 0, align, len].map(Value::I32);
    let &[Value::I32(address)] = call.invoke(name, &args).ok()?.as_slice() else { return None };
    let address = address as u32;
    match origin {
        Some(origin) => call.give_memory(address.into(), bytes, origin)?,
        None => call.write_memory(address.into(), bytes)?,
    }
    Some(address)
}

/// Where a list begins, and how many elements it has, as the module reads it.
fn pointer(address: u32, count: usize) -> [u8; 8] {
    let mut pointer = [0; 8];
    pointer[..4].copy_from_slice(&address.to_le_bytes());
    pointer[4..].copy_from_slice(&(count as u32).to_le_bytes());
    pointer
}

/// What an address comes from that the module gave.
fn of_realloc() -> Origin {
    Origin { kind: Given::Answer, name: REALLOC[0].into(), offset: 0 }
}

/// Writes where a list begins and how many elements it has. What does not fit is not told.
pub(super) fn give_list(call: &mut Caller<'_>, to: u64, address: u32, count: usize) {
    _ = call.give_memory(to, &address.to_le_bytes(), of_realloc());
    _ = call.write_memory(to.saturating_add(4), &(count as u32).to_le_bytes());
}

/// Places records that have addresses of texts in them.
pub(super) fn place_records(call: &mut Caller<'_>, state: &Mutex<State>, records: &Records) -> Option<u32> {
    place(call, state, 4, &records.0, Some(of_realloc()))
}

/// Records of a list, one after another.
#[derive(Debug, Default)]
pub(super) struct Records(Vec<u8>);

impl Records {
    /// A number.
    pub(super) fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// A text: where it lies and its length.
    pub(super) fn text(&mut self, address: u32, len: usize) {
        self.0.extend_from_slice(&pointer(address, len));
    }
}

/// Texts of one record, each with what it comes from.
type Row<'r> = Vec<(&'r [u8], Origin)>;

/// Writes a list of records to where the last argument points, each of so many strings.
fn strings(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    to: Option<&u64>,
    rows: &[Row<'_>],
) -> Result<(), CallEnd> {
    let mut records = Records::default();
    for (text, origin) in rows.iter().flatten() {
        let Some(at) = place(call, state, 1, text, Some(origin.clone())) else { return Ok(()) };
        records.text(at, text.len());
    }
    if let Some(at) = place_records(call, state, &records) {
        give_list(call, to.copied().unwrap_or(0), at, rows.len());
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
    let origin = |number: usize| Origin { kind: Given::Argument, name: number.to_string().into(), offset: 0 };
    let rows: Vec<Row<'_>> =
        words.iter().enumerate().map(|(number, word)| vec![(word.as_slice(), origin(number))]).collect();
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
    let rows: Vec<Row<'_>> = variables.iter().map(|variable| variable_row(variable)).collect();
    strings(call, state, args.last(), &rows)?;
    lock(state).hand_out(Source::Environment, 0..u64::MAX, "environment");
    Ok(())
}

/// Name and value of a variable. Positions are those in `NAME=value`, as in preview1.
fn variable_row(variable: &[u8]) -> Row<'_> {
    let name = variable.split(|&byte| byte == b'=').next().unwrap_or_default();
    let origin = |offset: usize| Origin {
        kind: Given::Environment,
        name: String::from_utf8_lossy(name).into(),
        offset: offset as u64,
    };
    let value_at = (name.len() + 1).min(variable.len());
    vec![(name, origin(0)), (&variable[value_at..], origin(value_at))]
}

/// All that is known of an error of a stream.
pub(super) fn error_text(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let text = b"input or output failed";
    if let Some(at) = place(call, state, 1, text, None) {
        give_list(call, args.last().copied().unwrap_or(0), at, text.len());
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
    let origin = lock(state).random_into(&mut bytes);
    if let Some(at) = place(call, state, 1, &bytes, Some(origin)) {
        give_list(call, args.last().copied().unwrap_or(0), at, bytes.len());
    }
    Ok(())
}
