//! Calls with arguments that belong together: an object and an input, room for output and how much of it.
//!
//! An export does not say what it wants. So the orders in which libraries take such things are tried, with
//! inputs that the sample knows ([`super::inputs`]). Mixtures follow that the seed of the run decides.
//! Functions that the sample told its host of are treated as exports are. A call that showed new code stays,
//! so those after it find what it left; half of them are near to it ([`super::plan`]). Any other call is
//! undone, some only after the call that follows: one gives room, the next reads what is in it. The output of
//! a call is an input of later ones: what was packed can be unpacked. A buffer that a call gave is filled
//! with input, as its host would ([`super::handing`]).
//!
//! Only where much of the code has not run, and while there is news of it.

use std::{ops::RangeInclusive, sync::PoisonError};

use super::{
    Driver, args,
    callbacks::{Given, Target},
    candidates::{Candidate, MIXES},
    handing::Buffer,
    inputs,
    limits::{
        EXPLORE_CALL_WORK, EXPLORE_CALLS, EXPLORE_CANDIDATES, EXPLORE_CHAIN, EXPLORE_HOST_CALLS,
        EXPLORE_INSTRUCTIONS, EXPLORE_LEAST_MISSES, EXPLORE_LENGTHS, EXPLORE_LOGGED, EXPLORE_MAKERS,
        EXPLORE_MISSES, EXPLORE_MIXED, EXPLORE_MIXING_INSTRUCTIONS, EXPLORE_MIXING_WORK, EXPLORE_OBJECTS,
        EXPLORE_STOPS, EXPLORE_WORK, EXPLORED_BRANCHES,
    },
    names::Role,
    plan::{self, ORDERS, Piece, Plan, Plans},
    rank::Ranking,
};
use crate::{
    module::FuncIndex,
    sandbox::{
        random::Random,
        types::{EntryEnd, EntryKind, RunOptions},
        world::{Owner, Registered},
    },
    tracer::{Budget, Type, Value},
};

/// Where the input of a call lies in the page, where it may write, and the arguments of a program.
pub(super) const INPUT: u32 = 20 << 10;
pub(super) const OUTPUT: u32 = 28 << 10;
const ARGV: u32 = 36 << 10;
const TEXT: u32 = 40 << 10;
/// Bytes that it may write, and of an input.
pub(super) const ROOM: u32 = 4 << 10;

/// Lengths that an input may be brought to.
const WANTED: RangeInclusive<i32> = 8..=ROOM as i32 / 2;

/// Numbers that mean something to many: flags, kinds, widths, sizes.
const NUMBERS: &[i32] =
    &[0, 1, 2, 3, 4, 8, 16, 32, 100, 160, 256, 480, 1024, 8000, 16_000, 44_100, 65_536, -1];
const FLOATS: &[f64] = &[0.0, 1.0, 0.5, -1.0, 16.0, 100.0];
/// What a program is asked for.
const WORDS: &[&str] = &["program", "--help", "-"];

/// What may be called.
#[derive(Debug, Clone)]
enum What {
    Export(Candidate),
    Told(Target),
}

/// The same with what came of it.
#[derive(Debug, Clone)]
struct Open {
    what: What,
    params: Vec<Type>,
    compared: Vec<i32>,
    mixes: bool,
    tries: u64,
    /// Calls that showed new code.
    news: u64,
    /// Calls that did not come to an end.
    stops: u64,
    /// It called the host without end, or nearly so.
    is_loud: bool,
    /// Objects of the last call that showed new code.
    fitting: Vec<i32>,
}

impl Open {
    fn new(what: What, params: &[Type], compared: Vec<i32>, mixes: u64) -> Self {
        let (params, mixes) = (params.to_vec(), mixes >= MIXES);
        Self {
            what,
            params,
            compared,
            mixes,
            tries: 0,
            news: 0,
            stops: 0,
            is_loud: false,
            fitting: Vec::new(),
        }
    }
}

/// What calls are made of, and how far it went.
pub(super) struct Exploration {
    random: Random,
    open: Vec<Open>,
    registered: Registered,
    pub(super) inputs: Vec<Vec<u8>>,
    /// How many of them were there from the start.
    pub(super) given: usize,
    /// Words of the sample's own.
    words: Vec<Vec<u8>>,
    /// The input of the call.
    pub(super) input: Vec<u8>,
    /// Inputs that lie in the page.
    placed: u32,
    /// Lengths that something is compared with.
    wanted: Vec<i32>,
    objects: Vec<i32>,
    /// Those of them that the call was given.
    given_objects: Vec<i32>,
    /// Objects that were written where a call was to write.
    pub(super) written: Vec<i32>,
    /// How many of them are there after what was not kept is undone.
    written_kept: usize,
    /// Buffers that exports gave, to be filled.
    pub(super) buffers: Vec<Buffer>,
    /// Objects that were made for it: an array of AssemblyScript, some of lengths that something wants.
    made: Vec<i32>,
    plans: Plans,
    calls: usize,
    /// Calls in a row that showed nothing.
    misses: usize,
    /// Work when it began.
    began: u64,
    /// Host calls then.
    logged: u64,
    /// Instructions of calls that mix bits.
    mixed: u64,
    /// Calls that showed nothing and were not undone.
    chained: usize,
}

impl Exploration {
    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        plan::pick(&mut self.random, of)
    }

    pub(super) fn is_even(&mut self) -> bool {
        self.random.next().is_multiple_of(2)
    }

    /// Draws the input of a call, or takes the one that it has to be; of a length that something wants.
    fn draw_input(&mut self, input: Option<usize>, compared: &[i32]) {
        let chosen = input.unwrap_or_else(|| self.random.next() as usize);
        self.input = self.inputs.get(chosen % self.inputs.len().max(1)).cloned().unwrap_or_default();
        if input.is_some() {
            return;
        }
        if self.random.next().is_multiple_of(4)
            && let Some(word) = self.pick(&self.words.clone())
        {
            self.input = word;
            return;
        }
        let wanted = match self.random.next() % 4 {
            0 => self.pick(&self.wanted.clone()),
            1 => None,
            _ => self.pick(compared),
        };
        if let Some(wanted) = wanted.filter(|wanted| WANTED.contains(wanted)) {
            self.input = self.input.iter().copied().cycle().take(wanted as usize).collect();
        }
    }

    /// Whether it is not called any more: it does not come to an end, or has computed enough.
    fn is_closed(&self, open: usize) -> bool {
        let open = &self.open[open];
        open.is_loud
            || open.stops >= EXPLORE_STOPS + open.tries / 4
            || open.mixes && self.mixed >= EXPLORE_MIXED
    }

    fn number(&mut self, compared: &[i32]) -> i32 {
        let number = match self.random.next() % 4 {
            0 | 1 => self.pick(compared).or_else(|| self.pick(&NUMBERS[..4])),
            2 => self.pick(&NUMBERS[..6]),
            _ => self.pick(NUMBERS),
        };
        number.unwrap_or(0)
    }

    /// Whether a call that showed nothing is not undone: it may be the first half of what does.
    fn goes_on(&mut self) -> bool {
        self.chained += 1;
        self.chained <= EXPLORE_CHAIN && self.is_even()
    }

    /// One of two that chance draws: the one that showed more.
    fn choose(&mut self) -> Option<usize> {
        let mut draw = || (self.random.next() % (self.open.len() as u64).max(1)) as usize;
        let (one, other) = (draw(), draw());
        let promise =
            |position: usize| self.open.get(position).map(|open| ((open.news + 1) * 1024) / (open.tries + 2));
        let chosen = if promise(one) >= promise(other) { one } else { other };
        (chosen < self.open.len()).then_some(chosen)
    }

    /// A call that is near to one that showed something, or any.
    fn draw_plan(&mut self) -> Option<Plan> {
        if !self.random.next().is_multiple_of(3)
            && let Some(plan) = self.plans.vary(&mut self.random)
        {
            return Some(plan);
        }
        let open = self.choose()?;
        let count = args::integers(&self.open[open].params);
        Some(Plan { open, pieces: plan::mixture(&mut self.random, count), input: None })
    }
}

impl Driver<'_> {
    /// Calls the candidates, and what the sample told of, with what may show more of them.
    pub(super) fn explore(&mut self, chosen: &[Candidate]) {
        if self.hints.branches == 0 && !self.told.targets().is_empty() {
            // No export is left to be called, and nobody has asked yet.
            self.hints = Ranking::new(self.session.module()).hints();
        }
        let branches = self.hints.branches;
        if branches < EXPLORED_BRANCHES || self.session.blocks_seen() > branches {
            return;
        }
        self.undo();
        let inputs: Vec<_> = inputs::of(self.hints.formats).map(<[u8]>::to_vec).collect();
        let open = self.open(chosen);
        let mut wanted: Vec<i32> = open.iter().flat_map(|open| open.compared.iter().copied()).collect();
        wanted.retain(|len| WANTED.contains(len));
        wanted.sort_unstable();
        wanted.dedup();
        let logged = self.logged();
        let registered = self.state.lock().unwrap_or_else(PoisonError::into_inner).world.registered.clone();
        let mut exploration = Exploration {
            random: Random::new(self.options.seed.number()),
            open,
            registered,
            given: inputs.len(),
            inputs,
            words: self.hints.words.clone(),
            input: Vec::new(),
            placed: 0,
            wanted,
            objects: self.objects(EXPLORE_OBJECTS),
            given_objects: Vec::new(),
            written: Vec::new(),
            written_kept: 0,
            buffers: Vec::new(),
            made: Vec::new(),
            plans: Plans::default(),
            calls: 0,
            misses: 0,
            began: self.session.work().0,
            logged,
            mixed: 0,
            chained: 0,
        };
        self.write_argv();
        self.keep();
        self.add_array(&mut exploration);
        self.make_objects(&mut exploration);
        exploration.objects.extend(&exploration.made);
        self.find_buffers(&mut exploration);
        self.as_programs(&mut exploration);
        self.in_order(&mut exploration);
        self.mixed(&mut exploration);
        self.undo();
    }

    fn open(&self, chosen: &[Candidate]) -> Vec<Open> {
        let is_open = |one: &&Candidate| matches!(one.role, Role::Other | Role::Set | Role::Create);
        let exports = chosen.iter().filter(is_open).map(|one| {
            Open::new(What::Export(one.clone()), &one.params, one.compared.clone(), one.reach.mixes)
        });
        let told = self.told.targets().iter().map(|one| {
            Open::new(What::Told(one.clone()), &one.function.params, one.compared.clone(), one.reach.mixes)
        });
        exports.chain(told).collect()
    }

    /// What a program is given, where its `main` has lost its name.
    fn write_argv(&mut self) {
        let (base, texts) = (self.material.page.wrapping_add(ARGV), self.material.page.wrapping_add(TEXT));
        let (mut pointers, mut strings) = (Vec::new(), Vec::new());
        for word in WORDS {
            pointers.extend_from_slice(&texts.wrapping_add(strings.len() as u32).to_le_bytes());
            strings.extend_from_slice(word.as_bytes());
            strings.push(0);
        }
        pointers.extend_from_slice(&[0; 4]);
        _ = self.session.write_host_memory(base.into(), &pointers);
        _ = self.session.write_host_memory(texts.into(), &strings);
    }

    /// An array of as many bytes as an export wants, for all calls.
    fn add_array(&mut self, exploration: &mut Exploration) {
        let len = exploration.wanted.iter().copied().find(|&len| len >= 16).unwrap_or(args::LEN);
        let bytes = exploration.inputs.first().into_iter().flatten().copied().cycle();
        let bytes: Vec<u8> = bytes.take(len as usize).collect();
        let array = self.make_array(&bytes);
        if array.is_some() {
            self.keep();
        } else {
            self.undo();
        }
        exploration.made.extend(array);
    }

    /// Objects of the lengths that something wants, by exports that make one of some bytes. A key of a cipher
    /// is one of its own length, and making it shows nothing new.
    fn make_objects(&mut self, exploration: &mut Exploration) {
        let is_maker = |open: &&Open| match &open.what {
            What::Export(one) => one.gives && one.params == [Type::I32; 2] && self.gave_object(one.func),
            What::Told(_) => false,
        };
        let makers: Vec<_> = exploration.open.iter().filter(is_maker).take(EXPLORE_MAKERS).cloned().collect();
        let lengths: Vec<_> = exploration.wanted.iter().copied().take(EXPLORE_LENGTHS).collect();
        for (open, len) in makers.iter().flat_map(|open| lengths.iter().map(move |&len| (open, len))) {
            let What::Export(candidate) = &open.what else { continue };
            if self.is_over() {
                return;
            }
            let bytes = exploration.inputs.first().into_iter().flatten().copied().cycle();
            exploration.input = bytes.take(len as usize).collect();
            exploration.placed = 0;
            let plan = Plan { open: 0, pieces: vec![Piece::Input, Piece::Len], input: Some(0) };
            let args = self.explored_args(open, &plan, exploration);
            let budget = self.explore_budget(open.mixes);
            self.call_within(candidate, EntryKind::Export, args, true, &budget);
            let last = self.entries.len().saturating_sub(1);
            match self.entries.last().and_then(|entry| self.object_of(last, entry)) {
                Some(object) => {
                    exploration.made.push(object);
                    self.keep();
                }
                None => self.undo(),
            }
        }
    }

    /// Whether an export gave what may be an object.
    fn gave_object(&self, func: FuncIndex) -> bool {
        let len = self.session.memory_len();
        let is_object =
            |results: &[Value]| matches!(results, [Value::I32(object @ 1024..)] if (*object as u64) < len);
        self.entries.iter().any(|entry| entry.func == Some(func) && is_object(&entry.results))
    }

    /// A program whose `main` has lost its name has two parameters still.
    fn as_programs(&mut self, exploration: &mut Exploration) {
        let is_program = |open: &&Open| match &open.what {
            What::Export(one) => one.params == [Type::I32; 2] && one.gives,
            What::Told(_) => false,
        };
        let programs = exploration.open.iter().enumerate().filter(|(_, open)| is_program(open));
        let programs: Vec<_> = programs.map(|(open, _)| open).take(EXPLORE_CANDIDATES).collect();
        for open in programs {
            let pieces = vec![Piece::Count, Piece::Argv];
            self.try_plan(&Plan { open, pieces, input: None }, exploration);
        }
    }

    /// Each order with each input, those first that reach most.
    fn in_order(&mut self, exploration: &mut Exploration) {
        let reach = |open: &Open| match &open.what {
            What::Export(one) => one.reach.loops,
            What::Told(_) => 0,
        };
        let is_wide = |open: &Open| matches!(open.what, What::Export(_)) && args::integers(&open.params) >= 2;
        let mut wide: Vec<_> = (0..exploration.open.len()).collect();
        wide.retain(|&open| is_wide(&exploration.open[open]));
        wide.sort_by_key(|&open| std::cmp::Reverse(reach(&exploration.open[open])));
        wide.truncate(EXPLORE_CANDIDATES);
        let (mut given, mut written) = (0..exploration.given, exploration.given);
        loop {
            // Written texts go before the files and texts that are left.
            let is_written = written < exploration.inputs.len();
            let Some(input) = (if is_written { Some(written) } else { given.next() }) else { return };
            written += usize::from(is_written);
            for order in ORDERS.iter().copied().map(Some).chain([None]) {
                for &open in &wide {
                    let count = args::integers(&exploration.open[open].params);
                    let order = order.map(<[Piece]>::to_vec).or_else(|| plan::written_first(count));
                    let Some(mut pieces) = order.filter(|order| order.len() <= count) else { continue };
                    if exploration.is_closed(open) {
                        continue;
                    }
                    if exploration.calls >= EXPLORE_CALLS / 2 || self.is_explored(exploration, 2) {
                        return;
                    }
                    pieces.resize(count, Piece::Number);
                    self.try_plan(&Plan { open, pieces, input: Some(input) }, exploration);
                }
            }
        }
    }

    /// What chance makes of it.
    fn mixed(&mut self, exploration: &mut Exploration) {
        exploration.misses = 0;
        while exploration.calls < EXPLORE_CALLS && !self.is_explored(exploration, 1) {
            let Some(plan) = exploration.draw_plan() else { return };
            if exploration.is_closed(plan.open) {
                // It counts as a call: otherwise the loop would not end where only such are left.
                exploration.calls += 1;
                continue;
            }
            self.try_plan(&plan, exploration);
        }
    }

    /// Whether it showed nothing for long, or its work is done.
    fn is_explored(&mut self, exploration: &Exploration, patience: usize) -> bool {
        let (work, _) = self.session.work();
        let misses = EXPLORE_MISSES.min(EXPLORE_LEAST_MISSES.saturating_add(self.hints.branches as usize));
        exploration.misses >= misses * patience
            || work - exploration.began >= EXPLORE_WORK
            || self.logged() - exploration.logged > EXPLORE_LOGGED
            || self.returning.is_spent()
            || self.is_over()
    }

    /// Host calls so far.
    pub(super) fn logged(&self) -> u64 {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.log.calls.len() as u64 + state.log.cut
    }

    fn try_plan(&mut self, plan: &Plan, exploration: &mut Exploration) {
        exploration.calls += 1;
        let before = self.session.blocks_seen();
        let (counted, logged) = (self.session.instructions(), self.logged());
        let open = exploration.open[plan.open].clone();
        exploration.placed = 0;
        exploration.given_objects.clear();
        exploration.draw_input(plan.input, &open.compared);
        self.prepare(&plan.pieces, exploration);
        let budget = self.explore_budget(open.mixes);
        match &open.what {
            What::Export(candidate) => {
                let args = self.explored_args(&open, plan, exploration);
                self.call_within(candidate, EntryKind::Export, args, true, &budget);
            }
            What::Told(target) if target.told.owner == Owner::Callback => {
                let args = self.explored_args(&open, plan, exploration);
                self.call_target(target, args, &budget);
            }
            What::Told(target) => {
                let given = self.given(&open, exploration);
                let args = self.told_args(target, &exploration.registered, &given);
                self.call_target(target, args, &budget);
            }
        }
        let is_new = self.session.blocks_seen() > before;
        let is_stopped =
            self.entries.last().is_some_and(|entry| matches!(entry.end, EntryEnd::Stopped { .. }));
        if open.mixes {
            exploration.mixed += self.session.instructions() - counted;
        }
        let count = &mut exploration.open[plan.open];
        count.tries += 1;
        count.news += u64::from(is_new);
        count.stops += u64::from(is_stopped);
        count.is_loud |= self.logged() - logged > EXPLORE_LOGGED / 8;
        if is_new {
            count.fitting.clone_from(&exploration.given_objects);
        }
        exploration.misses = if is_new { 0 } else { exploration.misses + 1 };
        if is_new {
            exploration.plans.keep(plan);
        }
        if !self.has_returned() || !is_new && !exploration.goes_on() {
            exploration.chained = 0;
            exploration.written.truncate(exploration.written_kept);
            return self.undo();
        }
        self.take_back(&plan.pieces, exploration);
        exploration.objects = self.objects(EXPLORE_OBJECTS);
        exploration.objects.extend(&exploration.made);
        exploration.objects.extend(&exploration.written);
        if is_new {
            exploration.chained = 0;
            exploration.written_kept = exploration.written.len();
            if let What::Told(target) = &open.what {
                self.keep_object(target);
            }
            self.keep();
        }
    }

    pub(super) fn explore_budget(&self, mixes: bool) -> Budget {
        let RunOptions { entry_time, entry_decisions, entry_instructions, .. } = *self.options;
        let least = |own: Option<u64>, most: u64| Some(own.map_or(most, |own| own.min(most)));
        let (work, instructions) = match mixes {
            true => (EXPLORE_MIXING_WORK, EXPLORE_MIXING_INSTRUCTIONS),
            false => (EXPLORE_CALL_WORK, EXPLORE_INSTRUCTIONS),
        };
        Budget {
            time: Some(entry_time),
            work: least(entry_decisions, work),
            instructions: least(entry_instructions, instructions),
            host_calls: Some(EXPLORE_HOST_CALLS),
        }
    }

    /// Arguments of the types, with what the pieces say in the places of integers.
    fn explored_args(&mut self, open: &Open, plan: &Plan, exploration: &mut Exploration) -> Vec<Value> {
        let mut integers = Vec::new();
        for (position, &piece) in plan.pieces.iter().enumerate() {
            let is_counted = plan.pieces.get(position + 1) == Some(&Piece::Len);
            integers.push(self.integer(piece, is_counted, open, exploration));
        }
        let mut integers = integers.into_iter();
        let value = |ty: &Type| match ty {
            Type::I32 => Value::I32(integers.next().unwrap_or(0)),
            Type::I64 => Value::I64(integers.next().unwrap_or(0).into()),
            Type::F32 => Value::F32(exploration.pick(FLOATS).unwrap_or(0.0) as f32),
            Type::F64 => Value::F64(exploration.pick(FLOATS).unwrap_or(0.0)),
            other => args::make(&[*other], 0, self.material)[0],
        };
        open.params.iter().map(value).collect()
    }

    /// What a piece is in this call.
    fn integer(&mut self, piece: Piece, is_counted: bool, open: &Open, exploration: &mut Exploration) -> i32 {
        let page = self.material.page;
        match piece {
            Piece::Object => {
                let fitting = if exploration.is_even() { exploration.pick(&open.fitting) } else { None };
                let object = fitting.or_else(|| exploration.pick(&exploration.objects.clone()));
                exploration.given_objects.extend(object);
                object.unwrap_or(page as i32)
            }
            Piece::Input => self.place_input(is_counted, open, exploration),
            Piece::Len => exploration.input.len() as i32,
            Piece::Output => page.wrapping_add(OUTPUT) as i32,
            Piece::Room => ROOM as i32,
            Piece::Number => exploration.number(&open.compared),
            Piece::Count => WORDS.len() as i32,
            Piece::Argv => page.wrapping_add(ARGV) as i32,
        }
    }

    /// Puts the input where the call finds it; another one behind it, if it is the second.
    fn place_input(&mut self, is_counted: bool, open: &Open, exploration: &mut Exploration) -> i32 {
        if exploration.placed > 0 {
            exploration.draw_input(None, &open.compared);
        }
        let bytes = exploration.input.clone();
        if is_counted && let Some(parcel) = self.parcel(&bytes) {
            return parcel as i32;
        }
        let at = self.material.page.wrapping_add(INPUT + exploration.placed.min(1) * ROOM);
        exploration.placed += 1;
        // A text ends with a zero.
        _ = self.session.write_host_memory(at.into(), &[&bytes[..], &[0]].concat());
        at as i32
    }

    /// What stands for the types that a registration names.
    fn given(&mut self, open: &Open, exploration: &mut Exploration) -> Given {
        let text = self.material.page.wrapping_add(INPUT);
        let bytes = &exploration.input;
        // As embind passes texts: their length before them.
        let bytes = [&(bytes.len() as u32).to_le_bytes()[..], bytes, &[0]].concat();
        _ = self.session.write_host_memory(text.into(), &bytes);
        let len = exploration.input.len() as i32;
        let mut integer = || match exploration.random.next() % 3 {
            0 => len,
            _ => exploration.number(&open.compared),
        };
        let integers = std::array::from_fn(|_| integer());
        let float = exploration.pick(FLOATS).unwrap_or(1.0);
        Given { integers, float, text, pointer: text.wrapping_add(4) }
    }
}
