    pub(crate) fn done_with_error(&mut self, error: Error) {
        self.done_with(move || DoneReason::error(error));
    }
