                        record_decision!(store, args, false);
