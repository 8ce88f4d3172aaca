//! Where recorder and engine meet: places, invocations, and the store's access to its recorder.

use crate::{
    AsContextMut, Caller, Config, Engine, Error, Func, FuncEntity, Global, Memory, Store, Table, Val,
    core::RawRef,
    engine::executor::handler::{
        dispatch::{Break, Control, ExecutionOutcome},
        state::{Inst, Ip, Stack},
    },
    errors::{MemoryError, TableError},
    handle::Handle as _,
    store::{PrunedStore, StoreError},
};

use super::{End, Event, Place, Recorder, Stop, Thrown, limits::CHARGED_BULK, threads::Suspended};

/// A place as the execution loop knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// Address of the operator.
    ip: usize,
    /// It failed after it had pushed a decision.
    after_decision: bool,
    /// The instance that was running.
    instance: Option<Inst>,
    depth: u32,
}

impl PrunedStore {
    #[inline(always)]
    pub(crate) fn recorder(&mut self) -> &mut Recorder {
        self.inner_mut().recorder_mut()
    }

    /// Notes that the operator at `ip` may fail now, or that the run may stop before it.
    pub(crate) fn note(&mut self, ip: Ip, after_decision: bool) {
        let (depth, instance) = self.stack_mut().depth_and_instance();
        self.recorder().set_fault(Some(Fault {
            ip: ip.addr(),
            after_decision,
            instance,
            depth: depth as u32,
        }));
    }

    /// Ends the execution because a poll said stop.
    #[cold]
    #[inline(never)]
    pub(crate) fn stop(&mut self, ip: Ip, after_decision: bool) -> Break {
        self.note(ip, after_decision);
        self.exec_mut().done_with_error(crate::Error::host(Stop));
        Break::WithReason
    }

    /// Flushes the full window; breaks if the run must stop. For the loop back end.
    #[cfg(any(
        feature = "portable-dispatch",
        all(feature = "auto-dispatch", not(all(wasmi_use_tail_calls, not(debug_assertions), not(coverage))))
    ))]
    #[inline(never)]
    pub(crate) fn flush_decisions(&mut self, ip: Ip) -> Control<()> {
        match self.recorder().flush() && self.recorder().slow() {
            true => Control::Break(self.stop(ip, true)),
            false => Control::Continue(()),
        }
    }

    /// Asks the sink at the operator at `ip`.
    #[cold]
    #[inline(never)]
    pub(crate) fn poll(&mut self, ip: Ip) -> Control<()> {
        match self.recorder().poll() {
            true => Control::Break(self.stop(ip, false)),
            false => Control::Continue(()),
        }
    }

    /// Records a bulk operation that begins at `ip`, and asks the sink.
    #[inline(never)]
    pub(crate) fn record_bulk(&mut self, ip: Ip, dst: u64, src: u64, len: u64) -> Control<()> {
        self.recorder().event(Event::Bulk { dst, src, len });
        self.note(ip, false);
        self.poll(ip)
    }

    /// Charges a bulk operation that is not the sample's own, and so is no event, and asks the sink. What is
    /// small is paid for by the operators around it. It may fail as any.
    #[inline(never)]
    pub(crate) fn charge_bulk(&mut self, ip: Ip, len: u64) -> Control<()> {
        if !self.inner().engine().config().record {
            return Control::Continue(());
        }
        self.note(ip, false);
        if len < CHARGED_BULK {
            return Control::Continue(());
        }
        self.recorder().charge_bulk(len);
        self.poll(ip)
    }

    /// Calls a host function with `call`, between two events.
    #[inline]
    pub(crate) fn record_host<R>(
        &mut self,
        func: Func,
        call: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        if !self.inner().engine().config().record || self.recorder().is_left_out(func.key()) {
            return call(self);
        }
        if self.recorder().stops_at_host() {
            return Err(Error::host(Stop));
        }
        self.recorder().event(Event::HostCall { func: func.key() });
        let result = call(self);
        if result.as_ref().is_err_and(|error| error.downcast_ref::<Suspended>().is_some()) {
            self.recorder().suspend();
        } else {
            self.recorder().host_left(result.is_err());
        }
        result
    }

    /// Records that a memory or table was asked to grow.
    #[inline(never)]
    pub(crate) fn record_grow(&mut self, delta: u64, result: u64) {
        self.recorder().event(Event::Grow { delta, result });
    }
}

/// Notes where a handler fails, off the path of one that does not.
pub(crate) trait FailsAt {
    /// It fails at `ip`, before it pushed anything.
    fn at(self, store: &mut PrunedStore, ip: Ip) -> Self;

    /// It fails at `ip`, after it pushed a decision.
    fn after_decision_at(self, store: &mut PrunedStore, ip: Ip) -> Self;
}

impl<T> FailsAt for Control<T, Break> {
    #[inline(always)]
    fn at(self, store: &mut PrunedStore, ip: Ip) -> Self {
        if let Control::Break(reason) = self {
            return Control::Break(fail(store, ip, reason));
        }
        self
    }

    #[inline(always)]
    fn after_decision_at(self, store: &mut PrunedStore, ip: Ip) -> Self {
        if let Control::Break(reason) = self {
            return Control::Break(fail_after_decision(store, ip, reason));
        }
        self
    }
}

/// Notes where a handler fails.
#[cold]
#[inline(never)]
pub(crate) fn fail(store: &mut PrunedStore, ip: Ip, reason: Break) -> Break {
    store.note(ip, false);
    reason
}

#[cold]
#[inline(never)]
fn fail_after_decision(store: &mut PrunedStore, ip: Ip, reason: Break) -> Break {
    store.note(ip, true);
    reason
}

/// The result of growing a memory or table. It is small enough for two registers, so that the handler has
/// nothing in memory that a callee could keep.
#[derive(Clone, Copy)]
pub(crate) struct Grown(u64, u64);

impl Grown {
    const DONE: u64 = 0;
    const REFUSED: u64 = 1;
    const OUT_OF_FUEL: u64 = 2;
    const DENIED: u64 = 3;

    /// The result of growing a memory, as the handler expects it.
    #[inline(always)]
    pub(crate) fn of_memory(self) -> Result<u64, StoreError<MemoryError>> {
        Err(StoreError::External(match self.0 {
            Self::DONE => return Ok(self.1),
            Self::REFUSED => MemoryError::OutOfBoundsGrowth,
            Self::OUT_OF_FUEL => MemoryError::OutOfFuel { required_fuel: self.1 },
            _ => MemoryError::ResourceLimiterDeniedAllocation,
        }))
    }

    /// The result of growing a table, as the handler expects it.
    #[inline(always)]
    pub(crate) fn of_table(self) -> Result<u64, StoreError<TableError>> {
        Err(StoreError::External(match self.0 {
            Self::DONE => return Ok(self.1),
            Self::REFUSED => TableError::GrowOutOfBounds,
            Self::OUT_OF_FUEL => TableError::OutOfFuel { required_fuel: self.1 },
            _ => TableError::ResourceLimiterDeniedAllocation,
        }))
    }
}

/// Grows a memory. By value and out of line, so that the handler lends nothing and can end in a tail call.
#[inline(never)]
pub(crate) fn grow_memory(store: &mut PrunedStore, memory: Memory, delta: u64) -> Grown {
    match store.grow_memory(&memory, delta) {
        Ok(size) => Grown(Grown::DONE, size),
        Err(StoreError::External(MemoryError::OutOfBoundsGrowth | MemoryError::OutOfSystemMemory)) => {
            Grown(Grown::REFUSED, 0)
        }
        Err(StoreError::External(MemoryError::OutOfFuel { required_fuel })) => {
            Grown(Grown::OUT_OF_FUEL, required_fuel)
        }
        Err(StoreError::External(MemoryError::ResourceLimiterDeniedAllocation)) => Grown(Grown::DENIED, 0),
        Err(error) => panic!("`memory.grow`: internal interpreter error: {error}"),
    }
}

/// Grows a table; see [`grow_memory`].
#[inline(never)]
pub(crate) fn grow_table(store: &mut PrunedStore, table: Table, delta: u64, init: RawRef) -> Grown {
    match store.grow_table(&table, delta, init) {
        Ok(size) => Grown(Grown::DONE, size),
        Err(StoreError::External(TableError::GrowOutOfBounds | TableError::OutOfSystemMemory)) => {
            Grown(Grown::REFUSED, 0)
        }
        Err(StoreError::External(TableError::OutOfFuel { required_fuel })) => {
            Grown(Grown::OUT_OF_FUEL, required_fuel)
        }
        Err(StoreError::External(TableError::ResourceLimiterDeniedAllocation)) => Grown(Grown::DENIED, 0),
        Err(error) => panic!("`table.grow`: internal interpreter error: {error}"),
    }
}

/// Runs an invocation of `func` from the host between an `Invoke` and an `End` event.
pub(crate) fn invocation<T, R>(
    store: &mut Store<T>,
    func: &Func,
    run: impl FnOnce(&mut Store<T>) -> (Result<R, ExecutionOutcome>, Stack),
) -> (Result<R, ExecutionOutcome>, Stack) {
    if !store.engine().config().record {
        return run(store);
    }
    let recorder = store.inner.recorder_mut();
    recorder.event(Event::Invoke { func: func.key() });
    // A host function that calls back fails at its own call, whatever happened inside.
    let outer = recorder.fault();
    recorder.set_fault(None);
    let is_host = matches!(store.inner.resolve_func(func), FuncEntity::Host(_));
    if is_host {
        store.inner.recorder_mut().event(Event::HostCall { func: func.key() });
    }
    let was_at_root = store.inner.recorder_mut().at_root(is_host);
    let (outcome, stack) = run(store);
    store.inner.recorder_mut().at_root(was_at_root);
    if is_host {
        store.inner.recorder_mut().event(Event::HostReturn { failed: outcome.is_err() });
    }
    let host_failed = store.inner.recorder_mut().take_host_failed();
    let stopped_at_host = store.inner.recorder_mut().take_stopped_at_host();
    let thrown = outcome.as_ref().ok().and_then(|_| thrown(store, func));
    let end = match &outcome {
        Ok(_) => thrown.map_or(End::Returned, End::Thrown),
        Err(_) if stopped_at_host => End::Stopped,
        Err(_) if host_failed => End::HostError,
        Err(ExecutionOutcome::Host(_)) => End::HostError,
        Err(ExecutionOutcome::OutOfFuel(_)) => End::Failed,
        Err(ExecutionOutcome::Error(error)) => end_with(error),
    };
    let place = place(store);
    let recorder = store.inner.recorder_mut();
    recorder.event(Event::End { end, place });
    recorder.set_fault(outer);
    (outcome, stack)
}

/// How an invocation ends whose code fails with this error.
pub(super) fn end_with(error: &Error) -> End {
    match (error.as_trap_code(), error.downcast_ref::<Stop>()) {
        (_, Some(Stop)) => End::Stopped,
        (Some(code), _) => End::Trapped(code),
        _ => End::Failed,
    }
}

/// The globals in which an exception under way is kept, as [`super::bounds::Made::pending`] has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pending: Global,
    exception: Global,
    place: Global,
    /// The number of the last exception whose operands are kept elsewhere.
    serial: Global,
}

/// The exception that left `func`, if one did. It is gone then.
pub(super) fn thrown<T>(store: &mut Store<T>, func: &Func) -> Option<Thrown> {
    let pending = store.engine().config().pending()?;
    let FuncEntity::Wasm(func) = store.inner.resolve_func(func) else { return None };
    // SAFETY: the function belongs to the store that asks, which never drops an instance.
    let instance = unsafe { func.instance().as_ptr().as_ref() };
    let global = |behind: u32| instance.get_global(instance.layout().global_addr(pending + behind)?);
    let kept = Kept { pending: global(0)?, exception: global(1)?, place: global(2)?, serial: global(3)? };
    let Kept { pending, exception, place, .. } = kept;
    match (pending.get(&*store), exception.get(&*store), place.get(&*store)) {
        (Val::I32(value @ (..=-1 | 1..)), Val::V128(exception), Val::I32(place)) => {
            // It is mutable and of that type: the global was made so.
            _ = pending.set(&mut *store, Val::I32(0));
            store.inner.recorder_mut().exceptions = Some(kept);
            Some(Thrown { pending: value as u32, exception: exception.as_u128(), place: place as u32 })
        }
        _ => None,
    }
}

/// Returns the place of the last fault.
pub(super) fn place<T>(store: &mut Store<T>) -> Place {
    let recorder = store.inner.recorder_mut();
    let (decisions, calls) = (recorder.decisions(), recorder.calls());
    let Some(fault) = recorder.fault() else {
        return Place { decisions, calls, depth: 0, site: None, after_decision: false };
    };
    let Fault { depth, after_decision, .. } = fault;
    Place { decisions, calls, depth, site: site(store.engine(), fault), after_decision }
}

/// Returns key and offset in the body of the operator that a fault is at.
fn site(engine: &Engine, fault: Fault) -> Option<(u32, u32)> {
    let (index, offset) = engine.sites().find(fault.ip)?;
    // SAFETY: the instance was running in the store that asks, which never drops one.
    let instance = unsafe { fault.instance?.as_ptr().as_ref() };
    let func = instance.get_func(instance.layout().func_addr(index.into_u32())?)?;
    Some((func.key(), offset))
}

impl Func {
    /// Returns the key that stands for this function in a trace.
    pub fn key(&self) -> u32 {
        self.as_raw().value().raw().get() - 1
    }
}

impl Config {
    /// Whether engines of this configuration record. They translate lazily then, and do not fold constant
    /// conditions.
    pub fn record(&mut self, enable: bool) -> &mut Self {
        self.record = enable;
        self
    }
}

impl<T> Store<T> {
    /// Returns the recorder of this store.
    pub fn recorder_mut(&mut self) -> &mut Recorder {
        self.inner.recorder_mut()
    }

    /// Returns the key that the next function gets; an instantiation gives the functions that it defines
    /// consecutive keys.
    pub fn next_func_key(&self) -> u32 {
        self.inner.len_funcs() as u32
    }
}

impl<T> Caller<'_, T> {
    /// Returns the recorder of the store.
    pub fn recorder_mut(&mut self) -> &mut Recorder {
        self.as_context_mut().store.inner.recorder_mut()
    }

    /// Throws again, at the call of this host function, what left an invocation that it made; its results are
    /// of no use then. One that is `large` is there until another such is thrown. Whether it could be done;
    /// if it was, the host function must return at once, and not fail.
    pub fn throw(&mut self, thrown: super::Thrown, large: bool) -> bool {
        let recorder = self.recorder_mut();
        let Some(Kept { pending, exception, place, serial }) = recorder.exceptions else { return false };
        if recorder.is_at_root {
            return false;
        }
        let number = (thrown.exception >> 32) as u32;
        if large && !matches!(serial.get(&*self), Val::I32(last) if last as u32 == number) {
            return false;
        }
        let values = [
            (pending, Val::I32(thrown.pending as i32)),
            (exception, Val::V128(crate::V128::from(thrown.exception))),
            (place, Val::I32(thrown.place as i32)),
        ];
        for (global, value) in values {
            // They are mutable and of these types: they were made so.
            _ = global.set(&mut *self, value);
        }
        self.recorder_mut().passing = Some(thrown.pending.wrapping_sub(1));
        true
    }
}
