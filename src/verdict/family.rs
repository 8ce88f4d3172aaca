//! The family of a sample: what most of the evidence speaks for.
//!
//! A family is named by rules, and by correlations in `rules/verdict.toml`; this adds up their points. A
//! family can become a narrower one: a miner that touches a page is a cryptojacker.

use super::{
    score::Score,
    text,
    weights::{Becomes, Weights, in_namespace, listed},
};
use crate::rules::{Facts, Family, Match};

/// A family and how sure it is, 0 to 100.
pub(super) struct Decided {
    pub(super) name: Family,
    pub(super) confidence: u8,
}

/// The family with most points, if it has enough.
pub(super) fn of(weights: &Weights, facts: &Facts<'_>, rules: &[Match], score: &Score) -> Option<Decided> {
    let families = score.families();
    let rank =
        |name: Family| weights.family.names.iter().position(|known| *known == name).unwrap_or(usize::MAX);
    let mut ranked: Vec<_> = families.into_iter().collect();
    ranked.sort_by(|a, b| {
        b.1.total_cmp(&a.1).then_with(|| rank(a.0).cmp(&rank(b.0))).then_with(|| a.0.cmp(&b.0))
    });
    let &(name, points) = ranked.first().filter(|(_, points)| *points >= weights.family.minimum)?;
    let second = ranked.get(1).map_or(0.0, |&(_, points)| points);
    let says = |narrower: Family| rules.iter().any(|rule| rule.severity > 0 && rule.family == Some(narrower));
    let is_narrower = |narrower: Family, becomes: &Becomes| {
        becomes.from == name && (says(narrower) || touches(becomes, facts, rules))
    };
    let becomes = weights.family.becomes.iter().find(|(narrower, becomes)| is_narrower(**narrower, becomes));
    // The lead counts as much as the points: two families with equal points leave the question open.
    let confidence = (0.6 * points + 0.4 * (points - second)).clamp(0.0, 100.0);
    Some(Decided { name: becomes.map_or(name, |(name, _)| *name), confidence: confidence.round() as u8 })
}

/// Whether the sample imports, calls, or shows by a rule what makes the narrower family.
fn touches(becomes: &Becomes, facts: &Facts<'_>, rules: &[Match]) -> bool {
    let imports = facts
        .view
        .imports
        .iter()
        .any(|import| import.func.is_some() && listed(&becomes.imports, &import.name));
    let shows = |rule: &Match| {
        rule.severity > 0 && becomes.namespaces.iter().any(|prefix| in_namespace(&rule.namespace, prefix))
    };
    imports || rules.iter().any(shows) || (runs_by_itself(facts) && in_page(facts))
}

/// Whether the start function did work: no page script had to ask for it.
fn runs_by_itself(facts: &Facts<'_>) -> bool {
    facts.view.start.is_some() && text::metrics(facts).is_some_and(|metrics| metrics.start_ran)
}

/// Whether it was built for a page: wasm-bindgen's world, or Emscripten's.
fn in_page(facts: &Facts<'_>) -> bool {
    let emscripten = |name: &str| name.trim_start_matches('_').starts_with("emscripten_");
    facts
        .view
        .imports
        .iter()
        .any(|import| matches!(import.module.as_str(), "a" | "wbg") || emscripten(&import.name))
}
