//! Seeking, with checkpoints close to each other; and files that nobody recorded, made chunk by chunk.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Cursor,
};

use super::{
    chunk::Chunk,
    contents::{Links, Rest},
    wire::append,
    *,
};
use crate::{
    hex,
    module::FuncIndex,
    sandbox::{Run, RunOptions},
    trace::{
        End, Event, FuncKey, Instance, Record, Replay, ReplayError, ReplayErrorKind, ReplayProgress,
        TracePosition, Visitor,
    },
};

/// Recursion, a host call that calls back, and phases in which one function or the other runs.
const SAMPLE: &str = r#"(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func $deep (param i32) (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))) (nop))))
  (func $early (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
  (func $late (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
  (func (export "_start") (local $i i32)
    (loop $a
      (drop (call $early (local.get $i)))
      (if (i32.eq (local.get $i) (i32.const 900)) (then (call $rare)))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 97))) (then (drop (call $yield)) (call $deep (i32.const 40))))
      (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 2000))))
    (loop $b
      (drop (call $late (local.get $i)))
      (if (i32.eq (i32.rem_u (local.get $i) (i32.const 800)) (i32.const 400)) (then (call $rare)))
      (br_if $b (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (drop (i32.div_u (i32.const 1) (local.get $i))))
  (func $rare (nop)))"#;

fn told(recorded: &Recorded, range: (u64, u64), functions: &[u32]) -> Vec<(u64, Event)> {
    let mut found = Vec::new();
    let trace = &recorded.run.as_ref().unwrap().trace;
    let tell = |number: u64, event: &Event| {
        found.push((number, event.clone()));
        Ok::<_, ReplayError>(true)
    };
    recorded.events(trace, range, functions, tell).unwrap();
    found
}

#[test]
fn seeking_gives_what_a_linear_replay_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes: SAMPLE.as_bytes(), is_embedded: true };
    let written = record(File::create_new(&path).unwrap(), &path, &sample, &RunOptions::default()).unwrap();
    let recorded = Recorded::open(&path, None).unwrap();
    let checkpoints =
        recorded.reader().chunks().iter().filter(|(frame, _)| frame.kind == ChunkKind::Checkpoint).count();
    assert!(checkpoints > 8, "{checkpoints} checkpoints");
    let (mut linear, mut number) = (Vec::new(), 0);
    for event in recorded.run.as_ref().unwrap().trace.events() {
        let event = event.unwrap();
        let is_op = matches!(event, Event::Op(_));
        linear.push((number, event));
        number += u64::from(is_op);
    }
    assert_eq!(written.instructions, Some(number));
    let step = number / 37;
    for (from, to) in
        (0..40).map(|n| (n * step, n * step + 50)).chain([(0, u64::MAX), (4090, 4100), (number, u64::MAX)])
    {
        let expected: Vec<_> =
            linear.iter().filter(|(number, _)| (from..to).contains(number)).cloned().collect();
        assert!(told(&recorded, (from, to), &[]) == expected, "{from} to {to}");
    }
    // The last of them runs in three stretches that are far from each other.
    for function in [2, 3, 1, 5] {
        let of = |event: &Event| matches!(event, Event::Op(op) if op.function.0 == function);
        let all: Vec<_> = told(&recorded, (100, number - 7), &[function])
            .into_iter()
            .filter(|(_, event)| of(event))
            .collect();
        let expected =
            linear.iter().filter(|(number_, event)| (100..number - 7).contains(number_) && of(event));
        assert!(all.iter().eq(expected), "function {function}");
    }
    // The first phase is not replayed for a function that runs in the second only.
    let late = told(&recorded, (0, u64::MAX), &[3]);
    assert!(late.len() < linear.len() / 2, "{} of {}", late.len(), linear.len());
    let rare = told(&recorded, (0, u64::MAX), &[5]);
    assert!(rare.len() < linear.len() / 3, "{} of {}", rare.len(), linear.len());
}

/// A loop that is long enough for checkpoints, in a module that begins threads.
const THREADED: &str = r#"(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (memory (export "memory") 1 1 shared)
  (func (export "wasi_thread_start") (param i32 i32))
  (func (export "_start") (local $i i32)
    (loop $a
      (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
      (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4000))))
    (drop (call $spawn (i32.const 0)))))"#;

/// The checkpoints of an earlier program count other blocks: they are passed over.
/// Invocations from the host that end in all ways, one of them with a host call open, and much between.
const ENDS: &str = r#"(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func $work (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9000)))))
  (func $deep (param i32) (call $work) (drop (call $yield))
    (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1))) (nop)) (else (unreachable))))
  (func (export "a") (call $work))
  (func (export "b") (call $deep (i32.const 5)))
  (func (export "c") (call $work) (drop (i32.load (i32.const -1))) (nop))
  (func (export "d") (call $work) (call_indirect (i32.const 7)))
  (func (export "e") (loop $l (br $l)))
  (func (export "f") (call $f))
  (func $f (drop (call $yield)) (call $f))
  (table 1 funcref))"#;

/// A thread that the program waits for; both run long.
const THREADS: &str = r#"(module
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (memory (export "memory") 1 1 shared)
  (func $work (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9000)))))
  (func (export "wasi_thread_start") (param i32 i32)
    (call $work)
    (drop (i32.atomic.rmw.add (i32.const 8) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 8) (i32.const -1))))
  (func (export "_start")
    (call $work)
    (drop (call $spawn (i32.const 0)))
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 0) (i64.const -1)))
    (call $work)))"#;

/// The checkpoints of a sample that is recorded, and whether they were made beside the run.
fn checkpoints_of(bytes: &[u8], is_off: bool) -> (Vec<(bool, Vec<u8>)>, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes, is_embedded: true };
    let before = checkpointer::MADE.get();
    checkpointer::IS_OFF.set(is_off);
    record(File::create_new(&path).unwrap(), &path, &sample, &RunOptions::default()).unwrap();
    checkpointer::IS_OFF.set(false);
    let reader = Reader::open(&path).unwrap();
    let of_kind = reader.of_kind(ChunkKind::Checkpoint);
    let found = of_kind.map(|position| {
        let (frame, _) = &reader.chunks()[position];
        (frame.is_last, reader.read(position).unwrap())
    });
    (found.collect(), checkpointer::MADE.get() > before)
}

#[test]
fn checkpoints_made_beside_a_run_are_those_made_after_it() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let texts = ["wasi-ransomware", "ransomware-thrown"].map(|name| corpus.join(name).with_extension("wat"));
    let texts =
        texts.iter().map(|path| fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}")));
    let mut checkpoints = 0;
    for text in texts.chain([SAMPLE, ENDS, THREADS].map(str::to_owned)) {
        let (beside, is_beside) = checkpoints_of(text.as_bytes(), false);
        let (after, is_after) = checkpoints_of(text.as_bytes(), true);
        assert!(is_beside && !is_after, "{text}");
        assert!(beside == after, "{text}");
        // The last says how long the run was, and no other, even where threads wait.
        let last: Vec<_> = after.iter().map(|(is_last, _)| *is_last).collect();
        assert!(last.iter().rposition(|is_last| !is_last) == last.len().checked_sub(2), "{last:?}: {text}");
        checkpoints += after.len();
    }
    assert!(checkpoints > 40, "{checkpoints}");
}

#[test]
fn checkpoints_of_other_blocks_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let sample = Sample { name: "x", bytes: THREADED.as_bytes(), is_embedded: true };
    let path = at("now.spoor");
    record(File::create_new(&path).unwrap(), &path, &sample, &RunOptions::default()).unwrap();
    let now = Recorded::open(&path, None).unwrap();
    let expected = told(&now, (20_000, 20_050), &[]);
    assert_eq!(expected.len(), 50);
    // The same file as that program wrote it, and as if this one had.
    let older = |name: &str, features: u32| {
        let path = at(name);
        let file = File::create_new(&path).unwrap();
        let mut sink = writer::ChunkWriter::begin_with(file, features).unwrap();
        let mut moved = 0;
        for (position, (frame, _)) in now.reader().chunks().iter().enumerate() {
            if frame.kind == ChunkKind::Index {
                continue;
            }
            let mut raw = now.reader().read(position).unwrap();
            if frame.kind == ChunkKind::Checkpoint {
                let mut stored = checkpoints::parse(&raw).unwrap();
                if let Some((_, block)) = stored.checkpoint.as_mut().and_then(|found| found.next.as_mut()) {
                    (*block, moved) = (block.wrapping_sub(1), moved + 1);
                }
                raw = wire::to_bytes(stored).unwrap();
            }
            let &frame::Frame { kind, is_last, first, count, calls, .. } = frame;
            sink.write(&Chunk { kind, is_last, first, count, calls, raw }).unwrap();
        }
        sink.end().unwrap();
        assert!(moved > 2, "{moved} checkpoints");
        Recorded::open(&path, None).unwrap()
    };
    let then = older("then.spoor", frame::THREADS);
    assert_eq!(told(&then, (20_000, 20_050), &[]), expected);
    assert_eq!(told(&then, (20_000, 20_050), &[2]).len(), 50, "what did not run is not passed over");
    let misread = older("misread.spoor", frame::THREADS | frame::THREAD_BLOCKS);
    let mut found = Vec::new();
    let tell = |number: u64, event: &Event| {
        found.push((number, event.clone()));
        Ok::<_, ReplayError>(true)
    };
    let trace = &misread.run.as_ref().unwrap().trace;
    let ended = misread.events(trace, (20_000, 20_050), &[], tell);
    assert!(ended.is_err() || found != expected, "the test can fail");
}

#[test]
fn an_index_of_many_chunks_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let mut sink = writer::ChunkWriter::begin(File::create_new(&path).unwrap()).unwrap();
    // As a run of hours leaves behind: an index of six chunks.
    let chunks = 6 * frame::MAX_CHUNK / (frame::FRAME + 8);
    for number in 0..chunks as u64 {
        let chunk = Chunk {
            kind: ChunkKind::Log,
            is_last: false,
            first: number,
            count: 1,
            calls: 0,
            raw: vec![0; 3],
        };
        sink.write(&chunk).unwrap();
    }
    sink.end().unwrap();
    let reader = reader::Reader::open(&path).unwrap();
    assert_eq!(reader.chunks().len(), chunks);
    assert_eq!(reader.damage(), (Vec::new(), 0));
    // Without the foot, each frame is looked at: those of the index are none that are missing.
    let bytes = fs::read(&path).unwrap();
    let reader = read(bytes[..bytes.len() - 10].to_vec());
    assert_eq!(reader.chunks().len(), chunks);
    let (damage, more) = reader.damage();
    assert_eq!((damage.len(), more), (1, 0), "{damage:?}");
}

fn read(bytes: Vec<u8>) -> Reader {
    Reader::of(Box::new(Cursor::new(bytes))).unwrap()
}

/// Bytes of a file of these chunks, and where each begins.
fn file_of(chunks: &[Chunk]) -> (Vec<u8>, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let mut sink = writer::ChunkWriter::begin(File::create_new(&path).unwrap()).unwrap();
    let mut places = Vec::new();
    for chunk in chunks {
        places.push(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
        sink.write(chunk).unwrap();
    }
    sink.end().unwrap();
    (fs::read(&path).unwrap(), places)
}

/// An object that fits a chunk.
fn object<T: wire::Stored + Clone>(kind: ChunkKind, thing: &T) -> Chunk {
    let raw = wire::to_bytes(thing.clone()).unwrap();
    Chunk { kind, is_last: true, first: 0, count: raw.len() as u64, calls: 0, raw }
}

/// A stream from number `first` on.
fn records(first: u64, records: &[Record]) -> Chunk {
    let mut raw = Vec::new();
    records.iter().for_each(|record| append(record.clone(), &mut raw).unwrap());
    Chunk { kind: ChunkKind::Records, is_last: false, first, count: records.len() as u64, calls: 0, raw }
}

fn decisions(first: u64, words: &[u64]) -> Chunk {
    let (raw, count) = (chunk::words_to_bytes(words), chunk::decisions_of(words).unwrap());
    Chunk { kind: ChunkKind::Decisions, is_last: false, first, count, calls: 0, raw }
}

/// Header, sample and links of a run of `text`, whose functions have the keys from 0 on.
fn beginning(text: &str, options: &RunOptions) -> Vec<Chunk> {
    let wasm = wat::parse_str(text).unwrap();
    let header = Header {
        tool: "a test".into(),
        name: "x".into(),
        sha256: hex::sha256(&wasm),
        sample_len: wasm.len() as u64,
        from_text: true,
        is_embedded: true,
        level: crate::trace::Level::Flow,
        options: options.clone(),
        unknown_options: Vec::new(),
    };
    let links = Links { instances: vec![Instance { module: 0, first_key: FuncKey(0) }], ..Links::default() };
    let sample = writer::parts(ChunkKind::Sample, &wasm);
    let mut chunks = vec![object(ChunkKind::Header, &header)];
    chunks.extend(sample);
    chunks.push(object(ChunkKind::Links, &links));
    chunks
}

fn outcome(rest: Rest) -> Chunk {
    object(ChunkKind::Outcome, &contents::Outcome::Ran(Box::new(rest)))
}

#[test]
fn what_is_small_in_a_file_and_large_in_memory_is_refused() {
    let mut chunks = beginning("(module)", &RunOptions::default());
    chunks.push(outcome(Rest { limitations: vec![String::new(); 1 << 18], ..Rest::of(Run::default()) }));
    let (bytes, _) = file_of(&chunks);
    assert!(bytes.len() < 20_000, "{}", bytes.len());
    let recorded = Recorded::of(read(bytes), None).unwrap();
    assert!(!recorded.is_over);
    let lost = &recorded.run.as_ref().unwrap().lost;
    assert!(
        lost.iter()
            .any(|lost| lost.to_string().contains("the outcome takes more than 4194304 bytes of memory")),
        "{lost:?}"
    );
}

#[test]
fn a_log_that_grows_in_memory_is_read_as_far_as_it_may() {
    // The clock struck, without end: three bytes each.
    let count = frame::MAX_CHUNK / 3;
    let mut chunks = beginning("(module)", &RunOptions::default());
    chunks.extend((0..2).map(|part| Chunk {
        kind: ChunkKind::Log,
        is_last: false,
        first: (part * count) as u64,
        count: count as u64,
        calls: 0,
        raw: [5, 0, 0].repeat(count),
    }));
    let recorded = Recorded::of(read(file_of(&chunks).0), None).unwrap();
    assert!(recorded.timeouts.len() * 32 <= 8 << 20, "{}", recorded.timeouts.len());
    let lost = &recorded.run.as_ref().unwrap().lost;
    assert!(lost.iter().any(|lost| lost.to_string().contains("the log takes more than")), "{lost:?}");
}

#[test]
fn options_that_no_file_holds_are_refused_before_anything_is_written() {
    let options = RunOptions { stdin: vec![0; 3 << 20], ..RunOptions::default() };
    assert!(check_options(&options).unwrap_err().to_string().contains("a trace file holds 2097152"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes: b"(module)", is_embedded: true };
    let error = record(File::create_new(&path).unwrap(), &path, &sample, &options).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    // Small in the file, and large when it is read.
    assert!(
        check_options(&RunOptions { dirs: vec![String::new(); 1 << 18], ..RunOptions::default() }).is_err()
    );
    assert!(check_options(&RunOptions::default()).is_ok());
}

/// Spins; each turn is a decision.
const SPIN: &str = r#"(module (func (export "a") (loop nop br 0)))"#;

#[test]
fn decisions_after_lost_records_are_not_replayed() {
    let stopped =
        |bits| Record::End(End::Stopped { at: TracePosition { bits, calls: 0, depth: 1, site: None } });
    let (invoke, word) = (Record::Invoke { func: FuncKey(0) }, u64::MAX);
    let mut chunks = beginning(SPIN, &RunOptions::default());
    let first = chunks.len();
    chunks.push(records(0, std::slice::from_ref(&invoke)));
    chunks.push(decisions(0, &[word]));
    // The first entry point was stopped in the middle of this batch; then the second spun.
    chunks.push(records(1, &[stopped(64), invoke]));
    chunks.push(decisions(63, &[word]));
    chunks.push(records(3, &[stopped(126)]));
    chunks.push(outcome(Rest { decisions: 126, records: 4, ..Rest::of(Run::default()) }));
    let (bytes, places) = file_of(&chunks);
    let whole = Recorded::of(read(bytes.clone()), None).unwrap().run.unwrap().trace;
    let count = |decisions: u64, entries: u64| decisions * 3 + entries;
    assert_eq!(whole.counts().unwrap().total, count(126, 0), "each decision ends a turn");
    // Contents that cannot be read, and a chunk that is not there.
    for at in [52, 3] {
        let mut damaged = bytes.clone();
        damaged[places[first + 2] + at] ^= 1;
        if at < 52 {
            damaged.truncate(bytes.len() - 20);
        }
        let trace = Recorded::of(read(damaged), None).unwrap().run.unwrap().trace;
        let error = trace.counts().unwrap_err();
        let ReplayErrorKind::Truncated { instructions, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((*instructions, error.decisions()), (count(63, 0), 63), "{error}");
    }
}

#[test]
fn decisions_after_a_lost_chunk_are_read_from_checkpoints_only() {
    let (invoke, word) = (Record::Invoke { func: FuncKey(0) }, u64::MAX);
    let stopped =
        Record::End(End::Stopped { at: TracePosition { bits: 189, calls: 0, depth: 1, site: None } });
    let mut chunks = beginning(SPIN, &RunOptions::default());
    let first = chunks.len();
    chunks.push(records(0, &[invoke]));
    chunks.extend([0, 63, 126].map(|first| decisions(first, &[word])));
    chunks.push(records(1, &[stopped]));
    chunks.push(outcome(Rest { decisions: 189, records: 2, ..Rest::of(Run::default()) }));
    let whole = Recorded::of(read(file_of(&chunks).0), None).unwrap().run.unwrap().trace;
    let total = whole.counts().unwrap().total;
    let mut replay = Replay::new(&whole, whole.limits).unwrap();
    for at in [99, 300, 450] {
        assert_eq!(
            replay.run(&mut PauseAt(at, replay.checkpoint().unwrap().instructions)),
            Ok(ReplayProgress::Paused)
        );
        let checkpoint = replay.checkpoint().unwrap();
        let stored =
            checkpoints::StoredCheckpoint { checkpoint: Some(checkpoint.clone()), functions: vec![0] };
        let is_last = false;
        chunks.push(Chunk {
            is_last,
            first: checkpoint.instructions,
            count: 1,
            ..object(ChunkKind::Checkpoint, &stored)
        });
    }
    let (mut bytes, places) = file_of(&chunks);
    bytes[places[first + 1] + frame::FRAME] ^= 1;
    let recorded = Recorded::of(read(bytes), None).unwrap();
    let trace = &recorded.run.as_ref().unwrap().trace;
    let error = trace.counts().unwrap_err();
    // A decision was made, so what comes before it ran.
    let ReplayErrorKind::Truncated { instructions: 3, .. } = error.kind() else { panic!("{error}") };
    let mut told = Vec::new();
    let tell = |number: u64, event: &Event| {
        told.extend(matches!(event, Event::Op(_)).then_some(number));
        Ok::<_, ReplayError>(true)
    };
    let error = recorded.events(trace, (0, u64::MAX), &[0], tell).unwrap_err();
    assert!(matches!(error.kind(), ReplayErrorKind::Truncated { .. }), "{error}");
    let expected: Vec<_> = (0..3).chain(300..total).collect();
    assert_eq!(told, expected, "from the first checkpoint after what is lost");
}

/// Pauses at so many instructions; there were so many before.
struct PauseAt(u64, u64);

impl Visitor for PauseAt {
    fn block(&mut self, run: crate::trace::ExecutedBlock<'_>) {
        self.1 += u64::from(run.len());
    }

    fn wants_pause(&self) -> bool {
        self.1 >= self.0
    }
}

#[test]
fn what_is_known_of_unlogged_calls_is_kept() {
    let known: BTreeMap<_, _> = [(FuncIndex(0), 70_000)].into();
    // The sample has no such function.
    let inner: BTreeMap<_, _> =
        known.iter().map(|(&func, &calls)| (func, calls)).chain([(FuncIndex(9), 1)]).collect();
    let bytes = |calls_inner: BTreeMap<_, _>| {
        let rest = Rest::of(Run { calls_inner, ..Run::default() });
        objects::outcome_to_bytes(contents::Outcome::Ran(Box::new(rest))).unwrap()
    };
    let (plain, raw) = (bytes(BTreeMap::new()), bytes(inner.clone()));
    assert!(raw.starts_with(&plain), "whoever does not know it reads the outcome as before");
    let mut chunks = beginning(SPIN, &RunOptions::default());
    let kind = ChunkKind::Outcome;
    chunks.push(Chunk { kind, is_last: true, first: 0, count: raw.len() as u64, calls: 0, raw });
    let recorded = Recorded::of(read(file_of(&chunks).0), None).unwrap();
    assert_eq!(recorded.run.unwrap().calls_inner, known);
}

/// A byte that says nothing may stand for a pair of numbers.
#[test]
fn unlogged_calls_that_take_too_much_memory_are_not_read() {
    let rest = Rest::of(Run::default());
    let mut raw = objects::outcome_to_bytes(contents::Outcome::Ran(Box::new(rest))).unwrap();
    let pairs = postcard::to_allocvec(&vec![(0u32, 0u64); limits::MAX_OUTCOME / 12]).unwrap();
    postcard::to_io(&vec![("calls_inner", pairs)], &mut raw).unwrap();
    let mut chunks = beginning(SPIN, &RunOptions::default());
    chunks.extend(writer::parts(ChunkKind::Outcome, &raw));
    let reader = read(file_of(&chunks).0);
    assert!(objects::outcome(&reader).is_none());
    let (damage, _) = reader.harm();
    assert!(damage.iter().any(|damage| damage.what.contains("takes more than")), "{damage:?}");
}

#[test]
fn an_outcome_that_is_not_read_is_not_written() {
    let check = |carved: Vec<Vec<u8>>| {
        let rest = Rest::of(Run { carved, ..Run::default() });
        objects::check_outcome(&wire::to_bytes(contents::Outcome::Ran(Box::new(rest))).unwrap())
    };
    assert_eq!(check(vec![vec![0; 3 << 20]]), Ok(()));
    // Too large as it is written, and too large in memory only.
    for carved in [vec![vec![0; 5 << 20]], vec![Vec::new(); 1 << 18]] {
        assert!(check(carved).unwrap_err().contains("what came of the run takes"));
    }
}

#[test]
fn a_rerun_that_calls_more_than_is_replayed_is_not_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.spoor");
    let sample = Sample { name: "x", bytes: SAMPLE.as_bytes(), is_embedded: true };
    record(File::create_new(&path).unwrap(), &path, &sample, &RunOptions::default()).unwrap();
    let mut recorded = Recorded::open(&path, None).unwrap();
    assert!(recorded.rerun().is_complete);
    let trace = &mut recorded.run.as_mut().unwrap().trace;
    trace.limits.max_silent = 10;
    let rerun = recorded.rerun();
    assert!(rerun.is_equal && !rerun.is_complete, "{rerun:?}");
    recorded.run.as_mut().unwrap().trace.calls = 10;
    assert_eq!(recorded.rerun().difference.unwrap().stream, "decisions");
}

#[test]
fn replay_is_limited_by_the_time_that_the_run_had_and_by_what_it_decided() {
    let limit = |seconds: Option<u64>, words: usize| {
        let mut options = RunOptions::default();
        options.limits.wall_time = seconds.map(std::time::Duration::from_secs);
        options.limits.instructions = None;
        let mut chunks = beginning(SPIN, &options);
        chunks.push(decisions(0, &vec![u64::MAX; words]));
        Recorded::of(read(file_of(&chunks).0), None).unwrap().run.unwrap().trace.limits.max_silent
    };
    let silent = 10_000_000_000;
    assert_eq!(limit(Some(3600), 0), silent);
    assert_eq!(limit(None, 100_000), silent + 100_000 * 63 * 1024);
    assert_eq!(limit(Some(10), 100_000), silent + 100_000 * 63 * 1024);
    // What it decided may be much: it had ten seconds, and ten more.
    assert_eq!(limit(Some(0), 131_072), silent);
    assert_eq!(limit(Some(1), 131_072), 11_000_000_000);
}

#[test]
fn a_file_without_what_a_run_needs_is_not_whole() {
    let end = || outcome(Rest::of(Run::default()));
    let mut chunks = beginning(SPIN, &RunOptions::default());
    chunks.push(end());
    let info = |chunks: &[Chunk]| Info::of(&read(file_of(chunks).0));
    // The checkpoint of the end is missing, which is no part of the run.
    assert!(info(&chunks).is_whole, "{:?}", info(&chunks));
    for (without, kind) in [(0, ChunkKind::Header), (1, ChunkKind::Sample), (2, ChunkKind::Links)] {
        let mut chunks = beginning(SPIN, &RunOptions::default());
        chunks.remove(without);
        chunks.push(end());
        let info = info(&chunks);
        assert!(
            !info.is_whole && info.damage.iter().any(|damage| damage.kind == Some(kind)),
            "{kind}: {info:?}"
        );
    }
    for broken in
        [outcome(Rest { decisions: 1, ..Rest::of(Run::default()) }), object(ChunkKind::Outcome, &77u8)]
    {
        let mut chunks = beginning(SPIN, &RunOptions::default());
        chunks.push(broken);
        let info = info(&chunks);
        assert!(!info.is_whole, "{info:?}");
    }
}

/// A chunk that is not compressed.
fn plain(kind: ChunkKind, number: u32, raw: &[u8]) -> Vec<u8> {
    let (first, count) = (u64::from(number), 1);
    let frame = Frame {
        kind,
        is_compressed: false,
        is_last: false,
        number,
        first,
        count,
        calls: 0,
        raw_len: 0,
        stored_len: 0,
        checksum: 0,
    };
    frame.with_contents(raw)
}

#[test]
fn chunks_planted_in_contents_hide_nothing() {
    // Far ahead; and one after the other, up to the next one that is real, with numbers of those that follow.
    let far: Vec<u32> = vec![1 << 30; 100];
    let near: Vec<u32> = (1..100).collect();
    for planted in [far, near] {
        let contents: Vec<u8> =
            planted.iter().flat_map(|&number| plain(ChunkKind::Decisions, number, b"none")).collect();
        let mut bytes = head_bytes().to_vec();
        bytes.extend(plain(ChunkKind::Sample, 0, &contents));
        bytes.extend((1..=50).flat_map(|number| plain(ChunkKind::Log, number, b"item")));
        assert_eq!(read(bytes.clone()).chunks().len(), 51);
        bytes[head_bytes().len() + 12] ^= 1;
        let reader = read(bytes);
        let found: Vec<_> = reader.chunks().iter().map(|(frame, _)| (frame.kind, frame.number)).collect();
        let expected: Vec<_> = (1..=50).map(|number| (ChunkKind::Log, number)).collect();
        assert_eq!(found, expected, "{:?}", reader.damage());
    }
}

#[test]
fn a_damaged_frame_is_told_once() {
    let log = |number| Chunk {
        kind: ChunkKind::Log,
        is_last: false,
        first: number,
        count: 1,
        calls: 0,
        raw: vec![0; 3],
    };
    let (mut bytes, places) = file_of(&(0..9).map(log).collect::<Vec<_>>());
    bytes.truncate(bytes.len() - 20);
    bytes[places[5] + 12] ^= 1;
    let reader = read(bytes);
    assert_eq!(reader.chunks().len(), 8);
    let what: Vec<_> = reader.damage().0.into_iter().map(|damage| damage.what).collect();
    assert_eq!(what, [format!("chunk 5 is damaged (bytes {} to {})", places[5], places[6])]);
}
