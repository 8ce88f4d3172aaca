//! `wasm:js-string`: strings of JavaScript, as the specification of builtins has them. What it calls a trap
//! ends the entry point: nothing of the sample can catch it.
//!
//! Not here: how strings are kept (`texts`), constants that are imported (`link`).

use std::sync::Arc;

use super::{Entry, real};
use crate::{
    sandbox::context::{CallContext, CallEnd},
    tracer::Reference,
};

pub(super) const TABLE: &[Entry] = &[
    real("cast", "text", cast),
    real("test", "text", test),
    real("fromCharCodeArray", "array:units start end", from_array),
    real("intoCharCodeArray", "text array start", into_array),
    real("fromCharCode", "unit", |ctx| {
        let unit = ctx.u32(0) as u16;
        give(ctx, &[unit])
    }),
    real("fromCodePoint", "character", from_code_point),
    real("charCodeAt", "text index", |ctx| {
        let (text, index) = at(ctx)?;
        give_number(ctx, text[index].into())
    }),
    real("codePointAt", "text index", |ctx| {
        let (text, index) = at(ctx)?;
        let character = code_point(&text[index..]);
        give_number(ctx, character.into())
    }),
    real("length", "text", length),
    real("concat", "first second", |ctx| {
        let (first, second) = (some(ctx, 0)?, some(ctx, 1)?);
        let both = ctx.state.texts.concat(first, second);
        give_text(ctx, both)
    }),
    real("substring", "text start end", substring),
    real("equals", "first second", equals),
    real("compare", "first second", |ctx| {
        let (first, second) = (some_units(ctx, 0)?, some_units(ctx, 1)?);
        give_number(ctx, first.cmp(&second) as i64)
    }),
];

type Done = Result<(), CallEnd>;

/// What ends a call that the specification lets trap.
fn trap(ctx: &CallContext<'_, '_>, what: &str) -> CallEnd {
    CallEnd::Abort(format!("wasm:js-string.{}: {what}", ctx.name))
}

/// The number of a string among the arguments; `None` if it is null.
fn text(ctx: &CallContext<'_, '_>, index: usize) -> Result<Option<u32>, CallEnd> {
    match ctx.call.reference(index) {
        Some(Reference::Null) => Ok(None),
        Some(Reference::Host(number)) if ctx.state.texts.len(number).is_some() => Ok(Some(number)),
        _ => Err(trap(ctx, "that is no string")),
    }
}

/// The same, where null is not allowed.
fn some(ctx: &CallContext<'_, '_>, index: usize) -> Result<u32, CallEnd> {
    text(ctx, index)?.ok_or_else(|| trap(ctx, "null is no string"))
}

fn some_units(ctx: &mut CallContext<'_, '_>, index: usize) -> Result<Arc<[u16]>, CallEnd> {
    let number = some(ctx, index)?;
    Ok(ctx.state.texts.units(number).unwrap_or_default())
}

fn give_number(ctx: &mut CallContext<'_, '_>, value: i64) -> Done {
    ctx.is_inner();
    ctx.give(value);
    Ok(())
}

/// Gives a string, if there was room for it.
pub(super) fn give_text(ctx: &mut CallContext<'_, '_>, number: Option<u32>) -> Done {
    ctx.is_inner();
    let number = number.ok_or_else(|| CallEnd::Abort("too many or too long strings".into()))?;
    // With another type of result nothing is given.
    ctx.call.give_reference(0, number);
    Ok(())
}

fn give(ctx: &mut CallContext<'_, '_>, units: &[u16]) -> Done {
    let number = ctx.state.texts.of_units(units);
    give_text(ctx, number)
}

/// The units of a string and an index into it, the first two arguments.
fn at(ctx: &mut CallContext<'_, '_>) -> Result<(Arc<[u16]>, usize), CallEnd> {
    let (text, index) = (some_units(ctx, 0)?, ctx.u32(1) as usize);
    match index < text.len() {
        true => Ok((text, index)),
        false => Err(trap(ctx, "the index is beyond the string")),
    }
}

/// The character that units begin with, or the first of them if they begin with none.
fn code_point(units: &[u16]) -> u32 {
    match *units {
        [high @ 0xd800..=0xdbff, low @ 0xdc00..=0xdfff, ..] => {
            0x10000 + ((u32::from(high) & 0x3ff) << 10 | u32::from(low) & 0x3ff)
        }
        [unit, ..] => unit.into(),
        [] => 0,
    }
}

pub(super) fn length(ctx: &mut CallContext<'_, '_>) -> Done {
    let number = some(ctx, 0)?;
    let len = ctx.state.texts.len(number).unwrap_or(0);
    give_number(ctx, len as i64)
}

fn cast(ctx: &mut CallContext<'_, '_>) -> Done {
    let number = some(ctx, 0)?;
    give_text(ctx, Some(number))
}

fn test(ctx: &mut CallContext<'_, '_>) -> Done {
    let is_text = matches!(text(ctx, 0), Ok(Some(_)));
    give_number(ctx, is_text.into())
}

/// The address of an array of units among the arguments.
fn array(ctx: &CallContext<'_, '_>, index: usize) -> Result<u32, CallEnd> {
    match ctx.call.reference(index) {
        Some(Reference::Object(address)) => Ok(address),
        _ => Err(trap(ctx, "that is no array")),
    }
}

fn from_array(ctx: &mut CallContext<'_, '_>) -> Done {
    let (array, start, end) = (array(ctx, 0)?, ctx.u32(1), ctx.u32(2));
    let units = ctx.call.units(array).and_then(|bytes| units_of(bytes, start, end));
    let units = units.ok_or_else(|| trap(ctx, "that is not within the array"))?;
    ctx.call.reads_units(array, start, units.len() as u32);
    give(ctx, &units)
}

/// Elements of an array of units, from one on and up to another.
pub(in crate::sandbox) fn units_of(bytes: &[u8], start: u32, end: u32) -> Option<Vec<u16>> {
    let bytes = bytes.get(2 * start as usize..2 * end as usize)?;
    Some(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect())
}

fn into_array(ctx: &mut CallContext<'_, '_>) -> Done {
    let (array, start) = (array(ctx, 1)?, ctx.u32(2));
    let units = some_units(ctx, 0)?;
    let put = ctx.call.put_units(array, start, &units);
    put.ok_or_else(|| trap(ctx, "that is not within the array"))?;
    give_number(ctx, units.len() as i64)
}

fn from_code_point(ctx: &mut CallContext<'_, '_>) -> Done {
    match ctx.u32(0) {
        unit @ 0..=0xffff => give(ctx, &[unit as u16]),
        character => match char::from_u32(character) {
            Some(character) => give(ctx, character.encode_utf16(&mut [0; 2])),
            None => Err(trap(ctx, "there is no such character")),
        },
    }
}

fn substring(ctx: &mut CallContext<'_, '_>) -> Done {
    let (text, start, end) = (some_units(ctx, 0)?, ctx.u32(1) as usize, ctx.u32(2) as usize);
    give(ctx, text.get(start..end.min(text.len())).unwrap_or_default())
}

fn equals(ctx: &mut CallContext<'_, '_>) -> Done {
    let is_equal = match (text(ctx, 0)?, text(ctx, 1)?) {
        (Some(first), Some(second)) if first != second => {
            ctx.state.texts.len(first) == ctx.state.texts.len(second)
                && some_units(ctx, 0)? == some_units(ctx, 1)?
        }
        (first, second) => first == second,
    };
    give_number(ctx, is_equal.into())
}
