        if RECORD {
            store.record_bulk(ip, dst, 0, len)?;
        } else {
            store.charge_bulk(ip, len)?;
        }
