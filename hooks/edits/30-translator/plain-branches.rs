    fn encode_br(&mut self, label: LabelRef) -> Result<(), Error> {
        if !self.instrs.is_label_pinned(label) {
            self.instrs.next_is_plain();
        }
