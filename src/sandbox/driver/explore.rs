//! Calls with arguments that belong together: an object and an input, room for output and how much of it.
//!
//! What is called does not say what it wants, so the orders in which libraries take such things are tried,
//! with inputs that the sample knows ([`super::inputs`]), and after them mixtures that the seed of the run
//! decides. A call that showed new code stays, and those after it find what it left; any other is undone.
//! What a call wrote is an input of later ones: what was packed can be unpacked.
//!
//! Only where much of the code has not run, and while there is news of it.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{
    Driver, args,
    candidates::{Candidate, MIXES},
    inputs,
    limits::{
        EXPLORE_CALL_WORK, EXPLORE_CALLS, EXPLORE_CANDIDATES, EXPLORE_INSTRUCTIONS, EXPLORE_MISSES,
        EXPLORE_MIXING_WORK, EXPLORE_OBJECTS, EXPLORE_WORK, EXPLORED_BRANCHES, WRITTEN_INPUTS,
    },
    names::Role,
};
use crate::{
    module::FuncIndex,
    sandbox::{
        random::Random,
        types::{Entry, EntryEnd, EntryKind, RunOptions},
    },
    tracer::{Budget, Type, Value},
};

/// Where the input of a call lies in the page, and where it may write.
const INPUT: u32 = 20 << 10;
const OUTPUT: u32 = 28 << 10;
/// Bytes that it may write, and of an input.
const ROOM: u32 = 4 << 10;

/// Lengths that an input may be brought to.
const WANTED: RangeInclusive<i32> = 16..=ROOM as i32 / 2;

/// What stands at a place of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Object,
    Input,
    Len,
    Output,
    Room,
    Number,
}

use Piece::{Input, Len, Number, Object, Output, Room};

/// Orders that libraries have. What comes after them are numbers.
const ORDERS: &[&[Piece]] = &[
    &[Output, Room, Input, Len],
    &[Object, Input, Len],
    &[Object, Output, Room, Input, Len],
    &[Input, Len, Output, Room],
    &[Input, Len],
    &[Output, Input, Len],
    &[Object, Object],
];

/// Numbers that mean something to many: flags, kinds, widths, sizes.
const NUMBERS: &[i32] = &[0, 1, 2, 3, 4, 8, 16, 32, 100, 256, 1024, 65_536, -1];
const FLOATS: &[f64] = &[0.0, 1.0, 0.5, -1.0, 16.0, 100.0];

/// What calls are made of, and how far it went.
struct Exploration {
    random: Random,
    inputs: Vec<Vec<u8>>,
    /// How many of them were there from the start.
    given: usize,
    objects: Vec<i32>,
    /// An array of AssemblyScript, which is an object too.
    array: Option<i32>,
    /// What a call with such arguments did not come to the end of: none is repeated.
    endless: BTreeSet<FuncIndex>,
    calls: usize,
    /// Calls in a row that showed nothing.
    misses: usize,
    /// Work when it began.
    began: u64,
}

impl Exploration {
    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let position = self.random.next() % (of.len() as u64).max(1);
        of.get(position as usize).copied()
    }

    /// An order of `count` pieces.
    fn mixture(&mut self, count: usize) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self.random.next().is_multiple_of(2) {
            pieces.push(Object);
        }
        while pieces.len() < count {
            let is_last = pieces.len() + 1 == count;
            match self.random.next() % 10 {
                0..3 if !is_last => pieces.extend([Input, Len]),
                3..5 if !is_last => pieces.extend([Output, Room]),
                5 => pieces.push(Input),
                6..8 => pieces.push(Object),
                _ => pieces.push(Number),
            }
        }
        pieces
    }
}

impl Driver<'_> {
    /// Calls the candidates with what may show more of them.
    pub(super) fn explore(&mut self, chosen: &[Candidate]) {
        let branches = self.hints.branches;
        if branches < EXPLORED_BRANCHES || self.session.blocks_seen().saturating_mul(2) > branches {
            return;
        }
        let is_open = |one: &&Candidate| matches!(one.role, Role::Other | Role::Set | Role::Create);
        let open: Vec<_> = chosen.iter().filter(is_open).collect();
        let inputs: Vec<_> = inputs::of(self.hints.formats).map(<[u8]>::to_vec).collect();
        let mut exploration = Exploration {
            random: Random::new(self.options.seed.number()),
            given: inputs.len(),
            inputs,
            objects: self.objects(EXPLORE_OBJECTS),
            array: None,
            endless: BTreeSet::new(),
            calls: 0,
            misses: 0,
            began: self.session.work().0,
        };
        self.undo();
        self.add_array(&open, &mut exploration);
        self.in_order(&open, &mut exploration);
        self.mixed(&open, &mut exploration);
    }

    /// An array of as many bytes as an export wants, for all calls.
    fn add_array(&mut self, open: &[&Candidate], exploration: &mut Exploration) {
        let compared = open.iter().flat_map(|one| one.compared.iter().copied());
        let len = compared.into_iter().find(|len| WANTED.contains(len)).unwrap_or(args::LEN);
        let bytes = exploration.inputs.first().into_iter().flatten().copied().cycle();
        let bytes: Vec<u8> = bytes.take(len as usize).collect();
        exploration.array = self.make_array(&bytes);
        if exploration.array.is_some() {
            self.keep();
        } else {
            self.undo();
        }
        exploration.objects.extend(exploration.array);
    }

    /// Each order with each input, those first that reach most.
    fn in_order(&mut self, open: &[&Candidate], exploration: &mut Exploration) {
        let mut wide: Vec<_> = open.iter().filter(|one| args::integers(&one.params) >= 2).collect();
        wide.sort_by_key(|one| std::cmp::Reverse(one.reach.loops));
        wide.truncate(EXPLORE_CANDIDATES);
        let (mut given, mut written) = (0..exploration.given, exploration.given);
        loop {
            // What was written goes before what is left of the files and texts.
            let is_written = written < exploration.inputs.len();
            let Some(input) = (if is_written { Some(written) } else { given.next() }) else { return };
            written += usize::from(is_written);
            for order in ORDERS {
                for candidate in &wide {
                    let count = args::integers(&candidate.params);
                    if order.len() > count || exploration.endless.contains(&candidate.func) {
                        continue;
                    }
                    if exploration.calls >= EXPLORE_CALLS / 2 || self.is_explored(exploration, 2) {
                        return;
                    }
                    let mut pieces = order.to_vec();
                    pieces.resize(count, Number);
                    self.try_pieces(candidate, &pieces, Some(input), exploration);
                }
            }
        }
    }

    /// What chance makes of it.
    fn mixed(&mut self, open: &[&Candidate], exploration: &mut Exploration) {
        exploration.misses = 0;
        while exploration.calls < EXPLORE_CALLS && !self.is_explored(exploration, 1) {
            let Some(candidate) = exploration.pick(open) else { return };
            if exploration.endless.contains(&candidate.func) {
                // It counts as a call: otherwise the loop would not end where only such are left.
                exploration.calls += 1;
                continue;
            }
            let pieces = exploration.mixture(args::integers(&candidate.params));
            self.try_pieces(candidate, &pieces, None, exploration);
        }
    }

    /// Whether it showed nothing for long, or its work is done.
    fn is_explored(&mut self, exploration: &Exploration, patience: usize) -> bool {
        let (work, _) = self.session.work();
        exploration.misses >= EXPLORE_MISSES * patience
            || work - exploration.began >= EXPLORE_WORK
            || self.returning.is_spent()
            || self.is_over()
    }

    fn try_pieces(
        &mut self,
        candidate: &Candidate,
        pieces: &[Piece],
        input: Option<usize>,
        exploration: &mut Exploration,
    ) {
        exploration.calls += 1;
        let before = self.session.blocks_seen();
        let args = self.explored_args(candidate, pieces, input, exploration);
        let RunOptions { entry_time, entry_decisions, entry_instructions, .. } = *self.options;
        let least = |own: Option<u64>, most: u64| Some(own.map_or(most, |own| own.min(most)));
        let budget = Budget {
            time: Some(entry_time),
            work: least(
                entry_decisions,
                if candidate.reach.mixes >= MIXES { EXPLORE_MIXING_WORK } else { EXPLORE_CALL_WORK },
            ),
            instructions: least(entry_instructions, EXPLORE_INSTRUCTIONS),
        };
        self.call_within(candidate, EntryKind::Export, args, true, &budget);
        let is_new = self.session.blocks_seen() > before;
        if let Some(Entry { end: EntryEnd::Stopped { .. }, .. }) = self.entries.last() {
            exploration.endless.insert(candidate.func);
        }
        exploration.misses = if is_new { 0 } else { exploration.misses + 1 };
        if self.has_returned() && is_new {
            self.take_output(pieces, exploration);
            exploration.objects = self.objects(EXPLORE_OBJECTS);
            exploration.objects.extend(exploration.array);
            self.keep();
        } else {
            self.undo();
        }
    }

    /// Arguments of the types, with what the pieces say in the places of integers.
    fn explored_args(
        &mut self,
        candidate: &Candidate,
        pieces: &[Piece],
        input: Option<usize>,
        exploration: &mut Exploration,
    ) -> Vec<Value> {
        let page = self.material.page;
        let mut len = args::LEN;
        let mut is_placed = false;
        let mut integers = Vec::new();
        for (position, &piece) in pieces.iter().enumerate() {
            integers.push(match piece {
                Object => exploration.pick(&exploration.objects.clone()).unwrap_or(page as i32),
                Input => {
                    let chosen = input.unwrap_or_else(|| exploration.random.next() as usize);
                    let bytes = exploration.inputs.get(chosen % exploration.inputs.len().max(1)).cloned();
                    let mut bytes = bytes.unwrap_or_default();
                    // It may want so many and no others.
                    let wanted = exploration.pick(&candidate.compared).unwrap_or(0);
                    if input.is_none() && WANTED.contains(&wanted) {
                        bytes = bytes.into_iter().cycle().take(wanted as usize).collect();
                    }
                    len = bytes.len() as i32;
                    let is_counted = pieces.get(position + 1) == Some(&Len);
                    let parcel = if is_counted { self.parcel(&bytes) } else { None };
                    match parcel {
                        Some(parcel) => parcel as i32,
                        None => {
                            let at = page.wrapping_add(INPUT + if is_placed { ROOM } else { 0 });
                            is_placed = true;
                            // A text ends with a zero.
                            _ = self.session.write_host_memory(at.into(), &[&bytes[..], &[0]].concat());
                            at as i32
                        }
                    }
                }
                Len => len,
                Output => page.wrapping_add(OUTPUT) as i32,
                Room => ROOM as i32,
                Number if exploration.random.next().is_multiple_of(2) => {
                    exploration.pick(&candidate.compared).unwrap_or(1)
                }
                Number => exploration.pick(NUMBERS).unwrap_or(0),
            });
        }
        let mut integers = integers.into_iter();
        let value = |ty: &Type| match ty {
            Type::I32 => Value::I32(integers.next().unwrap_or(0)),
            Type::I64 => Value::I64(integers.next().unwrap_or(0).into()),
            Type::F32 => Value::F32(exploration.pick(FLOATS).unwrap_or(0.0) as f32),
            Type::F64 => Value::F64(exploration.pick(FLOATS).unwrap_or(0.0)),
            other => args::make(&[*other], 0, self.material)[0],
        };
        candidate.params.iter().map(value).collect()
    }

    /// What a call that gave a length wrote where it was to write.
    fn take_output(&mut self, pieces: &[Piece], exploration: &mut Exploration) {
        let Some(entry) = self.entries.last() else { return };
        let (EntryEnd::Returned, Some(&Value::I32(len @ 1..))) = (&entry.end, entry.results.first()) else {
            return;
        };
        if !pieces.contains(&Output) || len as u32 > ROOM / 2 {
            return;
        }
        let start = self.material.page.wrapping_add(OUTPUT) as usize;
        let Some(memory) = self.session.host_memory_bytes() else { return };
        let Some(written) = memory.get(start..start + len as usize) else { return };
        let is_something = written.iter().any(|&byte| byte != 0);
        let written = written.to_vec();
        let has_room = exploration.inputs.len() < exploration.given + WRITTEN_INPUTS;
        if is_something && has_room && !exploration.inputs.contains(&written) {
            exploration.inputs.push(written);
        }
    }
}
