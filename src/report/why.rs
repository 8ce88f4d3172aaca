//! Reasons for people: the plain sentence first, what it rests on behind it.
//!
//! A reason names what it comes from; here it is put together with that rule, correlation or finding, which
//! know more: a sentence without figures, a severity, places, and the tree of what held.

use crate::{
    module::Place,
    rules::{Evidence, Match},
    verdict::Reason,
};

use super::Report;

/// A reason and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Why<'r> {
    /// What it means, in a sentence; of the sample's own texts nothing is in it.
    pub(crate) sentence: String,
    /// What was found, with figures; absent if the sentence says it.
    pub(crate) evidence: Option<String>,
    /// 0 to 3; absent for what only explains.
    pub(crate) severity: Option<u8>,
    /// The reason.
    pub(crate) reason: &'r Reason,
    /// The rule that it comes from, if it is one.
    pub(crate) rule: Option<&'r Match>,
    /// Where.
    pub(crate) places: &'r [Place],
}

/// The words for severities 0 to 3.
const SEVERITIES: [&str; 4] = ["info", "low", "medium", "high"];

/// The word for a severity.
pub(crate) fn severity(level: u8) -> &'static str {
    SEVERITIES[usize::from(level.min(3))]
}

impl<'r> Why<'r> {
    /// Looks up what a reason comes from.
    pub(crate) fn of(report: &Report<'r>, reason: &'r Reason) -> Self {
        let bare = Self {
            sentence: reason.text.clone(),
            evidence: None,
            severity: None,
            reason,
            rule: None,
            places: &[],
        };
        if let Some(rule) = report.rules.iter().find(|rule| rule.name == reason.from) {
            return Self { severity: Some(rule.severity), places: &rule.places, ..Self::of_rule(bare, rule) };
        }
        let is_it = |name: &dyn ToString| name.to_string() == reason.from;
        if let Some(found) = report.correlations.iter().find(|found| is_it(&found.name)) {
            return Self {
                sentence: whole_sentence(&found.description),
                evidence: Some(format!("{}; {}", found.static_side, found.dynamic_side)),
                severity: Some(found.severity),
                places: &found.places,
                ..bare
            };
        }
        match report.findings.iter().find(|found| is_it(&found.name)) {
            Some(found) => Self {
                sentence: whole_sentence(&reason.text),
                severity: Some(found.severity),
                places: &found.places,
                ..bare
            },
            None => Self { sentence: whole_sentence(&reason.text), ..bare },
        }
    }

    fn of_rule(bare: Self, rule: &'r Match) -> Self {
        // A reason of a rule is its name and, behind a colon, what held.
        let rest = bare.reason.text.strip_prefix(rule.name.as_str());
        let found = rest.map(|rest| rest.trim_start_matches([':', ' ']).to_owned());
        let sentence = match rule.description.is_empty() {
            true => format!("It may {}", rule.name),
            false => rule.description.clone(),
        };
        let found = found.unwrap_or_else(|| bare.reason.text.clone());
        let evidence = (!found.is_empty()).then_some(found);
        Self { sentence: whole_sentence(&sentence), evidence, rule: Some(rule), ..bare }
    }

    /// The statements of a rule that held, if it comes from one.
    pub(crate) fn tree(&self) -> Option<&'r Evidence> {
        self.rule.map(|rule| &rule.evidence)
    }
}

/// A text that begins with a capital letter and has no full stop of its own.
fn whole_sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
