        if RECORD {
            store.record_bulk(ip, dst, u64::from(src), u64::from(len))?;
        } else {
            store.charge_bulk(ip, u64::from(len))?;
        }
