//! Lateness at the time limit, for every shape of code that does not end by itself.
//!
//! `cargo run --release --example stop_latency`

use std::time::{Duration, Instant};

use wasmspoor::{Limits, Options, Outcome, Tracer};

const LIMIT: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut tree = String::from("(func $f0)");
    for level in 1..60 {
        tree += &format!("(func $f{level} (call $f{0}) (call $f{0}))", level - 1);
    }
    let straight =
        "(local.set 0 (i32.rotl (i32.add (local.get 0) (i32.const 3)) (local.get 0)))".repeat(400_000);
    let shapes = [
        ("loop br 0", r#"(func (export "main") (loop (br 0)))"#.to_owned()),
        ("loop br_if", r#"(func (export "main") (loop (br_if 0 (i32.const 1))))"#.to_owned()),
        ("mutual tail calls", r#"(func $a (export "main") (return_call $b)) (func $b (return_call $a))"#.to_owned()),
        ("br_table loop", r#"(func (export "main") (loop (block (br_table 0 1 1 (i32.const 7)))))"#.to_owned()),
        ("host call loop", r#"(import "e" "f" (func $f)) (func (export "main") (loop (call $f) (br 0)))"#.to_owned()),
        ("tree of calls", format!("{tree} (func (export \"main\") (call $f59))")),
        ("recursion", r#"(func $f (export "main") (call $g) (call $g)) (func $g (param) (loop (call $h) (br 0))) (func $h)"#.to_owned()),
        ("straight code in a loop", format!("(func (export \"main\") (local i32) (loop {straight} (br 0)))")),
        ("fill of all memory in a loop", r#"(memory 4096) (func (export "main") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 268435456)) (br 0)))"#.to_owned()),
        ("growth", r#"(memory 1) (func (export "main") (loop (drop (memory.grow (i32.const 1))) (br 0)))"#.to_owned()),
    ];
    for (shape, code) in shapes {
        let mut limits = Limits::default();
        limits.wall_time = Some(LIMIT);
        limits.host_calls = None;
        let mut session =
            Tracer::new(Options::default().limits(limits)).load(format!("(module {code})").as_bytes())?;
        let before = session.elapsed();
        let begun = Instant::now();
        session.start()?;
        let outcome = session.invoke("main", &[])?;
        let late = (before + begun.elapsed()).saturating_sub(LIMIT);
        let Outcome::Stopped { limit, site } = outcome else {
            return Err(format!("{shape}: {outcome:?}").into());
        };
        println!(
            "{shape:<28} {:>7.1} ms late, by {limit} at {}",
            late.as_secs_f64() * 1e3,
            site.map_or_else(|| "?".to_owned(), |site| site.to_string())
        );
    }
    Ok(())
}
