//! Processes and randomness. `proc_exit` ends the program and stands in `world`.

use super::{Errno, memory::TRANSFER};
use crate::sandbox::cx::Cx;

pub(super) fn proc_raise(_: &mut Cx<'_, '_>) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

pub(super) fn sched_yield(_: &mut Cx<'_, '_>) -> Result<(), Errno> {
    Ok(())
}

pub(super) fn random_get(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let (mut address, mut left) = (cx.u32(0), u64::from(cx.u32(1)));
    cx.read(address, left).ok_or(Errno::FAULT)?;
    if left > TRANSFER {
        return Err(Errno::INVAL);
    }
    let mut chunk = [0; 4096];
    while left > 0 {
        let len = left.min(chunk.len() as u64) as usize;
        cx.state.random.fill(&mut chunk[..len]);
        cx.store(address, &chunk[..len])?;
        left -= len as u64;
        address = address.wrapping_add(len as u32);
    }
    Ok(())
}
