//! Splits a function body into segments and puts a counter before each.
//!
//! A segment ends after an instruction that may trap, branch, call or return, and before anything that
//! control can jump to:
//!
//! ```text
//! local.get 0   ┐ counter here       a `loop` can be jumped to, so its counter stands inside, where every
//! i32.load      ┘ may trap           iteration passes, and it counts the `loop` itself:
//! i32.const 1   ┐ counter here
//! i32.add       ┘                    loop          ┐
//! loop …                               counter     │
//!                                      local.get 1 │
//!                                      br_if 0     ┘
//! ```
//!
//! `end` and `else` end a segment and belong to none. Original bytes are copied, never decoded and encoded
//! again. The inserted code leaves the operand stack alone and has no labels that a branch of the module
//! could mean.

use crate::counts::{FuncIndex, Instruction, Offset, Segment};
use crate::{Error, operator};
use wasm_encoder::{BlockType, InstructionSink, MemArg, MemArgTarget};
use wasmparser::{FunctionBody, Operator};

/// A segment and the byte offset in the module where its counter goes.
pub(crate) struct Placed {
    pub(crate) segment: Segment,
    pub(crate) counter_at: Offset,
}

/// The segments of a body, in order; each of a `single` instruction if so asked.
pub(crate) fn split(func: FuncIndex, body: &FunctionBody<'_>, single: bool) -> Result<Vec<Placed>, Error> {
    let mut placed: Vec<Placed> = Vec::new();
    let mut open = false;
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        if matches!(operator, Operator::End | Operator::Else) {
            open = false;
            continue;
        }
        let facts = operator::facts(&operator)
            .ok_or_else(|| Error::Operator { operator: format!("{operator:?}"), offset })?;
        let is_loop = matches!(operator, Operator::Loop { .. });
        let instruction = Instruction { offset: Offset(offset), mnemonic: facts.mnemonic };
        let is_apart = is_loop || is_select(&operator);
        match placed.last_mut().filter(|_| open && !is_apart) {
            Some(last) => last.segment.instructions.push(instruction),
            None => placed.push(Placed {
                segment: Segment { func, instructions: vec![instruction] },
                counter_at: Offset(if is_loop { reader.original_position() } else { offset }),
            }),
        }
        open = !single && (is_loop || facts.straight);
    }
    Ok(placed)
}

/// Whether it is a `select`. A counter keeps it apart from the comparison before it. For wasmi 2.0.0 fuses
/// `i32.eqz` of a local with `select` and then tests a register that does not hold the local. So
/// `(select (i32.const 1) (local.get 0) (i32.eqz (local.get 0)))` can be 1 for any local. The oracle shall
/// say what the module means.
fn is_select(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Select | Operator::TypedSelect { .. } | Operator::TypedSelectMulti { .. })
}

/// How counters are written: the same for all segments of a module.
pub(crate) struct Counters {
    /// Index of the memory that holds them.
    pub(crate) memory: u32,
    /// Stop before the segment that starts when this many instructions have been executed.
    pub(crate) limit: Option<u64>,
}

impl Counters {
    /// The bytes of a body with counters; `first` is the number of its first segment in the module.
    pub(crate) fn insert(
        &self,
        wasm: &[u8],
        body: &FunctionBody<'_>,
        first: usize,
        placed: &[Placed],
    ) -> Vec<u8> {
        let range = body.range();
        let mut out = Vec::with_capacity(body.as_bytes().len() + placed.len() * 24);
        let mut copied = range.start;
        for (number, place) in (first..).zip(placed) {
            out.extend_from_slice(&wasm[copied as usize..place.counter_at.0 as usize]);
            copied = place.counter_at.0;
            self.count(&mut out, number, place.segment.instructions.len());
        }
        out.extend_from_slice(&wasm[copied as usize..range.end as usize]);
        out
    }

    /// Code that counts one start of a segment.
    fn count(&self, out: &mut Vec<u8>, number: usize, instructions: usize) {
        let mut sink = InstructionSink::new(out);
        if let Some(limit) = self.limit {
            // The last segment has been counted in full and has run when the next one finds the limit
            // reached.
            sink.i32_const(0).i64_load(self.word(0)).i64_const(limit as i64).i64_ge_u();
            sink.if_(BlockType::Empty).unreachable().end();
            self.add(&mut sink, 0, instructions as i64);
        }
        self.add(&mut sink, number + 1, 1);
    }

    fn add(&self, sink: &mut InstructionSink<'_>, word: usize, amount: i64) {
        let place = self.word(word);
        sink.i32_const(0).i32_const(0).i64_load(place).i64_const(amount).i64_add().i64_store(place);
    }

    fn word(&self, word: usize) -> MemArg {
        MemArg {
            offset: word as u64 * 8,
            align: 3,
            target: MemArgTarget::Memory(self.memory),
            ordering: None,
        }
    }
}
