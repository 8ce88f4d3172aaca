//! Contracts on chains: what they are called with.

use super::{Entry, emscripten::nothing, made, real};
use crate::sandbox::cx::{Cx, End};

/// Bytes of made-up call data.
const DATA: u32 = 256;

pub(super) const TABLE: &[Entry] = &[
    made("getCallDataSize", "", size),
    made("eth2_blockDataSize", "", size),
    made("action_data_size", "", size),
    made("callDataCopy", "to offset len", copy),
    made("eth2_blockDataCopy", "to offset len", copy),
    made("read_action_data", "to len", |cx| fill(cx, cx.u32(0), 0, cx.u32(1))),
    made("eosio_assert", "condition message:cstr", assert),
    made("eosio_assert_message", "condition message:str len", assert),
    real("current_time", "", |cx| {
        let us = cx.state.clock.real_ns() / 1000;
        cx.give(us as i64);
        Ok(())
    }),
    made("prints", "text:cstr", nothing),
    made("prints_l", "text:str len", nothing),
    made("finish", "data:in len", |_| Err(End::Exit(0))),
    made("revert", "data:in len", |_| Err(End::Abort("reverted".into()))),
];

fn size(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    cx.give(DATA.into());
    Ok(())
}

fn copy(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    fill(cx, cx.u32(0), cx.u32(1), cx.u32(2))
}

/// Writes the data from `offset` on: bytes that count.
fn fill(cx: &mut Cx<'_, '_>, to: u32, offset: u32, len: u32) -> Result<(), End> {
    let bytes: Vec<u8> = (0..len.min(1 << 16)).map(|index| offset.wrapping_add(index) as u8).collect();
    _ = cx.write(to, &bytes);
    cx.give(bytes.len() as i64);
    Ok(())
}

fn assert(cx: &mut Cx<'_, '_>) -> Result<(), End> {
    match cx.u32(0) {
        0 => Err(End::Abort(format!("assertion failed: {}", cx.c_string(cx.u32(1)).unwrap_or_default()))),
        _ => Ok(()),
    }
}
