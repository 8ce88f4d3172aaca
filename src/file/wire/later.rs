//! What came after version 1: after an object stands a list of names and values, if there is any.
//!
//! A reader of before looks at nothing after the object, and a reader of now passes over names that it does
//! not know, and says which. A field with its default is not written: such a file is the same, byte for byte,
//! as one of a program that has no such field.

use std::sync::Arc;

use super::super::{
    contents::Rest,
    decode::{self, Budget},
};
use crate::{module::FuncIndex, sandbox::RunOptions};

/// A field that came later.
pub(in crate::file) struct Later<T> {
    /// The path in JSON, such as `limits.frames`.
    pub(in crate::file) name: &'static str,
    /// Its value, unless it is the default.
    pub(in crate::file) write: fn(&T) -> Option<Vec<u8>>,
    /// Takes a value over; `None` if it is none.
    pub(in crate::file) read: fn(&mut T, &[u8]) -> Option<()>,
}

/// Options and limits that came later. One is added here, and after the `;` of its struct in `options`.
pub(in crate::file) const OPTIONS: &[Later<RunOptions>] = &[Later {
    name: "persona.cpu_clocks",
    write: |options| match options.persona.cpu_clocks {
        true => None,
        false => postcard::to_allocvec(&false).ok(),
    },
    read: |options, bytes| {
        Arc::make_mut(&mut options.persona).cpu_clocks = postcard::from_bytes(bytes).ok()?;
        Some(())
    },
}];

/// What is known of a run besides that came later.
pub(in crate::file) const REST: &[Later<Rest>] = &[Later {
    name: "calls_inner",
    write: |rest| {
        let counts: Vec<_> = rest.calls_inner.iter().map(|(func, &calls)| (func.0, calls)).collect();
        (!counts.is_empty()).then(|| postcard::to_allocvec(&counts).ok())?
    },
    read: |rest, bytes| {
        let counts: Vec<(u32, u64)> = postcard::from_bytes(bytes).ok()?;
        rest.calls_inner = counts.into_iter().map(|(func, calls)| (FuncIndex(func), calls)).collect();
        Some(())
    },
}];

/// Names, and values as their writers wrote them.
type Section = Vec<(String, Vec<u8>)>;

/// Appends what version 1 has no room for.
pub(in crate::file) fn append<T>(fields: &[Later<T>], of: &T, bytes: &mut Vec<u8>) -> postcard::Result<()> {
    let written = |field: &Later<T>| Some((field.name.to_owned(), (field.write)(of)?));
    let section: Section = fields.iter().filter_map(written).collect();
    match section.is_empty() {
        true => Ok(()),
        false => postcard::to_io(&section, bytes).map(|_| ()),
    }
}

/// Takes over what stands after an object. Gives the names that are not known, or whose values make no sense;
/// `None` if there is something else.
pub(in crate::file) fn read<T>(
    fields: &[Later<T>],
    bytes: &[u8],
    into: &mut T,
    budget: &Budget,
) -> Option<Vec<String>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let section: Section = decode::from_bytes(bytes, budget)?;
    let mut take = |name: &str, value: &[u8]| {
        let field = fields.iter().find(|field| field.name == name)?;
        (field.read)(into, value)
    };
    let unknown = section.into_iter().filter(|(name, value)| take(name, value).is_none());
    Some(unknown.map(|(name, _)| name).collect())
}
