//! Lines from a source map: a file of JSON beside a module, as Emscripten and AssemblyScript write it.
//!
//! Of WebAssembly it has one line, whose columns are offsets in the module.

use std::{collections::HashMap, sync::Arc};

use oxc_sourcemap::{SourceMap, Token};

use super::{Dwarf, Position, Row};
use crate::{
    module::limits::{DEBUG_NAME, DEBUG_ROWS, SOURCE_MAP_BYTES},
    text::clip,
};

impl Dwarf {
    /// Reads the lines of a source map.
    ///
    /// # Errors
    ///
    /// In words, if it is too long or none.
    pub(in crate::module) fn of_source_map(json: &[u8]) -> Result<Arc<Self>, String> {
        if json.len() > SOURCE_MAP_BYTES {
            return Err(format!("a source map has {SOURCE_MAP_BYTES} bytes at most"));
        }
        let json = std::str::from_utf8(json).map_err(|error| error.to_string())?;
        let map = SourceMap::from_json_string(json).map_err(|error| error.to_string())?;
        let mut lines = Self { is_cut: map.get_tokens().len() > DEBUG_ROWS, ..Self::default() };
        let mut files = HashMap::new();
        for token in map.get_tokens().take(DEBUG_ROWS).filter(|token| token.get_dst_line() == 0) {
            let at = lines.position_of(token, &map, &mut files);
            lines.rows.push(Row { address: token.get_dst_col(), at });
        }
        lines.rows.sort_by_key(|row| row.address);
        Ok(Arc::new(lines))
    }

    /// Where a token comes from; `None` of one that has no source.
    fn position_of(
        &mut self,
        token: Token,
        map: &SourceMap<'_>,
        files: &mut HashMap<u32, u32>,
    ) -> Option<Position> {
        let source = token.get_source_id()?;
        let path = map.get_source(source)?;
        let file = *files.entry(source).or_insert_with(|| {
            self.files.push(clip(path, DEBUG_NAME));
            self.files.len() as u32 - 1
        });
        let (line, column) = (token.get_src_line(), token.get_src_col());
        Some(Position { file, line: line.saturating_add(1), column: column.saturating_add(1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::CodeOffset;

    fn lines(json: &str) -> Result<Arc<Dwarf>, String> {
        Dwarf::of_source_map(json.as_bytes())
    }

    #[test]
    fn columns_are_offsets_of_the_module() {
        // Offset 40: a.ts line 1, column 1; offset 56: b.ts, line 4, column 3; offset 60: of no source.
        let map =
            lines(r#"{"version":3,"sources":["src/a.ts","src/b.ts"],"names":[],"mappings":"wCAAA,gBCGE,I"}"#);
        let map = map.unwrap();
        let at = |offset| {
            map.frames(CodeOffset(offset)).first().map(|frame| (frame.line().unwrap(), frame.column))
        };
        assert_eq!(at(39), None);
        assert_eq!(at(40), Some(("src/a.ts:1".into(), Some(1))));
        assert_eq!(at(55), Some(("src/a.ts:1".into(), Some(1))));
        assert_eq!(at(56), Some(("src/b.ts:4".into(), Some(3))));
        assert_eq!(at(60), None);
    }

    #[test]
    fn what_is_no_source_map_is_refused() {
        for json in [
            "",
            "{}",
            "[]",
            "\u{0}",
            r#"{"version":3,"sources":[],"names":[],"mappings":"%%"}"#,
            r#"{"version":3,"sources":[],"names":[],"mappings":"AAAA"}"#,
        ] {
            assert!(lines(json).is_err(), "{json}");
        }
        assert!(Dwarf::of_source_map(&vec![b' '; SOURCE_MAP_BYTES + 1]).is_err());
    }
}
