//! How much work an export may do: the loops in the functions that it reaches.
//!
//! One pass over the code, without keeping it. Functions of the table count too, at a quarter, where a function calls indirectly: which of
//! them it calls is not known here.

use std::collections::HashMap;

use wasmparser::{ElementItems, Operator, Parser, Payload};

use crate::module::FuncIndex;

/// Calls followed for all exports together.
const STEPS: usize = 4_000_000;

/// What a function holds.
#[derive(Debug, Default)]
struct Body {
    loops: u64,
    calls: Vec<u32>,
    calls_indirectly: bool,
}

/// The code of a module, as far as ranking needs it.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    imported: u32,
    bodies: Vec<Body>,
    in_table: Vec<u32>,
    steps: usize,
}

impl Ranking {
    /// Reads the code. What is not well-formed counts nothing: the engine has refused it before.
    pub(super) fn new(wasm: &[u8], imported: u32) -> Self {
        let mut ranking = Self { imported, ..Self::default() };
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            match payload {
                Payload::ElementSection(segments) => segments.into_iter().flatten().for_each(|segment| ranking.segment(segment)),
                Payload::CodeSectionEntry(body) => ranking.bodies.push(read(&body)),
                _ => {}
            }
        }
        ranking
    }

    fn segment(&mut self, segment: wasmparser::Element<'_>) {
        if let ElementItems::Functions(functions) = segment.items {
            self.in_table.extend(functions.into_iter().flatten());
        }
    }

    /// Loops that `func` reaches, in quarters.
    pub(super) fn loops(&mut self, func: FuncIndex) -> u64 {
        let mut seen = HashMap::new();
        let (mut loops, is_indirect) = self.reach(&[func.0], &mut seen);
        loops *= 4;
        if is_indirect {
            let table = std::mem::take(&mut self.in_table);
            loops += self.reach(&table, &mut seen).0;
            self.in_table = table;
        }
        loops
    }

    /// Loops of `from` and what they call, leaving out what was seen; and whether any calls indirectly.
    fn reach(&mut self, from: &[u32], seen: &mut HashMap<u32, ()>) -> (u64, bool) {
        let (mut loops, mut is_indirect) = (0, false);
        let mut stack = from.to_vec();
        while let Some(func) = stack.pop() {
            if self.steps >= STEPS || seen.insert(func, ()).is_some() {
                continue;
            }
            let Some(body) = func.checked_sub(self.imported).and_then(|position| self.bodies.get(position as usize)) else {
                continue;
            };
            self.steps += 1 + body.calls.len();
            loops += body.loops;
            is_indirect |= body.calls_indirectly;
            stack.extend_from_slice(&body.calls);
        }
        (loops, is_indirect)
    }
}

fn read(body: &wasmparser::FunctionBody<'_>) -> Body {
    let mut read = Body::default();
    let Ok(mut operators) = body.get_operators_reader() else { return read };
    while let Ok(operator) = operators.read() {
        match operator {
            Operator::Loop { .. } => read.loops += 1,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => read.calls.push(function_index),
            Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => read.calls_indirectly = true,
            _ => {}
        }
        if operators.eof() {
            break;
        }
    }
    read.calls.sort_unstable();
    read.calls.dedup();
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_count_through_calls_and_less_through_the_table() {
        let text = r#"(module (import "env" "f" (func $f)) (table funcref (elem $spin))
            (func $spin (loop $l (br $l)))
            (func $calls (call $spin) (call $f) (loop))
            (func $indirect (call_indirect (i32.const 0)))
            (func $idle)
            (func $recursive (call $recursive) (loop)))"#;
        let wasm = wat::parse_str(text).unwrap();
        let mut ranking = Ranking::new(&wasm, 1);
        let loops: Vec<_> = (1..6).map(|func| ranking.loops(FuncIndex(func))).collect();
        assert_eq!(loops, [4, 8, 1, 0, 4]);
        assert_eq!(ranking.loops(FuncIndex(0)) + ranking.loops(FuncIndex(99)), 0);
    }
}
