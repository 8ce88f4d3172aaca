//! The whole way from bytes to a verdict.

use std::{borrow::Cow, collections::HashSet, panic, sync::Arc, thread};

use crate::{
    LoadError, classify,
    file::Recorded,
    limitation::Limitation,
    module::{
        Module,
        view::{Symbols, Validity, View, iocs_of_files, iocs_of_run},
    },
    passes::{
        Dynamic,
        flows::{DataFlows, Look},
    },
    rules::{self, Facts},
    sandbox::{self, ChangeKind, ChangedKind, is_users},
    tracer::has_second_core,
    verdict::{self, Correlation, Finding, Verdict, Weighed, Weights},
};

/// What evidence is judged by: rules, and what each piece weighs. Rules alone stand for themselves and the
/// weights that ship.
///
/// ```
/// use wasmspoor::{analysis::{Analysis, Judge}, rules, verdict::{Class, Weights}};
///
/// let sample = br#"(module (func (export "_start") (drop (i32.const 1))))"#;
/// let (rules, options) = (rules::Set::builtin(), Default::default());
/// assert_eq!(Analysis::of(sample, &options, &rules).verdict.class, Class::Clean);
///
/// let shipped = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/verdict.toml"));
/// let weights = Weights::parse(shipped)?;
/// let judge = Judge::new(&rules, &weights);
/// assert_eq!(Analysis::of(sample, &options, judge).verdict.class, Class::Clean);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Judge<'a> {
    /// The rules.
    pub rules: &'a rules::Set,
    /// What they, correlations and findings weigh.
    pub weights: &'a Weights,
}

impl<'a> Judge<'a> {
    /// Judges by `rules` and `weights`.
    pub fn new(rules: &'a rules::Set, weights: &'a Weights) -> Self {
        Self { rules, weights }
    }
}

impl<'a> From<&'a rules::Set> for Judge<'a> {
    fn from(rules: &'a rules::Set) -> Self {
        Self::new(rules, Weights::builtin())
    }
}

/// Everything that is known of a sample.
#[derive(Debug)]
pub struct Analysis {
    /// The sample in the binary format.
    pub wasm: Arc<[u8]>,
    /// The sample as a module, if it could be parsed.
    module: Option<Arc<Module>>,
    /// The sample in the text format, if it was given so; a trace file does not hold it.
    pub text: Option<Arc<str>>,
    /// What the bytes say.
    pub view: View,
    /// What happened when it ran; `None` if it could not be run.
    pub run: Option<sandbox::Run>,
    /// What the trace says.
    pub dynamic: Dynamic,
    /// Where the bytes went that the sample was given, if that was looked at.
    pub data_flows: Option<DataFlows>,
    /// Rules that matched.
    pub rules: Vec<rules::Match>,
    /// Static findings that the run confirms.
    pub correlations: Vec<Correlation>,
    /// Notable facts.
    pub findings: Vec<Finding>,
    /// The verdict.
    pub verdict: Verdict,
    /// What limits how far the result can be trusted, weightiest first.
    pub limitations: Vec<Limitation>,
}

/// The parts that the result leaves out, in the order in which they are found out.
fn limitations(
    refused: Option<LoadError>,
    run: Option<&sandbox::Run>,
    view: &View,
    dynamic: &Dynamic,
) -> Vec<Limitation> {
    let mut limitations: Vec<_> = refused.into_iter().map(Limitation::NothingExecuted).collect();
    limitations.extend(run.into_iter().flat_map(|run| &run.limitations).cloned());
    limitations.extend(view.limitations.iter().copied().map(Limitation::Unread));
    let replay_ended = |error: &String| Limitation::ReplayEnded { error: error.clone() };
    limitations.extend(dynamic.error.iter().map(replay_ended));
    limitations
}

/// A sample in the binary format. It is parsed once, for the view and for the run.
#[derive(Debug)]
struct Sample {
    wasm: Arc<[u8]>,
    /// Whether it was given as text.
    from_text: bool,
    /// Nothing if it cannot be parsed; running it says why.
    module: Option<Arc<Module>>,
}

impl Sample {
    fn of(bytes: &[u8]) -> Self {
        let (wasm, from_text) = match crate::module::to_binary(bytes) {
            Ok(wasm) => (Arc::from(&*wasm), matches!(wasm, Cow::Owned(_))),
            Err(_) => (Arc::from(bytes), false),
        };
        Self { module: Module::parse(Arc::clone(&wasm)).ok().map(Arc::new), wasm, from_text }
    }

    /// That of a run: its module is the one that ran.
    fn of_run(wasm: Arc<[u8]>, from_text: bool, run: &Result<sandbox::Run, LoadError>) -> Self {
        let ran = run.as_ref().ok().and_then(|run| run.trace.modules.first());
        let module = ran.filter(|module| module.bytes() == &wasm).cloned();
        Self { module, wasm, from_text }
    }

    fn view(&self) -> View {
        let mut view = self.module.as_ref().map_or_else(|| View::of(&self.wasm), |it| View::of_module(it));
        view.file.from_text = self.from_text;
        view
    }

    /// Runs it so that as much as `look` says can be followed.
    fn run(&self, options: &sandbox::RunOptions, look: Look) -> Result<sandbox::Run, LoadError> {
        let manner = sandbox::Manner { effects: look != Look::Off, ..sandbox::Manner::default() };
        match &self.module {
            Some(module) => {
                sandbox::run_module(Arc::clone(module), &options.clone().seeded(&self.wasm), manner)
            }
            None => sandbox::run_with(&self.wasm, options, manner),
        }
    }

    /// The view, and what comes of running it. Neither needs the other: for a large sample, and with two
    /// cores, both go on at the same time.
    fn read_and_run<R>(&self, run: impl FnOnce(&Self) -> R) -> (View, R) {
        if self.wasm.len() < APART || !has_second_core() {
            let view = self.view();
            return (view, run(self));
        }
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("spoor-view".into());
            let view = thread.spawn_scoped(scope, || self.view());
            let ran = run(self);
            let view = view.map(|view| view.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
            (view.unwrap_or_else(|_| self.view()), ran)
        })
    }
}

/// Adds the indicators in what the run gave to its host and in the files that it left.
fn add_iocs_of_run(view: &mut View, run: &sandbox::Run) {
    let made: Vec<_> = iocs_of_run(texts_of(run), &view.iocs);
    view.iocs.extend(made);
    let known: HashSet<_> = view.iocs.iter().map(|ioc| (ioc.kind, ioc.value.clone())).collect();
    let left = iocs_of_files(left_by(run));
    view.iocs.extend(left.into_iter().filter(|ioc| !known.contains(&(ioc.kind, ioc.value.clone()))));
}

impl Analysis {
    /// Takes names and lines in place of the sample's own: what is shown changes, and nothing that is judged.
    pub fn take_symbols(&mut self, symbols: &Symbols) {
        self.view.take_symbols(symbols);
        for (func, name) in symbols.names() {
            let found = self.dynamic.functions.binary_search_by_key(func, |function| function.index);
            if let Some(function) = found.ok().and_then(|position| self.dynamic.functions.get_mut(position)) {
                function.name = Some(name.clone());
            }
        }
    }

    /// Analyses a sample, binary or text: static view, run, passes, rules, verdict. A sample that is no
    /// module gets an analysis too, which says so.
    pub fn of<'j>(bytes: &[u8], options: &sandbox::RunOptions, judge: impl Into<Judge<'j>>) -> Self {
        Self::with_values(bytes, options, judge, Look::Off)
    }

    /// As [`Self::of`]. It also follows the bytes that the sample was given through what it computes, so that
    /// rules can ask where they went.
    pub fn with_values<'j>(
        bytes: &[u8],
        options: &sandbox::RunOptions,
        judge: impl Into<Judge<'j>>,
        look: Look,
    ) -> Self {
        let sample = Sample::of(bytes);
        let (view, run) = sample.read_and_run(|sample| sample.run(options, look));
        let text = text_of(bytes, &view);
        Self { text, ..Self::judge(sample, view, Some(run), judge.into(), look) }
    }

    /// What the bytes alone say, before the sample runs: the run may not come back.
    pub fn before_run<'j>(bytes: &[u8], judge: impl Into<Judge<'j>>) -> Self {
        let sample = Sample::of(bytes);
        let view = sample.view();
        let text = text_of(bytes, &view);
        Self { text, ..Self::judge(sample, view, None, judge.into(), Look::Off) }
    }

    /// Runs a sample whose bytes were judged, and judges both; follows as much as `look` says.
    #[must_use]
    pub fn then_run<'j>(
        self,
        options: &sandbox::RunOptions,
        judge: impl Into<Judge<'j>>,
        look: Look,
    ) -> Self {
        let sample = Sample { wasm: self.wasm, from_text: self.view.file.from_text, module: self.module };
        let run = sample.run(options, look);
        Self { text: self.text, ..Self::judge(sample, self.view, Some(run), judge.into(), look) }
    }

    /// Analyses a run that was recorded to a file: the same analysis as that of the run itself.
    pub fn of_recorded<'j>(recorded: Recorded, judge: impl Into<Judge<'j>>) -> Self {
        Self::of_run(recorded.wasm, recorded.header.from_text, recorded.run, judge)
    }

    /// As [`Self::of_recorded`]. It also follows the bytes that the sample was given, if it is known what the
    /// host did ([`Recorded::get_effects`]).
    pub fn of_recorded_with_values<'j>(recorded: Recorded, judge: impl Into<Judge<'j>>, look: Look) -> Self {
        let sample = Sample::of_run(recorded.wasm, recorded.header.from_text, &recorded.run);
        let view = sample.view();
        Self::judge(sample, view, Some(recorded.run), judge.into(), look)
    }

    /// Analyses a run. `wasm` is the sample in the binary format, `from_text` whether it was given as text.
    pub fn of_run<'j>(
        wasm: Arc<[u8]>,
        from_text: bool,
        run: Result<sandbox::Run, LoadError>,
        judge: impl Into<Judge<'j>>,
    ) -> Self {
        let sample = Sample::of_run(wasm, from_text, &run);
        let view = sample.view();
        Self::judge(sample, view, Some(run), judge.into(), Look::Off)
    }

    fn judge(
        Sample { wasm, module, .. }: Sample,
        mut view: View,
        run: Option<Result<sandbox::Run, LoadError>>,
        Judge { rules, weights }: Judge<'_>,
        look: Look,
    ) -> Self {
        let (run, refused) = match run.transpose() {
            Ok(run) => (run, None),
            Err(error) => (None, Some(error)),
        };
        if let Some(error) = &refused {
            note_refusal(&mut view, error);
        }
        let dynamic = run.as_ref().map(|run| Dynamic::of(run, &view)).unwrap_or_default();
        let mut limitations = limitations(refused, run.as_ref(), &view, &dynamic);
        let prediction = run.as_ref().and_then(|run| classify::behaviour(run, &dynamic));
        let executed = dynamic.metrics.classes.total;
        let data_flows = run.as_ref().and_then(|run| DataFlows::of(run, executed, look));
        let (run_facts, flows) = (run.as_ref(), data_flows.as_ref());
        let facts = Facts { wasm: &wasm, view: &view, run: run_facts, dynamic: &dynamic, prediction, flows };
        let rules::Evaluation { matches, limitations: of_rules, unfinished } = rules.evaluate(&facts);
        limitations.extend(of_rules);
        let weighed = Weighed::new(&facts, weights).unfinished(unfinished.as_deref());
        let correlations = verdict::correlations(weighed, &matches);
        let findings = verdict::findings(weighed);
        let verdict = verdict::decide(weighed, &matches, &correlations, &findings);
        // Behind the verdict: what ran confirms what the bytes say, and not itself.
        if let Some(run) = &run {
            add_iocs_of_run(&mut view, run);
        }
        Self {
            wasm,
            module,
            text: None,
            view,
            run,
            dynamic,
            data_flows,
            rules: matches,
            correlations,
            findings,
            verdict,
            limitations,
        }
    }
}

impl Analysis {
    /// The module: that of the run with what replay decoded of it, else parsed now; `None` if it cannot be.
    pub fn module(&self) -> Option<Arc<Module>> {
        let of_run = self.run.as_ref().and_then(|run| run.trace.modules.first().cloned());
        let of_sample = || self.module.clone();
        of_run.or_else(of_sample).or_else(|| Module::parse(Arc::clone(&self.wasm)).ok().map(Arc::new))
    }
}

/// Texts that a run gave to the host.
fn texts_of(run: &sandbox::Run) -> impl Iterator<Item = Cow<'_, str>> {
    let args = run.calls.iter().flat_map(|call| &call.args);
    args.filter_map(|arg| arg.points_at.as_ref()?.kept_text())
}

/// Path and hash of each file that a run made, be it gone again. Files of the system that it wrote to are
/// there, too. The changes of a user's own files are known nowhere else.
fn left_by(run: &sandbox::Run) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
    let is_left = |file: &&sandbox::FileChange| match file.change {
        ChangeKind::Created => file.kind() != ChangedKind::Directory,
        ChangeKind::Deleted => file.size_before.is_none() && file.sha256.is_some(),
        ChangeKind::Changed | ChangeKind::Renamed => {
            file.sha256 != file.sha256_before && !is_users(file.last_path())
        }
    };
    // The hash of bait says nothing of a sample that read or copied it.
    let has_bytes = |file: &sandbox::FileChange| !file.contents.is_empty() && !file.left.is_copy;
    run.files
        .iter()
        .filter(is_left)
        .map(move |file| (Some(file.last_path()), file.sha256.as_deref().filter(|_| has_bytes(file))))
}

/// Bytes of a sample that make a thread for the view worth its cost.
const APART: usize = 1 << 18;

/// The text of a sample that was given as text.
fn text_of(bytes: &[u8], view: &View) -> Option<Arc<str>> {
    std::str::from_utf8(bytes).ok().filter(|_| view.file.from_text).map(Arc::from)
}

/// The engine is the judge of what it can run.
fn note_refusal(view: &mut View, error: &LoadError) {
    if view.validity == Validity::Valid {
        view.validity = match error {
            LoadError::Invalid { reason, offset } => {
                Validity::Invalid { offset: *offset, reason: reason.clone() }
            }
            LoadError::Unsupported { proposal, offset, .. } => {
                Validity::Unsupported { proposal: proposal.clone().into_owned(), offset: *offset }
            }
            LoadError::Engine { .. } | LoadError::TooBig { .. } => {
                Validity::Unsupported { proposal: error.to_string(), offset: 0 }
            }
            _ => Validity::Invalid { offset: 0, reason: error.to_string() },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_sample_is_judged_as_a_small_one() {
        let zeros = "\\00".repeat(APART);
        for (padding, is_large) in [(zeros.as_str(), true), ("", false)] {
            let sample = format!(
                r#"(module (memory 9) (data (i32.const 0) "https://a.example/x{padding}")
                    (func (export "_start") (loop (br 0))))"#
            );
            let (rules, mut options) = (rules::Set::builtin(), sandbox::RunOptions::default());
            options.limits.decisions = Some(10_000);
            let analysis = Analysis::of(sample.as_bytes(), &options, &rules);
            assert_eq!(analysis.wasm.len() >= APART, is_large);
            assert!(analysis.view.file.from_text && !analysis.view.iocs.is_empty());
            // View and run are of one parse.
            let ran = &analysis.run.as_ref().expect("it runs").trace.modules[0];
            assert!(analysis.module.as_ref().is_some_and(|module| Arc::ptr_eq(module, ran)));
            let apart = Analysis::before_run(sample.as_bytes(), &rules).then_run(&options, &rules, Look::Off);
            assert_eq!(analysis.dynamic.metrics.classes.total, apart.dynamic.metrics.classes.total);
            let names =
                |analysis: &Analysis| analysis.rules.iter().map(|rule| rule.name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&analysis), names(&apart));
            assert!(analysis.dynamic.metrics.classes.total > 0);
        }
    }
}
