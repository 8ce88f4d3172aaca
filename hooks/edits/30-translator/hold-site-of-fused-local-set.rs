            self.instrs.sites().hold();
