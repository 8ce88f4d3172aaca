//! Asking an export for one number after another: a page may be given a text letter by letter, or several
//! letters at a time, by the place that it asks for, or one call after the other.
//!
//! An export is asked on only as long as what it gives may be text, or begins as a program does. Most give
//! something else at once, so that it costs them a call or two.

use std::sync::PoisonError;

use super::{
    Driver,
    candidates::Candidate,
    limits::{SPELLED_CALLS, SPELLED_EACH, SPELLED_FLAT, SPELLED_INSTRUCTIONS, SPELLED_LOGGED},
    names::Role,
};
use crate::{
    sandbox::{
        spelled::Spelled,
        types::{Entry, EntryEnd, EntryKind},
    },
    tracer::{Type, Value},
};

impl Driver<'_> {
    /// Asks exports that give something for what they may spell.
    pub(super) fn spell(&mut self, chosen: &[Candidate]) {
        // What a component gives has a type of its own.
        if self.session.module().component().is_some() {
            return;
        }
        let began = self.session.instructions();
        let mut left = SPELLED_CALLS;
        let may = |one: &&Candidate| gives_numbers(one) && self.may_spell(one);
        let candidates: Vec<_> = chosen.iter().filter(may).collect();
        // What the program left stays where nothing is asked.
        if !candidates.is_empty() {
            self.undo();
        }
        for candidate in candidates {
            let last = candidate.params.len().saturating_sub(1);
            // What is asked for stands first, or after whom it is asked of.
            for position in if last == 0 { 0..1 } else { 0..2 } {
                let is_spent = self.session.instructions() - began >= SPELLED_INSTRUCTIONS;
                if left == 0 || is_spent || self.is_over() {
                    return;
                }
                let asked = self.ask_on(candidate, position * last, left, began + SPELLED_INSTRUCTIONS);
                left -= asked;
                if asked > SPELLED_FLAT {
                    self.undo();
                }
            }
        }
    }

    /// Whether something that an export gave so far may be of a text, or says that there is none at that
    /// place. What calls its host hands over there what it has.
    fn may_spell(&self, candidate: &Candidate) -> bool {
        let is_own = |entry: &Entry| entry.func == Some(candidate.func);
        let fits = |value: &Value| match *value {
            Value::I32(0 | -1) | Value::I64(0 | -1) => true,
            Value::F32(value) if value.is_nan() || value <= 0.0 => true,
            Value::F64(value) if value.is_nan() || value <= 0.0 => true,
            // What is greater than a byte is a size sooner than a character.
            Value::I32(256..=0xffff) => false,
            value => Spelled::default().push(&value) || is_small(&value),
        };
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.log.calls.iter();
        let asks =
            calls.rev().take(SPELLED_LOGGED).any(|call| self.entries.get(call.entry).is_some_and(is_own));
        let mut given = self.entries.iter().filter(|entry| is_own(entry)).flat_map(|entry| &entry.results);
        // At places that are not its own it may give anything.
        !asks && given.any(fits)
    }

    /// Asks one export by the parameter at a position, so often at most, and until so many instructions ran;
    /// how often it was asked.
    fn ask_on(&mut self, candidate: &Candidate, position: usize, most: usize, until: u64) -> usize {
        let mut spelled = Spelled::default();
        // What gives one after the other has begun when it was called before.
        if candidate.params.is_empty() {
            let given = self.entries.iter().enumerate().filter(|(position, entry)| {
                entry.func == Some(candidate.func) && !self.returning.is_undone(*position)
            });
            given.filter_map(|(_, entry)| entry.results.first()).for_each(|value| _ = spelled.push(value));
        }
        let mut asked = 0;
        while asked < most.min(SPELLED_EACH) && self.session.instructions() < until {
            let args = self.asking(&candidate.params, position, asked as u32);
            asked += 1;
            let budget = self.explore_budget(true);
            self.call_within(candidate, EntryKind::Export, args, !candidate.params.is_empty(), &budget);
            let given = self.entries.last().filter(|entry| entry.end == EntryEnd::Returned);
            let given = given.and_then(|entry| match entry.results[..] {
                [value] => Some(value),
                _ => None,
            });
            let goes_on = given.is_some_and(|value| spelled.push(&value));
            if self.settle() || !goes_on || asked == SPELLED_FLAT && spelled.is_flat() {
                break;
            }
        }
        if !spelled.is_flat() {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            for reading in spelled.readings() {
                state.carver.scan(&reading, reading.len() as u64);
                state.returns.take(&reading);
            }
        }
        asked
    }

    /// Arguments that ask for the place with a number.
    fn asking(&self, params: &[Type], position: usize, number: u32) -> Vec<Value> {
        let other = self.material.handle.unwrap_or(0);
        let value = |(at, ty): (usize, &Type)| match (ty, at == position) {
            (Type::I32, true) => Value::I32(number as i32),
            (Type::I32, false) => Value::I32(other),
            (Type::I64, true) => Value::I64(number.into()),
            (Type::I64, false) => Value::I64(other.into()),
            (Type::F32, is_asked) => Value::F32(if is_asked { number as f32 } else { 0.0 }),
            (_, is_asked) => Value::F64(if is_asked { number.into() } else { 0.0 }),
        };
        params.iter().enumerate().map(value).collect()
    }
}

/// Whether a number may be a byte.
fn is_small(value: &Value) -> bool {
    match *value {
        Value::I32(value) => (0..256).contains(&value),
        Value::I64(value) => (0..256).contains(&value),
        Value::F32(value) => value.fract() == 0.0 && value < 256.0,
        Value::F64(value) => value.fract() == 0.0 && value < 256.0,
        _ => false,
    }
}

/// Whether an export gives something for no more than a few numbers.
fn gives_numbers(candidate: &Candidate) -> bool {
    let is_number = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
    !candidate.gives_nothing
        && candidate.params.len() <= 2
        && candidate.params.iter().all(is_number)
        && matches!(candidate.role, Role::Other | Role::Create | Role::Set)
}
