//! The operators on memory of the threads proposal in one table: what each does, on which type and how many
//! bytes.
//!
//! Narrow accesses extend with zeros. A fence is no access and not here.

use wasmparser::{MemArg, Operator};

/// What an atomic operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Loads.
    Load,
    /// Stores.
    Store,
    /// Stores what it makes of what was there and an operand, and gives what was there.
    Modify(Modify),
    /// Stores an operand if what is there is what another operand says, and gives what was there.
    CompareExchange,
    /// Waits until it is told or the time is over, if the value there is that of an operand.
    Wait,
    /// Tells those that wait, and gives how many did.
    Notify,
}

impl Action {
    /// How many operands it takes, the address included.
    pub(crate) fn operands(self) -> usize {
        match self {
            Self::Load => 1,
            Self::Store | Self::Modify(_) | Self::Notify => 2,
            Self::CompareExchange | Self::Wait => 3,
        }
    }
}

/// What becomes of the old value and the operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modify {
    /// Their sum.
    Add,
    /// The old value less the operand.
    Sub,
    /// The bits of both.
    And,
    /// The bits of either.
    Or,
    /// The bits of one.
    Xor,
    /// The operand.
    Exchange,
}

impl Modify {
    /// What is stored, of more bytes than may be.
    pub(crate) fn apply(self, old: u64, operand: u64) -> u64 {
        match self {
            Self::Add => old.wrapping_add(operand),
            Self::Sub => old.wrapping_sub(operand),
            Self::And => old & operand,
            Self::Or => old | operand,
            Self::Xor => old ^ operand,
            Self::Exchange => operand,
        }
    }
}

/// An atomic operator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Atomic {
    /// Whether its values are of 64 bits, or of 32.
    pub(crate) is_64: bool,
    /// Bytes in memory, to a multiple of which the address must be aligned.
    pub(crate) width: u8,
    /// What it does.
    pub(crate) action: Action,
    /// Where.
    pub(crate) memarg: MemArg,
}

macro_rules! rows {
    (@64 I32) => { false };
    (@64 I64) => { true };
    ($operator:expr; $($op:ident $ty:ident $width:literal $action:expr;)*) => {
        match *$operator {
            $(Operator::$op { memarg } => {
                Some(Atomic { is_64: rows!(@64 $ty), width: $width, action: $action, memarg })
            })*
            _ => None,
        }
    };
}

impl Atomic {
    /// The atomic operator that `operator` is, if it is one.
    pub(crate) fn of(operator: &Operator<'_>) -> Option<Self> {
        rows! { operator;
        MemoryAtomicNotify I32 4 Action::Notify;
        MemoryAtomicWait32 I32 4 Action::Wait;
        MemoryAtomicWait64 I64 8 Action::Wait;
        I32AtomicLoad I32 4 Action::Load;
        I32AtomicLoad8U I32 1 Action::Load;
        I32AtomicLoad16U I32 2 Action::Load;
        I64AtomicLoad I64 8 Action::Load;
        I64AtomicLoad8U I64 1 Action::Load;
        I64AtomicLoad16U I64 2 Action::Load;
        I64AtomicLoad32U I64 4 Action::Load;
        I32AtomicStore I32 4 Action::Store;
        I32AtomicStore8 I32 1 Action::Store;
        I32AtomicStore16 I32 2 Action::Store;
        I64AtomicStore I64 8 Action::Store;
        I64AtomicStore8 I64 1 Action::Store;
        I64AtomicStore16 I64 2 Action::Store;
        I64AtomicStore32 I64 4 Action::Store;
        I32AtomicRmwAdd I32 4 Action::Modify(Modify::Add);
        I32AtomicRmw8AddU I32 1 Action::Modify(Modify::Add);
        I32AtomicRmw16AddU I32 2 Action::Modify(Modify::Add);
        I64AtomicRmwAdd I64 8 Action::Modify(Modify::Add);
        I64AtomicRmw8AddU I64 1 Action::Modify(Modify::Add);
        I64AtomicRmw16AddU I64 2 Action::Modify(Modify::Add);
        I64AtomicRmw32AddU I64 4 Action::Modify(Modify::Add);
        I32AtomicRmwSub I32 4 Action::Modify(Modify::Sub);
        I32AtomicRmw8SubU I32 1 Action::Modify(Modify::Sub);
        I32AtomicRmw16SubU I32 2 Action::Modify(Modify::Sub);
        I64AtomicRmwSub I64 8 Action::Modify(Modify::Sub);
        I64AtomicRmw8SubU I64 1 Action::Modify(Modify::Sub);
        I64AtomicRmw16SubU I64 2 Action::Modify(Modify::Sub);
        I64AtomicRmw32SubU I64 4 Action::Modify(Modify::Sub);
        I32AtomicRmwAnd I32 4 Action::Modify(Modify::And);
        I32AtomicRmw8AndU I32 1 Action::Modify(Modify::And);
        I32AtomicRmw16AndU I32 2 Action::Modify(Modify::And);
        I64AtomicRmwAnd I64 8 Action::Modify(Modify::And);
        I64AtomicRmw8AndU I64 1 Action::Modify(Modify::And);
        I64AtomicRmw16AndU I64 2 Action::Modify(Modify::And);
        I64AtomicRmw32AndU I64 4 Action::Modify(Modify::And);
        I32AtomicRmwOr I32 4 Action::Modify(Modify::Or);
        I32AtomicRmw8OrU I32 1 Action::Modify(Modify::Or);
        I32AtomicRmw16OrU I32 2 Action::Modify(Modify::Or);
        I64AtomicRmwOr I64 8 Action::Modify(Modify::Or);
        I64AtomicRmw8OrU I64 1 Action::Modify(Modify::Or);
        I64AtomicRmw16OrU I64 2 Action::Modify(Modify::Or);
        I64AtomicRmw32OrU I64 4 Action::Modify(Modify::Or);
        I32AtomicRmwXor I32 4 Action::Modify(Modify::Xor);
        I32AtomicRmw8XorU I32 1 Action::Modify(Modify::Xor);
        I32AtomicRmw16XorU I32 2 Action::Modify(Modify::Xor);
        I64AtomicRmwXor I64 8 Action::Modify(Modify::Xor);
        I64AtomicRmw8XorU I64 1 Action::Modify(Modify::Xor);
        I64AtomicRmw16XorU I64 2 Action::Modify(Modify::Xor);
        I64AtomicRmw32XorU I64 4 Action::Modify(Modify::Xor);
        I32AtomicRmwXchg I32 4 Action::Modify(Modify::Exchange);
        I32AtomicRmw8XchgU I32 1 Action::Modify(Modify::Exchange);
        I32AtomicRmw16XchgU I32 2 Action::Modify(Modify::Exchange);
        I64AtomicRmwXchg I64 8 Action::Modify(Modify::Exchange);
        I64AtomicRmw8XchgU I64 1 Action::Modify(Modify::Exchange);
        I64AtomicRmw16XchgU I64 2 Action::Modify(Modify::Exchange);
        I64AtomicRmw32XchgU I64 4 Action::Modify(Modify::Exchange);
        I32AtomicRmwCmpxchg I32 4 Action::CompareExchange;
        I32AtomicRmw8CmpxchgU I32 1 Action::CompareExchange;
        I32AtomicRmw16CmpxchgU I32 2 Action::CompareExchange;
        I64AtomicRmwCmpxchg I64 8 Action::CompareExchange;
        I64AtomicRmw8CmpxchgU I64 1 Action::CompareExchange;
        I64AtomicRmw16CmpxchgU I64 2 Action::CompareExchange;
        I64AtomicRmw32CmpxchgU I64 4 Action::CompareExchange;
        }
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{BinaryReader, OperatorsReader};

    use super::*;

    #[test]
    fn the_table_has_every_operator_that_there_is() {
        let mut found = 0;
        for code in 0..=0x4e {
            let bytes = [0xfe, code, 0, 0, 0, 0];
            let mut reader = OperatorsReader::new(BinaryReader::new(&bytes, 0));
            let Ok(operator) = reader.read() else { continue };
            let name = crate::module::Opcode::of(&operator).expect("the table is wasmparser's").mnemonic();
            // These touch no memory.
            if ["atomic.fence", "pause"].contains(&name) {
                continue;
            }
            let atomic = Atomic::of(&operator).unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(atomic.memarg.max_align, atomic.width.ilog2() as u8, "{name}");
            assert_eq!(atomic.is_64, name.starts_with("i64") || name.ends_with("64"), "{name}");
            let verb = match atomic.action {
                Action::Load => "load",
                Action::Store => "store",
                Action::Modify(Modify::Add) => "add",
                Action::Modify(Modify::Sub) => "sub",
                Action::Modify(Modify::And) => "and",
                Action::Modify(Modify::Or) => ".or",
                Action::Modify(Modify::Xor) => "xor",
                Action::Modify(Modify::Exchange) => ".xchg",
                Action::CompareExchange => "cmpxchg",
                Action::Wait => "wait",
                Action::Notify => "notify",
            };
            assert!(name.contains(verb), "{name} is no {verb}");
            found += 1;
        }
        assert_eq!(found, 66);
    }
}
