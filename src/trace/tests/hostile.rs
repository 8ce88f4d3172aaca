//! Traces that someone made to hurt: replay ends, with an error or not, and never panics.

use super::*;

/// xorshift64: enough to vary inputs, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

const EVERYTHING: &str = r#"(module
  (import "env" "h" (func $h))
  (import "env" "g" (func $g (result i32)))
  (memory 1) (table 4 funcref)
  (func $a (param i32) (loop $l (br_if $l (local.get 0)) (call $h)))
  (func $b (param i32) (result i32)
    (block $x (block $y (br_table $x $y $x (local.get 0))) (return (memory.grow (local.get 0))))
    (if (result i32) (local.get 0) (then (call $b (local.get 0))) (else (return_call $b (local.get 0)))))
  (func $c (call_indirect (i32.const 0)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) unreachable)
  (func $d (call $a (i32.const 1)) (return_call_indirect (i32.const 1)))
  (func $e (result i32) (loop (result i32) (br 0)))
  (func $f (drop (call $g)) (call $d) (call $d)))"#;

fn random_record(random: &mut Random) -> Record {
    let key = FuncKey(random.below(12) as u32);
    let site = (random.below(3) != 0).then(|| (key, random.below(24) as u32));
    let at =
        TracePosition { bits: random.below(80), calls: random.below(3), depth: random.below(4) as u32, site };
    match random.below(11) {
        0..3 => Record::Invoke { func: key },
        3 => RETURNED,
        4 => Record::End(End::Trapped { code: Trap::Unreachable, at }),
        5 => Record::End(End::Stopped { at }),
        6 => Record::HostCall { func: FuncKey(random.below(2) as u32) },
        7 => Record::HostReturn { failed: random.below(4) == 0 },
        8 => Record::Grow { delta: random.next(), result: 0 },
        9 => Record::HostThrew { tag: random.below(3) as u32 },
        _ => Record::Bulk { dst: 0, src: 0, len: random.next() },
    }
}

fn random_trace(module: &Arc<Module>, random: &mut Random) -> Trace {
    let mut trace = Trace { modules: vec![Arc::clone(module)], ..Trace::default() };
    for _ in 0..1 + random.below(2) {
        let first_key = FuncKey(random.below(10) as u32);
        trace.instances.push(Instance { module: random.below(20).saturating_sub(18) as usize, first_key });
    }
    host(&mut trace, 0, "h");
    host(&mut trace, 1, "g");
    for _ in 0..random.below(4) {
        let words: Vec<_> = (0..random.below(4)).map(|_| random.next() >> random.below(65).min(63)).collect();
        trace.words.push(&words);
    }
    trace.records = (0..random.below(12)).map(|_| random_record(random)).collect();
    trace.calls = random.below(4) * random.below(10);
    trace.decisions = random.below(100);
    trace
}

/// What a fuzz target would do with a trace.
fn check(trace: &Trace) {
    let limits = ReplayLimits { max_instructions: 1 << 20, ..ReplayLimits::default() };
    let mut counter = Counter::default();
    let blockwise = trace.replay_within(limits, &mut counter);
    let counts = counter.finish().expect("what ran was decoded");
    let mut events = trace.events_within(limits);
    let (mut instructions, mut failure) = (0, None);
    for event in &mut events {
        match event {
            Ok(Event::Op(_)) => instructions += 1,
            Ok(_) => {}
            Err(error) => failure = Some(error),
        }
    }
    assert!(events.next().is_none(), "an iterator that ended stays at its end");
    assert_eq!(counts.total, instructions, "{trace:?}");
    match blockwise {
        Ok(summary) => assert_eq!((summary.instructions, events.summary()), (instructions, Some(summary))),
        Err(error) => assert_eq!(failure, Some(error)),
    }
}

#[test]
fn random_words_and_records() {
    let module = module(EVERYTHING);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..30_000 {
        check(&random_trace(&module, &mut random));
    }
}

#[test]
fn a_silent_tree_of_calls_meets_the_limit() {
    let mut wat = "(module (func $f0 nop)".to_owned();
    for n in 1..=60 {
        wat += &format!("(func $f{n} (call $f{0}) (call $f{0}))", n - 1);
    }
    let module = module(&(wat + ")"));
    let mut trace = trace(&module, 0, &mut Writer::new(), &[invoke(60), RETURNED]);
    trace.calls = u64::MAX;
    let error = trace
        .replay_within(
            ReplayLimits { max_instructions: 100_000, ..ReplayLimits::default() },
            &mut Counter::default(),
        )
        .unwrap_err();
    assert_eq!(*error.kind(), ReplayErrorKind::TooLong { limit: 100_000 });
    trace.calls = 1000;
    let error = trace.replay(&mut Counter::default()).unwrap_err();
    assert_eq!(*error.kind(), ReplayErrorKind::TooManyCalls { calls: 1000 });
    trace.calls = u64::MAX;
    trace.limits.max_silent = 1000;
    let error = trace.replay(&mut Counter::default()).unwrap_err();
    assert_eq!(*error.kind(), ReplayErrorKind::TooSilent { limit: 1000 });
    assert_eq!(
        *trace.events().find_map(Result::err).unwrap().kind(),
        ReplayErrorKind::TooSilent { limit: 1000 }
    );
}

#[test]
fn blocks_that_lead_to_one_other_meet_the_limit() {
    let module = module(&format!("(module (func (loop {} (br 0))))", "(loop nop) ".repeat(1000)));
    let mut trace = trace(&module, 0, Writer::new().bits(&[1; 50]), &[invoke(0), stopped(50)]);
    assert!(Counts::of(&trace).is_ok());
    trace.limits.max_silent = 10_000;
    assert_eq!(*Counts::of(&trace).unwrap_err().kind(), ReplayErrorKind::TooSilent { limit: 10_000 });
}

/// Nothing is read on the way of an exception, however many handlers it passes.
#[test]
fn landing_pads_meet_the_limit() {
    let (opens, ends) = ("(try_table (catch 1 $b) (catch 1 $b) ".repeat(300), ")".repeat(300));
    let module = module(&format!(
        "(module (tag) (tag) (func (loop $l (block $b (try_table (catch_all $l) {opens} (throw 0) {ends})))))"
    ));
    let mut trace = trace(&module, 0, Writer::new().bits(&[1; 50]), &[invoke(0), stopped(50)]);
    assert!(Counts::of(&trace).is_ok());
    trace.limits.max_silent = 10_000;
    assert_eq!(*Counts::of(&trace).unwrap_err().kind(), ReplayErrorKind::TooSilent { limit: 10_000 });
}

fn stopped(bits: u64) -> Record {
    Record::End(End::Stopped { at: TracePosition { bits, calls: 0, depth: 1, site: None } })
}

#[test]
fn a_trace_carries_its_limit_and_invocations_meet_it() {
    let long = module(&format!("(module (func {}))", "nop ".repeat(1000)));
    let records: Vec<_> = (0..200).flat_map(|_| [invoke(0), RETURNED]).collect();
    let mut trace = trace(&long, 0, &mut Writer::new(), &records);
    assert_eq!(Counts::of(&trace).unwrap().total, 200_000);
    trace.limits.max_instructions = 50_000;
    let limit = ReplayErrorKind::TooLong { limit: 50_000 };
    assert_eq!(*Counts::of(&trace).unwrap_err().kind(), limit);
    assert_eq!(*trace.events().find_map(Result::err).unwrap().kind(), limit);
    // Taken up again, it goes no further.
    let mut replay = Replay::new(&trace, ReplayLimits::default()).unwrap();
    let mut pause = PauseAt(1000);
    assert_eq!(replay.run(&mut pause), Ok(ReplayProgress::Paused));
    let checkpoint = replay.checkpoint().unwrap();
    let taken_up = trace.events_from(&checkpoint).filter(|event| matches!(event, Ok(Event::Op(_)))).count();
    assert_eq!(taken_up, 50_000);
}

/// Pauses once so many instructions ran.
struct PauseAt(u64);

impl Visitor for PauseAt {
    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.0 = self.0.saturating_sub(u64::from(run.len()));
    }

    fn wants_pause(&self) -> bool {
        self.0 == 0
    }
}

#[test]
fn a_replay_goes_forward_only_and_its_parts_have_one_limit() {
    let module = module(&format!("(module (func (loop {} (br 0))))", "(loop nop) ".repeat(100)));
    let trace = trace(&module, 0, Writer::new().bits(&[1; 50]), &[invoke(0), stopped(50)]);
    let steps = Counts::of(&trace).unwrap().total;
    // About every second instruction is a silent step: three quarters of them.
    let limits = ReplayLimits { max_silent: steps * 3 / 8, ..ReplayLimits::default() };
    let mut replay = Replay::new(&trace, limits).unwrap();
    assert_eq!(replay.run(&mut PauseAt(steps / 8)), Ok(ReplayProgress::Paused));
    let early = replay.checkpoint().unwrap();
    assert_eq!(replay.run(&mut PauseAt(steps / 2)), Ok(ReplayProgress::Paused));
    let late = replay.checkpoint().unwrap();
    assert_eq!(replay.resume_later(&early), Ok(false));
    // Of another moment than it says: its decisions were read.
    assert_eq!(
        replay.resume_later(&Checkpoint { instructions: late.instructions + 1, ..early.clone() }),
        Ok(false)
    );
    assert_eq!(replay.resume_later(&late), Ok(true));
    let silent = ReplayErrorKind::TooSilent { limit: limits.max_silent };
    let mut alone = Replay::resume(&trace, limits, &late).unwrap();
    assert!(matches!(alone.run(&mut PauseAt(u64::MAX)), Ok(ReplayProgress::Done(_))));
    assert_eq!(*replay.run(&mut PauseAt(u64::MAX)).unwrap_err().kind(), silent);
}

#[test]
fn checkpoints_that_cannot_be_are_refused() {
    let module = module("(module (func nop))");
    let trace = trace(&module, 0, &mut Writer::new(), &[invoke(0), RETURNED, invoke(0), RETURNED]);
    let mut replay = Replay::new(&trace, ReplayLimits::default()).unwrap();
    assert_eq!(replay.run(&mut PauseAt(1)), Ok(ReplayProgress::Paused));
    let sound = replay.checkpoint().unwrap();
    assert!(trace.events_from(&sound).all(|event| event.is_ok()));
    for wrong in [
        Checkpoint { invocations: u64::MAX, ..sound.clone() },
        Checkpoint { host_calls: u64::MAX, ..sound.clone() },
        Checkpoint { instructions: u64::MAX, ..sound.clone() },
        Checkpoint { calls: 1, ..sound.clone() },
    ] {
        let error = trace.events_from(&wrong).find_map(Result::err).unwrap();
        assert_eq!(*error.kind(), ReplayErrorKind::Checkpoint, "{wrong:?}");
    }
}

#[test]
fn endless_recursion_meets_the_limit() {
    let module = module("(module (func $f call $f))");
    let mut trace = trace(&module, 0, &mut Writer::new(), &[invoke(0), RETURNED]);
    trace.calls = u64::MAX;
    let error = trace.replay(&mut Counter::default()).unwrap_err();
    assert_eq!(*error.kind(), ReplayErrorKind::TooDeep { limit: MAX_FRAMES });
}

#[test]
fn deep_nesting_and_long_straight_code() {
    let deep = format!("(module (func {} {}))", "block ".repeat(500), "end ".repeat(500));
    assert_eq!(
        Counts::of(&trace(&module(&deep), 0, &mut Writer::new(), &[invoke(0), RETURNED])).unwrap().total,
        500
    );
    let long = format!("(module (func {}))", "nop ".repeat(100_000));
    assert_eq!(
        Counts::of(&trace(&module(&long), 0, &mut Writer::new(), &[invoke(0), RETURNED])).unwrap().total,
        100_000
    );
}

#[test]
fn instances_that_do_not_fit() {
    let module = module("(module (func nop) (func nop))");
    let with = |instances: &[(usize, u32)]| {
        let mut trace = trace(&module, 0, &mut Writer::new(), &[]);
        trace.instances =
            instances.iter().map(|&(module, key)| Instance { module, first_key: FuncKey(key) }).collect();
        Replay::new(&trace, ReplayLimits::default()).map(|_| ()).map_err(|error| error.kind().clone())
    };
    assert_eq!(with(&[(0, 0), (0, 2), (0, u32::MAX - 2)]), Ok(()));
    assert_eq!(with(&[(0, 0), (0, 1)]), Err(ReplayErrorKind::KeyClash { key: FuncKey(1) }));
    assert_eq!(with(&[(0, u32::MAX)]), Err(ReplayErrorKind::KeyClash { key: FuncKey(u32::MAX) }));
    assert_eq!(with(&[(1, 0)]), Err(ReplayErrorKind::UnknownModule { module: 1, modules: 1 }));
}

#[test]
fn an_exception_that_leaves_is_no_return() {
    let module = module("(module (tag $t) (func (throw $t)) (func nop))");
    let trace = trace(&module, 0, &mut Writer::new(), &[invoke(1), RETURNED, invoke(0), RETURNED]);
    assert!(failure(&trace).contains("was left by an exception, but its record says returned"));
}
