//! Flows: from which bytes of which source to which sink, and what was met on the way.

use std::collections::BTreeMap;

use super::encoding::{self, Encoding, Out};
use super::label::{Label, Labels};
use super::limits::{DIGEST_SOURCES, DIGESTED, MAX_DIGEST};
use super::operation::{How, Operation, Path};
use super::origin::Origin;
use super::sink::{Received, Sink, Sinks};
use super::source::{Source, Sources, tidy};

/// A flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Where it comes from.
    pub source: Source,
    /// Which bytes of it, half-open, in order and apart.
    pub ranges: Vec<(u64, u64)>,
    /// How.
    pub how: How,
    /// The operations on the way, in the order in which each was met first.
    pub steps: Vec<Operation>,
    /// Encodings that were recognised, in their order.
    pub encodings: Vec<Encoding>,
    /// Where it goes.
    pub sink: Sink,
    /// Values that it went into; of memory, bytes.
    pub count: u64,
    /// Host calls, or executions of the instruction.
    pub times: u64,
    /// Positions of the first and last host call in the trace's records.
    pub records: (u64, u64),
    /// Whether each byte that went out depends on all of these of the source, and they are few. Then what
    /// came of them is as short as a digest.
    pub(crate) is_digest: bool,
}

impl Flow {
    /// Bytes of the source.
    pub fn len(&self) -> u64 {
        len(&self.ranges)
    }

    /// Whether there is none, which no flow has.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The operations on the way, in words: encodings as such, and the operations that are not part of them.
    pub fn path(&self) -> Vec<String> {
        let is_xor = self.encodings.iter().any(|encoding| matches!(encoding, Encoding::Xor { .. }));
        let is_text = self.encodings.iter().any(|encoding| matches!(encoding, Encoding::Characters { .. }));
        let is_part = |step: &Operation| match step {
            Operation::Xor => is_xor,
            Operation::Shift
            | Operation::And
            | Operation::Or
            | Operation::Lookup
            | Operation::Add
            | Operation::Compare
            | Operation::Divide => is_text,
            _ => false,
        };
        let steps = self.steps.iter().filter(|step| !is_part(step)).map(|step| step.words().to_owned());
        let encodings = self.encodings.iter().map(Encoding::words);
        match is_xor {
            true => encodings.clone().take(1).chain(steps).chain(encodings.skip(1)).collect(),
            false => steps.chain(encodings).collect(),
        }
    }

    /// The bytes of the source, in words.
    pub fn bytes(&self) -> String {
        use crate::text::grouped;
        let shown = self.ranges.iter().take(4).map(|&(start, end)| match end - start {
            1 => grouped(start),
            _ => format!("{} to {}", grouped(start), grouped(end - 1)),
        });
        let mut shown: Vec<String> = shown.collect();
        if self.ranges.len() > shown.len() {
            shown.push(format!("{} more ranges", self.ranges.len() - shown.len()));
        }
        let noun = if self.len() == 1 { "byte" } else { "bytes" };
        format!("{noun} {}", shown.join(", "))
    }
}

/// What a flow is made of while paths are put together.
#[derive(Default)]
struct Gathered {
    ranges: Vec<(u64, u64)>,
    path: Path,
    count: u64,
    times: u64,
    first: u64,
    last: u64,
    /// Something of it is told together with other sources.
    is_mixed: bool,
}

impl Gathered {
    fn add(&mut self, sink: Sink, (path, origin): (Path, Origin), received: &Received) {
        self.path = self.path.beside(path);
        self.first = if self.times == 0 { received.first } else { self.first.min(received.first) };
        self.count += received.count;
        self.times = match sink.host() {
            // A call may have been given something by several paths.
            Some(_) => self.times.max(received.times),
            None => self.times + received.times,
        };
        self.last = self.last.max(received.last);
        self.is_mixed |= origin == Origin::ANY;
    }

    /// Calls, or executions of the instruction, with the records of the first and the last.
    fn times(&self, sinks: &Sinks, sink: Sink, source: u32, how: How) -> (u64, (u64, u64)) {
        let records = (self.first, self.last);
        match sinks.calls(sink, source, how) {
            Some(calls) if self.is_mixed => (self.times.max(calls.times), records),
            Some(calls) => (calls.times, (calls.first, calls.last)),
            None => (self.times, records),
        }
    }
}

/// All flows, by source, then by sink.
pub(super) fn all(labels: &Labels, sources: &Sources, sinks: &Sinks, keys: &BTreeMap<u32, u8>) -> Vec<Flow> {
    let mut gathered: BTreeMap<(Sink, u32, How), Gathered> = BTreeMap::new();
    let mut received = sinks.received();
    received.sort_unstable_by_key(|(key, _)| *key);
    for ((sink, path, origin), received) in &received {
        let (sink, way) = (*sink, (*path, *origin));
        let node = labels.node(received.label);
        for (how, set) in
            [(How::Value, node.value), (How::Address, node.address), (How::Control, node.control)]
        {
            let mut found: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
            for (source, range) in sources.resolve(&labels.ranges(&[set])) {
                found.entry(source).or_default().push(range);
            }
            for (source, ranges) in found {
                let flow = gathered.entry((sink, source, how)).or_default();
                flow.add(sink, way, received);
                flow.ranges.extend(ranges);
            }
        }
    }
    let (by_source, outgoing) = (keys_of(sources, keys), outgoing(labels, sources, sinks));
    let mut digests = Digests { labels, sources, sinks, of_sink: None, room: DIGEST_SOURCES };
    let flows = gathered.into_iter().filter_map(|((sink, number, how), gathered)| {
        let (times, records) = gathered.times(sinks, sink, number, how);
        let source = sources.source(number)?.clone();
        let ranges = tidy(gathered.ranges);
        let steps: Vec<Operation> = gathered.path.steps().collect();
        let mut encodings = Vec::new();
        if steps.contains(&Operation::Xor)
            && let Some(seen) = by_source.get(&number)
        {
            let is_in = |at: u64| {
                let after = ranges.partition_point(|&(start, _)| start <= at);
                after > 0 && at < ranges[after - 1].1
            };
            let seen: Vec<_> = seen.iter().copied().filter(|&(at, _)| is_in(at)).collect();
            encodings.extend(encoding::key(&seen).map(|key| Encoding::Xor { key }));
        }
        if let Some(out) = outgoing.get(&(sink, number)) {
            encodings.extend(encoding::characters(out));
        }
        let count = gathered.count;
        let is_digest = digests.has(sink, number, &ranges);
        let flow = Flow { source, ranges, how, steps, encodings, sink, count, times, records, is_digest };
        Some((number, flow))
    });
    let mut flows: Vec<_> = flows.collect();
    flows.sort_by_key(|(number, flow)| (*number, flow.how, flow.sink));
    flows.into_iter().map(|(_, flow)| flow).collect()
}

/// Bytes by the number of their source.
type BySource = BTreeMap<u32, u64>;

/// Tells whether sinks were given digests. One sink is asked of after another, each for all its sources, so
/// that a label is resolved once.
struct Digests<'t> {
    labels: &'t Labels,
    sources: &'t Sources,
    sinks: &'t Sinks,
    of_sink: Option<(Sink, BTreeMap<Label, BySource>)>,
    /// Sources of labels that may still be kept. Beyond it no sink is said to be given a digest.
    room: usize,
}

impl Digests<'_> {
    /// Whether the bytes that a sink was given of a source are no longer than a digest. Each of them must
    /// depend on all that any does. What is known only in part excuses nothing.
    fn has(&mut self, sink: Sink, source: u32, ranges: &[(u64, u64)]) -> bool {
        let all = len(ranges);
        let sinks = self.sinks;
        let Some(excerpt) = sinks.excerpts.get(&sink).filter(|_| all >= DIGESTED) else { return false };
        if excerpt.is_cut {
            return false;
        }
        if self.of_sink.as_ref().is_none_or(|(of, _)| *of != sink) {
            self.of_sink = Some((sink, BTreeMap::new()));
        }
        let (mut count, mut digits) = (0, 0);
        for &(byte, label) in &excerpt.bytes {
            let of = self.bytes_of(label, source);
            count += usize::from(of > 0);
            digits += usize::from(of > 0 && byte.is_ascii_hexdigit());
            if count > MAX_DIGEST || of > 0 && of < all {
                return false;
            }
        }
        // What is about as long as what it was made of may be turned back into it.
        let bytes = if digits == count { count.div_ceil(2) } else { count };
        count > 0 && 2 * bytes as u64 <= all && self.room > 0 && !self.labels.is_cut()
    }

    /// How many bytes of a source a label depends on.
    fn bytes_of(&mut self, label: Label, source: u32) -> u64 {
        let Some((_, known)) = self.of_sink.as_mut().filter(|_| self.room > 0) else { return 0 };
        let by_source = known.entry(label).or_insert_with(|| {
            let node = self.labels.node(label);
            let mut found: BTreeMap<u32, Vec<_>> = BTreeMap::new();
            for (source, range) in self.sources.resolve(&self.labels.ranges(&[node.value, node.address])) {
                found.entry(source).or_default().push(range);
            }
            let found: BySource =
                found.into_iter().map(|(source, ranges)| (source, len(&tidy(ranges)))).collect();
            self.room = self.room.saturating_sub(found.len());
            found
        });
        by_source.get(&source).copied().unwrap_or(0)
    }
}

fn len(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(start, end)| end - start).sum()
}

/// Key bytes by source and position.
fn keys_of(sources: &Sources, keys: &BTreeMap<u32, u8>) -> BTreeMap<u32, Vec<(u64, u8)>> {
    let mut by_source: BTreeMap<u32, Vec<(u64, u8)>> = BTreeMap::new();
    for (&byte, &key) in keys {
        if let Some((source, offset)) = sources.at(byte) {
            by_source.entry(source).or_default().push((offset, key));
        }
    }
    for seen in by_source.values_mut() {
        seen.sort_unstable();
        // A byte that was given twice may have been xored twice.
        seen.dedup_by_key(|(at, _)| *at);
    }
    by_source
}

/// The bytes that went out, by sink and source, with the positions in the source that each depends on. One
/// that depends on many, or on several sources, is a character of no encoding.
fn outgoing(labels: &Labels, sources: &Sources, sinks: &Sinks) -> BTreeMap<(Sink, u32), Vec<Out>> {
    let mut all: BTreeMap<(Sink, u32), Vec<Out>> = BTreeMap::new();
    for (&sink, excerpt) in &sinks.excerpts {
        for &(byte, label) in &excerpt.bytes {
            let Some(few) = labels.few(label) else { continue };
            let mut found: Vec<(u32, u64)> = few.iter().filter_map(|&byte| sources.at(byte)).collect();
            found.sort_unstable();
            if let (Some(&(source, low)), Some(&(last, high))) = (found.first(), found.last())
                && source == last
            {
                all.entry((sink, source)).or_default().push((byte, (low, high)));
            }
        }
    }
    all
}
