//! Hashes, size and entropy of the file.

use md5::Md5;
use schemars::JsonSchema;
use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::limits::MAX_WINDOWS;
use super::{ExternKind, ImportInfo};

/// Smallest window of [`File::windows`] in bytes.
const LEAST_WINDOW: usize = 1024;

/// Hashes, size, entropy of the whole file.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct File {
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// SHA-1, hexadecimal; other tools ask for it.
    pub sha1: String,
    /// MD5, hexadecimal.
    pub md5: String,
    /// MD5 of the sorted names `module.name` of function imports, joined by commas, as WASMShark computes it.
    /// Null without any, so that such modules are not all alike.
    pub imphash: Option<String>,
    /// TLSH, which is alike for files that are; absent for a file that is too short or too uniform for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tlsh: Option<String>,
    /// Shannon entropy in bits per byte.
    pub entropy: f64,
    /// Chi-square of the byte histogram against the uniform distribution.
    pub chi_square: f64,
    /// Entropy of consecutive windows of [`Self::window`] bytes, in bits per byte.
    pub windows: Vec<f32>,
    /// Size of a window in bytes; at least 1024, and so that there are at most 1024 of them.
    pub window: u64,
    /// Whether the sample was given in the text format and was translated. Offsets are those of the binary.
    pub from_text: bool,
}

impl File {
    /// Everything but the hash of imports.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let window = bytes.len().div_ceil(MAX_WINDOWS).max(LEAST_WINDOW);
        let histogram = Histogram::of(bytes);
        Self {
            size: bytes.len() as u64,
            sha256: crate::hex::hex(&Sha256::digest(bytes)),
            sha1: crate::hex::hex(&Sha1::digest(bytes)),
            md5: crate::hex::hex(&Md5::digest(bytes)),
            imphash: None,
            tlsh: tlsh::hash_buf(bytes).ok().map(|hash| hash.to_string()),
            entropy: histogram.entropy(),
            chi_square: histogram.chi_square(),
            windows: bytes.chunks(window).map(|window| Histogram::of(window).entropy() as f32).collect(),
            window: window as u64,
            from_text: false,
        }
    }
}

/// The hash of imports, if there are any.
pub(super) fn imphash(imports: &[ImportInfo]) -> Option<String> {
    let functions = imports.iter().filter(|import| import.kind == ExternKind::Function);
    let mut names: Vec<_> =
        functions.map(|import| crate::text::import_name(&import.module, &import.name)).collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| crate::hex::hex(&Md5::digest(names.join(","))))
}

/// Shannon entropy of `bytes` in bits per byte, rounded to six places; 0 without bytes.
pub fn entropy(bytes: &[u8]) -> f64 {
    Histogram::of(bytes).entropy()
}

/// How often each byte occurs.
pub(super) struct Histogram {
    counts: [u64; 256],
    len: u64,
}

impl Histogram {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut counts = [0; 256];
        for byte in bytes {
            counts[usize::from(*byte)] += 1;
        }
        Self { counts, len: bytes.len() as u64 }
    }

    /// Shannon entropy in bits per byte; 0 without bytes.
    pub(super) fn entropy(&self) -> f64 {
        let share = |count: &u64| *count as f64 / self.len as f64;
        let sum: f64 = self
            .counts
            .iter()
            .filter(|count| **count != 0)
            .map(share)
            .map(|share| share * share.log2())
            .sum();
        // Rounded, so that a report does not hang on the last bit of a logarithm; the negative of 0 would be
        // printed with a sign.
        (sum * 1e6).round().abs() / 1e6
    }

    /// Chi-square against the uniform distribution; 0 without bytes.
    pub(super) fn chi_square(&self) -> f64 {
        if self.len == 0 {
            return 0.0;
        }
        let expected = self.len as f64 / 256.0;
        self.counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_known_bytes() {
        let all: Vec<u8> = (0..=255).collect();
        for (bytes, entropy, chi_square) in [
            (&b""[..], 0.0, 0.0),
            (b"aaaa", 0.0, 4.0 * 255.0),
            (b"abab", 1.0, 508.0),
            (b"abcd", 2.0, 252.0),
            (&all, 8.0, 0.0),
        ] {
            let file = File::of(bytes);
            assert_eq!((file.entropy, file.chi_square), (entropy, chi_square), "{bytes:?}");
        }
        let file = File::of(b"abc");
        assert_eq!(file.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(file.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((file.window, file.windows.len()), (1024, 1));
        assert_eq!(file.tlsh, None);
        let alike = |last: u8| {
            let text: Vec<u8> = (0..2000u32).map(|at| (at * at % 251) as u8).chain([last]).collect();
            File::of(&text).tlsh.unwrap()
        };
        assert!(alike(1).starts_with("T1") && alike(1).len() == 72, "{}", alike(1));
        let apart = alike(1).bytes().zip(alike(2).bytes()).filter(|(one, other)| one != other).count();
        assert!(apart <= 6, "{apart} digits");
        let file = File::of(&vec![0; 3_000_000]);
        assert!(file.windows.len() <= MAX_WINDOWS && file.windows.iter().all(|entropy| *entropy == 0.0));
    }

    #[test]
    fn the_hash_of_imports_is_wasmsharks() {
        let import = |module: &str, name: &str, kind| ImportInfo {
            module: module.into(),
            name: name.into(),
            kind,
            ty: String::new(),
            func: None,
        };
        assert_eq!(imphash(&[]), None);
        let env = ["sha256_block", "randomx_hash", "keccak256", "difficulty_check", "submit_nonce"];
        let mut imports: Vec<_> = env.iter().map(|name| import("env", name, ExternKind::Function)).collect();
        imports.push(import("memory", "memory", ExternKind::Memory));
        // The figure that WASMShark gives for its sample with these imports.
        assert_eq!(imphash(&imports).as_deref(), Some("93673bcbdb40d03a171ff7f0fd3fbe74"));
    }
}
