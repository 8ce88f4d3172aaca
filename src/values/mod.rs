//! The data level: what every instruction computed, from a trace that does not hold it.
//!
//! A trace says which way each branch went. The values follow from that, the module and what the host did
//! ([`Effects`](crate::trace::effects::Effects)). A [`Machine`] runs the code once more with concrete values
//! and checks itself against the recording. It compares every branch, label, callee, growth, bulk operation,
//! trap (code and place), and every argument and result at the border. A difference is an error that names
//! the event, so the values are exact or known not to be. `docs/values.md` tells more.
//!
//! Not here: what a run means (`passes`), how it is recorded (`tracer`).

mod check;
mod code;
mod debugger;
mod error;
mod find;
mod heat;
mod layout;
mod limits;
mod machine;
mod made;
mod pages;
mod run;
mod shape;
mod slice;
mod slot;
mod slots;
mod state;
mod store;
mod table;
pub mod taint;
mod timeline;
mod translate;
mod types;
mod vector;
mod visitor;
mod writers;

pub use code::{Op, Ty};
pub use debugger::{Debugger, Stop, Stopped};
pub use error::{Ending, ValuesError, ValuesErrorKind};
pub use find::{FindBytes, FindValue, Found, Given};
pub use heat::{Heat, HeatCell};
pub use limits::{
    MAX_FOUND, MAX_FRAMES, MAX_MEMORY_BYTES, MAX_PATTERN, MAX_SLOTS, MAX_TABLE_ELEMENTS, MAX_WATCHED,
};
pub use machine::{Machine, Totals};
pub use slice::{Definition, Slice, Slicer};
pub use slots::Slots;
pub use state::{Activation, Gives, Level, State, Typed, Waiting};
pub use timeline::Timeline;
pub use types::{signature, typed};
pub use visitor::{Access, At, Fused, Nothing, Touched, Visitor};
pub use writers::{LastWriters, Writer};
