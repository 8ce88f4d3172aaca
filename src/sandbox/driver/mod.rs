//! The driver: which exports are called, in which order, with what, and for how long.
//!
//! First comes what the toolchain wants to run first, then the program's own entry point. Most hostile
//! modules have none, and their page drives them. So the other exports follow: those that make objects, those
//! that fill them, and the rest by the loops that they reach. An export that does next to nothing with
//! made-up arguments is tried with others.
//!
//! Each call has a budget of its own, in work that does not depend on the machine.

mod args;
mod array;
mod beginning;
mod builders;
mod callbacks;
mod candidates;
mod explore;
mod handing;
mod inputs;
mod limits;
mod looks;
mod names;
mod page;
mod parcels;
mod plan;
mod rank;
mod returning;
mod saying;
mod search;
mod shares;
mod spelling;
mod turns;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::{Mutex, PoisonError},
};

use crate::{
    limitation::Limitation,
    module::{FuncIndex, Place},
    text::cut,
    tracer::{Budget, InvokeError, Limit, Outcome, Session, Type, Value},
};

pub(crate) use self::inputs::is_drivers;
use self::limits::{
    DRIVEN, INDIRECT_INSTRUCTIONS, LEFT_NAMED, MADE_UP_HOST_CALLS, MIXING_HOST_CALLS, MOST_HALVED,
    NAME_SHOWN, PLAIN_INSTRUCTIONS,
};
use self::{
    args::{Material, PATTERNS},
    candidates::{Asked, Candidate, Choice, MIXES},
    names::Role,
    rank::{Hints, Reach},
    returning::Returning,
};
use super::{
    journal::{Item, unfinished},
    state::State,
    types::{Drive, Entry, EntryEnd, EntryKind, RunOptions, Status},
    world::{Layout, ThreadExports},
};

/// Work below which an export with loops has done next to nothing.
const LITTLE: u64 = 20_000;
/// Work without a host call after which an entry that was stopped counts as stalled.
const STALL: u64 = 1_000_000;

/// What came of driving.
pub(super) struct Driven {
    pub(super) entries: Vec<Entry>,
    pub(super) status: Status,
    pub(super) limitations: Vec<Limitation>,
}

/// Drives one session.
pub(super) struct Driver<'o> {
    session: Session,
    options: &'o RunOptions,
    state: &'o Mutex<State>,
    layout: Layout,
    /// The exported functions, in the module's order.
    candidates: Rc<[Candidate]>,
    entries: Vec<Entry>,
    limitations: Vec<Limitation>,
    material: Material,
    /// What the module says of what its exports may want.
    hints: Hints,
    /// The state that a failed call is followed by.
    returning: Returning,
    /// Memory of the sample's own that calls take over.
    parcels: parcels::Parcels,
    /// The functions that the sample told its host of and that were looked at, and the objects that came of
    /// them.
    told: callbacks::Told,
    /// How often a function did not come to an end with made-up arguments.
    stops: BTreeMap<FuncIndex, u32>,
    /// The wall time of an entry was used up, which depends on the machine.
    clock_struck: u32,
    /// What an entry gets at most of what is left of the run.
    share: shares::Share,
}

impl<'o> Driver<'o> {
    pub(super) fn new(
        session: Session,
        options: &'o RunOptions,
        state: &'o Mutex<State>,
        layout: Layout,
    ) -> Self {
        let (entries, limitations, candidates) = (Vec::new(), Vec::new(), Rc::default());
        let (material, returning) = (Material::default(), Returning::default());
        Self {
            session,
            options,
            state,
            layout,
            candidates,
            entries,
            limitations,
            material,
            hints: Hints::default(),
            returning,
            parcels: parcels::Parcels::default(),
            told: callbacks::Told::default(),
            stops: BTreeMap::new(),
            clock_struck: 0,
            share: shares::Share::default(),
        }
    }

    /// Runs the start function and the exports.
    pub(super) fn run(mut self) -> (Session, Driven) {
        let is_up = self.start();
        if is_up {
            self.place();
            self.look_at_globals();
            self.candidates = self.candidates().into();
            self.initialize();
            self.keep();
            self.drive();
            self.look_at_globals();
        }
        self.say_stops();
        let status = self.status(is_up);
        (self.session, Driven { entries: self.entries, status, limitations: self.limitations })
    }

    /// The exported functions. An export that begins threads is the toolchain's, whatever its name.
    fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = candidates::all(&self.session);
        let threads = self.threads(&candidates);
        for candidate in candidates.iter_mut().filter(|one| threads.has(&one.name)) {
            candidate.role = Role::Runtime;
        }
        candidates
    }

    /// The exports that the host calls when it begins a thread.
    fn threads(&self, candidates: &[Candidate]) -> ThreadExports {
        let known = self.state.lock().unwrap_or_else(PoisonError::into_inner).world.threads.clone();
        known.named(|name| candidates.iter().any(|candidate| candidate.name == name))
    }

    /// The program, and the others as the options say.
    fn drive(&mut self) {
        if let Some((name, args)) = &self.options.invoke {
            return self.named(name, Some(args.clone()));
        }
        if let Drive::Name(name) = &self.options.drive {
            return self.named(name, None);
        }
        let candidates = Rc::clone(&self.candidates);
        if let Some(main) = candidates::program(&self.session, &candidates) {
            let args = self.request_for(main).unwrap_or_else(|| self.main_args(&main.params));
            self.call(main, EntryKind::Main, args, false);
        }
        match self.options.drive {
            Drive::None | Drive::Name(_) => {}
            Drive::Auto => self.all_else(false, DRIVEN),
            Drive::Exports => self.all_else(true, usize::MAX),
        }
    }

    /// What the sample told its host of, and its exports: one may tell of more.
    fn all_else(&mut self, is_all: bool, most: usize) {
        self.settle();
        self.callbacks();
        self.others(is_all, most);
        self.callbacks();
        self.builders();
    }

    /// The export that the user named, with the user's arguments or made-up ones.
    fn named(&mut self, name: &str, args: Option<Vec<Value>>) {
        let candidates = Rc::clone(&self.candidates);
        let Some(candidate) = candidates.iter().find(|candidate| candidate.name == name) else {
            self.limitations.push(Limitation::NoSuchExport { name: name.to_owned() });
            return;
        };
        let made_up = args.is_none();
        if made_up && !candidate.params.is_empty() {
            self.make_page();
        }
        let args = args.or_else(|| self.request_for(candidate));
        let args = args.unwrap_or_else(|| args::make(&candidate.params, 0, self.material));
        self.call(candidate, EntryKind::Main, args, made_up && !candidate.params.is_empty());
    }

    /// Drives the exports that were not called yet. Its other exports may be what its page calls, whatever
    /// the program did.
    fn others(&mut self, is_all: bool, most: usize) {
        // A start function that is exported too is called again, as a page would.
        let called =
            self.entries.iter().filter(|entry| entry.kind != EntryKind::Start).filter_map(|entry| entry.func);
        let called: BTreeSet<_> = called.collect();
        let asked = Asked { is_all, most, command_calls: self.command_calls() };
        let Choice { chosen, more, left, hints } =
            candidates::choose(&self.session, &self.candidates, &called, asked);
        self.hints = hints;
        self.settle();
        if chosen.iter().any(|candidate| !candidate.params.is_empty()) {
            self.make_page();
            self.keep();
        }
        // Exports that belong to the toolchain or end things go last. Without a state to return to, they
        // would leave a stack or a heap on which nothing works.
        let ends = |one: &&Candidate| matches!(one.role, Role::Destroy | Role::Runtime);
        let (last, others): (Vec<&Candidate>, Vec<_>) = chosen.iter().partition(ends);
        let (began, _) = self.session.work();
        let mut driven = 0;
        let quiet = self.each(&others, &mut driven, is_all, (began, 0));
        let rest: Vec<_> = others.iter().skip(driven).copied().chain(&more).collect();
        let short = self.shortly(&rest);
        let first_of_last = driven;
        let ((before, _), returned) = (self.session.work(), self.returning.spent());
        self.search(&quiet);
        self.settle();
        self.callbacks();
        self.spell(&chosen);
        self.turns(&chosen);
        self.explore(&chosen);
        let (after, _) = self.session.work();
        let returned = self.returning.spent() - returned;
        self.each(&last, &mut driven, is_all, (began + after - before, returned));
        let rest = rest.into_iter().skip(short).chain(last.into_iter().skip(driven - first_of_last));
        let rest = rest.map(|one| one.name.clone());
        // An export that is only called for a thread is not left out.
        let threads = self.threads(&self.candidates);
        let left = left.into_iter().chain(rest).filter(|name| !threads.has(name));
        let left: Vec<_> = left.collect();
        if !left.is_empty() {
            self.limitations.push(Limitation::ExportsLeft { count: left.len() as u64, first: first(left) });
        }
    }

    /// The state of now is what is returned to.
    fn keep(&mut self) {
        self.returning.keep(&mut self.session, self.state, self.entries.len());
    }

    /// Returns to what was kept.
    fn undo(&mut self) {
        self.returning.go_back(&mut self.session, self.state, self.entries.len());
    }

    /// Whether a program did anything with the host but end itself.
    fn command_calls(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_main =
            |entry: usize| self.entries.get(entry).is_some_and(|entry| entry.kind == EntryKind::Main);
        state.log.calls.iter().any(|call| is_main(call.entry) && !call.ended)
    }

    /// Calls an export with made-up arguments; with others if it has loops and did next to nothing.
    fn try_out(&mut self, candidate: &Candidate) {
        for pattern in 0..PATTERNS {
            self.deal(&candidate.params);
            let (before, _) = self.session.work();
            let args = self.request_for(candidate).unwrap_or_else(|| match candidate.role {
                Role::Set => args::make_setting(&candidate.params, self.material),
                Role::Create => args::make_creating(&candidate.params, pattern, self.material),
                _ => args::make(&candidate.params, pattern, self.material),
            });
            self.call(candidate, EntryKind::Export, args, !candidate.params.is_empty());
            let (after, _) = self.session.work();
            let has_failed = self.settle();
            if !has_failed {
                self.spend();
            }
            let is_worth_more = candidate.reach.loops > 0 || has_failed;
            let is_open = candidate.role == Role::Other || candidate.role == Role::Create && has_failed;
            let did_little = after - before < LITTLE && is_worth_more && is_open;
            if !did_little || candidate.params.is_empty() || self.is_over() {
                break;
            }
        }
        self.keep_handle(candidate);
        if self.has_returned() && (matches!(candidate.role, Role::Create | Role::Set) || self.has_given()) {
            self.keep();
        }
    }

    /// Whether the last call gave what may be an object in memory. It is only there as long as the call is
    /// not undone.
    fn has_given(&self) -> bool {
        let last = self.entries.len().saturating_sub(1);
        self.entries.last().is_some_and(|entry| self.object_of(last, entry).is_some())
    }

    /// Whether the last call returned.
    fn has_returned(&self) -> bool {
        self.entries.last().is_some_and(|entry| entry.end == EntryEnd::Returned)
    }

    /// Puts the instance back if the last call did not come to its end. A heap that it left in the middle of
    /// a change would make those after it fail too. Returns whether it did not.
    fn settle(&mut self) -> bool {
        let has_failed = !self.entries.is_empty() && !self.has_returned();
        if has_failed {
            self.undo();
        }
        has_failed
    }

    /// Keeps what an export made, if it looks like an object in memory.
    fn keep_handle(&mut self, candidate: &Candidate) {
        let Some(Entry { results, end: EntryEnd::Returned, .. }) = self.entries.last() else { return };
        let is_better = names::role(&candidate.name) == Role::Create || self.material.handle.is_none();
        if let (Role::Create, Some(&Value::I32(address @ 1024..))) = (candidate.role, results.first())
            && (address as u64) < self.session.memory_len()
            && is_better
        {
            self.material.handle = Some(address);
        }
    }

    fn call(&mut self, candidate: &Candidate, kind: EntryKind, args: Vec<Value>, made_up: bool) {
        let is_driven = kind == EntryKind::Export && made_up;
        let budget =
            if is_driven { self.made_up_budget(candidate.func, candidate.reach) } else { self.budget() };
        self.call_within(candidate, kind, args, made_up, &budget);
    }

    fn call_within(
        &mut self,
        candidate: &Candidate,
        kind: EntryKind,
        args: Vec<Value>,
        made_up: bool,
        budget: &Budget,
    ) {
        self.begin();
        self.tell_begun(&candidate.name, kind, Some(candidate.func), &args, made_up);
        let outcome = self.session.invoke_within(&candidate.name, &args, budget);
        self.enter(candidate.name.clone(), kind, Some(candidate.func), args, made_up, outcome);
        self.post_return(candidate);
    }

    /// Gives the results of an export of a component back, as its host does when it has read them. Until then
    /// some programs take no other call.
    fn post_return(&mut self, candidate: &Candidate) {
        if self.session.module().component().is_none() || !self.has_returned() {
            return;
        }
        let name = format!("cabi_post_{}", candidate.name);
        let candidates = Rc::clone(&self.candidates);
        let Some(post) = candidates.iter().find(|one| one.name == name) else { return };
        let results = self.entries.last().map_or_else(Vec::new, |entry| entry.results.clone());
        if results.len() == post.params.len() {
            let budget = self.budget();
            self.call_within(post, EntryKind::Export, results, false, &budget);
        }
    }

    /// A call with made-up arguments may never come to an end. Of code that mixes no bits little is missed
    /// then, and time is left for the others. A function that did not come to its end before gets less each
    /// time. So does any that mixes no bits after the second of them.
    fn made_up_budget(&self, func: FuncIndex, reach: Reach) -> Budget {
        let most = match reach {
            Reach { mixes: MIXES.., .. } => u64::MAX,
            Reach { mixes_indirectly: MIXES.., .. } => INDIRECT_INSTRUCTIONS,
            _ => PLAIN_INSTRUCTIONS,
        };
        let own = self.stops.get(&func).copied().unwrap_or(0);
        let all = self.stops.values().sum::<u32>().saturating_sub(1);
        let times = if reach.mixes >= MIXES { own } else { own.max(all) };
        let shift = if times == 0 { 0 } else { times.saturating_add(2).min(MOST_HALVED) };
        let mut budget = self.budget();
        budget.instructions = budget.instructions.map(|own| own.min(most) >> shift);
        budget.work = budget.work.map(|own| own >> shift);
        let calls = if reach.mixes >= MIXES { MIXING_HOST_CALLS } else { MADE_UP_HOST_CALLS };
        budget.host_calls = Some(calls >> shift);
        budget
    }

    fn budget(&self) -> Budget {
        let RunOptions { entry_time, entry_decisions, entry_instructions, .. } = *self.options;
        self.share.of(Budget {
            time: Some(entry_time),
            work: entry_decisions,
            instructions: entry_instructions,
            host_calls: None,
        })
    }

    /// Whether the session is over; another call would be stopped at once.
    fn is_over(&mut self) -> bool {
        self.session.is_over()
    }

    /// The calls of the next entry belong to it.
    fn begin(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.entry = self.entries.len();
        state.exit = None;
        state.is_unwound = false;
        state.world.is_throwing = false;
        state.world.catching.has_told = false;
    }

    fn tell_begun(
        &self,
        name: &str,
        kind: EntryKind,
        func: Option<FuncIndex>,
        args: &[Value],
        made_up: bool,
    ) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, args) = (name.to_owned(), args.to_vec());
        let (end, results, site, stalled_in) = (unfinished(), Vec::new(), None, None);
        state
            .journal
            .write(|| Item::Begun(Entry { name, kind, func, args, made_up, end, results, site, stalled_in }));
    }

    /// Notes how an entry ended. One that did not begin leaves no record, and so no entry.
    fn enter(
        &mut self,
        name: String,
        kind: EntryKind,
        func: Option<FuncIndex>,
        args: Vec<Value>,
        made_up: bool,
        outcome: Result<Outcome, InvokeError>,
    ) {
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return self.limitations.push(Limitation::NotCalled { name, error }),
        };
        let (exit, is_unwound) = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.exit, state.is_unwound)
        };
        let (end, results, site) = end_of(outcome, exit, is_unwound);
        let (_, silent) = self.session.work();
        let is_stopped = matches!(end, EntryEnd::Stopped { .. });
        let stalled_in = site.filter(|_| is_stopped && silent >= STALL).map(|site| site.function);
        let is_own = self.session.stopped_by().is_none();
        self.clock_struck += u32::from(end == EntryEnd::Stopped { limit: Limit::WallTime } && is_own);
        self.look_at_outcome(func, (end == EntryEnd::Returned).then_some((&args, &results)));
        // Of the limits only those that do not depend on the machine.
        if let (&EntryEnd::Stopped { limit }, true, Some(func)) = (&end, made_up, func)
            && is_of_budget(limit)
        {
            *self.stops.entry(func).or_default() += 1;
        }
        let entry = Entry { name, kind, func, args, made_up, end, results, site, stalled_in };
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .journal
            .write(|| Item::Ended(entry.clone()));
        self.entries.push(entry);
    }

    /// The status of the run is that of the program, or without one that of the most telling export.
    fn status(&self, is_up: bool) -> Status {
        let main = self.entries.iter().find(|entry| entry.kind == EntryKind::Main);
        let failed_start = self.entries.iter().find(|entry| entry.kind == EntryKind::Start && !is_up);
        if let Some(entry) = failed_start.or(main) {
            return status_of(&entry.end);
        }
        if !is_up {
            return Status::Unsupported;
        }
        let rank = |status: &Status| match status {
            Status::Stopped => 2,
            Status::Exited => 1,
            _ => 0,
        };
        let statuses = self.entries.iter().map(|entry| status_of(&entry.end));
        statuses.max_by_key(rank).unwrap_or(Status::NothingRan)
    }
}

/// Whether a limit is one of those in the budget of an entry that do not depend on the machine.
fn is_of_budget(limit: Limit) -> bool {
    matches!(limit, Limit::Decisions | Limit::Instructions | Limit::HostCalls)
}

fn status_of(end: &EntryEnd) -> Status {
    match end {
        EntryEnd::Returned | EntryEnd::Exited { .. } => Status::Exited,
        EntryEnd::Stopped { .. } => Status::Stopped,
        EntryEnd::Trapped { .. }
        | EntryEnd::Thrown { .. }
        | EntryEnd::Aborted { .. }
        | EntryEnd::Failed { .. } => Status::Trapped,
    }
}

type Ended = (EntryEnd, Vec<Value>, Option<Place>);

fn end_of(outcome: Outcome, exit: Option<i32>, is_unwound: bool) -> Ended {
    match outcome {
        Outcome::Returned(results) => (EntryEnd::Returned, results, None),
        Outcome::Trapped { code, site } => (EntryEnd::Trapped { trap: code }, Vec::new(), site),
        Outcome::Stopped { limit, site } => (EntryEnd::Stopped { limit }, Vec::new(), site),
        Outcome::Thrown { tag, name, operands, site } => {
            let operands = operands.iter().map(ToString::to_string).collect();
            (EntryEnd::Thrown { tag, name, operands }, Vec::new(), site)
        }
        Outcome::HostError { message, site } => match exit {
            Some(code) => (EntryEnd::Exited { code }, Vec::new(), site),
            None if is_unwound => (EntryEnd::Returned, Vec::new(), site),
            None => (EntryEnd::Aborted { message }, Vec::new(), site),
        },
        Outcome::Failed { message, site } => (EntryEnd::Failed { message }, Vec::new(), site),
    }
}

/// The first of some names, each cut to what a line holds.
fn first(names: Vec<String>) -> Vec<String> {
    names.iter().take(LEFT_NAMED).map(|name| cut(name, NAME_SHOWN)).collect()
}
