//! Calling functions of the sample's own that nothing led to, for what they build.
//!
//! A page may be put together only after a date, or for a number that nobody guesses. The function that does
//! it takes nothing, gives nothing, calls no host function, and reads and writes memory in a loop. Called
//! here it can do no more than to its own memory, which is put back afterwards. What lies there then is
//! looked at as after any other entry.
//!
//! Not here: functions that mix bits (they may want a key), and those that take arguments.

use super::{
    Driver,
    limits::{BUILDER_INSTRUCTIONS, BUILDERS},
};
use crate::{module::FuncIndex, sandbox::types::EntryKind, tracer::Budget};

impl Driver<'_> {
    /// Calls those that are known, and returns to the state of before.
    pub(super) fn builders(&mut self) {
        let builders = std::mem::take(&mut self.hints.builders);
        let called = |func: &FuncIndex| self.entries.iter().any(|entry| entry.func == Some(*func));
        let new: Vec<_> = builders.into_iter().filter(|func| !called(func)).take(BUILDERS).collect();
        // The state that the program left stays where nothing is called.
        if !new.is_empty() && !self.is_over() {
            self.undo();
        }
        for func in new {
            if self.is_over() {
                return;
            }
            let own = self.budget();
            let instructions =
                own.instructions.map_or(BUILDER_INSTRUCTIONS, |own| own.min(BUILDER_INSTRUCTIONS));
            let budget = Budget { instructions: Some(instructions), ..own };
            let name = format!("func[{}]", func.0);
            self.begin();
            self.tell_begun(&name, EntryKind::Builder, Some(func), &[], true);
            let outcome = self.session.invoke_own(func, &[], &budget);
            self.enter(name, EntryKind::Builder, Some(func), Vec::new(), true, outcome);
            self.undo();
        }
    }
}
