//! The static call graph.
//!
//! An indirect call can reach each function of its type that can get into its table: through an active segment of that table, a passive one, or
//! `ref.func` in a module that writes tables. What a host puts into a table it alone knows. The targets of a type are one list for all calls, so the work is
//! linear until edges are written, and these are limited to [`MAX_INDIRECT_EDGES`]; the rest is counted by multiplication.

use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Serialize;
use wasmparser::FuncType;

use super::{Kind, contents::Contents};
use crate::module::FuncIndex;

/// How a call names its callee in the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    /// `call` or `return_call`.
    Direct,
    /// Through a table: any function of the right type that an element segment holds.
    Indirect,
}

/// The static call graph.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct CallGraph {
    /// Edges, by caller and callee. Indirect edges are kept up to [`MAX_INDIRECT_EDGES`].
    pub edges: Vec<CallEdge>,
    /// Indirect edges beyond that.
    pub indirect_cut: u64,
    /// Functions that nothing can call: no way leads to them from an export, the start function, a segment or a reference outside of code, over calls
    /// and `ref.func`. Ascending.
    pub dead: Vec<FuncIndex>,
}

/// Indirect edges kept in [`CallGraph::edges`].
pub const MAX_INDIRECT_EDGES: usize = 200_000;

/// An edge of the static call graph.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CallEdge {
    /// Caller.
    pub caller: FuncIndex,
    /// Callee.
    pub callee: FuncIndex,
    /// How.
    pub kind: CallKind,
    /// Call instructions in the caller.
    pub sites: u32,
}

/// Indirect calls of one caller through one table (`None`: through a reference) with one type.
struct IndirectSites {
    caller: FuncIndex,
    table: Option<u32>,
    ty: u32,
    sites: u32,
}

/// Collects calls while bodies are read.
#[derive(Default)]
pub(super) struct Calls {
    /// Of the body being read.
    direct: Vec<FuncIndex>,
    indirect: Vec<(Option<u32>, u32)>,
    references: Vec<FuncIndex>,
    /// Of all bodies.
    edges: Vec<CallEdge>,
    indirect_sites: Vec<IndirectSites>,
    /// Function, and what it refers to.
    referenced: Vec<(FuncIndex, FuncIndex)>,
    fills_tables: bool,
}

impl Calls {
    pub(super) fn direct(&mut self, callee: u32) {
        self.direct.push(FuncIndex(callee));
    }

    pub(super) fn indirect(&mut self, table: Option<u32>, ty: u32) {
        self.indirect.push((table, ty));
    }

    pub(super) fn reference(&mut self, func: u32) {
        self.references.push(FuncIndex(func));
    }

    /// The code can put references into tables.
    pub(super) fn fills_tables(&mut self) {
        self.fills_tables = true;
    }

    /// Ends a body; returns the direct callees.
    pub(super) fn finish(&mut self, caller: FuncIndex) -> Vec<FuncIndex> {
        self.direct.sort_unstable();
        let groups = self.direct.chunk_by(|a, b| a == b);
        let edge = |group: &[FuncIndex]| {
            let sites = group.len() as u32;
            group.first().map(|&callee| CallEdge { caller, callee, kind: CallKind::Direct, sites })
        };
        let first = self.edges.len();
        self.edges.extend(groups.filter_map(edge));
        self.indirect.sort_unstable();
        for group in self.indirect.chunk_by(|a, b| a == b) {
            if let Some(&(table, ty)) = group.first() {
                self.indirect_sites.push(IndirectSites { caller, table, ty, sites: group.len() as u32 });
            }
        }
        self.references.sort_unstable();
        self.references.dedup();
        self.referenced.extend(self.references.iter().map(|&func| (caller, func)));
        (self.direct, self.indirect, self.references) = Default::default();
        self.edges.get(first..).unwrap_or_default().iter().map(|edge| edge.callee).collect()
    }

    /// Makes the graph.
    pub(super) fn graph(self, contents: &Contents<'_>) -> CallGraph {
        let dead = self.dead(contents);
        let types = Types::of(contents);
        let (targets, cut) = self.targets(contents, &types);
        let mut graph = CallGraph { edges: self.edges, indirect_cut: cut, dead };
        let mut left = MAX_INDIRECT_EDGES;
        for IndirectSites { caller, table, ty, sites } in self.indirect_sites {
            let Some(&ty) = types.canonical.get(ty as usize) else { continue };
            let callees = targets.get(&(table, ty)).map_or(&[][..], Vec::as_slice);
            let kept = callees.len().min(left);
            left -= kept;
            graph.indirect_cut = graph.indirect_cut.saturating_add((callees.len() - kept) as u64);
            let edge = |&callee: &FuncIndex| CallEdge { caller, callee, kind: CallKind::Indirect, sites };
            graph.edges.extend(callees.iter().take(kept).map(edge));
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

    /// What an indirect call through a table with a type can reach, for those that occur; and what went beyond [`MAX_TARGETS`].
    fn targets(&self, contents: &Contents<'_>, types: &Types) -> (Targets, u64) {
        let asked = self.indirect_sites.iter();
        let key = |sites: &IndirectSites| Some((sites.table, *types.canonical.get(sites.ty as usize)?));
        let mut targets: Targets = asked.filter_map(key).map(|key| (key, Vec::new())).collect();
        let mut tables: Vec<Option<u32>> = targets.keys().map(|(table, _)| *table).collect();
        tables.sort_unstable();
        tables.dedup();
        tables.truncate(MAX_TABLES);
        let (mut left, mut cut) = (MAX_TARGETS, 0u64);
        for table in tables {
            for func in self.in_table(contents, table) {
                let callees = types.of_func(contents, func).and_then(|ty| targets.get_mut(&(table, ty)));
                match callees.filter(|callees| callees.last() != Some(&func)) {
                    Some(_) if left == 0 => cut += 1,
                    Some(callees) => {
                        left -= 1;
                        callees.push(func);
                    }
                    None => {}
                }
            }
        }
        for callees in targets.values_mut() {
            callees.sort_unstable();
            callees.dedup();
        }
        (targets, cut)
    }

    /// Functions that can get into a table, or for `None`, that a reference can be made of.
    fn in_table<'c>(&'c self, contents: &'c Contents<'_>, table: Option<u32>) -> impl Iterator<Item = FuncIndex> + 'c {
        let segments = contents.elements.iter().filter(move |segment| match (table, segment.table) {
            (Some(table), Some(own)) => table == own,
            (Some(_), None) => !segment.declared,
            (None, _) => true,
        });
        let referenced = self.referenced.iter().map(|(_, func)| *func).chain(contents.referenced.iter().copied());
        let is_written = table.is_none() || self.fills_tables || !contents.referenced.is_empty();
        segments.flat_map(|segment| segment.functions.iter().copied().flatten()).chain(referenced.filter(move |_| is_written))
    }

    /// Walks from what the outside can call.
    fn dead(&self, contents: &Contents<'_>) -> Vec<FuncIndex> {
        let functions = contents.functions() as usize;
        let mut alive = vec![false; functions];
        let exported = contents.exports.iter().filter(|export| export.kind == Kind::Function);
        let mut pending: Vec<_> = exported.map(|export| FuncIndex(export.index)).chain(contents.start).collect();
        let segments = contents.elements.iter().filter(|segment| !segment.declared);
        pending.extend(segments.flat_map(|segment| segment.functions.iter().copied().flatten()));
        pending.extend(&contents.referenced);
        while let Some(func) = pending.pop() {
            let Some(alive) = alive.get_mut(func.position()).filter(|alive| !**alive) else { continue };
            *alive = true;
            let first = self.edges.partition_point(|edge| edge.caller < func);
            pending.extend(self.edges.iter().skip(first).take_while(|edge| edge.caller == func).map(|edge| edge.callee));
            let first = self.referenced.partition_point(|(caller, _)| *caller < func);
            pending.extend(self.referenced.iter().skip(first).take_while(|(caller, _)| *caller == func).map(|(_, to)| *to));
        }
        let defined = contents.imported_functions() as usize..functions;
        defined.filter(|func| !alive[*func]).map(|func| FuncIndex(func as u32)).collect()
    }
}

/// What calls through a table (`None`: a reference) with a type can reach.
type Targets = HashMap<(Option<u32>, u32), Vec<FuncIndex>>;

/// Tables whose indirect calls are resolved; more are not valid.
const MAX_TABLES: usize = 128;
/// Functions in the lists of targets of all types and tables.
const MAX_TARGETS: usize = 4_000_000;

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
