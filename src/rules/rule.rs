//! A rule as it is written: its head, and the tree of statements.

use std::ops::Range;

use crate::{
    module::{
        Opcode,
        view::{AnomalyKind, IocKind},
    },
    sandbox::{ChangeKind, Contents},
    values::taint::SourceKind,
};

use super::{evidence::FeatureKind, families::Family, metric::Metric};
pub(super) use super::{
    pattern::{Name, Pattern},
    scope::{SCOPES, SPAN, Scope},
};

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
    pub family: Option<Family>,
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
    /// The scope in which the run is looked at. Beside a static `file`, a `process` is the dynamic `file`. A
    /// rule that names both may ask for facts of the bytes and of the run in one statement, and only together
    /// do they see both.
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
#[non_exhaustive]
pub struct Example {
    /// Name of the file in the corpus.
    pub file: String,
    /// Offset in the module.
    pub offset: Option<u32>,
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
    /// What the sample was made for (`os`, `arch` or `format`), and the value.
    Target(FeatureKind, String),
    Metric(Measure),
    Sequence(Box<Sequence>),
    Crypto(Crypto),
    Ioc {
        kind: IocKind,
        value: Option<Pattern>,
    },
    Anomaly(AnomalyKind),
    File(FileFeature),
    Returned(ReturnedFeature),
    Flow(Box<FlowFeature>),
}

impl Feature {
    /// The expression that names are searched with.
    pub(super) fn name_pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Import(Name::Regex(pattern))
            | Self::Export(Name::Regex(pattern))
            | Self::Section(Name::Regex(pattern))
            | Self::FunctionName(Name::Regex(pattern)) => Some(pattern),
            Self::Ioc { value, .. } => value.as_ref(),
            Self::File(file) => file.path.as_ref(),
            Self::Returned(returned) => returned.text.as_ref(),
            _ => None,
        }
    }
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
    /// Whether the sample must have chosen the text. Then its arguments do not name it, and no listing of a
    /// folder told it.
    pub(super) is_chosen: bool,
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

/// What an export returned.
#[derive(Debug)]
pub(super) struct ReturnedFeature {
    pub(super) contents: Option<Contents>,
    /// What stands in it.
    pub(super) text: Option<Pattern>,
}

/// What became of bytes that the sample was given.
#[derive(Debug, Default)]
pub(super) struct FlowFeature {
    /// The kind of source that they are of.
    pub(super) from: Option<SourceKind>,
    pub(super) is_bait: bool,
    /// The name of the source.
    pub(super) name: Option<Pattern>,
    /// An operation or an encoding that they met.
    pub(super) through: Option<Pattern>,
    /// Host functions that they were given to, or what was made of them: any of these.
    pub(super) to: Vec<Name>,
    /// Least number of different bytes.
    pub(super) bytes: u64,
}

/// What a run did to a file.
#[derive(Debug, Default)]
pub(super) struct FileFeature {
    pub(super) change: Option<ChangeKind>,
    /// Where it was or went.
    pub(super) path: Option<Pattern>,
    /// The kind of place where it is now, by its position in the table.
    pub(super) place: Option<usize>,
    /// What it holds, of the sample's own.
    pub(super) contents: Option<Contents>,
    /// What stands in it.
    pub(super) text: Option<Pattern>,
    /// Whether the arguments name it.
    pub(super) is_asked: Option<bool>,
}

impl FileFeature {
    /// Of a change alone.
    pub(super) fn of(change: ChangeKind) -> Self {
        Self { change: Some(change), ..Self::default() }
    }

    /// Whether the arguments must name it, or must not: a file that a sample put somewhere it was not asked
    /// for.
    pub(super) fn asked(&self) -> Option<bool> {
        self.is_asked.or((self.place.is_some() || self.contents.is_some()).then_some(false))
    }
}
