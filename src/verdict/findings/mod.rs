//! Findings: notable facts with their figures.
//!
//! Most are of severity 0, information: a start function, indirect calls, dead code are in every second
//! program. The threshold of each stands in `rules/verdict.toml`. One finding for each name, with what it is
//! about counted in its description.

mod code;
mod file;
mod flow;
mod runtime;
mod strings;

use super::{Finding, FindingName, text::places, weights::Weighed};
use crate::module::Place;

/// Notable facts of the bytes and of the run, most severe first.
pub fn findings<'a>(facts: impl Into<Weighed<'a>>) -> Vec<Finding> {
    let facts = &facts.into();
    let mut findings = Vec::new();
    file::find(facts, &mut findings);
    code::find(facts, &mut findings);
    strings::find(facts, &mut findings);
    runtime::find(facts, &mut findings);
    flow::find(facts, &mut findings);
    findings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.name.cmp(&b.name)));
    findings
}

/// A finding of the bytes, without places.
fn of_bytes(
    name: FindingName,
    categories: &[&str],
    severity: u8,
    confidence: u8,
    description: String,
) -> Finding {
    let categories = categories.iter().map(|&category| category.to_owned()).collect();
    Finding { name, description, categories, severity, confidence, dynamic: false, places: Vec::new() }
}

/// A finding of the run, without places.
fn of_run(
    name: FindingName,
    categories: &[&str],
    severity: u8,
    confidence: u8,
    description: String,
) -> Finding {
    Finding { dynamic: true, ..of_bytes(name, categories, severity, confidence, description) }
}

impl Finding {
    fn at(mut self, found: impl IntoIterator<Item = Place>) -> Self {
        self.places = places(found);
        self
    }
}
