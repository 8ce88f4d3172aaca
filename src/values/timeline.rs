//! A run as a line of moments: goes to any of them, forwards and backwards.
//!
//! Moments that were passed are saved every so many instructions. To go back is to take up the last one
//! before and run on from there. Memory is bounded: when there are too many, every second one goes, and the
//! distance doubles. A distance is as long as all memories are large, so that the search for their changes
//! costs little of running.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::trace::{FuncKey, InstanceIndex, Trace};

use super::error::{ValuesError, ValuesErrorKind};
use super::limits::{MAX_SAVED, MAX_SAVED_BYTES, SAVED_BYTES_AN_INSTRUCTION, SAVED_EVERY};
use super::machine::{Machine, Result, Saved};
use super::state::State;
use super::visitor::{At, Nothing, Visitor};

/// A run, to be looked at at any moment. A moment is a number of instructions: that before which so many were
/// executed.
#[derive(Debug)]
pub struct Timeline<'t> {
    trace: &'t Trace,
    machine: Machine<'t>,
    /// Ascending.
    saved: Vec<Saved>,
    spacing: u64,
    /// The machine cannot go on from where it is.
    is_broken: bool,
}

impl<'t> Timeline<'t> {
    /// Prepares to look at a run.
    ///
    /// # Errors
    /// When the trace does not hold what the host did.
    pub fn new(trace: &'t Trace) -> Result<Self, ValuesError> {
        let machine = Machine::new(trace)?;
        Ok(Self { trace, machine, saved: Vec::new(), spacing: SAVED_EVERY, is_broken: false })
    }

    /// The trace.
    pub fn trace(&self) -> &'t Trace {
        self.trace
    }

    /// Instructions of the whole run.
    ///
    /// # Errors
    /// When the values are not known to the end.
    pub fn total(&mut self) -> Result<u64, ValuesError> {
        self.go_to(u64::MAX)?;
        Ok(self.machine.count)
    }

    /// The state before instruction `event`, or at the end of a run that is shorter.
    ///
    /// # Errors
    /// When the values are not known as far.
    pub fn state(&mut self, event: u64) -> Result<State, ValuesError> {
        self.go_to(event)?;
        if let Some(error) = self.machine.truncated() {
            return Err(error);
        }
        let event = if self.machine.is_over() { self.machine.count } else { event };
        let made = match self.machine.next_op(event) {
            Some((_, true)) if !self.machine.is_over() => Some(self.made(event)?),
            _ => None,
        };
        self.machine.state(event, made).map_err(|kind| self.machine.error(kind))
    }

    /// The value that the instruction before `event` gave. The one after takes it and is done together with
    /// it.
    fn made(&mut self, event: u64) -> Result<[u64; 2], ValuesError> {
        let begin = self.machine.count;
        let mut made = Made { event: event - 1, slots: [0; 2] };
        self.machine.run_to(event + 1, &mut made).inspect_err(|_| self.is_broken = true)?;
        self.go_to(begin)?;
        Ok(made.slots)
    }

    /// Instructions executed before the one that the machine is at: at most those that were asked for.
    pub fn position(&self) -> u64 {
        self.machine.count
    }

    /// Whether the moment that was looked at last is the end of the run.
    pub fn is_over(&self) -> bool {
        self.machine.is_over()
    }

    /// The bytes of a memory at the moment that was looked at last.
    pub fn memory(&self, memory: u32) -> Option<&[u8]> {
        self.machine.memory(memory)
    }

    /// The machine at the moment that was looked at last, or a few instructions before.
    pub fn machine(&self) -> &Machine<'t> {
        &self.machine
    }

    /// What a function reference stands for: instance and function, or the host's key.
    pub fn function(&self, slot: u64) -> Option<(Option<InstanceIndex>, FuncKey)> {
        let func = self.machine.store.funcs.get(usize::try_from(slot.checked_sub(1)?).ok()?)?;
        Some((func.defined.map(|(instance, _)| instance), func.key))
    }

    /// Tells a visitor of the instructions from number `from` on and before number `to`. If several are done
    /// as one, it tells of a few more on both sides. Gives the number of the first that it was not told of.
    ///
    /// # Errors
    /// When the values are not known as far.
    pub fn walk(&mut self, from: u64, to: u64, visitor: &mut impl Visitor) -> Result<u64, ValuesError> {
        match from {
            // With the segments and whatever else comes before the first instruction.
            0 => (self.machine, self.is_broken) = (Machine::new(self.trace)?, false),
            _ => self.go_to(from)?,
        }
        if self.machine.is_over() || (to <= self.machine.count && from > 0) {
            return Ok(self.machine.count);
        }
        match self.machine.run_to(to, visitor) {
            // Several that are done as one, and the last of them is wanted.
            Ok(totals) if totals.instructions < to && !self.machine.is_over() => {
                let more = self.machine.ahead();
                self.machine.run_to(totals.instructions + more, visitor)
            }
            done => done,
        }
        .map(|totals| totals.instructions)
        .inspect_err(|_| self.is_broken = true)
    }

    /// Tells the whole run, in windows that several threads compute at the same time. A window goes from each
    /// moment that is saved to the next, and each is told to a visitor of its own. The visitors come in the
    /// order of the run. An event between calls of the host and before the first instruction is told in the
    /// window in which it happens.
    ///
    /// # Errors
    /// When the values are not known to the end.
    pub fn windows<V: Visitor + Send>(
        &mut self,
        threads: usize,
        make: impl Fn() -> V + Sync,
    ) -> Result<Vec<V>, ValuesError> {
        self.go_to(u64::MAX)?;
        let (trace, saved, layouts) = (self.trace, &self.saved[..], &self.machine.layouts[..]);
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(usize, V)>, ValuesError> {
            let mut done = Vec::new();
            let mut machine = Machine::new(trace)?;
            loop {
                let window = next.fetch_add(1, Ordering::Relaxed);
                if window > saved.len() {
                    return Ok(done);
                }
                if let Some(begin) = window.checked_sub(1).and_then(|before| saved.get(before)) {
                    machine.layouts = layouts.to_vec();
                    machine.go_to(begin).map_err(|kind| machine.error(kind))?;
                }
                let mut visitor = make();
                let end = saved.get(window).map_or(u64::MAX, |end| end.instructions);
                machine.run_to(end, &mut visitor)?;
                done.push((window, visitor));
            }
        };
        let mut all = std::thread::scope(|scope| {
            let threads = threads.clamp(1, MAX_SAVED);
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let joined = handles.into_iter().map(|handle| handle.join());
            let results: Vec<_> =
                joined.map(|done| done.unwrap_or_else(|panic| resume_unwind(panic))).collect();
            results.into_iter().collect::<Result<Vec<_>, _>>()
        })?;
        let mut windows: Vec<_> = all.drain(..).flatten().collect();
        windows.sort_by_key(|(window, _)| *window);
        Ok(windows.into_iter().map(|(_, visitor)| visitor).collect())
    }

    /// Brings the machine to a moment, or to the end.
    fn go_to(&mut self, event: u64) -> Result<(), ValuesError> {
        let saved = self.saved.partition_point(|saved| saved.instructions <= event).checked_sub(1);
        let saved = saved.and_then(|position| self.saved.get(position));
        let is_behind = self.is_broken || self.machine.count > event;
        let is_far = saved.is_some_and(|saved| saved.instructions > self.machine.count);
        if is_behind || is_far {
            self.is_broken = true;
            match saved {
                Some(saved) => self.machine.go_to(saved).map_err(|kind| self.machine.error(kind))?,
                None => self.machine = Machine::new(self.trace)?,
            }
            self.is_broken = false;
        }
        while !self.machine.is_over() {
            let next = self.saved.last().map_or(0, |saved| saved.instructions).saturating_add(self.spacing);
            let stop = if next > self.machine.count { next.min(event) } else { event };
            self.machine.run_to(stop, &mut Nothing).inspect_err(|_| self.is_broken = true)?;
            if !self.machine.is_over() && stop == next && self.spacing < u64::MAX {
                self.save().map_err(|kind| self.machine.error(kind))?;
            }
            if stop == event {
                break;
            }
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), ValuesErrorKind> {
        let memory = (0..self.machine.store.memories.len() as u32).filter_map(|one| self.machine.memory(one));
        let memory: u64 = memory.map(|bytes| bytes.len() as u64).sum();
        let least = memory / SAVED_BYTES_AN_INSTRUCTION;
        if least > self.spacing {
            // For so much memory this moment comes too early.
            self.spacing = least;
            return Ok(());
        }
        let is_last = self.saved.last().is_none_or(|last| last.instructions < self.machine.count);
        if is_last {
            let saved = self.machine.save(self.saved.last())?;
            self.saved.push(saved);
        }
        // Every second one goes; if one alone is too much, there are none.
        while self.saved.len() > MAX_SAVED
            || (Saved::bytes(&self.saved) > MAX_SAVED_BYTES && !self.saved.is_empty())
        {
            let mut is_kept = true;
            self.saved.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.spacing = if self.saved.is_empty() { u64::MAX } else { self.spacing.saturating_mul(2) };
        }
        Ok(())
    }
}

/// Keeps what one instruction gives.
struct Made {
    event: u64,
    slots: [u64; 2],
}

impl Visitor for Made {
    const INSTRUCTIONS: bool = true;

    fn instruction(&mut self, at: At<'_>, _: &[u64], results: &[u64]) {
        if at.number == self.event {
            self.slots = [results.first().copied().unwrap_or(0), results.get(1).copied().unwrap_or(0)];
        }
    }
}
