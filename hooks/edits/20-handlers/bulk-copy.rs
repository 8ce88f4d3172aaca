        if RECORD {
            store.record_bulk(ip, dst, src, len)?;
        }
