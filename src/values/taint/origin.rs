//! Origins: which sources a label is of, so that what a sink was given is told apart by source.
//!
//! A list of sources exists once and has a number. What takes too long to list, or is of too many sources,
//! has the number of no list. It is told together with all that came the same way.

use hashbrown::HashMap;

use super::label::{Label, Labels, Set};
use super::limits::{MAX_ORIGIN_STEPS, MAX_ORIGINS, ORIGIN_SETS, ORIGIN_SOURCES, REMEMBERED_ORIGINS};
use super::operation::How;
use super::source::Sources;

/// The number of a list of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Origin(u32);

impl Origin {
    /// Not told apart.
    pub(super) const ANY: Self = Self(0);
}

type List = Box<[(u32, How)]>;

/// All lists.
#[derive(Debug, Default)]
pub(super) struct Origins {
    lists: Vec<List>,
    known: HashMap<List, Origin>,
    of_label: HashMap<Label, Origin>,
    steps: u64,
}

impl Origins {
    /// The sources of an origin, by number, with how a value depends on each. None of [`Origin::ANY`].
    pub(super) fn sources(&self, origin: Origin) -> &[(u32, How)] {
        let index = origin.0.checked_sub(1);
        index.and_then(|index| self.lists.get(index as usize)).map_or(&[], |list| list)
    }

    /// The origin of a label.
    pub(super) fn of(&mut self, labels: &Labels, sources: &Sources, label: Label) -> Origin {
        if let Some(&known) = self.of_label.get(&label) {
            return known;
        }
        let list = self.list(labels, sources, label);
        let origin = list.map_or(Origin::ANY, |list| self.number(list));
        if self.of_label.len() >= REMEMBERED_ORIGINS {
            self.of_label.clear();
        }
        self.of_label.insert(label, origin);
        origin
    }

    fn number(&mut self, list: List) -> Origin {
        if let Some(&known) = self.known.get(&list) {
            return known;
        }
        if self.lists.len() >= MAX_ORIGINS {
            return Origin::ANY;
        }
        self.lists.push(list.clone());
        let origin = Origin(self.lists.len() as u32);
        self.known.insert(list, origin);
        origin
    }

    /// The sources of a label; `None` if they are too many, or it takes too long to say.
    fn list(&mut self, labels: &Labels, sources: &Sources, label: Label) -> Option<List> {
        let node = labels.node(label);
        let mut list: Vec<(u32, How)> = Vec::new();
        let sets = [(How::Value, node.value), (How::Address, node.address), (How::Control, node.control)];
        for (how, set) in sets {
            if set == Set::EMPTY {
                continue;
            }
            for (start, end) in labels.ranges_of_few(set, ORIGIN_SETS)? {
                for source in sources.of_range(start, end) {
                    self.steps += 1;
                    if self.steps > MAX_ORIGIN_STEPS || list.len() > ORIGIN_SOURCES {
                        return None;
                    }
                    if !list.contains(&(source, how)) {
                        list.push((source, how));
                    }
                }
            }
        }
        list.sort_unstable();
        Some(list.into())
    }
}
