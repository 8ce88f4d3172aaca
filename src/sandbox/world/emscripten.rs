//! Emscripten's runtime: memory, ends of the program, scripts, and what only has to be there.

use super::limits::{HEAP_MAX, RANDOM_BYTES};
use super::process::{emscripten_main_thread, emscripten_thread};
use super::{Entry, made, real, real_nest};
use crate::sandbox::context::{CallContext, CallEnd};

pub(super) const TABLE: &[Entry] = &[
    real("getTotalMemory", "", total_memory),
    real("emscripten_get_heap_size", "", total_memory),
    made("emscripten_get_heap_max", "", |ctx| answer(ctx, HEAP_MAX as i64)),
    real("enlargeMemory", "", enlarge_memory),
    real("emscripten_resize_heap", "size", resize_heap),
    made("abortOnCannotGrowMemory", "", |_| Err(CallEnd::Abort("cannot enlarge memory".into()))),
    real("emscripten_memcpy_big", "dest src:in size", copy),
    real("emscripten_memcpy_js", "dest src:in size", copy),
    real("memcpy_big", "dest src:in size", copy),
    made("emscripten_notify_memory_growth", "memory", nothing),
    made("setErrNo", "value", nothing),
    made("lock", "address", nothing),
    made("unlock", "address", nothing),
    made("abort", "", abort),
    made("abort_js", "", abort),
    made("llvm_trap", "", abort),
    made("abortStackOverflow", "size", abort),
    made("nullFunc_*", "index", abort),
    made("assert_fail", "condition:cstr file:cstr line func:cstr", assert_fail),
    made("proc_exit", "code", exit),
    made("exit", "code", exit),
    made("Exit", "code", exit),
    made("emscripten_force_exit", "code", exit),
    made("emscripten_exit_with_live_runtime", "", |_| {
        Err(CallEnd::Unwind("the program goes on in the event loop".into()))
    }),
    made("emscripten_run_script", "script:cstr", nothing),
    made("emscripten_run_script_int", "script:cstr", nothing),
    made("emscripten_run_script_string", "script:cstr", nothing),
    made("emscripten_async_run_script", "script:cstr delay", nothing),
    made("emscripten_asm_const_*", "code", nothing),
    made("emscripten_asm_const*", "", nothing),
    made("emscripten_console_log", "text:cstr", nothing),
    made("emscripten_console_warn", "text:cstr", nothing),
    made("emscripten_console_error", "text:cstr", nothing),
    made("emscripten_log", "flags format:cstr", nothing),
    made("emscripten_cancel_main_loop", "", nothing),
    made("emscripten_get_random", "", random),
    made("getenv", "name:cstr", getenv),
    made("sysconf", "name", sysconf),
    made("getpagesize", "", |ctx| answer(ctx, 16_384)),
    made("setTempRet0", "value", |ctx| {
        ctx.state.world.temp_ret = ctx.u32(0) as i32;
        Ok(())
    }),
    made("getTempRet0", "", |ctx| {
        let value = ctx.state.world.temp_ret;
        answer(ctx, i64::from(value))
    }),
    real_nest("pthread_create_js", "thread attr start arg", emscripten_thread),
    real_nest("emscripten_init_main_thread_js", "thread", emscripten_main_thread),
    made("emscripten_thread_set_strongref", "thread", nothing),
    made("emscripten_thread_mailbox_await", "thread", nothing),
    made("emscripten_thread_cleanup", "thread", nothing),
    made("emscripten_notify_mailbox_postmessage", "target current", nothing),
    made("emscripten_receive_on_main_thread_js", "index", nothing),
    made("emscripten_check_blocking_allowed", "", nothing),
    made("emscripten_notify_task_queue", "target current main queue", nothing),
    made("emscripten_thread_exit_joinable", "thread", nothing),
    made("emscripten_num_logical_cores", "", |ctx| answer(ctx, CORES)),
    made("emscripten_has_threading_support", "", |ctx| answer(ctx, 1)),
    // With none a thread would get no room at all.
    made("emscripten_default_pthread_stack_size", "", |ctx| answer(ctx, 65_536)),
    made("emscripten_unwind_to_js_event_loop", "", |_| {
        Err(CallEnd::Unwind("the program goes on in the event loop".into()))
    }),
    // Of a build without threads: `EAGAIN`.
    made("pthread_create", "thread attr start arg", |ctx| answer(ctx, 6)),
    made("pthread_*", "", nothing),
    made("printf", "format:cstr", nothing),
    made("puts", "text:cstr", put_line),
    made("strlen", "text:cstr", string_length),
    made("embind_register_*", "", nothing),
    made("cxa_pure_virtual", "", abort),
    made("getentropy", "buffer:out len", fill_random),
    made("getRandomValues", "buffer:out len", fill_random),
    made("*fill_rand*", "buffer:out len", fill_random),
    made("llvm_bswap_*", "value", swap_bytes),
    made("system", "command:cstr", |ctx| answer(ctx, -1)),
];

fn answer(ctx: &mut CallContext<'_, '_>, value: i64) -> Result<(), CallEnd> {
    ctx.give(value);
    Ok(())
}

/// Zero, of whatever type.
pub(super) fn nothing(_: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    Ok(())
}

pub(super) fn total_memory(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let len = ctx.call.memory_len();
    ctx.is_inner();
    answer(ctx, len as i64)
}

/// Grows memory to where the sample has moved the end of what it uses.
pub(super) fn enlarge_memory(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let wanted = ctx.state.world.layout.dynamic_top().and_then(|address| ctx.read_u32(address));
    let grown = wanted.is_some_and(|wanted| ctx.call.grow_memory(u64::from(wanted)));
    ctx.is_inner();
    answer(ctx, grown.into())
}

fn resize_heap(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let grown = ctx.call.grow_memory(u64::from(ctx.u32(0)));
    ctx.is_inner();
    answer(ctx, grown.into())
}

pub(super) fn copy(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (to, from, len) = (ctx.u32(0), ctx.u32(1), ctx.u32(2));
    // Bytes that do not fit would be an exception in JavaScript.
    let copied = ctx.call.copy_within(to.into(), from.into(), len.into());
    copied.ok_or_else(|| CallEnd::Abort("offset is out of bounds".into()))?;
    ctx.is_inner();
    answer(ctx, to.into())
}

fn abort(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    Err(CallEnd::Abort(format!("{}({})", ctx.name.trim_start_matches('_'), ctx.u32(0) as i32)))
}

fn assert_fail(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let text = |index| ctx.c_string(ctx.u32(index)).unwrap_or_default();
    Err(CallEnd::Abort(format!("assertion failed: {}, at {}:{} ({})", text(0), text(1), ctx.u32(2), text(3))))
}

fn exit(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    Err(CallEnd::Exit(ctx.u32(0) as i32))
}

/// No variable is set.
fn getenv(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    answer(ctx, 0)
}

/// Processors of the machine, as most have.
const CORES: i64 = 4;

fn sysconf(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let value = match ctx.u32(0) {
        30 => 16_384,
        83 | 84 => CORES,
        85 => 131_072,
        _ => -1,
    };
    answer(ctx, value)
}

fn put_line(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let text = ctx.c_string(ctx.u32(0)).unwrap_or_default();
    ctx.state.stdout.write(text.as_bytes());
    ctx.state.stdout.write(b"\n");
    Ok(())
}

fn string_length(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let len = ctx.c_string(ctx.u32(0)).map_or(0, |text| text.len());
    answer(ctx, len as i64)
}

/// A number from 0 to 1, as JavaScript's `Math.random`.
pub(super) fn random(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let fraction = (ctx.state.random.next() >> 11) as f64 / (1u64 << 53) as f64;
    ctx.give_f64(fraction);
    Ok(())
}

/// Fills at most a megabyte, as browsers do at most 64 KiB.
pub(super) fn fill_random(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (address, len) = (ctx.u32(0), ctx.u32(1).min(RANDOM_BYTES));
    if ctx.read(address, len.into()).is_some() {
        let mut bytes = vec![0; len as usize];
        ctx.state.random.fill(&mut bytes);
        _ = ctx.write(address, &bytes);
    }
    Ok(())
}

/// The bytes of one value in the other order; of one that comes in two halves, the upper half is returned
/// beside.
fn swap_bytes(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    use crate::tracer::Type;
    let is_halves = ctx.args.len() == 2;
    match ctx.call.result_type(0) {
        Some(Type::I64) => answer(ctx, (ctx.u64(0)).swap_bytes() as i64),
        _ if is_halves => {
            ctx.state.world.temp_ret = ctx.u32(0).swap_bytes() as i32;
            answer(ctx, i64::from(ctx.u32(1).swap_bytes()))
        }
        _ if ctx.name.ends_with("16") => answer(ctx, i64::from((ctx.u32(0) as u16).swap_bytes())),
        _ => answer(ctx, i64::from(ctx.u32(0).swap_bytes())),
    }
}
