        if RECORD {
            store.record_bulk(ip, dst, 0, len)?;
        }
