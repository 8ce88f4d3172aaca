                    let loaded = or_far!($load(bytes, usize::from(address)), store, ip, args);
