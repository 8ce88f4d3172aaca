//! Looking for an order in which more of the code runs.
//!
//! An export that did next to nothing may want an object of another one, or want to be called after another
//! one. So it is called again when all were called once. Each object that came out of any of them stands once
//! in its first place. A call that shows new code is kept, and the search goes on from there; any other is
//! undone. It ends when a whole round shows nothing, or its calls are used up.

use super::{
    Driver, args,
    candidates::Candidate,
    limits::{SEARCH_CALLS, SEARCH_OBJECTS},
    names::Role,
};
use std::collections::BTreeSet;

use crate::{
    sandbox::types::{Entry, EntryEnd, EntryKind},
    tracer::{Type, Value},
};

impl Driver<'_> {
    /// Calls those again that showed little.
    pub(super) fn search(&mut self, quiet: &[&Candidate]) {
        let objects = self.objects(SEARCH_OBJECTS);
        let wants = |candidate: &&&Candidate| {
            let takes = candidate.params.first() == Some(&Type::I32);
            takes && matches!(candidate.role, Role::Other | Role::Set | Role::Create)
        };
        let quiet: Vec<_> = quiet.iter().filter(wants).collect();
        let mut calls = 0;
        loop {
            let mut is_new = false;
            for candidate in &quiet {
                for &object in &objects {
                    if calls >= SEARCH_CALLS || self.is_over() {
                        return;
                    }
                    calls += 1;
                    is_new |= self.shows_new(candidate, object);
                }
            }
            if !is_new {
                return;
            }
        }
    }

    /// Results of exports that may be objects in memory, the last first, one of each export first. An address
    /// among the data of the module is a text or a table.
    pub(super) fn objects(&self, most: usize) -> Vec<i32> {
        let (mut objects, mut givers) = (Vec::new(), BTreeSet::new());
        for (position, entry) in self.entries.iter().enumerate().rev() {
            if let Some(object) = self.object_of(position, entry)
                && !objects.contains(&object)
                && objects.len() < most
                && givers.insert(entry.func)
            {
                objects.push(object);
            }
        }
        objects
    }

    /// What an entry gave that may be an object in memory, and was not undone.
    pub(super) fn object_of(&self, position: usize, entry: &Entry) -> Option<i32> {
        let (EntryEnd::Returned, EntryKind::Export, Some(&Value::I32(object @ 1024..))) =
            (&entry.end, entry.kind, entry.results.first())
        else {
            return None;
        };
        let is_inside = (object as u64) < self.session.memory_len() && object as u32 >= self.hints.data_end;
        (is_inside && !self.returning.is_undone(position)).then_some(object)
    }

    /// Calls an export with an object; returns whether new code ran. If none did, the call is undone.
    fn shows_new(&mut self, candidate: &Candidate, object: i32) -> bool {
        let before = self.session.blocks_seen();
        let material = args::Material { handle: Some(object), ..self.material };
        let pattern = usize::from(candidate.params.len() > 1);
        let args = args::make(&candidate.params, pattern, material);
        self.call(candidate, EntryKind::Export, args, true);
        let is_new = self.session.blocks_seen() > before;
        if is_new && self.has_returned() {
            self.keep();
        } else {
            self.undo();
        }
        is_new
    }
}
