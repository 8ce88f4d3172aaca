//! Programs, forks and threads, as WASIX and wasi-threads have them.
//!
//! There is one instance and one execution at a time. A thread runs at once and to its end, nested in the
//! call that begins it: whoever waits for it finds it done. A program that is started ends the one that calls
//! (`exec`) or is said to run (`spawn`); nothing of it exists here. A fork goes on as the child the first
//! time, which is where the work of most programs is, and as the parent after that.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Entry, made, real_nest};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::State,
        wasi::Errno,
    },
    tracer::{Caller, Value},
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
];

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

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the number of the thread, or a negative one.
fn wasi_thread(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let thread = run_thread(call, state, args)?;
    // Of another type it stays zero.
    _ = call.set_result(0, Value::I32(thread.map_or(-1, |thread| thread as i32)));
    Ok(())
}

/// Writes the number of the thread, and gives an error number.
fn wasix_thread(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let thread = run_thread(call, state, args)?;
    let to = args.get(1).copied().unwrap_or(0) as u32;
    let stored = thread.and_then(|thread| call.write_memory(to.into(), &thread.to_le_bytes()));
    let errno = if thread.is_some() { errno(stored) } else { i64::from(Errno::NOTSUP.0) };
    _ = call.set_result(0, Value::I32(errno as i32));
    Ok(())
}

/// Runs a thread; `None` if the module has no beginning for one. A thread that traps ends alone: what follows
/// is worth seeing.
fn run_thread(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64]) -> Result<Option<u32>, CallEnd> {
    const START: &str = "wasi_thread_start";
    if !call.has_function(START) {
        return Ok(None);
    }
    let thread = {
        let world = &mut lock(state).world;
        world.threads = world.threads.saturating_add(1);
        world.threads
    };
    let argument = args.first().copied().unwrap_or(0) as i32;
    let ended = call.invoke(START, &[Value::I32(thread as i32), Value::I32(argument)]);
    let mut state = lock(state);
    if ended.is_err()
        && !std::mem::take(&mut state.is_unwound)
        && let Some(code) = state.exit
    {
        return Err(CallEnd::Exit(code));
    }
    Ok(Some(thread))
}
