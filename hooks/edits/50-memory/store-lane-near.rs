                    execution_handler! {
                        fn far(
                            store: &mut PrunedStore,
                            ip: Ip,
                            sp: Sp,
                            mem0: Mem0Ptr,
                            mem0_len: Mem0Len,
                            instance: Inst,
                            ireg: Ireg,
                            freg32: Freg32,
                            freg64: Freg64,
                        ) -> Done = {
                            let mut args =
                                Args::from_parts(ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
                            let crate::ir::decode::$op { ptr, offset, value, memory, lane } = unsafe { args.decode_op() };
                            let ptr: u64 = args.get(ptr);
                            let offset: u64 = args.get(offset);
                            let value = args.get(value);
                            let bytes = args.fetch_memory(store, memory).far(ptr.saturating_add(offset), true);
                            bytes.and_then(|bytes| $eval(bytes, ptr, offset, value, lane)).into_control().at(store, ip)?;
                            dispatch!(store, args)
                        }
                    }
                    let bytes = args.fetch_memory(store, memory).near_mut();
