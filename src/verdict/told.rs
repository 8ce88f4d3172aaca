//! The contents of a file of the user, and how they went to the host where no rule speaks of it. They went as
//! a number, a length, a name, an exit code, or by the order of calls alone.
//!
//! None of that is a leak for itself: a program may hand a byte to its host for good reasons. But nobody
//! asked for it, and so it is not CLEAN.
//!
//! Costs one pass over the flows and the log.

use super::{
    correlations::reads,
    limits::{NAMED_BYTES, ORDERED_CALLS},
    text,
    weights::{Weighed, listed},
};
use crate::{
    passes::flows::DataFlow,
    sandbox::{Answer, Call, ChangeKind, FileChange, Run, is_users, is_within},
    values::taint::{SinkKind, SourceKind},
};

/// Why what was told to the host forbids CLEAN, if it does.
pub(super) fn lack(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run?;
    by_value(facts, run).or_else(|| by_order(facts, run)).or_else(|| not_followed(facts, run))
}

/// A file was read that nobody had named, and values were not followed to the end, or not at all. Functions
/// were called since by which its contents may have been told.
fn not_followed(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let how_far = how_far(facts)?;
    let reads = reads(facts, run);
    let (first, read) = reads.iter().find(|(_, read)| is_private(run, &absolute(&read.path)))?;
    let may_tell = |call: &&Call| {
        let host = format!("{}.{}", call.module, call.name);
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
    if module.starts_with("wasi") {
        return listed(&calls.telling, name) || name.starts_with("path_") && bytes >= NAMED_BYTES;
    }
    let is_of_runtime = |call: &Call| {
        call.answer == Answer::World && call.name.as_ref() == name && call.module.as_ref() == module
    };
    !listed(&calls.inner, name.trim_start_matches('_')) || !run.calls.iter().any(is_of_runtime)
}

/// Many calls of functions that nobody knows, or many pauses, after a file was read.
fn by_order(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let reads = reads(facts, run);
    let (first, read) = reads.iter().find(|(_, read)| is_private(run, &absolute(&read.path)))?;
    let says_something = |call: &&Call| match call.module.starts_with("wasi") {
        true => &*call.name == "poll_oneoff",
        false => call.answer == Answer::Default,
    };
    let after = run.calls.iter().skip(*first + 1).filter(says_something).count();
    (after >= ORDERED_CALLS).then(|| {
        let calls = text::plural(after as u64, "call");
        format!("{} were read, and {calls} of functions that nobody knows, or pauses, followed", read.shown())
    })
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
