//! Node-API: objects of JavaScript are numbers; functions that a module defines are kept, to be called.

use std::sync::Mutex;

use super::{
    Entry, Owner, Registration,
    emscripten::nothing,
    limits::{NAPI_BUFFER, NAPI_PROPERTIES},
    made, nest,
};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::{State, lock},
    },
    tracer::{Caller, Value},
};

pub(super) const TABLE: &[Entry] = &[
    made("napi_create_function", "env name:cstr name_len callback data result", create_function),
    made(
        "napi_define_class",
        "env name:cstr name_len constructor data count properties result",
        define_class,
    ),
    made("napi_define_properties", "env object count properties", |ctx| define_properties(ctx, 2)),
    made("napi_get_cb_info", "env info argc argv this data", call_info),
    made("napi_typeof", "env value result", |ctx| {
        answer(ctx, 2, &KINDS[ctx.u32(1) as usize % 3].to_le_bytes())
    }),
    made("napi_is_exception_pending", "env result", |ctx| answer(ctx, 1, &[0])),
    made("napi_is_error", "env value result", |ctx| answer(ctx, 2, &[0])),
    made("napi_is_detached_arraybuffer", "env value result", |ctx| answer(ctx, 2, &[0])),
    made("napi_is_*", "env value result", |ctx| answer(ctx, 2, &[1])),
    made("napi_get_array_length", "env value result", |ctx| answer(ctx, 2, &2_u32.to_le_bytes())),
    made("napi_get_value_int32", "env value result", |ctx| answer(ctx, 2, &NUMBER.to_le_bytes())),
    made("napi_get_value_uint32", "env value result", |ctx| answer(ctx, 2, &NUMBER.to_le_bytes())),
    made("napi_get_value_int64", "env value result", |ctx| answer(ctx, 2, &i64::from(NUMBER).to_le_bytes())),
    made("napi_get_value_double", "env value result", |ctx| answer(ctx, 2, &f64::from(NUMBER).to_le_bytes())),
    made("napi_get_value_bool", "env value result", |ctx| answer(ctx, 2, &[1])),
    made("napi_get_value_string_utf8", "env value buffer size length", text),
    made("napi_get_value_string_latin1", "env value buffer size length", text),
    nest("napi_get_buffer_info", "env value data length", |call, _, _, _| bytes(call, 2, 3)),
    nest("napi_get_arraybuffer_info", "env value data length", |call, _, _, _| bytes(call, 2, 3)),
    nest("napi_get_typedarray_info", "env value kind length data buffer offset", typed_array),
    nest("napi_create_buffer", "env size data result", create_bytes),
    nest("napi_create_arraybuffer", "env size data result", create_bytes),
    made("napi_create_*", "env", give_object),
    made("napi_get_*", "env", give_object),
    made("napi_*", "env", nothing),
];

/// What values are in turn, by their numbers: texts, objects, numbers.
const KINDS: [i32; 3] = [4, 6, 3];
/// The number that a value is.
const NUMBER: i32 = 4;
/// The text that a value is, and the bytes.
const TEXT: &[u8] = b"the quick brown fox jumps over 13 lazy dogs";
/// The kind of an array of bytes.
const BYTES: u32 = 1;

/// Writes an answer to where an argument points.
fn answer(ctx: &mut CallContext<'_, '_>, position: usize, bytes: &[u8]) -> Result<(), CallEnd> {
    let to = ctx.u32(position);
    if to >= 64 {
        _ = ctx.write(to, bytes);
    }
    Ok(())
}

/// The text, as far as it fits, with a zero behind it; its whole length if there is no room at all.
fn text(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (to, size) = (ctx.u32(2), ctx.u32(3) as usize);
    let len = if to == 0 { TEXT.len() } else { TEXT.len().min(size.saturating_sub(1)) };
    if to >= 64 && size > 0 {
        _ = ctx.write(to, &[&TEXT[..len], &[0]].concat());
    }
    answer(ctx, 4, &(len as u32).to_le_bytes())
}

/// Memory of the sample's own allocator.
fn allocate(call: &mut Caller<'_>, size: u64) -> Option<u32> {
    let results = call.invoke("malloc", &[Value::I32(size.clamp(1, NAPI_BUFFER) as i32)]).ok()?;
    match results.first() {
        Some(&Value::I32(address @ 1..)) => Some(address as u32),
        _ => None,
    }
}

/// Writes a word to where an argument points.
fn tell(call: &mut Caller<'_>, position: usize, word: u32) {
    if let Some(&Value::I32(to)) = call.args().get(position)
        && to as u32 >= 64
    {
        _ = call.write_memory(u64::from(to as u32), &word.to_le_bytes());
    }
}

/// Where bytes of a value lie, and how many they are.
fn bytes(call: &mut Caller<'_>, data: usize, length: usize) -> Result<(), CallEnd> {
    if let Some(at) = allocate(call, TEXT.len() as u64) {
        _ = call.write_memory(at.into(), TEXT);
        tell(call, data, at);
        tell(call, length, TEXT.len() as u32);
    }
    Ok(())
}

fn typed_array(call: &mut Caller<'_>, _: &Mutex<State>, _: &[u64], _: &str) -> Result<(), CallEnd> {
    tell(call, 2, BYTES);
    tell(call, 5, 1);
    tell(call, 6, 0);
    bytes(call, 4, 3)
}

/// A buffer for the sample to fill.
fn create_bytes(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    if let Some(at) = allocate(call, args.get(1).copied().unwrap_or(0)) {
        tell(call, 2, at);
    }
    let object = lock(state).world.next_handle();
    tell(call, 3, object);
    Ok(())
}

/// A number for an object, where the last argument points.
fn give_object(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let to = ctx.args.last().copied().unwrap_or(0) as u32;
    let object = ctx.state.world.next_handle();
    // Small numbers are no places.
    if to >= 64 {
        _ = ctx.write_u32(to, object);
    }
    Ok(())
}

/// Keeps a function by its index in the table.
fn keep(ctx: &mut CallContext<'_, '_>, name: String, index: u32) {
    if index > 0 {
        let registration =
            Registration { name, index, owner: Owner::Callback, context: None, types: Vec::new() };
        ctx.state.world.registered.add(registration);
    }
}

fn create_function(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let name = ctx.c_string(ctx.u32(1)).unwrap_or_default();
    keep(ctx, name, ctx.u32(3));
    give_object(ctx)
}

fn define_class(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let name = ctx.c_string(ctx.u32(1)).unwrap_or_default();
    keep(ctx, name, ctx.u32(3));
    define_properties(ctx, 5)?;
    give_object(ctx)
}

/// Eight words each: the name twice (as text, as an object), method, getter, setter, value, attributes, data.
fn define_properties(ctx: &mut CallContext<'_, '_>, count: usize) -> Result<(), CallEnd> {
    let (count, start) = (ctx.u32(count).min(NAPI_PROPERTIES), ctx.u32(count + 1));
    for position in 0..count {
        let at = start.wrapping_add(32 * position);
        let word = |ctx: &CallContext<'_, '_>, index: u32| ctx.read_u32(at.wrapping_add(4 * index));
        let name = word(ctx, 0).and_then(|name| ctx.c_string(name)).unwrap_or_default();
        for index in 2..5 {
            if let Some(function) = word(ctx, index) {
                keep(ctx, name.clone(), function);
            }
        }
    }
    Ok(())
}

/// As many arguments as are asked for, each an object.
fn call_info(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let count = ctx.read_u32(ctx.u32(2)).unwrap_or(0).min(NAPI_PROPERTIES);
    for position in 0..count {
        let object = ctx.state.world.next_handle();
        _ = ctx.write_u32(ctx.u32(3).wrapping_add(4 * position), object);
    }
    let object = ctx.state.world.next_handle();
    if ctx.u32(4) > 0 {
        _ = ctx.write_u32(ctx.u32(4), object);
    }
    Ok(())
}
