        let full = RECORD && store.recorder().push_bit(true);
        args.return_call_func_entry(store, func, params, None).after_decision_at(store, ip)?;
        if full {
            flush_then_dispatch!(store, args)
        }
