        if RECORD {
            store.record_bulk(ip, dst, u64::from(value), len)?;
        } else {
            store.charge_bulk(ip, len)?;
        }
