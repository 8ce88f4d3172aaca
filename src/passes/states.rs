//! The state machine behind the call sequence: functions as states, calls as transitions.
//!
//! A transition goes from caller to callee; from a host function to what it called back. A call by the host
//! at top level begins a sequence and is no transition. A transition is a back edge when its callee was on
//! the stack at least once; tail calls that led there count. That is recursion, or dispatch by tail calls.
//! Hot paths are counted over the sequence of functions entered, whoever called them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{BothKeys, FuncIndex, both_keys, view::View},
    sandbox::Run,
    text::share,
};

use super::limits::HOT_PATHS;
use super::{
    Cost, Pass, Replayed,
    profile::{Call, Profile},
    tally::State as Entered,
};

/// Calls of a run from which on a transition taken once is rare.
const RARE_FROM: u64 = 50;

/// States and transitions of the call sequence: a state is a function, a transition is a call from one to
/// another.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct StateMachine {
    /// Functions, in the order they were first entered; imported ones too.
    pub states: Vec<State>,
    /// Transitions, by their states.
    pub transitions: Vec<Transition>,
    /// The most frequent sequences of three functions entered one after another, at most 20.
    pub hot_paths: Vec<HotPath>,
    /// Functions entered in all.
    pub steps: u64,
    /// Different sequences of three functions that were counted, at most 100,000.
    pub paths: u64,
    /// Sequences beyond that, each as often as it came.
    pub paths_cut: u64,
}

/// A state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct State {
    /// The function.
    #[serde(flatten, serialize_with = "both_keys")]
    #[schemars(with = "BothKeys<FuncIndex>")]
    pub func: FuncIndex,
    /// How often it was entered.
    pub visits: u64,
    /// Whether an entry point enters it.
    pub initial: bool,
    /// Whether it calls nothing.
    pub terminal: bool,
}

/// A transition.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Transition {
    /// Caller.
    pub from: FuncIndex,
    /// Callee.
    pub to: FuncIndex,
    /// How often.
    pub count: u64,
    /// Share of the calls that `from` makes.
    pub probability: f64,
    /// Whether it leads back to a state that is on the way to it. That is a cycle of calls.
    pub back: bool,
    /// Whether it was taken once in a run of more than 50 calls.
    pub rare: bool,
}

/// A frequent sequence of functions entered one after another.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HotPath {
    /// The functions.
    pub funcs: Vec<FuncIndex>,
    /// How often.
    pub count: u64,
}

/// The pass.
pub(super) struct OfRun;

impl Pass for OfRun {
    const NAME: &'static str = "states";
    const HELP: &'static str =
        "the call sequence as a state machine: transitions, probabilities, cycles, hot paths";
    const COST: Cost = Cost::Calls;
    type Counter = ();
    type Output = StateMachine;

    fn counter(&self, _: &Run, _: &View) {}

    fn of(&self, (): (), profile: &Replayed<'_>) -> StateMachine {
        state_machine(profile)
    }
}

fn state_machine(profile: &Profile<'_>) -> StateMachine {
    let (visits, steps) = visits(profile);
    let initial: BTreeSet<_> =
        profile.calls.iter().filter(|call| call.caller.is_none()).map(|call| call.callee).collect();
    let calling: BTreeSet<_> = profile.calls.iter().filter_map(|call| call.caller).collect();
    let state = |state: &Entered| {
        let (initial, terminal) = (initial.contains(state), !calling.contains(state));
        Some(State {
            func: profile.index_of(*state)?,
            visits: visits.get(state).copied().unwrap_or(0),
            initial,
            terminal,
        })
    };
    let states = profile.tally.order.iter().filter_map(state).collect();
    let (hot_paths, paths, paths_cut) = hot_paths(profile);
    StateMachine { states, transitions: transitions(profile), hot_paths, steps, paths, paths_cut }
}

/// How often each state was entered, and all together.
fn visits(profile: &Profile<'_>) -> (BTreeMap<Entered, u64>, u64) {
    let tally = &profile.tally;
    let defined = tally
        .functions
        .iter()
        .enumerate()
        .map(|(ordinal, function)| (Entered::defined(ordinal), function.entered));
    let hosts = tally
        .entries
        .host_calls
        .iter()
        .enumerate()
        .map(|(position, calls)| (Entered::host(position), *calls));
    let visits: BTreeMap<_, _> = defined.chain(hosts).collect();
    let steps = visits.values().sum();
    (visits, steps)
}

fn transitions(profile: &Profile<'_>) -> Vec<Transition> {
    let mut found: BTreeMap<_, (u64, bool)> = BTreeMap::new();
    let mut leaving: BTreeMap<_, u64> = BTreeMap::new();
    let mut all = 0;
    for &Call { caller, callee, count, back, .. } in &profile.calls {
        let indices = caller.and_then(|caller| Some((profile.index_of(caller)?, profile.index_of(callee)?)));
        let Some((from, to)) = indices else { continue };
        let transition = found.entry((from, to)).or_default();
        transition.0 += count;
        transition.1 |= back;
        *leaving.entry(from).or_default() += count;
        all += count;
    }
    let transition = |((from, to), (count, back))| {
        let probability = share(count, leaving.get(&from).copied().unwrap_or(0));
        Transition { from, to, count, probability, back, rare: count == 1 && all > RARE_FROM }
    };
    found.into_iter().map(transition).collect()
}

/// The most frequent sequences, how many different ones were kept, and how many came that were not.
fn hot_paths(profile: &Profile<'_>) -> (Vec<HotPath>, u64, u64) {
    let (paths, cut) = &profile.paths;
    let mut ranked: Vec<_> = paths.iter().collect();
    ranked.sort_by_key(|(path, count)| (std::cmp::Reverse(**count), **path));
    let indices =
        |path: &[Entered; 3]| path.iter().map(|state| profile.index_of(*state)).collect::<Option<Vec<_>>>();
    let named =
        ranked.into_iter().filter_map(|(path, &count)| Some(HotPath { funcs: indices(path)?, count }));
    (named.take(HOT_PATHS).collect(), paths.len() as u64, *cut)
}
