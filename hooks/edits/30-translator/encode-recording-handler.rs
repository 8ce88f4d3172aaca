        if !self.record {
            return encode_op_code(self, code);
        }
        self.sites.encoded(self.buffer.len());
        match core::mem::take(&mut self.plain) | self.sites.is_plain() {
            true => encode_op_code(self, code),
            false => (op_code_to_recording_handler(code) as usize).encode(self),
        }
    }

    fn branch_offset(
        &mut self,
        pos: Self::Pos,
