//! The acts of the host on the sample: all that a run depends on and the code cannot tell.
//!
//! An [`Effects`] is a list in the order of the run. Each entry says before which record of the trace it
//! belongs. Arguments stand before their `Invoke` or `HostCall`, results before the `HostReturn` or the
//! `End`. Bytes that a host function wrote stand before the record that came next, which may be the `Invoke`
//! of an execution nested in it. With the module and the trace, it gives back every value of the run
//! (`values`).
//!
//! Beside what changes the sample stands what is needed to say where its data came from and went. That is
//! which bytes a host function read ([`Effect::Read`]), and what it wrote them from ([`Effect::Given`]).
//!
//! Objects (memories, tables, globals) are numbered in the order in which they were made, the host's and the
//! instances' together. Effects that would not fit are left out from some record on, and [`Effects::ends_at`]
//! says so.

use serde::{Deserialize, Serialize};

pub use super::limits::{MAX_EFFECT_BYTES, MAX_RESTORED_ELEMENTS};
use super::{FuncKey, limits::EFFECT_BYTES};
use crate::text::vocabulary;

/// Stands for a function reference of which only is known that it is not null.
pub const UNKNOWN_FUNC: FuncKey = FuncKey(u32::MAX);

/// The name of the bytes that are marked to say that the environment is empty. No variable has it: a name
/// ends before the first `=`.
pub(crate) const EMPTY_ENVIRONMENT: &str = "=";

/// The name of those that are marked to say that standard input is empty.
pub(crate) const EMPTY_STDIN: &str = "empty standard input";

/// A value that crosses the border, bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Val {
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`, its bits.
    F32(u32),
    /// `f64`, its bits.
    F64(u64),
    /// `v128`, lane 0 lowest.
    V128(u128),
    /// A function reference.
    Func(Option<FuncKey>),
    /// A host reference, by a number that the host gives it.
    Extern(Option<u32>),
}

/// A memory that the host makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryShape {
    /// Pages it begins with.
    pub pages: u64,
    /// Pages it may have.
    pub maximum: Option<u64>,
    /// Bytes of a page, as a power of two.
    pub page_log2: u8,
    /// Whether its addresses have 64 bits.
    pub is_64: bool,
}

/// A table that the host makes, of null references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableShape {
    /// Elements it begins with.
    pub len: u64,
    /// Elements it may have.
    pub maximum: Option<u64>,
    /// Whether its indices have 64 bits.
    pub is_64: bool,
}

/// What an import of an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Imported {
    /// A function.
    Func(FuncKey),
    /// A memory, by number.
    Memory(u32),
    /// A table, by number.
    Table(u32),
    /// A global, by number.
    Global(u32),
}

/// Hands the kinds of [`Given`] to another macro, between the contents of the first braces and of the second.
/// `values::taint` has them among its sources.
macro_rules! given_kinds {
    ($callback:ident { $($head:tt)* } { $($tail:tt)* }) => {
        $callback! {
            $($head)* {
                /// A file.
                File = "file",
                /// An argument of the program.
                Argument = "argument",
                /// A variable of the environment.
                Environment = "environment",
                /// Standard input.
                Stdin = "stdin",
                /// A socket.
                Socket = "socket",
                /// A clock.
                Clock = "clock",
                /// Random numbers.
                Random = "random",
                /// The answer of a host function, its own.
                Answer = "answer",
                $($tail)*
            }
        }
    };
}
pub(crate) use given_kinds;

given_kinds! {
    vocabulary {
        /// What kind of thing the host gave bytes of.
        pub enum Given
    } {}
}

/// Where bytes that the host wrote come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// What it is.
    pub kind: Given,
    /// Its name: the path of a file, the name of a variable or of a socket, the number of an argument.
    pub name: Box<str>,
    /// Position of the first byte in it.
    pub offset: u64,
}

/// Something that the host did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Makes a memory.
    NewMemory(MemoryShape),
    /// Makes a table.
    NewTable(TableShape),
    /// Makes a global.
    NewGlobal(Val),
    /// Makes the next instance of the trace, with these imports: those of each kind in the module's order.
    Instance(Vec<Imported>),
    /// The arguments of the function that is called next.
    Arguments(Vec<Val>),
    /// The results of the host function that is left next, or of the invocation that ends next.
    Results(Vec<Val>),
    /// Writes to a memory.
    Write {
        /// Which memory.
        memory: u32,
        /// Where.
        address: u64,
        /// What.
        bytes: Box<[u8]>,
    },
    /// Grows a memory.
    Grow {
        /// Which memory.
        memory: u32,
        /// By how many pages.
        pages: u64,
    },
    /// Keeps the state of now: what is in all memories, tables and globals.
    Keep {
        /// A number for it.
        state: u32,
    },
    /// Puts a state back that was kept. A memory or table that grew since stays as large, and its new part is
    /// zero or null. Of a table, the first [`MAX_RESTORED_ELEMENTS`] are put back.
    Restore {
        /// Which state.
        state: u32,
    },
    /// Says what the next write is made from. A write without it is the host function's own.
    Given(Origin),
    /// Reads from a memory. It changes nothing; it says what a host function looked at.
    Read {
        /// Which memory.
        memory: u32,
        /// Where.
        address: u64,
        /// How many bytes.
        len: u64,
    },
}

impl Effect {
    fn size(&self) -> u64 {
        EFFECT_BYTES
            + match self {
                Self::Instance(imports) => (imports.len() * size_of::<Imported>()) as u64,
                Self::Arguments(values) | Self::Results(values) => (values.len() * size_of::<Val>()) as u64,
                Self::Write { bytes, .. } => bytes.len() as u64,
                Self::Given(origin) => origin.name.len() as u64,
                _ => 0,
            }
    }
}

/// Everything that the host did in a run, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    entries: Vec<(u64, Effect)>,
    /// The record before which the first effect is missing.
    ends_at: Option<u64>,
    #[serde(skip)]
    bytes: u64,
}

impl Effects {
    /// Notes an effect before record number `record`, unless there is no room for it or for one before.
    pub fn push(&mut self, record: u64, effect: Effect) {
        self.bytes = self.bytes.saturating_add(effect.size());
        if self.ends_at.is_none() && self.bytes > MAX_EFFECT_BYTES {
            self.ends_at = Some(record);
        }
        if self.ends_at.is_none() {
            self.entries.push((record, effect));
        }
    }

    /// Says that effects are missing from before record number `record` on.
    pub fn end_at(&mut self, record: u64) {
        self.ends_at = Some(self.ends_at.map_or(record, |end| end.min(record)));
    }

    /// Notes that bytes were read. Bytes that were read piece by piece, one after the other, are one effect.
    pub fn read(&mut self, record: u64, memory: u32, address: u64, len: u64) {
        if let Some((at, Effect::Read { memory: same, address: start, len: before })) =
            self.entries.last_mut()
            && (*at, *same) == (record, memory)
            && self.ends_at.is_none()
        {
            let end = start.saturating_add(*before);
            if (*start..=end).contains(&address) {
                *before = address.saturating_add(len).max(end) - *start;
                return;
            }
        }
        self.push(record, Effect::Read { memory, address, len });
    }

    /// The entries: each with the number of the record before which it belongs.
    pub fn entries(&self) -> &[(u64, Effect)] {
        &self.entries
    }

    /// The record before which the first effect is missing, if not all had room.
    pub fn ends_at(&self) -> Option<u64> {
        self.ends_at
    }
}
