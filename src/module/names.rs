//! Function names of the name section, read when first asked for.
//!
//! Keeps where each name lies and not the name. A damaged name section gives the names before the damage.

use std::ops::Range;

use wasmparser::{BinaryReader, Name, NameMap, NameSectionReader};

use super::FuncIndex;

/// Where the names of functions lie in the module file, ascending by function.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<(FuncIndex, Range<usize>)>);

impl Names {
    /// Reads the name section at `section` of the module `bytes`.
    pub(super) fn read(bytes: &[u8], section: Range<u32>) -> Self {
        let mut names = Self::default();
        let base = u64::from(section.start);
        let section = section.start as usize..section.end as usize;
        let reader = BinaryReader::new(bytes.get(section).unwrap_or_default(), base);
        for subsection in NameSectionReader::new(reader) {
            match subsection {
                Ok(Name::Function(map)) => names.collect(map),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        names
    }

    fn collect(&mut self, mut map: NameMap<'_>) {
        while let Some(Ok(naming)) = map.next() {
            // A second subsection may go back; the first name of a function stays.
            if self.0.last().is_none_or(|(last, _)| last.0 < naming.index) {
                let end = map.names.original_position() as usize;
                self.0.push((FuncIndex(naming.index), end - naming.name.len()..end));
            }
        }
    }

    /// The name of `func`.
    pub(super) fn get<'b>(&self, bytes: &'b [u8], func: FuncIndex) -> Option<&'b str> {
        let position = self.0.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        std::str::from_utf8(bytes.get(self.0[position].1.clone())?).ok()
    }
}
