//! Version 1 of the trace file stays as it is. Every structure of it, with every variant, is read from the
//! bytes in `tests/traces/structures.txt` and written as them. The first program with trace files wrote
//! these. The recordings beside it are written again, byte for byte.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, sync::Arc};

use super::{Stored, read, to_bytes};
use crate::{
    Limit, LoadError, Value,
    file::{
        checkpoints::StoredCheckpoint,
        contents::{Header, Links, Outcome, Rest},
        decode::Budget,
    },
    hex,
    module::{CodeOffset, FuncIndex, Place},
    sandbox::{
        Answer, Arg, Call, ChangeKind, Connection, Drive, Entry, EntryEnd, EntryKind, FileChange, Item, Leak,
        LeakEncoding, Persona, Pointed, RunOptions, Status, TokenUse, every_option, every_value,
    },
    trace::{
        Checkpoint, CheckpointFrame, CheckpointInvocation, End, FuncKey, Host, Instance, Level, Record,
        TracePosition, Trap,
    },
    tracer::Timeout,
};

/// Bytes of any of these structures in memory, many times over.
const ROOM: usize = 1 << 20;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

/// Structures and their bytes, a line each.
#[derive(Default)]
struct Sheet(String);

impl Sheet {
    fn add<T: Stored>(&mut self, name: &str, value: T) {
        let bytes = to_bytes(value).unwrap();
        let (back, after) = read::<T>(&bytes, &Budget::of(ROOM)).expect(name);
        assert!(after.is_empty(), "{name}");
        assert_eq!(to_bytes(back).unwrap(), bytes, "{name} is another one when it was read");
        let _ = writeln!(self.0, "{name} {}", hex::hex(&bytes));
    }
}

fn position(site: bool) -> TracePosition {
    TracePosition { bits: 300, calls: 7, depth: 2, site: site.then_some((FuncKey(200), 70_000)) }
}

fn records(sheet: &mut Sheet) {
    for record in [
        Record::Invoke { func: FuncKey(3) },
        Record::HostCall { func: FuncKey(300) },
        Record::HostReturn { failed: true },
        Record::Grow { delta: 1, result: u64::MAX },
        Record::Bulk { dst: 1, src: 2, len: 70_000 },
    ] {
        sheet.add("Record", record);
    }
    for end in [
        End::Returned,
        End::HostError,
        End::Trapped { code: Trap::IntegerOverflow, at: position(true) },
        End::Stopped { at: position(false) },
        End::Failed { message: "why".into(), at: position(true) },
    ] {
        sheet.add("Record", Record::End(end));
    }
    for trap in [
        Trap::Unreachable,
        Trap::OutOfBoundsMemoryAccess,
        Trap::OutOfBoundsTableAccess,
        Trap::UninitializedElement,
        Trap::IndirectCallTypeMismatch,
        Trap::IntegerDivideByZero,
        Trap::IntegerOverflow,
        Trap::InvalidConversionToInteger,
        Trap::CallStackExhausted,
        Trap::OutOfFuel,
        Trap::GrowthLimited,
        Trap::OutOfSystemMemory,
    ] {
        sheet.add("Trap", trap);
    }
}

fn headers(sheet: &mut Sheet) {
    let header = |level, options| Header {
        tool: "spoor 0.1.0".into(),
        name: "x.wasm".into(),
        sha256: "00".repeat(32),
        sample_len: 1000,
        from_text: true,
        is_embedded: false,
        level,
        options,
        unknown_options: Vec::new(),
    };
    sheet.add("Header", header(Level::Data, every_option()));
    let mut plain = RunOptions::default().with_persona(Arc::new(Persona::bare()));
    // The default when version 1 was fixed.
    plain.limits.call_depth = 10_000;
    plain.limits.wall_time = None;
    for drive in [Drive::Auto, Drive::Exports, Drive::Name("n".into()), Drive::None] {
        plain.drive = drive;
        sheet.add("Header", header(Level::Flow, plain.clone()));
    }
}

fn entry(kind: EntryKind, end: EntryEnd) -> Entry {
    Entry {
        name: "main".into(),
        kind,
        func: Some(FuncIndex(4)),
        args: every_value(),
        made_up: true,
        end,
        results: vec![Value::Ref { null: false }],
        site: Some(Place { function: FuncIndex(4), offset: CodeOffset(5000) }),
        stalled_in: Some(FuncIndex(6)),
    }
}

fn entries(sheet: &mut Sheet) {
    use EntryKind::{Export, Initialize, Main, Start};
    let limits = [
        Limit::WallTime,
        Limit::Decisions,
        Limit::Instructions,
        Limit::HostCalls,
        Limit::TraceBytes,
        Limit::Spill,
        Limit::Cancelled,
    ];
    let ends = [
        EntryEnd::Returned,
        EntryEnd::Exited { code: -3 },
        EntryEnd::Trapped { trap: Trap::Unreachable },
        EntryEnd::Aborted { message: "abort".into() },
        EntryEnd::Failed { message: "no".into() },
    ];
    let stopped = limits.map(|limit| EntryEnd::Stopped { limit });
    for (end, kind) in ends.into_iter().chain(stopped).zip([Start, Initialize, Main, Export].iter().cycle()) {
        sheet.add("Item", Item::Ended(entry(*kind, end)));
    }
    let bare = Entry {
        func: None,
        args: Vec::new(),
        made_up: false,
        results: Vec::new(),
        site: None,
        stalled_in: None,
        ..entry(Main, EntryEnd::Returned)
    };
    sheet.add("Item", Item::Begun(bare));
}

fn items(sheet: &mut Sheet) {
    let call = |answer, errno: Option<&'static str>| Call {
        number: 1,
        record: 2,
        entry: 3,
        func: FuncIndex(4),
        module: "wasi_snapshot_preview1".into(),
        name: "fd_write".into(),
        args: vec![
            Arg { name: None, value: Value::I32(1), points_at: None },
            Arg {
                name: Some("buf".into()),
                value: Value::I64(2),
                points_at: Some(Pointed::Text { text: "t".into() }),
            },
            Arg {
                name: Some("iovs".into()),
                value: Value::I32(3),
                points_at: Some(Pointed::Bytes { hex: "00ff".into(), len: 300, entropy: 0.5 }),
            },
        ],
        results: vec![Value::I32(8)],
        answer,
        fabricated: true,
        errno: errno.map(Into::into),
        time_ns: 123_456_789,
        ended: true,
    };
    for (answer, errno) in
        [(Answer::Stub, None), (Answer::Wasi, Some("BADF")), (Answer::World, None), (Answer::Default, None)]
    {
        sheet.add("Item", Item::Call { position: 9, call: call(answer, errno) });
    }
    sheet.add("Item", Item::Stdout(vec![1, 2, 3]));
    sheet.add("Item", Item::Stderr(b"error".to_vec()));
    sheet.add("Item", Item::Timeout(Timeout { clock_reads: 77, is_session: true }));
    // Came later.
    let file = Some(Pointed::Resource { name: "/a".into() });
    sheet.add("Arg", Arg { name: Some("file".into()), value: Value::I32(4), points_at: file });
}

fn outcomes(sheet: &mut Sheet) {
    let change = |change, size: Option<u64>| FileChange {
        path: "/a".into(),
        change,
        to: size.map(|_| "/b".into()),
        via: vec!["/c".into()],
        size_before: size,
        size_after: size,
        entropy_before: size.map(|_| 7.5),
        entropy_after: size.map(|_| 0.25),
        sha256_before: size.map(|_| "aa".into()),
        sha256: size.map(|_| "bb".into()),
        contents: Vec::new(),
        is_replaced: false,
        left: Default::default(),
    };
    let rest = |status, exit_code| Rest {
        decisions: 1,
        records: 2,
        calls: 3,
        status,
        exit_code,
        calls_cut: 4,
        slept_ns: 5,
        sleeps: 6,
        limitations: vec!["the clock stopped it".into()],
        honeytokens: vec![TokenUse {
            name: "key".into(),
            touched_in: vec!["/a".into(), "environment".into()],
            opened: 1,
            read: 2,
            first_call: Some(3),
            leaks: vec![Leak {
                to: "socket c2".to_owned().into(),
                by: "wasi_snapshot_preview1.sock_send".into(),
                encoding: LeakEncoding::Base64,
                first_call: None,
                calls: 4,
            }],
            leaks_cut: 5,
        }],
        connections: vec![Connection {
            name: "c2".into(),
            sent: b"bytes".to_vec(),
            sent_cut: 1,
            received: 2,
            shut_down: 3,
        }],
        carved: vec![b"\0asm".to_vec()],
        files: vec![
            (change(ChangeKind::Changed, Some(1)), vec![1, 2]),
            (change(ChangeKind::Created, None), Vec::new()),
            (change(ChangeKind::Deleted, Some(300)), vec![200]),
            (change(ChangeKind::Renamed, Some(0)), Vec::new()),
        ],
        calls_inner: BTreeMap::new(),
    };
    for (status, code) in [
        (Status::Exited, Some(-1)),
        (Status::Trapped, None),
        (Status::Stopped, None),
        (Status::Invalid, None),
        (Status::Unsupported, None),
        (Status::NothingRan, None),
    ] {
        sheet.add("Outcome", Outcome::Ran(Box::new(rest(status, code))));
    }
    for error in [
        LoadError::Empty,
        LoadError::NotWasm { found: "MZ".into() },
        LoadError::Text { reason: "line 1".into() },
        LoadError::Invalid { reason: "bad".into(), offset: 300 },
        LoadError::Unsupported { proposal: "gc".into(), reason: "needs".into(), offset: 4 },
        LoadError::Engine { reason: "full".into() },
        LoadError::TooBig { what: "pages".into(), given: 70_000, limit: 4096 },
    ] {
        sheet.add("Outcome", Outcome::Refused(error));
    }
}

fn states(sheet: &mut Sheet) {
    let links = Links {
        instances: vec![Instance { module: 0, first_key: FuncKey(2) }],
        hosts: BTreeMap::from([(FuncKey(1), Host { module: "env".into(), name: "f".into() })]),
    };
    sheet.add("Links", links);
    let checkpoint = Checkpoint {
        instructions: 1,
        decisions: 2,
        calls: 3,
        records: 4,
        invocations: 5,
        host_calls: 6,
        target: FuncKey(7),
        next: Some((FuncKey(8), 9)),
        frames: vec![CheckpointFrame::Bottom, CheckpointFrame::Back(FuncKey(10), 11)],
        open: vec![
            CheckpointInvocation { place: Some(position(true)), host: Some(Some((FuncKey(12), 13))) },
            CheckpointInvocation { place: None, host: Some(None) },
            CheckpointInvocation { place: Some(position(false)), host: None },
        ],
    };
    let running = StoredCheckpoint { checkpoint: Some(checkpoint), functions: vec![1, 200] };
    sheet.add("StoredCheckpoint", running);
    sheet.add("StoredCheckpoint", StoredCheckpoint { checkpoint: None, functions: Vec::new() });
}

#[test]
fn every_structure_has_the_bytes_of_version_1() {
    let mut sheet = Sheet::default();
    records(&mut sheet);
    headers(&mut sheet);
    entries(&mut sheet);
    items(&mut sheet);
    outcomes(&mut sheet);
    states(&mut sheet);
    let path = folder().join("structures.txt");
    let expected = std::fs::read_to_string(path).unwrap();
    for (line, expected) in sheet.0.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(sheet.0.lines().count(), expected.lines().count());
}
