//! The official spec tests under the hooked engine, recording. Every directive that stock wasmi passes
//! passes. Every count of every instance is what the oracle counted on stock wasmi.
//!
//! Debug builds run this with loop dispatch, optimised ones with tail calls.

use std::{
    any::Any,
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use wasmspoor::{
    module::Module,
    trace::{FuncKey, Host, Instance, Record, Trace, Words},
};
use wasmspoor_hooks::recorder::{Event, Sink};
use wasmspoor_oracle::script::{
    Counting, Engine, Failure, FailureKind, InstanceId, ModuleId, Observer, Script, Stock, SuiteReport,
    run_script, run_suite, scripts,
};

#[allow(unreachable_pub)]
mod hooked {
    wasmspoor_oracle::wast_runner!(wasmspoor_hooks);
}

#[path = "spec/values.rs"]
mod values;

/// A sink that keeps all.
#[derive(Default)]
struct Keep {
    words: Words,
    records: Vec<Record>,
}

impl Sink for Keep {
    fn words(&mut self, words: &[u64], _: u64) {
        self.words.push(words);
    }

    fn event(&mut self, event: Event) {
        self.records.push(event.into());
    }

    fn poll(&mut self, _: u64, _: u64) -> bool {
        false
    }
}

type Adapter = hooked::Adapter<()>;

fn new_adapter() -> Adapter {
    let mut config = hooked::config();
    config.record(true);
    let mut store = wasmspoor_hooks::Store::new(&wasmspoor_hooks::Engine::new(&config), ());
    store.recorder_mut().set_sink(Box::new(Keep::default()));
    hooked::Adapter::new(store)
}

/// Notes modules and instances, and makes a trace of it at the end.
#[derive(Default)]
struct Recording {
    modules: BTreeMap<ModuleId, Arc<Module>>,
    instances: Vec<(InstanceId, ModuleId, u32)>,
    trace: Option<Trace>,
}

impl Observer<Adapter> for Recording {
    fn rewrite(&mut self, module: ModuleId, _: &'static str, wasm: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let parsed = Module::parse(wasm).map_err(|error| error.to_string())?;
        self.modules.insert(module, Arc::new(parsed));
        Ok(None)
    }

    fn instantiated(
        &mut self,
        engine: &mut Adapter,
        module: ModuleId,
        instance: InstanceId,
        result: Result<(), &Failure>,
    ) {
        let Some(parsed) = self.modules.get(&module) else { return };
        // Only linking fails before functions are made.
        if result.is_err_and(|failure| failure.kind == FailureKind::Link) {
            return;
        }
        let first_key = engine.store.next_func_key() - parsed.defined_functions();
        self.instances.push((instance, module, first_key));
    }

    fn finished(&mut self, engine: &mut Adapter) {
        let recorder = engine.store.recorder_mut();
        recorder.drain();
        let (decisions, calls) = (recorder.decisions(), recorder.calls());
        let sink: Box<dyn Any> = recorder.set_sink(Box::new(Keep::default()));
        let keep = sink.downcast::<Keep>().unwrap();
        let mut trace =
            Trace { words: keep.words, records: keep.records, decisions, calls, ..Trace::default() };
        let mut taken = BTreeMap::new();
        for (position, &(_, module, first_key)) in self.instances.iter().enumerate() {
            let parsed = &self.modules[&module];
            trace.modules.push(Arc::clone(parsed));
            trace.instances.push(Instance { module: position, first_key: FuncKey(first_key) });
            taken.insert(first_key, first_key + parsed.defined_functions());
        }
        let is_wasm = |key: u32| taken.range(..=key).next_back().is_some_and(|(_, &end)| key < end);
        for key in (0..engine.store.next_func_key()).filter(|&key| !is_wasm(key)) {
            trace.hosts.insert(FuncKey(key), Host { module: "spectest".into(), name: "".into() });
        }
        self.trace = Some(trace);
    }
}

type Counts = BTreeMap<(u32, &'static str), u64>;

/// Counts of each instance, by replay.
fn replayed(recording: &Recording) -> Result<BTreeMap<InstanceId, Counts>, String> {
    let trace = recording.trace.as_ref().ok_or("no trace")?;
    let counted = trace.counts().map_err(|error| error.to_string())?;
    let mut all = BTreeMap::<_, Counts>::new();
    for function in counted.per_function {
        let (id, ..) = recording.instances[function.instance.0 as usize];
        for (opcode, count) in function.per_opcode {
            *all.entry(id).or_default().entry((function.func.0, opcode.mnemonic())).or_insert(0) += count;
        }
    }
    // The events tell the same, one by one.
    let mut events = 0;
    for event in trace.events() {
        events +=
            u64::from(matches!(event.map_err(|error| error.to_string())?, wasmspoor::trace::Event::Op(_)));
    }
    if events != counted.total {
        return Err(format!("{events} events, {} counted", counted.total));
    }
    Ok(all)
}

fn stock() -> &'static SuiteReport {
    static REPORT: OnceLock<SuiteReport> = OnceLock::new();
    REPORT.get_or_init(|| run_suite(&scripts(), |script| run_script(&mut Stock::default(), script, &mut ())))
}

fn record(script: &Script) -> (wasmspoor_oracle::script::ScriptReport, Recording) {
    let mut recording = Recording::default();
    let report = run_script(&mut new_adapter(), script, &mut recording);
    (report, recording)
}

#[test]
fn every_directive_that_stock_passes_passes_while_recording() {
    let hooked = run_suite(&scripts(), |script| record(script).0);
    println!("stock wasmi 2.0.0: {}", stock());
    println!("hooked, recording: {hooked}");
    let differences = stock().differences(&hooked);
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(hooked.passes() > 80_000);
}

#[test]
fn every_count_of_every_instance_is_the_oracles() {
    let (mut instances, mut instructions, mut wrong) = (0, 0u64, Vec::new());
    for script in scripts() {
        let (_, recording) = record(&script);
        let ours = match replayed(&recording) {
            Ok(counts) => counts,
            Err(error) => {
                wrong.push(format!("{}: {error}", script.name));
                continue;
            }
        };
        let mut counting = Counting::default();
        run_script(&mut Stock::default(), &script, &mut counting);
        for (id, counts) in &counting.counts {
            let theirs: Counts = counts
                .by_function
                .iter()
                .map(|(&(func, mnemonic), &count)| ((func.0, mnemonic), count))
                .collect();
            let ours = ours.get(id).cloned().unwrap_or_default();
            instances += 1;
            instructions += counts.total;
            if ours != theirs {
                let first = theirs.keys().chain(ours.keys()).find(|key| ours.get(key) != theirs.get(key));
                wrong.push(format!(
                    "{} {id:?}: {:?}",
                    script.name,
                    first.map(|key| (key, ours.get(key), theirs.get(key)))
                ));
            }
        }
    }
    println!("{instances} instances, {instructions} instructions counted exactly");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(instances > 1000, "{instances}");
}

/// The adapter is an engine: said here so that a change of the macro is found here.
#[allow(dead_code)]
fn is_engine() -> impl Engine {
    new_adapter()
}
