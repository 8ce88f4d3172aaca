//! The pages of the worst samples of a batch, which its overview links to.
//!
//! `spoor run --html` makes each, in a process of its own that is given as much time as a sample has. Only
//! samples that are files of their own have one: those within others would have to be written to disk first.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _, Seek as _, Write as _},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use clap::Args as _;
use wasmspoor::scan::{
    overview::{self, REPORTS},
    rows::SampleRow,
    store::Store,
};

use super::{given, limits::PAGE_TICK, sample, worker};

/// Makes the pages that are not there yet, `jobs` at a time. What has no page after that is not linked to.
pub(super) fn write(store: &Store, jobs: usize, time: Duration) -> anyhow::Result<()> {
    let samples = BufReader::new(File::open(store.folder().join("samples.jsonl"))?);
    let worst = overview::worst_files(samples)?;
    if worst.is_empty() {
        return Ok(());
    }
    let folder = store.folder().join(REPORTS);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => {}
        made => made?,
    }
    let known = sample::Arguments::augment_args(clap::Command::new("run"));
    let options = given::options(&known);
    let page = |row: &SampleRow| {
        let mut command = Command::new(worker::this_program().ok()?);
        command.args(["run", "--html", "--fail-on=never"]).args(&options).arg("--").arg(&row.origin.path);
        // What a configuration file says is among the options.
        command.env("SPOOR_CONFIG", "").stdin(Stdio::null()).stderr(Stdio::null());
        let (name, module) = (overview::report(&row.sha256), row.module_sha256.as_deref()?);
        store.replace(&name, |file| of_sample(command, module, time, file.get_mut())).ok()
    };
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, worst.len()) {
            scope.spawn(|| {
                while let Some(row) = worst.get(next.fetch_add(1, Relaxed)) {
                    if !store.folder().join(overview::report(&row.sha256)).exists() {
                        page(row);
                    }
                }
            });
        }
    });
    Ok(())
}

/// Writes what `command` says to a file. An error if that is no page of this sample: its file may have
/// changed.
fn of_sample(mut command: Command, module: &str, time: Duration, file: &mut File) -> io::Result<()> {
    let mut process = command.stdout(file.try_clone()?).spawn()?;
    let begin = Instant::now();
    let status: ExitStatus = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if begin.elapsed() > time {
            process.kill()?;
            process.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(PAGE_TICK);
    };
    let mut page = String::new();
    file.rewind()?;
    file.read_to_string(&mut page)?;
    match status.code().is_some() && page.contains(module) {
        true => file.flush(),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The pages that a folder has.
pub(super) fn there(folder: &Path) -> impl Fn(&str) -> bool + '_ {
    move |sha256| folder.join(overview::report(sha256)).is_file()
}
