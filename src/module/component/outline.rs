//! What of a core module its neighbours depend on.

use std::{collections::HashMap, ops::Range};

use wasmparser::{
    BinaryReader, ElementItems, ElementKind, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use super::limits::MAX_PARAMS;

/// What an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Func,
    Table,
    Other,
}

/// What of a module its neighbours depend on. What is malformed ends the reading.
#[derive(Debug, Default)]
pub(super) struct Outline<'a> {
    pub(super) imports: Vec<(&'a str, &'a str, Kind)>,
    /// Exports by name: functions and tables by their index.
    exports: HashMap<&'a str, (ExternalKind, u32)>,
    /// Functions of active segments: the table, its first element, the functions.
    pub(super) elements: Vec<(u32, u64, Vec<u32>)>,
    imported_functions: u32,
    bodies: Vec<FunctionBody<'a>>,
    /// Bytes of code.
    pub(super) code_len: u64,
    pub(super) has_start: bool,
}

impl<'a> Outline<'a> {
    pub(super) fn of(file: &'a [u8], module: Range<usize>) -> Self {
        let mut outline = Self::default();
        // What could be read up to an error is what is known.
        _ = outline.read(file.get(module.clone()).unwrap_or_default(), module.start as u64);
        outline
    }

    fn read(&mut self, bytes: &'a [u8], offset: u64) -> wasmparser::Result<()> {
        let mut parser = Parser::new(offset);
        parser.set_features(wasmparser::WasmFeatures::all());
        for payload in parser.parse_all(bytes) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        let kind = match import.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => Kind::Func,
                            TypeRef::Table(_) => Kind::Table,
                            _ => Kind::Other,
                        };
                        self.imported_functions += u32::from(kind == Kind::Func);
                        self.imports.push((import.module, import.name, kind));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        self.exports.insert(export.name, (export.kind, export.index));
                    }
                }
                Payload::StartSection { .. } => self.has_start = true,
                Payload::ElementSection(segments) => {
                    for segment in segments {
                        self.element(segment?)?;
                    }
                }
                Payload::CodeSectionStart { size, .. } => self.code_len = size.into(),
                Payload::CodeSectionEntry(body) => self.bodies.push(body),
                _ => {}
            }
        }
        Ok(())
    }

    fn element(&mut self, segment: wasmparser::Element<'a>) -> wasmparser::Result<()> {
        let ElementKind::Active { table_index, offset_expr } = segment.kind else { return Ok(()) };
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else { return Ok(()) };
        if let ElementItems::Functions(functions) = segment.items {
            let functions = functions.into_iter().collect::<wasmparser::Result<_>>()?;
            self.elements.push((table_index.unwrap_or(0), u64::from(value as u32), functions));
        }
        Ok(())
    }

    /// Positions among the imports of those that are of this kind.
    pub(super) fn imported(&self, kind: Kind) -> impl Iterator<Item = usize> {
        let of_kind =
            move |(position, import): (usize, &(&str, &str, Kind))| (import.2 == kind).then_some(position);
        self.imports.iter().enumerate().filter_map(of_kind)
    }

    /// The table that it exports under this name.
    pub(super) fn table(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Table).map(|(_, index)| *index)
    }

    /// Whether its functions are jumps only, so that nothing of its own ever runs.
    pub(super) fn only_jumps(&self) -> bool {
        let is_jump = |body: &FunctionBody<'_>| {
            body.get_operators_reader().is_ok_and(|code| jump(code.get_binary_reader()).is_some())
        };
        !self.has_start && self.bodies.iter().all(is_jump)
    }

    /// The table and the element that an exported function does nothing but call with its own arguments.
    pub(super) fn trampoline(&self, name: &str) -> Option<(u32, u64)> {
        let &(ExternalKind::Func, index) = self.exports.get(name)? else { return None };
        let body = self.bodies.get(index.checked_sub(self.imported_functions)? as usize)?;
        jump(body.get_operators_reader().ok()?.get_binary_reader())
    }
}

/// `local.get 0`, `local.get 1`, …, `i32.const element`, `call_indirect table`.
fn jump(code: BinaryReader<'_>) -> Option<(u32, u64)> {
    let mut operators = wasmparser::OperatorsReader::new(code);
    let mut next = || operators.read().ok();
    let mut argument = 0;
    let element = loop {
        match next()? {
            Operator::LocalGet { local_index } if local_index == argument && argument < MAX_PARAMS => {
                argument += 1
            }
            Operator::I32Const { value } => break u64::from(value as u32),
            _ => return None,
        }
    };
    let (Operator::CallIndirect { table_index, .. } | Operator::ReturnCallIndirect { table_index, .. }) =
        next()?
    else {
        return None;
    };
    matches!(next()?, Operator::End).then_some((table_index, element))
}
