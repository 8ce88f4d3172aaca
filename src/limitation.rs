//! How far a result can be trusted: parts that were not looked at, not run, not kept or not judged.
//!
//! What leaves something out says so as a [`Limitation`], with its figures. How each is worded stands here
//! alone.
//!
//! Not here: what a limitation makes of a verdict (`verdict`), in which order they are told (`analysis`).

use std::fmt;

use crate::{
    module::{
        FuncIndex, LoadError, Place,
        limits::{OBJECT_PAGES, OBJECT_REFERENCES},
        view::Unread,
    },
    text::{plural, text_in_json, vocabulary},
    tracer::{Blocked, InvokeError, Limit},
};

/// What limits how far a result can be trusted. JSON and texts have it in words ([`Display`](fmt::Display)).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limitation {
    /// The sample could not be loaded.
    NothingExecuted(LoadError),
    /// The view did not look at something.
    Unread(Unread),
    /// The trace could not be replayed to its end.
    ReplayEnded {
        /// Why.
        error: String,
    },
    /// The module could not be instantiated.
    NotInstantiated(InvokeError),
    /// The start function did not return, and so nothing else ran.
    StartDidNotReturn,
    /// The user named an export that is not there.
    NoSuchExport {
        /// Its name.
        name: String,
    },
    /// An export could not be called.
    NotCalled {
        /// Its name.
        name: String,
        /// Why.
        error: InvokeError,
    },
    /// Exports were not called.
    ExportsLeft {
        /// How many.
        count: u64,
        /// Names of the first of them.
        first: Vec<String>,
    },
    /// Functions that the sample told its host of were not called.
    RegisteredLeft {
        /// How many.
        count: u64,
        /// Names of the first of them.
        first: Vec<String>,
    },
    /// A limit stopped the run.
    RunStopped {
        /// Which.
        limit: Limit,
    },
    /// A limit of wall time was reached, which depends on the machine.
    WallTime,
    /// Entry points were stopped when they had used up their budget.
    EntriesStopped {
        /// How many.
        count: u64,
    },
    /// Functions take too much to be validated and translated.
    HeavyFunctions {
        /// The first of them.
        first: FuncIndex,
        /// How many there are.
        count: u64,
    },
    /// Modules of a component did not run.
    ModulesLeft {
        /// How many.
        count: u64,
        /// Offset of the first in the file.
        first: u64,
        /// Imports of the program that they answer.
        imports: u64,
        /// Why they were not linked with the program, if they do part of its work.
        why: Option<String>,
    },
    /// Entry points ended at an operator that the engine lacks.
    OperatorLacking {
        /// The first one.
        operator: &'static str,
        /// Where it stands.
        place: Place,
        /// How many entry points.
        count: u64,
    },
    /// All threads waited, and nobody could end it.
    Deadlock {
        /// Each of them.
        threads: Vec<Blocked>,
    },
    /// Threads could not begin because there were too many.
    ThreadsRefused {
        /// How many.
        count: u64,
    },
    /// A memory began with more than may be there.
    MemoryNotThere {
        /// Pages that it declared.
        declared: u64,
        /// Those that were there.
        there: u64,
    },
    /// The system had less room for memories than the limits allow: elsewhere a run may go another way.
    MemoryShort,
    /// Entry points ended because they wrote to more memory than may be touched.
    MemorySpent {
        /// How many.
        count: u64,
        /// Pages that may be touched.
        near: u64,
        /// Pages beyond these that may be.
        sparse: u64,
    },
    /// Entry points ended because there was no room for one object more.
    ObjectsSpent {
        /// How many.
        count: u64,
    },
    /// Growth of memory or tables was refused.
    GrowthRefused {
        /// How often.
        count: u64,
    },
    /// Host functions that nobody knows were answered with zeros.
    UnknownHostFunctions {
        /// How many.
        count: u64,
    },
    /// Imports whose names say nothing were answered as what the code uses them for.
    ImportsTaken {
        /// How many.
        count: u64,
        /// The first of them, and what for.
        first: Vec<String>,
    },
    /// Something was not kept, or not looked through.
    Cut {
        /// What.
        what: Cut,
        /// How many of it.
        count: u64,
    },
    /// A stub file is wrong.
    StubFileUnused {
        /// What is wrong.
        error: String,
    },
    /// A trace file ends before the run did.
    FileEnds,
    /// A trace file is damaged.
    FileDamaged {
        /// Where, and what of it.
        damage: String,
    },
    /// A trace file is damaged in further places.
    FileDamagedMore {
        /// How many.
        count: u64,
    },
    /// It was run with options that this version does not know.
    UnknownOptions {
        /// The first of them.
        first: Vec<String>,
        /// How many more there are.
        more: u64,
    },
    /// Rules that ask more of a large sample than is allowed.
    RulesCut(Named),
    /// The scan with YARA rules was ended.
    YaraEnded {
        /// After so many seconds; `None` if an error ended it.
        after: Option<u64>,
    },
    /// Strings of YARA rules were found too often to be counted.
    YaraCut {
        /// How often they were counted.
        counted: u32,
        /// The rules.
        rules: Named,
    },
    /// As a trace file of version 1 has it: in words.
    Recorded(String),
}

vocabulary! {
    /// What was not kept of a run, or not looked through; the words follow its number.
    pub enum Cut {
        /// Host calls beyond the log.
        HostCalls = "host calls are in the trace and not in the log",
        /// Arguments, results and what they point at.
        Arguments = "arguments or results of host calls, or what they point at, were not logged",
        /// Standard output and error.
        Output = "bytes of output were not kept",
        /// Modules that the sample built.
        Carved = "modules built in memory were not kept",
        /// Places where modules may be.
        Uncarved = "places that host calls were handed were not looked through for modules",
        /// What exports returned.
        Returned = "things that exports returned were not kept",
        /// Files that the user gave.
        GivenFiles = "files that were given had no room in the sandbox",
        /// Changes of files.
        FileChanges = "changes of files were not listed",
        /// Contents of deleted files.
        DeletedContents = "deleted files were listed without their contents",
        /// Entry points that would have been undone, but there was too much memory for a state to return to.
        Returns = "entry points were not undone before the next: there was too much memory to be put back",
        /// What was sent.
        SentBytes = "bytes sent through sockets were not kept",
        /// Bytes in which bait was not looked for.
        TokenBytes = "bytes of host calls were not searched for honeytokens",
        /// What was handed to host functions, or returned.
        Handed = "things that were handed over were not looked through, or not to the last of their layers",
        /// What lay in memory and began as pages and scripts do.
        Built = "parts of memory held too much that begins as a page or script to look at all of it",
        /// What lay in memory.
        Memory = "parts of memory were not looked through for what was built there",
        /// What the host would have written to memory.
        HostWrites = "writes of host functions were left out: no more memory may be touched (--max-memory)",
        /// Strings of JavaScript.
        Strings = "strings were not made, because they were too many or too long",
    }
}

/// The first of some rules, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The names of the first.
    pub first: Vec<String>,
    /// How many there are in all.
    pub count: u64,
}

impl Named {
    /// The first `max` of `names`.
    pub(crate) fn of<'n>(names: impl ExactSizeIterator<Item = &'n str>, max: usize) -> Self {
        Self { count: names.len() as u64, first: names.take(max).map(str::to_owned).collect() }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<_> = self.first.iter().map(|name| format!("`{name}`")).collect();
        if let Some(more) = self.count.checked_sub(names.len() as u64).filter(|more| *more > 0) {
            names.push(format!("{more} more"));
        }
        f.write_str(&names.join(", "))
    }
}

impl fmt::Display for Limitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingExecuted(error) => {
                write!(f, "nothing was executed: {}", on_one_line(&error.to_string()))
            }
            Self::Unread(unread) => write!(f, "{unread}"),
            Self::ReplayEnded { error } => write!(f, "the trace could not be replayed to its end: {error}"),
            Self::FileEnds => f.write_str("the file ends before the run did"),
            Self::FileDamaged { damage } => write!(f, "the file is damaged: {damage}"),
            Self::FileDamagedMore { count } => write!(f, "the file is damaged in {count} more places"),
            Self::UnknownOptions { first, more } => unknown_options(f, first, *more),
            Self::RulesCut(rules) => rules_cut(f, rules),
            Self::YaraEnded { after } => yara_ended(f, *after),
            Self::YaraCut { counted, rules } => write!(
                f,
                "YARA strings found more than {counted} times were not counted further, in: {rules}"
            ),
            Self::Recorded(words) => f.write_str(words),
            _ => self.of_run(f),
        }
    }
}

impl Limitation {
    /// Whether it says that one of these was cut. Of a trace file only the words are there.
    pub(crate) fn is_cut(&self, of: &[Cut]) -> bool {
        match self {
            Self::Cut { what, .. } => of.contains(what),
            Self::Recorded(words) => of.iter().any(|what| words.ends_with(what.as_str())),
            _ => false,
        }
    }

    /// Words for what the run itself leaves out.
    fn of_run(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstantiated(error) => write!(f, "{error}"),
            Self::StartDidNotReturn => {
                f.write_str("the start function did not return: no export can be called")
            }
            Self::NoSuchExport { name } => write!(f, "there is no exported function `{name}`"),
            Self::NotCalled { name, error } => write!(f, "`{name}` was not called: {error}"),
            Self::ExportsLeft { count, first } => {
                let (exports, names) = (plural(*count, "exported function"), such_as(*count, first));
                write!(f, "{exports} {} not called{names}", were(*count))
            }
            Self::RegisteredLeft { count, first } => {
                let (functions, names) = (plural(*count, "function"), such_as(*count, first));
                write!(f, "{functions} that it told its host of {} not called{names}", were(*count))
            }
            Self::RunStopped { limit } => write!(f, "the run was stopped by the limit {limit}"),
            Self::WallTime => {
                f.write_str("a limit of wall time was reached: another machine would see more or less")
            }
            Self::EntriesStopped { count } => {
                let whose = if *count == 1 { "its" } else { "their" };
                let entries = plural(*count, "entry point");
                write!(f, "{entries} {} stopped when {whose} budget was spent", were(*count))
            }
            Self::HeavyFunctions { first, count } => heavy_functions(f, *first, *count),
            Self::ModulesLeft { count, first, imports, why } => {
                let (modules, imports) = (plural(*count, "further module"), plural(*imports, "import"));
                write!(
                    f,
                    "{modules} of the component, the first at {first:#x}, did not run: the sandbox answered \
                     {imports} of its program in their place"
                )?;
                why.as_ref().map_or(Ok(()), |why| write!(f, "; they cannot be linked: {why}"))
            }
            Self::OperatorLacking { operator, place: Place { function, offset }, count } => {
                let ended = plural(*count, "entry point");
                write!(
                    f,
                    "`{operator}` at func {function}:{:#x} is not supported: {ended} ended at such an operator",
                    offset.0
                )
            }
            Self::Deadlock { threads } => {
                let each: Vec<_> = threads.iter().map(ToString::to_string).collect();
                write!(f, "deadlock: {}", each.join("; "))
            }
            Self::ThreadsRefused { count } => {
                let (threads, verb) = (plural(*count, "thread"), if *count == 1 { "was" } else { "were" });
                write!(f, "{threads} did not begin: too many {verb} there already")
            }
            Self::MemoryNotThere { declared, there } => write!(
                f,
                "a memory begins with {declared} pages, of which the first {there} were there \
                 (--max-memory): what lies beyond was out of bounds"
            ),
            Self::MemoryShort => f.write_str(
                "the system had less room for a memory than its limits allow: where there is more, the run \
                 may go another way",
            ),
            Self::MemorySpent { count, near, sparse } => write!(
                f,
                "{} wrote to more memory than may be touched (--max-memory): {near} pages, and {sparse} \
                 anywhere beyond",
                plural(*count, "entry point")
            ),
            Self::ObjectsSpent { count } => write!(
                f,
                "{} made more objects than there is room for: {} MiB, and {} references to functions",
                plural(*count, "entry point"),
                OBJECT_PAGES >> 4,
                OBJECT_REFERENCES
            ),
            Self::GrowthRefused { count } => {
                let times = plural(*count, "time");
                write!(
                    f,
                    "growth of memory or tables beyond the limits (--max-memory, --max-table) was refused {times}"
                )
            }
            Self::UnknownHostFunctions { count } => {
                write!(f, "calls of {} were answered with zeros", plural(*count, "unknown host function"))
            }
            Self::ImportsTaken { count, first } => {
                let (imports, names) = (plural(*count, "import"), such_as(*count, first));
                write!(f, "{imports} without telling names taken for what the code uses them as{names}")
            }
            Self::Cut { what, count } => write!(f, "{count} {what}"),
            Self::StubFileUnused { error } => write!(f, "a stub file was not used: {error}"),
            _ => Ok(()),
        }
    }
}

fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

/// The first names of a list, and how many more there are.
fn such_as(count: u64, first: &[String]) -> String {
    let shown: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
    match count.saturating_sub(first.len() as u64) {
        _ if first.is_empty() => String::new(),
        0 => format!(": {}", shown.join(", ")),
        more => format!(": {} and {more} more", shown.join(", ")),
    }
}

fn unknown_options(f: &mut fmt::Formatter<'_>, first: &[String], more: u64) -> fmt::Result {
    let told: Vec<_> = first.iter().map(|name| format!("`{name}`")).collect();
    let told = told.join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    write!(f, "it was run with options that this version does not know: {told}{more}")
}

fn rules_cut(f: &mut fmt::Formatter<'_>, rules: &Named) -> fmt::Result {
    let (what, they) = match rules.count {
        1 => ("1 rule was".to_owned(), "it asks"),
        count => (format!("{count} rules were"), "they ask"),
    };
    write!(f, "{what} not evaluated to the end, the sample being too large for what {they}: {rules}")
}

fn yara_ended(f: &mut fmt::Formatter<'_>, after: Option<u64>) -> fmt::Result {
    let why = after.map_or_else(|| "by an error".to_owned(), |seconds| format!("after {seconds} s"));
    write!(f, "the scan with YARA rules was ended {why}: rules that did not match by then may match")
}

fn heavy_functions(f: &mut fmt::Formatter<'_>, first: FuncIndex, count: u64) -> fmt::Result {
    match count {
        1 => write!(f, "func {first} takes too much to be validated and translated: a call of it stops"),
        _ => write!(
            f,
            "{count} functions, the first is func {first}, take too much to be validated and translated: \
             a call of one stops"
        ),
    }
}

text_in_json!(Limitation);

/// An error of a text, which shows the line where it is: only what is wrong, and where.
fn on_one_line(error: &str) -> String {
    let Some((what, rest)) = error.split_once('\n') else { return error.to_owned() };
    let place = rest.split_once("<anon>:").and_then(|(_, place)| place.lines().next()?.split_once(':'));
    place.map_or_else(|| what.to_owned(), |(line, column)| format!("{what} (line {line}, column {column})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_places_are_in_the_words() {
        let rules = |count| Named { first: vec!["a".into(), "b".into()], count };
        for (limitation, words) in [
            (
                Limitation::ExportsLeft { count: 3, first: vec!["a".into(), "b".into()] },
                "3 exported functions were not called: `a`, `b` and 1 more",
            ),
            (
                Limitation::RegisteredLeft { count: 1, first: vec![] },
                "1 function that it told its host of was not called",
            ),
            (Limitation::Cut { what: Cut::Output, count: 7 }, "7 bytes of output were not kept"),
            (
                Limitation::RunStopped { limit: Limit::HostCalls },
                "the run was stopped by the limit host_calls",
            ),
            (
                Limitation::GrowthRefused { count: 1 },
                "growth of memory or tables beyond the limits (--max-memory, --max-table) was refused 1 time",
            ),
            (
                Limitation::MemorySpent { count: 1, near: 8192, sparse: 1024 },
                "1 entry point wrote to more memory than may be touched (--max-memory): 8192 pages, and 1024 \
                 anywhere beyond",
            ),
            (
                Limitation::MemoryShort,
                "the system had less room for a memory than its limits allow: where there is more, the run \
                 may go another way",
            ),
            (
                Limitation::ObjectsSpent { count: 1 },
                "1 entry point made more objects than there is room for: 256 MiB, and 1048576 references to \
                 functions",
            ),
            (
                Limitation::HeavyFunctions { first: FuncIndex(2), count: 1 },
                "func 2 takes too much to be validated and translated: a call of it stops",
            ),
            (
                Limitation::HeavyFunctions { first: FuncIndex(2), count: 2 },
                "2 functions, the first is func 2, take too much to be validated and translated: a call of \
                 one stops",
            ),
            (
                Limitation::RulesCut(rules(4)),
                "4 rules were not evaluated to the end, the sample being too large for what they ask: `a`, \
                 `b`, 2 more",
            ),
            (
                Limitation::RulesCut(Named::of(["a"].into_iter(), 2)),
                "1 rule was not evaluated to the end, the sample being too large for what it asks: `a`",
            ),
            (
                Limitation::YaraEnded { after: Some(5) },
                "the scan with YARA rules was ended after 5 s: rules that did not match by then may match",
            ),
            (
                Limitation::YaraCut { counted: 10, rules: rules(2) },
                "YARA strings found more than 10 times were not counted further, in: `a`, `b`",
            ),
        ] {
            assert_eq!(limitation.to_string(), words);
            assert_eq!(serde_json::to_value(&limitation).unwrap(), words, "{limitation:?}");
        }
    }

    #[test]
    fn errors_of_a_text_are_one_line() {
        let error =
            "invalid text: expected `(`\n     --> <anon>:2:7\n      |\n    2 | (func x)\n      |       ^";
        assert_eq!(on_one_line(error), "invalid text: expected `(` (line 2, column 7)");
        assert_eq!((&*on_one_line("one"), &*on_one_line("one\ntwo")), ("one", "one"));
    }
}
