//! wasm-bindgen: objects of JavaScript are numbers to the module; here they are numbers and nothing else.

use std::sync::Mutex;

use super::{
    Entry,
    emscripten::{fill_random, nothing, random},
    made, real, real_nest,
    time::{date, now},
};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::State,
    },
    tracer::{Caller, Start, Type, Value},
};

/// First number that is free in the module's table of objects: `undefined`, `null`, `true` and `false` have
/// those before it.
const FIRST_HANDLE: u32 = 132;

pub(super) const TABLE: &[Entry] = &[
    made("wbindgen_throw", "message:str len", throw),
    made("wbindgen_rethrow", "error", |_| Err(CallEnd::Abort("rethrown".into()))),
    made("wbindgen_object_drop_ref", "object", nothing),
    made("wbindgen_string_new", "text:str len", handle),
    made("wbindgen_error_new", "message:str len", handle),
    made("wbindgen_json_parse", "text:str len", handle),
    made("wbindgen_is_undefined", "object", nothing),
    made("wbindgen_is_null", "object", nothing),
    made("wbindgen_is_object", "object", yes),
    made("wbindgen_is_string", "object", yes),
    made("wbindgen_is_function", "object", yes),
    made("wbindgen_boolean_get", "object", yes),
    // Two results through memory; none is there.
    made("wbindgen_number_get", "", nothing),
    made("wbindgen_string_get", "", nothing),
    made("wbindgen_json_serialize", "", nothing),
    made("wbindgen_cb_drop", "object", yes),
    made("wbg_instanceof_*", "object", yes),
    made("wbg_getRandomValues_*", "crypto array", nothing),
    made("wbg_get_random_values_*", "buffer:out len", fill_random),
    made("wbg_randomFillSync_*", "crypto buffer len", nothing),
    real("wbg_performance_now_*", "", now),
    real("wbg_now_*", "", clock),
    made("wbg_random_*", "", random),
    made("wbg_log_*", "text:str len", nothing),
    made("wbg_error_*", "text:str len", nothing),
    made("wbg_eval_*", "script:str len", handle),
    made("wbg_newnoargs_*", "script:str len", handle),
    made("wbg_fetch_*", "", handle),
    made("wbg_done_*", "iterator", yes),
    real_nest("wbg_startWorkers_*", "module memory builder", start_workers),
    made("wbg_length_*", "object", nothing),
    made("wbg_byteLength_*", "object", nothing),
    made("*", "", handle),
];

/// The beginning of each instance, and what a worker of rayon calls then.
const START: &str = "__wbindgen_start";
const WORK: &str = "wbg_rayon_start_worker";

/// The glue of wasm-bindgen-rayon does this with a builder of a pool. It starts as many workers as that
/// wants, each with the arguments of the others, and then the pool. The page awaits all that, so the pool is
/// built beside it.
fn start_workers(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let builder = Value::I32(args.get(2).copied().unwrap_or(0) as i32);
    let ask = |call: &mut Caller<'_>, name: &str| match call.invoke(name, &[builder]).ok()?[..] {
        [Value::I32(answer)] => Some(answer),
        _ => None,
    };
    let workers = ask(call, "wbg_rayon_poolbuilder_numThreads").unwrap_or(0);
    let receiver = ask(call, "wbg_rayon_poolbuilder_receiver").map(Value::I32);
    let mut steps = Vec::new();
    if let Some((params, _)) = call.function_type(START) {
        // Without a size of its own the stack is as large as usual.
        steps.push((Start::Export(START.into()), Some(vec![Value::I32(0); params.len()])));
    }
    let begin = |call: &mut Caller<'_>, name: &str, arg: Value| {
        let mut steps = steps.clone();
        steps.push((Start::Export(name.into()), Some(vec![arg])));
        call.spawn(&steps).is_some()
    };
    if let Some(receiver) = receiver {
        // Each that cannot begin is counted; beyond the first of those all are.
        _ = (0..workers).all(|_| begin(call, WORK, receiver));
    }
    begin(call, "wbg_rayon_poolbuilder_build", builder);
    Ok(())
}

fn throw(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let message = ctx.string(ctx.u32(0), ctx.u32(1)).unwrap_or_default();
    Err(CallEnd::Abort(format!("thrown: {message}")))
}

fn yes(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.give(1);
    Ok(())
}

/// A new object, where one is asked for.
fn handle(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    if ctx.call.result_type(0) == Some(Type::I32) {
        let handle = FIRST_HANDLE.saturating_add(ctx.state.world.next_handle() - 1);
        ctx.give(handle.into());
    }
    Ok(())
}

/// `Date.now()` without an object, `performance.now()` with one.
fn clock(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    if ctx.args.is_empty() { date(ctx) } else { now(ctx) }
}
