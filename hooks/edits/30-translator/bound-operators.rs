        crate::recorder::bounds::check(self.ops.buffer.len(), self.ops.room)?;
