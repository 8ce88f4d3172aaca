        record_call!(store, ip);
        args.call_func_entry(store, func, params, None).at(store, ip)?;
