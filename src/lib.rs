//! Runs hostile WebAssembly in a patched interpreter and records, at about the cost of counting fuel, a trace
//! from which every executed instruction can be replayed.
//!
//! ```
//! use wasmspoor::{Options, Tracer, trace};
//!
//! let sample = r#"(module (func (export "main") (param i32)
//!     (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
//! let mut session = Tracer::new(Options::default()).load(sample.as_bytes())?;
//! session.start()?;
//! session.invoke("main", &[wasmspoor::Value::I32(3)])?;
//! let trace = session.finish();
//!
//! let mut executed = Vec::new();
//! for event in trace.events() {
//!     if let trace::Event::Op(instruction) = event? {
//!         executed.push(instruction.opcode.mnemonic());
//!     }
//! }
//! assert_eq!(executed.len(), 18);
//! assert_eq!(executed[..6], ["loop", "local.get", "i32.const", "i32.sub", "local.tee", "br_if"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Data goes one way: bytes → [`module`] → tracer ([`Tracer`], [`Session`]) → [`trace`].
//! `docs/trace-stream.md` says what counts as executed, and what a trace holds; `docs/architecture.md` says
//! where things are.

// Much of the engine's side is there for the sandbox and for trace files.
#![cfg_attr(not(feature = "analysis"), allow(dead_code, unused_imports, unused_macros))]

#[cfg(feature = "analysis")]
pub mod analysis;
#[cfg(feature = "analysis")]
pub mod categories;
#[cfg(feature = "analysis")]
pub mod classify;
#[cfg(feature = "analysis")]
pub mod file;
#[cfg(feature = "analysis")]
mod hex;
#[cfg(feature = "analysis")]
pub mod limitation;
pub mod module;
#[cfg(feature = "analysis")]
pub mod passes;
#[cfg(feature = "analysis")]
pub mod report;
#[cfg(feature = "analysis")]
pub mod rulebook;
#[cfg(feature = "analysis")]
pub mod rules;
#[cfg(feature = "analysis")]
pub mod sandbox;
#[cfg(feature = "scan")]
pub mod scan;
pub mod text;
pub mod trace;
mod tracer;
pub mod values;
#[cfg(feature = "analysis")]
pub mod verdict;

pub use module::LoadError;
pub use tracer::{
    AtTraceLimit, Blocked, Caller, Cancel, HostError, InvokeError, Limit, LimitError, Limits, MemoryError,
    Options, Outcome, Session, Timeout, Tracer, Type, Value, ValueError,
};
