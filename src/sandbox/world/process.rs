//! Programs, forks and threads, as WASIX and wasi-threads have them.
//!
//! There is one instance; threads of it take turns (`tracer::threads`). A program that is started ends the
//! one that calls (`exec`) or is said to run (`spawn`); nothing of it exists here. A fork goes on as the
//! child the first time, where most programs do their work, and as the parent after that.

use std::sync::Mutex;

use super::{Entry, ThreadExports, made, real_nest, usage::WASI_START};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::{State, lock},
        wasi::Errno,
    },
    trace::MAIN,
    tracer::{Caller, Start, Type, Value},
};

pub(super) const TABLE: &[Entry] = &[
    made("proc_exec", "name:str name_len args:str args_len", exec),
    made("proc_exec2", "name:str name_len args:str args_len envs:str envs_len", exec),
    made("proc_exec3", "name:str name_len args:str args_len envs envs_len search path:str path_len", exec),
    made(
        "proc_spawn",
        "name:str name_len chroot args:str args_len preopen:str preopen_len stdin stdout stderr \
         dir:str dir_len process",
        |ctx| spawn(ctx, 12),
    ),
    made(
        "proc_spawn2",
        "name:str name_len args:str args_len envs:str envs_len fd_ops fd_ops_len signals signals_len \
         search path:str path_len process",
        |ctx| spawn(ctx, 13),
    ),
    made("proc_fork", "copies_memory process", |ctx| fork(ctx, 1)),
    made("proc_fork_env", "process", |ctx| fork(ctx, 0)),
    made("proc_join", "process flags status", join),
    made("proc_exit2", "code", |ctx| Err(CallEnd::Exit(ctx.u32(0) as i32))),
    made("thread_exit", "code", |_| Err(CallEnd::Unwind("the thread ended itself".into()))),
    // The first return of what may return twice.
    made("stack_checkpoint", "snapshot value", checkpoint),
    made("stack_restore", "snapshot", |_| Err(CallEnd::Abort("a jump to a kept stack".into()))),
    real_nest("thread-spawn", "argument", wasi_thread),
    real_nest("thread_spawn", "argument thread", wasix_thread),
    real_nest("thread_spawn_v2", "argument thread", wasix_thread),
    real_nest("thread_join", "thread", wasix_join),
    real_nest("thread_id", "thread", wasix_number),
    real_nest("futex_wait", "futex expected timeout woken", futex_wait),
    real_nest("futex_wake", "futex woken", |call, _, args, _| futex_wake(call, args, 1)),
    real_nest("futex_wake_all", "futex woken", |call, _, args, _| futex_wake(call, args, u32::MAX)),
];

/// The number of the first thread where there are others, which have theirs from 1 on.
const MAIN_AMONG_OTHERS: u32 = 1 << 30;

/// Whether a function is only WASIX's: others may have this name for something else.
pub(super) fn is_wasix_alone(name: &str) -> bool {
    matches!(name, "thread_join" | "thread_id" | "futex_wait" | "futex_wake" | "futex_wake_all")
}

/// The other program takes the place of this one.
fn exec(_: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    Err(CallEnd::Exit(0))
}

/// Number of the one process that was ever started.
const CHILD: u32 = 2;

/// A process with its number in the word that argument `at` points at.
fn spawn(ctx: &mut CallContext<'_, '_>, at: usize) -> Result<(), CallEnd> {
    give_word(ctx, at, CHILD)
}

fn fork(ctx: &mut CallContext<'_, '_>, at: usize) -> Result<(), CallEnd> {
    let is_child = !std::mem::replace(&mut ctx.state.world.has_forked, true);
    give_word(ctx, at, if is_child { 0 } else { CHILD })
}

/// It ended with 0.
fn join(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    give_word(ctx, 2, 0)
}

fn checkpoint(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let stored = ctx.write_u64(ctx.u32(1), 0);
    ctx.give(errno(stored));
    Ok(())
}

fn give_word(ctx: &mut CallContext<'_, '_>, at: usize, word: u32) -> Result<(), CallEnd> {
    let stored = ctx.write_u32(ctx.u32(at), word);
    ctx.give(errno(stored));
    Ok(())
}

fn errno(stored: Option<()>) -> i64 {
    stored.map_or(Errno::FAULT, |()| Errno::SUCCESS).0.into()
}

/// Gives the number of the thread, or a negative one.
fn wasi_thread(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let thread = begin_thread(call, args);
    // Of another type it stays zero.
    _ = call.set_result(0, Value::I32(thread.map_or(-1, |thread| thread as i32)));
    Ok(())
}

/// Begins a thread, which is told its number; `None` if the module has no beginning for one, or there are too
/// many.
fn begin_thread(call: &mut Caller<'_>, args: &[u64]) -> Option<u32> {
    let argument = args.first().copied().unwrap_or(0) as i32;
    let number = Value::I32(call.next_thread() as i32);
    call.spawn(&[(Start::Export(WASI_START.into()), Some(vec![number, Value::I32(argument)]))])
}

fn give_errno(call: &mut Caller<'_>, errno: i64) -> Result<(), CallEnd> {
    _ = call.set_result(0, Value::I32(errno as i32));
    Ok(())
}

/// Writes the number of the thread, and gives an error number.
fn wasix_thread(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let thread = begin_thread(call, args);
    let to = args.get(1).copied().unwrap_or(0) as u32;
    let stored = thread.and_then(|thread| call.write_memory(to.into(), &thread.to_le_bytes()));
    give_errno(call, if thread.is_some() { errno(stored) } else { i64::from(Errno::NOTSUP.0) })
}

fn wasix_join(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    call.join(args.first().copied().unwrap_or(0) as u32);
    give_errno(call, 0)
}

fn wasix_number(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    // 0 stands for nobody in the locks of its C library.
    let thread = match call.thread() {
        MAIN if call.has_threads() => MAIN_AMONG_OTHERS,
        MAIN => 1,
        thread => thread,
    };
    let to = args.first().copied().unwrap_or(0) as u32;
    let stored = call.write_memory(to.into(), &thread.to_le_bytes());
    give_errno(call, errno(stored))
}

/// Waits if the word at an address is as expected. The time is an option: a byte that says whether there is
/// one, and nanoseconds.
fn futex_wait(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let arg = |at: usize| u64::from(args.get(at).copied().unwrap_or(0) as u32);
    let read = |at: u64, len: u64| {
        let mut bytes = [0; 8];
        bytes[..len as usize].copy_from_slice(call.read_memory(at, len)?);
        Some(u64::from_le_bytes(bytes))
    };
    let Some(value) = read(arg(0), 4) else { return give_errno(call, Errno::FAULT.0.into()) };
    let time = read(arg(2), 1).filter(|has| *has == 1).and_then(|_| read(arg(2) + 8, 8));
    let stored = call.write_memory(arg(3), &[1]);
    if value == arg(1) && call.has_threads() && call.wait_at(arg(0), time).is_none() && time.is_none() {
        return Err(CallEnd::Abort("deadlock: nobody else could end this wait".into()));
    }
    give_errno(call, errno(stored))
}

fn futex_wake(call: &mut Caller<'_>, args: &[u64], count: u32) -> Result<(), CallEnd> {
    let arg = |at: usize| u64::from(args.get(at).copied().unwrap_or(0) as u32);
    let woken = call.wake_at(arg(0), count);
    let stored = call.write_memory(arg(1), &[u8::from(woken > 0)]);
    give_errno(call, errno(stored))
}

/// The fields of Emscripten's `struct pthread` that its glue reads: where the stack ends, and how large it
/// is.
const STACK_END: u64 = 52;
const STACK_SIZE: u64 = 56;

/// Emscripten's worker does this when it is told to run a thread: its stack, its beginning, its storage, its
/// function, its end.
pub(super) fn emscripten_thread(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let arg = |at: usize| args.get(at).copied().unwrap_or(0) as u32;
    let (thread, start, argument) = (arg(0), arg(2), arg(3));
    let word = |at: u64| word(call, u64::from(thread) + at).unwrap_or(0) as i32;
    let (end, size) = (word(STACK_END), word(STACK_SIZE));
    let exports = thread_exports(call, state);
    let mut steps = Vec::new();
    let mut export = |name: &Option<Box<str>>, given: &[i32]| {
        if let Some(name) = name
            && let Some((params, _)) = call.function_type(name)
        {
            // Older ones take fewer.
            let given = given.iter().chain([&0; 8]).take(params.len()).map(|&value| Value::I32(value));
            steps.push((Start::Export(name.clone()), Some(given.collect())));
        }
    };
    export(&exports.limits, &[end, end.wrapping_sub(size)]);
    export(&exports.restore, &[end]);
    export(&exports.init, &[thread as i32, 0, 0, 1]);
    export(&exports.storage, &[]);
    let takes = call.table_type(start.into()).map_or(1, |(params, _)| params.len());
    let given = [Value::I32(argument as i32)].into_iter().take(takes).collect();
    steps.push((Start::Element(start.into()), Some(given)));
    if let Some(name) = exports.exit {
        steps.push((Start::Export(name), None));
    }
    let begun = call.spawn(&steps);
    // `EAGAIN`.
    give_errno(call, if begun.is_some() { 0 } else { 6 })
}

/// As [`emscripten_thread`], of an import without a telling name. The first argument must be a structure that
/// begins with its own address, and the third the index of a function that a thread can begin with.
pub(super) fn thread_fitting(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
) -> Option<Result<(), CallEnd>> {
    let thread = *args.first()? as u32;
    let is_own = thread >= 64 && word(call, thread.into()) == Some(thread);
    let (params, results) = call.table_type(*args.get(2)?).filter(|_| is_own)?;
    if params != [Type::I32] || results != [Type::I32] {
        return None;
    }
    {
        let world = &mut lock(state).world;
        (world.is_inner, world.taken_for) = (true, Some("__pthread_create_js"));
    }
    Some(emscripten_thread(call, state, args, ""))
}

/// The exports that begin a thread: by their names, else by what they do.
fn thread_exports(call: &Caller<'_>, state: &Mutex<State>) -> ThreadExports {
    let known = lock(state).world.threads.clone();
    known.named(|name| call.has_function(name))
}

fn word(call: &Caller<'_>, address: u64) -> Option<u32> {
    Some(u32::from_le_bytes(call.read_memory(address, 4)?.try_into().ok()?))
}

/// The main thread begins as one, too.
pub(super) fn emscripten_main_thread(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let thread = args.first().copied().unwrap_or(0) as i32;
    let ThreadExports { init, storage, .. } = thread_exports(call, state);
    for (name, given) in [(init, &[thread, 1, 1, 1, 65_536, 0][..]), (storage, &[])] {
        let Some(name) = name else { continue };
        let Some((params, _)) = call.function_type(&name) else { continue };
        let given: Vec<_> = given.iter().take(params.len()).map(|&value| Value::I32(value)).collect();
        // What it does not do others find out.
        _ = call.invoke(&name, &given);
    }
    lock(state).world.is_inner = true;
    Ok(())
}
