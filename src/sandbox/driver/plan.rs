//! What stands at the places of a call, before it is known which values these are.

use super::limits::PLANS_KEPT;
use crate::sandbox::random::Random;

/// What stands at a place of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Object,
    Input,
    Len,
    Output,
    Room,
    Number,
    /// How many arguments a program gets, and where their addresses lie.
    Count,
    Argv,
}

use Piece::{Argv, Count, Input, Len, Number, Object, Output, Room};

/// Orders that libraries have. What comes after them are numbers.
pub(super) const ORDERS: &[&[Piece]] = &[
    &[Output, Room, Input, Len],
    &[Object, Input, Len],
    &[Object, Output, Room, Input, Len],
    &[Input, Len, Output, Room],
    &[Input, Len],
    &[Output, Input, Len],
    &[Object, Object],
    &[Output, Object, Object],
    &[Output, Object, Input, Len],
];

/// Where what is to be written has several places, and what is read comes last: for so many integers.
pub(super) fn written_first(count: usize) -> Option<Vec<Piece>> {
    let outputs = count.checked_sub(2).filter(|&outputs| outputs > 1)?;
    Some([vec![Output; outputs], vec![Input, Len]].concat())
}

/// Orders that chance draws besides.
const RARER: &[&[Piece]] = &[
    &[Number],
    &[Len],
    &[Len, Number],
    &[Object, Number],
    &[Object, Len],
    &[Input, Output],
    &[Object, Input, Output],
    &[Object, Output],
    &[Input, Input],
    &[Output, Object],
    &[Output, Object, Object, Object],
    &[Count, Argv],
];

/// Pieces that one may be changed to.
const PIECES: &[Piece] = &[Object, Input, Len, Output, Number, Number];

/// A call: the export among those that are open, its arguments, and the input if it has to be a certain one.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) open: usize,
    pub(super) pieces: Vec<Piece>,
    pub(super) input: Option<usize>,
}

/// Plans of calls that showed new code. Most of what comes after is near to them.
#[derive(Debug, Default)]
pub(super) struct Plans(Vec<Plan>);

impl Plans {
    pub(super) fn keep(&mut self, plan: &Plan) {
        if self.0.len() >= PLANS_KEPT {
            self.0.remove(0);
        }
        self.0.push(plan.clone());
    }

    /// One of them, with another input or one piece changed.
    pub(super) fn vary(&self, random: &mut Random) -> Option<Plan> {
        let mut plan = pick(random, &self.0)?;
        let count = plan.pieces.len() as u64;
        if count > 0 && random.next().is_multiple_of(2) {
            let position = (random.next() % count) as usize;
            let piece = pick(random, PIECES).unwrap_or(Number);
            plan.pieces[position] = piece;
        } else {
            plan.input = None;
        }
        Some(plan)
    }
}

/// One of them.
pub(super) fn pick<T: Clone>(random: &mut Random, of: &[T]) -> Option<T> {
    let position = random.next() % (of.len() as u64).max(1);
    of.get(position as usize).cloned()
}

/// An order of `count` pieces.
pub(super) fn mixture(random: &mut Random, count: usize) -> Vec<Piece> {
    if count == 1 {
        return pick(random, &[PIECES, &[Len]].concat()).into_iter().collect();
    }
    let mut pieces = Vec::new();
    if random.next().is_multiple_of(4)
        && let Some(order) = pick(random, RARER).filter(|order| order.len() <= count)
    {
        pieces.extend_from_slice(order);
        pieces.resize(count, Number);
        return pieces;
    }
    match random.next() % 8 {
        0..4 => pieces.push(Object),
        4 => pieces.push(Output),
        // As wasm-bindgen gives what may fail: where to, then of which object.
        5 => pieces.extend([Output, Object]),
        _ => {}
    }
    while pieces.len() < count {
        let is_last = pieces.len() + 1 == count;
        match random.next() % 10 {
            0..3 if !is_last => pieces.extend([Input, Len]),
            3 if !is_last => pieces.extend([Output, Room]),
            4 => pieces.push(Output),
            5 => pieces.push(Input),
            6 | 7 => pieces.push(Object),
            _ => pieces.push(Number),
        }
    }
    pieces.truncate(count);
    pieces
}
