//! Code that mixes bits, for long or when a date has come.

use wasmspoor::verdict::Class;

use super::{analysed, class};

/// A loop over `body`, which works on the local numbers $a and $b.
fn working(body: &str, times: u32) -> String {
    format!(
        r#"(module (memory (export "memory") 1)
             (func (export "_start") (local $i i64) (local $a i64) (local $b i64)
               (loop $next
                 {}
                 (br_if $next (i64.lt_u
                   (local.tee $i (i64.add (local.get $i) (i64.const 1))) (i64.const {times}))))
               (i64.store (i32.const 0) (i64.add (local.get $a) (local.get $b)))))"#,
        body.repeat(8)
    )
}

#[test]
fn a_hash_of_its_own_that_runs_long_is_not_explained() {
    let multiplied =
        "(local.set $a (i64.mul (i64.xor (local.get $a) (local.get $i)) (i64.const 0xbf58476d1ce4e5b9)))
        (local.set $b (i64.rotl (i64.xor (local.get $b) (local.get $a)) (i64.const 17)))";
    let shifted = "(local.set $a (i64.xor (i64.add (local.get $a) (local.get $i))
        (i64.or (i64.shl (local.get $a) (i64.const 13)) (i64.shr_u (local.get $a) (i64.const 51)))))";
    let beside = format!(
        "{multiplied} (local.set $b (i64.add (local.get $b) (i64.const 3)))
         (local.set $b (i64.mul (local.get $b) (i64.const 5)))
         (local.set $b (i64.sub (local.get $b) (local.get $a)))"
    );
    let disguised = "(local.set $a (i64.sub (i64.or (local.get $a) (local.get $i))
          (i64.and (local.get $a) (local.get $i))))
        (local.set $b (i64.sub (i64.or (local.get $b) (i64.shl (local.get $a) (i64.const 7)))
          (i64.and (local.get $b) (i64.shl (local.get $a) (i64.const 7)))))";
    let bodies = [
        ("multiplied", multiplied),
        ("shifted", shifted),
        ("between other work", &beside),
        ("without xor", disguised),
    ];
    for (name, body) in bodies {
        let found = analysed(&working(body, 1_500_000)).verdict;
        assert_eq!(found.class, Class::Undecided, "{name}: {:?}", found.reasons);
    }
    let summed = "(local.set $a (i64.add (local.get $a) (i64.mul (local.get $i) (i64.const 3))))
        (local.set $b (i64.add (local.get $b) (i64.and (local.get $a) (i64.const 255))))";
    assert_eq!(class(&working(summed, 1_500_000)), Class::Clean);
    assert_eq!(class(&working(multiplied, 1_000)), Class::Clean);
}

/// Far behind a date, in a program of which it is a small part.
#[test]
fn a_kernel_that_waits_for_a_date_is_looked_for_at_any_distance() {
    let round =
        "(local.set 0 (i32.rotl (i32.xor (local.get 0) (i32.mul (local.get 1) (i32.const 5))) (i32.const 9)))
        (local.set 1 (i32.xor (local.get 1) (i32.shr_u (local.get 0) (i32.const 5))))";
    let other = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))";
    let program = |guard: &str| {
        format!(
            r#"(module
                 (import "wasi_snapshot_preview1" "clock_time_get"
                   (func $clock (param i32 i64 i32) (result i32)))
                 (memory (export "memory") 1) (global $mode (mut i32) (i32.const 0))
                 (func $kernel (param i32 i32) (result i32) {} (local.get 0))
                 (func $a (drop (call $kernel (i32.const 1) (i32.const 2))))
                 (func $b (call $a)) (func $c (call $b))
                 (func $other (param i32) (result i32) {} (local.get 0))
                 (func (export "_start") (drop (call $other (i32.const 3)))
                   {guard} (if (then (call $c)))))"#,
            round.repeat(20),
            other.repeat(3000)
        )
    };
    let dated = "(drop (call $clock (i32.const 0) (i64.const 1) (i32.const 40)))
        (i64.gt_u (i64.load (i32.const 40)) (i64.const 1900000000000000000))";
    let found = analysed(&program(dated)).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
    assert!(found.reasons[0].text.contains("mix bits did not run"), "{:?}", found.reasons);
    assert_eq!(
        class(&program("(global.get $mode)")),
        Class::Clean,
        "a hash that a library has and nobody asked for"
    );
}

/// What xor and rotations compute, computed by other operators.
#[test]
fn mixing_is_known_by_what_it_computes() {
    let (a, b) = ("(local.get $a)", "(local.get $b)");
    let xors = [
        ("a sum", format!("(i64.sub (i64.add {a} {b}) (i64.shl (i64.and {a} {b}) (i64.const 1)))")),
        (
            "complements",
            format!(
                "(i64.or (i64.and {a} (i64.sub (i64.const -1) {b})) (i64.and {b} (i64.sub (i64.const -1) {a})))"
            ),
        ),
    ];
    for (name, xor) in xors {
        let body = format!(
            "(local.set $a (i64.add {a} (local.get $i))) (local.set $b {xor})
             (local.set $b (i64.add (i64.mul {b} (i64.const 8192)) (i64.shr_u {b} (i64.const 51))))"
        );
        let found = analysed(&working(&body, 1_500_000)).verdict;
        assert_eq!(found.class, Class::Undecided, "{name}: {:?}", found.reasons);
    }
}

/// Its bytes are compared as well, of which nothing comes.
#[test]
fn operators_that_change_nothing_do_not_hide_a_kernel() {
    let body = "(local.set $a (i64.mul (i64.xor (local.get $a) (local.get $i)) (i64.const 0xbf58476d1ce4e5b9)))
        (local.set $b (i64.and (i64.and (i64.xor (local.get $b) (local.get $a)) (i64.const -1)) (i64.const -1)))";
    let found = analysed(&working(body, 1_500_000)).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
}

/// A machine of eight registers whose program is in the data: four bytes an instruction.
fn interpreter(program: &str, times: u32) -> String {
    let register = |byte: u32| format!("(i32.shl (i32.load8_u offset={byte} (local.get $p)) (i32.const 3))");
    let value = |byte: u32| format!("(i64.load {})", register(byte));
    let operators = ["i64.add", "i64.xor", "i64.rotl", "i64.mul"];
    let cases: String = operators
        .iter()
        .map(|op| format!(") (i64.store {} ({op} {} {})) (br $end)", register(1), value(2), value(3)))
        .collect();
    format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 1024) "{program}")
             (func (export "_start") (local $p i32) (local $n i32)
               (i64.store (i32.const 0) (i64.const 0x243f6a8885a308d3)) (i64.store (i32.const 8) (i64.const 77))
               (loop $again
                 (local.set $p (i32.const 1024))
                 (loop $next
                   (block $end (block $d (block $c (block $b (block $a
                     (br_table $a $b $c $d $end (i32.load8_u (local.get $p)))
                     {cases})
                   (br_if $next (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 4)))
                     (i32.const 1056))))
                 (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                   (i32.const {times}))))))"#
    )
}

#[test]
fn a_kernel_that_an_interpreter_runs_is_one() {
    let add = "\\00\\00\\00\\01";
    let kernel = format!("{add}\\01\\02\\02\\00\\02\\02\\02\\03{add}\\01\\01\\01\\02{add}{add}{add}");
    let found = analysed(&interpreter(&kernel, 900_000)).verdict;
    assert_eq!(found.class, Class::Undecided, "{:?}", found.reasons);
    let sums = format!("{}\\03\\02\\02\\00", add.repeat(7));
    let found = analysed(&interpreter(&sums, 900_000)).verdict;
    assert_eq!(found.class, Class::Clean, "{:?}", found.reasons);
}

/// SHA-256's constants: the fractions of the roots of the first primes.
fn roots(count: usize, root: fn(f64) -> f64) -> String {
    let is_prime = |number: &u32| (2..*number).all(|by| !number.is_multiple_of(by));
    let word = |prime: u32| (root(f64::from(prime)).fract() * 4_294_967_296.0) as u32;
    let bytes = (2_u32..).filter(is_prime).take(count).flat_map(|prime| word(prime).to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// `$compress` takes a block at 256 into the state at 512, and `$reset` begins anew.
fn sha256() -> String {
    let (k, h) = (roots(64, f64::cbrt), roots(8, f64::sqrt));
    let turned = |of: &str, by: [u32; 3], last: &str| {
        let [a, b, c] = by;
        format!(
            "(i32.xor (i32.xor (i32.rotr (local.get {of}) (i32.const {a})) (i32.rotr (local.get {of})
               (i32.const {b}))) ({last} (local.get {of}) (i32.const {c})))"
        )
    };
    let (small, smaller) = (turned("$x", [7, 18, 3], "i32.shr_u"), turned("$y", [17, 19, 10], "i32.shr_u"));
    let (big, bigger) = (turned("$e", [6, 11, 25], "i32.rotr"), turned("$a", [2, 13, 22], "i32.rotr"));
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let each = |of: &dyn Fn(usize, &str) -> String| {
        names.iter().enumerate().map(|(at, name)| of(4 * at, name)).collect::<String>()
    };
    let taken = each(&|at, name| format!("(local.set ${name} (i32.load offset={at} (i32.const 512)))"));
    let given = each(&|at, name| {
        format!(
            "(i32.store offset={at} (i32.const 512)
               (i32.add (i32.load offset={at} (i32.const 512)) (local.get ${name})))"
        )
    });
    let locals = each(&|_, name| format!("(local ${name} i32)"));
    let word = |offset: u32| format!("(i32.load offset={offset} (i32.shl (local.get $i) (i32.const 2)))");
    let moved: String = ["h g", "g f", "f e", "d c", "c b", "b a"]
        .iter()
        .filter_map(|pair| pair.split_once(' '))
        .map(|(to, from)| format!("(local.set ${to} (local.get ${from}))"))
        .collect();
    let (moved_high, moved_low) = moved.split_at(moved.find("(local.set $d").unwrap());
    format!(
        r#"(data (i32.const 1024) "{k}") (data (i32.const 1280) "{h}")
           (func $reset (memory.copy (i32.const 512) (i32.const 1280) (i32.const 32)))
           (func $compress (local $i i32) (local $x i32) (local $y i32) {locals}
             (memory.copy (i32.const 2048) (i32.const 256) (i32.const 64)) (local.set $i (i32.const 16))
             (loop $more (local.set $x {}) (local.set $y {})
               (i32.store offset=2048 (i32.shl (local.get $i) (i32.const 2))
                 (i32.add (i32.add {} {}) (i32.add {small} {smaller})))
               (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64))))
             {taken} (local.set $i (i32.const 0))
             (loop $round
               (local.set $x (i32.add (i32.add (i32.add (local.get $h) {big}) (i32.xor
                 (i32.and (local.get $e) (local.get $f))
                 (i32.and (i32.xor (local.get $e) (i32.const -1)) (local.get $g)))) (i32.add {} {})))
               (local.set $y (i32.add {bigger} (i32.xor (i32.xor (i32.and (local.get $a) (local.get $b))
                 (i32.and (local.get $a) (local.get $c))) (i32.and (local.get $b) (local.get $c)))))
               {moved_high} (local.set $e (i32.add (local.get $d) (local.get $x))) {moved_low}
               (local.set $a (i32.add (local.get $x) (local.get $y)))
               (br_if $round (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64))))
             {given})"#,
        word(1988),
        word(2040),
        word(1984),
        word(2020),
        word(1024),
        word(2048)
    )
}

/// A known hash explains nothing where its result is compared again and again; where it is not, it does. A
/// program that feeds it compares how much is left, at the head of the loop. It may have fed it a rest
/// before.
#[test]
fn a_search_with_a_known_hash_is_a_search() {
    let program = |before: &str, body: &str| {
        format!(
            r#"(module (memory (export "memory") 1) {}
                 (func $digest (result i32) (call $compress) (i32.load (i32.const 512)))
                 (func (export "_start") (local $n i32) (local $least i32) (local $word i32)
                   (call $reset) {before}
                   (loop $next
                     {body}
                     (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                       (i32.const 20000))))))"#,
            sha256()
        )
    };
    let search = "(call $reset) (i32.store (i32.const 256) (local.get $n)) (call $compress)
        (if (i32.lt_u (i32.load (i32.const 512)) (i32.const 16)) (then (return)))";
    let least = search.replace(
        "(if (i32.lt_u (i32.load (i32.const 512)) (i32.const 16)) (then (return)))",
        "(local.set $least (select (local.tee $word (i32.load (i32.const 512))) (local.get $least)
           (i32.lt_u (local.get $word) (local.get $least))))",
    );
    let drawn = "(call $reset) (i32.store (i32.const 256) (local.get $n)) (call $compress)
        (memory.copy (i32.const 4096) (i32.const 512) (i32.const 32))";
    let chain = "(memory.copy (i32.const 256) (i32.const 512) (i32.const 32)) (call $compress)";
    let head =
        |left: u32| format!("(if (i32.le_u (i32.load (i32.const 768)) (i32.const {left})) (then (return)))");
    let set = "(i32.store (i32.const 768) (i32.const 1000)) (call $compress)";
    for (before, body, expected) in [
        ("", search.to_owned(), Class::Undecided),
        (
            "",
            search.replace("(call $compress)", "").replace("(i32.load (i32.const 512))", "(call $digest)"),
            Class::Undecided,
        ),
        ("", least, Class::Undecided),
        ("", drawn.to_owned(), Class::Clean),
        ("", chain.to_owned(), Class::Clean),
        (set, format!("{} {chain}", head(63)), Class::Clean),
        (set, format!("{} {chain}", head(16)), Class::Undecided),
    ] {
        let found = analysed(&program(before, &body)).verdict;
        assert_eq!(found.class, expected, "{before} {body}: {:?}", found.reasons);
    }
}

/// Constants of a hash explain what does half of what the hash does, and not all that is near to it.
#[test]
fn a_hash_that_ran_once_explains_no_kernel() {
    let (a, b) = ("(local.get $a)", "(local.get $b)");
    let mixed = |to: &str, by: u32, of: &str| {
        format!("(local.set ${to} (i32.xor (i32.rotl {of} (i32.const {by})) (local.get ${to})))")
    };
    let round = [mixed("a", 7, b), mixed("b", 13, a)].concat();
    let found = analysed(&format!(
        r#"(module (memory (export "memory") 1) {}
             (func $mine (param $a i32) (result i32) (local $b i32) {} (local.get $b))
             (func (export "_start") (local $n i32) (local $best i32) (call $reset) (call $compress)
               (loop $next
                 (local.set $best (i32.or (local.get $best) (call $mine (local.get $n))))
                 (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
                   (i32.const 1300000))))
               (i32.store (i32.const 0) (local.get $best))))"#,
        sha256(),
        round.repeat(8)
    ));
    assert_eq!(found.verdict.class, Class::Undecided, "{:?}", found.verdict.reasons);
}
