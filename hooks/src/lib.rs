//! wasmi 2.0.0 with an execution loop that records which way it went.
//!
//! The crate *is* wasmi: `build/` takes the published crate, applies the edits of `edits/` and this file
//! includes the result. Our addition stands in [`recorder`] and is switched on with `Config::record`. An
//! engine without it runs wasmi's own handlers. Its users are the crate `wasmspoor` and the differential
//! tests; the API is wasmi's, documented there.

// What the included root would state itself, were it not included (an inner attribute cannot be).
#![recursion_limit = "1000"]
// The included code is not ours to lint or to document.
#![allow(warnings, clippy::all, rustdoc::all)]

include!(concat!(env!("OUT_DIR"), "/wasmi/lib.rs"));

pub mod dispatch;
mod lazy;
pub mod recorder;
