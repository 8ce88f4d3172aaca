                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { result, ptr, offset, memory } = unsafe { args.decode_op() };
                        let ptr: u64 = args.get(ptr);
                        let offset: u64 = args.get(offset);
                        let bytes = args.fetch_memory(store, memory).far(ptr.saturating_add(offset), 0);
                        let loaded = bytes.and_then(|bytes| $load(bytes, ptr, offset)).into_control().at(store, ip)?;
                        args.set(result, loaded);
                    } }
                    let bytes = args.fetch_memory(store, memory).near();
