        if let Operand::Immediate(condition) = condition
            && !self.instrs.records()
        {
            if i32::from(condition.val()) != 0 {
