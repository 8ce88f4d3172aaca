//! A model's papers, drawn from its data and scores alone: nobody has to remember to be honest.

use std::fmt::Write as _;

use super::{
    ModelKind,
    eval::{EvaluationReport, metrics::Scores},
    training::Training,
};
use crate::text::clip;

/// Shares from here on are worth a warning.
const MUCH: f64 = 0.5;
/// Fewer samples of a class are too few to generalise from.
const FEW: usize = 100;

/// What no model of these features can tell.
const OF_ALL: &[&str] = &[
    "A run without a WASI call that the features know is no evidence: no prediction is made.",
    "It sees which kinds of calls a run made, not with which arguments, nor what the sample would do in another run.",
    "A label says which part of the training set a run is more like. It is no proof of malice or of its absence.",
];

/// Sentences on what a model cannot tell.
pub(super) fn limits(report: &EvaluationReport, training: &Training) -> Vec<String> {
    let mut limits: Vec<String> = OF_ALL.iter().map(|&limit| limit.to_owned()).collect();
    if let Some(origin) = only_malicious_origin(report) {
        limits.push(format!(
            "All malicious samples come from one origin ({}): what was learnt may be that family of programs (its compiler, its start-up code) and not malice.",
            clip(origin, 60)
        ));
    }
    let leak = report.leakage.exact.mean;
    if leak >= MUCH {
        limits.push(format!(
            "Scores on random halves flatter: {:.1} % of the test samples have their exact call sequence in the training half.",
            100.0 * leak
        ));
    }
    let smaller = training.malicious.min(training.samples - training.malicious);
    if smaller < FEW {
        limits.push(format!("The smaller class has {smaller} samples only: expect less of it on others."));
    }
    limits
}

/// The card.
pub(super) fn card(kind: ModelKind, report: &EvaluationReport, training: &Training, note: &str) -> String {
    let mut card = format!(
        "A model of the kind {kind} on {} call sequences, {} of them labelled malicious, {} different, in {} groups of near duplicates.",
        training.samples, training.malicious, report.data.distinct, report.data.groups
    );
    if let Some(evaluation) = report.models.first() {
        sentence(&mut card, "on random halves", evaluation.random.as_ref());
        sentence(&mut card, "on halves that keep near duplicates together", evaluation.grouped.as_ref());
        sentence(&mut card, "on origins that training did not have", evaluation.unseen_origins.as_ref());
    }
    let rule = report.baseline.rules.iter().max_by_key(|(_, count)| **count).map(|(rule, _)| rule);
    if let (Some(scores), Some(rule)) = (&report.baseline.random, rule) {
        let _ = write!(
            card,
            " For comparison, the rule \"{}\" alone: F1 {:.2} %.",
            clip(rule, 120),
            100.0 * scores.f1.mean
        );
    }
    if !note.is_empty() {
        let _ = write!(card, " {note}");
    }
    card
}

fn sentence(card: &mut String, what: &str, scores: Option<&Scores>) {
    if let Some(scores) = scores {
        let (f1, balanced) = (100.0 * scores.f1.mean, 100.0 * scores.balanced_accuracy.mean);
        let _ = write!(card, " F1 {f1:.2} %, balanced accuracy {balanced:.2} % {what}.");
    }
}

fn only_malicious_origin(report: &EvaluationReport) -> Option<&str> {
    let mut malicious = report.models.first()?.origins.iter().filter(|origin| origin.malicious > 0);
    let first = malicious.next()?;
    malicious.next().is_none().then_some(&first.origin)
}
