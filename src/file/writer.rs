//! The end of a file that a run writes to: cuts streams into chunks and hands them to the thread that
//! compresses and writes them.
//!
//! A bounded channel is between them: a run that is faster than the disk waits, and memory stays bounded.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Seek as _, SeekFrom, Write as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use crate::{
    sandbox::{Item, Journal},
    trace::{FuncKey, Host, Instance},
    tracer::{Batch, StreamSink, Timeout},
};

use super::limits::{CHUNK_ITEMS, CHUNK_OUTPUT, CHUNK_RECORDS, CHUNK_WORDS, CHUNKS_ON_THE_WAY};
use super::{
    chunk::{Chunk, Packer, decisions_of, words_to_bytes},
    contents::Links,
    frame::{ChunkKind, FRAME, Frame, LATER_ENDS, MAX_CHUNK, foot, head},
    wire::{self, Stored, later},
};

/// The file and what is in it so far.
pub(super) struct ChunkWriter {
    pub(super) file: File,
    packer: Packer,
    /// The chunks so far, and where each begins.
    index: Vec<(Frame, u64)>,
    offset: u64,
    /// Feature bits that the file has, and those that it is to have.
    features: u32,
    wanted: Arc<AtomicU32>,
}

impl ChunkWriter {
    /// Writes the head.
    #[cfg(test)]
    pub(super) fn begin(file: File) -> io::Result<Self> {
        Self::begin_with(file, 0)
    }

    /// Writes the head, with these feature bits.
    pub(super) fn begin_with(mut file: File, features: u32) -> io::Result<Self> {
        let head = head(features);
        file.write_all(&head)?;
        let (offset, wanted) = (head.len() as u64, Arc::new(AtomicU32::new(features)));
        Ok(Self { file, packer: Packer::new()?, index: Vec::new(), offset, features, wanted })
    }

    /// Writes the head anew if the chunk that comes next needs a feature bit. A pipe keeps the head that it
    /// has.
    fn update_head(&mut self) -> io::Result<()> {
        let wanted = self.wanted.load(Ordering::Relaxed);
        if wanted == self.features {
            return Ok(());
        }
        self.features = wanted;
        if self.file.metadata()?.is_file() && self.file.stream_position()? == self.offset {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&head(wanted))?;
            self.file.seek(SeekFrom::Start(self.offset))?;
        }
        Ok(())
    }

    /// Writes a chunk: in one call, so that a kill leaves it whole or cut off.
    pub(super) fn write(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.update_head()?;
        let number = u32::try_from(self.index.len()).map_err(io::Error::other)?;
        let (frame, bytes) = self.packer.pack(chunk, number)?;
        self.file.write_all(&bytes)?;
        self.index.push((frame, self.offset));
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Writes the index and the foot; gives the size of the file.
    pub(super) fn end(mut self) -> io::Result<u64> {
        let begin = self.offset;
        let mut bytes = Vec::with_capacity(self.index.len() * (FRAME + 8));
        for (frame, offset) in &self.index {
            bytes.extend_from_slice(&frame.to_bytes());
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        for chunk in parts(ChunkKind::Index, &bytes) {
            self.write(&chunk)?;
        }
        let foot = foot(begin);
        self.file.write_all(&foot)?;
        // Some file systems say only now that there is no room. A pipe cannot be asked.
        if self.file.metadata()?.is_file() {
            self.file.sync_data()?;
        }
        Ok(self.offset + foot.len() as u64)
    }
}

/// Something too large for a chunk, in parts. Nothing at all is one part.
pub(super) fn parts(kind: ChunkKind, bytes: &[u8]) -> impl Iterator<Item = Chunk> {
    let last = bytes.len().saturating_sub(1) / MAX_CHUNK;
    (0..=last).map(move |part| {
        let start = part * MAX_CHUNK;
        let raw = bytes[start..bytes.len().min(start + MAX_CHUNK)].to_vec();
        Chunk { kind, is_last: part == last, first: start as u64, count: raw.len() as u64, calls: 0, raw }
    })
}

/// A writer and the thread that it leads to.
pub(super) struct Recording {
    writer: Arc<TraceWriter>,
    thread: JoinHandle<io::Result<ChunkWriter>>,
}

impl Recording {
    pub(super) fn begin(file: File, features: u32) -> io::Result<Self> {
        let sink = ChunkWriter::begin_with(file, features)?;
        let (sender, receiver) = sync_channel(CHUNKS_ON_THE_WAY);
        let features = Arc::clone(&sink.wanted);
        let thread =
            thread::Builder::new().name("spoor-writer".into()).spawn(move || write_all(sink, &receiver))?;
        let writer = TraceWriter {
            shared: Mutex::new(Shared { sender: Some(sender), features, ..Shared::default() }),
        };
        Ok(Self { writer: Arc::new(writer), thread })
    }

    pub(super) fn writer(&self) -> Arc<TraceWriter> {
        Arc::clone(&self.writer)
    }

    /// Waits until everything is written.
    pub(super) fn end(self) -> io::Result<ChunkWriter> {
        let mut shared = self.writer.lock();
        shared.flush_items();
        let failure = shared.failure.take();
        shared.sender = None;
        drop(shared);
        let sink =
            self.thread.join().map_err(|_| io::Error::other("the thread that writes the file failed"))??;
        failure.map_or(Ok(sink), |failure| Err(io::Error::other(failure)))
    }
}

/// Ends at the first error; the sender then finds the channel closed.
fn write_all(mut sink: ChunkWriter, chunks: &Receiver<Chunk>) -> io::Result<ChunkWriter> {
    while let Ok(chunk) = chunks.recv() {
        sink.write(&chunk)?;
    }
    Ok(sink)
}

/// What a run records to.
#[derive(Debug)]
pub(super) struct TraceWriter {
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    sender: Option<SyncSender<Chunk>>,
    /// Feature bits of the file. Set before the chunk is sent that needs them.
    features: Arc<AtomicU32>,
    /// Decisions, records and items of the chunks so far.
    decisions: u64,
    records: u64,
    items: u64,
    /// Items that make no chunk yet.
    pending: Vec<u8>,
    pending_items: u64,
    failure: Option<postcard::Error>,
}

impl TraceWriter {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records taken so far.
    pub(super) fn records(&self) -> u64 {
        self.lock().records
    }

    /// Writes a batch; returns whether the file takes more.
    pub(super) fn take_batch(&self, batch: &Batch) -> bool {
        self.lock().take(batch)
    }

    /// Writes what is left of the log.
    pub(super) fn end_log(&self) {
        self.lock().flush_items();
    }

    /// Writes bytes in parts; returns whether the file takes more.
    pub(super) fn object(&self, kind: ChunkKind, bytes: &[u8]) -> bool {
        let mut shared = self.lock();
        parts(kind, bytes).all(|chunk| shared.send(chunk))
    }

    /// Writes something in parts.
    fn thing(&self, kind: ChunkKind, thing: impl Stored) -> bool {
        let mut bytes = Vec::new();
        let appended = wire::append(thing, &mut bytes);
        self.lock().note_failure(appended) && self.object(kind, &bytes)
    }
}

impl Shared {
    fn send(&mut self, chunk: Chunk) -> bool {
        self.sender.as_ref().is_some_and(|sender| sender.send(chunk).is_ok())
    }

    fn note_failure(&mut self, result: postcard::Result<()>) -> bool {
        let failure = result.err();
        let is_fine = failure.is_none();
        self.failure = self.failure.take().or(failure);
        is_fine
    }

    /// What comes next may hold ends that came after version 1.
    fn note_later(&self, is_later: bool) {
        if is_later {
            self.features.fetch_or(LATER_ENDS, Ordering::Relaxed);
        }
    }

    fn item(&mut self, item: &Item) {
        let mut bytes = Vec::new();
        self.note_later(later::is_in_item(item));
        let appended = wire::append(item.clone(), &mut bytes);
        self.note_failure(appended);
        if self.pending.len() + bytes.len() > MAX_CHUNK {
            self.flush_items();
        }
        self.pending.extend_from_slice(&bytes);
        self.pending_items += 1;
        if self.pending.len() >= CHUNK_ITEMS {
            self.flush_items();
        }
    }

    fn flush_items(&mut self) -> bool {
        if self.pending_items == 0 {
            return true;
        }
        let raw = std::mem::take(&mut self.pending);
        let (first, count) = (self.items, std::mem::take(&mut self.pending_items));
        self.items += count;
        self.send(Chunk { kind: ChunkKind::Log, is_last: false, first, count, calls: 0, raw })
    }

    fn take(&mut self, batch: &Batch) -> bool {
        let mut goes_on = self.flush_items();
        for records in batch.records.chunks(CHUNK_RECORDS) {
            let mut raw = Vec::with_capacity(records.len() * 4);
            for record in records {
                self.note_later(later::is_in_record(record));
                let appended = wire::append(record.clone(), &mut raw);
                self.note_failure(appended);
            }
            let (first, count) = (self.records, records.len() as u64);
            self.records += count;
            goes_on &=
                self.send(Chunk { kind: ChunkKind::Records, is_last: false, first, count, calls: 0, raw });
        }
        for words in batch.words.chunks(CHUNK_WORDS) {
            let (first, count) = (self.decisions, decisions_of(words).unwrap_or(0));
            self.decisions += count;
            let (raw, calls) = (words_to_bytes(words), batch.calls);
            goes_on &=
                self.send(Chunk { kind: ChunkKind::Decisions, is_last: false, first, count, calls, raw });
        }
        goes_on && self.failure.is_none()
    }
}

impl StreamSink for TraceWriter {
    fn linked(&self, instances: &[Instance], hosts: &BTreeMap<FuncKey, Host>) {
        self.thing(ChunkKind::Links, Links { instances: instances.to_vec(), hosts: hosts.clone() });
    }

    fn take(&self, batch: Batch) -> bool {
        self.take_batch(&batch)
    }

    fn timeout(&self, timeout: Timeout) {
        self.lock().item(&Item::Timeout(timeout));
    }
}

impl Journal for TraceWriter {
    fn note(&self, item: &Item) {
        let mut shared = self.lock();
        pieces(item, |item| shared.item(item));
    }
}

/// Items as they are written: long output in pieces.
pub(super) fn pieces(item: &Item, mut write: impl FnMut(&Item)) {
    match item {
        Item::Stdout(bytes) => {
            bytes.chunks(CHUNK_OUTPUT).for_each(|bytes| write(&Item::Stdout(bytes.to_vec())))
        }
        Item::Stderr(bytes) => {
            bytes.chunks(CHUNK_OUTPUT).for_each(|bytes| write(&Item::Stderr(bytes.to_vec())))
        }
        item => write(item),
    }
}
