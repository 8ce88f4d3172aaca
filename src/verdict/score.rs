//! The score: weights of the pieces of evidence, saturating within a kind and over all kinds.
//!
//! Within a kind (a family, else the first two parts of a namespace) the weightiest counts whole. Each
//! further one counts a part of the one before (`decay`). Kinds combine as independent probabilities do. So
//! ten weak hits of one kind stay weak, no sum leaves 0 to 100, and evidence that is added never makes a
//! score smaller. There are no negative weights: what speaks for a sample is easily had by a hostile one.

use std::collections::BTreeMap;

use super::{Correlation, Finding, Reason, text, weights::Weights};
use crate::rules::{Evidence, Family, FeatureKind, Match, StatementKind};

/// A piece of evidence.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// What it is from, and what it says.
    pub(super) reason: Reason,
    /// Its own weight.
    points: f64,
    /// Pieces of one kind saturate together, at most to the greatest `cap`; a piece alone to its own.
    kind: String,
    cap: f64,
    /// The family that it speaks for, as the broadest of its kind.
    pub(super) family: Option<Family>,
    /// Two parts of its namespace, if it is a strong rule: what makes strong rules independent.
    pub(super) strong: Option<String>,
    /// Whether it can make a sample suspicious.
    pub(super) hostile: bool,
}

/// All pieces with their share of the score, weightiest first, and the score.
pub(super) struct Score {
    pub(super) pieces: Vec<Piece>,
    /// 0 to 100.
    pub(super) points: f64,
    /// What evidence of the run makes of all points, 0 to 1.
    pub(super) dynamic: f64,
}

impl Score {
    pub(super) fn of(
        weights: &Weights,
        rules: &[Match],
        correlations: &[Correlation],
        findings: &[Finding],
    ) -> Self {
        let rules = rules.iter().filter_map(|rule| of_rule(weights, rule));
        let correlations = correlations.iter().filter_map(|correlation| of_correlation(weights, correlation));
        let findings = findings.iter().filter_map(|finding| of_finding(weights, finding));
        let mut pieces: Vec<Piece> = rules.chain(correlations).chain(findings).collect();
        sort(&mut pieces, |piece| piece.points);
        let kinds = saturate(&mut pieces, weights.rule.decay);
        let doubt: f64 = kinds.values().map(|points| 1.0 - points / 100.0).product();
        sort(&mut pieces, |piece| piece.points);
        let of = |dynamic: bool| {
            pieces
                .iter()
                .filter(|piece| piece.reason.dynamic == dynamic)
                .map(|piece| piece.points)
                .sum::<f64>()
        };
        let (ran, all) = (of(true), of(true) + of(false));
        for piece in &mut pieces {
            piece.reason.weight = piece.points.round() as i32;
        }
        Self { pieces, points: 100.0 * (1.0 - doubt), dynamic: if all > 0.0 { ran / all } else { 0.0 } }
    }

    /// Points of each family.
    pub(super) fn families(&self) -> BTreeMap<Family, f64> {
        let mut families: BTreeMap<Family, f64> = BTreeMap::new();
        for piece in &self.pieces {
            if let Some(family) = piece.family {
                *families.entry(family).or_default() += piece.points;
            }
        }
        families
    }
}

/// Greatest first; ties in an order that depends on nothing but the pieces.
fn sort(pieces: &mut [Piece], by: impl Fn(&Piece) -> f64) {
    pieces.sort_by(|a, b| {
        let run_first = b.reason.dynamic.cmp(&a.reason.dynamic);
        by(b).total_cmp(&by(a)).then(run_first).then_with(|| a.reason.from.cmp(&b.reason.from))
    });
}

/// Replaces the weight of each piece by what it adds to its kind, and gives the sum of each kind. The pieces
/// are sorted.
///
/// A kind's cap is the greatest of its pieces': with a cap for each piece, one of little weight could push
/// out a weightier one.
fn saturate(pieces: &mut [Piece], decay: f64) -> BTreeMap<String, f64> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for piece in pieces.iter() {
        let kind = kinds.entry(piece.kind.clone()).or_insert(Kind { sum: 0.0, factor: 1.0, cap: 0.0 });
        kind.cap = kind.cap.max(piece.cap);
    }
    for piece in pieces {
        let Some(kind) = kinds.get_mut(&piece.kind) else { continue };
        piece.points = (piece.points * kind.factor).min(kind.cap - kind.sum);
        kind.sum += piece.points;
        kind.factor *= decay;
    }
    kinds.into_iter().map(|(name, kind)| (name, kind.sum)).collect()
}

/// What a kind has added up to so far.
struct Kind {
    sum: f64,
    /// What the next piece counts of its weight.
    factor: f64,
    cap: f64,
}

fn of_rule(weights: &Weights, rule: &Match) -> Option<Piece> {
    let namespace = weights.namespace(&rule.namespace)?;
    let base = weights.rule.severity.get(usize::from(rule.severity.min(3)))?;
    let run = if rule.dynamic { weights.rule.dynamic_factor } else { 1.0 };
    let implied = if rule.implied { weights.rule.implied_factor } else { 1.0 };
    let cap = namespace.cap.min(weights.rule.cap);
    let part = run * implied * of_calls(weights, rule, namespace.hostile);
    let points = (base * f64::from(rule.confidence.min(100)) / 100.0 * part * namespace.factor).min(cap);
    let group = two_parts(&rule.namespace);
    let family = rule.family.map(|family| weights.base_family(family));
    // Words can be in any text about malware, and what a library imports need not be used. Only together with
    // what the code does or is do they make more than an unwanted program.
    let is_hostile = namespace.hostile && (rule.dynamic || !rests_on_words(&rule.evidence));
    let is_strong = is_hostile
        && !rule.attempted
        && !rule.driven
        && rule.severity >= weights.class.strong_severity
        && rule.confidence >= weights.class.strong_confidence;
    let reason = Reason { text: sentence(rule), from: rule.name.clone(), weight: 0, dynamic: rule.dynamic };
    Some(Piece {
        reason,
        points,
        kind: family.map_or_else(|| group.to_owned(), |family| family.to_string()),
        cap,
        family,
        strong: is_strong.then(|| group.to_owned()),
        hostile: is_hostile && rule.severity >= 2,
    })
    .filter(|piece| piece.points > 0.0)
}

/// The worth of the host calls that a rule rests on. Harm that was tried is not done, and what only the
/// driver asked for nobody may ever ask for. To hide it is enough to try.
fn of_calls(weights: &Weights, rule: &Match, is_hostile: bool) -> f64 {
    let attempt = if rule.attempted && is_hostile { weights.rule.attempt_factor } else { 1.0 };
    let driven = if rule.driven && is_hostile { weights.rule.driven_factor } else { 1.0 };
    attempt * driven
}

fn of_correlation(weights: &Weights, correlation: &Correlation) -> Option<Piece> {
    let entry = weights.correlations.get(&correlation.name)?;
    let text =
        format!("{}: {}; {}", correlation.description, correlation.static_side, correlation.dynamic_side);
    Some(Piece {
        reason: Reason { text, from: correlation.name.to_string(), weight: 0, dynamic: true },
        points: entry.weight,
        kind: correlation.family.map_or("correlations", Family::as_str).to_owned(),
        cap: weights.rule.cap,
        family: correlation.family,
        strong: None,
        hostile: entry.hostile,
    })
}

fn of_finding(weights: &Weights, finding: &Finding) -> Option<Piece> {
    let points = *weights.findings.weight.get(&finding.name)?;
    Some(Piece {
        reason: Reason {
            text: finding.description.clone(),
            from: finding.name.to_string(),
            weight: 0,
            dynamic: finding.dynamic,
        },
        points: points * f64::from(finding.confidence.min(100)) / 100.0,
        kind: "findings".to_owned(),
        cap: weights.findings.cap,
        family: None,
        strong: None,
        hostile: false,
    })
}

/// Whether all that was found are strings, names that the sample chose itself, and imports of WASI. Every
/// standard library has those.
fn rests_on_words(evidence: &Evidence) -> bool {
    if !evidence.parts.is_empty() {
        return evidence.parts.iter().all(rests_on_words);
    }
    match evidence.kind {
        StatementKind::Feature(FeatureKind::Import) => {
            let found = evidence.found.as_deref().unwrap_or_default();
            let module = found.rsplit_once('.').map_or(found, |(module, _)| module);
            crate::sandbox::is_of_wasi(module)
        }
        StatementKind::Feature(
            FeatureKind::String
            | FeatureKind::Ioc
            | FeatureKind::Export
            | FeatureKind::FunctionName
            | FeatureKind::Section
            | FeatureKind::Os,
        )
        | StatementKind::Count(FeatureKind::String)
        | StatementKind::Not
        | StatementKind::Optional => true,
        _ => false,
    }
}

fn two_parts(namespace: &str) -> &str {
    namespace.match_indices('/').nth(1).and_then(|(at, _)| namespace.get(..at)).unwrap_or(namespace)
}

/// What a rule found: its name, the figures of its first statements, its places.
fn sentence(rule: &Match) -> String {
    let mut figures = Vec::new();
    leaves(&rule.evidence, &mut figures, 0);
    let name = match (rule.attempted, rule.driven) {
        (true, _) => format!("{} (tried, and failed)", rule.name),
        (false, true) => format!("{} (only when the driver called it)", rule.name),
        (false, false) => rule.name.clone(),
    };
    let mut sentence = if figures.is_empty() { name } else { format!("{name}: {}", text::some(figures, 3)) };
    if let Some(place) = rule.places.first() {
        sentence.push_str(&format!(", at func {}:{:#x}", place.function, place.offset.0));
        if rule.count > 1 {
            sentence.push_str(&format!(" and {} more", text::plural(rule.count - 1, "place")));
        }
    }
    sentence
}

/// The leaves of the evidence, in its order, with what was found. Rules are of bounded depth; this is bounded
/// by itself.
fn leaves(evidence: &Evidence, figures: &mut Vec<String>, depth: usize) {
    if depth > 32 || figures.len() > 16 {
        return;
    }
    if evidence.parts.is_empty() {
        figures.push(text::held(&evidence.statement, evidence.found.as_deref()));
    }
    for part in &evidence.parts {
        leaves(part, figures, depth + 1);
    }
}
