//! Where the loop ends other than by its instructions: traps, wrong decisions, the marked instruction.

use wasmi_core::TrapCode;

use crate::trace::{End, FuncKey, Record, TracePosition, Trap, recorded::DecisionReader};

use super::super::error::Ending;
use super::super::{
    code::{Code, Instr},
    error::ValuesErrorKind,
    machine::{Machine, Result, is_bulk},
    visitor::Visitor,
};

/// The trap that the engine has this code for.
pub(super) fn to_trap(code: TrapCode) -> Trap {
    match code {
        TrapCode::UnreachableCodeReached => Trap::Unreachable,
        TrapCode::MemoryOutOfBounds => Trap::OutOfBoundsMemoryAccess,
        TrapCode::TableOutOfBounds => Trap::OutOfBoundsTableAccess,
        TrapCode::IndirectCallToNull => Trap::UninitializedElement,
        TrapCode::IntegerDivisionByZero => Trap::IntegerDivideByZero,
        TrapCode::IntegerOverflow => Trap::IntegerOverflow,
        TrapCode::BadConversionToInteger => Trap::InvalidConversionToInteger,
        TrapCode::BadSignature => Trap::IndirectCallTypeMismatch,
        TrapCode::StackOverflow => Trap::CallStackExhausted,
        TrapCode::GrowthOperationLimited => Trap::GrowthLimited,
        TrapCode::OutOfSystemMemory => Trap::OutOfSystemMemory,
        _ => Trap::OutOfFuel,
    }
}

/// The fault of the label that a `br_table` went to, if it is not the recorded one.
#[inline(always)]
pub(super) fn wrong_label(
    decisions: &mut DecisionReader<'_>,
    width: u32,
    label: u32,
) -> Option<ValuesErrorKind> {
    match decisions.bits(width) {
        Ok(recorded) if recorded == u64::from(label) => None,
        Ok(recorded) => Some(ValuesErrorKind::Label { computed: label.into(), recorded }),
        Err(error) => Some(error.into()),
    }
}

impl Machine<'_> {
    #[cold]
    pub(super) fn wrong(&mut self, computed: bool) -> ValuesErrorKind {
        match self.check.decisions.bit() {
            Ok(_) => ValuesErrorKind::Branch { computed },
            Err(error) => error.into(),
        }
    }

    /// The offset in the body of the operator that the instruction at `pc` of the top frame is.
    pub(super) fn offset_here(&self) -> Option<(FuncKey, u32)> {
        let frame = self.frames.last()?;
        let function = self.store.funcs.get(frame.func as usize)?;
        let body = function.body.as_ref()?;
        let cover = body.covers.get(frame.pc)?;
        let op = body.ops.get(cover.first as usize + usize::from(cover.before))?;
        Some((function.key, op.offset - body.start))
    }

    /// Ends the invocation with a trap, if that is what was recorded.
    #[cold]
    pub(super) fn trap(&mut self, code: Trap, visitor: &mut impl Visitor) -> Result<()> {
        // The part of the instruction after its own operator was not executed.
        if let Some(frame) = self.frames.last()
            && let Some(body) = &self.store.funcs[frame.func as usize].body
        {
            self.count -= u64::from(body.covers[frame.pc].has_after);
        }
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        let depth = (self.frames.len() - base) as u32;
        let (bits, calls) = (self.check.decisions.position(), self.check.calls());
        let site = self.offset_here();
        let differs = |recorded: String| ValuesErrorKind::Trap { computed: code, recorded: recorded.into() };
        match self.check.records.peek() {
            Some(Record::End(End::Trapped { code: recorded, at })) => {
                let here = TracePosition { bits, calls, depth, site };
                if *recorded != code || *at != here {
                    return Err(differs(format!("{recorded}, {at}; here {here}")));
                }
            }
            record => return Err(differs(record.map_or("nothing", Record::name).into())),
        }
        visitor.trap(code);
        self.end(Ending::Trapped, None, visitor)
    }

    /// At the marked instruction: whether the invocation ends here.
    pub(super) fn at_break(&mut self, visitor: &mut impl Visitor) -> Result<bool> {
        let Some(planted) = self.planted else { return Ok(false) };
        if !self.is_cut_here(&planted) {
            return Ok(false);
        }
        let is_own = self.is_own(&planted);
        if is_own && planted.saved.code == Code::Call {
            self.check.call()?;
        }
        if is_own
            && is_bulk(planted.saved.code)
            && matches!(self.check.records.peek(), Some(Record::Bulk { .. }))
        {
            self.check_bulk(planted.saved)?;
            if !matches!(self.check.records.peek(), Some(Record::End(_))) {
                return Err(self.check.unexpected("the end of a call by the host"));
            }
        }
        self.tell_covered(&planted, visitor);
        self.count += u64::from(planted.position) + 1;
        self.end(Ending::Cut, None, visitor)?;
        Ok(true)
    }

    /// Tells of an instruction that traps, and ends the invocation.
    pub(super) fn fails(
        &mut self,
        visitor: &mut impl Visitor,
        instr: Instr,
        operands: &[u64],
        code: Trap,
    ) -> Result<bool> {
        self.told(visitor, instr, operands, &[], 0);
        self.trap(code, visitor)?;
        Ok(true)
    }
}
