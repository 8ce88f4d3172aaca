                        args.offset_ip(offset);
                        record_decision!(store, args, true);
                        dispatch!(store, args);
