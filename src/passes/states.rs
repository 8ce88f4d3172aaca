//! The state machine behind the call sequence: functions as states, calls as transitions.
//!
//! A transition goes from caller to callee; from a host function to what it called back. What the host calls
//! at top level begins a sequence and is no transition. A transition is a back edge when its callee was on
//! the stack at least once, tail calls that led there included: recursion, or dispatch by tail calls. Hot
//! paths are counted over the sequence of functions entered, whoever called them.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::share;

use super::limits::HOT_PATHS;
use super::{
    Dynamic, HotPath, State as Visited, StateMachine, Transition,
    profile::{Call, Profile},
    tally::State,
};

/// Calls of a run from which on a transition taken once is rare.
const RARE_FROM: u64 = 50;

pub(super) fn derive(profile: &Profile<'_>, dynamic: &mut Dynamic) {
    let (visits, steps) = visits(profile);
    let initial: BTreeSet<_> =
        profile.calls.iter().filter(|call| call.caller.is_none()).map(|call| call.callee).collect();
    let calling: BTreeSet<_> = profile.calls.iter().filter_map(|call| call.caller).collect();
    let state = |state: &State| {
        let (initial, terminal) = (initial.contains(state), !calling.contains(state));
        Some(Visited {
            func: profile.index_of(*state)?,
            visits: visits.get(state).copied().unwrap_or(0),
            initial,
            terminal,
        })
    };
    let states = profile.tally.order.iter().filter_map(state).collect();
    let (hot_paths, paths, paths_cut) = hot_paths(profile);
    dynamic.states =
        StateMachine { states, transitions: transitions(profile), hot_paths, steps, paths, paths_cut };
}

/// How often each state was entered, and all together.
fn visits(profile: &Profile<'_>) -> (BTreeMap<State, u64>, u64) {
    let tally = &profile.tally;
    let defined = tally
        .functions
        .iter()
        .enumerate()
        .map(|(ordinal, function)| (State::defined(ordinal), function.entered));
    let hosts =
        tally.entries.host_calls.iter().enumerate().map(|(position, calls)| (State::host(position), *calls));
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
        |path: &[State; 3]| path.iter().map(|state| profile.index_of(*state)).collect::<Option<Vec<_>>>();
    let named =
        ranked.into_iter().filter_map(|(path, &count)| Some(HotPath { funcs: indices(path)?, count }));
    (named.take(HOT_PATHS).collect(), paths.len() as u64, *cut)
}
