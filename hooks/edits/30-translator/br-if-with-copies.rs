        if self.instrs.records() {
            let taken_label = self.instrs.new_label();
            let skip_label = self.instrs.new_label();
            self.encode_br_nez(condition, taken_label)?;
            self.encode_br(skip_label)?;
            self.instrs.pin_label(taken_label)?;
            self.copy_branch_params(branch_params)?;
            self.instrs.pad_to_op_alignment()?;
            self.instrs.next_is_plain();
            self.instrs.encode_branch(label, Op::branch)?;
            self.instrs.pin_label(skip_label)?;
            return Ok(());
        }
