            ResolvedOperand::Immediate(operand) if !self.instrs.records() => {
                let condition = i32::from(operand);
