    pub(crate) fn addr(self) -> usize {
        self.value as usize
    }
