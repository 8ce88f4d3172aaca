//! The code that the data level runs: the operators of a function in the form of instructions on slots.
//!
//! A frame is an array of 64-bit slots: locals first, then one place for each height of the operand stack (a
//! `v128` takes two slots). The height of the stack at each operator is known from validation, so an
//! instruction names the slots that it reads and writes. `local.get`, constants and `drop` need no
//! instruction of their own: they are *covered* by the one that follows. [`Cover`] stands beside an
//! instruction and has what it covers. So a visitor is told of every operator in order although fewer are
//! dispatched.
//!
//! PERF: 16 bytes an instruction. A comparison and the branch that follows it are one.

use crate::module::{
    Opcode, Takes,
    atomic::Atomic,
    objects::{self, Field, Storage},
    tags::Tags,
};

use super::table::for_each_scalar;

macro_rules! define_codes {
    (
        unary { $($un:ident $un_f:ident $un_t:ident;)* }
        unary_trap { $($ut:ident $ut_f:ident $ut_t:ident;)* }
        binary_imm { $($bi:ident $bi_i:ident $bi_f:ident $bi_t:ident;)* }
        binary { $($bn:ident $bn_f:ident $bn_t:ident;)* }
        binary_trap { $($bt:ident $bt_f:ident $bt_t:ident;)* }
        compare { $($c:ident $c_i:ident $c_b:ident $c_bi:ident $c_n:ident $c_ni:ident $c_f:ident;)* }
    ) => {
        /// What an instruction does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u16)]
        pub(super) enum Code {
            $($un,)* $($ut,)* $($bi, $bi_i,)* $($bn,)* $($bt,)* $($c, $c_i, $c_b, $c_bi,)*
            /// Nothing: it is there for what it covers.
            Cover,
            /// `a` is taken and dropped.
            Drop,
            /// Two slots.
            DropWide,
            /// `a` = `b | c << 32`.
            Const,
            /// `a` = two slots of wide constant `b`.
            ConstWide,
            /// `a` = `b`.
            Copy,
            /// Two slots.
            CopyWide,
            /// `a` = `b` if slot `data.a` is not zero, else `c`.
            Select,
            /// As `Select`, two slots.
            SelectWide,
            /// `a` = global `b`.
            GlobalGet,
            /// Global `b` = `a`.
            GlobalSet,
            /// Two slots.
            GlobalGetWide,
            /// Two slots.
            GlobalSetWide,
            I32Load, I64Load, F32Load, F64Load,
            I32Load8S, I32Load8U, I32Load16S, I32Load16U,
            I64Load8S, I64Load8U, I64Load16S, I64Load16U, I64Load32S, I64Load32U,
            I32Store, I64Store, F32Store, F64Store,
            I32Store8, I32Store16, I64Store8, I64Store16, I64Store32,
            /// A load by far memory or offset, or of a vector: `a` = at `b`, far `c`; old vector in `data.a`.
            LoadFar,
            /// A store, as `LoadFar`: at `a`, value `b`, far `c`.
            StoreFar,
            /// `a` = opcode `c` of `b`.
            VectorUnary,
            /// `a` = opcode `data.a` of `b`, `c`.
            VectorBinary,
            /// `a` = opcode `data.a` of `b`, `c`, `data.b`.
            VectorTernary,
            /// `a` = opcode `data.a` of `b` by scalar `c`.
            VectorShift,
            /// Scalar `a` = opcode `c` of `b`.
            VectorTest,
            /// `a` = opcode `c` of scalar `b`.
            VectorSplat,
            /// Scalar `a` = lane `data.b` of `b` by opcode `c`.
            VectorExtract,
            /// `a` = `b` with lane `data.b` of scalar `c` by opcode `data.a`.
            VectorReplace,
            /// `a` = shuffle of `b`, `c` by wide constant `data.a`.
            VectorShuffle,
            /// `a`, `a + 1` = opcode `c` of four slots from `b`.
            Wide4,
            /// `a`, `a + 1` = opcode `c` of two slots from `b`.
            Wide2,
            /// To `c`; no decision.
            Br,
            /// To `c`; decision 1.
            BrLoop,
            /// By way `c`; no decision.
            BrMove,
            /// By way `c`; decision 1.
            BrLoopMove,
            /// To `c` if `a` is not zero; the decision is whether.
            BrNonZero,
            /// To `c` if `a` is zero; the decision is whether.
            BrZero,
            /// By way `c` if `a` is not zero; the decision is whether.
            BrNonZeroMove,
            /// By a way of jump table `b`, the one that slot `a` says.
            BrTable,
            /// Returns `b` slots from `a`.
            Return,
            Unreachable,
            /// An operator that the engine lacks.
            Unsupported,
            /// A wait on memory that is not shared.
            NotShared,
            /// `a` = atomic site `c` at `b`, with operands `data.a` and `data.b`.
            Atomic,
            /// A `loop` in which a thread may spin.
            Round,
            /// Function `b` with arguments from slot `a`.
            Call,
            /// As `Call`, in place of the frame.
            ReturnCall,
            /// Imported function `b`, arguments from slot `a`.
            CallImport,
            ReturnCallImport,
            /// Arguments from slot `a`; element `b` of a table and type as `site` `c` says.
            CallIndirect,
            ReturnCallIndirect,
            /// The function that slot `b` refers to, with arguments from slot `a`.
            CallRef,
            ReturnCallRef,
            /// By way `c` if what branch site `b` asks of the reference in slot `a` holds; the decision is
            /// whether.
            BrOn,
            /// `a` = object site `c`, with operands from slot `b` on.
            Object,
            /// `a` = reference `b`, which must not be null.
            AsNonNull,
            /// As `AsNonNull`, two slots.
            AsNonNullWide,
            /// `a` = pages of memory `b`.
            MemorySize,
            /// `a` = former pages of memory `c`, grown by `b`.
            MemoryGrow,
            TableSize,
            /// `a` = former length of table `data.a`, grown by `c` elements of value `b`.
            TableGrow,
            /// `a` = element `b` of table `c`.
            TableGet,
            /// Element `a` of table `c` = `b`.
            TableSet,
            /// Bulk operations: slots `a`, `b`, `c`, indices `data.a`, `data.b`.
            MemoryCopy, MemoryFill, MemoryInit, TableCopy, TableFill, TableInit,
            /// Segment `a`.
            DataDrop,
            ElemDrop,
            /// `a` = whether `b` is null.
            RefIsNull,
            /// `a` = whether two slots `b` are null.
            RefIsNullWide,
            /// An exception with the tag of number `b` and `c` slots of operands from `a`.
            Throw,
            /// The exception in two slots `a`, again; kept and no operand if `b` is not 0.
            ThrowRef,
            /// The second half of the instruction before it.
            Data,
            /// Stands where the run is cut short, in place of another.
            Break,
        }

        impl Code {
            /// The branches that a comparison and a branch on it are: taken when it holds, and when not.
            pub(super) fn branches(self) -> Option<(Self, Self)> {
                Some(match self {
                    $(Self::$c => (Self::$c_b, Self::$c_n), Self::$c_i => (Self::$c_bi, Self::$c_ni),)*
                    Self::I32Eqz | Self::I64Eqz => (Self::BrZero, Self::BrNonZero),
                    _ => return None,
                })
            }
        }
    };
}
for_each_scalar!(define_codes);

/// An instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instr {
    pub(super) code: Code,
    /// Operators it covers.
    pub(super) n: u8,
    /// What of [`Cover`] is asked at each instruction that is told: `OWN`, `AFTER`, `IF`.
    pub(super) flags: u8,
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) c: u32,
}

/// One of the operators is the instruction's own.
pub(super) const OWN: u8 = 1;
/// It does the operator after its own, too.
pub(super) const AFTER: u8 = 2;
/// That is an `if`.
pub(super) const IF: u8 = 4;

impl Instr {
    /// The second half of an instruction.
    pub(super) fn data(a: u32, b: u32) -> Self {
        Self { code: Code::Data, n: 0, flags: 0, a, b, c: 0 }
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Which operators an instruction covers: a run of [`Body::ops`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cover {
    /// The first.
    pub(super) first: u32,
    /// Those that stand before its own.
    pub(super) before: u16,
    /// Whether one is its own.
    pub(super) has_own: bool,
    /// Whether a `local.set`, `local.tee` or branch follows that it does too.
    pub(super) has_after: bool,
}

/// A type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ty {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `v128`
    V128,
    /// A function reference: 0 is null, else one more than the number of a function.
    Func,
    /// A host reference: 0 is null, else one more than its number.
    Extern,
    /// A reference to an object, as `docs/worlds.md` has it: 0 is null, one that is odd has a number, and
    /// others are addresses of objects.
    Any,
}

impl Ty {
    /// Slots that a value takes.
    pub fn slots(self) -> u32 {
        if self == Self::V128 { 2 } else { 1 }
    }

    /// What it is to the engine, which knows nothing of objects.
    pub(super) fn erased(self) -> Self {
        if self == Self::Any { Self::I32 } else { self }
    }
}

/// Where an operand is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    None,
    Slot(u32),
    Const(u64),
}

/// An operator of a function, as visitors are told of it.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// Where it stands in the module file.
    pub offset: u32,
    /// What it is.
    pub opcode: Opcode,
    /// The type that it works on, where the opcode alone does not say: of locals, globals, `drop`, `select`.
    pub ty: Option<Ty>,
    /// The type of addresses or indices, if it works on a memory or a table.
    pub index: Ty,
    /// The slot of its frame after the operand stack, before it acts. Its operands are in the slots before,
    /// in their order, and its results begin where its operands did. Locals have the first slots of a frame.
    pub top: u32,
    /// The thing that it names: the slot of a local, the number of a global among all of the run, the number
    /// of a segment in its module, or a lane. Else 0.
    pub names: u32,
    /// Of a covered operator: its result, or of `drop` its operand.
    pub(super) place: Place,
}

/// Where a branch leads, and what it carries along.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BranchTarget {
    pub(super) pc: u32,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) len: u32,
}

/// A `br_table`.
#[derive(Debug, Clone, Copy)]
pub(super) struct JumpTable {
    pub(super) first: u32,
    /// Ways, the default included.
    pub(super) len: u32,
    /// Bits of the decision; 0 if all labels are equal.
    pub(super) width: u32,
    /// All labels are equal and a loop: one bit.
    pub(super) is_loop: bool,
}

/// Where an exception goes that comes out of a body.
#[derive(Debug, Clone, Default)]
pub(super) struct Pad {
    pub(super) ways: Vec<Caught>,
    /// Those that take one tag: its number and the position of the first such way, ascending. A landing pad
    /// may have as many as the function has bytes, and be passed at each turn of a loop.
    pub(super) by_tag: Vec<(u32, u32)>,
    /// The first that takes everything.
    pub(super) of_all: Option<u32>,
    /// Where it goes that none of them takes; `None` is out of the function.
    pub(super) around: Option<u32>,
    /// The instruction that stands for a `delegate`.
    pub(super) delegate: Option<u32>,
}

impl Pad {
    /// Notes which way is whose, once all are there.
    pub(super) fn sort(&mut self, tags: &Tags) {
        for (position, way) in (0..).zip(&self.ways) {
            match way.takes {
                Takes::Tag(index) => self.by_tag.extend(tags.number(index).map(|number| (number, position))),
                // What stands behind it gets nothing.
                Takes::All | Takes::Rest => {
                    self.of_all = Some(position);
                    break;
                }
            }
        }
        self.by_tag.sort_unstable();
        self.by_tag.dedup_by_key(|(number, _)| *number);
    }

    /// The way of an exception whose tag has this number.
    pub(super) fn way(&self, number: u32) -> Option<Caught> {
        let one = self.by_tag.binary_search_by_key(&number, |(number, _)| *number).ok();
        let one = one.and_then(|at| self.by_tag.get(at)).map(|(_, position)| *position);
        self.ways.get(one.or(self.of_all)? as usize).copied()
    }
}

/// A handler.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caught {
    pub(super) takes: Takes,
    pub(super) pc: u32,
    /// The slot where its operands go.
    pub(super) to: u32,
    /// One decision comes before it.
    pub(super) is_loop: bool,
    /// The exception comes before the operands, to be thrown again.
    pub(super) keeps: bool,
    /// The exception comes after the operands.
    pub(super) gives: bool,
}

/// What a load or store has that does not fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Far {
    pub(super) opcode: Opcode,
    pub(super) memory: u32,
    pub(super) offset: u64,
    pub(super) lane: u8,
}

/// What an indirect call has that does not fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallSite {
    pub(super) table: u32,
    /// Number of the type.
    pub(super) ty: u32,
    /// Numbers of the types of functions that are taken for it, if that says more.
    pub(super) takes: Option<(u32, u32)>,
}

/// An atomic access.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtomicSite {
    pub(super) atomic: Atomic,
    pub(super) memory: u32,
}

/// An operator on objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectSite {
    pub(super) act: Act,
    /// Slots of its operands, and of its results.
    pub(super) operands: u32,
    pub(super) results: u32,
    pub(super) heap: Heap,
}

/// Where the objects of an instance are: numbers of a memory, and of the table of functions in them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heap {
    pub(super) memory: u32,
    pub(super) functions: u32,
}

impl Default for Heap {
    fn default() -> Self {
        Self { memory: u32::MAX, functions: u32::MAX }
    }
}

/// What an operator on objects does. Types are indices, segments numbers of the store.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    StructNew {
        ty: u32,
    },
    StructNewDefault {
        ty: u32,
    },
    StructGet {
        field: Field,
        is_signed: bool,
    },
    StructSet {
        field: Field,
    },
    ArrayNew {
        ty: u32,
    },
    ArrayNewDefault {
        ty: u32,
    },
    ArrayNewFixed {
        ty: u32,
        count: u32,
    },
    ArrayNewData {
        ty: u32,
        segment: u32,
        most: u32,
    },
    ArrayNewElem {
        ty: u32,
        element: u32,
        most: u32,
    },
    ArrayGet {
        storage: Storage,
        is_signed: bool,
    },
    ArraySet {
        storage: Storage,
    },
    ArrayLen,
    ArrayFill {
        storage: Storage,
    },
    ArrayCopy {
        storage: Storage,
    },
    ArrayInitData {
        storage: Storage,
        segment: u32,
    },
    ArrayInitElem {
        storage: Storage,
        element: u32,
    },
    NewI31,
    GetI31 {
        is_signed: bool,
    },
    Equals,
    Test {
        asks: Asks,
    },
    Cast {
        asks: Asks,
    },
    /// `any.convert_extern` and back; null only, if not `all`.
    Convert {
        all: bool,
    },
}

/// What is asked of a reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asks {
    pub(super) takes: objects::Takes,
    /// Whether null is taken.
    pub(super) is_nullable: bool,
}

/// A branch on a reference.
#[derive(Debug, Clone, Copy)]
pub(super) struct BranchSite {
    pub(super) asks: Asks,
    /// Whether it is taken where that does not hold.
    pub(super) is_inverse: bool,
    /// The type of the reference.
    pub(super) ty: Ty,
    pub(super) memory: u32,
}

/// A translated function.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    pub(super) code: Vec<Instr>,
    pub(super) covers: Vec<Cover>,
    pub(super) ops: Vec<Op>,
    pub(super) ways: Vec<BranchTarget>,
    pub(super) tables: Vec<JumpTable>,
    pub(super) fars: Vec<Far>,
    pub(super) atomics: Vec<AtomicSite>,
    pub(super) objects: Vec<ObjectSite>,
    pub(super) branches: Vec<BranchSite>,
    pub(super) sites: Vec<CallSite>,
    pub(super) wides: Vec<[u64; 2]>,
    pub(super) pads: Vec<Pad>,
    /// Instructions that can throw, ascending, each with its landing pad.
    pub(super) landings: Vec<(u32, u32)>,
    /// Slots of a frame.
    pub(super) slots: u32,
    /// Slots of parameters, and of all locals.
    pub(super) params: u32,
    pub(super) locals: u32,
    /// First byte of the body in the module file.
    pub(super) start: u32,
}

impl Body {
    /// The landing pad of what comes out of the instruction at `pc`.
    pub(super) fn landing(&self, pc: usize) -> Option<u32> {
        let position = self.landings.binary_search_by_key(&pc, |(pc, _)| *pc as usize).ok()?;
        self.landings.get(position).map(|(_, pad)| *pad)
    }

    /// The instruction that covers the operator at `offset`, and the position of the operator among those
    /// that it covers.
    pub(super) fn find(&self, offset: u32) -> Option<(usize, u32)> {
        let op = self.ops.binary_search_by_key(&offset, |op| op.offset).ok()? as u32;
        // Instructions that cover nothing share the position of the next.
        let after = self.covers.partition_point(|cover| cover.first <= op);
        let pc = (0..after).rev().find(|&pc| self.code[pc].n > 0)?;
        let position = op - self.covers[pc].first;
        (position < u32::from(self.code[pc].n)).then_some((pc, position))
    }
}
