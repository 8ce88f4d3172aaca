//! What the host did to the sample, as a file holds it: one object of chunks, after the outcome.
//!
//! It is not needed to read a run, since a run again gives the same (`rerun`): a file without it, or with it
//! damaged, is as good. Only what was recorded is trusted less than a run again: what it says is checked by
//! the data level against decisions and records.
//!
//! Not here: what the entries mean (`trace::effects`).

use serde::{Deserialize, Serialize};

use crate::trace::effects::{Effect, Effects, Imported, MemoryShape, Origin, TableShape, Val};

use super::limits::{MAX_EFFECTS_HELD, MAX_EFFECTS_OBJECT};
use super::{
    decode::{self, Budget},
    frame::ChunkKind,
    reader::Reader,
};

/// The object.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// The record before which the first effect is missing.
    ends_at: Option<u64>,
    entries: Vec<(u64, Entry)>,
}

/// An effect; the number of the record before which it belongs is written as the difference to the one
/// before.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    NewMemory(MemoryShape),
    NewTable(TableShape),
    NewGlobal(Val),
    Instance(Vec<Imported>),
    Arguments(Vec<Val>),
    Results(Vec<Val>),
    Write(u32, u64, Box<[u8]>),
    Grow(u32, u64),
    Keep(u32),
    Restore(u32),
    Given(Origin),
    Read(u32, u64, u64),
}

impl From<&Effect> for Entry {
    fn from(effect: &Effect) -> Self {
        match effect.clone() {
            Effect::NewMemory(shape) => Self::NewMemory(shape),
            Effect::NewTable(shape) => Self::NewTable(shape),
            Effect::NewGlobal(value) => Self::NewGlobal(value),
            Effect::Instance(imports) => Self::Instance(imports),
            Effect::Arguments(values) => Self::Arguments(values),
            Effect::Results(values) => Self::Results(values),
            Effect::Write { memory, address, bytes } => Self::Write(memory, address, bytes),
            Effect::Grow { memory, pages } => Self::Grow(memory, pages),
            Effect::Keep { state } => Self::Keep(state),
            Effect::Restore { state } => Self::Restore(state),
            Effect::Given(origin) => Self::Given(origin),
            Effect::Read { memory, address, len } => Self::Read(memory, address, len),
        }
    }
}

impl From<Entry> for Effect {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::NewMemory(shape) => Self::NewMemory(shape),
            Entry::NewTable(shape) => Self::NewTable(shape),
            Entry::NewGlobal(value) => Self::NewGlobal(value),
            Entry::Instance(imports) => Self::Instance(imports),
            Entry::Arguments(values) => Self::Arguments(values),
            Entry::Results(values) => Self::Results(values),
            Entry::Write(memory, address, bytes) => Self::Write { memory, address, bytes },
            Entry::Grow(memory, pages) => Self::Grow { memory, pages },
            Entry::Keep(state) => Self::Keep { state },
            Entry::Restore(state) => Self::Restore { state },
            Entry::Given(origin) => Self::Given(origin),
            Entry::Read(memory, address, len) => Self::Read { memory, address, len },
        }
    }
}

/// The bytes of the object.
pub(super) fn to_bytes(effects: &Effects) -> postcard::Result<Vec<u8>> {
    let mut before = 0;
    let entries = effects.entries().iter().map(|(record, effect)| {
        let difference = record.saturating_sub(before);
        before = *record;
        (difference, Entry::from(effect))
    });
    postcard::to_allocvec(&Stored { ends_at: effects.ends_at(), entries: entries.collect() })
}

/// What the bytes say; `None` if they are none, or are beyond what there is room for.
fn of_bytes(bytes: &[u8]) -> Option<Effects> {
    let stored: Stored = decode::from_bytes(bytes, &Budget::of(MAX_EFFECTS_HELD))?;
    let (mut effects, mut record) = (Effects::default(), 0u64);
    for (difference, entry) in stored.entries {
        record = record.checked_add(difference)?;
        effects.push(record, entry.into());
    }
    if let Some(end) = stored.ends_at {
        effects.end_at(end);
    }
    Some(effects)
}

/// The effects of a file; `None` if it has none, or they are damaged, which is noted.
pub(super) fn read(reader: &Reader) -> Option<Effects> {
    reader.of_kind(ChunkKind::Effects).next()?;
    let bytes = reader.object(ChunkKind::Effects, MAX_EFFECTS_OBJECT)?;
    let effects = of_bytes(&bytes);
    if effects.is_none() {
        let what = "what the host did is not as this program writes it".into();
        reader.note(None, Some(ChunkKind::Effects), what);
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{FuncKey, effects::Given};

    fn effects() -> Effects {
        let mut effects = Effects::default();
        let shape = MemoryShape { pages: 1, maximum: Some(2), page_log2: 16, is_64: false };
        let table = TableShape { len: 3, maximum: None, is_64: true };
        let imports =
            vec![Imported::Func(FuncKey(1)), Imported::Memory(0), Imported::Table(0), Imported::Global(0)];
        for (record, effect) in [
            (0, Effect::NewMemory(shape)),
            (0, Effect::NewTable(table)),
            (0, Effect::NewGlobal(Val::V128(u128::MAX))),
            (0, Effect::Instance(imports)),
            (0, Effect::Arguments(vec![Val::I32(-1), Val::Func(None), Val::Extern(Some(7))])),
            (3, Effect::Write { memory: 0, address: 65_535, bytes: vec![9; 300].into() }),
            (3, Effect::Grow { memory: 0, pages: 1 }),
            (4, Effect::Results(vec![Val::I64(5), Val::F32(1), Val::F64(2)])),
            (9, Effect::Keep { state: 1 }),
            (10, Effect::Given(Origin { kind: Given::File, name: "/etc/passwd".into(), offset: 7 })),
            (10, Effect::Read { memory: 0, address: 9, len: 70 }),
            (1 << 40, Effect::Restore { state: 1 }),
        ] {
            effects.push(record, effect);
        }
        effects
    }

    #[test]
    fn effects_come_back() {
        let mut written = effects();
        let read = of_bytes(&to_bytes(&written).unwrap()).unwrap();
        assert_eq!((read.entries(), read.ends_at()), (written.entries(), None));
        written.end_at(1 << 41);
        let read = of_bytes(&to_bytes(&written).unwrap()).unwrap();
        assert_eq!(read.ends_at(), Some(1 << 41));
    }

    #[test]
    fn bytes_of_strangers_are_refused_and_cost_no_more_than_they_may() {
        let whole = to_bytes(&effects()).unwrap();
        for len in 0..whole.len() {
            assert_eq!(of_bytes(&whole[..len]), None, "cut at {len}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                // Whatever comes of it: no panic, and no more than there is room for.
                _ = of_bytes(&changed);
            }
        }
        // Lengths that lie: 2^60 entries, and 2^60 bytes to be written.
        let many = [&[0][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]].concat();
        assert_eq!(of_bytes(&many), None);
        let long =
            [&[0, 1, 0, 6, 0, 0][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]].concat();
        assert_eq!(of_bytes(&long), None);
        // Record numbers that run over.
        let mut max = vec![0, 2];
        (0..2).for_each(|_| max.extend(postcard::to_allocvec(&(u64::MAX, Entry::Keep(0))).unwrap()));
        assert_eq!(of_bytes(&max), None);
    }
}
