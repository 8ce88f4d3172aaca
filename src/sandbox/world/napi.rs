//! Node-API: objects of JavaScript are numbers; functions that a module defines are kept, to be called.

use super::{Entry, Owner, Registration, emscripten::nothing, limits::NAPI_PROPERTIES, made};
use crate::sandbox::context::{CallContext, CallEnd};

pub(super) const TABLE: &[Entry] = &[
    made("napi_create_function", "env name:cstr name_len callback data result", create_function),
    made(
        "napi_define_class",
        "env name:cstr name_len constructor data count properties result",
        define_class,
    ),
    made("napi_define_properties", "env object count properties", |ctx| define_properties(ctx, 2)),
    made("napi_get_cb_info", "env info argc argv this data", call_info),
    made("napi_create_*", "env", give_object),
    made("napi_get_*", "env", give_object),
    made("napi_*", "env", nothing),
];

/// A number for an object, where the last argument points.
fn give_object(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let to = ctx.args.last().copied().unwrap_or(0) as u32;
    let object = next_object(ctx);
    // Small numbers are no places.
    if to >= 64 {
        _ = ctx.write_u32(to, object);
    }
    Ok(())
}

fn next_object(ctx: &mut CallContext<'_, '_>) -> u32 {
    let world = &mut ctx.state.world;
    world.handles = world.handles.saturating_add(1);
    world.handles
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
        let object = next_object(ctx);
        _ = ctx.write_u32(ctx.u32(3).wrapping_add(4 * position), object);
    }
    let object = next_object(ctx);
    if ctx.u32(4) > 0 {
        _ = ctx.write_u32(ctx.u32(4), object);
    }
    Ok(())
}
