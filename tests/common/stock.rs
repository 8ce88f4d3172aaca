//! The oracle's side: stock wasmi, and the counters that the oracle wrote into the module.

use std::collections::BTreeMap;

use wasmi::{
    Config, Engine, Extern, ExternType, Func, Global, Instance, Memory, Module, Ref, ResourceLimiter, Store,
    Table, TrapCode, Val,
};
use wasmspoor::Value;
use wasmspoor_oracle::{COUNTERS, Instrumented, Options, START};

use super::{Answer, DEPTH, Run, STACK_BYTES, State, hash, limits};

fn config() -> Config {
    let mut config = Config::default();
    config.wasm_custom_page_sizes(true).wasm_wide_arithmetic(true);
    config.set_max_recursion_depth(DEPTH);
    config.set_max_stack_height(STACK_BYTES);
    config
}

/// Whether stock wasmi compiles and instantiates a module.
pub fn accepts(wasm: &[u8]) -> bool {
    let engine = Engine::new(&config());
    let mut store = Store::new(&engine, Growth::new(0));
    store.limiter(|growth| growth);
    let Ok(module) = Module::new(&engine, wasm) else { return false };
    let Some(imports) = imports(&mut store, &module) else { return false };
    // A start function that traps or never ends makes no difference to the question.
    match wasmspoor_oracle::instrument_with(wasm, &Options { export_start: true, ..Options::default() }) {
        Ok(_) => {}
        Err(_) => return Instance::new(&mut store, &module, &imports).is_ok(),
    }
    without_start(wasm).is_some_and(|wasm| {
        let Ok(module) = Module::new(&engine, wasm) else { return false };
        Instance::new(&mut store, &module, &imports).is_ok()
    })
}

fn without_start(wasm: &[u8]) -> Option<Vec<u8>> {
    wasmspoor_oracle::instrument_with(wasm, &Options { export_start: true, ..Options::default() })
        .ok()
        .map(|made| made.wasm)
}

/// Runs `start` and the exports called on the other side, up to `limit` instructions; with `single`, each
/// instruction has a counter.
///
/// # Errors
///
/// If the module cannot be instrumented or instantiated.
pub fn run(wasm: &[u8], calls: &[String], limit: Option<u64>, single: bool) -> Result<Run, String> {
    let options = Options { limit, export_start: true, single };
    let made = wasmspoor_oracle::instrument_with(wasm, &options).map_err(|error| error.to_string())?;
    let engine = Engine::new(&config());
    let module = Module::new(&engine, &made.wasm).map_err(|error| error.to_string())?;
    let mut store = Store::new(&engine, Growth::new((made.segments.len() as u64 + 1) * 8));
    store.limiter(|growth| growth);
    let imports = imports(&mut store, &module).ok_or("imports do not fit the limits")?;
    let instance = Instance::new(&mut store, &module, &imports).map_err(|error| error.to_string())?;
    let mut answers = Vec::new();
    let mut is_over = false;
    for name in calls {
        let export = if name == "start" { START } else { name };
        let answer = match instance.get_func(&store, export) {
            Some(func) => call(&mut store, func),
            None => Answer::Returned(Vec::new()),
        };
        answers.push((name.clone(), answer));
        is_over = limit.is_some_and(|limit| total(&made, &instance, &store) >= limit);
        if is_over {
            break;
        }
    }
    let memory = instance.get_memory(&store, COUNTERS).ok_or("the counters are gone")?;
    let counted = made.counts(memory.data(&store)).map_err(|error| error.to_string())?;
    let counts =
        counted.by_function.iter().map(|(&(func, mnemonic), &count)| ((func.0, mnemonic), count)).collect();
    let state = (!is_over).then(|| state(&store, &instance));
    Ok(Run { answers, counts, total: counted.total, state })
}

fn total(made: &Instrumented, instance: &Instance, store: &Store<Growth>) -> u64 {
    let memory = instance.get_memory(store, COUNTERS);
    memory.and_then(|memory| made.total(memory.data(store)).ok()).unwrap_or(u64::MAX)
}

fn call(store: &mut Store<Growth>, func: Func) -> Answer {
    let ty = func.ty(&*store);
    let args: Vec<_> = ty.params().iter().map(|&ty| Val::default_for_ty(ty)).collect();
    let mut results: Vec<_> = ty.results().iter().map(|&ty| Val::default_for_ty(ty)).collect();
    match func.call(store, &args, &mut results) {
        Ok(()) => Answer::Returned(results.iter().map(value).collect()),
        Err(error) => match error.as_trap_code() {
            Some(code) => Answer::Trapped(message(code).into()),
            None => Answer::Failed,
        },
    }
}

fn message(code: TrapCode) -> &'static str {
    match code {
        TrapCode::UnreachableCodeReached => "unreachable",
        TrapCode::MemoryOutOfBounds => "out of bounds memory access",
        TrapCode::TableOutOfBounds => "out of bounds table access",
        TrapCode::IndirectCallToNull => "uninitialized element",
        TrapCode::IntegerDivisionByZero => "integer divide by zero",
        TrapCode::IntegerOverflow => "integer overflow",
        TrapCode::BadConversionToInteger => "invalid conversion to integer",
        TrapCode::StackOverflow => "call stack exhausted",
        TrapCode::BadSignature => "indirect call type mismatch",
        TrapCode::OutOfFuel => "out of fuel",
        TrapCode::GrowthOperationLimited => "growth limited",
        TrapCode::OutOfSystemMemory => "out of system memory",
    }
}

fn value(value: &Val) -> Value {
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(f32::from_bits(value.to_bits())),
        Val::F64(value) => Value::F64(f64::from_bits(value.to_bits())),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(value) => Value::Ref { null: value.is_null() },
        Val::ExternRef(value) => Value::Ref { null: value.is_null() },
    }
}

fn state(store: &Store<Growth>, instance: &Instance) -> State {
    let (mut globals, mut memories) = (BTreeMap::new(), BTreeMap::new());
    for export in instance.exports(store) {
        let name = export.name().to_owned();
        match export.into_extern() {
            Extern::Global(global) => {
                globals.insert(name, value(&global.get(store)));
            }
            Extern::Memory(memory) if name != COUNTERS => {
                let bytes = memory.data(store);
                memories.insert(name, (bytes.len(), hash(bytes)));
            }
            _ => {}
        }
    }
    State { globals, memories }
}

/// Answers every import with zeros.
fn imports(store: &mut Store<Growth>, module: &Module) -> Option<Vec<Extern>> {
    let mut made = Vec::new();
    for import in module.imports() {
        made.push(match import.ty() {
            ExternType::Func(ty) => Func::new(&mut *store, ty.clone(), |_, _, _| Ok(())).into(),
            ExternType::Global(ty) => {
                Global::new(&mut *store, Val::default_for_ty(ty.content()), ty.mutability()).into()
            }
            ExternType::Memory(ty) => Memory::new(&mut *store, *ty).ok()?.into(),
            ExternType::Table(ty) => {
                Table::new(&mut *store, *ty, Ref::default_for_ty(ty.element())).ok()?.into()
            }
        });
    }
    Some(made)
}

/// The limits of growth of the other side, and room for the counters.
struct Growth {
    bytes_left: u64,
    elements_left: u64,
}

impl Growth {
    fn new(counters: u64) -> Self {
        let limits = limits(0);
        Self {
            bytes_left: (limits.memory_pages << 16) + counters.next_multiple_of(1 << 16),
            elements_left: limits.table_elements,
        }
    }

    fn take(left: &mut u64, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let more = desired.saturating_sub(current) as u64;
        let fits = more <= *left && maximum.is_none_or(|maximum| desired <= maximum);
        if fits {
            *left -= more;
        }
        fits
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, wasmspoor_hooks::recorder::LimiterError> {
        Ok(Self::take(&mut self.bytes_left, current, desired, maximum))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, wasmspoor_hooks::recorder::LimiterError> {
        Ok(Self::take(&mut self.elements_left, current, desired, maximum))
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
