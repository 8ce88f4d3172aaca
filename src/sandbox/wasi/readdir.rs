//! Listing a directory.

use super::limits::LISTING;
use super::{
    Errno,
    descriptor::right,
    stat::{DIRECTORY, inode_number, type_of},
};
use crate::sandbox::{context::CallContext, fs::Kind};

/// Appends an entry as preview1 lays it out.
fn list(listing: &mut Vec<u8>, cookie: u64, name: &str, ino: u64, file_type: u8) {
    listing.extend_from_slice(&cookie.to_le_bytes());
    listing.extend_from_slice(&ino.to_le_bytes());
    listing.extend_from_slice(&(name.len() as u32).to_le_bytes());
    listing.extend_from_slice(&[file_type, 0, 0, 0]);
    listing.extend_from_slice(name.as_bytes());
}

/// Writes as many entries as fit, the last one cut off: a caller sees by a full buffer that there is more.
/// `.` and `..` come first. The cookie of a name is its position in the order in which names came, which
/// stays the same when others go.
pub(super) fn fd_readdir(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let dir = ctx.state.wasi.dir(ctx.u32(0), right::FD_READDIR)?;
    let room = (ctx.u32(2) as usize).min(LISTING);
    let fs = &ctx.state.wasi.fs;
    let Kind::Dir(names) = &fs.get(dir).kind else { return Err(Errno::NOTDIR) };
    let here = [(1, ".", inode_number(dir), DIRECTORY), (2, "..", inode_number(dir), DIRECTORY)];
    let from = ctx.u64(3);
    let names = names
        .after(from.saturating_sub(2))
        .map(|(position, name, ino)| (position + 2, name, inode_number(ino), type_of(&fs.get(ino).kind)));
    let mut listing = Vec::new();
    for (cookie, name, ino, file_type) in here.into_iter().filter(|&(cookie, ..)| cookie > from).chain(names)
    {
        if listing.len() >= room {
            break;
        }
        list(&mut listing, cookie, name, ino, file_type);
    }
    listing.truncate(room);
    ctx.store(ctx.u32(1), &listing)?;
    ctx.store_u32(ctx.u32(4), listing.len() as u32)
}
