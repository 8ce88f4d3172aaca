//! Windows of five numeric opcodes in a basic block that betray the kernel of a hash function.
//!
//! Windows are looked for as MineThrottle (WWW 2020) does: a window slides over the numeric instructions of a
//! block. Loads, stores, locals, constants and whatever else does not compute are passed over; control
//! instructions empty it. Its signatures are *coinhive*, *cryptoloot* and *unknown1* (its fourth fires on
//! memory allocators and is left out). They stem from compilers that had no rotation; the others here find
//! what compilers make today:
//!
//! | signature | window of | found in |
//! |---|---|---|
//! | `arx32` | i32 additions, xors and rotations in turn | ChaCha, Salsa, BLAKE-256, BLAKE2s, BLAKE3 |
//! | `arx64` | the same on i64 | BLAKE-512, BLAKE2b (Equihash, Argon2, RandomX), Skein |
//! | `sha2_32` | three i32 rotations or shifts, xored | SHA-256 |
//! | `sha2_64` | the same on i64 | SHA-512 |
//! | `keccak` | i64 `a ^ (~b & c)` again and again | Keccak, SHA-3, CryptoNight's state |
//!
//! None of these alone is a miner: hash libraries have them too, and constant-time swaps of elliptic curves
//! look like `keccak`. Only how often they run counts, and which come together: software AES (`coinhive`)
//! with `keccak` is CryptoNight.

use std::sync::LazyLock;

use super::{Op, Opcode, classes::Mix};

/// Names of the signatures, in the order of [`windows`].
pub const SIGNATURES: [&str; 8] =
    ["coinhive", "cryptoloot", "unknown1", "arx32", "arx64", "sha2_32", "sha2_64", "keccak"];

/// Number of signatures.
pub const COUNT: usize = SIGNATURES.len();

/// Signature, type, window. `rot` is a rotation in either direction, `not` a xor with what may be -1.
const WINDOWS: &[(usize, &str, [&str; 5])] = &[
    (0, "i32", ["and", "shl", "add", "xor", "shr_u"]),
    (0, "i32", ["shr_u", "and", "shl", "add", "xor"]),
    (0, "i32", ["xor", "shr_u", "and", "shl", "add"]),
    (1, "i32", ["shl", "add", "xor", "shl", "add"]),
    (1, "i32", ["add", "xor", "shl", "add", "xor"]),
    (1, "i32", ["xor", "shl", "add", "xor", "shl"]),
    (2, "i32", ["shl", "add", "and", "shl", "add"]),
    (2, "i32", ["shl", "add", "xor", "xor", "xor"]),
    (2, "i32", ["add", "xor", "xor", "xor", "xor"]),
    (3, "i32", ["add", "xor", "rot", "add", "xor"]),
    (3, "i32", ["xor", "rot", "add", "xor", "rot"]),
    (3, "i32", ["rot", "add", "xor", "rot", "add"]),
    (4, "i64", ["add", "xor", "rot", "add", "xor"]),
    (4, "i64", ["xor", "rot", "add", "xor", "rot"]),
    (4, "i64", ["rot", "add", "xor", "rot", "add"]),
    (5, "i32", ["rot", "rot", "xor", "rot", "xor"]),
    (5, "i32", ["rot", "rot", "xor", "shr_u", "xor"]),
    (6, "i64", ["rot", "rot", "xor", "rot", "xor"]),
    (6, "i64", ["rot", "rot", "xor", "shr_u", "xor"]),
    (7, "i64", ["xor", "and", "xor", "xor", "and"]),
    (7, "i64", ["and", "xor", "xor", "and", "xor"]),
    (7, "i64", ["xor", "xor", "and", "xor", "xor"]),
];

/// Bits of an opcode in a window.
const WIDTH: u32 = 4;
/// The bits of five opcodes.
const MASK: u32 = (1 << (5 * WIDTH)) - 1;
/// An opcode that computes and is in no window.
const OTHER: u32 = 0;
/// An opcode that is passed over.
const PASSED: u8 = 0xfe;
/// An opcode that empties the window.
const EMPTIES: u8 = 0xff;

/// The opcodes in windows: type and action; their numbers are positions plus 1.
const ALPHABET: &[(&str, &str)] = &[
    ("i32", "add"),
    ("i32", "and"),
    ("i32", "rot"),
    ("i32", "shl"),
    ("i32", "shr_u"),
    ("i32", "xor"),
    ("i64", "add"),
    ("i64", "and"),
    ("i64", "rot"),
    ("i64", "shr_u"),
    ("i64", "xor"),
];

/// The number of each opcode in a window.
static LETTERS: LazyLock<Box<[u8]>> =
    LazyLock::new(|| Opcode::ALL.iter().map(|&opcode| letter(opcode)).collect());

/// The windows, packed, with their signature, ascending.
static PACKED: LazyLock<Box<[(u32, usize)]>> = LazyLock::new(|| {
    let pack = |ty: &str, window: &[&str; 5]| {
        window.iter().fold(0, |packed, action| packed << WIDTH | number(ty, action))
    };
    let mut packed: Box<[_]> =
        WINDOWS.iter().map(|(signature, ty, window)| (pack(ty, window), *signature)).collect();
    packed.sort_unstable();
    packed
});

/// The windows in `ops`, the instructions of one basic block or its beginning: how many each signature has,
/// in the order of [`SIGNATURES`].
pub fn windows(ops: &[Op]) -> [u32; COUNT] {
    let (letters, packed) = (&*LETTERS, &*PACKED);
    let mut found = [0; COUNT];
    let mut window = 0;
    for op in ops {
        window = match letters.get(op.opcode as usize).copied().unwrap_or(PASSED) {
            PASSED => continue,
            EMPTIES => 0,
            letter => (window << WIDTH | u32::from(letter)) & MASK,
        };
        if window >> (4 * WIDTH) != 0
            && let Ok(position) = packed.binary_search_by_key(&window, |(window, _)| *window)
        {
            found[packed[position].1] += 1;
        }
    }
    found
}

fn letter(opcode: Opcode) -> u8 {
    let mix = opcode.mix();
    let computes =
        [Mix::xor, Mix::rotate, Mix::shift, Mix::logic, Mix::arithmetic, Mix::compare, Mix::convert];
    if mix.is_any(Mix::control) {
        return EMPTIES;
    }
    if !mix.is_any(computes.into_iter().fold(Mix::default(), Mix::and)) || mix.is_any(Mix::load) {
        return PASSED;
    }
    let (ty, action) = opcode.mnemonic().split_once('.').unwrap_or_default();
    let action = if mix.is_any(Mix::rotate) { "rot" } else { action };
    number(ty, action) as u8
}

/// The number of an opcode that computes.
fn number(ty: &str, action: &str) -> u32 {
    ALPHABET.iter().position(|letter| *letter == (ty, action)).map_or(OTHER, |position| position as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::CodeOffset;

    fn ops(mnemonics: &str) -> Vec<Op> {
        let op = |name| Op {
            offset: CodeOffset(0),
            opcode: Opcode::from_mnemonic(name).unwrap_or_else(|| panic!("{name}")),
        };
        mnemonics.split_whitespace().map(op).collect()
    }

    fn found(mnemonics: &str) -> Vec<(&'static str, u32)> {
        SIGNATURES.into_iter().zip(windows(&ops(mnemonics))).filter(|(_, n)| *n != 0).collect()
    }

    #[test]
    fn every_window_is_found_by_its_signature() {
        for (signature, ty, window) in WINDOWS {
            let text = window.map(|action| format!("{ty}.{}", action.replace("rot", "rotl"))).join(" ");
            assert_eq!(found(&text), [(SIGNATURES[*signature], 1)], "{text}");
            let letters: Vec<_> = window.iter().map(|action| number(ty, action)).collect();
            assert!(!letters.contains(&OTHER), "{text}");
        }
        let mut windows: Vec<_> = PACKED.iter().map(|(window, _)| window).collect();
        windows.dedup();
        assert_eq!(windows.len(), WINDOWS.len(), "no window belongs to two signatures");
        assert!(ALPHABET.len() < 1 << WIDTH);
    }

    #[test]
    fn what_does_not_compute_is_passed_over() {
        let text = "local.get i32.const i32.and i32.const i32.shl i32.const i32.add i32.load local.tee i32.xor nop drop i32.store i32.shr_u";
        assert_eq!(found(text), [("coinhive", 1)]);
    }

    #[test]
    fn what_computes_otherwise_breaks_a_window() {
        for other in ["i64.add", "i32.eqz", "f32.add", "i32.extend8_s", "i64x2.add", "i32.rotl"] {
            assert_eq!(found(&format!("i32.and i32.shl {other} i32.add i32.xor i32.shr_u")), [], "{other}");
        }
    }

    #[test]
    fn control_empties_the_window() {
        for control in ["block", "loop", "if", "br_if", "call", "return"] {
            assert_eq!(
                found(&format!("i32.and i32.shl i32.add i32.xor {control} i32.shr_u")),
                [],
                "{control}"
            );
        }
        assert_eq!(found("block i32.and i32.shl i32.add i32.xor i32.shr_u"), [("coinhive", 1)]);
    }

    #[test]
    fn windows_overlap() {
        let round = "i32.xor i32.shr_u i32.and i32.shl i32.add ";
        // Ten opcodes have six windows; two of them, `shl add xor …` and `add xor …`, are in no signature.
        assert_eq!(found(&round.repeat(2)), [("coinhive", 4)]);
        assert_eq!(found(&"i32.add i32.xor i32.rotl ".repeat(3)), [("arx32", 5)]);
        assert_eq!(found("i64.add i64.xor i64.rotr i64.add i64.xor"), [("arx64", 1)]);
        assert_eq!(found("i32.add i32.xor i32.shl i32.add"), []);
    }
}
