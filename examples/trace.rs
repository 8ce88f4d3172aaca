//! Runs a sample and counts what it executed: `cargo run --example trace [-- FILE [EXPORT]]`.

use std::{env, fs};

use wasmspoor::{Limits, Options, Tracer, trace::Event};

/// What is run without a file: the sum of 1 to 10.
const SAMPLE: &str = r#"(module (func (export "main") (result i32) (local $n i32) (local $sum i32)
  (local.set $n (i32.const 10))
  (loop $again
    (local.set $sum (i32.add (local.get $sum) (local.get $n)))
    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (local.get $sum)))"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = env::args().skip(1);
    let bytes = args.next().map_or(Ok(SAMPLE.into()), fs::read)?;
    let export = args.next().unwrap_or_else(|| "main".to_owned());
    // A sample is hostile: it gets a bound that does not depend on this machine.
    let mut limits = Limits::default();
    limits.decisions = Some(10_000_000);
    let mut session = Tracer::new(Options::default().limits(limits)).load(&bytes)?;
    println!("start: {:?}", session.start()?);
    println!("{export}: {:?}", session.invoke(&export, &[])?);
    let trace = session.finish();

    // Block by block: quick, whatever the length of the run.
    println!("{} instructions", trace.counts()?.total);
    // Event by event: each instruction, in order.
    let mut first = Vec::new();
    for event in trace.events() {
        if let Event::Op(instruction) = event? {
            first.push(instruction.opcode.mnemonic());
        }
        if first.len() == 12 {
            break;
        }
    }
    println!("{}", first.join(" "));
    Ok(())
}
