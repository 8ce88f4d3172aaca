//! A rule as it is written: its head, and the tree of statements.

use std::{ops::Range, sync::OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use crate::module::Opcode;

use super::metric::Metric;

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// What it is and means.
    pub meta: Meta,
    /// The statement that must hold.
    pub(super) statement: Statement,
    /// The file it was read from.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// The head of a rule.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// Name; completes "the program may".
    pub name: String,
    /// Namespace, such as `impact/cryptomining`.
    pub namespace: String,
    /// What it means, in a sentence.
    pub description: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Scopes.
    pub scopes: Scopes,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// MBC behaviours.
    pub mbc: Vec<String>,
    /// Samples on which it must match.
    pub examples: Vec<Example>,
    /// Samples on which it must not match.
    pub counter_examples: Vec<Example>,
    /// Where to read more.
    pub references: Vec<String>,
    /// Whether it only serves other rules.
    pub lib: bool,
    /// 0 (information) to 3.
    pub severity: u8,
    /// 0 to 100.
    pub confidence: u8,
    /// Categories of the WASI study, such as `A1`.
    pub risk: Vec<String>,
    /// The family that it speaks for.
    pub family: Option<String>,
    pub(super) name_span: Range<usize>,
}

/// The scopes of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes {
    /// On the bytes; `None` if it says nothing about them.
    pub(super) on_bytes: Option<Scope>,
    /// On the run.
    pub(super) on_run: Option<Scope>,
}

impl Scopes {
    /// The scope in which the run is looked at. Beside a static `file`, a `process` is the dynamic `file`: a
    /// rule that names both may ask for facts of the bytes and of the run in one statement, and only
    /// together do they see both.
    pub(super) fn of_run(self) -> Option<Scope> {
        match (self.on_bytes, self.on_run) {
            (Some(Scope::File), Some(Scope::Process)) => Some(Scope::File),
            (_, on_run) => on_run,
        }
    }

    /// Whether the rule looks at the bytes.
    pub fn is_of_bytes(self) -> bool {
        self.on_bytes.is_some()
    }

    /// Whether the rule looks at the run.
    pub fn is_of_run(self) -> bool {
        self.on_run.is_some()
    }
}

/// A sample that a rule names: a file, and a place in it if the match must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Name of the file in the corpus.
    pub file: String,
    /// Offset in the module.
    pub offset: Option<u32>,
}

/// What a statement is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scope {
    /// The file and, in the dynamic column, its run too.
    File,
    /// A defined function.
    Function,
    BasicBlock,
    Instruction,
    /// The whole run.
    Process,
    /// One call of an entry point.
    Thread,
    /// [`SPAN`] host calls in a row.
    Span,
    /// A host call.
    Call,
    /// What one function did over the run.
    RunFunction,
    /// A loop that ran.
    Loop,
}

/// Host calls in a `span of calls`, as in capa.
pub(super) const SPAN: usize = 20;

/// Names of the scopes in rules: name, scope, whether it is one of the run, `None` for both.
pub(super) const SCOPES: &[(&str, Scope, Option<bool>)] = &[
    ("file", Scope::File, None),
    ("function", Scope::Function, Some(false)),
    ("basic block", Scope::BasicBlock, Some(false)),
    ("instruction", Scope::Instruction, Some(false)),
    ("process", Scope::Process, Some(true)),
    ("thread", Scope::Thread, Some(true)),
    ("span of calls", Scope::Span, Some(true)),
    ("call", Scope::Call, Some(true)),
    ("wasm/function", Scope::RunFunction, Some(true)),
    ("wasm/loop", Scope::Loop, Some(true)),
];

impl Scope {
    pub(super) fn name(self) -> &'static str {
        SCOPES.iter().find(|(_, scope, _)| *scope == self).map_or("", |(name, ..)| name)
    }
}

/// Something that holds or not.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) kind: Kind,
    pub(super) description: Option<String>,
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Kind {
    And(Vec<Statement>),
    Or(Vec<Statement>),
    Not(Box<Statement>),
    /// At least so many of them; 0 is `optional`.
    AtLeast(usize, Vec<Statement>),
    /// Somewhere inside what is looked at.
    Within(Scope, Box<Statement>),
    Count(Feature, Bounds),
    Feature(Feature),
}

/// How often something may be found, ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) min: u64,
    pub(super) max: u64,
}

/// Something to look for.
#[derive(Debug)]
pub(super) enum Feature {
    Api(Name),
    Import(Name),
    Export(Name),
    Section(Name),
    FunctionName(Name),
    Number(i128),
    Text(Pattern),
    Bytes(Pattern),
    Mnemonic(Opcode),
    Characteristic(Characteristic),
    BasicBlocks,
    Match(Target),
    /// `os`, `arch` or `format`, and the value.
    Target(&'static str, String),
    Metric(Measure),
    Sequence(Box<Sequence>),
    Crypto(Crypto),
    Ioc {
        kind: &'static str,
        value: Option<Pattern>,
    },
    Anomaly(String),
    File(FileFeature),
}

/// A name: exact, or by a regular expression.
#[derive(Debug)]
pub(super) enum Name {
    /// With or without the module's name before it.
    Exact(String),
    Regex(Pattern),
}

impl Name {
    /// Whether it is the name `module.name`, given with or without its module.
    pub(super) fn is(&self, module: &str, name: &str) -> bool {
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
    Regex { source: String, ignore_case: bool, compiled: OnceLock<Option<Regex>> },
}

/// Greatest compiled regular expression in bytes.
const REGEX_LIMIT: usize = 1 << 18;

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
        Self { shown, kind: PatternKind::Regex { source, ignore_case, compiled: OnceLock::new() } }
    }

    /// Compiles it now. The error says what is wrong with the expression.
    pub(super) fn check(&self) -> Result<(), String> {
        match &self.kind {
            PatternKind::Whole(_) => Ok(()),
            PatternKind::Regex { source, ignore_case, compiled } => match build(source, *ignore_case) {
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
            PatternKind::Regex { source, ignore_case, compiled } => {
                compiled.get_or_init(|| build(source, *ignore_case).ok()).as_ref()
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

/// A property of code, on the bytes or as executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Characteristic {
    NzXor,
    Loop,
    TightLoop,
    RecursiveCall,
    IndirectCall,
    TailCall,
    CallsFrom,
    CallsTo,
    StartFunction,
    OpaquePredicate,
    FlattenedControlFlow,
}

/// Names of the characteristics, with what they mean.
pub(super) const CHARACTERISTICS: &[(&str, Characteristic, &str)] = &[
    ("nzxor", Characteristic::NzXor, "an exclusive or"),
    ("loop", Characteristic::Loop, "a loop; on the run one that went round"),
    ("tight loop", Characteristic::TightLoop, "a loop of one basic block"),
    ("recursive call", Characteristic::RecursiveCall, "a function that calls itself"),
    ("indirect call", Characteristic::IndirectCall, "a call through a table or a reference"),
    ("tail call", Characteristic::TailCall, "a call that replaces its caller"),
    ("calls from", Characteristic::CallsFrom, "calls that the function makes"),
    ("calls to", Characteristic::CallsTo, "functions that call it"),
    ("start function", Characteristic::StartFunction, "a start function; on the run one that ran"),
    (
        "opaque predicate",
        Characteristic::OpaquePredicate,
        "a branch on the parity of a product of one variable, or on the difference of a variable with itself",
    ),
    (
        "flattened control flow",
        Characteristic::FlattenedControlFlow,
        "a dispatcher loop over constants that the code assigns",
    ),
];

impl Characteristic {
    pub(super) fn name(self) -> &'static str {
        CHARACTERISTICS.iter().find(|(_, this, _)| *this == self).map_or("", |(name, ..)| name)
    }
}

/// What `match` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A rule or a namespace; which of them is settled when all rules are known.
    Rule(String),
    /// A YARA rule.
    Yara(String),
}

/// A metric compared with a value.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) metric: &'static Metric,
    pub(super) op: Comparison,
    pub(super) value: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    Greater,
}

/// Comparisons as they are written.
pub(super) const COMPARISONS: &[(&str, Comparison)] = &[
    ("<", Comparison::Less),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    (">=", Comparison::AtLeast),
    (">", Comparison::Greater),
];

impl Comparison {
    pub(super) fn shown(self) -> &'static str {
        COMPARISONS.iter().find(|(_, op)| *op == self).map_or("", |(text, _)| text)
    }

    pub(super) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::AtLeast => left >= right,
            Self::Greater => left > right,
        }
    }
}

/// Host calls that come one after another, others between them or not.
#[derive(Debug)]
pub(super) struct Sequence {
    pub(super) steps: Vec<Step>,
    /// How often in all, without overlap.
    pub(super) times: u64,
    /// Most calls from the first step to the last, both counted.
    pub(super) within: Option<usize>,
}

/// A host call of a sequence.
#[derive(Debug)]
pub(super) struct Step {
    /// Any of these.
    pub(super) apis: Vec<Name>,
    /// A text among its arguments.
    pub(super) text: Option<Pattern>,
    pub(super) number: Option<NumberTest>,
    /// The result: `true` for success.
    pub(super) succeeds: Option<bool>,
    /// Least entropy of a buffer among its arguments.
    pub(super) min_entropy: Option<f64>,
}

/// A test of a numeric argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberTest {
    /// Its name; `None` for any argument.
    pub(super) arg: Option<String>,
    /// Bits that must not all be zero.
    pub(super) mask: Option<i128>,
    pub(super) value: Option<(Comparison, i128)>,
}

/// A constant of a cryptographic algorithm.
#[derive(Debug)]
pub(super) struct Crypto {
    pub(super) algorithm: Option<String>,
    pub(super) class: Option<String>,
    /// Whether it must be among the executed instructions.
    pub(super) executed: bool,
}

/// What a run did to a file.
#[derive(Debug)]
pub(super) struct FileFeature {
    pub(super) change: Option<&'static str>,
    /// Where it was or went.
    pub(super) path: Option<Pattern>,
}

/// What can happen to a file.
pub(super) const FILE_CHANGES: &[&str] = &["created", "changed", "deleted", "renamed"];
