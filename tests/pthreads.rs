//! Threads that a page begins: of Emscripten, with names and without, and of wasm-bindgen. Each run is
//! counted and valued again.

#[expect(dead_code, reason = "programs here run in the sandbox")]
#[path = "common/valued.rs"]
mod valued;

use valued::checked;
use wasmspoor::{
    Value,
    sandbox::{self, Drive, Run, RunOptions, Seed},
    values::{Machine, Nothing},
};

fn run(text: &str, seed: u64) -> Run {
    let wasm = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let mut options = RunOptions::default();
    options.seed = Seed::Given(seed);
    let run = sandbox::run_with_effects(&wasm, &options).unwrap();
    checked(&run.trace);
    run
}

/// What the last entry of this name returned.
fn returned(run: &Run, name: &str) -> Option<i32> {
    let entry = run.entries.iter().rfind(|entry| entry.name == name)?;
    match entry.results[..] {
        [Value::I32(value)] => Some(value),
        _ => None,
    }
}

/// A program as Emscripten links one with `-pthread`. Structures of threads are at 4096 (the main one)
/// and 8192. There is a stack for each, variables of each thread, and the parts of the library that its glue
/// calls. The program adds what two threads made of their numbers, of their own variables and their stacks.
///
/// `{}` are the names of imports and exports.
const EMSCRIPTEN: &str = r#"(module
  (import "{env}" "{memory}" (memory 2 4 shared))
  (import "{env}" "{create}" (func $create (param i32 i32 i32 i32) (result i32)))
  (import "{env}" "{main_thread}" (func $init-main-js (param i32)))
  (import "{env}" "{await}" (func $await (param i32)))
  (import "{env}" "{write}" (func $write (param i32 i32 i32 i32) (result i32)))
  (table (export "{table}") 3 funcref)
  (elem (i32.const 1) $square $double)
  (data (i32.const 1024) "threads\n")
  (global $sp (mut i32) (i32.const 65536))
  (global $self (mut i32) (i32.const 0))
  (global $is-main (mut i32) (i32.const 0))
  (global $is-runtime (mut i32) (i32.const 0))
  (global $can-wait (mut i32) (i32.const 0))
  (global $stack-end (mut i32) (i32.const 0))
  (global $stack-base (mut i32) (i32.const 0))
  (global $tls (mut i32) (i32.const 0))
  ;; Constructors: the main thread's structure begins with its own address.
  (func (export "{ctors}")
    (global.set $stack-base (i32.const 65536))
    (global.set $stack-end (i32.const 32768))
    (call $init-main-js (i32.const 4096))
    (i32.store (i32.const 4096) (i32.const 4096))
    (i32.store (i32.const 4120) (i32.const 2)))
  (func $set-state (param i32 i32 i32 i32)
    (global.set $self (local.get 0)) (global.set $is-main (local.get 1))
    (global.set $is-runtime (local.get 2)) (global.set $can-wait (local.get 3)))
  (func (export "{init}") (param i32 i32 i32 i32 i32 i32)
    (call $set-state (local.get 0) (local.get 1) (local.get 2) (local.get 3))
    (if (i32.and (local.get 2) (i32.ne (local.get 4) (i32.const 0)))
      (then (i32.store (i32.const 2048) (local.get 4)))))
  (func (export "{limits}") (param i32 i32)
    (global.set $stack-base (local.get 0)) (global.set $stack-end (local.get 1)))
  (func (export "{restore}") (param i32) (global.set $sp (local.get 0)))
  (func (export "{pointer}") (result i32) (global.get $sp))
  (func (export "{own}") (result i32) (global.get $self))
  (func (export "{errno}") (result i32) (i32.add (global.get $self) (i32.const 28)))
  ;; Variables of a thread lie behind its structure, and begin with 5.
  (func (export "{storage}") (result i32)
    (global.set $tls (i32.add (global.get $self) (i32.const 1024)))
    (i32.store (global.get $tls) (i32.const 5))
    (global.get $tls))
  ;; The result is kept, and who joins is told.
  (func (export "{exit}") (param $result i32) (local $thread i32)
    (local.set $thread (global.get $self))
    (i32.store offset=64 (local.get $thread) (local.get $result))
    (i32.atomic.store offset=24 (local.get $thread) (i32.const 1))
    (drop (memory.atomic.notify offset=24 (local.get $thread) (i32.const -1))))
  (func (export "{free}") (param i32) (i32.store offset=44 (local.get 0) (i32.const 0)))
  (func $frame (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    ;; Whether the frame is on the stack of the thread.
    (if (result i32) (i32.and (i32.lt_u (global.get $sp) (global.get $stack-base))
          (i32.ge_u (global.get $sp) (global.get $stack-end)))
      (then (i32.load (global.get $tls))) (else (i32.const 0))))
  (func $square (param i32) (result i32)
    (i32.store (global.get $tls) (i32.add (i32.load (global.get $tls)) (i32.const 1)))
    (i32.add (i32.mul (local.get 0) (local.get 0)) (i32.mul (call $frame) (i32.const 100))))
  (func $double (param i32) (result i32)
    (i32.add (i32.mul (local.get 0) (i32.const 2)) (i32.mul (call $frame) (i32.const 1000))))
  (func $begin (param $thread i32) (param $attributes i32) (param $start i32) (param $argument i32) (result i32)
    (i32.store (local.get $thread) (local.get $thread))
    (i32.store offset=24 (local.get $thread) (i32.const 2))
    (i32.store offset=52 (local.get $thread) (i32.add (local.get $thread) (i32.const 3072)))
    (i32.store offset=56 (local.get $thread) (i32.const 1024))
    (call $create (local.get $thread) (local.get $attributes) (local.get $start) (local.get $argument)))
  (func $join (param $thread i32) (result i32)
    (loop $again
      (if (i32.eq (i32.atomic.load offset=24 (local.get $thread)) (i32.const 2)) (then
        (drop (memory.atomic.wait32 offset=24 (local.get $thread) (i32.const 2) (i64.const -1)))
        (br $again))))
    (i32.load offset=64 (local.get $thread)))
  (func (export "{program}") (result i32)
    (if (call $begin (i32.const 8192) (i32.const 0) (i32.const 1) (i32.const 7)) (then unreachable))
    (if (call $begin (i32.const 16384) (i32.const 0) (i32.const 2) (i32.const 4)) (then unreachable))
    (i32.store (i32.const 1100) (i32.const 1024)) (i32.store (i32.const 1104) (i32.const 8))
    (drop (call $write (i32.const 1) (i32.const 1100) (i32.const 1) (i32.const 1108)))
    (i32.add (i32.add (call $join (i32.const 8192)) (call $join (i32.const 16384)))
      ;; 4096 of the main thread: the others have their own.
      (global.get $self))))"#;

/// 7 * 7 + 600 (its variable is 6 by then), 4 * 2 + 5000, and the main structure.
const EXPECTED: i32 = 649 + 5008 + 4096;

fn named(names: &[(&str, &str)]) -> String {
    names.iter().fold(EMSCRIPTEN.to_owned(), |text, (hole, name)| text.replace(&format!("{{{hole}}}"), name))
}

#[test]
fn a_thread_of_emscripten_runs_its_function_on_a_stack_of_its_own() {
    let text = named(&[
        ("env", "env"),
        ("memory", "memory"),
        ("create", "__pthread_create_js"),
        ("main_thread", "__emscripten_init_main_thread_js"),
        ("await", "_emscripten_thread_mailbox_await"),
        ("write", "fd_write"),
        ("table", "__indirect_function_table"),
        ("ctors", "__wasm_call_ctors"),
        ("init", "_emscripten_thread_init"),
        ("limits", "emscripten_stack_set_limits"),
        ("restore", "_emscripten_stack_restore"),
        ("pointer", "emscripten_stack_get_current"),
        ("own", "pthread_self"),
        ("storage", "_emscripten_tls_init"),
        ("exit", "_emscripten_thread_exit"),
        ("free", "_emscripten_thread_free_data"),
        ("errno", "__errno_location"),
        ("program", "run_both"),
    ]);
    for seed in 1..5 {
        let run = run(&text, seed);
        assert_eq!(returned(&run, "run_both"), Some(EXPECTED), "{:?}", run.entries);
    }
}

/// As linked with `-O3`: no name tells anything.
#[test]
fn a_thread_of_emscripten_is_found_where_a_minifier_took_all_names() {
    let names = ["create", "main_thread", "await", "write", "table"];
    let names = names.into_iter().zip(["b", "c", "d", "e", "f"]);
    let exports = [
        "ctors", "init", "limits", "restore", "pointer", "own", "storage", "exit", "free", "program", "errno",
    ];
    let exports = exports.into_iter().zip(["g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"]);
    let names: Vec<_> = [("env", "a"), ("memory", "a")].into_iter().chain(names).chain(exports).collect();
    let text = named(&names);
    for seed in 1..5 {
        let run = run(&text, seed);
        assert_eq!(returned(&run, "p"), Some(EXPECTED), "{:?}", run.entries);
        assert_eq!(run.stdout, b"threads\n", "what is no thread is what it was");
        let said: Vec<_> = run.limitations.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|said| said.contains("a.b for __pthread_create_js")), "{said:?}");
        // The glue's own parts are not called with made-up arguments.
        assert!(
            !run.entries.iter().any(|entry| ["h", "i", "j", "n"].contains(&&*entry.name)),
            "{:?}",
            run.entries
        );
    }
}

/// The type alone begins no thread: what is given must be a structure and a function that fits.
#[test]
fn a_call_that_does_not_look_like_a_thread_begins_none() {
    let names = ["create", "main_thread", "await", "write", "table"].map(|name| (name, name));
    for (from, to) in [
        ("(i32.store (local.get $thread) (local.get $thread))", ""),
        ("(elem (i32.const 1) $square $double)", "(elem (i32.const 1) $limits $limits)"),
    ] {
        let mut all = vec![("env", "a"), ("memory", "m"), ("limits", "i\") (export \"i2")];
        all.extend(names.iter().zip(["b", "c", "d", "e", "f"]).map(|((hole, _), name)| (*hole, name)));
        let exports =
            ["ctors", "init", "restore", "pointer", "own", "storage", "exit", "free", "program", "errno"];
        all.extend(exports.into_iter().zip(["g", "h", "j", "k", "l", "m", "n", "o", "p", "q"]));
        let text =
            named(&all).replace("(func (export \"i\")", "(func $limits (export \"i\")").replace(from, to);
        let run = run(&text, 1);
        let said: Vec<_> = run.limitations.iter().map(ToString::to_string).collect();
        assert!(!said.iter().any(|said| said.contains("__pthread_create_js")), "{said:?}");
    }
}

/// A pool as wasm-bindgen-rayon has it: the glue starts workers with the builder's receiver, and then the
/// builder hands each of them its work.
const RAYON: &str = r#"(module
  (import "wbg" "memory" (memory 2 16 shared))
  (import "wbg" "__wbg_startWorkers_2ee336a9694dda13" (func $start (param i32 i32 i32) (result i32)))
  (global $stack (mut i32) (i32.const 0))
  ;; Each instance takes a stack by its number.
  (func (export "__wbindgen_start")
    (global.set $stack (i32.add (i32.const 8192)
      (i32.mul (i32.const 1024) (i32.atomic.rmw.add (i32.const 64) (i32.const 1))))))
  (func (export "wbg_rayon_poolbuilder_numThreads") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "wbg_rayon_poolbuilder_receiver") (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (export "wbg_rayon_poolbuilder_build") (param i32)
    (i32.atomic.store (i32.const 128) (i32.load (local.get 0)))
    (drop (memory.atomic.notify (i32.const 128) (i32.const -1))))
  (func (export "wbg_rayon_start_worker") (param $receiver i32)
    (loop $again
      (if (i32.eqz (i32.atomic.load (local.get $receiver))) (then
        (drop (memory.atomic.wait32 (local.get $receiver) (i32.const 0) (i64.const -1))) (br $again))))
    (i32.store (global.get $stack) (i32.const 1))
    (drop (i32.atomic.rmw.add (i32.const 132) (global.get $stack)))
    (drop (i32.atomic.rmw.add (i32.const 136) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 136) (i32.const -1))))
  (func (export "initThreadPool") (param i32) (result i32)
    (i32.store (i32.const 1024) (i32.const 3))
    (i32.store (i32.const 1028) (i32.const 128))
    (call $start (i32.const 0) (i32.const 0) (i32.const 1024))))"#;

#[test]
fn workers_of_rayon_run_on_stacks_of_their_own() {
    let wasm = wat::parse_str(RAYON).unwrap();
    for seed in 1..5 {
        let mut options = RunOptions::default();
        options.seed = Seed::Given(seed);
        options.drive = Drive::Name("initThreadPool".into());
        let run = sandbox::run_with_effects(&wasm, &options).unwrap();
        checked(&run.trace);
        let mut machine = Machine::new(&run.trace).unwrap();
        machine.run(&mut Nothing).unwrap();
        let memory = machine.memory(0).unwrap();
        let word = |at: usize| u32::from_le_bytes(*memory[at..].first_chunk().unwrap());
        // The instance of the page has the first stack. The pool is built in one of the four others.
        let of = |builder: u32| (1..5).filter(|number| *number != builder).map(|at| 8192 + 1024 * at).sum();
        let possible: Vec<u32> = (1..5).map(of).collect();
        assert!(possible.contains(&word(132)), "{} {possible:?}", word(132));
        assert_eq!(word(136), 3, "three workers are done");
    }
}

/// What a pool of threads asks before it begins any.
#[test]
fn the_machine_has_processors_and_threads_have_room() {
    let text = r#"(module
        (import "env" "emscripten_num_logical_cores" (func $cores (result i32)))
        (import "env" "_emscripten_default_pthread_stack_size" (func $size (result i32)))
        (memory (export "memory") 1)
        (func (export "pool") (result i32) (i32.div_u (call $size) (call $cores))))"#;
    assert_eq!(returned(&run(text, 1), "pool"), Some(65_536 / 4));
}
