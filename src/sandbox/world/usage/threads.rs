//! The exports that Emscripten's glue calls when it begins a thread. Where a minifier took their names, they
//! are found by what they do.
//!
//! One of them puts its first parameters into globals: the first of these is where each thread keeps the
//! address of its own structure. The others are known by that global and by the shape of their code.
//!
//! Not here: the calls (`process`).

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{Operator, ValType};

use super::super::limits::{USAGE_EXPORTS, USAGE_GLOBALS, USAGE_SETTERS};

/// The exports by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct ThreadExports {
    /// Takes the structure of a thread, which is the one that runs from then on.
    pub(in crate::sandbox) init: Option<Box<str>>,
    /// Takes the ends of the stack.
    pub(in crate::sandbox) limits: Option<Box<str>>,
    /// Takes the stack pointer.
    pub(in crate::sandbox) restore: Option<Box<str>>,
    /// Makes the thread's own variables.
    pub(in crate::sandbox) storage: Option<Box<str>>,
    /// Takes the result of a thread.
    pub(in crate::sandbox) exit: Option<Box<str>>,
}

/// The export that a thread of WASI begins with.
pub(in crate::sandbox) const WASI_START: &str = "wasi_thread_start";

impl ThreadExports {
    /// The same of a module that has exports with the names of the toolchain. A name says more than a shape,
    /// which others may have as well.
    pub(in crate::sandbox) fn named(self, has: impl Fn(&str) -> bool) -> Self {
        let named = |names: [&str; 2], known: Option<Box<str>>| {
            names.into_iter().find(|name| has(name)).map(Box::from).or(known)
        };
        Self {
            init: named(["_emscripten_thread_init", "__emscripten_thread_init"], self.init),
            limits: named(["emscripten_stack_set_limits", "_emscripten_stack_set_limits"], self.limits),
            restore: named(["_emscripten_stack_restore", "stackRestore"], self.restore),
            storage: named(["_emscripten_tls_init", "emscripten_tls_init"], self.storage),
            exit: named(["_emscripten_thread_exit", "__emscripten_thread_exit"], self.exit),
        }
    }

    /// Whether one of them has this name, or a thread of WASI begins there. The host calls it for a thread,
    /// and for nothing else.
    pub(in crate::sandbox) fn has(&self, name: &str) -> bool {
        let all = [&self.init, &self.limits, &self.restore, &self.storage, &self.exit];
        name == WASI_START || all.into_iter().flatten().any(|known| **known == *name)
    }
}

/// What was seen of the functions of a module.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// Functions of which each operator, from the first on, puts a parameter into a global. It has these
    /// globals, and how many operators the function has besides.
    setters: BTreeMap<u32, (Vec<u32>, usize)>,
    /// Those that begin with a call that gets their first parameters, and the callee.
    callers: BTreeMap<u32, u32>,
    /// Globals that exported functions read, and whether they do more.
    readers: BTreeMap<u32, (BTreeSet<u32>, bool)>,
}

/// A body being read.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Operators so far.
    len: usize,
    /// Globals that parameters are put into, in the order of these, from the first operator on.
    sets: Vec<u32>,
    /// The operator before put the parameter on the stack that is next.
    is_next: bool,
    /// Parameters that the first operators put on the stack, in their order, and what is called with them.
    given: usize,
    calls: Option<u32>,
    gets: BTreeSet<u32>,
}

impl Shape {
    pub(super) fn step(&mut self, operator: &Operator<'_>) {
        let position = self.len;
        self.len += 1;
        let was_next = std::mem::take(&mut self.is_next);
        match *operator {
            Operator::LocalGet { local_index } => {
                self.is_next = position == self.sets.len() * 2 && local_index as usize == self.sets.len();
                if self.given == position && local_index as usize == position {
                    self.given += 1;
                }
            }
            Operator::GlobalSet { global_index } if was_next => self.sets.push(global_index),
            Operator::Call { function_index } if self.given == position && position > 0 => {
                self.calls = Some(function_index);
            }
            Operator::GlobalGet { global_index } if self.gets.len() < USAGE_GLOBALS => {
                self.gets.insert(global_index);
            }
            _ => {}
        }
    }
}

impl Shapes {
    /// A body was read to its end.
    pub(super) fn note(&mut self, func: u32, shape: Shape, is_exported: bool) {
        if !shape.sets.is_empty() && self.setters.len() < USAGE_SETTERS {
            // The `end` is one of them.
            let others = shape.len.saturating_sub(shape.sets.len() * 2 + 1);
            self.setters.insert(func, (shape.sets, others));
        }
        if !is_exported || self.readers.len() >= USAGE_EXPORTS {
            return;
        }
        if let Some(callee) = shape.calls {
            self.callers.insert(func, callee);
        }
        self.readers.insert(func, (shape.gets, shape.len > 2));
    }

    /// The exports, if one begins a thread.
    pub(super) fn exports<'r>(
        &self,
        exports: &'r [(u32, String)],
        signature: impl Fn(u32) -> Option<&'r (Vec<ValType>, Vec<ValType>)>,
    ) -> Option<ThreadExports> {
        let has = |func: u32, params: usize, results: &[ValType]| {
            signature(func).is_some_and(|(given, returned)| {
                given.len() == params
                    && given.iter().all(|ty| *ty == ValType::I32)
                    && returned[..] == *results
            })
        };
        let sets = |func: u32| self.setters.get(&func);
        let deep = |func: u32| sets(func).or_else(|| sets(*self.callers.get(&func)?));
        let find = |is: &dyn Fn(u32) -> bool| {
            exports.iter().find(|(func, _)| is(*func)).map(|(func, name)| (*func, Box::from(&name[..])))
        };
        // The structure, and whether it is the main thread, and may wait.
        let is_init = |func: u32| {
            let is_known = deep(func).is_some_and(|(globals, _)| globals.len() >= 3);
            is_known && (3..=6).any(|params| has(func, params, &[]))
        };
        let (init, name) = find(&is_init)?;
        let own = *deep(init)?.0.first()?;
        let reads = |func: u32, globals: usize| {
            let read = self.readers.get(&func);
            read.is_some_and(|(read, more)| *more && read.len() >= globals && read.contains(&own))
        };
        let sets_just = |func: u32, count: usize| {
            has(func, count, &[])
                && sets(func).is_some_and(|(globals, more)| globals.len() == count && *more == 0)
        };
        // The export that makes a thread's variables also reads where those are. One that does not only gives
        // where the error number is.
        let named = |is: &dyn Fn(u32) -> bool| find(is).map(|(_, name)| name);
        Some(ThreadExports {
            init: Some(name),
            limits: named(&|func| sets_just(func, 2)),
            restore: named(&|func| sets_just(func, 1)),
            storage: named(&|func| has(func, 0, &[ValType::I32]) && reads(func, 2)),
            exit: named(&|func| has(func, 1, &[]) && reads(func, 1)),
        })
    }
}

/// Whether a function takes what Emscripten begins a thread with.
pub(super) fn is_spawn((params, results): &(Vec<ValType>, Vec<ValType>)) -> bool {
    params[..] == [ValType::I32; 4] && results[..] == [ValType::I32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_more_than_a_shape() {
        let by_shape =
            ThreadExports { limits: Some("x".into()), exit: Some("y".into()), ..Default::default() };
        let named = by_shape.named(|name| ["_emscripten_stack_set_limits", "stackRestore"].contains(&name));
        assert_eq!(named.limits.as_deref(), Some("_emscripten_stack_set_limits"));
        assert_eq!((named.restore.as_deref(), named.exit.as_deref()), (Some("stackRestore"), Some("y")));
        assert!(named.has("y") && named.has("wasi_thread_start") && !named.has("x"));
    }
}
