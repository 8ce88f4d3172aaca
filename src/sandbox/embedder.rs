//! Imports that an embedder answers itself, with closures.
//!
//! A closure sees one call: arguments and memory of the sample, and of the sandbox what is the same in each
//! run: the virtual clock and the seeded randomness. Anything else that it looks at is its own affair. So is
//! the time it takes, which no limit cuts short: the wall time is looked at when it has answered. Its calls
//! are logged, counted and limited as all others are, and so is what it calls of the sample.
//!
//! Not here: which import gets a closure (`link`).

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard},
};

use super::{
    context::CallEnd,
    state::{State, lock},
    types::RunOptions,
};
use crate::tracer::{Caller, HostError};

/// A closure that answers an import.
type Function = dyn Fn(&mut ImportCall<'_, '_>) -> Result<(), HostError> + Send + Sync;

/// The imports that closures answer, by module and name. Not part of what is written of options: a closure
/// cannot be.
#[derive(Clone, Default)]
pub struct HostFunctions {
    functions: BTreeMap<(String, String), Arc<Function>>,
}

impl HostFunctions {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// Module and name of each, ascending.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.functions.keys().map(|(module, name)| (&**module, &**name))
    }

    pub(super) fn find(&self, module: &str, name: &str) -> Option<Answerer> {
        let found = self.functions.get(&(module.to_owned(), name.to_owned()))?;
        Some(Answerer(Arc::clone(found)))
    }
}

impl fmt::Debug for HostFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.functions.keys()).finish()
    }
}

impl RunOptions {
    /// Answers calls of the import `name` of `module` with `function`, whatever its type, before stub files,
    /// WASI and the known worlds. Results that it does not set are zero or null; its error ends the entry
    /// point.
    ///
    /// The log marks such a call as answered by a stub. The trace of such a run is exact as any. A file of it
    /// holds the options without the closures, so a rerun gives zeros in their place and says where the runs
    /// part.
    ///
    /// ```
    /// use wasmspoor::{Value, sandbox};
    ///
    /// let sample = br#"(module (import "env" "key" (func $key (result i32)))
    ///   (func (export "_start") (if (i32.ne (call $key) (i32.const 7)) (then unreachable))))"#;
    /// let mut options = sandbox::RunOptions::default();
    /// options.define("env", "key", |call| call.set_result(0, Value::I32(7)));
    /// let run = sandbox::run(&wat::parse_bytes(sample)?, &options)?;
    /// assert_eq!(run.status, sandbox::Status::Exited);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        function: impl Fn(&mut ImportCall<'_, '_>) -> Result<(), HostError> + Send + Sync + 'static,
    ) -> &mut Self {
        self.functions.functions.insert((module.to_owned(), name.to_owned()), Arc::new(function));
        self
    }
}

/// One call that a closure answers. It is a [`Caller`] and has the sandbox besides.
pub struct ImportCall<'c, 'h> {
    call: &'c mut Caller<'h>,
    state: &'c Mutex<State>,
    exit: Option<i32>,
}

impl ImportCall<'_, '_> {
    /// Virtual nanoseconds since the start of the run.
    pub fn now_ns(&self) -> u64 {
        self.lock().clock.now_ns()
    }

    /// Virtual nanoseconds since 1970.
    pub fn epoch_ns(&self) -> u64 {
        self.lock().clock.real_ns()
    }

    /// Lets virtual time pass, at once; it counts as sleep of the sample.
    pub fn sleep(&mut self, ns: u64) {
        self.lock().clock.sleep(ns);
    }

    /// Fills `bytes` with randomness that [`RunOptions::seed`] decides.
    pub fn random(&mut self, bytes: &mut [u8]) {
        self.lock().random.fill(bytes);
    }

    /// The error with which the closure ends the program, as `proc_exit` does.
    pub fn exit(&mut self, code: i32) -> HostError {
        self.exit = Some(code);
        HostError::new(format!("exit {code}"))
    }

    /// Held for no longer than one question: a closure may call the sample, which calls other imports.
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(self.state)
    }
}

impl<'h> Deref for ImportCall<'_, 'h> {
    type Target = Caller<'h>;

    fn deref(&self) -> &Caller<'h> {
        self.call
    }
}

impl DerefMut for ImportCall<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.call
    }
}

impl fmt::Debug for ImportCall<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportCall").field("args", &self.call.args()).finish_non_exhaustive()
    }
}

/// A closure, as an import has it.
#[derive(Clone)]
pub(super) struct Answerer(Arc<Function>);

impl Answerer {
    pub(super) fn answer(&self, call: &mut Caller<'_>, state: &Mutex<State>) -> Result<(), CallEnd> {
        let mut call = ImportCall { call, state, exit: None };
        let result = (self.0)(&mut call);
        match (result, call.exit) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(code)) => Err(CallEnd::Exit(code)),
            (Err(error), None) => Err(CallEnd::Abort(error.to_string())),
        }
    }
}

impl fmt::Debug for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answerer")
    }
}
