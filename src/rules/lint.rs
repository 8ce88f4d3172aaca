//! Whether rules are kept well: what `spoor rules lint` checks beyond what a load does.

use std::path::Path;

use super::{Rule, Set};

/// Something about a rule that should be better.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// The rule.
    pub rule: String,
    /// Its file.
    pub file: String,
    /// What should be better.
    pub message: String,
}

impl Set {
    /// What should be better about the rules. `corpus` is the folder of examples.
    pub fn lint(&self, corpus: &Path) -> Vec<Advice> {
        self.rules.iter().flat_map(|rule| lint(rule, corpus)).collect()
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
