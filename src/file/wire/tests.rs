//! Version 1 of the trace file stays as it is: every structure of it, with every variant, is read from and
//! written as the bytes in `tests/traces/structures.txt`, which the first program with trace files wrote. The
//! recordings beside it are written again, byte for byte.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    AtTraceLimit, Limit, Limits, LoadError, Site, Value,
    file::{
        checkpoints::StoredCheckpoint,
        chunk::append,
        contents::{Header, Links, Outcome, Rest},
        decode::{self, Budget},
    },
    hex,
    module::FuncIndex,
    sandbox::{
        Answer, Arg, Call, ChangeKind, Conduct, Connection, Document, Drive, Entry, EntryEnd, EntryKind,
        FileChange, Honeytoken, Item, Leak, Peer, Persona, Pointed, RunOptions, Socket, SocketKind, Status,
        TokenUse,
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
    fn add<T: serde::Serialize + serde::de::DeserializeOwned>(&mut self, name: &str, value: T) {
        let mut bytes = Vec::new();
        append(&value, &mut bytes).unwrap();
        let back: T = decode::from_bytes(&bytes, &Budget::of(ROOM)).expect(name);
        let mut again = Vec::new();
        append(&back, &mut again).unwrap();
        assert_eq!(again, bytes, "{name} is another one when it was read");
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

fn persona() -> Persona {
    let peer = |stays| Peer { messages: vec![b"hello".to_vec(), Vec::new()], stays };
    let mut persona = Persona::bare();
    persona.name = "somebody".into();
    persona.description = "for tests".into();
    persona.args = vec!["prog".into()];
    persona.env = vec![("HOME".into(), "/home/u".into())];
    persona.epoch_ns = 1 << 60;
    persona.stdin = b"in".to_vec();
    persona.terminals = [true, false, true];
    persona.preopens = vec![(".".into(), "/home/u".into())];
    persona.files = vec![Document { path: "/a".into(), bytes: vec![0, 255], age_ns: 5 }];
    persona.dirs = vec!["/empty".into()];
    persona.links = vec![("/link".into(), "/a".into())];
    persona.honeytokens = vec![Honeytoken { name: "key".into(), value: b"AKIAAKIA".to_vec() }];
    persona.sockets = vec![
        Socket { name: "c2".into(), kind: SocketKind::Stream(peer(true)) },
        Socket { name: "web".into(), kind: SocketKind::Listener(vec![peer(false), Peer::default()]) },
    ];
    persona.run = Conduct {
        drive: Some(Drive::Name("mine".into())),
        seconds: Some(9),
        instructions: Some(10),
        decisions: Some(11),
        trace_mib: Some(12),
    };
    persona
}

fn options() -> RunOptions {
    let mut options = RunOptions::default();
    options.limits = Limits {
        wall_time: Some(Duration::new(3, 500_000_000)),
        decisions: Some(1),
        instructions: Some(2),
        host_calls: None,
        trace_bytes: 3,
        at_trace_limit: AtTraceLimit::Spill,
        memory_pages: 4,
        table_elements: 5,
        call_depth: 600,
        stack_bytes: 70_000,
    };
    options.drive = Drive::Exports;
    options.entry_time = Duration::from_millis(1500);
    options.entry_decisions = Some(13);
    options.entry_instructions = None;
    options.seed = u64::MAX;
    options.epoch_ns = 14;
    options.args = vec!["a".into(), "ä".into()];
    options.env = vec![("N".into(), "V".into())];
    options.stdin = vec![1, 2, 200];
    options.files = BTreeMap::from([("/x".into(), vec![9]), ("/y".into(), Vec::new())]);
    options.dirs = vec!["/d".into()];
    options.invoke = Some(("f".into(), values()));
    options.stubs = vec![("s.toml".into(), "text".into())];
    options.preopens = vec![("/".into(), "/".into())];
    options.persona = Arc::new(persona());
    options
}

fn values() -> Vec<Value> {
    vec![
        Value::I32(-1),
        Value::I64(i64::MIN),
        Value::F32(f32::from_bits(0xffa0_0001)),
        Value::F64(1.5),
        Value::V128(u128::MAX),
        Value::Ref { null: true },
    ]
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
    };
    sheet.add("Header", header(Level::Data, options()));
    let mut plain = RunOptions::default().with_persona(Arc::new(Persona::bare()));
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
        args: values(),
        made_up: true,
        end,
        results: vec![Value::Ref { null: false }],
        site: Some(Site { function: 4, offset: 5000 }),
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
                to: "socket c2".into(),
                by: "wasi_snapshot_preview1.sock_send".into(),
                encoding: "base64".into(),
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
    if std::env::var_os("SPOOR_FIRST").is_some() {
        std::fs::write(&path, &sheet.0).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    for (line, expected) in sheet.0.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(sheet.0.lines().count(), expected.lines().count());
}
