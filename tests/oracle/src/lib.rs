//! The independent oracle: what a module executes, counted by the module itself on *stock* wasmi.
//!
//! ```
//! use wasmi::{Engine, Linker, Module, Store};
//!
//! let text = "(module (func (export \"main\") (result i32) (i32.add (i32.const 1) (i32.const 2))))";
//! let wasm = wat::parse_str(text)?;
//! let instrumented = wasmspoor_oracle::instrument(&wasm)?;
//!
//! let mut store = Store::new(&Engine::default(), ());
//! let module = Module::new(store.engine(), &instrumented.wasm)?;
//! let instance = Linker::new(store.engine()).instantiate_and_start(&mut store, &module)?;
//! instance.get_typed_func::<(), i32>(&store, "main")?.call(&mut store, ())?;
//!
//! let memory = instance.get_memory(&store, wasmspoor_oracle::COUNTERS).expect("the counters");
//! let counts = instrumented.counts(memory.data(&store))?;
//! assert_eq!((counts.total, counts.of("i32.const")), (3, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`script`] runs the official `.wast` scripts on stock wasmi and, through [`wast_runner!`], on any crate
//! with wasmi's API. This crate shares no code with recorder or replay.

mod counts;
mod error;
mod instrument;
mod operator;
pub mod script;
mod segment;

pub use counts::{Counts, FuncIndex, Instruction, Instrumented, Offset, Segment};
pub use error::Error;
pub use instrument::{Options, instrument, instrument_with, instrument_with_limit};

/// Name of the exported memory that holds the counters.
pub const COUNTERS: &str = "\u{1}wasmspoor-counters";
/// Name of the exported start function, see [`Options::export_start`].
pub const START: &str = "\u{1}wasmspoor-start";
