//! The beginning of a program: its start function, what its host would have put into its memory,
//! constructors, and the arguments of `main`.

use std::{rc::Rc, sync::PoisonError};

use super::{
    Driver, Type, args,
    candidates::{self, Candidate},
    limits::MAIN_ARGUMENTS,
    names::{Role, SERVES},
};
use crate::{
    limitation::Limitation,
    sandbox::{glob, types::EntryKind, world::incoming},
    tracer::{Outcome, Value},
};

impl Driver<'_> {
    /// Instantiates; returns whether there is an instance.
    pub(super) fn start(&mut self) -> bool {
        let func = self.session.module().start();
        if func.is_some() {
            self.tell_begun("start", EntryKind::Start, func, &[], false);
        }
        let outcome = self.session.start_within(&self.budget());
        if let Err(error) = &outcome {
            self.limitations.push(Limitation::NotInstantiated(error.clone()));
        }
        if func.is_some() || outcome.as_ref().is_ok_and(|outcome| !matches!(outcome, Outcome::Returned(_))) {
            self.enter("start".into(), EntryKind::Start, func, Vec::new(), false, outcome);
        }
        if !self.session.is_started() && self.limitations.is_empty() {
            self.limitations.push(Limitation::StartDidNotReturn);
        }
        self.session.is_started()
    }

    /// Puts into memory of the sample's own what its host would have put into an imported one.
    pub(super) fn place(&mut self) {
        if !candidates::imports_memory(&self.session) {
            for (address, bytes) in self.layout.contents(self.session.memory_len()) {
                // A memory too small for it does not get it.
                _ = self.session.write_host_memory(address, &bytes);
            }
        }
    }

    /// Calls the constructors, unless the program's `_start` does so itself.
    pub(super) fn initialize(&mut self) {
        let candidates = Rc::clone(&self.candidates);
        if candidates.iter().any(|candidate| candidate.name == "_start") {
            return;
        }
        let named = |candidate: &Candidate| candidate.role == Role::Initialize && candidate.is_initializer();
        let minified = candidates::minified_constructors(&self.session, &candidates)
            .filter(|_| !candidates.iter().any(named));
        for (position, candidate) in candidates.iter().enumerate() {
            if named(candidate) || minified == Some(position) {
                let args = candidate.params.iter().map(|_| Value::I32(0)).collect();
                self.call(candidate, EntryKind::Initialize, args, false);
            }
        }
    }

    /// A request and the place for its answer, for an export that serves requests over HTTP.
    pub(super) fn request_for(&mut self, candidate: &Candidate) -> Option<Vec<Value>> {
        if candidate.params != [Type::I32, Type::I32] {
            return None;
        }
        let component = self.session.module().component();
        let exports = component.map_or(&[][..], |component| &component.main.exports);
        let name = exports.iter().find(|(own, _)| **own == *candidate.name).map(|(_, name)| &**name);
        glob::matches(SERVES, name.unwrap_or(&candidate.name)).then(|| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            incoming(&mut state).map(|number| Value::I32(number as i32)).to_vec()
        })
    }

    /// `argc` and `argv` for a `main` that takes them.
    pub(super) fn main_args(&mut self, params: &[Type]) -> Vec<Value> {
        if params != [Type::I32, Type::I32] {
            return args::make(params, 0, self.material);
        }
        self.make_page();
        let (base, mut strings, mut pointers) = (self.material.page, Vec::new(), Vec::new());
        let texts = base.saturating_add(4096);
        for arg in self.options.args.iter().take(MAIN_ARGUMENTS) {
            let at = texts.saturating_add(strings.len() as u32);
            pointers.extend_from_slice(&at.to_le_bytes());
            strings.extend_from_slice(arg.as_bytes());
            strings.push(0);
        }
        let argc = pointers.len() / 4;
        pointers.extend_from_slice(&[0; 4]);
        let written = self.session.write_host_memory(texts.into(), &strings);
        match written.and_then(|()| self.session.write_host_memory(base.into(), &pointers)) {
            Some(()) => vec![Value::I32(argc as i32), Value::I32(base as i32)],
            None => vec![Value::I32(0), Value::I32(0)],
        }
    }
}
