        let finalize = crate::recorder::sites::noting(&self.engine, self.func, self.instrs.sites().take(), finalize);
