//! The worth of host calls that a match rests on: whether they succeeded, and who wanted them.

use crate::{
    Value,
    sandbox::{self, Call, EntryKind},
};

use super::{Evaluator, Held};

/// How host calls stand for what a rule says. By default they stand for all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Grounds {
    /// One that it needs failed: it was tried, not done.
    pub(super) is_attempt: bool,
    /// Only entry points that the driver chose made them, though the program has one of its own.
    pub(super) is_driven: bool,
}

impl Grounds {
    /// Of statements that are needed together.
    pub(super) fn of_all(parts: &[Held]) -> Self {
        let any = |is: fn(&Self) -> bool| parts.iter().any(|part| is(&part.grounds));
        Self { is_attempt: any(|of| of.is_attempt), is_driven: any(|of| of.is_driven) }
    }

    /// Of statements each of which would do.
    pub(super) fn of_any(parts: &[Held]) -> Self {
        parts.iter().map(|part| part.grounds).reduce(Self::or).unwrap_or_default()
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { is_attempt: self.is_attempt && other.is_attempt, is_driven: self.is_driven && other.is_driven }
    }
}

impl Held {
    /// Greater for better evidence: of the run, done, by the program itself.
    pub(super) fn rank(&self) -> (bool, bool, bool) {
        (self.dynamic, !self.grounds.is_attempt, !self.grounds.is_driven)
    }
}

impl Evaluator<'_> {
    /// Of calls any of which would do.
    pub(super) fn grounds<'c>(&self, calls: impl IntoIterator<Item = &'c Call>) -> Grounds {
        let each = calls
            .into_iter()
            .map(|call| Grounds { is_attempt: !succeeded(call), is_driven: self.is_driven(call) });
        each.reduce(Grounds::or).unwrap_or_default()
    }

    /// Whether only the driver wanted a call. A host calls nothing of a WASI program but its entry point. In
    /// a page any export may be called.
    pub(super) fn is_driven(&self, call: &Call) -> bool {
        let entries = self.index.run().map_or(&[][..], |run| &run.entries);
        let is_chosen = entries.get(call.entry).is_some_and(|entry| entry.kind == EntryKind::Export);
        is_chosen
            && sandbox::is_of_wasi(&call.module)
            && entries.iter().any(|entry| entry.kind == EntryKind::Main)
    }
}

/// WASI names its errors; elsewhere a negative result is one.
pub(super) fn succeeded(call: &Call) -> bool {
    let negative = |value: &Value| matches!(value, Value::I32(..0) | Value::I64(..0));
    call.errno.is_none() && !call.results.iter().any(negative)
}
