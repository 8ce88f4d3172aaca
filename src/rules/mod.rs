//! Rules: what capabilities a sample shows, with the evidence.
//!
//! Behaviour rules are in capa's YAML grammar with the superset that `docs/rules.md` describes. Byte patterns
//! are YARA rules, run by boreal, and surface as `match: yara/NAME`. A rule that names what does not exist is
//! an error with its line, never a rule that always matches.
//!
//! Not here: what a set of matches means for the verdict (`verdict`).

mod derived;
mod eval;
mod evidence;
mod explain;
mod families;
mod format;
mod hint;
mod index;
mod limits;
mod lint;
mod load;
mod metric;
mod order;
mod parse;
mod pattern;
mod places;
mod possible;
mod problem;
mod rule;
mod schema;
mod scope;
mod show;
mod suggest;
mod weight;
mod yaml;
mod yara;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    classify::Prediction,
    limitation::Limitation,
    module::{Place, view::View},
    passes::{Dynamic, flows::DataFlows},
    sandbox::Run,
};

pub use evidence::{Evidence, FeatureKind, StatementKind};
pub use families::Family;
pub use format::format;
pub(crate) use limits::MAX_EXAMPLE;
pub use limits::RULE_BYTES;
pub use lint::Advice;
pub use load::{files, read};
pub use metric::{LEVELS, METRICS, Metric, Unit};
#[cfg(feature = "cli")]
pub(crate) use parse::TACTICS;
pub use problem::{Problem, RuleLoadError, closest};
pub use rule::{Example, Meta, Rule, Scopes};
pub use schema::schema;
pub use suggest::{SuggestError, Suggestion, suggest};
pub(crate) use yara::YARA;

use order::Targets;

/// A rule that matched.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Match {
    /// Its name; completes "the program may".
    pub name: String,
    /// Its namespace, such as `impact/cryptomining`.
    pub namespace: String,
    /// What it means, in a sentence.
    pub description: String,
    /// 0 (information) to 3.
    pub severity: u8,
    /// 0 to 100.
    pub confidence: u8,
    /// ATT&CK: `Tactic::Technique [T1496.001]`.
    pub attack: Vec<String>,
    /// MBC, in the same form.
    pub mbc: Vec<String>,
    /// The family that it speaks for, if any.
    pub family: Option<Family>,
    /// Whether evidence of the run, and not only of the bytes, made it match.
    pub dynamic: bool,
    /// Whether host calls that it rests on failed: it was tried, not done.
    pub attempted: bool,
    /// Whether only entry points that the driver chose made those calls, though the program has its own.
    pub driven: bool,
    /// Where it matched, at most 100 places.
    pub places: Vec<Place>,
    /// Number of places in all; 1 for a match of the whole file.
    pub count: u64,
    /// Whether another shown match of no less severity and confidence builds on it.
    pub implied: bool,
    /// The statements that held, with what they found.
    pub evidence: Evidence,
    /// The rule as it was written; not part of the JSON.
    #[serde(skip)]
    pub origin: Origin,
}

/// What a rule says of itself beside its meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its text.
    pub text: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
}

/// What came of evaluating rules.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Evaluation {
    /// The rules that matched, weightiest first, then by namespace and name.
    pub matches: Vec<Match>,
    /// Searches that did not come to their end: rules that asked for too much, a scan with YARA rules that
    /// took too long.
    pub limitations: Vec<Limitation>,
    /// The weightiest of the rules for which what the sample gave its host was too much to search, if one of
    /// them has weight.
    pub unfinished: Option<String>,
}

/// What rules are evaluated on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The sample in the binary format.
    pub wasm: &'a [u8],
    /// What the bytes say.
    pub view: &'a View,
    /// What happened when it ran.
    pub run: Option<&'a Run>,
    /// What the trace says.
    pub dynamic: &'a Dynamic,
    /// A classifier's word on its calls. `None` if it has no evidence or was not asked.
    pub prediction: Option<Prediction>,
    /// What became of what the sample was given; `None` if that was not looked at.
    pub flows: Option<&'a DataFlows>,
}

/// A set of rules, ready to be evaluated.
#[derive(Debug, Default)]
pub struct Set {
    rules: Vec<Rule>,
    targets: Targets,
    order: Vec<usize>,
    yara: Option<yara::Rules>,
}

impl Set {
    /// The rules that ship with wasmspoor.
    pub fn builtin() -> Self {
        let (set, problems) = Self::build(&load::shipped(), false);
        debug_assert!(problems.is_empty(), "{problems}");
        set
    }

    /// The rules that ship with wasmspoor, and those in `paths`: files `.yml`, `.yaml`, `.yar`, `.yara`, or
    /// folders with such files.
    ///
    /// # Errors
    ///
    /// With every problem that was found, if there is one.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, RuleLoadError> {
        Self::with(load::shipped(), paths)
    }

    /// Only the rules in `paths`, as [`Set::load`] reads them.
    ///
    /// # Errors
    ///
    /// With every problem that was found, if there is one.
    pub fn load_only<P: AsRef<Path>>(paths: &[P]) -> Result<Self, RuleLoadError> {
        Self::with(load::Sources::default(), paths)
    }

    /// Only the rules in `texts`, each with the name of a file that it comes from. As for [`Set::load`], the
    /// ending of the name says what it is.
    ///
    /// # Errors
    ///
    /// With every problem that was found, if there is one.
    pub fn parse(texts: &[(&str, &str)]) -> Result<Self, RuleLoadError> {
        let (mut sources, mut problems) = (load::Sources::default(), RuleLoadError::default());
        for (name, text) in texts {
            sources.add(Path::new(name), text, &mut problems);
        }
        Self::finish(&sources, problems)
    }

    fn with<P: AsRef<Path>>(mut sources: load::Sources, paths: &[P]) -> Result<Self, RuleLoadError> {
        let mut problems = RuleLoadError::default();
        for path in paths {
            sources.read(path.as_ref(), &mut problems);
        }
        Self::finish(&sources, problems)
    }

    fn finish(sources: &load::Sources, mut problems: RuleLoadError) -> Result<Self, RuleLoadError> {
        let (set, found) = Self::build(sources, true);
        found.problems.into_iter().for_each(|problem| problems.push(problem));
        problems.cut += found.cut;
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    /// Parses and links rules.
    fn build(sources: &load::Sources, eager: bool) -> (Self, RuleLoadError) {
        let mut problems = RuleLoadError::default();
        let mut rules: Vec<Rule> =
            sources.behavior.iter().filter_map(|source| parse::rule(source, eager, &mut problems)).collect();
        let yara = yara::Rules::compile(&sources.yara, &mut problems);
        let of_yara = yara.as_behavior(&order::yara_rules(&rules));
        rules.extend(of_yara.iter().filter_map(|source| parse::rule(source, eager, &mut problems)));
        let (targets, order) = order::resolve(&rules, |name| yara.has(name), &mut problems);
        (Self { rules, targets, order, yara: Some(yara) }, problems)
    }

    /// Evaluates every rule, within a budget of steps.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Evaluation {
        eval::evaluate(facts, &self.rules, &self.order, &self.targets, self.yara.as_ref())
    }

    /// All behaviour rules, in the order of their files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The behaviour rule of this name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.meta.name == name)
    }

    /// Names of all YARA rules.
    pub fn yara_names(&self) -> Vec<&str> {
        self.yara.iter().flat_map(yara::Rules::names).collect()
    }

    /// The name of a rule that `given` was probably meant to be.
    pub fn closest(&self, given: &str) -> Option<String> {
        let names = || self.rules.iter().map(|rule| rule.meta.name.as_str());
        problem::closest(given, names()).or_else(|| problem::closest_by_words(given, names()))
    }
}

#[cfg(test)]
mod tests;
