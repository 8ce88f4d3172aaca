//! The two generators that decide what scikit-learn's results depend on, and shuffling.
//!
//! Not for secrets. A seed gives the same numbers here as there, so that a model trained from it is the same
//! model.

/// MT19937 (Matsumoto and Nishimura 1998), seeded like NumPy's `RandomState(seed)`.
#[derive(Debug, Clone)]
pub(super) struct Mt19937 {
    state: [u32; Self::N],
    next: usize,
}

impl Mt19937 {
    const N: usize = 624;
    const M: usize = 397;

    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; Self::N];
        for i in 1..Self::N {
            let last = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: Self::N }
    }

    fn refill(&mut self) {
        for i in 0..Self::N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % Self::N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + Self::M) % Self::N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    pub(super) fn next_u32(&mut self) -> u32 {
        if self.next == Self::N {
            self.refill();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A number from 0 to `most`, both included: as NumPy draws it, by masking and rejecting.
    pub(super) fn up_to(&mut self, most: u32) -> u32 {
        let mask = if most == 0 { 0 } else { u32::MAX >> most.leading_zeros() };
        // Each draw fits with probability of at least a half.
        loop {
            let value = self.next_u32() & mask;
            if value <= most {
                return value;
            }
        }
    }

    /// The numbers below `n` in random order.
    pub(super) fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = self.up_to(u32::try_from(i).unwrap_or(u32::MAX)) as usize;
            order.swap(i, j);
        }
        order
    }
}

/// Shuffles as scikit-learn shuffles training samples: Fisher and Yates from the front, with Marsaglia's
/// 32-bit xorshift.
pub(super) fn shuffle(order: &mut [usize], seed: u32) {
    let mut state = seed.max(1);
    let n = order.len();
    for i in 0..n.saturating_sub(1) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        order.swap(i, i + (state & 0x7fff_ffff) as usize % (n - i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the authors' reference program, and of NumPy's `RandomState(0).randint(2**31 - 1)`.
    #[test]
    fn it_is_the_mersenne_twister() {
        let mut random = Mt19937::new(5489);
        assert_eq!([random.next_u32(), random.next_u32()], [3_499_211_612, 581_869_302]);
        let last = (2..10_000).map(|_| random.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
        assert_eq!(Mt19937::new(0).up_to(0x7fff_fffd), NUMPY_SEED_0);
    }
    const NUMPY_SEED_0: u32 = 209_652_396;

    #[test]
    fn shuffling_permutes() {
        let mut order: Vec<usize> = (0..100).collect();
        shuffle(&mut order, 7);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        let mut drawn = Mt19937::new(3).permutation(50);
        drawn.sort_unstable();
        assert_eq!(drawn, (0..50).collect::<Vec<_>>());
    }
}
