//! Characteristics of code, as it stands and as it ran.

use std::collections::BTreeSet;

use crate::{
    module::{BlockIndex, FuncIndex, Place, view},
    passes::{CallEdge, CallEdgeKind},
};

use super::super::{super::rule::Characteristic, Evaluator, Found, Instance, limits::MAX_FOUND_PLACES};

/// Places of the loops of a function that `fits` takes.
fn loops(function: &view::Function, fits: fn(&view::Loop) -> bool) -> Vec<Place> {
    let loops = function.loops.iter().filter(|of| fits(of));
    loops.map(|of| Place { function: function.index, offset: of.offset }).collect()
}

impl Evaluator<'_> {
    pub(super) fn characteristic(&self, characteristic: Characteristic, at: &Instance) -> Option<Found> {
        match at {
            Instance::Function(func) => self.static_characteristic(characteristic, *func),
            Instance::Block(..) | Instance::Op(..) => self.block_characteristic(characteristic, at),
            Instance::File => Some(self.file_characteristic(characteristic)),
            Instance::RunFunction(func) => self.run_characteristic(characteristic, Some(*func)),
            Instance::Run | Instance::RunFile => self.run_characteristic(characteristic, None),
            Instance::Loop(position) if characteristic == Characteristic::NzXor => {
                let of = self.index.facts.dynamic.loops.get(*position)?;
                Some(Found { count: of.classes.xor, ..Found::of_run() })
            }
            _ => None,
        }
    }

    /// A characteristic of all functions together.
    fn file_characteristic(&self, characteristic: Characteristic) -> Found {
        let view = self.index.facts.view;
        if characteristic == Characteristic::StartFunction {
            return Found { count: view.start.is_some().into(), ..Found::default() };
        }
        let mut all = Found::default();
        for function in &view.functions {
            let one = self.static_characteristic(characteristic, function.index);
            let Some(one) = one.filter(|one| one.count > 0) else { continue };
            all.count = all.count.saturating_add(one.count);
            let room = MAX_FOUND_PLACES.saturating_sub(all.places.len());
            all.places.extend(one.places.into_iter().take(room));
        }
        all
    }

    fn static_characteristic(&self, characteristic: Characteristic, func: FuncIndex) -> Option<Found> {
        let function = self.index.defined(func)?;
        let place = Place { function: func, offset: function.offset };
        let there = |count: u64| (count, vec![place]);
        let at = |places: Vec<Place>| (places.len() as u64, places);
        let (count, mut places) = match characteristic {
            Characteristic::NzXor => there(function.classes.xor),
            Characteristic::Loop => at(loops(function, |_| true)),
            Characteristic::TightLoop => at(loops(function, |of| of.blocks == 1)),
            Characteristic::RecursiveCall => there(function.callees.binary_search(&func).is_ok().into()),
            Characteristic::IndirectCall => there(function.classes.indirect_call),
            Characteristic::TailCall => there(function.classes.tail_call),
            Characteristic::CallsFrom => there(function.callees.len() as u64),
            Characteristic::CallsTo => there(self.index.callers(func)),
            Characteristic::OpaquePredicate => at(self.shapes.opaque(&self.index, func)),
            Characteristic::FlattenedControlFlow => at(self.shapes.flattened(&self.index, func)),
            Characteristic::StartFunction => there((self.index.facts.view.start == Some(func)).into()),
        };
        places.truncate(if count == 0 { 0 } else { MAX_FOUND_PLACES });
        Some(Found { count, places, ..Found::default() })
    }

    fn block_characteristic(&self, characteristic: Characteristic, at: &Instance) -> Option<Found> {
        let (Instance::Block(func, _) | Instance::Op(func, _)) = at else { return None };
        let code = self.index.module()?.code(*func).ok()?;
        let mut found = Found::default();
        match (characteristic, at) {
            (Characteristic::NzXor, _) => {
                for op in
                    code.ops().get(self.ops(at)?)?.iter().filter(|op| op.opcode.mnemonic().ends_with(".xor"))
                {
                    found.at(Some(Place { function: *func, offset: op.offset }));
                }
            }
            (Characteristic::TightLoop, Instance::Block(_, block)) => {
                let own = BlockIndex(u32::try_from(*block).ok()?);
                if code.successors(own).any(|to| to == own) {
                    found.at(self.place_of(at));
                }
            }
            _ => return None,
        }
        Some(found)
    }

    /// A characteristic of what was executed, by one function or all.
    fn run_characteristic(&self, characteristic: Characteristic, only: Option<FuncIndex>) -> Option<Found> {
        let dynamic = self.index.facts.dynamic;
        let classes = match only {
            Some(func) => &self.index.ran(func)?.classes,
            None => &dynamic.metrics.classes,
        };
        let count = match characteristic {
            Characteristic::NzXor => classes.xor,
            Characteristic::IndirectCall => classes.indirect_call,
            Characteristic::TailCall => classes.tail_call,
            Characteristic::StartFunction => dynamic.metrics.start_ran.into(),
            Characteristic::CallsFrom | Characteristic::CallsTo | Characteristic::RecursiveCall => {
                self.executed_calls(characteristic, only)?
            }
            Characteristic::Loop => return Some(self.executed_loops(only)),
            Characteristic::OpaquePredicate => return Some(self.executed_opaque(only)),
            Characteristic::FlattenedControlFlow => return Some(self.executed_flattened(only)),
            Characteristic::TightLoop => return None,
        };
        Some(Found { count, ..Found::of_run() })
    }

    /// Calls that were made by one function, or all; for [`Characteristic::CallsTo`], who called it.
    fn executed_calls(&self, characteristic: Characteristic, only: Option<FuncIndex>) -> Option<u64> {
        let edges: Vec<&CallEdge> = match (only, characteristic) {
            (None, _) => self.index.facts.dynamic.call_graph.edges.iter().collect(),
            (Some(func), Characteristic::CallsTo) => self.index.edges_into(func).collect(),
            (Some(func), _) => self.index.edges_from(func).collect(),
        };
        if !self.budget.spend_len(edges.len()) {
            return None;
        }
        Some(match characteristic {
            Characteristic::CallsFrom => edges.iter().filter(|edge| edge.caller.is_some()).count() as u64,
            Characteristic::CallsTo => {
                let callers = edges.iter().filter(|edge| edge.kind != CallEdgeKind::Host);
                callers.map(|edge| edge.caller).collect::<BTreeSet<_>>().len() as u64
            }
            _ => {
                let own = edges.iter().filter(|edge| edge.caller == Some(edge.callee));
                own.map(|edge| edge.count).fold(0, u64::saturating_add)
            }
        })
    }
}
