            if delta == 0 && !self.instrs.records() {
                // Case: growing by 0 elements.
