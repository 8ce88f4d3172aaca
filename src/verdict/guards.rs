//! Branches that went one way only, with what stands before them, and the calls of a function.
//!
//! Each function is walked once, however many ask for its branches: a caller of thousands of functions stands
//! before each of them. Memory follows the calls and the branches of the functions that were asked for.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use wasmparser::Operator;

use super::{
    operators::for_each_operator,
    seen::{Seen, comparison, is_named},
    text,
    weights::Weights,
};
use crate::{
    module::{CodeOffset, FuncIndex, Module, Place},
    rules::Facts,
    values::taint::SourceKind,
};

/// A branch that went one way only.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) place: Place,
    /// The comparison before it, with its constant.
    pub(super) compares: Option<String>,
    /// The host call before it.
    pub(super) after: Option<String>,
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
        if let Some(compares) = compares {
            words.push_str(&format!(" ({compares})"));
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
    pub(super) fn is_decided(&self, seen: &Seen) -> bool {
        !self.from.is_empty() || self.after.as_ref().is_some_and(|host| seen.decides(host))
    }

    /// Whether the call before it was answered by invention.
    pub(super) fn is_invented(&self, seen: &Seen) -> bool {
        self.after.as_ref().is_some_and(|host| seen.invented.contains(host))
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
            |host: &String| is_named(&calls.clock, host) || !only_time && is_named(&calls.environment, host);
        self.from.iter().any(is_from) || self.after.as_ref().is_some_and(is_one)
    }
}

/// A comparison, with the constant before it.
type Comparison = (&'static str, Option<i64>);

/// What stands before a branch that went one way.
#[derive(Debug)]
struct Before {
    branch: CodeOffset,
    compares: Option<Comparison>,
    after: Option<Rc<str>>,
}

/// What one walk over a function finds.
#[derive(Debug, Default)]
struct Walked {
    /// In the order of their places.
    branches: Vec<Before>,
    /// The first direct call of each function.
    calls: BTreeMap<FuncIndex, CodeOffset>,
}

/// The branches that went one way only, and the functions that were walked so far.
#[derive(Debug)]
pub(super) struct Guards {
    one_way: BTreeSet<Place>,
    walked: RefCell<BTreeMap<FuncIndex, Rc<Walked>>>,
}

impl Guards {
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let branches = facts.dynamic.branches.iter();
        let one_way = branches.filter(|branch| (branch.taken == 0) != (branch.not_taken == 0));
        Self { one_way: one_way.map(|branch| branch.place).collect(), walked: RefCell::default() }
    }
}

impl Seen {
    /// The last branch before a place that went one way only.
    pub(super) fn guard(&self, facts: &Facts<'_>, module: &Module, at: Place) -> Option<Guard> {
        let walked = self.walked(module, at.function);
        let before = walked.branches.partition_point(|before| before.branch < at.offset);
        let Before { branch, compares, after } = walked.branches.get(before.checked_sub(1)?)?;
        let from = facts.flows.and_then(|flows| flows.decided.get(&(at.function, branch.0)));
        Some(Guard {
            place: Place { function: at.function, offset: *branch },
            compares: compares.map(in_words),
            after: after.as_deref().map(str::to_owned),
            from: from.cloned().unwrap_or_default(),
            is_branch: true,
            counts: false,
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
        let offset = self.walked(module, caller).calls.get(&callee).copied();
        offset.map_or_else(|| text::place_of(facts, caller), |offset| Place { function: caller, offset })
    }

    fn walked(&self, module: &Module, func: FuncIndex) -> Rc<Walked> {
        let known = self.guards.walked.borrow().get(&func).cloned();
        known.unwrap_or_else(|| {
            let walked = Rc::new(Walk::over(self, module, func));
            self.guards.walked.borrow_mut().insert(func, Rc::clone(&walked));
            walked
        })
    }
}

fn in_words((comparison, constant): Comparison) -> String {
    match constant {
        Some(constant) => format!("{comparison} with {constant}"),
        None => comparison.to_owned(),
    }
}

/// A walk over a function: what was compared last, and which host function was called last.
struct Walk<'s> {
    seen: &'s Seen,
    module: &'s Module,
    constant: Option<i64>,
    compares: Option<Comparison>,
    after: Option<Rc<str>>,
    found: Walked,
}

impl<'s> Walk<'s> {
    fn over(seen: &'s Seen, module: &'s Module, func: FuncIndex) -> Walked {
        let found = Walked::default();
        let mut walk = Self { seen, module, constant: None, compares: None, after: None, found };
        for_each_operator(module, func, |offset, operator| {
            if seen.guards.one_way.contains(&Place { function: func, offset }) {
                let (compares, after) = (walk.compares, walk.after.clone());
                walk.found.branches.push(Before { branch: offset, compares, after });
            }
            walk.step(offset, operator);
        });
        walk.found
    }

    fn step(&mut self, offset: CodeOffset, operator: &Operator<'_>) {
        match *operator {
            Operator::I32Const { value } => self.constant = Some(i64::from(value)),
            Operator::I64Const { value } => self.constant = Some(value),
            Operator::Call { function_index } => {
                let callee = FuncIndex(function_index);
                self.found.calls.entry(callee).or_insert(offset);
                self.calls(callee);
            }
            Operator::ReturnCall { function_index } => {
                self.found.calls.entry(FuncIndex(function_index)).or_insert(offset);
            }
            ref other => {
                if let Some(comparison) = comparison(other) {
                    self.compares = Some((comparison, self.constant.take()));
                }
            }
        }
    }

    fn calls(&mut self, callee: FuncIndex) {
        let import = self.module.imported_function(callee).map(|import| &*import.name);
        if let Some(host) = import.or_else(|| self.seen.deciding.get(&callee).map(String::as_str)) {
            self.after = Some(host.into());
            (self.compares, self.constant) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        module::{FuncIndex, Module, Place, view::View},
        passes::{Branch, Dynamic, FunctionMetrics},
        rules::Facts,
        verdict::{
            operators::{for_each_operator, told_in},
            seen::Code,
            weights::Weighed,
        },
    };

    /// The first function ran.
    fn ran() -> FunctionMetrics {
        FunctionMetrics {
            index: FuncIndex(0),
            name: None,
            calls: 1,
            classes: Default::default(),
            blocks_run: 1,
            blocks: 2,
            instructions_run: 5,
            signatures: Default::default(),
            host_calls: 0,
            exclusive: Default::default(),
        }
    }

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
        dynamic.functions.push(ran());
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
