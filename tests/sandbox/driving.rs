//! Driving as a host would: arguments that belong together, buffers that are filled, objects that are written
//! and not returned. Registered functions are called again with other values.

use wasmspoor::{
    Limit, Value,
    sandbox::{EntryEnd, EntryKind, Run},
};

use super::run;

fn names(run: &Run) -> Vec<&str> {
    run.entries.iter().map(|entry| entry.name.as_str()).collect()
}

/// Whether an entry gave 42, which is what each gives here that was called right.
fn worked(run: &Run, name: &str) -> bool {
    run.entries.iter().any(|entry| entry.name == name && entry.results == [Value::I32(42)])
}

/// Runs these functions beside much code that did not run.
fn run_with_much(functions: &str) -> Run {
    run(&format!(r#"(module (memory (export "memory") 2) {} {functions})"#, much_code()))
}

/// Branches that nothing explains, so that there is something to look for.
fn much_code() -> String {
    let block = "(if (i32.eq (local.get 0) (i32.const 7)) (then (local.set 0 (i32.const 8))))";
    format!("(func $much (param i32) {})", block.repeat(400))
}

/// It unpacks what it packed: room for output first, then an input whose mark is a constant of its code.
#[test]
fn orders_of_arguments_and_inputs_of_its_own_format_are_tried() {
    let text = format!(
        r#"(module (memory (export "memory") 2) {}
        (func (export "q") (param $to i32) (param $room i32) (param $from i32) (param $len i32) (result i32)
            (if (i32.lt_u (local.get $room) (i32.const 1000)) (then unreachable))
            (if (i32.ne (i32.load (local.get $from)) (i32.const 0x04034b50)) (then (return (i32.const -1))))
            (if (i32.lt_u (local.get $len) (i32.const 100)) (then (return (i32.const -2))))
            (i32.store (local.get $to) (i32.const 0x5eed5eed))
            (call $much (i32.const 7))
            (i32.const 4))
        (func (export "r") (param $to i32) (param $room i32) (param $from i32) (param $len i32) (result i32)
            (if (i32.ne (local.get $len) (i32.const 4)) (then (return (i32.const -1))))
            (if (i32.ne (i32.load (local.get $from)) (i32.const 0x5eed5eed)) (then (return (i32.const -2))))
            (i32.const 42)))"#,
        much_code()
    );
    let run = run(&text);
    let gave = |name: &str, result: i32| {
        run.entries.iter().any(|entry| entry.name == name && entry.results == [Value::I32(result)])
    };
    assert!(gave("q", 4), "the format is known and the order is right");
    assert!(gave("r", 42), "what was packed is unpacked");
}

/// An object of one class wants one of another: nothing says so but that more code runs.
#[test]
fn objects_of_others_are_tried_in_all_places() {
    let text = format!(
        r#"(module (memory (export "memory") 2) {}
        (func (export "a") (result i32) (i32.store (i32.const 8192) (i32.const 0xaaaa)) (i32.const 8192))
        (func (export "b") (result i32) (i32.store (i32.const 9216) (i32.const 0xbbbb)) (i32.const 9216))
        (func (export "c") (param f32 i32 f32 i32) (result i32)
            (if (i32.ne (i32.load (local.get 1)) (i32.const 0xbbbb)) (then (return (i32.const 0))))
            (if (i32.ne (i32.load (local.get 3)) (i32.const 0xaaaa)) (then (return (i32.const 1))))
            (call $much (i32.const 7))
            (i32.const 42)))"#,
        much_code()
    );
    let run = run(&text);
    assert!(run.entries.iter().any(|entry| entry.name == "c" && entry.results == [Value::I32(42)]));
}

/// AssemblyScript hands arrays over as three words, and a function may want a length of its own.
#[test]
fn an_array_of_the_wanted_length_is_made() {
    let text = format!(
        r#"(module (memory (export "memory") 2) {} (global $top (mut i32) (i32.const 4096))
        (func (export "__new") (param i32 i32) (result i32)
            (global.set $top (i32.add (global.get $top) (i32.const 4096))) (global.get $top))
        (func (export "solve") (param $array i32) (param i32 i32) (result i32)
            (if (i32.ne (i32.load offset=8 (local.get $array)) (i32.const 128)) (then unreachable))
            (if (i32.eqz (i32.load8_u offset=127 (i32.load offset=4 (local.get $array)))) (then unreachable))
            (call $much (i32.const 7))
            (i32.const 42)))"#,
        much_code()
    );
    let run = run(&text);
    let worked = run.entries.iter().any(|entry| entry.name == "solve" && entry.results == [Value::I32(42)]);
    assert!(worked, "{:?}", names(&run));
}

/// The host writes into the buffer that an export names, and calls with its length and a small number.
#[test]
fn a_buffer_that_an_export_gives_is_filled() {
    let run = run_with_much(
        r#"(func (export "Buffer") (result i32) (i32.const 50000))
        (func (export "Work") (param $len i32) (param $cost i32) (param $times i32) (result i32)
            (if (i32.gt_u (local.get $len) (i32.const 4096)) (then unreachable))
            (if (i32.gt_u (local.get $cost) (i32.const 12)) (then unreachable))
            (if (i32.gt_u (local.get $times) (i32.const 12)) (then unreachable))
            (if (i32.eqz (i32.load (i32.const 50000))) (then (return (i32.const 0))))
            (call $much (i32.const 7))
            (i32.const 42))"#,
    );
    assert!(worked(&run, "Work"), "{:?}", names(&run));
}

/// Room is asked for by length, filled, and used by a call that takes nothing.
#[test]
fn room_that_was_asked_for_is_filled() {
    let run = run_with_much(
        r#"(func (export "room") (param $len i32) (result i32)
            (if (i32.gt_u (local.get $len) (i32.const 4096)) (then unreachable))
            (if (i32.lt_u (local.get $len) (i32.const 4)) (then unreachable))
            (i32.const 50000))
        (func (export "parse") (result i32)
            (if (i32.eqz (i32.load (i32.const 50000))) (then (return (i32.const 0))))
            (call $much (i32.const 8))
            (i32.const 42))"#,
    );
    assert!(worked(&run, "parse"), "{:?}", names(&run));
}

/// A loop that only calls its host leaves room in the log for what others call.
#[test]
fn host_calls_of_a_made_up_entry_are_bounded() {
    let text = r#"(module (import "env" "tell" (func $tell (param i32))) (memory (export "memory") 2)
        (func (export "asks") (param i32 i32)
            (loop $again (call $tell (local.get 0)) (br $again)))
        (func (export "also") (param i32 i32) (result i32) (call $tell (local.get 1)) (i32.const 42)))"#;
    let run = super::run_with(text, &super::patient());
    let asks: Vec<_> = run.entries.iter().filter(|entry| entry.name == "asks").collect();
    let stopped = EntryEnd::Stopped { limit: Limit::HostCalls };
    assert!(!asks.is_empty() && asks.iter().all(|entry| entry.end == stopped), "{asks:?}");
    assert!(run.calls.len() < 60_000 && run.calls_cut == 0, "{} and {}", run.calls.len(), run.calls_cut);
    assert!(worked(&run, "also"), "{:?}", names(&run));
}

/// A `main` that lost its name is still given arguments.
#[test]
fn a_program_without_its_name_gets_arguments() {
    let run = run_with_much(
        r#"(func (export "p") (param $argc i32) (param $argv i32) (result i32)
            (if (i32.ne (local.get $argc) (i32.const 3)) (then (return (i32.const 0))))
            (if (i32.ne (i32.load8_u (i32.load (local.get $argv))) (i32.const 112)) (then unreachable))
            (if (i32.ne (i32.load8_u (i32.load offset=4 (local.get $argv))) (i32.const 45)) (then unreachable))
            (call $much (i32.const 7))
            (i32.const 42))"#,
    );
    assert!(worked(&run, "p"), "{:?}", names(&run));
}

/// An object is not returned but written where the call was to write.
#[test]
fn an_object_that_was_written_is_given_to_others() {
    let run = run_with_much(
        r#"(func (export "open") (param $name i32) (param $to i32) (result i32)
            (if (i32.eqz (i32.load8_u (local.get $name))) (then unreachable))
            (if (i32.load (local.get $to)) (then unreachable))
            (i32.store (i32.const 40000) (i32.const 0xfeed))
            (i32.store (local.get $to) (i32.const 40000))
            (i32.const 0))
        (func (export "use") (param $object i32) (param $how i32) (result i32)
            (if (i32.ne (i32.load (local.get $object)) (i32.const 0xfeed)) (then (return (i32.const 0))))
            (call $much (i32.const 8))
            (i32.const 42))"#,
    );
    assert!(worked(&run, "use"), "{:?}", names(&run));
}

/// A registered function is called again with numbers that it compares something with.
#[test]
fn what_was_registered_is_explored_too() {
    let run = run(&format!(
        r#"(module
        (import "a" "b" (func $type (param i32 i32 i32)))
        (import "a" "c" (func $free (param i32 i32 i32 i32 i32 i32 i32)))
        (memory (export "memory") 2) (table 8 funcref) (elem (i32.const 1) $call $pick) {}
        (data (i32.const 2000) "int\00") (data (i32.const 2010) "pick\00") (data (i32.const 2020) "iii\00")
        (data (i32.const 2100) "\e8\03\00\00\e8\03\00\00")
        (type $unary (func (param i32) (result i32)))
        (func $call (param $of i32) (param $value i32) (result i32)
            (call_indirect (type $unary) (local.get $value) (local.get $of)))
        (func $pick (param $value i32) (result i32)
            (if (i32.ne (local.get $value) (i32.const 31337)) (then (return (i32.const 0))))
            (call $much (i32.const 7))
            (i32.const 42))
        (func (export "i")
            (call $type (i32.const 1000) (i32.const 2000) (i32.const 4))
            (call $free (i32.const 2010) (i32.const 2) (i32.const 2100) (i32.const 2020) (i32.const 1)
                (i32.const 2) (i32.const 0))))"#,
        much_code()
    ));
    assert!(worked(&run, "pick"), "{:?}", names(&run));
    let picked = run.entries.iter().filter(|entry| entry.name == "pick");
    assert!(picked.into_iter().all(|entry| entry.kind == EntryKind::Callback));
}

/// A key is an object of its own length, and what may fail is told where to write before it is given one.
#[test]
fn objects_of_the_wanted_length_are_made() {
    let run = run_with_much(
        r#"(global $top (mut i32) (i32.const 40000))
        (func (export "hold") (param $from i32) (param $len i32) (result i32)
            (if (i32.gt_u (local.get $len) (i32.const 4096)) (then unreachable))
            (global.set $top (i32.add (global.get $top) (i32.const 16)))
            (i32.store (global.get $top) (local.get $len))
            (global.get $top))
        (func (export "cipher") (param $to i32) (param $key i32)
            (if (i32.lt_u (local.get $key) (i32.const 40000)) (then unreachable))
            (if (i32.ne (i32.load (local.get $key)) (i32.const 48)) (then unreachable))
            (i32.store (local.get $to) (local.get $key))
            (call $much (i32.const 7)))"#,
    );
    let mut ciphers = run.entries.iter().filter(|entry| entry.name == "cipher");
    assert!(ciphers.any(|entry| entry.end == EntryEnd::Returned), "{:?}", names(&run));
}

/// Two results are written, something says how, and the input comes last.
#[test]
fn several_outputs_may_come_before_the_input() {
    let run = run_with_much(
        r#"(func (export "decode") (param $wide i32) (param $high i32) (param $how i32) (param $from i32)
                (param $len i32) (result i32)
            (if (i32.ne (i32.load (local.get $from)) (i32.const 0x04034b50)) (then (return (i32.const -1))))
            (if (i32.lt_u (local.get $len) (i32.const 100)) (then (return (i32.const -2))))
            (i32.store (local.get $wide) (i32.const 1))
            (i32.store (local.get $high) (i32.const 1))
            (call $much (i32.const 7))
            (i32.const 42))"#,
    );
    assert!(worked(&run, "decode"), "{:?}", names(&run));
}

/// What is called `start` and takes more than a program does is one export of many.
#[test]
fn a_start_that_takes_an_input_is_no_program() {
    let run = run_with_much(
        r#"(func (export "start") (param $to i32) (param $room i32) (param $from i32) (param $len i32)
                (result i32)
            (if (i32.ne (i32.load (local.get $from)) (i32.const 0x04034b50)) (then unreachable))
            (if (i32.lt_u (local.get $room) (i32.const 1000)) (then unreachable))
            (call $much (i32.const 7))
            (i32.const 42))"#,
    );
    assert!(run.entries.iter().all(|entry| entry.kind != EntryKind::Main));
    assert!(worked(&run, "start"), "{:?}", names(&run));
}

/// A component's module frees what it is handed, so that is of its own allocator.
#[test]
fn the_canonical_abi_hands_over_what_the_sample_allocated() {
    let run = run_with_much(
        r#"(global $top (mut i32) (i32.const 50000))
        (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
                (result i32)
            (if (i32.or (local.get $old) (local.get $size)) (then unreachable))
            (global.set $top (i32.and (i32.add (global.get $top) (i32.const 31)) (i32.const -16)))
            (i32.store (global.get $top) (local.get $new))
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (i32.add (i32.const 16) (local.get $new)))))
        (func (export "redact") (param $from i32) (param $len i32) (result i32)
            (if (i32.lt_u (local.get $from) (i32.const 50000)) (then unreachable))
            (if (i32.eqz (i32.load8_u (local.get $from))) (then unreachable))
            (call $much (i32.const 7))
            (i32.const 42))"#,
    );
    assert!(worked(&run, "redact"), "{:?}", names(&run));
}
