                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$op { ptr, offset, value, lane } = unsafe { args.decode_op() };
                        let ptr: u64 = args.get(ptr);
                        let offset = u64::from(args.get(offset));
                        let value = args.get(value);
                        let width = written!(|bytes| $eval(bytes, 0, 0, value, lane));
                        let bytes = args.fetch_first_memory(store).far(ptr.saturating_add(offset), width);
                        bytes.and_then(|bytes| $eval(bytes, ptr, offset, value, lane)).into_control().at(store, ip)?;
                    } }
                    or_far!($eval(bytes, ptr, u64::from(offset), value, lane), store, ip, args);
