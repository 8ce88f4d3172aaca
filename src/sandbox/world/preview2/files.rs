//! Files and directories.

use std::sync::Mutex;

use super::{
    answer, code,
    lists::{Records, give_list, place, place_records},
    resources::Resource,
    streams::give_bytes,
};
use crate::sandbox::limits::PATH_BYTES;
use crate::{
    sandbox::{
        context::{CallContext, CallEnd},
        state::{State, lock},
        wasi::{self, Errno, Facts},
        world::limits::LIST_BYTES,
    },
    tracer::Caller,
};

/// The descriptor of the file or directory that an argument is.
fn fd(ctx: &CallContext<'_, '_>, index: usize) -> Result<u32, Errno> {
    ctx.state.world.resources.fd(ctx.u32(index)).ok_or(Errno::BADF)
}

/// Where a path in arguments `at` and `at + 1` leads from the directory in argument `dir`.
fn path(ctx: &CallContext<'_, '_>, dir: usize, at: usize) -> Result<String, Errno> {
    let bytes = ctx.read(ctx.u32(at), ctx.u32(at + 1).min(PATH_BYTES).into()).ok_or(Errno::FAULT)?;
    let path = std::str::from_utf8(bytes).map_err(|_| Errno::ILSEQ)?;
    ctx.state.path_at(fd(ctx, dir)?, path)
}

/// Answers with the number of a new resource.
fn give(ctx: &mut CallContext<'_, '_>, resource: Result<Resource, Errno>) -> Result<(), CallEnd> {
    match resource {
        Ok(resource) => {
            let number = ctx.state.world.resources.add(resource);
            answer(ctx, 4, Ok(&number.to_le_bytes()))
        }
        Err(errno) => answer(ctx, 4, Err(code(errno))),
    }
}

/// Answers with success or an error, where success has nothing to it.
fn tell(ctx: &mut CallContext<'_, '_>, outcome: Result<(), Errno>) -> Result<(), CallEnd> {
    answer(ctx, 1, outcome.map(|()| &[][..]).map_err(code))
}

/// Success.
pub(super) fn nothing(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    tell(ctx, Ok(()))
}

/// The directories that are open from the start, each with its name.
pub(super) fn directories(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let found = lock(state).preopens();
    let mut records = Records::default();
    for (fd, name) in &found {
        let Some(at) = place(call, state, 1, name.as_bytes(), None) else { return Ok(()) };
        records.number(lock(state).world.resources.add(Resource::Descriptor(*fd)));
        records.text(at, name.len());
    }
    if let Some(at) = place_records(call, state, &records) {
        give_list(call, args.last().copied().unwrap_or(0), at, found.len());
    }
    Ok(())
}

/// The flags to make, of directories, to have it new and to empty it are those of preview1.
pub(super) fn open(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let opened = path(ctx, 0, 2).and_then(|path| ctx.state.open(&path, ctx.u32(4) & 15, false));
    give(ctx, opened.map(Resource::Descriptor))
}

/// A stream from an offset on, which is a descriptor of its own.
pub(super) fn stream(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let offset = ctx.u64(1) as i64;
    let opened = fd(ctx, 0).and_then(|fd| ctx.state.duplicate(fd, 0)).and_then(|fd| {
        ctx.state.seek(fd, offset, 0)?;
        Ok(fd)
    });
    give(ctx, opened.map(Resource::Stream))
}

pub(super) fn append(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let opened = fd(ctx, 0).and_then(|fd| ctx.state.duplicate(fd, 0)).and_then(|fd| {
        ctx.state.seek(fd, 0, 2)?;
        Ok(fd)
    });
    give(ctx, opened.map(Resource::Stream))
}

/// Bytes from an offset, and whether the end was reached.
pub(super) fn read(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let word = |index: usize| args.get(index).copied().unwrap_or(0);
    let bytes = {
        let mut state = lock(state);
        let fd = state.world.resources.fd(word(0) as u32).ok_or(Errno::BADF);
        let bytes = fd.and_then(|fd| state.read_from(fd, word(2), word(1).min(LIST_BYTES)));
        bytes.map(|bytes| (bytes, state.handed.clone()))
    };
    let is_end = bytes.as_ref().is_ok_and(|(bytes, _)| (bytes.len() as u64) < word(1));
    let error = bytes.as_ref().err().copied().map_or(0, code);
    lock(state).world.failed = bytes.as_ref().err().copied();
    give_bytes(call, state, word(3), bytes.ok(), error);
    _ = call.write_memory(word(3).saturating_add(12), &[is_end.into()]);
    Ok(())
}

pub(super) fn write(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let bytes = ctx.read(ctx.u32(1), ctx.u32(2).into()).map(<[u8]>::to_vec).ok_or(Errno::FAULT);
    let offset = ctx.u64(3);
    let written = bytes.and_then(|bytes| {
        ctx.state.write_to(fd(ctx, 0)?, offset, &bytes)?;
        Ok((bytes.len() as u64).to_le_bytes())
    });
    let written = written.as_ref().map(|len| &len[..]).map_err(|&errno| code(errno));
    answer(ctx, 8, written)
}

/// The number that WASI 0.2 has for what preview1 says of a file.
fn kind(preview1: u8) -> u8 {
    match preview1 {
        2 => 2,
        3 => 3,
        4 => 6,
        6 => 7,
        7 => 5,
        _ => 0,
    }
}

pub(super) fn get_type(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let facts = fd(ctx, 0).and_then(|fd| ctx.state.facts(fd));
    let kind = facts.map(|facts| [kind(facts.file_type)]);
    answer(ctx, 1, kind.as_ref().map(|kind| &kind[..]).map_err(|&errno| code(errno)))
}

/// Reading and writing, and changes of what is in a directory.
pub(super) fn get_flags(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let facts = fd(ctx, 0).and_then(|fd| ctx.state.facts(fd));
    let flags = facts.map(|facts| [if facts.file_type == 3 { 0b10_0001 } else { 0b11 }]);
    answer(ctx, 1, flags.as_ref().map(|flags| &flags[..]).map_err(|&errno| code(errno)))
}

pub(super) fn stat(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let facts = fd(ctx, 0).and_then(|fd| ctx.state.facts(fd));
    tell_facts(ctx, facts)
}

pub(super) fn stat_at(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let follow = ctx.u32(1) & 1 != 0;
    let facts = path(ctx, 0, 2).and_then(|path| ctx.state.facts_at(&path, follow));
    tell_facts(ctx, facts)
}

fn tell_facts(ctx: &mut CallContext<'_, '_>, facts: Result<Facts, Errno>) -> Result<(), CallEnd> {
    let record = facts.map(|facts| {
        let mut record = [0; 96];
        record[0] = kind(facts.file_type);
        record[8..16].copy_from_slice(&facts.links.to_le_bytes());
        record[16..24].copy_from_slice(&facts.size.to_le_bytes());
        for (slot, ns) in record[24..].chunks_exact_mut(24).zip(facts.times) {
            slot[0] = 1;
            slot[8..16].copy_from_slice(&(ns / 1_000_000_000).to_le_bytes());
            slot[16..20].copy_from_slice(&((ns % 1_000_000_000) as u32).to_le_bytes());
        }
        record
    });
    answer(ctx, 8, record.as_ref().map(|record| &record[..]).map_err(|&errno| code(errno)))
}

pub(super) fn identity(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let facts = fd(ctx, 0).and_then(|fd| ctx.state.facts(fd));
    tell_identity(ctx, facts)
}

pub(super) fn identity_at(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let follow = ctx.u32(1) & 1 != 0;
    let facts = path(ctx, 0, 2).and_then(|path| ctx.state.facts_at(&path, follow));
    tell_identity(ctx, facts)
}

fn tell_identity(ctx: &mut CallContext<'_, '_>, facts: Result<Facts, Errno>) -> Result<(), CallEnd> {
    let words = facts.map(|facts| {
        let mut words = [0; 16];
        words[..8].copy_from_slice(&facts.number.to_le_bytes());
        words
    });
    answer(ctx, 8, words.as_ref().map(|words| &words[..]).map_err(|&errno| code(errno)))
}

pub(super) fn set_size(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let size = ctx.u64(1);
    let outcome = fd(ctx, 0).and_then(|fd| ctx.state.set_size(fd, size));
    tell(ctx, outcome)
}

pub(super) fn make_dir(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let outcome = path(ctx, 0, 1).and_then(|path| ctx.state.make_dir(&path));
    tell(ctx, outcome)
}

pub(super) fn remove_dir(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let outcome = path(ctx, 0, 1).and_then(|path| ctx.state.remove_dir(&path));
    tell(ctx, outcome)
}

pub(super) fn unlink(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let outcome = path(ctx, 0, 1).and_then(|path| ctx.state.unlink(&path));
    tell(ctx, outcome)
}

pub(super) fn rename(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let outcome = path(ctx, 0, 1).and_then(|from| {
        let to = path(ctx, 3, 4)?;
        ctx.state.rename(&from, &to)
    });
    tell(ctx, outcome)
}

/// Does what a function of preview1 does with these arguments.
fn preview1(ctx: &mut CallContext<'_, '_>, name: &str, args: &[u64]) -> Result<(), Errno> {
    let function = wasi::find(name).ok_or(Errno::NOSYS)?;
    let (call, state, func, name, is_unstable) = (&mut *ctx.call, &mut *ctx.state, ctx.func, ctx.name, false);
    (function.act)(&mut CallContext { call, state, args, func, name, is_unstable })
}

pub(super) fn link(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let to = ctx.state.world.resources.fd(ctx.u32(4)).ok_or(Errno::BADF);
    let outcome = fd(ctx, 0).and_then(|from| {
        let args = [from.into(), ctx.u64(1), ctx.u64(2), ctx.u64(3), to?.into(), ctx.u64(5), ctx.u64(6)];
        preview1(ctx, "path_link", &args)
    });
    tell(ctx, outcome)
}

pub(super) fn symlink(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let outcome = fd(ctx, 0).and_then(|dir| {
        let args = [ctx.u64(1), ctx.u64(2), dir.into(), ctx.u64(3), ctx.u64(4)];
        preview1(ctx, "path_symlink", &args)
    });
    tell(ctx, outcome)
}

pub(super) fn is_same(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let number = |ctx: &CallContext<'_, '_>, index: usize| {
        let fd = ctx.state.world.resources.fd(ctx.u32(index))?;
        Some(ctx.state.facts(fd).ok()?.number)
    };
    let (one, other) = (number(ctx, 0), number(ctx, 1));
    ctx.give((one.is_some() && one == other).into());
    Ok(())
}

pub(super) fn list(ctx: &mut CallContext<'_, '_>) -> Result<(), CallEnd> {
    let listing = fd(ctx, 0).and_then(|fd| {
        let dir = ctx.state.duplicate(fd, 0)?;
        Ok(Resource::Listing { dir, after: 0, until: ctx.state.last_position(dir)? })
    });
    give(ctx, listing)
}

/// The next name of a directory, if there is one.
pub(super) fn next_entry(
    call: &mut Caller<'_>,
    state: &Mutex<State>,
    args: &[u64],
    _: &str,
) -> Result<(), CallEnd> {
    let number = args.first().copied().unwrap_or(0) as u32;
    let next = {
        let mut state = lock(state);
        match state.world.resources.get(number) {
            Some(Resource::Listing { dir, after, until }) => {
                let next = state.name_after(dir, after);
                let next = next.map(|next| next.filter(|(position, ..)| *position <= until));
                if let Ok(Some((after, ..))) = next {
                    state.world.resources.set(number, Resource::Listing { dir, after, until });
                }
                next
            }
            _ => Err(Errno::BADF),
        }
    };
    let (mut result, mut name_at) = ([0; 20], None);
    match next {
        Ok(None) => {}
        Ok(Some((_, name, file_type))) => {
            let Some(at) = place(call, state, 1, name.as_bytes(), None) else { return Ok(()) };
            (result[4], result[8]) = (1, kind(file_type));
            name_at = Some((at, name.len()));
        }
        Err(errno) => {
            lock(state).world.failed = Some(errno);
            (result[0], result[4]) = (1, code(errno));
        }
    }
    let to = args.last().copied().unwrap_or(0);
    if call.write_memory(to, &result).is_some()
        && let Some((at, len)) = name_at
    {
        give_list(call, to.saturating_add(12), at, len);
    }
    Ok(())
}
