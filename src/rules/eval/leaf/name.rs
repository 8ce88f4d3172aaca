//! Names of the file and of its functions, and what they say about the system it was made for.

use crate::module::{Place, view};

use super::super::{
    super::{
        evidence::FeatureKind,
        rule::{Feature, Name},
    },
    Evaluator, Found, Instance,
    limits::SHOWN_NAMES,
    shorten,
};

/// Those of `names` that fit.
fn fitting<'v>(name: &Name, names: impl Iterator<Item = &'v String>) -> Vec<String> {
    names.filter(|own| name.is("", own)).cloned().collect()
}

/// Names of the file that a feature takes.
fn names(feature: &Feature, view: &view::View) -> Vec<String> {
    match feature {
        Feature::Import(name) => {
            let hits = view.imports.iter().filter(|import| name.is(&import.module, &import.name));
            hits.map(|import| crate::text::import_name(&import.module, &import.name)).collect()
        }
        Feature::Export(name) => fitting(name, view.exports.iter().map(|export| &export.name)),
        Feature::Section(name) => fitting(name, view.sections.iter().map(|section| &section.name)),
        Feature::Anomaly(kind) => {
            let hits = view.anomalies.iter().filter(|anomaly| anomaly.kind == *kind);
            hits.map(|anomaly| anomaly.detail.clone()).collect()
        }
        Feature::Ioc { kind, value } => {
            let fits = |ioc: &&view::Ioc| {
                ioc.kind == *kind && value.as_ref().is_none_or(|value| value.is_match(ioc.value.as_bytes()))
            };
            view.iocs.iter().filter(fits).map(|ioc| ioc.value.clone()).collect()
        }
        _ => Vec::new(),
    }
}

impl Evaluator<'_> {
    /// Names of the file that fit.
    pub(super) fn named(&self, feature: &Feature, at: &Instance) -> Option<Found> {
        if !at.is_whole_file() {
            return None;
        }
        let names = names(feature, self.index.facts.view);
        let shown: Vec<&str> = names.iter().take(SHOWN_NAMES).map(String::as_str).collect();
        Some(Found { count: names.len() as u64, what: Some(shorten(&shown.join(", "))), ..Found::default() })
    }

    pub(super) fn function_name(&self, name: &Name, at: &Instance) -> Option<Found> {
        let functions = match at {
            Instance::Function(func) | Instance::RunFunction(func) => {
                self.index.defined(*func).map(std::slice::from_ref).unwrap_or_default()
            }
            Instance::File | Instance::RunFile => &self.index.facts.view.functions,
            _ => return None,
        };
        let mut found = Found { dynamic: matches!(at, Instance::RunFunction(_)), ..Found::default() };
        for function in functions {
            if let Some(own) = function.name.as_ref().filter(|own| name.is("", own)) {
                found.what.get_or_insert_with(|| shorten(own));
                found.at(Some(Place { function: function.index, offset: function.offset }));
            }
        }
        Some(found)
    }

    pub(super) fn system(&self, kind: FeatureKind, value: &str) -> Option<Found> {
        let view = self.index.facts.view;
        let is_64 = || view.memories.iter().any(|memory| memory.memory64);
        let holds = match (kind, value) {
            (_, "any") | (FeatureKind::Format, _) => true,
            (FeatureKind::Arch, "wasm64") => is_64(),
            (FeatureKind::Arch, _) => !is_64(),
            (_, "wasi") => self.index.systems().wasi,
            (_, "emscripten") => self.index.systems().emscripten,
            _ => !view.imports.is_empty() && !self.index.systems().wasi,
        };
        holds.then(|| Found { count: 1, ..Found::default() })
    }
}
