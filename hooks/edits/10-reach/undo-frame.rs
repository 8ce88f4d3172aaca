        .map_err(|trap_code| self.frames.undo_push(trap_code))
