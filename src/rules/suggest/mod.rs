//! A YARA rule from one sample: `spoor rules suggest`.
//!
//! It takes texts of its data and stretches of its code. In a stretch, numbers are left open that another
//! build gives anew (functions, globals, addresses). A string that stands in a benign file is left out, so a
//! rule has no hit there. The same engine looks for these strings that will look for the rule. The rule is a
//! first draft of what an analyst would write; whether it fits other samples of a family, only these can
//! tell.

mod code;
mod texts;

use std::fmt::Write as _;

use super::{
    limits::{SUGGESTED, SUGGESTIONS, TIMES_IN_SAMPLE},
    problem::{RuleLoadError, Source},
    yara::Rules,
};
use crate::{
    LoadError, hex,
    module::{Module, to_binary, view::View},
};

/// A string that may become part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    /// As YARA writes it.
    string: String,
    /// Where it is from, for whoever reads the rule.
    comment: String,
    /// Bytes of it that are given.
    fixed: usize,
    score: usize,
    /// The function that it is from; `None` of a text.
    function: Option<u32>,
}

/// A rule, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suggestion {
    /// The rule.
    pub text: String,
    /// Its strings.
    pub strings: usize,
    /// Strings of the sample that were left out because a benign file has them.
    pub common: usize,
    /// Benign files that were looked at.
    pub benign: usize,
}

/// Why there is no rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuggestError {
    /// The sample cannot be read as a module.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It holds nothing that could be told from other programs.
    #[error("nothing in it is rare enough: of {found} strings {common} are in benign files")]
    NothingRare {
        /// Strings that were looked at.
        found: usize,
        /// Of these, those that benign files have, too.
        common: usize,
    },
    /// A file could not be searched to its end.
    #[error("{0} could not be searched to its end in time")]
    Slow(String),
    /// The engine does not take what was made: a fault of this program.
    #[error("{0}")]
    Engine(RuleLoadError),
}

/// Suggests a rule for `sample`, called `name` or after its hash, that has no hit in `benign`: names and
/// contents of files.
///
/// # Errors
///
/// When the sample is no module, nothing in it is rare, or a file cannot be searched.
pub fn suggest(
    sample: &[u8],
    name: Option<&str>,
    benign: impl IntoIterator<Item = (String, Vec<u8>)>,
) -> Result<Suggestion, SuggestError> {
    let wasm = to_binary(sample)?;
    let mut all = candidates(&wasm);
    let found = all.len();
    let probes = Probes::of(&all)?;
    let in_sample = probes.search("the sample", &wasm)?;
    let mut is_common = vec![false; all.len()];
    let mut files = 0;
    for (file, bytes) in benign {
        // Texts are compared as the modules that they make; anything else as it is.
        let bytes = to_binary(&bytes).map_or_else(|_| bytes.clone(), |binary| binary.into_owned());
        for (is_common, times) in is_common.iter_mut().zip(probes.search(&file, &bytes)?) {
            *is_common |= times > 0;
        }
        files += 1;
    }
    let common = is_common.iter().filter(|is_common| **is_common).count();
    let mut kept = is_common.iter().zip(&in_sample);
    all.retain(|_| {
        kept.next().is_some_and(|(common, times)| !common && (1..=TIMES_IN_SAMPLE).contains(times))
    });
    let chosen = choose(all);
    let needed = needed(&chosen).ok_or(SuggestError::NothingRare { found, common })?;
    let text = written(&wasm, name, &chosen, needed, files);
    let rules = compile(&[Source::new("suggestion.yar", &text)])?;
    if rules.search(&wasm).is_none_or(|matches| matches.is_empty()) {
        return Err(SuggestError::NothingRare { found, common });
    }
    Ok(Suggestion { text, strings: chosen.len(), common, benign: files })
}

/// The strings of the best score, best first.
fn candidates(wasm: &[u8]) -> Vec<Candidate> {
    let view = View::of(wasm);
    let mut all = texts::candidates(wasm, &view);
    // A broken module has texts, at least.
    if let Ok(module) = Module::parse(wasm) {
        all.extend(code::candidates(&module));
    }
    all.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.string.cmp(&b.string)));
    all.dedup_by(|a, b| a.string == b.string);
    all
}

/// A rule for each string, to look for all of them at once.
struct Probes {
    rules: Rules,
    count: usize,
}

impl Probes {
    fn of(all: &[Candidate]) -> Result<Self, SuggestError> {
        let mut text = String::new();
        for (number, candidate) in all.iter().enumerate() {
            _ = writeln!(text, "rule c{number} {{ strings: $a = {} condition: $a }}", candidate.string);
        }
        Ok(Self { rules: compile(&[Source::new("strings.yar", &text)])?, count: all.len() })
    }

    /// How often each string stands in a file.
    fn search(&self, name: &str, bytes: &[u8]) -> Result<Vec<usize>, SuggestError> {
        let matches = self.rules.search(bytes).ok_or_else(|| SuggestError::Slow(name.to_owned()))?;
        let times = |number| matches.get(&format!("c{number}")).map_or(0, Vec::len);
        Ok((0..self.count).map(times).collect())
    }
}

fn compile(sources: &[Source]) -> Result<Rules, SuggestError> {
    let mut problems = RuleLoadError::default();
    let rules = Rules::compile(sources, &mut problems);
    if problems.is_empty() { Ok(rules) } else { Err(SuggestError::Engine(problems)) }
}

/// The best of texts and of code, not more than two of one function.
fn choose(all: Vec<Candidate>) -> Vec<Candidate> {
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in all {
        let alike = chosen.iter().filter(|other| other.function.is_some() == candidate.function.is_some());
        let same = chosen.iter().filter(|other| other.function == candidate.function);
        let is_crowded = candidate.function.is_some() && same.count() >= 2;
        if alike.count() < SUGGESTED && !is_crowded {
            chosen.push(candidate);
        }
    }
    chosen
}

/// How many strings must be there: half of them, since another build lacks some. `None` if too little is
/// given by them.
fn needed(chosen: &[Candidate]) -> Option<usize> {
    match chosen {
        [] => None,
        [one] => (one.fixed >= 24).then_some(1),
        several => Some(several.len().div_ceil(2).max(2)),
    }
}

fn written(wasm: &[u8], name: Option<&str>, chosen: &[Candidate], needed: usize, benign: usize) -> String {
    let sha256 = hex::sha256(wasm);
    let by_hash = format!("suggested_{}", sha256.get(..12).unwrap_or_default());
    let mut text = format!("rule {}\n{{\n    meta:\n", name.unwrap_or(&by_hash));
    let tool = env!("CARGO_PKG_VERSION");
    _ = writeln!(
        text,
        "        description = \"suggested by spoor {tool} from one sample; to be looked at\""
    );
    _ = writeln!(text, "        sha256 = \"{sha256}\"\n        benign_files = {benign}\n    strings:");
    for (number, candidate) in chosen.iter().enumerate() {
        let kind = if candidate.function.is_some() { 'c' } else { 't' };
        _ = writeln!(
            text,
            "        // {}\n        ${kind}{number} = {}",
            candidate.comment, candidate.string
        );
    }
    _ = writeln!(text, "    condition:\n        uint32(0) == 0x6D736100 and {needed} of them\n}}");
    text
}

/// Those of the best score: a sample may have millions.
fn best(mut all: Vec<Candidate>) -> Vec<Candidate> {
    all.sort_by(|a, b| b.score.cmp(&a.score).then_with(|| a.string.cmp(&b.string)));
    all.truncate(SUGGESTIONS);
    all
}

#[cfg(test)]
mod tests;
