//! The state of an instance at a moment, to return to: memories, tables, globals.
//!
//! Only pages that hold something are kept, and only pages that differ are written back. So a large memory
//! that is little used costs a look. A memory or table that has grown since stays as large; its new part is
//! zero or null again. Segments that the code dropped stay dropped.
//!
//! Not here: what the host remembers (`sandbox`).

use wasmspoor_hooks as engine;

use crate::trace::effects::MAX_RESTORED_ELEMENTS;

use super::{
    host::Host,
    limits::{SNAPSHOT_BYTES, SNAPSHOT_MEMORY},
};

/// Bytes compared and kept at a time.
const PAGE: usize = 1 << 16;
/// What such a page is compared with.
static ZEROS: [u8; PAGE] = [0; PAGE];

/// A state to return to.
pub(crate) struct Snapshot {
    memories: Vec<Memory>,
    tables: Vec<(engine::Table, Vec<engine::Ref>)>,
    globals: Vec<(engine::Global, engine::Val)>,
    /// Its number among the effects of the session.
    pub(super) number: u32,
    /// Bytes that were looked at to make it.
    pub(crate) cost: u64,
}

struct Memory {
    memory: engine::Memory,
    /// Pages in their order; `None` is a page of zeros.
    pages: Vec<Option<Box<[u8]>>>,
}

impl Snapshot {
    /// The state of `instance`, under a number; `None` if it is too large to be kept.
    pub(super) fn of(store: &engine::Store<Host>, instance: engine::Instance, number: u32) -> Option<Self> {
        let parts = instance.parts(store);
        let (mut kept, mut cost, mut elements) = (0, 0, 0);
        let mut memories = Vec::new();
        for memory in parts.memories {
            let data = memory.data(store);
            cost += data.len() as u64;
            if data.len() > SNAPSHOT_MEMORY {
                return None;
            }
            let pages: Vec<Option<Box<[u8]>>> =
                data.chunks(PAGE).map(|page| (!is_zero(page)).then(|| page.into())).collect();
            kept += pages.iter().flatten().map(|page| page.len()).sum::<usize>();
            if kept > SNAPSHOT_BYTES {
                return None;
            }
            memories.push(Memory { memory, pages });
        }
        let mut tables = Vec::new();
        for table in parts.tables {
            let size = table.size(store);
            elements += size;
            if elements > MAX_RESTORED_ELEMENTS {
                return None;
            }
            tables.push((table, (0..size).filter_map(|index| table.get(store, index)).collect()));
        }
        let globals = parts.globals.into_iter().filter(|global| global.ty(store).mutability().is_mut());
        let globals = globals.map(|global| (global, global.get(store))).collect();
        Some(Self { memories, tables, globals, number, cost: cost + 8 * elements })
    }

    /// Puts the instance back into this state.
    pub(super) fn restore(&self, store: &mut engine::Store<Host>) {
        for Memory { memory, pages } in &self.memories {
            let touched = memory.touched(&*store);
            let data = memory.data_mut(&mut *store);
            for position in touched.into_iter().flat_map(|part| part.start / PAGE..part.end.div_ceil(PAGE)) {
                let end = data.len().min((position + 1) * PAGE);
                let page = &mut data[position * PAGE..end];
                // The last page of a memory with small pages may have been shorter.
                let kept = pages.get(position).and_then(Option::as_deref).unwrap_or_default();
                let (same, beyond) = page.split_at_mut(kept.len().min(page.len()));
                if same != &kept[..same.len()] {
                    same.copy_from_slice(&kept[..same.len()]);
                }
                if !is_zero(beyond) {
                    beyond.fill(0);
                }
            }
        }
        for (table, elements) in &self.tables {
            let null = engine::Ref::default_for_ty(table.ty(&*store).element());
            for index in 0..table.size(&*store).min(MAX_RESTORED_ELEMENTS) {
                let element = elements.get(index as usize).copied().unwrap_or(null);
                // It is of the table's type and within it: it came from there.
                _ = table.set(&mut *store, index, element);
            }
        }
        for (global, value) in &self.globals {
            _ = global.set(&mut *store, value.clone());
        }
    }
}

/// Whether a page holds nothing.
fn is_zero(page: &[u8]) -> bool {
    page.chunks(PAGE).all(|part| part == &ZEROS[..part.len()])
}
