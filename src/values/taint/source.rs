//! Sources: what the labelled bytes are bytes of.

use std::ops::Range;

use hashbrown::HashMap;
use serde::Serialize;

use crate::{
    text::vocabulary,
    trace::effects::{EMPTY_ENVIRONMENT, EMPTY_STDIN, Given, given_kinds},
};

given_kinds! {
    vocabulary {
        /// What kind of thing a source is.
        pub enum SourceKind
    } {
        /// Arguments of an invocation by the host.
        Entry = "entry",
        /// A data segment.
        Data = "data",
        /// Constants of a function.
        Immediate = "immediate",
    }
}

macro_rules! from_given {
    ($kind:ident { $($(#[$meta:meta])* $variant:ident = $word:literal,)+ }) => {
        impl $kind {
            /// Those that the host gave to the program: what is followed unless something else is asked for.
            pub const GIVEN: [Self; Given::ALL.len()] = [$(Self::$variant),+];

            pub(super) fn of(given: Given) -> Self {
                match given { $(Given::$variant => Self::$variant,)+ }
            }
        }
    };
}
given_kinds! { from_given { SourceKind } {} }

/// Functions of WASI that write how much they read, how large something is, or whether it is there. What
/// lists a folder is not among them: whoever copies or cleans does to each name what the listing says.
const COUNTING: [&str; 11] = [
    "fd_read",
    "fd_pread",
    "sock_recv",
    "path_filestat_get",
    "fd_filestat_get",
    "path_open",
    "environ_sizes_get",
    "args_sizes_get",
    "fd_fdstat_get",
    "clock_res_get",
    "sock_accept",
];

/// Functions of WASI that write a number beside what they list or find: how much it is.
const MEASURING: [&str; 3] = ["fd_readdir", "fd_seek", "poll_oneoff"];

/// Where files stand that say on which machine a program runs.
const OF_THE_MACHINE: [&str; 3] = ["/etc/", "/proc/", "/sys/"];

impl Source {
    /// Whether nothing was there, and bytes are marked to say so: none of them came from it.
    pub fn is_of_nothing(&self) -> bool {
        match self.kind {
            SourceKind::Environment => &*self.name == EMPTY_ENVIRONMENT,
            SourceKind::Stdin => &*self.name == EMPTY_STDIN,
            _ => false,
        }
    }

    /// Whether it says where and when a program runs, and not what it works on.
    pub(crate) fn is_of_surroundings(&self) -> bool {
        match self.kind {
            SourceKind::Clock | SourceKind::Environment | SourceKind::Stdin | SourceKind::Socket => true,
            SourceKind::File => {
                let name = self.name.trim_start_matches('/');
                OF_THE_MACHINE.iter().any(|folder| name.starts_with(folder.trim_start_matches('/')))
            }
            // Which of several it waited for came first.
            SourceKind::Answer => of_wasi(&self.name) == Some("poll_oneoff"),
            _ => false,
        }
    }
}

/// Functions of WASI that all programs call, and whose results say nothing of the world.
const SILENT: [&str; 11] = [
    "fd_write",
    "fd_close",
    "fd_prestat_dir_name",
    "fd_fdstat_set_flags",
    "args_get",
    "args_sizes_get",
    "environ_get",
    "clock_time_get",
    "random_get",
    "sched_yield",
    "proc_exit",
];

/// As [`COUNTING`], in WASI 0.2.
const COUNTING_IN_2: [&str; 6] = [
    "[method]input-stream.read",
    "[method]input-stream.blocking-read",
    "[method]descriptor.read",
    "[method]descriptor.stat-at",
    "[method]descriptor.stat",
    "[method]descriptor.open-at",
];

/// The name of a function of WASI in `module.name`.
fn of_wasi(name: &str) -> Option<&str> {
    name.strip_prefix("wasi_")?.split_once('.').map(|(_, name)| name)
}

/// Whether the result of a host function, `module.name`, says whether something is there, or could be done.
pub(crate) fn is_answer(name: &str) -> bool {
    of_wasi(name).is_some_and(|name| !SILENT.contains(&name))
}

/// Whether so many bytes that a host function writes say how much there is, or whether it is there.
pub(super) fn is_count(name: &str, len: u64) -> bool {
    let is_one =
        |name| COUNTING.contains(&name) || len <= size_of::<u64>() as u64 && MEASURING.contains(&name);
    let is_of_2 = || name.starts_with("wasi:") && COUNTING_IN_2.iter().any(|one| name.ends_with(one));
    of_wasi(name).is_some_and(is_one) || is_of_2()
}

/// Where the numbers of files stand in what lists a folder: they say on which machine a program runs, and
/// nobody copies or cleans by them.
pub(super) fn numbers_of_files(name: &str, listed: &[u8]) -> Vec<Range<u64>> {
    let (mut places, mut at) = (Vec::new(), 0);
    let is_list = of_wasi(name) == Some("fd_readdir") && listed.len() > size_of::<u64>();
    // Of each entry: the next one, the number of the file, the length of its name, its type.
    while let Some(entry) = listed.get(at..at + 24).filter(|_| is_list) {
        places.push(at as u64 + 8..at as u64 + 16);
        let len = entry[16..20].iter().rev().fold(0, |len, &byte| len << 8 | usize::from(byte));
        at = at.saturating_add(24).saturating_add(len);
    }
    places
}

/// The name of the source of dates of files, which are the time.
pub(super) const DATES: &str = "of files";

/// Where the dates stand in what WASI says of a file: when it was read, changed, and changed in any way.
pub(super) fn dates_of_files(name: &str, said: &[u8]) -> Option<Range<u64>> {
    let is_one = matches!(of_wasi(name), Some("path_filestat_get" | "fd_filestat_get"));
    (is_one && said.len() == 64).then_some(40..64)
}

/// A source of bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Source {
    /// What it is.
    pub kind: SourceKind,
    /// Its name: the path of a file, the name of a variable, or a socket. Of a host function it is
    /// `module.name`, of an argument or a clock its number, of data its address.
    pub name: Box<str>,
}

/// Source bytes that follow each other.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    first: u32,
    source: u32,
    offset: u64,
}

/// Which source bytes are which bytes of which source.
#[derive(Debug, Default)]
pub(super) struct Sources {
    sources: Vec<Source>,
    known: HashMap<Source, u32>,
    /// In the order of their first byte.
    chunks: Vec<Chunk>,
    /// Bytes given so far of sources that have no positions of their own.
    given: HashMap<u32, u64>,
}

impl Sources {
    fn number(&mut self, kind: SourceKind, name: &str) -> u32 {
        let source = Source { kind, name: name.into() };
        if let Some(&number) = self.known.get(&source) {
            return number;
        }
        let number = self.sources.len() as u32;
        self.sources.push(source.clone());
        self.known.insert(source, number);
        number
    }

    /// Notes that the bytes from `first` on are of a source, from its byte `offset` on; without that, from
    /// where it went on.
    pub(super) fn add(&mut self, first: u32, len: u64, kind: SourceKind, name: &str, offset: Option<u64>) {
        let source = self.number(kind, name);
        let offset = offset.unwrap_or_else(|| {
            let given = self.given.entry(source).or_default();
            let offset = *given;
            *given += len;
            offset
        });
        let follows = self.chunks.last().is_some_and(|last| {
            last.source == source && last.offset.checked_add(u64::from(first - last.first)) == Some(offset)
        });
        if !follows {
            self.chunks.push(Chunk { first, source, offset });
        }
    }

    pub(super) fn source(&self, number: u32) -> Option<&Source> {
        self.sources.get(number as usize)
    }

    /// The source of a byte and the position in it.
    pub(super) fn at(&self, byte: u32) -> Option<(u32, u64)> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= byte);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        Some((chunk.source, chunk.offset + u64::from(byte - chunk.first)))
    }

    /// The sources of a range of bytes, one for each piece of it.
    pub(super) fn of_range(&self, start: u32, end: u32) -> impl Iterator<Item = u32> {
        let first = self.chunks.partition_point(|chunk| chunk.first <= start).saturating_sub(1);
        let chunks = self.chunks.get(first..).unwrap_or_default();
        chunks.iter().take_while(move |chunk| chunk.first < end).map(|chunk| chunk.source)
    }

    /// Ranges of bytes as ranges of sources.
    pub(super) fn resolve(&self, ranges: &[(u32, u32)]) -> Vec<(u32, (u64, u64))> {
        let mut found = Vec::new();
        for &(start, end) in ranges {
            let mut at = start;
            while at < end {
                let after = self.chunks.partition_point(|chunk| chunk.first <= at);
                let next = self.chunks.get(after).map_or(end, |chunk| chunk.first.min(end));
                if let Some((source, offset)) = self.at(at) {
                    found.push((source, (offset, offset + u64::from(next - at))));
                }
                at = next;
            }
        }
        found
    }
}

/// Ranges in order and apart.
pub(super) fn tidy(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut apart: Vec<(u64, u64)> = Vec::new();
    for (start, end) in ranges {
        match apart.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => apart.push((start, end)),
        }
    }
    apart
}
