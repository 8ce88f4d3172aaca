//! What an arm that did not run would have written where no values follow: on a stack of the sample's own, in
//! a function that it calls, in an object or a table, by a throw. And where its next write goes.

use super::{Class, at_least, class, files};

const IS_LATE: &str = "(i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000))";
const ASKS: &str = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))";
/// Takes away the file whose path and length stand in a table at 1300, by the number in `$n`.
const TAKES: &str = r#"
  (drop (call $temporary))
  (drop (call $unlink (i32.const 3)
    (i32.load offset=1300 (i32.shl (local.get $n) (i32.const 3)))
    (i32.load offset=1304 (i32.shl (local.get $n) (i32.const 3)))))
"#;
const PATHS: &str = r#"(data (i32.const 1300) "\c4\04\00\00\06\00\00\00\4c\04\00\00\1e\00\00\00")"#;

/// A program that asks for the time, does something, and takes a file away.
fn taking(items: &str, body: &str) -> String {
    files(&format!(
        r#"{PATHS} {items}
        (func (export "_start") (local $n i32) (local $i i32) {ASKS} {body} {TAKES})"#
    ))
}

#[test]
fn what_an_arm_would_have_written_may_choose() {
    let set = "(func $set (param i32 i32) (i32.store offset=4 (local.get 0) (local.get 1)))";
    let object = "(type $t (struct (field (mut i32)))) (global $o (ref $t) (struct.new $t (i32.const 0)))";
    let table = "(type $f (func (result i32))) (table 2 funcref) (elem (i32.const 0) $own $theirs)
        (func $own (result i32) (i32.const 0)) (func $theirs (result i32) (i32.const 1))";
    let arm = |does: &str| format!("(if {IS_LATE} (then {does}))");
    let frame = format!(
        "(local.set $i (i32.sub (i32.const 65536) (i32.load (i32.const 5000)))) {}
        (local.set $n (i32.load offset=12 (local.get $i)))",
        arm("(i32.store offset=12 (local.get $i) (i32.const 1))")
    );
    let skipped = format!(
        "(block (br_if 0 (i32.eqz {IS_LATE})) (i32.store (local.get $i) (i32.const 1)))
        (local.set $n (i32.load (i32.const 0)))"
    );
    let called = format!(
        "{} (local.set $n (i32.load offset=4 (i32.const 5000)))",
        arm("(call $set (i32.const 5000) (i32.const 1))")
    );
    let field = format!(
        "{} (local.set $n (struct.get $t 0 (global.get $o)))",
        arm("(struct.set $t 0 (global.get $o) (i32.const 1))")
    );
    let entry = format!(
        "{} (local.set $n (call_indirect (type $f) (i32.const 0)))",
        arm("(table.set (i32.const 0) (table.get (i32.const 1)))")
    );
    let thrown = format!(
        "(block (try_table (catch $e 0) {}) (br 1) ) (local.set $n (local.get $n))",
        arm("(throw $e)")
    );
    let grown = format!(
        "{} (local.set $n (i32.sub (memory.size) (i32.const 2)))",
        arm("(drop (memory.grow (i32.const 1)))")
    );
    at_least(
        Class::Undecided,
        &[
            ("a frame", taking("", &frame)),
            ("a frame, skipped", taking("", &skipped)),
            ("a function", taking(set, &called)),
            ("an object", taking(object, &field)),
            ("a table", taking(table, &entry)),
            ("a throw", taking("(tag $e)", &thrown)),
            ("more memory", taking("", &grown)),
        ],
    );
    // An arm that ends the program decides nothing of what comes after, and one that writes nothing neither.
    for harmless in ["", &arm("(call $set (i32.const 5000) (i32.const 1)) (unreachable)"), &arm("(nop)")] {
        assert_eq!(class(&taking(set, harmless)), Class::Clean, "{harmless}");
    }
}

#[test]
fn where_the_next_write_goes_may_be_decided() {
    let sought = format!(
        "{ASKS} (local.set $n (call $open (i32.const 1100) (i32.const 30) (i32.const 0)))
        (drop (call $fd_seek (local.get $n) (i64.const 0)
          (i32.sub (i32.const 2) (i32.shl {IS_LATE} (i32.const 1))) (i32.const 80)))
        (call $write (local.get $n) (i32.const 1220) (i32.const 2))"
    );
    let program =
        |body: &str| files(&format!(r#"(func (export "_start") (local $n i32) (local $i i32) {body})"#));
    at_least(Class::Undecided, &[("sought", program(&sought))]);
}
