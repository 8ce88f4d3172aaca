        record_decision!(store, args, true);
