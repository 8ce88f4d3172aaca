//! What the engine tells, in the terms of traces.

use wasmspoor_hooks::recorder::{self, Event};

use crate::{
    module::lower::Stop,
    trace::{self, FuncKey, Record, Trap},
};

/// For those who run the hooked engine with a sink of their own.
impl From<Event> for Record {
    fn from(event: Event) -> Self {
        match event {
            Event::Invoke { func } => Self::Invoke { func: FuncKey(func) },
            Event::End { end, place } => Self::End(to_end(end, place)),
            Event::HostCall { func } => Self::HostCall { func: FuncKey(func) },
            Event::HostReturn { failed } => Self::HostReturn { failed },
            Event::HostThrew { tag } => Self::HostThrew { tag },
            Event::Grow { delta, result } => Self::Grow { delta, result },
            Event::Bulk { dst, src, len } => Self::Bulk { dst, src, len },
            Event::Switch { thread } => Self::Switch { thread },
        }
    }
}

/// How an invocation ended, and where.
pub(super) fn to_end(end: recorder::End, place: recorder::Place) -> trace::End {
    let at = trace::TracePosition {
        bits: place.decisions,
        calls: place.calls,
        depth: place.depth,
        site: place.site.filter(|_| !place.after_decision).map(|(func, offset)| (FuncKey(func), offset)),
    };
    match end {
        recorder::End::Returned => trace::End::Returned,
        recorder::End::Thrown(_) => trace::End::Thrown,
        recorder::End::HostError => trace::End::HostError,
        recorder::End::Failed => trace::End::Failed { message: "the engine could not go on".into(), at },
        recorder::End::Stopped => trace::End::Stopped { at },
        recorder::End::Trapped(code) => trace::End::Trapped { code: to_trap(code), at },
    }
}

/// Why an invocation trapped, with the engine's reason put right.
pub(super) fn trap_of(end: &mut trace::End, stop: Option<Stop>) -> Option<Trap> {
    let trace::End::Trapped { code, .. } = end else { return None };
    *code = match stop {
        None => *code,
        Some(Stop::Unsupported) => Trap::Unsupported,
        Some(Stop::Unaligned) => Trap::UnalignedAtomic,
        Some(Stop::NotShared) => Trap::NotShared,
        Some(Stop::Deadlock) => Trap::Deadlock,
        Some(Stop::NullException) => Trap::NullException,
        Some(Stop::NullReference) => Trap::NullReference,
        Some(Stop::NullFunction) => Trap::NullFunction,
        Some(Stop::NullStructure) => Trap::NullStructure,
        Some(Stop::NullArray) => Trap::NullArray,
        Some(Stop::NullI31) => Trap::NullI31,
        Some(Stop::Signature) => Trap::IndirectCallTypeMismatch,
        Some(Stop::Cast) => Trap::CastFailure,
        Some(Stop::ArrayBounds) => Trap::OutOfBoundsArrayAccess,
        Some(Stop::MemoryBounds) => Trap::OutOfBoundsMemoryAccess,
        Some(Stop::TableBounds) => Trap::OutOfBoundsTableAccess,
        Some(Stop::Objects) => Trap::ObjectsLimited,
        Some(Stop::Missing) if *code == Trap::OutOfBoundsMemoryAccess => Trap::ObjectsLimited,
        Some(Stop::Missing) => *code,
    };
    Some(*code)
}

/// The engine's reason of a trap in the words of traces.
pub(super) fn to_trap(code: wasmspoor_hooks::TrapCode) -> Trap {
    use wasmspoor_hooks::TrapCode as Engine;
    match code {
        Engine::UnreachableCodeReached => Trap::Unreachable,
        Engine::MemoryOutOfBounds => Trap::OutOfBoundsMemoryAccess,
        Engine::TableOutOfBounds => Trap::OutOfBoundsTableAccess,
        Engine::IndirectCallToNull => Trap::UninitializedElement,
        Engine::IntegerDivisionByZero => Trap::IntegerDivideByZero,
        Engine::IntegerOverflow => Trap::IntegerOverflow,
        Engine::BadConversionToInteger => Trap::InvalidConversionToInteger,
        Engine::StackOverflow => Trap::CallStackExhausted,
        Engine::BadSignature => Trap::IndirectCallTypeMismatch,
        Engine::OutOfFuel => Trap::OutOfFuel,
        Engine::GrowthOperationLimited => Trap::GrowthLimited,
        Engine::OutOfSystemMemory => Trap::OutOfSystemMemory,
    }
}
