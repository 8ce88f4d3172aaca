//! The verdict: what the evidence adds up to, with its reasons in order.
//!
//! [`findings`] notes facts, [`correlations`] pairs what the bytes say with what the run says, [`decide`]
//! adds up. Weights, thresholds and tables stand in `rules/verdict.toml`, how they are used in
//! `docs/verdict.md`. Evidence of the run outweighs what the bytes suggest; a sample that did not run, or
//! hardly, is undecided and never clean. Lists are of bounded length and say when they were cut.
//!
//! Not here: single rules (`rules`); what the facts are taken from (`module::view`, `sandbox`, `passes`).

mod addresses;
mod attack;
mod carries;
mod chosen;
mod correlations;
mod counters;
mod decide;
mod disguised;
mod effect;
mod exchanged;
mod explained;
mod family;
mod feeding;
mod findings;
mod guards;
mod kept;
mod leaving;
mod limits;
mod mixing;
mod names;
mod opening;
mod operators;
mod score;
mod seen;
mod strays;
mod text;
mod told;
mod touched;
mod unlogged;
mod unseen;
mod waiting;
mod weights;
mod words;

pub use attack::{attack_version, knows_technique};
pub use correlations::correlations;
pub use decide::decide;
pub use findings::findings;
pub use names::{CorrelationName, FindingName};
pub use weights::{Weighed, Weights, WeightsError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::limits::MAX_PLACES;
use crate::{module::Place, rules::Family};

/// What a sample is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Class {
    /// Nothing speaks against it, and enough of it ran.
    Clean,
    /// It did not run, or too little of it, and nothing else speaks against it.
    Undecided,
    /// It does what many do not want.
    PotentiallyUnwanted,
    /// Evidence of hostile behaviour that could have another cause.
    Suspicious,
    /// Evidence of hostile behaviour.
    Malicious,
}

/// The verdict.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Verdict {
    /// What the sample is.
    pub class: Class,
    /// 0 to 100.
    pub score: u8,
    /// What most of the evidence speaks for, if anything.
    pub family: Option<Family>,
    /// How sure of the family, 0 to 100; 0 without one.
    pub family_confidence: u8,
    /// How sure, 0 to 100: grows with coverage and with evidence of the run.
    pub confidence: u8,
    /// Why, weightiest first.
    pub reasons: Vec<Reason>,
    /// ATT&CK techniques: tactic, technique, id, the rules that say so.
    pub attack: Vec<Technique>,
}

/// What a reason is from that is about the run as a whole.
pub const ABOUT_RUN: &str = "run";

/// A reason of a verdict.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Reason {
    /// In a sentence, with figures.
    pub text: String,
    /// The rule, correlation or finding that it comes from; [`ABOUT_RUN`] if it is about the run as a whole.
    pub from: String,
    /// What it adds to the score; negative for what speaks for the sample.
    pub weight: i32,
    /// Whether it is evidence of the run.
    pub dynamic: bool,
}

/// An ATT&CK technique.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Technique {
    /// Tactic.
    pub tactic: String,
    /// Technique, with its sub-technique.
    pub technique: String,
    /// Id, such as `T1496.001`.
    pub id: String,
    /// Names of the rules.
    pub rules: Vec<String>,
}

/// A static finding that the run confirms, or contradicts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Correlation {
    /// What it confirms.
    pub name: CorrelationName,
    /// 0 to 3.
    pub severity: u8,
    /// The family that it speaks for, if any.
    pub family: Option<Family>,
    /// In a sentence.
    pub description: String,
    /// What the bytes say.
    pub static_side: String,
    /// What the run says.
    pub dynamic_side: String,
    /// Where.
    pub places: Vec<Place>,
}

/// A notable fact, of the bytes or of the run. Fields are named as CAPE names those of a signature.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Finding {
    /// What it notes.
    pub name: FindingName,
    /// In a sentence, with figures.
    pub description: String,
    /// `structure`, `entropy`, `crypto`, `ioc`, `import`, `code`, `runtime`, `files`, …
    pub categories: Vec<String>,
    /// 0 to 3.
    pub severity: u8,
    /// 0 to 100.
    pub confidence: u8,
    /// Whether it is a fact of the run.
    pub dynamic: bool,
    /// Where.
    pub places: Vec<Place>,
}

#[cfg(test)]
mod tests;
