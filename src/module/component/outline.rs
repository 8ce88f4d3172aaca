//! What of a core module its neighbours depend on.

use std::{collections::HashMap, ops::Range, rc::Rc};

use wasmparser::{
    DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef,
};

use super::limits::MAX_PARAMS;

/// What an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Func,
    Table,
    Memory,
    Other,
}

/// An import of a module.
#[derive(Debug)]
pub(super) struct Import<'a> {
    pub(super) module: &'a str,
    /// Shared, since what it leads to may be known by it many times.
    pub(super) name: Rc<str>,
    pub(super) kind: Kind,
}

/// A table and an element of it.
pub(super) type Element = (u32, u64);

/// Functions that a module puts into a table that it imports.
#[derive(Debug)]
pub(super) struct Fill {
    /// Position of the table among the imports.
    pub(super) table: usize,
    /// The element that the first function goes to.
    pub(super) first: u64,
    pub(super) functions: Vec<u32>,
}

/// What of a module its neighbours depend on. What is malformed ends the reading.
#[derive(Debug, Default)]
pub(super) struct Outline<'a> {
    pub(super) imports: Vec<Import<'a>>,
    /// Positions of functions, and of tables, among the imports.
    pub(super) functions: Vec<usize>,
    tables: Vec<usize>,
    /// Number of memories among the imports.
    memories: u32,
    /// Exports by name: functions and tables by their index.
    exports: HashMap<&'a str, (ExternalKind, u32)>,
    pub(super) fills: Vec<Fill>,
    /// For each function of its own, the element that it does nothing but call with its own arguments. Read
    /// once: of many imports each may lead here.
    jumps: Vec<Option<Element>>,
    /// Bytes of code.
    pub(super) code_len: u64,
    has_start: bool,
    /// Whether it writes to a table or memory that it imports when it is instantiated.
    fills_others: bool,
}

impl<'a> Outline<'a> {
    pub(super) fn of(file: &'a [u8], module: Range<usize>) -> Self {
        let mut outline = Self::default();
        // The sections up to an error are known.
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
                            TypeRef::Memory(_) => Kind::Memory,
                            _ => Kind::Other,
                        };
                        match kind {
                            Kind::Func => self.functions.push(self.imports.len()),
                            Kind::Table => self.tables.push(self.imports.len()),
                            Kind::Memory => self.memories += 1,
                            Kind::Other => {}
                        }
                        let (module, name) = (import.module, import.name.into());
                        self.imports.push(Import { module, name, kind });
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
                Payload::DataSection(segments) => {
                    for segment in segments {
                        let DataKind::Active { memory_index, .. } = segment?.kind else { continue };
                        self.fills_others |= memory_index < self.memories;
                    }
                }
                Payload::CodeSectionStart { size, .. } => self.code_len = size.into(),
                Payload::CodeSectionEntry(body) => self.jumps.push(jump(&body)),
                _ => {}
            }
        }
        Ok(())
    }

    fn element(&mut self, segment: wasmparser::Element<'a>) -> wasmparser::Result<()> {
        let ElementKind::Active { table_index, offset_expr } = segment.kind else { return Ok(()) };
        self.fills_others |= (table_index.unwrap_or(0) as usize) < self.tables.len();
        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else { return Ok(()) };
        // Who fills a table of its own is no link.
        let Some(&table) = self.tables.get(table_index.unwrap_or(0) as usize) else { return Ok(()) };
        if let ElementItems::Functions(functions) = segment.items {
            let functions = functions.into_iter().collect::<wasmparser::Result<_>>()?;
            self.fills.push(Fill { table, first: u64::from(value as u32), functions });
        }
        Ok(())
    }

    /// The table that it exports under this name.
    pub(super) fn table(&self, name: &str) -> Option<u32> {
        self.exports.get(name).filter(|(kind, _)| *kind == ExternalKind::Table).map(|(_, index)| *index)
    }

    /// Whether something of it runs, or it fills what others have, when it is instantiated.
    pub(super) fn acts(&self) -> bool {
        self.has_start || self.fills_others
    }

    /// Whether it exports something under this name.
    pub(super) fn has_export(&self, name: &str) -> bool {
        self.exports.contains_key(name)
    }

    /// Whether its functions are jumps only, so that nothing of its own ever runs.
    pub(super) fn only_jumps(&self) -> bool {
        !self.has_start && self.jumps.iter().all(Option::is_some)
    }

    /// The element that an exported function only jumps to.
    pub(super) fn trampoline(&self, name: &str) -> Option<Element> {
        let &(ExternalKind::Func, index) = self.exports.get(name)? else { return None };
        *self.jumps.get((index as usize).checked_sub(self.functions.len())?)?
    }
}

/// Where a function jumps: one that is `local.get 0`, `local.get 1`, …, `i32.const element`,
/// `call_indirect table`.
fn jump(body: &FunctionBody<'_>) -> Option<Element> {
    let mut operators = body.get_operators_reader().ok()?;
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
