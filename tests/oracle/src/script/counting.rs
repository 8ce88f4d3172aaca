//! The observer that instruments all modules of a script, so that each instance counts what it executes.
//!
//! One kind of module is left alone: those whose segments trap. Their functions may be called all the same,
//! through a table that was filled before the trap. But wasmi 2.0.0 never initialises the instance they
//! belong to. A counter (any use of a memory) in them reads through an invalid pointer. Without the counters
//! they happen to be constants.

use super::engine::{Engine, Failure, InstanceId, ModuleId};
use super::run::Observer;
use crate::counts::{Counts, Instrumented};
use crate::instrument::{Options, instrument_with};
use crate::{COUNTERS, Error};
use std::collections::BTreeMap;
use wasmparser::{Parser, Payload};

/// Instruments all modules of a script. Start functions become exports, so what ran before one trapped is
/// counted too.
#[derive(Debug, Default)]
pub struct Counting {
    /// How modules are instrumented; `export_start` is always on.
    pub options: Options,
    /// The instrumented modules.
    pub modules: BTreeMap<ModuleId, Instrumented>,
    /// Instances that were made, with their module.
    pub instances: BTreeMap<InstanceId, ModuleId>,
    /// Counts of each instance, filled in at the end of the script.
    pub counts: BTreeMap<InstanceId, Counts>,
}

impl Counting {
    /// What an instance has executed so far, `None` if there is no such instance.
    ///
    /// # Errors
    /// When the memory of the counters is too small.
    pub fn of(&self, engine: &impl Engine, instance: InstanceId) -> Result<Option<Counts>, Error> {
        match (self.module(instance), engine.memory(instance, COUNTERS)) {
            (Some(module), Some(bytes)) => module.counts(bytes).map(Some),
            _ => Ok(None),
        }
    }

    /// How many instructions all instances have executed so far.
    ///
    /// # Errors
    /// When the memory of the counters is too small.
    pub fn total(&self, engine: &impl Engine) -> Result<u64, Error> {
        let totals = self.instances.keys().map(|instance| {
            match (self.module(*instance), engine.memory(*instance, COUNTERS)) {
                (Some(module), Some(bytes)) => module.total(bytes),
                _ => Ok(0),
            }
        });
        totals.sum()
    }

    fn module(&self, instance: InstanceId) -> Option<&Instrumented> {
        self.modules.get(self.instances.get(&instance)?)
    }
}

impl<E: Engine> Observer<E> for Counting {
    fn rewrite(
        &mut self,
        module: ModuleId,
        directive: &'static str,
        wasm: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        if directive == "assert_unlinkable" || directive == "assert_uninstantiable" && !has_start(wasm) {
            return Ok(None);
        }
        let options = Options { export_start: true, ..self.options.clone() };
        let instrumented = instrument_with(wasm, &options).map_err(|error| error.to_string())?;
        let wasm = instrumented.wasm.clone();
        self.modules.insert(module, instrumented);
        Ok(Some(wasm))
    }

    fn instantiated(
        &mut self,
        _engine: &mut E,
        module: ModuleId,
        instance: InstanceId,
        result: Result<(), &Failure>,
    ) {
        if result.is_ok() {
            self.instances.insert(instance, module);
        }
    }

    fn finished(&mut self, engine: &mut E) {
        for instance in self.instances.keys() {
            if let Ok(Some(counts)) = self.of(engine, *instance) {
                self.counts.insert(*instance, counts);
            }
        }
    }
}

fn has_start(wasm: &[u8]) -> bool {
    Parser::new(0).parse_all(wasm).any(|payload| matches!(payload, Ok(Payload::StartSection { .. })))
}
