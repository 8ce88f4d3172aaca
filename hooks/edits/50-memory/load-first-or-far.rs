                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { result, ptr, offset } = unsafe { args.decode_op() };
                        let ptr: u64 = args.get(ptr);
                        let offset = u64::from(args.get(offset));
                        let bytes = args.fetch_first_memory(store).far(ptr.saturating_add(offset), 0);
                        let loaded = bytes.and_then(|bytes| $load(bytes, ptr, offset)).into_control().at(store, ip)?;
                        args.set(result, loaded);
                    } }
                    let loaded = or_far!($load(bytes, ptr, u64::from(offset)), store, ip, args);
