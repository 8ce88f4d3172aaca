use std::collections::HashSet;

use super::{table::Constant, *};
use crate::module::view::View;

fn constant(name: &str) -> &'static Constant {
    Index::builtin()
        .constants
        .iter()
        .find(|constant| constant.name == name)
        .unwrap_or_else(|| panic!("{name}"))
}

fn words(name: &str) -> &'static [u64] {
    &constant(name).words
}

/// Product of numbers in limbs of 32 bits, the lowest first.
fn product(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut result = vec![0u32; a.len() + b.len()];
    for (i, &x) in a.iter().enumerate() {
        let mut carry = 0u64;
        for (j, &y) in b.iter().chain(std::iter::repeat_n(&0, result.len() - i - b.len())).enumerate() {
            let sum = u64::from(result[i + j]) + u64::from(x) * u64::from(y) + carry;
            result[i + j] = sum as u32;
            carry = sum >> 32;
        }
    }
    while result.last() == Some(&0) {
        result.pop();
    }
    result
}

/// The first `bits` bits behind the point of the root of `radicand` of this degree: the greatest x with
/// x^degree <= radicand · 2^(bits · degree).
fn root_fraction(radicand: u32, degree: usize, bits: usize) -> u64 {
    let mut scaled = vec![0; bits * degree / 32];
    scaled.push(radicand);
    let mut root = 0u128;
    for bit in (0..bits + 6).rev() {
        let next = root | 1 << bit;
        let limbs: Vec<u32> = (0..4).map(|limb| (next >> (32 * limb)) as u32).collect();
        let power = (1..degree).fold(limbs.clone(), |power, _| product(&power, &limbs));
        let is_less = power.len() < scaled.len()
            || power.len() == scaled.len() && power.iter().rev().le(scaled.iter().rev());
        if is_less {
            root = next;
        }
    }
    (root & ((1u128 << bits) - 1)) as u64
}

fn primes(n: usize) -> Vec<u32> {
    (2u32..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).take(n).collect()
}

/// Multiplication in the field of AES.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut result = 0;
    while b != 0 {
        result ^= if b & 1 != 0 { a } else { 0 };
        a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
        b >>= 1;
    }
    result
}

fn s_box() -> Vec<u8> {
    let inverse = |a: u8| (0..=255).find(|b| multiply(a, *b) == 1).unwrap_or(0);
    (0..=255).map(inverse).map(|b: u8| (1..5).fold(b ^ 0x63, |sum, turn| sum ^ b.rotate_left(turn))).collect()
}

fn columns(bytes: &[u8], factors: &[u8]) -> Vec<u64> {
    let column =
        |byte: &u8| factors.iter().fold(0, |word, factor| word << 8 | u64::from(multiply(*byte, *factor)));
    bytes.iter().map(column).collect()
}

#[test]
fn tables_follow_from_their_rules() {
    let fractions = |primes: &[u32], degree, bits| {
        primes.iter().map(|prime| root_fraction(*prime, degree, bits)).collect::<Vec<_>>()
    };
    let primes = primes(80);
    assert_eq!(words("SHA-256 initial hash value"), fractions(&primes[..8], 2, 32));
    assert_eq!(words("SHA-256 round constants"), fractions(&primes[..64], 3, 32));
    assert_eq!(words("SHA-512 initial hash value"), fractions(&primes[..8], 2, 64));
    assert_eq!(words("SHA-512 round constants"), fractions(&primes, 3, 64));
    assert_eq!(words("SHA-384 initial hash value"), fractions(&primes[8..16], 2, 64));
    let low: Vec<_> = fractions(&primes[8..16], 2, 64).iter().map(|word| word & 0xffff_ffff).collect();
    assert_eq!(words("SHA-224 initial hash value"), low);
    let sines: Vec<_> = (1..=64).map(|n| (f64::from(n).sin().abs() * 2f64.powi(32)) as u64).collect();
    assert_eq!(words("MD5 table of sines"), sines);
    let root = |n: u32| ((f64::from(n).sqrt() as u64) << 32 | root_fraction(n, 2, 32)) >> 2;
    let roots = [2, 3, 5, 10].map(root);
    assert_eq!(words("SHA-1 round constants"), roots);
}

#[test]
fn tables_of_aes_and_groestl() {
    let s_box = s_box();
    let mut inverse = vec![0u8; 256];
    for (input, output) in s_box.iter().enumerate() {
        inverse[usize::from(*output)] = input as u8;
    }
    let wide = |bytes: &[u8]| bytes.iter().copied().map(u64::from).collect::<Vec<_>>();
    assert_eq!(words("AES S-box"), wide(&s_box));
    assert_eq!(words("AES inverse S-box"), wide(&inverse));
    assert_eq!(words("AES T-table"), columns(&s_box, &[2, 1, 1, 3]));
    assert_eq!(words("AES inverse T-table"), columns(&inverse, &[14, 9, 13, 11]));
    assert_eq!(words("Groestl T-table"), columns(&s_box, &[2, 7, 5, 3, 5, 4, 3, 2]));
    let powers: Vec<_> =
        std::iter::successors(Some(1u8), |power| Some(multiply(*power, 2))).take(10).map(u64::from).collect();
    assert_eq!(words("AES round constants"), powers);
}

#[test]
fn tables_of_keccak() {
    let (mut state, mut constants) = (1u8, Vec::new());
    for _ in 0..24 {
        let mut word = 0u64;
        for power in 0..7 {
            word |= u64::from(state & 1) << ((1u32 << power) - 1);
            state = state << 1 ^ if state & 0x80 != 0 { 0x71 } else { 0 };
        }
        constants.push(word);
    }
    assert_eq!(words("Keccak round constants"), constants);
    let (mut x, mut y, mut offsets, mut lanes) = (1, 0, Vec::new(), Vec::new());
    for t in 0..24u64 {
        offsets.push((t + 1) * (t + 2) / 2 % 64);
        (x, y) = (y, (2 * x + 3 * y) % 5);
        lanes.push(x + 5 * y);
    }
    assert_eq!((words("Keccak rotation offsets"), words("Keccak lane order")), (&offsets[..], &lanes[..]));
}

#[test]
fn tables_of_checksums() {
    let reflected = |polynomial: u64| {
        let step = |crc: u64, _| crc >> 1 ^ if crc & 1 != 0 { polynomial } else { 0 };
        (0..256).map(|byte| (0..8).fold(byte, step)).collect::<Vec<u64>>()
    };
    assert_eq!(words("CRC-32 table, reflected"), reflected(words("CRC-32 polynomial, reflected")[0]));
    assert_eq!(
        words("CRC-32C table, reflected"),
        &reflected(words("CRC-32C polynomial, reflected")[0])[..64]
    );
    let polynomial = words("CRC-32 polynomial")[0];
    let step = |crc: u64, _| (crc << 1 ^ if crc & 0x8000_0000 != 0 { polynomial } else { 0 }) & 0xffff_ffff;
    assert_eq!(
        words("CRC-32 table"),
        (0..256).map(|byte: u64| (0..8).fold(byte << 24, step)).collect::<Vec<_>>()
    );
    assert_eq!(words("CRC-32 polynomial")[0].reverse_bits() >> 32, words("CRC-32 polynomial, reflected")[0]);
    assert_eq!(words("negated golden ratio")[0], u64::from((words("golden ratio")[0] as u32).wrapping_neg()));
}

/// Threefish-512 with the round constants of Skein 1.3.
fn threefish(key: [u64; 8], tweak: [u64; 2], block: [u64; 8]) -> [u64; 8] {
    const ROTATIONS: [[u32; 4]; 8] = [
        [46, 36, 19, 37],
        [33, 27, 14, 42],
        [17, 49, 36, 39],
        [44, 9, 54, 56],
        [39, 30, 34, 24],
        [13, 50, 10, 17],
        [25, 29, 39, 43],
        [8, 35, 56, 22],
    ];
    let mut keys = key.to_vec();
    keys.push(key.iter().fold(words("Threefish key schedule constant")[0], |all, word| all ^ word));
    let tweaks = [tweak[0], tweak[1], tweak[0] ^ tweak[1]];
    let add_key = |state: &mut [u64; 8], s: usize| {
        for (i, word) in state.iter_mut().enumerate() {
            let tweak = if i == 5 {
                tweaks[s % 3]
            } else if i == 6 {
                tweaks[(s + 1) % 3]
            } else {
                0
            };
            let counter = if i == 7 { s as u64 } else { 0 };
            *word = word.wrapping_add(keys[(s + i) % 9]).wrapping_add(tweak).wrapping_add(counter);
        }
    };
    let mut state = block;
    for round in 0..72 {
        if round % 4 == 0 {
            add_key(&mut state, round / 4);
        }
        for pair in 0..4 {
            state[2 * pair] = state[2 * pair].wrapping_add(state[2 * pair + 1]);
            state[2 * pair + 1] =
                state[2 * pair + 1].rotate_left(ROTATIONS[round % 8][pair]) ^ state[2 * pair];
        }
        state = [2, 1, 4, 7, 6, 5, 0, 3].map(|from: usize| state[from]);
    }
    add_key(&mut state, 18);
    state
}

#[test]
fn initial_values_of_skein() {
    for bits in [256, 512] {
        let config = [0x1_3341_4853, bits, 0, 0, 0, 0, 0, 0];
        let cipher = threefish([0; 8], [32, 0xc4 << 56], config);
        let expected: Vec<_> = cipher.iter().zip(config).map(|(word, config)| word ^ config).collect();
        assert_eq!(words(&format!("Skein-512-{bits} initial hash value")), expected);
    }
}

/// One round of JH's permutation (or, over 64 nibbles, of its round constants).
fn jh_round(state: &[u8], constants: impl Fn(usize) -> usize) -> Vec<u8> {
    const S: [[u8; 16]; 2] = [
        [9, 0, 4, 11, 13, 12, 3, 15, 1, 10, 2, 6, 7, 5, 8, 14],
        [3, 12, 6, 13, 5, 7, 1, 9, 15, 2, 0, 4, 11, 10, 14, 8],
    ];
    let mut mixed: Vec<u8> =
        state.iter().enumerate().map(|(i, nibble)| S[constants(i)][usize::from(*nibble)]).collect();
    let double = |a: u8| (a << 1 ^ a >> 3 ^ a >> 2 & 2) & 15;
    for pair in mixed.chunks_exact_mut(2) {
        pair[1] ^= double(pair[0]);
        pair[0] ^= double(pair[1]);
    }
    for four in mixed.chunks_exact_mut(4) {
        four.swap(2, 3);
    }
    let (even, odd) = (mixed.iter().step_by(2), mixed.iter().skip(1).step_by(2));
    let mut result: Vec<u8> = even.chain(odd).copied().collect();
    let half = result.len() / 2;
    for pair in result[half..].chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    result
}

#[test]
fn initial_values_of_jh() {
    let seed = "6a09e667f3bcc908b2fb1366ea957d3e3adec17512775099da2f590b0667322a";
    let mut constants =
        vec![seed.chars().map(|c| c.to_digit(16).expect("hexadecimal") as u8).collect::<Vec<_>>()];
    for round in 0..41 {
        constants.push(jh_round(&constants[round], |_| 0));
    }
    for bits in [256u16, 512] {
        let bit = |i: usize| if i < 16 { (bits >> (15 - i) & 1) as u8 } else { 0 };
        let grouped: Vec<u8> =
            (0..256).map(|i| bit(i) << 3 | bit(i + 256) << 2 | bit(i + 512) << 1 | bit(i + 768)).collect();
        let mut state: Vec<u8> = (0..128).flat_map(|i| [grouped[i], grouped[i + 128]]).collect();
        for round in &constants {
            state = jh_round(&state, |i| usize::from(round[i / 4] >> (3 - i % 4) & 1));
        }
        let nibble = |i: usize| state[2 * (i % 128) + i / 128];
        let bytes: Vec<u64> = (0..128)
            .map(|byte| {
                (0..8).fold(0, |value, low| {
                    value << 1 | u64::from(nibble((8 * byte + low) % 256) >> (3 - byte / 32) & 1)
                })
            })
            .collect();
        assert_eq!(words(&format!("JH-{bits} initial hash value")), bytes);
    }
}

#[test]
fn texts_and_digits() {
    let sigma =
        |name: &str| words(name).iter().flat_map(|word| (*word as u32).to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(sigma("ChaCha20 and Salsa20 constants (256-bit key)"), b"expand 32-byte k");
    assert_eq!(sigma("ChaCha20 and Salsa20 constants (128-bit key)"), b"expand 16-byte k");
    assert_eq!(sigma("Equihash personalization in words"), b"ZcashPoW");
    let sip: Vec<_> = words("SipHash constants").iter().flat_map(|word| word.to_be_bytes()).collect();
    assert_eq!(sip, b"somepseudorandomlygeneratedbytes");
    for row in words("BLAKE2 permutations").chunks(16) {
        assert_eq!(row.iter().collect::<HashSet<_>>().len(), 16);
    }
    // Machin's formula with 32 more bits than are asked for; the first 18 words are the P-array, the next
    // belong to the S-box.
    let limbs = 18 + 16 + 2;
    let divide = |number: &mut Vec<u32>, by: u64| {
        let mut rest = 0u64;
        for limb in number.iter_mut().rev() {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / by) as u32;
            rest = value % by;
        }
    };
    let mut pi = vec![0i64; limbs + 1];
    for (factor, of) in [(16, 5u64), (-4, 239)] {
        let mut power = vec![0u32; limbs + 1];
        power[limbs] = 1;
        divide(&mut power, of);
        for k in 0.. {
            let mut term = power.clone();
            divide(&mut term, 2 * k + 1);
            if power.iter().all(|limb| *limb == 0) {
                break;
            }
            let sign = if k % 2 == 0 { factor } else { -factor };
            pi.iter_mut().zip(&term).for_each(|(sum, limb)| *sum += sign * i64::from(*limb));
            divide(&mut power, of * of);
        }
    }
    let mut carry = 0;
    for limb in &mut pi {
        let sum = *limb + carry;
        (*limb, carry) = (sum & 0xffff_ffff, sum >> 32);
    }
    let digits: Vec<_> = pi.iter().rev().skip(1).map(|limb| *limb as u64).collect();
    assert_eq!((words("digits of pi"), words("Blowfish S-box")), (&digits[..18], &digits[18..34]));
}

#[test]
fn the_file_is_in_order() {
    let constants = &Index::builtin().constants;
    assert!(constants.len() > 50);
    let names: HashSet<_> = constants.iter().map(|constant| &constant.name).collect();
    assert_eq!(names.len(), constants.len(), "names are unique");
    for constant in constants {
        let counted = constant.words.iter().filter(|word| **word >= LEAST_WORD).count() as u32;
        assert!(
            constant.code.is_none_or(|least| least > 0 && least <= counted && constant.width > 1),
            "{}",
            constant.name
        );
        assert!(
            constant.data.is_none_or(|least| least as usize <= constant.words.len()),
            "{}",
            constant.name
        );
        let least = constant.data.map_or(usize::MAX, |least| least as usize);
        let is_whole = least == constant.words.len() && least * constant.width >= 8;
        assert!(
            is_whole || least.saturating_mul(constant.width) >= 15,
            "{}: an anchor must lie in every match",
            constant.name
        );
    }
    for (text, reason) in [
        (
            "[[constant]]\nname = 'a'\nalgorithm = 'a'\nclass = 'hash'\nwidth = 32\nwords = '123456789'\ncode = 1",
            "wider",
        ),
        (
            "[[constant]]\nname = 'a'\nalgorithm = 'a'\nclass = 'hash'\nwidth = 16\nwords = '1'\ncode = 1",
            "either",
        ),
        (
            "[[constant]]\nname = 'a'\nalgorithm = 'a'\nclass = 'hash'\nwidth = 8\nwords = '1'",
            "`code` or `data`",
        ),
        ("[[constant]]\nname = 'a'\nalgorithm = 'a'\nclass = 'hash'\ntext = 'x'\ncodes = 1", "unknown field"),
    ] {
        let error = Index::parse(text).expect_err(text);
        assert!(error.contains(reason), "{error}");
    }
}

fn view(text: &str) -> View {
    View::of(&wat::parse_str(text).expect("well formed"))
}

fn found(view: &View) -> Vec<(&str, &str, u32)> {
    view.crypto.iter().map(|constant| (&*constant.name, &*constant.place, constant.found)).collect()
}

fn data(bytes: impl IntoIterator<Item = u8>) -> String {
    let escaped: String = bytes.into_iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(module (memory 1) (data (i32.const 64) "abc{escaped}xyz"))"#)
}

#[test]
fn immediates_are_found_in_one_function() {
    let code =
        |words: &[u64]| words.iter().map(|word| format!("(drop (i32.const {word:#x}))")).collect::<String>();
    let iv = words("SHA-256 initial hash value");
    let name = "SHA-256 initial hash value";
    let text = format!(
        "(module (func {}) (func nop {} nop))",
        code(&iv[..3]),
        code(&[iv[6], iv[0], iv[3], iv[0], iv[1]])
    );
    let found_in = view(&text);
    assert_eq!(found(&found_in), [(name, "code", 4)]);
    assert_eq!((found_in.crypto[0].func, found_in.crypto[0].sites.len()), (Some(FuncIndex(1)), 5));
    assert_eq!(found_in.crypto[0].offset, u64::from(found_in.crypto[0].sites[0].0));
    // Three in one function and three in another are no four in one.
    assert_eq!(found(&view(&format!("(module (func {}) (func {}))", code(&iv[..3]), code(&iv[3..6])))), []);
    // A word that must be among them.
    assert_eq!(found(&view(&format!("(module (func {}))", code(&[0x20_0000, 0x8_0000])))), []);
    assert_eq!(
        found(&view(&format!("(module (func {}))", code(&[0x1f_fff0, 0x8_0000])))),
        [("CryptoNight parameters", "code", 2)]
    );
    // Two words of 32 bits that are stored as one, and four in a vector.
    let pair = |i: usize| iv[i + 1] << 32 | iv[i];
    let text = format!("(module (func (drop (i64.const {:#x})) (drop (i64.const {:#x}))))", pair(0), pair(2));
    assert_eq!(found(&view(&text)), [(name, "code", 4)]);
    let lanes: String = iv[..4].iter().map(|word| format!(" {word:#x}")).collect();
    assert_eq!(
        found(&view(&format!("(module (func (drop (v128.const i32x4{lanes}))))"))),
        [(name, "code", 4)]
    );
    // A word of SHA-512 begins with one of SHA-256, and is none.
    let long: String = words("SHA-512 initial hash value")
        .iter()
        .map(|word| format!("(drop (i64.const {word:#x}))"))
        .collect();
    assert_eq!(found(&view(&format!("(module (func {long}))"))), [("SHA-512 initial hash value", "code", 8)]);
}

#[test]
fn tables_are_found_in_data() {
    let iv = words("SHA-256 initial hash value");
    let little: Vec<u8> = iv.iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
    let big: Vec<u8> = iv.iter().flat_map(|word| (*word as u32).to_be_bytes()).collect();
    let wide: Vec<u8> = iv.iter().flat_map(|word| word.to_le_bytes()).collect();
    for bytes in [&little, &big, &wide] {
        let view = view(&data(bytes.iter().copied()));
        assert_eq!(found(&view), [("SHA-256 initial hash value", "data", 8)]);
        assert_eq!((view.crypto[0].offset, view.crypto[0].address), (view.data[0].offset + 3, Some(67)));
    }
    // A part is found wherever it begins, and too short a part is not.
    assert_eq!(
        found(&view(&data(little[4..20].iter().copied()))),
        [("SHA-256 initial hash value", "data", 4)]
    );
    assert_eq!(found(&view(&data(little[4..16].iter().copied()))), []);
    for name in [
        "AES S-box",
        "AES inverse S-box",
        "JH-256 initial hash value",
        "BLAKE2 permutations",
        "Keccak rotation offsets",
    ] {
        let all = words(name).len() as u32;
        assert_eq!(found(&view(&data(words(name).iter().map(|word| *word as u8)))), [(name, "data", all)]);
        let wide = words(name).iter().flat_map(|word| (*word as u32).to_le_bytes());
        assert_eq!(found(&view(&data(wide))), [(name, "data", all)]);
    }
    for name in ["AES T-table", "CRC-32 table, reflected", "CRC-32 table"] {
        let bytes = words(name).iter().flat_map(|word| (*word as u32).to_le_bytes());
        assert_eq!(found(&view(&data(bytes))), [(name, "data", 256)]);
    }
    for (text, name) in [
        ("expand 32-byte k", "ChaCha20 and Salsa20 constants (256-bit key)"),
        ("ZcashPoW", "Equihash personalization"),
    ] {
        assert_eq!(found(&view(&data(text.bytes()))).first().map(|found| found.0), Some(name));
    }
}

/// WASMShark's only "hits" were four `nop`s; and raw words in code are no immediates.
#[test]
fn code_bytes_are_no_constants() {
    let nops = "nop ".repeat(500);
    assert_eq!(
        found(&view(&format!(
            "(module (memory 1) (data (i32.const 0) \"\\01\\01\\01\\01\\01\\01\\01\\01\") (func {nops}))"
        ))),
        []
    );
    let small: String = (0..200).map(|word| format!("(drop (i32.const {word}))")).collect();
    assert_eq!(found(&view(&format!("(module (func {small}))"))), []);
    let row: Vec<u8> = (0..=255).collect();
    assert_eq!(found(&view(&data(row.iter().copied().cycle().take(4096)))), []);
}

#[test]
fn places_are_limited_and_counted() {
    let code = format!("(func {})", "(drop (i32.const 0x04c11db7))");
    let view = view(&format!("(module {})", code.repeat(CONSTANT_PLACES as usize + 7)));
    assert_eq!((view.crypto.len(), view.crypto_cut), (CONSTANT_PLACES as usize, 7));
}

#[test]
fn the_filter_that_the_build_makes_has_every_anchor_and_nothing_else() {
    let anchors = Index::builtin().every_anchor();
    assert!(anchors.len() > 1000, "{}", anchors.len());
    assert!(anchors.iter().all(|word| may_be_anchor(*word)));
    let bits: HashSet<_> = anchors.iter().map(|word| super::anchors::hash(*word)).collect();
    assert_eq!(super::table::filtered(), bits.len());
}
