//! The tables of `rules/verdict.toml`: weights, thresholds, names.
//!
//! The file is part of the program. A key that is missing, misspelt or too many is an error of the build's
//! tests, not of a run.
//!
//! Not here: what is added up (`decide`).

use std::{collections::BTreeMap, ops::Deref, sync::LazyLock};

use serde::Deserialize;

use super::{
    names::{CorrelationName, FindingName, ImportUse},
    words::words_of,
};
use crate::{
    module::view::{AnomalyKind, IocKind},
    rules::{Facts, Family},
};

/// `rules/verdict.toml` as `build.rs` read it.
const SHIPPED: &str = include_str!(concat!(env!("OUT_DIR"), "/verdict.json"));

static BUILTIN: LazyLock<Weights> =
    LazyLock::new(|| serde_json::from_str(SHIPPED).expect("rules/verdict.toml is tested"));

/// What evidence weighs: weights, thresholds and names, as `rules/verdict.toml` has them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub(super) class: ClassTable,
    pub(super) rule: RuleTable,
    #[serde(rename = "namespace")]
    namespaces: Vec<Namespace>,
    pub(super) correlations: BTreeMap<CorrelationName, CorrelationWeight>,
    pub(super) findings: FindingTable,
    pub(super) family: FamilyTable,
    /// Family → strings.
    pub(super) strings: BTreeMap<Family, Vec<String>>,
    pub(super) calls: CallTable,
    /// Category → exact names.
    pub(super) imports: BTreeMap<ImportUse, ImportCategory>,
    /// What a host function does to the world → names without leading underscores.
    pub(super) effects: BTreeMap<String, Vec<String>>,
    /// The same → words of names that people give to such functions.
    pub(super) effect_words: BTreeMap<String, Vec<String>>,
    /// Kind of indicator → severity.
    pub(super) ioc: BTreeMap<IocKind, u8>,
    pub(super) names: NameTable,
    pub(super) threshold: Threshold,
}

/// What each class needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassTable {
    pub(super) malicious: u8,
    pub(super) suspicious: u8,
    pub(super) potentially_unwanted: u8,
    pub(super) strong_severity: u8,
    pub(super) strong_confidence: u8,
    pub(super) independent_static: usize,
    pub(super) unexplained_instructions: u64,
    pub(super) unexplained_asked_instructions: u64,
    pub(super) unexplained_asked_share: f64,
    pub(super) unexplained_given_instructions: u64,
    pub(super) unexplained_bit_share: f64,
    pub(super) decisive: Vec<String>,
    pub(super) decisive_effects: Vec<String>,
    pub(super) idle: Vec<String>,
    pub(super) harmless_scripts: Vec<String>,
    pub(super) kept: Vec<String>,
    pub(super) persisting: Vec<String>,
    pub(super) large_bytes: usize,
}

/// What a rule weighs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTable {
    pub(super) severity: [f64; 4],
    pub(super) dynamic_factor: f64,
    pub(super) implied_factor: f64,
    pub(super) attempt_factor: f64,
    pub(super) driven_factor: f64,
    pub(super) decay: f64,
    pub(super) cap: f64,
}

/// What the namespace of a rule makes of its weight.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Namespace {
    prefix: String,
    pub(super) factor: f64,
    pub(super) cap: f64,
    pub(super) hostile: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrelationWeight {
    pub(super) weight: f64,
    pub(super) family: Option<Family>,
    /// Whether it can make a sample suspicious, as a rule can that rests on more than words.
    #[serde(default)]
    pub(super) hostile: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingTable {
    pub(super) cap: f64,
    pub(super) weight: BTreeMap<FindingName, f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyTable {
    pub(super) minimum: f64,
    pub(super) names: Vec<Family>,
    /// Family → what another must touch to become it.
    pub(super) becomes: BTreeMap<Family, Becomes>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Becomes {
    pub(super) from: Family,
    pub(super) namespaces: Vec<String>,
    pub(super) imports: Vec<String>,
}

/// Host functions by what they do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallTable {
    pub(super) clock: Vec<String>,
    pub(super) read_file: Vec<String>,
    pub(super) read_other: Vec<String>,
    pub(super) glue: Vec<String>,
    pub(super) send: Vec<String>,
    pub(super) environment: Vec<String>,
    /// Functions of WASI by which a value leaves the sandbox.
    pub(super) telling: Vec<String>,
    /// Functions of runtimes that take nothing out of the sample.
    pub(super) inner: Vec<String>,
    /// Functions of which it is known what they do, and no harm in it.
    pub(super) known: Vec<String>,
    pub(super) removing: Vec<String>,
    pub(super) opening: Vec<String>,
    /// Functions that say what machine it is, or give chance.
    pub(super) surroundings: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportCategory {
    pub(super) severity: u8,
    pub(super) names: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameTable {
    pub(super) exports: Vec<String>,
    pub(super) sections: Vec<String>,
    pub(super) anomalies: Vec<AnomalyKind>,
    pub(super) hidden: Vec<String>,
}

/// From where on a fact is a finding.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Threshold {
    pub(super) entropy_section: f64,
    pub(super) entropy_data: f64,
    pub(super) entropy_data_bytes: u64,
    pub(super) entropy_custom: f64,
    pub(super) memory_pages: u64,
    pub(super) element_segments: usize,
    pub(super) nop_run: u32,
    pub(super) xor_function: u64,
    pub(super) huge_function_bytes: u32,
    pub(super) cyclomatic: u32,
    pub(super) dead_functions: usize,
    pub(super) suspicious_function: u32,
    pub(super) runtime_xor: u64,
    pub(super) runtime_growths: u64,
    pub(super) runtime_refused: u64,
    pub(super) runtime_volume: u64,
    pub(super) clock_reads: u64,
    pub(super) long_sleep_seconds: u64,
    pub(super) files_deleted: usize,
    pub(super) encrypted_entropy: f64,
    pub(super) encrypted_rise: f64,
    pub(super) files_encrypted: usize,
    pub(super) exit_instructions: u64,
    pub(super) hammering_calls: u64,
    pub(super) hostile_calls: f64,
    pub(super) hostile_calls_margin: f64,
    pub(super) low_coverage: f64,
    pub(super) fanout: usize,
    pub(super) confirmed_static_xor: u64,
    pub(super) confirmed_runtime_xor: u64,
    pub(super) mining_runtime_xor: u64,
    pub(super) mining_load_instructions: u64,
    pub(super) mining_load_share: f64,
    pub(super) hot_loop_share: f64,
    pub(super) hot_loop_iterations: u64,
    pub(super) hot_function_share: f64,
    pub(super) time_check_iterations: u64,
    pub(super) unseen_windows: u64,
    pub(super) unseen_window_share: f64,
    pub(super) unseen_mixing_share: f64,
    pub(super) mixing_instructions: u64,
    pub(super) mixing_share: f64,
    pub(super) mixing_static_share: f64,
    pub(super) mixing_bit_share: f64,
    pub(super) interpreted_share: f64,
}

/// What is wrong with a file of weights, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct WeightsError(#[from] toml::de::Error);

/// Facts, and the weights that they are judged by: those that ship, where only facts are given.
///
/// ```
/// use wasmspoor::{module::view::View, passes::Dynamic, rules::Facts, verdict::{self, Weighed, Weights}};
///
/// let wasm = b"\0asm\x01\0\0\0";
/// let (view, dynamic) = (View::of(wasm), Dynamic::default());
/// let facts = Facts { wasm, view: &view, run: None, dynamic: &dynamic, prediction: None, flows: None };
/// assert!(verdict::findings(&facts).is_empty());
/// let weights = Weights::builtin().clone();
/// assert!(verdict::findings(Weighed::new(&facts, &weights)).is_empty());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Weighed<'a> {
    facts: &'a Facts<'a>,
    pub(super) weights: &'a Weights,
    /// A rule with weight that was not evaluated to its end.
    pub(super) unfinished: Option<&'a str>,
}

impl<'a> Weighed<'a> {
    /// Lets `facts` be judged by `weights`.
    pub fn new(facts: &'a Facts<'a>, weights: &'a Weights) -> Self {
        Self { facts, weights, unfinished: None }
    }

    /// Says that this rule, which has weight, was not evaluated to its end: then nothing is CLEAN.
    pub fn unfinished(mut self, rule: Option<&'a str>) -> Self {
        self.unfinished = rule;
        self
    }
}

impl<'a> From<&'a Facts<'a>> for Weighed<'a> {
    fn from(facts: &'a Facts<'a>) -> Self {
        Self::new(facts, Weights::builtin())
    }
}

impl<'a> Deref for Weighed<'a> {
    type Target = Facts<'a>;

    fn deref(&self) -> &Self::Target {
        self.facts
    }
}

impl Weights {
    /// Those that ship with wasmspoor.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a file such as `rules/verdict.toml`, of which every key must be there.
    ///
    /// # Errors
    ///
    /// If it is not TOML, or a key is missing, misspelt or too many.
    pub fn parse(text: &str) -> Result<Self, WeightsError> {
        Ok(toml::from_str(text)?)
    }

    /// The family that `family` is a narrower kind of, or itself.
    pub(super) fn base_family(&self, family: Family) -> Family {
        self.family.becomes.get(&family).map_or(family, |becomes| becomes.from)
    }

    /// The effect of a host function on the world, in a word of the file, if it has any.
    pub(super) fn effect(&self, module: &str, name: &str) -> Option<&str> {
        self.named_effect(module, name).or_else(|| self.effect_by_words(module, name))
    }

    /// The same of one whose name is known.
    pub(super) fn named_effect(&self, module: &str, name: &str) -> Option<&str> {
        let name = name.trim_start_matches('_');
        let full = format!("{module}.{name}");
        let is_of = |names: &[String]| listed(names, name) || listed(names, &full);
        self.effects.iter().find(|(_, names)| is_of(names)).map(|(kind, _)| kind.as_str())
    }

    /// The same for a function of somebody's own host, by the words of its name.
    pub(super) fn effect_by_words(&self, module: &str, name: &str) -> Option<&str> {
        let name = name.trim_start_matches('_');
        // Glue of a toolchain has words in its names that say nothing of this kind.
        let is_glue = || crate::sandbox::is_of_wasi(module) || listed(&self.calls.glue, name);
        let says = |words: &[String]| words_of(name).any(|word| words.contains(&word));
        let found = self.effect_words.iter().filter(|_| !is_glue()).find(|(_, words)| says(words));
        found.map(|(kind, _)| kind.as_str())
    }

    /// The entry with the longest prefix of `namespace`; the one with the empty prefix is always there.
    pub(super) fn namespace(&self, namespace: &str) -> Option<&Namespace> {
        let fits = |entry: &&Namespace| in_namespace(namespace, &entry.prefix);
        self.namespaces.iter().filter(fits).max_by_key(|entry| entry.prefix.len())
    }
}

/// Whether `namespace` is `prefix` or lies in it.
pub(super) fn in_namespace(namespace: &str, prefix: &str) -> bool {
    match namespace.strip_prefix(prefix) {
        Some(rest) => prefix.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// Whether `name` is in a list of names, in which a name that ends in `*` is a prefix.
pub(super) fn listed(names: &[String], name: &str) -> bool {
    names.iter().any(|entry| match entry.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => entry == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../rules/verdict.toml");

    #[test]
    fn what_the_build_read_is_what_the_file_says() {
        let parsed = Weights::parse(TEXT).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(format!("{parsed:?}"), format!("{:?}", Weights::builtin()));
    }

    #[test]
    fn the_file_reads_and_its_numbers_make_sense() {
        let weights = Weights::parse(TEXT).unwrap_or_else(|error| panic!("{error}"));
        let class = &weights.class;
        assert!(class.malicious > class.suspicious && class.suspicious > class.potentially_unwanted);
        assert!(weights.rule.severity.is_sorted() && weights.rule.severity[0] == 0.0);
        assert!((0.0..1.0).contains(&weights.rule.decay) && weights.rule.dynamic_factor > 1.0);
        assert!(weights.namespaces.iter().any(|entry| entry.prefix.is_empty()), "there must be a default");
        let caps =
            weights.namespaces.iter().map(|entry| entry.cap).chain([weights.rule.cap, weights.findings.cap]);
        assert!(caps.into_iter().all(|cap| (0.0..=95.0).contains(&cap)));
        let families = weights
            .correlations
            .values()
            .filter_map(|entry| entry.family.as_ref())
            .chain(weights.strings.keys());
        for family in families.chain(weights.family.becomes.values().map(|becomes| &becomes.from)) {
            assert!(weights.family.names.contains(family), "{family} is no family");
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let text = TEXT.replacen("dynamic_factor", "dynamik_factor", 1);
        assert!(Weights::parse(&text).is_err());
    }

    #[test]
    fn a_misspelt_word_is_an_error() {
        for (word, wrong) in [
            ("NOP_SLED =", "NOP_SLEDGE ="),
            ("CARVED_MODULE =", "CARVED_MODUL ="),
            ("family = \"miner\"", "family = \"minor\""),
            ("[family.becomes.cryptojacker]", "[family.becomes.cryptohacker]"),
            ("onion =", "onions ="),
            ("\"padded_leb\"", "\"paded_leb\""),
            ("[imports.exec]", "[imports.exek]"),
        ] {
            let text = TEXT.replacen(word, wrong, 1);
            assert_ne!(text, TEXT, "{word}");
            assert!(Weights::parse(&text).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_weights_give_other_findings_and_verdicts() {
        use crate::{module::view::View, passes::Dynamic, verdict};
        let wasm = wat::parse_str("(module (memory 4000))").expect("a module");
        let (view, dynamic) = (View::of(&wasm), Dynamic::default());
        let facts =
            Facts { wasm: &wasm, view: &view, run: None, dynamic: &dynamic, prediction: None, flows: None };
        let is_large = |weighed: Weighed<'_>| {
            verdict::findings(weighed).iter().any(|finding| finding.name == FindingName::MemoryInitial)
        };
        let mut weights = Weights::builtin().clone();
        weights.threshold.memory_pages = 3999;
        assert!(is_large(Weighed::new(&facts, &weights)));
        weights.threshold.memory_pages = 4000;
        assert!(!is_large(Weighed::new(&facts, &weights)));
        weights.class.potentially_unwanted = 0;
        let decided = |weights| verdict::decide(Weighed::new(&facts, weights), &[], &[], &[]).class;
        assert_eq!(decided(&weights), verdict::Class::PotentiallyUnwanted);
        assert_eq!(decided(Weights::builtin()), verdict::Class::Undecided);
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_slash() {
        let weights = Weights::builtin();
        assert!(weights.namespace("impact/cryptomining").is_some_and(|entry| entry.hostile));
        assert!(weights.namespace("impactful").is_some_and(|entry| !entry.hostile));
        assert!(weights.namespace("").is_some());
    }

    #[test]
    fn names_are_compared_whole() {
        let names = ["bind".to_owned(), "_emscripten_asm_const_*".to_owned()];
        for (name, expected) in [
            ("bind", true),
            ("__wbindgen_throw", false),
            ("_emscripten_asm_const_ii", true),
            ("binding", false),
        ] {
            assert_eq!(listed(&names, name), expected, "{name}");
        }
    }
}
