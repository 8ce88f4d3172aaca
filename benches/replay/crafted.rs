//! Runs made so that the memory of replay is of no use. The decisions that came before do not come again, or
//! come again only to make it look for more.

use wasmspoor::{Limits, Options, Outcome, Tracer, Value, trace::Trace};

/// Name, export, labels of the table, and rounds of a turn. Random decisions and the same ones take turns; 0
/// is random throughout, and half of all rounds is half and half.
const RUNS: [(&str, &str, usize, u32); 13] = [
    ("bits", "bits", 256, 0),
    ("bits by 1", "bits", 256, 1),
    ("bits by 300", "bits", 256, 300),
    ("bits by 3000", "bits", 256, 3_000),
    ("deep", "deep", 256, 0),
    ("deep by 10", "deep", 256, 10),
    ("table", "table", 256, 0),
    ("table by 300", "table", 256, 300),
    ("table by 3000", "table", 256, 3_000),
    ("wide table", "table", 32_768, 0),
    ("wide table by 1", "table", 32_768, 1),
    ("wide table by 300", "table", 32_768, 300),
    ("wide table by 3000", "table", 32_768, 3_000),
];

/// Their names and traces.
pub(crate) fn traces() -> Vec<(String, Trace)> {
    let record = |(name, export, labels, turn): (&str, &str, usize, u32)| {
        let mut limits = Limits::default();
        limits.wall_time = None;
        let tracer = Tracer::new(Options::default().limits(limits));
        let session = tracer.load(text(labels).as_bytes());
        let mut session = session.unwrap_or_else(|error| panic!("{error}"));
        session.start().unwrap_or_else(|error| panic!("{error}"));
        let outcome = session.invoke(export, &[Value::I32(turn as i32)]);
        assert!(matches!(outcome, Ok(Outcome::Returned(_))), "{outcome:?}");
        (name.to_owned(), session.finish())
    };
    RUNS.into_iter().map(record).collect()
}

fn text(labels: usize) -> String {
    let list = "0 1 ".repeat(labels / 2);
    let round = "(call $noise (local.get $round) (local.get $turn))";
    let rounds = |body: String, count: u32| {
        format!(
            "(param $turn i32) (local $round i32)
            (loop {body} (local.tee $round (i32.add (local.get $round) (i32.const 1)))
                (br_if 0 (i32.lt_u (i32.const {count}))))"
        )
    };
    let [bits, table, deep] = [
        rounds(format!("(call $bits {round})"), 3_000_000),
        rounds(format!("(call $table {round})"), 3_000_000),
        rounds(format!("(call $deep {round} (i32.const 300))"), 20_000),
    ];
    format!(
        r#"(module (global $x (mut i32) (i32.const 12345))
        (func $noise (param $round i32) (param $turn i32) (result i32)
            (global.set $x (i32.xor (global.get $x) (i32.shl (global.get $x) (i32.const 13))))
            (global.set $x (i32.xor (global.get $x) (i32.shr_u (global.get $x) (i32.const 17))))
            (global.set $x (i32.xor (global.get $x) (i32.shl (global.get $x) (i32.const 5))))
            (select (global.get $x) (i32.const 7) (i32.or (i32.eqz (local.get $turn))
                (i32.and (i32.const 1)
                    (i32.div_u (local.get $round) (i32.or (local.get $turn) (i32.const 1)))))))
        (func $bits (param i32)
            (block (br_if 0 (i32.and (local.get 0) (i32.const 1))))
            (block (br_if 0 (i32.and (local.get 0) (i32.const 2))))
            (block (br_if 0 (i32.and (local.get 0) (i32.const 4)))))
        (func $table (param i32)
            (block (block (br_table {list} (i32.rem_u (local.get 0) (i32.const {labels}))))))
        (func $deep (param $way i32) (param $depth i32)
            (if (local.get $depth) (then
                (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
                (if (i32.and (i32.rotr (local.get $way) (local.get $depth)) (i32.const 1))
                    (then (call $deep (local.get $way) (local.get $depth)))
                    (else (call $deep (local.get $way) (local.get $depth)))))))
        (func (export "bits") {bits}) (func (export "table") {table}) (func (export "deep") {deep}))"#
    )
}
