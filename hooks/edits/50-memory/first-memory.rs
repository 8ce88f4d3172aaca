    /// Returns an exclusive reference to the memory at index 0, for an operator that reaches it.
    pub fn fetch_first_memory<'a>(&mut self, store: &'a mut PrunedStore) -> &'a mut MemoryEntity {
        let first = crate::ir::MemoryAddr::try_from(0_u32);
        let Ok(first) = first else { unreachable!("an index of a memory holds 0") };
        self.fetch_memory(store, first)
    }

