//! What the standard library of Kotlin has in JavaScript, as far as it is about strings and printing.
//!
//! Not here: strings of the language itself (`strings`).

use super::{
    Entry, made, real,
    strings::{give_text, length, units_of},
};
use crate::{
    sandbox::context::{CallContext, CallEnd},
    tracer::Reference,
};

pub(super) const TABLE: &[Entry] = &[
    real("kotlin.wasm.internal.stringLength*", "text", length),
    real("kotlin.wasm.internal.importStringFromWasm*", "address length prefix", from_memory),
    real("kotlin.wasm.internal.jsExportStringToWasm*", "text start length address", into_memory),
    real("kotlin.wasm.internal.externrefToString*", "text", same),
    real("kotlin.wasm.internal.externrefEquals*", "first second", equals),
    real("kotlin.wasm.internal.isNullish*", "value", |ctx| {
        let is_null = matches!(ctx.call.reference(0), Some(Reference::Null));
        give(ctx, is_null)
    }),
    real("kotlin.wasm.internal.getJsEmptyString*", "", |ctx| {
        let empty = ctx.state.texts.of_text("");
        give_text(ctx, empty)
    }),
    made("kotlin.io.printlnImpl*", "text", |ctx| print(ctx, "\n")),
    made("kotlin.io.printImpl*", "text", |ctx| print(ctx, "")),
    made("kotlin.io.printError*", "text", |ctx| print(ctx, "\n")),
];

type Done = Result<(), CallEnd>;

fn give(ctx: &mut CallContext<'_, '_>, is: bool) -> Done {
    ctx.is_inner();
    ctx.give(is.into());
    Ok(())
}

/// The number of a string among the arguments.
fn text(ctx: &CallContext<'_, '_>, index: usize) -> Option<u32> {
    match ctx.call.reference(index) {
        Some(Reference::Host(number)) => Some(number),
        _ => None,
    }
}

/// A string of 16-bit units in memory, behind another if there is one.
fn from_memory(ctx: &mut CallContext<'_, '_>) -> Done {
    let (address, len) = (ctx.u32(0), ctx.u32(1));
    let units = ctx.read(address, 2 * u64::from(len)).and_then(|bytes| units_of(bytes, 0, len));
    let Some(units) = units else { return Err(CallEnd::Abort("the string is not within memory".into())) };
    ctx.call.reads(address.into(), 2 * u64::from(len));
    let text_number = ctx.state.texts.of_units(&units);
    let whole = match (text(ctx, 2), text_number) {
        (Some(prefix), Some(number)) => ctx.state.texts.concat(prefix, number),
        (_, number) => number,
    };
    give_text(ctx, whole)
}

fn into_memory(ctx: &mut CallContext<'_, '_>) -> Done {
    ctx.is_inner();
    let (start, len, address) = (ctx.u32(1) as usize, ctx.u32(2) as usize, ctx.u32(3));
    let units = text(ctx, 0).and_then(|number| ctx.state.texts.units(number)).unwrap_or_default();
    let part = units.get(start..).and_then(|units| units.get(..len.min(units.len()))).unwrap_or_default();
    let bytes: Vec<u8> = part.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    // What does not fit is left out, as an array of JavaScript does it.
    _ = ctx.write(address, &bytes);
    Ok(())
}

fn same(ctx: &mut CallContext<'_, '_>) -> Done {
    let number = text(ctx, 0).or_else(|| ctx.state.texts.of_text("null"));
    give_text(ctx, number)
}

fn equals(ctx: &mut CallContext<'_, '_>) -> Done {
    let is_equal = match (text(ctx, 0), text(ctx, 1)) {
        (Some(first), Some(second)) => {
            first == second || ctx.state.texts.units(first) == ctx.state.texts.units(second)
        }
        _ => ctx.call.reference(0) == ctx.call.reference(1),
    };
    give(ctx, is_equal)
}

fn print(ctx: &mut CallContext<'_, '_>, end: &str) -> Done {
    ctx.is_inner();
    let all = text(ctx, 0).and_then(|number| ctx.state.texts.text(number, usize::MAX));
    ctx.state.stdout.write(all.as_deref().unwrap_or("null").as_bytes());
    ctx.state.stdout.write(end.as_bytes());
    Ok(())
}
