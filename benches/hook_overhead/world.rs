//! The world of the workloads: just enough WASI preview 1 for them, deterministic, and written without an
//! engine.
//!
//! File descriptors: 0 to 2 standard streams, 3 a preopened directory `.`, 4 the file `default.input` in it
//! (pulldown-cmark calls it `default.input.md`). What is written is
//! counted and hashed. The clock goes on by a microsecond each time it is read. Calls that no workload needs
//! fail with `ENOSYS`.
//!
//! Not here: the sandbox of the tracer (`sandbox`), which this neither uses nor tests.

const SUCCESS: u16 = 0;
const EBADF: u16 = 8;
const EFAULT: u16 = 21;
const EINVAL: u16 = 28;
const ENOENT: u16 = 44;
const ENOSYS: u16 = 52;

const PREOPENED: u64 = 3;
const INPUT: u64 = 4;
const INPUT_NAMES: [&[u8]; 2] = [b"default.input", b"default.input.md"];

const CHARACTER_DEVICE: u8 = 2;
const DIRECTORY: u8 = 3;
const REGULAR_FILE: u8 = 4;

/// How a system call ended.
pub(crate) enum Reply {
    /// It returned.
    Errno(u16),
    /// It ended the program.
    Exit(i32),
}

/// The state that system calls change.
pub(crate) struct World {
    input: &'static [u8],
    position: usize,
    clock_ns: u64,
    random: u64,
    written_bytes: u64,
    written_hash: u64,
}

impl World {
    /// Makes a world whose `default.input` holds `input`.
    pub(crate) fn new(input: &'static [u8]) -> Self {
        let (clock_ns, random) = (1_600_000_000_000_000_000, 0x2545_f491_4f6c_dd1d);
        Self { input, position: 0, clock_ns, random, written_bytes: 0, written_hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// Returns the number of bytes written and their hash.
    pub(crate) fn output(&self) -> (u64, u64) {
        (self.written_bytes, self.written_hash)
    }

    /// Answers the import `name`, called with `args` by a program whose memory this is.
    pub(crate) fn call(&mut self, name: &str, memory: &mut [u8], args: &[u64]) -> Reply {
        if let ("proc_exit", &[status]) = (name, args) {
            return Reply::Exit(status as i32);
        }
        let errno = self.system_call(name, &mut Bytes(memory), args);
        Reply::Errno(errno.err().unwrap_or(SUCCESS))
    }

    fn system_call(&mut self, name: &str, memory: &mut Bytes<'_>, args: &[u64]) -> Result<(), u16> {
        match (name, args) {
            // Of the module `bench`.
            ("start" | "end", []) => Ok(()),
            ("args_get" | "environ_get", _) | ("fd_close", _) => Ok(()),
            ("args_sizes_get" | "environ_sizes_get", &[count, len]) => {
                memory.put_u32(count, 0)?;
                memory.put_u32(len, 0)
            }
            ("clock_time_get", &[_, _, time]) => {
                self.clock_ns += 1000;
                memory.put(time, &self.clock_ns.to_le_bytes())
            }
            ("random_get", &[start, len]) => self.fill_random(memory.range(start, len)?),
            ("poll_oneoff", &[_, _, _, count]) => memory.put_u32(count, 0),
            ("fd_prestat_get", &[PREOPENED, stat]) => {
                memory.put_u32(stat, 0)?;
                memory.put_u32(stat + 4, 1)
            }
            ("fd_prestat_dir_name", &[PREOPENED, start, _]) => memory.put(start, b"."),
            ("fd_prestat_get" | "fd_prestat_dir_name", _) => Err(EBADF),
            ("fd_fdstat_get", &[fd, stat]) => Self::fdstat(memory, fd, stat),
            ("fd_filestat_get", &[fd, stat]) => self.filestat(memory, fd, stat),
            ("path_filestat_get", &[PREOPENED, _, path, len, stat]) => {
                Self::find(memory, path, len)?;
                self.filestat(memory, INPUT, stat)
            }
            ("path_open", &[PREOPENED, _, path, len, _, _, _, _, fd]) => {
                Self::find(memory, path, len)?;
                self.position = 0;
                memory.put_u32(fd, INPUT as u32)
            }
            ("fd_seek", &[INPUT, offset, whence, position]) => {
                self.seek(memory, offset.cast_signed(), whence, position)
            }
            ("fd_read", &[fd, buffers, count, len]) => self.read(memory, fd, buffers, count, len),
            ("fd_write", &[1 | 2, buffers, count, len]) => self.write(memory, buffers, count, len),
            ("fd_seek" | "fd_write" | "path_open" | "path_filestat_get", _) => Err(EBADF),
            _ => Err(ENOSYS),
        }
    }

    fn find(memory: &mut Bytes<'_>, path: u64, len: u64) -> Result<(), u16> {
        let path = memory.range(path, len)?;
        if INPUT_NAMES.contains(&path.strip_prefix(b"./").unwrap_or(path)) { Ok(()) } else { Err(ENOENT) }
    }

    fn file_type(fd: u64) -> Result<u8, u16> {
        match fd {
            0..=2 => Ok(CHARACTER_DEVICE),
            PREOPENED => Ok(DIRECTORY),
            INPUT => Ok(REGULAR_FILE),
            _ => Err(EBADF),
        }
    }

    fn fdstat(memory: &mut Bytes<'_>, fd: u64, stat: u64) -> Result<(), u16> {
        let file_type = Self::file_type(fd)?;
        // A standard stream without the rights to seek and tell is a terminal to wasi-libc.
        let rights: u64 = if file_type == CHARACTER_DEVICE { !0x24 } else { !0 };
        memory.range(stat, 24)?.fill(0);
        memory.put(stat, &[file_type])?;
        memory.put(stat + 8, &rights.to_le_bytes())?;
        memory.put(stat + 16, &rights.to_le_bytes())
    }

    fn filestat(&self, memory: &mut Bytes<'_>, fd: u64, stat: u64) -> Result<(), u16> {
        let file_type = Self::file_type(fd)?;
        let len = if fd == INPUT { self.input.len() as u64 } else { 0 };
        memory.range(stat, 64)?.fill(0);
        memory.put(stat + 16, &[file_type])?;
        memory.put(stat + 24, &1u64.to_le_bytes())?;
        memory.put(stat + 32, &len.to_le_bytes())
    }

    fn seek(&mut self, memory: &mut Bytes<'_>, offset: i64, whence: u64, position: u64) -> Result<(), u16> {
        let from = match whence {
            0 => 0,
            1 => self.position,
            2 => self.input.len(),
            _ => return Err(EINVAL),
        };
        self.position =
            usize::try_from(offset).ok().and_then(|offset| from.checked_add(offset)).ok_or(EINVAL)?;
        memory.put(position, &(self.position as u64).to_le_bytes())
    }

    fn read(
        &mut self,
        memory: &mut Bytes<'_>,
        fd: u64,
        buffers: u64,
        count: u64,
        len: u64,
    ) -> Result<(), u16> {
        let left = match fd {
            0 => &[],
            INPUT => self.input.get(self.position..).unwrap_or_default(),
            _ => return Err(EBADF),
        };
        let mut done = 0;
        for at in 0..count {
            let (start, room) = memory.buffer(buffers + 8 * at)?;
            let part = &left[done..][..(room as usize).min(left.len() - done)];
            memory.put(start, part)?;
            done += part.len();
        }
        self.position += done;
        memory.put_u32(len, done as u32)
    }

    fn write(&mut self, memory: &mut Bytes<'_>, buffers: u64, count: u64, len: u64) -> Result<(), u16> {
        let mut done = 0;
        for at in 0..count {
            let (start, part) = memory.buffer(buffers + 8 * at)?;
            for &byte in memory.range(start, part)?.iter() {
                self.written_hash = (self.written_hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            done += part;
        }
        self.written_bytes += done;
        memory.put_u32(len, done as u32)
    }

    fn fill_random(&mut self, bytes: &mut [u8]) -> Result<(), u16> {
        for byte in bytes {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            *byte = self.random as u8;
        }
        Ok(())
    }
}

/// The memory of a program.
struct Bytes<'a>(&'a mut [u8]);

impl Bytes<'_> {
    fn range(&mut self, start: u64, len: u64) -> Result<&mut [u8], u16> {
        // Both come from 32-bit values.
        self.0.get_mut(start as usize..(start + len) as usize).ok_or(EFAULT)
    }

    fn put(&mut self, start: u64, bytes: &[u8]) -> Result<(), u16> {
        self.range(start, bytes.len() as u64)?.copy_from_slice(bytes);
        Ok(())
    }

    fn put_u32(&mut self, start: u64, value: u32) -> Result<(), u16> {
        self.put(start, &value.to_le_bytes())
    }

    /// Reads start and length of a buffer (`iovec`).
    fn buffer(&mut self, at: u64) -> Result<(u64, u64), u16> {
        let bytes = self.range(at, 8)?;
        let word = |at: usize| {
            u64::from(u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
        };
        Ok((word(0), word(4)))
    }
}
