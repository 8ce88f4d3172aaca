                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { ptr, offset, value, memory } = unsafe { args.decode_op() };
                        let ptr: u64 = args.get(ptr);
                        let offset: u64 = args.get(offset);
                        let value: $hint = args.get(value);
                        let width = written!(|bytes| $store(bytes, 0, 0, value.into()));
                        let bytes = args.fetch_memory(store, memory).far(ptr.saturating_add(offset), width);
                        bytes.and_then(|bytes| $store(bytes, ptr, offset, value.into())).into_control().at(store, ip)?;
                    } }
                    let bytes = args.fetch_memory(store, memory).near_mut();
