                    let loaded = match $load(bytes, usize::from(address)) {
                        Ok(loaded) => loaded,
                        Err(_) => {
                            args.set_ip(ip);
                            let (ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64) = args.into_parts();
                            return far(store, ip, sp, mem0, mem0_len, instance, ireg, freg32, freg64);
                        }
                    };
