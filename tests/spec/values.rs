//! The official scripts through the data level. The acts of a script's host are noted beside the trace. Every
//! result, trap and final memory must come out of the second interpreter as it came out of the engine.

use std::{any::Any, collections::HashMap, sync::Arc};

use wasmspoor::{
    module::Module,
    trace::{
        FuncKey, Host, Instance, InstanceIndex, Trace,
        effects::{Effect, Effects, Imported, MemoryShape, TableShape, UNKNOWN_FUNC, Val},
    },
    values::{Machine, Nothing},
};
use wasmspoor_oracle::script::{
    DirectiveReport, Engine, Failure, FailureKind, InstanceId, Outcome, Value, run_script, scripts,
};

use super::{Adapter, Keep, new_adapter};

/// An engine that notes what the host does.
struct Noting {
    inner: Adapter,
    effects: Effects,
    trace: Trace,
    /// What `(module, name)` stands for.
    names: HashMap<(String, String), Imported>,
    /// What instances export.
    exports: HashMap<InstanceId, HashMap<String, Imported>>,
    made: HashMap<InstanceId, InstanceIndex>,
    objects: [u32; 3],
}

/// Imports, exports and numbers of defined objects of a module.
struct Outline {
    imports: Vec<(String, String, wasmparser::TypeRef)>,
    exports: Vec<(String, wasmparser::ExternalKind, u32)>,
    defined: [u32; 3],
}

fn outline(wasm: &[u8]) -> Outline {
    let mut outline = Outline { imports: Vec::new(), exports: Vec::new(), defined: [0; 3] };
    for payload in wasmparser::Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            wasmparser::Payload::ImportSection(imports) => {
                for import in imports.into_imports().map_while(Result::ok) {
                    outline.imports.push((import.module.into(), import.name.into(), import.ty));
                }
            }
            wasmparser::Payload::ExportSection(exports) => {
                for export in exports.into_iter().map_while(Result::ok) {
                    outline.exports.push((export.name.into(), export.kind, export.index));
                }
            }
            wasmparser::Payload::MemorySection(section) => outline.defined[0] = section.count(),
            wasmparser::Payload::TableSection(section) => outline.defined[1] = section.count(),
            wasmparser::Payload::GlobalSection(section) => outline.defined[2] = section.count(),
            _ => {}
        }
    }
    outline
}

impl Noting {
    fn new() -> Self {
        let mut noting = Self {
            inner: new_adapter(),
            effects: Effects::default(),
            trace: Trace::default(),
            names: HashMap::new(),
            exports: HashMap::new(),
            made: HashMap::new(),
            objects: [0; 3],
        };
        noting.spectest();
        noting
    }

    /// The objects of `spectest`, as the adapter makes them.
    fn spectest(&mut self) {
        let float = 666.6_f32;
        let objects = [
            (
                "memory",
                Effect::NewMemory(MemoryShape { pages: 1, maximum: Some(2), page_log2: 16, is_64: false }),
            ),
            ("table", Effect::NewTable(TableShape { len: 10, maximum: Some(20), is_64: false })),
            ("table64", Effect::NewTable(TableShape { len: 10, maximum: Some(20), is_64: true })),
            ("global_i32", Effect::NewGlobal(Val::I32(666))),
            ("global_i64", Effect::NewGlobal(Val::I64(666))),
            ("global_f32", Effect::NewGlobal(Val::F32(float.to_bits()))),
            ("global_f64", Effect::NewGlobal(Val::F64(666.6_f64.to_bits()))),
        ];
        for (name, effect) in objects {
            let [memories, tables, globals] = &mut self.objects;
            let (counter, make): (_, fn(u32) -> Imported) = match effect {
                Effect::NewMemory(_) => (memories, Imported::Memory),
                Effect::NewTable(_) => (tables, Imported::Table),
                _ => (globals, Imported::Global),
            };
            self.names.insert(("spectest".into(), name.into()), make(*counter));
            *counter += 1;
            self.effects.push(0, effect);
        }
    }

    fn records(&mut self) -> u64 {
        let sink: &mut dyn Any = self.inner.store.recorder_mut().sink_mut();
        sink.downcast_mut::<Keep>().unwrap().records.len() as u64
    }

    /// Notes an instance that was made when so many records and functions were.
    fn note(&mut self, wasm: &[u8], id: InstanceId, record: u64, first_host: u32) {
        let (outline, module) = (outline(wasm), Module::parse(wasm).unwrap());
        let first_key = self.inner.store.next_func_key() - module.defined_functions();
        // The host functions of `spectest` are made anew for each instance, in the order of its imports.
        let mut hosts = first_host..first_key;
        let mut spaces: [Vec<Imported>; 4] = Default::default();
        let mut imports = Vec::new();
        for (name, field, ty) in &outline.imports {
            let import = match self.names.get(&(name.clone(), field.clone())) {
                Some(import) => *import,
                None => {
                    let key = FuncKey(hosts.next().unwrap());
                    let host = Host { module: name.as_str().into(), name: field.as_str().into() };
                    self.trace.hosts.insert(key, host);
                    Imported::Func(key)
                }
            };
            imports.push(import);
            let space = match ty {
                wasmparser::TypeRef::Memory(_) => 0,
                wasmparser::TypeRef::Table(_) => 1,
                wasmparser::TypeRef::Global(_) => 2,
                _ => 3,
            };
            spaces[space].push(import);
        }
        for (space, make) in [Imported::Memory as fn(u32) -> Imported, Imported::Table, Imported::Global]
            .into_iter()
            .enumerate()
        {
            spaces[space].extend((0..outline.defined[space]).map(|n| make(self.objects[space] + n)));
            self.objects[space] += outline.defined[space];
        }
        spaces[3].extend((0..module.defined_functions()).map(|n| Imported::Func(FuncKey(first_key + n))));
        let exports = outline.exports.into_iter().filter_map(|(name, kind, index)| {
            let space = match kind {
                wasmparser::ExternalKind::Memory => 0,
                wasmparser::ExternalKind::Table => 1,
                wasmparser::ExternalKind::Global => 2,
                _ => 3,
            };
            Some((name, *spaces[space].get(index as usize)?))
        });
        self.exports.insert(id, exports.collect());
        self.effects.push(record, Effect::Instance(imports));
        self.made.insert(id, InstanceIndex(self.trace.instances.len() as u32));
        self.trace
            .instances
            .push(Instance { module: self.trace.modules.len(), first_key: FuncKey(first_key) });
        self.trace.modules.push(Arc::new(module));
    }

    /// Runs what was recorded through the data level.
    fn check(mut self) -> Result<u64, String> {
        let recorder = self.inner.store.recorder_mut();
        recorder.drain();
        let (decisions, calls) = (recorder.decisions(), recorder.calls());
        let sink: Box<dyn Any> = recorder.set_sink(Box::new(Keep::default()));
        let keep = sink.downcast::<Keep>().unwrap();
        let trace = Trace {
            words: keep.words,
            records: keep.records,
            decisions,
            calls,
            effects: Some(Arc::new(self.effects)),
            ..self.trace
        };
        let mut machine = Machine::new(&trace).map_err(|error| error.to_string())?;
        let totals = machine.run(&mut Nothing).map_err(|error| error.to_string())?;
        for (id, exports) in &self.exports {
            for (name, export) in exports {
                let (Imported::Memory(number), Some(bytes)) = (export, self.inner.memory(*id, name)) else {
                    continue;
                };
                if machine.memory(*number) != Some(bytes) {
                    return Err(format!("memory {name:?} of {id:?} differs"));
                }
            }
        }
        let counted = trace.counts().map_err(|error| error.to_string())?.total;
        match counted == totals.instructions {
            true => Ok(counted),
            false => Err(format!("{} instructions, replay {counted}", totals.instructions)),
        }
    }
}

fn val(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits),
        Value::NullFunc => Val::Func(None),
        Value::Func => Val::Func(Some(UNKNOWN_FUNC)),
        Value::Extern(number) => Val::Extern(number),
    }
}

impl Engine for Noting {
    type Module = (Vec<u8>, <Adapter as Engine>::Module);

    fn compile(&mut self, wasm: &[u8]) -> Result<Self::Module, Failure> {
        Ok((wasm.to_vec(), self.inner.compile(wasm)?))
    }

    fn instantiate(&mut self, (wasm, module): &Self::Module, instance: InstanceId) -> Result<(), Failure> {
        let (record, first_host) = (self.records(), self.inner.store.next_func_key());
        let done = self.inner.instantiate(module, instance);
        // Only linking fails before functions are made.
        if done.as_ref().is_ok() || done.as_ref().is_err_and(|failure| failure.kind != FailureKind::Link) {
            self.note(wasm, instance, record, first_host);
        }
        done
    }

    fn register(&mut self, name: &str, instance: InstanceId) -> Result<(), Failure> {
        self.inner.register(name, instance)?;
        for (export, &object) in self.exports.get(&instance).into_iter().flatten() {
            self.names.insert((name.into(), export.clone()), object);
        }
        Ok(())
    }

    fn invoke(&mut self, id: InstanceId, export: &str, arguments: &[Value]) -> Result<Vec<Value>, Failure> {
        let record = self.records();
        let before = self.effects.entries().len();
        self.effects.push(record, Effect::Arguments(arguments.iter().copied().map(val).collect()));
        let results = self.inner.invoke(id, export, arguments)?;
        assert_eq!(self.effects.entries().len(), before + 1);
        let last = self.records() - 1;
        self.effects.push(last, Effect::Results(results.iter().copied().map(val).collect()));
        Ok(results)
    }

    fn global(&mut self, instance: InstanceId, export: &str) -> Result<Value, Failure> {
        self.inner.global(instance, export)
    }

    fn has_func(&self, instance: InstanceId, export: &str) -> bool {
        self.inner.has_func(instance, export)
    }

    fn memory(&self, instance: InstanceId, export: &str) -> Option<&[u8]> {
        self.inner.memory(instance, export)
    }
}

#[test]
fn every_script_is_recomputed() {
    let (mut total, mut wrong, mut passed) = (0, Vec::new(), 0);
    for script in scripts() {
        let mut engine = Noting::new();
        let report = run_script(&mut engine, &script, &mut ());
        let is_pass = |directive: &&DirectiveReport| directive.outcome == Outcome::Pass;
        passed += report.directives.iter().filter(is_pass).count();
        match engine.check() {
            Ok(instructions) => total += instructions,
            Err(error) => wrong.push(format!("{}: {error}", script.name)),
        }
    }
    println!("{passed} directives, {total} instructions recomputed");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed > 80_000, "{passed}");
}
