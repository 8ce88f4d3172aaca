        if engine.config().refuses(func_idx.into_u32()) {
            return Err(crate::recorder::bounds::refusal(func_idx.into_u32()));
        }
