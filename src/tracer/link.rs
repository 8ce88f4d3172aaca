//! Linking: what each import of a module is made to be, by its position.
//!
//! A name may be imported twice with two types, so nothing is looked up by name alone. An import that a
//! [`Linker`] does not give is zero or empty, of the declared type: any module can be instantiated.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use wasmparser::GlobalType;
use wasmspoor_hooks as engine;

use crate::{
    module::{
        FuncIndex, FuncType, LoadError, Meeting, Module, lower::references::FUNCTION_NUMBER, objects,
        objects::Hierarchy,
    },
    trace::{
        self, FuncKey,
        effects::{Effect, Imported, MemoryShape, TableShape},
    },
};

use super::{
    host::{self, Host, HostFn, Names},
    limits::Limits,
    threads::{OwnClock, Threads, Turns},
    value::{Type, Value, to_engine},
};

/// An imported function.
#[derive(Debug)]
pub(crate) struct FunctionImport<'a> {
    /// Its index in the function space.
    pub(crate) index: u32,
    /// First part of its name.
    pub(crate) module: &'a str,
    /// Second part.
    pub(crate) name: &'a str,
    pub(crate) params: Vec<Type>,
    pub(crate) results: Vec<Type>,
}

/// Says what imports are. Asked once for each import, in the module's order.
pub(crate) trait Linker {
    /// The function; zeros if `None`.
    fn function(&mut self, import: &FunctionImport<'_>) -> Option<Arc<dyn HostFn>>;

    /// The value of a global; zero or null if `None` or of another type.
    fn global(&mut self, _module: &str, _name: &str, _ty: Type) -> Option<Value> {
        None
    }

    /// The number of what a global refers to that does not change and refers to what is the host's; null if
    /// `None`.
    fn reference(&mut self, _module: &str, _name: &str) -> Option<u32> {
        None
    }

    /// Pages that a memory begins with, if that is more than it declares. At most its maximum is given.
    fn pages(&mut self, _module: &str, _name: &str) -> u64 {
        0
    }

    /// By what threads take turns, of a sample that begins some.
    fn turns(&self) -> Turns {
        Turns { seed: 0, clock: Arc::new(OwnClock::default()) }
    }

    /// Bytes that imported memory holds before anything runs: address and bytes.
    fn contents(&mut self, _len: u64) -> Vec<(u64, Vec<u8>)> {
        Vec::new()
    }
}

/// By name, whatever the type.
impl Linker for &HashMap<(String, String), Arc<dyn HostFn>> {
    fn function(&mut self, import: &FunctionImport<'_>) -> Option<Arc<dyn HostFn>> {
        self.get(&(import.module.to_owned(), import.name.to_owned())).cloned()
    }
}

/// What the linker gives for imported globals, in the module's order. Asked before the module is compiled: it
/// may begin with objects that are made of them.
pub(super) fn globals(sample: &Module, linker: &mut dyn Linker) -> Vec<Given> {
    let given = |(module, name, ty, refers): (&str, &str, GlobalType, Option<Hierarchy>)| {
        let (content, of_engine) = match (Type::from(ty.content_type), refers) {
            (_, Some(Hierarchy::Object)) => (Type::AnyRef, engine::ValType::I32),
            (_, Some(Hierarchy::Exception)) => (Type::ExnRef, engine::ValType::V128),
            (ty, Some(Hierarchy::Function)) => (ty, engine::ValType::FuncRef),
            (ty, Some(Hierarchy::Host)) => (ty, engine::ValType::ExternRef),
            (Type::I64, None) => (Type::I64, engine::ValType::I64),
            (Type::F32, None) => (Type::F32, engine::ValType::F32),
            (Type::F64, None) => (Type::F64, engine::ValType::F64),
            (Type::V128, None) => (Type::V128, engine::ValType::V128),
            (ty, None) => (ty, engine::ValType::I32),
        };
        let value = linker.global(module, name, content).and_then(|value| to_engine(value, content));
        let is_reference = matches!(refers, Some(Hierarchy::Object | Hierarchy::Host));
        if value.is_none()
            && is_reference
            && !ty.mutable
            && let Some(number) = linker.reference(module, name)
        {
            return Given::Reference(number);
        }
        Given::Value(value.unwrap_or_else(|| engine::Val::default_for_ty(of_engine)))
    };
    sample.imported_globals().into_iter().map(given).collect()
}

/// What an imported global is.
pub(super) enum Given {
    Value(engine::Val),
    /// It refers to what of the host's has this number.
    Reference(u32),
}

impl Given {
    /// As what the sample's constant expressions calculate with.
    pub(super) fn bits(&self) -> u128 {
        match self {
            Self::Value(engine::Val::I32(value)) => u128::from(*value as u32),
            Self::Value(engine::Val::I64(value)) => u128::from(*value as u64),
            Self::Value(engine::Val::F32(value)) => value.to_bits().into(),
            Self::Value(engine::Val::F64(value)) => value.to_bits().into(),
            Self::Value(engine::Val::V128(value)) => value.as_u128(),
            Self::Value(engine::Val::FuncRef(_) | engine::Val::ExternRef(_)) => 0,
            Self::Reference(number) => host::word(*number).into(),
        }
    }
}

type Imports = (Vec<engine::Extern>, BTreeMap<FuncKey, trace::Host>);

/// Makes what the module imports, in its order.
pub(super) fn imports(
    store: &mut engine::Store<Host>,
    compiled: &engine::Module,
    (sample, globals): (&Module, Vec<Given>),
    limits: &Limits,
    linker: &mut dyn Linker,
) -> Result<Imports, LoadError> {
    let (mut imports, mut hosts) = (Vec::new(), BTreeMap::new());
    let mut globals = globals.into_iter();
    let is_function = |import: &engine::ImportType<'_>| matches!(import.ty(), engine::ExternType::Func(_));
    // Without functions of ours threads have nowhere to meet.
    let mut of_ours = compiled.imports().filter(is_function).skip(sample.imported_functions() as usize);
    if of_ours.any(|import| import.name() != FUNCTION_NUMBER) {
        store.data_mut().threads = Some(Threads::new(linker.turns()));
    }
    for import in compiled.imports() {
        let (module, name) = (import.module(), import.name());
        let refused =
            |what: &'static str, given, limit| LoadError::TooBig { what: what.into(), given, limit };
        imports.push(match import.ty() {
            engine::ExternType::Func(ty)
                if hosts.len() >= sample.imported_functions() as usize && name == FUNCTION_NUMBER =>
            {
                host::function_number(store, ty.clone()).into()
            }
            engine::ExternType::Func(ty) => {
                let index = hosts.len() as u32;
                let known = sample.imported_function(FuncIndex(index));
                let (module, name) = known.map_or((module, name), |known| (&known.module, &known.name));
                hosts.insert(
                    FuncKey(store.next_func_key()),
                    trace::Host { module: module.into(), name: name.into() },
                );
                let declared =
                    sample.func_type(FuncIndex(index)).filter(|_| meeting(sample, index).is_none());
                let params = Type::all(ty.params(), declared.map(FuncType::params));
                let results = Type::all(ty.results(), declared.map(FuncType::results));
                let import = FunctionImport { index, module, name, params, results };
                let body = match meeting(sample, index) {
                    Some(meeting) => Some(Arc::new(meeting) as Arc<dyn HostFn>),
                    None => linker.function(&import),
                };
                let FunctionImport { params, results, .. } = import;
                host::func(store, ty.clone(), (params, results), body, memory_of(sample, index)).into()
            }
            engine::ExternType::Global(ty) => {
                let given = globals.next();
                let value = given.as_ref().and_then(|given| match *given {
                    Given::Value(ref value) => Some(value.clone()).filter(|value| value.ty() == ty.content()),
                    Given::Reference(number) => host::made(&mut *store, number, ty.content()),
                });
                let value = value.unwrap_or_else(|| engine::Val::default_for_ty(ty.content()));
                let kept = host::to_val(&*store, &value);
                note(store, || Effect::NewGlobal(kept));
                engine::Global::new(&mut *store, value, ty.mutability()).into()
            }
            engine::ExternType::Memory(ty) => {
                let error = refused("pages of imported memory", ty.minimum(), limits.memory_pages);
                let memory = memory(store, *ty, linker.pages(module, name)).ok_or(error)?;
                store.data_mut().memory.get_or_insert(memory);
                let page = host::page_size(&memory, &*store);
                let shape = MemoryShape {
                    pages: memory.size(&*store),
                    maximum: ty.maximum(),
                    page_log2: page.ilog2() as u8,
                    is_64: ty.is_64(),
                };
                note(store, || Effect::NewMemory(shape));
                memory.into()
            }
            engine::ExternType::Table(ty) => {
                let error = refused("elements of imported tables", ty.minimum(), limits.table_elements);
                let null = engine::Ref::default_for_ty(ty.element());
                let table = engine::Table::new(&mut *store, *ty, null).map_err(|_| error)?;
                store.data_mut().table.get_or_insert(table);
                let shape = TableShape { len: ty.minimum(), maximum: ty.maximum(), is_64: ty.is_64() };
                note(store, || Effect::NewTable(shape));
                table.into()
            }
        });
    }
    name_exports(store, compiled, sample);
    fill(store, linker);
    Ok((imports, hosts))
}

/// The function of ours that is imported at this index, if it is none of the sample's.
fn meeting(sample: &Module, index: u32) -> Option<Meeting> {
    let number = index.checked_sub(sample.imported_functions())?;
    Meeting::ALL.get(number as usize).copied()
}

/// The imports as numbers of the store, in the order in which they were made.
pub(super) fn numbered(
    hosts: &BTreeMap<FuncKey, trace::Host>,
    imports: &[engine::Extern],
    sample: &Module,
) -> Vec<Imported> {
    // Of functions those of ours come last. The engine takes imports by kind.
    let mut keys = hosts.keys().take(sample.imported_functions() as usize);
    let (mut memories, mut tables, mut globals) = (0.., 0.., 0..);
    let number = |import: &engine::Extern| {
        Some(match import {
            engine::Extern::Func(_) => Imported::Func(*keys.next()?),
            engine::Extern::Memory(_) => Imported::Memory(memories.next()?),
            engine::Extern::Table(_) => Imported::Table(tables.next()?),
            engine::Extern::Global(_) => Imported::Global(globals.next()?),
        })
    };
    imports.iter().filter_map(number).collect()
}

fn note(store: &mut engine::Store<Host>, effect: impl FnOnce() -> Effect) {
    super::capture(store).effect(effect);
}

/// A memory of type `ty`, grown to `pages` pages if it may be that large and there is room.
fn memory(store: &mut engine::Store<Host>, ty: engine::MemoryType, pages: u64) -> Option<engine::Memory> {
    let memory = engine::Memory::new(&mut *store, ty).ok()?;
    let missing = pages.min(ty.maximum().unwrap_or(u64::MAX)).saturating_sub(ty.minimum());
    let usual_pages = ty.minimum() > 0 && host::page_size(&memory, &*store) == 1 << 16;
    if missing > 0 && usual_pages {
        // Refused growth leaves the memory as declared.
        _ = memory.grow(&mut *store, missing);
    }
    Some(memory)
}

/// Notes which exports host functions work on: the memory called `memory`, which goes before an imported one,
/// and else the first.
fn name_exports(store: &mut engine::Store<Host>, compiled: &engine::Module, sample: &Module) {
    let mut names = Names::default();
    for export in compiled.exports() {
        match export.ty() {
            // It is no memory of the sample's.
            engine::ExternType::Memory(_)
                if export.name() == objects::EXPORT && sample.object_memory().is_some() => {}
            engine::ExternType::Memory(_) if export.name() == "memory" || names.memory.is_none() => {
                names.memory = Some(export.name().to_owned());
            }
            engine::ExternType::Table(_) if names.table.is_none() => {
                names.table = Some(export.name().to_owned())
            }
            _ => {}
        }
    }
    let host = store.data_mut();
    if names.memory.as_deref() == Some("memory") {
        host.memory = None;
    }
    if host.memory.is_none()
        && let Some(name) = &names.memory
    {
        host.memory_number = memory_number(sample, name).unwrap_or(0);
    }
    host.names = Arc::new(names);
}

/// The memory that an import works on, if it is not the one of all: by the name of its export, with its
/// number.
fn memory_of(sample: &Module, index: u32) -> Option<(Box<str>, u32)> {
    let name = sample.component()?.main.imports.get(index as usize)?.memory.as_ref()?;
    Some((name.clone(), memory_number(sample, name)?))
}

/// Index of the memory exported under `name`. The memories of an instance are numbered as they are indexed:
/// imported ones first, and one instance is all that a session makes.
fn memory_number(sample: &Module, name: &str) -> Option<u32> {
    let payloads = sample.core().payloads().map_while(Result::ok);
    let exports = payloads.filter_map(|payload| match payload {
        wasmparser::Payload::ExportSection(exports) => Some(exports),
        _ => None,
    });
    let mut exports = exports.flatten().map_while(Result::ok);
    let is_named = |export: &wasmparser::Export<'_>| {
        export.name == name && export.kind == wasmparser::ExternalKind::Memory
    };
    exports.find(is_named).map(|export| export.index)
}

/// Writes what the linker wants to be in imported memory.
fn fill(store: &mut engine::Store<Host>, linker: &mut dyn Linker) {
    let Some(memory) = store.data().memory else { return };
    for (address, bytes) in linker.contents(memory.data_size(&*store) as u64) {
        let start = usize::try_from(address).unwrap_or(usize::MAX);
        let range = start.checked_add(bytes.len()).map(|end| start..end);
        if let Some(range) = range.and_then(|range| memory.bytes_mut(&mut *store, range)) {
            range.copy_from_slice(&bytes);
            let memory = store.data().memory_number;
            note(store, || Effect::Write { memory, address, bytes: bytes.into() });
        }
    }
}
