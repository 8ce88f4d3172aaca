//! The options of an analysis, shared by the subcommands that make one: how the sample is run, and with which
//! rules.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use wasmspoor::{
    Type, Value,
    analysis::Analysis,
    module::Module,
    passes::flows::Look,
    report::OptionsUsed,
    rules,
    sandbox::{self, Drive, Persona, Run, RunOptions, Seed, Status, Stubs},
};

use super::{Exit, Failure, host_dir, input, limits, names, numbers, plural};

/// How the sample is run
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "The run")]
pub(super) struct Arguments {
    /// Run as another run was run: with the `options` of a report of `--json`, or that object alone. In place
    /// of all options of this group and of the limits
    #[arg(long, value_name = "FILE", conflicts_with_all = IN_OPTIONS)]
    options: Option<PathBuf>,
    /// Which exports are called after the start function and the program's entry point: `auto` (those that
    /// seem worth it), `exports` (all), `none`, or the NAME of one
    /// [default: auto, or as the persona says]
    #[arg(long, value_name = "auto|exports|none|NAME")]
    drive: Option<String>,
    /// Call this export with these arguments, and no other (give FILE first; an export whose name begins with
    /// a dash: `--invoke=-x -5`)
    #[arg(long, value_name = "EXPORT [ARG]", num_args = 1.., value_parser = numbers::shown)]
    invoke: Option<Vec<String>>,
    /// Whom the sample thinks it runs for: the NAME of a shipped persona, or a FILE.toml, see
    /// docs/personas.md. Shipped are `default` (a few files), `workstation` (documents, keys, wallet,
    /// browser), `server` (secrets in the environment, a listening socket), `study` (nothing)
    #[arg(long, value_name = "NAME|FILE.toml", default_value = "default")]
    persona: String,
    /// An argument for the program (WASI), after those of the persona; may be repeated
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    arg: Vec<String>,
    /// An environment variable for the program, added to or in place of the persona's; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// What the program reads from standard input, in place of the persona's; it is no terminal then
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// A stream that is a pipe and no terminal, as the program sees it; may be repeated
    #[arg(long, value_name = "STREAM")]
    pipe: Vec<Stream>,
    /// A file that the program finds: a copy of HOST at the absolute path GUEST, in memory; may be repeated
    #[arg(long = "file", value_name = "HOST::GUEST", value_parser = mapping)]
    guest_files: Vec<(PathBuf, String)>,
    /// A directory that the program finds: a copy, in memory, of what is below HOST (links are not followed;
    /// 64 MiB and 5000 files and directories at most) at the path GUEST. The program finds it open under
    /// that name if GUEST is not absolute or no other open directory leads there; may be repeated
    #[arg(long = "dir", value_name = "HOST::GUEST", value_parser = dir_mapping)]
    guest_dirs: Vec<(PathBuf, String)>,
    /// Answers to host calls, see docs/stubs.md; may be repeated
    #[arg(long, value_name = "FILE")]
    stub: Vec<PathBuf>,
    /// Seed of everything random [default: the first eight bytes of the sample's SHA-256]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Virtual time at the start, in seconds since 1970 [default: the persona's]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    epoch: Option<u64>,
    /// Time of one entry point in seconds [default: 5, or as the persona says]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    entry_time: Option<f64>,
    /// Decisions of one entry point: a limit that does not depend on the machine [default: 30 million]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    entry_decisions: Option<u64>,
    /// Executed instructions of one entry point [default: 500 million]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    entry_instructions: Option<u64>,
    /// No bounds of one entry point, in time, decisions or instructions: only those of the whole run, below,
    /// stop it
    #[arg(long, conflicts_with_all = ["entry_time", "entry_decisions", "entry_instructions"])]
    no_budgets: bool,
    /// Further rules: files (.yml, .yar) or folders; may be repeated
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    #[command(flatten)]
    limits: limits::Arguments,
}

/// Time of an entry point that no budget bounds: ten years.
pub(super) const NO_ENTRY_TIME: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The options whose values `--options` gives.
const IN_OPTIONS: [&str; 25] = [
    "drive",
    "invoke",
    "persona",
    "arg",
    "env",
    "stdin",
    "pipe",
    "guest_files",
    "guest_dirs",
    "stub",
    "seed",
    "epoch",
    "entry_time",
    "entry_decisions",
    "entry_instructions",
    "no_budgets",
    "time_limit",
    "max_decisions",
    "max_instructions",
    "max_host_calls",
    "max_trace",
    "at_max_trace",
    "max_memory",
    "max_table",
    "max_depth",
];

/// A stream of the program.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stream {
    Stdin,
    Stdout,
    Stderr,
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("an environment variable is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn mapping(text: &str) -> Result<(PathBuf, String), String> {
    let (host, guest) = text.rsplit_once("::").ok_or("a file is HOST::GUEST")?;
    // As personas have it: no program finds a file at another path.
    if !guest.starts_with('/') || guest.split('/').any(|name| name == ".." || name == ".") {
        return Err(format!("the guest path `{guest}` is no absolute path without `.` and `..`"));
    }
    Ok((host.into(), guest.to_owned()))
}

/// The same for a directory, whose path need not be absolute: programs look for `data` as well as for
/// `/data`.
fn dir_mapping(text: &str) -> Result<(PathBuf, String), String> {
    let (host, guest) = text.rsplit_once("::").ok_or("a directory is HOST::GUEST")?;
    if guest.is_empty() || guest.split('/').any(|name| name == "..") {
        return Err(format!("the guest path `{guest}` leads nowhere"));
    }
    Ok((host.into(), guest.to_owned()))
}

/// A shipped persona by its name, or one of the user's by its file.
fn persona(name: &str) -> anyhow::Result<Arc<Persona>> {
    if let Some(persona) = Persona::shipped(name) {
        return Ok(persona);
    }
    let path = Path::new(name);
    if path.extension().is_none_or(|ending| ending != "toml") {
        let list: Vec<_> = Persona::all_shipped().map(|persona| format!("`{}`", persona.name)).collect();
        anyhow::bail!("there is no persona `{name}`; give a FILE.toml, or one of {}", list.join(", "));
    }
    let text = fs::read_to_string(path).with_context(|| name.to_owned())?;
    Ok(Arc::new(Persona::parse(name, &text)?))
}

/// The options of another run, of its report.
fn repeated(path: &Path) -> anyhow::Result<RunOptions> {
    let text = String::from_utf8(input::read(path)?).context("it is not UTF-8")?;
    Ok(OptionsUsed::parse(&text)?.into_run_options()?)
}

/// A sample and what is known of it.
pub(super) struct Analysed {
    /// The file as the user named it.
    pub(super) name: String,
    pub(super) options: RunOptions,
    pub(super) analysis: Analysis,
}

/// The part that is the same for all samples of a command: read once.
pub(super) struct Analyser<'a> {
    arguments: &'a Arguments,
    options: RunOptions,
    /// Those that ship are read when they are asked for.
    rules: OnceLock<rules::Set>,
}

impl Arguments {
    /// Whether an option names what a batch cannot have: an export of one sample, or standard input.
    pub(super) fn is_for_one(&self) -> bool {
        let is_stdin = |path: &Option<PathBuf>| path.as_deref() == Some(Path::new("-"));
        self.invoke.is_some() || is_stdin(&self.stdin) || is_stdin(&self.options)
    }

    /// Whether rules of the user's are named.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Reads the files that the options name.
    pub(super) fn prepare(&self) -> Result<Analyser<'_>, Failure> {
        let options = self.options().map_err(|error| Failure::new(Exit::Usage, error))?;
        let rules = match self.rules.is_empty() {
            true => OnceLock::new(),
            false => rules::Set::load(&self.rules).map_err(|error| Failure::new(Exit::Usage, error))?.into(),
        };
        Ok(Analyser { arguments: self, options, rules })
    }

    fn options(&self) -> anyhow::Result<RunOptions> {
        if let Some(path) = &self.options {
            return repeated(path).with_context(|| path.display().to_string());
        }
        let mut options = RunOptions::default().with_persona(persona(&self.persona)?);
        options.limits = self.limits.to_limits(options.limits)?;
        self.set_entries(&mut options)?;
        self.set_world(&mut options)?;
        self.set_files(&mut options)?;
        for path in &self.stub {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let name = path.display().to_string();
            Stubs::parse(&name, &text)?;
            options.stubs.push((name, text));
        }
        Ok(options)
    }

    /// Which entry points are called, and the budget of each.
    fn set_entries(&self, options: &mut RunOptions) -> anyhow::Result<()> {
        if let Some(drive) = &self.drive {
            options.drive = match &**drive {
                "auto" => Drive::Auto,
                "exports" => Drive::Exports,
                "none" => Drive::None,
                name => Drive::Name(name.to_owned()),
            };
        }
        if let Some(seconds) = self.entry_time {
            options.entry_time = Duration::try_from_secs_f64(seconds)
                .with_context(|| format!("--entry-time {seconds} is not a time"))?;
        }
        options.entry_decisions = self.entry_decisions.or(options.entry_decisions);
        options.entry_instructions = self.entry_instructions.or(options.entry_instructions);
        if self.no_budgets {
            options.entry_time = NO_ENTRY_TIME;
            (options.entry_decisions, options.entry_instructions) = (None, None);
        }
        Ok(())
    }

    /// Whether entry points have bounds of their own.
    pub(super) fn has_budgets(&self) -> bool {
        !self.no_budgets
    }

    /// The sample's view of its world, but for files.
    fn set_world(&self, options: &mut RunOptions) -> anyhow::Result<()> {
        options.seed = self.seed.map_or(options.seed, Seed::Given);
        if let Some(seconds) = self.epoch {
            let nanos = seconds.checked_mul(1_000_000_000);
            options.epoch_ns = nanos.with_context(|| format!("--epoch {seconds} is beyond the year 2554"))?;
        }
        options.args.extend(self.arg.iter().cloned());
        for (name, value) in &self.env {
            options.env.retain(|(known, _)| known != name);
            options.env.push((name.clone(), value.clone()));
        }
        Ok(())
    }

    /// Streams, folders and files.
    fn set_files(&self, options: &mut RunOptions) -> anyhow::Result<()> {
        if let Some(path) = &self.stdin {
            options.stdin = input::read(path)?;
        }
        let stdin = self.stdin.as_ref().map(|_| &Stream::Stdin);
        for stream in self.pipe.iter().chain(stdin) {
            Arc::make_mut(&mut options.persona).terminals[*stream as usize] = false;
        }
        for (host, guest) in &self.guest_dirs {
            host_dir::give(host, guest, options)?;
        }
        for (host, guest) in &self.guest_files {
            options.files.insert(guest.clone(), input::read(host)?);
        }
        Ok(())
    }
}

impl Analyser<'_> {
    /// How samples are run, and with which rules.
    pub(super) fn into_parts(self) -> (RunOptions, rules::Set) {
        (self.options, self.rules.into_inner().unwrap_or_else(rules::Set::builtin))
    }

    pub(super) fn rules(&self) -> &rules::Set {
        self.rules.get_or_init(rules::Set::builtin)
    }

    /// Reads a sample, and how it is to be run.
    pub(super) fn read(&self, file: &Path) -> Result<(Vec<u8>, RunOptions), Failure> {
        let bytes = input::read(file).map_err(|error| Failure::new(Exit::Usage, error))?;
        let mut options = self.options.clone().seeded(&bytes);
        if let Some(words) = &self.arguments.invoke {
            options.invoke =
                invoke(&bytes, words).map_err(|error| Failure::new(Exit::NotExecutable, error))?;
        }
        Ok((bytes, options))
    }

    /// Reads and runs a sample; with what the host does, if that is wanted. Nothing is analysed. One that
    /// cannot be started is an error.
    pub(super) fn run(&self, file: &Path, effects: bool) -> Result<Run, Failure> {
        let (bytes, options) = self.read(file)?;
        let progress = input::Progress::begin("running", file);
        // The loader of a text says what is wrong with it.
        let wasm = wat::parse_bytes(&bytes).unwrap_or((&bytes[..]).into());
        let run = match effects {
            true => sandbox::run_with_effects(&wasm, &options),
            false => sandbox::run(&wasm, &options),
        };
        drop(progress);
        let name = || file.display().to_string();
        let run = run.map_err(|error| {
            Failure::new(Exit::of_refused(&error), anyhow::Error::new(error).context(name()))
        })?;
        if run.status == Status::Unsupported {
            let why = run.limitations.first().map_or_else(|| "nothing ran".to_owned(), ToString::to_string);
            let message = format!("{}: {why}", name());
            return Err(Failure::new(Exit::NotExecutable, anyhow::Error::msg(message)));
        }
        Ok(run)
    }

    /// Reads and analyses a sample.
    pub(super) fn analyse(&self, file: &Path) -> Result<Analysed, Failure> {
        self.analyse_with(file, Look::Off)
    }

    /// As [`Self::analyse`], and follows what the sample was given.
    pub(super) fn analyse_with(&self, file: &Path, look: Look) -> Result<Analysed, Failure> {
        let (bytes, options) = self.read(file)?;
        let progress = input::Progress::begin("running", file);
        let analysis = Analysis::with_values(&bytes, &options, self.rules(), look);
        drop(progress);
        Ok(Analysed { name: file.display().to_string(), options, analysis })
    }
}

/// How much of a run is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Values {
    Off,
    Auto,
    Full,
}

impl From<Values> for Look {
    fn from(values: Values) -> Self {
        match values {
            Values::Off => Self::Off,
            Values::Auto => Self::Auto,
            Values::Full => Self::Full,
        }
    }
}

/// Reads the arguments of an export by their types. `None` if the sample is no module: then there is nothing
/// to call.
fn invoke(bytes: &[u8], words: &[String]) -> anyhow::Result<Option<(String, Vec<Value>)>> {
    let Some((export, words)) = words.split_first() else { return Ok(None) };
    let Ok(binary) = wat::parse_bytes(bytes) else { return Ok(None) };
    let Ok(module) = Module::parse(&*binary) else { return Ok(None) };
    let found = module.export(export).and_then(|found| found.func);
    let ty = found.and_then(|func| module.func_type(func));
    let known = || names::exported(&names::exports(&module));
    let ty = ty.with_context(|| format!("there is no exported function `{export}`; {}", known()))?;
    let given = words.len();
    anyhow::ensure!(
        ty.params().len() == given,
        "`{export}` takes {}, {given} given",
        plural(ty.params().len() as u64, "argument")
    );
    let values = ty
        .params()
        .iter()
        .zip(words)
        .map(|(&ty, word)| Type::from(ty).parse(word).map_err(anyhow::Error::msg));
    Ok(Some((export.clone(), values.collect::<anyhow::Result<_>>()?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn options_of_a_report_are_in_place_of_all_others() {
        let command = Arguments::augment_args(clap::Command::new("run"));
        let all: BTreeSet<_> = command.get_arguments().map(|argument| argument.get_id().as_str()).collect();
        let others = ["options", "rules"];
        assert_eq!(all, IN_OPTIONS.into_iter().chain(others).collect());
    }
}
