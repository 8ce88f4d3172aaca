//! Room that functions share by name, so that a flood from one of them does not crowd out the others.

use std::sync::Arc;

use hashbrown::HashMap;

/// A number of places.
#[derive(Debug)]
pub(super) struct Quota {
    shared: Pool,
    /// For those names only of which there are few.
    reserve: Pool,
}

#[derive(Debug)]
struct Pool {
    left: usize,
    /// What one name may take.
    share: usize,
    taken: HashMap<Arc<str>, usize>,
}

impl Pool {
    fn of(left: usize, share: usize) -> Self {
        Self { left, share, taken: HashMap::new() }
    }

    fn has_room(&self, name: &str) -> bool {
        self.left > 0 && self.taken.get(name).is_none_or(|&taken| taken < self.share)
    }

    /// The last one may go over, by at most its own size.
    fn take(&mut self, name: &Arc<str>, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        match self.taken.get_mut(name) {
            Some(taken) => *taken = taken.saturating_add(amount),
            None => _ = self.taken.insert(Arc::clone(name), amount),
        }
    }
}

impl Quota {
    /// `total` places: half for all names, of which one may take three quarters, and half for the names of a
    /// known set of at most `reserved`.
    pub(super) fn of(total: usize, reserved: usize) -> Self {
        let half = total / 2;
        Self { shared: Pool::of(total - half, half / 4 * 3), reserve: Pool::of(half, half / reserved) }
    }

    /// Whether there is a place for `name`.
    pub(super) fn has_room(&self, name: &str, is_reserved: bool) -> bool {
        self.shared.has_room(name) || is_reserved && self.reserve.has_room(name)
    }

    /// Takes places for `name`; it has room.
    pub(super) fn take(&mut self, name: &Arc<str>, is_reserved: bool, amount: usize) {
        let pool =
            if !is_reserved || self.shared.has_room(name) { &mut self.shared } else { &mut self.reserve };
        pool.take(name, amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(quota: &mut Quota, name: &str, is_reserved: bool) -> usize {
        let name = Arc::from(name);
        let mut taken = 0;
        while quota.has_room(&name, is_reserved) {
            quota.take(&name, is_reserved, 1);
            taken += 1;
        }
        taken
    }

    #[test]
    fn floods_leave_room_for_others_and_for_each_of_the_reserved() {
        let mut quota = Quota::of(800, 40);
        assert_eq!(fill(&mut quota, "flood", false), 300);
        assert_eq!(fill(&mut quota, "second", false), 100);
        assert_eq!(fill(&mut quota, "third", false), 0);
        assert_eq!(fill(&mut quota, "fd_write", true), 10);
        assert_eq!(fill(&mut quota, "fd_read", true), 10);
    }
}
