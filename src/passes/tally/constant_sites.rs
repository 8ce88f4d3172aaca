//! Instructions whose executions are counted for each entry point: the sites of cryptographic constants.
//!
//! Not here: how often they are executed in the whole run, which the counts of blocks tell
//! (`passes::constants`).

use std::collections::{BTreeMap, HashMap};

use crate::module::{Code, CodeOffset, FuncIndex, view::View};

/// The sites of constants by function, each with the position of its constant in [`View::crypto`].
#[derive(Debug, Default)]
pub(in crate::passes) struct Constants(HashMap<FuncIndex, Vec<(CodeOffset, u32)>>);

/// A site in the code of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::passes) struct ConstantSite {
    pub(super) block: u32,
    /// Position of the instruction in the block.
    pub(super) within: u32,
    constant: u32,
    offset: CodeOffset,
}

impl Constants {
    pub(in crate::passes) fn of(view: &View) -> Self {
        let mut sites: HashMap<_, Vec<_>> = HashMap::new();
        for (position, constant) in (0u32..).zip(&view.crypto) {
            if let Some(func) = constant.func {
                sites
                    .entry(func)
                    .or_default()
                    .extend(constant.sites.iter().map(|offset| (*offset, position)));
            }
        }
        Self(sites)
    }

    /// The sites in a function, by place.
    pub(super) fn of_function(&self, func: FuncIndex, code: &Code) -> Vec<ConstantSite> {
        let sites = self.0.get(&func).map_or(&[][..], Vec::as_slice);
        let mut sites: Vec<_> = sites
            .iter()
            .filter_map(|&(offset, constant)| {
                let position = code.ops().binary_search_by_key(&offset, |op| op.offset).ok()?;
                Some((position, constant, offset))
            })
            .collect();
        sites.sort_unstable();
        // Sites and blocks both ascend: one pass over each, however many of them there are. A block without
        // instructions holds no site, and dead code is in no block.
        let mut blocks = (0u32..).zip(code.blocks()).peekable();
        let mut site = |(position, constant, offset): (usize, u32, CodeOffset)| {
            while blocks.next_if(|(_, block)| block.range().end <= position).is_some() {}
            let (block, of) = blocks.peek()?;
            let within = position.checked_sub(of.range().start)?;
            Some(ConstantSite { block: *block, within: within as u32, constant, offset })
        };
        let mut constant_sites: Vec<_> = sites.into_iter().filter_map(&mut site).collect();
        constant_sites.sort_unstable();
        constant_sites
    }
}

impl ConstantSite {
    /// Adds executions.
    pub(super) fn count(&self, executed: u64, constants: &mut BTreeMap<u32, (u64, CodeOffset)>) {
        if executed != 0 {
            let (count, first) = constants.entry(self.constant).or_insert((0, self.offset));
            *count = count.saturating_add(executed);
            *first = (*first).min(self.offset);
        }
    }
}
