//! Groups of similar samples: the same imports, similar code, similar behaviour.
//!
//! Imports are compared by their hash, sketches by locality-sensitive hashing (`similar`). Groups are
//! joined by any pair that reaches the threshold (single linkage).
//!
//! Sketches wait in a file without a name (`spill`) until they are compared. Those of one kind at a time come
//! into memory when groups are made. So the memory of a batch is 32 bytes a sample while it grows, besides
//! hashes of known samples elsewhere. It is about 330 while groups are made. Not here: what sketches are made
//! of ([`super::features`]).

mod sets;
mod similar;
mod spill;

use std::{io, ops::Range, path::Path};

pub use super::rows::{ClusterKind, ClusterRow};

use super::{rows, sketch::Sketch, store::parse_sha256};
use sets::Sets;
use spill::{Part, Spill};

/// Samples, as far as they can be compared.
#[derive(Debug, Default)]
pub struct Index {
    spill: Spill,
}

/// What is compared of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    sha256: [u8; 32],
    imports: Option<u64>,
    code: Option<Sketch>,
    behaviour: Option<Sketch>,
}

impl Index {
    /// An index whose file without a name is in `folder`; by default it is where the system keeps such files.
    pub fn within(folder: &Path) -> Self {
        Self { spill: Spill::within(folder) }
    }

    /// Adds a sample.
    ///
    /// # Errors
    ///
    /// When what is compared of it cannot be written.
    pub fn add(&mut self, sample: &rows::SampleRow) -> io::Result<()> {
        let Some(sha256) = parse_sha256(&sample.sha256) else { return Ok(()) };
        let sketch = |text: &Option<String>| text.as_deref().and_then(Sketch::parse);
        let imports =
            sample.imphash.as_deref().and_then(|hash| u64::from_str_radix(hash.get(..16)?, 16).ok());
        let entry = Entry {
            sha256,
            imports,
            code: sketch(&sample.code_sketch),
            behaviour: sketch(&sample.behaviour_sketch),
        };
        if entry.imports.is_some() || entry.code.is_some() || entry.behaviour.is_some() {
            self.spill.push(&entry)?;
        }
        Ok(())
    }

    /// The groups of each kind. They do not depend on the order in which samples were added.
    ///
    /// # Errors
    ///
    /// When what was written cannot be read again.
    pub fn groups(mut self) -> io::Result<Clusters> {
        let mut hashes = Vec::with_capacity(self.spill.len());
        self.spill.each(Part::None, |entry| hashes.push(entry.sha256))?;
        let places = u32::try_from(hashes.len()).map_err(io::Error::other)?;
        let mut order: Vec<u32> = (0..places).collect();
        order.sort_by_key(|&at| hashes.get(at as usize));
        let mut ranks = vec![0; hashes.len()];
        for (rank, &at) in (0u32..).zip(&order) {
            if let Some(slot) = ranks.get_mut(at as usize) {
                *slot = rank;
            }
        }
        drop(order);
        hashes.sort_unstable();
        let mut kinds = [const { Groups { members: Vec::new(), ends: Vec::new() } }; 3];
        for (kind, groups) in ClusterKind::ALL.into_iter().zip(&mut kinds) {
            *groups = self.of(kind, &ranks)?;
        }
        Ok(Clusters { hashes, kinds })
    }

    /// The groups of a kind; `ranks` are the places of the samples in the order of their hashes.
    fn of(&mut self, kind: ClusterKind, ranks: &[u32]) -> io::Result<Groups> {
        let mut sets = Sets::new(ranks.len());
        let mut ranks_of = ranks.iter();
        let mut rank = || ranks_of.next().copied().unwrap_or_default();
        match kind {
            ClusterKind::Imports => {
                let mut all = Vec::new();
                self.spill.each(Part::None, |entry| {
                    let rank = rank();
                    all.extend(entry.imports.map(|imports| (imports, rank)));
                })?;
                all.sort_unstable();
                let equal = all.chunk_by(|a, b| a.0 == b.0).flat_map(|same| same.windows(2));
                for pair in equal {
                    if let [(_, a), (_, b)] = pair {
                        sets.join(*a, *b);
                    }
                }
            }
            ClusterKind::Code | ClusterKind::Behaviour => {
                let part = if kind == ClusterKind::Code { Part::Code } else { Part::Behaviour };
                let mut sketches = similar::Sketches::with_capacity(self.spill.count(part));
                self.spill.each(part, |entry| {
                    let rank = rank();
                    let own = if part == Part::Code { entry.code } else { entry.behaviour };
                    own.into_iter().for_each(|sketch| sketches.push(rank, sketch));
                })?;
                sketches.join(&mut sets, kind.threshold());
            }
        }
        Ok(sets.groups())
    }
}

/// Groups of one kind: places of samples in the order of their hashes.
#[derive(Debug, Default)]
struct Groups {
    /// Of all groups, one after the other.
    members: Vec<u32>,
    /// Where each group ends.
    ends: Vec<u32>,
}

/// The groups that were found, the largest of each kind first.
#[derive(Debug, Default)]
pub struct Clusters {
    /// Of all samples that were compared, in order.
    hashes: Vec<[u8; 32]>,
    kinds: [Groups; 3],
}

impl Clusters {
    /// A row for each sample in a group.
    pub fn rows(&self) -> impl Iterator<Item = ClusterRow> {
        ClusterKind::ALL.into_iter().flat_map(move |kind| {
            self.of(kind).flat_map(move |group| {
                let cluster = group.first().map(|&at| self.name(at)).unwrap_or_default();
                group.iter().map(move |&at| ClusterRow {
                    kind,
                    cluster: cluster.clone(),
                    size: group.len() as u64,
                    sha256: self.name(at),
                })
            })
        })
    }

    /// The groups of a kind: the samples of each, to be [named](Self::name). The first gives it its name.
    pub fn of(&self, kind: ClusterKind) -> impl ExactSizeIterator<Item = &[u32]> {
        let groups = &self.kinds[kind as usize];
        (0..groups.ends.len()).map(|number| groups.members.get(groups.span(number)).unwrap_or_default())
    }

    /// How many samples are in groups of a kind.
    pub fn samples(&self, kind: ClusterKind) -> usize {
        self.kinds[kind as usize].members.len()
    }

    /// The hash of a sample, hexadecimal.
    pub fn name(&self, sample: u32) -> String {
        self.hashes.get(sample as usize).map(|hash| crate::hex::hex(hash)).unwrap_or_default()
    }
}

impl Groups {
    fn span(&self, number: usize) -> Range<usize> {
        let end = |number: usize| self.ends.get(number).map_or(0, |&end| end as usize);
        number.checked_sub(1).map_or(0, end)..end(number)
    }
}

#[cfg(test)]
mod tests;
