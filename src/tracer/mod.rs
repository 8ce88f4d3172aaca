//! The tracer: links a sample to host functions and runs it on the hooked engine.
//!
//! [`Tracer`] holds what outlives a sample (options, host functions); [`Session`] is one sample being run,
//! from its start function to its last invocation; [`Session::finish`] gives the [`Trace`]. No type of the
//! engine appears here: an embedder needs this crate alone.
//!
//! Not here: what a trace is (`trace`), what a sample sees of the world beyond single functions (`sandbox`).

mod cancel;
mod capture;
mod host;
mod instruction_counter;
mod limits;
mod link;
mod memory;
mod sink;
mod snapshot;
mod value;

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmspoor_hooks as engine;

use crate::{
    module::{
        CodeOffset, FuncIndex, LoadError, Module, Place, diagnose,
        lower::{Sites, lower},
        to_binary,
        weight::Heavy,
    },
    trace::{Callee, FuncKey, Instance, Trace, Trap, effects::Effect},
};

pub use self::{
    cancel::Cancel,
    host::{Caller, HostError},
    limits::{AtTraceLimit, Limit, LimitError, Limits},
    memory::MemoryError,
    sink::Timeout,
    value::{Type, Value, ValueError},
};
use self::{
    capture::Capture,
    host::{CallError, Host},
    instruction_counter::InstructionCounter,
    limits::{CODE_PER_BYTE, MAX_CODE, MIN_CODE},
};
pub(crate) use self::{
    host::HostFn,
    limits::{Budget, replay_limits},
    link::{FunctionImport, Linker},
    sink::{Batch, StreamSink},
    snapshot::Snapshot,
};

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
        let wasm = to_binary(bytes)?;
        let heavy = Heavy::of(&wasm);
        if let Some((given, limit)) = heavy.refused() {
            return Err(LoadError::TooBig {
                what: "operators in a constant expression".into(),
                given,
                limit,
            });
        }
        let diagnosed = |message: String| diagnose(&wasm, &heavy, &message);
        let (engine, compiled, sites) = self.compile(&wasm, &heavy).map_err(diagnosed)?;
        let module = Module::parse(&wasm[..]).map_err(|error| diagnosed(error.to_string()))?;
        let limits = &self.options.limits;
        let mut store = engine::Store::new(&engine, Host::new(limits));
        store.limiter(|host| host);
        store.recorder_mut().set_sink(Box::new(Capture::with(
            limits.clone(),
            self.options.cancel.clone(),
            recording.sink.clone(),
            recording.timeouts,
        )));
        if self.options.effects {
            capture(&mut store).want_effects();
        }
        let (imports, hosts) = link::imports(&mut store, &compiled, &wasm, limits, linker)?;
        let first_key = FuncKey(store.next_func_key());
        if let Some(sites) = sites {
            capture(&mut store).set_sites(sites, first_key);
        }
        let trace = Trace {
            modules: vec![Arc::new(module)],
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
            heavy,
            snapshots: 0,
        })
    }

    /// Gives the module to an engine: as it is, or written anew if the engine refuses it so.
    fn compile(
        &self,
        wasm: &[u8],
        heavy: &Heavy,
    ) -> Result<(engine::Engine, engine::Module, Option<Sites>), String> {
        let compile = |wasm: &[u8]| {
            let engine = engine::Engine::new(&self.config(heavy, wasm.len()));
            let compiled = engine::Module::new(&engine, wasm).map_err(|error| error.to_string())?;
            Ok((engine, compiled))
        };
        let message = match compile(wasm) {
            Ok((engine, compiled)) => return Ok((engine, compiled, None)),
            Err(message) => message,
        };
        let Some(lowered) = lower(wasm, heavy) else { return Err(message) };
        let (engine, compiled) = compile(&lowered.wasm)?;
        Ok((engine, compiled, Some(lowered.sites)))
    }

    fn config(&self, heavy: &Heavy, len_bytes: usize) -> engine::Config {
        let limits = &self.options.limits;
        let mut config = engine::Config::default();
        config.record(true).wasm_custom_page_sizes(true).wasm_wide_arithmetic(true);
        config.set_max_recursion_depth(limits.call_depth);
        // The engine asks that the least height is below the greatest.
        config.set_min_stack_height(1 << 10);
        config.set_max_stack_height(limits.stack_bytes.max(1 << 10));
        let bytes = MIN_CODE.saturating_add(len_bytes.saturating_mul(CODE_PER_BYTE)).min(MAX_CODE);
        let refused = heavy.functions().iter().map(|(func, _)| func.0).collect();
        config.bounds(engine::recorder::bounds::Bounds { refused, bytes: Some(bytes) });
        config
    }
}

/// How a run is recorded. By default in memory, by the clock of this machine.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// Takes the streams away.
    pub(crate) sink: Option<Arc<dyn StreamSink>>,
    /// When the clock ends an entry or the session, soonest first, whatever this machine's says.
    pub(crate) timeouts: Option<Vec<Timeout>>,
}

/// A sample being run.
pub struct Session {
    store: engine::Store<Host>,
    compiled: engine::Module,
    imports: Vec<engine::Extern>,
    instance: Option<engine::Instance>,
    /// Without its streams until the end.
    trace: Trace,
    begun: Instant,
    limits: Limits,
    heavy: Heavy,
    /// States that were kept so far.
    snapshots: u32,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("started", &self.instance.is_some()).finish_non_exhaustive()
    }
}

/// A function as an element of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableFunction {
    /// Its index; `None` if it is not the sample's own.
    pub(crate) func: Option<FuncIndex>,
    pub(crate) params: Vec<Type>,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// It returned these values.
    Returned(Vec<Value>),
    /// It trapped.
    Trapped {
        /// Why.
        code: Trap,
        /// At which instruction; `None` if it did not get to its first.
        site: Option<Place>,
    },
    /// It reached a limit.
    Stopped {
        /// Which.
        limit: Limit,
        /// The instruction at which it would go on; `None` if it did not get to its first.
        site: Option<Place>,
    },
    /// A host function ended it.
    HostError {
        /// That function's message.
        message: String,
        /// The call.
        site: Option<Place>,
    },
    /// The engine could not go on.
    Failed {
        /// The engine's message.
        message: String,
        /// The instruction that was executed last.
        site: Option<Place>,
    },
}

/// Why an invocation did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvokeError {
    /// The session was not started, or its start did not return.
    #[error("the module is not instantiated")]
    NotStarted,
    /// The session is started already.
    #[error("the module is instantiated already")]
    Started,
    /// Instantiation failed before any instruction ran.
    #[error("the module cannot be instantiated: {0}")]
    Instantiation(String),
    /// No such function.
    #[error("there is no exported function `{0}`")]
    NoSuchExport(String),
    /// The arguments do not fit the function's type.
    #[error("{0}")]
    Arguments(String),
}

/// A message of the engine without what names its own objects: their numbers differ from run to run.
fn without_handles(message: &str) -> String {
    let (mut text, mut rest) = (String::new(), message);
    while let Some((before, behind)) = rest.split_once("(Stored {") {
        text.push_str(before);
        rest = behind.split_once("} })").map_or("", |(_, behind)| behind);
    }
    text + rest
}

impl Session {
    /// Instantiates the module and runs its start function, if it has one.
    ///
    /// # Errors
    ///
    /// If the module cannot be instantiated, for instance because a segment does not fit; a trap of the start
    /// function is an outcome.
    pub fn start(&mut self) -> Result<Outcome, InvokeError> {
        self.start_within(&Budget::default())
    }

    /// As [`Self::start`], within a budget.
    pub(crate) fn start_within(&mut self, budget: &Budget) -> Result<Outcome, InvokeError> {
        self.arm(budget);
        if self.instance.is_some() {
            return Err(InvokeError::Started);
        }
        let imports = std::mem::take(&mut self.imports);
        let linked = link::numbered(&self.trace.hosts, &imports);
        self.capture().effect(|| Effect::Instance(linked));
        let ran_before = self.capture().has_run();
        match engine::Instance::new(&mut self.store, &self.compiled, &imports) {
            Ok(instance) => {
                self.instance = Some(instance);
                self.find_table(instance);
                Ok(Outcome::Returned(Vec::new()))
            }
            Err(error) if self.capture().has_run() == ran_before => {
                Err(InvokeError::Instantiation(without_handles(&error.to_string())))
            }
            Err(error) => Ok(self.outcome(error)),
        }
    }

    /// Calls an exported function.
    ///
    /// # Errors
    ///
    /// If it does not exist or the arguments do not fit; a trap is an outcome.
    pub fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Outcome, InvokeError> {
        self.invoke_within(export, args, &Budget::default())
    }

    /// As [`Self::invoke`], within a budget: when it is used up the outcome is [`Outcome::Stopped`] and the
    /// session goes on.
    pub(crate) fn invoke_within(
        &mut self,
        export: &str,
        args: &[Value],
        budget: &Budget,
    ) -> Result<Outcome, InvokeError> {
        self.arm(budget);
        let instance = self.instance.ok_or(InvokeError::NotStarted)?;
        let func = instance
            .get_func(&self.store, export)
            .ok_or_else(|| InvokeError::NoSuchExport(export.to_owned()))?;
        match host::call(&mut self.store, func, args) {
            Ok(results) => Ok(Outcome::Returned(results)),
            Err(CallError::Arguments(message)) => Err(InvokeError::Arguments(message)),
            Err(CallError::Engine(error)) => Ok(self.outcome(error)),
        }
    }

    /// The table whose indices stand for functions: the one that host functions see, else the first.
    fn find_table(&mut self, instance: engine::Instance) {
        let named = self.store.data().names.clone();
        let exported = named.table.as_deref().and_then(|name| instance.get_table(&self.store, name));
        let table = exported.or_else(|| instance.parts(&self.store).tables.first().copied());
        let host = self.store.data_mut();
        host.table = host.table.or(table);
    }

    /// The function at `index` of that table; `None` if there is none.
    pub(crate) fn table_function(&self, index: u64) -> Option<TableFunction> {
        let func = self.table_element(index)?;
        let ty = func.ty(&self.store);
        let first_key = self.trace.instances.first()?.first_key.0;
        let module = self.module();
        let defined = func.key().checked_sub(first_key).filter(|&at| at < module.defined_functions());
        Some(TableFunction {
            func: defined.map(|position| FuncIndex(module.imported_functions() + position)),
            params: host::types(ty.params()),
        })
    }

    fn table_element(&self, index: u64) -> Option<engine::Func> {
        host::func_of(self.store.data().table?.get(&self.store, index)?)
    }

    /// Calls the function at `index` of that table, as [`Self::invoke_within`] calls an export.
    pub(crate) fn invoke_at(
        &mut self,
        index: u64,
        args: &[Value],
        budget: &Budget,
    ) -> Result<Outcome, InvokeError> {
        self.arm(budget);
        let func = self.table_element(index);
        let func = func.ok_or_else(|| InvokeError::NoSuchExport(format!("table[{index}]")))?;
        match host::call(&mut self.store, func, args) {
            Ok(results) => Ok(Outcome::Returned(results)),
            Err(CallError::Arguments(message)) => Err(InvokeError::Arguments(message)),
            Err(CallError::Engine(error)) => Ok(self.outcome(error)),
        }
    }

    /// Basic blocks that ran so far, each once, as far as the count of instructions has come.
    pub(crate) fn blocks_seen(&mut self) -> u64 {
        // So that what was executed up to here can be counted.
        self.store.recorder_mut().drain();
        self.capture().blocks_seen()
    }

    /// Begins an entry with `budget`. A stop of the entry before it is lifted; one of the session is not.
    fn arm(&mut self, budget: &Budget) {
        let (module, first_key) = (Arc::clone(self.module()), self.trace.instances[0].first_key);
        let capture = self.capture();
        let is_counting = budget.instructions.is_some() || capture.counts_instructions();
        // It follows the stream from its first decision or not at all.
        if is_counting && !capture.has_run() && !capture.has_instruction_counter() {
            capture.set_instruction_counter(InstructionCounter::new(module, first_key));
        }
        capture.arm(budget);
        if capture.stopped_by().is_none() {
            self.store.recorder_mut().resume();
        }
    }

    /// Whether the module is instantiated.
    pub(crate) fn is_started(&self) -> bool {
        self.instance.is_some()
    }

    /// Whether a limit of the session was reached: nothing more will run.
    pub(crate) fn is_over(&mut self) -> bool {
        let capture = self.capture();
        capture.arm(&Budget::default());
        !capture.may_call()
    }

    /// Instructions counted so far; 0 if no limit or budget is in instructions.
    #[cfg(test)]
    pub(crate) fn instructions(&mut self) -> u64 {
        self.capture().instructions()
    }

    /// Work so far in decisions or the like, and how much of it came after the last host call of the entry.
    pub(crate) fn work(&mut self) -> (u64, u64) {
        let (work, at) = self.capture().work();
        (work, work.saturating_sub(at))
    }

    /// Length in bytes of the memory that host functions see.
    pub(crate) fn memory_len(&self) -> u64 {
        self.host_memory().map_or(0, |memory| memory.data_size(&self.store) as u64)
    }

    /// The memory that host functions see.
    pub(crate) fn host_memory_bytes(&self) -> Option<&[u8]> {
        Some(self.host_memory()?.data(&self.store))
    }

    /// Writes to the memory that host functions see; `None`, and nothing written, if it does not fit.
    pub(crate) fn write_host_memory(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let memory = self.host_memory()?;
        let start = usize::try_from(address).ok()?;
        let target = memory.data_mut(&mut self.store).get_mut(start..start.checked_add(bytes.len())?)?;
        target.copy_from_slice(bytes);
        let number = self.store.data().memory_number;
        let effect = || Effect::Write { memory: number, address, bytes: bytes.into() };
        self.capture().effect(effect);
        Some(())
    }

    /// The state of the instance, to return to; `None` if there is none or it is too large.
    pub(crate) fn snapshot(&mut self) -> Option<Snapshot> {
        let snapshot = Snapshot::of(&self.store, self.instance?, self.snapshots)?;
        let state = snapshot.number;
        self.snapshots = self.snapshots.wrapping_add(1);
        self.capture().effect(|| Effect::Keep { state });
        Some(snapshot)
    }

    /// Returns to a state of this session.
    pub(crate) fn restore(&mut self, snapshot: &Snapshot) {
        snapshot.restore(&mut self.store);
        self.capture().effect(|| Effect::Restore { state: snapshot.number });
    }

    fn host_memory(&self) -> Option<engine::Memory> {
        let host = self.store.data();
        host.memory.or_else(|| self.instance?.get_memory(&self.store, host.names.memory.as_deref()?))
    }

    /// Returns the parameter types of an exported function.
    pub fn params(&self, export: &str) -> Option<Vec<Type>> {
        let ty = match self.compiled.get_export(export)? {
            engine::ExternType::Func(ty) => ty,
            _ => return None,
        };
        Some(ty.params().iter().map(|&ty| ty.into()).collect())
    }

    /// Returns the names of the exported functions, in the module's order.
    pub fn exports(&self) -> Vec<String> {
        let functions =
            self.compiled.exports().filter(|export| matches!(export.ty(), engine::ExternType::Func(_)));
        functions.map(|export| export.name().to_owned()).collect()
    }

    /// Returns the static view of the sample.
    pub fn module(&self) -> &Arc<Module> {
        &self.trace.modules[0]
    }

    /// Returns the value of an exported global.
    pub fn global(&self, export: &str) -> Option<Value> {
        let global = self.instance?.get_global(&self.store, export)?;
        Some(Value::from(&global.get(&self.store)))
    }

    /// Returns the bytes of an exported memory.
    pub fn memory(&self, export: &str) -> Option<&[u8]> {
        Some(self.instance?.get_memory(&self.store, export)?.data(&self.store))
    }

    /// Returns `len` bytes of an exported memory.
    ///
    /// # Errors
    ///
    /// If there is no such memory, or it ends before.
    pub fn read_memory(&self, export: &str, address: u64, len: u64) -> Result<&[u8], MemoryError> {
        let bytes = self.memory(export).ok_or_else(|| MemoryError::NoSuchMemory(export.to_owned()))?;
        Ok(&bytes[memory::range(address, len, bytes.len())?])
    }

    /// Writes to an exported memory, so that an input lies there when a function is called. With
    /// [`Options::effects`] the write is recorded if the memory is the one that host functions see.
    ///
    /// ```
    /// use wasmspoor::{Options, Outcome, Tracer, Value};
    ///
    /// let sample = r#"(module (memory (export "memory") 1)
    ///   (func (export "first") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    /// let mut session = Tracer::new(Options::default()).load(sample.as_bytes())?;
    /// session.start()?;
    /// session.write_memory("memory", 16, b"spoor")?;
    /// let outcome = session.invoke("first", &[Value::I32(16)])?;
    /// assert_eq!(outcome, Outcome::Returned(vec![Value::I32(i32::from(b's'))]));
    /// assert_eq!(session.read_memory("memory", 17, 2)?, b"po");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such memory, or it ends before; nothing is written then.
    pub fn write_memory(&mut self, export: &str, address: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        let memory = self.instance.and_then(|instance| instance.get_memory(&self.store, export));
        let memory = memory.ok_or_else(|| MemoryError::NoSuchMemory(export.to_owned()))?;
        let is_the_hosts = self
            .host_memory()
            .is_some_and(|other| other.data_ptr(&self.store) == memory.data_ptr(&self.store));
        let target = memory.data_mut(&mut self.store);
        let range = memory::range(address, bytes.len() as u64, target.len())?;
        target[range].copy_from_slice(bytes);
        if is_the_hosts {
            let number = self.store.data().memory_number;
            self.capture().effect(|| Effect::Write { memory: number, address, bytes: bytes.into() });
        }
        Ok(())
    }

    /// Returns the limit that was reached first, if one was.
    pub fn stopped_by(&mut self) -> Option<Limit> {
        self.capture().stopped_by()
    }

    /// Returns how often a memory or table asked for more than the limits allow, and was refused.
    pub fn refused_growth(&self) -> u64 {
        self.store.data().refusals
    }

    /// Returns the time since the sample was loaded.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The functions that nobody validates or translates, because that would take too much.
    pub(crate) fn heavy(&self) -> &Heavy {
        &self.heavy
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Ends the session and returns what was recorded.
    pub fn finish(mut self) -> Trace {
        let recorder = self.store.recorder_mut();
        recorder.drain();
        let (decisions, calls) = (recorder.decisions(), recorder.calls());
        let sink: Box<dyn Any> = recorder.set_sink(Box::new(Capture::new(self.limits.clone())));
        // The sink is the one that `load` installed: nothing else here installs one.
        if let Ok(mut capture) = sink.downcast::<Capture>() {
            self.trace.effects = capture.take_effects().map(Arc::new);
            let (words, records) = capture.into_streams();
            self.trace.words = words;
            self.trace.records = records;
            self.trace.decisions = decisions;
            self.trace.calls = calls;
        }
        self.trace.limits = replay_limits(Some(&self.limits), decisions);
        self.trace
    }

    fn capture(&mut self) -> &mut Capture {
        capture(&mut self.store)
    }

    /// Tells an error of the engine as the way an invocation ended.
    fn outcome(&mut self, error: engine::Error) -> Outcome {
        let (limit, place) = (self.capture().entry_stopped_by(), self.capture().last_place());
        let site =
            place.and_then(|place| place.site).and_then(|(key, offset)| self.site(FuncKey(key), offset));
        let message = || error.to_string();
        match (limit, error.as_trap_code()) {
            (Some(limit), _) => Outcome::Stopped { limit, site },
            (None, Some(code)) => {
                let trap = self.capture().last_trap();
                Outcome::Trapped { code: trap.unwrap_or_else(|| capture::to_trap(code)), site }
            }
            (None, None) if error.downcast_ref::<HostError>().is_some() => {
                Outcome::HostError { message: message(), site }
            }
            (None, None) => Outcome::Failed { message: message(), site },
        }
    }

    fn site(&self, key: FuncKey, offset: u32) -> Option<Place> {
        let Callee::Defined(_, function) = self.trace.resolve(key)? else { return None };
        let offset = CodeOffset(self.module().body(function)?.start + offset);
        Some(Place { function, offset })
    }
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
