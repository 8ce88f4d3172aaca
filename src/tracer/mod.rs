//! The tracer: links a sample to host functions and runs it on the hooked engine.
//!
//! [`Tracer`] holds what outlives a sample (options, host functions). [`Session`] is one sample being run,
//! from its start function to its last invocation. [`Session::finish`] gives the [`Trace`]. No type of the
//! engine appears here: an embedder needs this crate alone.
//!
//! Not here: what a trace is (`trace`), what a sample sees of the world beyond single functions (`sandbox`).

mod cancel;
mod capture;
mod feeder;
mod host;
mod instruction_counter;
mod limits;
mod link;
mod meetings;
mod memory;
mod outcome;
mod schedule;
mod session;
mod sink;
mod snapshot;
mod threads;
mod told;
mod value;

use std::{any::Any, collections::HashMap, fmt, sync::Arc, time::Instant};

use wasmspoor_hooks::{self as engine, recorder::bounds::Made};

use crate::{
    module::{
        LoadError, Module, diagnose,
        lower::{Exceptions, Sites, lower, reason},
        to_binary,
        weight::Heavy,
    },
    trace::{FuncKey, Instance, Trace},
};

pub use self::{
    cancel::Cancel,
    host::{Caller, HostError},
    limits::{AtTraceLimit, Limit, LimitError, Limits},
    memory::MemoryError,
    outcome::{InvokeError, Outcome},
    session::Session,
    sink::Timeout,
    threads::Blocked,
    value::{Type, Value, ValueError},
};
use self::{
    capture::Capture,
    host::Host,
    limits::{CODE_PER_BYTE, MAX_CODE, MIN_CODE, MIN_STACK},
};
pub(crate) use self::{
    host::{HostFn, Reference},
    limits::{Budget, replay_limits},
    link::{FunctionImport, Linker},
    session::TableFunction,
    sink::{Batch, StreamSink},
    snapshot::Snapshot,
    threads::{Clock, Start, Turns},
};

/// Whether the machine has a core for work beside a run.
pub(crate) fn has_second_core() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

/// How to run a sample.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// What bounds the run.
    pub limits: Limits,
    /// Whether what the host does to the sample is recorded too: [`Trace::effects`].
    pub effects: bool,
    /// Ends the run from another thread.
    pub cancel: Cancel,
}

impl Options {
    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets whether what the host does to the sample is recorded too.
    pub fn effects(mut self, effects: bool) -> Self {
        self.effects = effects;
        self
    }

    /// Lets `cancel` end the run.
    ///
    /// ```
    /// use std::{thread, time::Duration};
    /// use wasmspoor::{Cancel, Limit, Options, Outcome, Tracer};
    ///
    /// let cancel = Cancel::new();
    /// let tracer = Tracer::new(Options::default().cancel(cancel.clone()));
    /// let mut session = tracer.load(br#"(module (func (export "main") (loop (br 0))))"#)?;
    /// session.start()?;
    /// let outcome = thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         thread::sleep(Duration::from_millis(20));
    ///         cancel.cancel();
    ///     });
    ///     session.invoke("main", &[])
    /// })?;
    /// assert!(matches!(outcome, Outcome::Stopped { limit: Limit::Cancelled, .. }));
    /// assert!(session.finish().counts()?.total > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }
}

/// Makes sessions.
///
/// ```
/// use wasmspoor::{Options, Outcome, Tracer, Value};
///
/// let sample = r#"(module
///   (import "env" "next" (func $next (param i32) (result i32)))
///   (func (export "sum") (param $n i32) (result i32) (local $sum i32)
///     (loop $again
///       (local.set $sum (i32.add (local.get $sum) (call $next (local.get $n))))
///       (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
///     (local.get $sum)))"#;
///
/// let mut tracer = Tracer::new(Options::default());
/// tracer.define("env", "next", |call| {
///     let n = call.args()[0];
///     call.set_result(0, n)
/// });
/// let mut session = tracer.load(sample.as_bytes())?;
/// session.start()?;
/// assert_eq!(session.invoke("sum", &[Value::I32(3)])?, Outcome::Returned(vec![Value::I32(6)]));
///
/// let trace = session.finish();
/// let counts = trace.counts()?;
/// assert_eq!(counts.total, 34);
/// assert_eq!(counts.of_mnemonic("br_if"), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tracer {
    options: Options,
    functions: HashMap<(String, String), Arc<dyn HostFn>>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Tracer {
    /// Creates a tracer that answers every import with zeros.
    pub fn new(options: Options) -> Self {
        Self { options, functions: HashMap::new() }
    }

    /// Answers calls of the imported function `name` of `module` with `function`, whatever its type.
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        function: impl Fn(&mut Caller<'_>) -> Result<(), HostError> + Send + Sync + 'static,
    ) -> &mut Self {
        self.functions.insert((module.to_owned(), name.to_owned()), Arc::new(function));
        self
    }

    /// Reads and validates a sample, binary or text. Nothing of it runs yet; the limits of time count from
    /// here.
    ///
    /// # Errors
    ///
    /// If it is no module, is invalid, or needs what the engine lacks.
    pub fn load(&self, bytes: &[u8]) -> Result<Session, LoadError> {
        self.load_with(bytes, &mut &self.functions, Recording::default())
    }

    /// As [`Self::load`], with the imports that `linker` gives, recorded in some way.
    pub(crate) fn load_with(
        &self,
        bytes: &[u8],
        linker: &mut dyn Linker,
        recording: Recording,
    ) -> Result<Session, LoadError> {
        self.load_module(parse(bytes)?, linker, recording)
    }

    /// As [`Self::load_with`], of a module that was parsed.
    pub(crate) fn load_module(
        &self,
        module: Arc<Module>,
        linker: &mut dyn Linker,
        recording: Recording,
    ) -> Result<Session, LoadError> {
        check_constants(module.heavy())?;
        let diagnosed = |message: String| diagnose(module.bytes(), module.heavy(), &message);
        if module.component().is_some() {
            // The engine sees one module of it, and so would take what no host takes.
            module.validate().map_err(|error| diagnosed(error.to_string()))?;
        }
        let refused = |(message, why): (String, Option<String>)| diagnosed(message).because(why);
        let given = link::globals(&module, linker);
        let (engine, compiled, lowered) = self.compile(&module, &given).map_err(refused)?;
        // The engine validated it, or what writes it anew.
        module.set_valid();
        let limits = &self.options.limits;
        let mut store = engine::Store::new(&engine, Host::new(limits, Arc::clone(&module)));
        store.limiter(|host| &mut host.growth);
        store.recorder_mut().set_sink(Box::new(Capture::with(
            limits.clone(),
            self.options.cancel.clone(),
            recording.sink.clone(),
            recording.timeouts,
        )));
        if self.options.effects {
            capture(&mut store).want_effects();
        }
        let (imports, hosts) = link::imports(&mut store, &compiled, (&module, given), limits, linker)?;
        let first_key = FuncKey(store.next_func_key());
        store.data_mut().set_first_key(first_key);
        if let Some((sites, exceptions)) = lowered {
            capture(&mut store).set_sites(sites, first_key, exceptions);
        }
        let trace = Trace {
            modules: vec![module],
            instances: vec![Instance { module: 0, first_key }],
            hosts,
            ..Trace::default()
        };
        if let Some(sink) = &recording.sink {
            sink.linked(&trace.instances, &trace.hosts);
        }
        Ok(Session {
            store,
            compiled,
            imports,
            instance: None,
            trace,
            begun: Instant::now(),
            limits: limits.clone(),
            snapshots: 0,
        })
    }

    /// Gives the module to an engine: as it is, or written anew if it begins threads or the engine refuses it
    /// so. If that fails, what the engine says, and why it cannot be written anew.
    fn compile(&self, sample: &Module, given: &[link::Given]) -> Result<Compiled, (String, Option<String>)> {
        let given: Vec<u128> = given.iter().map(link::Given::bits).collect();
        let compile = |wasm: &[u8], made: Option<&Arc<Made>>, more_imports: u32| {
            let mut config = self.config(sample, wasm.len(), more_imports);
            if let Some(made) = made {
                config.made(Arc::clone(made));
            }
            let engine = engine::Engine::new(&config);
            let compiled = engine::Module::new(&engine, wasm).map_err(|error| error.to_string())?;
            Ok((engine, compiled))
        };
        // Threads meet in what is written anew; a module that cannot be runs without them.
        let threaded = sample.is_threaded().then(|| lower(sample, &given).ok()).flatten();
        let lowered = match threaded {
            Some(lowered) => lowered,
            None => match compile(sample.core().bytes, None, 0) {
                Ok((engine, compiled)) => return Ok((engine, compiled, None)),
                Err(message) => lower(sample, &given).map_err(|refused| (message, reason(&refused)))?,
            },
        };
        let compiled = compile(&lowered.wasm, lowered.made.as_ref(), lowered.more_imports);
        let why =
            |message: &String| Some(format!("the engine refuses what was written in its place: {message}"));
        let (engine, compiled) = compiled.map_err(|message| (message.clone(), why(&message)))?;
        Ok((engine, compiled, Some((lowered.sites, lowered.exceptions))))
    }

    fn config(&self, sample: &Module, len_bytes: usize, more_imports: u32) -> engine::Config {
        let limits = &self.options.limits;
        let mut config = engine::Config::default();
        config.record(true).wasm_custom_page_sizes(true).wasm_wide_arithmetic(true);
        config.set_max_recursion_depth(limits.call_depth);
        config.set_min_stack_height(MIN_STACK);
        config.set_max_stack_height(limits.stack_bytes.max(MIN_STACK));
        let bytes = MIN_CODE.saturating_add(len_bytes.saturating_mul(CODE_PER_BYTE)).min(MAX_CODE);
        let heavy = sample.heavy().functions().iter();
        let refused = heavy.map(|(func, _)| func.0.saturating_add(more_imports)).collect();
        let bounds = limits.bounds(sample.memories());
        config.bounds(engine::recorder::bounds::Bounds { refused, bytes: Some(bytes), ..bounds });
        config
    }
}

/// Reads a sample, binary or text, as a module.
pub(crate) fn parse(bytes: &[u8]) -> Result<Arc<Module>, LoadError> {
    let wasm = to_binary(bytes)?;
    let module = Module::parse(&wasm[..]).map_err(|error| {
        let heavy = Heavy::of(&wasm);
        check_constants(&heavy).err().unwrap_or_else(|| diagnose(&wasm, &heavy, &error.to_string()))
    })?;
    Ok(Arc::new(module))
}

/// The engine evaluates a constant expression on the native stack.
fn check_constants(heavy: &Heavy) -> Result<(), LoadError> {
    let too_big = |(given, limit)| LoadError::TooBig {
        what: "operators in a constant expression".into(),
        given,
        limit,
    };
    heavy.refused().map(too_big).map_or(Ok(()), Err)
}

/// A module in an engine of its own, and how it was written anew, if it was.
type Compiled = (engine::Engine, engine::Module, Option<(Sites, Option<Exceptions>)>);

/// How a run is recorded. By default in memory, by the clock of this machine.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// Takes the streams away.
    pub(crate) sink: Option<Arc<dyn StreamSink>>,
    /// When the clock ends an entry or the session, soonest first, whatever this machine's says.
    pub(crate) timeouts: Option<Vec<Timeout>>,
}

/// The sink of a session's store.
fn capture(store: &mut engine::Store<Host>) -> &mut Capture {
    let sink: &mut dyn Any = store.recorder_mut().sink_mut();
    match sink.downcast_mut() {
        Some(capture) => capture,
        None => {
            unreachable!("the session's own sink stays installed until `finish`, which consumes the session")
        }
    }
}
