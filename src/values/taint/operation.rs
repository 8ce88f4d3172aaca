//! Operations that a flow meets, and their order.

use serde::Serialize;

use crate::text::vocabulary;

vocabulary! {
    /// How a sink depends on a source.
    pub enum How {
        /// The value was computed from it.
        Value = "value",
        /// It chose the address that the value was read from.
        Address = "address",
        /// It chose whether the value was computed.
        Control = "control",
    }
}

/// A kind of operation. Moves (locals, loads, stores, shifts by whole bytes) are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// Exclusive or.
    Xor = 1,
    /// And.
    And,
    /// Or.
    Or,
    /// Addition and subtraction.
    Add,
    /// Multiplication.
    Multiply,
    /// Division and remainder.
    Divide,
    /// A shift by other than whole bytes.
    Shift,
    /// A rotation by other than whole bytes.
    Rotate,
    /// A comparison, whose result is a bit.
    Compare,
    /// A load whose address depends on it.
    Lookup,
    /// An operation on floats, or a conversion.
    Float,
    /// Leading or trailing zeros, or ones, were counted.
    Count,
    /// Another operation on the lanes of a vector.
    Lanes,
}

/// Each with its words, in the order of the enum: a path keeps its place in here, from 1.
const ALL: [(Operation, &str); 13] = [
    (Operation::Xor, "xor"),
    (Operation::And, "and"),
    (Operation::Or, "or"),
    (Operation::Add, "addition"),
    (Operation::Multiply, "multiplication"),
    (Operation::Divide, "division"),
    (Operation::Shift, "shifts"),
    (Operation::Rotate, "rotations"),
    (Operation::Compare, "comparison"),
    (Operation::Lookup, "table look-up"),
    (Operation::Float, "floating point"),
    (Operation::Count, "bit counts"),
    (Operation::Lanes, "vector operations"),
];

impl Operation {
    /// In words.
    pub fn words(self) -> &'static str {
        ALL[self as usize - 1].1
    }
}

/// Operations in the order in which each was met first, of several ways as far as they agree: four bits for
/// each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Path(u64);

impl Path {
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The operations.
    pub(super) fn steps(self) -> impl Iterator<Item = Operation> {
        let numbers = (0..16).map(move |place| (self.0 >> (4 * place)) as usize & 15);
        numbers
            .take_while(|&number| number > 0)
            .filter_map(|number| ALL.get(number - 1).map(|(step, _)| *step))
    }

    /// With `step` at the end, unless it was met.
    pub(super) fn then(self, step: Operation) -> Self {
        let mut place = 0;
        while place < 64 && (self.0 >> place) & 15 != 0 {
            if (self.0 >> place) & 15 == step as u64 {
                return self;
            }
            place += 4;
        }
        Self(self.0 | (step as u64) << place)
    }

    /// With those of another way beside it that were not met. An operation that comes before another on
    /// either way comes before it: of rotations before an xor, and multiplication before one, the xor is the
    /// last. Where the two ways differ, it is as in this one.
    pub(super) fn beside(self, other: Self) -> Self {
        if self == other || other.is_empty() {
            return self;
        }
        if self.is_empty() {
            return other;
        }
        let mut rest = other;
        while let Some(step) = rest.steps().next() {
            rest = Self(rest.0 >> 4);
            if self.place(step).is_some() {
                continue;
            }
            return self.before(step, rest.steps().find_map(|later| self.place(later))).beside(rest);
        }
        self
    }

    /// Where an operation stands, in bits.
    fn place(self, step: Operation) -> Option<u32> {
        self.steps().position(|met| met == step).map(|position| 4 * position as u32)
    }

    /// With `step`, which was not met, at a place; at the end without one.
    fn before(self, step: Operation, place: Option<u32>) -> Self {
        let Some(place) = place else { return self.then(step) };
        let head = self.0 & ((1 << place) - 1);
        Self(head | (step as u64) << place | (self.0 >> place) << (place + 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_beside_each_other_keep_their_order() {
        use Operation::{Add, Multiply, Rotate, Shift, Xor};
        let way = |steps: &[Operation]| steps.iter().fold(Path::default(), |path, step| path.then(*step));
        let rows: [(&[Operation], &[Operation], &[Operation]); 7] = [
            (&[Multiply, Xor], &[Rotate, Xor], &[Multiply, Rotate, Xor]),
            (&[Xor], &[Rotate, Shift, Xor, Add], &[Rotate, Shift, Xor, Add]),
            (&[Xor, Add], &[Xor, Rotate, Add], &[Xor, Rotate, Add]),
            (&[Xor, Add], &[Add, Xor], &[Xor, Add]),
            (&[Xor], &[Add], &[Xor, Add]),
            (&[], &[Add], &[Add]),
            (&[Add], &[], &[Add]),
        ];
        for (one, other, both) in rows {
            let met: Vec<_> = way(one).beside(way(other)).steps().collect();
            assert_eq!(met, both, "{one:?} beside {other:?}");
        }
    }

    #[test]
    fn each_operation_is_met_once_in_order() {
        let path = Path::default().then(Operation::Xor).then(Operation::Lookup).then(Operation::Xor);
        assert_eq!(path.steps().collect::<Vec<_>>(), [Operation::Xor, Operation::Lookup]);
        let all = ALL.iter().fold(path, |path, (step, _)| path.then(*step));
        assert_eq!(all.steps().count(), ALL.len());
        for (step, _) in ALL {
            assert_eq!(all.beside(Path::default().then(step)), all);
        }
        for (number, (step, _)) in ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number + 1, "{step:?}");
        }
    }
}
