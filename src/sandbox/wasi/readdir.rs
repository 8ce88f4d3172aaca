//! Listing a directory.

use super::{
    Errno,
    descriptor::right,
    stat::{DIRECTORY, inode_number, type_of},
};
use crate::sandbox::{cx::Cx, fs::Kind};

/// Bytes of a listing that one call gives.
const LISTING: usize = 1 << 20;

/// Writes as many entries as fit, the last one cut off: a caller sees by a full buffer that there is more. The cookie of an entry is its
/// position, `.` and `..` first.
pub(super) fn fd_readdir(cx: &mut Cx<'_, '_>) -> Result<(), Errno> {
    let dir = cx.state.wasi.fds.node(cx.u32(0), right::FD_READDIR)?;
    let room = (cx.u32(2) as usize).min(LISTING);
    let fs = &cx.state.wasi.fs;
    let Kind::Dir(names) = &fs.get(dir).kind else { return Err(Errno::NOTDIR) };
    let here = [(".", inode_number(dir), DIRECTORY), ("..", inode_number(dir), DIRECTORY)];
    let names = names.iter().map(|(name, &ino)| (name.as_str(), inode_number(ino), type_of(&fs.get(ino).kind)));
    let mut listing = Vec::new();
    let first = usize::try_from(cx.u64(3)).unwrap_or(usize::MAX);
    for (position, (name, ino, file_type)) in here.into_iter().chain(names).enumerate().skip(first) {
        if listing.len() >= room {
            break;
        }
        listing.extend_from_slice(&(position as u64 + 1).to_le_bytes());
        listing.extend_from_slice(&ino.to_le_bytes());
        listing.extend_from_slice(&(name.len() as u32).to_le_bytes());
        listing.extend_from_slice(&[file_type, 0, 0, 0]);
        listing.extend_from_slice(name.as_bytes());
    }
    listing.truncate(room);
    cx.store(cx.u32(1), &listing)?;
    cx.store_u32(cx.u32(4), listing.len() as u32)
}
