//! The ATT&CK table of a verdict: what the rules name, with names and tactics looked up by id.
//!
//! ATT&CK moves techniques between tactics from version to version, so a rule's own words are used only for
//! an id that `rules/attack.toml` does not know.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::Technique;
use crate::rules::Match;

/// `rules/attack.toml` as `build.rs` read it.
const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/attack.json"));

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(TEXT).expect("rules/attack.toml is tested"));

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: String,
    #[serde(rename = "domain")]
    _domain: String,
    tactics: Vec<String>,
    technique: BTreeMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    tactics: Vec<String>,
}

/// A reference as rules write it: `Tactic::Technique::Sub-technique [T1496.001]`.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    tactic: &'a str,
    technique: &'a str,
    id: &'a str,
}

/// The version of ATT&CK that names and tactics are of.
pub fn attack_version() -> &'static str {
    &TABLE.version
}

/// Whether `id` is a technique that `rules/attack.toml` knows.
pub fn knows_technique(id: &str) -> bool {
    TABLE.technique.contains_key(id)
}

/// The techniques that `rules` name, in the order of the matrix.
pub(super) fn techniques(rules: &[Match]) -> Vec<Technique> {
    let mut found: BTreeMap<(usize, String), Technique> = BTreeMap::new();
    for rule in rules {
        for reference in rule.attack.iter().filter_map(|text| parse(text)) {
            let (position, tactic) = TABLE.tactic(&reference);
            let technique = found.entry((position, reference.id.to_owned())).or_insert_with(|| Technique {
                tactic,
                technique: TABLE.name(&reference),
                id: reference.id.to_owned(),
                rules: Vec::new(),
            });
            technique.rules.push(rule.name.clone());
        }
    }
    let mut techniques: Vec<_> = found.into_values().collect();
    for technique in &mut techniques {
        technique.rules.sort();
        technique.rules.dedup();
    }
    techniques
}

fn parse(text: &str) -> Option<Reference<'_>> {
    let (words, rest) = text.rsplit_once('[')?;
    let id = rest.trim_end().strip_suffix(']')?.trim();
    let (tactic, technique) = words.trim().split_once("::").unwrap_or(("", words.trim()));
    Some(Reference { tactic: tactic.trim(), technique: technique.trim(), id })
}

impl Table {
    /// The tactic of a reference, and its position in the matrix: the rule's own if the technique has it,
    /// else the first of the technique.
    fn tactic(&self, reference: &Reference<'_>) -> (usize, String) {
        let known = self.technique.get(reference.id);
        let own = |entry: &&Entry| entry.tactics.iter().any(|tactic| tactic == reference.tactic);
        let tactic = match known {
            Some(entry) if !own(&entry) => entry.tactics.first().map_or(reference.tactic, String::as_str),
            _ => reference.tactic,
        };
        let position = self.tactics.iter().position(|name| name == tactic).unwrap_or(self.tactics.len());
        (position, tactic.to_owned())
    }

    /// The name of a technique, a sub-technique after its parent.
    fn name(&self, reference: &Reference<'_>) -> String {
        let Some(entry) = self.technique.get(reference.id) else { return reference.technique.to_owned() };
        let parent = reference.id.split_once('.').and_then(|(parent, _)| self.technique.get(parent));
        match parent {
            Some(parent) => format!("{}::{}", parent.name, entry.name),
            None => entry.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::tests::rule;

    #[test]
    fn the_table_reads_and_hangs_together() {
        let table = &*TABLE;
        for (id, entry) in &table.technique {
            assert!(
                !entry.tactics.is_empty()
                    && entry.tactics.iter().all(|tactic| table.tactics.contains(tactic)),
                "{id}"
            );
            if let Some((parent, _)) = id.split_once('.') {
                assert!(table.technique.contains_key(parent), "{id} without {parent}");
            }
        }
    }

    #[test]
    fn references_are_read_and_names_and_tactics_looked_up() {
        let mut miner = rule("mine", "impact/cryptomining", 3, true);
        miner.attack = vec!["Impact::Resource Hijacking [T1496.001]".into(), "not a reference".into()];
        let mut other = rule("wait", "anti-analysis", 1, true);
        other.attack =
            vec!["Stealth::Delay Execution [T1678]".into(), "Impact::Compute Hijacking [T1496.001]".into()];
        let mut unknown = rule("new", "impact", 1, true);
        unknown.attack = vec!["Impact::Something New [T9999]".into()];
        let table = techniques(&[miner, other, unknown]);
        let rows: Vec<_> = table
            .iter()
            .map(|t| (t.tactic.as_str(), t.technique.as_str(), t.id.as_str(), t.rules.len()))
            .collect();
        assert_eq!(
            rows,
            [
                ("Defense Evasion", "Delay Execution", "T1678", 1),
                ("Impact", "Resource Hijacking::Compute Hijacking", "T1496.001", 2),
                ("Impact", "Something New", "T9999", 1),
            ]
        );
        assert!(knows_technique("T1486") && !knows_technique("T9999") && attack_version() == "18");
    }
}
