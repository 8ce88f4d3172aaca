//! The decision: class, score, family and reasons from all evidence.
//!
//! A class needs a score *and* the kind of evidence that allows it; where the evidence does not allow the
//! class, the score is held one below it. Both grow with evidence only, so more evidence never makes a sample
//! look better.

use std::collections::BTreeSet;

use super::limits::{MAX_REASONS, PARTLY_LOST};
use super::{
    ABOUT_RUN, Class, Correlation, Finding, Reason, Verdict, attack, carries, chosen, exchanged,
    family::{self, Decided},
    kept, mixing,
    score::Score,
    seen::Code,
    strays, text, told, touched, unlogged,
    weights::{ClassTable, Weighed, Weights, in_namespace, listed},
};
use crate::{
    limitation::Cut,
    module::view::{ExternKind, ImportInfo, Validity},
    rules::{Facts, Match},
    sandbox::{Answer, Call, Contents, Damage, Entry, EntryEnd, EntryKind, FileChange, Run, is_of_wasi},
    text::plural,
};

/// What the evidence adds up to.
pub fn decide<'a>(
    facts: impl Into<Weighed<'a>>,
    rules: &'a [Match],
    correlations: &[Correlation],
    findings: &[Finding],
) -> Verdict {
    let facts = &facts.into();
    let weights = facts.weights;
    let code = &Code::of(facts);
    let counted = kept::counted(code, rules);
    let score = Score::of(weights, &counted, correlations, findings);
    let points = held(&weights.class, &score, facts.wasm.len());
    let mut ran = Ran::of(code);
    ran.lacks(persists(weights, rules));
    let unfinished = facts.unfinished.map(text::quoted);
    ran.lacks(unfinished.map(|rule| format!("rule {rule} was not evaluated to its end")));
    if counted.len() < rules.len() {
        ran.lacks(kept::lack(facts, rules));
    }
    let class = class(&weights.class, points, &ran);
    let is_hostile = class >= Class::PotentiallyUnwanted;
    let family = family::of(weights, facts, &counted, &score).filter(|_| is_hostile);
    let confidence = confidence(class, &score, &ran);
    let (family, family_confidence) = match family {
        Some(Decided { name, confidence }) => (Some(name), confidence),
        None => (None, 0),
    };
    let attack = attack::techniques(rules);
    Verdict {
        class,
        score: points,
        family,
        family_confidence,
        confidence,
        reasons: reasons(score, &ran, class),
        attack,
    }
}

/// The score, held below the classes that the evidence does not allow.
fn held(classes: &ClassTable, score: &Score, len: usize) -> u8 {
    let strong = |dynamic: bool| {
        score
            .pieces
            .iter()
            .filter(move |piece| piece.reason.dynamic == dynamic)
            .filter_map(|piece| piece.strong.as_deref())
    };
    let independent: BTreeSet<_> = strong(false).collect();
    let malicious = strong(true).next().is_some() || independent.len() >= classes.independent_static;
    let suspicious = score.pieces.iter().any(|piece| piece.hostile);
    let points = score.points.round().clamp(0.0, 100.0) as u8;
    match (malicious, suspicious) {
        (true, _) => points,
        (false, true) => points.min(classes.malicious.saturating_sub(1)),
        (false, false) if len > classes.large_bytes => {
            points.min(classes.potentially_unwanted.saturating_sub(1))
        }
        (false, false) => points.min(classes.suspicious.saturating_sub(1)),
    }
}

fn class(classes: &ClassTable, points: u8, ran: &Ran) -> Class {
    match points {
        points if points >= classes.malicious => Class::Malicious,
        points if points >= classes.suspicious => Class::Suspicious,
        points if points >= classes.potentially_unwanted => Class::PotentiallyUnwanted,
        _ if ran.enough => Class::Clean,
        _ => Class::Undecided,
    }
}

/// How much of the sample ran.
struct Ran {
    enough: bool,
    instructions: u64,
    /// Shares of the code, 0 to 1.
    coverage: f64,
    blocks: f64,
    /// Why not enough, if so.
    lack: Option<String>,
}

impl Ran {
    /// Something else that is missing, if nothing is yet.
    fn lacks(&mut self, lack: Option<String>) {
        self.lack = self.lack.take().or(lack);
        self.enough = self.lack.is_none();
    }

    fn of(code: &Code<'_>) -> Self {
        let facts = code.facts;
        let coverage = &facts.dynamic.coverage;
        let instructions = text::metrics(facts).map_or(0, |metrics| metrics.classes.total);
        let covered = text::share(coverage.instructions_run, coverage.instructions);
        let blocks = text::share(coverage.blocks_run, coverage.blocks);
        let lack = match &facts.view.validity {
            Validity::Invalid { reason, offset } => Some(format!(
                "it is not a valid module: {} (offset {offset:#x})",
                text::quoted(reason).trim_matches('`')
            )),
            Validity::Unsupported { proposal, .. } => Some(format!("it did not run: it needs {proposal}")),
            Validity::Valid if facts.run.is_none() => Some("it did not run".to_owned()),
            Validity::Valid if instructions == 0 => Some("nothing of it was executed".to_owned()),
            Validity::Valid => unseen(facts)
                .or_else(|| unlogged::lack(facts))
                .or_else(|| ended_badly(facts))
                .or_else(|| unexplained(code)),
        };
        Self { enough: lack.is_none(), instructions, coverage: covered, blocks, lack }
    }
}

/// A program that did not come to its end: what would have followed is not known.
fn ended_badly(facts: &Facts<'_>) -> Option<String> {
    let entries = &facts.run?.entries;
    let main = entries.iter().find(|entry| entry.kind == EntryKind::Main && !is_ended(entry));
    if let Some(main) = main {
        return Some(format!("its program {} did not come to its end", text::quoted(&main.name)));
    }
    let is_its_own = |entry: &Entry| entry.kind != EntryKind::Builder && is_ended(entry);
    (!entries.iter().any(is_its_own)).then(|| "none of its entry points came to its end".to_owned())
}

fn is_ended(entry: &Entry) -> bool {
    matches!(entry.end, EntryEnd::Returned | EntryEnd::Exited { .. })
}

/// What forbids CLEAN although all went well. Examples are decisive calls that were answered by invention,
/// long mixing of bits, and what the code that did not run can do.
fn unexplained(code: &Code<'_>) -> Option<String> {
    let facts = code.facts;
    left_out(facts)
        .or_else(|| invented(facts))
        .or_else(|| handed_on(facts))
        .or_else(|| given_code(facts))
        .or_else(|| unlooked(facts))
        .or_else(|| untold(facts))
        .or_else(|| told::lack(facts))
        .or_else(|| chosen::lack(facts))
        .or_else(|| strays::lack(code))
        .or_else(|| mixed(code))
        .or_else(|| code.unseen().map(str::to_owned))
        .or_else(|| carries::lack(code))
}

/// A module of a component that did not run: what it would have done is not known.
fn left_out(facts: &Weighed<'_>) -> Option<String> {
    let part = facts.view.component.as_ref()?.unrun().next()?;
    Some(format!(
        "a module of the component did not run: {} at {:#x}",
        plural(part.size, "byte"),
        part.offset
    ))
}

/// What runs again without being asked for may do more then.
fn persists(weights: &Weights, rules: &[Match]) -> Option<String> {
    let listed = &weights.class.persisting;
    let is_one = |rule: &&Match| {
        rule.dynamic && rule.severity > 0 && listed.iter().any(|one| in_namespace(&rule.namespace, one))
    };
    let rule = rules.iter().find(is_one)?;
    Some(format!("what it left runs again without being asked for: {}", text::quoted(&rule.name)))
}

/// A call whose true answer decides what a sample does, and whose answer was made up. WASI's are answered
/// from the files and sockets of the sandbox, but for those that are listed.
fn invented(facts: &Weighed<'_>) -> Option<String> {
    let weights = facts.weights;
    let is_effect = |call: &Call| {
        let kind = weights.named_effect(&call.module, &call.name);
        kind.is_some_and(|kind| weights.class.decisive_effects.iter().any(|one| one == kind))
    };
    let decisive = |call: &&Call| {
        let name = call.name.trim_start_matches('_');
        let is_unknown = call.module.starts_with("wasi") && call.answer == Answer::Default;
        let is_own = !is_of_wasi(&call.module);
        call.fabricated && (listed(&weights.class.decisive, name) || is_unknown || is_own && is_effect(call))
    };
    let call = facts.run?.calls.iter().find(decisive)?;
    Some(format!("its call of {} was answered by invention", text::quoted(&call.name)))
}

/// A call of a function that runs scripts or programs in somebody's own host, from an entry with made-up
/// arguments. It is not known what that host would have told the sample.
fn handed_on(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run?;
    let is_made_up = |call: &&Call| run.entries.get(call.entry).is_some_and(|entry| entry.made_up);
    let mut calls = run.calls.iter().filter(is_made_up);
    let (call, kind) =
        calls.find_map(|call| Some((call, facts.weights.effect_by_words(&call.module, &call.name)?)))?;
    let name = text::quoted(&call.name);
    Some(format!("{name} ({kind}) was called in an entry whose arguments were made up"))
}

/// A function that its host gives it, by an import of which nobody knows what it gives.
fn given_code(facts: &Weighed<'_>) -> Option<String> {
    let gives = |import: &&ImportInfo| {
        let given = match import.kind {
            ExternKind::Function => import.ty.split_once("(result").map_or("", |(_, given)| given),
            ExternKind::Global => &*import.ty,
            _ => "",
        };
        given.contains("func")
    };
    let import = facts.view.imports.iter().find(gives)?;
    Some(format!("its host gives it functions to call: {}", text::quoted(&import.name)))
}

/// What was handed over or built, and was not looked through or not kept.
fn unlooked(facts: &Weighed<'_>) -> Option<String> {
    let of = [Cut::Handed, Cut::Built, Cut::Returned, Cut::Carved, Cut::Uncarved, Cut::Strings];
    let cut = facts.run?.limitations.iter().find(|one| one.is_cut(&of))?;
    Some(format!("not all of it was looked at: {cut}"))
}

/// A file of the user that may be lost: whether its contents are kept is not known, or a good part of it is
/// gone, or it was harmed in its place. Failing that, what was written to a file that nobody had named.
fn untold(facts: &Weighed<'_>) -> Option<String> {
    let damage = &facts.run?.damage;
    let gone = damage.iter().find(|one| touched::matters(one) && one.is_unknown).map(|file| {
        let path = text::quoted(&file.path);
        format!("{path} is gone or was written anew, and whether its contents are kept is not known")
    });
    let is_part = |one: &&Damage| touched::matters(one) && one.is_overwritten && one.survives < PARTLY_LOST;
    let part = || {
        let file = damage.iter().find(is_part)?;
        let (path, left) = (text::quoted(&file.path), text::percent(file.survives));
        Some(format!("it changed {path}, which nobody had named, and {left} of its contents are left"))
    };
    gone.or_else(part)
        .or_else(|| harmed(damage))
        .or_else(|| exchanged::lack(facts.run?))
        .or_else(|| touched::lack(facts.run?))
        .or_else(|| written(facts.run?))
}

/// A file of the user that was harmed in its place.
fn harmed(damage: &[Damage]) -> Option<String> {
    let file = damage.iter().find(|one| touched::matters(one) && one.harm.is_some())?;
    let (path, harm) = (text::quoted(&file.path), file.harm?);
    Some(format!("it changed {path}, which nobody had named: {harm}"))
}

/// A page or script in a file that nobody had named, and that is no copy of what was there. Or an archive
/// there that may hold anything.
fn written(run: &Run) -> Option<String> {
    let is_code = |file: &&FileChange| matches!(file.left.holds, Some(Contents::Page | Contents::Script));
    let unasked = || run.files.iter().filter(|file| !file.left.is_asked);
    let packed = || {
        let path = text::quoted(unasked().find(|file| file.left.is_unseen)?.last_path());
        Some(format!("it wrote {path}, which nobody had named, and not all that it holds was looked at"))
    };
    let Some(file) = unasked().find(is_code) else { return packed() };
    let (path, what) = (text::quoted(file.last_path()), file.left.holds?);
    Some(format!("it wrote a {what} to {path}, which nobody had named"))
}

/// Code that mixed bits for long. Known hashes and ciphers that come to their end are no search.
fn mixed(code: &Code<'_>) -> Option<String> {
    let class = &code.facts.weights.class;
    let told = |instructions: u64, whom: &str| {
        let instructions = text::grouped(instructions);
        format!("{instructions} instructions in code that mixes bits, and nothing says what for{whom}")
    };
    let (asks, given) = (asks_for_work(code.facts), given_work(code.facts));
    let asked = asks.or(given).and_then(|name| {
        let limit = match asks {
            Some(_) => class.unexplained_asked_instructions,
            None => class.unexplained_given_instructions,
        };
        let instructions = mixing::executed(code, limit, asks.is_some());
        // A loader or a library checks sums of what it works on.
        let most = code.facts.dynamic.metrics.classes.total as f64 * class.unexplained_asked_share;
        let is_work = instructions >= limit && instructions as f64 >= most;
        let how =
            if asks.is_some() { "after it had called" } else { "in what its host calls with arguments," };
        is_work.then(|| told(instructions, &format!(", {how} {}", text::quoted(name))))
    });
    let long = || {
        let limit = class.unexplained_instructions;
        let instructions = mixing::executed(code, limit, false);
        (instructions >= limit).then(|| told(instructions, ""))
    };
    asked.or_else(long).or_else(|| stirred(code))
}

/// A long run that does to what it keeps what a hash does, and is none that is known.
fn stirred(code: &Code<'_>) -> Option<String> {
    let is_one = code.facts.flows.is_some_and(|flows| flows.stirs) && !mixing::is_known(code);
    let instructions = text::grouped(code.facts.dynamic.metrics.classes.total);
    is_one.then(|| {
        format!("{instructions} instructions ran, in which numbers came to depend on each other as in a hash")
    })
}

/// A function of a host that nobody knows and that may have given a sample what to work on.
fn asks_for_work<'f>(facts: &Weighed<'f>) -> Option<&'f str> {
    let calls = &facts.weights.calls;
    let is_known = |name: &str| {
        [&calls.inner, &calls.known, &calls.clock, &calls.environment].into_iter().any(|of| listed(of, name))
    };
    let may_give = |call: &&Call| {
        call.answer == Answer::Default
            && (!call.args.is_empty() || !call.results.is_empty())
            && !is_of_wasi(&call.module)
            && !is_known(call.name.trim_start_matches('_'))
    };
    facts.run?.calls.iter().find(may_give).map(|call| &*call.name)
}

/// An entry whose arguments were made up: its host may hand it what to work on.
fn given_work<'f>(facts: &Weighed<'f>) -> Option<&'f str> {
    let takes = |entry: &&Entry| entry.made_up && !entry.args.is_empty();
    facts.run?.entries.iter().find(takes).map(|entry| &*entry.name)
}

/// What the run did and nobody saw: part of the recording is lost, or it never came up.
fn unseen(facts: &Facts<'_>) -> Option<String> {
    let run = facts.run?;
    let is_down = |entry: &Entry| {
        entry.kind == EntryKind::Start && !matches!(entry.end, EntryEnd::Returned | EntryEnd::Exited { .. })
    };
    if let Some(lost) = run.lost.first() {
        return Some(format!("part of what was recorded is lost: {lost}"));
    }
    if let Some(error) = &facts.dynamic.error {
        return Some(format!("the trace could not be replayed to its end: {error}"));
    }
    if run.entries.iter().any(is_down) {
        return Some("it did not get beyond its start function".to_owned());
    }
    let failed = |entry: &Entry| match &entry.end {
        EntryEnd::Failed { message } => Some(message.clone()),
        _ => None,
    };
    let message = run.entries.iter().find_map(failed)?;
    Some(format!("part of it could not be run: {message}"))
}

/// For a hostile class: evidence, its share of the run, and coverage. For the others: coverage and volume
/// alone.
fn confidence(class: Class, score: &Score, ran: &Ran) -> u8 {
    let volume = (ran.instructions as f64 / 1e6).min(1.0);
    let confidence = match class {
        Class::Undecided => 20.0 * ran.coverage,
        Class::Clean => 30.0 + 50.0 * ran.blocks + 20.0 * volume,
        _ => 0.5 * score.points + 35.0 * score.dynamic + 15.0 * ran.blocks,
    };
    confidence.round().clamp(0.0, 100.0) as u8
}

fn reasons(score: Score, ran: &Ran, class: Class) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let about_run = |text: String| Reason { text, from: ABOUT_RUN.into(), weight: 0, dynamic: true };
    if class == Class::Undecided {
        reasons.extend(ran.lack.clone().map(about_run));
    }
    let pieces = score.pieces.len();
    reasons.extend(score.pieces.into_iter().map(|piece| piece.reason).take(MAX_REASONS));
    if pieces > MAX_REASONS {
        reasons.push(about_run(format!(
            "and {} of less weight",
            text::plural((pieces - MAX_REASONS) as u64, "reason")
        )));
    }
    if class == Class::Clean {
        let figures = format!(
            "{} ran{}, and nothing of weight speaks against it",
            text::plural(ran.instructions, "instruction"),
            match ran.blocks < 0.0005 && ran.instructions > 0 {
                true => ", hardly any of the code".to_owned(),
                false => format!(", {} of the blocks", text::percent(ran.blocks)),
            }
        );
        reasons.push(about_run(figures));
    }
    if class >= Class::PotentiallyUnwanted {
        reasons.extend(ran.lack.clone().map(|lack| about_run(format!("{lack}; there may be more to it"))));
    }
    reasons
}
