//! Whether a statement can hold at all, in a scope. A rule that never matches, on no sample, looks like one
//! that found nothing.
//!
//! This looks at the scopes that features have a meaning in, counts beyond what a scope can hold, metrics
//! beyond their range, and `not` of what always holds. Not looked at is what statements say about each other,
//! such as two metrics that exclude each other.

use super::{
    evidence::FeatureKind,
    metric::{Metric, Unit},
    rule::{Bounds, Characteristic, Comparison, Feature, Kind, Measure, Rule, SPAN, Scope, Statement},
};

/// A scope, and whether it is one of the run.
pub(super) type Column = (Scope, bool);

/// A statement that never holds, and why.
pub(super) struct Never<'s> {
    pub(super) statement: &'s Statement,
    pub(super) why: String,
    pub(super) help: Option<String>,
}

impl Rule {
    /// The columns that the rule is evaluated in.
    pub(super) fn columns(&self) -> Vec<Column> {
        let scopes = self.meta.scopes;
        let on_bytes = scopes.on_bytes.map(|scope| (scope, false));
        on_bytes.into_iter().chain(scopes.of_run().map(|scope| (scope, true))).collect()
    }

    /// Whether the bytes alone can make it match.
    pub fn can_match_on_bytes(&self) -> bool {
        self.columns().iter().any(|column| !column.1 && self.statement.can_hold(*column))
    }

    /// Whether a run can make it match.
    pub fn can_match_on_run(&self) -> bool {
        self.columns().iter().any(|column| column.1 && self.statement.can_hold(*column))
    }

    /// The innermost reason for which the rule never matches; `None` if it can.
    pub(super) fn never(&self) -> Option<Never<'_>> {
        let columns = self.columns();
        let holds = columns.iter().any(|column| self.statement.can_hold(*column));
        if holds { None } else { self.statement.nevers(&columns).into_iter().next() }
    }
}

/// What is said where no scope of a rule fits all of its parts.
const SCOPES_HELP: &str = "some parts have a meaning on the bytes only, others on the run only; \
    `{static: file, dynamic: process}` and `dynamic: file` see both";

impl Statement {
    /// Whether it can hold in a scope.
    pub(super) fn can_hold(&self, column: Column) -> bool {
        match &self.kind {
            Kind::And(parts) => parts.iter().all(|part| part.can_hold(column)),
            Kind::Or(parts) => parts.iter().any(|part| part.can_hold(column)),
            Kind::AtLeast(least, parts) => {
                parts.iter().filter(|part| part.can_hold(column)).count() >= *least
            }
            Kind::Not(part) => !part.always_holds(),
            Kind::Within(scope, part) => nested(column, *scope).is_some_and(|inner| part.can_hold(inner)),
            Kind::Count(feature, bounds) => {
                bounds.min == 0 || feature.fits(column.0, column.1) && feature.most(column.0) >= bounds.min
            }
            Kind::Feature(feature) => feature.fits(column.0, column.1) && feature.is_possible(),
        }
    }

    /// Whether it holds on everything.
    fn always_holds(&self) -> bool {
        match &self.kind {
            Kind::And(parts) => parts.iter().all(|part| part.always_holds()),
            Kind::Or(parts) => parts.iter().any(|part| part.always_holds()),
            Kind::AtLeast(least, parts) => parts.iter().filter(|part| part.always_holds()).count() >= *least,
            Kind::Count(_, bounds) => *bounds == Bounds { min: 0, max: u64::MAX },
            Kind::Feature(Feature::Target(kind, value)) => *kind == FeatureKind::Format || value == "any",
            Kind::Not(_) | Kind::Within(..) | Kind::Feature(_) => false,
        }
    }

    /// The statements in it that hold in none of `columns`, the innermost of each.
    pub(super) fn nevers(&self, columns: &[Column]) -> Vec<Never<'_>> {
        let inner = match &self.kind {
            Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
                parts.iter().flat_map(|part| part.nevers(columns)).collect()
            }
            Kind::Not(part) => part.nevers(columns),
            Kind::Within(scope, part) => {
                let inside: Vec<Column> =
                    columns.iter().filter_map(|column| nested(*column, *scope)).collect();
                part.nevers(&inside)
            }
            Kind::Count(..) | Kind::Feature(_) => Vec::new(),
        };
        let holds = columns.iter().any(|column| self.can_hold(*column));
        if holds || !inner.is_empty() { inner } else { vec![self.never(columns)] }
    }

    /// Why it holds in none of `columns`, while its parts may.
    fn never(&self, columns: &[Column]) -> Never<'_> {
        let why = match &self.kind {
            Kind::Feature(Feature::Metric(measure)) => {
                let (least, most) = range(measure.metric);
                let most = if most.is_finite() { format!(" to {most}") } else { " up".to_owned() };
                format!("`{}` is from {least}{most}: this never holds", measure.metric.name)
            }
            Kind::Count(feature, bounds) => {
                let most = columns.iter().map(|column| feature.most(column.0)).max().unwrap_or(0);
                let bounds = bounds.shown();
                format!("this never holds: in this scope it is found {most} times at most, not {bounds}")
            }
            Kind::Not(_) => "this never holds: what it denies always does".to_owned(),
            _ => {
                let why = "this never holds: in none of the scopes of the rule can all parts that it needs";
                return Never { statement: self, why: why.to_owned(), help: Some(SCOPES_HELP.to_owned()) };
            }
        };
        Never { statement: self, why, help: None }
    }
}

/// The column in which `inner` is looked at when it stands in `outer`.
pub(super) fn nested((outer, on_run): Column, inner: Scope) -> Option<Column> {
    let fits = match inner {
        Scope::Function => matches!(outer, Scope::File | Scope::RunFunction),
        Scope::BasicBlock => matches!(outer, Scope::File | Scope::Function),
        Scope::Instruction => matches!(outer, Scope::File | Scope::Function | Scope::BasicBlock),
        Scope::Process => on_run && outer == Scope::File,
        Scope::RunFunction => on_run && matches!(outer, Scope::File | Scope::Process),
        Scope::Thread => on_run && matches!(outer, Scope::File | Scope::Process),
        Scope::Span | Scope::Call => {
            on_run && matches!(outer, Scope::File | Scope::Process | Scope::Thread | Scope::Span)
        }
        Scope::Loop => on_run && matches!(outer, Scope::File | Scope::Process | Scope::RunFunction),
        Scope::File => false,
    };
    let on_run = on_run && !matches!(inner, Scope::Function | Scope::BasicBlock | Scope::Instruction);
    fits.then_some((inner, on_run))
}

impl Feature {
    /// Whether anything can have it.
    fn is_possible(&self) -> bool {
        match self {
            Self::Metric(measure) => in_range(measure),
            Self::Number(number) => (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(number),
            _ => true,
        }
    }

    /// How often it can be found in one instance of `scope`.
    fn most(&self, scope: Scope) -> u64 {
        match (self, scope) {
            _ if !self.is_possible() => 0,
            (Self::Target(..) | Self::Characteristic(Characteristic::StartFunction), _) => 1,
            (Self::Match(_), _) => u64::MAX,
            (_, Scope::Instruction | Scope::Call) => 1,
            (Self::Api(_) | Self::Number(_) | Self::Text(_) | Self::Bytes(_), Scope::Span) => SPAN as u64,
            _ => u64::MAX,
        }
    }
}

/// The least and the greatest value of a metric, by its unit.
fn range(metric: &Metric) -> (f64, f64) {
    match metric.unit {
        Unit::Share | Unit::Flag => (0.0, 1.0),
        Unit::BitsPerByte => (0.0, 8.0),
        Unit::Count | Unit::Bytes | Unit::Seconds | Unit::Pages => (0.0, f64::INFINITY),
    }
}

fn in_range(measure: &Measure) -> bool {
    let (least, most) = range(measure.metric);
    let value = measure.value;
    match measure.op {
        Comparison::Less => value > least,
        Comparison::AtMost => value >= least,
        Comparison::Equal => (least..=most).contains(&value),
        Comparison::NotEqual => true,
        Comparison::AtLeast => value <= most,
        Comparison::Greater => value < most,
    }
}
