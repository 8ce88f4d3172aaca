//! The contents of a file of the user, and how they went to the host where no rule speaks of it. They went as
//! a number, a length, a name, an exit code, or by the order of calls alone.
//!
//! None of that is a leak for itself: a program may hand a byte to its host for good reasons. But nobody
//! asked for it, and so it is not CLEAN.
//!
//! Costs one pass over the flows and the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use super::{
    correlations::reads,
    limits::{NAMED_BYTES, ORDERED_CALLS, SHORT_BYTES},
    text,
    weights::{Weighed, listed},
};
use crate::{
    module::{FuncIndex, view::ExternKind},
    passes::flows::DataFlow,
    sandbox::{Answer, Call, ChangeKind, FileChange, Pointed, Run, is_of_wasi, is_users, is_within},
    tracer::Value,
    values::taint::{How, SinkKind, SourceKind},
};

/// Why what was told to the host forbids CLEAN, if it does.
pub(super) fn lack(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run?;
    by_value(facts, run)
        .or_else(|| by_order(facts, run))
        .or_else(|| by_turns(run))
        .or_else(|| printed(facts, run))
        .or_else(|| left_open(facts, run))
        .or_else(|| not_followed(facts, run))
}

/// A file was read that nobody had named, and values were not followed to the end, or not at all. Functions
/// were called since by which its contents may have been told.
fn not_followed(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let how_far = how_far(facts)?;
    let reads = reads(facts, run);
    let (first, read) = reads.iter().find(|(_, read)| is_private(run, &absolute(&read.path)))?;
    let may_tell = |call: &&Call| {
        let host = text::import_name(&call.module, &call.name);
        !call.args.is_empty() && takes_out(facts, run, &host, 0)
    };
    let call = run.calls.iter().skip(*first + 1).find(may_tell)?;
    Some(format!("{} were read and {} was called, and {how_far}", read.shown(), text::quoted(&call.name)))
}

/// How far values were followed, if not to the end.
pub(super) fn how_far(facts: &Weighed<'_>) -> Option<String> {
    let Some(flows) = facts.flows else { return Some("values were not followed".into()) };
    (flows.instructions < flows.of || flows.lost > 0).then(|| {
        let (done, all) = (text::grouped(flows.instructions), text::grouped(flows.of));
        format!("values were followed for {done} of {all} instructions only")
    })
}

/// The first call by which the host said what time it is, what its surroundings are, or what chance gave, and
/// the calls after it.
pub(super) fn heard<'r>(facts: &Weighed<'_>, run: &'r Run) -> Option<(&'r Call, &'r [Call])> {
    let calls = &facts.weights.calls;
    let says = |call: &Call| {
        let is_of = |names: &[String]| listed(names, call.name.trim_start_matches('_'));
        let is_order = matches!(&*call.name, "random_get" | "sock_recv");
        let is_of_surroundings = is_of(&calls.environment) && !call.name.starts_with("args_");
        call.errno.is_none() && (is_order || is_of(&calls.clock) || is_of_surroundings)
    };
    let first = run.calls.iter().position(says)?;
    run.calls.get(first..)?.split_first()
}

/// Bytes of a file in what a call got.
fn by_value(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let is_told = |flow: &&DataFlow| {
        let is_private = flow.source == SourceKind::File && (flow.is_bait || is_private(run, &flow.name));
        let is_given = || flow.host.as_deref().is_some_and(|host| takes_out(facts, run, host, flow.bytes));
        is_private && (flow.sink == SinkKind::Result || is_given())
    };
    let flow = facts.flows?.flows.iter().find(is_told)?;
    Some(format!("it told its host of a file that nobody had named: {}", flow.text))
}

/// Whether what a function is handed can leave the sandbox by it. What is written stays in it, and rules
/// speak of that. A function of a runtime is one if it was answered as one: its name alone anybody can take.
fn takes_out(facts: &Weighed<'_>, run: &Run, host: &str, bytes: u64) -> bool {
    let Some((module, name)) = host.rsplit_once('.') else { return false };
    let calls = &facts.weights.calls;
    if is_of_wasi(module) {
        return listed(&calls.telling, name) || name.starts_with("path_") && bytes >= NAMED_BYTES;
    }
    let is_of_runtime = |call: &Call| {
        call.answer == Answer::World && call.name.as_ref() == name && call.module.as_ref() == module
    };
    !listed(&calls.inner, name.trim_start_matches('_')) || !run.calls.iter().any(is_of_runtime)
}

/// A file that nobody had named, shown on standard output.
fn printed(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let prints = |flow: &DataFlow| {
        let (Some(first), Some(last)) = (flow.first_call, flow.last_call) else { return false };
        let from = run.calls.partition_point(|call| call.number < first);
        let calls = run.calls[from..].iter().take_while(|call| call.number <= last);
        calls.filter(|call| &*call.name == "fd_write").any(|call| is_standard(call, 1..=2))
    };
    let is_shown = |flow: &&DataFlow| {
        let is_write = flow.host.as_deref().is_some_and(|host| host.ends_with(".fd_write"));
        flow.source == SourceKind::File
            && is_write
            && flow.how == How::Value
            && flow.bytes >= NAMED_BYTES
            && is_private(run, &flow.name)
            && prints(flow)
    };
    let flow = facts.flows?.flows.iter().find(is_shown)?;
    Some(format!("it printed what stands in a file that nobody had named: {}", flow.text))
}

/// Whether a call is of one of these streams.
fn is_standard(call: &Call, streams: RangeInclusive<i32>) -> bool {
    matches!(call.args.first().map(|arg| arg.value), Some(Value::I32(fd)) if streams.contains(&fd))
}

/// A file that nobody had named was read, and nothing was done with it. It lies in memory that its host sees.
fn left_open(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let flows = facts.flows?;
    let is_open = facts.view.exports.iter().any(|export| export.kind == ExternKind::Memory);
    let is_of_file = |kinds: &BTreeSet<SourceKind>| kinds.contains(&SourceKind::File);
    let is_looked_at = flows.decided.values().chain(flows.weighed.values()).any(is_of_file);
    if !is_open || is_looked_at || !flows.left.is_empty() {
        return None;
    }
    let reads = reads(facts, run);
    let (first, read) = reads.iter().find(|(_, read)| is_private(run, &absolute(&read.path)))?;
    let is_written = |call: &Call| call.name.ends_with("write") && call.errno.is_none();
    if run.calls.iter().skip(*first).any(is_written) {
        return None;
    }
    Some(format!("{} were read, and nothing but its host can have a use for them", read.shown()))
}

/// Many calls of functions that nobody knows, many pauses or many little messages, after a file was read.
fn by_order(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let reads = reads(facts, run);
    let (first, read) = reads.iter().find(|(_, read)| is_private(run, &absolute(&read.path)))?;
    let says_something = |call: &&Call| match is_of_wasi(&call.module) {
        true => {
            let is_write = &*call.name == "fd_write";
            // Of a stream nobody asks often where it stands.
            let is_idle = || call.name.starts_with("fd_") && !is_read(call) && is_standard(call, 0..=2);
            listed(&facts.weights.calls.telling, &call.name)
                || is_write && is_short(call)
                || !is_write && is_idle()
        }
        false => call.answer == Answer::Default,
    };
    let after = run.calls.iter().skip(*first + 1).filter(says_something).count();
    (after >= ORDERED_CALLS).then(|| {
        let calls = text::plural(after as u64, "call");
        format!(
            "{} were read, and {calls} of functions that nobody knows, pauses or messages followed",
            read.shown()
        )
    })
}

fn is_read(call: &Call) -> bool {
    matches!(&*call.name, "fd_read" | "fd_pread")
}

/// Whether so many little messages were sent that their order may tell anything.
pub(super) fn sends_bits(run: &Run) -> bool {
    let is_one = |call: &&Call| call.name.starts_with("sock_send") && call.errno.is_none() && is_short(call);
    run.calls.iter().filter(is_one).count() >= ORDERED_CALLS
}

/// Whether a call hands over a few bytes: which of some messages it is tells more than what is in it.
fn is_short(call: &Call) -> bool {
    let len = |data: &Pointed| match data {
        Pointed::Text { text } => text.len() as u64,
        Pointed::Bytes { len, .. } => *len,
        Pointed::Resource { .. } => 0,
    };
    let given = call.args.iter().filter_map(|arg| arg.points_at.as_ref());
    given.map(len).fold(0, u64::saturating_add) <= SHORT_BYTES
}

/// Calls of functions without arguments that nobody knows, in an order that says something: none of them
/// comes back after as many calls each time.
fn by_turns(run: &Run) -> Option<String> {
    let mut turns: BTreeMap<usize, Vec<&Call>> = BTreeMap::new();
    let is_one =
        |call: &&Call| call.answer == Answer::Default && call.args.is_empty() && !is_of_wasi(&call.module);
    for call in run.calls.iter().filter(is_one) {
        turns.entry(call.entry).or_default().push(call);
    }
    let calls = turns.values().find(|calls| {
        let row: Vec<FuncIndex> = calls.iter().map(|call| call.func).collect();
        row.len() >= ORDERED_CALLS && !is_periodic(&row)
    })?;
    let (count, name) = (text::plural(calls.len() as u64, "call"), text::quoted(&calls.first()?.name));
    Some(format!("the order of {count} of {name} and others that nobody knows may tell something"))
}

/// Whether a row repeats itself, or has next to no turns.
fn is_periodic(row: &[FuncIndex]) -> bool {
    let turns = row.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let agrees = |step: usize| {
        let same = row.iter().zip(row.iter().skip(step)).filter(|(one, next)| one == next).count();
        10 * same >= 9 * (row.len() - step)
    };
    turns < ORDERED_CALLS / 4 || (1..=ORDERED_CALLS / 2).any(agrees)
}

pub(super) fn absolute(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

/// Whether a file is the user's, was there before the run, and no argument names it or a folder that it is
/// in.
pub(super) fn is_private(run: &Run, path: &str) -> bool {
    let is_own = |change: &FileChange| change.change == ChangeKind::Created && change.last_path() == path;
    is_users(path) && !run.asked.iter().any(|arg| is_within(arg, path)) && !run.files.iter().any(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_periodic_and_bits_are_not() {
        let row = |of: &dyn Fn(u32) -> u32| (0..64).map(|at| FuncIndex(of(at))).collect::<Vec<_>>();
        for periodic in
            [row(&|_| 0), row(&|at| at % 2), row(&|at| u32::from(at % 7 == 0)), row(&|at| at / 60)]
        {
            assert!(is_periodic(&periodic));
        }
        assert!(!is_periodic(&row(&|at| b"\x74\x65\x78\x74\x2e\x0a\x41\x7f"[at as usize / 8] as u32
            >> (at % 8)
            & 1)));
    }
}
