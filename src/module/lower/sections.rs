//! All sections but custom ones.

use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementSection, Elements, ExportSection, FunctionSection,
    GlobalSection, HeapType, ImportSection, MemorySection, Module, StartSection, TableSection, TypeSection,
    reencode, reencode::Reencode,
};
use wasmparser::{
    CompositeInnerType, ElementItems, ElementKind, ExternalKind, MemArg, MemArgTarget, Payload, TableInit,
    TypeRef, ValType,
};

use crate::module::limits::MAX_INLINED;

use super::{atomics::Memory, lacking::is_lacking};

/// Why a module cannot be written anew.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{0}")]
pub(super) struct Reason(&'static str);

/// As wasm-encoder has it.
pub(super) type Refused = reencode::Error<Reason>;

fn encoded(expr: &ConstExpr) -> Vec<u8> {
    let mut bytes = Vec::new();
    wasm_encoder::Encode::encode(expr, &mut bytes);
    bytes
}

fn refused<T>(reason: &'static str) -> Result<T, Refused> {
    Err(Refused::UserError(Reason(reason)))
}

/// What of a module is known while it is written anew.
#[derive(Default)]
pub(super) struct Sections {
    /// Parameters of each type; `None` of one that is no function.
    types: Vec<Option<u32>>,
    imported: u32,
    /// Types of the defined functions.
    functions: Vec<u32>,
    memories: Vec<Memory>,
    /// Initial values of globals, of those that are defined and never change.
    globals: Vec<Option<Vec<u8>>>,
}

impl Sections {
    /// What of a valid module must be known before any of it is written.
    pub(super) fn of<'w>(
        payloads: impl Iterator<Item = wasmparser::Result<Payload<'w>>>,
    ) -> Result<Self, Refused> {
        let mut sections = Self::default();
        for payload in payloads {
            sections.note(payload?)?;
        }
        Ok(sections)
    }

    /// Index and parameters of the defined function at `position`.
    pub(super) fn function(&self, position: u32) -> (u32, u32) {
        let ty = self.functions.get(position as usize);
        let params = ty.and_then(|&ty| *self.types.get(ty as usize)?);
        (self.imported.saturating_add(position), params.unwrap_or(0))
    }

    /// Notes what other sections must know.
    fn note(&mut self, payload: Payload<'_>) -> Result<(), Refused> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    let params = group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty.params().len() as u32),
                        _ => None,
                    });
                    self.types.extend(params);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => self.imported += 1,
                        TypeRef::Memory(ty) => self.note_memory(ty),
                        TypeRef::Global(_) => self.globals.push(None),
                        TypeRef::Table(_) | TypeRef::Tag(_) => {}
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty?);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.note_memory(memory?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn note_memory(&mut self, ty: wasmparser::MemoryType) {
        self.memories.push(Memory { is_64: ty.memory64, is_shared: ty.shared });
    }

    /// The memory that an operator works on.
    pub(super) fn memory(&self, memarg: &MemArg) -> Result<(u32, Memory), Refused> {
        match memarg.target {
            MemArgTarget::Memory(index) => {
                Ok((index, self.memories.get(index as usize).copied().unwrap_or_default()))
            }
            MemArgTarget::Array(_) => refused("an atomic access to an array"),
        }
    }

    /// Writes a section; those of code are none of them.
    pub(super) fn section(&mut self, module: &mut Module, payload: Payload<'_>) -> Result<(), Refused> {
        macro_rules! write {
            ($new:expr, $read:ident, $section:expr) => {{
                let mut written = $new;
                self.$read(&mut written, $section)?;
                module.section(&written);
            }};
        }
        match payload {
            Payload::TypeSection(all) => write!(TypeSection::new(), parse_type_section, all),
            Payload::ImportSection(all) => write!(ImportSection::new(), parse_import_section, all),
            Payload::FunctionSection(all) => write!(FunctionSection::new(), parse_function_section, all),
            Payload::TableSection(all) => write!(TableSection::new(), parse_table_section, all),
            Payload::MemorySection(all) => write!(MemorySection::new(), parse_memory_section, all),
            Payload::GlobalSection(all) => write!(GlobalSection::new(), parse_global_section, all),
            Payload::ExportSection(all) => write!(ExportSection::new(), parse_export_section, all),
            Payload::ElementSection(all) => write!(ElementSection::new(), parse_element_section, all),
            Payload::DataSection(all) => write!(DataSection::new(), parse_data_section, all),
            Payload::StartSection { func, .. } => {
                _ = module.section(&StartSection { function_index: func });
            }
            Payload::DataCountSection { count, .. } => _ = module.section(&DataCountSection { count }),
            // Tags stand for nothing without exceptions, custom sections for nothing at all.
            _ => {}
        }
        Ok(())
    }

    /// Whether a heap type is of functions.
    fn is_function(&self, ty: wasmparser::HeapType) -> bool {
        use wasmparser::{AbstractHeapType as A, HeapType as H, UnpackedIndex};
        match ty {
            H::Abstract { ty, .. } => matches!(ty, A::Func | A::NoFunc),
            H::Concrete(UnpackedIndex::Module(index)) | H::Exact(UnpackedIndex::Module(index)) => {
                self.types.get(index as usize).is_some_and(Option::is_some)
            }
            _ => false,
        }
    }

    /// A constant expression of type `ty`: null if it makes something that the engine has not.
    fn constant(&mut self, expr: &wasmparser::ConstExpr<'_>, ty: ValType) -> Result<ConstExpr, Refused> {
        let mut bytes = Vec::new();
        let mut operators = expr.get_operators_reader();
        while !operators.is_end_then_eof() {
            let operator = operators.read()?;
            if is_lacking(&operator) {
                return self.null(ty);
            }
            // The engine knows the values of imported globals only.
            if let wasmparser::Operator::GlobalGet { global_index } = operator
                && let Some(Some(value)) = self.globals.get(global_index as usize)
            {
                bytes.extend_from_slice(value);
                continue;
            }
            wasm_encoder::Encode::encode(&self.instruction(operator)?, &mut bytes);
        }
        Ok(ConstExpr::raw(bytes))
    }

    fn null(&mut self, ty: ValType) -> Result<ConstExpr, Refused> {
        match ty {
            ValType::Ref(ty) => Ok(ConstExpr::ref_null(self.heap_type(ty.heap_type())?)),
            _ => refused("a number that is made from references"),
        }
    }
}

impl Reencode for Sections {
    type Error = Reason;

    fn parse_recursive_type_group(
        &mut self,
        types: wasm_encoder::CoreTypeEncoder<'_>,
        group: wasmparser::RecGroup,
    ) -> Result<(), Refused> {
        let _ = (types, group);
        refused("types are written one by one")
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Refused> {
        for group in section {
            for ty in group?.into_types() {
                match ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => {
                        let ty = self.func_type(ty)?;
                        types.ty().func_type(&ty);
                    }
                    _ => types.ty().function([], []),
                }
            }
        }
        Ok(())
    }

    fn heap_type(&mut self, ty: wasmparser::HeapType) -> Result<HeapType, Refused> {
        Ok(if self.is_function(ty) { HeapType::FUNC } else { HeapType::EXTERN })
    }

    fn ref_type(&mut self, ty: wasmparser::RefType) -> Result<wasm_encoder::RefType, Refused> {
        Ok(wasm_encoder::RefType { nullable: true, heap_type: self.heap_type(ty.heap_type())? })
    }

    fn memory_type(&mut self, ty: wasmparser::MemoryType) -> Result<wasm_encoder::MemoryType, Refused> {
        Ok(reencode::utils::memory_type(self, wasmparser::MemoryType { shared: false, ..ty }))
    }

    fn global_type(&mut self, ty: wasmparser::GlobalType) -> Result<wasm_encoder::GlobalType, Refused> {
        reencode::utils::global_type(self, wasmparser::GlobalType { shared: false, ..ty })
    }

    fn table_type(&mut self, ty: wasmparser::TableType) -> Result<wasm_encoder::TableType, Refused> {
        reencode::utils::table_type(self, wasmparser::TableType { shared: false, ..ty })
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Refused> {
        for import in section.into_imports() {
            let import = import?;
            let ty = match import.ty {
                TypeRef::Tag(_) => continue,
                TypeRef::FuncExact(ty) => TypeRef::Func(ty),
                ty => ty,
            };
            imports.import(import.module, import.name, self.entity_type(ty)?);
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Refused> {
        for export in section {
            let export = export?;
            let kind = match export.kind {
                ExternalKind::Tag => continue,
                ExternalKind::FuncExact => ExternalKind::Func,
                kind => kind,
            };
            exports.export(export.name, self.export_kind(kind)?, export.index);
        }
        Ok(())
    }

    fn parse_table(
        &mut self,
        tables: &mut TableSection,
        table: wasmparser::Table<'_>,
    ) -> Result<(), Refused> {
        if let TableInit::Expr(expr) = &table.init {
            let ty = ValType::Ref(table.ty.element_type);
            if encoded(&self.constant(expr, ty)?) != encoded(&self.null(ty)?) {
                return refused("a table that begins with functions");
            }
        }
        tables.table(self.table_type(table.ty)?);
        Ok(())
    }

    fn parse_global(
        &mut self,
        globals: &mut GlobalSection,
        global: wasmparser::Global<'_>,
    ) -> Result<(), Refused> {
        let value = self.constant(&global.init_expr, global.ty.content_type)?;
        let mut bytes = encoded(&value);
        // Without its `end`.
        bytes.pop();
        self.globals.push(Some(bytes).filter(|bytes| !global.ty.mutable && bytes.len() <= MAX_INLINED));
        globals.global(self.global_type(global.ty)?, &value);
        Ok(())
    }

    fn const_expr(&mut self, expr: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Refused> {
        self.constant(&expr, ValType::I32)
    }

    fn parse_element(
        &mut self,
        elements: &mut ElementSection,
        element: wasmparser::Element<'_>,
    ) -> Result<(), Refused> {
        let mut exprs = Vec::new();
        let items = match element.items {
            ElementItems::Functions(functions) => {
                Elements::Functions(functions.into_iter().collect::<wasmparser::Result<Vec<_>>>()?.into())
            }
            ElementItems::Expressions(ty, all) => {
                for expr in all {
                    exprs.push(self.constant(&expr?, ValType::Ref(ty))?);
                }
                Elements::Expressions(self.ref_type(ty)?, exprs.into())
            }
        };
        match element.kind {
            ElementKind::Passive => elements.passive(items),
            ElementKind::Declared => elements.declared(items),
            ElementKind::Active { table_index, offset_expr } => {
                let offset = self.const_expr(offset_expr)?;
                elements.active(table_index, &offset, items)
            }
        };
        Ok(())
    }
}
