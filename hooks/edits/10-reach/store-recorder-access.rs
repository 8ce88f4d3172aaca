    #[inline(always)]
    pub(crate) fn recorder_mut(&mut self) -> &mut crate::recorder::Recorder {
        &mut self.recorder
    }

    pub(crate) fn len_funcs(&self) -> usize {
        self.funcs.len()
    }
