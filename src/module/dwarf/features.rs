//! What debug information consists of, counted: entries by their tag, attributes by their name, units by
//! language, compiler and version.
//!
//! Studies tell programs apart by such counts (Helpa et al., SECRYPT 2024). They say what the source was made
//! of, not what it does, and whoever made the sample chose them.

use std::collections::{BTreeMap, HashMap};

use gimli::{Abbreviations, DwAt, DwLang, DwTag};
use schemars::JsonSchema;
use serde::Serialize;

use crate::module::limits::DEBUG_PRODUCERS;

/// Counts of what debug information consists of, as far as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct DebugFeatures {
    /// Units of compilation.
    pub units: u64,
    /// Units by version of DWARF.
    pub versions: BTreeMap<String, u64>,
    /// Units by language, such as `C_plus_plus_14`.
    pub languages: BTreeMap<String, u64>,
    /// Units by compiler, as it names itself; of more than 16 the rest stands under `others`.
    pub producers: BTreeMap<String, u64>,
    /// Entries by their tag, such as `subprogram`; those of no known tag stand under `others`.
    pub entries: BTreeMap<String, u64>,
    /// Attributes by their name, such as `decl_line`; those of no known name stand under `others`.
    pub attributes: BTreeMap<String, u64>,
    /// Source files.
    pub files: u64,
    /// Rows of the line tables.
    pub lines: u64,
    /// Whether part of it was not read.
    pub is_cut: bool,
}

/// What is not told apart.
const OTHERS: &str = "others";

/// Counts while entries are read.
#[derive(Debug, Default)]
pub(super) struct Counter {
    /// Of the unit: abbreviation → entries.
    ///
    /// PERF: what an entry consists of is known of its abbreviation, so that attributes are counted once for
    /// each of these.
    uses: HashMap<u64, u64>,
    tags: BTreeMap<u16, u64>,
    names: BTreeMap<u16, u64>,
    features: DebugFeatures,
}

impl Counter {
    /// An entry with this abbreviation.
    pub(super) fn entry(&mut self, code: u64) {
        *self.uses.entry(code).or_default() += 1;
    }

    /// What a unit says of itself.
    pub(super) fn root(&mut self, language: Option<DwLang>, producer: Option<String>) {
        if let Some(language) = language {
            let name = language.static_string().and_then(|name| name.strip_prefix("DW_LANG_"));
            add(&mut self.features.languages, name.unwrap_or(OTHERS));
        }
        if let Some(producer) = producer {
            let producers = &mut self.features.producers;
            let is_known = producers.len() < DEBUG_PRODUCERS || producers.contains_key(&producer);
            add(producers, if is_known { &producer } else { OTHERS });
        }
    }

    /// A unit was read, or as far as it could be.
    pub(super) fn unit(&mut self, version: u16, abbreviations: &Abbreviations) {
        self.features.units += 1;
        add(&mut self.features.versions, &version.to_string());
        for (code, count) in self.uses.drain() {
            let Some(abbreviation) = abbreviations.get(code) else { continue };
            *self.tags.entry(abbreviation.tag().0).or_default() += count;
            for attribute in abbreviation.attributes() {
                *self.names.entry(attribute.name().0).or_default() += count;
            }
        }
    }

    pub(super) fn finish(self) -> DebugFeatures {
        let tag = |tag: u16| DwTag(tag).static_string().and_then(|name| name.strip_prefix("DW_TAG_"));
        let name = |name: u16| DwAt(name).static_string().and_then(|name| name.strip_prefix("DW_AT_"));
        DebugFeatures { entries: named(self.tags, tag), attributes: named(self.names, name), ..self.features }
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => _ = counts.insert(name.to_owned(), 1),
    }
}

/// Counts by name; those without one together.
fn named(counts: BTreeMap<u16, u64>, name: impl Fn(u16) -> Option<&'static str>) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (number, count) in counts {
        *all.entry(name(number).unwrap_or(OTHERS).to_owned()).or_default() += count;
    }
    all
}
