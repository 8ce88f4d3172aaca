//! Runs small loops of each kind on a small native stack: the process dies if a handler keeps its frame.
//! `tests/dispatch.rs` builds and runs this, with the module that it puts beside it. It does so with each
//! setting of the compiler that could make a handler keep its frame.

use wasmspoor_hooks::{Config, Engine, Linker, Module, Store};

/// Branches, calls, memory, growth, a table of labels.
const MODULE: &[u8] = include_bytes!("loop.wasm");

const ROUNDS: i32 = 300_000;

fn run(is_recording: bool) -> i32 {
    let mut config = Config::default();
    config.record(is_recording);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, MODULE).expect("a module");
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
