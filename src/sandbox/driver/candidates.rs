//! Which exports may be called, and in which order.

use std::{cmp::Reverse, collections::BTreeSet};

use crate::{
    module::{FuncIndex, ItemKind, ValType},
    tracer::{Session, Type, Value},
};

use super::limits::{ALLOCATORS_TRIED, GIVERS};
use super::{
    names::{self, Role},
    rank::{Hints, Ranking, Reach},
};

/// Exclusive ors and rotations from which an export goes before those with more loops. From as many on, code
/// beside a command that works is driven too.
pub(super) const MIXES: u64 = 8;

/// An export that may be driven.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) name: String,
    pub(super) func: FuncIndex,
    pub(super) params: Vec<Type>,
    pub(super) gives: bool,
    pub(super) gives_nothing: bool,
    pub(super) role: Role,
    pub(super) reach: Reach,
    /// Numbers that it compares something with.
    pub(super) compared: Vec<i32>,
}

impl Candidate {
    /// Whether it can be called first of all. It takes nothing, or only how large the stack is to be, with 0
    /// for as large as usual.
    pub(super) fn is_initializer(&self) -> bool {
        self.params.is_empty() || self.params == [Type::I32] && self.name == "__wbindgen_start"
    }
}

/// The exported functions, in the module's order.
pub(super) fn all(session: &Session) -> Vec<Candidate> {
    let module = session.module();
    let functions = module.exports().iter().filter_map(|export| Some((export, export.func?)));
    let candidates = functions.filter_map(|(export, func)| {
        let params = session.params(&export.name)?;
        let results = module.func_type(func)?.results();
        let gives = results == [ValType::I32];
        let (name, role) = (export.name.to_string(), names::role(&export.name));
        // A `main` that takes something else is what a page calls when it begins, and the page knows what
        // with.
        let is_program = params.is_empty() || params == [Type::I32; 2];
        let role = if role == Role::Main && !is_program { Role::Other } else { role };
        Some(Candidate {
            name,
            func,
            params,
            gives,
            gives_nothing: results.is_empty(),
            role,
            reach: Reach::default(),
            compared: Vec::new(),
        })
    });
    candidates.collect()
}

/// Those to drive, in the order in which they are called, and how many are left out.
pub(super) struct Choice {
    pub(super) chosen: Vec<Candidate>,
    /// Those that there is no room for among them.
    pub(super) more: Vec<Candidate>,
    /// Names of those that are left out.
    pub(super) left: Vec<String>,
    pub(super) hints: Hints,
}

/// What is to be chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Nothing is left out for its name.
    pub(super) is_all: bool,
    /// So many at most.
    pub(super) most: usize,
    /// The program's `_start` called host functions, and not only to end itself.
    pub(super) command_calls: bool,
}

/// Chooses from `all` what was not `called` yet.
///
/// A function that is exported under many names is called once. An export that is named like a part of the
/// toolchain comes last, and only if it does anything. Code that a `_start` may call is not called again by
/// itself. That would be the program's own parts in an order that it does not have. If the run did not get
/// there, coverage says so.
pub(super) fn choose(
    session: &Session,
    all: &[Candidate],
    called: &BTreeSet<FuncIndex>,
    asked: Asked,
) -> Choice {
    let Asked { is_all, most, .. } = asked;
    let module = session.module();
    // An import that is exported again is no code of the sample's.
    let imported = module.imported_functions();
    let mut rest: Vec<_> =
        all.iter().filter(|one| one.func.0 >= imported && !called.contains(&one.func)).cloned().collect();
    if rest.is_empty() {
        return Choice { chosen: rest, more: Vec::new(), left: Vec::new(), hints: Hints::default() };
    }
    let mut ranking = Ranking::new(module);
    rank(&mut ranking, &mut rest);
    ranking.find_builders(module);
    // A packer reads every file there is, and would look like a thief; its host never calls it at run time.
    let is_packer = |one: &Candidate| one.name.trim_start_matches('_').starts_with("wasi_vfs_");
    rest.retain(|one| is_all || !is_packer(one));
    // A component's host calls what the component exports, and nothing else.
    if let Some(component) = module.component().filter(|_| !is_all) {
        let exports: BTreeSet<&str> = component.main.exports.iter().map(|(name, _)| &**name).collect();
        rest.retain(|one| exports.contains(&*one.name));
    }
    let (mut once, mut left) = (BTreeSet::new(), Vec::new());
    rest.retain(|one| once.insert(one.func));
    if !is_all {
        if let Some(start) = all.iter().find(|one| one.name == "_start" && called.contains(&one.func)) {
            let parts = ranking.reached(start.func);
            rest.retain(|one| !parts.contains(&one.func));
            // A command may export its whole C library: called with made-up arguments that would look like
            // anything. A command that does nothing with the host itself is hardly one, and what
            // hashes is worth a look in any.
            let names = |rest: &[Candidate]| rest.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
            let is_library = |one: &Candidate| one.role == Role::Runtime || one.name.starts_with("__");
            let is_asked = |one: &Candidate| !asked.command_calls || one.reach.mixes >= MIXES;
            let (kept, dropped): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|one| !is_library(one) && is_asked(one));
            (rest, left) = (kept, names(&dropped));
        }
        rest.retain(|one| one.role != Role::Runtime || one.reach.is_busy);
    }
    let more = rest.split_off(most.min(rest.len()));
    Choice { chosen: rest, more, left, hints: ranking.hints() }
}

fn rank(ranking: &mut Ranking, candidates: &mut [Candidate]) {
    let mut givers = 0;
    for candidate in &mut *candidates {
        candidate.reach = ranking.reach(candidate.func);
        candidate.compared = ranking.compared(candidate.func);
        let gives = candidate.role == Role::Other && candidate.params.is_empty() && candidate.gives;
        if gives && givers < GIVERS {
            givers += 1;
            candidate.role = Role::Create;
        }
        // It has parameters, which no constructor has, or `_start` is to call it.
        if candidate.role == Role::Initialize {
            candidate.role = Role::Runtime;
        }
    }
    let order = |role: Role| if role == Role::Main { Role::Other } else { role };
    // Stable: the module's order decides between equals.
    candidates.sort_by_key(|candidate| {
        let reach = candidate.reach;
        let promise = u8::from(reach.has_effect) + u8::from(reach.mixes >= MIXES);
        (order(candidate.role), Reverse(promise), Reverse(reach.loops))
    });
}

/// The constructors of a module whose names were minified: Emscripten exports them first, as a function of
/// nothing.
pub(super) fn minified_constructors(session: &Session, candidates: &[Candidate]) -> Option<usize> {
    let is_short = |name: &str| name.len() <= 2;
    let imports = session.module().imports();
    let is_minified = !imports.is_empty()
        && imports.iter().all(|import| is_short(&import.name) && is_short(&import.module));
    let first = candidates
        .first()
        .filter(|first| is_short(&first.name) && first.params.is_empty() && first.gives_nothing);
    first.filter(|_| is_minified).map(|_| 0)
}

/// The sample's own allocator.
pub(super) fn allocator(candidates: &[Candidate]) -> Option<&Candidate> {
    candidates
        .iter()
        .find(|candidate| {
            let is_plain = candidate.params == [Type::I32];
            names::ALLOCATORS.contains(&candidate.name.as_str())
                && (is_plain || is_aligning(candidate))
                && candidate.gives
        })
        .or_else(|| candidates.iter().find(|candidate| is_of_components(candidate)))
}

/// The allocator of what may be a component's module. It takes the place and the size of a piece, 0 for
/// nothing, then the alignment and the size that is wanted.
fn is_of_components(candidate: &Candidate) -> bool {
    candidate.params == [Type::I32; 4] && candidate.gives && candidate.name.starts_with("cabi_realloc")
}

/// What an allocator is called with for so many bytes.
pub(super) fn size_args(allocator: &Candidate, size: i32, align: i32) -> Vec<Value> {
    let mut args = vec![Value::I32(size)];
    args.resize(allocator.params.len(), Value::I32(align));
    if allocator.params.len() == 4 {
        args = [0, 0, align, size].map(Value::I32).to_vec();
    }
    args
}

/// An allocator of wasm-bindgen that is given an alignment, too; releases of it cut its name to a number.
pub(super) fn is_aligning(candidate: &Candidate) -> bool {
    candidate.params == [Type::I32; 2] && candidate.gives && takes_over(candidate)
}

/// Whether memory that is allocated so belongs to its receiver, who frees it by its exact size.
pub(super) fn takes_over(candidate: &Candidate) -> bool {
    candidate.name == "__wbindgen_malloc"
        || candidate.name.starts_with("__wbindgen_export")
        || is_of_components(candidate)
}

/// Exports that may be the sample's allocator by their type. Those that reach most loops come first: an
/// allocator walks its lists.
pub(super) fn allocators<'c>(session: &Session, all: &'c [Candidate]) -> Vec<&'c Candidate> {
    let module = session.module();
    let imported = module.imported_functions();
    let fits = |one: &&Candidate| {
        let is_named = matches!(one.role, Role::Runtime | Role::Destroy);
        let takes_size = one.params == [Type::I32] && one.gives || is_aligning(one);
        one.func.0 >= imported && takes_size && !is_named
    };
    let mut fitting: Vec<_> = all.iter().filter(fits).collect();
    if fitting.len() > 1 {
        let mut ranking = Ranking::new(module);
        fitting.sort_by_cached_key(|one| Reverse(ranking.reach(one.func).loops));
    }
    fitting.truncate(ALLOCATORS_TRIED);
    fitting
}

/// The program: what a component runs; else `_start` goes before the others, and of those the one that the
/// toolchain calls.
pub(super) fn program<'c>(session: &Session, candidates: &'c [Candidate]) -> Option<&'c Candidate> {
    if let Some(program) = session.module().program() {
        return candidates.iter().find(|one| one.name == program);
    }
    let order =
        |one: &&Candidate| (one.name != "_start", one.name.trim_start_matches('_').len(), one.name.len());
    candidates.iter().filter(|candidate| candidate.role == Role::Main).min_by_key(order)
}

/// Whether the module imports its memory.
pub(super) fn imports_memory(session: &Session) -> bool {
    session.module().imports().iter().any(|import| import.kind == ItemKind::Memory)
}
