//! Replay of a trace that is still recorded: in whatever parts it comes, it is that of the whole.

use std::thread;

use wasmspoor_hooks::recorder::stream;

use super::{
    super::{
        growing::{Ended, Growing, Part},
        limits::ReplayLimits,
        replay::{Replay, ReplayProgress},
        *,
    },
    story_of,
};

/// Comes back after each block.
struct Steps;

impl Visitor for Steps {
    fn wants_pause(&self) -> bool {
        true
    }
}

/// For each number of words from the first, how many records a run has made at least when it has made those
/// words.
fn needed(trace: &Trace, words: &[u64]) -> Vec<usize> {
    let mut replay = Replay::new(trace, trace.limits).unwrap();
    let mut standings = vec![(0, 0)];
    while replay.run(&mut Steps).unwrap() == ReplayProgress::Paused {
        standings.push(replay.standing());
    }
    let mut decisions = 0;
    let made = |decisions: u64| {
        // What was pulled before the last decision, and at most what a block pulls.
        let after = standings.iter().find(|standing| standing.0 >= decisions);
        after.map_or(trace.records.len(), |standing| standing.1 as usize)
    };
    let after = words.iter().map(|&word| {
        decisions += u64::from(stream::decisions_in(word));
        made(decisions)
    });
    std::iter::once(0).chain(after.collect::<Vec<_>>()).collect()
}

/// Parts of so many words; records come as late as they can, or so many early.
fn parts(trace: &Trace, (size, early): (usize, usize)) -> Vec<Part> {
    let words: Vec<u64> = trace.decision_chunks().flat_map(|chunk| chunk.into_owned()).collect();
    let needed = needed(trace, &words);
    let (mut parts, mut sent, mut given) = (Vec::new(), 0, 0);
    while sent < words.len() {
        let end = words.len().min(sent + size);
        let records = (needed[end] + early).min(trace.records.len()).max(given);
        parts
            .push(Part { words: words[sent..end].to_vec(), records: trace.records[given..records].to_vec() });
        // Records may come without words.
        let alone = (records + early / 2).min(trace.records.len());
        parts.push(Part { words: Vec::new(), records: trace.records[records..alone].to_vec() });
        (sent, given) = (end, alone);
    }
    parts.push(Part { words: Vec::new(), records: trace.records[given..].to_vec() });
    parts
}

/// Replays the trace as if it were still recorded: what happens is the same.
#[track_caller]
pub(super) fn check(trace: &Trace, story: &str) {
    for manner in [(1, 0), (1, 1), (2, 0), (3, 7), (usize::MAX >> 1, 0)] {
        let parts = parts(trace, manner);
        let (growing, sender) = Growing::new();
        let unknown = Trace {
            calls: u64::MAX,
            words: Words::default(),
            records: Vec::new(),
            decisions: 0,
            ..trace.clone()
        };
        let ended = Ended { decisions: trace.decisions, calls: trace.calls };
        let told = thread::scope(|scope| {
            let told = scope.spawn(|| {
                let failed = |kind| panic!("{kind:?}");
                let replay =
                    Replay::growing(&unknown, growing, ReplayLimits::default()).unwrap_or_else(failed);
                story_of(Events::of(Ok(replay)))
            });
            for part in parts {
                assert!(sender.send(part), "somebody takes it");
            }
            sender.end(ended);
            told.join().unwrap()
        });
        assert_eq!(told.as_deref(), Ok(story), "{manner:?}");
    }
}
