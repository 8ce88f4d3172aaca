//! The ways out of the loop of a run: calls, returns, and what is done elsewhere.

use crate::trace::Trap;

use super::super::error::Ending;
use super::super::{
    code::Instr,
    error::ValuesErrorKind,
    machine::{Machine, Result},
    visitor::Visitor,
};

/// Why the loop was left.
pub(super) enum Exit {
    /// A decision was the last before the end or a barrier.
    Last,
    /// A decision is not as computed.
    Wrong(bool),
    Trap(Trap),
    Call(Instr),
    Return(Instr),
    /// The instruction is done elsewhere.
    Slow(Instr),
    /// The marked instruction.
    Break,
    /// The next instruction would go beyond the pause.
    Pause,
    Failed(ValuesErrorKind),
}

/// Where to go on.
pub(super) enum Next {
    /// Outside of Wasm.
    Out,
    /// In the loop; past the marked instruction, if `over`.
    On { over: bool },
}

/// Whether Wasm was left, as what is to be done next.
fn next(is_out: bool) -> Next {
    if is_out { Next::Out } else { Next::On { over: false } }
}

impl Machine<'_> {
    /// Does what an exit of the loop asks for; the top frame begins at slot `fp`.
    #[inline(always)]
    pub(super) fn exit<V: Visitor>(&mut self, exit: Exit, fp: usize, visitor: &mut V) -> Result<Next> {
        match exit {
            Exit::Return(instr) => self.returns(instr, fp, visitor).map(next),
            Exit::Call(instr) => self.calls(instr, fp, visitor).map(|()| next(false)),
            Exit::Last if self.is_cut_after_decision() => {
                self.end(Ending::Cut, None, visitor).map(|()| Next::Out)
            }
            Exit::Last => self.plant().map(|()| next(false)),
            Exit::Wrong(computed) => Err(self.wrong(computed)),
            Exit::Trap(code) => self.trap(code, visitor).map(|()| Next::Out),
            Exit::Break => Ok(match self.at_break(visitor)? {
                true => Next::Out,
                false => Next::On { over: true },
            }),
            Exit::Slow(instr) => self.slow(instr, visitor).map(next),
            Exit::Pause => {
                self.is_paused = true;
                Ok(Next::Out)
            }
            Exit::Failed(kind) => Err(kind),
        }
    }

    /// Leaves the top frame; whether the invocation is over.
    #[inline(always)]
    fn returns<V: Visitor>(&mut self, instr: Instr, fp: usize, visitor: &mut V) -> Result<bool> {
        let len = instr.b as usize;
        let from = fp + instr.a as usize;
        self.stack.copy_within(from..from + len, fp);
        self.frames.pop();
        visitor.moved(instr.a, 0, instr.b);
        visitor.leave(&self.stack[fp..fp + len]);
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        let is_over = self.frames.len() == base;
        if is_over {
            self.end(Ending::Returned, Some(fp), visitor)?;
        }
        Ok(is_over)
    }

    /// Enters a function that the instance defines.
    #[inline(always)]
    fn calls<V: Visitor>(&mut self, instr: Instr, fp: usize, visitor: &mut V) -> Result<()> {
        self.check.call()?;
        if let Some(frame) = self.frames.last_mut() {
            frame.pc += 1;
        }
        let at = fp + instr.a as usize;
        self.enter(instr.b, at)?;
        self.tell_call(visitor, instr.b, at, false);
        Ok(())
    }
}
