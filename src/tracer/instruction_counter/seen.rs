//! Which blocks ran: whether a run still comes to new ones says whether it may go on.

/// The blocks that ran, a bit for each, of the functions that ran.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By the position of the function among those that the module defines.
    functions: Vec<Box<[u64]>>,
    pub(super) count: u64,
}

impl Seen {
    #[inline(always)]
    pub(super) fn mark(&mut self, function: usize, block: usize, blocks: usize) {
        let word = self.functions.get_mut(function).and_then(|words| words.get_mut(block / 64));
        match word {
            Some(word) => {
                let bit = 1 << (block % 64);
                self.count += u64::from(*word & bit == 0);
                *word |= bit;
            }
            None => self.begin(function, block, blocks),
        }
    }

    /// The first block of a function.
    #[cold]
    fn begin(&mut self, function: usize, block: usize, blocks: usize) {
        if self.functions.len() <= function {
            self.functions.resize_with(function + 1, Box::default);
        }
        if block < blocks {
            self.functions[function] = vec![0; blocks.div_ceil(64)].into();
            self.mark(function, block, blocks);
        }
    }
}
