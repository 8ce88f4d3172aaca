                    or_far!($eval(bytes, ptr, offset, value, lane), store, ip, args);
