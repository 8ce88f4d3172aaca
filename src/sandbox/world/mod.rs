//! Known worlds: hosts that modules are written for, recognised by the names of what they import.
//!
//! Each file has a table from name to behaviour. Leading underscores do not count, for toolchains add them. A
//! behaviour answers as the host would as far as the program depends on it; what it makes up is marked so.
//!
//! Not here: WASI (`wasi`).

mod assemblyscript;
mod bindgen;
mod call;
mod canonical;
mod chain;
mod emscripten;
mod go;
mod guess;
mod kernel;
mod kotlin;
mod layout;
mod limits;
mod math;
mod miner;
mod napi;
mod preview2;
mod process;
mod registered;
mod strings;
mod syscall;
mod time;
mod usage;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::{
    module::FuncIndex,
    tracer::{Caller, FunctionImport},
};

use super::{
    context::{Act, CallEnd},
    glob,
    import::Body,
    state::State,
    wasi::Errno,
};

pub(super) use layout::{Layout, MEMORY_BASE};
pub(super) use miner::job;
pub(crate) use preview2::STREAMS;
pub(super) use preview2::incoming;
pub(super) use registered::{Owner, Registered, Registration};
pub(super) use strings::units_of;
pub(super) use usage::{Flag, FunctionRole, GlobalRole, ThreadExports, Usage};

/// A behaviour that calls back into the sample: it locks the state only between calls.
pub(super) type Nest = fn(&mut Caller<'_>, &Mutex<State>, &[u64], &str) -> Result<(), CallEnd>;

/// As [`Nest`], of what is taken for something only if the call looks like that: `None` if it does not.
pub(super) type Fitting = fn(&mut Caller<'_>, &Mutex<State>, &[u64]) -> Option<Result<(), CallEnd>>;

/// What worlds keep during a run.
#[derive(Debug)]
pub(super) struct World {
    pub(super) layout: Layout,
    /// A throw is on its way to its handler.
    pub(super) is_throwing: bool,
    /// Upper half of a 64-bit result, which JavaScript cannot return.
    pub(super) temp_ret: i32,
    /// The folder in which the program is, for Emscripten's kernel; nothing for the top.
    pub(super) folder: String,
    /// Objects handed out.
    pub(super) handles: u32,
    /// Sleeps after which other threads went on.
    pub(super) rested: u64,
    /// The program forked once.
    pub(super) has_forked: bool,
    /// Functions of the sample's table that it told its host of.
    pub(super) registered: Registered,
    /// What numbers of WASI 0.2 stand for.
    pub(super) resources: preview2::Resources,
    /// The error of the call that is being answered, of a function that has one without its result being it.
    pub(super) failed: Option<Errno>,
    /// The export that a component gives its host to have memory for results.
    pub(super) realloc: Option<Box<str>>,
    /// The call that is being answered did what is known of it, and nothing outside the sample's memory, its
    /// code and its standard output.
    pub(super) is_inner: bool,
    /// How the sample is told of what was thrown, if not by an export of a known name.
    pub(super) catching: Catching,
    /// The exports that begin a thread, if their names do not tell.
    pub(super) threads: ThreadExports,
    /// What the call that is being answered was taken for, if that is not known before.
    pub(super) taken_for: Option<&'static str>,
    /// What imports without a telling name were taken for, and answered as.
    pub(super) taken: BTreeMap<FuncIndex, Taken>,
}

/// How a sample is told of what was thrown.
#[derive(Debug, Clone, Default)]
pub(super) struct Catching {
    pub(super) flag: Option<Flag>,
    /// The export that sets it.
    pub(super) setter: Option<Box<str>>,
    /// It was told so in the entry that runs.
    pub(super) has_told: bool,
}

/// An import that was taken for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) module: Arc<str>,
    pub(super) name: Arc<str>,
    /// The name of the other.
    pub(super) for_what: &'static str,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            layout: Layout::default(),
            is_throwing: false,
            temp_ret: 0,
            folder: String::new(),
            handles: 0,
            rested: 0,
            has_forked: false,
            registered: Registered::default(),
            resources: preview2::Resources::default(),
            failed: None,
            realloc: None,
            is_inner: false,
            catching: Catching::default(),
            threads: ThreadExports::default(),
            taken_for: None,
            taken: BTreeMap::new(),
        }
    }

    /// The next number for an object of the host, from 1 on. After the last all have that.
    pub(super) fn next_handle(&mut self) -> u32 {
        self.handles = self.handles.saturating_add(1);
        self.handles
    }

    /// What [`Self::go_back`] goes back to.
    pub(super) fn keep(&self) -> Self {
        Self {
            temp_ret: self.temp_ret,
            folder: self.folder.clone(),
            handles: self.handles,
            has_forked: self.has_forked,
            resources: self.resources.clone(),
            ..Self::new()
        }
    }

    /// The state that a program that begins anew would not have: numbers that were handed out, a fork, a
    /// throw.
    pub(super) fn go_back(&mut self, to: &Self) {
        self.is_throwing = false;
        self.catching.has_told = false;
        self.temp_ret = to.temp_ret;
        self.folder.clone_from(&to.folder);
        self.handles = to.handles;
        self.has_forked = to.has_forked;
        self.resources.clone_from(&to.resources);
    }
}

/// What answers.
#[derive(Debug, Clone, Copy)]
enum Does {
    Act(Act),
    Nest(Nest),
    /// The first, if the call is for that; else the second.
    Either(Fitting, Act),
}

/// A row of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Name without leading underscores; `*` stands for any characters.
    name: &'static str,
    /// Meaning of the arguments, as `signature` reads it.
    pub(super) params: &'static str,
    does: Does,
    /// Whether the answer is made up.
    pub(super) is_made_up: bool,
    /// The known function that one without a telling name is taken for.
    pub(super) taken_for: Option<&'static str>,
}

impl Entry {
    /// Whether it was found by use and not by name.
    pub(super) fn is_guessed(&self) -> bool {
        self.name == "?"
    }

    pub(super) fn body(&self) -> Body {
        match self.does {
            Does::Act(act) => Body::Act(act),
            Does::Nest(nest) => Body::Nest(nest),
            Does::Either(fitting, act) => Body::Either(fitting, act),
        }
    }
}

/// A row whose answer is true of the sandbox: its memory, its clock.
const fn real(name: &'static str, params: &'static str, act: Act) -> Entry {
    Entry { name, params, does: Does::Act(act), is_made_up: false, taken_for: None }
}

/// A row whose answer is made up.
const fn made(name: &'static str, params: &'static str, act: Act) -> Entry {
    Entry { name, params, does: Does::Act(act), is_made_up: true, taken_for: None }
}

/// A row that calls back into the sample.
const fn nest(name: &'static str, params: &'static str, nest: Nest) -> Entry {
    Entry { name, params, does: Does::Nest(nest), is_made_up: true, taken_for: None }
}

/// A row that calls back into the sample and whose answer is true of the sandbox.
const fn real_nest(name: &'static str, params: &'static str, nest: Nest) -> Entry {
    Entry { name, params, does: Does::Nest(nest), is_made_up: false, taken_for: None }
}

/// Tables of worlds that have a module name of their own.
const BY_MODULE: &[(&[&str], &[Entry])] = &[
    (&["wasi:*"], preview2::TABLE),
    (&["canon"], canonical::TABLE),
    (&["wasm:js-string"], strings::TABLE),
    (&["js_code"], kotlin::TABLE),
    (&["wbg", "__wbindgen_placeholder__", "./*_bg.js"], bindgen::TABLE),
    (&["gojs", "go"], go::TABLE),
];

/// Tables that are searched for a name whatever its module, in this order.
const BY_NAME: &[&[Entry]] = &[
    assemblyscript::TABLE,
    emscripten::TABLE,
    kernel::TABLE,
    syscall::TABLE,
    time::TABLE,
    call::TABLE,
    math::TABLE,
    miner::TABLE,
    chain::TABLE,
    process::TABLE,
    napi::TABLE,
];

/// The entry of an imported function: by its name, else by what the code uses it for.
pub(super) fn find(import: &FunctionImport<'_>, role: Option<FunctionRole>) -> Option<Entry> {
    let name = import.name.trim_start_matches('_');
    let is_of = |module: &&&str| glob::matches(module, import.module);
    for (modules, table) in BY_MODULE {
        if modules.iter().find(is_of).is_some() {
            return in_table(table, name, import);
        }
    }
    let entry = BY_NAME.iter().find_map(|table| in_table(table, name, import));
    let entry =
        entry.filter(|entry| !process::is_wasix_alone(entry.name) || import.module.starts_with("wasix"));
    entry.or_else(|| guess::find(import, role))
}

/// Whether a table has a row of this name.
pub(super) fn is_name(module: &str, name: &str) -> bool {
    let name = name.trim_start_matches('_');
    let has = |table: &[Entry]| table.iter().any(|entry| glob::matches(entry.name, name));
    let of_module = |(modules, _): &&(&[&str], &[Entry])| modules.iter().any(|of| glob::matches(of, module));
    BY_MODULE.iter().any(|row| of_module(&row)) || BY_NAME.iter().any(|table| has(table))
}

/// The first row with this name; one that says how many arguments it has is not taken for a function with
/// fewer.
fn in_table(table: &[Entry], name: &str, import: &FunctionImport<'_>) -> Option<Entry> {
    let fits = |entry: &&Entry| {
        let enough = entry.params.split_whitespace().count() <= import.params.len();
        let is_name =
            if entry.name.contains('*') { glob::matches(entry.name, name) } else { entry.name == name };
        is_name && enough
    };
    table.iter().find(fits).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sandbox::signature;

    #[test]
    fn rows_are_unique_and_well_formed() {
        for table in BY_NAME.iter().chain(BY_MODULE.iter().map(|(_, table)| table)) {
            let mut seen = BTreeSet::new();
            for entry in *table {
                assert!(seen.insert((entry.name, entry.params)), "{} stands twice", entry.name);
                assert!(!entry.name.starts_with('_') && !entry.name.is_empty(), "{}", entry.name);
                for word in entry.params.split_whitespace() {
                    let kind = word.split_once(':').map_or("", |(_, kind)| kind);
                    assert!(signature::kind_of(kind).is_some(), "{}: {word}", entry.name);
                }
            }
        }
    }
}
