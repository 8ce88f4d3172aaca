                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { ptr, offset, value } = unsafe { args.decode_op() };
                        let ptr: u64 = args.get(ptr);
                        let offset = u64::from(args.get(offset));
                        let value: $hint = args.get(value);
                        let width = written!(|bytes| $store(bytes, 0, 0, value.into()));
                        let bytes = args.fetch_first_memory(store).far(ptr.saturating_add(offset), width);
                        bytes.and_then(|bytes| $store(bytes, ptr, offset, value.into())).into_control().at(store, ip)?;
                    } }
                    or_far!($store(bytes, ptr, u64::from(offset), value.into()), store, ip, args);
