//! Linking: who answers each import, by its position. A closure of the embedder goes
//! first, then a user's stub, then WASI, then the worlds
//! known by name, then zeros.
//!
//! A function is taken for a known one only if its type fits; one that has the name and another type gets
//! zeros. Old toolchains pass an `i64` as two `i32`: that fits too.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    sync::{Arc, Mutex, MutexGuard},
};

use wasmparser::{DataKind, Operator, Payload, TypeRef};

use crate::{
    module::{FuncIndex, Module, component::Core},
    trace::host_name,
    tracer::{Clock, FunctionImport, HostFn, Linker, Turns, Type, Value},
};

use super::{
    embedder::HostFunctions,
    import::{Body, Import},
    signature::{self, Kind, Param},
    state::{State, lock},
    stubs::Stubs,
    types::Answer,
    wasi,
    world::{self, GlobalRole, Layout, Usage},
};

/// Pages that imported memory gets if its maximum allows it: what Emscripten's glue gave for years.
const PAGES: u64 = 256;

/// Links one module.
pub(super) struct Link {
    state: Arc<Mutex<State>>,
    stubs: Stubs,
    functions: HostFunctions,
    layout: Layout,
    /// What imports without a telling name are taken for.
    usage: Usage,
    /// What gives room for results of imports, of those that do not share it.
    reallocs: Box<[Option<Box<str>>]>,
    /// By which threads take turns.
    seed: u64,
    /// Modules of imports from which there are strings alone, each by its name.
    constants: BTreeSet<String>,
    /// Imported globals that were linked, and those of type `f64`.
    globals: usize,
    doubles: usize,
}

impl Link {
    pub(super) fn new(
        module: &Module,
        state: Arc<Mutex<State>>,
        stubs: Stubs,
        functions: HostFunctions,
        seed: u64,
    ) -> Self {
        let core = module.core();
        let mut facts = Facts::read(core);
        // Only a name that says nothing makes the code worth a look.
        let usage = if facts.is_nameless { Usage::of(core) } else { Usage::default() };
        facts.is_placed |= usage.is_placed();
        let layout = Layout::new(&facts);
        if let Ok(mut state) = state.lock() {
            state.world.layout = layout.clone();
            state.world.catching.flag = usage.flag();
            state.world.catching.setter = usage.setter().map(Into::into);
            state.world.threads = usage.threads().cloned().unwrap_or_default();
            state.world.realloc = module.component().and_then(|component| component.main.realloc.clone());
        }
        let linked = module.component().map_or(&[][..], |component| &component.main.imports);
        let reallocs = linked.iter().map(|import| import.realloc.clone()).collect();
        let constants = std::mem::take(&mut facts.constants);
        let constants = constants.into_iter().filter_map(|(module, are)| are.then_some(module)).collect();
        Self { state, stubs, functions, layout, usage, reallocs, seed, constants, globals: 0, doubles: 0 }
    }

    /// Where things lie in the sample's memory.
    pub(super) fn layout(&self) -> Layout {
        self.layout.clone()
    }

    /// The answer to `import`: the meaning of its arguments, what does it, whether an answer is made up,
    /// whether `i64` are split.
    fn choose(&self, import: &FunctionImport<'_>) -> Chosen {
        let known = known(import, &self.usage);
        if let Some(answerer) = self.functions.find(import.module, import.name) {
            return Chosen {
                params: known.map_or_else(Vec::new, |known| known.params),
                body: Body::Closure(answerer),
                answer: Answer::Stub,
                fabricated: true,
                is_split: false,
                taken_for: None,
            };
        }
        match self.stubs.find(import.module, import.name) {
            Some((position, stub)) => Chosen {
                params: known.map_or_else(Vec::new, |known| known.params),
                body: Body::Stub(position, stub.clone()),
                answer: Answer::Stub,
                fabricated: true,
                is_split: false,
                taken_for: None,
            },
            None => known.unwrap_or_else(|| Chosen {
                params: Vec::new(),
                body: Body::Zeros,
                answer: Answer::Default,
                fabricated: !import.results.is_empty(),
                is_split: false,
                taken_for: None,
            }),
        }
    }
}

struct Chosen {
    params: Vec<Param>,
    body: Body,
    answer: Answer,
    fabricated: bool,
    is_split: bool,
    taken_for: Option<&'static str>,
}

/// Whether a module of imports is one of WASI, WASIX, or WASI 0.2. Any other may begin with the same letters,
/// and is what whoever made the sample says it is.
pub(crate) fn is_of_wasi(module: &str) -> bool {
    matches!(module, "wasi_snapshot_preview1" | "wasi_unstable" | "wasi")
        || ["wasi:", "wasix_", "wasi_ephemeral_"].iter().any(|begins| module.starts_with(begins))
}

/// What WASI or a world says.
fn known(import: &FunctionImport<'_>, usage: &Usage) -> Option<Chosen> {
    let is_wasix = import.module.starts_with("wasix_");
    let is_wasi = is_of_wasi(import.module);
    let name = import.name.trim_start_matches("__wasi_");
    let of_wasix = || wasi::find_wasix(name).filter(|_| is_wasix);
    if let Some(function) = wasi::find(name).or_else(of_wasix) {
        let params = signature::parse(function.params);
        if let Some(is_split) = fit(&params, import)
            && (is_wasi || import.results == [Type::I32])
        {
            let (body, fabricated) = (Body::Wasi(function.act), !function.is_real);
            let params = if is_split { halves(params) } else { params };
            let answer = Answer::Wasi;
            return Some(Chosen { params, body, answer, fabricated, is_split, taken_for: None });
        }
    }
    // A function of WASI that nobody knows is not taken for another: what it does is not known.
    let entry =
        world::find(import, usage.function(import.index)).filter(|entry| !is_wasi || !entry.is_guessed())?;
    let answer = match is_wasi {
        true => Answer::Wasi,
        // Nothing is known but that the name is short.
        false if entry.is_guessed() && entry.taken_for.is_none() => Answer::Default,
        false => Answer::World,
    };
    // Functions of WASI answer through memory as well.
    let fabricated = entry.is_made_up && (!import.results.is_empty() || is_wasi);
    Some(Chosen {
        params: signature::parse(entry.params),
        body: entry.body(),
        answer,
        fabricated,
        is_split: false,
        taken_for: entry.taken_for,
    })
}

/// Whether somebody answers to this name, with whatever type.
fn is_name(module: &str, name: &str) -> bool {
    let wasi = name.trim_start_matches("__wasi_");
    wasi::find(wasi).is_some() || wasi::find_wasix(wasi).is_some() || world::is_name(module, name)
}

/// Whether an import has these parameters, and whether its `i64` are split; `None` if it has others.
fn fit(params: &[Param], import: &FunctionImport<'_>) -> Option<bool> {
    let wide = params.iter().filter(|param| param.is_wide).count();
    let whole = params.iter().map(|param| if param.is_wide { Type::I64 } else { Type::I32 });
    if whole.eq(import.params.iter().copied()) {
        return Some(false);
    }
    let is_split = wide > 0
        && import.params.len() == params.len() + wide
        && import.params.iter().all(|&ty| ty == Type::I32);
    is_split.then_some(true)
}

/// The parameters as an import with split `i64` has them: the low half keeps the name, the high half follows.
fn halves(params: Vec<Param>) -> Vec<Param> {
    let high =
        |param: &Param| param.is_wide.then_some(Param { name: "high", kind: Kind::Plain, is_wide: false });
    let both = params.into_iter().flat_map(|param| {
        let high = high(&param);
        iter::once(param).chain(high)
    });
    both.collect()
}

impl Linker for Link {
    fn function(&mut self, import: &FunctionImport<'_>) -> Option<Arc<dyn HostFn>> {
        let Chosen { params, body, answer, fabricated, is_split, taken_for } = self.choose(import);
        Some(Arc::new(Import {
            func: FuncIndex(import.index),
            module: import.module.into(),
            name: import.name.into(),
            quota: host_name("", import.name).into(),
            params,
            body,
            answer,
            fabricated,
            is_split,
            is_unstable: import.module == "wasi_unstable",
            taken_for,
            realloc: self.reallocs.get(import.index as usize).cloned().flatten(),
            state: Arc::clone(&self.state),
        }))
    }

    fn global(&mut self, module: &str, name: &str, ty: Type) -> Option<Value> {
        let (role, double) = (self.usage.global(self.globals), self.doubles);
        self.globals += 1;
        self.doubles += usize::from(ty == Type::F64);
        let known = self.layout.global(module, name, ty);
        known.or_else(|| match (ty, role) {
            (Type::I32, Some(role)) => self.layout.global("", name_of(role), ty),
            // The glue of asm.js names these two, in this order, and nothing else of this type.
            (Type::F64, _) => self.layout.global("", ["NaN", "Infinity"].get(double)?, ty),
            _ => None,
        })
    }

    fn reference(&mut self, module: &str, name: &str) -> Option<u32> {
        self.constants.contains(module).then(|| lock(&self.state).texts.of_text(name)).flatten()
    }

    fn pages(&mut self, _module: &str, _name: &str) -> u64 {
        PAGES
    }

    fn turns(&self) -> Turns {
        Turns { seed: self.seed, clock: Arc::new(SandboxClock(Arc::clone(&self.state))) }
    }

    fn contents(&mut self, len: u64) -> Vec<(u64, Vec<u8>)> {
        self.layout.contents(len)
    }
}

/// The virtual clock, for threads that wait.
struct SandboxClock(Arc<Mutex<State>>);

impl SandboxClock {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> u64 {
        self.lock().clock.now_ns()
    }

    fn advance_to(&self, ns: u64) {
        let mut state = self.lock();
        let left = ns.saturating_sub(state.clock.now_ns());
        if left > 0 {
            state.clock.sleep(left);
            // Others went on already.
            state.world.rested = state.clock.sleeps;
        }
    }
}

/// The name by which a world knows a global of this role.
fn name_of(role: GlobalRole) -> &'static str {
    match role {
        GlobalRole::Stack => "STACKTOP",
        GlobalRole::StackEnd => "STACK_MAX",
        GlobalRole::Break => "DYNAMICTOP_PTR",
        GlobalRole::Scratch => "tempDoublePtr",
        GlobalRole::MemoryBase => "memoryBase",
        GlobalRole::TableBase => "tableBase",
    }
}

/// What the layout of memory depends on.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Bytes of memory at the start.
    pub(super) memory_len: u64,
    /// End of the data segments, as far as they say.
    pub(super) data_end: u64,
    /// Whether the host places data, stack and heap, as for Emscripten.
    pub(super) is_placed: bool,
    /// Whether some import has a name that nobody knows.
    pub(super) is_nameless: bool,
    /// Modules of imports, and whether all that is imported from one is fixed references to what is the
    /// host's.
    pub(super) constants: BTreeMap<String, bool>,
}

impl Facts {
    /// Reads them; a module that is not well-formed is refused by the engine later.
    fn read(core: Core<'_>) -> Self {
        let mut facts = Self::default();
        for payload in core.payloads() {
            match payload {
                Ok(Payload::ImportSection(imports)) => {
                    for import in imports.into_imports().flatten() {
                        facts.import(&import);
                    }
                }
                Ok(Payload::MemorySection(memories)) => {
                    if let Some(Ok(memory)) = memories.into_iter().next() {
                        facts.memory_len = facts.memory_len.max(memory.initial.saturating_mul(1 << 16));
                    }
                }
                Ok(Payload::DataSection(segments)) => {
                    for segment in segments.into_iter().flatten() {
                        facts.segment(&segment);
                    }
                }
                Ok(Payload::CodeSectionStart { .. }) => {}
                Ok(_) => {}
                Err(_) => break,
            }
        }
        facts
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) {
        let is_constant = matches!(import.ty, TypeRef::Global(global)
            if !global.mutable && Type::from(global.content_type) == Type::ExternRef);
        match self.constants.get_mut(import.module) {
            Some(are) => *are &= is_constant,
            None => _ = self.constants.insert(import.module.to_owned(), is_constant),
        }
        match import.ty {
            TypeRef::Memory(memory) => {
                let pages = memory.initial.max(PAGES.min(memory.maximum.unwrap_or(PAGES)));
                self.memory_len = pages.saturating_mul(1 << 16);
            }
            TypeRef::Func(_) => self.is_nameless |= !is_name(import.module, import.name),
            TypeRef::Global(_) if is_constant => {}
            TypeRef::Global(_) => {
                self.is_nameless |= !Layout::knows(import.module, import.name);
                let placed = ["DYNAMICTOP_PTR", "STACKTOP", "memoryBase", "__memory_base", "__stack_pointer"];
                self.is_placed |= placed.contains(&import.name);
            }
            _ => {}
        }
    }

    fn segment(&mut self, segment: &wasmparser::Data<'_>) {
        let DataKind::Active { offset_expr, .. } = &segment.kind else { return };
        let start = match offset_expr.get_operators_reader().read() {
            Ok(Operator::I32Const { value }) => u64::from(value as u32),
            // Relative to where the host places the data.
            Ok(Operator::GlobalGet { .. }) => world::MEMORY_BASE,
            _ => return,
        };
        self.data_end = self.data_end.max(start.saturating_add(segment.data.len() as u64));
    }
}
