//! Statements as evidence and `spoor rules explain` show them.

use std::collections::BTreeSet;

use crate::{
    sandbox::{ChangeKind, Contents},
    values::taint::SourceKind,
};

use super::{
    evidence::FeatureKind,
    metric::Metric,
    places::PLACES,
    rule::{
        Bounds, Crypto, Feature, FileFeature, FlowFeature, Kind, Measure, Name, NumberTest, Pattern,
        ReturnedFeature, Sequence, Statement, Step, Target,
    },
};

impl Name {
    fn shown(&self) -> &str {
        match self {
            Self::Exact(name) => name,
            Self::Regex(regex) => &regex.shown,
        }
    }

    fn regex(&self) -> Option<&Pattern> {
        match self {
            Self::Exact(_) => None,
            Self::Regex(pattern) => Some(pattern),
        }
    }
}

impl Bounds {
    pub(super) fn shown(self) -> String {
        match (self.min, self.max) {
            (min, max) if min == max => min.to_string(),
            (min, u64::MAX) => format!("{min} or more"),
            (0, max) => format!("{max} or fewer"),
            (min, max) => format!("({min}, {max})"),
        }
    }
}

impl Statement {
    /// The statement in one line, its parts left out.
    pub(super) fn shown(&self) -> String {
        match &self.kind {
            Kind::And(_) => "and".into(),
            Kind::Or(_) => "or".into(),
            Kind::Not(part) => format!("not: {}", part.shown()),
            Kind::AtLeast(0, _) => "optional".into(),
            Kind::AtLeast(least, _) => format!("{least} or more"),
            Kind::Within(scope, part) => format!("{}: {}", scope.name(), part.shown()),
            Kind::Count(feature, bounds) => format!("count({}): {}", feature.counted(), bounds.shown()),
            Kind::Feature(feature) => feature.shown(),
        }
    }

    /// The statement as an indented tree.
    pub(super) fn tree(&self, depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        let description = self.description.as_ref().map_or_else(String::new, |text| format!("   ({text})"));
        match &self.kind {
            Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
                let head = match &self.kind {
                    Kind::And(_) => "all of".to_owned(),
                    Kind::Or(_) => "any of".to_owned(),
                    Kind::AtLeast(0, _) => "as further evidence, if found".to_owned(),
                    _ => format!("{} of", self.shown()),
                };
                out.push_str(&format!("{indent}{head}:{description}\n"));
                parts.iter().for_each(|part| part.tree(depth + 1, out));
            }
            Kind::Not(part) => {
                out.push_str(&format!("{indent}not:{description}\n"));
                part.tree(depth + 1, out);
            }
            Kind::Within(scope, part) => {
                out.push_str(&format!("{indent}in one {}:{description}\n", scope.name()));
                part.tree(depth + 1, out);
            }
            _ => out.push_str(&format!("{indent}{}{description}\n", self.shown())),
        }
    }

    /// Everything below it that is a feature.
    pub(super) fn features<'s>(&'s self, out: &mut Vec<&'s Feature>) {
        match &self.kind {
            Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
                parts.iter().for_each(|part| part.features(out))
            }
            Kind::Not(part) | Kind::Within(_, part) => part.features(out),
            Kind::Count(feature, _) | Kind::Feature(feature) => out.push(feature),
        }
    }

    /// The metrics that it asks for, by name.
    pub(super) fn metrics(&self) -> Vec<&'static Metric> {
        let mut features = Vec::new();
        self.features(&mut features);
        let mut seen = BTreeSet::new();
        let metrics = features.into_iter().filter_map(|feature| match feature {
            Feature::Metric(measure) => Some(measure.metric),
            _ => None,
        });
        let mut metrics: Vec<_> = metrics.filter(|metric| seen.insert(metric.name)).collect();
        metrics.sort_by_key(|metric| metric.name);
        metrics
    }
}

impl Feature {
    /// The patterns in it.
    pub(super) fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::Api(Name::Regex(pattern))
            | Self::Import(Name::Regex(pattern))
            | Self::Export(Name::Regex(pattern))
            | Self::Section(Name::Regex(pattern))
            | Self::FunctionName(Name::Regex(pattern))
            | Self::Text(pattern)
            | Self::Bytes(pattern)
            | Self::Ioc { value: Some(pattern), .. }
            | Self::Returned(ReturnedFeature { text: Some(pattern), .. }) => vec![pattern],
            Self::File(file) => file.path.iter().chain(&file.text).collect(),
            Self::Flow(flow) => {
                flow.name.iter().chain(&flow.through).chain(flow.to.iter().filter_map(Name::regex)).collect()
            }
            Self::Sequence(sequence) => {
                let steps = &sequence.steps;
                steps
                    .iter()
                    .flat_map(|step| step.apis.iter().filter_map(Name::regex).chain(&step.text))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The feature as it is written in a rule.
    pub(super) fn shown(&self) -> String {
        format!("{}: {}", self.kind(), self.sought())
    }

    /// The feature as it stands in `count(…)`.
    pub(super) fn counted(&self) -> String {
        match self {
            Self::BasicBlocks => "basic blocks".into(),
            _ => format!("{}({})", self.kind(), self.sought()),
        }
    }

    /// What kind of feature it is.
    pub(super) fn kind(&self) -> FeatureKind {
        match self {
            Self::Api(_) => FeatureKind::Api,
            Self::Import(_) => FeatureKind::Import,
            Self::Export(_) => FeatureKind::Export,
            Self::Section(_) => FeatureKind::Section,
            Self::FunctionName(_) => FeatureKind::FunctionName,
            Self::Number(_) => FeatureKind::Number,
            Self::Text(_) => FeatureKind::String,
            Self::Bytes(_) => FeatureKind::Bytes,
            Self::Mnemonic(_) => FeatureKind::Mnemonic,
            Self::Characteristic(_) | Self::BasicBlocks => FeatureKind::Characteristic,
            Self::Match(_) => FeatureKind::Match,
            Self::Target(kind, _) => *kind,
            Self::Metric(_) => FeatureKind::Metric,
            Self::Sequence(_) => FeatureKind::Sequence,
            Self::Crypto(_) => FeatureKind::Crypto,
            Self::Ioc { .. } => FeatureKind::Ioc,
            Self::Anomaly(_) => FeatureKind::Anomaly,
            Self::File(_) => FeatureKind::File,
            Self::Returned(_) => FeatureKind::Returned,
            Self::Flow(_) => FeatureKind::Flow,
        }
    }

    /// What is sought.
    fn sought(&self) -> String {
        match self {
            Self::Api(name)
            | Self::Import(name)
            | Self::Export(name)
            | Self::Section(name)
            | Self::FunctionName(name) => name.shown().into(),
            Self::Number(number) => show_integer(*number),
            Self::Text(pattern) | Self::Bytes(pattern) => pattern.shown.clone(),
            Self::Mnemonic(opcode) => opcode.mnemonic().into(),
            Self::Characteristic(characteristic) => characteristic.name().into(),
            Self::BasicBlocks => "basic blocks".into(),
            Self::Match(target) => show_target(target),
            Self::Target(_, value) => value.clone(),
            Self::Metric(measure) => show_measure(measure),
            Self::Sequence(sequence) => show_sequence(sequence),
            Self::Crypto(crypto) => show_crypto(crypto),
            Self::Ioc { kind, value: None } => kind.to_string(),
            Self::Ioc { kind, value: Some(value) } => format!("{kind} {}", value.shown),
            Self::Anomaly(kind) => kind.to_string(),
            Self::File(file) => show_file(file),
            Self::Returned(returned) => show_returned(returned),
            Self::Flow(flow) => show_flow(flow),
        }
    }
}

fn show_integer(number: i128) -> String {
    if number.unsigned_abs() < 10 {
        number.to_string()
    } else if number < 0 {
        format!("-{:#x}", number.unsigned_abs())
    } else {
        format!("{number:#x}")
    }
}

fn show_crypto(crypto: &Crypto) -> String {
    let parts = [crypto.class.as_deref(), crypto.algorithm.as_deref(), crypto.executed.then_some("executed")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn show_returned(returned: &ReturnedFeature) -> String {
    let text = returned.text.as_ref().map(|text| text.shown.as_str());
    [returned.contents.map(Contents::as_str), text].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn show_flow(flow: &FlowFeature) -> String {
    let mut from: Vec<_> = flow.is_bait.then_some("bait").into_iter().collect();
    from.extend(flow.from.map(SourceKind::as_str));
    if from.is_empty() {
        from.push("anything");
    }
    from.extend(flow.name.as_ref().map(|name| name.shown.as_str()));
    let bytes = (flow.bytes > 1).then(|| format!("{} bytes or more of ", flow.bytes));
    let mut text = format!("{}{}", bytes.unwrap_or_default(), from.join(" "));
    if let Some(through) = &flow.through {
        text.push_str(&format!(" → {}", through.shown));
    }
    if !flow.to.is_empty() {
        text.push_str(&format!(" → {}", flow.to.iter().map(Name::shown).collect::<Vec<_>>().join(" or ")));
    }
    text
}

fn show_file(file: &FileFeature) -> String {
    let path = file.path.as_ref().map(|path| path.shown.as_str());
    let place = file.place.and_then(|place| PLACES.get(place)).map(|place| format!("at `{}`", place.name));
    let text = file.text.as_ref().map(|text| text.shown.as_str());
    let asked = file.is_asked.map(|is_asked| if is_asked { "named by an argument" } else { "not named" });
    let words = [
        file.change.map(ChangeKind::as_str),
        path,
        place.as_deref(),
        file.contents.map(Contents::as_str),
        text,
        asked,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn show_sequence(sequence: &Sequence) -> String {
    let mut text = sequence.steps.iter().map(show_step).collect::<Vec<_>>().join(" → ");
    if sequence.times > 1 {
        text.push_str(&format!(", {} times", sequence.times));
    }
    if let Some(within) = sequence.within {
        text.push_str(&format!(", within {within} calls"));
    }
    text
}

fn show_step(step: &Step) -> String {
    let mut text = step.apis.iter().map(Name::shown).collect::<Vec<_>>().join("|");
    let mut conditions = Vec::new();
    conditions.extend(step.text.as_ref().map(|text| text.shown.clone()));
    conditions.extend(step.number.as_ref().map(show_number));
    conditions
        .extend(step.succeeds.map(|succeeds| if succeeds { "succeeds".into() } else { "fails".into() }));
    conditions.extend(step.is_chosen.then(|| "chosen by the sample".into()));
    conditions.extend(step.min_entropy.map(|entropy| format!("entropy >= {entropy}")));
    if !conditions.is_empty() {
        text.push_str(&format!("({})", conditions.join(", ")));
    }
    text
}

fn show_number(test: &NumberTest) -> String {
    let mut text = test.arg.clone().unwrap_or_else(|| "argument".into());
    if let Some(mask) = test.mask {
        text.push_str(&format!(" & {mask:#x}"));
    }
    if let Some((op, value)) = test.value {
        text.push_str(&format!(" {} {}", op.shown(), show_integer(value)));
    }
    text
}

fn show_target(target: &Target) -> String {
    match target {
        Target::Rule(name) => name.clone(),
        Target::Yara(name) => format!("yara/{name}"),
    }
}

fn show_measure(measure: &Measure) -> String {
    format!("{} {} {}", measure.metric.name, measure.op.shown(), measure.value)
}
