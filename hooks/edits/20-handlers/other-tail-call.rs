record_or_retry!(store, args, ip, store.recorder().try_push_target(func.key()));
        if RECORD {
            store.note(ip, true);
        }
        args.return_call_wasm_or_host_func(store, func, func_entity, params)?;
