                    if RECORD {
                        let chosen = fetch_branch_table_target(&args, index, len_targets);
                        let width = crate::recorder::stream::index_bits(len_targets);
                        record_or_retry!(store, args, ip, store.recorder().try_push_field(chosen as u64, width));
                    }
                    $exec(&mut args, index, len_targets, values);
