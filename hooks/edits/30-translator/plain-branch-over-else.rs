            self.encode_br(frame.label())?;
