//! The four engines under one face: a [`Runner`] for a workload gives a [`Run`] each time it is called.
//!
//! Stock wasmi and the hooked crate have the same API under two names with distinct types, so the harness is
//! a macro that is expanded for each.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    sink::{Memory, Recorded},
    workloads::Workload,
    world::{Reply, World},
};

/// An engine and how it is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// wasmi as published.
    Stock,
    /// wasmi metering fuel.
    Fuel,
    /// The hooked crate, not recording.
    Off,
    /// The hooked crate, recording.
    Flow,
}

impl Engine {
    /// All of them, the baseline first.
    pub(crate) const ALL: [Self; 4] = [Self::Stock, Self::Fuel, Self::Off, Self::Flow];

    /// Its name in benchmark ids and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stock => "stock",
            Self::Fuel => "fuel",
            Self::Off => "off",
            Self::Flow => "flow",
        }
    }

    /// Compiles `workload` and runs it once, so that its functions are translated; the run is returned with
    /// the runner.
    pub(crate) fn prepare(self, workload: &Workload) -> (Runner, Run) {
        let runner: Runner = match self {
            Self::Stock | Self::Fuel => stock_runner(workload, self == Self::Fuel),
            Self::Off | Self::Flow => hooked_runner(workload, self == Self::Flow),
        };
        let run = runner();
        (runner, run)
    }
}

/// Runs a workload on a fresh store.
pub(crate) type Runner = Box<dyn Fn() -> Run>;

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Of the call alone.
    pub(crate) elapsed: Duration,
    pub(crate) answer: Answer,
    /// What was recorded; `None` unless the engine records.
    pub(crate) recorded: Option<Recorded>,
}

/// What a run gave back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Result of `main`, or the exit status of a WASI program.
    pub(crate) result: i32,
    /// Bytes written to standard output and error, and their hash.
    pub(crate) output: (u64, u64),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "result {}", self.result)?;
        match self.output {
            (0, _) => Ok(()),
            (len_bytes, hash) => write!(f, ", {len_bytes} bytes written with hash {hash:016x}"),
        }
    }
}

/// Defines `$name::Program`, a workload compiled by the crate `$engine`.
macro_rules! harness {
    ($name:ident, $engine:ident) => {
        mod $name {
            use $engine::{Caller, Config, Engine, Error, Extern, Func, Linker, Module, Store, Val, ValType};

            use super::*;

            /// A compiled workload, its imports resolved.
            pub(super) struct Program {
                module: Module,
                linker: Linker<World>,
                input: &'static [u8],
            }

            /// A started workload.
            pub(super) struct Instance {
                pub(super) store: Store<World>,
                entry: Func,
                results: Vec<Val>,
            }

            impl Program {
                pub(super) fn new(config: &Config, workload: &Workload) -> Self {
                    let engine = Engine::new(config);
                    let module = Module::new(&engine, &workload.wasm).expect("workloads are valid");
                    let mut linker = Linker::new(&engine);
                    for import in module.imports() {
                        let Some(ty) = import.ty().func() else {
                            panic!("{}: {import:?} is no function", workload.name)
                        };
                        let name = import.name().to_owned();
                        linker
                            .func_new(
                                import.module(),
                                import.name(),
                                ty.clone(),
                                move |caller, params, results| call_world(caller, &name, params, results),
                            )
                            .expect("imports have one type each");
                    }
                    Self { module, linker, input: workload.input }
                }

                /// Makes a store and an instance in it.
                pub(super) fn start(&self) -> Instance {
                    let mut store = Store::new(self.linker.engine(), World::new(self.input));
                    let instance = self
                        .linker
                        .instantiate_and_start(&mut store, &self.module)
                        .expect("imports are there");
                    let entry =
                        ["_start", "main"].into_iter().find_map(|name| instance.get_func(&store, name));
                    let entry = entry.expect("workloads export _start or main");
                    let results = entry.ty(&store).results().iter().map(|_| Val::I32(0)).collect();
                    Instance { store, entry, results }
                }
            }

            impl Instance {
                /// Calls the entry; returns how long that took and what it gave.
                pub(super) fn call(&mut self) -> (Duration, Answer) {
                    let begin = Instant::now();
                    let outcome = self.entry.call(&mut self.store, &[], &mut self.results);
                    let elapsed = begin.elapsed();
                    let result = match (outcome, self.results.as_slice()) {
                        (Ok(()), [Val::I32(result)]) => *result,
                        (Ok(()), _) => 0,
                        (Err(error), _) => {
                            error.i32_exit_status().unwrap_or_else(|| panic!("workload failed: {error}"))
                        }
                    };
                    (elapsed, Answer { result, output: self.store.data().output() })
                }
            }

            fn call_world(
                mut caller: Caller<'_, World>,
                name: &str,
                params: &[Val],
                results: &mut [Val],
            ) -> Result<(), Error> {
                let params: Vec<u64> = params.iter().map(to_u64).collect();
                let (memory, world) = match caller.get_export("memory").and_then(Extern::into_memory) {
                    Some(memory) => memory.data_and_store_mut(&mut caller),
                    None => (&mut [][..], caller.data_mut()),
                };
                match (world.call(name, memory, &params), results) {
                    (Reply::Exit(status), _) => return Err(Error::i32_exit(status)),
                    (Reply::Errno(errno), [result]) => *result = Val::I32(errno.into()),
                    (Reply::Errno(_), _) => {}
                }
                Ok(())
            }

            fn to_u64(value: &Val) -> u64 {
                match value {
                    Val::I32(value) => u64::from(value.cast_unsigned()),
                    Val::I64(value) => value.cast_unsigned(),
                    other => panic!("no system call takes a {:?}", ValType::from(other.ty())),
                }
            }
        }
    };
}

harness!(stock, wasmi);
harness!(hooked, wasmspoor_hooks);

fn stock_runner(workload: &Workload, fuel: bool) -> Runner {
    let mut config = wasmi::Config::default();
    config.consume_fuel(fuel);
    let program = stock::Program::new(&config, workload);
    Box::new(move || {
        let mut instance = program.start();
        if fuel {
            instance.store.set_fuel(u64::MAX).expect("fuel is metered");
        }
        let (elapsed, answer) = instance.call();
        Run { elapsed, answer, recorded: None }
    })
}

fn hooked_runner(workload: &Workload, record: bool) -> Runner {
    let mut config = wasmspoor_hooks::Config::default();
    config.record(record);
    let program = hooked::Program::new(&config, workload);
    Box::new(move || {
        let mut instance = program.start();
        let (sink, kept) = Memory::new();
        instance.store.recorder_mut().set_sink(Box::new(sink));
        let (elapsed, answer) = instance.call();
        let recorder = instance.store.recorder_mut();
        recorder.drain();
        let recorded = record.then(|| kept.recorded(recorder.decisions()));
        Run { elapsed, answer, recorded }
    })
}
