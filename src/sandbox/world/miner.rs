//! Callbacks of miners: they ask their page for work, or do not begin.

use super::{Entry, emscripten::nothing, made};
use crate::sandbox::context::{CallContext, CallEnd};

pub(super) const TABLE: &[Entry] = &[
    made("*get_blob*", "blob:job", blob),
    made("*get_job*", "job:job", blob),
    made("*getJob*", "job:job", blob),
    made("*getWork*", "job:job", blob),
    made("*get_work*", "job:job", blob),
    made("oaes_get_seed", "", seed),
    made("*share_found*", "", nothing),
];

/// Bytes of a job.
pub(in crate::sandbox) const BLOB: usize = 76;

/// A block header as pools hand it out: versions, a time, the hash before, a nonce of zeros, a root. Nothing
/// in it is of a real block.
pub(in crate::sandbox) fn job() -> [u8; BLOB] {
    let mut blob = [0; BLOB];
    blob[..7].copy_from_slice(&[7, 7, 0xf7, 0xa4, 0xf0, 0xd6, 5]);
    let mut word = 0x1234_5678u32;
    for byte in blob.iter_mut().skip(7) {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (word >> 24) as u8;
    }
    blob[39..43].fill(0);
    blob
}

/// Writes a job where the argument points, and answers its length.
fn blob(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let written = ctx.write(ctx.u32(0), &job());
    ctx.give(if written.is_some() { BLOB as i64 } else { 0 });
    Ok(())
}

fn seed(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let seed = ctx.state.random.next() >> 33;
    ctx.give(seed as i64);
    Ok(())
}
