//! Features on instances: what is found, how often, where. A file for each kind of thing that is looked for.

mod call;
mod characteristic;
mod code;
mod content;
mod crypto;
mod file;
mod metric;
mod name;
mod shape;

use super::{
    super::rule::{Feature, Pattern},
    Evaluator, Found, Instance,
};

impl Evaluator<'_> {
    /// What a feature finds in `at`; nothing where it has no meaning.
    pub(super) fn feature(&self, feature: &Feature, at: &Instance) -> Option<Found> {
        self.pay_for_names(feature, at)?;
        match feature {
            Feature::Api(name) => self.api(name, at),
            Feature::Import(_)
            | Feature::Export(_)
            | Feature::Section(_)
            | Feature::Anomaly(_)
            | Feature::Ioc { .. } => self.named(feature, at),
            Feature::FunctionName(name) => self.function_name(name, at),
            Feature::Number(number) => self.number(*number, at),
            Feature::Text(pattern) => self.text(pattern, at),
            Feature::Bytes(pattern) => self.bytes(pattern, at),
            Feature::Mnemonic(opcode) => self.mnemonic(*opcode, at),
            Feature::Characteristic(characteristic) => self.characteristic(*characteristic, at),
            Feature::BasicBlocks => self.basic_blocks(at),
            Feature::Match(target) => self.target(target, at),
            Feature::Target(kind, value) => self.system(*kind, value),
            Feature::Metric(measure) => self.metric(measure, at),
            Feature::Sequence(sequence) => self.sequence(sequence, &self.calls(at)),
            Feature::Crypto(crypto) => self.crypto(crypto, at),
            Feature::File(file) => self.file(file, at),
            Feature::Returned(returned) => self.returned(returned, at),
            Feature::Flow(flow) => self.flow(flow, at),
        }
    }

    /// Takes what it costs to look through names of the file or functions; `None` if it is too much.
    fn pay_for_names(&self, feature: &Feature, at: &Instance) -> Option<()> {
        let names = self.names_in(feature, at);
        let may = names == 0 || self.budget.spend_len(names) && self.may_search_names(feature);
        may.then_some(())
    }

    /// How many names of the file or functions the feature looks through in `at`.
    fn names_in(&self, feature: &Feature, at: &Instance) -> usize {
        let view = self.index.facts.view;
        if !matches!(at, Instance::File | Instance::RunFile | Instance::Run) {
            return 0;
        }
        match feature {
            Feature::Import(_) => view.imports.len(),
            Feature::Export(_) => view.exports.len(),
            Feature::Section(_) => view.sections.len(),
            Feature::Anomaly(_) => view.anomalies.len(),
            Feature::Ioc { .. } => view.iocs.len(),
            Feature::FunctionName(_) | Feature::Characteristic(_) => view.functions.len(),
            Feature::File(_) => self.index.run().map_or(0, |run| run.files.len()),
            _ => 0,
        }
    }

    /// Takes what a search of names costs beyond a look at each: a name may be as long as the file.
    fn may_search_names(&self, feature: &Feature) -> bool {
        let weight = feature.name_pattern().map_or(1, Pattern::weight);
        weight == 1 || self.budget.spend_search(self.index.facts.wasm.len(), weight)
    }
}
