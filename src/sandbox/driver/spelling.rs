//! Asking an export for one number after another: a page may be given a text so. It comes letter by letter,
//! or several letters at a time. The page asks for a place each time, or makes one call after the other.
//!
//! An export is asked on only as long as its answers may be text, or begin as a program does. At first it may
//! give nothing for a while. Most give something else at once, so that it costs them a call or two. The
//! answer may also stand in a global, or be another after a step that a second export takes.

use std::sync::PoisonError;

use wasmparser::{DataKind, ExternalKind, Operator, Payload, TypeRef};

use super::{
    Driver,
    candidates::Candidate,
    limits::{
        SPELLED_CALLS, SPELLED_EACH, SPELLED_INSTRUCTIONS, SPELLED_INSTRUCTIONS_LEAST, SPELLED_LATE,
        SPELLED_LEAST, SPELLED_LOGGED, SPELLED_STEPS,
    },
    names::Role,
};
use crate::{
    module::{FuncIndex, component::Core},
    sandbox::{
        spelled::Spelled,
        types::{Entry, EntryEnd, EntryKind},
    },
    tracer::{Type, Value},
};

/// How an export is asked.
#[derive(Clone, Copy)]
struct Question<'c> {
    candidate: &'c Candidate,
    /// The parameter that says what is asked for, and where that begins.
    position: usize,
    first: u32,
    /// What is called before each call but the first.
    step: Option<&'c Candidate>,
    /// The exported global that holds the answer.
    global: Option<&'c str>,
}

/// Where an answer may stand, and what may be asked for.
#[derive(Default)]
struct Places {
    /// Exported globals that change.
    globals: Vec<String>,
    /// Where the first data lie.
    data: Option<u32>,
}

impl Places {
    fn of(core: Core<'_>) -> Self {
        let (mut places, mut changing) = (Self::default(), Vec::new());
        for payload in core.payloads() {
            match payload {
                Ok(Payload::ImportSection(imports)) => {
                    let globals = imports.into_imports().flatten().filter_map(|import| match import.ty {
                        TypeRef::Global(global) => Some(global.mutable),
                        _ => None,
                    });
                    changing.extend(globals);
                }
                Ok(Payload::GlobalSection(globals)) => {
                    changing.extend(globals.into_iter().flatten().map(|global| global.ty.mutable));
                }
                Ok(Payload::ExportSection(exports)) => {
                    let changes = |export: &wasmparser::Export<'_>| {
                        export.kind == ExternalKind::Global
                            && changing.get(export.index as usize).copied().unwrap_or(false)
                    };
                    let names = exports.into_iter().flatten().filter(changes);
                    places.globals = names.map(|one| one.name.to_owned()).take(SPELLED_STEPS).collect();
                }
                Ok(Payload::DataSection(segments)) => {
                    places.data = segments.into_iter().flatten().find_map(|data| first_address(&data));
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        places
    }
}

/// Where a segment lies, if that is a number above 0.
fn first_address(data: &wasmparser::Data<'_>) -> Option<u32> {
    let DataKind::Active { offset_expr, .. } = &data.kind else { return None };
    match offset_expr.get_operators_reader().read() {
        Ok(Operator::I32Const { value }) if value != 0 => Some(value as u32),
        _ => None,
    }
}

/// The answers so far: the first results of each call, as far as they go on.
#[derive(Default)]
struct Answers {
    texts: [Spelled; 2],
    has_ended: [bool; 2],
}

impl Answers {
    /// Takes the results of the call after so many others; whether any of them goes on. At first there may be
    /// nothing for a while.
    fn push(&mut self, given: &[Value], asked: usize) -> bool {
        let mut goes_on = false;
        for ((text, has_ended), value) in self.texts.iter_mut().zip(&mut self.has_ended).zip(given) {
            if *has_ended {
                continue;
            }
            let mut is_taken = text.push(value);
            if !is_taken && asked <= SPELLED_LATE && (text.is_nothing() || is_nothing(value)) {
                *text = Spelled::default();
                is_taken = text.push(value) || is_nothing(value);
            }
            *has_ended = !is_taken;
            goes_on |= is_taken;
        }
        goes_on
    }

    fn is_flat(&self) -> bool {
        self.texts.iter().all(Spelled::is_flat)
    }
}

impl Driver<'_> {
    /// Asks exports that give something for what they may spell.
    pub(super) fn spell(&mut self, chosen: &[Candidate]) {
        // The results of a component have a type of their own.
        if self.session.module().component().is_some() {
            return;
        }
        let began = self.session.instructions();
        let (mut left, until) = (SPELLED_CALLS, began + SPELLED_INSTRUCTIONS);
        let share = |left: u64, count: usize| left / count as u64;
        let places = Places::of(self.session.module().core());
        let questions = self.questions(chosen, &places);
        // The state that the program left stays where nothing is asked.
        if !questions.is_empty() {
            self.undo();
        }
        let count = questions.len();
        for (number, question) in questions.into_iter().enumerate() {
            let now = self.session.instructions();
            if left == 0 || now >= until || self.is_over() {
                return;
            }
            // Each has its part, and what those before it left of theirs.
            let most = share(left as u64, count - number).max(SPELLED_LEAST as u64) as usize;
            let room = share(until - now, count - number).max(SPELLED_INSTRUCTIONS_LEAST);
            let asked = self.ask_on(question, most.min(left), until.min(now + room));
            left -= asked;
            if asked > 1 {
                self.undo();
            }
        }
    }

    /// All that is worth being asked, the plainest first.
    fn questions<'c>(&self, chosen: &'c [Candidate], places: &'c Places) -> Vec<Question<'c>> {
        let steps: Vec<_> = chosen.iter().filter(|one| is_step(one)).take(SPELLED_STEPS).collect();
        let (mut plain, mut others) = (Vec::new(), Vec::new());
        for candidate in chosen.iter().filter(|one| gives_numbers(one) && self.may_spell(one)) {
            let plainly = Question { candidate, position: 0, first: 0, step: None, global: None };
            // The number that is asked for stands first, or after the object that is asked.
            plain.push(plainly);
            if candidate.params.len() > 1 {
                plain.push(Question { position: candidate.params.len() - 1, ..plainly });
            }
            if candidate.params.is_empty() {
                others.extend(steps.iter().map(|step| Question { step: Some(step), ..plainly }));
            } else {
                others.extend(places.data.map(|first| Question { first, ..plainly }));
            }
        }
        for candidate in chosen.iter().filter(|one| is_setter(one)) {
            let plainly = Question { candidate, position: 0, first: 0, step: None, global: None };
            others.extend(places.globals.iter().map(|global| Question { global: Some(global), ..plainly }));
        }
        plain.into_iter().chain(others).collect()
    }

    /// Whether an answer of an export so far may be of a text, or says that there is none at that place. An
    /// export that calls its host hands over there what it has, or does something.
    fn may_spell(&self, candidate: &Candidate) -> bool {
        let is_own = |entry: &Entry| entry.func == Some(candidate.func);
        let fits = |value: &Value| match *value {
            // A number that is greater than a byte is a size sooner than a character.
            Value::I32(256..=0xffff) => false,
            value => is_nothing(&value) || Spelled::default().push(&value) || is_small(&value),
        };
        let mut given = self.entries.iter().filter(|entry| is_own(entry)).flat_map(|entry| &entry.results);
        // At places that are not its own it may give anything.
        given.any(fits) && !self.asks_host(candidate)
    }

    /// Whether an export asks its host for something, or calls it for more than a word: that is not repeated.
    fn asks_host(&self, candidate: &Candidate) -> bool {
        let is_own = |entry: &Entry| entry.func == Some(candidate.func);
        let module = self.session.module();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = state.log.calls.iter().rev().take(SPELLED_LOGGED);
        let calls: Vec<_> = calls
            .filter(|call| self.entries.get(call.entry).is_some_and(is_own))
            .map(|call| call.func)
            .collect();
        let entries = self.entries.iter().filter(|entry| is_own(entry)).count();
        let answers = |func: &FuncIndex| module.func_type(*func).is_none_or(|ty| !ty.results().is_empty());
        let has_effect = candidate.reach.has_effect || candidate.reach.has_files;
        !calls.is_empty() && (has_effect || calls.len() > 2 * entries || calls.iter().any(answers))
    }

    /// Asks one export, so often at most, and until so many instructions ran; how often it was asked.
    fn ask_on(&mut self, question: Question<'_>, most: usize, until: u64) -> usize {
        let Question { candidate, position, first, step, global } = question;
        let mut answers = Answers::default();
        // An export that gives one after the other has begun when it was called before.
        if candidate.params.is_empty() && step.is_none() {
            let given = self.entries.iter().enumerate().filter(|(position, entry)| {
                entry.func == Some(candidate.func) && !self.returning.is_undone(*position)
            });
            given.for_each(|(_, entry)| _ = answers.push(&entry.results, 0));
        }
        let mut asked = 0;
        while asked < most.min(SPELLED_EACH) && self.session.instructions() < until {
            let budget = self.explore_budget(true);
            if let Some(step) = step.filter(|_| asked > 0) {
                self.call_within(step, EntryKind::Export, Vec::new(), false, &budget);
            }
            let args = self.asking(&candidate.params, position, first.wrapping_add(asked as u32));
            asked += 1;
            self.call_within(candidate, EntryKind::Export, args, !candidate.params.is_empty(), &budget);
            let given = self.entries.last().filter(|entry| entry.end == EntryEnd::Returned);
            let given: Vec<Value> = match global {
                Some(global) => given.and_then(|_| self.session.global(global)).into_iter().collect(),
                None => given.map_or_else(Vec::new, |entry| entry.results.clone()),
            };
            let goes_on = answers.push(&given, asked);
            if self.settle() || !goes_on || asked == SPELLED_LATE && answers.is_flat() {
                break;
            }
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for text in answers.texts.into_iter().filter(|text| !text.is_flat()) {
            for reading in text.readings() {
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

/// Whether a number says that there is nothing.
fn is_nothing(value: &Value) -> bool {
    match *value {
        Value::I32(value) => matches!(value, 0 | -1),
        Value::I64(value) => matches!(value, 0 | -1),
        Value::F32(value) => value.is_nan() || value <= 0.0,
        Value::F64(value) => value.is_nan() || value <= 0.0,
        _ => false,
    }
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64)
}

/// Whether an export gives something for no more than a few numbers.
fn gives_numbers(candidate: &Candidate) -> bool {
    !candidate.gives_nothing
        && candidate.params.len() <= 3
        && candidate.params.iter().all(is_number)
        && matches!(candidate.role, Role::Other | Role::Create | Role::Set)
}

/// Whether an export may go on to what another one gives.
fn is_step(candidate: &Candidate) -> bool {
    let reach = candidate.reach;
    candidate.params.is_empty()
        && candidate.gives_nothing
        && !reach.has_effect
        && !reach.has_files
        && matches!(candidate.role, Role::Other | Role::Set)
}

/// Whether an export may put something for a number where others see it.
fn is_setter(candidate: &Candidate) -> bool {
    let reach = candidate.reach;
    candidate.gives_nothing
        && candidate.params.len() == 1
        && candidate.params.iter().all(is_number)
        && !reach.has_effect
        && !reach.has_files
        && matches!(candidate.role, Role::Other | Role::Set)
}
