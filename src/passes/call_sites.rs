//! Where each host call of the log was made.

use crate::{
    module::view::View,
    sandbox,
    trace::{ExecutedBlock, HostCall, Record, Stretch, Visitor},
};

use super::{Cost, Pass, Place, Replayed};

/// The pass.
pub(super) struct OfRun;

/// Notes the instructions that called the host.
#[derive(Debug)]
pub(super) struct Sites {
    /// Numbers of the host calls whose sites are kept, and host calls so far.
    logged: Vec<u64>,
    host_calls: u64,
    found: Vec<Option<Place>>,
}

impl Pass for OfRun {
    const NAME: &'static str = "call-sites";
    const HELP: &'static str = "the instruction behind each host call of the log";
    const COST: Cost = Cost::Calls;
    type Counter = Sites;
    type Output = Vec<Option<Place>>;

    fn counter(&self, run: &sandbox::Run, _: &View) -> Sites {
        let logged = logged(run);
        Sites { found: Vec::with_capacity(logged.len()), logged, host_calls: 0 }
    }

    fn of(&self, sites: Sites, _: &Replayed<'_>) -> Vec<Option<Place>> {
        sites.found
    }
}

impl Visitor for Sites {
    fn host_call(&mut self, run: Option<ExecutedBlock<'_>>, _: HostCall<'_>) {
        if self.logged.get(self.found.len()) == Some(&self.host_calls) {
            let place = |run: ExecutedBlock<'_>| {
                Some(Place { function: run.function().index(), offset: run.offset()? })
            };
            self.found.push(run.and_then(place));
        }
        self.host_calls += 1;
    }

    #[inline(always)]
    fn patience(&self) -> u64 {
        u64::MAX
    }

    #[inline(always)]
    fn stretch(&mut self, _: Stretch<'_>) {}
}

/// Which of all host calls of the trace are in the log, by number.
fn logged(run: &sandbox::Run) -> Vec<u64> {
    let mut calls = run.calls.iter().map(|call| call.record).peekable();
    let records = run.trace.record_stream().enumerate();
    let is_call =
        |record: &Record| matches!(record, Record::HostCall { func } if !run.trace.is_meeting(*func));
    let host_calls = records.filter(|(_, record)| is_call(record)).zip(0..);
    host_calls
        .filter(|&((position, _), _)| calls.next_if_eq(&position).is_some())
        .map(|(_, number)| number)
        .collect()
}
