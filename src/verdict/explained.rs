//! Functions that do little but mix bits and are no kernel of a proof of work: a checksum, a cipher.
//!
//! * A checksum looks up what it mixes in tables that are *linear*. The entry of `i xor j` is the xor of the
//!   entries of `i` and `j`, whatever the polynomial and however many bytes are taken at once. What is linear
//!   is solved and not searched.
//! * AES looks it up in tables that are known, or known ones rotated.
//! * ChaCha and Salsa20 have their constant and four rotations, SipHash its five and its constants; xxHash
//!   and the like have their primes.
//! * A known hash has all its constants, and rotates as it does and in no other way.
//!
//! A look-up has to stand behind all that is mixed, so that a table beside a kernel explains nothing.
//!
//! Costs one walk over the code of the function, and 256 words of data for each table that it names.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use wasmparser::{MemArg, Operator};

use super::operators::for_each_operator;
use crate::{
    module::{
        Module,
        view::{self, CryptoClass},
    },
    rules::Facts,
};

/// Words of a table that is looked up by a byte.
const ENTRIES: usize = 256;
/// The lowest address that is taken for one of a table.
const LOWEST: u64 = 64;
/// Windows that one look-up may be part of: the signatures overlap.
const WINDOWS_EACH: u64 = 3;
/// Signatures of what is looked up by a byte; the others are of additions and rotations.
const BY_TABLE: [&str; 3] = ["coinhive", "cryptoloot", "unknown1"];
/// Bits by which ChaCha rotates to the left, and Salsa20.
const CHACHA: [[u32; 4]; 2] = [[7, 8, 12, 16], [7, 9, 13, 18]];
/// Bits by which hashes rotate words of 32 bits to the left (FIPS 180-4, RFC 1321, RFC 7693).
const HASHES: [(&str, &[u32]); 6] = [
    ("SHA-256", &[7, 10, 13, 14, 15, 19, 21, 25, 26, 30]),
    ("SHA-224", &[7, 10, 13, 14, 15, 19, 21, 25, 26, 30]),
    ("SHA-1", &[1, 5, 30]),
    ("MD5", &[4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 16, 17, 20, 21, 22, 23]),
    ("BLAKE2", &[16, 20, 24, 25]),
    ("BLAKE3", &[16, 20, 24, 25]),
];
/// The same of words of 64 bits; Keccak's are in FIPS 202.
const WIDE_HASHES: [(&str, &[u32]); 4] = [
    ("SHA-512", &[3, 23, 25, 30, 36, 45, 46, 50, 56, 63]),
    ("SHA-384", &[3, 23, 25, 30, 36, 45, 46, 50, 56, 63]),
    ("BLAKE2", &[1, 32, 40, 48]),
    ("Keccak", &[1, 2, 3, 6, 8, 10, 14, 15, 18, 20, 21, 25, 27, 28, 36, 39, 41, 43, 44, 45, 55, 56, 61, 62]),
];
/// Rotations by whole bytes swap bytes.
const SWAPS: u64 = 0x0101_0101_0101_0101;
/// Bits by which SipHash does, which hash maps of Rust use.
const SIPHASH: [u32; 5] = [13, 16, 17, 21, 32];

pub(super) type Table = [u32; ENTRIES];

/// What a function looks up, and by how much it rotates.
#[derive(Debug, Default)]
struct Uses {
    /// Look-ups by the address of the table.
    lookups: BTreeMap<u64, u64>,
    constants: BTreeSet<u64>,
    rotations: BTreeSet<u32>,
    /// By how much it rotates words of 64 bits.
    wide_rotations: BTreeSet<u32>,
    xors: u64,
    /// Multiplications.
    products: u64,
}

/// Whether it is known what a function mixes bits for, and it is no proof of work. `aes` are the tables of
/// AES in the data, looked up once.
pub(super) fn is_explained(
    facts: &Facts<'_>,
    aes: &OnceCell<Vec<Table>>,
    module: &Module,
    function: &view::Function,
) -> bool {
    let windows: u64 = function.signatures.values().map(|&windows| u64::from(windows)).sum();
    let only = |names: &[&str]| function.signatures.keys().all(|name| names.contains(&name.as_str()));
    let (by_table, by_rotation) = (only(&BY_TABLE), only(&["arx32"]));
    let uses = Uses::of(module, function);
    if is_siphash(facts, &uses)
        || is_checksum(facts, function, &uses)
        || by_rotation && is_chacha(facts, &uses)
    {
        return true;
    }
    // A value that is multiplied or rotated besides is no sum of entries any more.
    if !by_table || uses.products * 2 > uses.lookups.values().sum::<u64>() {
        return false;
    }
    let known = aes.get_or_init(|| aes_tables(facts));
    let is_known = |address: u64| {
        table_at(facts, address).is_some_and(|table| is_linear(&table) || is_rotated(&table, known))
    };
    let lookups: u64 =
        uses.lookups.iter().filter(|(address, _)| is_known(**address)).map(|(_, count)| count).sum();
    lookups > 0 && lookups * WINDOWS_EACH >= windows && lookups * 2 >= uses.xors
}

/// The known hash whose constants a function holds, or takes from the data.
pub(super) fn known_hash<'f>(
    facts: &Facts<'f>,
    module: &Module,
    function: &view::Function,
) -> Option<&'f str> {
    let is_whole =
        |found: &&view::CryptoConstant| found.class == CryptoClass::Hash && found.found == found.of;
    let mut whole = facts.view.crypto.iter().filter(is_whole).peekable();
    whole.peek()?;
    let uses = Uses::of(module, function);
    let is_named = |address: u64| uses.constants.contains(&address) || uses.lookups.contains_key(&address);
    let found =
        whole.find(|found| found.func == Some(function.index) || found.address.is_some_and(is_named))?;
    Some(&found.algorithm)
}

/// Whether a function rotates as a known hash does, and in no other way.
pub(super) fn rotates_as(algorithm: &str, module: &Module, function: &view::Function) -> bool {
    Rotations::of(module, function).fit(algorithm)
}

/// By how many bits code rotates words of 32 bits to the left, and words of 64: a bit for each.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Rotations {
    narrow: u64,
    wide: u64,
}

impl Rotations {
    pub(super) fn of(module: &Module, function: &view::Function) -> Self {
        let uses = Uses::of(module, function);
        Self { narrow: mask(&uses.rotations), wide: mask(&uses.wide_rotations) }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { narrow: self.narrow | other.narrow, wide: self.wide | other.wide }
    }

    /// Whether two or more are those of a hash, and none is another.
    pub(super) fn fit(self, algorithm: &str) -> bool {
        let [narrow, wide] = Self::known(algorithm);
        let others = self.narrow & !narrow | self.wide & !wide;
        let fitting = (self.narrow & narrow).count_ones() + (self.wide & wide).count_ones();
        others & !SWAPS == 0 && fitting >= 2
    }

    /// Whether half of what a hash does is among them.
    pub(super) fn are_half(self, algorithm: &str) -> bool {
        let [narrow, wide] = Self::known(algorithm);
        let is_half = |has: u64, of: u64| of != 0 && 2 * (has & of).count_ones() >= of.count_ones();
        is_half(self.narrow, narrow) || is_half(self.wide, wide)
    }

    fn known(algorithm: &str) -> [u64; 2] {
        let of = |hashes: &[(&str, &[u32])]| {
            hashes.iter().find(|(name, _)| *name == algorithm).map_or(0, |(_, bits)| mask(*bits))
        };
        [of(&HASHES), of(&WIDE_HASHES)]
    }
}

fn mask<'b>(bits: impl IntoIterator<Item = &'b u32>) -> u64 {
    bits.into_iter().fold(0, |mask, bits| mask | 1_u64.wrapping_shl(*bits))
}

impl Uses {
    fn of(module: &Module, function: &view::Function) -> Self {
        let mut uses = Self::default();
        // The constant before, and the one that was added last.
        let (mut constant, mut base, mut wide) = (None, None, None);
        for_each_operator(module, function.index, |_, operator| {
            let (last, added, wide_last) = (constant.take(), base.take(), wide.take());
            match *operator {
                Operator::I32Const { value } => {
                    constant = Some(u64::from(value as u32));
                    uses.constants.insert(u64::from(value as u32));
                }
                Operator::I32Add => base = last,
                Operator::I32Load { memarg: MemArg { offset, .. } } => {
                    let table = added.unwrap_or(0).saturating_add(offset);
                    if table >= LOWEST {
                        *uses.lookups.entry(table).or_default() += 1;
                    }
                }
                Operator::I32Rotl => _ = uses.rotations.insert(last.map_or(0, |by| by as u32 % 32)),
                Operator::I32Rotr => {
                    _ = uses.rotations.insert(last.map_or(0, |by| (32 - by as u32 % 32) % 32))
                }
                Operator::I64Rotl => {
                    _ = uses.wide_rotations.insert(wide_last.map_or(0, |by: i64| by as u32 % 64))
                }
                Operator::I64Rotr => {
                    let by = wide_last.map_or(0, |by: i64| (64 - by as u32 % 64) % 64);
                    _ = uses.wide_rotations.insert(by);
                }
                Operator::I64Const { value } => wide = Some(value),
                Operator::I32Xor | Operator::I64Xor => uses.xors += 1,
                Operator::I32Mul | Operator::I64Mul => uses.products += 1,
                _ => {}
            }
        });
        uses
    }
}

/// Whether it rotates as ChaCha or Salsa20 does, and their constant is in the file.
fn is_chacha(facts: &Facts<'_>, uses: &Uses) -> bool {
    let has_constant = || facts.view.crypto.iter().any(|found| found.algorithm.contains("ChaCha"));
    CHACHA.iter().any(|bits| uses.rotations.iter().eq(bits)) && has_constant()
}

/// Whether it holds the constants of a checksum that is computed without tables, all but one at least. It
/// must multiply as often as it mixes: constants beside a kernel explain nothing.
fn is_checksum(facts: &Facts<'_>, function: &view::Function, uses: &Uses) -> bool {
    let multiplies = uses.products * 2 >= uses.xors;
    multiplies
        && facts.view.crypto.iter().any(|found| {
            found.func == Some(function.index)
                && found.class == CryptoClass::Checksum
                && found.of > 1
                && found.found + 1 >= found.of
        })
}

/// Whether it rotates as SipHash does and in no other way, and the constants of SipHash are in the file.
fn is_siphash(facts: &Facts<'_>, uses: &Uses) -> bool {
    let is_there = || facts.view.crypto.iter().any(|found| found.algorithm == "SipHash");
    uses.rotations.is_empty() && uses.wide_rotations.iter().eq(&SIPHASH) && is_there()
}

/// The words that lie at an address before anything runs, if any do. A byte that no segment covers is zero,
/// and tools leave such bytes out.
fn table_at(facts: &Facts<'_>, address: u64) -> Option<Table> {
    let mut bytes = [0; 4 * ENTRIES];
    let is_there = facts.view.copy_data(facts.wasm, address, &mut bytes);
    let (words, _) = bytes.as_chunks::<4>();
    let mut table = [0; ENTRIES];
    table.iter_mut().zip(words).for_each(|(entry, word)| *entry = u32::from_le_bytes(*word));
    is_there.then_some(table)
}

/// Whether the entries of all sums are the sums of the entries, and none but the first is zero.
fn is_linear(table: &Table) -> bool {
    let of = |index: usize| table.get(index).copied().unwrap_or(0);
    of(0) == 0
        && (1..ENTRIES).all(|index| {
            let rest = index & (index - 1);
            of(index) != 0 && of(index) == of(rest) ^ of(index - rest)
        })
}

/// The tables of AES that were found in the data.
fn aes_tables(facts: &Facts<'_>) -> Vec<Table> {
    let found = facts.view.crypto.iter();
    let whole = found.filter(|found| found.algorithm == "AES" && found.found as usize == ENTRIES);
    whole.filter_map(|found| table_at(facts, found.address?)).collect()
}

/// Whether a table is one of these, its words rotated by some bytes.
fn is_rotated(table: &Table, known: &[Table]) -> bool {
    known.iter().any(|known| {
        let is_by = |bits: u32| table.iter().zip(known).all(|(word, known)| *word == known.rotate_left(bits));
        [0, 8, 16, 24].into_iter().any(is_by)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of a polynomial, with its byte number `slice` from the end.
    fn crc(polynomial: u32, slice: usize) -> Table {
        let step = |mut word: u32| {
            for _ in 0..8 {
                word = if word & 1 == 1 { word >> 1 ^ polynomial } else { word >> 1 };
            }
            word
        };
        std::array::from_fn(|byte| (0..=slice).fold(byte as u32, |word, _| step(word)))
    }

    #[test]
    fn tables_of_checksums_are_linear_and_others_are_not() {
        for polynomial in [0xedb8_8320, 0x82f6_3b78] {
            for slice in 0..8 {
                assert!(is_linear(&crc(polynomial, slice)), "{polynomial:x} {slice}");
            }
        }
        let mut broken = crc(0xedb8_8320, 0);
        broken[200] ^= 1;
        assert!(!is_linear(&broken) && !is_linear(&[0; ENTRIES]));
        let squares: Table = std::array::from_fn(|index| (index * index) as u32);
        assert!(!is_linear(&squares));
        let rotated = squares.map(|word| word.rotate_left(16));
        assert!(is_rotated(&rotated, &[broken, squares]) && !is_rotated(&rotated, &[broken]));
    }
}
