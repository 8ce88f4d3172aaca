//! `spoor watch`: files that arrive in a folder are scanned one by one, and a command of the user hears of
//! each.
//!
//! The folder is looked at every second, which works on any file system and needs no handles of the kernel. A
//! file counts as complete when size and time of change stay the same for a while. The command is started
//! directly with its arguments, never through a shell, so a name cannot add to it.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use clap::Args;
use wasmspoor::{
    scan::{
        cluster::Index,
        coordinator::{Recorder, Scan},
        process::Spawner,
        rows::{self, SampleRow, SampleRows},
        store::Known,
        summary::{Progress, Summary},
        walk::Root,
    },
    text,
};

use super::limits::{WATCH_WAITING, WATCHED_FILES};
use super::{
    Exit, Failure,
    scan::{line, on_interrupt},
    worker,
};

/// Scan files as they arrive in a folder, and run a command for each sample
///
/// Each file is scanned as by `spoor scan`, in confined processes, once its size and time of change have
/// stayed the same for --settle seconds. The command gets its arguments as they are given, with these words
/// replaced: {path} (the file), {place} (the way to the sample inside it, empty if it is the file
/// itself), {sha256}, {verdict}, {score}, {family}, {failure} (why there is no result, else empty), {json}
/// (the row of the table `samples`). There is no shell: quotes, spaces, `;` and `$()` in a file's name do
/// nothing.
#[derive(Debug, Args)]
#[group(skip)]
#[command(after_help = "Examples:
  spoor watch incoming/
  spoor watch incoming/ --exec notify-send '{verdict} {score}' '{path}'
  spoor watch incoming/ --once --exec ./quarantine.py --verdict '{verdict}' --file '{path}'

Give --exec last: everything after it belongs to the command. A command that fails is reported and the next file is taken. A word in braces that is none
of those above, such as {name}, is an error; ${name} is left to the command.

Exit codes:
  0    with --once: every file was scanned, and every command succeeded
  1    with --once: something has no result, or a command failed or could not be started
  2    wrong usage, or a folder that cannot be read
  130  interrupted (Ctrl-C), the usual end")]
pub(super) struct Arguments {
    /// The folder; those below it are not watched
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Scan what is there now, then end
    #[arg(long)]
    once: bool,
    /// How long a file must stay as it is before it is scanned
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, default_value_t = 2.0)]
    settle: f64,
    #[command(flatten)]
    bounds: worker::BoundArguments,
    #[command(flatten)]
    confinement: worker::ConfinementArguments,
    #[command(flatten)]
    sample: super::sample::Arguments,
    /// The command and its arguments
    #[arg(long, value_name = "CMD [ARG]", num_args = 1.., allow_hyphen_values = true)]
    exec: Vec<OsString>,
}

/// How often the folder is looked at.
const PERIOD: Duration = Duration::from_secs(1);

pub(super) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Exit, Failure> {
    let usage = |error: anyhow::Error| Failure::new(Exit::Usage, error);
    let settle =
        Duration::try_from_secs_f64(arguments.settle).context("--settle is not a time").map_err(usage)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let spawner = worker::spawner(&arguments.sample, &arguments.bounds, Arc::clone(&interrupted))?;
    arguments.exec.iter().skip(1).try_for_each(|word| check(word)).map_err(usage)?;
    let mut folder = Folder::open(&arguments.folder).map_err(usage)?;
    arguments.confinement.check(&spawner)?;
    on_interrupt(Arc::clone(&interrupted))?;
    let mut exit = Exit::Done;
    loop {
        let settle = if arguments.once { Duration::ZERO } else { settle };
        for file in folder.settled(settle).map_err(usage)? {
            if !attend(&spawner, &file, &arguments.exec, out)? {
                exit = Exit::Findings;
            }
            if interrupted.load(Ordering::Relaxed) {
                return Ok(Exit::Interrupted);
            }
        }
        if arguments.once {
            return Ok(if folder.beyond > 0 { Exit::Findings } else { exit });
        }
        pause(&interrupted);
        if interrupted.load(Ordering::Relaxed) {
            return Ok(Exit::Interrupted);
        }
    }
}

fn pause(interrupted: &AtomicBool) {
    let started = Instant::now();
    while started.elapsed() < PERIOD && !interrupted.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
    }
}

/// A file as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
    /// The identity of a file, and when it was changed in any way. Unlike the time of modification, nobody
    /// can set these.
    inode: (u64, i64, i64),
}

impl State {
    fn of(meta: &fs::Metadata) -> Self {
        #[cfg(unix)]
        let inode = {
            use std::os::unix::fs::MetadataExt as _;
            (meta.ino(), meta.ctime(), meta.ctime_nsec())
        };
        #[cfg(not(unix))]
        let inode = (0, 0, 0);
        Self { size: meta.len(), modified: meta.modified().ok(), inode }
    }
}

/// A folder and what is known of its files.
struct Folder {
    path: PathBuf,
    /// State, since when it is so, and whether it was handed out.
    files: HashMap<OsString, (State, Instant, bool)>,
    /// Files beyond [`WATCHED_FILES`], when it was last looked at.
    beyond: usize,
}

impl Folder {
    fn open(path: &Path) -> anyhow::Result<Self> {
        fs::read_dir(path).with_context(|| path.display().to_string())?;
        Ok(Self { path: path.to_owned(), files: HashMap::new(), beyond: 0 })
    }

    /// Regular files that have stayed as they are for so long and were not handed out as such, by name.
    fn settled(&mut self, settle: Duration) -> anyhow::Result<Vec<PathBuf>> {
        let (mut seen, mut settled, mut beyond) = (HashMap::new(), Vec::new(), 0);
        for entry in fs::read_dir(&self.path).with_context(|| self.path.display().to_string())? {
            let Ok(entry) = entry else { continue };
            let Some(meta) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
            if seen.len() >= WATCHED_FILES {
                beyond += 1;
                continue;
            }
            let (name, state) = (entry.file_name(), State::of(&meta));
            let (since, told) = match self.files.get(&name) {
                Some((before, since, told)) if *before == state => (*since, *told),
                _ => (Instant::now(), false),
            };
            let is_due = !told && since.elapsed() >= settle;
            if is_due {
                settled.push(entry.path());
            }
            seen.insert(name, (state, since, told || is_due));
        }
        self.files = seen;
        self.note_beyond(beyond);
        settled.sort();
        Ok(settled)
    }

    /// Says once that there are more files than are watched.
    fn note_beyond(&mut self, beyond: usize) {
        if beyond > 0 && self.beyond == 0 {
            let folder = self.path.display().to_string();
            crate::cli::complain!(
                "spoor: {}: more than {WATCHED_FILES} files: {beyond} are left out",
                text::line(&folder)
            );
        }
        self.beyond = beyond;
    }
}

/// Hands on the rows of samples and failures of one file. The scan waits while the command is at others: a
/// file may hold samples without number.
struct Told(SyncSender<SampleRow>);

impl Recorder for Told {
    fn record(&mut self, outcome: Option<&SampleRows>, path: Option<&rows::Path>) -> io::Result<()> {
        let sample = match (outcome, path) {
            (Some(outcome), _) => outcome.sample.clone(),
            (None, Some(rows::Path { origin, failure: Some(failure), .. })) => {
                SampleRow { origin: origin.clone(), failure: Some(failure.clone()), ..SampleRow::default() }
            }
            _ => return Ok(()),
        };
        // Nobody listens any more when it is interrupted.
        let _ = self.0.send(sample);
        Ok(())
    }
}

/// Scans a file, prints a line for each sample in it as it comes, and starts the command for each. The flag
/// says whether everything has a result and no command failed.
fn attend(spawner: &Spawner, file: &Path, exec: &[OsString], out: &mut impl Write) -> anyhow::Result<bool> {
    thread::scope(|scope| {
        let (sender, samples) = mpsc::sync_channel(WATCH_WAITING);
        let scan = thread::Builder::new().spawn_scoped(scope, move || {
            let (mut told, progress) = (Told(sender), Progress::default());
            let before = (Known::default(), Summary::default(), Index::default());
            let ended = Scan::new(spawner, 1, &progress, &mut told, before).run(&[Root::found(file)], None);
            ended.map(|(summary, _)| worker::warn_of(summary.confinement.as_ref()))
        })?;
        let succeeded = tell(samples, &spawner.interrupted, |sample| {
            writeln!(out, "{}", line(sample))?;
            out.flush()?;
            let started =
                exec.split_first().is_none_or(|(program, words)| start(program, words, file, sample));
            Ok(sample.failure.is_none() && started)
        });
        if succeeded.is_err() {
            // Nobody is there to be told of the rest.
            spawner.interrupted.store(true, Ordering::Relaxed);
        }
        match scan.join() {
            Ok(ended) => ended?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(succeeded?)
    })
}

/// Calls `each` for the samples that come until there are no more or it is interrupted. The flag says whether
/// all of them succeeded.
fn tell(
    samples: Receiver<SampleRow>,
    interrupted: &AtomicBool,
    mut each: impl FnMut(&SampleRow) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut succeeded = true;
    for sample in samples {
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        succeeded &= each(&sample)?;
    }
    Ok(succeeded)
}

/// Starts the command, waits for it and gives whether it succeeded. That it fails is the user's to know, and
/// no reason to stop.
fn start(program: &OsStr, words: &[OsString], file: &Path, sample: &SampleRow) -> bool {
    let fields = fields(file, sample);
    let words = words.iter().map(|word| fill(word, &fields));
    let status = Command::new(program).args(words).stdin(Stdio::null()).status();
    let told = match status {
        Ok(status) if status.success() => return true,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    crate::cli::complain!("spoor: {}: {}", text::line(&program.to_string_lossy()), text::line(&told));
    false
}

/// The words in braces.
const FIELDS: [&str; 8] =
    ["{path}", "{place}", "{sha256}", "{verdict}", "{score}", "{family}", "{failure}", "{json}"];

/// Refuses an argument with a word in braces that stands for nothing: it is misspelt. Braces around anything
/// but a word are none of ours, and `${…}` is a shell's.
fn check(word: &OsStr) -> anyhow::Result<()> {
    let text = word.to_str().unwrap_or_default();
    for (at, _) in text.match_indices('{') {
        let (before, from) = text.split_at(at);
        let Some(end) = from.find('}') else { break };
        let (field, _) = from.split_at(end + 1);
        let inner = field.trim_matches(['{', '}']);
        let is_word = field.len() == inner.len() + 2 && inner.starts_with(|c: char| c.is_ascii_lowercase());
        let is_word =
            is_word && inner.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if is_word && !before.ends_with('$') && !FIELDS.contains(&field) {
            anyhow::bail!("--exec: {field} stands for nothing; known are {}", FIELDS.join(", "));
        }
    }
    Ok(())
}

/// What the words in braces stand for.
fn fields(file: &Path, sample: &SampleRow) -> [(&'static str, OsString); FIELDS.len()] {
    let mut json = Vec::new();
    // A row can always be written to memory.
    let _ = text::write_json_line(&mut json, sample);
    let json = String::from_utf8_lossy(json.trim_ascii_end()).into_owned();
    let text = |text: Option<&str>| OsString::from(text.unwrap_or_default());
    [
        ("{path}", file.as_os_str().to_owned()),
        ("{place}", sample.origin.inside.join(" > ").replace('\0', "\\0").into()),
        ("{sha256}", text(Some(&sample.sha256))),
        ("{verdict}", text(sample.verdict.as_deref())),
        ("{score}", sample.score.to_string().into()),
        ("{family}", text(sample.family.as_deref())),
        ("{failure}", text(sample.failure.as_ref().map(|failure| failure.kind.name()))),
        ("{json}", json.into()),
    ]
}

/// An argument with its words in braces replaced; what is put in is not looked at again.
fn fill(word: &OsStr, fields: &[(&'static str, OsString)]) -> OsString {
    // An argument that is not UTF-8 has no words in braces.
    let Some(mut rest) = word.to_str() else { return word.to_owned() };
    let mut filled = OsString::new();
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        filled.push(before);
        match fields.iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, value)) => {
                filled.push(value);
                rest = from.strip_prefix(name).unwrap_or_default();
            }
            None => {
                filled.push("{");
                rest = from.strip_prefix('{').unwrap_or_default();
            }
        }
    }
    filled.push(rest);
    filled
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn words_in_braces_are_replaced_once() {
        let fields =
            [("{path}", OsString::from("{verdict}; rm -rf $HOME")), ("{verdict}", OsString::from("CLEAN"))];
        for (word, expected) in [
            ("{path}", "{verdict}; rm -rf $HOME"),
            ("--v={verdict}:{path}", "--v=CLEAN:{verdict}; rm -rf $HOME"),
            ("{other} {", "{other} {"),
            ("{{verdict}}", "{CLEAN}"),
            ("é{verdict}", "éCLEAN"),
        ] {
            assert_eq!(fill(OsStr::new(word), &fields), expected);
        }
    }

    #[test]
    fn misspelt_words_in_braces_are_refused() {
        for good in [
            "{path}",
            "a{json}b{score}",
            "{}",
            "{ print }",
            "${home}",
            "{",
            "}{",
            "{{verdict}}",
            "{a,b}",
            "{Path}",
            "{1}",
        ] {
            assert!(check(OsStr::new(good)).is_ok(), "{good}");
        }
        for bad in ["{unknown}", "{path}{paths}", "{{sha_256}}", "$ {sha}"] {
            let error = check(OsStr::new(bad)).unwrap_err().to_string();
            assert!(error.contains("{verdict}, {score}"), "{bad}: {error}");
        }
        let named = fields(Path::new("x"), &SampleRow::default()).map(|(name, _)| name);
        assert_eq!(named, FIELDS);
    }

    #[test]
    fn samples_are_told_as_they_come_and_none_after_an_interruption() {
        let (sender, samples) = mpsc::sync_channel(1);
        let (interrupted, mut told) = (AtomicBool::new(false), 0);
        thread::scope(|scope| {
            // More than may wait, and nobody waits for one that nobody will take.
            scope.spawn(move || (0..100).for_each(|_| drop(sender.send(SampleRow::default()))));
            let succeeded = tell(samples, &interrupted, |_| {
                told += 1;
                interrupted.store(told == 3, Ordering::Relaxed);
                Ok(true)
            });
            assert!(succeeded.unwrap());
        });
        assert_eq!(told, 3);
    }

    #[test]
    fn a_file_is_handed_out_when_it_has_settled_and_again_when_it_changed() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path()).unwrap();
        let file = root.path().join("a");
        fs::write(&file, "1").unwrap();
        fs::create_dir(root.path().join("b")).unwrap();
        let long = Duration::from_secs(100);
        assert!(folder.settled(long).unwrap().is_empty());
        assert_eq!(folder.settled(Duration::ZERO).unwrap(), std::slice::from_ref(&file));
        assert!(folder.settled(Duration::ZERO).unwrap().is_empty());
        fs::write(&file, "22").unwrap();
        assert!(folder.settled(long).unwrap().is_empty());
        assert_eq!(folder.settled(Duration::ZERO).unwrap(), std::slice::from_ref(&file));
        // Another file of the same size, said to be as old as the first.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        let other = root.path().join("b/other");
        fs::write(&other, "33").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
        fs::rename(&other, &file).unwrap();
        assert_eq!(folder.settled(Duration::ZERO).unwrap(), [file]);
    }
}
