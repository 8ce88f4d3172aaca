//! Host functions: what the sample may call, and what such a function may do.
//!
//! Every import that is not defined is answered with zeros of its type; imported memories, tables and globals are made to the
//! declared type. So any module can be instantiated, and imports are linked by position: a name may stand for two types.

use std::{fmt, sync::Arc};

use wasmspoor_hooks::{self as engine, AsContext as _, AsContextMut as _};

use super::{
    capture::Capture,
    limits::Limits,
    value::{Type, Value, to_engine},
};

/// A host function: answers one call. `Err` ends the invocation.
pub(super) type HostFn = dyn Fn(&mut HostCall<'_>) -> Result<(), HostError> + Send + Sync;

/// Why a host function ends the invocation that called it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    message: String,
}

impl HostError {
    /// Creates an error with a message for people.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
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
pub struct HostCall<'a> {
    caller: engine::Caller<'a, Host>,
    args: Vec<Value>,
    results: &'a mut [engine::Val],
}

impl HostCall<'_> {
    /// Returns the arguments.
    pub fn args(&self) -> &[Value] {
        &self.args
    }

    /// Returns the types of the results.
    pub fn result_types(&self) -> Vec<Type> {
        self.results.iter().map(|result| result.ty().into()).collect()
    }

    /// Sets a result; results not set are zero or null.
    ///
    /// # Errors
    ///
    /// If there is no such result or it has another type.
    pub fn set_result(&mut self, index: usize, value: Value) -> Result<(), HostError> {
        let slot = self.results.get_mut(index).ok_or_else(|| HostError::new(format!("there is no result {index}")))?;
        *slot = to_engine(value, slot.ty()).ok_or_else(|| HostError::new(format!("result {index} is not {value}")))?;
        Ok(())
    }

    /// Returns the bytes at `address` of the caller's exported memory `memory`, if they all exist.
    pub fn read_memory(&self, address: u64, len: u64) -> Option<&[u8]> {
        let memory = self.caller.get_export("memory")?.into_memory()?;
        let start = usize::try_from(address).ok()?;
        memory.data(&self.caller).get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    /// Writes `bytes` at `address` of the caller's exported memory `memory`; `None`, and nothing written, if they do not fit.
    pub fn write_memory(&mut self, address: u64, bytes: &[u8]) -> Option<()> {
        let memory = self.caller.get_export("memory")?.into_memory()?;
        let start = usize::try_from(address).ok()?;
        let target = memory.data_mut(&mut self.caller).get_mut(start..start.checked_add(bytes.len())?)?;
        target.copy_from_slice(bytes);
        Some(())
    }

    /// Calls an exported function of the caller: the execution nests in this call and is recorded with it.
    ///
    /// # Errors
    ///
    /// If there is no such function, the arguments do not fit, or the call does not return.
    pub fn invoke(&mut self, export: &str, args: &[Value]) -> Result<Vec<Value>, HostError> {
        let func = self.caller.get_export(export).and_then(engine::Extern::into_func);
        let func = func.ok_or_else(|| HostError::new(format!("there is no exported function `{export}`")))?;
        call(self.caller.as_context_mut(), func, args).map_err(|error| match error {
            CallError::Arguments(message) => HostError::new(message),
            CallError::Engine(error) => HostError::new(error.to_string()),
        })
    }
}

/// Why a call of a function from the host gave no results.
pub(super) enum CallError {
    Arguments(String),
    Engine(engine::Error),
}

/// Calls `func` with `args`.
pub(super) fn call(
    mut store: engine::StoreContextMut<'_, Host>,
    func: engine::Func,
    args: &[Value],
) -> Result<Vec<Value>, CallError> {
    let ty = func.ty(store.as_context());
    if ty.params().len() != args.len() {
        return Err(CallError::Arguments(format!("{} arguments given; the function takes {}", args.len(), ty.params().len())));
    }
    let args = ty.params().iter().zip(args).enumerate().map(|(index, (&ty, &value))| {
        let misfit = || CallError::Arguments(format!("argument {index}, {value}, is not of type {}", Type::from(ty)));
        to_engine(value, ty).ok_or_else(misfit)
    });
    let args = args.collect::<Result<Vec<_>, _>>()?;
    let mut results: Vec<_> = ty.results().iter().map(|&ty| engine::Val::default_for_ty(ty)).collect();
    func.call(store.as_context_mut(), &args, &mut results).map_err(CallError::Engine)?;
    Ok(results.iter().map(Value::from).collect())
}

/// Makes a function of type `ty` that answers with `body`, or with zeros, unless a limit is reached.
pub(super) fn func(store: &mut engine::Store<Host>, ty: engine::FuncType, body: Option<Arc<HostFn>>) -> engine::Func {
    engine::Func::new(store, ty, move |mut caller, args, results| {
        if !capture(&mut caller).is_none_or(Capture::may_call) {
            return Err(over());
        }
        let Some(body) = &body else { return Ok(()) };
        let mut call = HostCall { caller, args: args.iter().map(Value::from).collect(), results };
        body(&mut call).map_err(engine::Error::host)?;
        // A function that swallowed the stop of an execution nested in it does not go on either.
        match call.caller.recorder_mut().is_stopping() {
            true => Err(over()),
            false => Ok(()),
        }
    })
}

/// The error of a call that a limit ends; the session knows which.
fn over() -> engine::Error {
    engine::Error::host(HostError::new("a limit was reached"))
}

fn capture<'a>(caller: &'a mut engine::Caller<'_, Host>) -> Option<&'a mut Capture> {
    let sink: &mut dyn std::any::Any = caller.recorder_mut().sink_mut();
    sink.downcast_mut()
}

/// The data of the engine's store: what bounds growth.
pub(super) struct Host {
    memory_bytes: u64,
    memory_limit: u64,
    table_elements: u64,
    table_limit: u64,
    /// Growth that was refused.
    pub(super) refusals: u64,
}

impl Host {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes: 0,
            memory_limit: limits.memory_pages.saturating_mul(1 << 16),
            table_elements: 0,
            table_limit: limits.table_elements,
            refusals: 0,
        }
    }

    /// Adds growth from `current` to `desired` to `used` if the sum stays within `limit`.
    fn grow(used: &mut u64, limit: u64, refusals: &mut u64, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let after = used.saturating_add(desired.saturating_sub(current) as u64);
        let fits = after <= limit && maximum.is_none_or(|maximum| desired <= maximum);
        if fits {
            *used = after;
        } else {
            *refusals += 1;
        }
        fits
    }
}

impl engine::ResourceLimiter for Host {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, engine::recorder::LimiterError> {
        Ok(Self::grow(&mut self.memory_bytes, self.memory_limit, &mut self.refusals, current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, engine::recorder::LimiterError> {
        Ok(Self::grow(&mut self.table_elements, self.table_limit, &mut self.refusals, current, desired, maximum))
    }

    fn instances(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        10_000
    }

    fn memories(&self) -> usize {
        10_000
    }
}
