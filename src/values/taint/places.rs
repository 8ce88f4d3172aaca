//! A table of what was met lately: each key has one place, which holds what was put there last.
//!
//! It begins small, for programs that do little, and grows with what is put into it. So things that are met
//! in turn do not push each other out. Nothing is lost that cannot be found out again.

use super::limits::FEWEST_PLACES;

/// Things at the places that their hashes give them.
#[derive(Debug)]
pub(super) struct Places<T> {
    /// As many as a power of two.
    all: Box<[T]>,
    none: T,
    most: usize,
    /// What was put since it has so many places.
    put: usize,
}

impl<T: Copy> Places<T> {
    /// With `none` at each place; at most so many places.
    pub(super) fn new(none: T, most: usize) -> Self {
        Self { all: vec![none; FEWEST_PLACES.min(most)].into(), none, most, put: 0 }
    }

    /// What is at the place of a hash.
    #[inline(always)]
    pub(super) fn at(&self, hash: u64) -> &T {
        &self.all[hash as usize & (self.all.len() - 1)]
    }

    /// Puts something at the place of a hash.
    pub(super) fn put(&mut self, hash: u64, what: T) {
        self.put += 1;
        if self.put > self.all.len() && self.all.len() < self.most {
            self.grow();
        }
        self.all[hash as usize & (self.all.len() - 1)] = what;
    }

    /// Entries are dropped: to find them out again costs no more than it did to put them.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        *self = Self { all: vec![self.none; self.all.len() * 4].into(), ..Self::new(self.none, self.most) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_what_is_put_and_not_beyond_its_limit() {
        let most = FEWEST_PLACES * 16;
        let mut places = Places::new(u64::MAX, most);
        let mut round = |times: u64| {
            let mut misses = 0;
            for key in (0..times).map(|turn| turn % (FEWEST_PLACES as u64 * 4)) {
                if *places.at(key) != key {
                    misses += 1;
                    places.put(key, key);
                }
            }
            (misses, places.all.len())
        };
        assert_eq!(round(FEWEST_PLACES as u64), (FEWEST_PLACES, FEWEST_PLACES), "all have a place");
        let (_, len) = round(FEWEST_PLACES as u64 * 100);
        assert_eq!(len, FEWEST_PLACES * 4);
        assert_eq!(round(FEWEST_PLACES as u64 * 100), (0, len), "what comes in turn is there");
        for key in 0..most as u64 * 100 {
            places.put(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20, key);
        }
        assert_eq!(places.all.len(), most);
    }
}
