//! Features: what can be looked for, and in which scopes that has a meaning.

use crate::{
    module::Opcode,
    rules::{
        evidence::FeatureKind,
        rule::{CHARACTERISTICS, Characteristic, Feature, Name, Pattern, Scope, Target},
    },
};

use super::limits::MAX_BYTES;
use super::{Node, Parser};

/// Names of all features.
fn names() -> impl Iterator<Item = &'static str> {
    let further = |kind: &FeatureKind| (*kind == FeatureKind::String).then_some("substring");
    FeatureKind::ALL.iter().flat_map(move |kind| std::iter::once(kind.as_str()).chain(further(kind)))
}

/// Values of `os`.
pub(in crate::rules) const SYSTEMS: &[&str] = &["any", "wasi", "emscripten", "js"];

/// Values of `arch`.
pub(in crate::rules) const ARCHITECTURES: &[&str] = &["any", "wasm32", "wasm64"];

/// Values of `format`.
pub(in crate::rules) const FORMATS: &[&str] = &["any", "wasm"];

/// Features that can stand in `count(…)`, beside `basic blocks`.
pub(in crate::rules) fn countable() -> impl Iterator<Item = &'static str> {
    let of_places = [FeatureKind::Crypto, FeatureKind::Ioc, FeatureKind::Anomaly].map(FeatureKind::as_str);
    names().filter(move |name| !name.starts_with("wasm/") || of_places.contains(name))
}

impl Parser<'_> {
    /// The feature that `key` names, and the description that follows it in the same text.
    pub(super) fn feature(&self, key: &Node, name: &str, value: &Node) -> Option<(Feature, Option<String>)> {
        if let Some(special) = name.strip_prefix("wasm/") {
            return self.special(key, special, value).map(|feature| (feature, None));
        }
        if matches!(name, "string" | "substring") {
            let text = self.text(value)?;
            let pattern =
                if name == "substring" { Pattern::substring(text) } else { self.pattern(value, text)? };
            return Some((Feature::Text(pattern), None));
        }
        let Some(kind) = FeatureKind::named(name) else {
            let known = names().chain(["and", "or", "not", "optional"]);
            let all = || format!("known: {}", names().collect::<Vec<_>>().join(", "));
            let help = super::closest(name, known).or_else(|| Some(all()));
            return self.wrong(&key.span, format!("unknown feature or statement `{name}`"), help);
        };
        let whole = self.text(value)?;
        let (text, description) = match whole.split_once(" = ") {
            Some((text, description)) => (text.trim(), Some(description.trim().to_owned())),
            None => (whole, None),
        };
        let node = Node { span: value.span.clone(), value: super::Value::Text(text.to_owned().into()) };
        self.plain(kind, text, &node).map(|feature| (feature, description))
    }

    fn plain(&self, kind: FeatureKind, text: &str, node: &Node) -> Option<Feature> {
        Some(match kind {
            FeatureKind::Api => Feature::Api(self.name(node)?),
            FeatureKind::Import => Feature::Import(self.name(node)?),
            FeatureKind::Export => Feature::Export(self.name(node)?),
            FeatureKind::Section => Feature::Section(self.name(node)?),
            FeatureKind::FunctionName => Feature::FunctionName(self.name(node)?),
            FeatureKind::Number => Feature::Number(self.integer(node)?),
            FeatureKind::Bytes => Feature::Bytes(self.bytes(node, text)?),
            FeatureKind::Mnemonic => Feature::Mnemonic(self.opcode(node, text)?),
            FeatureKind::Characteristic => Feature::Characteristic(self.characteristic(node)?),
            FeatureKind::Match => Feature::Match(match text.strip_prefix("yara/") {
                Some(rule) => Target::Yara(rule.to_owned()),
                None => Target::Rule(text.to_owned()),
            }),
            FeatureKind::Os => self.system(kind, node, "system", SYSTEMS)?,
            FeatureKind::Arch => self.system(kind, node, "architecture", ARCHITECTURES)?,
            FeatureKind::Format => self.system(kind, node, "format", FORMATS)?,
            // Texts and what stands under `wasm/` are read by others.
            _ => return None,
        })
    }

    fn opcode(&self, node: &Node, mnemonic: &str) -> Option<Opcode> {
        if let Some(opcode) = Opcode::from_mnemonic(mnemonic) {
            return Some(opcode);
        }
        let help = super::closest(mnemonic, Opcode::ALL.iter().map(|opcode| opcode.mnemonic()));
        self.wrong(&node.span, format!("no instruction is named `{mnemonic}`"), help)
    }

    /// What the sample was made for. `what` is what the value is called in an error.
    fn system(&self, kind: FeatureKind, node: &Node, what: &str, known: &[&str]) -> Option<Feature> {
        Some(Feature::Target(kind, (*self.one_of(node, what, known, |name| name)?).to_owned()))
    }

    fn characteristic(&self, node: &Node) -> Option<Characteristic> {
        self.one_of(node, "characteristic", CHARACTERISTICS, |(name, ..)| name)
            .map(|(_, characteristic, _)| *characteristic)
    }

    /// An exact name, or `/regex/`.
    pub(super) fn name(&self, node: &Node) -> Option<Name> {
        let text = self.text(node)?;
        let is_regex =
            text.len() > 1 && text.starts_with('/') && (text.ends_with('/') || text.ends_with("/i"));
        Some(if is_regex { Name::Regex(self.pattern(node, text)?) } else { Name::Exact(text.to_owned()) })
    }

    /// `/regex/`, `/regex/i`, or the whole text.
    pub(super) fn pattern(&self, node: &Node, text: &str) -> Option<Pattern> {
        let inner = text.strip_prefix('/');
        let regex = inner.and_then(|rest| {
            rest.strip_suffix("/i")
                .map(|source| (source, true))
                .or_else(|| rest.strip_suffix('/').map(|source| (source, false)))
        });
        let Some((source, ignore_case)) = regex.filter(|(source, _)| !source.is_empty()) else {
            return Some(Pattern::whole(text));
        };
        let pattern = Pattern::regex(text.to_owned(), source.to_owned(), ignore_case);
        match pattern.check_if(self.eager) {
            Ok(()) => Some(pattern),
            Err(error) => {
                let reason =
                    error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.wrong(&node.span, "this regular expression cannot be used", Some(reason))
            }
        }
    }

    fn bytes(&self, node: &Node, text: &str) -> Option<Pattern> {
        let digits: String = text.split_whitespace().collect();
        let pairs: Vec<_> = digits.as_bytes().chunks(2).collect();
        let byte = |pair: &&[u8]| {
            std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2 && !pair.starts_with('+'))
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        };
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        match bytes {
            Some(bytes) if (1..=MAX_BYTES).contains(&bytes.len()) => {
                Some(Pattern::bytes(text.to_owned(), &bytes))
            }
            _ => self.wrong(
                &node.span,
                format!("here 1 to {MAX_BYTES} bytes are expected"),
                Some("such as `00 61 73 6D`".into()),
            ),
        }
    }
}

impl Characteristic {
    /// Whether it has a meaning in `scope`.
    fn fits(self, scope: Scope) -> bool {
        use Scope::{BasicBlock, Call, File, Function, Process, RunFunction, Span, Thread};
        match self {
            Self::StartFunction => matches!(scope, File | Process),
            Self::NzXor => !matches!(scope, Thread | Span | Call),
            Self::TightLoop => matches!(scope, Function | BasicBlock),
            _ => matches!(scope, File | Function | Process | RunFunction),
        }
    }
}

impl Feature {
    /// Whether it has a meaning in `scope` of the given column.
    pub(in crate::rules) fn fits(&self, scope: Scope, on_run: bool) -> bool {
        use Scope::{
            BasicBlock, Call, File, Function, Instruction, Loop, Process, RunFunction, Span, Thread,
        };
        let is_run_file = scope == File && on_run;
        match self {
            Self::Api(_) => {
                matches!(scope, Function | Process | Thread | Span | Call | RunFunction) || is_run_file
            }
            Self::Import(_) | Self::Export(_) | Self::Section(_) | Self::Anomaly(_) => scope == File,
            Self::FunctionName(_) => matches!(scope, File | Function | RunFunction),
            Self::Number(_) => !matches!(scope, File | RunFunction | Loop) || is_run_file,
            Self::Text(_) => matches!(scope, File | Process | Thread | Span | Call),
            Self::Bytes(_) => matches!(scope, File | Function | Process | Thread | Span | Call),
            Self::Mnemonic(_) => {
                matches!(scope, Function | BasicBlock | Instruction | Process) || is_run_file
            }
            Self::Characteristic(characteristic) => characteristic.fits(scope),
            Self::BasicBlocks => matches!(scope, Function | RunFunction),
            Self::Match(Target::Yara(_)) => scope == File,
            Self::Match(_) | Self::Target(..) => true,
            Self::Metric(measure) => measure.metric.fits(scope, on_run),
            Self::Sequence(_) => matches!(scope, Process | Thread | Span) || is_run_file,
            Self::Crypto(crypto) if crypto.executed => matches!(scope, Process | RunFunction) || is_run_file,
            Self::Crypto(_) => matches!(scope, File | Function),
            Self::Ioc { .. } => scope == File,
            Self::File(_) | Self::Returned(_) | Self::Flow(_) => scope == Process || is_run_file,
        }
    }

    /// Where it would have a meaning.
    pub(in crate::rules) fn scope_help(&self) -> Option<String> {
        use crate::rules::rule::SCOPES;
        let mut names = Vec::new();
        for (name, scope, only) in SCOPES {
            for (on_run, column) in [(false, "static"), (true, "dynamic")] {
                if only.is_none_or(|only| only == on_run) && self.fits(*scope, on_run) {
                    names.push(format!("{name} ({column})"));
                }
            }
        }
        Some(format!("it has one in: {}", names.join(", ")))
    }
}
