//! A directory: names, and the order in which they came, so that a listing that goes on after names were
//! taken away misses none.

use std::collections::BTreeMap;

use super::Ino;

/// The names in a directory.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Dir {
    names: BTreeMap<String, (u64, Ino)>,
    order: BTreeMap<u64, String>,
    next: u64,
}

impl Dir {
    pub(in crate::sandbox) fn get(&self, name: &str) -> Option<Ino> {
        self.names.get(name).map(|&(_, ino)| ino)
    }

    pub(in crate::sandbox) fn len(&self) -> usize {
        self.names.len()
    }

    /// Gives `name` to an inode; returns which one had it.
    pub(super) fn insert(&mut self, name: &str, ino: Ino) -> Option<Ino> {
        let before = self.remove(name);
        self.next += 1;
        self.order.insert(self.next, name.to_owned());
        self.names.insert(name.to_owned(), (self.next, ino));
        before
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Ino> {
        let (position, ino) = self.names.remove(name)?;
        self.order.remove(&position);
        Some(ino)
    }

    /// Names with their inodes, in the order of names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Ino)> {
        self.names.iter().map(|(name, &(_, ino))| (name.as_str(), ino))
    }

    /// Names that came after `position`, with their positions and inodes, in the order in which they came.
    pub(in crate::sandbox) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &str, Ino)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let later = self.order.range((Excluded(position), Unbounded));
        later.filter_map(|(&position, name)| Some((position, name.as_str(), self.get(name)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_goes_on_after_names_are_taken_away() {
        let mut dir = Dir::default();
        for (ino, name) in ["d", "a", "c", "b"].into_iter().enumerate() {
            assert_eq!(dir.insert(name, Ino(ino)), None);
        }
        let first: Vec<_> =
            dir.after(0).map(|(position, name, _)| (position, name.to_owned())).take(2).collect();
        assert_eq!(first, [(1, "d".to_owned()), (2, "a".to_owned())]);
        assert_eq!((dir.remove("d"), dir.remove("a"), dir.remove("a")), (Some(Ino(0)), Some(Ino(1)), None));
        assert_eq!(dir.insert("c", Ino(9)), Some(Ino(2)), "a name that is taken goes to the end");
        let rest: Vec<_> = dir.after(2).map(|(_, name, ino)| (name, ino)).collect();
        assert_eq!(rest, [("b", Ino(3)), ("c", Ino(9))]);
        assert_eq!((dir.after(u64::MAX).count(), dir.len(), dir.iter().count()), (0, 2, 2));
    }
}
