//! The acts of the host on the sample, as a file holds them: one object of chunks, after the outcome.
//!
//! It is not needed to read a run, since a run again gives the same (`rerun`). So a file without it, or with
//! it damaged, is as good. What was recorded is trusted less than a run again: the data level checks it
//! against decisions and records.
//!
//! Not here: what the entries mean (`trace::effects`).

use crate::trace::effects::Effects;

use super::limits::{MAX_EFFECTS_HELD, MAX_EFFECTS_OBJECT};
use super::{
    decode::{self, Budget},
    frame::ChunkKind,
    reader::Reader,
    wire,
};

/// The bytes of the object.
pub(super) fn to_bytes(effects: &Effects) -> postcard::Result<Vec<u8>> {
    postcard::to_allocvec(&wire::effects::Effects::of(effects))
}

/// The effects in these bytes. `None` if they are none, or are beyond what there is room for.
fn of_bytes(bytes: &[u8]) -> Option<Effects> {
    let stored: wire::effects::Effects = decode::from_bytes(bytes, &Budget::of(MAX_EFFECTS_HELD))?;
    stored.into_effects()
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
    use crate::trace::{
        FuncKey,
        effects::{Effect, Given, Imported, MemoryShape, Origin, TableShape, Val},
    };

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

    /// Written by hand from docs/trace-format.md: one line for each entry, and the length before them. Of the
    /// bytes that are written, only the first.
    const WRITTEN: [&str; 13] = [
        "000c",
        "00000101021000",
        "0001030001",
        "000204ffffffffffffffffffffffffffffffffffff03",
        "0003040001010002000300",
        "00040300010500060107",
        "030600ffff03ac02",
        "00070001",
        "010503010a02010302",
        "050801",
        "010a000b2f6574632f70617373776407",
        "000b000946",
        "f6ffffffff1f0901",
    ];
    #[test]
    fn the_bytes_are_those_of_version_1() {
        let written = to_bytes(&effects()).unwrap();
        let text: String = written.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text.replace(&"09".repeat(300), ""), WRITTEN.concat());
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
        // Each `Keep`, its eighth variant, of state 0.
        (0..2).for_each(|_| max.extend(postcard::to_allocvec(&(u64::MAX, 8u8, 0u8)).unwrap()));
        assert_eq!(of_bytes(&max), None);
    }
}
