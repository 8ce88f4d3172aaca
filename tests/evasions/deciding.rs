//! What the time or an order decides, hidden: behind decoys, behind a flag, beyond the values that are
//! followed.

use std::time::Duration;

use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox, verdict::Class};

use super::{FILES, analysed, at_least, files};

/// Deletes its own file, and then what `body` says.
fn deletes(body: &str) -> String {
    deletes_with("", body)
}

fn deletes_with(functions: &str, body: &str) -> String {
    files(&format!(
        r#"(func $del (param i32 i32) (drop (call $unlink (i32.const 3) (local.get 0) (local.get 1))))
           {functions}
           (func (export "_start") (local $n i32) (local $i i32) (drop (call $temporary))
             (call $del (i32.const 1220) (i32.const 6)) {body})"#
    ))
}

/// The clock, which says that it is late.
const CLOCK: &str = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))";
const LATE: &str = "(i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000))";
const DOCUMENT: &str = "(call $del (i32.const 1100) (i32.const 30))";
/// The clock, several calls away: no name says so.
const FAR: &str = "(func $w1 (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64))))
    (func $w2 (call $w1)) (func $w3 (call $w2)) (func $w4 (call $w3))";

#[test]
fn a_branch_is_found_behind_decoys_and_flags() {
    let decoys = "(if (local.get $n) (then (call $del (i32.const 1220) (i32.const 6))))".repeat(70);
    let dated = format!("{CLOCK} (if {LATE} (then {DOCUMENT}))");
    let flag = format!(
        "{CLOCK} (if {LATE} (then (local.set $n (i32.const 1))))
         (drop (call $fd_write (i32.const 1) (i32.const 80) (i32.const 0) (i32.const 96)))
         (if (local.get $n) (then {DOCUMENT}))"
    );
    let kept = format!(
        "(call $w4) (if {LATE} (then (i32.store (i32.const 60) (i32.const 1))))
         (if (i32.load (i32.const 60)) (then {DOCUMENT}))"
    );
    at_least(
        Class::Undecided,
        &[
            ("as it is", deletes(&dated)),
            ("after 70 others", deletes(&format!("{decoys} {dated}"))),
            ("a flag in a local", deletes(&flag)),
            ("a flag in memory", deletes_with(FAR, &kept)),
        ],
    );
    let plain = analysed(&deletes(&decoys)).verdict;
    assert_eq!(plain.class, Class::Clean, "{:?}", plain.reasons);
}

#[test]
fn whether_a_file_is_there_may_choose_what_is_deleted() {
    let order = r#"(data (i32.const 1300) "tmp/order")"#;
    let there = "(local.set $n (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (i32.const 1300)
        (i32.const 9) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 12))))
      (drop (call $temporary))
      (call $del (i32.sub (i32.const 1220) (i32.mul (i32.const 120) (local.get $n)))
        (i32.add (i32.const 6) (i32.mul (i32.const 24) (local.get $n))))";
    at_least(Class::Undecided, &[("an order", deletes_with(order, there))]);
}

#[test]
fn a_function_of_a_host_is_not_known_by_a_name_of_wasi() {
    let late = |name: &str| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "clock_time_get"
                 (func $clock (param i32 i64 i32) (result i32)))
               (import "env" "{name}" (func $put (param i32 i32))) (memory (export "memory") 1)
               (func (export "_start") {CLOCK} (if {LATE} (then (call $put (i32.const 8) (i32.const 9))))))"#
        )
    };
    at_least(Class::Undecided, &[("put", late("put")), ("fd_tell", late("fd_tell"))]);
}

/// Values that were followed in part, or not at all, say nothing for a sample.
#[test]
fn what_was_not_followed_is_not_clean() {
    let chosen = format!(
        "(call $w4) (drop (call $temporary))
         (call $del (i32.sub (i32.const 1220) (i32.mul (i32.const 120) {LATE}))
           (i32.add (i32.const 6) (i32.mul (i32.const 24) {LATE})))"
    );
    let told = format!(
        r#"(module {FILES} (func (export "_start") (drop (call $secret)) (call $exit (i32.load8_u (i32.const 4100)))))"#
    );
    let options = sandbox::RunOptions::default();
    for (name, text) in [("chosen", deletes_with(FAR, &chosen)), ("told", told)] {
        let found = Analysis::of(text.as_bytes(), &options, &rules::Set::builtin()).verdict;
        assert_eq!(found.class, Class::Undecided, "{name}: {:?}", found.reasons);
        assert!(
            found.reasons.iter().any(|reason| reason.text.contains("values were not followed")),
            "{name}"
        );
    }
    let burnt = format!(
        "(loop $more (i64.store (i32.const 72) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
           (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000000))))
         {chosen}"
    );
    let mut short = options;
    (short.limits.wall_time, short.entry_time) = (None, Duration::from_secs(3600));
    let text = deletes_with(FAR, &format!("(call $w4) {burnt}"));
    let found = Analysis::with_values(text.as_bytes(), &short, &rules::Set::builtin(), Look::Auto).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
}
