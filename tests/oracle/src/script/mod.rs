//! Runs `.wast` scripts, directive by directive, on stock wasmi and on any crate with its API.
//!
//! ```text
//! scripts() ──► run_suite ──► run_script(engine, script, observer) ──► SuiteReport ──► differences
//!                                 │ Engine: the adapter that `wast_runner!` makes for an engine crate
//!                                 └ Observer: rewrites modules, sees each call; `Counting` instruments
//! ```
//!
//! An engine is made anew for each script, by the caller: so config and store are the caller's.

mod counting;
mod engine;
mod report;
mod run;
mod suite;
mod value;

pub use counting::Counting;
pub use engine::{Engine, Failure, FailureKind, InstanceId, ModuleId};
pub use report::{Difference, DirectiveReport, Outcome, ScriptReport, SuiteReport};
pub use run::{Invocation, Observer, run_script};
pub use suite::{Script, atomics, exceptions, function_references, garbage_collection, run_suite, scripts};
pub use value::Value;

/// Scripts on stock wasmi.
pub mod stock {
    crate::wast_runner!(wasmi);
}
pub use stock::Adapter as Stock;
