//! Features: a run's calls as a row of numbers.
//!
//! A call stands for its category, such as `A-1` ([`crate::categories`]). In mode `paper` calls that the
//! study's table lacks are dropped. In mode `full` each has its category, and a function that is none of
//! WASI's is `U`. An n-gram is written `A-1>B-1`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::limits::MAX_N;
pub use super::limits::MAX_NGRAMS;
use super::{Error, Example, matrix::Matrix, trace};
use crate::{
    categories::{self, Category, Mode},
    text::named,
};

named! {
    /// What the numbers are.
    pub enum Features {
        /// Whether each category occurs.
        Presence = "presence",
        /// How often.
        Count = "count",
        /// The logarithm of that.
        ///
        /// The natural one, of 1 + the count.
        Log = "log",
        /// How often each sequence of one to three categories occurs.
        Ngrams = "ngrams",
        /// The logarithm of that.
        ///
        /// The natural one, of 1 + the count.
        LogNgrams = "log-ngrams",
        /// As log, and how the run ended, which errors its calls got, what its loops did; needs runs.
        ///
        /// [`trace::NAMES`] lists them.
        Trace = "trace",
    }
}

impl Features {
    fn scale(self, count: u64) -> f64 {
        match self {
            Self::Presence => f64::from(u8::from(count > 0)),
            Self::Count | Self::Ngrams => count as f64,
            Self::Log | Self::LogNgrams | Self::Trace => (count as f64).ln_1p(),
        }
    }

    fn is_ngrams(self) -> bool {
        matches!(self, Self::Ngrams | Self::LogNgrams)
    }
}

/// How a run becomes a row: what, in which mode, and the name of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Names", into = "Names")]
pub struct Vectorizer {
    names: Names,
    columns: HashMap<Ngram, usize>,
}

/// The part of a [`Vectorizer`] that is written to files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    features: Features,
    mode: Mode,
    names: Vec<String>,
}

/// Up to [`MAX_N`] categories, each as [`code`] gives it, the last in the low byte.
type Ngram = u32;

/// The code of a category; that of `U` is the greatest.
fn code(category: Option<Category>) -> u8 {
    category.map_or(u8::MAX, |category| category.level as u8 * 16 + category.group)
}

impl Vectorizer {
    /// The columns for these samples. Only n-grams depend on them: give the training set, never what is to be
    /// predicted.
    ///
    /// # Errors
    /// If there is no column, or features of the run are wanted and a sample was not run.
    pub fn fit(features: Features, mode: Mode, samples: &[&Example]) -> Result<Self, Error> {
        if features == Features::Trace && samples.iter().any(|sample| sample.trace.is_none()) {
            return Err(Error::data(
                "features `trace` need runs: give folders of samples, not call sequences",
            ));
        }
        let mut names = if features.is_ngrams() { ngram_names(mode, samples) } else { category_names(mode) };
        if features == Features::Trace {
            names.extend(trace::NAMES.map(str::to_owned));
        }
        Self::try_from(Names { features, mode, names })
    }

    /// What the numbers are.
    pub fn features(&self) -> Features {
        self.names.features
    }

    /// Which categories.
    pub fn mode(&self) -> Mode {
        self.names.mode
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names.names
    }

    /// Whether any call of a sample has a category here. Without one there is no evidence to go by.
    pub fn has_evidence(&self, calls: &[impl AsRef<str>]) -> bool {
        calls.iter().any(|call| token(call.as_ref(), self.names.mode).is_some())
    }

    /// The row of a run.
    pub fn row(&self, calls: &[impl AsRef<str>], trace: Option<&trace::TraceFeatures>) -> Vec<f64> {
        let features = self.names.features;
        let mut counts = vec![0u64; self.names.names.len()];
        let longest = if features.is_ngrams() { MAX_N } else { 1 };
        for_each_ngram(calls, self.names.mode, longest, |ngram| {
            if let Some(&column) = self.columns.get(&ngram) {
                counts[column] += 1;
            }
        });
        let mut row: Vec<f64> = counts.into_iter().map(|count| features.scale(count)).collect();
        if let (Features::Trace, Some(trace)) = (features, trace) {
            for (value, name) in row.iter_mut().zip(&self.names.names) {
                // A name is a category's or a trace feature's, never both.
                *value += trace.get(name);
            }
        }
        row
    }

    /// The rows of samples.
    ///
    /// # Errors
    /// If there are too many.
    pub fn matrix(&self, samples: &[&Example]) -> Result<Matrix, Error> {
        Matrix::new(
            self.names.names.len(),
            samples.iter().map(|sample| self.row(&sample.calls, sample.trace.as_ref())),
        )
    }
}

impl TryFrom<Names> for Vectorizer {
    type Error = Error;

    fn try_from(names: Names) -> Result<Self, Error> {
        if names.names.is_empty() || names.names.len() > MAX_NGRAMS + trace::NAMES.len() {
            return Err(Error::Columns { found: names.names.len() });
        }
        let is_trace = |name: &str| names.features == Features::Trace && trace::NAMES.contains(&name);
        let mut seen = BTreeSet::new();
        let mut columns = HashMap::new();
        for (column, name) in names.names.iter().enumerate() {
            if !seen.insert(name) {
                return Err(Error::broken(format!(
                    "the feature `{}` stands twice",
                    crate::text::clip(name, 40)
                )));
            }
            if !is_trace(name) {
                let unknown =
                    || Error::broken(format!("there is no feature `{}`", crate::text::clip(name, 40)));
                columns.insert(parse(name, names.features).ok_or_else(unknown)?, column);
            }
        }
        Ok(Self { names, columns })
    }
}

impl From<Vectorizer> for Names {
    fn from(encoding: Vectorizer) -> Self {
        encoding.names
    }
}

/// The n-gram of a name, if these features have it.
fn parse(name: &str, features: Features) -> Option<Ngram> {
    let longest = if features.is_ngrams() { MAX_N } else { 1 };
    let mut parts = 0;
    let mut ngram = 0;
    for part in name.split('>') {
        let category = if part == "U" { None } else { Some(part.parse().ok()?) };
        ngram = ngram << 8 | Ngram::from(code(category));
        parts += 1;
        if parts > longest {
            return None;
        }
    }
    Some(ngram)
}

/// The code of a call; `None` if this mode drops it.
fn token(call: &str, mode: Mode) -> Option<u8> {
    match (categories::of(call, mode), mode) {
        (None, Mode::Paper) => None,
        (category, _) => Some(code(category)),
    }
}

/// Calls `f` with every n-gram of up to `longest` categories, as often as it occurs.
fn for_each_ngram(calls: &[impl AsRef<str>], mode: Mode, longest: usize, mut f: impl FnMut(Ngram)) {
    let mut window: Ngram = 0;
    let mut seen = 0;
    for token in calls.iter().filter_map(|call| token(call.as_ref(), mode)) {
        window = window << 8 | Ngram::from(token);
        seen += 1;
        for n in 1..=longest.min(seen) {
            f(window & (Ngram::MAX >> (32 - 8 * n)));
        }
    }
}

fn category_names(mode: Mode) -> Vec<String> {
    let categories: BTreeSet<Category> =
        categories::wasi().filter_map(|(name, _)| categories::of(name, mode)).collect();
    let unknown = (mode == Mode::Full).then(|| "U".to_owned());
    categories.iter().map(Category::to_string).chain(unknown).collect()
}

fn ngram_names(mode: Mode, samples: &[&Example]) -> Vec<String> {
    let mut frequency: BTreeMap<Ngram, usize> = BTreeMap::new();
    for sample in samples {
        let mut seen = BTreeSet::new();
        for_each_ngram(&sample.calls, mode, MAX_N, |ngram| _ = seen.insert(ngram));
        seen.into_iter().for_each(|ngram| *frequency.entry(ngram).or_default() += 1);
    }
    let mut ngrams: Vec<(Ngram, usize)> = frequency.into_iter().collect();
    ngrams.sort_by_key(|&(ngram, count)| (std::cmp::Reverse(count), ngram));
    ngrams.truncate(MAX_NGRAMS);
    ngrams.sort_unstable();
    ngrams.into_iter().map(|(ngram, _)| ngram_name(ngram)).collect()
}

fn ngram_name(ngram: Ngram) -> String {
    let codes = ngram.to_be_bytes().into_iter().skip_while(|code| *code == 0);
    codes.map(code_name).collect::<Vec<_>>().join(">")
}

fn code_name(code: u8) -> String {
    let level = categories::RiskLevel::ALL.into_iter().find(|level| *level as u8 == code / 16);
    level.map_or_else(|| "U".to_owned(), |level| Category { level, group: code % 16 }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(calls: &[&str]) -> Example {
        let calls = calls.iter().map(|&call| call.to_owned()).collect();
        Example { name: String::new(), malicious: false, origin: String::new(), calls, trace: None }
    }

    #[test]
    fn rows_count_what_they_say() {
        // A-1, B-1, B-1, not in the paper (D-2), unknown.
        let sample = sample(&["args_get", "fd_write", "fd_read", "proc_exit", "path_teleport"]);
        for (features, mode, expected) in [
            (Features::Count, Mode::Paper, vec![("A-1", 1.0), ("B-1", 2.0), ("B-2", 0.0)]),
            (Features::Count, Mode::Full, vec![("B-1", 2.0), ("D-2", 1.0), ("U", 1.0)]),
            (Features::Presence, Mode::Paper, vec![("A-1", 1.0), ("B-1", 1.0), ("C-1", 0.0)]),
            (Features::Log, Mode::Full, vec![("A-1", 2f64.ln()), ("B-1", 3f64.ln())]),
            (Features::Ngrams, Mode::Paper, vec![("A-1>B-1", 1.0), ("B-1>B-1", 1.0), ("A-1>B-1>B-1", 1.0)]),
            (Features::Ngrams, Mode::Full, vec![("B-1>D-2>U", 1.0), ("D-2>U", 1.0), ("U", 1.0)]),
            (Features::LogNgrams, Mode::Full, vec![("B-1", 3f64.ln())]),
        ] {
            let encoding = Vectorizer::fit(features, mode, &[&sample]).unwrap();
            let row = encoding.row(&sample.calls, None);
            for (name, value) in expected {
                let column = encoding.names().iter().position(|known| known == name);
                let found = column.map(|column| row[column]).unwrap_or(f64::NAN);
                assert!((found - value).abs() < 1e-12, "{features:?} {mode:?} {name}: {found}");
            }
        }
    }

    #[test]
    fn the_paper_has_ten_columns() {
        assert_eq!(category_names(Mode::Paper).len(), 10);
        assert_eq!(category_names(Mode::Full).last().map(String::as_str), Some("U"));
    }

    #[test]
    fn every_code_has_a_name_that_reads_back() {
        for (call, _) in categories::wasi() {
            let category = categories::of(call, Mode::Full);
            let name = code_name(code(category));
            assert_eq!(parse(&name, Features::Count), Some(Ngram::from(code(category))), "{call}");
        }
        assert_eq!(ngram_name(parse("A-1>U>D-10", Features::Ngrams).unwrap()), "A-1>U>D-10");
    }

    #[test]
    fn foreign_names_are_refused() {
        let encode = |features, names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Vectorizer::try_from(Names { features, mode: Mode::Full, names })
        };
        assert!(encode(Features::Ngrams, &["A-1", "A-1>B-1>C-1"]).is_ok());
        assert!(encode(Features::Trace, &["A-1", "trap.memory"]).is_ok());
        for (features, names) in [
            (Features::Ngrams, &["A-1>B-1>C-1>D-1"][..]),
            (Features::Count, &["A-1>B-1"]),
            (Features::Count, &["A-1", "A-1"]),
            (Features::Count, &["trap.memory"]),
            (Features::Count, &["A-99"]),
            (Features::Count, &[""]),
            (Features::Count, &[]),
        ] {
            assert!(encode(features, names).is_err(), "{names:?}");
        }
    }

    #[test]
    fn no_call_is_no_evidence() {
        let paper = Vectorizer::fit(Features::Count, Mode::Paper, &[]).unwrap();
        let full = Vectorizer::fit(Features::Count, Mode::Full, &[]).unwrap();
        for (calls, in_paper, in_full) in
            [(&[][..], false, false), (&["proc_exit"], false, true), (&["fd_write"], true, true)]
        {
            assert_eq!(
                (paper.has_evidence(calls), full.has_evidence(calls)),
                (in_paper, in_full),
                "{calls:?}"
            );
        }
        assert!(Vectorizer::fit(Features::Ngrams, Mode::Full, &[&sample(&[])]).is_err());
        assert!(Vectorizer::fit(Features::Trace, Mode::Full, &[&sample(&["fd_write"])]).is_err());
    }
}
