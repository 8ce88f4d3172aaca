//! What became of each directive, so that two engines can be compared directive by directive.

use std::fmt;

/// What became of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The engine did what the script demands.
    Pass,
    /// It did not; why.
    Fail(String),
    /// The runner has no way to check this directive; why.
    Skip(&'static str),
}

/// One directive of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectiveReport {
    /// Line in the script, from 1.
    pub line: usize,
    /// As in the script, for example `assert_return`.
    pub kind: &'static str,
    /// What became of it.
    pub outcome: Outcome,
}

/// One script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptReport {
    /// Folder and file, for example `simd/simd_load.wast`.
    pub name: String,
    /// One for each directive, in order; a single failed one of kind `parse` if the script cannot be parsed.
    pub directives: Vec<DirectiveReport>,
}

/// Many scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuiteReport {
    /// In the order they ran.
    pub scripts: Vec<ScriptReport>,
}

/// A directive that two engines did not do alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Folder and file of the script.
    pub script: String,
    /// Line in the script, from 1; 0 when the reports are not of the same directives.
    pub line: usize,
    /// As in the script.
    pub kind: &'static str,
    /// Outcomes, in the order of the comparison.
    pub outcomes: [Outcome; 2],
}

impl SuiteReport {
    /// All directives, with the name of their script.
    pub fn directives(&self) -> impl Iterator<Item = (&str, &DirectiveReport)> {
        self.scripts
            .iter()
            .flat_map(|script| script.directives.iter().map(|directive| (script.name.as_str(), directive)))
    }

    /// Directives that passed.
    #[must_use]
    pub fn passes(&self) -> usize {
        self.directives().filter(|(_, directive)| directive.outcome == Outcome::Pass).count()
    }

    /// Directives that failed, with the name of their script.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &DirectiveReport)> {
        self.directives().filter(|(_, directive)| matches!(directive.outcome, Outcome::Fail(_)))
    }

    /// Directives that passed here and failed there or the other way round; messages do not count.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        for index in 0..self.scripts.len().max(other.scripts.len()) {
            match (self.scripts.get(index), other.scripts.get(index)) {
                (Some(here), Some(there)) => here.compare(there, &mut all),
                (Some(one), None) | (None, Some(one)) => all.push(one.unmatched()),
                (None, None) => {}
            }
        }
        all
    }
}

impl ScriptReport {
    fn compare(&self, other: &Self, all: &mut Vec<Difference>) {
        if self.name != other.name || self.directives.len() != other.directives.len() {
            all.push(self.unmatched());
            return;
        }
        for (here, there) in self.directives.iter().zip(&other.directives) {
            if std::mem::discriminant(&here.outcome) != std::mem::discriminant(&there.outcome) {
                all.push(Difference {
                    script: self.name.clone(),
                    line: here.line,
                    kind: here.kind,
                    outcomes: [here.outcome.clone(), there.outcome.clone()],
                });
            }
        }
    }

    fn unmatched(&self) -> Difference {
        let outcome = Outcome::Skip("the other report has no such script or other directives");
        Difference {
            script: self.name.clone(),
            line: 0,
            kind: "script",
            outcomes: [outcome.clone(), outcome],
        }
    }
}

impl fmt::Display for SuiteReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.directives().count();
        let failed = self.failures().count();
        let (scripts, passed) = (self.scripts.len(), self.passes());
        write!(
            out,
            "{scripts} scripts, {all} directives: {passed} passed, {failed} failed, {} skipped",
            all - passed - failed
        )
    }
}
