let (outcome, stack) = crate::recorder::engine::invocation(ctx.store, func, |store| {
            execute_root_func(store, stack, func, params, results)
        });
