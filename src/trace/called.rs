//! What counts name a host function by.
//!
//! A name may have as many bytes as a file, and it stands in the figures of each function and of each entry
//! point. A long one is cut, and what it hashes to tells it from others that begin alike.

use std::hash::{DefaultHasher, Hasher as _};

use super::limits::HOST_NAME;
use crate::text::cut_at;

/// `module.name`, if that is not too long.
pub(crate) fn host_name(module: &str, name: &str) -> String {
    let whole = format!("{module}.{name}");
    match cut_at(&whole, HOST_NAME) {
        Some((kept, mark)) => {
            let mut hasher = DefaultHasher::new();
            hasher.write(whole.as_bytes());
            format!("{kept}{mark}#{:016x}", hasher.finish())
        }
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_stays_its_own() {
        assert_eq!(host_name("env", "system"), "env.system");
        let names = ["a", "b"].map(|end| host_name("env", &format!("{}{end}", "n".repeat(100_000))));
        assert!(names.iter().all(|name| name.len() < 2 * HOST_NAME), "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("env.nnn") && name.contains("…(+")), "{names:?}");
        assert_ne!(names[0], names[1]);
    }
}
