    #[cold]
    #[inline(never)]
    fn undo_push(&mut self, trap_code: TrapCode) -> TrapCode {
        _ = self.pop();
        trap_code
    }
