        self.instrs.sites().at_delimiter();
