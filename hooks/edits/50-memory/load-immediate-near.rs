                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { result, address, memory } = unsafe { args.decode_op() };
                        let address = args.get(address);
                        let bytes = args.fetch_memory(store, memory).far(usize::from(address) as u64, 0);
                        let loaded = bytes.and_then(|bytes| $load(bytes, usize::from(address))).into_control().at(store, ip)?;
                        args.set(result, loaded);
                    } }
                    let bytes = args.fetch_memory(store, memory).near();
