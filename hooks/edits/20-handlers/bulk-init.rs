        if RECORD {
            store.record_bulk(ip, dst, u64::from(src), u64::from(len))?;
        }
