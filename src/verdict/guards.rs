//! Branches that went one way only, with what stands before them, and the calls of a function.
//!
//! Each function is walked once, however many ask for its branches: a caller of thousands of functions stands
//! before each of them. Memory follows the calls and the branches of the functions that were asked for.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use wasmparser::Operator;

use super::{
    limits::FAR,
    operators::for_each_operator,
    text,
    weights::{Weights, listed},
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Place},
    rules::Facts,
    sandbox::Answer,
    values::taint::SourceKind,
};

/// A branch that went one way only.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) place: Place,
    /// The comparison before it, with its constant.
    pub(super) compares: Option<Comparison>,
    /// The host call before it, the last by whose answer a program decides if there is one.
    pub(super) after: Option<Rc<str>>,
    /// What its condition is computed from, as far as values were followed.
    pub(super) from: BTreeSet<SourceKind>,
    /// Otherwise it chooses a value.
    pub(super) is_branch: bool,
    /// It follows how often the sample came by.
    pub(super) counts: bool,
}

impl Guard {
    pub(super) fn words(&self) -> String {
        let Self { place, compares, after, is_branch, from, counts } = self;
        let what = if *is_branch { "behind the branch" } else { "with what is chosen" };
        let mut words = format!("{what} at func {}:{:#x}", place.function, place.offset.0);
        match compares {
            Some((comparison, Some(constant))) => words.push_str(&format!(" ({comparison} with {constant})")),
            Some((comparison, None)) => words.push_str(&format!(" ({comparison})")),
            None => {}
        }
        if let Some(after) = after {
            words.push_str(&format!(" after {after}"));
        }
        if *counts {
            words.push_str(", by a count of what it did before");
        }
        let from: Vec<_> = from.iter().map(|kind| kind.as_str()).collect();
        if !from.is_empty() {
            words.push_str(&format!(", computed from {}", from.join(" and ")));
        }
        words
    }

    /// Whether the host's word decides: it was computed from that, or a call of it stands before.
    pub(super) fn is_decided(&self, guards: &Guards) -> bool {
        !self.from.is_empty() || self.after.as_ref().is_some_and(|host| guards.decides(host))
    }

    /// Whether it waits for a count that a run of a few calls does not come to.
    pub(super) fn is_far(&self) -> bool {
        let is_one = matches!(self.compares, Some(("equal" | "not equal", Some(count))) if count >= FAR);
        self.counts && is_one
    }

    /// Whether the call before it was answered by invention.
    pub(super) fn is_invented(&self, guards: &Guards) -> bool {
        self.after.as_ref().is_some_and(|host| guards.invented.contains(&**host))
    }

    /// Whether what the host said of the time decides, or of the surroundings.
    pub(super) fn waits(&self, weights: &Weights, only_time: bool) -> bool {
        let is_from = |kind: &SourceKind| match kind {
            SourceKind::Clock => true,
            SourceKind::Environment => !only_time,
            _ => false,
        };
        let calls = &weights.calls;
        let is_one =
            |host: &Rc<str>| is_named(&calls.clock, host) || !only_time && is_named(&calls.environment, host);
        self.from.iter().any(is_from) || self.after.as_ref().is_some_and(is_one)
    }
}

/// A comparison, with the constant before it.
pub(super) type Comparison = (&'static str, Option<i64>);

/// What stands before a branch that went one way.
#[derive(Debug)]
struct Before {
    branch: CodeOffset,
    compares: Option<Comparison>,
    after: Option<Rc<str>>,
    /// The last branch up to this one whose condition was computed from the time and the like: its position.
    told: Option<usize>,
}

/// What one walk over a function finds.
#[derive(Debug, Default)]
struct Walked {
    /// In the order of their places.
    branches: Vec<Before>,
    /// The first direct call of each function.
    calls: BTreeMap<FuncIndex, CodeOffset>,
    /// An indirect call stands behind a branch that was decided by the time and the like.
    is_flagged: bool,
    /// Something was kept in the arm of such a branch.
    keeps: bool,
}

/// The branches that went one way only, and the functions that were walked so far.
#[derive(Debug)]
pub(super) struct Guards {
    one_way: BTreeSet<Place>,
    walked: RefCell<BTreeMap<FuncIndex, Rc<Walked>>>,
    keeps: OnceCell<bool>,
    /// Functions that say what the host says of time, surroundings or files: its own, and those around them.
    pub(super) deciding: BTreeMap<FuncIndex, Rc<str>>,
    /// Names of all host functions, each there once: a sample chooses how long they are.
    hosts: BTreeMap<FuncIndex, Rc<str>>,
    /// The host functions among them.
    deciders: BTreeSet<Rc<str>>,
    /// Host functions that were answered by invention.
    invented: BTreeSet<String>,
}

impl Guards {
    pub(super) fn of(facts: &Facts<'_>, deciding: BTreeMap<FuncIndex, Rc<str>>) -> Self {
        let branches = facts.dynamic.branches.iter();
        let one_way = branches.filter(|branch| (branch.taken == 0) != (branch.not_taken == 0));
        let calls = facts.run.iter().flat_map(|run| &run.calls);
        let invented = calls.filter(|call| call.fabricated || call.answer == Answer::Default);
        let imports = facts.view.imports.iter();
        let hosts = imports.filter_map(|import| Some((import.func?, Rc::from(&*import.name))));
        Self {
            hosts: hosts.collect(),
            one_way: one_way.map(|branch| branch.place).collect(),
            walked: RefCell::default(),
            keeps: OnceCell::new(),
            deciders: deciding.values().cloned().collect(),
            deciding,
            invented: invented.map(|call| call.name.to_string()).collect(),
        }
    }

    /// Whether a host function of this name is one by whose answers a program decides.
    fn decides(&self, host: &str) -> bool {
        self.deciders.contains(host)
    }

    /// The last branch before a place, in the order of the code, that went one way only. It may lie in a
    /// block that ended before.
    pub(super) fn guard(&self, facts: &Facts<'_>, module: &Module, at: Place) -> Option<Guard> {
        self.find(facts, module, at, false)
    }

    /// The same. If nothing is known of that one, an earlier one whose condition the time and the like
    /// decided: it may have set what the last asks for.
    pub(super) fn guard_or_earlier(&self, facts: &Facts<'_>, module: &Module, at: Place) -> Option<Guard> {
        self.find(facts, module, at, true)
    }

    fn find(&self, facts: &Facts<'_>, module: &Module, at: Place, or_earlier: bool) -> Option<Guard> {
        let walked = self.walked(facts, module, at.function);
        let last = walked.branches.partition_point(|before| before.branch < at.offset).checked_sub(1)?;
        let before = walked.branches.get(last)?;
        let is_silent = !before.after.as_deref().is_some_and(|host| self.decides(host))
            && from(facts, at.function, before.branch).is_none();
        let before = match before.told.filter(|_| or_earlier && is_silent) {
            Some(told) => walked.branches.get(told)?,
            None => before,
        };
        let Before { branch, compares, after, .. } = before;
        let from = from(facts, at.function, *branch);
        Some(Guard {
            place: Place { function: at.function, offset: *branch },
            compares: *compares,
            after: after.clone(),
            from: from.cloned().unwrap_or_default(),
            is_branch: true,
            counts: false,
        })
    }

    /// Whether an indirect call of a function stands behind a branch that the time and the like decided, and
    /// that may have skipped the setting of a flag.
    pub(super) fn flags(&self, facts: &Facts<'_>, module: &Module, func: FuncIndex) -> bool {
        self.walked(facts, module, func).is_flagged
    }

    /// Whether anything is kept in the arm of such a branch, in whatever function.
    pub(super) fn any_flag(&self, facts: &Facts<'_>, module: &Module) -> bool {
        *self.keeps.get_or_init(|| {
            let decided = facts.flows.iter().flat_map(|flows| &flows.decided);
            let told = decided.filter(|&(&(function, offset), from)| {
                from.iter().any(differs)
                    && self.one_way.contains(&Place { function, offset: CodeOffset(offset) })
            });
            let functions: BTreeSet<_> = told.map(|(&(function, _), _)| function).collect();
            functions.into_iter().any(|function| self.walked(facts, module, function).keeps)
        })
    }

    /// Where `caller` calls `callee`; its beginning, if not directly.
    pub(super) fn call_of(
        &self,
        facts: &Facts<'_>,
        module: &Module,
        caller: FuncIndex,
        callee: FuncIndex,
    ) -> Place {
        let offset = self.walked(facts, module, caller).calls.get(&callee).copied();
        offset.map_or_else(|| text::place_of(facts, caller), |offset| Place { function: caller, offset })
    }

    fn walked(&self, facts: &Facts<'_>, module: &Module, func: FuncIndex) -> Rc<Walked> {
        let known = self.walked.borrow().get(&func).cloned();
        known.unwrap_or_else(|| {
            let walked = Rc::new(Walk::over(self, facts, module, func));
            self.walked.borrow_mut().insert(func, Rc::clone(&walked));
            walked
        })
    }
}

/// What the condition of a branch is computed from, as far as values were followed.
fn from<'f>(facts: &Facts<'f>, function: FuncIndex, branch: CodeOffset) -> Option<&'f BTreeSet<SourceKind>> {
    facts.flows?.decided.get(&(function, branch.0))
}

/// Whether a source says what differs from run to run, whatever a program is asked to do.
fn differs(kind: &SourceKind) -> bool {
    use SourceKind as Kind;
    matches!(kind, Kind::Clock | Kind::Random | Kind::Environment | Kind::Stdin | Kind::Socket)
}

/// A walk over a function: what was compared last, and which host function was called last.
struct Walk<'s> {
    guards: &'s Guards,
    constant: Option<i64>,
    compares: Option<Comparison>,
    after: Option<Rc<str>>,
    /// It is in the arm of a branch that was decided by the time and the like.
    is_in_arm: bool,
    found: Walked,
}

impl<'s> Walk<'s> {
    fn over(guards: &'s Guards, facts: &Facts<'_>, module: &'s Module, func: FuncIndex) -> Walked {
        let found = Walked::default();
        let (constant, compares, after, is_in_arm) = Default::default();
        let mut walk = Self { guards, constant, compares, after, is_in_arm, found };
        for_each_operator(module, func, |offset, operator| {
            let is_kept = matches!(operator, Operator::GlobalSet { .. }) || is_store(operator);
            walk.found.keeps |= walk.is_in_arm && is_kept;
            walk.is_in_arm &= !matches!(operator, Operator::End | Operator::Else);
            if guards.one_way.contains(&Place { function: func, offset }) {
                let (compares, after) = (walk.compares, walk.after.clone());
                let branches = &mut walk.found.branches;
                let is_told = from(facts, func, offset).is_some_and(|from| from.iter().any(differs));
                let told = match is_told {
                    true => Some(branches.len()),
                    false => branches.last().and_then(|last| last.told),
                };
                branches.push(Before { branch: offset, compares, after, told });
                walk.is_in_arm = is_told;
            }
            walk.step(offset, operator);
        });
        walk.found
    }

    fn step(&mut self, offset: CodeOffset, operator: &Operator<'_>) {
        // Only what stands right before a comparison is compared.
        let constant = self.constant.take();
        match *operator {
            Operator::I32Const { value } => self.constant = Some(i64::from(value)),
            Operator::I64Const { value } => self.constant = Some(value),
            Operator::Call { function_index } => {
                let callee = FuncIndex(function_index);
                self.found.calls.entry(callee).or_insert(offset);
                self.calls(callee);
            }
            Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                self.found.is_flagged |= self.found.branches.last().is_some_and(|last| last.told.is_some());
            }
            Operator::ReturnCall { function_index } => {
                self.found.calls.entry(FuncIndex(function_index)).or_insert(offset);
            }
            ref other => {
                if let Some(comparison) = comparison(other) {
                    let is_with_zero = matches!(other, Operator::I32Eqz | Operator::I64Eqz);
                    self.compares = Some((comparison, constant.filter(|_| !is_with_zero)));
                }
            }
        }
    }

    fn calls(&mut self, callee: FuncIndex) {
        let Some(host) = self.guards.hosts.get(&callee).or_else(|| self.guards.deciding.get(&callee)) else {
            return;
        };
        self.compares = None;
        // A host function that decides nothing does not take the place of one that did.
        if self.after.is_none() || self.guards.decides(host) || self.guards.invented.contains(&**host) {
            self.after = Some(Rc::clone(host));
        }
    }
}

/// Whether an operator writes a number to memory.
fn is_store(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::I32Store { .. }
            | O::I64Store { .. }
            | O::I32Store8 { .. }
            | O::I32Store16 { .. }
            | O::I64Store8 { .. }
            | O::I64Store16 { .. }
            | O::I64Store32 { .. }
    )
}

/// Whether a list has a name, with or without the underscores before it.
pub(super) fn is_named(names: &[String], name: &str) -> bool {
    listed(names, name) || listed(names, name.trim_start_matches('_'))
}

pub(super) fn comparison(operator: &Operator<'_>) -> Option<&'static str> {
    Some(match operator {
        Operator::I32Eqz | Operator::I64Eqz => "compared with zero",
        Operator::I32Eq | Operator::I64Eq => "equal",
        Operator::I32Ne | Operator::I64Ne => "not equal",
        Operator::I32LtS | Operator::I32LtU | Operator::I64LtS | Operator::I64LtU => "less",
        Operator::I32GtS | Operator::I32GtU | Operator::I64GtS | Operator::I64GtU => "greater",
        Operator::I32LeS | Operator::I32LeU | Operator::I64LeS | Operator::I64LeU => "at most",
        Operator::I32GeS | Operator::I32GeU | Operator::I64GeS | Operator::I64GeU => "at least",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        module::{FuncIndex, Module, Place, view::View},
        passes::{Branch, Dynamic},
        rules::Facts,
        verdict::{
            operators::{for_each_operator, told_in},
            seen::Code,
            tests::ran_function,
            weights::Weighed,
        },
    };

    /// Operators that are looked at for so many functions that mix bits, all asked for by one caller.
    fn looked_at(functions: usize) -> u64 {
        let calls: String = (0..functions).map(|index| format!("(call $f{index})")).collect();
        let mixes = "(local.set 0 (i32.rotl (i32.xor (local.get 0) (i32.const 3)) (i32.const 5)))".repeat(25);
        let mixing: String =
            (0..functions).map(|index| format!("(func $f{index} (local i32) {mixes})")).collect();
        // What mixes is not much of the code.
        let rest = "nop ".repeat(functions * 3000);
        let text = format!(
            "(module (func (export \"_start\") (local i32) (if (local.get 0) (then {calls})) {rest}) {mixing})"
        );
        let wasm = wat::parse_str(text).expect("a module");
        let module = Module::parse(wasm.clone()).expect("a valid one");
        let mut dynamic = Dynamic::default();
        for_each_operator(&module, FuncIndex(0), |offset, operator| {
            if matches!(operator, wasmparser::Operator::If { .. }) {
                let place = Place { function: FuncIndex(0), offset };
                dynamic.branches.push(Branch { place, taken: 0, not_taken: 1, labels: Vec::new() });
            }
        });
        dynamic.functions.push(ran_function(0, 0));
        let view = View::of(&wasm);
        let facts =
            Facts { wasm: &wasm, view: &view, run: None, dynamic: &dynamic, prediction: None, flows: None };
        let weighed = Weighed::from(&facts);
        told_in(|| {
            let code = Code::of(&weighed);
            let told = code.unseen().unwrap_or_default();
            assert!(told.contains("others") && told.contains("behind the branch"), "{told}");
        })
    }

    #[test]
    fn a_caller_is_walked_once_for_all_that_it_did_not_call() {
        let [half, whole] = [100, 200].map(looked_at);
        assert!(whole * 10 <= half * 21, "{half} {whole}");
    }
}
