record_or_retry!(store, args, ip, store.recorder().try_push_target(func.key()));
        args.call_wasm_or_host_func(store, func, func_entity, params).after_decision_at(store, ip)?;
