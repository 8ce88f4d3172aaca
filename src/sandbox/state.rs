//! What all host calls of a run share: clock, randomness, files, the log.

use std::{
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    limitation::{Cut, Limitation},
    text::cut,
    trace::{
        Trace,
        effects::{Given, Origin},
    },
    tracer::Value,
};

use super::{
    built::Built,
    carve::Carver,
    clock::Clock,
    fs::ChangeKind,
    handed::Handed,
    journal::JournalWriter,
    limits::{TAKEN_NAMED, TAKEN_SHOWN},
    log::Log,
    random::Random,
    returned::Returns,
    texts::Texts,
    tokens::{Source, Watch},
    types::{Answer, Call, Entry, EntryEnd, LeakPlace, MAX_OUTPUT, Run, RunOptions, Status},
    wasi::{self, Wasi},
    world::{Taken, World},
};

/// The state of a run.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) wasi: Wasi,
    pub(super) world: World,
    /// Strings that the sample refers to.
    pub(super) texts: Texts,
    pub(super) log: Log,
    pub(super) journal: JournalWriter,
    pub(super) carver: Carver,
    pub(super) returns: Returns,
    pub(super) handed_over: Handed,
    pub(super) built: Built,
    pub(super) tokens: Watch,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    /// Position of the entry that runs.
    pub(super) entry: usize,
    /// What the sample gave to `proc_exit` or `exit` in the entry that runs.
    pub(super) exit: Option<i32>,
    /// That entry went back to the event loop.
    pub(super) is_unwound: bool,
    /// The first of those in the run.
    pub(super) exit_code: Option<i32>,
    /// Counts the calls of each stub, in the order of the stubs.
    pub(super) stub_calls: Vec<u64>,
    /// What was read last of what the sample does not have yet.
    pub(super) handed: Option<Origin>,
    /// Random bytes handed out.
    pub(super) random_bytes: u64,
}

/// The state, for as long as the guard is held. A behaviour does not panic; if one did all the same, what it
/// left is better than nothing.
pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the sandbox remembers of a program at a moment, to return to.
#[derive(Debug)]
pub(super) struct Kept {
    wasi: wasi::Kept,
    world: World,
}

/// A stream that the sample writes to.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    cut: u64,
}

impl Output {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let kept = bytes.len().min(MAX_OUTPUT - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..kept]);
        self.cut += (bytes.len() - kept) as u64;
    }

    /// What was kept.
    pub(super) fn kept(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was kept, and how many bytes were not.
    pub(super) fn into_parts(self) -> (Vec<u8>, u64) {
        (self.bytes, self.cut)
    }
}

impl State {
    pub(super) fn new(options: &RunOptions) -> Self {
        let (wasi, seed) = (Wasi::new(options), options.seed.number());
        Self {
            clock: Clock::new(options.epoch_ns, seed),
            random: Random::new(seed),
            tokens: watch(options, &wasi),
            wasi,
            world: World::new(),
            texts: Texts::default(),
            log: Log::default(),
            journal: JournalWriter::default(),
            carver: Carver::default(),
            returns: Returns::default(),
            handed_over: Handed::default(),
            built: Built::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            entry: 0,
            exit: None,
            is_unwound: false,
            exit_code: None,
            stub_calls: Vec::new(),
            handed: None,
            random_bytes: 0,
        }
    }

    /// What a program that begins anew would not have, as it is now. Files are not among it, nor the clock:
    /// what happened, happened.
    pub(super) fn keep(&self) -> Kept {
        Kept { wasi: self.wasi.keep(), world: self.world.keep() }
    }

    /// Goes back to it.
    pub(super) fn go_back(&mut self, kept: &Kept) {
        for ino in self.wasi.go_back(&kept.wasi) {
            self.release(ino);
        }
        self.world.go_back(&kept.world);
    }

    /// Bytes of a source go to the sample.
    pub(super) fn hand_out(&mut self, source: Source, bytes: Range<u64>, place: &str) {
        let call = self.log.last();
        let kind = match source {
            Source::File(_) => Given::File,
            Source::Environment => Given::Environment,
            Source::Arguments => Given::Argument,
            Source::Stdin => Given::Stdin,
        };
        self.handed = Some(Origin { kind, name: place.into(), offset: bytes.start });
        self.tokens.read(source, bytes, place, call);
    }

    /// Random bytes go to the sample; what they come from.
    pub(super) fn random_into(&mut self, bytes: &mut [u8]) -> Origin {
        self.random.fill(bytes);
        let offset = self.random_bytes;
        self.random_bytes = offset.saturating_add(bytes.len() as u64);
        Origin { kind: Given::Random, name: "random".into(), offset }
    }

    /// The call at `slot` of the log is over.
    pub(super) fn tell_call(&mut self, slot: usize) {
        if let Some(call) = self.log.calls.get_mut(slot) {
            self.journal.call(slot, call, &self.stdout.bytes, &self.stderr.bytes);
            // The sink keeps it: what is recorded to a file does not stay in memory too.
            if self.journal.journal.is_some() {
                (call.args, call.results) = (Vec::new(), Vec::new());
            }
        }
    }

    /// Nothing more is written.
    pub(super) fn tell_outputs(&mut self) {
        self.journal.outputs(&self.stdout.bytes, &self.stderr.bytes);
    }

    /// The sample ends its program.
    pub(super) fn exit(&mut self, code: i32) {
        self.exit.get_or_insert(code);
        self.exit_code.get_or_insert(code);
    }

    pub(super) fn into_run(
        mut self,
        trace: Trace,
        entries: Vec<Entry>,
        status: Status,
        mut limitations: Vec<Limitation>,
    ) -> Run {
        let changes = self.wasi.changes();
        let connections = std::mem::take(&mut self.wasi.sockets).into_used();
        self.tokens.search_rest(&self.stdout.bytes, &LeakPlace::Stdout);
        self.tokens.search_rest(&self.stderr.bytes, &LeakPlace::Stderr);
        for connection in &connections {
            self.tokens.search_rest(&connection.sent, &LeakPlace::Socket(connection.name.clone()));
        }
        for change in changes.files.iter().filter(|change| change.change != ChangeKind::Deleted) {
            self.tokens.search_rest(&change.contents, &LeakPlace::File(change.last_path().to_owned()));
        }
        let sent_cut =
            connections.iter().fold(0u64, |sum, connection| sum.saturating_add(connection.sent_cut));
        let cuts = [
            (self.wasi.fs.left_out, Cut::GivenFiles),
            (changes.cut, Cut::FileChanges),
            (changes.contents_cut, Cut::DeletedContents),
            (sent_cut, Cut::SentBytes),
            (self.tokens.cut, Cut::TokenBytes),
        ];
        self.say_cuts(&cuts, &mut limitations);
        // A command whose `_start` returns has succeeded.
        let succeeded = |entry: &Entry| entry.name == "_start" && entry.end == EntryEnd::Returned;
        let exit_code = self.exit_code.or_else(|| entries.iter().any(succeeded).then_some(0));
        let exit_code = exit_code.or_else(|| ran(&trace, &entries));
        debug_assert!(is_logged(&trace, &self.log), "each host call is logged or counted");
        Run {
            trace,
            entries,
            calls: self.log.calls,
            calls_cut: self.log.cut,
            calls_inner: self.log.inner,
            status,
            exit_code,
            stdout: self.stdout.bytes,
            stderr: self.stderr.bytes,
            files: changes.files,
            damage: Vec::new(),
            touched: Vec::new(),
            asked: Vec::new(),
            connections,
            honeytokens: self.tokens.into_used(),
            slept_ns: self.clock.slept_ns,
            sleeps: self.clock.sleeps,
            carved: self.carver.modules,
            returned: self.returns.kept,
            limitations,
            lost: Vec::new(),
        }
    }

    fn say_cuts(&self, others: &[(u64, Cut)], limitations: &mut Vec<Limitation>) {
        let outputs = self.stdout.cut.saturating_add(self.stderr.cut);
        let own = [
            (self.log.cut, Cut::HostCalls),
            (self.log.args_cut, Cut::Arguments),
            (outputs, Cut::Output),
            (self.carver.cut, Cut::Carved),
            (self.carver.unlooked, Cut::Uncarved),
            (self.returns.cut, Cut::Returned),
            (self.returns.unlooked.saturating_add(self.handed_over.unlooked), Cut::Handed),
            (self.built.cut, Cut::Built),
            (self.built.unlooked, Cut::Memory),
            (self.texts.cut, Cut::Strings),
        ];
        for &(count, what) in own.iter().chain(others) {
            if count > 0 {
                limitations.push(Limitation::Cut { what, count });
            }
        }
        let taken = &self.world.taken;
        if !taken.is_empty() {
            let words = |one: &Taken| format!("{}.{} for {}", one.module, one.name, one.for_what);
            let first = taken.values().take(TAKEN_NAMED).map(|one| cut(&words(one), TAKEN_SHOWN)).collect();
            limitations.push(Limitation::ImportsTaken { count: taken.len() as u64, first });
        }
        let fabricated =
            self.log.calls.iter().filter(|call| call.fabricated && call.answer == Answer::Default);
        let fabricated: std::collections::BTreeSet<_> =
            fabricated.map(|call: &Call| (&call.module, &call.name)).collect();
        if !fabricated.is_empty() {
            limitations.push(Limitation::UnknownHostFunctions { count: fabricated.len() as u64 });
        }
    }
}

/// Whether each host call of the trace, if that is in memory, is logged or counted.
fn is_logged(trace: &Trace, log: &Log) -> bool {
    let host_calls = trace.host_calls().count();
    trace.records.is_empty() || host_calls as u64 == log.calls.len() as u64 + log.cut
}

/// Where the bait of a run lies.
fn watch(options: &RunOptions, wasi: &Wasi) -> Watch {
    let mut watch = Watch::new(&options.persona.honeytokens);
    for (ino, bytes) in wasi.fs.files() {
        watch.place(Source::File(ino), bytes);
    }
    // A token does not hold a zero by accident.
    watch.place(Source::Environment, &wasi.env.join(&0));
    watch.place(Source::Arguments, &wasi.args.join(&0));
    watch.place(Source::Stdin, wasi.stdin());
    watch
}

/// What `wasi:cli/run` of a component returned: 0 if it succeeded, else 1.
fn ran(trace: &Trace, entries: &[Entry]) -> Option<i32> {
    let program = trace.modules.first()?.program()?;
    let is_run = |entry: &&Entry| entry.name == program && entry.end == EntryEnd::Returned;
    match entries.iter().find(is_run)?.results.first()? {
        &Value::I32(code) => Some(code),
        _ => None,
    }
}
