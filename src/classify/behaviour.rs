//! The model that ships: trained on runs of `corpus/`, hostile families against tools that look like them.
//!
//! It is `rules/models/behaviour.json`, made by `spoor classify train` as `docs/classifier.md` says; a test
//! trains it anew and compares. Too few samples stand behind it for more than one reason among others: its
//! card says so.

use std::sync::LazyLock;

use super::{Features, ModelFile, Prediction, runs::calls, trace::TraceFeatures};
use crate::{passes::Dynamic, sandbox::Run};

static MODEL: LazyLock<Option<ModelFile>> =
    LazyLock::new(|| ModelFile::parse(include_bytes!("../../rules/models/behaviour.json")).ok());

/// The model that ships.
pub fn model() -> Option<&'static ModelFile> {
    MODEL.as_ref()
}

/// The word of the model that ships on a run. `None` if the run made no WASI call that the model knows: then
/// there is no evidence. Costs a pass over the calls, and one over entry points and loops if the model asks
/// for more than calls.
pub fn behaviour(run: &Run, dynamic: &Dynamic) -> Option<Prediction> {
    let model = model()?;
    let trace = (model.encoding.features() == Features::Trace).then(|| TraceFeatures::of(run, dynamic));
    model.predict(&calls(run), trace.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_loads_and_says_what_it_is() {
        let model = model().expect("the file that ships is a model");
        assert!(model.limits.len() >= 4, "{:?}", model.limits);
        assert!(model.scores.unseen_origins.is_some());
    }

    #[test]
    fn an_empty_run_is_no_evidence() {
        assert_eq!(behaviour(&Run::default(), &Dynamic::default()), None);
    }
}
