//! How fast replay is: `cargo test --release -- --ignored --nocapture speed`.

use std::time::Instant;

use super::*;

/// Eight blocks and 26 instructions a round, a call among them.
const LOOP: &str = r#"(module
  (func $leaf (param i32) (result i32) (if (i32.and (local.get 0) (i32.const 1)) (then (nop)) (else (nop))) (local.get 0))
  (func (export "main") (param i32) (local i32)
    (loop $l
      (local.set 1 (i32.xor (i32.mul (local.get 1) (i32.const 31)) (local.get 0)))
      (block $b (br_if $b (local.get 1)) (local.set 1 (i32.const 1)))
      (drop (call $leaf (local.get 0)))
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (br_if $l (local.get 0)))))"#;

#[test]
#[ignore = "a benchmark"]
fn speed() {
    let module = module(LOOP);
    let rounds = 20_000_000u64;
    for is_random in [false, true] {
        let mut writer = Writer::new();
        let mut state = 0x1234_5678_9abc_def0u64;
        for round in 0..rounds {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let way = if is_random { state } else { round };
            writer.bit(way & 1 == 0).bit(way & 2 == 0).bit(round + 1 != rounds);
        }
        let mut trace = trace(&module, 0, &mut writer, &[invoke(1), RETURNED]);
        trace.calls = rounds;
        for _ in 0..3 {
            let start = Instant::now();
            let total = Counts::of(&trace).unwrap().total;
            let blockwise = total as f64 / start.elapsed().as_secs_f64() / 1e6;
            let start = Instant::now();
            let mut sum = 0u64;
            for event in trace.events() {
                if let Event::Op(op) = event.unwrap() {
                    sum += u64::from(op.offset.0);
                }
            }
            let events = total as f64 / start.elapsed().as_secs_f64() / 1e6;
            println!(
                "random {is_random}: {blockwise:.0} M opcodes/s block-wise, {events:.0} M events/s (checksum {sum})"
            );
        }
    }
}
