//! The sandbox: runs a sample where it can touch nothing real, and keeps what it asked for.
//!
//! [`run`] links the imports: closures of the embedder, then stub file, then WASI, then known worlds, then
//! typed defaults. It drives the entry points in their order, each under its own budget. It gives a [`Run`]:
//! the trace, the log of host calls, and how each entry point ended. The sample sees a virtual clock, seeded
//! randomness, files in memory; never the real ones.
//!
//! Data goes from `link` (what answers which import) over `import` (one call: log, answer, log) to `driver`
//! (who is called, with what). All of them share `state` during a run.
//!
//! Not here: what the calls mean (`passes`, `rules`).

mod asked;
mod built;
mod callers;
mod carve;
mod clock;
mod context;
mod damage;
mod driver;
mod dropped;
mod embedder;
mod ending;
#[cfg(test)]
mod every;
mod fs;
mod glob;
mod handed;
mod held;
mod home;
mod import;
mod journal;
mod layers;
mod limits;
mod link;
mod log;
mod members;
mod origin;
mod persona;
mod quota;
mod random;
mod returned;
mod shifted;
mod signature;
mod spelled;
mod state;
mod stubs;
mod texts;
mod tokens;
mod touched;
mod traced;
mod typed;
mod types;
mod wasi;
mod world;

use std::sync::{Arc, Mutex};

use crate::{
    limitation::Limitation,
    module::{
        LoadError, Module,
        component::{Answerer, Linked},
    },
    tracer::{Recording, Session, StreamSink, Timeout, Tracer},
};

pub(crate) use self::damage::is_named;
pub use self::damage::{Damage, Harm};
pub(crate) use self::driver::is_drivers;
pub(crate) use self::dropped::is_within;
pub(crate) use self::dropped::judge;
#[cfg(test)]
pub(crate) use self::every::{every_option, every_value};
pub use self::fs::Contents;
pub(crate) use self::fs::{is_compressed, is_passing, is_users};
pub(crate) use self::journal::{Item, Journal, Recorder, is_unfinished, unfinished};
pub(crate) use self::link::is_of_wasi;
pub use self::touched::{Touch, Touched};
pub(crate) use self::wasi::RIGHT_TO_WRITE;
pub(crate) use self::world::STREAMS;
use self::{driver::Driver, link::Link, state::State};
pub use self::{
    embedder::{HostFunctions, ImportCall},
    fs::{ChangeKind, ChangedKind, FileChange},
    persona::{Conduct, Document, Honeytoken, MIN_TOKEN, Peer, Persona, PersonaError, Socket, SocketKind},
    returned::Returned,
    stubs::{StubError, Stubs},
    types::{
        Answer, Arg, Call, Connection, Drive, Entry, EntryEnd, EntryKind, Leak, LeakEncoding, LeakPlace,
        MAX_ARGS, MAX_CALLS, MAX_OUTPUT, MAX_POINTED, Pointed, Run, RunOptions, Seed, Status, TokenUse,
    },
};

/// Runs `wasm`, a sample in the binary format.
///
/// # Errors
///
/// If it is invalid or needs what the engine lacks; whatever happens once it is loaded is a result.
pub fn run(wasm: &[u8], options: &RunOptions) -> Result<Run, LoadError> {
    run_with(wasm, options, Manner::default())
}

/// As [`run`]. It also records what the host did to the sample: [`Trace::effects`](crate::trace::Trace), for
/// [`values`](crate::values).
///
/// # Errors
///
/// As for [`run`].
pub fn run_with_effects(wasm: &[u8], options: &RunOptions) -> Result<Run, LoadError> {
    run_with(wasm, options, Manner { effects: true, ..Manner::default() })
}

/// How a run is recorded.
#[derive(Default)]
pub(crate) struct Manner {
    /// Takes the streams away and is told what happens.
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
    /// When the clock strikes, if that is known beforehand.
    pub(crate) timeouts: Option<Vec<Timeout>>,
    /// Whether what the host does is recorded too.
    pub(crate) effects: bool,
}

/// As [`run`], recorded in some manner.
pub(crate) fn run_with(wasm: &[u8], options: &RunOptions, manner: Manner) -> Result<Run, LoadError> {
    run_module(crate::tracer::parse(wasm)?, &options.clone().seeded(wasm), manner)
}

/// As [`run_with`], of a module that was parsed; `options` are seeded.
pub(crate) fn run_module(
    module: Arc<Module>,
    options: &RunOptions,
    manner: Manner,
) -> Result<Run, LoadError> {
    let Manner { recorder, timeouts, effects } = manner;
    let mut limitations = Vec::new();
    let stubs = Stubs::read(&options.stubs, &mut limitations);
    let mut state = State::new(options);
    state.journal.journal = recorder.clone().map(|recorder| recorder as Arc<dyn Journal>);
    let state = Arc::new(Mutex::new(state));
    let mut link =
        Link::new(&module, Arc::clone(&state), stubs, options.functions.clone(), options.seed.number());
    let tracer = Tracer::new(crate::Options::default().limits(options.limits.clone()).effects(effects));
    let session = tracer.load_module(
        module,
        &mut link,
        Recording { sink: recorder.map(|recorder| recorder as Arc<dyn StreamSink>), timeouts },
    )?;
    let (session, outcome) = Driver::new(session, options, &state, link.layout()).run();
    let refused = session.refused_growth();
    limitations.extend(heavy_functions(&session));
    limitations.extend(modules_left(&session));
    let trace = session.finish();
    let mut state = state::lock(&state);
    state.tell_outputs();
    let state = std::mem::replace(&mut *state, State::new(&RunOptions::default()));
    limitations.extend(outcome.limitations);
    if refused > 0 {
        limitations.push(Limitation::GrowthRefused { count: refused });
    }
    let mut run = state.into_run(trace, outcome.entries, outcome.status, limitations);
    judge(options, &mut run);
    Ok(run)
}

/// Says which functions cannot run because they take too much to be validated and translated.
fn heavy_functions(session: &Session) -> Option<Limitation> {
    let heavy = session.heavy().functions();
    let &(first, _) = heavy.first()?;
    Some(Limitation::HeavyFunctions { first, count: heavy.len() as u64 })
}

/// Says which modules of a component do not run.
fn modules_left(session: &Session) -> Option<Limitation> {
    let component = session.module().component()?;
    let mut left = component.unrun().peekable();
    let first = left.peek()?.start as u64;
    let is_answered = |import: &&Linked| matches!(import.answerer, Answerer::Adapter | Answerer::Inner);
    let imports = component.main.imports.iter().filter(is_answered).count() as u64;
    let why = component.unlinked.as_ref().map(|why| why.to_string());
    Some(Limitation::ModulesLeft { count: left.count() as u64, first, imports, why })
}
