                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { address, value, memory } = unsafe { args.decode_op() };
                        let address = args.get(address);
                        let value: $hint = args.get(value);
                        let bytes = args.fetch_memory(store, memory).far(usize::from(address) as u64, true);
                        bytes.and_then(|bytes| $store(bytes, usize::from(address), value.into())).into_control().at(store, ip)?;
                    } }
                    let bytes = args.fetch_memory(store, memory).near_mut();
