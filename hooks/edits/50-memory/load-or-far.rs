                    let loaded = or_far!($load(bytes, ptr, offset), store, ip, args);
