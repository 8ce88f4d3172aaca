impl Engine {
    pub(crate) fn sites(&self) -> &crate::recorder::sites::Table {
        &self.inner.sites
    }
}
