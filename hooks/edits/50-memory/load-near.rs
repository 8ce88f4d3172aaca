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
                            let crate::ir::decode::$decode { result, ptr, offset, memory } = unsafe { args.decode_op() };
                            let ptr: u64 = args.get(ptr);
                            let offset: u64 = args.get(offset);
                            let bytes = args.fetch_memory(store, memory).far(ptr.saturating_add(offset), false);
                            let loaded = bytes.and_then(|bytes| $load(bytes, ptr, offset)).into_control().at(store, ip)?;
                            args.set(result, loaded);
                            dispatch!(store, args)
                        }
                    }
                    let bytes = args.fetch_memory(store, memory).near();
