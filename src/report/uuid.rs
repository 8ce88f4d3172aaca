//! Identifiers made of what they stand for (UUID version 5, RFC 9562): the same report, the same identifiers.

use sha1::{Digest as _, Sha1};

/// The namespace that STIX 2.1 sets for observables.
pub(super) const STIX: [u8; 16] =
    [0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7];

/// Our own, for everything else.
pub(super) const OURS: [u8; 16] =
    [0x5d, 0x1e, 0x6c, 0x02, 0x3f, 0x8b, 0x4a, 0x57, 0x9b, 0x70, 0x77, 0x61, 0x73, 0x6d, 0x73, 0x70];

/// The identifier of `name` in a namespace.
pub(super) fn uuid(namespace: [u8; 16], name: &str) -> String {
    let hash = Sha1::new().chain_update(namespace).chain_update(name.as_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = crate::hex::hex(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_that_of_the_standard() {
        // Namespace for names of hosts, as in appendix A.4 of RFC 9562.
        let dns =
            [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
        assert_eq!(uuid(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }
}
