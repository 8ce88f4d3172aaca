//! Functions that call back into the sample: `invoke_*` with exceptions and `longjmp`, main loops, timers,
//! allocation of exceptions.

use std::sync::Mutex;

use super::limits::{EXCEPTION_BYTES, LOOP_ROUNDS};
use super::{Entry, Flag, made, nest};
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::{State, lock},
    },
    tracer::{Caller, Type, Value},
};

pub(super) const TABLE: &[Entry] = &[
    nest("invoke_*", "function", invoke),
    nest("emscripten_set_main_loop", "function rate endless", main_loop),
    nest("emscripten_set_main_loop_arg", "function arg rate endless", main_loop_arg),
    nest("emscripten_async_call", "function arg ms", async_call),
    nest("cxa_allocate_exception", "size", allocate),
    made("cxa_throw", "exception type destructor", throw),
    made("cxa_rethrow", "", throw),
    made("resumeException", "exception", throw),
    made("longjmp", "buffer value", throw),
    made("emscripten_longjmp", "buffer value", throw),
    made("emscripten_throw_longjmp", "", throw),
    made("cxa_begin_catch", "exception", same),
    made("cxa_get_exception_ptr", "exception", same),
    made("saveSetjmp", "env label table size", |ctx| {
        let table = ctx.u32(2);
        ctx.give(table.into());
        Ok(())
    }),
];

fn throw(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.is_inner();
    Err(CallEnd::Throw(format!("{} was not caught", ctx.name.trim_start_matches('_'))))
}

/// As [`throw`], of one without a telling name, in a sample that catches.
pub(super) fn throw_inner(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    match ctx.state.world.catching.flag {
        Some(_) => throw(ctx),
        None => Ok(()),
    }
}

/// Goes on with what was thrown, if something was; else it may end the program.
pub(super) fn resume(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    match ctx.state.world.catching.has_told {
        true => throw(ctx),
        false => Ok(()),
    }
}

/// Jumps back, if the sample has said so itself; else it aborts.
pub(super) fn long_jump(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    match ctx.state.world.catching.flag {
        Some(Flag::Word(address)) if ctx.read_u32(address).is_some_and(|threw| threw != 0) => throw(ctx),
        _ => Ok(()),
    }
}

fn same(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let value = ctx.u32(0);
    ctx.give(value.into());
    Ok(())
}

/// Calls the function with the index that is the first argument, through the module's own trampoline or its
/// table. A throw ends here: the sample is told by `setThrew`, as its JavaScript would do it.
fn invoke(call: &mut Caller<'_>, state: &Mutex<State>, _: &[u64], name: &str) -> Result<(), CallEnd> {
    let args = call.args().to_vec();
    let result = dispatch(call, name, &args);
    caught(call, state, result)
}

/// As [`invoke`], of an import without a telling name. The first argument must be the index of a function
/// that takes the others and gives what is wanted.
pub(super) fn invoke_fitting(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    _: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let args = call.args().to_vec();
    let Some((&Value::I32(index), rest)) = args.split_first() else { return Ok(()) };
    let index = u64::from(index as u32);
    let fits = call.table_type(index).is_some_and(|(params, results)| {
        let is_of = |(ty, value): (&Type, &Value)| has_type(*value, *ty);
        params.len() == rest.len() && params.iter().zip(rest).all(is_of) && results == call.result_types()
    });
    if !fits {
        return Ok(());
    }
    let result = call.invoke_indirect(index, rest).map_err(|error| error.to_string());
    caught(call, state, result)
}

fn has_type(value: Value, ty: Type) -> bool {
    matches!(
        (value, ty),
        (Value::I32(_), Type::I32)
            | (Value::I64(_), Type::I64)
            | (Value::F32(_), Type::F32)
            | (Value::F64(_), Type::F64)
            | (Value::V128(_), Type::V128)
    )
}

/// Hands over what a function gave that was called so.
fn caught(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    result: Result<Vec<Value>, String>,
) -> Result<(), CallEnd> {
    let is_thrown = std::mem::take(&mut lock(state).world.is_throwing);
    let end = match result {
        Ok(results) => {
            for (index, value) in results.into_iter().enumerate() {
                // A result that does not fit stays zero.
                _ = call.set_result(index, value);
            }
            Ok(())
        }
        Err(_) if is_thrown && tell(call, state) => Ok(()),
        Err(message) if is_thrown => Err(CallEnd::Throw(message)),
        Err(message) => Err(CallEnd::Abort(message)),
    };
    lock(state).world.is_inner = true;
    end
}

/// Tells the sample that something was thrown; returns whether it could be told.
fn tell(call: &mut Caller<'_>, state: &Mutex<State>) -> bool {
    let catching = lock(state).world.catching.clone();
    lock(state).world.catching.has_told = true;
    let threw = [Value::I32(1), Value::I32(0)];
    let named = ["setThrew", "_setThrew"].into_iter().chain(catching.setter.as_deref());
    for name in named {
        if call.has_function(name) && call.invoke(name, &threw).is_ok() {
            return true;
        }
    }
    match catching.flag {
        Some(Flag::Word(address)) => call.write_memory(address.into(), &1u32.to_le_bytes()).is_some(),
        _ => false,
    }
}

fn dispatch(call: &mut Caller<'_>, name: &str, args: &[Value]) -> Result<Vec<Value>, String> {
    let Some((&Value::I32(index), rest)) = args.split_first() else {
        return Err("no function index was given".into());
    };
    let suffix = name.trim_start_matches('_').strip_prefix("invoke_").unwrap_or_default();
    let trampoline = format!("dynCall_{suffix}");
    let result = if call.has_function(&trampoline) {
        call.invoke(&trampoline, args)
    } else {
        call.invoke_indirect(u64::from(index as u32), rest)
    };
    result.map_err(|error| error.to_string())
}

/// Calls a function of type `()` or with the given arguments.
fn call_back(call: &mut Caller<'_>, index: u64, args: &[Value]) -> Result<(), CallEnd> {
    let trampoline = format!("dynCall_v{}", "i".repeat(args.len()));
    let result = if call.has_function(&trampoline) {
        let with_index: Vec<_> =
            std::iter::once(Value::I32(index as i32)).chain(args.iter().copied()).collect();
        call.invoke(&trampoline, &with_index)
    } else {
        call.invoke_indirect(index, args)
    };
    result.map(|_| ()).map_err(|error| CallEnd::Abort(error.to_string()))
}

fn main_loop(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    rounds(call, state, args.first().copied(), &[], args.get(2).copied())
}

fn main_loop_arg(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let arg = Value::I32(args.get(1).copied().unwrap_or(0) as i32);
    rounds(call, state, args.first().copied(), &[arg], args.get(3).copied())
}

/// Runs a main loop for a few rounds, a frame's time apart.
fn rounds(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    index: Option<u64>,
    args: &[Value],
    endless: Option<u64>,
) -> Result<(), CallEnd> {
    for _ in 0..LOOP_ROUNDS {
        call_back(call, index.unwrap_or(0), args)?;
        lock(state).clock.sleep(16_666_667);
    }
    match endless {
        Some(1) => Err(CallEnd::Unwind(format!("the main loop was ended after {LOOP_ROUNDS} rounds"))),
        _ => Ok(()),
    }
}

/// The time comes at once.
fn async_call(call: &mut Caller<'_>, state: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    let word = |index: usize| args.get(index).copied().unwrap_or(0);
    lock(state).clock.sleep((word(2) as u32 as i32).max(0) as u64 * 1_000_000);
    call_back(call, word(0), &[Value::I32(word(1) as i32)])
}

/// Memory for an exception, from the sample's own allocator.
fn allocate(call: &mut Caller<'_>, _: &Mutex<State>, args: &[u64], _: &str) -> Result<(), CallEnd> {
    // A header stands before the object.
    let size = args.first().copied().unwrap_or(0).min(EXCEPTION_BYTES) as i32 + 128;
    for name in ["_malloc", "malloc"] {
        if let Ok(results) = call.invoke(name, &[Value::I32(size)])
            && let Some(&Value::I32(address @ 1..)) = results.first()
            && call.result_type(0) == Some(Type::I32)
        {
            // The type was looked at just now.
            _ = call.set_result(0, Value::I32(address.wrapping_add(128)));
            return Ok(());
        }
    }
    Ok(())
}
