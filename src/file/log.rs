//! The log of a file: entry points, host calls, output, and when the clock struck, as far as the chunks are
//! whole.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    sandbox::{Call, Entry, EntryKind, Item, MAX_ARGS, MAX_CALLS, MAX_OUTPUT, unfinished},
    tracer::Timeout,
};

use super::limits::{MAX_LOG_HELD, MAX_LOG_THINGS, MAX_UNNAMED};
use super::{chunk::Things, decode::Budget, frame::ChunkKind, reader::Reader};

/// What the log holds.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    pub(super) calls: BTreeMap<u64, Call>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) timeouts: Vec<Timeout>,
    /// The last entry has begun and not ended, as far as is known.
    is_open: bool,
    /// Items were lost since. It is not known how the last entry ended, nor whether others came after it.
    is_torn: bool,
    /// Items were lost.
    is_damaged: bool,
    /// What the things themselves may take.
    room: Budget,
}

/// Whether the end of the log may be among what is damaged.
fn is_end_damaged(reader: &Reader) -> bool {
    reader.damage().0.iter().any(|damage| matches!(damage.kind, None | Some(ChunkKind::Log)))
}

impl Log {
    /// Reads all chunks; what is missing is noted.
    pub(super) fn read(reader: &Reader) -> Self {
        let (mut log, mut next, mut held) = (Self::new(), 0, Budget::of(MAX_LOG_HELD));
        for position in reader.of_kind(ChunkKind::Log) {
            let Some((frame, _)) = reader.chunks().get(position) else { break };
            log.check_gap(reader, next..frame.first);
            next = frame.first + frame.count;
            let Some(raw) = reader.read(position) else {
                log.tear();
                continue;
            };
            let mut items = Things::new(frame, raw, held);
            let is_sound = items.by_ref().all(|item| item.is_ok_and(|item| log.take(item)));
            held = items.into_budget();
            if held.is_spent() || log.room.is_spent() {
                log.end_full(reader, frame.number);
                break;
            }
            if !is_sound {
                reader.spoilt(position);
                log.tear();
            }
        }
        log.is_torn |= is_end_damaged(reader);
        log
    }

    fn new() -> Self {
        Self {
            entries: Vec::new(),
            calls: BTreeMap::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
            timeouts: Vec::new(),
            is_open: false,
            is_torn: false,
            is_damaged: false,
            room: Budget::of(MAX_LOG_THINGS),
        }
    }

    /// Items are lost here.
    fn tear(&mut self) {
        (self.is_torn, self.is_damaged) = (true, true);
    }

    /// The run came to its end: an entry point that is open, and of which nothing was lost, did not begin.
    pub(super) fn end(&mut self) {
        if self.is_open && !self.is_torn {
            self.entries.pop();
        }
    }

    /// Notes that items are missing, if any are.
    fn check_gap(&mut self, reader: &Reader, missing: Range<u64>) {
        if missing.start != missing.end {
            let what = format!("items {} to {} of the log are missing", missing.start, missing.end);
            reader.note(None, Some(ChunkKind::Log), what);
            self.tear();
        }
    }

    /// Notes that the log is too large to be kept.
    fn end_full(&mut self, reader: &Reader, number: u32) {
        let most = MAX_LOG_THINGS + MAX_LOG_HELD;
        let what = format!("the log takes more than {most} bytes of memory: what follows is not read");
        reader.note(Some(number), Some(ChunkKind::Log), what);
        self.tear();
    }

    /// Takes the room for an item; `false` if there is none left.
    fn charge(&mut self, item: &Item) -> bool {
        let charged = match item {
            Item::Begun(_) | Item::Ended(_) | Item::Call { .. } => self.room.charge(size_of::<Item>()),
            // A vector has reserved as much again at most.
            Item::Timeout(_) => self.room.charge(2 * size_of::<Timeout>()),
            Item::Stdout(_) | Item::Stderr(_) => Some(()),
        };
        charged.is_some()
    }

    /// Returns whether it is one of ours.
    fn take(&mut self, item: Item) -> bool {
        if !self.charge(&item) {
            return false;
        }
        match item {
            Item::Begun(entry) => self.begin(entry),
            Item::Ended(entry) => self.end_entry(entry),
            Item::Call { call, .. } if call.args.len() > MAX_ARGS => return false,
            Item::Call { position, call } => {
                self.place(call.entry);
                if position < MAX_CALLS as u64 {
                    self.calls.insert(position, call);
                }
            }
            Item::Stdout(bytes) => append(&mut self.stdout, &bytes),
            Item::Stderr(bytes) => append(&mut self.stderr, &bytes),
            Item::Timeout(timeout) => self.timeouts.push(timeout),
        }
        true
    }

    fn begin(&mut self, entry: Entry) {
        // One that begins while another is open: that one never began.
        if self.is_open && !self.is_torn {
            self.entries.pop();
        }
        self.entries.push(Entry { end: unfinished(), ..entry });
        (self.is_open, self.is_torn) = (true, false);
    }

    fn end_entry(&mut self, entry: Entry) {
        let is_last =
            |last: &Entry| (&last.name, last.kind, last.func) == (&entry.name, entry.kind, entry.func);
        if self.is_open && (!self.is_torn || self.entries.last().is_some_and(is_last)) {
            self.entries.pop();
        }
        self.entries.push(entry);
        (self.is_open, self.is_torn) = (false, false);
    }

    /// A call of entry point number `entry`: where items were lost, it tells how many there were.
    fn place(&mut self, entry: usize) {
        let missing = entry.saturating_add(1).saturating_sub(self.entries.len());
        if !self.is_damaged || missing > MAX_UNNAMED {
            return;
        }
        // The one that is known to be open makes the call; if it is not known, one that is lost does.
        let at = if self.is_open && !self.is_torn {
            self.entries.len().saturating_sub(1)
        } else {
            self.entries.len()
        };
        if missing > 0 && self.room.charge(missing * size_of::<Item>()).is_some() {
            drop(self.entries.splice(at..at, std::iter::repeat_with(unnamed).take(missing)));
            self.is_open = true;
        }
        self.is_torn = false;
    }
}

/// An entry point whose begin is lost.
fn unnamed() -> Entry {
    Entry {
        name: "(lost)".into(),
        kind: EntryKind::Export,
        func: None,
        args: Vec::new(),
        made_up: false,
        end: unfinished(),
        results: Vec::new(),
        site: None,
        stalled_in: None,
    }
}

fn append(output: &mut Vec<u8>, bytes: &[u8]) {
    let room = MAX_OUTPUT.saturating_sub(output.len());
    output.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Entry {
        Entry { name: name.into(), end: crate::sandbox::EntryEnd::Returned, ..unnamed() }
    }

    fn call(entry: usize) -> Item {
        let call = Call {
            number: 0,
            record: 0,
            entry,
            func: crate::module::FuncIndex(0),
            module: "m".into(),
            name: "n".into(),
            args: Vec::new(),
            results: Vec::new(),
            answer: crate::sandbox::Answer::Default,
            fabricated: false,
            errno: None,
            time_ns: 0,
            ended: false,
        };
        Item::Call { position: 0, call }
    }

    /// The entry points after these items, with `!` if unfinished; `None` is a loss.
    fn entries(items: impl IntoIterator<Item = Option<Item>>) -> String {
        let mut log = Log::new();
        for item in items {
            match item {
                Some(item) => assert!(log.take(item)),
                None => log.tear(),
            }
        }
        log.end();
        let open = format!("{:?}", unfinished());
        let shown = |entry: &Entry| {
            format!("{}{}", entry.name, if format!("{:?}", entry.end) == open { "!" } else { "" })
        };
        log.entries.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn entries_keep_their_places_where_items_are_lost() {
        let (begun, ended) =
            (|name: &str| Some(Item::Begun(named(name))), |name: &str| Some(Item::Ended(named(name))));
        let call = |entry| Some(call(entry));
        assert_eq!(entries([begun("a"), call(0), ended("a"), begun("b"), ended("b")]), "a b");
        assert_eq!(entries([begun("a"), begun("b"), ended("b"), begun("c")]), "b", "a and c never began");
        assert_eq!(entries([begun("a"), None, begun("b"), call(1), ended("b")]), "a! b");
        assert_eq!(entries([begun("a"), None, ended("a"), begun("b"), ended("b")]), "a b");
        assert_eq!(entries([begun("a"), None, ended("b")]), "a! b");
        assert_eq!(entries([begun("a"), None, call(0), ended("a")]), "a");
        assert_eq!(entries([begun("a"), None]), "a!");
        // It made a call, so there was one between.
        assert_eq!(entries([begun("a"), None, call(1), ended("b")]), "a! b");
        assert_eq!(entries([begun("a"), None, begun("c"), call(2), ended("c")]), "a! (lost)! c");
        assert_eq!(entries([begun("a"), call(usize::MAX), ended("a")]), "a");
        assert_eq!(entries([None, call(usize::MAX), begun("a"), ended("a")]), "a");
    }

    #[test]
    fn a_call_of_more_arguments_than_are_written_is_none_of_ours() {
        let Item::Call { position, mut call } = call(0) else { return };
        let arg = crate::sandbox::Arg { name: None, value: crate::tracer::Value::I32(0), points_at: None };
        call.args = vec![arg; MAX_ARGS + 1];
        assert!(!Log::new().take(Item::Call { position, call }));
    }
}
