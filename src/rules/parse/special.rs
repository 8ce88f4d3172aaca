//! The features of the superset, `wasm/…`.

use std::{collections::BTreeSet, sync::LazyLock};

use crate::rules::{
    metric::METRICS,
    places::PLACES,
    rule::{
        COMPARISONS, Comparison, Crypto, Feature, FileFeature, FlowFeature, Measure, Name, NumberTest,
        Pattern, ReturnedFeature, Sequence, Step,
    },
};

use crate::{
    module::view::{AnomalyKind, IocKind},
    passes::flows::given,
    sandbox::{ChangeKind, Contents},
    values::taint::SourceKind,
};

use super::limits::MAX_STEPS;
use super::{Node, Pairs, Parser, Value, get};

/// What the static view looks for.
const CONSTANTS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/crypto-constants.toml"));

/// Names of algorithms, and classes of them, as they stand there.
pub(in crate::rules) static ALGORITHMS: LazyLock<Vec<&str>> = LazyLock::new(|| values_of("algorithm"));
pub(in crate::rules) static CLASSES: LazyLock<Vec<&str>> = LazyLock::new(|| values_of("class"));

/// The different values of a field of the table of constants, in order.
fn values_of(field: &str) -> Vec<&'static str> {
    let value = |line: &'static str| line.strip_prefix(field)?.trim().strip_prefix("= \"")?.strip_suffix('"');
    CONSTANTS.lines().filter_map(value).collect::<BTreeSet<_>>().into_iter().collect()
}

impl Parser<'_> {
    /// The feature `wasm/NAME`.
    pub(super) fn special(&self, key: &Node, name: &str, value: &Node) -> Option<Feature> {
        match name {
            "metric" => self.metric(value),
            "sequence" => self.sequence(value).map(|sequence| Feature::Sequence(Box::new(sequence))),
            "crypto" => self.crypto(value).map(Feature::Crypto),
            "ioc" => self.ioc(value),
            "anomaly" => self
                .one_of(value, "anomaly", AnomalyKind::ALL, |kind| kind.as_str())
                .map(|kind| Feature::Anomaly(*kind)),
            "file" => self.file(value).map(Feature::File),
            "returned" => self.returned(value).map(Feature::Returned),
            "flow" => self.flow(value).map(|flow| Feature::Flow(Box::new(flow))),
            _ => {
                let known = [
                    "metric", "sequence", "crypto", "ioc", "anomaly", "file", "returned", "flow", "function",
                    "loop",
                ];
                self.wrong(&key.span, format!("unknown feature `wasm/{name}`"), super::closest(name, known))
            }
        }
    }

    fn metric(&self, node: &Node) -> Option<Feature> {
        if let Value::Text(text) = &node.value {
            return self.wrong(&node.span, "here a map is expected, not a text", Some(metric_form(text)));
        }
        let pairs = self.map(node)?;
        self.only(pairs, &["name", "op", "value"]);
        let metric = self
            .required(node, pairs, "name")
            .and_then(|node| self.one_of(node, "metric", METRICS, |metric| metric.name));
        let op = self.required(node, pairs, "op").and_then(|node| self.comparison(node));
        let value = self.required(node, pairs, "value").and_then(|node| self.float(node));
        Some(Feature::Metric(Measure { metric: metric?, op: op?, value: value? }))
    }

    fn comparison(&self, node: &Node) -> Option<Comparison> {
        self.one_of(node, "comparison", COMPARISONS, |(name, _)| name).map(|(_, op)| *op)
    }

    /// A list of steps, or a map with `steps`, `times` and `within`.
    fn sequence(&self, node: &Node) -> Option<Sequence> {
        let (list, times, within) = match &node.value {
            Value::Map(pairs) => {
                self.only(pairs, &["steps", "times", "within"]);
                let times = get(pairs, "times").and_then(|node| self.positive(node)).unwrap_or(1);
                let within = get(pairs, "within").and_then(|node| self.positive(node));
                (self.required(node, pairs, "steps")?, times, within)
            }
            _ => (node, 1, None),
        };
        let items = self.list(list)?;
        if items.is_empty() || items.len() > MAX_STEPS {
            return self.wrong(&list.span, format!("a sequence has 1 to {MAX_STEPS} steps"), None);
        }
        let steps: Vec<Step> = items.iter().filter_map(|item| self.step(item)).collect();
        (steps.len() == items.len()).then_some(Sequence {
            steps,
            times,
            within: within.map(|within| within as usize),
        })
    }

    fn positive(&self, node: &Node) -> Option<u64> {
        match self.integer(node)? {
            value @ 1..=1_000_000 => Some(value as u64),
            value => self.wrong(&node.span, format!("{value} is not from 1 to 1000000"), None),
        }
    }

    /// Names of calls: one, or a list.
    fn call_names(&self, node: &Node) -> Option<Vec<Name>> {
        let names: Vec<Name> = match &node.value {
            Value::List(items) => items.iter().filter_map(|item| self.name(item)).collect(),
            _ => self.name(node).into_iter().collect(),
        };
        if names.is_empty() {
            return self.wrong(&node.span, "the name of a call is missing here", None);
        }
        Some(names)
    }

    /// The text that an argument of a step must hold, if it says one; the outer `None` is a mistake.
    fn step_text(&self, string: Option<&Node>, substring: Option<&Node>) -> Option<Option<Pattern>> {
        Some(match (string, substring) {
            (Some(node), None) => Some(self.text(node).and_then(|text| self.pattern(node, text))?),
            (None, Some(node)) => Some(Pattern::substring(self.text(node)?)),
            (None, None) => None,
            (Some(_), Some(node)) => {
                return self.wrong(&node.span, "`string` and `substring` in one step", None);
            }
        })
    }

    fn step(&self, node: &Node) -> Option<Step> {
        let pairs = self.map(node)?;
        self.only(pairs, &["api", "string", "substring", "number", "succeeds", "entropy", "chosen"]);
        let api = self.required(node, pairs, "api")?;
        let apis = self.call_names(api)?;
        let text = self.step_text(get(pairs, "string"), get(pairs, "substring"))?;
        let number = match get(pairs, "number") {
            Some(node) => Some(self.number(node)?),
            None => None,
        };
        let succeeds = get(pairs, "succeeds").and_then(|node| self.boolean(node));
        let min_entropy = get(pairs, "entropy").and_then(|node| self.float(node));
        let is_chosen = get(pairs, "chosen").map_or(Some(false), |node| self.boolean(node))?;
        if let Some(node) = get(pairs, "chosen").filter(|_| is_chosen && text.is_none()) {
            return self.wrong(&node.span, "`chosen` is said of a `string` or `substring`", None);
        }
        Some(Step { apis, text, number, succeeds, is_chosen, min_entropy })
    }

    /// `0x10`, or `{arg: oflags, mask: 0x1}`, or `{arg: fd, op: ">", value: 2}`.
    fn number(&self, node: &Node) -> Option<NumberTest> {
        let Value::Map(pairs) = &node.value else {
            return Some(NumberTest {
                arg: None,
                mask: None,
                value: Some((Comparison::Equal, self.integer(node)?)),
            });
        };
        self.only(pairs, &["arg", "mask", "op", "value"]);
        let arg = match get(pairs, "arg") {
            Some(node) => Some(self.text(node)?.to_owned()),
            None => None,
        };
        let mask = self.optional_integer(pairs, "mask")?;
        let value = self.optional_integer(pairs, "value")?;
        let op = get(pairs, "op").map_or(Some(Comparison::Equal), |node| self.comparison(node))?;
        if mask.is_none() && value.is_none() {
            return self.wrong(&node.span, "`mask` or `value` is missing here", None);
        }
        Some(NumberTest { arg, mask, value: value.map(|value| (op, value)) })
    }

    /// `None` if there is one and it is wrong.
    fn optional_integer(&self, pairs: &Pairs, key: &str) -> Option<Option<i128>> {
        match get(pairs, key) {
            Some(node) => self.integer(node).map(Some),
            None => Some(None),
        }
    }

    /// `AES`, or `{algorithm: AES, class: cipher, executed: true}`.
    fn crypto(&self, node: &Node) -> Option<Crypto> {
        let Value::Map(pairs) = &node.value else {
            return Some(Crypto {
                algorithm: Some(self.constant(node, "algorithm", &ALGORITHMS)?),
                class: None,
                executed: false,
            });
        };
        self.only(pairs, &["algorithm", "class", "executed"]);
        let (algorithm, class) = (get(pairs, "algorithm"), get(pairs, "class"));
        if algorithm.is_none() && class.is_none() {
            return self.wrong(&node.span, "`algorithm` or `class` is missing here", None);
        }
        let executed = get(pairs, "executed").map_or(Some(false), |node| self.boolean(node))?;
        let of = |node: Option<&Node>, field, values| match node {
            Some(node) => self.constant(node, field, values).map(Some),
            None => Some(None),
        };
        let algorithm = of(algorithm, "algorithm", &ALGORITHMS)?;
        Some(Crypto { algorithm, class: of(class, "class", &CLASSES)?, executed })
    }

    /// A text that is the value of `field` somewhere in the table of constants.
    fn constant(&self, node: &Node, field: &str, values: &[&'static str]) -> Option<String> {
        self.one_of(node, field, values, |value| value).map(|value| (*value).to_owned())
    }

    /// `url`, or `{kind: url, value: /regex/}`.
    fn ioc(&self, node: &Node) -> Option<Feature> {
        let (kind, value) = match &node.value {
            Value::Map(pairs) => {
                self.only(pairs, &["kind", "value"]);
                let value = match get(pairs, "value") {
                    Some(node) => Some(self.text(node).and_then(|text| self.pattern(node, text))?),
                    None => None,
                };
                (self.required(node, pairs, "kind")?, value)
            }
            _ => (node, None),
        };
        let kind = *self.one_of(kind, "kind of indicator", IocKind::ALL, |kind| kind.as_str())?;
        Some(Feature::Ioc { kind, value })
    }

    fn change(&self, node: &Node) -> Option<ChangeKind> {
        self.one_of(node, "change of a file", ChangeKind::ALL, |change| change.as_str()).copied()
    }

    /// `deleted`, or `{change: renamed, path: /regex/, place: cron, contents: program, string: /regex/}`.
    fn file(&self, node: &Node) -> Option<FileFeature> {
        let Value::Map(pairs) = &node.value else {
            let change = self.change(node)?;
            return Some(FileFeature::of(change));
        };
        self.only(pairs, &["change", "path", "place", "contents", "string", "asked"]);
        if pairs.is_empty() {
            return self.wrong(&node.span, "a file has a change, a path, a place or contents", None);
        }
        let pattern = |key| match get(pairs, key) {
            Some(node) => self.text(node).and_then(|text| self.pattern(node, text)).map(Some),
            None => Some(None),
        };
        Some(FileFeature {
            change: self.optional(pairs, "change", |node| self.change(node))?,
            path: pattern("path")?,
            place: self.optional(pairs, "place", |node| self.place(node))?,
            contents: self.optional(pairs, "contents", |node| self.contents(node))?,
            text: pattern("string")?,
            is_asked: self.optional(pairs, "asked", |node| self.boolean(node))?,
        })
    }

    /// What a key says, if it is there; the outer `None` is a mistake.
    fn optional<T>(&self, pairs: &Pairs, key: &str, read: impl Fn(&Node) -> Option<T>) -> Option<Option<T>> {
        match get(pairs, key) {
            Some(node) => read(node).map(Some),
            None => Some(None),
        }
    }

    /// The position of a kind of places in the table.
    fn place(&self, node: &Node) -> Option<usize> {
        let names: Vec<&str> = PLACES.iter().map(|place| &*place.name).collect();
        let name = *self.one_of(node, "kind of places", &names, |name| name)?;
        names.iter().position(|other| *other == name)
    }

    fn contents(&self, node: &Node) -> Option<Contents> {
        self.one_of(node, "kind of contents", Contents::ALL, |contents| contents.as_str()).copied()
    }
}

impl Parser<'_> {
    /// `page`, or `{contents: page, string: /regex/}`.
    fn returned(&self, node: &Node) -> Option<ReturnedFeature> {
        let Value::Map(pairs) = &node.value else {
            return Some(ReturnedFeature { contents: Some(self.contents(node)?), text: None });
        };
        self.only(pairs, &["contents", "string"]);
        let of = match get(pairs, "contents") {
            Some(node) => Some(self.contents(node)?),
            None => None,
        };
        let text = match get(pairs, "string") {
            Some(node) => Some(self.text(node).and_then(|text| self.pattern(node, text))?),
            None => None,
        };
        if of.is_none() && text.is_none() {
            return self.wrong(&node.span, "`contents` or `string` is missing here", None);
        }
        Some(ReturnedFeature { contents: of, text })
    }
}

impl Parser<'_> {
    /// `socket`, or `{from: file, bait: true, name: /regex/, through: /regex/, to: NAME, bytes: 16}`.
    fn flow(&self, node: &Node) -> Option<FlowFeature> {
        let Value::Map(pairs) = &node.value else {
            return Some(FlowFeature { from: Some(self.source(node)?), ..FlowFeature::default() });
        };
        self.only(pairs, &["from", "bait", "name", "through", "to", "bytes"]);
        if pairs.is_empty() {
            return self.wrong(&node.span, "a flow is from, through or to something", None);
        }
        let from = match get(pairs, "from") {
            Some(node) => Some(self.source(node)?),
            None => None,
        };
        let pattern = |key| match get(pairs, key) {
            Some(node) => self.text(node).and_then(|text| self.pattern(node, text)).map(Some),
            None => Some(None),
        };
        let to = get(pairs, "to").map_or_else(|| Some(Vec::new()), |node| self.call_names(node))?;
        let is_bait = get(pairs, "bait").map_or(Some(false), |node| self.boolean(node))?;
        let bytes = get(pairs, "bytes").map_or(Some(1), |node| self.positive(node))?;
        Some(FlowFeature { from, is_bait, name: pattern("name")?, through: pattern("through")?, to, bytes })
    }

    fn source(&self, node: &Node) -> Option<SourceKind> {
        let known: Vec<SourceKind> = given().collect();
        self.one_of(node, "kind of source", &known, |kind| kind.as_str()).copied()
    }
}

/// How a metric that was given as a text, such as `nops >= 5`, is written.
fn metric_form(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        [name, op, value] if COMPARISONS.iter().any(|(known, _)| *known == op) => {
            format!("write {{name: {name}, op: \"{op}\", value: {value}}}")
        }
        _ => "such as {name: nops, op: \">=\", value: 5}".to_owned(),
    }
}
