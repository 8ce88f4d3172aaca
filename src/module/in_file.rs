//! Where the code of modules that became one stands in the file.
//!
//! The instructions of a function are those of the body that it was made from, one by one; only indices in
//! them, and so their lengths, are others. Both bodies are read beside each other.

use wasmparser::{BinaryReader, FunctionBody};

use super::{CodeOffset, FuncIndex, Module, lines::offsets};

/// Where a function of linked modules stands in the file of their component.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFile {
    /// Number of its module among those of the component.
    pub module: u32,
    /// Offset of an instruction, and its place in the file, ascending in both.
    places: Vec<(u32, u32)>,
}

impl InFile {
    /// Of a function that was linked with those of other modules; `None` of any other, and of the one that
    /// begins all modules, which stands nowhere.
    pub(super) fn of(module: &Module, func: FuncIndex) -> Option<Self> {
        let origin = module.component()?.origin(module.defined_position(func)?)?;
        let (number, body) = (origin.module?, origin.body);
        let now = offsets(module, func);
        let end = module.body(func)?.end;
        let bytes = module.bytes().get(body as usize..)?;
        // It is read as far as the other is long, so what stands behind it is not looked at.
        let reader =
            FunctionBody::new(BinaryReader::new(bytes, u64::from(body))).get_operators_reader().ok()?;
        let there = reader.into_iter_with_offsets().map_while(Result::ok);
        let there: Vec<u32> = there.map(|(_, offset)| offset as u32).take(now.len()).collect();
        // The last one is `end`, of one byte.
        let after = there.last().filter(|_| there.len() == now.len())? + 1;
        let mut places: Vec<(u32, u32)> = now.into_iter().zip(there).collect();
        places.push((end, after));
        Some(Self { module: number, places })
    }

    /// The place in the file of an instruction, or of the end of the body.
    pub fn at(&self, offset: CodeOffset) -> Option<CodeOffset> {
        let found = self.places.binary_search_by_key(&offset.0, |&(offset, _)| offset).ok()?;
        self.places.get(found).map(|&(_, place)| CodeOffset(place))
    }
}
