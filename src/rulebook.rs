//! Rules tried on their examples: what `spoor rules test` does.
//!
//! Stands above the analysis, because a rule is tried as a sample is analysed; `rules` knows nothing of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    analysis::Analysis,
    passes::flows::Look,
    rules::{MAX_EXAMPLE, Match, Rule, Set},
    sandbox,
};

/// A rule tried on one of its examples.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tried {
    /// The rule.
    pub rule: String,
    /// The example.
    pub example: String,
    /// Why it failed: it did not match, matched elsewhere, matched although it must not, or the example
    /// cannot be read.
    pub failure: Option<String>,
}

/// Analyses every example that the rules name, each once. It says whether each rule matches where it must,
/// and does not where it must not. `each` is told of every example before it is analysed, with how many there
/// are.
pub fn test(rules: &Set, corpus: &Path, only: Option<&str>, each: &mut dyn FnMut(&str, usize)) -> Vec<Tried> {
    let chosen: Vec<&Rule> =
        rules.rules().iter().filter(|rule| only.is_none_or(|name| name == rule.meta.name)).collect();
    let files: BTreeSet<&str> = chosen
        .iter()
        .flat_map(|rule| rule.meta.examples.iter().chain(&rule.meta.counter_examples))
        .map(|example| example.file.as_str())
        .collect();
    let mut results: BTreeMap<&str, Result<Analysis, String>> = BTreeMap::new();
    for file in &files {
        each(file, files.len());
        results.insert(file, analyse(rules, &corpus.join(file)));
    }
    chosen.into_iter().flat_map(|rule| try_rule(rule, &results)).collect()
}

fn analyse(rules: &Set, path: &Path) -> Result<Analysis, String> {
    let len = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if len > MAX_EXAMPLE {
        return Err(format!("{len} bytes; an example may have {MAX_EXAMPLE}"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    Ok(Analysis::with_values(&bytes, &sandbox::RunOptions::default(), rules, Look::Auto))
}

fn try_rule(rule: &Rule, results: &BTreeMap<&str, Result<Analysis, String>>) -> Vec<Tried> {
    let wanted = rule.meta.examples.iter().map(|example| (example, true));
    let unwanted = rule.meta.counter_examples.iter().map(|example| (example, false));
    let mut tried = Vec::new();
    for (example, must) in wanted.chain(unwanted) {
        let failure = match results.get(example.file.as_str()) {
            Some(Ok(analysis)) => {
                let found = analysis.rules.iter().find(|found| found.name == rule.meta.name);
                judge(found, example.offset.map(|offset| (offset, analysis)), must)
            }
            Some(Err(error)) => Some(error.clone()),
            None => Some("it was not analysed".into()),
        };
        tried.push(Tried { rule: rule.meta.name.clone(), example: example.file.clone(), failure });
    }
    tried
}

/// What is wrong with what was found.
fn judge(found: Option<&Match>, place: Option<(u32, &Analysis)>, must: bool) -> Option<String> {
    match (found, must) {
        (None, true) => Some("it does not match".into()),
        (Some(_), false) => Some("it matches and must not".into()),
        (None, false) => None,
        (Some(found), true) => {
            let (offset, analysis) = place?;
            let func = analysis.view.functions.iter().find(|function| {
                (function.offset.0..function.offset.0.saturating_add(function.size)).contains(&offset)
            });
            let is_there = |place: &crate::module::Place| {
                place.offset.0 == offset || func.is_some_and(|func| func.index == place.function)
            };
            (!found.places.iter().any(is_there)).then(|| format!("it does not match at {offset:#x}"))
        }
    }
}
