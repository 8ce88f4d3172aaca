//! Labels: what a byte was made from, and by which operations.
//!
//! A label is none, one source byte, or a node. A node has three sets of source bytes. Its value was computed
//! from those of the first. Those of the second only chose where it was read, and those of the third whether
//! it was computed. It has the operations on the way, too, in the order in which each was met first. Sets are
//! lists of ranges while they are short, and unions of two others beyond. Equal nodes and equal lists exist
//! once.

use std::cell::Cell;

use hashbrown::HashMap;

use super::limits::{
    LISTED, LONG_LIST, MAX_LABELS, MAX_LONG_LISTS, MAX_SETS, MAX_SOURCE_BYTES, MAX_WALKED, REMEMBERED,
};
use super::operation::{Operation, Path};

/// A label. Its number means something to the [`Labels`] that gave it only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Label(u32);

/// What is added to the number of a source byte.
const BYTE: u32 = 1 << 31;

impl Label {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Tells it from all other labels.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    /// The number of the source byte that it is, if it is one.
    pub(super) fn byte(self) -> Option<u32> {
        (self.0 >= BYTE).then_some(self.0 & !BYTE)
    }

    fn of_byte(byte: u32) -> Self {
        Self(BYTE | byte)
    }
}

/// A set of source bytes: empty, one byte, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Set(u32);

impl Set {
    pub(super) const EMPTY: Self = Self(0);
}

/// Half-open ranges in order, apart from each other.
type Ranges = Box<[(u32, u32)]>;

#[derive(Debug)]
enum SetNode {
    Ranges(Ranges),
    Union(Set, Set),
}

/// What a label stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Node {
    pub(super) value: Set,
    pub(super) address: Set,
    pub(super) control: Set,
    pub(super) path: Path,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum How {
    Operation(Operation),
    Union,
    Lookup,
    Controlled,
}

/// All labels of a run.
#[derive(Debug, Default)]
pub(super) struct Labels {
    bytes: u32,
    sets: Vec<SetNode>,
    set_of: HashMap<Ranges, Set>,
    /// Ranges of the lists that are long.
    long: usize,
    unions: HashMap<(Set, Set), Set>,
    nodes: Vec<Node>,
    label_of: HashMap<Node, Label>,
    known: HashMap<(Label, Label, How), Label>,
    /// Unions of which only a part was kept.
    lost: u64,
    /// Ranges that were put together.
    merged: u64,
    /// Sets walked through to list them, and whether that was too many.
    walked: Cell<u64>,
}

impl Labels {
    /// How often only a part was kept, or told.
    pub(super) fn lost(&self) -> u64 {
        self.lost + self.walked.get().saturating_sub(MAX_WALKED)
    }

    /// Ranges that were put together: what takes the longest with labels of many bytes.
    pub(super) fn merged(&self) -> u64 {
        self.merged
    }

    /// Whether sets were walked through in part only.
    pub(super) fn is_cut(&self) -> bool {
        self.walked.get() > MAX_WALKED
    }

    /// Whether there is none yet.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The labels of `len` new source bytes: the number of the first, and how many there was room for.
    pub(super) fn new_bytes(&mut self, len: u64) -> (u32, u64) {
        let first = self.bytes;
        let len = len.min(u64::from(MAX_SOURCE_BYTES - first));
        self.bytes += len as u32;
        (first, len)
    }

    /// The label of a source byte.
    pub(super) fn byte(byte: u32) -> Label {
        Label::of_byte(byte)
    }

    pub(super) fn node(&self, label: Label) -> Node {
        match label.byte() {
            Some(byte) => Node { value: Set(BYTE | byte), ..Node::default() },
            None if label.is_some() => self.nodes.get(label.0 as usize - 1).copied().unwrap_or_default(),
            None => Node::default(),
        }
    }

    /// What an operation makes of one operand.
    pub(super) fn step(&mut self, label: Label, step: Operation) -> Label {
        if !label.is_some() {
            return label;
        }
        self.make(label, Label::NONE, How::Operation(step))
    }

    /// What an operation makes of two operands.
    pub(super) fn join(&mut self, a: Label, b: Label, step: Operation) -> Label {
        match (a.is_some(), b.is_some()) {
            (false, false) => Label::NONE,
            _ => {
                let (a, b) = if a.is_some() { (a, b) } else { (b, a) };
                let b = if a == b { Label::NONE } else { b };
                self.make(a, b, How::Operation(step))
            }
        }
    }

    /// Both, without an operation.
    pub(super) fn union(&mut self, a: Label, b: Label) -> Label {
        match (a.is_some(), b.is_some()) {
            (_, false) => a,
            (false, true) => b,
            _ if a == b => a,
            _ => self.make(a, b, How::Union),
        }
    }

    /// Something labelled `data` that was found at an address labelled `address`.
    pub(super) fn lookup(&mut self, data: Label, address: Label) -> Label {
        if !address.is_some() {
            return data;
        }
        self.make(data, address, How::Lookup)
    }

    /// Something that is computed because of `control`.
    pub(super) fn controlled(&mut self, data: Label, control: Label) -> Label {
        if !control.is_some() || data == control {
            return data;
        }
        self.make(data, control, How::Controlled)
    }

    fn make(&mut self, a: Label, b: Label, how: How) -> Label {
        if let Some(&known) = self.known.get(&(a, b, how)) {
            return known;
        }
        let (left, right) = (self.node(a), self.node(b));
        let everything = |labels: &mut Self| {
            let both = labels.join_sets(right.value, right.address);
            labels.join_sets(both, right.control)
        };
        let node = match how {
            How::Operation(_) | How::Union => {
                let path = left.path.beside(right.path);
                Node {
                    value: self.join_sets(left.value, right.value),
                    address: self.join_sets(left.address, right.address),
                    control: self.join_sets(left.control, right.control),
                    path: if let How::Operation(step) = how { path.then(step) } else { path },
                }
            }
            How::Lookup => {
                let both = self.join_sets(right.value, right.address);
                Node {
                    value: left.value,
                    address: self.join_sets(left.address, both),
                    control: self.join_sets(left.control, right.control),
                    path: right.path.beside(left.path).then(Operation::Lookup),
                }
            }
            How::Controlled => {
                let all = everything(self);
                Node { control: self.join_sets(left.control, all), path: left.path, ..left }
            }
        };
        let label = self.label(node, a, b);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert((a, b, how), label);
        label
    }

    fn label(&mut self, node: Node, a: Label, b: Label) -> Label {
        if node.path.is_empty() && node.address == Set::EMPTY && node.control == Set::EMPTY {
            if node.value == Set::EMPTY {
                return Label::NONE;
            }
            if node.value.0 >= BYTE {
                return Label(node.value.0);
            }
        }
        if let Some(&label) = self.label_of.get(&node) {
            return label;
        }
        if self.nodes.len() >= MAX_LABELS {
            self.lost += 1;
            return if a.is_some() { a } else { b };
        }
        self.nodes.push(node);
        let label = Label(self.nodes.len() as u32);
        self.label_of.insert(node, label);
        label
    }

    // Sets.

    fn listed(&self, set: Set) -> Option<Ranges> {
        if set.0 >= BYTE {
            let byte = set.0 & !BYTE;
            return Some(Box::new([(byte, byte + 1)]));
        }
        match self.sets.get(set.0 as usize - 1)? {
            SetNode::Ranges(ranges) => Some(ranges.clone()),
            SetNode::Union(..) => None,
        }
    }

    /// The union of two sets.
    pub(super) fn join_sets(&mut self, a: Set, b: Set) -> Set {
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        if a == Set::EMPTY || a == b {
            return b;
        }
        if let Some(&known) = self.unions.get(&(a, b)) {
            return known;
        }
        let joined = match (self.listed(a), self.listed(b)) {
            (Some(left), Some(right)) => {
                self.merged += (left.len() + right.len()) as u64;
                let merged = merge(&left, &right);
                if merged == left {
                    a
                } else if merged == right {
                    b
                } else if self.has_room(merged.len()) {
                    self.list(merged, a)
                } else {
                    self.push(SetNode::Union(a, b), a)
                }
            }
            _ if self.has_part(a, b) => a,
            _ if self.has_part(b, a) => b,
            _ => self.push(SetNode::Union(a, b), a),
        };
        if self.unions.len() >= REMEMBERED {
            self.unions.clear();
        }
        self.unions.insert((a, b), joined);
        joined
    }

    /// Whether a list of so many ranges is kept.
    fn has_room(&self, ranges: usize) -> bool {
        ranges <= LISTED || (ranges <= LONG_LIST && self.long + ranges <= MAX_LONG_LISTS)
    }

    /// Whether `part` is one of the two that `set` was made of.
    fn has_part(&self, set: Set, part: Set) -> bool {
        match set.0.checked_sub(1).and_then(|index| self.sets.get(index as usize)) {
            Some(SetNode::Union(a, b)) => *a == part || *b == part,
            _ => false,
        }
    }

    fn list(&mut self, ranges: Ranges, or: Set) -> Set {
        if let [(start, end)] = *ranges
            && end - start == 1
        {
            return Set(BYTE | start);
        }
        if let Some(&set) = self.set_of.get(&ranges) {
            return set;
        }
        let set = self.push(SetNode::Ranges(ranges.clone()), or);
        if set != or {
            self.long += if ranges.len() > LISTED { ranges.len() } else { 0 };
            self.set_of.insert(ranges, set);
        }
        set
    }

    fn push(&mut self, node: SetNode, or: Set) -> Set {
        if self.sets.len() >= MAX_SETS {
            self.lost += 1;
            return or;
        }
        self.sets.push(node);
        Set(self.sets.len() as u32)
    }

    /// The source bytes of a label, by value or address; `None` if they are more than a few.
    pub(super) fn few(&self, label: Label) -> Option<Vec<u32>> {
        let node = self.node(label);
        let sets = [node.value, node.address].into_iter().filter(|&set| set != Set::EMPTY);
        let ranges = sets.map(|set| self.listed(set)).collect::<Option<Vec<_>>>()?;
        let bytes: Vec<u32> =
            ranges.iter().flatten().flat_map(|&(start, end)| start..end.min(start + 4)).take(4).collect();
        let total: u32 = ranges.iter().flatten().map(|(start, end)| end - start).sum();
        (total < 4).then_some(bytes)
    }

    /// The ranges of a set, neither in order nor apart; `None` if it was put together from more sets.
    pub(super) fn ranges_of_few(&self, set: Set, most: usize) -> Option<Vec<(u32, u32)>> {
        let (mut open, mut found, mut seen) = (vec![set], Vec::new(), 0);
        while let Some(set) = open.pop() {
            seen += 1;
            if seen > most {
                return None;
            }
            if set.0 >= BYTE {
                found.push((set.0 & !BYTE, (set.0 & !BYTE) + 1));
                continue;
            }
            match set.0.checked_sub(1).and_then(|index| self.sets.get(index as usize)) {
                Some(SetNode::Ranges(ranges)) => found.extend_from_slice(ranges),
                Some(SetNode::Union(a, b)) => open.extend([*a, *b]),
                None => {}
            }
        }
        Some(found)
    }

    /// The ranges of all source bytes of some sets, in order and apart.
    pub(super) fn ranges(&self, sets: &[Set]) -> Vec<(u32, u32)> {
        let (mut open, mut found) = (sets.to_vec(), Vec::new());
        let mut seen = hashbrown::HashSet::new();
        while let Some(set) = open.pop() {
            if set == Set::EMPTY || !seen.insert(set) {
                continue;
            }
            self.walked.set(self.walked.get() + 1);
            if self.walked.get() > MAX_WALKED {
                break;
            }
            match self.listed(set) {
                Some(ranges) => found.extend_from_slice(&ranges),
                None => {
                    if let Some(SetNode::Union(a, b)) = self.sets.get(set.0 as usize - 1) {
                        open.extend([*a, *b]);
                    }
                }
            }
        }
        found.sort_unstable();
        let mut apart: Vec<(u32, u32)> = Vec::new();
        for (start, end) in found {
            match apart.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => apart.push((start, end)),
            }
        }
        apart
    }
}

/// The union of two lists; ranges that touch are one.
fn merge(a: &[(u32, u32)], b: &[(u32, u32)]) -> Ranges {
    let mut merged: Vec<(u32, u32)> = Vec::with_capacity(a.len() + b.len());
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) if l <= r => left.next(),
            (Some(_), None) => left.next(),
            _ => right.next(),
        };
        let Some(&(start, end)) = next else { return merged.into() };
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_labels_exist_once_and_sets_are_exact() {
        let mut labels = Labels::default();
        assert_eq!(labels.new_bytes(4000), (0, 4000));
        let byte = Labels::byte;
        let ab = labels.join(byte(0), byte(1), Operation::Xor);
        let ba = labels.join(byte(1), byte(0), Operation::Xor);
        assert_eq!((ab, labels.join(ab, byte(1), Operation::Xor)), (ba, ab));
        let looked = labels.lookup(byte(7), ab);
        let node = labels.node(looked);
        assert_eq!(labels.ranges(&[node.value]), [(7, 8)]);
        assert_eq!(labels.ranges(&[node.address]), [(0, 2)]);
        assert_eq!(node.path.steps().collect::<Vec<_>>(), [Operation::Xor, Operation::Lookup]);
        // Every second byte: more ranges than a list has.
        let all = (0..2000).fold(Label::NONE, |sum, number| labels.union(sum, byte(2 * number)));
        let expected: Vec<_> = (0..2000).map(|number| (2 * number, 2 * number + 1)).collect();
        let value = labels.node(all).value;
        assert_eq!(labels.ranges(&[value]), expected);
        assert_eq!(labels.lost(), 0);
    }

    #[test]
    fn a_set_that_cannot_grow_is_the_same_again() {
        let mut labels = Labels::default();
        labels.new_bytes(400);
        let of = |labels: &mut Labels, first: u32| {
            (0..200).fold(Label::NONE, |sum, number| {
                labels.union(sum, Labels::byte(2 * ((number + first) % 200)))
            })
        };
        let all = of(&mut labels, 0);
        let (other, sets) = (of(&mut labels, 77), labels.sets.len());
        assert_eq!(all, other);
        assert_eq!(of(&mut labels, 77), all);
        assert_eq!(labels.sets.len(), sets);
    }

    #[test]
    fn lists_are_merged() {
        assert_eq!(*merge(&[(0, 2), (5, 6)], &[(2, 4), (8, 9)]), [(0, 4), (5, 6), (8, 9)]);
        assert_eq!(*merge(&[(0, 9)], &[(3, 4)]), [(0, 9)]);
    }
}
