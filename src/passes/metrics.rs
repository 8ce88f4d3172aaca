//! Metrics of the run and of each entry point.

use std::collections::BTreeMap;

use crate::{
    module::{OPCODES, Opcode, view::Classes},
    sandbox::{Entry, EntryEnd, EntryKind},
};

use super::{
    Dynamic, Metrics,
    profile::Profile,
    tally::{Invocation, Totals, tables},
};

pub(super) fn derive(profile: &Profile<'_>, dynamic: &mut Dynamic) {
    let totals = profile.totals();
    dynamic.metrics = metrics(profile, totals, profile.classes, tables(&totals.opcodes));
    dynamic.entries = entries(profile);
    dynamic.metrics.start_ran = dynamic.entries.iter().any(|entry| entry.start_ran);
    for (opcode, &count) in Opcode::ALL.iter().zip(totals.opcodes.iter().take(OPCODES)).filter(|(_, count)| **count != 0) {
        *dynamic.opcodes.entry(opcode.mnemonic().to_owned()).or_default() += count;
    }
    dynamic.call_sites = profile.tally.call_sites.clone();
}

fn metrics(profile: &Profile<'_>, totals: &Totals, classes: Classes, tables: u64) -> Metrics {
    let mut host_calls = BTreeMap::new();
    for (&host, count) in &totals.host_calls {
        *host_calls.entry(profile.host_name(host)).or_default() += count;
    }
    Metrics {
        classes,
        calls: totals.calls,
        grown_pages: totals.grown_pages,
        grow_refused: totals.grow_refused,
        taken: totals.taken,
        not_taken: totals.not_taken,
        tables,
        bulk_len: totals.bulk_len,
        host_calls,
        start_ran: false,
    }
}

/// One for each entry point of the run; all zero for one that did not begin. Those that began are in the trace in the same order.
fn entries(profile: &Profile<'_>) -> Vec<Metrics> {
    let (entries, begun) = (&profile.run.entries, profile.tally.entries.begun());
    let mut invocations = profile.tally.entries.kept.iter().peekable();
    let mut missing = entries.len().saturating_sub(begun);
    let of_entry = |entry: &Entry| {
        let began = |invocation: &&Invocation| missing == 0 || may_be(profile, entry, invocation);
        let Some(Invocation { classes, totals, tables, .. }) = invocations.next_if(began) else {
            missing = missing.saturating_sub(1);
            return Metrics::default();
        };
        let start_ran = entry.kind == EntryKind::Start;
        Metrics { start_ran, ..metrics(profile, totals, *classes, *tables) }
    };
    entries.iter().map(of_entry).collect()
}

/// Whether an invocation may be that of an entry point. One that the engine refused before it began is not in the trace.
fn may_be(profile: &Profile<'_>, entry: &Entry, invocation: &Invocation) -> bool {
    let is_other = entry.func.is_some_and(|func| profile.key_of(func) != Some(invocation.func));
    let is_refused = matches!(entry.end, EntryEnd::Failed { .. }) && entry.site.is_none();
    !is_other && !is_refused
}
