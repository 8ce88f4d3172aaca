        self.pad_to_op_alignment()?;
        self.poll_if_due()?;
        let pos = self.encode_impl(op)?;
