//! The public API as an embedder uses it: host functions that read and write memory and call back, errors
//! that say where, hostile bytes.

use wasmspoor::{
    Cancel, HostError, InvokeError, Limit, LoadError, MemoryError, Options, Outcome, Tracer, Type, Value,
    trace,
};

fn tracer() -> Tracer {
    Tracer::new(Options::default())
}

#[test]
fn a_host_function_reads_and_writes_memory_and_calls_back() {
    let text = r#"(module (import "env" "shout" (func $shout (param i32 i32) (result i64))) (memory (export "memory") 1)
        (data (i32.const 8) "spoor")
        (func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0)))
        (func (export "main") (result i64) (call $shout (i32.const 8) (i32.const 5))))"#;
    let mut tracer = tracer();
    tracer.define("env", "shout", |call| {
        let (Value::I32(address), Value::I32(len)) = (call.args()[0], call.args()[1]) else {
            panic!("{:?}", call.args())
        };
        assert_eq!(call.result_types(), [Type::I64]);
        let text = call.read_memory(address as u64, len as u64).unwrap().to_ascii_uppercase();
        call.write_memory(address as u64, &text).unwrap();
        assert!(call.read_memory(65_535, 2).is_none());
        assert!(call.write_memory(u64::MAX, b"x").is_none());
        let doubled = call.invoke("double", &[Value::I32(21)])?;
        assert_eq!(doubled, [Value::I32(42)]);
        assert!(call.set_result(0, Value::I32(1)).is_err() && call.set_result(1, Value::I64(1)).is_err());
        call.set_result(0, Value::I64(42))
    });
    let mut session = tracer.load(text.as_bytes()).unwrap();
    session.start().unwrap();
    assert_eq!(session.invoke("main", &[]).unwrap(), Outcome::Returned(vec![Value::I64(42)]));
    assert_eq!(&session.memory("memory").unwrap()[8..13], b"SPOOR");
    let trace = session.finish();
    let counts = trace.counts().unwrap();
    assert_eq!((counts.total, counts.of_mnemonic("local.get"), counts.of_mnemonic("call")), (6, 2, 1));
    let order: Vec<_> = trace
        .events()
        .map(|event| event.unwrap())
        .filter(|event| !matches!(event, trace::Event::Op(_) | trace::Event::Leave))
        .collect();
    let expected = matches!(
        order[..],
        [
            trace::Event::Invoke { .. },
            trace::Event::HostCall { .. },
            trace::Event::Invoke { .. },
            trace::Event::End(trace::End::Returned),
            trace::Event::HostReturn { failed: false },
            trace::Event::End(trace::End::Returned),
        ]
    );
    assert!(expected, "{order:?}");
}

#[test]
fn a_host_error_loses_nothing() {
    let text = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start") (nop) (call $exit (i32.const 3)) (unreachable)))"#;
    let mut tracer = tracer();
    tracer.define("wasi_snapshot_preview1", "proc_exit", |call| {
        Err(HostError::new(format!("exit {}", call.args()[0])))
    });
    let mut session = tracer.load(text.as_bytes()).unwrap();
    session.start().unwrap();
    let outcome = session.invoke("_start", &[]).unwrap();
    let Outcome::HostError { message, site: Some(site) } = outcome else { panic!("{outcome:?}") };
    assert_eq!((message.as_str(), site.function.0), ("exit 3", 1));
    let counts = session.finish().counts().unwrap();
    assert_eq!((counts.total, counts.of_mnemonic("unreachable")), (3, 0));
}

#[test]
fn several_invocations_are_one_trace() {
    let text = r#"(module (global (mut i32) (i32.const 0)) (func $s (global.set 0 (i32.const 5))) (start $s)
        (func (export "next") (result i32) (global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0))
        (func (export "fail") (nop) (unreachable)))"#;
    let mut session = tracer().load(text.as_bytes()).unwrap();
    assert_eq!(session.invoke("next", &[]).unwrap_err(), InvokeError::NotStarted);
    session.start().unwrap();
    assert_eq!(session.start().unwrap_err(), InvokeError::Started);
    for expected in [6, 7] {
        assert_eq!(session.invoke("next", &[]).unwrap(), Outcome::Returned(vec![Value::I32(expected)]));
        assert!(matches!(
            session.invoke("fail", &[]).unwrap(),
            Outcome::Trapped { code: trace::Trap::Unreachable, site: Some(_) }
        ));
    }
    assert_eq!(session.invoke("nothing", &[]).unwrap_err(), InvokeError::NoSuchExport("nothing".into()));
    assert!(matches!(session.invoke("next", &[Value::I32(1)]).unwrap_err(), InvokeError::Arguments(_)));
    let counts = session.finish().counts().unwrap();
    assert_eq!(
        (counts.total, counts.of_mnemonic("unreachable"), counts.of_mnemonic("global.set")),
        (2 + 2 * 5 + 2 * 2, 2, 3)
    );
}

#[test]
fn a_trap_of_the_start_function_is_an_outcome_with_a_place() {
    let mut session = tracer()
        .load(b"(module (func $s (nop) (drop (i32.div_s (i32.const 1) (i32.const 0)))) (start $s))")
        .unwrap();
    let outcome = session.start().unwrap();
    assert!(
        matches!(outcome, Outcome::Trapped { code: trace::Trap::IntegerDivideByZero, site: Some(_) }),
        "{outcome:?}"
    );
    assert_eq!(session.finish().counts().unwrap().total, 4);
    // A segment that does not fit is no trap of any instruction.
    let mut session = tracer().load(br#"(module (memory 1) (data (i32.const 65536) "x"))"#).unwrap();
    assert!(matches!(session.start().unwrap_err(), InvokeError::Instantiation(_)));
}

/// A module with one function, whose body is given.
fn body(code: &[u8]) -> Vec<u8> {
    fn leb(mut value: usize) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let byte = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                out.push(byte);
                return out;
            }
            out.push(byte | 0x80);
        }
    }
    let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x08\x01\x04main\0\0".to_vec();
    let size = leb(code.len());
    wasm.push(10);
    wasm.extend(leb(1 + size.len() + code.len()));
    wasm.push(1);
    wasm.extend(size);
    wasm.extend(code);
    wasm
}

#[test]
fn bad_input_is_an_error_or_a_result_within_seconds() {
    let million = {
        let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0".to_vec();
        let count = [0xc0, 0x84, 0x3d]; // 1,000,000
        wasm.push(3);
        wasm.extend([0xc3, 0x84, 0x3d]);
        wasm.extend(count);
        wasm.extend(vec![0; 1_000_000]);
        wasm.push(10);
        wasm.extend([0xc3, 0x8d, 0xb7, 0x01]); // 3,000,003
        wasm.extend(count);
        wasm.extend([2, 0, 0x0b].repeat(1_000_000));
        wasm
    };
    let nested = |depth: usize| {
        let mut code = vec![0];
        code.extend([0x02, 0x40].repeat(depth));
        code.extend(vec![0x0b; depth + 1]);
        body(&code)
    };
    let locals = |count: &[u8]| {
        let mut code = vec![1];
        code.extend(count);
        code.extend([0x7f, 0x0b]);
        body(&code)
    };
    let many_locals = locals(&[0xd0, 0x86, 0x03]); // 50,000
    let too_many_locals = locals(&[0xd1, 0x86, 0x03]);
    let truncated = nested(20)[..30].to_vec();
    let deep_text =
        format!("(module (func (export \"main\") {}{}))", "(block ".repeat(50_000), ")".repeat(50_000));
    for (what, bytes, is_run) in [
        ("empty", Vec::new(), false),
        ("bad magic", b"\x7fELF\x02\x01\x01\0".to_vec(), false),
        ("only magic", b"\0asm".to_vec(), false),
        ("bad version", b"\0asm\x02\0\0\0".to_vec(), false),
        ("truncated", truncated, false),
        ("component", b"\0asm\x0d\0\x01\0".to_vec(), false),
        ("100 MB of zeros", vec![0; 100 << 20], false),
        (
            "100 MB of zeros behind a header",
            [b"\0asm\x01\0\0\0".to_vec(), vec![0; 100 << 20]].concat(),
            false,
        ),
        ("nested 20 deep", nested(20), true),
        ("nested 50,000 deep", nested(50_000), true),
        ("nested 50,000 deep as text", deep_text.into_bytes(), false),
        ("50,000 locals", many_locals, true),
        ("50,001 locals", too_many_locals, false),
        ("a million functions", million, true),
    ] {
        match tracer().load(&bytes) {
            Err(error) => {
                assert!(!is_run, "{what}: {error}");
                assert!(!error.to_string().is_empty());
                if let LoadError::Invalid { offset, reason } = &error {
                    assert!(*offset <= bytes.len() as u64 && !reason.is_empty(), "{what}: {error}");
                }
            }
            Ok(mut session) => {
                assert!(is_run || what == "nested 50,000 deep as text", "{what}");
                session.start().unwrap();
                if session.params("main").is_some() {
                    session.invoke("main", &[]).unwrap();
                }
                session.finish().counts().unwrap();
            }
        }
    }
}

#[test]
fn memory_is_prepared_from_outside_within_its_bounds() {
    let text = r#"(module (memory (export "m") 1) (func (export "f")))"#;
    let mut session = tracer().load(text.as_bytes()).unwrap();
    assert_eq!(session.write_memory("m", 0, b"x"), Err(MemoryError::NoSuchMemory("m".into())), "not started");
    session.start().unwrap();
    session.write_memory("m", 65_534, b"ab").unwrap();
    assert_eq!(session.read_memory("m", 65_534, 2), Ok(&b"ab"[..]));
    assert_eq!(session.read_memory("m", 65_536, 0), Ok(&b""[..]));
    let beyond = |address, len| Err(MemoryError::OutOfBounds { address, len, size: 65_536 });
    assert_eq!(session.write_memory("m", 65_535, b"ab"), beyond(65_535, 2));
    assert_eq!(session.read_memory("m", u64::MAX, 2).map(drop), beyond(u64::MAX, 2));
    assert_eq!(session.read_memory("m", 65_535, 1), Ok(&b"b"[..]), "nothing of the other was written");
    assert_eq!(session.read_memory("f", 0, 1), Err(MemoryError::NoSuchMemory("f".into())));
}

/// Of every shape in which a run can be silent for long.
#[test]
fn a_handle_ends_a_run_from_another_thread() {
    fn is_for_threads<T: Send + Sync>(_: &T) {}
    for code in ["(loop (br 0))", "(loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)) (br 0))"] {
        let cancel = Cancel::new();
        is_for_threads(&cancel);
        let mut limits = wasmspoor::Limits::default();
        limits.wall_time = None;
        let options = Options::default().limits(limits).cancel(cancel.clone());
        let text = format!("(module (memory 1) (func (export \"main\") {code}) (func (export \"short\")))");
        let mut session = Tracer::new(options).load(text.as_bytes()).unwrap();
        session.start().unwrap();
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| cancel.cancel());
            session.invoke("main", &[]).unwrap()
        });
        assert!(
            matches!(outcome, Outcome::Stopped { limit: Limit::Cancelled, site: Some(_) }),
            "{outcome:?}"
        );
        assert_eq!(session.stopped_by(), Some(Limit::Cancelled));
        let trace = session.finish();
        assert!(trace.counts().unwrap().total > 0 && cancel.is_cancelled());
    }
}
