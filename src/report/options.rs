//! Everything that a run depends on, in JSON, so that `spoor run --options` repeats it.
//!
//! The same type is written and read. A new option of a run does not compile until it stands here: both ways
//! take [`RunOptions`] apart.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{contents::Contents, persona::PersonaContents};

use crate::{
    AtTraceLimit, LimitError, Limits, Value,
    sandbox::{Drive, Persona, RunOptions, Seed, StubError, Stubs},
};

/// How the sample was run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OptionsUsed<'a> {
    /// `auto`, `exports`, `none`, or the export.
    pub drive: Cow<'a, str>,
    /// The export, if `drive` is one: it may be called `auto`.
    #[serde(deserialize_with = "Option::deserialize")]
    pub drive_export: Option<Cow<'a, str>>,
    /// The export that was called, with its arguments.
    #[serde(deserialize_with = "Option::deserialize")]
    pub invoke: Option<(Cow<'a, str>, Cow<'a, [Value]>)>,
    /// Name of the persona.
    pub persona: Cow<'a, str>,
    /// The persona, if it is not the shipped one of this name.
    #[serde(deserialize_with = "Option::deserialize")]
    pub persona_contents: Option<PersonaContents<'a>>,
    /// Which of standard input, output and error are a terminal.
    pub terminals: [bool; 3],
    /// Seed of everything random. Many readers of JSON round it.
    pub seed: u64,
    /// The same, exactly: in decimal. Absent in reports of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_text: Option<Cow<'a, str>>,
    /// Virtual time at the start, in nanoseconds since 1970.
    pub epoch_ns: u64,
    /// Time of one entry point in milliseconds.
    pub entry_time_ms: u64,
    /// The same, exactly.
    pub entry_time: Exact,
    /// Decisions of one entry point.
    #[serde(deserialize_with = "Option::deserialize")]
    pub entry_decisions: Option<u64>,
    /// Executed instructions of one entry point.
    #[serde(deserialize_with = "Option::deserialize")]
    pub entry_instructions: Option<u64>,
    /// Arguments, the program's name first.
    pub args: Cow<'a, [String]>,
    /// Environment.
    pub env: Cow<'a, [(String, String)]>,
    /// Directories that a WASI program found open, from descriptor 3 on: name, guest path.
    pub preopens: Cow<'a, [(String, String)]>,
    /// Bytes of standard input.
    pub stdin_bytes: u64,
    /// Standard input.
    pub stdin: Contents<'a>,
    /// Guest path → bytes of the files that were given.
    pub files: BTreeMap<Cow<'a, str>, u64>,
    /// Guest path → contents of these files.
    pub file_contents: BTreeMap<Cow<'a, str>, Contents<'a>>,
    /// Guest paths of the directories that were given and may be empty.
    pub dirs: Cow<'a, [String]>,
    /// Names of the stub files.
    pub stubs: Vec<Cow<'a, str>>,
    /// Their texts, in the same order.
    pub stub_texts: Vec<Cow<'a, str>>,
    /// Imports that the caller answered in Rust: module, name. With any, the run cannot be repeated from
    /// here.
    pub functions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Limits of the run.
    pub limits: LimitsUsed,
}

/// The limits of the run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsUsed {
    /// Wall time of the whole run in milliseconds.
    #[serde(deserialize_with = "Option::deserialize")]
    pub wall_time_ms: Option<u64>,
    /// The same, exactly.
    #[serde(deserialize_with = "Option::deserialize")]
    pub wall_time: Option<Exact>,
    /// Recorded decisions.
    #[serde(deserialize_with = "Option::deserialize")]
    pub decisions: Option<u64>,
    /// Executed instructions.
    #[serde(deserialize_with = "Option::deserialize")]
    pub instructions: Option<u64>,
    /// Host calls.
    #[serde(deserialize_with = "Option::deserialize")]
    pub host_calls: Option<u64>,
    /// Bytes of the trace.
    pub trace_bytes: u64,
    /// `stop` or `spill`: what happens there.
    pub at_trace_limit: Cow<'static, str>,
    /// Pages of all memories.
    pub memory_pages: u64,
    /// Pages beyond these that may be written to; what came before this field had none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub sparse_pages: u64,
    /// Elements of all tables.
    pub table_elements: u64,
    /// Nested calls.
    pub call_depth: u64,
    /// Bytes of the value stack.
    pub stack_bytes: u64,
}

/// A time, to the nanosecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// Whole seconds.
    pub seconds: u64,
    /// Nanoseconds besides, less than a thousand million.
    pub nanoseconds: u32,
}

/// Why options of a report are not those of a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No JSON, or a field that is missing, unknown, or of another type.
    #[error("these are not the options of a report: {0}")]
    Json(#[from] serde_json::Error),
    /// The persona is no shipped one, and its contents are not there.
    #[error("there is no persona `{0}`, and its contents are not among the options")]
    Persona(String),
    /// A word that is not known.
    #[error("`{word}` is no value of `{field}`")]
    Word {
        /// The field.
        field: &'static str,
        /// What stands there.
        word: String,
    },
    /// Two fields that say different things.
    #[error("`{0}` and `{1}` do not agree")]
    Disagree(&'static str, &'static str),
    /// A closure of the caller answered it.
    #[error("the import `{0}` was answered by a function of the program that ran the sample")]
    Function(String),
    /// A number that is too large.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A stub file that cannot be read.
    #[error(transparent)]
    Stub(#[from] StubError),
}

/// What is read of a report; the rest is passed over.
#[derive(Deserialize)]
struct Whole<T> {
    options: T,
}

impl OptionsUsed<'static> {
    /// Reads options from a report, or from the object alone.
    ///
    /// # Errors
    ///
    /// If the text is something else, or a field is missing (an earlier version wrote it) or unknown (a later
    /// one did): then the run cannot be repeated.
    pub fn parse(text: &str) -> Result<Self, OptionsError> {
        match serde_json::from_str::<Whole<IgnoredAny>>(text) {
            Ok(_) => Ok(serde_json::from_str::<Whole<Self>>(text)?.options),
            Err(_) => Ok(serde_json::from_str(text)?),
        }
    }
}

/// How a sample was run, as a report tells it.
pub fn options_used(options: &RunOptions) -> OptionsUsed<'_> {
    let RunOptions {
        limits,
        drive,
        entry_time,
        entry_decisions,
        entry_instructions,
        seed,
        epoch_ns,
        args,
        env,
        stdin,
        files,
        dirs,
        invoke,
        stubs,
        preopens,
        persona,
        functions,
    } = options;
    OptionsUsed {
        drive: drive_word(drive),
        drive_export: match drive {
            Drive::Name(name) => Some(name.into()),
            _ => None,
        },
        invoke: invoke.as_ref().map(|(name, args)| (name.into(), args.into())),
        persona: (&persona.name).into(),
        persona_contents: PersonaContents::of(persona),
        terminals: persona.terminals,
        seed: seed.number(),
        seed_text: Some(seed.number().to_string().into()),
        epoch_ns: *epoch_ns,
        entry_time_ms: millis(*entry_time),
        entry_time: Exact::of(*entry_time),
        entry_decisions: *entry_decisions,
        entry_instructions: *entry_instructions,
        args: args.into(),
        env: env.into(),
        preopens: preopens.into(),
        stdin_bytes: stdin.len() as u64,
        stdin: Contents::of(stdin),
        files: files.iter().map(|(path, bytes)| (path.into(), bytes.len() as u64)).collect(),
        file_contents: files.iter().map(|(path, bytes)| (path.into(), Contents::of(bytes))).collect(),
        dirs: dirs.into(),
        stubs: stubs.iter().map(|(name, _)| name.into()).collect(),
        stub_texts: stubs.iter().map(|(_, text)| text.into()).collect(),
        functions: functions.names().map(|(module, name)| (module.into(), name.into())).collect(),
        limits: LimitsUsed::of(limits),
    }
}

/// A seed that may have been rounded, from its text.
fn exact_seed(seed: u64, text: Option<&str>) -> Result<u64, OptionsError> {
    let Some(text) = text else { return Ok(seed) };
    let exact = text.parse::<u64>().ok().filter(|&exact| exact as f64 == seed as f64);
    exact.ok_or(OptionsError::Disagree("seed", "seed_text"))
}

impl OptionsUsed<'_> {
    /// The options, to run a sample as it was run.
    ///
    /// # Errors
    ///
    /// If they contradict each other, or are more than a run is given.
    pub fn into_run_options(self) -> Result<RunOptions, OptionsError> {
        self.check()?;
        let drive = match self.drive_export {
            Some(name) => Drive::Name(name.into()),
            None => drive_of("drive", &self.drive)?,
        };
        let limits = self.limits.into_limits()?;
        let mut options = RunOptions { limits, drive, ..RunOptions::default() };
        options.entry_time = self.entry_time.into_duration("entry_time")?;
        options.entry_decisions = self.entry_decisions;
        options.entry_instructions = self.entry_instructions;
        options.seed = Seed::Given(exact_seed(self.seed, self.seed_text.as_deref())?);
        options.epoch_ns = self.epoch_ns;
        options.args = self.args.into();
        options.env = self.env.into();
        options.stdin = self.stdin.into_bytes();
        let files = self.file_contents.into_iter();
        options.files = files.map(|(path, contents)| (path.into(), contents.into_bytes())).collect();
        options.dirs = self.dirs.into();
        options.invoke = self.invoke.map(|(name, args)| (name.into(), args.into()));
        let stubs = self.stubs.into_iter().zip(self.stub_texts);
        options.stubs = stubs.map(|(name, text)| (name.into(), text.into())).collect();
        options.preopens = self.preopens.into();
        let name = self.persona.into_owned();
        options.persona = match self.persona_contents {
            Some(contents) => Arc::new(contents.into_persona(name)),
            None => Persona::shipped(&name).ok_or(OptionsError::Persona(name))?,
        };
        if options.persona.terminals != self.terminals {
            Arc::make_mut(&mut options.persona).terminals = self.terminals;
        }
        Ok(options)
    }

    /// Whether what is told twice is told alike, and stubs are stubs.
    fn check(&self) -> Result<(), OptionsError> {
        if let Some((module, name)) = self.functions.first() {
            return Err(OptionsError::Function(format!("{module}.{name}")));
        }
        if self.stubs.len() != self.stub_texts.len() {
            return Err(OptionsError::Disagree("stubs", "stub_texts"));
        }
        for (name, text) in self.stubs.iter().zip(&self.stub_texts) {
            Stubs::parse(name, text)?;
        }
        if self.drive_export.as_ref().is_some_and(|export| *export != self.drive) {
            return Err(OptionsError::Disagree("drive", "drive_export"));
        }
        if !self.files.keys().eq(self.file_contents.keys()) {
            return Err(OptionsError::Disagree("files", "file_contents"));
        }
        let field = if self.files.keys().any(|path| !path.starts_with('/')) {
            "files"
        } else if self.dirs.iter().any(|path| !path.starts_with('/')) {
            "dirs"
        } else {
            return Ok(());
        };
        Err(OptionsError::Word { field, word: "a guest path that is not absolute".into() })
    }
}

/// Whether a number says that there are none.
fn is_none(number: &u64) -> bool {
    *number == 0
}
impl LimitsUsed {
    fn of(limits: &Limits) -> Self {
        let Limits {
            wall_time,
            decisions,
            instructions,
            host_calls,
            trace_bytes,
            at_trace_limit,
            memory_pages,
            sparse_pages,
            table_elements,
            call_depth,
            stack_bytes,
        } = limits;
        Self {
            wall_time_ms: wall_time.map(millis),
            wall_time: wall_time.map(Exact::of),
            decisions: *decisions,
            instructions: *instructions,
            host_calls: *host_calls,
            trace_bytes: *trace_bytes,
            at_trace_limit: match at_trace_limit {
                AtTraceLimit::Stop => "stop".into(),
                AtTraceLimit::Spill => "spill".into(),
            },
            memory_pages: *memory_pages,
            sparse_pages: *sparse_pages,
            table_elements: *table_elements,
            call_depth: *call_depth as u64,
            stack_bytes: *stack_bytes as u64,
        }
    }

    fn into_limits(self) -> Result<Limits, OptionsError> {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let limits = Limits {
            wall_time: self.wall_time.map(|time| time.into_duration("limits.wall_time")).transpose()?,
            decisions: self.decisions,
            instructions: self.instructions,
            host_calls: self.host_calls,
            trace_bytes: self.trace_bytes,
            at_trace_limit: match &*self.at_trace_limit {
                "stop" => AtTraceLimit::Stop,
                "spill" => AtTraceLimit::Spill,
                word => return Err(OptionsError::Word { field: "limits.at_trace_limit", word: word.into() }),
            },
            memory_pages: self.memory_pages,
            sparse_pages: self.sparse_pages,
            table_elements: self.table_elements,
            call_depth: size(self.call_depth),
            stack_bytes: size(self.stack_bytes),
        };
        limits.check()?;
        Ok(limits)
    }
}

impl Exact {
    fn of(time: Duration) -> Self {
        Self { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
    }

    fn into_duration(self, field: &'static str) -> Result<Duration, OptionsError> {
        let Self { seconds, nanoseconds } = self;
        let word = || OptionsError::Word { field, word: format!("{seconds} s and {nanoseconds} ns") };
        (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds)).ok_or_else(word)
    }
}

fn drive_word(drive: &Drive) -> Cow<'_, str> {
    match drive {
        Drive::Auto => "auto".into(),
        Drive::Exports => "exports".into(),
        Drive::None => "none".into(),
        Drive::Name(name) => name.into(),
    }
}

fn drive_of(field: &'static str, word: &str) -> Result<Drive, OptionsError> {
    match word {
        "auto" => Ok(Drive::Auto),
        "exports" => Ok(Drive::Exports),
        "none" => Ok(Drive::None),
        _ => Err(OptionsError::Word { field, word: word.into() }),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::every_option;

    fn again(options: &RunOptions) -> RunOptions {
        let json = serde_json::to_string(&options_used(options)).unwrap();
        OptionsUsed::parse(&json).unwrap().into_run_options().unwrap()
    }

    /// The options with a stub file that is one.
    fn every() -> RunOptions {
        let text = "[[stub]]\nname = \"f\"\nreturns = 1\n";
        RunOptions { stubs: vec![("s.toml".into(), text.into())], ..every_option() }
    }

    #[test]
    fn every_option_comes_back() {
        let mut named = every();
        named.drive = Drive::Name("auto".into());
        Arc::make_mut(&mut named.persona).name = "default".into();
        let mut piped = RunOptions::default();
        Arc::make_mut(&mut piped.persona).terminals = [false, true, false];
        assert!(options_used(&piped).persona_contents.is_none(), "it is the shipped one but for that");
        let all: Vec<_> = Persona::all_shipped()
            .map(|persona| RunOptions::default().with_persona(Arc::new(persona.clone())))
            .chain([every(), named, piped])
            .collect();
        for mut options in all {
            // A report says which seed was made of the sample.
            options.seed = Seed::Given(options.seed.number());
            // Not by `==`: there may be a NaN among the arguments.
            assert_eq!(format!("{:?}", again(&options)), format!("{options:?}"));
        }
    }

    #[test]
    fn options_that_are_none_are_refused_with_the_reason() {
        let json = serde_json::to_value(options_used(&every())).unwrap();
        let error = |json: &serde_json::Value| match OptionsUsed::parse(&json.to_string()) {
            Ok(options) => options.into_run_options().unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        type Change = (&'static str, serde_json::Value, &'static str);
        let changes: [Change; 16] = [
            ("/drive", "mine".into(), "`mine` is no value of `drive`"),
            ("/drive_export", "mine".into(), "`drive` and `drive_export` do not agree"),
            ("/seed", (-1).into(), "invalid value"),
            ("/seed", 12_345.into(), "`seed` and `seed_text` do not agree"),
            ("/seed_text", "x".into(), "`seed` and `seed_text` do not agree"),
            ("/persona_contents", serde_json::Value::Null, "there is no persona `somebody`"),
            ("/stub_texts", serde_json::json!([]), "`stubs` and `stub_texts` do not agree"),
            ("/stub_texts/0", "[[stub".into(), "s.toml"),
            ("/file_contents", serde_json::json!({}), "`files` and `file_contents` do not agree"),
            ("/stdin", serde_json::json!({ "base64": "?" }), "no base64"),
            ("/limits/call_depth", u64::MAX.into(), "the limit `call_depth`"),
            ("/limits/at_trace_limit", "go on".into(), "`go on` is no value of `limits.at_trace_limit`"),
            ("/entry_time/nanoseconds", 1_000_000_000.into(), "is no value of `entry_time`"),
            ("/functions", serde_json::json!([["env", "f"]]), "the import `env.f` was answered by"),
            ("/dirs/0", "d".into(), "a guest path that is not absolute"),
            ("/invoke/1/0", serde_json::json!({ "f64": "x" }), "`x`"),
        ];
        for (place, value, expected) in changes {
            let mut json = json.clone();
            *json.pointer_mut(place).unwrap() = value;
            let error = error(&json);
            assert!(error.contains(expected), "{place}: {error}");
        }
        for (field, expected) in [("entry_instructions", "missing field"), ("limits", "missing field")] {
            let mut json = json.clone();
            json.as_object_mut().unwrap().remove(field);
            assert!(error(&json).contains(expected), "{field}: {}", error(&json));
        }
        let mut later = json.clone();
        later["dreams"] = 1.into();
        assert!(error(&later).contains("unknown field `dreams`"), "{}", error(&later));
        // The whole of a report, and what is none.
        assert!(
            OptionsUsed::parse(&serde_json::json!({ "schema": "x", "options": json }).to_string()).is_ok()
        );
        for text in ["", "[]", "{}", "{\"options\":3}", &"[".repeat(100_000)] {
            assert!(OptionsUsed::parse(text).is_err());
        }
    }
}
