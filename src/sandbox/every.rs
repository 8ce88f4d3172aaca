//! Options with no default among them, for tests of what writes and reads them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Conduct, Document, Drive, Honeytoken, Peer, Persona, RunOptions, Seed, Socket, SocketKind};
use crate::{AtTraceLimit, Limits, Value};

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

/// Options none of which has its default.
pub(crate) fn every_option() -> RunOptions {
    let limits = Limits {
        wall_time: Some(Duration::new(3, 500_000_000)),
        decisions: Some(1),
        instructions: Some(2),
        host_calls: None,
        trace_bytes: 3,
        at_trace_limit: AtTraceLimit::Spill,
        memory_pages: 4,
        sparse_pages: 15,
        table_elements: 5,
        call_depth: 600,
        stack_bytes: 70_000,
    };
    let mut options = RunOptions { limits, drive: Drive::Exports, ..RunOptions::default() };
    options.entry_time = Duration::from_millis(1500);
    options.entry_decisions = Some(13);
    options.entry_instructions = None;
    options.seed = Seed::Given(u64::MAX);
    options.epoch_ns = 14;
    options.args = vec!["a".into(), "ä".into()];
    options.env = vec![("N".into(), "V".into())];
    options.stdin = vec![1, 2, 200];
    options.files = BTreeMap::from([("/x".into(), vec![9]), ("/y".into(), Vec::new())]);
    options.dirs = vec!["/d".into()];
    options.invoke = Some(("f".into(), every_value()));
    options.stubs = vec![("s.toml".into(), "text".into())];
    options.preopens = vec![("/".into(), "/".into())];
    options.persona = Arc::new(persona());
    options
}

/// A value of each type.
pub(crate) fn every_value() -> Vec<Value> {
    vec![
        Value::I32(-1),
        Value::I64(i64::MIN),
        Value::F32(f32::from_bits(0xffa0_0001)),
        Value::F64(1.5),
        Value::V128(u128::MAX),
        Value::Ref { null: true },
    ]
}
