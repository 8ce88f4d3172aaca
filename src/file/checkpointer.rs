//! Makes checkpoints while a run is recorded, on another core.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{
    module::Module,
    sandbox::{Item, Journal},
    trace::{
        FuncKey, Host, Instance, Trace,
        growing::{Ended, Growing, Part, Sender},
    },
    tracer::{Batch, StreamSink, Timeout},
};

use super::{checkpoints::Made, contents::Totals, writer::TraceWriter};

#[cfg(test)]
thread_local! {
    /// Whether they are made after the run.
    pub(super) static IS_OFF: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    /// Runs whose checkpoints were made meanwhile.
    pub(super) static MADE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The receiver of what a run records: a file, and the thread that makes checkpoints of it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    writer: Arc<TraceWriter>,
    making: Mutex<Making>,
}

/// The thread.
#[derive(Debug, Default)]
enum Making {
    /// There is none, or it takes no more.
    #[default]
    Off,
    /// It begins when the module is linked.
    Ready(Arc<Module>),
    Running(Sender, JoinHandle<Option<Made>>),
}

impl Checkpointer {
    /// With the module that runs, checkpoints are made meanwhile.
    pub(super) fn new(writer: Arc<TraceWriter>, module: Option<Arc<Module>>) -> Self {
        Self { writer, making: Mutex::new(module.map_or(Making::Off, Making::Ready)) }
    }

    fn making(&self) -> MutexGuard<'_, Making> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run is over, with these totals if it began. The checkpoints, if they were made.
    pub(super) fn end(&self, totals: Option<Totals>) -> Option<Made> {
        let (Making::Running(sender, thread), Some(Totals { decisions, calls, .. })) =
            (mem::take(&mut *self.making()), totals)
        else {
            return None;
        };
        sender.end(Ended { decisions, calls });
        let made = thread.join().ok().flatten();
        #[cfg(test)]
        MADE.set(MADE.get() + u64::from(made.is_some()));
        made
    }
}

impl StreamSink for Checkpointer {
    fn linked(&self, instances: &[Instance], hosts: &BTreeMap<FuncKey, Host>) {
        self.writer.linked(instances, hosts);
        self.making().begin(instances, hosts);
    }

    fn take(&self, batch: Batch) -> bool {
        let goes_on = self.writer.take_batch(&batch);
        self.making().take(batch);
        goes_on
    }

    fn timeout(&self, timeout: Timeout) {
        self.writer.timeout(timeout);
    }
}

impl Journal for Checkpointer {
    fn note(&self, item: &Item) {
        self.writer.note(item);
    }
}

impl Making {
    /// The module is linked.
    fn begin(&mut self, instances: &[Instance], hosts: &BTreeMap<FuncKey, Host>) {
        let Self::Ready(module) = mem::take(self) else { return };
        if !is_wanted() {
            return;
        }
        let trace = Trace {
            modules: vec![module],
            instances: instances.to_vec(),
            hosts: hosts.clone(),
            calls: u64::MAX,
            ..Trace::default()
        };
        let (growing, sender) = Growing::new();
        let thread = thread::Builder::new().name("spoor-checkpoints".into());
        if let Ok(thread) = thread.spawn(move || Made::of(&trace, &growing)) {
            *self = Self::Running(sender, thread);
        }
    }

    /// What was recorded goes on to it.
    fn take(&mut self, batch: Batch) {
        let Batch { words, records, .. } = batch;
        if let Self::Running(sender, _) = self
            && !sender.send(Part { words, records })
        {
            *self = Self::Off;
        }
    }
}

/// Whether there is a core for it.
fn is_wanted() -> bool {
    #[cfg(test)]
    return !IS_OFF.get();
    #[cfg(not(test))]
    return crate::tracer::has_second_core();
}
