//! The rows of a sample from its analysis.

use std::collections::BTreeMap;

use serde::Serialize;

use super::limits::{ROW_TEXT, ROW_WORDS};
use super::{
    features::{BehaviourFeatures, CodeFeatures},
    rows::{FindingRow, FunctionRow, HostCallRow, MAX_ROWS, SampleRow, SampleRows},
    sketch::Sketch,
};
use crate::{
    analysis::Analysis,
    categories::{self, Mode},
    module::{FuncIndex, view::Validity},
    passes, report, text,
    verdict::Correlation,
};

/// The rows of a sample; its hash, size, origin and time are filled in by the scan.
pub fn outcome(analysis: &Analysis, sha256: &str) -> SampleRows {
    let code = CodeFeatures::of(&analysis.wasm);
    let functions = functions(analysis, &code, sha256);
    let host_calls = host_calls(analysis, sha256);
    let findings = findings(analysis, sha256);
    let cut = functions.1 + host_calls.1 + findings.1;
    let sample = SampleRow { rows_cut: cut, ..sample(analysis, &code) };
    SampleRows { sample, functions: functions.0, host_calls: host_calls.0, findings: findings.0 }
}

/// As the name of a variant is written in JSON.
fn named(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Cut, with a mark where something is missing. Not escaped: printing a row does that.
fn clip(text: &str) -> String {
    text::cut(text, ROW_TEXT)
}

fn sample(analysis: &Analysis, code: &CodeFeatures) -> SampleRow {
    let Analysis { view, dynamic, verdict, .. } = analysis;
    let behaviour = BehaviourFeatures::of(analysis);
    let metrics = &dynamic.metrics;
    let classes = &metrics.classes;
    let words =
        |texts: &mut dyn Iterator<Item = String>| texts.take(ROW_WORDS).map(|text| clip(&text)).collect();
    let reachable = dynamic.coverage.instructions;
    let percent = (reachable != 0)
        .then(|| (dynamic.coverage.instructions_run as f64 * 1000.0 / reachable as f64).round() / 10.0);
    SampleRow {
        verdict: Some(named(&verdict.class)),
        score: verdict.score,
        family: verdict.family.map(|family| family.to_string()),
        confidence: verdict.confidence,
        status: Some(named(&report::status(analysis))),
        exit_code: analysis.run.as_ref().and_then(|run| run.exit_code),
        validity: Some(validity(&view.validity).to_owned()),
        module_sha256: Some(view.file.sha256.clone()),
        md5: Some(view.file.md5.clone()),
        imphash: view.file.imphash.clone(),
        code_hash: code.hash.clone(),
        behaviour_hash: behaviour.hash,
        code_sketch: code.sketch.as_ref().map(Sketch::to_hex),
        behaviour_sketch: behaviour.sketch.as_ref().map(Sketch::to_hex),
        entropy: (view.file.entropy * 1000.0).round() / 1000.0,
        functions: view.functions.len() as u64,
        functions_run: u64::from(dynamic.coverage.functions_run),
        imports: view.imports.len() as u64,
        exports: view.exports.len() as u64,
        instructions_run_percent: percent,
        entries: analysis.run.as_ref().map_or(0, |run| run.entries.len() as u64),
        instructions: classes.total,
        xor: classes.xor,
        rotate: classes.rotate,
        shift: classes.shift,
        loads: classes.load,
        stores: classes.store,
        indirect_calls: classes.indirect_call,
        grown_pages: metrics.grown_pages,
        host_calls: metrics.host_calls.values().fold(0, |sum, &calls| sum.saturating_add(calls)),
        loops: dynamic.loops.len() as u64,
        attack: verdict.attack.iter().map(|technique| technique.id.clone()).collect(),
        reasons: words(&mut verdict.reasons.iter().map(|reason| reason.text.clone())),
        limitations: words(&mut analysis.limitations.iter().map(ToString::to_string)),
        ..SampleRow::default()
    }
}

fn validity(validity: &Validity) -> &'static str {
    match validity {
        Validity::Valid => "valid",
        Validity::Unsupported { .. } => "unsupported",
        Validity::Invalid { .. } => "invalid",
    }
}

/// The first rows, and how many were left out.
fn cut<T>(mut rows: Vec<T>) -> (Vec<T>, u64) {
    let beyond = rows.len().saturating_sub(MAX_ROWS) as u64;
    rows.truncate(MAX_ROWS);
    (rows, beyond)
}

fn functions(analysis: &Analysis, code: &CodeFeatures, sha256: &str) -> (Vec<FunctionRow>, u64) {
    let ran: BTreeMap<FuncIndex, &passes::FunctionMetrics> =
        analysis.dynamic.functions.iter().map(|function| (function.index, function)).collect();
    let mut order: Vec<_> = analysis.view.functions.iter().collect();
    let executed = |index| ran.get(&index).map_or(0, |function| function.classes.total);
    order.sort_by_cached_key(|function| {
        (std::cmp::Reverse((executed(function.index), function.size)), function.index)
    });
    let (order, beyond) = cut(order);
    let row = |function: &crate::module::view::Function| {
        let ran = ran.get(&function.index);
        let classes = ran.map(|ran| *ran.classes).unwrap_or_default();
        FunctionRow {
            sha256: sha256.to_owned(),
            index: function.index.0,
            name: function.name.as_deref().map(clip),
            offset: function.offset.0,
            size: function.size,
            code_hash: code.function(function.index),
            ty: clip(&function.ty),
            static_instructions: function.classes.total,
            loops: function.loops.len() as u32,
            cyclomatic: function.cyclomatic,
            score: function.score,
            calls: ran.map_or(0, |ran| ran.calls),
            instructions: classes.total,
            xor: classes.xor,
            rotate: classes.rotate,
            shift: classes.shift,
            mining_windows: ran
                .map_or(0, |ran| ran.signatures.values().fold(0, |sum, &count| sum.saturating_add(count))),
            host_calls: ran.map_or(0, |ran| ran.host_calls),
        }
    };
    (order.into_iter().map(row).collect(), beyond)
}

/// The first text that a call was given.
fn text_of(call: &crate::sandbox::Call) -> Option<String> {
    call.args.iter().find_map(|arg| Some(clip(&arg.points_at.as_ref()?.kept_text()?)))
}

fn host_calls(analysis: &Analysis, sha256: &str) -> (Vec<HostCallRow>, u64) {
    let mut rows: BTreeMap<(&str, &str, u8), HostCallRow> = BTreeMap::new();
    for call in analysis.run.iter().flat_map(|run| &run.calls) {
        let row = rows.entry((&call.module, &call.name, call.answer as u8)).or_insert_with(|| HostCallRow {
            sha256: sha256.to_owned(),
            module: clip(&call.module),
            name: clip(&call.name),
            answer: named(&call.answer),
            category: categories::wasi_function(call)
                .map(|name| categories::name(categories::of(name, Mode::Full))),
            calls: 0,
            fabricated: 0,
            failed: 0,
            first_ns: call.time_ns,
            text: None,
        });
        row.calls += 1;
        row.fabricated += u64::from(call.fabricated);
        row.failed += u64::from(call.errno.is_some());
        if row.text.is_none() {
            row.text = text_of(call);
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    // Names are the sample's to choose: a thousand of its own must not push out what it asked WASI for.
    rows.sort_by_key(|row| (row.category.is_none(), std::cmp::Reverse(row.calls)));
    cut(rows)
}

fn findings(analysis: &Analysis, sha256: &str) -> (Vec<FindingRow>, u64) {
    let row = |kind: &str, name: &str, class: String, text: &str| FindingRow {
        sha256: sha256.to_owned(),
        kind: kind.to_owned(),
        name: clip(name),
        class,
        severity: 0,
        confidence: 0,
        dynamic: false,
        places: 0,
        text: clip(text),
    };
    let rules = analysis.rules.iter().map(|rule| FindingRow {
        severity: rule.severity,
        confidence: rule.confidence,
        dynamic: rule.dynamic,
        places: rule.count,
        ..row("rule", &rule.name, rule.namespace.clone(), &rule.description)
    });
    let family = |found: &Correlation| found.family.map_or_else(String::new, |family| family.to_string());
    let correlations = analysis.correlations.iter().map(|found| FindingRow {
        severity: found.severity,
        dynamic: true,
        places: found.places.len() as u64,
        ..row("correlation", found.name.as_str(), family(found), &found.description)
    });
    let findings = analysis.findings.iter().map(|found| FindingRow {
        severity: found.severity,
        confidence: found.confidence,
        dynamic: found.dynamic,
        places: found.places.len() as u64,
        ..row("finding", found.name.as_str(), found.categories.join(","), &found.description)
    });
    let iocs = analysis.view.iocs.iter().map(|ioc| FindingRow {
        places: 1,
        ..row("ioc", &ioc.value, ioc.kind.to_string(), &ioc.encoding.to_string())
    });
    cut(rules.chain(correlations).chain(findings).chain(iocs).collect())
}
