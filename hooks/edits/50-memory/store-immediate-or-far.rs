                    or_far!($store(bytes, usize::from(address), value.into()), store, ip, args);
