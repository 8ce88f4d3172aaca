                    far_handler! { store, ip, args => {
                        let crate::ir::decode::$decode { address, value, memory } = unsafe { args.decode_op() };
                        let address = args.get(address);
                        let value: $hint = args.get(value);
                        let width = written!(|bytes| $store(bytes, 0, value.into()));
                        let bytes = args.fetch_memory(store, memory).far(usize::from(address) as u64, width);
                        bytes.and_then(|bytes| $store(bytes, usize::from(address), value.into())).into_control().at(store, ip)?;
                    } }
                    let bytes = args.fetch_memory(store, memory).near_mut();
