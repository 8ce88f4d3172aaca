//! Names, texts and bytes that a rule looks for.

use std::sync::OnceLock;

use super::limits::REGEX_LIMIT;
use regex::bytes::{Regex, RegexBuilder};

use super::weight;
use crate::categories;

/// A name: exact, or by a regular expression.
#[derive(Debug)]
pub(super) enum Name {
    /// With or without the module's name before it.
    Exact(String),
    Regex(Pattern),
}

impl Name {
    /// Whether it is the name `module.name`, given with or without its module, or the function of preview1
    /// that does the same.
    pub(super) fn is(&self, module: &str, name: &str) -> bool {
        self.is_of(module, name)
            || categories::preview1(module, name)
                .is_some_and(|name| self.is_of("wasi_snapshot_preview1", name))
    }

    fn is_of(&self, module: &str, name: &str) -> bool {
        match self {
            Self::Exact(exact) => {
                exact == name
                    || exact.strip_prefix(module).and_then(|rest| rest.strip_prefix('.')) == Some(name)
            }
            Self::Regex(regex) => regex.is_match(name.as_bytes()),
        }
    }
}

/// A text or bytes to find.
#[derive(Debug)]
pub(super) struct Pattern {
    /// As it stands in the rule.
    pub(super) shown: String,
    kind: PatternKind,
}

#[derive(Debug)]
enum PatternKind {
    /// The whole text.
    Whole(String),
    /// A regular expression, compiled when it is first needed.
    Regex { source: String, ignore_case: bool, compiled: OnceLock<Option<Regex>>, weight: OnceLock<usize> },
}

impl Pattern {
    pub(super) fn whole(text: &str) -> Self {
        Self { shown: text.to_owned(), kind: PatternKind::Whole(text.to_owned()) }
    }

    pub(super) fn substring(text: &str) -> Self {
        Self::regex(text.to_owned(), regex::escape(text), false)
    }

    pub(super) fn bytes(shown: String, bytes: &[u8]) -> Self {
        use std::fmt::Write as _;
        let mut source = String::with_capacity(bytes.len() * 4 + 4);
        source.push_str("(?s)");
        for byte in bytes {
            let _ = write!(source, "\\x{byte:02x}");
        }
        Self::regex(shown, source, false)
    }

    pub(super) fn regex(shown: String, source: String, ignore_case: bool) -> Self {
        let (compiled, weight) = (OnceLock::new(), OnceLock::new());
        Self { shown, kind: PatternKind::Regex { source, ignore_case, compiled, weight } }
    }

    /// Compiles it now. The error says what is wrong with the expression.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.kind {
            PatternKind::Whole(_) => Ok(()),
            PatternKind::Regex { source, ignore_case, compiled, .. } => match build(source, *ignore_case) {
                Ok(regex) => {
                    let _ = compiled.set(Some(regex));
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// Compiles it if `now`.
    pub(super) fn check_if(&self, now: bool) -> Result<(), String> {
        if now { self.check() } else { Ok(()) }
    }

    fn compiled(&self) -> Option<&Regex> {
        match &self.kind {
            PatternKind::Whole(_) => None,
            PatternKind::Regex { source, ignore_case, compiled, .. } => {
                compiled.get_or_init(|| build(source, *ignore_case).ok()).as_ref()
            }
        }
    }

    /// What a search of one byte costs, in such searches as one look at a byte answers.
    pub(super) fn weight(&self) -> usize {
        match &self.kind {
            PatternKind::Whole(_) => 1,
            PatternKind::Regex { source, ignore_case, weight, .. } => {
                *weight.get_or_init(|| weight::of(source, *ignore_case))
            }
        }
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match &self.kind {
            PatternKind::Whole(whole) => whole.as_bytes() == text,
            PatternKind::Regex { .. } => self.compiled().is_some_and(|regex| regex.is_match(text)),
        }
    }

    /// Where it is found in `bytes`, ascending, without overlap.
    pub(super) fn find<'p>(&'p self, bytes: &'p [u8]) -> impl Iterator<Item = usize> + 'p {
        self.compiled().into_iter().flat_map(move |regex| regex.find_iter(bytes)).map(|found| found.start())
    }
}

/// Unicode tables would make compiling many times slower, and rules name ASCII.
fn build(source: &str, ignore_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(source)
        .unicode(false)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_LIMIT)
        .dfa_size_limit(4 * REGEX_LIMIT)
        .nest_limit(64)
        .build()
}
