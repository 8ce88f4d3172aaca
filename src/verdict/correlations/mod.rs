//! Correlations: what the bytes say and the run confirms, with both sides of the evidence.
//!
//! Each function here needs a fact of the bytes *and* a fact of the run, and gives nothing on one alone. Six
//! have the names, triggers and severity (HIGH, our 2) of WASMShark's; the others need data that it does not
//! have.
//!
//! Not here: what a correlation weighs (`rules/verdict.toml`).

mod classic;
mod code;
mod data;
mod leak;
mod limits;
mod recoded;
mod time;

pub(super) use self::{
    data::{gives_data, text_of},
    recoded::reads,
};
use super::{Correlation, CorrelationName, weights::Weighed};
use crate::{module::Place, rules::Match};

/// Static findings that the run confirms, most severe first.
pub fn correlations<'a>(facts: impl Into<Weighed<'a>>, rules: &'a [Match]) -> Vec<Correlation> {
    let facts = &facts.into();
    if super::text::metrics(facts).is_none() {
        return Vec::new();
    }
    let mut found: Vec<Correlation> = [
        classic::xor(facts),
        classic::autorun(facts),
        classic::indirect_calls(facts),
        classic::mining(facts, rules),
        classic::mining_load(facts, rules),
        classic::obfuscation(facts, rules),
        classic::ransomware_memory(facts, rules),
        classic::family_strings(facts, rules),
        code::crypto_in_hot_loop(facts),
        code::hot_function(facts),
        code::dead_code(facts),
        code::changed_table(facts),
        code::carved_module(facts),
        time::check_around_loop(facts),
        leak::read_then_sent(facts),
        recoded::read_then_recoded(facts),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.extend(data::find(facts));
    for found in &mut found {
        let weight = facts.weights.correlations.get(&found.name);
        // That of strings knows its family by itself.
        found.family = found.family.or(weight.and_then(|entry| entry.family));
    }
    found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.name.cmp(&b.name)));
    found
}

/// The two sides of a correlation.
struct Sides {
    bytes: String,
    run: String,
}

fn correlation(
    name: CorrelationName,
    severity: u8,
    description: &str,
    sides: Sides,
    places: impl IntoIterator<Item = Place>,
) -> Correlation {
    Correlation {
        name,
        severity,
        family: None,
        description: description.into(),
        static_side: sides.bytes,
        dynamic_side: sides.run,
        places: super::text::places(places),
    }
}
