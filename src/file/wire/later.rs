//! Fields that came after version 1: after an object stands a list of names and values, if there is any.
//!
//! A reader of before looks at nothing after the object. A reader of now passes over names that it does not
//! know, and says which. A field with its default is not written. So such a file is the same, byte for byte,
//! as one of a program that has no such field.

use std::{collections::BTreeMap, sync::Arc};

use super::super::{
    contents::Rest,
    decode::{self, Budget},
};
use crate::{
    module::FuncIndex,
    sandbox::{EntryEnd, Item, RunOptions},
    trace::{End, Record, Trap},
};

/// A field that came later.
pub(in crate::file) struct Later<T> {
    /// The path in JSON, such as `limits.frames`.
    pub(in crate::file) name: &'static str,
    /// Its value, unless it is the default.
    pub(in crate::file) write: fn(&T) -> Option<Vec<u8>>,
    /// Takes a value over; `None` if it is none, or takes more memory than there is left.
    pub(in crate::file) read: fn(&mut T, &[u8], &Budget) -> Option<()>,
}

/// Options and limits that came later. One is added here, and after the `;` of its struct in `options`.
pub(in crate::file) const OPTIONS: &[Later<RunOptions>] = &[
    Later {
        name: "persona.cpu_clocks",
        write: |options| match options.persona.cpu_clocks {
            true => None,
            false => postcard::to_allocvec(&false).ok(),
        },
        read: |options, bytes, budget| {
            Arc::make_mut(&mut options.persona).cpu_clocks = decode::from_bytes(bytes, budget)?;
            Some(())
        },
    },
    Later {
        name: "limits.sparse_pages",
        write: |options| match options.limits.sparse_pages {
            0 => None,
            pages => postcard::to_allocvec(&pages).ok(),
        },
        read: |options, bytes, budget| {
            options.limits.sparse_pages = decode::from_bytes(bytes, budget)?;
            Some(())
        },
    },
];

/// What is known of a run besides that came later.
pub(in crate::file) const REST: &[Later<Rest>] = &[Later {
    name: "calls_inner",
    write: |rest| {
        let counts: Vec<_> = rest.calls_inner.iter().map(|(func, &calls)| (func.0, calls)).collect();
        (!counts.is_empty()).then(|| postcard::to_allocvec(&counts).ok())?
    },
    read: |rest, bytes, budget| {
        // A list of pairs is written as a map is. It takes twice as much while it is taken over.
        let counts: BTreeMap<u32, u64> = decode::from_bytes(bytes, budget)?;
        budget.charge(counts.len().saturating_mul(size_of::<(FuncIndex, u64)>()))?;
        rest.calls_inner = counts.into_iter().map(|(func, calls)| (FuncIndex(func), calls)).collect();
        Some(())
    },
}];

/// Whether a record says of an end, or of how a host function is left, what came later. A reader that does
/// not know it cannot read the run, so a file that holds it has a feature bit.
pub(in crate::file) fn is_in_record(record: &Record) -> bool {
    match record {
        Record::End(End::Thrown) | Record::HostThrew { .. } => true,
        Record::End(End::Trapped { code, .. }) => is_trap(*code),
        _ => false,
    }
}

/// As [`is_in_record`], of an item of the log.
pub(in crate::file) fn is_in_item(item: &Item) -> bool {
    let (Item::Begun(entry) | Item::Ended(entry)) = item else { return false };
    match entry.end {
        EntryEnd::Thrown { .. } => true,
        EntryEnd::Trapped { trap } => is_trap(trap),
        _ => false,
    }
}

fn is_trap(trap: Trap) -> bool {
    use Trap::{
        CastFailure, Deadlock, NotShared, NullArray, NullException, NullFunction, NullI31, NullReference,
        NullStructure, ObjectsLimited, OutOfBoundsArrayAccess, UnalignedAtomic, Unsupported,
    };
    let is_of_threads = matches!(trap, UnalignedAtomic | NotShared | Deadlock);
    let is_null = matches!(trap, NullReference | NullFunction | NullStructure | NullArray | NullI31);
    let is_of_objects = is_null || matches!(trap, CastFailure | OutOfBoundsArrayAccess | ObjectsLimited);
    is_of_threads || is_of_objects || matches!(trap, Unsupported | NullException)
}

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
        (field.read)(into, value, budget)
    };
    let unknown = section.into_iter().filter(|(name, value)| take(name, value).is_none());
    Some(unknown.map(|(name, _)| name).collect())
}
