//! Whether rules are kept well: what `spoor rules lint` and `spoor rules test` check beyond what a load does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{Match, Rule, Set};
use crate::{analysis::Analysis, sandbox};

/// Something about a rule that should be better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The rule.
    pub rule: String,
    /// Its file.
    pub file: String,
    /// What should be better.
    pub message: String,
}

/// A rule tried on one of its examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The rule.
    pub rule: String,
    /// The example.
    pub example: String,
    /// Why it failed: it did not match, matched elsewhere, matched although it must not, or the example
    /// cannot be read.
    pub failure: Option<String>,
}

/// Greatest example in bytes.
const MAX_EXAMPLE: u64 = 32 << 20;

impl Set {
    /// What should be better about the rules. `corpus` is the folder of examples.
    pub fn lint(&self, corpus: &Path) -> Vec<Advice> {
        self.rules.iter().flat_map(|rule| lint(rule, corpus)).collect()
    }

    /// Analyses every example that the rules name, each once, and says whether each rule matches where it
    /// must and not where it must not. `each` is told of every example before it is analysed, with how
    /// many there are.
    pub fn test(&self, corpus: &Path, only: Option<&str>, each: &mut dyn FnMut(&str, usize)) -> Vec<Tried> {
        let chosen: Vec<&Rule> =
            self.rules.iter().filter(|rule| only.is_none_or(|name| name == rule.meta.name)).collect();
        let files: BTreeSet<&str> = chosen
            .iter()
            .flat_map(|rule| rule.meta.examples.iter().chain(&rule.meta.counter_examples))
            .map(|example| example.file.as_str())
            .collect();
        let mut results: BTreeMap<&str, Result<Analysis, String>> = BTreeMap::new();
        for file in &files {
            each(file, files.len());
            results.insert(file, self.analyse(&corpus.join(file)));
        }
        chosen.into_iter().flat_map(|rule| try_rule(rule, &results)).collect()
    }

    fn analyse(&self, path: &Path) -> Result<Analysis, String> {
        let len = fs::metadata(path).map_err(|error| error.to_string())?.len();
        if len > MAX_EXAMPLE {
            return Err(format!("{len} bytes; an example may have {MAX_EXAMPLE}"));
        }
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        Ok(Analysis::of(&bytes, &sandbox::Options::default(), self))
    }
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
            let is_there = |place: &crate::passes::Place| {
                place.offset.0 == offset || func.is_some_and(|func| func.index == place.func)
            };
            (!found.places.iter().any(is_there)).then(|| format!("it does not match at {offset:#x}"))
        }
    }
}

fn lint(rule: &Rule, corpus: &Path) -> Vec<Advice> {
    let meta = &rule.meta;
    let mut advice = Vec::new();
    let mut say =
        |message: String| advice.push(Advice { rule: meta.name.clone(), file: rule.file.clone(), message });
    if meta.description.is_empty() {
        say("`description` is missing".into());
    }
    if meta.namespace.is_empty() && !meta.lib {
        say("`namespace` is missing".into());
    }
    if meta.authors.is_empty() {
        say("`authors` is missing".into());
    }
    if meta.examples.is_empty() {
        say("`examples` is missing: every rule names samples on which it must match".into());
    }
    for example in meta.examples.iter().chain(&meta.counter_examples) {
        if !corpus.join(&example.file).is_file() {
            say(format!("the example `{}` is not in {}", example.file, corpus.display()));
        }
    }
    if meta.severity >= 2 && meta.attack.is_empty() && meta.mbc.is_empty() {
        say("a rule of this severity names a technique, in `att&ck` or `mbc`".into());
    }
    if meta.name.chars().next().is_some_and(char::is_uppercase) || meta.name.ends_with('.') {
        say("the name completes \"the program may\": lower case, no full stop".into());
    }
    let file_name = meta.name.replace(|char: char| !char.is_ascii_alphanumeric(), "-").to_lowercase();
    let expected = format!("{}/{}.yml", meta.namespace, squeeze(&file_name));
    if rule.file.contains("rules/behavior/") && !rule.file.ends_with(&expected) {
        say(format!("the file should be {expected}, after namespace and name"));
    }
    for pattern in broken(rule) {
        say(pattern);
    }
    for never in rule.statement.nevers(&rule.columns()) {
        say(format!("`{}`: {}", never.statement.shown(), never.why));
    }
    advice
}

/// `a--b-` as `a-b`.
fn squeeze(name: &str) -> String {
    name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Regular expressions of shipped rules are compiled only when needed; here all are.
fn broken(rule: &Rule) -> Vec<String> {
    let mut features = Vec::new();
    rule.statement.features(&mut features);
    features
        .iter()
        .flat_map(|feature| feature.patterns())
        .filter_map(|pattern| pattern.check().err())
        .collect()
}
