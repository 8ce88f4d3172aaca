        if self.config.refuses(func_index.into_u32()) {
            self.init_lazy_func(func_index, engine_func, &[], &module, None);
            return Ok(());
        }
