    pub(crate) fn depth_and_instance(&self) -> (usize, Option<Inst>) {
        (self.frames.frames.len(), self.frames.instance)
    }
