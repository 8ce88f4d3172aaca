//! AssemblyScript's three imports. Its text is UTF-16 with the length before it.

use super::{Entry, made};
use crate::sandbox::{
    cx::{Cx, End},
    types::MAX_POINTED,
};

pub(super) const TABLE: &[Entry] = &[
    made("abort", "message:utf16 file:utf16 line column", abort),
    made("seed", "", seed),
    made("trace", "message:utf16 count", trace),
    made("~lib/builtins/abort", "message:utf16 file:utf16 line column", abort),
];

fn text(cx: &Cx<'_, '_>, address: u32) -> String {
    let len = address.checked_sub(4).and_then(|at| cx.read_u32(at)).unwrap_or(0).min(MAX_POINTED as u32) & !1;
    let units = cx
        .read(address, len.into())
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn abort(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let (message, file) = (text(cx, cx.u32(0)), text(cx, cx.u32(1)));
    Err(End::Abort(format!("abort: {message} at {file}:{}:{}", cx.u32(2), cx.u32(3))))
}

fn seed(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    // Fifty-three bits, as a double holds.
    let value = (cx.state.random.next() >> 11) as f64;
    cx.give_f64(value);
    Ok(())
}

fn trace(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let message = text(cx, cx.u32(0));
    let numbers: Vec<_> = (2..7).take(cx.u32(1) as usize).map(|index| cx.f64(index).to_string()).collect();
    let line = format!("trace: {message} {}\n", numbers.join(", "));
    cx.state.stderr.write(line.as_bytes());
    Ok(())
}
