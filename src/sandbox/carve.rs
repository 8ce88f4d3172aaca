//! Carving: modules that a sample builds in memory, found when it hands them to a host call.
//!
//! Looks for the magic number in what an argument points at: as many bytes as the next argument says, at most
//! `CARVE_SCAN`, or the first `CARVE_GLANCE`. What is found is measured by its sections, so that only the
//! module is kept.

use std::{collections::BTreeSet, sync::LazyLock};

use memchr::memmem::Finder;
use sha2::{Digest, Sha256};

use super::limits::{CARVE_SCANNED, CARVED_BYTES, CARVED_MODULES};
use crate::module::extent;

const MAGIC: &[u8; 8] = b"\0asm\x01\0\0\0";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Carver {
    pub(super) modules: Vec<Vec<u8>>,
    seen: BTreeSet<[u8; 32]>,
    bytes: usize,
    scanned: u64,
    /// Modules that were not kept because there was no room.
    pub(super) cut: u64,
    /// Places that were not looked through.
    pub(super) unlooked: u64,
}

impl Carver {
    /// Looks through the first `window` bytes of `bytes`, the memory from where an argument points to its
    /// end.
    pub(super) fn scan(&mut self, bytes: &[u8], window: u64) {
        let window = bytes.len().min(window as usize);
        // What begins as a module is looked at for longer.
        let room = if bytes.starts_with(MAGIC) { 2 * CARVE_SCANNED } else { CARVE_SCANNED };
        if self.scanned > room {
            self.unlooked += u64::from(window >= MAGIC.len());
            return;
        }
        self.scanned += window as u64;
        let mut from = 0;
        while let Some(at) = bytes.get(from..window).and_then(|rest| FINDER.find(rest)) {
            let module = &bytes[from + at..];
            let len = extent(module);
            // Measuring and hashing cost as much as looking.
            self.scanned += len as u64;
            if len > MAGIC.len() && self.modules.len() == CARVED_MODULES {
                self.cut += 1;
            } else if len > MAGIC.len() {
                self.keep(&module[..len]);
            }
            from += at + len.max(MAGIC.len());
            if self.scanned > CARVE_SCANNED {
                self.unlooked += u64::from(from + MAGIC.len() <= window);
                return;
            }
        }
    }

    fn keep(&mut self, module: &[u8]) {
        let digest: [u8; 32] = Sha256::digest(module).into();
        if self.seen.contains(&digest) {
            return;
        }
        if self.modules.len() == CARVED_MODULES || self.bytes + module.len() > CARVED_BYTES {
            self.cut += 1;
            return;
        }
        self.seen.insert(digest);
        self.bytes += module.len();
        self.modules.push(module.to_vec());
    }
}

/// Looks for the magic number.
static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(MAGIC));

#[cfg(test)]
mod tests {
    use super::{super::limits::CARVE_SCAN, *};

    #[test]
    fn modules_are_measured_and_kept_once() {
        let module = wat::parse_str("(module (func (export \"f\")))").unwrap();
        let mut memory = vec![b'm'; 100];
        memory.extend_from_slice(&module);
        memory.extend_from_slice(&[0; 50]);
        memory.extend_from_slice(&module);
        let mut carver = Carver::default();
        carver.scan(&memory, CARVE_SCAN);
        carver.scan(&memory, CARVE_SCAN);
        assert_eq!(carver.modules, [module]);
    }

    #[test]
    fn what_is_no_module_is_not_kept() {
        let mut carver = Carver::default();
        for bytes in [
            &b""[..],
            b"\0as",
            b"\0asm",
            MAGIC,
            b"\0asm\x01\0\0\0\0\0\0\0",
            b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff",
        ] {
            carver.scan(bytes, CARVE_SCAN);
        }
        assert!(carver.modules.is_empty());
    }

    #[test]
    fn room_is_bounded() {
        let mut carver = Carver::default();
        for index in 0..20u8 {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&[0, 2, 1, index]);
            carver.scan(&bytes, CARVE_SCAN);
        }
        assert_eq!((carver.modules.len(), carver.cut), (CARVED_MODULES, 4));
    }

    #[test]
    fn what_comes_when_no_room_is_left_is_counted() {
        let module = wat::parse_str("(module (func (export \"f\")))").unwrap();
        let mut carver = Carver { scanned: CARVE_SCANNED + 1, ..Carver::default() };
        carver.scan(&[0; 64], CARVE_SCAN);
        carver.scan(b"a word", CARVE_SCAN);
        carver.scan(&module, CARVE_SCAN);
        assert_eq!((carver.modules, carver.unlooked), (vec![module], 1));
    }
}
