//! `spoor worker`: the other side of `scan` and `watch`, started by them and by nobody else. Its options are
//! those of the scan.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    sync::{Arc, Once, atomic::AtomicBool},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use wasmspoor::scan::{
    confine::{Bounds, Confinement},
    message::Message,
    process::Spawner,
    worker,
};

use super::{Exit, Failure, given, limits::HELD_BYTES, sample, scan::MAX_JOBS};

/// Analyse the sample on standard input, or look for modules in the file that it is
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Look for modules in a file of so many bytes
    #[arg(long, value_name = "BYTES")]
    unpack: Option<u64>,
    /// Fork a worker for each sample or file, as the scan says on the socket that is standard input
    #[arg(long)]
    nursery: bool,
    /// Tell the full report, and what the run left behind
    #[arg(long)]
    report: bool,
    /// Tell the page of the sample, which is this file
    #[arg(long, value_name = "FILE")]
    page: Option<OsString>,
    #[command(flatten)]
    bounds: BoundArguments,
    #[command(flatten)]
    sample: sample::Arguments,
}

/// Limits of each worker process
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Limits of each sample's process")]
pub(super) struct BoundArguments {
    /// Time that one sample may take in all: the run, the passes over its trace, the rules. What takes
    /// longer is a failure; at least 1
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..))]
    sample_time: u32,
    /// Address space that one sample may take in all, in MiB, of which its memories may take 4 GiB twice
    /// without touching them; at least 64, which a small sample needs
    #[arg(long, value_name = "MIB", default_value_t = 12_288, value_parser = clap::value_parser!(u32).range(64..))]
    sample_memory: u32,
}

/// So many workers at once as are asked for, or as there are processors.
pub(super) fn jobs(asked: Option<u16>) -> usize {
    let processors = || thread::available_parallelism().map_or(1, usize::from).min(MAX_JOBS.into());
    asked.map_or_else(processors, usize::from)
}

/// What is asked of the kernel before anything is scanned
#[derive(Debug, Args)]
#[group(skip)]
pub(super) struct ConfinementArguments {
    /// Scan nothing, with exit code 2, where the kernel lacks Landlock or seccomp; without this option, what
    /// is lacking is said
    #[arg(long, help_heading = "Limits of each sample's process")]
    require_confinement: bool,
}

impl ConfinementArguments {
    /// Looks at how a worker that has nothing to do is confined.
    pub(super) fn check(&self, spawner: &Spawner) -> Result<(), Failure> {
        if !self.require_confinement {
            return Ok(());
        }
        let nothing =
            tempfile::tempfile().context("a worker cannot be tried: no temporary file can be made")?;
        let mut confinement = None;
        let end = spawner.unpack(&nothing, |message| {
            if let Message::Ready(found) = message {
                confinement = Some(found);
            }
        });
        match confinement.map(|confinement| confinement.lacks()) {
            Some(lacks) if lacks.is_empty() => Ok(()),
            Some(lacks) => {
                let message = format!(
                    "--require-confinement: nothing was scanned, since this kernel gives workers no {}",
                    lacks.join(" and no ")
                );
                Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)))
            }
            None => Err(anyhow::anyhow!("--require-confinement: no worker could be tried: {end}").into()),
        }
    }
}

/// Says on standard error what the kernel did not give the workers, once.
pub(super) fn warn_of(confinement: Option<&Confinement>) {
    static SAID: Once = Once::new();
    if let Some(warning) = confinement.and_then(unconfined) {
        SAID.call_once(|| crate::cli::complain!("spoor: WARNING: {warning}"));
    }
}

/// What it means that something is lacking, in words; `None` if nothing is.
pub(super) fn unconfined(confinement: &Confinement) -> Option<String> {
    let lacks = confinement.lacks();
    (!lacks.is_empty()).then(|| {
        format!(
            "workers ran without {}: an error in this program could have let a sample reach files or network \
             of this machine (--require-confinement refuses to scan here)",
            lacks.join(" and without ")
        )
    })
}

impl BoundArguments {
    /// Bytes that its process may hold: of what it may reserve, a quarter, or as much as a sample of any size
    /// needs.
    fn held_bytes(&self) -> u64 {
        (u64::from(self.sample_memory) << 18).max(HELD_BYTES)
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            memory_bytes: u64::from(self.sample_memory) << 20,
            cpu: Duration::from_secs(self.sample_time.into()),
        }
    }
}

pub(super) fn run(arguments: &Arguments, output: &mut impl Write) -> Result<Exit, Failure> {
    let bounds = arguments.bounds.bounds();
    if let Some(bytes) = arguments.unpack {
        worker::unpack(&worker::unpack_bounds(bytes), &mut io::stdin().lock(), output)?;
        return Ok(Exit::Done);
    }
    let (options, rules) = arguments.sample.prepare()?.into_parts();
    let page = arguments.page.clone().map(|file| (file, given::words()));
    let analyst = worker::Analyst::new(options, rules, bounds).with_report(arguments.report).with_page(page);
    match arguments.nursery {
        true => nursery(&analyst, output)?,
        false => analyst.analyse(&mut io::stdin().lock(), output)?,
    }
    Ok(Exit::Done)
}

#[cfg(target_os = "linux")]
fn nursery(analyst: &worker::Analyst, output: &mut impl Write) -> io::Result<()> {
    use wasmspoor::scan::nursery::{Task, run};
    analyst.warm_up();
    run(|task| match task {
        Task::Analyse => analyst.analyse(&mut io::stdin().lock(), output),
        Task::Unpack(bytes) => worker::unpack(&worker::unpack_bounds(bytes), &mut io::stdin().lock(), output),
    })
}

#[cfg(not(target_os = "linux"))]
fn nursery(_: &worker::Analyst, _: &mut impl Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The options that concern one sample and its process.
pub(super) fn known() -> clap::Command {
    BoundArguments::augment_args(sample::Arguments::augment_args(clap::Command::new("worker")))
}

/// The way to start workers with these options: this program, with the options of the scan that concern one
/// sample.
pub(super) fn spawner(
    sample: &sample::Arguments,
    bounds: &BoundArguments,
    interrupted: Arc<AtomicBool>,
) -> Result<Spawner, Failure> {
    if sample.is_for_one() {
        let message = "--invoke, --stdin - and --options - are for one sample: use `spoor run`";
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    // A mistake in the options is told once, and before anything is started.
    let (options, _) = sample.prepare()?.into_parts();
    if options.invoke.is_some() {
        let message = "--options says to call an export, which is for one sample: use `spoor run`";
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(message)));
    }
    let program = this_program()?;
    let unpack: Vec<OsString> = vec!["worker".into()];
    let analyse: Vec<OsString> = unpack.iter().cloned().chain(given::options(&known())).collect();
    let nursery = analyse.iter().cloned().chain(["--nursery".into()]).collect();
    let wall = Duration::from_secs(bounds.sample_time.into());
    let nurseries = Arc::default();
    let is_asking_for_reports = false;
    let held_bytes = bounds.held_bytes();
    Ok(Spawner {
        program,
        analyse,
        nursery,
        nurseries,
        is_asking_for_reports,
        unpack,
        wall,
        held_bytes,
        interrupted,
    })
}

/// The same for workers that tell everything.
pub(super) fn reporter(
    sample: &sample::Arguments,
    bounds: &BoundArguments,
    interrupted: Arc<AtomicBool>,
) -> Result<Spawner, Failure> {
    let mut spawner = spawner(sample, bounds, interrupted)?;
    for words in [&mut spawner.analyse, &mut spawner.nursery] {
        words.push("--report".into());
    }
    Ok(Spawner { is_asking_for_reports: true, ..spawner })
}

/// This program, even if another one was installed in its place meanwhile.
pub(super) fn this_program() -> Result<PathBuf, Failure> {
    let link = PathBuf::from("/proc/self/exe");
    if cfg!(target_os = "linux") && link.exists() {
        return Ok(link);
    }
    Ok(std::env::current_exe().context("this program cannot be found, so no worker can be started")?)
}
