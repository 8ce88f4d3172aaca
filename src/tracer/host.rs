//! Host functions: what the sample may call, and what such a function may do.
//!
//! Every import that is not defined is answered with zeros of its type. Imported memories, tables and globals
//! are made to the declared type. So any module can be instantiated, and imports are linked by position: a
//! name may stand for two types.

mod growth;
mod references;

use std::{collections::HashMap, fmt, ops::Range, sync::Arc};

use wasmspoor_hooks::{self as engine, AsContext as _};

use crate::{
    module::{FuncType, Module},
    trace::{
        FuncKey,
        effects::{Effect, Origin, Val},
    },
};

pub(crate) use self::references::Reference;
pub(super) use self::references::{function_number, made, to_val, word};

use self::growth::Growth;
use super::limits::NESTING;
use super::{
    capture::{Capture, Moment},
    limits::Limits,
    threads::Threads,
    value::{Type, Value, to_engine},
};

/// A host function.
pub(crate) trait HostFn: Send + Sync {
    /// Answers one call. `Err` ends the invocation.
    fn call(&self, call: &mut Caller<'_>) -> Result<(), HostError>;

    /// Is told of a call that is not answered, because a limit was reached.
    fn refused(&self, _call: &mut Caller<'_>) {}
}

impl<F: Fn(&mut Caller<'_>) -> Result<(), HostError> + Send + Sync> HostFn for F {
    fn call(&self, call: &mut Caller<'_>) -> Result<(), HostError> {
        self(call)
    }
}

/// Why a host function ends the invocation that called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    message: String,
    ends_program: bool,
    exits: bool,
}

impl HostError {
    /// Creates an error with a message for people.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ends_program: false, exits: false }
    }

    /// Ends all threads of the program, and not only the one that called.
    pub(crate) fn of_program(mut self) -> Self {
        self.ends_program = true;
        self
    }

    /// The program exits, whatever is thrown.
    pub(crate) fn of_exit(mut self) -> Self {
        self.exits = true;
        self.of_program()
    }

    /// Whether all threads end.
    pub(crate) fn ends_program(&self) -> bool {
        self.ends_program
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HostError {}

impl engine::errors::HostError for HostError {}

/// One call of a host function, as that function sees it.
pub struct Caller<'a> {
    pub(super) caller: engine::Caller<'a, Host>,
    args: Vec<Value>,
    /// The arguments as the engine has them.
    given: &'a [engine::Val],
    results: &'a mut [engine::Val],
    /// The types of the results.
    types: &'a [Type],
}

impl Caller<'_> {
    /// Returns the arguments.
    pub fn args(&self) -> &[Value] {
        &self.args
    }

    /// Returns the types of the results.
    pub fn result_types(&self) -> Vec<Type> {
        self.types.to_vec()
    }

    /// Returns the type of a result.
    pub(crate) fn result_type(&self, index: usize) -> Option<Type> {
        self.types.get(index).copied()
    }

    /// Returns the results as they are set.
    pub(crate) fn results(&self) -> Vec<Value> {
        see(self.types, self.results)
    }

    /// Sets a result; results not set are zero or null.
    ///
    /// # Errors
    ///
    /// If there is no such result or it has another type.
    pub fn set_result(&mut self, index: usize, value: Value) -> Result<(), HostError> {
        let slot = self
            .results
            .get_mut(index)
            .ok_or_else(|| HostError::new(format!("there is no result {index}")))?;
        let fitting = self.types.get(index).and_then(|&ty| to_engine(value, ty));
        *slot = fitting.ok_or_else(|| HostError::new(format!("result {index} is not {value}")))?;
        Ok(())
    }

    /// Returns the bytes at `address` of the caller's memory, if they all exist. The memory is the exported
    /// `memory`, else the first that is imported or exported.
    pub fn read_memory(&self, address: u64, len: u64) -> Option<&[u8]> {
        let memory = self.caller.data().memory?;
        let start = usize::try_from(address).ok()?;
        memory.data(&self.caller).get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    /// Writes `bytes` at `address` of the caller's memory (as in [`Self::read_memory`]); `None`, and nothing
    /// written, if they do not fit.
    pub fn write_memory(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let memory = self.caller.data().memory?;
        let start = usize::try_from(address).ok()?;
        let end = start.checked_add(bytes.len())?;
        self.room(memory, start..end)?.copy_from_slice(bytes);
        self.wrote(address, bytes.len());
        Some(())
    }

    /// Bytes of a memory that are to be written to. Those that are there and may not be are counted.
    fn room(&mut self, memory: engine::Memory, range: Range<usize>) -> Option<&mut [u8]> {
        if range.end <= memory.data_size(&self.caller)
            && memory.bytes_mut(&mut self.caller, range.clone()).is_none()
        {
            self.caller.data_mut().growth.unwritten += 1;
        }
        memory.bytes_mut(&mut self.caller, range)
    }

    /// As [`Self::write_memory`], and says what the bytes come from.
    pub(crate) fn give_memory(&mut self, address: u64, bytes: &[u8], origin: Origin) -> Option<()> {
        if self.read_memory(address, bytes.len() as u64).is_some()
            && let Some(capture) = capture(&mut self.caller)
        {
            capture.effect(|| Effect::Given(origin));
        }
        self.write_memory(address, bytes)
    }

    /// Says what the results come from, if nothing is written to memory any more.
    pub(crate) fn gives(&mut self, origin: Origin) {
        if let Some(capture) = capture(&mut self.caller) {
            capture.effect(|| Effect::Given(origin));
        }
    }

    /// Notes that the host function reads these bytes, if they are there.
    pub(crate) fn reads(&mut self, address: u64, len: u64) {
        let memory = self.caller.data().memory_number;
        if self.read_memory(address, len).is_some()
            && len > 0
            && let Some(capture) = capture(&mut self.caller)
        {
            capture.read(memory, address, len);
        }
    }

    /// Notes that bytes of the caller's memory were written.
    fn wrote(&mut self, address: u64, len: usize) {
        let (Some(memory), number) = (self.caller.data().memory, self.caller.data().memory_number) else {
            return;
        };
        let caller = &mut self.caller;
        if !capture(caller).is_some_and(|capture| capture.wants_effects()) {
            return;
        }
        let start = address as usize;
        let bytes = memory.data(&*caller).get(start..start.saturating_add(len)).unwrap_or_default().into();
        if let Some(capture) = capture(caller) {
            capture.effect(|| Effect::Write { memory: number, address, bytes });
        }
    }

    /// Calls an exported function of the caller: the execution nests in this call and is recorded with it.
    ///
    /// # Errors
    ///
    /// If there is no such function, the arguments do not fit, the call does not return, or too many of them
    /// are nested.
    pub fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, HostError> {
        let func = self.caller.get_export(export).and_then(engine::Extern::into_func);
        let func = func.ok_or_else(|| HostError::new(format!("there is no exported function `{export}`")))?;
        self.nest(func, args)
    }

    /// Whether the caller exports a function of that name.
    pub(crate) fn has_function(&self, export: &str) -> bool {
        self.caller.get_export(export).is_some_and(|export| export.into_func().is_some())
    }

    /// Types of parameters and results of an exported function.
    pub(crate) fn function_type(&self, export: &str) -> Option<(Vec<Type>, Vec<Type>)> {
        let ty = self.caller.get_export(export)?.into_func()?.ty(&self.caller);
        let of = |types: &[engine::ValType]| types.iter().map(|&ty| Type::from(ty)).collect();
        Some((of(ty.params()), of(ty.results())))
    }

    /// Calls the function at `index` of the caller's table, which is the first that is imported or exported.
    pub(crate) fn invoke_indirect(&mut self, index: u64, args: &[Value]) -> Result<Vec<Value>, HostError> {
        let table = self.caller.data().table;
        let element = table.and_then(|table| table.get(&self.caller, index));
        let func = element
            .and_then(func_of)
            .ok_or_else(|| HostError::new(format!("there is no function at index {index} of the table")))?;
        self.nest(func, args)
    }

    /// Types of parameters and results of the function at `index` of the caller's table, if there is one.
    pub(crate) fn table_type(&self, index: u64) -> Option<(Vec<Type>, Vec<Type>)> {
        let element = self.caller.data().table?.get(&self.caller, index)?;
        let func = func_of(element)?;
        Some(self.caller.data().types(func, &func.ty(&self.caller)))
    }

    fn nest(&mut self, func: engine::Func, args: &[Value]) -> Result<Vec<Value>, HostError> {
        if self.caller.data().nesting >= NESTING {
            return Err(HostError::new(format!(
                "host calls that call back are nested more than {NESTING} deep"
            )));
        }
        self.caller.data_mut().nesting += 1;
        // Not across a frame of the host.
        let could_suspend = self.may_suspend(false);
        let result = call(&mut self.caller, func, args);
        self.may_suspend(could_suspend);
        if let Some(capture) = capture(&mut self.caller) {
            capture.take_deadlock();
        }
        self.caller.data_mut().nesting -= 1;
        result.map_err(|error| match error {
            CallError::Arguments(message) => HostError::new(message),
            CallError::Engine(error) => HostError::new(error.to_string()),
            CallError::Thrown(_) => HostError::new("an exception was not caught"),
        })
    }

    /// Sets whether the thread that runs can be suspended; gives whether it could.
    fn may_suspend(&mut self, may: bool) -> bool {
        let threads = self.caller.data_mut().threads.as_mut();
        threads.is_some_and(|threads| std::mem::replace(&mut threads.can_suspend, may))
    }

    /// Length of the caller's memory in bytes.
    pub(crate) fn memory_len(&self) -> u64 {
        self.caller.data().memory.map_or(0, |memory| memory.data_size(&self.caller) as u64)
    }

    /// The parts of that memory that were touched, or may have been; the rest holds zeros.
    pub(crate) fn memory_parts(&self) -> Vec<Range<usize>> {
        self.caller.data().memory.map(|memory| memory.touched(&self.caller)).unwrap_or_default()
    }

    /// Makes the caller's memory at least `len` bytes long; returns whether it is.
    pub(crate) fn grow_memory(&mut self, len: u64) -> bool {
        let Some(memory) = self.caller.data().memory else { return false };
        let page = page_size(&memory, &self.caller);
        // A part that it declares and that is not there counts as there, and does not grow.
        let missing = len.saturating_sub(memory.size(&self.caller).saturating_mul(page));
        let pages = missing.div_ceil(page);
        if missing > 0 && memory.grow(&mut self.caller, pages).is_err() {
            return false;
        }
        let number = self.caller.data().memory_number;
        if missing > 0
            && let Some(capture) = capture(&mut self.caller)
        {
            capture.effect(|| Effect::Grow { memory: number, pages });
        }
        true
    }

    /// Copies `len` bytes within the caller's memory; `None`, and nothing written, if they do not all exist.
    pub(crate) fn copy_within(&mut self, to: u64, from: u64, len: u64) -> Option<()> {
        let memory = self.caller.data().memory?;
        let (to, from, len) =
            (usize::try_from(to).ok()?, usize::try_from(from).ok()?, usize::try_from(len).ok()?);
        let all = memory.data_size(&self.caller);
        from.checked_add(len).filter(|&end| end <= all)?;
        self.room(memory, to..to.checked_add(len)?)?;
        memory.data_mut(&mut self.caller).copy_within(from..from + len, to);
        self.wrote(to as u64, len);
        Some(())
    }

    /// Position of the call's record in the trace, and the work so far.
    pub(crate) fn moment(&mut self) -> Moment {
        let recorder = self.caller.recorder_mut();
        // So that the instructions up to here can be counted.
        recorder.drain();
        let (decisions, calls) = (recorder.decisions(), recorder.calls());
        capture(&mut self.caller).map_or_else(Moment::default, |capture| capture.moment(decisions, calls))
    }
}

/// The function that an element of a table is.
pub(super) fn func_of(element: engine::Ref) -> Option<engine::Func> {
    match element {
        engine::Ref::Func(func) => func.val().copied(),
        _ => None,
    }
}

/// Values of these types as they are seen outside.
pub(super) fn see(types: &[Type], values: &[engine::Val]) -> Vec<Value> {
    types.iter().zip(values).map(|(ty, value)| ty.see(value)).collect()
}

/// Bytes of a page of `memory`.
pub(super) fn page_size(memory: &engine::Memory, store: impl engine::AsContext + Copy) -> u64 {
    1 << memory.page_size_log2(store)
}

/// Why a call of a function from the host gave no results.
pub(super) enum CallError {
    Arguments(String),
    Engine(engine::Error),
    /// An exception left it.
    Thrown(engine::recorder::Thrown),
}

/// Calls `func` with `args`.
pub(super) fn call(
    store: &mut impl Recording,
    func: engine::Func,
    args: &[Value],
) -> Result<Vec<Value>, CallError> {
    let args = arguments(store.as_context(), func, args)?;
    let ty = func.ty(store.as_context());
    let (_, returned) = store.as_context().data().types(func, &ty);
    let mut results: Vec<_> = ty.results().iter().map(|&ty| engine::Val::default_for_ty(ty)).collect();
    note(store, &args, Effect::Arguments, false);
    func.call(store.as_context_mut(), &args, &mut results).map_err(CallError::Engine)?;
    if let Some(thrown) = store.capture().and_then(Capture::take_thrown) {
        return Err(CallError::Thrown(thrown));
    }
    note(store, &results, Effect::Results, true);
    Ok(see(&returned, &results))
}

/// The arguments of a call of `func`, for the engine.
pub(super) fn arguments(
    store: impl engine::AsContext<Data = Host>,
    func: engine::Func,
    args: &[Value],
) -> Result<Vec<engine::Val>, CallError> {
    let ty = func.ty(store.as_context());
    let (params, _) = store.as_context().data().types(func, &ty);
    if params.len() != args.len() {
        return Err(CallError::Arguments(format!(
            "{} arguments given; the function takes {}",
            args.len(),
            params.len()
        )));
    }
    let args = params.iter().zip(args).enumerate().map(|(index, (&ty, &value))| {
        let misfit = || CallError::Arguments(format!("argument {index}, {value}, is not of type {ty}"));
        to_engine(value, ty).ok_or_else(misfit)
    });
    args.collect()
}

/// A store whose recorder can be reached.
pub(super) trait Recording: engine::AsContextMut<Data = Host> {
    /// The sink of the session.
    fn capture(&mut self) -> Option<&mut Capture>;
}

impl Recording for engine::Store<Host> {
    fn capture(&mut self) -> Option<&mut Capture> {
        Some(super::capture(self))
    }
}

impl Recording for engine::Caller<'_, Host> {
    fn capture(&mut self) -> Option<&mut Capture> {
        capture(self)
    }
}

/// Notes values that cross the border, as what they are there; `of_last` before the record made last.
pub(super) fn note(
    store: &mut impl Recording,
    values: &[engine::Val],
    what: fn(Vec<Val>) -> Effect,
    of_last: bool,
) {
    if !store.capture().is_some_and(|capture| capture.wants_effects()) {
        return;
    }
    let all = values.iter().map(|value| to_val(store.as_context(), value)).collect();
    match store.capture() {
        Some(capture) if of_last => capture.effect_of_last(|| what(all)),
        Some(capture) => capture.effect(|| what(all)),
        None => {}
    }
}

/// Makes a function of type `ty`, whose parameters and results the sample has as `types`. It answers with
/// `body`, or with zeros, unless a limit is reached.
pub(super) fn func(
    store: &mut engine::Store<Host>,
    ty: engine::FuncType,
    (params, returned): (Vec<Type>, Vec<Type>),
    body: Option<Arc<dyn HostFn>>,
    memory: Option<(Box<str>, u32)>,
) -> engine::Func {
    engine::Func::new(store, ty, move |mut caller, args, results| {
        note(&mut caller, args, Effect::Arguments, true);
        let may_call = capture(&mut caller).is_none_or(Capture::may_call);
        let Some(body) = &body else {
            note(&mut caller, results, Effect::Results, false);
            return if may_call { Ok(()) } else { Err(over()) };
        };
        find_memory(&mut caller);
        let usual = memory.as_ref().map(|(name, number)| work_on(&mut caller, name, *number));
        let mut call = Caller { caller, args: see(&params, args), given: args, results, types: &returned };
        if !may_call {
            body.refused(&mut call);
            if let Some((memory, number)) = usual {
                let host = call.caller.data_mut();
                (host.memory, host.memory_number) = (memory, number);
            }
            return Err(over());
        }
        let answered = body.call(&mut call);
        let Caller { caller, results, .. } = &mut call;
        if let Some((memory, number)) = usual {
            (caller.data_mut().memory, caller.data_mut().memory_number) = (memory, number);
        }
        let goes_on = answered.is_ok() && !caller.recorder_mut().is_stopping();
        if let Some(threads) = &mut caller.data_mut().threads {
            // A wish of a call that ends the invocation is no wish of the next one.
            let asked = threads.asked.take();
            if goes_on && threads.suspends(asked, results) {
                return Err(engine::Error::host(engine::recorder::threads::Suspended));
            }
        }
        if let Err(error) = answered {
            let passes = !error.exits && pass_on(caller, results);
            return if passes { Ok(()) } else { Err(engine::Error::host(error)) };
        }
        note(caller, results, Effect::Results, false);
        // A function that swallowed the stop of an execution nested in it does not go on either.
        match call.caller.recorder_mut().is_stopping() {
            true => Err(over()),
            false => Ok(()),
        }
    })
}

/// A host function fails as an exception left what it called: that goes on at its own call. Whether it does.
fn pass_on(caller: &mut engine::Caller<'_, Host>, results: &mut [engine::Val]) -> bool {
    let Some(thrown) = capture(caller).and_then(|capture| capture.escaped()) else { return false };
    let is_large = thrown.pending.wrapping_sub(1) >= caller.data().sample.0.tags().small();
    if caller.recorder_mut().is_stopping() || !caller.throw(thrown, is_large) {
        return false;
    }
    results.iter_mut().for_each(|result| *result = engine::Val::default_for_ty(result.ty()));
    true
}

/// The error of a call that a limit ends; the session knows which.
fn over() -> engine::Error {
    engine::Error::host(HostError::new("a limit was reached"))
}

pub(super) fn capture<'a>(caller: &'a mut engine::Caller<'_, Host>) -> Option<&'a mut Capture> {
    let sink: &mut dyn std::any::Any = caller.recorder_mut().sink_mut();
    sink.downcast_mut()
}

/// Lets a host function work on the memory that is exported under a name; gives the one before.
fn work_on(caller: &mut engine::Caller<'_, Host>, name: &str, number: u32) -> (Option<engine::Memory>, u32) {
    let memory = caller.get_export(name).and_then(engine::Extern::into_memory);
    let host = caller.data_mut();
    (std::mem::replace(&mut host.memory, memory), std::mem::replace(&mut host.memory_number, number))
}

/// Finds what a start function's host calls see: the instance is not known to the session before it has run.
fn find_memory(caller: &mut engine::Caller<'_, Host>) {
    let names = caller.data().names.clone();
    if caller.data().memory.is_none()
        && let Some(name) = &names.memory
    {
        caller.data_mut().memory = caller.get_export(name).and_then(engine::Extern::into_memory);
    }
    if caller.data().table.is_none()
        && let Some(name) = &names.table
    {
        caller.data_mut().table = caller.get_export(name).and_then(engine::Extern::into_table);
    }
}

/// Exports that host functions work on, if there is no import of that kind.
#[derive(Default)]
pub(super) struct Names {
    pub(super) memory: Option<String>,
    pub(super) table: Option<String>,
}

/// The data of the engine's store: what host functions work on, and what bounds growth.
pub(super) struct Host {
    pub(super) memory: Option<engine::Memory>,
    /// Number of that memory among the objects of its kind: the host's come first, in the order of imports.
    pub(super) memory_number: u32,
    pub(super) table: Option<engine::Table>,
    pub(super) names: Arc<Names>,
    /// The sample, and the key of the first function that it defines.
    sample: (Arc<Module>, u32),
    /// Calls back into the sample that have not returned.
    nesting: u32,
    /// Number of the memory of objects, if the host may know it.
    pub(super) objects: Option<u32>,
    /// References of the engine to what is the host's, by number.
    references: HashMap<u32, engine::ExternRef>,
    /// Of a sample that begins threads.
    pub(super) threads: Option<Threads>,
    /// What bounds growth.
    pub(super) growth: Growth,
}

impl Host {
    pub(super) fn new(limits: &Limits, sample: Arc<Module>) -> Self {
        Self {
            objects: sample.object_memory(),
            references: HashMap::new(),
            sample: (sample, 0),
            memory: None,
            memory_number: 0,
            table: None,
            names: Arc::default(),
            nesting: 0,
            threads: None,
            growth: Growth::new(limits),
        }
    }

    /// The functions that the sample defines have keys from this one on; those that it imports come before.
    pub(super) fn set_first_key(&mut self, first_key: FuncKey) {
        self.sample.1 = first_key.0;
    }

    /// Whether the sample defines a function.
    pub(super) fn defines(&self, func: engine::Func) -> bool {
        func.key() >= self.sample.1
    }

    /// The types of the parameters and results of a function as the sample has them.
    pub(super) fn types(&self, func: engine::Func, ty: &engine::FuncType) -> (Vec<Type>, Vec<Type>) {
        let declared = self.index_of(func).and_then(|index| self.sample.0.func_type(index));
        let (params, results) = (declared.map(FuncType::params), declared.map(FuncType::results));
        (Type::all(ty.params(), params), Type::all(ty.results(), results))
    }
}
