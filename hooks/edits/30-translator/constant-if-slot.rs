                    ResolvedOperand::Slot(condition) => Location::Slot(condition),
                    ResolvedOperand::Immediate(_) => Location::Slot(self.copy_operand_to_slot(condition_operand)?),
