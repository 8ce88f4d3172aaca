//! What decided an effect without a branch: the time, chance, the surroundings, a file or standard input
//! chose which path, which length, which flags the host was handed; or an order that was not there would
//! have.
//!
//! All code ran, so nothing of it is unseen. What another time, or an order, would have done is.
//!
//! Not here: branches (`unseen`), and what a program tells its host (`told`).

use super::{
    text,
    weights::{Weighed, listed},
};
use crate::{
    passes::flows::Chosen,
    sandbox::{self, Answer, Arg, Call, Pointed, Run},
    tracer::Value,
    values::taint::{How, SourceKind},
};

/// Why what was chosen forbids CLEAN, if it does.
pub(super) fn lack(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run?;
    by_choice(facts, run).or_else(|| by_nothing(facts, run))
}

/// An argument of an effect that was computed from what the host said, or chosen by it.
fn by_choice(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let chosen = facts.flows?.chosen.iter().find(|chosen| is_decision(facts, run, chosen))?;
    let who = match chosen.source.kind {
        SourceKind::Clock => "the time",
        SourceKind::Random => "chance",
        SourceKind::Environment => "the environment",
        SourceKind::Stdin => "standard input",
        SourceKind::Socket => "what it received",
        SourceKind::Answer => "how much it was given to read",
        _ => "what stands in a file",
    };
    Some(format!("{who} decides what it does: {}", chosen.text))
}

fn is_decision(facts: &Weighed<'_>, run: &Run, chosen: &Chosen) -> bool {
    let Some((module, name)) = chosen.host.rsplit_once('.') else { return false };
    let Some(effect) = facts.weights.effect(module, name).filter(|kind| !kind.contains("dates")) else {
        return false;
    };
    let kind = chosen.source.kind;
    let is_heard = match kind {
        SourceKind::Clock | SourceKind::Random | SourceKind::Environment => true,
        SourceKind::Stdin | SourceKind::Socket => true,
        SourceKind::File => !run.asked.iter().any(|arg| sandbox::is_named(arg, &chosen.source.name)),
        // Whoever sends on what it reads says how much that is.
        SourceKind::Answer => !effect.contains("network") && !name.starts_with("fd_"),
        _ => false,
    };
    is_heard && decides(facts, chosen, argument(run, chosen))
}

/// Whether that an argument depends on something says that another would have been handed over. Where memory
/// lies that was allocated says nothing, whatever it was allocated for.
fn decides(facts: &Weighed<'_>, chosen: &Chosen, arg: Option<&Arg>) -> bool {
    let (kind, how) = (chosen.source.kind, chosen.how);
    let is_number = matches!(kind, SourceKind::Clock | SourceKind::Random | SourceKind::Answer);
    let by_value = how == How::Value && is_number;
    let Some(arg) = arg else { return by_value };
    if arg.name.as_ref().is_some_and(|name| name.ends_with("fd")) {
        return false;
    }
    let address = match arg.value {
        Value::I32(value) => u64::from(value as u32),
        Value::I64(value) => value as u64,
        _ => 0,
    };
    let has = |segment: &crate::module::view::DataSegment| {
        segment.address.is_some_and(|start| (start..start.saturating_add(segment.size)).contains(&address))
    };
    match arg.points_at {
        Some(_) => facts.view.data.iter().any(has) || by_value && kind == SourceKind::Clock,
        None => by_value || how == How::Control,
    }
}

/// The first call to which it was handed.
fn argument<'r>(run: &'r Run, chosen: &Chosen) -> Option<&'r Arg> {
    let number = chosen.calls.0?;
    let at = run.calls.binary_search_by_key(&number, |call| call.number).ok()?;
    run.calls.get(at)?.args.get(chosen.index as usize)
}

/// An effect with an empty name, or an empty script, after something was asked for: what it would have done
/// would have stood there.
fn by_nothing(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let calls = &facts.weights.calls;
    let is_of = |names: &[String], call: &Call| {
        listed(names, &call.name) || listed(names, call.name.trim_start_matches('_'))
    };
    let asks = |call: &Call| {
        let lists = [&calls.read_file, &calls.read_other, &calls.environment];
        lists.into_iter().any(|names| is_of(names, call)) || call.answer == Answer::Default
    };
    let first = run.calls.iter().position(asks)?;
    let (asked, rest) = run.calls.get(first..)?.split_first()?;
    let is_empty = |arg: &Arg| matches!(&arg.points_at, Some(Pointed::Text { text }) if text.is_empty());
    let does = |call: &&Call| {
        let effect = facts.weights.effect(&call.module, &call.name);
        let is_no_order = |arg: &Arg| is_empty(arg) || is_no_name(call, arg);
        effect.is_some_and(|kind| !kind.contains("network")) && call.args.iter().any(is_no_order)
    };
    let call = rest.iter().find(does)?;
    let what = if call.args.iter().any(is_empty) { "nothing" } else { "bytes that are no name" };
    Some(format!(
        "its call of {} was handed {what}: what would stand there may be told by {}",
        text::quoted(&call.name),
        text::quoted(&asked.name)
    ))
}

/// Whether the name of a file is none: a key that was not there would have made one of it.
fn is_no_name(call: &Call, arg: &Arg) -> bool {
    let is_path = arg.name.as_ref().is_some_and(|name| name.contains("path"));
    is_path
        && call.module.starts_with("wasi")
        && match &arg.points_at {
            Some(Pointed::Bytes { len, .. }) => *len > 0,
            Some(Pointed::Text { text }) => {
                text.contains(|letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER)
            }
            None => false,
        }
}
