impl<T: Copy> Stored<T> {
    #[inline(always)]
    pub(crate) fn value(&self) -> T {
        self.value
    }
}
