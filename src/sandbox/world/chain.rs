//! Contracts on chains: what they are called with.

use super::limits::CALL_DATA;
use super::{Entry, emscripten::nothing, made, real};
use crate::sandbox::context::{CallContext, CallEnd};

/// Bytes of made-up call data.
const DATA: u32 = 256;

pub(super) const TABLE: &[Entry] = &[
    made("getCallDataSize", "", size),
    made("eth2_blockDataSize", "", size),
    made("action_data_size", "", size),
    made("callDataCopy", "to offset len", copy),
    made("eth2_blockDataCopy", "to offset len", copy),
    made("read_action_data", "to len", |ctx| fill(ctx, ctx.u32(0), 0, ctx.u32(1))),
    made("eosio_assert", "condition message:cstr", assert),
    made("eosio_assert_message", "condition message:str len", assert),
    real("current_time", "", |ctx| {
        let us = ctx.state.clock.real_ns() / 1000;
        ctx.give(us as i64);
        Ok(())
    }),
    made("prints", "text:cstr", nothing),
    made("prints_l", "text:str len", nothing),
    made("finish", "data:in len", |_| Err(CallEnd::Exit(0))),
    made("revert", "data:in len", |_| Err(CallEnd::Abort("reverted".into()))),
];

fn size(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    ctx.give(DATA.into());
    Ok(())
}

fn copy(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    fill(ctx, ctx.u32(0), ctx.u32(1), ctx.u32(2))
}

/// Writes the data from `offset` on: bytes that count.
fn fill(ctx: &mut CallContext<'_, '_>, to: u32, offset: u32, len: u32) -> Result<(), CallEnd> {
    let bytes: Vec<u8> = (0..len.min(CALL_DATA)).map(|index| offset.wrapping_add(index) as u8).collect();
    _ = ctx.write(to, &bytes);
    ctx.give(bytes.len() as i64);
    Ok(())
}

fn assert(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    match ctx.u32(0) {
        0 => {
            Err(CallEnd::Abort(format!("assertion failed: {}", ctx.c_string(ctx.u32(1)).unwrap_or_default())))
        }
        _ => Ok(()),
    }
}
