//! Imports whose names say nothing: type, use and the arguments of each call must.

use super::{
    Does, Entry, FunctionRole,
    emscripten::{self, nothing},
    time,
};
use crate::{
    sandbox::context::{CallContext, CallEnd},
    tracer::{FunctionImport, Type},
};

/// What an import may be that has no telling name. A name of a letter or two was minified: then the type
/// alone is reason enough to try.
pub(super) fn find(import: &FunctionImport<'_>, role: Option<FunctionRole>) -> Option<Entry> {
    use Type::{F64, I32};
    let is_minified = import.name.len() <= 2;
    let act = match (&import.params[..], &import.results[..]) {
        ([], [F64]) if is_minified => time::date,
        ([], [I32]) => match role? {
            FunctionRole::MemorySize => emscripten::total_memory,
            FunctionRole::Success => emscripten::enlarge_memory,
            FunctionRole::Address => word,
            FunctionRole::Copy => return None,
        },
        ([I32], [I32]) if is_minified || role == Some(FunctionRole::Success) => grow,
        ([I32, I32, I32], [] | [I32]) if role == Some(FunctionRole::Copy) => emscripten::copy,
        ([I32, I32, I32], [] | [I32]) if is_minified => copy,
        ([I32, I32, I32, I32], [I32]) => write,
        _ if is_minified => nothing,
        _ => return None,
    };
    Some(Entry { name: "?", params: "", does: Does::Act(act), is_made_up: true })
}

/// The address of a word that is nobody's.
fn word(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.give(ERRNO);
    Ok(())
}

/// A word below the data of a sample, as toolchains place them.
const ERRNO: i64 = 560;

/// Asks for a size beyond that of memory: it wants the memory to grow.
fn grow(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let wanted = u64::from(ctx.u32(0));
    if wanted > ctx.call.memory_len() && ctx.call.grow_memory(wanted) {
        ctx.give(1);
    }
    Ok(())
}

/// Two places in memory and a length worth a call to the host: a copy.
fn copy(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (to, from, len) = (ctx.u64(0), ctx.u64(1), ctx.u64(2));
    // Toolchains leave copies from 512 bytes on to the host.
    if len >= 512 && to >= 1024 && from >= 1024 && ctx.call.copy_within(to, from, len).is_some() {
        ctx.give(to as i64);
    }
    Ok(())
}

/// An output stream, vectors that are there, and a place for the count: `fd_write`.
fn write(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let (fd, vectors, count, written) = (ctx.u32(0), ctx.u32(1), ctx.u32(2), ctx.u32(3));
    if matches!(fd, 1 | 2)
        && (1..=1024).contains(&count)
        && let Ok(bytes) = ctx.gather(vectors, count)
        && ctx.write_u32(written, bytes.len() as u32).is_some()
    {
        _ = ctx.state.write(fd, &bytes);
    }
    Ok(())
}
