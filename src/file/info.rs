//! What is in a file, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    checkpoints,
    chunk::{records_of_bytes, words_of_bytes},
    contents::{Header, Outcome},
    frame::{ChunkKind, FRAME, VERSION},
    log::Log,
    objects,
    reader::{Damage, Reader},
    store::follow,
};
use crate::{hex, sandbox::RunOptions};

/// What is in a file. Every chunk was read.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Info {
    /// Version of the format.
    pub version: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Chunks, without those of the index.
    pub chunks: u64,
    /// What was run; `None` if the header is damaged.
    pub run: Option<RunInfo>,
    /// Whether the file was ended and has its index.
    pub is_ended: bool,
    /// Whether the file says how the run ended.
    pub is_over: bool,
    /// Whether it is ended and nothing is damaged.
    pub is_whole: bool,
    /// Decisions in whole chunks, in bits.
    pub decisions: u64,
    /// Records in whole chunks.
    pub records: u64,
    /// Executed instructions; `None` if the file was not ended.
    pub instructions: Option<u64>,
    /// Bits of the file, all of it, for each executed instruction.
    pub bits_per_instruction: Option<f64>,
    /// Sizes by kind of chunk.
    pub streams: BTreeMap<ChunkKind, Stream>,
    /// What is damaged.
    pub damage: Vec<Damage>,
    /// Damages beyond those in `damage`.
    pub more_damage: u64,
}

/// What was run.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RunInfo {
    /// The program that recorded it, with its version.
    pub tool: String,
    /// The sample as the user named it.
    pub name: String,
    /// SHA-256 of the sample in the binary format.
    pub sha256: String,
    /// Its size in the binary format.
    pub sample_bytes: u64,
    /// Whether the file holds it.
    pub is_embedded: bool,
    /// Name of the persona.
    pub persona: String,
    /// Seed of everything random.
    pub seed: u64,
    /// How it was run, all of it.
    #[serde(skip)]
    pub options: Box<RunOptions>,
}

/// Sizes of the chunks of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stream {
    /// Chunks.
    pub chunks: u64,
    /// Bytes in the file, frames included.
    pub bytes: u64,
    /// Bytes before compression, without frames.
    pub raw_bytes: u64,
}

impl Info {
    /// Reads every chunk of a file.
    pub fn of(reader: &Reader) -> Self {
        let (header, is_over) = check(reader);
        let mut streams = BTreeMap::<ChunkKind, Stream>::new();
        let (mut decisions, mut records) = (0, 0);
        for (position, (frame, _)) in reader.chunks().iter().enumerate() {
            let stream = streams.entry(frame.kind).or_default();
            stream.chunks += 1;
            stream.bytes += FRAME as u64 + u64::from(frame.stored_len);
            stream.raw_bytes += u64::from(frame.raw_len);
            let Some(raw) = reader.read(position) else { continue };
            let is_sound = match frame.kind {
                ChunkKind::Decisions => words_of_bytes(frame, raw).is_some(),
                ChunkKind::Records => records_of_bytes(frame, raw).is_some(),
                ChunkKind::Checkpoint => checkpoints::parse(&raw).is_some(),
                _ => true,
            };
            match frame.kind {
                _ if !is_sound => _ = reader.spoilt(position),
                ChunkKind::Decisions => decisions += frame.count,
                ChunkKind::Records => records += frame.count,
                _ => {}
            }
        }
        let (damage, more_damage) = reader.damage();
        let instructions = checkpoints::instructions(reader);
        Self {
            version: VERSION,
            bytes: reader.file_len(),
            chunks: reader.chunks().len() as u64,
            run: header.map(RunInfo::of),
            is_ended: reader.is_ended(),
            is_over,
            is_whole: reader.is_ended() && is_over && damage.is_empty(),
            decisions,
            records,
            instructions,
            bits_per_instruction: instructions
                .map(|count| reader.file_len() as f64 * 8.0 / count.max(1) as f64),
            streams,
            damage,
            more_damage,
        }
    }
}

/// Reads what is in parts, and looks whether the parts of the streams follow each other; what is damaged is
/// noted. Gives the header, and whether the file says how the run ended: then nothing may be missing.
fn check(reader: &Reader) -> (Option<Header>, bool) {
    let outcome = objects::outcome(reader);
    let is_due = |kind: ChunkKind| outcome.is_some() || reader.of_kind(kind).next().is_some();
    let header = if is_due(ChunkKind::Header) { objects::header(reader) } else { None };
    if header.as_ref().is_none_or(|header| header.is_embedded) && is_due(ChunkKind::Sample) {
        let is_other =
            |wasm: Vec<u8>| header.as_ref().is_some_and(|header| header.sha256 != hex::sha256(&wasm));
        if objects::sample(reader).is_none_or(is_other) {
            reader.note(None, Some(ChunkKind::Sample), "the sample in the file is missing or damaged".into());
        }
    }
    Log::read(reader);
    let Some(Outcome::Ran(rest)) = &outcome else { return (header, outcome.is_some()) };
    objects::links(reader);
    for (kind, total) in [(ChunkKind::Decisions, rest.decisions), (ChunkKind::Records, rest.records)] {
        if let (_, Some(lost)) = follow(reader, kind, Some(total)) {
            reader.note(None, Some(kind), lost);
        }
    }
    (header, true)
}

impl RunInfo {
    fn of(header: Header) -> Self {
        let Header { tool, name, sha256, sample_len, is_embedded, options, .. } = header;
        Self {
            tool,
            name,
            sha256,
            sample_bytes: sample_len,
            is_embedded,
            persona: options.persona.name.clone(),
            seed: options.seed.number(),
            options: Box::new(options),
        }
    }
}
