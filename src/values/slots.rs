//! Which slots of its frame an instruction reads and writes: for visitors that keep something beside values.

use super::code::{Code, Instr};
use super::table::for_each_scalar;

/// Where an instruction finds its operands, in their order, and puts its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// For each operand its slot; `None` is a constant, or there are not so many.
    pub operands: [Option<u32>; 6],
    /// The first slot of the results, if there are any.
    pub results: u32,
}

/// Slots from `first` on.
fn row<const N: usize>(first: u32) -> [u32; N] {
    std::array::from_fn(|place| first + place as u32)
}

macro_rules! define_slots {
    (
        unary { $($un:ident $un_f:ident $un_t:ident;)* }
        unary_trap { $($ut:ident $ut_f:ident $ut_t:ident;)* }
        binary_imm { $($bi:ident $bi_i:ident $bi_f:ident $bi_t:ident;)* }
        binary { $($bn:ident $bn_f:ident $bn_t:ident;)* }
        binary_trap { $($bt:ident $bt_f:ident $bt_t:ident;)* }
        compare { $($c:ident $c_i:ident $c_b:ident $c_bi:ident $c_n:ident $c_ni:ident $c_f:ident;)* }
    ) => {
        impl Instr {
            /// Its operands in the order in which they are told, with the slot of its results; `data` is its
            /// second half, if it has one.
            pub(super) fn slots(self, data: Self) -> Slots {
                let Self { code, a, b, c, .. } = self;
                let of = |slots: &[u32]| {
                    let mut operands = [None; 6];
                    for (operand, &slot) in operands.iter_mut().zip(slots) {
                        *operand = Some(slot);
                    }
                    operands
                };
                let operands = match code {
                    $(Code::$un)|* | $(Code::$ut)|* | $(Code::$bi_i)|* | $(Code::$c_i)|* => of(&[b]),
                    $(Code::$bi)|* | $(Code::$bn)|* | $(Code::$bt)|* | $(Code::$c)|* => of(&[b, c]),
                    $(Code::$c_b)|* => of(&[a, b]),
                    $(Code::$c_bi)|* => of(&[a]),
                    Code::Copy | Code::VectorSplat | Code::RefIsNull => of(&[b]),
                    Code::RefIsNullWide => of(&row::<2>(b)),
                    Code::ThrowRef if b == 0 => of(&row::<2>(a)),
                    Code::CopyWide | Code::VectorUnary | Code::VectorTest | Code::VectorExtract
                    | Code::Wide2 => of(&row::<2>(b)),
                    Code::Select => of(&[b, c, data.a]),
                    Code::SelectWide => of(&[b, b + 1, c, c + 1, data.a]),
                    Code::Drop | Code::GlobalSet => of(&[a]),
                    Code::DropWide | Code::GlobalSetWide => of(&row::<2>(a)),
                    Code::I32Load | Code::I64Load | Code::F32Load | Code::F64Load
                    | Code::I32Load8S | Code::I32Load8U | Code::I32Load16S | Code::I32Load16U
                    | Code::I64Load8S | Code::I64Load8U | Code::I64Load16S | Code::I64Load16U
                    | Code::I64Load32S | Code::I64Load32U => of(&[b]),
                    Code::I32Store | Code::I64Store | Code::F32Store | Code::F64Store
                    | Code::I32Store8 | Code::I32Store16 | Code::I64Store8 | Code::I64Store16
                    | Code::I64Store32 => of(&[a, b]),
                    Code::LoadFar => of(&[b, data.a, data.a + 1]),
                    Code::StoreFar => of(&[a, b, b + 1]),
                    Code::VectorBinary | Code::VectorShuffle => of(&[b, b + 1, c, c + 1]),
                    Code::VectorTernary => of(&[b, b + 1, c, c + 1, data.b, data.b + 1]),
                    Code::VectorShift | Code::VectorReplace => of(&[b, b + 1, c]),
                    Code::Wide4 => of(&row::<4>(b)),
                    Code::BrNonZero | Code::BrZero | Code::BrNonZeroMove | Code::BrTable => of(&[a]),
                    Code::CallIndirect | Code::ReturnCallIndirect | Code::MemoryGrow | Code::TableGet
                    | Code::CallRef | Code::ReturnCallRef | Code::AsNonNull => of(&[b]),
                    Code::AsNonNullWide => of(&row::<2>(b)),
                    Code::BrOn => of(&row::<2>(a)),
                    Code::Object => of(&row::<6>(b)),
                    Code::TableGrow => of(&[b, c]),
                    Code::TableSet => of(&[a, b]),
                    Code::Atomic => of(&[b, data.a, data.b]),
                    Code::MemoryCopy | Code::MemoryFill | Code::MemoryInit | Code::TableCopy
                    | Code::TableFill | Code::TableInit => of(&[a, b, c]),
                    _ => [None; 6],
                };
                Slots { operands, results: a }
            }
        }
    };
}
for_each_scalar!(define_slots);
