//! Runs small loops of each kind on a small native stack: the process dies if a handler keeps its frame.
//! `tests/dispatch.rs` builds and runs this with each setting of the compiler that could make it do so.

use wasmspoor_hooks::{Config, Engine, Linker, Module, Store};

/// Branches, calls, memory, growth, a table of labels.
const TEXT: &str = r#"(module (memory 1) (table 1 funcref) (type $t (func (param i32) (result i32)))
  (elem (i32.const 0) $g)
  (func $g (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "main") (param i32) (result i32) (local i32)
    (loop $l
      (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 1)))
      (if (i32.and (local.get 1) (i32.const 1)) (then (drop (memory.grow (i32.const 0)))))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 4))
      (local.set 1 (call_indirect (type $t) (call $g (local.get 1)) (i32.const 0)))
      (block $b (br_table $b $b (i32.and (local.get 1) (i32.const 1))))
      (br_if $l (i32.lt_u (local.get 1) (local.get 0))))
    (local.get 1)))"#;

const ROUNDS: i32 = 300_000;

fn run(is_recording: bool) -> i32 {
    let mut config = Config::default();
    config.record(is_recording);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wat::parse_str(TEXT).expect("text")).expect("a module");
    let mut store = Store::new(&engine, ());
    let instance =
        <Linker<()>>::new(&engine).instantiate_and_start(&mut store, &module).expect("an instance");
    let main = instance.get_typed_func::<i32, i32>(&store, "main").expect("the export");
    main.call(&mut store, ROUNDS).expect("an end")
}

fn main() {
    let run = || [false, true].map(run);
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run).expect("a thread");
    assert_eq!(thread.join().expect("an end"), [ROUNDS; 2]);
    println!("{}", if wasmspoor_hooks::dispatch::USES_TAIL_CALLS { "tail calls" } else { "loop" });
}
