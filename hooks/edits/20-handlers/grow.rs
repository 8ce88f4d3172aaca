        if RECORD {
            store.record_grow(delta, return_value);
        }
