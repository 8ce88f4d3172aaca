//! Findings of the run: what was executed, how it ended, time, memory, files.

use std::collections::BTreeMap;

use super::{super::text, of_run};
use crate::{
    categories::known_as,
    module::FuncIndex,
    rules::Facts,
    sandbox::{Answer, ChangeKind, EntryEnd, EntryKind, FileChange, Run},
    trace::Trap,
    verdict::{
        Finding, FindingName,
        weights::{Threshold, Weighed, listed},
    },
};

const NANOSECONDS: u64 = 1_000_000_000;

pub(super) fn find(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    let Some(run) = facts.run else { return };
    executed(facts, findings);
    findings.extend(unreachable(facts, run));
    findings.extend(stalled(facts, run));
    findings.extend(slept(facts, run));
    findings.extend(clock_reads(facts, run));
    findings.extend(exit_without_work(facts, run));
    findings.extend(hammering(facts, run));
    findings.extend(fabricated(run));
    findings.extend(carved(run));
    findings.extend(hostile_calls(facts));
    files(facts, run, findings);
}

fn executed(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    let Some(metrics) = text::metrics(facts) else { return };
    let limits = &facts.weights.threshold;
    let classes = &metrics.classes;
    let hottest = |class: fn(&crate::module::view::Classes) -> u64| {
        let functions = facts.dynamic.functions.iter().filter(|function| class(&function.classes) > 0);
        functions.max_by_key(|function| (class(&function.classes), std::cmp::Reverse(function.index)))
    };
    let at = |func: Option<FuncIndex>| func.map(|func| text::place_of(facts, func));
    if classes.xor > limits.runtime_xor {
        let share = text::percent(text::share(classes.xor, classes.total));
        let text = format!(
            "{} xor executed, {share} of {}",
            text::grouped(classes.xor),
            text::plural(classes.total, "instruction")
        );
        let place = at(hottest(|classes| classes.xor).map(|function| function.index));
        findings.push(of_run(FindingName::RuntimeXor, &["runtime", "crypto"], 0, 100, text).at(place));
    }
    if classes.memory_grow > limits.runtime_growths {
        let text = format!(
            "memory.grow executed {}, {} added",
            text::plural(classes.memory_grow, "time"),
            text::plural(metrics.grown_pages, "page")
        );
        findings.push(of_run(FindingName::RuntimeMemory, &["runtime", "memory"], 0, 100, text));
    }
    if metrics.grow_refused > limits.runtime_refused {
        let text = format!(
            "memory.grow refused {} after {}",
            text::plural(metrics.grow_refused, "time"),
            text::plural(metrics.grown_pages, "page")
        );
        findings.push(of_run(FindingName::MemoryExhaustion, &["runtime", "memory"], 1, 80, text));
    }
    if classes.indirect_call > 0 {
        let text = format!("{} executed", text::plural(classes.indirect_call, "indirect call"));
        let place = at(hottest(|classes| classes.indirect_call).map(|function| function.index));
        findings.push(of_run(FindingName::RuntimeIndirect, &["runtime"], 0, 100, text).at(place));
    }
    if classes.total > limits.runtime_volume {
        let text = format!("{} executed", text::plural(classes.total, "instruction"));
        findings.push(of_run(FindingName::RuntimeVolume, &["runtime"], 0, 100, text));
    }
    if metrics.start_ran {
        let entry =
            facts.run.and_then(|run| run.entries.iter().position(|entry| entry.kind == EntryKind::Start));
        let count = entry
            .and_then(|entry| facts.dynamic.entries.get(entry))
            .map_or(0, |metrics| metrics.classes.total);
        let text = format!(
            "the start function ran: {} before anyone called an export",
            text::plural(count, "instruction")
        );
        findings
            .push(of_run(FindingName::RuntimeAutorun, &["runtime"], 0, 100, text).at(at(facts.view.start)));
    }
}

fn unreachable(facts: &Facts<'_>, run: &Run) -> Option<Finding> {
    let is_it = |end: &EntryEnd| matches!(end, EntryEnd::Trapped { trap: Trap::Unreachable });
    let ended: Vec<_> = run.entries.iter().filter(|entry| is_it(&entry.end)).collect();
    let shown = text::some(ended.iter().map(|entry| text::quoted(&entry.name)), 5);
    let text = format!("`unreachable` ended {}: {shown}", text::plural(ended.len() as u64, "entry point"));
    let places = ended.iter().filter_map(|entry| entry.func).map(|func| text::place_of(facts, func));
    (!ended.is_empty())
        .then(|| of_run(FindingName::RuntimeUnreachable, &["runtime"], 0, 100, text).at(places))
}

fn stalled(facts: &Facts<'_>, run: &Run) -> Option<Finding> {
    let stalled: Vec<_> = run.entries.iter().filter_map(|entry| Some((entry, entry.stalled_in?))).collect();
    let shown = text::some(
        stalled.iter().map(|(entry, func)| {
            format!("{} in {}", text::quoted(&entry.name), text::function(facts, *func))
        }),
        5,
    );
    let text = format!("stopped in a loop without a host call: {shown}");
    let places = stalled.iter().map(|(_, func)| text::place_of(facts, *func));
    (!stalled.is_empty())
        .then(|| of_run(FindingName::Stalled, &["runtime", "evasion"], 1, 60, text).at(places))
}

fn slept(facts: &Weighed<'_>, run: &Run) -> Option<Finding> {
    let seconds = run.slept_ns / NANOSECONDS;
    let long = seconds >= facts.weights.threshold.long_sleep_seconds;
    let text = format!(
        "slept {}, {} in all",
        text::plural(run.sleeps, "time"),
        text::plural(seconds, "virtual second")
    );
    let name = if long { FindingName::LongSleep } else { FindingName::Sleeps };
    (run.sleeps > 0).then(|| of_run(name, &["runtime", "evasion"], u8::from(long), 70, text))
}

/// How often each of the listed functions was called.
fn count_calls<'a>(run: &'a Run, names: &[String]) -> BTreeMap<&'a str, u64> {
    let mut counts = BTreeMap::new();
    for name in run.calls.iter().map(known_as).filter(|name| listed(names, name)) {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn clock_reads(facts: &Weighed<'_>, run: &Run) -> Option<Finding> {
    let counts = count_calls(run, &facts.weights.calls.clock);
    let reads: u64 = counts.values().sum();
    let text =
        format!("the clock was read {} ({})", text::plural(reads, "time"), text::some(counts.keys(), 3));
    (reads > facts.weights.threshold.clock_reads)
        .then(|| of_run(FindingName::ClockReads, &["runtime", "evasion"], 0, 100, text))
}

/// It asked about its environment and ended by itself at once, with nothing printed or written.
fn exit_without_work(facts: &Weighed<'_>, run: &Run) -> Option<Finding> {
    let metrics = text::metrics(facts)?;
    let weights = facts.weights;
    let (entry, code) = run.entries.iter().find_map(|entry| match entry.end {
        EntryEnd::Exited { code } => Some((entry, code)),
        _ => None,
    })?;
    let idle = run.stdout.is_empty() && run.stderr.is_empty() && run.files.is_empty();
    let asked = count_calls(run, &weights.calls.environment);
    let few = metrics.classes.total < weights.threshold.exit_instructions;
    let text = format!(
        "{} ended itself with code {code} after {} without output; it had called {}",
        text::quoted(&entry.name),
        text::plural(metrics.classes.total, "instruction"),
        text::some(asked.keys(), 5)
    );
    let severity = u8::from(code != 0);
    (idle && few && !asked.is_empty())
        .then(|| of_run(FindingName::ExitWithoutWork, &["runtime", "evasion"], severity, 40, text))
}

fn hammering(facts: &Weighed<'_>, run: &Run) -> Option<Finding> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for call in run.calls.iter().filter(|call| call.errno.is_some()) {
        *counts.entry(&call.name).or_default() += 1;
    }
    let (name, count) = counts.into_iter().max_by_key(|&(_, count)| count)?;
    let text = format!("{} called {} in vain", text::quoted(name), text::plural(count, "time"));
    (count > facts.weights.threshold.hammering_calls)
        .then(|| of_run(FindingName::ApiHammering, &["runtime", "evasion"], 1, 70, text))
}

/// What the model that ships makes of the WASI calls. It was trained on few programs, so it is one reason of
/// little weight; see `docs/classifier.md`.
fn hostile_calls(facts: &Weighed<'_>) -> Option<Finding> {
    let said = facts.prediction?;
    let limits = &facts.weights.threshold;
    // A kind without probabilities is sure beyond the margin that it was trained to keep.
    let is_sure = said
        .probability
        .map_or(said.decision >= limits.hostile_calls_margin, |sure| sure >= limits.hostile_calls);
    let text = "the sequence of WASI calls is more like that of the hostile samples of a small training set than like that of its benign ones";
    (said.malicious && is_sure)
        .then(|| of_run(FindingName::CallsLikeHostile, &["runtime", "classifier"], 1, 60, text.to_owned()))
}

fn fabricated(run: &Run) -> Option<Finding> {
    let made_up = run.calls.iter().filter(|call| call.fabricated).count() as u64;
    let by_default: std::collections::BTreeSet<_> = run
        .calls
        .iter()
        .filter(|call| call.answer == Answer::Default)
        .map(|call| text::import_name(&call.module, &call.name))
        .collect();
    let text = format!(
        "{} of {} host calls got a made-up answer, zeros for {}",
        text::grouped(made_up),
        text::grouped(run.calls.len() as u64),
        if by_default.is_empty() {
            "none".to_owned()
        } else {
            text::some(by_default.iter().map(|name| text::quoted(name)), 5)
        }
    );
    (made_up > 0).then(|| of_run(FindingName::FabricatedAnswers, &["runtime"], 0, 100, text))
}

fn carved(run: &Run) -> Option<Finding> {
    let carved = run.carved_unasked();
    let shown =
        text::some(carved.iter().map(|module| format!("{} bytes", text::grouped(module.len() as u64))), 5);
    let text = format!(
        "{} in memory when the host was called: {shown}",
        text::plural(carved.len() as u64, "module")
    );
    (!carved.is_empty()).then(|| of_run(FindingName::ModuleBuilt, &["runtime", "loader"], 2, 80, text))
}

fn files(facts: &Weighed<'_>, run: &Run, findings: &mut Vec<Finding>) {
    let limits = &facts.weights.threshold;
    for (change, name) in [
        (ChangeKind::Created, FindingName::FilesCreated),
        (ChangeKind::Changed, FindingName::FilesChanged),
        (ChangeKind::Renamed, FindingName::FilesRenamed),
        (ChangeKind::Deleted, FindingName::FilesDeleted),
    ] {
        let found: Vec<_> = run.files.iter().filter(|file| file.change == change).collect();
        let old = found.iter().filter(|file| file.size_before.is_some()).count();
        let many = change == ChangeKind::Deleted && old >= limits.files_deleted;
        let shown = text::some(found.iter().map(|file| text::quoted(&file.path)), 5);
        let text = format!("{} {change}: {shown}", FileChange::count(found.iter().copied()));
        // A few files deleted are somebody's temporary files.
        let name = if change == ChangeKind::Deleted && !many { FindingName::FilesDeletedFew } else { name };
        if !found.is_empty() {
            findings.push(of_run(name, &["files"], u8::from(many), 90, text));
        }
    }
    let encrypted: Vec<_> = run.files.iter().filter_map(|file| Some((file, rise(limits, file)?))).collect();
    if encrypted.len() >= limits.files_encrypted {
        let shown = text::some(
            encrypted.iter().map(|(file, (before, after))| {
                format!("{} {before:.2} → {after:.2}", text::quoted(&file.path))
            }),
            5,
        );
        let text = format!(
            "{} whose contents became as dense as encrypted ones (bits per byte): {shown}",
            text::plural(encrypted.len() as u64, "file")
        );
        findings.push(of_run(FindingName::FilesEncrypted, &["files", "ransomware"], 3, 80, text));
    }
}

/// Entropy before and after, if it rose as encryption makes it rise.
fn rise(limits: &Threshold, file: &FileChange) -> Option<(f64, f64)> {
    let (before, after) = (file.entropy_before?, file.entropy_after?);
    // A file of n bytes cannot have more than log2 n bits per byte, so a small one is measured against that.
    let possible = (file.size_after.unwrap_or(0).max(1) as f64).log2().min(8.0);
    let dense = after >= limits.encrypted_entropy.min(possible * 0.85);
    (dense && after - before >= limits.encrypted_rise).then_some((before, after))
}
