//! Taint: flows with known answers through whole modules, and the flip test. One input byte is changed and
//! the sample runs again. A value that does not depend on that byte is the same.

#[path = "common/command.rs"]
mod command;
mod common;

use std::{fs, path::Path};

use command::shown;
use wasmspoor::{
    Value,
    sandbox::{self, Drive, Persona, RunOptions},
    trace::effects::Effect,
    values::{
        Machine,
        taint::{Encoding, Flow, How, Operation, Sink, SourceKind, Taint, TaintOptions},
    },
};
use wasmspoor_needs::needs;

/// Reads standard input to 1024, at most 64 bytes; `$put` writes so many bytes from an address.
const HEAD: &str = r#"
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $get
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 64))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $put (param $from i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $from)) (i32.store (i32.const 4) (local.get $len))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
"#;

fn options(stdin: &[u8]) -> RunOptions {
    let mut options = RunOptions::default();
    (options.stdin, options.drive) = (stdin.to_vec(), Drive::None);
    options
}

fn wasm(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {HEAD} {body})")).unwrap()
}

/// The flows of a sample, and what it wrote to standard output.
fn flows_of(wasm: &[u8], options: &RunOptions, taint: TaintOptions) -> Vec<Flow> {
    let run = sandbox::run_with_effects(wasm, options).unwrap();
    let mut taint = Taint::new(&run.trace, taint);
    Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut taint)).unwrap();
    assert_eq!(taint.lost(), 0);
    taint.flows()
}

fn of_stdin(body: &str, control: bool) -> Vec<Flow> {
    let stdin: Vec<u8> = (0..64).map(|byte| byte * 3 + 1).collect();
    let taint = TaintOptions::default().sources([SourceKind::Stdin]).control(control);
    flows_of(&wasm(body), &options(&stdin), taint)
}

/// Ranges, way and operations of a flow.
type Told<'f> = (&'f [(u64, u64)], How, &'f [Operation]);

/// What is told of the flows to what is written.
fn written(flows: &[Flow]) -> Vec<Told<'_>> {
    let written = flows.iter().filter(|flow| matches!(flow.sink, Sink::Memory { .. }));
    written.map(|flow| (&flow.ranges[..], flow.how, &flow.steps[..])).collect()
}

#[test]
fn known_flows_through_calls_globals_branches_and_memory() {
    type Expected<'a> = &'a [(&'a [(u64, u64)], How, &'a [Operation])];
    let rows: &[(&str, &str, Expected)] = &[
        (
            "a store of a word, and one byte of it written",
            "(i32.store (i32.const 2048) (i32.load (i32.const 1028))) (call $put (i32.const 2050) (i32.const 1))",
            &[(&[(6, 7)], How::Value, &[])],
        ),
        (
            "through a call with three results, a global and a local",
            "(call $pass (i32.load8_u (i32.const 1030))) (global.set $g) (drop) (drop)
             (i32.store8 (i32.const 2048) (global.get $g)) (call $put (i32.const 2048) (i32.const 1))",
            &[(&[(6, 7)], How::Value, &[])],
        ),
        (
            "an operand that a branch carries over another",
            "(i32.store8 (i32.const 2048)
               (block (result i32) (i32.const 5) (i32.load8_u (i32.const 1031)) (br 0) (unreachable)))
             (call $put (i32.const 2048) (i32.const 1))",
            &[(&[(7, 8)], How::Value, &[])],
        ),
        (
            "a loop of xor over 32 bytes",
            "(loop $l (i32.store8 (i32.add (i32.const 2048) (local.get $i))
               (i32.xor (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.const 90)))
               (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 32))))
             (call $put (i32.const 2048) (i32.const 32))",
            &[(&[(0, 32)], How::Value, &[Operation::Xor])],
        ),
        (
            "one byte rotated, one multiplied, then an xor of both",
            "(i32.store8 (i32.const 2048) (i32.rotl (i32.load8_u (i32.const 1024)) (i32.const 3)))
             (i32.store8 (i32.const 2049) (i32.mul (i32.load8_u (i32.const 1025)) (i32.const 7)))
             (i32.store16 (i32.const 2048) (i32.xor (i32.load16_u (i32.const 2048)) (i32.const 0x1234)))
             (call $put (i32.const 2048) (i32.const 2))",
            &[(&[(0, 2)], How::Value, &[Operation::Multiply, Operation::Rotate, Operation::Xor])],
        ),
        (
            "a table look-up",
            "(i32.store8 (i32.const 2048) (i32.load8_u (i32.add (i32.const 3000) (i32.load8_u (i32.const 1024)))))
             (call $put (i32.const 2048) (i32.const 1))",
            &[(&[(0, 1)], How::Address, &[Operation::Add, Operation::Lookup])],
        ),
        (
            "a tail call and an indirect one",
            "(i32.store8 (i32.const 2048) (call $tail (i32.load8_u (i32.const 1033))))
             (call $put (i32.const 2048) (i32.const 1))",
            &[(&[(9, 10)], How::Value, &[])],
        ),
        (
            "memory.copy over itself, and memory.fill",
            "(memory.copy (i32.const 1026) (i32.const 1024) (i32.const 8))
             (memory.fill (i32.const 2048) (i32.load8_u (i32.const 1029)) (i32.const 4))
             (call $put (i32.const 2051) (i32.const 1))",
            &[(&[(3, 4)], How::Value, &[])],
        ),
        (
            "a vector: a word added, a lane out",
            "(i32.store8 (i32.const 2048) (i8x16.extract_lane_u 5
               (i8x16.add (v128.load (i32.const 1024)) (v128.load (i32.const 1040)))))
             (call $put (i32.const 2048) (i32.const 1))",
            &[(&[(5, 6), (21, 22)], How::Value, &[Operation::Add])],
        ),
        (
            "a shuffle",
            "(v128.store (i32.const 2048) (i8x16.shuffle 31 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14
               (v128.load (i32.const 1024)) (v128.load (i32.const 1040))))
             (call $put (i32.const 2048) (i32.const 2))",
            &[(&[(0, 1), (31, 32)], How::Value, &[])],
        ),
        (
            "a local that a clean vector overwrites",
            "(local.set $v (v128.load (i32.const 1024))) (local.set $v (local.get $w))
             (v128.store (i32.const 2048) (local.get $v)) (call $put (i32.const 2048) (i32.const 16))",
            &[],
        ),
        (
            "what is overwritten is gone",
            "(i32.store (i32.const 1024) (i32.const 7)) (call $put (i32.const 1024) (i32.const 4))",
            &[],
        ),
        (
            "a condition alone is no flow of values",
            "(if (i32.load8_u (i32.const 1024)) (then (i32.store8 (i32.const 2048) (i32.const 1))))
             (call $put (i32.const 2048) (i32.const 1))",
            &[],
        ),
    ];
    for (name, body, expected) in rows {
        let flows = of_stdin(
            &format!(
                r#"(global $g (mut i32) (i32.const 0)) (table funcref (elem $same)) (type $t (func (param i32) (result i32)))
                (func $pass (param i32) (result i32 i32 i32) (i32.const 1) (i32.const 2) (local.get 0))
                (func $same (param i32) (result i32) (local i32) (return (local.get 0)))
                (func $tail (param i32) (result i32)
                  (return_call_indirect (type $t) (local.get 0) (i32.const 0)))
                (func (export "_start") (local $i i32) (local $v v128) (local $w v128) (call $get) {body})"#
            ),
            false,
        );
        assert_eq!(written(&flows), *expected, "{name}: {flows:#?}");
    }
}

#[test]
fn control_is_followed_on_request_and_ends_with_the_block() {
    let body = r#"(func (export "_start") (call $get)
      (if (i32.load8_u (i32.const 1026)) (then (i32.store8 (i32.const 2048) (i32.const 1))))
      (i32.store8 (i32.const 2049) (i32.const 2))
      (call $put (i32.const 2048) (i32.const 1)) (call $put (i32.const 2049) (i32.const 1)))"#;
    let flows = of_stdin(body, true);
    assert_eq!(written(&flows), [(&[(2, 3)][..], How::Control, &[][..])]);
    assert_eq!(flows.iter().find(|flow| flow.how == How::Control).unwrap().times, 1);
}

/// Each of these ends with an `end` or `delegate` of its own, inside of what a branch decides.
#[test]
fn control_ends_with_the_block_whatever_is_in_it() {
    for inner in [
        "block nop end",
        "try nop catch_all end",
        "try nop delegate 0",
        "try_table nop end",
        "try nop catch $e nop catch_all nop end try try nop delegate 1 catch_all end",
    ] {
        let body = format!(
            r#"(tag $e) (func (export "_start") (call $get)
            (if (i32.load8_u (i32.const 1026)) (then {inner} (i32.store8 (i32.const 2048) (i32.const 1)) {inner}))
            (i32.store8 (i32.const 2049) (i32.const 2))
            (block $b
                (block $c (br_table $b $c (i32.load8_u (i32.const 1027)))) {inner}
                (i32.store8 (i32.const 2050) (i32.const 1)) {inner})
            (call $put (i32.const 2048) (i32.const 1)) (call $put (i32.const 2049) (i32.const 1))
            (call $put (i32.const 2050) (i32.const 1)))"#
        );
        let flows = of_stdin(&body, true);
        assert_eq!(written(&flows), [(&[(2, 4)][..], How::Control, &[][..])], "{inner}");
        let times = flows.iter().find(|flow| flow.how == How::Control).map(|flow| flow.times);
        assert_eq!(times, Some(2), "{inner}");
    }
}

/// The operands of an exception, from where it is thrown to where it is caught, once and again, by each way.
#[test]
fn what_an_exception_carries_keeps_its_labels() {
    let thrown = "(throw $e (i32.load8_u (i32.const 1024)) (i32.load8_u (i32.const 1025)) (i32.const 7))";
    let stored = "local.set 2 local.set 1 local.set 0
        (i32.store8 (i32.const 2048) (local.get 0)) (i32.store8 (i32.const 2049) (local.get 1))
        (i32.store8 (i32.const 2050) (local.get 2))";
    for (name, body) in [
        ("caught", format!("try (call $throws) catch $e {stored} end")),
        ("rethrown", format!("try try (call $throws) catch_all rethrow 0 end catch $e {stored} end")),
        (
            "by reference, through a global",
            format!(
                "(block $h (result exnref) (try_table (catch_all_ref $h) (call $throws)) unreachable)
                (global.set $x)
                (block $g (result i32 i32 i32)
                    (try_table (catch $e $g) (throw_ref (global.get $x))) unreachable)
                {stored}"
            ),
        ),
        (
            "with the reference",
            format!(
                "(block $g (result i32 i32 i32 exnref) (try_table (catch_ref $e $g) (call $throws)) unreachable)
                drop {stored}"
            ),
        ),
    ] {
        let body = format!(
            r#"(tag $e (param i32 i32 i32)) (global $x (mut exnref) (ref.null exn)) (func $throws {thrown})
            (func (export "_start") (local i32 i32 i32) (call $get) {body}
                (call $put (i32.const 2049) (i32.const 1)) (call $put (i32.const 2050) (i32.const 1)))"#
        );
        let flows = of_stdin(&body, false);
        // The other operands are not written, or have no label.
        assert_eq!(written(&flows), [(&[(1, 2)][..], How::Value, &[][..])], "{name}");
    }
}

#[test]
fn conditions_addresses_and_indirect_calls_are_sinks() {
    let body = r#"(table funcref (elem $f $f $f)) (func $f)
      (func (export "_start") (call $get)
      (if (i32.load8_u (i32.const 1024)) (then))
      (drop (i32.load8_u (i32.add (i32.const 9) (i32.load8_u (i32.const 1025)))))
      (call_indirect (i32.rem_u (i32.load8_u (i32.const 1026)) (i32.const 3))))"#;
    let flows = of_stdin(body, false);
    let found: Vec<_> = flows.iter().map(|flow| (flow.sink.kind().as_str(), &flow.ranges[..])).collect();
    assert_eq!(found, [("branch", &[(0, 1)][..]), ("address", &[(1, 2)]), ("call", &[(2, 3)])]);
}

#[test]
fn encodings_are_recognised() {
    // xor with a key of five bytes, then base64 with shifts and a table.
    let body = r#"(data (i32.const 100) "K3yz!")
      (data (i32.const 200) "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
      (func $digit (param $to i32) (param $bits i32)
        (i32.store8 (local.get $to) (i32.load8_u offset=200 (i32.and (local.get $bits) (i32.const 63)))))
      (func (export "_start") (local $i i32) (local $o i32) (local $w i32) (call $get)
        (loop $x (i32.store8 offset=1024 (local.get $i) (i32.xor (i32.load8_u offset=1024 (local.get $i))
            (i32.load8_u offset=100 (i32.rem_u (local.get $i) (i32.const 5)))))
          (br_if $x (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60))))
        (local.set $i (i32.const 0)) (local.set $o (i32.const 4096))
        (loop $b
          (local.set $w (i32.or (i32.or
            (i32.shl (i32.load8_u offset=1024 (local.get $i)) (i32.const 16))
            (i32.shl (i32.load8_u offset=1025 (local.get $i)) (i32.const 8)))
            (i32.load8_u offset=1026 (local.get $i))))
          (call $digit (local.get $o) (i32.shr_u (local.get $w) (i32.const 18)))
          (call $digit (i32.add (local.get $o) (i32.const 1)) (i32.shr_u (local.get $w) (i32.const 12)))
          (call $digit (i32.add (local.get $o) (i32.const 2)) (i32.shr_u (local.get $w) (i32.const 6)))
          (call $digit (i32.add (local.get $o) (i32.const 3)) (local.get $w))
          (local.set $o (i32.add (local.get $o) (i32.const 4)))
          (br_if $b (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 3))) (i32.const 60))))
        (call $put (i32.const 4096) (i32.const 80)))"#;
    let flows = of_stdin(body, false);
    let flow = flows.iter().find(|flow| matches!(flow.sink, Sink::Memory { .. })).unwrap();
    assert_eq!((flow.how, &flow.ranges[..], flow.count), (How::Address, &[(0, 60)][..], 80));
    let expected =
        [Encoding::Xor { key: b"K3yz!".to_vec() }, Encoding::Characters { bits: 6, is_usual: true }];
    assert_eq!(flow.encodings, expected);
    assert_eq!(flow.path(), ["xor with a repeating key of 5 bytes", "base64"]);
    assert_eq!(flow.bytes(), "bytes 0 to 59");
}

/// The bytes that a sample gave to the host: whether each depends on the byte that is flipped, by value,
/// address or condition. Where the sample went another way, nothing after that counts.
#[derive(Default)]
struct Flips {
    clean: u64,
    tainted: u64,
    changed: u64,
}

/// Runs a sample with one byte of standard input or of a file changed, and compares memory that the host
/// reads.
fn flip(wasm: &[u8], options: &RunOptions, changed: &RunOptions, source: (&str, u64), flips: &mut Flips) {
    let runs = [options, changed].map(|options| sandbox::run_with_effects(wasm, options).unwrap());
    let taint = TaintOptions::default().control(true);
    let mut seen = runs.iter().map(|run| {
        let mut reads = Reads { taint: Taint::new(&run.trace, taint.clone()), source, reads: Vec::new() };
        Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut reads)).unwrap();
        reads.reads
    });
    let (before, after) = (seen.next().unwrap(), seen.next().unwrap());
    for (one, other) in before.iter().zip(&after) {
        if one.host != other.host || one.bytes.len() != other.bytes.len() {
            // The run went another way: a condition must have depended on the byte.
            break;
        }
        for (place, (left, right)) in one.bytes.iter().zip(&other.bytes).enumerate() {
            if one.depends[place] || other.depends[place] {
                flips.tainted += 1;
                flips.changed += u64::from(left != right);
            } else {
                flips.clean += 1;
                assert_eq!(
                    left, right,
                    "byte {place} of a read by {:?} does not depend on {source:?}",
                    one.host
                );
            }
        }
    }
}

/// A read by the host, with whether each byte depends on the flipped one.
struct Read {
    host: u64,
    bytes: Vec<u8>,
    depends: Vec<bool>,
}

/// Notes reads, beside taint.
struct Reads<'t> {
    taint: Taint<'t>,
    source: (&'t str, u64),
    reads: Vec<Read>,
}

macro_rules! pass_on {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {
        $(fn $name(&mut self, $($arg: $ty),*) { self.taint.$name($($arg),*); })*
    };
}

/// All that a visitor is told, but for what the host reads and what may be skipped.
macro_rules! pass_all_on {
    () => {
        pass_on! {
                fused(fused: wasmspoor::values::Fused<'_>, operands: &[u64], results: &[u64]);
                zeroed(slots: std::ops::Range<usize>);
                arguments_at(slot: usize, is_tail: bool);
                access(function: wasmspoor::module::FuncIndex, op: &wasmspoor::values::Op, access: wasmspoor::values::Access);
                lanes(lanes: u128);
                moved(from: u32, to: u32, len: u32);
                invoke(func: wasmspoor::trace::FuncKey, arguments: &[u64]);
                call(callee: wasmspoor::trace::FuncKey, arguments: &[u64], is_tail: bool);
                leave(results: &[u64]);
                host_call(func: wasmspoor::trace::FuncKey, record: u64, arguments: &[u64]);
                host_return(failed: bool, results: &[u64]);
                host_given(origin: &wasmspoor::trace::effects::Origin);
                host_write(memory: u32, address: u64, bytes: &[u8]);
                host_keep(state: u32);
                host_restore(state: u32);
                segment(memory: u32, address: u64, bytes: &[u8]);
                throws(exception: Option<u32>, operands: std::ops::Range<u32>, places: &[(u8, u8)]);
                catches(exception: Option<u32>, operands: std::ops::Range<u32>, places: &[(u8, u8)]);
                end(end: &wasmspoor::trace::End, results: &[u64]);
        }
    };
}

impl wasmspoor::values::Visitor for Reads<'_> {
    const FUSED: bool = true;
    const SKIPS: bool = true;
    const MEMORY: bool = true;

    fn skips(&mut self, from: &[u32], to: Option<u32>, touched: wasmspoor::values::Touched) -> bool {
        self.taint.skips(from, to, touched)
    }

    pass_all_on!();

    fn host_read(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        let depends = (0..bytes.len() as u64).map(|place| {
            let from = self.taint.of_byte(memory, address + place);
            from.iter().any(|(source, at)| (&*source.name, *at) == self.source)
        });
        self.reads.push(Read { host: bytes.len() as u64, bytes: bytes.to_vec(), depends: depends.collect() });
        self.taint.host_read(memory, address, bytes);
    }
}

/// A sample that reads standard input, mixes it in all ways, and writes what comes of it.
#[test]
fn what_is_not_tainted_does_not_change_in_mixed_arithmetic() {
    let body = r#"(func (export "_start") (local $i i32) (local $s i32) (local $w i64) (local $v v128) (call $get)
      (loop $l
        (local.set $s (i32.add (i32.rotl (local.get $s) (i32.const 5)) (i32.load8_u offset=1024 (local.get $i))))
        (i32.store8 offset=2048 (local.get $i) (i32.mul (local.get $s) (i32.const 77)))
        (i32.store8 offset=2112 (local.get $i) (i32.shr_u (i32.load offset=1024 (local.get $i)) (i32.const 11)))
        (i64.store offset=2200 (i32.shl (local.get $i) (i32.const 3)) (i64.mul
          (i64.load offset=1024 (local.get $i)) (i64.const 0x10001)))
        (i32.store offset=2800 (i32.shl (local.get $i) (i32.const 2)) (i32.div_u
          (i32.load offset=1024 (local.get $i)) (i32.const 1000)))
        (i32.store offset=3100 (i32.shl (local.get $i) (i32.const 2)) (i32.sub (i32.const 0x10000)
          (i32.load16_u offset=1024 (local.get $i))))
        (f32.store offset=3400 (i32.shl (local.get $i) (i32.const 2))
          (f32.sqrt (f32.convert_i32_u (i32.load8_u offset=1024 (local.get $i)))))
        (i32.store8 offset=3700 (local.get $i) (select (i32.load8_u offset=1024 (local.get $i))
          (i32.load8_u offset=1025 (local.get $i)) (i32.gt_u (i32.load8_u offset=1026 (local.get $i)) (i32.const 90))))
        (v128.store offset=3800 (i32.shl (local.get $i) (i32.const 4)) (i16x8.mul
          (i8x16.swizzle (v128.load offset=1024 (local.get $i)) (v128.load offset=1032 (local.get $i)))
          (i16x8.extend_low_i8x16_u (v128.load offset=1024 (local.get $i)))))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 40))))
      (call $put (i32.const 2048) (i32.const 2500)))"#;
    let (wasm, mut flips) = (wasm(body), Flips::default());
    let stdin = common::noise(7, 64);
    for at in [0usize, 3, 17, 38, 63] {
        for mask in [1u8, 0x80, 0xff] {
            let mut changed = stdin.clone();
            changed[at] ^= mask;
            let source = ("standard input", at as u64);
            flip(&wasm, &options(&stdin), &options(&changed), source, &mut flips);
        }
    }
    println!("{} clean, {} tainted, {} of them changed", flips.clean, flips.tainted, flips.changed);
    assert!(flips.clean > 10_000 && flips.tainted > 1000 && flips.changed * 3 > flips.tainted);
}

/// The corpus: a byte of each file that a sample reads is changed.
#[test]
fn what_is_not_tainted_does_not_change_in_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (mut flips, mut samples) = (Flips::default(), 0);
    for path in common::files(&corpus, "wat") {
        let Ok(wasm) = wat::parse_file(&path) else { continue };
        let mut options = RunOptions::default();
        (options.entry_instructions, options.limits.instructions) = (Some(100_000), Some(300_000));
        let Ok(run) = sandbox::run_with_effects(&wasm, &options) else { continue };
        let Some(effects) = &run.trace.effects else { continue };
        let files = effects.entries().iter().filter_map(|(_, effect)| match effect {
            Effect::Given(origin) if origin.name.starts_with('/') => Some(origin.name.to_string()),
            _ => None,
        });
        let files: std::collections::BTreeSet<_> = files.take(200).collect();
        let Some(file) = files.iter().next() else { continue };
        let contents = contents(&options.persona, file).or_else(|| options.files.get(file).cloned());
        let Some(mut contents) = contents.filter(|contents| contents.len() > 3) else { continue };
        let at = contents.len() / 3;
        options.files.insert(file.clone(), contents.clone());
        contents[at] ^= 0x15;
        let mut changed = options.clone();
        changed.files.insert(file.clone(), contents);
        flip(&wasm, &options, &changed, (file, at as u64), &mut flips);
        samples += 1;
    }
    let Flips { clean, tainted, changed } = flips;
    println!("{samples} samples: {clean} clean bytes equal; of {tainted} tainted, {changed} changed");
    assert!(samples > 5 && clean > 1000 && changed > 0, "{samples} {clean} {changed}");
}

/// Taint without its quick way: each instruction is told as any other.
struct Slow<'t> {
    taint: Taint<'t>,
}

impl wasmspoor::values::Visitor for Slow<'_> {
    const FUSED: bool = true;
    const MEMORY: bool = true;

    pass_all_on!();
    pass_on! { host_read(memory: u32, address: u64, bytes: &[u8]); }
}

/// Follows a run on both ways, and compares flows and memory; how many flows there are.
fn both_ways(wasm: &[u8], options: &RunOptions, sources: &[SourceKind]) -> usize {
    let Ok(run) = sandbox::run_with_effects(wasm, options) else { return 0 };
    let taint = || Taint::new(&run.trace, TaintOptions::default().sources(sources.iter().copied()));
    let (mut quick, mut slow) = (taint(), Slow { taint: taint() });
    let quick_end = Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut quick));
    let slow_end = Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut slow));
    assert_eq!(quick_end.is_ok(), slow_end.is_ok());
    assert_eq!((quick.flows(), quick.lost()), (slow.taint.flows(), slow.taint.lost()));
    for address in (0..1 << 17).step_by(29) {
        assert_eq!(quick.of_byte(0, address), slow.taint.of_byte(0, address), "{address:#x}");
    }
    quick.flows().len()
}

/// Labels that are looked up and labels that go byte by byte are the same at the same places.
#[test]
fn the_quick_way_of_taint_is_that_of_each_instruction() {
    let given = SourceKind::GIVEN;
    let all: Vec<_> = SourceKind::ALL.iter().copied().filter(|&kind| kind != SourceKind::Immediate).collect();
    let stdin = common::noise(11, 64);
    let body = operators();
    let mut flows = both_ways(&wasm(&body), &options(&stdin), &given);
    assert!(flows > 10, "{flows}");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    // Every seventh: each goes byte by byte, too.
    for path in common::files(&corpus, "wat").into_iter().step_by(7) {
        let Ok(wasm) = wat::parse_file(&path) else { continue };
        let mut options = RunOptions::default();
        (options.entry_instructions, options.limits.instructions) = (Some(10_000), Some(20_000));
        flows += both_ways(&wasm, &options, &all);
    }
    assert!(flows > 50, "{flows}");
}

/// Each operator on numbers, and on operands of which all, some or none of the bytes come from standard
/// input. Branches and accesses depend on them.
fn operators() -> String {
    let of = |ty: &str, width: usize, names: &str| {
        let loads: Vec<String> = match width {
            4 => ["load", "load8_s", "load8_u", "load16_s", "load16_u"].map(str::to_owned).into(),
            _ => ["load", "load8_s", "load16_u", "load32_s", "load32_u"].map(str::to_owned).into(),
        };
        let mut text = String::new();
        for (number, name) in names.split_whitespace().enumerate() {
            let left = format!("({ty}.{} offset=1024 (local.get $i))", loads[number % loads.len()]);
            let others = [
                format!("({ty}.{} offset=1030 (local.get $i))", loads[(number + 2) % loads.len()]),
                format!("({ty}.const {})", [3, 8, 255, 0x10000, 77, 0x7f00_00ff][number % 6]),
                format!("({ty}.const {})", [16, 10, -1, 0, 1, 0xff00][number % 6]),
                format!("({ty}.{} offset=100 (local.get $i))", loads[0]),
            ];
            for other in others {
                let other = match name.starts_with("div") || name.starts_with("rem") {
                    true => format!("({ty}.or (local.get $one{width}) {other})"),
                    false => other,
                };
                let other = if ["clz", "ctz", "popcnt"].contains(&name) { String::new() } else { other };
                text += &format!("(call $use{width} ({ty}.{name} {left} {other}))");
            }
        }
        text
    };
    let names = "add sub mul and or xor shl shr_u shr_s rotl rotr div_u rem_u clz ctz popcnt";
    let compares = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
    let compared: String = compares
        .split_whitespace()
        .map(|name| {
            format!(
                "(if (i32.{name} (i32.load8_u offset=1024 (local.get $i)) (i32.const 90))
                   (then (call $use4 (i32.load8_u offset=1040 (i32.and (local.get $sum) (i32.const 15))))))
                 (call $use4 (i64.{name} (i64.load offset=1024 (local.get $i)) (i64.extend_i32_u (local.get $i))))"
            )
        })
        .collect();
    let (small, large) = (of("i32", 4, names), of("i64", 8, names));
    format!(
        r#"(global $g (mut i32) (i32.const 0)) (global $at (mut i32) (i32.const 4096))
      (func $use4 (param i32)
        (i32.store (global.get $at) (local.get 0))
        (global.set $at (i32.add (global.get $at) (i32.const 4)))
        (global.set $g (i32.add (i32.rotl (global.get $g) (i32.const 7)) (local.get 0)))
        (br_if 0 (i32.eqz (local.get 0)))
        (i32.store16 offset=2 (global.get $at) (select (local.get 0) (i32.const 5) (global.get $g))))
      (func $use8 (param i64)
        (i64.store (global.get $at) (local.get 0))
        (global.set $at (i32.add (global.get $at) (i32.const 8)))
        (call $use4 (i32.wrap_i64 (i64.xor (local.get 0) (i64.shr_u (local.get 0) (i64.const 32))))))
      (func (export "_start") (local $i i32) (local $sum i32) (local $one4 i32) (local $one8 i64)
        (local.set $one4 (i32.const 1)) (local.set $one8 (i64.const 1)) (call $get)
        (loop $l
          {small} {large} {compared}
          (local.set $sum (i32.extend8_s (i32.add (local.get $sum) (i32.load16_s offset=1025 (local.get $i)))))
          (call $use4 (local.get $sum)) (call $use4 (i32.extend16_s (global.get $g)))
          (call $use8 (i64.extend_i32_s (local.get $sum)))
          (call $use4 (i32.reinterpret_f32 (f32.neg (f32.convert_i32_s (local.get $sum)))))
          (block (block (block (br_table 0 1 2 (i32.and (local.get $sum) (i32.const 3)))) (call $use4 (i32.const 9))))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 5))) (i32.const 40))))
        (call $put (i32.const 4096) (i32.const 30000)))"#
    )
}

fn contents(persona: &Persona, path: &str) -> Option<Vec<u8>> {
    persona.files.iter().find(|document| document.path == path).map(|document| document.bytes.clone())
}

#[test]
fn the_command_tells_flows_in_words_and_json() {
    let folder = tempfile::tempdir().unwrap();
    let [sample, input, trace] =
        ["sample.wat", "input", "sample.spoor"].map(|name| folder.path().join(name).display().to_string());
    let body = r#"(func (export "_start") (call $get) (i32.store8 (i32.const 1025)
        (i32.xor (i32.load8_u (i32.const 1025)) (i32.const 7)))
      (if (i32.load8_u (i32.const 1024)) (then (call $put (i32.const 1025) (i32.const 3)))))"#;
    fs::write(&sample, format!("(module {HEAD} {body})")).unwrap();
    fs::write(&input, "secret").unwrap();
    let words = ["taint", &sample, "--stdin", &input, "--from", "stdin"];
    let expected = "bytes 1 to 3 of standard input → xor → `wasi_snapshot_preview1.fd_write` #1\n";
    assert!(shown(&words).starts_with(expected), "{}", shown(&words));
    assert_eq!(shown(&[&words[..], &["--to", "fd_write"]].concat()).lines().next(), expected.lines().next());
    let branch = shown(&[&words[..], &["--to", "branch"]].concat());
    assert!(branch.starts_with("byte 0 of standard input → condition at wasm-function["), "{branch}");
    let control = shown(&[&words[..], &["--control"]].concat());
    assert!(control.contains("byte 0 of standard input") && control.contains("by condition"), "{control}");
    shown(&["record", &sample, "--stdin", &input, "-o", &trace]);
    let json: serde_json::Value =
        serde_json::from_str(&shown(&["taint", &trace, "--from", "stdin", "--json"])).unwrap();
    assert_eq!((&json["schema"], &json["lost"]), (&"spoor.taint/1".into(), &0.into()));
    let flow = &json["flows"][0];
    assert_eq!(flow["text"].as_str(), Some(expected.trim_end()));
    assert_eq!((flow["ranges"].to_string(), &flow["bytes"]), ("[[1,4]]".into(), &3.into()));
    assert_eq!((&flow["how"], &flow["first_call"]), (&"value".into(), &1.into()));
}

#[test]
fn a_report_tells_flows_as_far_as_is_asked() {
    let path = format!("{}/corpus/stealer.wat", env!("CARGO_MANIFEST_DIR"));
    let report = |values: &[&str]| -> serde_json::Value {
        let words = [&["run", &path, "--json", "--fail-on", "never"], values].concat();
        serde_json::from_str(&shown(&words)).unwrap()
    };
    let (off, auto, full) = (report(&["--values", "off"]), report(&[]), report(&["--values", "full"]));
    assert_eq!(off.get("data_flows"), None);
    assert_eq!(auto["data_flows"], full["data_flows"], "a short run is followed to its end");
    let flows = &full["data_flows"];
    assert_eq!((&flows["instructions"], &flows["error"]), (&full["instructions"], &serde_json::Value::Null));
    let first = &flows["flows"][0];
    assert_eq!((&first["is_bait"], &first["source"]), (&true.into(), &"file".into()));
    assert_eq!(first["host"].as_str(), Some("wasi_snapshot_preview1.sock_send"));
    assert!(first["text"].as_str().unwrap().contains("(bait) → base64 →"), "{first}");
    for same in ["instructions", "host_calls", "files", "findings", "limitations"] {
        assert_eq!(auto[same], off[same], "{same}: only what rules make of flows changes");
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("stealer.spoor").display().to_string();
    let saved = report(&["--save", &trace]);
    let of_file = |values: &str| -> serde_json::Value {
        let words = ["report", &trace, "--json", "--fail-on", "never", "--values", values];
        serde_json::from_str(&shown(&words)).unwrap()
    };
    for from_file in [saved, of_file("auto")] {
        assert_eq!(from_file["data_flows"], auto["data_flows"]);
        assert_eq!((&from_file["rules"], &from_file["verdict"]), (&auto["rules"], &auto["verdict"]));
    }
    assert_eq!(of_file("off").get("data_flows"), None);
    let asks = |report: &serde_json::Value| {
        let rules = report["rules"].as_array().unwrap().iter();
        rules.filter(|rule| rule["name"] == "send away bait that it encoded").count()
    };
    assert_eq!((asks(&auto), asks(&off)), (1, 0));
    let text = shown(&["run", &path, "--fail-on", "never"]);
    let first = first["text"].as_str().unwrap();
    assert!(text.contains(&format!("data        {first}")), "{text}");
    let text = shown(&["run", &path, "--fail-on", "never", "-v"]);
    assert!(text.contains("Data flows: what became of what it was given\n"), "{text}");
}

/// The state that was labelled before the first instruction that is told: calls, tail calls and host calls of
/// a run that nobody followed until then.
#[test]
fn labels_that_come_late_are_followed_through_frames_that_were_there() {
    let flows = of_stdin(
        r#"(func $inner (param i32 i32) (result i32) (local i32)
             (call $get)
             (local.set 2 (i32.load8_u (i32.const 1027)))
             (i32.store8 (i32.const 512) (local.get 2))
             (i32.add (local.get 0) (local.get 2)))
           (func $tail (param i32) (result i32) (local i64)
             (return_call $inner (local.get 0) (i32.const 3)))
           (func (export "_start") (local i32)
             (local.set 0 (call $tail (i32.const 9)))
             (i32.store8 (i32.const 513) (local.get 0))
             (call $put (i32.const 512) (i32.const 2)))"#,
        false,
    );
    let told = written(&flows);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, [(3, 4)]);
}

#[test]
fn samples_of_the_corpus_have_known_flows() {
    for (sample, expected) in [
        ("stealer", "of `/home/user/.ssh/id_rsa` (bait) → base64 → `wasi_snapshot_preview1.sock_send` #"),
        ("d9-only-when-run", "of `/home/user/.ssh/id_rsa` (bait) → `wasi_snapshot_preview1.sock_send` #"),
        ("v3-uuid", "bytes 0 to 15 of random → hexadecimal digits → `wasi_snapshot_preview1.fd_write` #"),
        ("ransomware-chacha", ".md` → addition → xor → rotations → `wasi_snapshot_preview1.fd_write` #"),
        ("benign-backup", ".md` → `wasi_snapshot_preview1.fd_write` #"),
        ("benign-base64", "no flow of what was asked for"),
    ] {
        let path = format!("{}/corpus/{sample}.wat", env!("CARGO_MANIFEST_DIR"));
        let told = shown(&["taint", &path]);
        assert!(told.contains(expected), "{sample}: {told}");
    }
}

/// A key leaves in the names that are looked up, two letters for each byte in an alphabet that moves on.
#[test]
fn a_secret_in_names_is_seen() {
    let body = r#"(import "env" "resolve" (func $resolve (param i32 i32) (result i32)))
      (func (export "_start") (local $i i32) (call $get)
        (loop $l
          (i32.store16 offset=2048 (i32.shl (local.get $i) (i32.const 1)) (i32.or
            (i32.add (i32.const 97) (i32.rem_u
              (i32.add (i32.shr_u (i32.load8_u offset=1024 (local.get $i)) (i32.const 4)) (local.get $i))
              (i32.const 16)))
            (i32.shl (i32.add (i32.const 97) (i32.rem_u
              (i32.add (i32.and (i32.load8_u offset=1024 (local.get $i)) (i32.const 15)) (local.get $i))
              (i32.const 16))) (i32.const 8))))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 60))))
        (drop (call $resolve (i32.const 2048) (i32.const 40)))
        (drop (call $resolve (i32.const 2088) (i32.const 40)))
        (drop (call $resolve (i32.const 2128) (i32.const 40))))"#;
    let wasm = wat::parse_str(format!(
        "(module {})",
        body.replacen("(func (export", &format!("{HEAD} (func (export"), 1)
    ));
    let stdin: Vec<u8> = (0..64).map(|byte| byte * 3 + 1).collect();
    let flows =
        flows_of(&wasm.unwrap(), &options(&stdin), TaintOptions::default().sources([SourceKind::Stdin]));
    let flow = flows.iter().find(|flow| matches!(flow.sink, Sink::Memory { .. })).unwrap();
    assert_eq!((flow.how, &flow.ranges[..], flow.times), (How::Value, &[(0, 60)][..], 3));
    assert_eq!(flow.path(), ["two characters for each byte, in an alphabet of its own"]);
}

/// Imports of what gives, beside those of `HEAD`.
const GIVING: &str = r#"
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv"
    (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "ask" (func $ask (result i32)))
  (import "env" "tell" (func $tell (param i32 i32)))
"#;

fn giving(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {GIVING} {HEAD} {body})")).unwrap()
}

#[test]
fn each_kind_of_source_is_followed() {
    type Row<'a> = (SourceKind, &'a str, &'a str, &'a [(u64, u64)]);
    let rows: &[Row<'_>] = &[
        (
            SourceKind::Argument,
            "(drop (call $args_get (i32.const 512) (i32.const 600)))
             (call $put (i32.add (i32.load (i32.const 512)) (i32.const 1)) (i32.const 2))",
            "0",
            &[(1, 3)],
        ),
        (
            SourceKind::Clock,
            "(drop (call $time (i32.const 0) (i64.const 0) (i32.const 512)))
             (call $put (i32.const 514) (i32.const 3))",
            "0",
            &[(2, 5)],
        ),
        (
            SourceKind::Answer,
            "(i32.store (i32.const 512) (call $ask)) (call $put (i32.const 512) (i32.const 4))",
            "env.ask",
            &[(0, 4)],
        ),
        (SourceKind::Data, "(call $put (i32.const 3001) (i32.const 2))", "0xbb8", &[(1, 3)]),
        (
            SourceKind::Entry,
            "(i32.store (i32.const 512) (local.get $x)) (call $put (i32.const 513) (i32.const 1))",
            "arguments",
            &[(1, 2)],
        ),
    ];
    for (kind, body, name, ranges) in rows {
        let wasm =
            giving(&format!(r#"(data (i32.const 3000) "spoor") (func (export "f") (param $x i32) {body})"#));
        let mut options = options(b"");
        options.args = vec!["sample".into()];
        options.invoke = Some(("f".into(), vec![Value::I32(7)]));
        let flows = flows_of(&wasm, &options, TaintOptions::default().sources([*kind]));
        let told: Vec<_> = flows
            .iter()
            .filter(|flow| matches!(flow.sink, Sink::Memory { .. }) && flow.how == How::Value)
            .map(|flow| (flow.source.kind, &*flow.source.name, &flow.ranges[..]))
            .collect();
        assert_eq!(told, [(*kind, *name, *ranges)], "{kind:?}: {flows:?}");
    }
}

#[test]
fn what_comes_over_a_socket_is_followed() {
    let sample = tempfile::Builder::new().suffix(".wat").tempfile().unwrap();
    let body = r#"(func (export "_start")
      (drop (call $accept (i32.const 4) (i32.const 0) (i32.const 20)))
      (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 64))
      (drop (call $recv (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)
        (i32.const 16)))
      (call $put (i32.const 1025) (i32.const 2)))"#;
    fs::write(&sample, format!("(module {GIVING} {HEAD} {body})")).unwrap();
    let told = shown(&["taint", sample.path().to_str().unwrap(), "--from", "socket", "--to", "fd_write"]);
    assert!(told.contains("bytes 1 to 2 of `") && told.contains("fd_write` #"), "{told}");
}

#[test]
fn arguments_and_results_are_sinks() {
    let wasm = giving(
        r#"(func (export "f") (result i32) (call $get)
             (call $tell (i32.const 5) (i32.load16_u (i32.const 1026)))
             (i32.load8_u (i32.const 1029)))"#,
    );
    let mut options = options(b"0123456789");
    options.invoke = Some(("f".into(), vec![]));
    let flows = flows_of(&wasm, &options, TaintOptions::default().sources([SourceKind::Stdin]));
    let to = |is_it: fn(&Sink) -> bool| -> Vec<_> {
        let of = flows.iter().filter(|flow| is_it(&flow.sink));
        of.map(|flow| (&flow.ranges[..], flow.how, flow.times)).collect()
    };
    let arguments = to(|sink| matches!(sink, Sink::Argument { index: 1, .. }));
    assert_eq!(arguments, [(&[(2, 4)][..], How::Value, 1)], "{flows:?}");
    assert_eq!(to(|sink| *sink == Sink::Result), [(&[(5, 6)][..], How::Value, 1)], "{flows:?}");
}

/// Each source goes to a call of its own, then both to a third.
#[test]
fn a_flow_tells_the_calls_of_its_own_source() {
    let body = r#"(func (export "_start")
      (drop (call $time (i32.const 0) (i64.const 0) (i32.const 512))) (call $put (i32.const 512) (i32.const 8))
      (drop (call $random (i32.const 520) (i32.const 8))) (call $put (i32.const 520) (i32.const 8))"#;
    let both = "(call $put (i32.const 512) (i32.const 16))
      (i64.store (i32.const 528) (i64.xor (i64.load (i32.const 512)) (i64.load (i32.const 520))))
      (call $put (i32.const 528) (i32.const 8))";
    let told = |body: &str, kinds: &[SourceKind]| {
        let taint = TaintOptions::default().sources(kinds.iter().copied());
        let mut flows = flows_of(&giving(body), &options(b""), taint);
        flows.retain(|flow| matches!(flow.sink, Sink::Memory { .. }));
        flows
    };
    let kinds = [SourceKind::Clock, SourceKind::Random];
    let apart = told(&format!("{body})"), &kinds);
    assert_eq!(apart.len(), 2);
    for flow in &apart {
        assert_eq!((flow.times, flow.count, flow.records.0), (1, 8, flow.records.1), "{flow:?}");
    }
    assert_ne!(apart[0].records, apart[1].records);
    let together = told(&format!("{body} {both})"), &kinds);
    let of = |flows: &[Flow]| -> Vec<_> { flows.iter().map(|flow| (flow.times, flow.count)).collect() };
    assert_eq!(of(&together), [(3, 24), (3, 24)], "{together:?}");
    // Each is told as when it is followed alone.
    for (kind, both) in kinds.into_iter().zip(&together) {
        let alone =
            told(&format!("{body} {both})", both = "(call $put (i32.const 512) (i32.const 16))"), &[kind]);
        assert_eq!((alone[0].times, alone[0].records.0), (2, both.records.0));
    }
}

/// The log of this sample has one write for each document.
#[test]
fn each_document_of_a_ransomware_is_in_a_call_of_its_own() {
    let path = format!("{}/corpus/ransomware-xor.wat", env!("CARGO_MANIFEST_DIR"));
    let told = shown(&["taint", &path, "--from", "file", "--to", "fd_pwrite"]);
    let rows: Vec<_> = told.lines().filter(|line| line.contains("xor")).collect();
    let mut calls: Vec<_> = rows.iter().map(|row| row.rsplit_once("fd_pwrite` ").unwrap().1).collect();
    calls.sort_unstable();
    assert_eq!(calls, ["#14", "#19", "#4", "#9"], "{told}");
}

/// Nothing was there, so nothing came from there. The verdict alone asks for it.
#[test]
fn what_is_empty_has_no_flow() {
    let sample = tempfile::Builder::new().suffix(".wat").tempfile().unwrap();
    let body = r#"(func (export "_start")
      (drop (call $environ_get (i32.const 512) (i32.const 1024))) (call $put (i32.const 1024) (i32.const 40)))"#;
    fs::write(&sample, format!("(module {GIVING} {HEAD} {body})")).unwrap();
    let words = ["taint", sample.path().to_str().unwrap(), "--persona", "study", "--from", "environment"];
    assert!(shown(&words).contains("no flow of what was asked for"));
    let named = shown(&[&words[..], &["--env", "environment=abc"]].concat());
    assert!(named.contains("of the variable `environment`"), "{named}");
}

/// Juliet's programs, whose names say what is wrong in them. They print what they get from outside, or fill a
/// buffer with beside its bounds.
#[needs("../shared/samples/hostile")]
#[test]
fn weakness_tests_print_what_their_names_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples/hostile");
    let flows = |weakness: &str, options: &RunOptions, kind: SourceKind| {
        let is_it =
            |path: &std::path::PathBuf| path.to_string_lossy().contains(&format!("sac22-{weakness}_"));
        let mut paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let wasm = fs::read(paths.find(is_it).unwrap()).unwrap();
        let flows = flows_of(&wasm, options, TaintOptions::default().sources([kind]));
        let printed = flows.into_iter().filter(|flow| matches!(flow.sink, Sink::Memory { .. }));
        printed.filter(|flow| flow.how == How::Value).collect::<Vec<_>>()
    };
    // A format string from outside: its characters are printed.
    let of_format = flows("CWE134", &options(b"12345 hello\n7\n"), SourceKind::Stdin);
    assert!(of_format.iter().any(|flow| flow.ranges[0].0 == 0 && flow.len() >= 11), "{of_format:?}");
    // A variable is told: its name is not.
    let mut with_path = options(b"");
    with_path.env.push(("PATH".into(), "/usr/bin:/secret".into()));
    let of_path = flows("CWE526", &with_path, SourceKind::Environment);
    let told: Vec<_> = of_path.iter().map(|flow| (&flow.ranges[..], &flow.steps[..])).collect();
    assert_eq!(told, [(&[(5, 21)][..], &[][..])]);
    // Letters that are written or read beside a buffer: constants of the program.
    for weakness in ["CWE121", "CWE122", "CWE124", "CWE126", "CWE127"] {
        let of_letters = flows(weakness, &options(b""), SourceKind::Immediate);
        let is_printed = |flow: &&Flow| flow.count > 5 && flow.steps == [Operation::Add, Operation::Lookup];
        assert_eq!(of_letters.iter().filter(is_printed).count(), 1, "{weakness}: {of_letters:?}");
    }
}
