        if RECORD {
            store.poll(ip)?;
            dispatch!(store, args)
        }
