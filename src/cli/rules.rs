//! `spoor rules`: lists, explains, checks, tries and lays out rules.

mod layout;
mod limits;
mod suggest;

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;

use wasmspoor::{
    rulebook,
    rules::{self, RuleLoadError, Set},
    text::{escape, line, plural},
};

use super::{Exit, Failure, write_schema};

/// Lists, explains, checks, tries and lays out rules.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  spoor rules list
  spoor rules explain 'run the main loop of a CryptoNight miner'
  spoor rules lint my-rules/
  spoor rules test
  spoor rules fmt --check my-rules/
  spoor rules schema > rule.schema.json
  spoor rules suggest sample.wasm --benign libraries/

Exit codes: 0 when all is well, 1 when lint or test found something, fmt --check would change a file or
suggest found nothing rare, 2 when rules cannot be loaded or laid out, no rule has that name, or there is no
folder of examples, 3 when suggest was given no module.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Further rules: files (.yml, .yar) or folders. Can be given more than once
    #[arg(long = "rules", value_name = "PATH", global = true)]
    paths: Vec<PathBuf>,
    /// Only the rules given with --rules, not those that ship with spoor
    #[arg(long, global = true, requires = "paths")]
    only: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists all rules with severity, scope and namespace
    List,
    /// Says what a rule means, when it matches, and how to read a match
    Explain {
        /// The name of the rule
        name: String,
    },
    /// Checks rules beyond what a load does: examples, descriptions, techniques, file names, regular
    /// expressions
    Lint {
        /// The folder of examples [default: corpus, if there is one here]
        #[arg(long, value_name = "DIR")]
        corpus: Option<PathBuf>,
        /// Only what is to be said of the rules in these files or folders; the others are loaded beside them
        #[arg(value_name = "PATH")]
        files: Vec<PathBuf>,
    },
    /// Analyses the examples that rules name, and checks that each rule matches where it must and not where
    /// it must not
    Test {
        /// Only this rule
        name: Option<String>,
        /// The folder of examples
        #[arg(long, value_name = "DIR", default_value = "corpus")]
        corpus: PathBuf,
    },
    /// Lays rule files (.yml) out in one way; comments, the order of keys and what a rule says stay. Prints
    /// the files that it changed
    Fmt {
        /// Changes nothing, and says which files it would change
        #[arg(long)]
        check: bool,
        /// Files, or folders with them; `-`: standard input to standard output
        #[arg(value_name = "PATH", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of a rule file, for editors
    Schema,
    /// Writes a YARA rule from rare bytes of a sample that another build would have, too; with --benign, one
    /// that has no hit in these files
    Suggest(suggest::Arguments),
}

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Fmt { check, files } => return layout::run(files, *check, out),
        Command::Suggest(arguments) => return suggest::run(arguments, out),
        Command::Schema => return write_schema(&rules::schema(), out),
        _ => {}
    }
    let set = match load(arguments) {
        Ok(set) => set,
        Err(error) => {
            crate::cli::complain!("{}", escape(&error.to_string()));
            return Ok(Exit::Usage);
        }
    };
    match &arguments.command {
        Command::List => list(&set, out),
        Command::Explain { name } => {
            let Some(words) = set.explain(name) else { return unknown(&set, name) };
            write!(out, "{}", escape(&words))?;
            Ok(Exit::Done)
        }
        Command::Lint { corpus: Some(corpus), .. } | Command::Test { corpus, .. } if !corpus.is_dir() => {
            let message = format!("no folder {} here; give --corpus DIR", corpus.display());
            Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)))
        }
        Command::Lint { corpus, files } => lint(&set, corpus.as_deref(), files, out),
        Command::Test { name: Some(name), .. } if set.rule(name).is_none() => unknown(&set, name),
        Command::Test { name, corpus } => test(&set, corpus, name.as_deref(), out),
        Command::Fmt { .. } | Command::Schema | Command::Suggest(_) => Ok(Exit::Done),
    }
}

fn load(arguments: &Arguments) -> Result<Set, RuleLoadError> {
    let mut paths = arguments.paths.clone();
    if let Command::Lint { files, .. } = &arguments.command {
        paths.extend(files.iter().cloned());
    }
    if arguments.only { Set::load_only(&paths) } else { Set::load(&paths) }
}

fn unknown(set: &Set, name: &str) -> Result<Exit, Failure> {
    let hint = set.closest(name).unwrap_or_else(|| "see `spoor rules list`".to_owned());
    Err(Failure::new(Exit::Usage, anyhow::anyhow!("no rule is named `{name}`: {hint}")))
}

fn list(set: &Set, out: &mut impl Write) -> Result<Exit, Failure> {
    let mut rules: Vec<_> = set.rules().iter().collect();
    rules.sort_by(|a, b| (&a.meta.namespace, &a.meta.name).cmp(&(&b.meta.namespace, &b.meta.name)));
    writeln!(out, "{:<3} {:<4} {:<42} name", "sev", "on", "namespace")?;
    for rule in &rules {
        let meta = &rule.meta;
        let on = match (rule.can_match_on_bytes(), rule.can_match_on_run()) {
            (true, true) => "both",
            (true, false) => "code",
            _ => "run",
        };
        writeln!(out, "{:<3} {:<4} {:<42} {}", meta.severity, on, line(&meta.namespace), line(&meta.name))?;
    }
    for name in set.yara_names() {
        writeln!(out, "{:<3} {:<4} {:<42} {}", "-", "code", "yara", line(name))?;
    }
    writeln!(out, "{} behaviour rules, {} YARA rules", rules.len(), set.yara_names().len())?;
    Ok(Exit::Done)
}

fn lint(set: &Set, corpus: Option<&Path>, files: &[PathBuf], out: &mut impl Write) -> Result<Exit, Failure> {
    let here = Path::new("corpus");
    let corpus = corpus.or_else(|| here.is_dir().then_some(here));
    let named = rules::files(files).map_err(|error| Failure::new(Exit::Usage, error))?;
    // A file may be named in another way than the folder of --rules that it is in.
    let named: BTreeSet<_> = named.iter().filter_map(|file| file.canonicalize().ok()).collect();
    let is_meant = |file: &str| {
        files.is_empty() || Path::new(file).canonicalize().is_ok_and(|file| named.contains(&file))
    };
    let mut advice = set.lint(corpus);
    advice.retain(|one| is_meant(&one.file));
    for one in &advice {
        writeln!(out, "{}: {}: {}", line(&one.file), line(&one.rule), line(&one.message))?;
    }
    let count = set.rules().iter().filter(|rule| is_meant(&rule.file)).count();
    let unseen = if corpus.is_none() {
        "; examples were not looked for: no folder corpus here (--corpus DIR)"
    } else {
        ""
    };
    writeln!(
        out,
        "{}, {} to mend{unseen}",
        plural(count as u64, "rule"),
        plural(advice.len() as u64, "thing")
    )?;
    Ok(if advice.is_empty() { Exit::Done } else { Exit::Findings })
}

fn test(set: &Set, corpus: &Path, name: Option<&str>, out: &mut impl Write) -> Result<Exit, Failure> {
    let progress = indicatif::ProgressBar::new(0);
    progress.set_style(
        indicatif::ProgressStyle::with_template("{pos}/{len} {wide_msg}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()),
    );
    let tried = rulebook::test(set, corpus, name, &mut |file, count| {
        progress.set_length(count as u64);
        progress.inc(1);
        progress.set_message(line(file));
    });
    progress.finish_and_clear();
    let failures: Vec<_> =
        tried.iter().filter_map(|tried| tried.failure.as_ref().map(|failure| (tried, failure))).collect();
    for (tried, failure) in &failures {
        writeln!(out, "FAILED {} on {}: {}", line(&tried.rule), line(&tried.example), line(failure))?;
    }
    writeln!(out, "{} examples of {} rules, {} failed", tried.len(), set.rules().len(), failures.len())?;
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Findings })
}
