//! Imports whose names say nothing: type, use and the arguments of each call must.

use super::{
    Does, Entry, FunctionRole, call,
    emscripten::{self, nothing},
    process, time,
};
use crate::{
    sandbox::{
        context::{Act, CallContext, CallEnd},
        wasi::Errno,
    },
    tracer::{FunctionImport, Type},
};

/// What an import may be that has no telling name. A name of a letter or two was minified: then the type
/// alone is reason enough to try.
pub(super) fn find(import: &FunctionImport<'_>, role: Option<FunctionRole>) -> Option<Entry> {
    use FunctionRole::{Address, Copy, Invoke, Last, MainThread, MemorySize, Spawn, Success};
    use Type::{F64, I32};
    let is_minified = import.name.len() <= 2;
    let (act, taken_for): (Act, _) = match (&import.params[..], &import.results[..]) {
        ([I32, ..], _) if role == Some(Invoke) => {
            return Some(taken(Does::Nest(call::invoke_fitting), "invoke_*"));
        }
        ([I32], []) if role == Some(MainThread) => {
            let does = Does::Nest(process::emscripten_main_thread);
            return Some(taken(does, "__emscripten_init_main_thread_js"));
        }
        ([I32, I32, I32, I32], [I32]) if role == Some(Spawn) => {
            let does = Does::Either(process::thread_fitting, write);
            return Some(Entry { params: "", ..taken(does, "fd_write") });
        }
        ([I32, I32, I32], []) if role == Some(Last) => (call::throw_inner, "__cxa_throw"),
        ([I32], []) if role == Some(Last) => (call::resume, "__resumeException"),
        ([], []) if role == Some(Last) => (call::long_jump, "_emscripten_throw_longjmp"),
        ([], [F64]) if is_minified => (time::date, "emscripten_date_now"),
        ([], [I32]) => match role? {
            MemorySize => (emscripten::total_memory, "emscripten_get_heap_size"),
            Success => (emscripten::enlarge_memory, "enlargeMemory"),
            Address => (word, "___errno_location"),
            Copy | Invoke | Last | Spawn | MainThread => return None,
        },
        ([I32], [I32]) if is_minified || role == Some(Success) => (grow, "emscripten_resize_heap"),
        ([I32, I32, I32], [] | [I32]) if role == Some(Copy) => (emscripten::copy, "emscripten_memcpy_js"),
        ([I32, I32, I32], [] | [I32]) if is_minified => (copy, "emscripten_memcpy_js"),
        ([I32, I32, I32, I32], [I32]) => (write, "fd_write"),
        _ if is_minified => return Some(Entry { taken_for: None, ..taken(Does::Act(nothing), "?") }),
        _ => return None,
    };
    Some(taken(Does::Act(act), taken_for))
}

fn taken(does: Does, taken_for: &'static str) -> Entry {
    Entry { name: "?", params: "", does, is_made_up: true, taken_for: Some(taken_for) }
}

/// The address of a word that is nobody's.
fn word(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.give(ERRNO);
    ctx.is_inner();
    Ok(())
}

/// A word below the data of a sample, as toolchains place them.
const ERRNO: i64 = 560;

/// Asks for a size beyond that of memory: it wants the memory to grow.
fn grow(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let wanted = u64::from(ctx.u32(0));
    if wanted > ctx.call.memory_len() && ctx.call.grow_memory(wanted) {
        ctx.give(1);
        ctx.is_inner();
    }
    Ok(())
}

/// Two places in memory and a length worth a call to the host: a copy.
fn copy(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (to, from, len) = (ctx.u64(0), ctx.u64(1), ctx.u64(2));
    // Toolchains leave copies from 512 bytes on to the host.
    if len >= 512 && to >= 1024 && from >= 1024 && ctx.call.copy_within(to, from, len).is_some() {
        ctx.give(to as i64);
        ctx.is_inner();
    }
    Ok(())
}

/// An output stream, vectors that are there, and a place for the count: `fd_write`. Once it was that, it
/// fails as that. Otherwise a stream that is not open would be tried for ever.
fn write(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (fd, vectors, count, written) = (ctx.u32(0), ctx.u32(1), ctx.u32(2), ctx.u32(3));
    if matches!(fd, 1 | 2)
        && (1..=1024).contains(&count)
        && let Ok(bytes) = ctx.gather(vectors, count)
        && ctx.write_u32(written, bytes.len() as u32).is_some()
    {
        _ = ctx.state.write(fd, &bytes);
        ctx.is_inner();
    } else if ctx.state.world.taken.contains_key(&ctx.func) {
        let errno = if matches!(fd, 1 | 2) { Errno::INVAL } else { Errno::BADF };
        ctx.give(errno.0.into());
        ctx.is_inner();
    }
    Ok(())
}
