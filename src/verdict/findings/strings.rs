//! Findings of strings: indicators, and what was hidden by an encoding.

use std::collections::BTreeMap;

use super::{super::text, of_bytes};
use crate::{
    module::view::{Ioc, IocKind, TextEncoding},
    rules::Facts,
    verdict::{Finding, FindingName, weights::Weighed},
};

pub(super) fn find(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    indicators(facts, findings);
    findings.extend(encoded(facts));
    findings.extend(hidden(facts));
}

/// One finding for each kind.
fn indicators(facts: &Weighed<'_>, findings: &mut Vec<Finding>) {
    let mut kinds: BTreeMap<IocKind, Vec<&Ioc>> = BTreeMap::new();
    for ioc in &facts.view.iocs {
        kinds.entry(ioc.kind).or_default().push(ioc);
    }
    for (kind, found) in kinds {
        let severity = facts.weights.ioc.get(&kind).copied().unwrap_or(0);
        let shown = text::some(
            found.iter().map(|ioc| format!("{} at {:#x}", text::quoted(&ioc.value), ioc.offset)),
            5,
        );
        let name = FindingName::of_ioc(kind);
        let text = format!("{} of kind {kind}: {shown}", text::plural(found.len() as u64, "indicator"));
        findings.push(of_bytes(name, &["ioc", kind.as_str()], severity, 70, text));
    }
}

fn encoded(facts: &Facts<'_>) -> Option<Finding> {
    let encoded: Vec<_> = facts.view.strings.iter().filter(|string| !string.encoding.is_plain()).collect();
    let shown = text::some(
        encoded.iter().map(|string| format!("{} ({})", text::quoted(&string.text), string.encoding)),
        3,
    );
    let text = format!(
        "{}: {shown}",
        text::plural(encoded.len() as u64, "string behind an encoding").replace("encodings", "encoding")
    );
    (!encoded.is_empty()).then(|| of_bytes(FindingName::EncodedString, &["obfuscation"], 0, 60, text))
}

/// An indicator that someone took the trouble to hide; base64 is no hiding place.
fn hidden(facts: &Facts<'_>) -> Option<Finding> {
    let is_hidden = |ioc: &&Ioc| !ioc.encoding.is_plain() && ioc.encoding != TextEncoding::Base64;
    let hidden: Vec<_> = facts.view.iocs.iter().filter(is_hidden).collect();
    let shown =
        text::some(hidden.iter().map(|ioc| format!("{} ({})", text::quoted(&ioc.value), ioc.encoding)), 5);
    let text = format!("{} behind an encoding: {shown}", text::plural(hidden.len() as u64, "indicator"));
    (!hidden.is_empty()).then(|| of_bytes(FindingName::HiddenIndicator, &["ioc", "obfuscation"], 2, 70, text))
}
