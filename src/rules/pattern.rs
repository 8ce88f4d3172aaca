//! Names, texts and bytes that a rule looks for.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::limits::{HINTED_BYTES, LITERAL, REGEX_LIMIT};
use regex::bytes::{Regex, RegexBuilder};

use super::{hint::Hint, weight};
use crate::categories;

/// A name: exact, or by a regular expression.
#[derive(Debug)]
pub(super) enum Name {
    /// With or without the module's name before it.
    Exact(String),
    Regex(Pattern),
}

impl Name {
    /// Whether it is the name `module.name`, given with or without its module. The function of preview1 that
    /// does the same counts, too.
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
    Regex(Box<Expression>),
}

/// A regular expression.
#[derive(Debug)]
struct Expression {
    source: String,
    ignore_case: bool,
    compiled: OnceLock<Option<Regex>>,
    weight: OnceLock<usize>,
    /// Set if it is of a rule that ships.
    shipped: OnceLock<()>,
    hint: OnceLock<Hint>,
    /// Bytes that were looked at for the hint.
    looked: AtomicUsize,
}

impl Expression {
    fn compiled(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| build(&self.source, self.ignore_case).ok()).as_ref()
    }

    /// Whether there may be a match, as far as that can be told without compiling. A small sample has few
    /// texts, and to compile all expressions takes longer than all else that is done with it.
    fn may_match(&self, text: &[u8]) -> bool {
        let is_short = self.looked.fetch_add(text.len(), Relaxed).saturating_add(text.len()) <= HINTED_BYTES;
        self.compiled.get().is_some()
            || !is_short
            || self.hint.get_or_init(|| Hint::of(&self.source)).allows(text)
    }
}

impl Pattern {
    pub(super) fn whole(text: &str) -> Self {
        Self { shown: text.to_owned(), kind: PatternKind::Whole(text.to_owned()) }
    }

    pub(super) fn substring(text: &str) -> Self {
        Self::literal(text.to_owned(), regex::escape(text), text.len())
    }

    pub(super) fn bytes(shown: String, bytes: &[u8]) -> Self {
        use std::fmt::Write as _;
        let mut source = String::with_capacity(bytes.len() * 4 + 4);
        source.push_str("(?s)");
        for byte in bytes {
            let _ = write!(source, "\\x{byte:02x}");
        }
        Self::literal(shown, source, bytes.len())
    }

    /// So many bytes as they are. The automaton of a short literal is small.
    fn literal(shown: String, source: String, len: usize) -> Self {
        let pattern = Self::regex(shown, source, false);
        if let PatternKind::Regex(regex) = &pattern.kind
            && len <= LITERAL
        {
            let _ = regex.weight.set(1);
        }
        pattern
    }

    pub(super) fn regex(shown: String, source: String, ignore_case: bool) -> Self {
        let (compiled, weight, shipped, hint) = Default::default();
        let looked = AtomicUsize::new(0);
        let regex = Expression { source, ignore_case, compiled, weight, shipped, hint, looked };
        Self { shown, kind: PatternKind::Regex(Box::new(regex)) }
    }

    /// Compiles it now. The error says what is wrong with the expression.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.kind {
            PatternKind::Whole(_) => Ok(()),
            PatternKind::Regex(regex) => match build(&regex.source, regex.ignore_case) {
                Ok(compiled) => {
                    let _ = regex.compiled.set(Some(compiled));
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// Compiles it if `now`; else it is of a rule that ships, and what it weighs is known.
    pub(super) fn check_if(&self, now: bool) -> Result<(), String> {
        if now {
            return self.check();
        }
        if let PatternKind::Regex(regex) = &self.kind {
            let _ = regex.shipped.set(());
        }
        Ok(())
    }

    fn compiled(&self) -> Option<&Regex> {
        match &self.kind {
            PatternKind::Whole(_) => None,
            PatternKind::Regex(regex) => regex.compiled(),
        }
    }

    /// The cost of a search of one byte, in such searches as one look at a byte answers.
    pub(super) fn weight(&self) -> usize {
        match &self.kind {
            PatternKind::Whole(_) => 1,
            PatternKind::Regex(regex) => *regex.weight.get_or_init(|| match regex.shipped.get() {
                Some(()) => weight::of_shipped(&regex.source),
                None => weight::of(&regex.source, regex.ignore_case),
            }),
        }
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match &self.kind {
            PatternKind::Whole(whole) => whole.as_bytes() == text,
            PatternKind::Regex(regex) => {
                regex.may_match(text) && regex.compiled().is_some_and(|regex| regex.is_match(text))
            }
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
