//! Calls of the run against the static call graph. Some it lacks, and some it has only because a table was
//! resolved.
//!
//! A trace holds the callee of a call through a table and not the slot. So the cause of a call is told from
//! both sides. One is the slots that segments put the callee into, the other the instructions that wrote
//! tables while the program ran.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    module::{FuncIndex, Opcode, TableIndex, view::View},
    text::vocabulary,
};

use super::{
    CallEdgeKind, Place, is_zero,
    limits::{MAX_SLOTS, MAX_WRITES},
    profile::{Call, Profile},
};

vocabulary! {
    /// What explains a call that the static call graph lacks.
    pub enum HiddenCause {
        /// The host called what no export offers.
        Host = "host",
        /// A table was changed while the program ran.
        TableChanged = "table changed at run time",
    }
}

vocabulary! {
    /// What explains a call that the static call graph has because a table was resolved.
    pub enum ResolvedCause {
        /// A passive segment, or the initial value of a table.
        PassiveSegment = "passive segment",
        /// An active segment holds the callee.
        Table = "table",
    }
}

/// Instructions that write tables.
const WRITES: [&str; 5] = ["table.set", "table.init", "table.copy", "table.fill", "table.grow"];

/// A call at run time that the static call graph ([`View::calls`]) lacks.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct HiddenCall {
    /// Caller; `None` is the host.
    pub caller: Option<FuncIndex>,
    /// Callee.
    pub callee: FuncIndex,
    /// How often.
    pub count: u64,
    /// What explains it: `table changed at run time` ([`table_writes`](super::Coverage::table_writes) names
    /// the instructions), `host` (it called what no export offers).
    pub explained_by: HiddenCause,
    /// Slots that active segments put the callee into, if any: of another table, or of one that calls with
    /// another type go through. At most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<TableSlot>,
    /// Slots beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub slots_cut: u64,
}

/// A call at run time that only the resolution of tables explains.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ResolvedCall {
    /// Caller.
    pub caller: FuncIndex,
    /// Callee.
    pub callee: FuncIndex,
    /// How often.
    pub count: u64,
    /// The cause of it: `table` (an active segment holds the callee), `passive segment` (or the initial value
    /// of a table).
    pub explained_by: ResolvedCause,
    /// Slots that active segments put the callee into, at most 8.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<TableSlot>,
    /// Slots beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub slots_cut: u64,
}

/// An element of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TableSlot {
    /// The table.
    pub table: TableIndex,
    /// Its index in the table; `None` if the segment begins at a place that is not constant.
    pub slot: Option<u64>,
}

/// An instruction that wrote a table.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct TableWrite {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Its mnemonic.
    pub opcode: &'static str,
    /// How often it was executed.
    pub count: u64,
}

/// Caller and callee of a call.
type Pair = (Option<FuncIndex>, FuncIndex);

/// What the static call graph does not say of a run.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// Calls that it lacks.
    pub(super) calls: Vec<HiddenCall>,
    /// Calls that it has because tables were resolved.
    pub(super) resolved: Vec<ResolvedCall>,
    /// Instructions that wrote tables, and how many are left out.
    pub(super) writes: (Vec<TableWrite>, u64),
}

pub(super) fn hidden(profile: &Profile<'_>, view: &View) -> Hidden {
    let Unexplained { hidden, resolved } = Unexplained::of(profile, view);
    let mut slots =
        Slots::of(view, hidden.keys().chain(resolved.keys()).map(|(_, callee)| *callee).collect());
    let hidden = hidden.into_iter().map(|((caller, callee), count)| {
        let explained_by = if caller.is_some() { HiddenCause::TableChanged } else { HiddenCause::Host };
        let (slots, slots_cut) = slots.get(callee);
        HiddenCall { caller, callee, count, explained_by, slots, slots_cut }
    });
    let calls = hidden.collect();
    let resolved = resolved.into_iter().filter_map(|((caller, callee), count)| {
        let (slots, slots_cut) = slots.get(callee);
        let explained_by =
            if slots.is_empty() { ResolvedCause::PassiveSegment } else { ResolvedCause::Table };
        Some(ResolvedCall { caller: caller?, callee, count, explained_by, slots, slots_cut })
    });
    Hidden { calls, resolved: resolved.collect(), writes: table_writes(profile) }
}

/// Calls that no instruction names, by caller and callee.
#[derive(Default)]
struct Unexplained {
    /// Those that the static call graph lacks.
    hidden: BTreeMap<Pair, u64>,
    /// Those through a table that it has.
    resolved: BTreeMap<Pair, u64>,
}

impl Unexplained {
    fn of(profile: &Profile<'_>, view: &View) -> Self {
        let offered = offered(profile);
        let mut found = Self::default();
        for &Call { caller, callee, kind, count, .. } in &profile.calls {
            let Some(callee) = profile.index_of(callee) else { continue };
            match (kind, caller) {
                (CallEdgeKind::Indirect, Some(caller)) => {
                    let caller = profile.index_of(caller);
                    let indirect = caller.filter(|caller| !view.calls.has_direct(*caller, callee));
                    let Some(caller) = indirect else { continue };
                    let is_known = view.calls.has(caller, callee);
                    let calls = if is_known { &mut found.resolved } else { &mut found.hidden };
                    *calls.entry((Some(caller), callee)).or_default() += count;
                }
                (CallEdgeKind::Host, _) if !offered.contains(&callee) => {
                    *found.hidden.entry((None, callee)).or_default() += count
                }
                _ => {}
            }
        }
        found
    }
}

/// Functions that the host may call by name, and the start function.
fn offered(profile: &Profile<'_>) -> BTreeSet<FuncIndex> {
    let Some(module) = profile.module() else { return BTreeSet::new() };
    module.exports().iter().filter_map(|export| export.func).chain(module.start()).collect()
}

/// Where active segments put functions.
struct Slots(BTreeMap<FuncIndex, (Vec<TableSlot>, u64)>);

impl Slots {
    fn of(view: &View, callees: BTreeSet<FuncIndex>) -> Self {
        let mut slots: BTreeMap<_, (Vec<TableSlot>, u64)> =
            callees.into_iter().map(|callee| (callee, Default::default())).collect();
        for segment in &view.elements {
            let Some(table) = segment.table else { continue };
            for (position, func) in (0u64..).zip(&segment.functions) {
                let Some((kept, cut)) = func.and_then(|func| slots.get_mut(&func)) else { continue };
                match kept.len() < MAX_SLOTS {
                    true => kept.push(TableSlot {
                        table,
                        slot: segment.first.map(|first| first.saturating_add(position)),
                    }),
                    false => *cut += 1,
                }
            }
        }
        Self(slots)
    }

    fn get(&mut self, callee: FuncIndex) -> (Vec<TableSlot>, u64) {
        self.0.get(&callee).cloned().unwrap_or_default()
    }
}

/// The instructions that wrote tables, by place, and how many are left out.
fn table_writes(profile: &Profile<'_>) -> (Vec<TableWrite>, u64) {
    let (mut writes, mut cut) = (Vec::new(), 0);
    // Most programs have none, and then no code is searched.
    let mut executed = Opcode::ALL.iter().zip(&profile.totals().opcodes);
    if !executed.any(|(opcode, count)| *count != 0 && WRITES.contains(&opcode.mnemonic())) {
        return (writes, cut);
    }
    for ran in profile.functions() {
        for (position, op) in ran.code.ops().iter().enumerate() {
            let opcode = op.opcode.mnemonic();
            if !WRITES.contains(&opcode) {
                continue;
            }
            let (count, place) = (ran.executed(position), Place { function: ran.func(), offset: op.offset });
            if count != 0 && writes.len() < MAX_WRITES {
                writes.push(TableWrite { place, opcode, count });
            } else if count != 0 {
                cut += 1;
            }
        }
    }
    (writes, cut)
}
