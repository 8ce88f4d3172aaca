//! One JSON object a line, with the names of the Elastic Common Schema, for log pipelines.
//!
//! The first line of a sample is its verdict (`event.kind: state`). One line follows for each rule that
//! matched, correlation and finding: an `alert`, or an `event` if it has no severity and only explains. Every
//! line carries the hashes of the file, so that lines can be read alone.
//!
//! `@timestamp` is the virtual start of the run: there is no time of this machine in a report.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Report, time::timestamp};
use crate::{sandbox::RunOptions, text};

/// The version of the schema whose names are used.
const ECS: &str = "8.17.0";

/// Writes the lines of a sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let mut line = |kind: &str, dataset: &str, fields: Value| {
        let mut object = base(report, kind, dataset);
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        text::write_json_line(out, &object)
    };
    line("state", "wasmspoor.verdict", verdict(report))?;
    for rule in report.rules {
        let ids: Vec<_> = rule.attack.iter().filter_map(|technique| id(technique)).collect();
        let fields = json!({
            "rule.name": rule.name, "rule.ruleset": rule.namespace, "rule.description": rule.description,
            "event.severity": rule.severity, "threat.framework": "MITRE ATT&CK", "threat.technique.id": ids,
            "wasmspoor.confidence": rule.confidence, "wasmspoor.count": rule.count, "wasmspoor.dynamic": rule.dynamic,
            "wasmspoor.implied": rule.implied,
        });
        line(kind(rule.severity), "wasmspoor.rule", fields)?;
    }
    for correlation in report.correlations {
        let fields = json!({
            "rule.name": correlation.name, "rule.description": correlation.description, "event.severity": correlation.severity,
            "wasmspoor.static": correlation.static_side, "wasmspoor.dynamic_side": correlation.dynamic_side,
        });
        line(kind(correlation.severity), "wasmspoor.correlation", fields)?;
    }
    for finding in report.findings {
        let fields = json!({
            "rule.name": finding.name, "rule.description": finding.description, "rule.category": finding.categories,
            "event.severity": finding.severity, "wasmspoor.confidence": finding.confidence, "wasmspoor.dynamic": finding.dynamic,
        });
        line(kind(finding.severity), "wasmspoor.finding", fields)?;
    }
    Ok(())
}

/// Writes the line of a file of which nothing is known but why.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_failure(file: &str, error: &str, out: &mut impl io::Write) -> io::Result<()> {
    let line = json!({
        "@timestamp": timestamp(RunOptions::default().epoch_ns), "ecs.version": ECS,
        "event.kind": "pipeline_error", "event.category": ["malware"], "event.dataset": "wasmspoor.error",
        "file.path": file, "error.message": error,
    });
    text::write_json_line(out, &line)
}

/// What has no severity explains, and alerts nobody.
fn kind(severity: u8) -> &'static str {
    if severity == 0 { "event" } else { "alert" }
}

fn base(report: &Report<'_>, kind: &str, dataset: &str) -> Map<String, Value> {
    let base = json!({
        "@timestamp": timestamp(report.options.epoch_ns), "ecs.version": ECS,
        "event.kind": kind, "event.category": ["malware"], "event.dataset": dataset,
        "observer.product": report.tool.name, "observer.version": report.tool.version,
        "file.path": report.sample.name, "file.size": report.sample.size,
        "file.hash.sha256": report.sample.sha256, "file.hash.sha1": report.sample.sha1,
        "file.hash.md5": report.sample.md5,
    });
    match base {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn verdict(report: &Report<'_>) -> Value {
    let ids: Vec<_> = report.attack.iter().map(|technique| &technique.id).collect();
    let reasons: Vec<_> = report.reasons.iter().map(|reason| &reason.text).collect();
    json!({
        "event.risk_score": report.score, "wasmspoor.verdict": report.verdict, "wasmspoor.family": report.family,
        "wasmspoor.confidence": report.confidence, "wasmspoor.status": report.status,
        "wasmspoor.instructions": report.instructions, "wasmspoor.reasons": reasons,
        "wasmspoor.limitations": report.limitations, "threat.framework": "MITRE ATT&CK", "threat.technique.id": ids,
    })
}

/// `T1496.001` of `Impact::Resource Hijacking::Compute Hijacking [T1496.001]`.
pub(super) fn id(technique: &str) -> Option<&str> {
    technique.rsplit_once('[')?.1.strip_suffix(']')
}

/// The name of a unit variant as JSON has it.
pub(super) fn snake(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}
