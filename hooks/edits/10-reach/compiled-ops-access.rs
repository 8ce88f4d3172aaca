impl CompiledFuncEntry {
    pub(crate) fn ops(&self) -> &[u8] {
        &self.ops
    }
}
