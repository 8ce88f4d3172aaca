//! Findings of the file: format, sections, entropy, memories, imports and exports.

use super::{super::text, of_bytes};
use crate::verdict::words::words_of;
use crate::{
    module::view::{ExternKind, Validity},
    rules::Facts,
    verdict::{
        Finding, FindingName,
        weights::{Weighed, listed},
    },
};

pub(super) fn find(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    findings.extend(format(facts));
    findings.extend(anomalies(facts));
    findings.extend(entropy_sections(facts));
    findings.extend(entropy_data(facts));
    findings.extend(custom_sections(facts));
    memories(facts, findings);
    findings.extend(start(facts));
    findings.extend(elements(facts));
    findings.extend(exports(facts));
    imports(facts, findings);
}

fn format(facts: &Facts<'_>) -> Option<Finding> {
    match &facts.view.validity {
        Validity::Valid => None,
        Validity::Unsupported { proposal, offset } => {
            let text = format!("the engine does not run it: it needs {proposal} (offset {offset:#x})");
            Some(of_bytes(FindingName::FormatUnsupported, &["format"], 0, 100, text))
        }
        Validity::Invalid { offset, reason } => {
            let text = format!(
                "not a valid module: {} (offset {offset:#x})",
                text::quoted(reason).trim_matches('`')
            );
            Some(of_bytes(FindingName::FormatInvalid, &["format"], 2, 100, text))
        }
    }
}

/// Kinds that linkers produce are information.
fn anomalies(facts: &Weighed<'_>) -> Option<Finding> {
    let anomalies = &facts.view.anomalies;
    let usual = &facts.weights.names.anomalies;
    let odd = anomalies.iter().filter(|anomaly| !usual.contains(&anomaly.kind)).count();
    let shown =
        text::some(anomalies.iter().map(|anomaly| format!("{} at {:#x}", anomaly.kind, anomaly.offset)), 5);
    let severity = u8::from(odd > 0);
    let name = if odd > 0 { FindingName::SectionAnomaly } else { FindingName::SectionNote };
    (!anomalies.is_empty())
        .then(|| of_bytes(name, &["structure"], severity, 80, format!("odd structure: {shown}")))
}

/// Data and custom sections have findings of their own.
fn entropy_sections(facts: &Weighed<'_>) -> Option<Finding> {
    let limit = facts.weights.threshold.entropy_section;
    let sections = facts.view.sections.iter().filter(|section| !section.is_custom && section.name != "data");
    let dense: Vec<_> = sections.filter(|section| section.entropy > limit).collect();
    let shown = text::some(dense.iter().map(|s| format!("{} {:.2} bits per byte", s.name, s.entropy)), 5);
    (!dense.is_empty()).then(|| {
        of_bytes(FindingName::EntropySection, &["entropy"], 0, 60, format!("sections above {limit}: {shown}"))
    })
}

fn entropy_data(facts: &Weighed<'_>) -> Option<Finding> {
    let limits = &facts.weights.threshold;
    let is_dense = |size, entropy| size >= limits.entropy_data_bytes && entropy > limits.entropy_data;
    let dense: Vec<_> =
        facts.view.data.iter().filter(|segment| is_dense(segment.size, segment.entropy)).collect();
    let bytes: u64 = dense.iter().map(|segment| segment.size).fold(0, u64::saturating_add);
    let code: u64 = facts.view.functions.iter().map(|function| u64::from(function.size)).sum();
    // Much dense data beside little code is what packers leave; compressed tables beside much code are
    // common.
    let severity = u8::from(bytes > code);
    let text = format!(
        "{} above {} bits per byte, {} bytes beside {} bytes of code: compressed or encrypted data",
        text::plural(dense.len() as u64, "data segment"),
        limits.entropy_data,
        text::grouped(bytes),
        text::grouped(code)
    );
    (!dense.is_empty())
        .then(|| of_bytes(FindingName::EntropyData, &["entropy", "packer"], severity, 60, text))
}

fn custom_sections(facts: &Weighed<'_>) -> Option<Finding> {
    let weights = facts.weights;
    let is_known = |name: &str| listed(&weights.names.sections, name);
    let sections = facts.view.sections.iter();
    let unknown: Vec<_> = sections.filter(|section| section.is_custom && !is_known(&section.name)).collect();
    let dense = unknown.iter().any(|section| section.entropy > weights.threshold.entropy_custom);
    let shown = text::some(
        unknown.iter().map(|s| {
            format!(
                "{} ({} bytes, {:.2} bits per byte)",
                text::quoted(&s.name),
                text::grouped(s.size),
                s.entropy
            )
        }),
        5,
    );
    let text = format!("custom sections that no toolchain is known to write: {shown}");
    (!unknown.is_empty())
        .then(|| of_bytes(FindingName::CustomSection, &["structure"], u8::from(dense), 60, text))
}

fn memories(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    let limit = facts.weights.threshold.memory_pages;
    let initial = facts.view.memories.iter().map(|memory| memory.initial).max().unwrap_or(0);
    if initial > limit {
        let text = format!(
            "starts with {} of memory ({} MiB)",
            text::plural(initial, "page"),
            text::grouped(initial / 16)
        );
        findings.push(of_bytes(FindingName::MemoryInitial, &["memory"], 0, 100, text));
    }
    let maximum = facts.view.memories.iter().filter_map(|memory| memory.maximum).max().unwrap_or(0);
    if maximum > 65_536 {
        let text = format!(
            "lets memory grow to {}, more than 32-bit addresses reach",
            text::plural(maximum, "page")
        );
        findings.push(of_bytes(FindingName::MemoryMaximum, &["memory"], 1, 80, text));
    }
}

fn start(facts: &Facts<'_>) -> Option<Finding> {
    let func = facts.view.start?;
    let text = format!("{} runs when the module is instantiated", text::function(facts, func));
    Some(of_bytes(FindingName::StartFunction, &["structure"], 0, 100, text).at([text::place_of(facts, func)]))
}

fn elements(facts: &Weighed<'_>) -> Option<Finding> {
    let count = facts.view.elements.len();
    let text = format!("{} element segments", text::grouped(count as u64));
    (count > facts.weights.threshold.element_segments)
        .then(|| of_bytes(FindingName::ElementSegments, &["structure"], 0, 100, text))
}

/// A name counts by its words: `drop_payload` speaks of a payload, `__wbindgen_drop` of nothing.
fn exports(facts: &Weighed<'_>) -> Option<Finding> {
    let words = &facts.weights.names.exports;
    let functions = facts.view.exports.iter().filter(|export| export.kind == ExternKind::Function);
    let telling: Vec<_> =
        functions.filter(|export| words_of(&export.name).any(|word| words.contains(&word))).collect();
    let shown = text::some(telling.iter().map(|export| text::quoted(&export.name)), 5);
    (!telling.is_empty()).then(|| {
        of_bytes(
            FindingName::ExportName,
            &["structure"],
            1,
            40,
            format!("exports with telling names: {shown}"),
        )
    })
}

fn imports(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    for (category, table) in &facts.weights.imports {
        let functions = facts.view.imports.iter().filter(|import| import.kind == ExternKind::Function);
        let found: Vec<_> = functions.filter(|import| listed(&table.names, &import.name)).collect();
        if found.is_empty() {
            continue;
        }
        let shown = text::some(
            found
                .iter()
                .map(|import| text::import_name(&import.module, &import.name))
                .map(|name| text::quoted(&name)),
            8,
        );
        findings.push(of_bytes(
            FindingName::of_imports(*category),
            &["import", category.as_str()],
            table.severity,
            50,
            format!("imports for {category}: {shown}"),
        ));
    }
}
