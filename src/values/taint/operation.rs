//! Operations that a flow meets, and their order.

use serde::Serialize;

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

/// Operations in the order in which each was met first: four bits for each.
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

    /// With those of `other` at the end that were not met.
    pub(super) fn then_all(self, other: Self) -> Self {
        if self == other || other.is_empty() {
            return self;
        }
        other.steps().fold(self, Self::then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_met_once_in_order() {
        let path = Path::default().then(Operation::Xor).then(Operation::Lookup).then(Operation::Xor);
        assert_eq!(path.steps().collect::<Vec<_>>(), [Operation::Xor, Operation::Lookup]);
        let all = ALL.iter().fold(path, |path, (step, _)| path.then(*step));
        assert_eq!(all.steps().count(), ALL.len());
        for (number, (step, _)) in ALL.into_iter().enumerate() {
            assert_eq!(step as usize, number + 1, "{step:?}");
        }
    }
}
