//! `spoor scan`: thousands of samples, each in a process of its own. What is shown of it is in `progress` and
//! `summary`.

mod limits;
mod merge;
mod pages;
mod progress;
mod summary;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use wasmspoor::{
    scan::{
        cluster::{Clusters, Index},
        coordinator::{Recorder, Scan},
        overview,
        rows::{self, SampleRows},
        shard::Shard,
        store::{Known, Settings, Store, key, parse_sha256},
        summary::{Progress, Summary},
        walk::Root,
    },
    text,
};

pub(super) use summary::line;
use summary::{Work, Written};

pub(super) use self::limits::MAX_JOBS;
use super::{Exit, Failure, given, known, sample, serve, worker};

/// Analyse batches: folders, archives, modules inside other files; each sample in a process of its own
///
/// Every sample is analysed as by `spoor run`, in a worker process that is limited in memory and time and can
/// reach neither files nor network, so that a crash costs one sample. Archives (zip, tar, gzip, zstd, xz;
/// password "infected") are looked into, and modules found in any other file: base64 and data URLs in HTML
/// and JavaScript, number lists, string literals, raw bytes in programs, dumps and other modules. Nothing is
/// unpacked to disk. The same content is analysed once.
#[derive(Debug, Args)]
#[group(skip)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:
  spoor scan samples/
  spoor scan 'feeds/*.zip' dump.bin --jobs 8 --out results/
  spoor scan samples/ --out results/ --resume
  spoor scan page.html --json
  spoor scan - < sample.wasm > answer
  spoor scan samples/ --out part-1/ --shard 1/2      (on one machine; --shard 2/2 on another)
  spoor scan merge part-1/ part-2/ --out results/
  duckdb -c \"SELECT verdict, count(*) FROM 'results/samples.jsonl' GROUP BY 1\"

With --out, tables in JSON lines grow there: samples, paths, functions, host_calls, findings, and at the end clusters; docs/scan.md
describes them, with queries. A scan that was interrupted or killed goes on with --resume: nothing finished is lost or done twice.

Exit codes:
  0    every sample has a result, whatever its verdict
  1    something has none: a worker failed, or a file, an archive or a member of one could not be read
  2    wrong usage, a folder for results that cannot be used, or everything could be read and no module was found
  5    internal error, or results that cannot be written
  130  interrupted (Ctrl-C)
`spoor scan -` has those of `spoor serve`: 0 as soon as the sample is answered, whatever the answer says.")]
pub(super) struct Arguments {
    /// Files, folders, or patterns such as 'a/**/*.zip'; `-`, alone, is the sample on standard input: it is
    /// answered with its full report and the files found in it, as docs/protocol.md describes
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Further files and folders: a path on each line of this file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// Samples at a time, 1 to 256 [default: as many as there are processors]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS as i64))]
    jobs: Option<u16>,
    /// Write all tables into this folder, which is made; without it, a line for each sample goes to standard
    /// output
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the scan that DIR holds
    #[arg(long, requires = "out")]
    resume: bool,
    /// Only part I of N of the files, by their paths: a machine for each; `spoor scan merge` joins them
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Write the tables of DIR as Parquet files, too, at the end
    #[cfg(feature = "parquet")]
    #[arg(long, requires = "out")]
    parquet: bool,
    /// Write overview.html into DIR, too: verdicts, families, groups, failures and all samples as a page; and
    /// reports/HASH.html of the worst samples that are files of their own, which it links to
    #[arg(long, requires = "out")]
    html: bool,
    /// Objects, one a line: without --out the rows of samples and of failures, then the summary
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bounds: worker::BoundArguments,
    #[command(flatten)]
    confinement: worker::ConfinementArguments,
    #[command(flatten)]
    known: known::Arguments,
    #[command(flatten)]
    sample: sample::Arguments,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    Merge(merge::Arguments),
}

/// How often what is shown is renewed.
const TICK: Duration = Duration::from_millis(100);

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    if let Some(Action::Merge(arguments)) = &arguments.action {
        return merge::run(arguments, out);
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    if arguments.paths.iter().any(|path| path.as_os_str() == "-") {
        return stdin(arguments, interrupted, out);
    }
    let spawner = worker::spawner(&arguments.sample, &arguments.bounds, Arc::clone(&interrupted))?;
    let known = arguments.known.list()?;
    let roots = roots(&arguments.named()?)?;
    arguments.confinement.check(&spawner)?;
    let jobs = worker::jobs(arguments.jobs);
    let mut before = (
        Known::default(),
        Summary::default(),
        arguments.out.as_deref().map_or_else(Index::default, Index::within),
    );
    let mut store = arguments.out.as_ref().map(|folder| open(folder, arguments, &mut before)).transpose()?;
    let skip = arguments.out.as_ref().and_then(|folder| folder.canonicalize().ok());
    on_interrupt(interrupted)?;
    let started = Instant::now();
    let (sender, lines) = mpsc::sync_channel(64);
    let mut printer = Printer { lines: sender, json: arguments.json };
    let recorder: &mut dyn Recorder = match &mut store {
        Some(store) => store,
        None => &mut printer,
    };
    let progress = Progress::default();
    let scan = Scan::new(&spawner, jobs, &progress, recorder, before);
    let scan = scan.part(arguments.shard).with_known(known);
    let result = thread::scope(|scope| {
        let scan = thread::Builder::new().spawn_scoped(scope, || scan.run(&roots, skip.as_deref()))?;
        show(&progress, lines, out, || scan.is_finished())?;
        scan.join().map_err(|_| io::Error::other("the scan ended in a panic"))?
    });
    let (mut summary, index) = result?;
    let clusters = index.groups()?;
    if let Some(store) = &mut store {
        finish(store, &clusters)?;
        if arguments.html {
            if !summary.interrupted {
                pages::write(store, jobs, &spawner)?;
                summary.interrupted = spawner.interrupted.load(Ordering::Relaxed);
            }
            page(store, &summary, &clusters)?;
        }
    }
    #[cfg(feature = "parquet")]
    if let (Some(store), true) = (&store, arguments.parquet) {
        wasmspoor_parquet::convert(store.folder())?;
    }
    let work = Work::Scan(arguments.shard);
    let total = summary::Total::of(work, &summary, &clusters, started.elapsed(), arguments.written());
    if arguments.json {
        text::write_json_line(out, &total)?
    } else {
        total.write(out)?
    }
    worker::warn_of(summary.confinement.as_ref());
    Ok(exit(work, &summary))
}

impl Arguments {
    /// The paths that the command line names, and those that a file names.
    fn named(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut named = self.paths.clone();
        if let Some(list) = &self.files_from {
            named.extend(given::listed(list).map_err(|error| Failure::new(Exit::Usage, error))?);
        }
        match named.is_empty() {
            true => Err(Failure::new(Exit::Usage, anyhow::anyhow!("--files-from names no file"))),
            false => Ok(named),
        }
    }

    /// What is in the folder of a scan that has come to its end.
    fn written(&self) -> Option<Written<'_>> {
        #[cfg(feature = "parquet")]
        let has_parquet = self.parquet;
        #[cfg(not(feature = "parquet"))]
        let has_parquet = false;
        self.out.as_deref().map(|folder| Written { folder, has_page: self.html, has_parquet })
    }
}

/// Answers for the sample on standard input as `spoor serve` does.
fn stdin(arguments: &Arguments, interrupted: Arc<AtomicBool>, out: &mut impl Write) -> Result<Exit, Failure> {
    let Arguments { paths, out: folder, json, shard, .. } = arguments;
    if paths.len() > 1 || folder.is_some() || *json || shard.is_some() {
        let message = "`-` is one sample, answered as by `spoor serve`: it stands alone, without --out, --json \
                       and --shard";
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    let spawner = worker::reporter(&arguments.sample, &arguments.bounds, interrupted)?;
    arguments.confinement.check(&spawner)?;
    serve::one(&spawner, arguments.known.list()?, out)
}

/// Flushes the tables, and writes the one that comes last.
fn finish(store: &mut Store, clusters: &Clusters) -> io::Result<()> {
    store.sync()?;
    store.replace("clusters.jsonl", |file| {
        clusters.rows().try_for_each(|row| text::write_json_line(file, &row))
    })
}

/// Writes the page of the batch, from the table that was written.
fn page(store: &Store, summary: &Summary, clusters: &Clusters) -> io::Result<()> {
    let samples = io::BufReader::new(std::fs::File::open(store.folder().join("samples.jsonl"))?);
    store.replace("overview.html", |mut file| {
        overview::write(samples, summary, clusters, &pages::there(store.folder()), &mut file)
    })
}

fn exit(work: Work, summary: &Summary) -> Exit {
    match summary {
        Summary { interrupted: true, .. } => Exit::Interrupted,
        Summary { failures, .. } if !failures.is_empty() => Exit::Findings,
        Summary { samples: 0, .. } => {
            crate::cli::complain!("spoor: {}", work.nothing());
            Exit::Usage
        }
        _ => Exit::Done,
    }
}

/// Ctrl-C, and a request to end, end the scan after what is written; the second time at once.
pub(super) fn on_interrupt(interrupted: Arc<AtomicBool>) -> Result<(), Failure> {
    let handler = move || {
        if interrupted.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
    };
    Ok(ctrlc::set_handler(handler).context("interruptions cannot be handled")?)
}

/// Files and folders as they are; what is not there may be a pattern.
fn roots(paths: &[PathBuf]) -> Result<Vec<Root>, Failure> {
    let root = |path: &PathBuf| {
        // A thing that is there by that name, even a link to nothing, is no pattern.
        if path.symlink_metadata().is_ok() {
            return Ok(Root::path(path));
        }
        let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '['])) else {
            anyhow::bail!("{}: no such file", path.display());
        };
        let root = Root::pattern(pattern).map_err(|error| {
            anyhow::anyhow!(
                "{pattern}: no such file, and no pattern: {} at character {}",
                error.msg,
                error.pos + 1
            )
        })?;
        anyhow::ensure!(root.is_there(), "{pattern}: no such file, and nothing matches it as a pattern");
        Ok(root)
    };
    paths.iter().map(root).collect::<anyhow::Result<_>>().map_err(|error| Failure::new(Exit::Usage, error))
}

fn open(
    folder: &Path,
    arguments: &Arguments,
    before: &mut (Known, Summary, Index),
) -> Result<Store, Failure> {
    let of_samples = given::options(&worker::known());
    let of_samples = of_samples.iter().map(|word| word.to_string_lossy().into_owned());
    let options = of_samples.chain(arguments.known.words()).collect();
    let settings =
        Settings { schema: rows::SCHEMA.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), options };
    let (known, summary, index) = before;
    let Known { samples, paths } = known;
    // Two closures write into the summary, one after the other.
    let sums = std::cell::RefCell::new(summary);
    let mut failed = None;
    let sample = |row: rows::SampleRow| {
        samples.extend(parse_sha256(&row.sha256));
        sums.borrow_mut().add_sample(&row);
        sums.borrow_mut().resumed += 1;
        failed = index.add(&row).err().or(failed.take());
    };
    let path = |row: rows::Path| {
        paths.insert(key(&row));
        sums.borrow_mut().add_path(&row);
    };
    let store = Store::open(folder, &settings, arguments.resume, sample, path);
    let store = store.map_err(|error| Failure::new(Exit::Usage, error))?;
    failed.map_or(Ok(store), |error| Err(error.into()))
}

/// Shows progress and writes lines until there will be no more of them. If they cannot be written, whoever
/// sends them hears of it.
fn show(
    progress: &Progress,
    lines: mpsc::Receiver<Vec<u8>>,
    out: &mut impl Write,
    is_finished: impl Fn() -> bool,
) -> io::Result<()> {
    let mut screen = progress::Screen::new();
    loop {
        let finished = is_finished();
        match lines.recv_timeout(TICK) {
            Ok(line) => screen.apart(|| out.write_all(&line).and_then(|()| out.flush()))?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if finished => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
        }
        screen.show(progress);
    }
    screen.end();
    Ok(())
}

/// Prints rows as they come, when there is no folder for them.
struct Printer {
    lines: SyncSender<Vec<u8>>,
    json: bool,
}

/// A row with the name of its table.
#[derive(Serialize)]
struct Tagged<'a, T> {
    table: &'static str,
    #[serde(flatten)]
    row: &'a T,
}

impl Recorder for Printer {
    fn record(&mut self, outcome: Option<&SampleRows>, path: Option<&rows::Path>) -> io::Result<()> {
        let mut text = Vec::new();
        let failed = path.filter(|path| path.failure.is_some());
        if self.json {
            if let Some(outcome) = outcome {
                text::write_json_line(&mut text, &Tagged { table: "samples", row: &outcome.sample })?;
            }
            if let Some(path) = failed {
                text::write_json_line(&mut text, &Tagged { table: "paths", row: path })?;
            }
        } else {
            if let Some(SampleRows { sample, .. }) = outcome {
                writeln!(text, "{}", summary::line(sample))?;
            }
            if let Some(path) = failed {
                writeln!(text, "{}", summary::failure(&path.origin, path.failure.as_ref()))?;
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        self.lines.send(text).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
