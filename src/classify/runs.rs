//! Samples from runs: what the sandbox saw, as a classifier takes it.

use super::{Example, trace::TraceFeatures};
use crate::{
    LoadError,
    categories::{is_wasi, named_function},
    module::{Module, view::View},
    passes::Dynamic,
    sandbox::{self, Run},
};

/// Names of the WASI functions that a run called, in order.
pub fn calls(run: &Run) -> Vec<&str> {
    run.calls.iter().filter_map(named_function).collect()
}

/// Whether a module name is one of WASI's, of any version.
fn is_from_wasi(module: &str) -> bool {
    is_wasi(module) || module.starts_with("wasi:")
}

/// A run as a labelled sample.
pub fn sample(name: &str, label: Label, run: &Run, dynamic: &Dynamic) -> Example {
    let calls = calls(run).into_iter().map(str::to_owned).collect();
    Example {
        name: name.to_owned(),
        malicious: label.malicious,
        origin: label.origin,
        calls,
        trace: Some(TraceFeatures::of(run, dynamic)),
    }
}

/// Runs a sample, binary or text, and measures the run. `None` if it imports no WASI function: then it is not
/// run, for it would be no evidence.
///
/// # Errors
/// If it cannot be run.
pub fn observe(bytes: &[u8], options: &sandbox::RunOptions) -> Result<Option<(Run, Dynamic)>, LoadError> {
    let wasm = crate::module::to_binary(bytes)?;
    let imports_wasi = Module::parse(&*wasm)
        .is_ok_and(|module| module.imports().iter().any(|import| is_from_wasi(&import.module)));
    if !imports_wasi {
        return Ok(None);
    }
    let run = sandbox::run(&wasm, options)?;
    let dynamic = Dynamic::of(&run, &View::of(&wasm));
    Ok(Some((run, dynamic)))
}

/// What a sample is known to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Whether it is hostile.
    pub malicious: bool,
    /// Its family, or where it comes from.
    pub origin: String,
}

impl Label {
    /// The label in the header of a sample of `corpus/`: `;; EXPECT: verdict=MALICIOUS|SUSPICIOUS
    /// family=wiper …`. Malicious if the verdict must be alarming, benign if it must be harmless, `None`
    /// if it may be either or is not said. The origin is the first family named, otherwise the name of the
    /// sample.
    pub fn of_header(text: &str, name: &str) -> Option<Self> {
        let line = text.lines().take(16).find_map(|line| line.strip_prefix(";; EXPECT: "))?;
        let value = |key: &str| line.split_whitespace().find_map(|word| word.strip_prefix(key));
        let verdicts: Vec<&str> = value("verdict=")?.split('|').collect();
        let none_is = |harmless: &[&str]| !verdicts.iter().any(|verdict| harmless.contains(verdict));
        let malicious = match verdicts.first() {
            Some(&"MALICIOUS") if none_is(&["CLEAN", "UNDECIDED"]) => true,
            Some(&"CLEAN") if none_is(&["MALICIOUS", "SUSPICIOUS", "UNDECIDED"]) => false,
            _ => return None,
        };
        let family = value("family=")
            .and_then(|families| families.split('|').next())
            .filter(|family| *family != "none");
        Some(Self { malicious, origin: family.unwrap_or(name).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_labels() {
        for (header, expected) in [
            (";; EXPECT: verdict=MALICIOUS|SUSPICIOUS family=backdoor rule=c2", Some((true, "backdoor"))),
            (";; EXPECT: status=exited verdict=MALICIOUS family=miner|cryptojacker", Some((true, "miner"))),
            (";; EXPECT: verdict=CLEAN|POTENTIALLY_UNWANTED family=none", Some((false, "x"))),
            (";; EXPECT: verdict=CLEAN|POTENTIALLY_UNWANTED|SUSPICIOUS", None),
            (";; EXPECT: verdict=UNDECIDED|MALICIOUS", None),
            (";; EXPECT: status=exited", None),
            ("", None),
        ] {
            let label = Label::of_header(&format!(";; RUN: x\n{header}\n(module)"), "x");
            assert_eq!(label.as_ref().map(|label| (label.malicious, &*label.origin)), expected, "{header}");
        }
    }

    #[test]
    fn what_imports_no_wasi_is_not_run() {
        assert!(observe(b"(module)", &sandbox::RunOptions::default()).unwrap().is_none());
        let wat = r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (memory (export "memory") 1) (func (export "_start") (drop (call $yield)) (drop (call $yield)) (unreachable)))"#;
        let (run, dynamic) = observe(wat.as_bytes(), &sandbox::RunOptions::default()).unwrap().unwrap();
        assert_eq!(calls(&run), ["sched_yield", "sched_yield"]);
        let trace = TraceFeatures::of(&run, &dynamic);
        assert_eq!((trace.get("trap.unreachable"), trace.get("trap.memory")), (1.0, 0.0));
        assert!(trace.get("run.instructions") > 1.0);
        assert!(observe(b"(module", &sandbox::RunOptions::default()).is_err());
    }
}
