//! The settings of a module for the engine: bounds of translation, of the memory that is there at the
//! beginning, and code that is not the sample's own.
//!
//! One branch with a thousand values is a thousand copies, so a file of a few KiB can ask for gigabytes. A
//! function is refused, and only when it is called: that call fails, and the rest of the module runs.
//!
//! Not here: which functions are refused beforehand (`module::weight` of the crate `wasmspoor` counts that).

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{Config, Engine, Error};

/// What an engine that records translates and reserves at most. Without it there are no bounds.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    /// Functions that are neither validated nor translated, by index, ascending.
    pub refused: std::sync::Arc<[u32]>,
    /// Bytes of operators, of all functions together.
    pub bytes: Option<usize>,
    /// Bytes of a memory that are near ([`lazy`](crate::lazy)). If nothing is reserved, so many are there
    /// when it is made, whatever it declares.
    pub memory: Option<usize>,
    /// Bytes of a memory that are there at most, near or far.
    pub reserved: Option<usize>,
    /// Chunks of 64 KiB of a memory that are far and may be touched.
    pub far: usize,
}

/// Operators that a sample has not, in a module that was written anew to do what the sample does.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// Index of the first function that the module defines.
    pub first: u32,
    /// Of each defined function, ascending: offsets in the body, each in LEB128 as the difference to the one
    /// before, shifted by one. No stop comes before such an operator. Those with 1 as the lowest bit record
    /// nothing either.
    pub operators: Vec<Box<[u8]>>,
    /// Index of the global, of type `i32`, that is not 0 where an exception leaves a function. Behind it come
    /// a `v128`, the exception, and two `i32`: the number of the operator that threw it, and that of the last
    /// exception whose operands are elsewhere.
    /// `None` if the module throws nothing.
    pub pending: Option<u32>,
}

/// Why a function was not translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untranslated {
    /// It is one of [`Bounds::refused`].
    Refused(u32),
    /// All functions together would have more bytes of operators than [`Bounds::bytes`].
    TooMuch(usize),
}

impl fmt::Display for Untranslated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(func) => write!(f, "function {func} would take too much to validate and translate"),
            Self::TooMuch(bytes) => {
                write!(f, "a function makes the translated code larger than {bytes} bytes")
            }
        }
    }
}

impl wasmi_core::HostError for Untranslated {}

/// Bytes of operators translated so far.
#[derive(Debug, Default)]
pub(crate) struct Spent(AtomicUsize);

impl Spent {
    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Config {
    /// Sets what is translated at most.
    pub fn bounds(&mut self, bounds: Bounds) -> &mut Self {
        self.bounds = bounds;
        self
    }

    /// Sets which code is not the sample's own.
    pub fn made(&mut self, made: std::sync::Arc<Made>) -> &mut Self {
        self.made = Some(made);
        self
    }

    /// The operators of a function that are not the sample's own, as [`Made::operators`].
    pub(crate) fn made_in(&self, func: u32) -> &[u8] {
        let operators = self.made.as_ref().and_then(|made| {
            let position = func.checked_sub(made.first)?;
            made.operators.get(position as usize)
        });
        operators.map_or(&[], |operators| operators)
    }

    /// Index of the global that says that an exception leaves a function.
    pub(crate) fn pending(&self) -> Option<u32> {
        self.made.as_ref()?.pending
    }

    /// Whether a function is not to be validated or translated.
    pub(crate) fn refuses(&self, func: u32) -> bool {
        self.bounds.refused.binary_search(&func).is_ok()
    }
}

impl Engine {
    /// Bytes of operators that the next function may have.
    pub(crate) fn room(&self) -> usize {
        let spent = self.sites().spent().0.load(Ordering::Relaxed);
        self.config().bounds.bytes.map_or(usize::MAX, |bytes| bytes.saturating_sub(spent))
    }
}

/// The error of a function that is not to be translated.
pub(crate) fn refusal(func: u32) -> Error {
    Error::host(Untranslated::Refused(func))
}

/// Fails when `len` bytes of operators do not find room.
#[inline(always)]
pub(crate) fn check(len: usize, room: usize) -> Result<(), Error> {
    if len > room {
        return Err(too_much(room));
    }
    Ok(())
}

#[cold]
#[inline(never)]
fn too_much(room: usize) -> Error {
    Error::host(Untranslated::TooMuch(room))
}
