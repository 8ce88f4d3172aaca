//! The static call graph.
//!
//! An indirect call can reach each function of its type that a segment holds: an active one of its table, a
//! passive one, or the initial value of the table. A function that the program or a host puts into a table
//! while it runs is not in the graph. [`CallGraph::referenced`] names what the program could put there. The
//! targets of a type are lists that all calls share ([`Resolved`]), so the work is linear until edges are
//! written. These are limited to [`MAX_INDIRECT_EDGES`]. The rest is counted by addition, and
//! [`CallGraph::has`] knows it too.

use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Serialize;
use wasmparser::FuncType;

pub use super::limits::MAX_INDIRECT_EDGES;
use super::{ExternKind, contents::Contents};
use crate::module::{FuncIndex, TableIndex};

/// How a call names its callee in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StaticCallKind {
    /// `call` or `return_call`.
    Direct,
    /// Through a table: any function of the right type that an element segment holds.
    Indirect,
}

/// The static call graph.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StaticCallGraph {
    /// Edges, by caller and callee. Indirect edges are kept up to [`MAX_INDIRECT_EDGES`].
    pub edges: Vec<StaticCallEdge>,
    /// Indirect edges beyond that.
    pub indirect_cut: u64,
    /// Functions that nothing can call: no way leads to them from an export, the start function, a segment
    /// or a reference outside of code, over calls and `ref.func`. Ascending.
    pub dead: Vec<FuncIndex>,
    /// Functions that a `ref.func` in code, or in the initial value of a global, refers to: what the program
    /// can put into a table while it runs. Ascending.
    pub referenced: Vec<FuncIndex>,
    /// What indirect calls can reach.
    #[serde(skip)]
    pub(super) resolved: Resolved,
}

impl StaticCallGraph {
    /// Whether an instruction of `caller` names `callee`.
    pub fn has_direct(&self, caller: FuncIndex, callee: FuncIndex) -> bool {
        let direct = (caller, callee, StaticCallKind::Direct);
        self.edges.binary_search_by(|edge| (edge.caller, edge.callee, edge.kind).cmp(&direct)).is_ok()
    }

    /// Whether `caller` can call `callee` as far as code and segments tell, edges beyond
    /// [`MAX_INDIRECT_EDGES`] included.
    pub fn has(&self, caller: FuncIndex, callee: FuncIndex) -> bool {
        let found = self.edges.binary_search_by(|edge| (edge.caller, edge.callee).cmp(&(caller, callee)));
        found.is_ok() || self.indirect_cut != 0 && self.resolved.has(caller, callee)
    }
}

/// An edge of the static call graph.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct StaticCallEdge {
    /// Caller.
    pub caller: FuncIndex,
    /// Callee.
    pub callee: FuncIndex,
    /// How.
    pub kind: StaticCallKind,
    /// Call instructions in the caller.
    pub sites: u32,
}

/// Indirect calls of one caller through one table (`None`: through a reference) with one type.
#[derive(Debug, Clone)]
struct IndirectSites {
    caller: FuncIndex,
    table: Option<TableIndex>,
    /// Its type; in [`Resolved`] the first type that is equal to it.
    ty: u32,
    sites: u32,
}

/// Collects calls while bodies are read.
#[derive(Default)]
pub(super) struct Calls {
    /// Of the body being read.
    direct: Vec<FuncIndex>,
    indirect: Vec<(Option<TableIndex>, u32)>,
    references: Vec<FuncIndex>,
    /// Of all bodies.
    edges: Vec<StaticCallEdge>,
    indirect_sites: Vec<IndirectSites>,
    /// Function, and what it refers to.
    referenced: Vec<(FuncIndex, FuncIndex)>,
}

impl Calls {
    pub(super) fn direct(&mut self, callee: u32) {
        self.direct.push(FuncIndex(callee));
    }

    pub(super) fn indirect(&mut self, table: Option<TableIndex>, ty: u32) {
        self.indirect.push((table, ty));
    }

    pub(super) fn reference(&mut self, func: u32) {
        self.references.push(FuncIndex(func));
    }

    /// Ends a body; returns the direct callees.
    pub(super) fn finish(&mut self, caller: FuncIndex) -> Vec<FuncIndex> {
        self.direct.sort_unstable();
        let groups = self.direct.chunk_by(|a, b| a == b);
        let edge = |group: &[FuncIndex]| {
            let sites = group.len() as u32;
            group.first().map(|&callee| StaticCallEdge {
                caller,
                callee,
                kind: StaticCallKind::Direct,
                sites,
            })
        };
        let first = self.edges.len();
        self.edges.extend(groups.filter_map(edge));
        self.finish_indirect(caller);
        self.references.sort_unstable();
        self.references.dedup();
        self.referenced.extend(self.references.iter().map(|&func| (caller, func)));
        (self.direct, self.references) = Default::default();
        self.edges.get(first..).unwrap_or_default().iter().map(|edge| edge.callee).collect()
    }

    fn finish_indirect(&mut self, caller: FuncIndex) {
        let mut indirect = std::mem::take(&mut self.indirect);
        indirect.sort_unstable();
        for group in indirect.chunk_by(|a, b| a == b) {
            if let Some(&(table, ty)) = group.first() {
                self.indirect_sites.push(IndirectSites { caller, table, ty, sites: group.len() as u32 });
            }
        }
    }

    /// Makes the graph.
    pub(super) fn graph(self, contents: &Contents<'_>) -> StaticCallGraph {
        let dead = self.dead(contents);
        let mut referenced: Vec<_> = self
            .referenced
            .iter()
            .map(|(_, func)| *func)
            .chain(contents.referenced.iter().copied())
            .collect();
        sort(&mut referenced);
        let resolved = Resolved::of(contents, self.indirect_sites, &referenced);
        let mut graph = StaticCallGraph { edges: self.edges, indirect_cut: 0, dead, referenced, resolved };
        let mut left = MAX_INDIRECT_EDGES;
        for IndirectSites { caller, table, ty, sites } in &graph.resolved.sites {
            let lists = graph.resolved.targets(*table, *ty);
            let count = lists.iter().map(|list| list.len()).sum::<usize>();
            let kept = count.min(left);
            left -= kept;
            graph.indirect_cut = graph.indirect_cut.saturating_add((count - kept) as u64);
            let callees = lists.into_iter().flatten().take(kept);
            let edge = |&callee: &FuncIndex| StaticCallEdge {
                caller: *caller,
                callee,
                kind: StaticCallKind::Indirect,
                sites: *sites,
            };
            graph.edges.extend(callees.map(edge));
        }
        graph.edges.sort_by_key(|edge| (edge.caller, edge.callee, edge.kind));
        // The same callee through two tables, or through two types that are equal.
        graph.edges.dedup_by(|next, edge| {
            let is_same = (next.caller, next.callee, next.kind) == (edge.caller, edge.callee, edge.kind);
            edge.sites = if is_same { edge.sites.saturating_add(next.sites) } else { edge.sites };
            is_same
        });
        graph
    }

    /// What a function calls directly or takes a reference to.
    fn reached_from(&self, func: FuncIndex) -> impl Iterator<Item = FuncIndex> {
        let first = self.edges.partition_point(|edge| edge.caller < func);
        let called = self.edges.iter().skip(first).take_while(move |edge| edge.caller == func);
        let first = self.referenced.partition_point(|(caller, _)| *caller < func);
        let referenced = self.referenced.iter().skip(first).take_while(move |(caller, _)| *caller == func);
        called.map(|edge| edge.callee).chain(referenced.map(|(_, to)| *to))
    }

    /// Walks from what the outside can call.
    fn dead(&self, contents: &Contents<'_>) -> Vec<FuncIndex> {
        let functions = contents.functions() as usize;
        let mut alive = vec![false; functions];
        let exported = contents.exports.iter().filter(|export| export.kind == ExternKind::Function);
        let mut pending: Vec<_> =
            exported.map(|export| FuncIndex(export.index)).chain(contents.start).collect();
        let segments = contents.elements.iter().filter(|segment| !segment.declared);
        pending.extend(segments.flat_map(|segment| segment.functions.iter().copied().flatten()));
        pending.extend(&contents.referenced);
        while let Some(func) = pending.pop() {
            let Some(alive) = alive.get_mut(func.position()).filter(|alive| !**alive) else { continue };
            *alive = true;
            pending.extend(self.reached_from(func));
        }
        let defined = contents.imported_functions() as usize..functions;
        defined.filter(|func| !alive[*func]).map(|func| FuncIndex(func as u32)).collect()
    }
}

/// The functions that indirect calls can reach, in lists that hold each item of a segment once or twice. All
/// lists are ascending.
#[derive(Debug, Clone, Default)]
pub(super) struct Resolved {
    /// By caller and type.
    sites: Vec<IndirectSites>,
    /// The type of each function.
    types: Vec<u32>,
    /// Table and type → functions of its active segments and its initial value, those of `passive` left out.
    active: HashMap<(TableIndex, u32), Vec<FuncIndex>>,
    /// Type → functions of passive segments, which can get into every table.
    passive: HashMap<u32, Vec<FuncIndex>>,
    /// Type → functions that a reference can be made of; empty if nothing is called through a reference.
    references: HashMap<u32, Vec<FuncIndex>>,
}

impl Resolved {
    fn of(contents: &Contents<'_>, sites: Vec<IndirectSites>, referenced: &[FuncIndex]) -> Self {
        let types = Types::of(contents);
        let mut all = Self { sites, ..Self::default() };
        all.sites
            .retain_mut(|sites| types.canonical.get(sites.ty as usize).map(|ty| sites.ty = *ty).is_some());
        all.sites.sort_by_key(|sites| (sites.caller, sites.ty, sites.table));
        let funcs = (0..contents.functions()).map(FuncIndex);
        all.types = funcs.map(|func| types.of_func(contents, func).unwrap_or(u32::MAX)).collect();
        let by_reference = all.sites.iter().any(|sites| sites.table.is_none());
        let typed = |func: FuncIndex| Some((types.of_func(contents, func)?, func));
        for segment in &contents.elements {
            for (ty, func) in segment.functions.iter().copied().flatten().filter_map(typed) {
                match segment.table {
                    Some(table) => all.active.entry((table, ty)).or_default().push(func),
                    None if segment.declared => {}
                    None => all.passive.entry(ty).or_default().push(func),
                }
                if by_reference {
                    all.references.entry(ty).or_default().push(func);
                }
            }
        }
        for (table, (ty, func)) in
            contents.table_values.iter().filter_map(|&(table, func)| Some((table, typed(func)?)))
        {
            all.active.entry((table, ty)).or_default().push(func);
        }
        for (ty, func) in referenced.iter().copied().filter(|_| by_reference).filter_map(typed) {
            all.references.entry(ty).or_default().push(func);
        }
        all.passive.values_mut().chain(all.references.values_mut()).for_each(sort);
        for ((_, ty), funcs) in &mut all.active {
            sort(funcs);
            if let Some(passive) = all.passive.get(ty) {
                funcs.retain(|func| passive.binary_search(func).is_err());
            }
        }
        all
    }

    /// Two lists without a function in common: all that a call through `table` (`None`: a reference) with
    /// type `ty` can reach.
    fn targets(&self, table: Option<TableIndex>, ty: u32) -> [&[FuncIndex]; 2] {
        let passive = table.and_then(|_| self.passive.get(&ty));
        let own = match table {
            Some(table) => self.active.get(&(table, ty)),
            None => self.references.get(&ty),
        };
        [own, passive].map(|list| list.map_or(&[][..], Vec::as_slice))
    }

    fn has(&self, caller: FuncIndex, callee: FuncIndex) -> bool {
        let Some(&ty) = self.types.get(callee.position()) else { return false };
        let first = self.sites.partition_point(|sites| (sites.caller, sites.ty) < (caller, ty));
        let sites =
            self.sites.iter().skip(first).take_while(|sites| (sites.caller, sites.ty) == (caller, ty));
        let mut lists = sites.flat_map(|sites| self.targets(sites.table, sites.ty));
        lists.any(|list| list.binary_search(&callee).is_ok())
    }
}

fn sort(funcs: &mut Vec<FuncIndex>) {
    funcs.sort_unstable();
    funcs.dedup();
}

/// Types by structure: two types with the same parameters and results are one to an indirect call.
struct Types {
    /// The first equal type of each type.
    canonical: Vec<u32>,
}

impl Types {
    fn of(contents: &Contents<'_>) -> Self {
        let mut first: HashMap<&FuncType, u32> = HashMap::new();
        let types = contents.types.iter().enumerate();
        let canonical = types.map(|(index, ty)| match ty {
            Some(ty) => *first.entry(ty).or_insert(index as u32),
            None => index as u32,
        });
        Self { canonical: canonical.collect() }
    }

    fn of_func(&self, contents: &Contents<'_>, func: FuncIndex) -> Option<u32> {
        self.canonical.get(contents.type_index(func)? as usize).copied()
    }
}
