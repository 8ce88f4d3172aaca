//! What an instance is made of, exported or not.

use std::ops::Range;

use crate::{AsContext, Func, Global, Instance, Memory, StoreContextMut, Table};

/// The memories, tables and globals of an instance, imported ones first, by their indices.
#[derive(Debug, Default)]
pub struct Parts {
    /// Its memories.
    pub memories: Vec<Memory>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// Its globals.
    pub globals: Vec<Global>,
}

impl Memory {
    /// Returns the logarithm of the bytes of a page.
    ///
    /// # Panics
    ///
    /// If `store` does not own this memory.
    pub fn page_size_log2(&self, store: impl AsContext) -> u8 {
        self.ty(store).page_size_log2()
    }

    /// The parts that were touched, or may have been, ascending; all others hold zeros.
    ///
    /// # Panics
    ///
    /// If `store` does not own this memory.
    pub fn touched(&self, store: impl AsContext) -> Vec<Range<usize>> {
        store.as_context().store.inner.resolve_memory(self).touched()
    }

    /// Whether the system had less room for it than there is to be.
    ///
    /// # Panics
    ///
    /// If `store` does not own this memory.
    pub fn is_short(&self, store: impl AsContext) -> bool {
        store.as_context().store.inner.resolve_memory(self).is_short()
    }

    /// Bytes that are to be written to; `None` if they are not all there, or no more may be touched.
    ///
    /// # Panics
    ///
    /// If `store` does not own this memory.
    pub fn bytes_mut<'a, T: 'a>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
        range: Range<usize>,
    ) -> Option<&'a mut [u8]> {
        let memory = store.into().store.inner.resolve_memory_mut(self);
        let is_there = range.start <= range.end && range.end <= memory.data_size();
        (is_there && memory.touch(range.clone())).then(|| &mut memory.data_mut()[range])
    }
}

impl Instance {
    /// Returns the function with this index, if there is one.
    ///
    /// # Panics
    ///
    /// If `store` does not own this instance.
    pub fn func_at(&self, store: impl AsContext, index: u32) -> Option<Func> {
        let context = store.as_context();
        let entity = context.store.inner.resolve_instance(self);
        let layout = *entity.layout();
        entity.get_func(layout.func_addr(index)?)
    }

    /// Returns what this instance is made of.
    ///
    /// # Panics
    ///
    /// If `store` does not own this instance.
    pub fn parts(&self, store: impl AsContext) -> Parts {
        let context = store.as_context();
        let entity = context.store.inner.resolve_instance(self);
        let layout = *entity.layout();
        Parts {
            memories: (0..layout.len_memories())
                .filter_map(|index| entity.get_memory(layout.memory_addr(index)?))
                .collect(),
            tables: (0..layout.len_tables())
                .filter_map(|index| entity.get_table(layout.table_addr(index)?))
                .collect(),
            globals: (0..layout.len_globals())
                .filter_map(|index| entity.get_global(layout.global_addr(index)?))
                .collect(),
        }
    }
}
