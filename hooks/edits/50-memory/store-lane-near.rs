                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$op { ptr, offset, value, memory, lane } = unsafe { args.decode_op() };
                        let ptr: u64 = args.get(ptr);
                        let offset: u64 = args.get(offset);
                        let value = args.get(value);
                        let width = written!(|bytes| $eval(bytes, 0, 0, value, lane));
                        let bytes = args.fetch_memory(store, memory).far(ptr.saturating_add(offset), width);
                        bytes.and_then(|bytes| $eval(bytes, ptr, offset, value, lane)).into_control().at(store, ip)?;
                    } }
                    let bytes = args.fetch_memory(store, memory).near_mut();
