//! Replay that remembers against a walk that remembers nothing. They give the same events in the same order,
//! the same counts, and in a damaged trace the same error at the same place.

use wasmspoor::trace::{
    CallKind, Counter, End, ExecutedBlock, ExecutedFunction, FuncKey, HostCall, ReplayError, ReplayLimits,
    ReplaySummary, Stretch, Trace, Visitor, Words,
};

/// A sum over everything that it is told, in order.
#[derive(Default)]
struct Log {
    remembers: bool,
    told: u64,
    sum: u64,
}

impl Log {
    fn note(&mut self, kind: u64, what: u64) {
        self.told += 1;
        self.sum = (self.sum.rotate_left(9) ^ kind ^ what.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    fn at(&mut self, kind: u64, run: ExecutedBlock<'_>, what: u64) {
        self.note(kind, (run.number() as u64) << 32 | u64::from(run.len()));
        self.note(kind, what);
    }
}

impl Visitor for Log {
    fn patience(&self) -> u64 {
        if self.remembers { u64::MAX } else { 0 }
    }

    fn load(&mut self, function: ExecutedFunction<'_>) {
        self.note(1, u64::from(function.key().0));
    }

    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.at(2, run, 0);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.at(3, run, 0);
    }

    fn branch(&mut self, run: ExecutedBlock<'_>, taken: bool) {
        self.at(4, run, u64::from(taken));
    }

    fn branch_table(&mut self, run: ExecutedBlock<'_>, index: u32) {
        self.at(5, run, u64::from(index));
    }

    fn call(&mut self, run: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.at(6 + ((kind as u64) << 8), run, u64::from(callee.key().0));
    }

    fn tail_call(&mut self, run: ExecutedBlock<'_>, kind: CallKind, callee: ExecutedFunction<'_>) {
        self.at(7 + ((kind as u64) << 8), run, u64::from(callee.key().0));
    }

    fn leave(&mut self, run: ExecutedBlock<'_>) {
        self.at(8, run, 0);
    }

    fn host_call(&mut self, run: Option<ExecutedBlock<'_>>, call: HostCall<'_>) {
        self.note(9, run.map_or(u64::MAX, |run| run.number() as u64));
        self.note(9, call.record as u64);
    }

    fn host_return(&mut self, failed: bool) {
        self.note(10, u64::from(failed));
    }

    fn grow(&mut self, run: ExecutedBlock<'_>, delta: u64, result: u64) {
        self.at(11, run, delta ^ result.rotate_left(32));
    }

    fn bulk(&mut self, run: ExecutedBlock<'_>, dst: u64, src: u64, len: u64) {
        self.at(12, run, dst ^ src.rotate_left(20) ^ len.rotate_left(40));
    }

    fn invoke(&mut self, func: FuncKey) {
        self.note(13, u64::from(func.0));
    }

    fn end(&mut self, end: &End) {
        self.note(14, end.name().len() as u64);
    }
}

/// A counter that is told of every block.
struct Plain(Counter);

impl Visitor for Plain {
    fn load(&mut self, function: ExecutedFunction<'_>) {
        self.0.load(function);
    }

    fn block(&mut self, run: ExecutedBlock<'_>) {
        self.0.block(run);
    }

    fn cut(&mut self, run: ExecutedBlock<'_>) {
        self.0.cut(run);
    }
}

/// Counts stretches, to see that there are some.
#[derive(Default)]
struct Leaps(u64);

impl Visitor for Leaps {
    fn patience(&self) -> u64 {
        u64::MAX
    }

    fn stretch(&mut self, _: Stretch<'_>) {}

    fn stretches(&mut self, _: Stretch<'_>, times: u64) {
        self.0 += times;
    }
}

type Said = Result<ReplaySummary, ReplayError>;

fn told(trace: &Trace, limits: ReplayLimits, remembers: bool) -> (Said, u64, u64) {
    let mut log = Log { remembers, ..Log::default() };
    let said = trace.replay_within(limits, &mut log);
    (said, log.told, log.sum)
}

/// Panics where both ways differ.
pub fn same(trace: &Trace, limits: ReplayLimits) {
    assert_eq!(told(trace, limits, true), told(trace, limits, false), "what is told");
    let (mut counter, mut plain) = (Counter::default(), Plain(Counter::default()));
    let said = trace.replay_within(limits, &mut counter);
    assert_eq!(said, trace.replay_within(limits, &mut plain), "how counting ends");
    if let (Ok(counts), Ok(plain)) = (counter.finish(), plain.0.finish()) {
        assert_eq!(counts, plain, "what is counted");
    }
}

/// How many stretches a replay goes by.
pub fn stretches(trace: &Trace) -> u64 {
    let mut leaps = Leaps::default();
    _ = trace.replay(&mut leaps);
    leaps.0
}

/// As [`same`], of the trace with its decisions damaged in some ways. A bit is another, a word is missing,
/// comes twice or is 0, or a stream ends early. Limits are reached on the way, too.
pub fn same_when_damaged(trace: &Trace, seed: u64) {
    let words: Vec<u64> = trace.decision_chunks().flat_map(|chunk| chunk.into_owned()).collect();
    if words.is_empty() || trace.stored.is_some() {
        return;
    }
    let mut random = seed | 1;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % end.max(1) as u64) as usize
    };
    for way in 0..6 {
        let (mut words, at) = (words.clone(), below(words.len()));
        let mut limits = ReplayLimits::default();
        match way {
            0 => words[at] ^= 1 << below(63),
            1 => drop(words.remove(at)),
            2 => words.insert(at, words[at]),
            3 => words[at] = 0,
            4 => words.truncate(at),
            _ => {
                let all = told(trace, limits, false).0.map_or(1, |summary| summary.instructions);
                limits.max_instructions = below(all as usize) as u64;
                limits.max_silent = below(all as usize) as u64;
            }
        }
        let mut damaged = Trace { words: Words::default(), ..trace.clone() };
        words.chunks(1 + below(words.len())).for_each(|chunk| damaged.words.push(chunk));
        same(&damaged, limits);
    }
}
