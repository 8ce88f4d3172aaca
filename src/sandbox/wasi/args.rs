//! Arguments and environment.

use super::{Errno, limits::UNREAD};
use crate::{
    sandbox::{context::CallContext, tokens::Source},
    trace::effects::{EMPTY_ENVIRONMENT, Given},
};

pub(super) fn args_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let strings = ctx.state.wasi.args.clone();
    get(ctx, &strings, Given::Argument)?;
    ctx.state.hand_out(Source::Arguments, 0..u64::MAX, "arguments");
    Ok(())
}

pub(super) fn args_sizes_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let sizes = sizes(&ctx.state.wasi.args);
    sizes_get(ctx, sizes)
}

pub(super) fn environ_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let strings = ctx.state.wasi.env.clone();
    get(ctx, &strings, Given::Environment)?;
    if strings.is_empty() {
        // An empty one says something, too. Where there is no room for a mark, the call does well all the
        // same.
        _ = ctx.mark(ctx.u32(1), UNREAD, Given::Environment, EMPTY_ENVIRONMENT);
    }
    ctx.state.hand_out(Source::Environment, 0..u64::MAX, "environment");
    Ok(())
}

pub(super) fn environ_sizes_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let sizes = sizes(&ctx.state.wasi.env);
    sizes_get(ctx, sizes)
}

/// Number of strings, and their bytes with a zero after each.
fn sizes(strings: &[Vec<u8>]) -> (u32, u32) {
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    (strings.len() as u32, bytes as u32)
}

fn sizes_get(ctx: &mut CallContext<'_, '_>, (count, bytes): (u32, u32)) -> Result<(), Errno> {
    ctx.store_u32(ctx.u32(0), count)?;
    ctx.store_u32(ctx.u32(1), bytes)
}

/// Writes a pointer for each string, and the strings.
fn get(ctx: &mut CallContext<'_, '_>, strings: &[Vec<u8>], kind: Given) -> Result<(), Errno> {
    let (mut pointer, mut target) = (ctx.u32(0), ctx.u32(1));
    for (number, string) in strings.iter().enumerate() {
        ctx.store_u32(pointer, target)?;
        // A variable is known by its name, an argument by its number.
        let name = match kind {
            Given::Environment => {
                String::from_utf8_lossy(string.split(|&byte| byte == b'=').next().unwrap_or(string))
            }
            _ => number.to_string().into(),
        };
        ctx.give_from(target, string, kind, &name, 0).ok_or(Errno::FAULT)?;
        let end = target.checked_add(string.len() as u32).ok_or(Errno::FAULT)?;
        ctx.store(end, &[0])?;
        pointer = pointer.checked_add(4).ok_or(Errno::FAULT)?;
        target = end.checked_add(1).ok_or(Errno::FAULT)?;
    }
    Ok(())
}
