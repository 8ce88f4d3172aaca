                    or_far!($store(bytes, ptr, offset, value.into()), store, ip, args);
