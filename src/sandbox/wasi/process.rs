//! Processes and randomness. `proc_exit` ends the program and stands in `world`.

use super::{Errno, memory::TRANSFER};
use crate::{sandbox::context::CallContext, trace::effects::Origin};

pub(super) fn proc_raise(_: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

pub(super) fn sched_yield(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    ctx.call.rest();
    Ok(())
}

pub(super) fn random_get(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let (mut address, mut left) = (ctx.u32(0), u64::from(ctx.u32(1)));
    ctx.read(address, left).ok_or(Errno::FAULT)?;
    if left > TRANSFER {
        return Err(Errno::INVAL);
    }
    let mut chunk = [0; 4096];
    while left > 0 {
        let len = left.min(chunk.len() as u64) as usize;
        let Origin { kind, name, offset } = ctx.state.random_into(&mut chunk[..len]);
        ctx.give_from(address, &chunk[..len], kind, &name, offset).ok_or(Errno::FAULT)?;
        left -= len as u64;
        address = address.wrapping_add(len as u32);
    }
    Ok(())
}
