//! One sample being run, from its start function to its last invocation.

use std::{
    any::Any,
    fmt,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmparser::Payload;
use wasmspoor_hooks as engine;

use crate::{
    module::{CodeOffset, FuncIndex, FuncType, Module, Place, tags::places, weight::Heavy},
    trace::{
        Callee, Counting, FuncKey, RESERVED, Trace, Trap,
        effects::Effect,
        growing::{Ended, Growing},
    },
};

use super::{
    capture,
    capture::Capture,
    feeder::Feeder,
    host::{self, CallError, Host, HostError},
    instruction_counter::LateCounter,
    limits::{Budget, Limit, Limits, replay_limits},
    link,
    memory::{self, MemoryError},
    outcome::{InvokeError, Outcome, without_handles},
    snapshot::Snapshot,
    told,
    value::{self, Type, Value},
};

/// A sample being run.
pub struct Session {
    pub(super) store: engine::Store<Host>,
    pub(super) compiled: engine::Module,
    pub(super) imports: Vec<engine::Extern>,
    pub(super) instance: Option<engine::Instance>,
    /// Without its streams until the end.
    pub(super) trace: Trace,
    pub(super) begun: Instant,
    pub(super) limits: Limits,
    /// States that were kept so far.
    pub(super) snapshots: u32,
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
        let linked = link::numbered(&self.trace.hosts, &imports, &self.trace.modules[0]);
        self.capture().effect(|| Effect::Instance(linked));
        let (ran_before, refused_before) = (self.capture().has_run(), self.refused_growth());
        match engine::Instance::new(&mut self.store, &self.compiled, &imports) {
            Ok(instance) => {
                if let Some(thrown) = self.capture().take_thrown() {
                    return Ok(self.thrown(&thrown));
                }
                self.prepare_threads(instance);
                if let Some(start) = self.start_beside(instance) {
                    let outcome = self.call(start, &[])?;
                    if !matches!(outcome, Outcome::Returned(_)) {
                        self.end_threads();
                        return Ok(outcome);
                    }
                }
                self.instance = Some(instance);
                self.find_table(instance);
                Ok(Outcome::Returned(Vec::new()))
            }
            Err(error) if self.capture().has_run() == ran_before => {
                let message = without_handles(&error.to_string());
                let is_limit = self.refused_growth() > refused_before;
                let options = if is_limit { " (--max-memory, --max-table)" } else { "" };
                Err(InvokeError::Instantiation(message + options))
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
        self.call(func, args)
    }

    /// The start function, if the engine did not run it because threads may.
    fn start_beside(&self, instance: engine::Instance) -> Option<engine::Func> {
        let module = self.module();
        let (start, first_key) = (module.start()?, self.trace.instances[0].first_key.0);
        let is_lowered = self.trace.meetings().is_some();
        // Ours stand between the sample's imports and its own functions.
        let more = match start.0 < module.imported_functions() {
            true => 0,
            false => first_key.saturating_sub(module.imported_functions()),
        };
        instance.func_at(&self.store, start.0.checked_add(more)?).filter(|_| is_lowered)
    }

    fn call(&mut self, func: engine::Func, args: &[Value]) -> Result<Outcome, InvokeError> {
        let is_own = func.key() >= self.trace.instances[0].first_key.0;
        if self.store.data().threads.is_some() && is_own {
            return self.call_beside(func, args);
        }
        match host::call(&mut self.store, func, args) {
            Ok(results) => Ok(Outcome::Returned(results)),
            Err(CallError::Arguments(message)) => Err(InvokeError::Arguments(message)),
            Err(CallError::Engine(error)) => Ok(self.outcome(error)),
            Err(CallError::Thrown(thrown)) => Ok(self.thrown(&thrown)),
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
            params: self.store.data().types(func, &ty).0,
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
        self.call(func, args)
    }

    /// Calls a function of the sample's own, exported or not, as [`Self::invoke_within`] calls an export.
    pub(crate) fn invoke_own(
        &mut self,
        func: FuncIndex,
        args: &[Value],
        budget: &Budget,
    ) -> Result<Outcome, InvokeError> {
        self.arm(budget);
        let instance = self.instance.ok_or(InvokeError::NotStarted)?;
        let is_plain = self.trace.meetings().is_none();
        let func = instance
            .func_at(&self.store, func.0)
            .filter(|_| is_plain)
            .ok_or_else(|| InvokeError::NoSuchExport(format!("func[{}]", func.0)))?;
        self.call(func, args)
    }

    /// Basic blocks that ran so far, each once, as far as the count of instructions has come.
    pub(crate) fn blocks_seen(&mut self) -> u64 {
        // So that the instructions up to here can be counted.
        self.store.recorder_mut().drain();
        self.capture().blocks_seen()
    }

    /// Begins an entry with `budget`. A stop of the entry before it is lifted; one of the session is not.
    fn arm(&mut self, budget: &Budget) {
        let (module, first_key) = (Arc::clone(self.module()), self.trace.instances[0].first_key);
        let capture = self.capture();
        capture.take_deadlock();
        let is_counting = budget.instructions.is_some() || capture.counts_instructions();
        // It follows the stream from its first decision or not at all.
        if is_counting && !capture.has_run() && !capture.has_instruction_counter() {
            capture.set_instruction_counter(LateCounter::new(module, first_key));
        }
        capture.arm(budget);
        if capture.stopped_by().is_none() {
            self.store.recorder_mut().resume();
        }
    }

    /// Counts what is executed while it runs, on another core: [`Counting::finish`] then says what
    /// [`Trace::counts`] says of the trace. To be called before anything runs; later, and on one processor,
    /// it is counted afterwards.
    ///
    /// ```
    /// use wasmspoor::{Options, Tracer};
    ///
    /// let sample = r#"(module (func (export "main") (local i32)
    ///     (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9))))))"#;
    /// let mut session = Tracer::new(Options::default()).load(sample.as_bytes())?;
    /// let counting = session.count_beside();
    /// session.start()?;
    /// session.invoke("main", &[])?;
    /// let trace = session.finish();
    /// assert_eq!(counting.finish(&trace)?, trace.counts()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count_beside(&mut self) -> Counting {
        if self.capture().has_run() || !super::has_second_core() {
            return Counting::later();
        }
        let (growing, sender) = Growing::new();
        self.capture().set_feeder(Feeder::new(sender));
        Counting::begin(Trace { calls: u64::MAX, ..self.trace.clone() }, growing)
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

    /// Pages that a memory of the instance has, and those of them that are there: of those of which not all
    /// are, the one that has the fewest.
    pub(crate) fn memory_not_there(&self) -> Option<(u64, u64)> {
        let Some(instance) = self.instance else { return self.memory_beyond_limit() };
        let memories = instance.parts(&self.store).memories;
        let of = |memory: &engine::Memory| {
            let there = memory.data_size(&self.store) as u64 >> memory.page_size_log2(&self.store);
            (memory.size(&self.store), there)
        };
        let lacking = memories.iter().map(of).filter(|(pages, there)| there < pages);
        lacking.min_by_key(|(_, there)| *there)
    }

    /// The same of a module that could not be instantiated: a segment may lie in what is not there.
    fn memory_beyond_limit(&self) -> Option<(u64, u64)> {
        let share = RESERVED / self.module().memories().max(1);
        let there = self.limits.bytes_there().min(share) >> 16;
        let sections = self.trace.modules.first()?.core().payloads().map_while(Result::ok);
        let memories = sections.filter_map(|section| match section {
            Payload::MemorySection(memories) => Some(memories.into_iter().flatten()),
            _ => None,
        });
        let mut whole_pages = memories.flatten().filter(|memory| memory.page_size_log2.is_none());
        Some((whole_pages.find(|memory| memory.initial > there)?.initial, there))
    }

    /// The memory that host functions see.
    pub(crate) fn host_memory_bytes(&self) -> Option<&[u8]> {
        Some(self.host_memory()?.data(&self.store))
    }

    /// The parts of that memory that were touched, or may have been; the rest holds zeros.
    pub(crate) fn host_memory_parts(&self) -> Vec<Range<usize>> {
        self.host_memory().map(|memory| memory.touched(&self.store)).unwrap_or_default()
    }

    /// Writes to the memory that host functions see; `None`, and nothing written, if it does not fit.
    pub(crate) fn write_host_memory(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let memory = self.host_memory()?;
        let start = usize::try_from(address).ok()?;
        let range = start..start.checked_add(bytes.len())?;
        memory.bytes_mut(&mut self.store, range)?.copy_from_slice(bytes);
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
        self.end_threads();
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
        let declared = self.module().export(export).and_then(|export| self.module().func_type(export.func?));
        Some(Type::all(ty.params(), declared.map(FuncType::params)))
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
    /// [`Options::effects`](super::Options::effects) the write is recorded if the memory is the one that host
    /// functions see.
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
        let there = memory.data_size(&self.store);
        let range = memory::range(address, bytes.len() as u64, there)?;
        let target = memory.bytes_mut(&mut self.store, range);
        let beyond = || MemoryError::OutOfBounds { address, len: bytes.len() as u64, size: there as u64 };
        target.ok_or_else(beyond)?.copy_from_slice(bytes);
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
        self.store.data().growth.refusals
    }

    /// Writes of host functions that were left out: no more of the memory may be touched.
    pub(crate) fn unwritten(&self) -> u64 {
        self.store.data().growth.unwritten
    }

    /// Whether the system had less room for a memory than there is to be.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        let memories = self.instance.map(|instance| instance.parts(&self.store).memories);
        memories.unwrap_or_default().iter().any(|memory| memory.is_short(&self.store))
    }

    /// Returns the time since the sample was loaded.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The functions that nobody validates or translates, because that would take too much.
    pub(crate) fn heavy(&self) -> &Heavy {
        self.module().heavy()
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Ends the session and returns what was recorded.
    pub fn finish(mut self) -> Trace {
        self.end_threads();
        let recorder = self.store.recorder_mut();
        recorder.drain();
        let (decisions, calls) = (recorder.decisions(), recorder.calls());
        let sink: Box<dyn Any> = recorder.set_sink(Box::new(Capture::new(self.limits.clone())));
        // The sink is the one that `load` installed: nothing else here installs one.
        if let Ok(mut capture) = sink.downcast::<Capture>() {
            self.trace.effects = capture.take_effects().map(Arc::new);
            let (words, records) = capture.into_streams(Ended { decisions, calls });
            self.trace.words = words;
            self.trace.records = records;
            self.trace.decisions = decisions;
            self.trace.calls = calls;
        }
        self.trace.limits = replay_limits(Some(&self.limits), decisions);
        self.trace
    }

    pub(super) fn capture(&mut self) -> &mut Capture {
        capture(&mut self.store)
    }

    /// Tells an error of the engine as the way an invocation ended.
    pub(super) fn outcome(&mut self, error: engine::Error) -> Outcome {
        let (limit, place) = (self.capture().entry_stopped_by(), self.capture().last_place());
        let site =
            place.and_then(|place| place.site).and_then(|(key, offset)| self.site(FuncKey(key), offset));
        let message = || error.to_string();
        match (limit, error.as_trap_code()) {
            (Some(limit), _) => Outcome::Stopped { limit, site },
            (None, Some(code)) => {
                let trap = self.capture().last_trap();
                Outcome::Trapped { code: trap.unwrap_or_else(|| told::to_trap(code)), site }
            }
            (None, None) if error.downcast_ref::<HostError>().is_some() => {
                if let Some((position, offset)) = self.capture().take_deadlock() {
                    let site = self.place_at(position, offset);
                    return Outcome::Trapped { code: Trap::Deadlock, site };
                }
                match self.capture().take_escaped() {
                    Some(thrown) => self.thrown(&thrown),
                    None => Outcome::HostError { message: message(), site },
                }
            }
            (None, None) => Outcome::Failed { message: message(), site },
        }
    }

    /// An exception left an entry.
    pub(super) fn thrown(&mut self, thrown: &engine::recorder::Thrown) -> Outcome {
        let place = self.capture().place_of(thrown);
        let module = self.module();
        let number = thrown.pending.wrapping_sub(1);
        let tag = module.tags().tag(number).map_or(number, |(tag, _)| tag);
        let params = module.tag_params(number);
        let operand = |(&ty, place): (_, u8)| value::of_bits(ty, thrown.exception >> (8 * u32::from(place)));
        let operands = places(params).map(|places| params.iter().zip(places).filter_map(operand).collect());
        let site = place.and_then(|(position, offset)| self.place_at(position, offset));
        let name = module.tag_name(number).map(ToOwned::to_owned);
        Outcome::Thrown { tag, name, operands: operands.unwrap_or_default(), site }
    }

    /// The place at an offset in the body of the defined function at a position.
    fn place_at(&self, position: u32, offset: u32) -> Option<Place> {
        let module = self.module();
        let function = FuncIndex(module.imported_functions().checked_add(position)?);
        Some(Place { function, offset: CodeOffset(module.body(function)?.start.checked_add(offset)?) })
    }

    fn site(&self, key: FuncKey, offset: u32) -> Option<Place> {
        let Callee::Defined(_, function) = self.trace.resolve(key)? else { return None };
        let offset = CodeOffset(self.module().body(function)?.start + offset);
        Some(Place { function, offset })
    }
}
