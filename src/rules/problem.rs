//! What is wrong with rule files, shown with the line and a caret.

use std::{cmp::Reverse, collections::BTreeSet, fmt, ops::Range, sync::Arc};

use super::limits::{COMPARED_NAME, MAX_PROBLEMS};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Something wrong in a rule file, and where.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What would be right, if there is something to say.
    pub help: Option<String>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    source: Arc<str>,
    /// In bytes of `source`.
    span: Range<usize>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A folder, or a file that cannot be read, has no line to point at.
        if self.source.is_empty() {
            return write!(f, "error: {}\n --> {}", self.message, self.file);
        }
        let annotation =
            AnnotationKind::Primary.span(self.span.clone()).label(self.help.as_deref().unwrap_or(""));
        let snippet = Snippet::source(&*self.source).path(self.file.as_str()).annotation(annotation);
        let report = [Level::ERROR.primary_title(self.message.as_str()).element(snippet)];
        f.write_str(&Renderer::plain().render(&report))
    }
}

/// Everything that is wrong with the rules that were to be loaded.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RuleLoadError {
    /// The problems, in the order of files and lines.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub cut: usize,
}

impl fmt::Display for RuleLoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}\n")?;
        }
        let count = self.count();
        write!(f, "{count} {} in the rules", if count == 1 { "problem" } else { "problems" })?;
        if self.cut > 0 { write!(f, ", of which {} are not shown", self.cut) } else { Ok(()) }
    }
}

impl std::error::Error for RuleLoadError {}

impl RuleLoadError {
    pub(super) fn push(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS { self.problems.push(problem) } else { self.cut += 1 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.problems.len() + self.cut
    }
}

/// A rule file, able to point into itself.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
    /// Its YAML as `build.rs` read it; nothing of a rule that does not ship.
    pub(super) tree: &'static [u8],
    /// Whether it is one of those that ship.
    pub(super) ships: bool,
}

impl Source {
    pub(super) fn new(name: impl Into<String>, text: &str) -> Self {
        Self { name: name.into(), text: text.into(), tree: &[], ships: false }
    }

    /// A problem at `span`, in characters as the YAML parser counts.
    pub(super) fn problem(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Problem {
        let byte = |at: usize| self.text.char_indices().nth(at).map_or(self.text.len(), |(byte, _)| byte);
        let (start, end) = (byte(span.start), byte(span.end.max(span.start + 1)));
        self.problem_at(start..end, message.into(), help)
    }

    /// A problem at `span`, in bytes. A span of several lines is cut to the first, so that the caret points
    /// at its beginning.
    pub(super) fn problem_at(&self, span: Range<usize>, message: String, help: Option<String>) -> Problem {
        let text = &*self.text;
        let start = floor(text, span.start);
        let line_end =
            text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |len| start + len);
        let end = floor(text, span.end).min(line_end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Problem {
            file: self.name.clone(),
            message,
            help,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            source: Arc::clone(&self.text),
            span: start..end,
        }
    }
}

/// The greatest character boundary not above `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The name among `known` that `given` was probably meant to be. One without `/` may also be the last part of
/// a name, as `severity` in `wasm/severity`.
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (given.chars().count() / 3).clamp(1, 3);
    let last =
        |name: &'a str| if given.contains('/') { name } else { name.rsplit('/').next().unwrap_or(name) };
    let ranked = known.into_iter().map(|name| (distance(given, name).min(distance(given, last(name))), name));
    ranked
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

/// The name of several words that has most of the words of `given`, at least half.
pub(super) fn closest_by_words<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|char: char| !char.is_alphanumeric()).map(str::to_lowercase);
        words.filter(|word| word.len() > 2 && word != "the").collect()
    };
    let wanted = words(given);
    let common = |name: &str| words(name).intersection(&wanted).count();
    let ranked = known.into_iter().map(|name| (common(name), Reverse(name.len()), Reverse(name)));
    let (common, _, Reverse(name)) = ranked.max()?;
    (common > 0 && 2 * common >= wanted.len()).then(|| format!("did you mean `{name}`?"))
}

/// Edit distance; names longer than [`COMPARED_NAME`] are far from everything.
fn distance(a: &str, b: &str) -> usize {
    let head = |name: &str| -> Vec<char> { name.chars().take(COMPARED_NAME + 1).collect() };
    let (a, b) = (head(a), head(b));
    if a.len() > COMPARED_NAME || b.len() > COMPARED_NAME {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_proposed() {
        for (given, expected) in
            [("impotr", Some("import")), ("apl", Some("api")), ("zzzz", None), ("", None)]
        {
            let found = closest(given, ["import", "api", "export"]);
            assert_eq!(found, expected.map(|name| format!("did you mean `{name}`?")), "{given}");
        }
    }

    #[test]
    fn the_last_part_and_the_words_of_a_name_count() {
        assert_eq!(
            closest("severty", ["name", "wasm/severity"]).as_deref(),
            Some("did you mean `wasm/severity`?")
        );
        let names = [
            "mine in a web page",
            "run the main loop of a CryptoNight miner",
            "hold the rounds of CryptoNight",
        ];
        for (given, expected) in [
            (
                "run the CryptoNight main loop",
                Some("did you mean `run the main loop of a CryptoNight miner`?"),
            ),
            ("mines in web pages", None),
            ("nothing of this", None),
            ("", None),
        ] {
            assert_eq!(closest_by_words(given, names).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn a_problem_points_at_its_line() {
        let source = Source::new("a.yml", "one\nzwei: ä b\nthree\n");
        let problem = source.problem(&(12..13), "wrong", Some("right".into()));
        assert_eq!((problem.line, problem.column), (2, 9));
        let text = problem.to_string();
        assert!(
            text.contains("a.yml:2:9") && text.contains("zwei: ä b") && text.contains("^ right"),
            "{text}"
        );
    }

    #[test]
    fn a_span_beyond_the_end_is_no_panic() {
        let source = Source::new("a.yml", "ä");
        assert_eq!(source.problem(&(5..9), "wrong", None).line, 1);
        assert!(!source.problem_at(1..1, "wrong".into(), None).to_string().is_empty());
    }
}
