//! Minified imports (`a.b`): the name says nothing, so the type and the arguments of each call must.

use super::{Does, Entry, emscripten::nothing, time};
use crate::{
    sandbox::cx::{Cx, End},
    tracer::{FunctionImport, Type},
};

/// What an import with a name of a letter or two may be.
pub(super) fn find(import: &FunctionImport<'_>) -> Option<Entry> {
    if import.name.len() > 2 {
        return None;
    }
    use Type::{F64, I32};
    let act = match (&import.params[..], &import.results[..]) {
        ([], [F64]) => time::date,
        ([I32], [I32]) => grow,
        ([I32, I32, I32], [] | [I32]) => copy,
        ([I32, I32, I32, I32], [I32]) => write,
        _ => nothing,
    };
    Some(Entry { name: "?", params: "", does: Does::Act(act), is_made_up: true })
}

/// Asks for a size beyond that of memory: it wants the memory to grow.
fn grow(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let wanted = u64::from(cx.u32(0));
    if wanted > cx.call.memory_len() && cx.call.grow_memory(wanted) {
        cx.give(1);
    }
    Ok(())
}

/// Two places in memory and a length worth a call to the host: a copy.
fn copy(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let (to, from, len) = (cx.u64(0), cx.u64(1), cx.u64(2));
    // Toolchains leave copies from 512 bytes on to the host.
    if len >= 512 && to >= 1024 && from >= 1024 && cx.call.copy_within(to, from, len).is_some() {
        cx.give(to as i64);
    }
    Ok(())
}

/// An output stream, vectors that are there, and a place for the count: `fd_write`.
fn write(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    let (fd, vectors, count, written) = (cx.u32(0), cx.u32(1), cx.u32(2), cx.u32(3));
    if matches!(fd, 1 | 2)
        && (1..=1024).contains(&count)
        && let Ok(bytes) = cx.gather(vectors, count)
        && cx.write_u32(written, bytes.len() as u32).is_some()
    {
        _ = cx.state.write(fd, &bytes);
    }
    Ok(())
}
