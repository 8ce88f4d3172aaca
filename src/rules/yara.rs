//! YARA rules, run in-process by boreal over the bytes of the sample.
//!
//! Rules can `import "wasm"`, a module of ours that shows what the static view says; without it they stay in the common subset that `yr` and
//! `yara` run too. Includes are off. A scan is bounded in time and in matches kept; private rules and matches of global rules are not shown.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use boreal::{
    compiler::{CompilerBuilder, CompilerParams},
    module::{Math, Module, ModuleData, ModuleDataMap, ScanContext, StaticValue, String_, Type, Value},
    scanner::{ScanParams, Scanner},
};

use super::{
    Facts,
    problem::{LoadError, Source},
};
use crate::module::view::View;

/// Longest scan. Only a rule with a quadratic condition on a large sample comes near.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// Matches of one string that are kept.
const MAX_MATCHES: u32 = 1000;

/// Compiled YARA rules.
pub(super) struct Rules {
    scanner: Mutex<Scanner>,
    names: BTreeSet<String>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Rules {
    /// Compiles rule files. One with a mistake is left out and the mistake noted.
    pub(super) fn compile(sources: &[Source], problems: &mut LoadError) -> Self {
        let mut compiler = CompilerBuilder::default().add_module(Wasm).add_module(Math).add_module(String_).build();
        compiler.set_params(CompilerParams::default().disable_includes(true).max_strings_per_rule(1000));
        for source in sources {
            if let Err(error) = compiler.add_rules_str(&*source.text) {
                problems.push(problem(source, &error));
            }
        }
        let mut scanner = compiler.finalize();
        scanner.set_scan_params(
            ScanParams::default()
                .compute_full_matches(true)
                .timeout_duration(Some(TIME_LIMIT))
                .string_max_nb_matches(MAX_MATCHES)
                .match_max_length(64),
        );
        let names = scanner.rules().map(|rule| rule.name.to_owned()).collect();
        Self { scanner: Mutex::new(scanner), names }
    }

    /// Whether there is a rule of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Names of all rules.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The rules that match, each with the offsets of its strings.
    pub(super) fn scan(&self, facts: &Facts<'_>) -> BTreeMap<String, Vec<usize>> {
        if self.names.is_empty() {
            return BTreeMap::new();
        }
        let mut scanner = match self.scanner.lock() {
            Ok(scanner) => scanner.clone(),
            Err(_) => return BTreeMap::new(),
        };
        scanner.set_module_data::<Wasm>(Shown::of(facts.view));
        // A scan that was cut short has found what it has found.
        let result = match scanner.scan_mem(facts.wasm) {
            Ok(result) => result,
            Err((_, result)) => result,
        };
        let mut matches = BTreeMap::new();
        for rule in &result.rules {
            let found = rule.matches.iter().flat_map(|string| &string.matches).map(|one| one.base.saturating_add(one.offset));
            let offsets: BTreeSet<usize> = found.collect();
            matches.insert(rule.name.to_owned(), offsets.into_iter().collect());
        }
        matches
    }
}

fn problem(source: &Source, error: &boreal::compiler::AddRuleError) -> super::problem::Problem {
    let diagnostic = error.to_diagnostic();
    let label = diagnostic.labels.first();
    let span = label.map_or(0..1, |label| label.range.clone());
    let help = label.map(|label| label.message.clone()).filter(|message| !message.is_empty());
    source.problem_at(span, format!("YARA: {}", diagnostic.message), help)
}

/// The module `wasm` for YARA rules.
struct Wasm;

/// What the module shows of a sample.
struct Shown {
    integers: Vec<(&'static str, i64)>,
    entropy: f64,
    imports: Vec<(String, String)>,
    exports: Vec<String>,
    sections: Vec<(String, i64, i64, f64)>,
    producers: Vec<String>,
}

/// Elements of a list that YARA rules see.
const MAX_LIST: usize = 10_000;

impl Shown {
    fn of(view: &View) -> Self {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let memory = view.memories.first();
        Self {
            integers: vec![
                ("is_valid", i64::from(view.validity == crate::module::view::Validity::Valid)),
                ("has_start", i64::from(view.start.is_some())),
                ("number_of_imports", number(view.imports.len() as u64)),
                ("number_of_exports", number(view.exports.len() as u64)),
                ("number_of_functions", number(view.functions.len() as u64)),
                ("number_of_sections", number(view.sections.len() as u64)),
                ("memory_initial", memory.map_or(0, |memory| number(memory.initial))),
                ("memory_maximum", memory.and_then(|memory| memory.maximum).map_or(-1, number)),
                ("data_size", number(view.data.iter().map(|segment| segment.size).fold(0, u64::saturating_add))),
                (
                    "code_size",
                    number(view.functions.iter().map(|function| u64::from(function.size)).fold(0, u64::saturating_add)),
                ),
                ("instructions", number(view.classes.total)),
                ("xor", number(view.classes.xor)),
            ],
            entropy: view.file.entropy,
            imports: view.imports.iter().take(MAX_LIST).map(|import| (import.module.clone(), import.name.clone())).collect(),
            exports: view.exports.iter().take(MAX_LIST).map(|export| export.name.clone()).collect(),
            sections: view
                .sections
                .iter()
                .take(MAX_LIST)
                .map(|section| (section.name.clone(), number(section.offset), number(section.size), section.entropy))
                .collect(),
            producers: view.producers.iter().take(MAX_LIST).map(|(field, value)| format!("{field}: {value}")).collect(),
        }
    }
}

impl ModuleData for Wasm {
    type PrivateData = ();
    type UserData = Shown;
}

/// Fields that are integers.
const INTEGERS: &[&str] = &[
    "is_valid",
    "has_start",
    "number_of_imports",
    "number_of_exports",
    "number_of_functions",
    "number_of_sections",
    "memory_initial",
    "memory_maximum",
    "data_size",
    "code_size",
    "instructions",
    "xor",
];

impl Module for Wasm {
    fn get_name(&self) -> &'static str {
        "wasm"
    }

    fn get_static_values(&self) -> HashMap<&'static str, StaticValue> {
        HashMap::new()
    }

    fn get_dynamic_types(&self) -> HashMap<&'static str, Type> {
        let mut types: HashMap<&'static str, Type> = INTEGERS.iter().map(|name| (*name, Type::Integer)).collect();
        types.insert("entropy", Type::Float);
        types.insert("imports", Type::array(Type::object([("module", Type::Bytes), ("name", Type::Bytes)])));
        types.insert("exports", Type::array(Type::Bytes));
        types.insert("producers", Type::array(Type::Bytes));
        let section = [("name", Type::Bytes), ("offset", Type::Integer), ("size", Type::Integer), ("entropy", Type::Float)];
        types.insert("sections", Type::array(Type::object(section)));
        types
    }

    fn setup_new_scan(&self, data: &mut ModuleDataMap<'_>) {
        data.insert::<Self>(());
    }

    fn get_dynamic_values(&self, context: &mut ScanContext<'_, '_, '_>, values: &mut HashMap<&'static str, Value>) {
        let Some(shown) = context.module_data.get_user_data::<Self>() else { return };
        values.extend(shown.integers.iter().map(|(name, value)| (*name, Value::Integer(*value))));
        values.insert("entropy", Value::Float(shown.entropy));
        let import = |(module, name): &(String, String)| {
            Value::Object([("module", Value::bytes(module.as_str())), ("name", Value::bytes(name.as_str()))].into())
        };
        values.insert("imports", Value::Array(shown.imports.iter().map(import).collect()));
        values.insert("exports", Value::Array(shown.exports.iter().map(|name| Value::bytes(name.as_str())).collect()));
        values.insert("producers", Value::Array(shown.producers.iter().map(|text| Value::bytes(text.as_str())).collect()));
        let section = |(name, offset, size, entropy): &(String, i64, i64, f64)| {
            let fields = [
                ("name", Value::bytes(name.as_str())),
                ("offset", Value::Integer(*offset)),
                ("size", Value::Integer(*size)),
                ("entropy", Value::Float(*entropy)),
            ];
            Value::Object(fields.into())
        };
        values.insert("sections", Value::Array(shown.sections.iter().map(section).collect()));
    }
}
