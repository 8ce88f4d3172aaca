//! Arguments and environment.

use super::Errno;
use crate::sandbox::{cx::Cx, tokens::Source};

pub(super) fn args_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let strings = cx.state.wasi.args.clone();
    get(cx, &strings)?;
    cx.state.hand_out(Source::Arguments, 0..u64::MAX, "arguments");
    Ok(())
}

pub(super) fn args_sizes_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let sizes = sizes(&cx.state.wasi.args);
    sizes_get(cx, sizes)
}

pub(super) fn environ_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let strings = cx.state.wasi.env.clone();
    get(cx, &strings)?;
    cx.state.hand_out(Source::Environment, 0..u64::MAX, "environment");
    Ok(())
}

pub(super) fn environ_sizes_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let sizes = sizes(&cx.state.wasi.env);
    sizes_get(cx, sizes)
}

/// Number of strings, and their bytes with a zero after each.
fn sizes(strings: &[Vec<u8>]) -> (u32, u32) {
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    (strings.len() as u32, bytes as u32)
}

fn sizes_get(cx: &mut Cx<'_, '_>, (count, bytes): (u32, u32)) -> Result<(), Errno> {
    cx.store_u32(cx.u32(0), count)?;
    cx.store_u32(cx.u32(1), bytes)
}

/// Writes a pointer for each string, and the strings.
fn get(cx: &mut Cx<'_, '_>, strings: &[Vec<u8>]) -> Result<(), Errno> {
    let (mut pointer, mut target) = (cx.u32(0), cx.u32(1));
    for string in strings {
        cx.store_u32(pointer, target)?;
        cx.store(target, string)?;
        let end = target.checked_add(string.len() as u32).ok_or(Errno::FAULT)?;
        cx.store(end, &[0])?;
        pointer = pointer.checked_add(4).ok_or(Errno::FAULT)?;
        target = end.checked_add(1).ok_or(Errno::FAULT)?;
    }
    Ok(())
}
