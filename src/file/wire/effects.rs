//! What the host did to the sample.

use serde::{Deserialize, Serialize};

use super::{Stored, stored};
use crate::trace::effects;

/// All of it.
#[derive(Serialize, Deserialize)]
pub(in crate::file) struct Effects {
    /// The record before which the first effect is missing.
    ends_at: Option<u64>,
    /// Each with the number of the record before which it belongs, as the difference to the one before.
    entries: Vec<(u64, Effect)>,
}

impl Effects {
    pub(in crate::file) fn of(effects: &effects::Effects) -> Self {
        let mut before = 0;
        let entries = effects.entries().iter().map(|(record, effect)| {
            let difference = record.saturating_sub(before);
            before = *record;
            (difference, effect.clone().into_wire())
        });
        Self { entries: entries.collect(), ends_at: effects.ends_at() }
    }

    pub(in crate::file) fn into_effects(self) -> Option<effects::Effects> {
        let (mut effects, mut record) = (effects::Effects::default(), 0u64);
        for (difference, effect) in self.entries {
            record = record.checked_add(difference)?;
            effects.push(record, Stored::of_wire(effect)?);
        }
        if let Some(end) = self.ends_at {
            effects.end_at(end);
        }
        Some(effects)
    }
}

stored! {
    /// One thing.
    enum Effect for effects::Effect {
        NewMemory(shape: MemoryShape),
        NewTable(shape: TableShape),
        NewGlobal(value: Val),
        Instance(imports: Vec<Imported>),
        Arguments(values: Vec<Val>),
        Results(values: Vec<Val>),
        Write { memory: u32, address: u64, bytes: Box<[u8]> },
        Grow { memory: u32, pages: u64 },
        Keep { state: u32 },
        Restore { state: u32 },
        Given(origin: Origin),
        Read { memory: u32, address: u64, len: u64 },
    }

    /// A memory of the host.
    struct MemoryShape for effects::MemoryShape {
        pages: u64,
        maximum: Option<u64>,
        page_log2: u8,
        is_64: bool,
    }

    /// A table of the host.
    struct TableShape for effects::TableShape {
        len: u64,
        maximum: Option<u64>,
        is_64: bool,
    }

    /// What an import is.
    enum Imported for effects::Imported {
        Func(key: u32),
        Memory(number: u32),
        Table(number: u32),
        Global(number: u32),
    }

    /// A value, bit by bit.
    enum Val for effects::Val {
        I32(value: i32),
        I64(value: i64),
        F32(bits: u32),
        F64(bits: u64),
        V128(bits: u128),
        Func(key: Option<u32>),
        Extern(number: Option<u32>),
    }

    /// What bytes are made from.
    struct Origin for effects::Origin {
        kind: Given,
        name: String,
        offset: u64,
    }

    /// What kind of thing it is.
    enum Given for effects::Given {
        File,
        Argument,
        Environment,
        Stdin,
        Socket,
        Clock,
        Random,
        Answer,
    }
}
