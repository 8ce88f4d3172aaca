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
                            let crate::ir::decode::$decode { ptr, offset, value } = unsafe { args.decode_op() };
                            let ptr: u64 = args.get(ptr);
                            let offset = u64::from(args.get(offset));
                            let value: $hint = args.get(value);
                            let bytes = args.fetch_first_memory(store).far(ptr.saturating_add(offset), true);
                            bytes.and_then(|bytes| $store(bytes, ptr, offset, value.into())).into_control().at(store, ip)?;
                            dispatch!(store, args)
                        }
                    }
                    match $store(bytes, ptr, u64::from(offset), value.into()) {
                        Ok(()) => {}
                        Err(_) => {
                            args.set_ip(ip);
                            let (ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64) = args.into_parts();
                            return far(store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
                        }
                    };
