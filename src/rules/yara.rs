//! YARA rules, run in-process by boreal over the bytes of the sample.
//!
//! Rules can `import "wasm"`, a module of ours that shows what the static view says. Without it they stay in
//! the common subset that `yr` and `yara` run too. Includes are off. A scan is bounded in time and in matches
//! of one string. Where a bound was met, [`Found`] says so, and rules that depend on it are unknown. Private
//! rules and matches of global rules are not shown.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use boreal::{
    compiler::{CompilerBuilder, CompilerParams},
    module::{Math, Module, ModuleData, ModuleDataMap, ScanContext, StaticValue, String_, Type, Value},
    scanner::{
        CallbackEvents, EvaluatedRule, RuleDetails, ScanCallbackResult, ScanError, ScanEvent, ScanParams,
        Scanner,
    },
};

use super::limits::{YARA_LIST, YARA_MATCHES, YARA_NAMED, YARA_TIME};
use super::{
    Facts,
    problem::{RuleLoadError, Source},
};
use crate::{
    limitation::{Limitation, Named},
    module::view::{Section, Validity, View},
};

/// Compiled YARA rules.
pub(super) struct Rules {
    scanner: Mutex<Scanner>,
    names: BTreeSet<String>,
    /// Those of rules that do not ship, and are not private.
    own: BTreeSet<String>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("names", &self.names).finish_non_exhaustive()
    }
}

/// The names of the rules in a file of ours, which begin lines.
fn named(source: &Source) -> impl Iterator<Item = &str> {
    let rules = source.text.lines().filter_map(|line| {
        let line = line.strip_prefix("private ").unwrap_or(line);
        line.strip_prefix("rule ")
    });
    rules.filter_map(|rest| rest.split([' ', ':', '{']).next())
}

/// A behaviour rule that matches where a YARA rule does. Names of YARA rules are identifiers.
fn behavior(name: &str) -> String {
    format!(
        "rule:\n  meta:\n    name: match the YARA rule {name}\n    namespace: {YARA}\n    authors: [\"{name}\"]\n    \
         description: A YARA rule that was given, and that no behaviour rule asks for.\n    \
         scopes: {{static: file, dynamic: unsupported}}\n    wasm/severity: 0\n  features:\n    - match: yara/{name}\n"
    )
}

/// The namespace of such rules.
pub(crate) const YARA: &str = "yara";

/// What a scan tells, and its bounds. A string at its limit is a fact about rules that do not match, too:
/// `#a > 20000` then cannot be told.
fn scan_params() -> ScanParams {
    let events = CallbackEvents::RULE_MATCH
        | CallbackEvents::RULE_NO_MATCH
        | CallbackEvents::STRING_REACHED_MATCH_LIMIT;
    ScanParams::default()
        .compute_full_matches(true)
        .include_not_matched_rules(true)
        .callback_events(events)
        .timeout_duration(Some(YARA_TIME))
        .string_max_nb_matches(YARA_MATCHES)
        .match_max_length(64)
}

impl Rules {
    /// Compiles rule files. One with a mistake is left out and the mistake noted.
    pub(super) fn compile(sources: &[Source], problems: &mut RuleLoadError) -> Self {
        let mut compiler =
            CompilerBuilder::default().add_module(Wasm).add_module(Math).add_module(String_).build();
        compiler.set_params(CompilerParams::default().disable_includes(true).max_strings_per_rule(1000));
        for source in sources {
            if let Err(error) = compiler.add_rules_str(&*source.text) {
                problems.push(problem(source, &error));
            }
        }
        let mut scanner = compiler.finalize();
        scanner.set_scan_params(scan_params());
        let names = scanner.rules().map(|rule| rule.name.to_owned()).collect();
        let shipped: BTreeSet<_> = sources.iter().filter(|source| source.ships).flat_map(named).collect();
        let is_own = |rule: &RuleDetails<'_>| !rule.is_private && !shipped.contains(rule.name);
        let own = scanner.rules().filter(is_own).map(|rule| rule.name.to_owned()).collect();
        Self { scanner: Mutex::new(scanner), names, own }
    }

    /// Whether there is a rule of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Names of all rules.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Behaviour rules for the rules that do not ship, but for those that `asked` names. A match is shown as
    /// it stands, and says nothing of what the sample is.
    pub(super) fn as_behavior(&self, asked: &BTreeSet<&str>) -> Vec<Source> {
        let unasked = self.own.iter().filter(|name| !asked.contains(name.as_str()));
        unasked.map(|name| Source::new(format!("{name}.yml"), &behavior(name))).collect()
    }

    /// Scans a sample.
    pub(super) fn scan(&self, facts: &Facts<'_>) -> Found {
        self.scan_within(facts, YARA_TIME)
    }

    /// Looks for rules that do not `import "wasm"` in any bytes: names, and offsets of strings. `None` if
    /// that did not come to its end.
    pub(super) fn search(&self, bytes: &[u8]) -> Option<BTreeMap<String, Vec<usize>>> {
        let scanner = self.scanner.lock().ok()?.clone();
        let mut found = Found::default();
        let result = scanner.scan_mem_with_callback(bytes, |event| {
            found.note(event);
            ScanCallbackResult::Continue
        });
        result.is_ok().then_some(found.matches)
    }

    fn scan_within(&self, facts: &Facts<'_>, limit: Duration) -> Found {
        let mut found = Found::default();
        if self.names.is_empty() {
            return found;
        }
        let mut scanner = match self.scanner.lock() {
            Ok(scanner) => scanner.clone(),
            Err(_) => return Found { is_cut: true, ..found },
        };
        let params = scanner.scan_params().clone().timeout_duration(Some(limit));
        scanner.set_scan_params(params);
        scanner.set_module_data::<Wasm>(Shown::of(facts.view));
        let result = scanner.scan_mem_with_callback(facts.wasm, |event| {
            found.note(event);
            ScanCallbackResult::Continue
        });
        // A scan that was cut short has found what it has found.
        found.is_cut = result.is_err();
        found.timed_out = matches!(result, Err(ScanError::Timeout));
        found
    }
}

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The rules that match, each with the offsets of its strings.
    pub(super) matches: BTreeMap<String, Vec<usize>>,
    /// Whether the scan did not come to its end. Then a rule without a match may have one.
    pub(super) is_cut: bool,
    /// Rules with a string that has more matches than are looked for.
    pub(super) cut_rules: BTreeSet<String>,
    timed_out: bool,
}

impl Found {
    fn note(&mut self, event: ScanEvent<'_, '_>) {
        match event {
            ScanEvent::RuleMatch(rule) => {
                self.note_limit(&rule);
                let at = rule
                    .matches
                    .iter()
                    .flat_map(|string| &string.matches)
                    .map(|one| one.base.saturating_add(one.offset));
                let offsets: BTreeSet<usize> = at.collect();
                self.matches.insert(rule.name.to_owned(), offsets.into_iter().collect());
            }
            ScanEvent::RuleNoMatch(rule) => self.note_limit(&rule),
            ScanEvent::StringReachedMatchLimit(string) => {
                self.cut_rules.insert(string.rule_name.to_owned());
            }
            _ => {}
        }
    }

    /// Not every way of searching a string announces the limit.
    fn note_limit(&mut self, rule: &EvaluatedRule<'_>) {
        if rule.matches.iter().any(|string| string.matches.len() >= YARA_MATCHES as usize) {
            self.cut_rules.insert(rule.name.to_owned());
        }
    }

    /// What the bounds left out.
    pub(super) fn limitations(&self) -> Vec<Limitation> {
        let mut limitations = Vec::new();
        if self.is_cut {
            let after = self.timed_out.then_some(YARA_TIME.as_secs());
            limitations.push(Limitation::YaraEnded { after });
        }
        if !self.cut_rules.is_empty() {
            let rules = Named::of(self.cut_rules.iter().map(String::as_str), YARA_NAMED);
            limitations.push(Limitation::YaraCut { counted: YARA_MATCHES, rules });
        }
        limitations
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

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The fields that are integers, in the order of [`INTEGERS`].
fn integers(view: &View) -> Vec<(&'static str, i64)> {
    let memory = view.memories.first();
    let data = view.data.iter().map(|segment| segment.size);
    let code = view.functions.iter().map(|function| u64::from(function.size));
    let values = [
        i64::from(view.validity == Validity::Valid),
        i64::from(view.start.is_some()),
        number(view.imports.len() as u64),
        number(view.exports.len() as u64),
        number(view.functions.len() as u64),
        number(view.sections.len() as u64),
        memory.map_or(0, |memory| number(memory.initial)),
        memory.and_then(|memory| memory.maximum).map_or(-1, number),
        number(data.fold(0, u64::saturating_add)),
        number(code.fold(0, u64::saturating_add)),
        number(view.classes.total),
        number(view.classes.xor),
    ];
    INTEGERS.iter().copied().zip(values).collect()
}

impl Shown {
    fn of(view: &View) -> Self {
        let section = |section: &Section| {
            (section.name.clone(), number(section.offset), number(section.size), section.entropy)
        };
        let imports = view.imports.iter().take(YARA_LIST);
        let producers = view.producers.iter().take(YARA_LIST);
        Self {
            integers: integers(view),
            entropy: view.file.entropy,
            imports: imports.map(|import| (import.module.clone(), import.name.clone())).collect(),
            exports: view.exports.iter().take(YARA_LIST).map(|export| export.name.clone()).collect(),
            sections: view.sections.iter().take(YARA_LIST).map(section).collect(),
            producers: producers.map(|(field, value)| format!("{field}: {value}")).collect(),
        }
    }
}

impl ModuleData for Wasm {
    type PrivateData = ();
    type UserData = Shown;
}

/// Fields that are integers.
const INTEGERS: &[&str; 12] = &[
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

fn text(text: &str) -> Value {
    Value::bytes(text)
}

fn object<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    Value::Object(fields.into())
}

impl Module for Wasm {
    fn get_name(&self) -> &'static str {
        "wasm"
    }

    fn get_static_values(&self) -> HashMap<&'static str, StaticValue> {
        HashMap::new()
    }

    fn get_dynamic_types(&self) -> HashMap<&'static str, Type> {
        let mut types: HashMap<&'static str, Type> =
            INTEGERS.iter().map(|name| (*name, Type::Integer)).collect();
        types.insert("entropy", Type::Float);
        types.insert("imports", Type::array(Type::object([("module", Type::Bytes), ("name", Type::Bytes)])));
        types.insert("exports", Type::array(Type::Bytes));
        types.insert("producers", Type::array(Type::Bytes));
        let section = [
            ("name", Type::Bytes),
            ("offset", Type::Integer),
            ("size", Type::Integer),
            ("entropy", Type::Float),
        ];
        types.insert("sections", Type::array(Type::object(section)));
        types
    }

    fn setup_new_scan(&self, data: &mut ModuleDataMap<'_>) {
        data.insert::<Self>(());
    }

    fn get_dynamic_values(
        &self,
        context: &mut ScanContext<'_, '_, '_>,
        values: &mut HashMap<&'static str, Value>,
    ) {
        let Some(shown) = context.module_data.get_user_data::<Self>() else { return };
        let import =
            |(module, name): &(String, String)| object([("module", text(module)), ("name", text(name))]);
        let section = |(name, offset, size, entropy): &(String, i64, i64, f64)| {
            object([
                ("name", text(name)),
                ("offset", Value::Integer(*offset)),
                ("size", Value::Integer(*size)),
                ("entropy", Value::Float(*entropy)),
            ])
        };
        let texts = |texts: &[String]| Value::Array(texts.iter().map(|one| text(one)).collect());
        values.extend(shown.integers.iter().map(|(name, value)| (*name, Value::Integer(*value))));
        values.insert("entropy", Value::Float(shown.entropy));
        values.insert("imports", Value::Array(shown.imports.iter().map(import).collect()));
        values.insert("exports", texts(&shown.exports));
        values.insert("producers", texts(&shown.producers));
        values.insert("sections", Value::Array(shown.sections.iter().map(section).collect()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(rules: &str, wasm: &[u8], limit: Duration) -> Found {
        let mut problems = RuleLoadError::default();
        let rules = Rules::compile(&[Source::new("a.yar", rules)], &mut problems);
        assert!(problems.is_empty(), "{problems}");
        let view = View::of(wasm);
        let dynamic = crate::passes::Dynamic::default();
        rules.scan_within(
            &Facts { wasm, view: &view, run: None, dynamic: &dynamic, prediction: None, flows: None },
            limit,
        )
    }

    #[test]
    fn a_scan_that_ran_out_of_time_says_so() {
        let slow =
            "rule slow { condition: for all i in (0..filesize * 100000) : ( uint8(i % filesize) != 0x100 ) }";
        let found = scan(slow, b"\0asm\x01\0\0\0", Duration::from_millis(20));
        assert!(found.is_cut && found.timed_out);
        assert_eq!(found.limitations(), [Limitation::YaraEnded { after: Some(5) }]);
    }

    #[test]
    fn a_string_beyond_its_limit_says_so() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([b'x'; 10_100]);
        let rules = "rule many { strings: $a = \"x\" condition: #a > 10050 }
            rule pattern { strings: $a = /[w-y]/ condition: #a > 10050 }
            rule few { strings: $a = \"asm\" condition: $a }";
        let found = scan(rules, &wasm, YARA_TIME);
        assert_eq!(found.cut_rules.iter().map(String::as_str).collect::<Vec<_>>(), ["many", "pattern"]);
        assert_eq!(found.matches.keys().collect::<Vec<_>>(), ["few"]);
        let named = Named::of(["many", "pattern"].into_iter(), 3);
        assert_eq!(found.limitations(), [Limitation::YaraCut { counted: 10_000, rules: named }]);
        assert!(scan(rules, &wasm[..100], YARA_TIME).limitations().is_empty());
    }
}
