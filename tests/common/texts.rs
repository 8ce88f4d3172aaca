//! The bodies of the fuzz targets `rules` and `settings`: texts that a stranger may have written, taken as
//! far as they go.

use std::sync::LazyLock;

use wasmspoor::{
    analysis::Analysis,
    classify::ModelFile,
    rules::{Facts, Set},
    sandbox::{self, Persona, RunOptions, Stubs},
    trace::Record,
};

/// What rules are tried on: it calls the host, hashes, and was run.
static ANALYSED: LazyLock<Analysis> = LazyLock::new(|| {
    Analysis::of(include_bytes!("../../corpus/stealer.wat"), &RunOptions::default(), &Set::default())
});

/// A rule: the first byte chooses between the grammar of behaviour rules and YARA.
pub fn rules(data: &[u8]) {
    let Some((kind, text)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let name = if kind % 2 == 0 { "fuzzed.yml" } else { "fuzzed.yar" };
    match Set::parse(&[(name, text)]) {
        Ok(set) => {
            let Analysis { wasm, view, run, dynamic, .. } = &*ANALYSED;
            let found = set.evaluate(&Facts {
                wasm,
                view,
                run: run.as_ref(),
                dynamic,
                prediction: None,
                flows: None,
            });
            assert!(found.matches.len() <= set.rules().len() + set.yara_names().len(), "{text}");
        }
        Err(problems) => assert!(!problems.to_string().is_empty(), "a refusal without a reason: {text}"),
    }
}

/// A persona, a file of stubs or a model, which the first byte chooses; what is taken is used.
pub fn settings(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match kind % 3 {
        0 => match Persona::parse("fuzzed.toml", text) {
            Ok(persona) => run(RunOptions::default().with_persona(persona.into())),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        1 => match Stubs::parse("fuzzed.toml", text) {
            Ok(_) => {
                let mut options = RunOptions::default();
                options.stubs = vec![("fuzzed.toml".into(), text.into())];
                run(options);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
        _ => match ModelFile::parse(bytes) {
            Ok(model) => {
                let asked = model.predict(&["fd_write", "path_open", "sock_send"], None);
                let sure = asked.and_then(|prediction| prediction.probability).unwrap_or_default();
                assert!((0.0..=1.0).contains(&sure), "{sure}");
                let again = ModelFile::parse(&model.to_bytes());
                assert!(
                    again.is_ok_and(|again| again.to_bytes() == model.to_bytes()),
                    "what is written is not what was read"
                );
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        },
    }
}

/// Runs the sample, for at most what a run of it takes by default.
fn run(mut options: RunOptions) {
    options.limits.instructions = Some(200_000);
    options.entry_instructions = Some(100_000);
    let run = sandbox::run(&ANALYSED.wasm, &options).unwrap_or_else(|error| panic!("{error}"));
    if let Err(error) = run.trace.counts() {
        panic!("a trace of ours does not replay: {error}");
    }
    let made =
        run.trace.records.iter().filter(|record| matches!(record, Record::HostCall { .. })).count() as u64;
    assert_eq!(made, run.calls.len() as u64 + run.calls_cut, "host calls are missing from the log");
}
