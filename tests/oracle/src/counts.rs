//! What ran how often: segments of a module and the numbers read from their counters.
//!
//! The memory of the counters is an array of little-endian 64-bit words. Word 0 is the running total (kept
//! only in limit mode, else 0). Word `k + 1` says how often segment `k` was started, and so how often each of
//! its instructions was executed.

use crate::Error;
use std::collections::BTreeMap;

/// Index of a function in the module's function space, imports first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncIndex(pub u32);

/// Byte offset in the file of the *original* module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

/// One instruction of the original module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Where its opcode stands.
    pub offset: Offset,
    /// As in the text format; `select` for all its forms.
    pub mnemonic: &'static str,
}

/// A run of instructions such that if the first starts, all start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The function it is in.
    pub func: FuncIndex,
    /// Never empty, in the order of the body.
    pub instructions: Vec<Instruction>,
}

/// A module with counters, and the key to them.
#[derive(Debug, Clone)]
pub struct Instrumented {
    /// The instrumented module.
    pub wasm: Vec<u8>,
    /// In the order of the code section.
    pub segments: Vec<Segment>,
}

/// How often instructions were executed. Whatever did not run has no entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// All instructions together.
    pub total: u64,
    /// For each mnemonic, over the whole module.
    pub by_mnemonic: BTreeMap<&'static str, u64>,
    /// For each mnemonic in each function.
    pub by_function: BTreeMap<(FuncIndex, &'static str), u64>,
    /// For each instruction.
    pub by_offset: BTreeMap<(FuncIndex, Offset), u64>,
}

impl Instrumented {
    /// Counts of a run, from the bytes of the exported memory [`COUNTERS`](crate::COUNTERS).
    ///
    /// # Errors
    /// When there are fewer bytes than the counters need.
    pub fn counts(&self, counter_memory: &[u8]) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for (segment, times) in self.started(counter_memory)? {
            counts.add(segment, times);
        }
        Ok(counts)
    }

    /// Only the number of executed instructions: cheap enough to be read after every call.
    ///
    /// # Errors
    /// When there are fewer bytes than the counters need.
    pub fn total(&self, counter_memory: &[u8]) -> Result<u64, Error> {
        Ok(self.started(counter_memory)?.map(|(segment, times)| times * segment.len()).sum())
    }

    /// Segments that started, with how often.
    fn started<'a>(&'a self, bytes: &'a [u8]) -> Result<impl Iterator<Item = (&'a Segment, u64)>, Error> {
        let needed = (self.segments.len() + 1) * 8;
        let words = bytes.get(8..needed).ok_or(Error::CounterBytes { needed, given: bytes.len() })?;
        let times = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        Ok(self.segments.iter().zip(times).filter(|(_, times)| *times > 0))
    }
}

impl Segment {
    fn len(&self) -> u64 {
        self.instructions.len() as u64
    }
}

impl Counts {
    fn add(&mut self, segment: &Segment, times: u64) {
        self.total += times * segment.len();
        for instruction in &segment.instructions {
            *self.by_mnemonic.entry(instruction.mnemonic).or_default() += times;
            *self.by_function.entry((segment.func, instruction.mnemonic)).or_default() += times;
            self.by_offset.insert((segment.func, instruction.offset), times);
        }
    }

    /// Executed instructions of one mnemonic, 0 if none.
    #[must_use]
    pub fn of(&self, mnemonic: &str) -> u64 {
        self.by_mnemonic.get(mnemonic).copied().unwrap_or(0)
    }
}
