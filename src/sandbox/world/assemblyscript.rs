//! AssemblyScript's three imports. Its text is UTF-16 with the length before it.

use super::{Entry, made};
use crate::sandbox::{
    context::{CallContext, CallEnd},
    types::MAX_POINTED,
};

pub(super) const TABLE: &[Entry] = &[
    made("abort", "message:utf16 file:utf16 line column", abort),
    made("seed", "", seed),
    made("trace", "message:utf16 count", trace),
    made("~lib/builtins/abort", "message:utf16 file:utf16 line column", abort),
];

fn text(ctx: &CallContext<'_, '_>, address: u32) -> String {
    let len =
        address.checked_sub(4).and_then(|at| ctx.read_u32(at)).unwrap_or(0).min(MAX_POINTED as u32) & !1;
    let units = ctx
        .read(address, len.into())
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn abort(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (message, file) = (text(ctx, ctx.u32(0)), text(ctx, ctx.u32(1)));
    Err(CallEnd::Abort(format!("abort: {message} at {file}:{}:{}", ctx.u32(2), ctx.u32(3))))
}

fn seed(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    // Fifty-three bits, as a double holds.
    let value = (ctx.state.random.next() >> 11) as f64;
    ctx.give_f64(value);
    Ok(())
}

fn trace(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let message = text(ctx, ctx.u32(0));
    let numbers: Vec<_> = (2..7).take(ctx.u32(1) as usize).map(|index| ctx.f64(index).to_string()).collect();
    let line = format!("trace: {message} {}\n", numbers.join(", "));
    ctx.state.stderr.write(line.as_bytes());
    Ok(())
}
