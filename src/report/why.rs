//! Reasons for people: the plain sentence first, what it rests on behind it.
//!
//! A reason names what it comes from. Here it is put together with that rule, correlation or finding, which
//! know more: a sentence without figures, a severity, places, and the tree of statements that held.

use crate::{
    module::Place,
    rules::{Evidence, FeatureKind, Match, StatementKind},
    verdict::Reason,
};

use super::{
    Report,
    limits::{EVIDENCE_DEPTH, MOST_FOUND, SHOWN_FOUND, SHOWN_SOUGHT},
};
use crate::text::{cut_counted, plural, some};

/// A reason and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Why<'r> {
    /// Its meaning, in a sentence that has none of the sample's own texts.
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
        let sentence = match rule.description.is_empty() {
            true => format!("It may {}", rule.name),
            false => rule.description.clone(),
        };
        let evidence = found(rule);
        let evidence = (!evidence.is_empty()).then_some(evidence);
        Self { sentence: whole_sentence(&sentence), evidence, rule: Some(rule), ..bare }
    }

    /// The grounds of its rule's match, where these are less than a deed.
    pub(crate) fn marks(&self) -> Vec<&'static str> {
        self.rule.map(marks).unwrap_or_default()
    }

    /// The statements of a rule that held, if it comes from one.
    pub(crate) fn tree(&self) -> Option<&'r Evidence> {
        self.rule.map(|rule| &rule.evidence)
    }
}

/// The grounds of a match, where these are less than a deed of the sample's own.
pub(crate) fn marks(rule: &Match) -> Vec<&'static str> {
    let marks = [
        (rule.attempted, "tried, and failed"),
        (rule.driven, "forced: only the driver called it"),
        (rule.implied, "implied by another"),
    ];
    marks.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark).collect()
}

/// What was found of a rule's statements, and where: the first few.
fn found(rule: &Match) -> String {
    let mut words = Vec::new();
    leaves(&rule.evidence, &mut words, 0);
    let mut found = some(words, SHOWN_FOUND);
    if let Some(place) = rule.places.first() {
        let separator = if found.is_empty() { "" } else { ", " };
        found.push_str(&format!("{separator}at func {}:{:#x}", place.function, place.offset.0));
        if rule.count > 1 {
            found.push_str(&format!(" and {}", plural(rule.count - 1, "more place")));
        }
    }
    found
}

/// The leaves of the evidence in words, each once. Rules are of bounded depth; this is bounded by itself.
fn leaves(evidence: &Evidence, words: &mut Vec<String>, depth: usize) {
    if depth > EVIDENCE_DEPTH || words.len() >= MOST_FOUND {
        return;
    }
    // A statement that was not found is no evidence to look at.
    if evidence.parts.is_empty() && evidence.kind != StatementKind::Not {
        let word = in_words(evidence);
        if !words.iter().any(|other| other.contains(&word)) {
            words.push(word);
        }
    }
    for part in &evidence.parts {
        leaves(part, words, depth + 1);
    }
}

/// Whether only a name is found of a feature.
fn is_name(kind: FeatureKind) -> bool {
    use FeatureKind::{Export, FunctionName, Import, Section};
    matches!(kind, Import | Export | Section | FunctionName)
}

/// A statement that held: what it found says more than how it was sought, but of a figure both count.
fn in_words(evidence: &Evidence) -> String {
    let statement = &*evidence.statement;
    let (feature, sought) = statement.split_once(": ").unwrap_or((statement, ""));
    match (&evidence.found, evidence.kind) {
        (Some(found), StatementKind::Feature(FeatureKind::Metric)) => match sought.split_once(' ') {
            Some((metric, bound)) => format!("{metric} {found} ({bound})"),
            None => format!("{sought} {found}"),
        },
        (Some(found), StatementKind::Feature(kind)) if is_name(kind) => format!("{kind} {found}"),
        (Some(found), _)
            if found.starts_with("at ") || found.starts_with(|first: char| first.is_ascii_digit()) =>
        {
            format!("{} {found}", without_pattern(feature, sought))
        }
        (Some(found), _) => found.clone(),
        (None, _) => without_pattern(feature, sought),
    }
}

/// A statement without its regular expression, if it is one.
fn without_pattern(feature: &str, sought: &str) -> String {
    match sought {
        "" => feature.to_owned(),
        _ if sought.starts_with('/') => feature.to_owned(),
        _ => format!("{feature}: {}", cut_counted(sought, SHOWN_SOUGHT)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_what_was_found_and_not_how_it_was_sought() {
        for (statement, found, expected) in [
            (
                "wasm/file: created /\\.ssh\\/keys$/",
                Some("\"/a/.ssh/keys\" created"),
                "\"/a/.ssh/keys\" created",
            ),
            ("wasm/metric: xor_share >= 0.05", Some("0.4"), "xor_share 0.4 (>= 0.05)"),
            ("mnemonic: i32.xor", Some("at 0x8"), "mnemonic: i32.xor at 0x8"),
            ("string: /a|b/", Some("at 0x8"), "string at 0x8"),
            ("characteristic: start function", None, "characteristic: start function"),
            ("export: /^mine$/", Some("mine"), "export mine"),
            ("export: /^mine$/", None, "export"),
            ("optional", None, "optional"),
        ] {
            let evidence = Evidence { found: found.map(str::to_owned), ..Evidence::leaf(statement) };
            assert_eq!(in_words(&evidence), expected, "{statement}");
        }
    }
}
