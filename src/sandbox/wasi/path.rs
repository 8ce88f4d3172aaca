//! Opening, making, moving and removing by path.

use super::limits::LINK_TARGET;
use super::{
    Errno,
    descriptor::{Descriptor, Target, right},
};
use crate::sandbox::{
    context::CallContext,
    fs::{Dir, Fs, Ino, Kind, Place, ROOT},
    state::State,
};

/// `oflags`.
const CREAT: u32 = 1;
const DIRECTORY: u32 = 2;
const EXCL: u32 = 4;
const TRUNC: u32 = 8;

/// Where the path in arguments `at` and `at + 1` leads from descriptor `fd`.
fn place(ctx: &CallContext<'_, '_>, fd: usize, rights: u64, at: usize, follow: bool) -> Result<Place, Errno> {
    let dir = ctx.state.wasi.dir(ctx.u32(fd), rights)?;
    let path = ctx.path(ctx.u32(at), ctx.u32(at + 1))?;
    Ok(ctx.state.wasi.fs.resolve(dir, &path, follow)?)
}

/// From here on things change: they do so now.
fn set_now(ctx: &mut CallContext<'_, '_>) {
    ctx.state.wasi.fs.now_ns = ctx.state.clock.real_ns();
}

/// The rights that opening takes.
fn rights_to_open(oflags: u32) -> u64 {
    let mut needed = right::PATH_OPEN;
    needed |= if oflags & CREAT != 0 { right::PATH_CREATE_FILE } else { 0 };
    needed |= if oflags & TRUNC != 0 { right::PATH_FILESTAT_SET_SIZE } else { 0 };
    needed
}

pub(super) fn path_open(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let (oflags, flags) = (ctx.u32(4), ctx.u32(7));
    if oflags > 15 || flags > 31 {
        return Err(Errno::INVAL);
    }
    set_now(ctx);
    ctx.check(ctx.u32(8), 4)?;
    ctx.state.wasi.fds.has_room()?;
    // What must be made is not what a link leads to.
    let follow = ctx.u32(1) & 1 != 0 && oflags & (CREAT | EXCL) != CREAT | EXCL;
    let place = place(ctx, 0, rights_to_open(oflags), 2, follow)?;
    let base = ctx.state.wasi.fds.get(ctx.u32(0))?;
    let (rights, inheriting) = (ctx.u64(5), ctx.u64(6));
    if rights & !base.inheriting & (right::FILE | right::DIR) != 0 {
        return Err(Errno::NOTCAPABLE);
    }
    let (rights, inheriting) = (rights & base.inheriting, inheriting & base.inheriting);
    let ino = open(&mut ctx.state.wasi.fs, &place, oflags, rights)?;
    let allowed = if ctx.state.wasi.fs.is_dir(ino) { right::DIR } else { right::FILE };
    let descriptor = Descriptor::new(Target::Node(ino), rights & allowed, inheriting, flags as u16);
    let fd = ctx.state.wasi.fds.open(descriptor)?;
    ctx.state.note_open(ino);
    ctx.store_u32(ctx.u32(8), fd)
}

/// The inode to open, made or emptied as `oflags` say.
fn open(fs: &mut Fs, place: &Place, oflags: u32, rights: u64) -> Result<Ino, Errno> {
    let Some(ino) = place.ino else {
        return match (oflags & CREAT != 0, place.is_dir_wanted || oflags & DIRECTORY != 0) {
            (false, _) => Err(Errno::NOENT),
            (true, true) => Err(Errno::INVAL),
            (true, false) => Ok(fs.insert(place.dir, &place.name, Kind::File(Vec::new()))?),
        };
    };
    if oflags & CREAT != 0 && oflags & EXCL != 0 {
        return Err(Errno::EXIST);
    }
    match &fs.get(ino).kind {
        Kind::Link(_) => Err(Errno::LOOP),
        Kind::File(_) if oflags & DIRECTORY != 0 => Err(Errno::NOTDIR),
        Kind::Dir(_) if oflags & (CREAT | TRUNC) != 0 || rights & right::FD_WRITE != 0 => Err(Errno::ISDIR),
        Kind::File(_) if oflags & TRUNC != 0 => Ok(fs.resize(ino, 0).map(|()| ino)?),
        _ => Ok(ino),
    }
}

pub(super) fn path_create_directory(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    set_now(ctx);
    let place = place(ctx, 0, right::PATH_CREATE_DIRECTORY, 1, false)?;
    make_dir(&mut ctx.state.wasi.fs, &place)
}

fn make_dir(fs: &mut Fs, place: &Place) -> Result<(), Errno> {
    if place.ino.is_some() {
        return Err(Errno::EXIST);
    }
    fs.insert(place.dir, &place.name, Kind::Dir(Dir::default()))?;
    Ok(())
}

pub(super) fn path_remove_directory(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    set_now(ctx);
    let place = place(ctx, 0, right::PATH_REMOVE_DIRECTORY, 1, false)?;
    ctx.state.remove_place(&place)
}

pub(super) fn path_unlink_file(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    set_now(ctx);
    let place = place(ctx, 0, right::PATH_UNLINK_FILE, 1, false)?;
    ctx.state.unlink_place(&place)
}

/// Returns whose name is deleted.
fn unlink(fs: &mut Fs, place: &Place) -> Result<Ino, Errno> {
    let ino = place.ino.ok_or(Errno::NOENT)?;
    if fs.is_dir(ino) {
        return Err(Errno::ISDIR);
    }
    if place.is_dir_wanted {
        return Err(Errno::NOTDIR);
    }
    fs.detach(place.dir, &place.name);
    fs.unlinked(ino);
    Ok(ino)
}

pub(super) fn path_rename(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    set_now(ctx);
    let from = place(ctx, 0, right::PATH_RENAME_SOURCE, 1, false)?;
    let to = place(ctx, 3, right::PATH_RENAME_TARGET, 4, false)?;
    ctx.state.rename_place(&from, &to)
}

/// Whether a directory, or something else, can take the place of what has the new name.
fn may_replace(fs: &Fs, is_dir: bool, replaced: Ino) -> Result<(), Errno> {
    match (is_dir, fs.is_dir(replaced)) {
        (true, false) => Err(Errno::NOTDIR),
        (false, true) => Err(Errno::ISDIR),
        (true, true) if fs.len(replaced) > 0 => Err(Errno::NOTEMPTY),
        _ => Ok(()),
    }
}

/// Returns what had the new name, if that is deleted now.
fn rename(fs: &mut Fs, from: &Place, to: &Place) -> Result<Option<Ino>, Errno> {
    let ino = from.ino.ok_or(Errno::NOENT)?;
    if from.name == "." || to.name == "." {
        return Err(Errno::BUSY);
    }
    let is_dir = fs.is_dir(ino);
    if to.is_dir_wanted && !is_dir {
        return Err(Errno::NOTDIR);
    }
    if to.ino == Some(ino) {
        return Ok(None);
    }
    if is_dir && fs.holds(ino, to.dir) {
        return Err(Errno::INVAL);
    }
    if let Some(replaced) = to.ino {
        may_replace(fs, is_dir, replaced)?;
    }
    fs.relocate(ino, from, to)?;
    if let Some(replaced) = to.ino {
        fs.unlinked(replaced);
    }
    Ok(to.ino)
}

pub(super) fn path_link(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    set_now(ctx);
    if ctx.u32(1) & 1 != 0 {
        return Err(Errno::INVAL);
    }
    let from = place(ctx, 0, right::PATH_LINK_SOURCE, 2, false)?;
    let to = place(ctx, 4, right::PATH_LINK_TARGET, 5, false)?;
    let fs = &mut ctx.state.wasi.fs;
    let ino = from.ino.ok_or(Errno::NOENT)?;
    if fs.is_dir(ino) {
        return Err(Errno::PERM);
    }
    if to.ino.is_some() {
        return Err(Errno::EXIST);
    }
    if to.is_dir_wanted {
        return Err(Errno::NOENT);
    }
    fs.attach(to.dir, &to.name, ino)?;
    fs.linked(ino);
    Ok(())
}

pub(super) fn path_symlink(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    set_now(ctx);
    let target = ctx.path(ctx.u32(0), ctx.u32(1))?;
    if target.len() > LINK_TARGET {
        return Err(Errno::NAMETOOLONG);
    }
    if target.contains('\0') {
        return Err(Errno::INVAL);
    }
    if target.is_empty() {
        return Err(Errno::NOENT);
    }
    if target.starts_with('/') {
        return Err(Errno::NOTCAPABLE);
    }
    let to = place(ctx, 2, right::PATH_SYMLINK, 3, false)?;
    if to.ino.is_some() {
        return Err(Errno::EXIST);
    }
    if to.is_dir_wanted {
        return Err(Errno::NOENT);
    }
    ctx.state.wasi.fs.insert(to.dir, &to.name, Kind::Link(target))?;
    Ok(())
}

pub(super) fn path_readlink(ctx: &mut CallContext<'_, '_>) -> Result<(), Errno> {
    let place = place(ctx, 0, right::PATH_READLINK, 1, false)?;
    let ino = place.ino.ok_or(Errno::NOENT)?;
    let Kind::Link(target) = &ctx.state.wasi.fs.get(ino).kind else { return Err(Errno::INVAL) };
    let room = ctx.u32(4) as usize;
    let bytes = target.as_bytes()[..target.len().min(room)].to_vec();
    ctx.store(ctx.u32(3), &bytes)?;
    ctx.store_u32(ctx.u32(5), bytes.len() as u32)
}

/// A path from the top directory as one below it.
pub(super) fn below_top(path: &str) -> &str {
    let below = path.trim_start_matches('/');
    if below.is_empty() && !path.is_empty() { "." } else { below }
}

/// What other worlds do with the same files, by paths from the top directory.
impl State {
    /// Opens a file, made if it is not there or emptied as `oflags` say.
    pub(in crate::sandbox) fn open(
        &mut self,
        path: &str,
        oflags: u32,
        is_appending: bool,
    ) -> Result<u32, Errno> {
        let wasi = &mut self.wasi;
        wasi.fs.now_ns = self.clock.real_ns();
        wasi.fds.has_room()?;
        let place = wasi.fs.resolve(ROOT, below_top(path), true)?;
        let ino = open(&mut wasi.fs, &place, oflags, 0)?;
        // Others begin a listing anew by moving to its start.
        let allowed = if wasi.fs.is_dir(ino) { right::DIR | right::FD_SEEK } else { right::FILE };
        let fd = wasi.fds.open(Descriptor::new(
            Target::Node(ino),
            allowed,
            right::FILE | right::DIR,
            is_appending.into(),
        ))?;
        self.note_open(ino);
        Ok(fd)
    }

    /// Notes who opens bait.
    fn note_open(&mut self, ino: Ino) {
        let call = self.log.last();
        self.tokens.opened(ino, self.wasi.fs.path_of(ino), call);
    }

    /// The path from the top directory of what `path` leads to from an open directory, which it must not
    /// leave.
    pub(in crate::sandbox) fn path_at(&self, dir: u32, path: &str) -> Result<String, Errno> {
        let ino = self.wasi.dir(dir, 0)?;
        let fs = &self.wasi.fs;
        fs.resolve(ino, path, false)?;
        Ok(format!("{}/{path}", fs.path_of(ino)))
    }

    /// Makes a directory.
    pub(in crate::sandbox) fn make_dir(&mut self, path: &str) -> Result<(), Errno> {
        let fs = &mut self.wasi.fs;
        fs.now_ns = self.clock.real_ns();
        let place = fs.resolve(ROOT, path.trim_start_matches('/'), false)?;
        make_dir(fs, &place)
    }

    /// Removes a directory that is empty.
    pub(in crate::sandbox) fn remove_dir(&mut self, path: &str) -> Result<(), Errno> {
        self.wasi.fs.now_ns = self.clock.real_ns();
        let place = self.wasi.fs.resolve(ROOT, path.trim_start_matches('/'), false)?;
        self.remove_place(&place)
    }

    fn remove_place(&mut self, place: &Place) -> Result<(), Errno> {
        let fs = &mut self.wasi.fs;
        let ino = place.ino.ok_or(Errno::NOENT)?;
        if place.name == "." {
            return Err(Errno::INVAL);
        }
        if !fs.is_dir(ino) {
            return Err(Errno::NOTDIR);
        }
        if fs.len(ino) > 0 {
            return Err(Errno::NOTEMPTY);
        }
        fs.detach(place.dir, &place.name);
        fs.unlinked(ino);
        self.release(ino);
        Ok(())
    }

    fn unlink_place(&mut self, place: &Place) -> Result<(), Errno> {
        let deleted = unlink(&mut self.wasi.fs, place)?;
        self.release(deleted);
        Ok(())
    }

    fn rename_place(&mut self, from: &Place, to: &Place) -> Result<(), Errno> {
        if let Some(replaced) = rename(&mut self.wasi.fs, from, to)? {
            self.release(replaced);
        }
        Ok(())
    }

    /// Takes the name of a file away.
    pub(in crate::sandbox) fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        self.wasi.fs.now_ns = self.clock.real_ns();
        let place = self.wasi.fs.resolve(ROOT, path.trim_start_matches('/'), false)?;
        self.unlink_place(&place)
    }

    /// Gives a file or directory another name.
    pub(in crate::sandbox) fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        let fs = &mut self.wasi.fs;
        fs.now_ns = self.clock.real_ns();
        let from = fs.resolve(ROOT, from.trim_start_matches('/'), false)?;
        let to = fs.resolve(ROOT, to.trim_start_matches('/'), false)?;
        self.rename_place(&from, &to)
    }
}
