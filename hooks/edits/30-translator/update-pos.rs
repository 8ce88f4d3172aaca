    fn update_pos(&mut self, pos: usize) {
        self.instrs.sites().at(pos, self.engine.config().made_in(self.func.into_u32()));
    }
