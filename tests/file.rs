//! Trace files: the same report as live, and the same run again. Nothing is lost or believed that should not
//! be when a file is cut off, damaged, or cannot be written.
//!
//! `SPOOR_KILLS=200` kills as often as the bar asks (default 12), and `SPOOR_RERUNS=3` runs each sample again
//! as often. `SPOOR_HOSTILE=20000` reads as many hostile files (default 400).

mod common;
#[path = "file/recordings.rs"]
mod recordings;

use std::{
    fs::{self, File},
    io::Cursor,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use common::noise;
use wasmspoor::{
    Limit,
    analysis::Analysis,
    file::{self, ChunkKind, EffectsFrom, FileError, Info, Reader, Recorded, Sample, TraceDiff},
    report::{OptionsUsed, Report, Subject, text},
    rules,
    sandbox::{EntryEnd, Persona, RunOptions, Seed},
    text::write_json,
    trace::{Record, ReplayErrorKind},
    values::{Machine, Nothing},
    verdict::Class,
};
use wasmspoor_needs::needs;

/// Spins for ever and writes a line now and then. It takes one way or the other as a generator says, so that
/// its trace does not compress.
const SPINNER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\20\00\00\00\05\00\00\00") (data (i32.const 32) "line\n")
  (func $leaf (param i32) (result i32)
    (if (result i32) (i32.and (local.get 0) (i32.const 4)) (then (i32.const 3)) (else (i32.const 5))))
  (func (export "_start") (local $i i32) (local $s i32)
    (loop $again
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 1664525)) (i32.const 1013904223)))
      (drop (call $leaf (i32.shr_u (local.get $s) (i32.const 20))))
      (if (i32.eqz (i32.and (local.get $i) (i32.const 0x3fff)))
        (then (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $again))))"#;

/// Ends after some steps.
const SHORT: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $odd (param i32) (nop))
  (func (export "_start") (local $i i32)
    (drop (call $random (i32.const 0) (i32.const 64)))
    (loop $again
      (if (i32.and (i32.load8_u (local.get $i)) (i32.const 1)) (then (call $odd (local.get $i))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64))))
    (drop (memory.grow (i32.const 1)))))"#;

/// Options under which no clock ends a run: tests run on busy machines.
fn options() -> RunOptions {
    let mut options = RunOptions::default();
    options.entry_time = Duration::from_secs(3600);
    options.limits.wall_time = None;
    options
}

fn bare() -> RunOptions {
    let mut options = options().with_persona(Arc::new(Persona::bare()));
    options.entry_time = Duration::from_secs(3600);
    options.limits.wall_time = None;
    options
}

/// Records to a file that did not exist.
fn record(folder: &Path, name: &str, bytes: &[u8], options: &RunOptions) -> PathBuf {
    let path = folder.join(format!("{name}.spoor"));
    let sample = Sample { name, bytes, is_embedded: true };
    file::record(File::create_new(&path).unwrap(), &path, &sample, options).unwrap();
    path
}

fn shown(name: &str, analysis: &Analysis, options: &RunOptions) -> (Vec<u8>, Vec<u8>) {
    let report = Report::of(&Subject { name, analysis, options, max_log: 10_000 });
    let (mut json, mut lines) = (Vec::new(), Vec::new());
    write_json(&mut json, &report).unwrap();
    let options =
        text::TextOptions { level: text::Verbosity::Evidence, width: 110, wrap: false, colour: false };
    let asked = text::Asked { command: "run", file: name.as_ref(), options: "" };
    text::write(&report, options, asked, &mut lines).unwrap();
    (json, lines)
}

/// The file was written by the first program that wrote any. A later one that cannot read it has forgotten to
/// raise the version.
#[test]
fn a_file_of_version_1_is_read_for_ever() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expect/version-1.spoor");
    if std::env::var_os("BLESS").is_some() {
        let sample = Sample { name: "short", bytes: SHORT.as_bytes(), is_embedded: true };
        file::record(File::create(&path).unwrap(), &path, &sample, &bare()).unwrap();
    }
    let info = Info::of(&Reader::open(&path).unwrap());
    assert!(info.is_whole && info.damage.is_empty(), "{info:?}");
    assert_eq!(info.instructions, Some(941));
    let recorded = Recorded::open(&path, None).unwrap();
    let run = recorded.run.as_ref().unwrap();
    assert_eq!(run.trace.counts().unwrap().total, 941);
    let calls: Vec<_> =
        run.calls.iter().map(|call| (&*call.name, call.args.len(), call.errno.as_deref())).collect();
    assert_eq!(calls, [("random_get", 2, None)]);
    assert!(recorded.rerun().is_equal);
}

/// An option that files of version 1 have no field for stands behind them, and only if it is not as usual.
#[test]
fn the_clocks_of_a_persona_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (result i32) (call $time (i32.const 2) (i64.const 0) (i32.const 0))))"#;
    for (name, cpu_clocks, expected) in [("with", true, "0"), ("without", false, "8")] {
        let mut options = bare();
        Arc::make_mut(&mut options.persona).cpu_clocks = cpu_clocks;
        let path = record(folder.path(), name, text.as_bytes(), &options);
        let recorded = Recorded::open(&path, None).unwrap();
        assert_eq!(recorded.header.options.persona.cpu_clocks, cpu_clocks);
        assert_eq!(recorded.run.as_ref().unwrap().entries[0].results[0].to_string(), expected);
        let rerun = recorded.rerun();
        assert!(rerun.is_equal && rerun.is_complete && rerun.damage.is_empty(), "{rerun:?}");
    }
}

#[test]
fn the_corpus_gives_the_same_bytes_live_and_from_files_and_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let samples = common::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), "wat");
    let reruns: usize = std::env::var("SPOOR_RERUNS").map_or(1, |text| text.parse().unwrap());
    let (rules, options) = (rules::Set::builtin(), options());
    let check = |sample: &PathBuf| -> Result<(), String> {
        let name = sample.file_stem().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(sample).unwrap();
        let options = options.clone().seeded(&bytes);
        let live = Analysis::of(&bytes, &options, &rules);
        let path = record(folder.path(), &name, &bytes, &options);
        let info = Info::of(&Reader::open(&path).unwrap());
        if !info.is_whole || live.run.is_some() != info.instructions.is_some() {
            return Err(format!("{name}: {info:?}"));
        }
        let recorded = Recorded::open(&path, None).unwrap();
        for _ in 0..reruns {
            let rerun = recorded.rerun();
            if !rerun.is_equal || !rerun.is_complete {
                return Err(format!("{name}: {rerun:?}"));
            }
        }
        let (live, read) = (shown(&name, &live, &options), Analysis::of_recorded(recorded, &rules));
        if live != shown(&name, &read, &options) {
            return Err(format!("{name}: the report is another one"));
        }
        let told =
            OptionsUsed::parse(std::str::from_utf8(&live.0).unwrap()).and_then(OptionsUsed::into_run_options);
        let told = told.map_err(|error| format!("{name}: {error}"))?;
        match shown(&name, &Analysis::of(&bytes, &told, &rules), &told) == live {
            true => Ok(()),
            false => Err(format!("{name}: with the options of the report, another one comes of it")),
        }
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let halves = samples.chunks(samples.len().div_ceil(2));
        let threads: Vec<_> = halves
            .map(|half| {
                scope.spawn(move || half.iter().filter_map(|sample| check(sample).err()).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn spoor(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A file that holds [`SPINNER`].
fn spinner(folder: &Path) -> PathBuf {
    let path = folder.join("spinner.wat");
    fs::write(&path, SPINNER).unwrap();
    path
}

#[test]
fn whatever_the_moment_of_death_every_whole_chunk_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let sample = spinner(folder.path());
    let kills: usize = std::env::var("SPOOR_KILLS").map_or(12, |text| text.parse().unwrap());
    let moments = noise(7, kills * 2);
    let mut replayed = 0;
    for (number, moment) in moments.chunks(2).enumerate() {
        let path = folder.path().join("killed.spoor");
        // No budget ends it before it is killed.
        let endless = ["record", "--no-budgets", "--force", "-o"];
        let mut child = spoor(&endless).arg(&path).arg(&sample).spawn().unwrap();
        let micros = u64::from(u16::from_le_bytes([moment[0], moment[1]])) * 8;
        // Every other one dies once the streams flow, however busy the machine is; the others from the start
        // on.
        let flows = || fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 64 << 10);
        while number % 2 == 1 && !flows() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before its streams flowed");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(micros));
        child.kill().unwrap();
        child.wait().unwrap();
        replayed += usize::from(path.exists() && check_killed(&path));
        _ = fs::remove_file(&path);
    }
    println!("{replayed} of {kills} files had instructions to replay");
    assert!(replayed * 3 >= kills, "{replayed} of {kills}");
}

/// Two that write one file would each write over what the other wrote.
#[test]
#[cfg(unix)]
fn a_file_that_another_process_writes_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, path) = (spinner(folder.path()), folder.path().join("x.spoor"));
    let record = ["record", "--no-budgets", "--force", "-o"];
    let mut first = spoor(&record).arg(&path).arg(&sample).spawn().unwrap();
    let len = || fs::metadata(&path).map_or(0, |metadata| metadata.len());
    while len() == 0 {
        assert_eq!(first.try_wait().unwrap(), None, "it ended before it wrote anything");
        thread::sleep(Duration::from_millis(1));
    }
    let second = spoor(&record).arg(&path).arg(&sample).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8(second.stderr).unwrap().contains("another process is writing it"));
    // Ctrl-C ends it with a word.
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = first.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let word = String::from_utf8(output.stderr).unwrap();
    assert!(word.contains("interrupted: ") && word.contains("can be read"), "{word}");
    check_killed(&path);
}

/// Checks what is left of a recording; returns whether anything can be replayed.
fn check_killed(path: &Path) -> bool {
    let len = fs::metadata(path).unwrap().len();
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(FileError::Other) if len < 20 => return false,
        Err(error) => panic!("{error} ({len} bytes)"),
    };
    let info = Info::of(&reader);
    // All chunks follow each other; what comes after them is one that was being written.
    let whole: u64 = 20 + info.streams.values().map(|stream| stream.bytes).sum::<u64>();
    assert!(!info.is_whole && info.damage.len() <= 1, "{info:?}");
    assert_eq!(info.damage.len() as u64, u64::from(whole < len), "{info:?}");
    assert!(info.damage.iter().all(|damage| damage.what.contains("cut off")), "{info:?}");
    let recorded = match Recorded::of(reader, None) {
        Ok(recorded) => recorded,
        Err(FileError::Missing(_) | FileError::Lost(_)) if !info.streams.contains_key(&ChunkKind::Links) => {
            return false;
        }
        Err(error) => panic!("{error}"),
    };
    let run = recorded.run.as_ref().unwrap();
    // It may have died after the run, while checkpoints and index were written: then nothing of the run is
    // lost.
    if info.streams.contains_key(&ChunkKind::Outcome) {
        assert!(run.trace.counts().is_ok() && recorded.rerun().is_equal, "{info:?}");
        return info.decisions > 0;
    }
    let error = run.trace.counts().expect_err(&format!("{info:?}"));
    if !info.streams.contains_key(&ChunkKind::Links) {
        return false;
    }
    let ReplayErrorKind::Truncated { instructions, .. } = error.kind() else { panic!("{error}") };
    assert!(error.to_string().starts_with("truncated after "), "{error}");
    assert_eq!(error.decisions(), info.decisions, "every decision is replayed");
    // The log may be a chunk ahead of the records, if it died between the two.
    let records: Vec<_> = run.trace.record_stream().map(|record| record.into_owned()).collect();
    assert_eq!(records.len() as u64, info.records, "every record is read");
    let host_calls = records.iter().filter(|record| matches!(record, Record::HostCall { .. })).count() as u64;
    assert!(run.calls.len() as u64 + run.calls_cut >= host_calls, "{info:?}");
    let is_ahead = run.calls.len() as u64 > host_calls;
    assert!(recorded.rerun().is_equal);
    assert!(*instructions >= info.decisions);
    if is_ahead {
        let analysis = Analysis::of_recorded(recorded, &rules::Set::default());
        assert_eq!(analysis.dynamic.metrics.host_calls.values().sum::<u64>(), host_calls, "{info:?}");
    }
    info.decisions > 0
}

/// A small file, with something in each stream.
fn small() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::read(record(folder.path(), "small", SHORT.as_bytes(), &bare())).unwrap()
}

/// Reads all that can be read of bytes; `None` if they are no trace file, else whether they are whole.
fn read_all(bytes: &[u8]) -> Option<Info> {
    let info = Info::of(&Reader::of(Box::new(Cursor::new(bytes.to_vec()))).ok()?);
    if let Ok(recorded) = Recorded::of(Reader::of(Box::new(Cursor::new(bytes.to_vec()))).ok()?, None)
        && let Ok(run) = &recorded.run
    {
        _ = run.trace.counts();
        let told =
            recorded.events::<wasmspoor::trace::ReplayError>(&run.trace, (100, 200), &[], |_, _| Ok(true));
        _ = told;
    }
    Some(info)
}

#[test]
fn every_changed_bit_of_a_small_file_is_seen() {
    let bytes = small();
    let chunks = read_all(&bytes).unwrap();
    assert!(chunks.is_whole, "{chunks:?}");
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let Some(info) = read_all(&changed) else {
                assert!(at < 20, "byte {at}, bit {bit}: nothing is read");
                continue;
            };
            assert!(!info.is_whole && !info.damage.is_empty(), "byte {at}, bit {bit}: {info:?}");
            assert!(
                info.chunks + 1 >= chunks.chunks,
                "byte {at}, bit {bit}: more than a chunk is lost: {info:?}"
            );
        }
    }
}

#[test]
fn a_file_cut_at_any_length_is_read_as_far_as_it_goes() {
    let bytes = small();
    let whole = read_all(&bytes).unwrap();
    let mut most = 0;
    for len in 0..bytes.len() {
        match read_all(&bytes[..len]) {
            None => assert!(len < 20),
            Some(info) => {
                assert!(!info.is_whole && info.chunks >= most, "{len}: {info:?}");
                most = info.chunks;
            }
        }
    }
    assert_eq!(most, whole.chunks);
}

#[test]
fn random_changes_of_a_larger_file_are_seen_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = bare();
    options.entry_decisions = Some(2_000_000);
    let bytes = fs::read(record(folder.path(), "large", SPINNER.as_bytes(), &options)).unwrap();
    let whole = read_all(&bytes).unwrap();
    assert!(whole.is_whole && whole.streams.len() == 8, "{whole:?}");
    let random = noise(3, 3000 * 5);
    for change in random.chunks(5) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], change[3]]) as usize % bytes.len();
        let mut changed = bytes.clone();
        changed[at] = changed[at].wrapping_add(change[4].max(1));
        let Ok(reader) = Reader::of(Box::new(Cursor::new(changed))) else {
            assert!(at < 20);
            continue;
        };
        let info = Info::of(&reader);
        assert!(
            !info.is_whole && !info.damage.is_empty() && info.chunks + 1 >= whole.chunks,
            "byte {at}: {info:?}"
        );
    }
}

/// Whatever is lost, the rest must not look harmless, and the run must not look as if it had differed.
#[test]
fn what_is_lost_makes_nothing_look_better_or_different() {
    let bytes = small();
    let reader = Reader::of(Box::new(Cursor::new(bytes.clone()))).unwrap();
    let rules = rules::Set::default();
    let whole = Recorded::of(Reader::of(Box::new(Cursor::new(bytes.clone()))).unwrap(), None).unwrap();
    assert_eq!(Analysis::of_recorded(whole, &rules).verdict.class, Class::Clean);
    let mut seen = 0;
    for (frame, offset) in reader.chunks() {
        let mut damaged = bytes.clone();
        damaged[*offset as usize + 52] ^= 0x10;
        let Ok(recorded) = Recorded::of(Reader::of(Box::new(Cursor::new(damaged))).unwrap(), None) else {
            continue;
        };
        seen += 1;
        let rerun = recorded.rerun();
        assert!(recorded.has_header == (frame.kind != ChunkKind::Header));
        if frame.kind != ChunkKind::Checkpoint {
            assert!(!rerun.damage.is_empty() && !rerun.is_complete, "{:?}: {rerun:?}", frame.kind);
        }
        assert!(!recorded.has_header || rerun.difference.is_none(), "{:?}: {rerun:?}", frame.kind);
        let class = Analysis::of_recorded(recorded, &rules).verdict.class;
        assert_eq!(class == Class::Clean, frame.kind == ChunkKind::Checkpoint, "{:?} {class:?}", frame.kind);
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn a_damaged_chunk_is_named_and_what_follows_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = bare();
    options.entry_decisions = Some(9_000_000);
    let path = record(folder.path(), "x", SPINNER.as_bytes(), &options);
    let whole = Recorded::open(&path, None).unwrap();
    let calls = whole.run.as_ref().unwrap().calls.len();
    let decisions: Vec<_> = whole
        .reader()
        .chunks()
        .iter()
        .filter(|(frame, _)| frame.kind == ChunkKind::Decisions)
        .copied()
        .collect();
    let (frame, offset) = decisions[1];
    let mut bytes = fs::read(&path).unwrap();
    bytes[offset as usize + 60] ^= 0x10;
    let recorded = Recorded::of(Reader::of(Box::new(Cursor::new(bytes))).unwrap(), None).unwrap();
    let run = recorded.run.as_ref().unwrap();
    assert_eq!(run.calls.len(), calls, "the log is whole");
    let error = run.trace.counts().unwrap_err();
    let expected = format!(
        "chunk {} (decisions {} to {}) is damaged",
        frame.number,
        frame.first,
        frame.first + frame.count
    );
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!(error.decisions(), frame.first);
    assert!(matches!(error.kind(), ReplayErrorKind::Truncated { .. }));
}

#[needs("/dev/full")]
#[test]
fn a_disk_that_is_full_and_a_pipe_that_is_closed_end_the_run_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let sample = spinner(folder.path());
    let output = spoor(&["record", "-o", "/dev/full"]).arg(&sample).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left"), "{output:?}");
    // A disk that fills up while the sample runs.
    let path = folder.path().join("limited.spoor");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_spoor"), "record", "-o"])
        .args([&path, &sample])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("limited.spoor: "), "{output:?}");
    let info = Info::of(&Reader::open(&path).unwrap());
    assert!(!info.is_whole && info.chunks >= 3, "{info:?}");
    let mut child = spoor(&["record", "-o", "/dev/stdout"]).arg(&sample).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("/dev/stdout: "), "{output:?}");
    let output = spoor(&["run", "--save", "/dev/null"]).arg(&sample).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let bad = folder.path().join("bad.wasm");
    std::fs::write(&bad, b"\0asm\x01\0\0\0\x01").unwrap();
    let output = spoor(&["record", "-o", "/dev/null"]).arg(&bad).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_run_that_the_clock_stopped_is_stopped_again_at_the_same_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = bare();
    options.entry_time = Duration::from_millis(120);
    // A fast machine reaches the other bounds of an entry in that time. The clock must do without them.
    (options.entry_decisions, options.entry_instructions) = (None, None);
    (options.limits.decisions, options.limits.instructions) = (None, None);
    let path = record(folder.path(), "x", SPINNER.as_bytes(), &options);
    let recorded = Recorded::open(&path, None).unwrap();
    let run = recorded.run.as_ref().unwrap();
    assert_eq!(run.entries[0].end, EntryEnd::Stopped { limit: Limit::WallTime });
    assert_eq!(recorded.timeouts.len(), 1);
    for _ in 0..3 {
        let rerun = recorded.rerun();
        assert!(rerun.is_equal && rerun.is_complete && rerun.decisions == run.trace.decisions, "{rerun:?}");
    }
}

/// What comes after the outcome is made from what is before it.
#[test]
fn a_file_that_lost_its_last_bytes_tells_the_same() {
    let bytes = small();
    let cut = |len: usize| {
        Recorded::of(Reader::of(Box::new(Cursor::new(bytes[..len].to_vec()))).unwrap(), None).unwrap()
    };
    let reader = Reader::of(Box::new(Cursor::new(bytes.clone()))).unwrap();
    let outcome = reader.chunks().iter().find(|(frame, _)| frame.kind == ChunkKind::Outcome).unwrap();
    let end = outcome.1 as usize + 52 + outcome.0.stored_len as usize;
    for len in [bytes.len() - 1, bytes.len() - 10, bytes.len() - 20, end + 60, end + 1, end] {
        let recorded = cut(len);
        assert_eq!(recorded.run.as_ref().unwrap().lost, [], "{len} of {}", bytes.len());
        let rerun = recorded.rerun();
        assert!(rerun.is_equal && rerun.is_complete && rerun.damage.is_empty(), "{rerun:?}");
        assert!(!read_all(&bytes[..len]).unwrap().is_whole);
    }
    assert!(!cut(end - 1).run.unwrap().lost.is_empty());
}

#[test]
fn limits_that_could_use_up_the_machine_are_neither_recorded_nor_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = bare();
    options.limits.table_elements = u64::MAX;
    let path = record(folder.path(), "x", b"(module (table 4 funcref) (func (export \"_start\")))", &options);
    let output = spoor(&["rerun"]).arg(&path).output().unwrap();
    let message = "the limit `table_elements` is 18446744073709551615; 100000000 is the most";
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{output:?}");
    let sample = spinner(folder.path());
    let record = |option: &str, value: &str| {
        spoor(&["record", option, value, "-o"])
            .arg(folder.path().join("y.spoor"))
            .arg(&sample)
            .output()
            .unwrap()
    };
    for (option, name) in
        [("--max-table", "table_elements"), ("--max-memory", "memory_pages"), ("--max-depth", "call_depth")]
    {
        let output = record(option, "1000000000");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(
            String::from_utf8_lossy(&output.stderr).contains(&format!("the limit `{name}`")),
            "{output:?}"
        );
    }
    assert!(!folder.path().join("y.spoor").exists());
}

#[test]
fn another_seed_is_seen_where_it_first_matters() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = bare();
    let a = record(folder.path(), "a", SHORT.as_bytes(), &options);
    options.seed = Seed::Given(1);
    let b = record(folder.path(), "b", SHORT.as_bytes(), &options);
    let mut recorded = Recorded::open(&a, None).unwrap();
    recorded.header.options.seed = Seed::Given(1);
    let rerun = recorded.rerun();
    let difference = rerun.difference.unwrap();
    // What `random_get` wrote, before anything is decided by it.
    assert_eq!((rerun.is_equal, difference.stream), (false, "log"), "{difference:?}");
    let called = difference.point.unwrap();
    let (a, b) = (Recorded::open(&a, None).unwrap(), Recorded::open(&b, None).unwrap());
    let diff = TraceDiff::of(&a, &b).unwrap();
    let first = diff.first.as_ref().unwrap();
    assert_eq!((first.stream, diff.is_same_path), ("decisions", false));
    // The `if` that a random byte decides.
    let point = first.a.unwrap();
    assert_eq!((point.function.map(|function| function.0), first.b.unwrap()), (Some(2), point));
    let executed = a.run.as_ref().unwrap().trace.events().filter_map(|event| match event.unwrap() {
        wasmspoor::trace::Event::Op(op) => Some(op),
        _ => None,
    });
    let at = executed.into_iter().nth(usize::try_from(point.event).unwrap()).unwrap();
    assert_eq!((at.opcode.mnemonic(), Some(at.offset)), ("if", point.offset));
    let at = a.run.as_ref().unwrap().trace.events().filter_map(|event| match event.unwrap() {
        wasmspoor::trace::Event::Op(op) => Some(op),
        _ => None,
    });
    let at = at.into_iter().nth(usize::try_from(called.event).unwrap()).unwrap();
    assert!(
        called.event < point.event && at.opcode.mnemonic() == "call" && Some(at.offset) == called.offset,
        "{called:?}"
    );
    assert!(TraceDiff::of(&a, &a).unwrap().is_same_path);
}

#[test]
fn a_detached_file_needs_its_sample_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes: SHORT.as_bytes(), is_embedded: false };
    file::record(File::create_new(&path).unwrap(), &path, &sample, &bare()).unwrap();
    assert!(matches!(Recorded::open(&path, None), Err(FileError::Missing(_))));
    assert!(matches!(Recorded::open(&path, Some(SPINNER.as_bytes())), Err(FileError::Missing(_))));
    let recorded = Recorded::open(&path, Some(SHORT.as_bytes())).unwrap();
    assert!(recorded.run.unwrap().trace.counts().is_ok());
}

#[test]
fn a_file_that_is_there_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, path) = (folder.path().join("s.wat"), folder.path().join("x.spoor"));
    fs::write(&sample, SHORT).unwrap();
    let run = |force: &[&str]| {
        spoor(&["record"]).args(force).args([&sample, Path::new("-o"), &path]).output().unwrap().status.code()
    };
    assert_eq!((run(&[]), run(&[]), run(&["--force"])), (Some(0), Some(2), Some(0)));
    let report = |args: &[&str]| spoor(args).arg(&path).output().unwrap();
    // A file without what the host did tells no values, and says so to whoever asks for all of them.
    let live = spoor(&["run", "--json", "--values", "off"]).arg(&sample).output().unwrap();
    let read = report(&["report", "--json"]);
    assert_eq!((live.status.code(), live.stdout), (read.status.code(), read.stdout));
    let full = report(&["report", "-q", "--values", "full"]).stderr;
    assert!(String::from_utf8(full).unwrap().contains("it does not hold what the host did"));
    assert_eq!(report(&["info"]).status.code(), Some(0));
    assert_eq!(report(&["rerun"]).status.code(), Some(0));
    let linear = report(&["dump", "--from", "30", "--to", "60"]);
    assert_eq!(
        String::from_utf8(linear.stdout).unwrap().lines().filter(|line| line.starts_with("wasm-")).count(),
        30
    );
}

#[test]
fn hostile_files_are_read_without_harm() {
    let seeds = std::env::var("SPOOR_HOSTILE").map_or(400, |text| text.parse().unwrap());
    for seed in 0..seeds {
        let mut data = noise(seed, 60);
        // Mostly changes of a sound file: bytes at random seldom get beyond its head.
        data[0] = (seed % 16) as u8;
        common::bodies::file(&data);
    }
}

#[test]
fn what_a_file_lacks_is_no_difference_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let whole = record(folder.path(), "whole", SHORT.as_bytes(), &bare());
    let bytes = std::fs::read(&whole).unwrap();
    let reader = Reader::open(&whole).unwrap();
    let cut = folder.path().join("cut.spoor");
    for kind in [ChunkKind::Decisions, ChunkKind::Records, ChunkKind::Outcome] {
        let Some((_, offset)) = reader.chunks().iter().find(|(frame, _)| frame.kind == kind) else {
            continue;
        };
        std::fs::write(&cut, &bytes[..*offset as usize]).unwrap();
        let [a, b] = [&whole, &cut].map(|path| Recorded::open(path, None).unwrap());
        let diff = TraceDiff::of(&a, &b).unwrap();
        assert!(diff.is_same_path && diff.lost[0].is_empty() && !diff.lost[1].is_empty(), "{kind}: {diff:?}");
        assert!(TraceDiff::of(&b, &a).unwrap().is_same_path);
    }
}

#[test]
fn graphs_and_exports_are_made_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("short.wat");
    std::fs::write(&sample, SHORT).unwrap();
    let recorded = folder.path().join("short.spoor");
    assert!(spoor(&["record", "-o"]).args([&recorded, &sample]).status().unwrap().success());
    for kind in [
        &["graph", "calls"][..],
        &["graph", "dynamic"],
        &["graph", "cfg", "--function=2"],
        &["export", "folded"],
    ] {
        let [live, read] = [&sample, &recorded].map(|path| spoor(kind).arg(path).output().unwrap());
        assert!(
            live.status.success() && live.stdout == read.stdout && !live.stdout.is_empty(),
            "{kind:?}: {read:?}"
        );
    }
}

#[test]
fn long_names_and_many_results_do_not_make_a_log_of_gigabytes() {
    let (name, results) = ("n".repeat(90_000), "i64 ".repeat(900));
    let drops = "(drop)".repeat(900);
    let text = format!(
        r#"(module (import "env" "{name}" (func $f (result {results})))
          (func (export "_start") (local i32)
            (loop (call $f) {drops}
              (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 2000))))))"#
    );
    let run = wasmspoor::sandbox::run(text.as_bytes(), &bare()).unwrap();
    let kept: usize = run.calls.iter().map(|call| call.name.len()).sum();
    assert!(
        !run.calls.is_empty() && kept < 64 << 20 && run.calls.len() as u64 + run.calls_cut == 2000,
        "{}",
        run.calls.len()
    );
    assert!(run.calls.iter().all(|call| call.results.len() == 32));
}

/// The file has what the host did if that was wanted; else it comes of running again. Both give the values of
/// the whole run.
#[test]
fn effects_are_in_the_file_or_come_of_running_again() {
    let folder = tempfile::tempdir().unwrap();
    let sample = Sample { name: "short.wat", bytes: SHORT.as_bytes(), is_embedded: true };
    let options = RunOptions::default();
    let (plain, with) = (folder.path().join("plain.spoor"), folder.path().join("with.spoor"));
    file::record(File::create(&plain).unwrap(), &plain, &sample, &options).unwrap();
    file::record_with_effects(File::create(&with).unwrap(), &with, &sample, &options).unwrap();
    // A reader of before refuses a file with a feature that it does not know.
    assert_eq!([&plain, &with].map(|path| fs::read(path).unwrap()[12]), [0, 1]);
    let effects = |path: &Path, expected: EffectsFrom| {
        let mut recorded = Recorded::open(path, None).unwrap();
        assert_eq!(recorded.get_effects().unwrap(), expected);
        let trace = &recorded.run.as_ref().unwrap().trace;
        let totals = Machine::new(trace).and_then(|mut machine| machine.run(&mut Nothing)).unwrap();
        assert_eq!(totals.instructions, trace.counts().unwrap().total);
        Arc::clone(trace.effects.as_ref().unwrap())
    };
    let recorded = effects(&with, EffectsFrom::File);
    assert!(!recorded.entries().is_empty() && recorded.ends_at().is_none());
    assert_eq!(effects(&plain, EffectsFrom::Rerun), recorded);
    // Damaged they are no loss.
    let reader = Reader::open(&with).unwrap();
    let (_, at) = *reader.chunks().iter().find(|(frame, _)| frame.kind == ChunkKind::Effects).unwrap();
    let mut bytes = fs::read(&with).unwrap();
    bytes[at as usize + 60] ^= 1;
    fs::write(&with, bytes).unwrap();
    assert_eq!(effects(&with, EffectsFrom::Rerun), recorded);
    assert!(Recorded::open(&with, None).unwrap().reader().harm().0.is_empty());
}
