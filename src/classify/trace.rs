//! Features of a run beside its calls: how it ended, which errors its calls got, and what its code was busy
//! with. They also say what it did to files and what it sent. Categories blur the last two (`fd_read` and
//! `fd_write` are both `B-1`).
//!
//! All are shares from 0 to 1, or natural logarithms of 1 + a count, so that none dwarfs the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matrix::is_usable;
use crate::{
    module::view::Classes,
    passes::{Dynamic, ExecutedLoop},
    sandbox::{ChangeKind, EntryEnd, FileChange, Run},
    text::share,
    trace::Trap,
};

/// Values by name; a feature that is not there is 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceFeatures(BTreeMap<String, f64>);

/// Names of all features: kinds of traps, ends, classes of errors, calls by what they move, and changes of
/// files. The last are shares of instruction classes in the run and in its hottest loop.
pub const NAMES: [&str; 40] = [
    "trap.unreachable",
    "trap.memory",
    "trap.table",
    "trap.arithmetic",
    "trap.stack",
    "trap.other",
    "end.exited",
    "end.stopped",
    "errno.denied",
    "errno.missing",
    "errno.invalid",
    "errno.exhausted",
    "errno.other",
    "host.other",
    "calls.read",
    "calls.written",
    "calls.removed",
    "calls.received",
    "calls.sent",
    "calls.waited",
    "files.created",
    "files.changed",
    "files.deleted",
    "files.renamed",
    "files.entropy-rise",
    "run.instructions",
    "run.xor",
    "run.shift",
    "run.logic",
    "run.arithmetic",
    "run.compare",
    "run.load",
    "run.store",
    "loop.share",
    "loop.host-calls",
    "loop.xor",
    "loop.shift",
    "loop.load",
    "loop.store",
    "loop.signatures",
];

impl TraceFeatures {
    /// The features of a run. Costs a look at each entry point, call and loop.
    pub fn of(run: &Run, dynamic: &Dynamic) -> Self {
        let mut trace = Self::default();
        trace.ends(run);
        trace.calls(run);
        trace.files(run);
        let classes = &dynamic.metrics.classes;
        trace.set("run.instructions", log(classes.total));
        trace.mix(classes);
        // Loops come hottest first.
        if let Some(hottest) = dynamic.loops.first() {
            trace.hottest(hottest);
        }
        trace
    }

    /// Value of a feature.
    pub(super) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(0.0)
    }

    /// A value that cannot be computed with, if there is one.
    pub(super) fn bad_value(&self) -> Option<f64> {
        self.0.values().copied().find(|value| !is_usable(*value))
    }

    fn set(&mut self, name: &str, value: f64) {
        debug_assert!(NAMES.contains(&name), "{name}");
        if value != 0.0 {
            self.0.insert(name.to_owned(), value);
        }
    }

    fn ends(&mut self, run: &Run) {
        for entry in &run.entries {
            match &entry.end {
                EntryEnd::Exited { .. } => self.set("end.exited", 1.0),
                EntryEnd::Stopped { .. } => self.set("end.stopped", 1.0),
                EntryEnd::Trapped { trap } => self.set(trap_class(*trap), 1.0),
                EntryEnd::Returned
                | EntryEnd::Thrown { .. }
                | EntryEnd::Aborted { .. }
                | EntryEnd::Failed { .. } => {}
            }
        }
    }

    fn calls(&mut self, run: &Run) {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for call in &run.calls {
            let class = crate::categories::named_function(call).map_or(Some("host.other"), call_class);
            if let Some(class) = class {
                *counts.entry(class).or_default() += 1;
            }
            if let Some(errno) = &call.errno {
                *counts.entry(errno_class(errno)).or_default() += 1;
            }
        }
        counts.into_iter().for_each(|(name, count)| self.set(name, log(count)));
    }

    fn files(&mut self, run: &Run) {
        let count = |change| log(run.files.iter().filter(|file| file.change == change).count() as u64);
        self.set("files.created", count(ChangeKind::Created));
        self.set("files.changed", count(ChangeKind::Changed));
        self.set("files.deleted", count(ChangeKind::Deleted));
        self.set("files.renamed", count(ChangeKind::Renamed));
        let rise = |file: &FileChange| Some(file.entropy_after? - file.entropy_before?);
        // Entropy is at most 8 bits a byte.
        self.set("files.entropy-rise", run.files.iter().filter_map(rise).fold(0.0, f64::max) / 8.0);
    }

    fn mix(&mut self, classes: &Classes) {
        let share = |count: u64| share(count, classes.total);
        self.set("run.xor", share(classes.xor));
        self.set("run.shift", share(classes.shift.saturating_add(classes.rotate)));
        self.set("run.logic", share(classes.logic));
        self.set("run.arithmetic", share(classes.arithmetic));
        self.set("run.compare", share(classes.compare));
        self.set("run.load", share(classes.load));
        self.set("run.store", share(classes.store));
    }

    fn hottest(&mut self, hottest: &ExecutedLoop) {
        let classes = &hottest.classes;
        let share = |count: u64| share(count, classes.total);
        self.set("loop.share", if hottest.share.is_finite() { hottest.share } else { 0.0 });
        self.set("loop.host-calls", log(hottest.host_calls));
        self.set("loop.xor", share(classes.xor));
        self.set("loop.shift", share(classes.shift.saturating_add(classes.rotate)));
        self.set("loop.load", share(classes.load));
        self.set("loop.store", share(classes.store));
        self.set(
            "loop.signatures",
            log(hottest.signatures.values().fold(0, |sum, count| sum.saturating_add(*count))),
        );
    }
}

fn log(count: u64) -> f64 {
    (count as f64).ln_1p()
}

fn trap_class(trap: Trap) -> &'static str {
    match trap {
        Trap::Unreachable => "trap.unreachable",
        Trap::OutOfBoundsMemoryAccess => "trap.memory",
        Trap::OutOfBoundsTableAccess | Trap::UninitializedElement | Trap::IndirectCallTypeMismatch => {
            "trap.table"
        }
        Trap::IntegerDivideByZero | Trap::IntegerOverflow | Trap::InvalidConversionToInteger => {
            "trap.arithmetic"
        }
        Trap::CallStackExhausted => "trap.stack",
        Trap::OutOfFuel
        | Trap::GrowthLimited
        | Trap::OutOfSystemMemory
        | Trap::Unsupported
        | Trap::UnalignedAtomic
        | Trap::NotShared
        | Trap::Deadlock
        | Trap::NullException
        | Trap::NullReference
        | Trap::NullFunction
        | Trap::NullStructure
        | Trap::NullArray
        | Trap::NullI31
        | Trap::CastFailure
        | Trap::OutOfBoundsArrayAccess
        | Trap::ObjectsLimited => "trap.other",
    }
}

/// WASI functions by what they move.
fn call_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "fd_read" | "fd_pread" => "calls.read",
        "fd_write" | "fd_pwrite" => "calls.written",
        "path_unlink_file" | "path_remove_directory" => "calls.removed",
        "sock_recv" | "sock_accept" => "calls.received",
        "sock_send" => "calls.sent",
        "poll_oneoff" => "calls.waited",
        _ => return None,
    })
}

/// Errors of WASI by what they say of the caller. It may not, it looks for what is not there, it asks
/// wrongly, or it asks for too much.
fn errno_class(errno: &str) -> &'static str {
    match errno.to_ascii_lowercase().as_str() {
        "acces" | "perm" | "notcapable" | "rofs" => "errno.denied",
        "noent" | "notdir" | "badf" | "exist" | "notempty" | "isdir" | "nodev" => "errno.missing",
        "inval" | "fault" | "ilseq" | "loop" | "nametoolong" | "spipe" | "nosys" | "notsup" => {
            "errno.invalid"
        }
        "nospc" | "nfile" | "mfile" | "nomem" | "overflow" | "fbig" | "dquot" | "mlink" | "again" => {
            "errno.exhausted"
        }
        _ => "errno.other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
    }

    #[test]
    fn nothing_ran_gives_nothing() {
        assert_eq!(TraceFeatures::of(&Run::default(), &Dynamic::default()), TraceFeatures::default());
    }
}
