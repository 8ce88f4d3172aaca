//! Records of the stream, what their keys mean, and states of replay.

use std::collections::BTreeMap;

use super::stored;
use crate::{file, trace};

stored! {
    /// A rare event.
    enum Record for trace::Record {
        Invoke { func: u32 },
        End(end: End),
        HostCall { func: u32 },
        HostReturn { failed: bool },
        Grow { delta: u64, result: u64 },
        Bulk { dst: u64, src: u64, len: u64 },
        // After version 1; a file that has one says so by a feature bit.
        Switch { thread: u32 },
        // After version 1: `later` says which files have a feature bit for it.
        HostThrew { tag: u32 },
    }

    /// How an invocation ended.
    enum End for trace::End {
        Returned,
        HostError,
        Trapped { code: Trap, at: TracePosition },
        Stopped { at: TracePosition },
        Failed { message: String, at: TracePosition },
        // After version 1: `later` says which files have a feature bit for it.
        Thrown,
    }

    /// A moment of the run.
    struct TracePosition for trace::TracePosition {
        bits: u64,
        calls: u64,
        depth: u32,
        site: Option<(u32, u32)>,
    }

    /// Why an instruction trapped.
    enum Trap for trace::Trap {
        Unreachable,
        OutOfBoundsMemoryAccess,
        OutOfBoundsTableAccess,
        UninitializedElement,
        IndirectCallTypeMismatch,
        IntegerDivideByZero,
        IntegerOverflow,
        InvalidConversionToInteger,
        CallStackExhausted,
        OutOfFuel,
        GrowthLimited,
        OutOfSystemMemory,
        Unsupported,
        UnalignedAtomic,
        NotShared,
        Deadlock,
        NullException,
        NullReference,
        NullFunction,
        NullStructure,
        NullArray,
        NullI31,
        CastFailure,
        OutOfBoundsArrayAccess,
        ObjectsLimited,
    }

    /// What keys mean.
    struct Links for file::contents::Links {
        instances: Vec<Instance>,
        hosts: BTreeMap<u32, Host>,
    }

    /// A module that was instantiated.
    struct Instance for trace::Instance {
        module: u64,
        first_key: u32,
    }

    /// A host function.
    struct Host for trace::Host {
        module: String,
        name: String,
    }

    /// A moment of the replay.
    struct StoredCheckpoint for file::checkpoints::StoredCheckpoint {
        checkpoint: Option<Checkpoint>,
        functions: Vec<u32>,
    }

    /// A state of replay.
    struct Checkpoint for trace::Checkpoint {
        instructions: u64,
        decisions: u64,
        calls: u64,
        records: u64,
        invocations: u64,
        host_calls: u64,
        target: u32,
        next: Option<(u32, u32)>,
        frames: Vec<Frame>,
        open: Vec<Invocation>,
    }

    /// An entry of the call stack.
    enum Frame for trace::CheckpointFrame {
        Bottom,
        Back(function: u32, block: u32),
    }

    /// An invocation that is open.
    struct Invocation for trace::CheckpointInvocation {
        place: Option<TracePosition>,
        host: Option<Option<(u32, u32)>>,
    }
}
