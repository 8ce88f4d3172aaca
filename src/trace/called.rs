//! What counts name a host function by.
//!
//! A name may have as many bytes as a file, and it stands in the figures of each function and of each entry
//! point. A long one is cut, and what it hashes to tells it from others that begin alike.

use super::limits::HOST_NAME;
use crate::text::{cut_at, import_name};

/// `module.name`, if that is not too long.
pub(crate) fn host_name(module: &str, name: &str) -> String {
    let whole = import_name(module, name);
    match cut_at(&whole, HOST_NAME) {
        Some((kept, mark)) => format!("{kept}{mark}#{:016x}", fnv(whole.as_bytes())),
        None => whole,
    }
}

/// FNV-1a of 64 bits, by its offset and prime: the same in every build
/// (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>).
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that its authors give.
    #[test]
    fn names_are_hashed_as_ever() {
        let hashes = [&b""[..], b"a", b"foobar"].map(fnv);
        assert_eq!(hashes, [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]);
    }

    #[test]
    fn a_long_name_is_cut_and_stays_its_own() {
        assert_eq!(host_name("env", "system"), "env.system");
        let names = ["a", "b"].map(|end| host_name("env", &format!("{}{end}", "n".repeat(100_000))));
        assert!(names.iter().all(|name| name.len() < 2 * HOST_NAME), "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("env.nnn") && name.contains("…(+")), "{names:?}");
        assert_ne!(names[0], names[1]);
    }
}
