    fn update_pos(&mut self, pos: usize) {
        self.instrs.sites().at(pos);
    }
