//! The facts of a sample, arranged for being asked by rules: names to calls, functions to what they did.
//!
//! Costs time and memory in the number of host calls and functions. The code itself is decoded when a rule
//! first asks for it.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use crate::{
    categories,
    module::{FuncIndex, Module, Place, view},
    passes,
    sandbox::{self, Call, Run},
    trace::host_name,
};

use super::{
    Facts,
    derived::{self, Derived},
    limits::MAX_LISTINGS,
    pattern::Name,
};

/// The facts, arranged.
pub(super) struct Index<'a> {
    pub(super) facts: Facts<'a>,
    /// Name of an imported function without its module → its calls, ascending.
    calls: BTreeMap<&'a str, Vec<u32>>,
    /// Functions that ran → position in `dynamic.functions`.
    ran: HashMap<FuncIndex, usize>,
    /// Caller → positions in `dynamic.call_graph.edges`.
    callees: HashMap<FuncIndex, Vec<u32>>,
    /// Defined functions → position in `view.functions`.
    defined: HashMap<FuncIndex, usize>,
    /// Imported functions in the order of their indices.
    imported: Vec<&'a view::ImportInfo>,
    module: OnceCell<Option<Module>>,
    callers: OnceCell<HashMap<FuncIndex, u64>>,
    derived: OnceCell<Derived>,
    hosts: OnceCell<Vec<Host<'a>>>,
    by_entry: OnceCell<HashMap<usize, Vec<u32>>>,
    by_function: OnceCell<HashMap<FuncIndex, Vec<u32>>>,
    callers_of: OnceCell<HashMap<FuncIndex, Vec<u32>>>,
    loops_of: OnceCell<HashMap<FuncIndex, Vec<u32>>>,
    systems: OnceCell<Systems>,
    listings: OnceCell<Vec<(usize, Vec<u8>)>>,
    texts: OnceCell<Texts<'a>>,
}

/// The texts of all calls, each kept once.
struct Texts<'a> {
    distinct: Vec<Cow<'a, str>>,
    /// The numbers of the texts of each call.
    of_calls: Vec<Box<[u32]>>,
}

impl<'a> Texts<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let mut numbers: HashMap<Cow<'a, str>, u32> = HashMap::new();
        let mut number = |text: Cow<'a, str>| {
            let next = numbers.len() as u32;
            *numbers.entry(text).or_insert(next)
        };
        let of_calls = calls.iter().map(|call| derived::texts(call).map(&mut number).collect()).collect();
        let mut distinct = vec![Cow::Borrowed(""); numbers.len()];
        for (text, number) in numbers {
            if let Some(place) = distinct.get_mut(number as usize) {
                *place = text;
            }
        }
        Self { distinct, of_calls }
    }
}

/// A host function that was called.
struct Host<'a> {
    module: &'a str,
    name: &'a str,
    /// How often, the calls beyond what was kept too.
    count: u64,
}

/// What the names of the imports say about the system that the sample was made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Systems {
    pub(super) wasi: bool,
    pub(super) emscripten: bool,
}

/// Where each function stands in a list.
fn positions(functions: impl Iterator<Item = FuncIndex>) -> HashMap<FuncIndex, usize> {
    functions.enumerate().map(|(position, index)| (index, position)).collect()
}

/// The calls of each name. Other spellings of preview1 stand under its name too.
fn calls_by_name<'a>(facts: &Facts<'a>) -> BTreeMap<&'a str, Vec<u32>> {
    let mut calls: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for (position, call) in facts.run.map(|run| &run.calls[..]).unwrap_or_default().iter().enumerate() {
        calls.entry(&call.name).or_default().push(position as u32);
        if let Some(name) = categories::preview1(&call.module, &call.name) {
            calls.entry(name).or_default().push(position as u32);
        }
    }
    calls
}

fn edges_by_caller(facts: &Facts<'_>) -> HashMap<FuncIndex, Vec<u32>> {
    let mut callees: HashMap<FuncIndex, Vec<u32>> = HashMap::new();
    for (position, edge) in facts.dynamic.call_graph.edges.iter().enumerate() {
        if let Some(caller) = edge.caller {
            callees.entry(caller).or_default().push(position as u32);
        }
    }
    callees
}

impl<'a> Index<'a> {
    pub(super) fn new(facts: &Facts<'a>) -> Self {
        Self {
            facts: *facts,
            calls: calls_by_name(facts),
            ran: positions(facts.dynamic.functions.iter().map(|function| function.index)),
            callees: edges_by_caller(facts),
            defined: positions(facts.view.functions.iter().map(|function| function.index)),
            imported: facts.view.imports.iter().filter(|import| import.func.is_some()).collect(),
            module: OnceCell::new(),
            callers: OnceCell::new(),
            derived: OnceCell::new(),
            hosts: OnceCell::new(),
            by_entry: OnceCell::new(),
            by_function: OnceCell::new(),
            callers_of: OnceCell::new(),
            loops_of: OnceCell::new(),
            systems: OnceCell::new(),
            listings: OnceCell::new(),
            texts: OnceCell::new(),
        }
    }

    /// The texts that a call was given, each with a number that equal ones share.
    pub(super) fn texts_of(&self, call: usize) -> impl Iterator<Item = (u32, &str)> {
        let texts = self.texts.get_or_init(|| Texts::of(self.all_calls()));
        let numbers = texts.of_calls.get(call).map_or(&[][..], |numbers| numbers);
        numbers.iter().filter_map(|&number| Some((number, &**texts.distinct.get(number as usize)?)))
    }

    /// The run, if there was one.
    pub(super) fn run(&self) -> Option<&'a Run> {
        self.facts.run
    }

    /// All host calls that were kept.
    pub(super) fn all_calls(&self) -> &'a [Call] {
        self.facts.run.map(|run| &run.calls[..]).unwrap_or_default()
    }

    /// Where a host call was made.
    pub(super) fn call_site(&self, call: usize) -> Option<Place> {
        self.facts.dynamic.call_sites.get(call).copied().flatten()
    }

    /// Positions of the calls of `name`, ascending.
    pub(super) fn calls_of(&self, name: &Name) -> Vec<u32> {
        let all = self.all_calls();
        let fits = |position: &&u32| {
            all.get(**position as usize).is_some_and(|call| name.is(&call.module, &call.name))
        };
        let mut found = Vec::new();
        match name {
            Name::Exact(exact) => {
                // Without its module, or with it; the module's name may have points too.
                for (at, _) in std::iter::once((0, ".")).chain(exact.match_indices('.')) {
                    let bare = if at == 0 { exact } else { exact.get(at + 1..).unwrap_or_default() };
                    found.extend(self.calls.get(bare).into_iter().flatten().filter(fits).copied());
                }
            }
            Name::Regex(regex) => {
                let of_name = self.calls.iter().filter(|(name, _)| regex.is_match(name.as_bytes()));
                found.extend(of_name.flat_map(|(_, calls)| calls.iter().copied()));
            }
        }
        // A call may stand under its own name and under that of preview1.
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Number of calls of host functions for which `is` holds, given module and name. Calls beyond what was
    /// kept count too.
    pub(super) fn count_calls(&self, is: impl Fn(&str, &str) -> bool) -> u64 {
        let hosts = self.hosts.get_or_init(|| self.hosts());
        hosts
            .iter()
            .filter(|host| is(host.module, host.name))
            .map(|host| host.count)
            .fold(0, u64::saturating_add)
    }

    /// The host functions that were called.
    ///
    /// The measurements count them as `module.name`, cut if it is long. Module and name may have points
    /// themselves, so the key alone does not say where one ends. The imports and the calls that were kept
    /// tell it. Where two imports have one key, each has the calls of its edges.
    fn hosts(&self) -> Vec<Host<'a>> {
        let counted = &self.facts.dynamic.metrics.host_calls;
        let imports = self.imported.iter().map(|import| (import.module.as_str(), import.name.as_str()));
        let kept = self.all_calls().iter().map(|call| (&*call.module, &*call.name));
        let mut named: BTreeMap<String, BTreeSet<(&str, &str)>> = BTreeMap::new();
        for (module, name) in imports.chain(kept).collect::<BTreeSet<_>>() {
            named.entry(host_name(module, name)).or_default().insert((module, name));
        }
        let mut hosts = Vec::new();
        for (key, &count) in counted {
            let pairs =
                named.get(key).map(|pairs| pairs.iter().copied().collect::<Vec<_>>()).unwrap_or_default();
            match pairs[..] {
                [(module, name)] => hosts.push(Host { module, name, count }),
                _ => hosts.extend(pairs.iter().map(|&(module, name)| Host {
                    module,
                    name,
                    count: self.edges_to(module, name),
                })),
            }
        }
        hosts
    }

    /// The calls in the run-time call graph of an import.
    fn edges_to(&self, module: &str, name: &str) -> u64 {
        let edges = self.facts.dynamic.call_graph.edges.iter();
        let is =
            |func| self.import(func).is_some_and(|import| import.module == module && import.name == name);
        edges.filter(|edge| is(edge.callee)).map(|edge| edge.count).fold(0, u64::saturating_add)
    }

    /// The places where the code calls the host functions of that name, as far as the run-time call graph
    /// shows them.
    pub(super) fn sites_of(&self, name: &Name) -> impl Iterator<Item = Place> {
        let edges = self.facts.dynamic.call_graph.edges.iter();
        let is = |func| self.import(func).is_some_and(|import| name.is(&import.module, &import.name));
        let named = edges
            .filter(move |edge| is(edge.callee))
            .filter_map(|edge| edge.caller.map(|func| (func, &edge.sites)));
        named.flat_map(|(func, sites)| sites.iter().map(move |&offset| Place { function: func, offset }))
    }

    /// The calls made during an entry point, ascending.
    pub(super) fn calls_of_entry(&self, entry: usize) -> &[u32] {
        let group = || {
            let mut grouped: HashMap<usize, Vec<u32>> = HashMap::new();
            for (position, call) in self.all_calls().iter().enumerate() {
                grouped.entry(call.entry).or_default().push(position as u32);
            }
            grouped
        };
        self.by_entry.get_or_init(group).get(&entry).map(Vec::as_slice).unwrap_or_default()
    }

    /// The calls that a function made, ascending.
    pub(super) fn calls_of_function(&self, func: FuncIndex) -> &[u32] {
        let group = || {
            let mut grouped: HashMap<FuncIndex, Vec<u32>> = HashMap::new();
            for position in 0..self.all_calls().len() {
                if let Some(site) = self.call_site(position) {
                    grouped.entry(site.function).or_default().push(position as u32);
                }
            }
            grouped
        };
        self.by_function.get_or_init(group).get(&func).map(Vec::as_slice).unwrap_or_default()
    }

    /// The texts that a host call was given.
    pub(super) fn texts(call: &Call) -> impl Iterator<Item = Cow<'_, str>> {
        derived::texts(call)
    }

    /// The dynamic facts of a function.
    pub(super) fn ran(&self, func: FuncIndex) -> Option<&'a passes::FunctionMetrics> {
        self.facts.dynamic.functions.get(*self.ran.get(&func)?)
    }

    /// The static facts of a defined function.
    pub(super) fn defined(&self, func: FuncIndex) -> Option<&'a view::Function> {
        self.facts.view.functions.get(*self.defined.get(&func)?)
    }

    /// The run-time edges of the call graph that leave a function.
    pub(super) fn edges_from(&self, func: FuncIndex) -> impl Iterator<Item = &'a passes::CallEdge> {
        let edges = &self.facts.dynamic.call_graph.edges;
        self.callees.get(&func).into_iter().flatten().filter_map(|edge| edges.get(*edge as usize))
    }

    /// The run-time edges of the call graph that enter a function.
    pub(super) fn edges_into(&self, func: FuncIndex) -> impl Iterator<Item = &'a passes::CallEdge> {
        let edges = &self.facts.dynamic.call_graph.edges;
        let group = || {
            let mut grouped: HashMap<FuncIndex, Vec<u32>> = HashMap::new();
            for (position, edge) in edges.iter().enumerate() {
                grouped.entry(edge.callee).or_default().push(position as u32);
            }
            grouped
        };
        let of = self.callers_of.get_or_init(group).get(&func);
        of.into_iter().flatten().filter_map(|edge| edges.get(*edge as usize))
    }

    /// The loops of a function that ran.
    pub(super) fn loops_of(
        &self,
        func: FuncIndex,
    ) -> impl Iterator<Item = (usize, &'a passes::ExecutedLoop)> {
        let loops = &self.facts.dynamic.loops;
        let group = || {
            let mut grouped: HashMap<FuncIndex, Vec<u32>> = HashMap::new();
            for (position, of) in loops.iter().enumerate() {
                grouped.entry(of.place.function).or_default().push(position as u32);
            }
            grouped
        };
        let of = self.loops_of.get_or_init(group).get(&func);
        of.into_iter().flatten().filter_map(|at| loops.get(*at as usize).map(|of| (*at as usize, of)))
    }

    /// The systems that the imports speak for.
    pub(super) fn systems(&self) -> Systems {
        const EMSCRIPTEN: &[&str] = &[
            "abortOnCannotGrowMemory",
            "enlargeMemory",
            "emscripten_resize_heap",
            "_emscripten_memcpy_big",
            "emscripten_memcpy_js",
        ];
        let imports = &self.facts.view.imports;
        *self.systems.get_or_init(|| Systems {
            wasi: imports.iter().any(|import| sandbox::is_of_wasi(&import.module)),
            emscripten: imports.iter().any(|import| EMSCRIPTEN.contains(&import.name.as_str())),
        })
    }

    /// What listings of folders gave: position of the call, the bytes with the names, ascending.
    pub(super) fn listings(&self) -> &[(usize, Vec<u8>)] {
        let list = || {
            let calls = self.calls.get("fd_readdir").into_iter().flatten().take(MAX_LISTINGS);
            let given = calls.filter_map(|&at| Some((at as usize, self.all_calls().get(at as usize)?)));
            given.map(|(at, call)| (at, derived::payloads(call).collect::<Vec<_>>().concat())).collect()
        };
        self.listings.get_or_init(list)
    }

    /// Functions that call `func` directly.
    pub(super) fn callers(&self, func: FuncIndex) -> u64 {
        let count = || {
            let mut callers: HashMap<FuncIndex, u64> = HashMap::new();
            for callee in self.facts.view.functions.iter().flat_map(|function| &function.callees) {
                *callers.entry(*callee).or_default() += 1;
            }
            callers
        };
        self.callers.get_or_init(count).get(&func).copied().unwrap_or(0)
    }

    /// The imported function `func`.
    pub(super) fn import(&self, func: FuncIndex) -> Option<&'a view::ImportInfo> {
        self.imported.get(func.position()).copied().filter(|import| import.func == Some(func))
    }

    /// The module: that of the run with what replay decoded of it, else parsed when first asked for. `None`
    /// if it cannot be parsed.
    pub(super) fn module(&self) -> Option<&Module> {
        if let Some(module) = self.facts.run.and_then(|run| run.trace.modules.first()) {
            return Some(module);
        }
        self.module.get_or_init(|| Module::parse(self.facts.wasm).ok()).as_ref()
    }

    /// The bytes of a function's body.
    pub(super) fn body(&self, function: &view::Function) -> &'a [u8] {
        let start = function.offset.position();
        let image = self.image();
        let end = start.saturating_add(function.size as usize).min(image.len());
        image.get(start..end).unwrap_or_default()
    }

    /// What offsets are in: the file, and behind it what several modules of a component became.
    pub(super) fn image(&self) -> &'a [u8] {
        self.facts.view.image(self.facts.wasm)
    }

    /// What takes a search of its own, done when a metric first asks.
    pub(super) fn derived(&self) -> &Derived {
        let asked = || self.facts.run.map_or(0, Run::first_unasked);
        self.derived.get_or_init(|| Derived::of(self.facts.wasm, self.all_calls(), asked()))
    }
}
