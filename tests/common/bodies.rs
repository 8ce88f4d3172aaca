//! The bodies of the fuzz targets: plain functions that ordinary tests also call.

use std::sync::Arc;

use arbitrary::{Arbitrary as _, Unstructured};
use wasmspoor::{
    Options, Tracer,
    module::{
        Module,
        view::{Validity, View},
    },
    trace::{
        End, FuncKey, Host, Instance, Record, ReplayLimits, Trace, TracePosition, Trap, Words,
        effects::{Effect, Effects, Imported, MemoryShape, TableShape, Val},
    },
    values::{FindBytes, LastWriters, Machine, Nothing, Timeline},
};

use super::{compare, limits};

/// Arbitrary bytes as a module: viewed, parsed, loaded, run and replayed, whatever they are.
pub fn module(data: &[u8]) {
    let view = View::of(data);
    if let Ok(module) = Module::parse(data) {
        assert!(view.validity != Validity::Valid || view.total_functions() == module.functions());
        for func in module.defined().take(1000) {
            _ = module.code(func);
            _ = module.name(func);
        }
    }
    let mut limits = limits(20_000);
    limits.memory_pages = 256;
    limits.stack_bytes = 1 << 20;
    let Ok(mut session) = Tracer::new(Options::default().limits(limits)).load(data) else { return };
    let Ok(_) = session.start() else { return };
    for export in session.exports().into_iter().take(10) {
        let args: Vec<_> = session
            .params(&export)
            .unwrap_or_default()
            .iter()
            .filter_map(|ty| ty.parse("0").or_else(|_| ty.parse("0x0")).or_else(|_| ty.parse("null")).ok())
            .collect();
        _ = session.invoke(&export, &args);
    }
    let trace = session.finish();
    if let Err(error) = trace.counts() {
        panic!("a trace of ours does not replay: {error}");
    }
}

/// Arbitrary bytes as the definitions of a component, through what a module goes through.
pub fn component(data: &[u8]) {
    module(&[&b"\0asm\x0d\0\x01\0"[..], data].concat());
}

/// A module from wasm-smith: hooked against stock wasmi, and counts against the oracle.
pub fn differential(data: &[u8]) {
    let Ok(wasm) = smith(data) else { return };
    if let Err(difference) = compare(&wasm, 50_000) {
        panic!("{difference}\n{}", wasmprinter::print_bytes(&wasm).unwrap_or_default());
    }
}

/// Makes a module of `data` with all that wasmi runs.
///
/// # Errors
///
/// If `data` is too short.
pub fn smith(data: &[u8]) -> arbitrary::Result<Vec<u8>> {
    let mut u = Unstructured::new(data);
    let mut config = wasm_smith::Config::arbitrary(&mut u)?;
    config.export_everything = true;
    config.min_funcs = 1;
    config.max_funcs = 12;
    config.max_imports = 10;
    config.max_memories = 3;
    config.max_tables = 3;
    config.max_memory32_bytes = 1 << 18;
    config.max_memory64_bytes = 1 << 18;
    config.max_table_elements = 1000;
    config.allow_start_export = true;
    config.canonicalize_nans = true;
    config.bulk_memory_enabled = true;
    config.reference_types_enabled = true;
    config.tail_call_enabled = true;
    config.extended_const_enabled = true;
    config.multi_value_enabled = true;
    config.saturating_float_to_int_enabled = true;
    config.sign_extension_ops_enabled = true;
    config.simd_enabled = true;
    config.memory64_enabled = true;
    config.custom_page_sizes_enabled = true;
    config.wide_arithmetic_enabled = true;
    // The results of these are not determined.
    config.relaxed_simd_enabled = false;
    config.threads_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.custom_descriptors_enabled = false;
    // The stock engine does not read them.
    config.compact_imports_enabled = false;
    let module = wasm_smith::Module::new(config, &mut u)?;
    Ok(module.to_bytes())
}

/// Arbitrary streams over a small module: replay ends with a result or an error, within its limits.
pub fn trace(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(trace) = stored_trace(&mut u) else { return };
    let limits = ReplayLimits { max_instructions: 200_000, ..ReplayLimits::default() };
    let mut events = 0u64;
    for event in trace.events_within(limits) {
        events += 1;
        // Between two looks at the limit there is at most one word of decisions, and blocks are short here.
        assert!(events < 10_000_000, "replay does not end");
        if event.is_err() {
            break;
        }
    }
    let mut counter = wasmspoor::trace::Counter::default();
    _ = trace.replay_within(limits, &mut counter);
    _ = counter.finish();
    super::remembered::same(&trace, limits);
}

/// Arbitrary streams and effects over a small module, or a module from wasm-smith that really ran. The data
/// level agrees with what really ran, and gives values or an error for the others, within its limits.
pub fn values(data: &[u8]) {
    let Some((&way, rest)) = data.split_first() else { return };
    if way & 1 == 1 {
        return values_of_smith(rest);
    }
    let mut u = Unstructured::new(rest);
    let Ok(effects) = effects(&mut u) else { return };
    let Ok(mut trace) = stored_trace(&mut u) else { return };
    trace.effects = Some(Arc::new(effects));
    trace.limits = ReplayLimits { max_instructions: 200_000, ..ReplayLimits::default() };
    let Ok(mut timeline) = Timeline::new(&trace) else { return };
    for event in [20, 3, u64::MAX, 7] {
        let state = timeline.state(event);
        assert!(state.is_err() || state.is_ok_and(|state| state.event <= event));
    }
    _ = timeline.walk(0, u64::MAX, &mut LastWriters::of(0, 0, 100, u64::MAX));
    _ = timeline.walk(2, 9, &mut FindBytes::new(&[vec![0, 1], vec![7]]));
}

fn values_of_smith(data: &[u8]) {
    if let Ok(wasm) = smith(data) {
        replay_values(&wasm);
    }
}

/// Runs a module and its trace once more with values: both count the same instructions.
fn replay_values(wasm: &[u8]) {
    let tracer = Tracer::new(Options::default().limits(limits(20_000)).effects(true));
    let Ok(mut session) = tracer.load(wasm) else { return };
    if session.start().is_err() {
        return;
    }
    for export in session.exports().into_iter().take(5) {
        if session.params(&export).is_some_and(|params| params.is_empty()) {
            _ = session.invoke(&export, &[]);
        }
    }
    let trace = session.finish();
    let totals = Machine::new(&trace).and_then(|mut machine| machine.run(&mut Nothing));
    let counted = trace.counts().unwrap_or_else(|error| panic!("a trace of ours does not replay: {error}"));
    match totals {
        Ok(totals) => assert_eq!(totals.instructions, counted.total),
        Err(error) => panic!("{error}\n{}", wasmprinter::print_bytes(wasm).unwrap_or_default()),
    }
}

fn effects(u: &mut Unstructured<'_>) -> arbitrary::Result<Effects> {
    let mut effects = Effects::default();
    let mut record = 0;
    for _ in 0..u.int_in_range(0..=12)? {
        record += u.int_in_range(0..=2)?;
        let value = |u: &mut Unstructured<'_>| {
            Ok(match u.int_in_range(0..=4)? {
                0 => Val::I64(u.arbitrary()?),
                1 => Val::Func(Some(FuncKey(u.int_in_range(0..=24)?))),
                2 => Val::V128(u.arbitrary()?),
                _ => Val::I32(u.arbitrary()?),
            })
        };
        let memory = u.int_in_range(0..=2)?;
        let effect = match u.int_in_range(0..=9)? {
            0 => Effect::NewMemory(MemoryShape {
                pages: u.int_in_range(0..=9)?,
                maximum: u.arbitrary()?,
                page_log2: u.int_in_range(0..=20)?,
                is_64: u.arbitrary()?,
            }),
            1 => Effect::NewTable(TableShape {
                len: u.int_in_range(0..=9)?,
                maximum: u.arbitrary()?,
                is_64: false,
            }),
            2 => Effect::NewGlobal(value(u)?),
            3 | 4 => Effect::Instance(match u.ratio(4, 5)? {
                true => vec![Imported::Func(FuncKey(0)), Imported::Func(FuncKey(1))],
                false => vec![Imported::Memory(memory)],
            }),
            5 => Effect::Arguments(vec![value(u)?]),
            6 => Effect::Results(vec![value(u)?]),
            7 => Effect::Write { memory, address: u.int_in_range(0..=1 << 17)?, bytes: vec![7; 9].into() },
            8 => Effect::Grow { memory, pages: u.int_in_range(0..=9)? },
            _ if u.arbitrary()? => Effect::Keep { state: memory },
            _ => Effect::Restore { state: memory },
        };
        effects.push(record, effect);
    }
    if u.ratio(1, 8)? {
        effects.end_at(record);
    }
    Ok(effects)
}

/// Modules whose code the streams are laid over.
const MODULES: &[&str] = &[
    r#"(module (import "e" "f" (func $f)) (import "e" "g" (func $g (param i32)))
      (memory 1) (table 4 funcref) (type $t (func))
      (func $h (loop (br_if 0 (i32.const 0)) (br_table 0 1 2 (i32.const 1))))
      (func $a (export "a") (call $f) (call $h) (call $a) (if (i32.const 1) (then (call $h)) (else (return)))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)) (drop (memory.grow (i32.const 1))) (call_indirect (type $t) (i32.const 0)))
      (func $b (return_call $a)) (func $c (return_call_indirect (type $t) (i32.const 0))) (func $d (call $g (i32.const 1)) (return_call $f))
      (func $e (block (block (loop (br 0)))) (unreachable)))"#,
    "(module (func $f0) (func $f1 (call $f0) (call $f0)) (func $f2 (call $f1) (call $f1)) (func $f3 (call $f2) (call $f2)) (func $f4 (call $f3) (call $f3)))",
];

fn stored_trace(u: &mut Unstructured<'_>) -> arbitrary::Result<Trace> {
    let modules = MODULES.iter().map(|text| {
        Arc::new(
            Module::parse(wat::parse_str(text).unwrap_or_default()).unwrap_or_else(|error| panic!("{error}")),
        )
    });
    let key = |u: &mut Unstructured<'_>| {
        Ok(FuncKey(if u.ratio(9, 10)? { u.int_in_range(0..=24)? } else { u.arbitrary()? }))
    };
    let small = |u: &mut Unstructured<'_>| {
        Ok(if u.ratio(9, 10)? { u.int_in_range(0..=200u64)? } else { u.arbitrary()? })
    };
    let mut trace = Trace { modules: modules.collect(), ..Trace::default() };
    trace.instances =
        vec![Instance { module: 0, first_key: FuncKey(2) }, Instance { module: 1, first_key: FuncKey(10) }];
    for _ in 0..u.int_in_range(0..=2)? {
        trace.instances.push(Instance { module: u.int_in_range(0..=3)?, first_key: key(u)? });
    }
    for func in [0, 1] {
        trace.hosts.insert(FuncKey(func), Host { module: "e".into(), name: "f".into() });
    }
    trace.decisions = small(u)?;
    trace.calls = small(u)?;
    let place = |u: &mut Unstructured<'_>| {
        let site = if u.arbitrary()? { Some((key(u)?, u.int_in_range(0..=60)?)) } else { None };
        Ok(TracePosition { bits: small(u)?, calls: small(u)?, depth: u.int_in_range(0..=5)?, site })
    };
    for _ in 0..u.int_in_range(0..=20)? {
        let record = match u.int_in_range(0..=10)? {
            0 | 1 => Record::Invoke { func: key(u)? },
            2 => Record::End(End::Returned),
            3 => Record::End(End::HostError),
            4 => Record::End(End::Trapped { code: Trap::Unreachable, at: place(u)? }),
            5 => Record::End(End::Stopped { at: place(u)? }),
            6 => Record::HostCall { func: key(u)? },
            7 => Record::HostReturn { failed: u.ratio(1, 4)? },
            8 => Record::Grow { delta: small(u)?, result: small(u)? },
            9 => Record::HostThrew { tag: u.int_in_range(0..=3)? },
            _ => Record::Bulk { dst: small(u)?, src: small(u)?, len: small(u)? },
        };
        trace.records.push(record);
    }
    let mut words = Words::default();
    let all: Vec<u64> = u.arbitrary_iter()?.collect::<Result<_, _>>()?;
    for chunk in all.chunks(3) {
        words.push(chunk);
    }
    trace.words = words;
    Ok(trace)
}

/// Arbitrary bytes as a trace file: opened, told, replayed, sought in, analysed, compared with itself.
///
/// The first byte says what is made of the others. They are the file, or changes of a sound one. Checksums of
/// such a file are made right again so that the parts behind them are reached.
pub fn file(data: &[u8]) {
    let Some((&way, data)) = data.split_first() else { return };
    let bytes = match way % 4 {
        0 => data.to_vec(),
        1 => [&wasmspoor::file::head_bytes()[..], data].concat(),
        _ => changed(data, way),
    };
    let open = || wasmspoor::file::Reader::of(Box::new(std::io::Cursor::new(bytes.clone())));
    let Ok(reader) = open() else { return };
    _ = wasmspoor::file::Info::of(&reader);
    let Ok(recorded) = wasmspoor::file::Recorded::of(reader, None) else { return };
    if let Ok(run) = &recorded.run {
        let limits = ReplayLimits { max_instructions: 200_000, ..ReplayLimits::default() };
        _ = run.trace.replay_within(limits, &mut wasmspoor::trace::Counter::default());
        let mut left = 2000;
        _ = recorded.events::<wasmspoor::trace::ReplayError>(&run.trace, (50, 5000), &[], |_, _| {
            left -= 1;
            Ok(left > 0)
        });
    }
    _ = wasmspoor::file::TraceDiff::of(&recorded, &recorded);
    thread_local! {
        static RULES: wasmspoor::rules::Set = wasmspoor::rules::Set::builtin();
    }
    RULES.with(|rules| {
        let options = recorded.header.options.clone();
        let analysis = wasmspoor::analysis::Analysis::of_recorded(recorded, rules);
        let subject =
            wasmspoor::report::Subject { name: "x", analysis: &analysis, options: &options, max_log: 100 };
        _ = serde_json::to_string(&wasmspoor::report::Report::of(&subject));
    });
}

/// A sound file with some bytes of its contents changed, and all checksums right.
fn changed(data: &[u8], way: u8) -> Vec<u8> {
    static SOUND: std::sync::OnceLock<Vec<(wasmspoor::file::Frame, Vec<u8>)>> = std::sync::OnceLock::new();
    let sound = SOUND.get_or_init(sound_chunks);
    let mut chunks = sound.clone();
    for change in data.chunks_exact(4) {
        let chunk = usize::from(change[0]) % chunks.len();
        let Some((frame, raw)) = chunks.get_mut(chunk) else { continue };
        let at = usize::from(u16::from_le_bytes([change[1], change[2]]));
        match way & 12 {
            0 => frame.count = frame.count.wrapping_add(u64::from(change[3])),
            4 => frame.first = frame.first.wrapping_add(u64::from(change[3])),
            _ => {
                let at = at % raw.len().max(1);
                if let Some(byte) = raw.get_mut(at) {
                    *byte = change[3];
                }
            }
        }
    }
    let mut bytes = wasmspoor::file::head_bytes().to_vec();
    for (frame, raw) in &chunks {
        bytes.extend(frame.with_contents(raw));
    }
    bytes
}

/// The chunks of a small file, uncompressed.
fn sound_chunks() -> Vec<(wasmspoor::file::Frame, Vec<u8>)> {
    const SAMPLE: &[u8] = br#"(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "\20\00\00\00\05\00\00\00") (data (i32.const 32) "line\n") (table funcref (elem $f))
        (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "_start") (local $i i32)
            (loop $l (drop (call $w (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8))) (call $f (local.get $i))
                (call_indirect (param i32) (local.get $i) (i32.const 0)) (drop (memory.grow (i32.const 1)))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 9))))
            (unreachable)))"#;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("x");
    let mut options = wasmspoor::sandbox::RunOptions::default();
    options = options.with_persona(Arc::new(wasmspoor::sandbox::Persona::bare()));
    let sample = wasmspoor::file::Sample { name: "x", bytes: SAMPLE, is_embedded: true };
    let file = std::fs::File::create_new(&path).expect("a file can be made");
    wasmspoor::file::record(file, &path, &sample, &options).expect("a file can be written");
    let reader = wasmspoor::file::Reader::open(&path).expect("what was written can be read");
    let chunks = reader.chunks().iter().enumerate();
    chunks.map(|(position, (frame, _))| (*frame, reader.read(position).expect("it is whole"))).collect()
}
