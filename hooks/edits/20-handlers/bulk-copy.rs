        if RECORD {
            store.record_bulk(ip, dst, src, len)?;
        } else {
            store.charge_bulk(ip, len)?;
        }
