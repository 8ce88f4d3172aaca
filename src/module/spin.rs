//! Loops in which a thread may wait for another by plain operators. Such a loop has a call, or a load whose
//! address no operator of the loop changes. One that sets it to a constant does not change it.
//!
//! Only these ask whether another thread goes on. In the others each round does something new, and a question
//! in each would cost what threads are begun for.

use std::{collections::BTreeSet, mem};

use wasmparser::{FunctionBody, Operator};

/// The byte of a `loop`.
const LOOP: u8 = 0x03;

/// The `loop`s of a body in their order, and which of them a thread may spin in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spins {
    loops: Vec<bool>,
    passed: usize,
}

/// The loops that are open, and for each construct whether it is one.
#[derive(Default)]
struct Open {
    is_loop: Vec<bool>,
    rounds: Vec<Round>,
}

/// A loop being read.
#[derive(Default)]
struct Round {
    number: usize,
    can_spin: bool,
    /// Locals that are set in it, and those that are addresses of loads.
    set: BTreeSet<u32>,
    loaded: BTreeSet<u32>,
}

/// What the operator before put on the stack.
#[derive(Clone, Copy)]
enum Address {
    Fixed,
    Local(u32),
    Other,
}

impl Spins {
    /// Reads a body to its end, or to where no operator can be read.
    pub(crate) fn of(body: &FunctionBody<'_>) -> Self {
        let mut spins = Self::default();
        // Most bodies are short and have no loop: they are not read for this as well.
        if !body.as_bytes().contains(&LOOP) {
            return spins;
        }
        let Ok(mut reader) = body.get_operators_reader() else { return spins };
        let (mut open, mut address) = (Open::default(), Address::Other);
        open.is_loop.push(false);
        while !reader.eof() {
            let Ok(operator) = reader.read() else { break };
            spins.read(&operator, address, &mut open);
            address = match operator {
                Operator::I32Const { .. } | Operator::I64Const { .. } | Operator::GlobalGet { .. } => {
                    Address::Fixed
                }
                Operator::LocalGet { local_index } => Address::Local(local_index),
                // It leaves what it sets.
                Operator::LocalTee { .. } => address,
                _ => Address::Other,
            };
        }
        spins
    }

    fn read(&mut self, operator: &Operator<'_>, address: Address, open: &mut Open) {
        match operator {
            Operator::Loop { .. } => {
                open.is_loop.push(true);
                open.rounds.push(Round { number: self.loops.len(), ..Round::default() });
                self.loops.push(false);
            }
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. } => open.is_loop.push(false),
            Operator::End | Operator::Delegate { .. } => {
                if open.is_loop.pop() == Some(true)
                    && let Some(round) = open.rounds.pop()
                {
                    self.end(round, open.rounds.last_mut());
                }
            }
            operator => {
                if let Some(round) = open.rounds.last_mut() {
                    round.note(operator, address);
                }
            }
        }
    }

    fn end(&mut self, mut round: Round, around: Option<&mut Round>) {
        let is_still = |local: &u32| !round.set.contains(local);
        self.loops[round.number] = round.can_spin || round.loaded.iter().any(is_still);
        if let Some(around) = around {
            // The smaller set goes into the larger: else deep nesting would cost its square.
            if around.set.len() < round.set.len() {
                mem::swap(&mut around.set, &mut round.set);
            }
            around.set.extend(round.set);
        }
    }

    /// Whether a thread may spin in the next `loop` of the body.
    pub(crate) fn next(&mut self) -> bool {
        self.passed += 1;
        self.loops.get(self.passed - 1).copied().unwrap_or(false)
    }
}

impl Round {
    fn note(&mut self, operator: &Operator<'_>, address: Address) {
        match operator {
            // From a constant it is the same in each round.
            Operator::LocalSet { .. } | Operator::LocalTee { .. } if matches!(address, Address::Fixed) => {}
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.set.insert(*local_index);
            }
            Operator::Call { .. } | Operator::CallIndirect { .. } => self.can_spin = true,
            operator if is_load(operator) => match address {
                Address::Fixed => self.can_spin = true,
                Address::Local(local) => _ = self.loaded.insert(local),
                Address::Other => {}
            },
            _ => {}
        }
    }
}

/// Whether it is a plain load of a number.
fn is_load(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32Load { .. }
            | Operator::I32Load8S { .. }
            | Operator::I32Load8U { .. }
            | Operator::I32Load16S { .. }
            | Operator::I32Load16U { .. }
            | Operator::I64Load { .. }
            | Operator::I64Load8S { .. }
            | Operator::I64Load8U { .. }
            | Operator::I64Load16S { .. }
            | Operator::I64Load16U { .. }
            | Operator::I64Load32S { .. }
            | Operator::I64Load32U { .. }
            | Operator::F32Load { .. }
            | Operator::F64Load { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spins(code: &str) -> Vec<bool> {
        let text = format!(
            "(module (memory 1) (func $f) (global $g i32 (i32.const 0)) (func (local i32 i32) {code}))"
        );
        let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{code}: {error}"));
        let bodies = wasmparser::Parser::new(0).parse_all(&wasm).filter_map(|payload| match payload {
            Ok(wasmparser::Payload::CodeSectionEntry(body)) => Some(body),
            _ => None,
        });
        Spins::of(&bodies.last().unwrap()).loops
    }

    #[test]
    fn a_loop_that_can_wait_for_memory_is_known() {
        for (code, expected) in [
            ("(loop (br_if 0 (i32.eqz (i32.load (i32.const 64)))))", &[true][..]),
            ("(loop (br_if 0 (i32.eqz (i32.load8_u (global.get $g)))))", &[true]),
            ("(loop (br_if 0 (i32.eqz (i32.load offset=4 (local.get 0)))))", &[true]),
            ("(loop (call $f) (br 0))", &[true]),
            // From the second round on it reads one place.
            ("(loop (drop (i32.load (local.get 0))) (local.set 0 (i32.const 64)) (br 0))", &[true]),
            ("(loop (br_if 0 (i32.eqz (i32.load (local.tee 0 (i32.const 64))))))", &[true]),
            // What it reads changes with each round.
            ("(loop (drop (i32.load (local.get 0))) (local.set 0 (i32.eqz (local.get 0))) (br 0))", &[false]),
            (
                "(loop (drop (i32.load (local.get 0)))
                    (loop (local.set 0 (i32.eqz (local.get 0))) (br 0)) (br 1))",
                &[false, false],
            ),
            ("(loop (br 0)) (loop (call $f)) (block (loop))", &[false, true, false]),
            (
                "(loop (loop (drop (i32.load (local.get 0)))) (local.set 0 (i32.eqz (local.get 0))))",
                &[false, true],
            ),
        ] {
            assert_eq!(spins(code), expected, "{code}");
        }
    }
}
