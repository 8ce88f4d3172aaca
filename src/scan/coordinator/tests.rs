use std::{path::PathBuf, time::Duration};

use super::*;
use crate::scan::message::{
    self,
    shell::{bytes_words, outcome_words, ready_words, say},
};

/// Counts rows, and ends a scan that writes too many.
#[derive(Default)]
struct Counted {
    samples: usize,
    failures: Vec<Failure>,
    ticks: usize,
    most: usize,
    interrupted: Arc<std::sync::atomic::AtomicBool>,
}

impl Recorder for Counted {
    fn record(&mut self, outcome: Option<&SampleRows>, path: Option<&rows::Path>) -> io::Result<()> {
        self.samples += usize::from(outcome.is_some());
        self.failures.extend(path.and_then(|path| path.failure.clone()));
        if self.most != 0 && self.samples > self.most {
            self.interrupted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn tick(&mut self) -> io::Result<()> {
        self.ticks += 1;
        Ok(())
    }
}

/// Workers that are a shell script; it says that it is confined before it does anything.
fn script(words: &str) -> Spawner {
    let args = vec!["-c".into(), format!("{}; {words}", ready_words()).into()];
    Spawner {
        program: "/bin/sh".into(),
        analyse: args.clone(),
        nursery: Vec::new(),
        nurseries: Arc::default(),
        is_asking_for_reports: false,
        unpack: args,
        wall: Duration::from_secs(60),
        held_bytes: u64::MAX,
        interrupted: Arc::default(),
    }
}

fn scan(spawner: &Spawner, recorder: &mut dyn Recorder, roots: &[PathBuf]) -> io::Result<Summary> {
    let progress = Progress::default();
    let before = (Known::default(), Summary::default(), Index::default());
    let roots: Vec<_> = roots.iter().map(Root::path).collect();
    Ok(Scan::new(spawner, 2, &progress, recorder, before).run(&roots, None)?.0)
}

fn sample() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.wasm");
    std::fs::write(&path, "(module)").unwrap();
    (folder, path)
}

/// Finds as many modules in every module, none of which is like another.
#[test]
fn modules_of_modules_come_to_an_end() {
    let outcome = outcome_words();
    let done = say(message::DONE, "");
    // The number of the process, in eight digits, and that of the module make it another one each time.
    let module = "printf 'm\\032\\000\\000\\000\\015\\000\\000\\000[\"%08d%s\"]%08d%s' $$ $i $$ $i";
    let spawner = script(&format!("{outcome}; for i in 1 2 3 4 5 6 7 8 9; do {module}; done; {done}"));
    let mut counted =
        Counted { most: 600, interrupted: Arc::clone(&spawner.interrupted), ..Counted::default() };
    let (_folder, path) = sample();
    scan(&spawner, &mut counted, &[path]).unwrap();
    assert_eq!(counted.samples as u64, 1 + INNER_MODULES);
    let told = |failure: &Failure| -> u64 {
        assert_eq!(failure.kind, FailureKind::Cut);
        failure
            .text
            .rsplit(' ')
            .nth(2)
            .and_then(|word| word.parse().ok())
            .unwrap_or_else(|| panic!("{}", failure.text))
    };
    // Nine in each, the first one included.
    assert_eq!(counted.failures.iter().map(told).sum::<u64>(), 9 * (1 + INNER_MODULES) - INNER_MODULES);
}

/// The scan is interrupted before the first sample is finished, and taken up again. The rows say all the same
/// what was left out of the modules within it.
#[test]
fn what_was_left_out_is_told_with_the_sample_that_it_was_in() {
    let outcome = outcome_words();
    let module = "printf 'm\\016\\000\\000\\000\\002\\000\\000\\000[]%08d' $$";
    let spawner = script(&format!("{outcome}; {module}; {}", say(message::DONE, "")));
    // A chain that goes on for ever: nine of them are analysed, and the innermost is done first.
    let mut counted =
        Counted { most: 1, interrupted: Arc::clone(&spawner.interrupted), ..Counted::default() };
    let (_folder, path) = sample();
    scan(&spawner, &mut counted, &[path]).unwrap();
    assert_eq!((counted.samples, counted.failures.len()), (2, 1), "{:?}", counted.failures);
    assert!(counted.failures[0].text.ends_with(": 1 left out"), "{:?}", counted.failures);
}

/// Keeps the rows of samples.
#[derive(Default)]
struct Kept(Vec<SampleRows>);

impl Recorder for Kept {
    fn record(&mut self, outcome: Option<&SampleRows>, _: Option<&rows::Path>) -> io::Result<()> {
        self.0.extend(outcome.cloned());
        Ok(())
    }
}

#[test]
fn a_worker_that_dies_leaves_what_the_bytes_say() {
    let dies = "echo 'memory allocation of 9 bytes failed' >&2; kill -ABRT $$";
    let spawner = script(&format!("{}; {dies}", bytes_words()));
    let mut kept = Kept::default();
    let (_folder, path) = sample();
    let summary = scan(&spawner, &mut kept, &[path]).unwrap();
    let SampleRows { sample, findings, .. } = &kept.0[0];
    assert_eq!((sample.verdict.as_deref(), sample.score), (Some("MALICIOUS"), 90));
    assert_eq!(sample.failure.as_ref().map(|failure| failure.kind), Some(FailureKind::OutOfMemory));
    assert!(sample.limitations[0].contains("out_of_memory"), "{:?}", sample.limitations);
    assert_eq!((findings[0].class.as_str(), findings[0].sha256.len()), ("out_of_memory", 64));
    assert_eq!((summary.verdicts["MALICIOUS"], summary.failures["out_of_memory"]), (1, 1));

    // One that dies before has nothing to leave.
    let mut kept = Kept::default();
    let (_folder, path) = self::sample();
    scan(&script(dies), &mut kept, &[path]).unwrap();
    assert_eq!((&kept.0[0].sample.verdict, kept.0[0].findings.len()), (&None, 1));
}

/// A recorder that panics, as a thread may for any reason.
struct Panics;

impl Recorder for Panics {
    fn record(&mut self, _: Option<&SampleRows>, _: Option<&rows::Path>) -> io::Result<()> {
        std::panic::resume_unwind(Box::new("a panic without words"));
    }
}

#[test]
fn a_panic_ends_a_scan() {
    let (folder, _) = sample();
    for index in 0..20 {
        std::fs::write(folder.path().join(format!("{index}.wasm")), format!("(module) ;;{index}")).unwrap();
    }
    let spawner = script("exit 1");
    let roots = [folder.path().to_owned()];
    let panicked =
        thread::scope(|scope| scope.spawn(|| scan(&spawner, &mut Panics, &roots).map(drop)).join());
    assert!(panicked.is_err());
}

#[test]
fn what_is_no_fault_of_a_sample_ends_the_scan_without_a_row() {
    let (_folder, path) = sample();
    let spawner = Spawner { program: "/does/not/exist".into(), ..script("") };
    let mut counted = Counted::default();
    let error = scan(&spawner, &mut counted, &[path]).unwrap_err();
    assert!(error.to_string().contains("no worker could be started"), "{error}");
    assert_eq!((counted.samples, counted.failures.len()), (0, 0));
    assert!(counted.ticks > 5, "{} ticks", counted.ticks);
}

#[test]
fn what_is_no_file_any_more_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("x.wasm");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [&pipe, folder.path()] {
        let failure = open(&FileAt { path: path.to_owned(), may_be_link: true }).err().unwrap();
        assert_eq!((failure.kind, &*failure.text), (FailureKind::Unreadable, "not a regular file"));
    }
}

#[test]
fn what_became_a_link_since_its_folder_was_read_is_not_followed() {
    let (folder, path) = sample();
    let link = folder.path().join("y.wasm");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(open(&FileAt { path: link.clone(), may_be_link: true }).is_ok(), "named by the user");
    let failure = open(&FileAt { path: link.clone(), may_be_link: false }).err().unwrap();
    assert_eq!(
        (failure.kind, &*failure.text),
        (FailureKind::Unreadable, "a symbolic link since its folder was read")
    );
    let mut counted = Counted::default();
    let (progress, before) = (Progress::default(), (Known::default(), Summary::default(), Index::default()));
    let spawner = script("exit 1");
    Scan::new(&spawner, 1, &progress, &mut counted, before).run(&[Root::found(link)], None).unwrap();
    assert_eq!((counted.samples, counted.failures[0].kind), (0, FailureKind::Unreadable));
}

#[test]
fn a_file_that_is_too_large_for_a_sample_is_not_read() {
    let (_folder, path) = sample();
    File::options().write(true).open(&path).unwrap().set_len(MAX_SAMPLE_BYTES + 1).unwrap();
    let mut counted = Counted::default();
    scan(&script("exit 1"), &mut counted, &[path]).unwrap();
    let [failure] = &counted.failures[..] else { panic!("{:?}", counted.failures) };
    assert_eq!((failure.kind, &*failure.text), (FailureKind::TooLarge, "larger than 268435456 bytes"));
}
