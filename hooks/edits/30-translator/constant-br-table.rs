            ResolvedOperand::Immediate(_) if self.instrs.records() => Location::Slot(self.copy_operand_to_slot(index)?),
