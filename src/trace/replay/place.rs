//! Where an invocation is cut short.
//!
//! Called when the window of decisions is spent and so the end may be near. Position, call count, depth, site
//! and the next record must all agree; the first moment at which they do is the end. `docs/trace-stream.md`
//! says why that is one moment of the run.

use crate::module::CodeOffset;

use super::super::decisions::Window;
use super::super::map::FlatExit;
use super::super::{Record, TracePosition};
use super::{Invocation, Replay};

impl Replay<'_> {
    /// The invocation, where it is cut short, if no decision is left before that.
    pub(super) fn due(&self) -> Option<(&Invocation, TracePosition)> {
        let invocation = self.invocations.last()?;
        let place = self.place_of(invocation)?;
        let position = self.source.position(Window::default());
        (position == place.bits).then_some((invocation, place))
    }

    /// The function and the offset in its body at which the invocation is cut short, if depth and records
    /// agree; in block `number`.
    fn due_site(&self, number: u32) -> Option<(TracePosition, CodeOffset)> {
        let (invocation, place) = self.due()?;
        let (key, offset) = place.site?;
        let function = self.map.run(number).function();
        let depth = self.frames.len() - invocation.base;
        let is_end = matches!(self.records.peek(), Some(Record::End(_)));
        let agrees = is_end && depth == place.depth as usize && function.key() == key;
        let offset = function.code().start().0.checked_add(offset)?;
        agrees.then_some((place, CodeOffset(offset)))
    }

    /// How many instructions of block `number`, which is next, run before the invocation is cut short. `None`
    /// if that is not in this block.
    #[cold]
    #[inline(never)]
    pub(super) fn cut_in(&mut self, number: u32, calls_left: u64) -> Option<u32> {
        self.refresh();
        if self.is_at_gap() || self.due()?.1.site.is_none() {
            return Some(0);
        }
        let (place, offset) = self.due_site(number)?;
        let run = self.map.run(number);
        let position = run.ops().binary_search_by_key(&offset, |op| op.offset).ok()? as u32;
        // A call of a defined function has counted itself.
        let is_call =
            position + 1 == run.len() && matches!(self.map.blocks[run.number()].exit, FlatExit::Call(_));
        let calls = self.trace.calls - calls_left + u64::from(is_call);
        (calls == place.calls).then_some(position + 1)
    }

    /// Whether the invocation is cut short right after the decision that was read last.
    #[cold]
    #[inline(never)]
    pub(super) fn is_cut_after_decision(&self) -> bool {
        self.due().is_some_and(|(_, place)| place.site.is_none())
    }

    /// Whether the invocation is cut short at the last instruction of block `number`, after the record that
    /// it pulled.
    pub(super) fn is_cut_after_record(&self, number: u32) -> bool {
        let calls = self.trace.calls - self.cursor.calls_left;
        let agrees = |(place, offset): (TracePosition, CodeOffset)| {
            self.map.run(number).offset() == Some(offset) && calls == place.calls
        };
        self.cursor.window.is_spent() && self.due_site(number).is_some_and(agrees)
    }
}
