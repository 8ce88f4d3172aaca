//! Code that did not run because a function before it left the way of the program: it ended the program, or
//! threw, behind a branch that the host's word decided. No branch stands before that code itself.
//!
//! Costs a walk over the functions that ran, if there is such code.

use std::{collections::BTreeMap, rc::Rc};

use wasmparser::Operator;

use super::{
    effect::Effect,
    guards::Guard,
    operators::for_each_operator,
    seen::{Seen, Site, calls_in},
};
use crate::{
    module::{FuncIndex, Module, Place, view},
    rules::Facts,
};

/// A call that leads to an effect and did not run, though its function did, if a function left early.
pub(super) fn effect(
    facts: &Facts<'_>,
    module: &Module,
    reaching: &BTreeMap<FuncIndex, (Rc<str>, Rc<str>)>,
    seen: &Seen,
) -> Option<Effect> {
    let waiting = |function: &view::Function| {
        let calls = calls_in(module, function.index).into_iter();
        let place = |site: &Site| Place { function: function.index, offset: site.offset };
        let mut unrun = calls.filter(|site| !seen.ran(place(site), site.callee));
        unrun.find_map(|site| reaching.get(&site.callee).map(|effect| (place(&site), effect)))
    };
    let ran = || facts.view.functions.iter().filter(|function| seen.ran.contains(&function.index));
    let calls_one =
        |function: &&view::Function| function.callees.iter().any(|one| reaching.contains_key(one));
    let (site, (kind, import)) = ran().filter(calls_one).find_map(waiting)?;
    let guard = ran().find_map(|function| left(facts, module, seen, function.index))?;
    let way = Some("which follows a call that may end the program or throw".to_owned());
    Some(Effect { kind: kind.clone(), import: import.clone(), site, guard: Some(guard), way })
}

/// The branch before an end of the program or a `throw`, if the host's word decided it.
fn left(facts: &Facts<'_>, module: &Module, seen: &Seen, func: FuncIndex) -> Option<Guard> {
    let mut leaving = Vec::new();
    for_each_operator(module, func, |offset, operator| {
        let is_one = match *operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                ends(facts, FuncIndex(function_index))
            }
            Operator::Throw { .. } | Operator::ThrowRef | Operator::Rethrow { .. } => true,
            _ => false,
        };
        if is_one {
            leaving.push(Place { function: func, offset });
        }
    });
    let mut guards = leaving.into_iter().filter_map(|at| seen.guards.guard_or_earlier(facts, module, at));
    guards.find(|guard| guard.is_decided(&seen.guards))
}

/// Whether a function of the host ends the program.
fn ends(facts: &Facts<'_>, func: FuncIndex) -> bool {
    let import = facts.view.import_of(func);
    import.is_some_and(|import| matches!(&*import.name, "proc_exit" | "proc_exit2" | "exit" | "abort"))
}
