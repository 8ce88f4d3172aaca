//! The sections of the module for the engine, written from those of the sample.

use wasm_encoder::{
    ConstExpr, DataCountSection, DataSection, ElementSection, EntityType, ExportSection, FunctionSection,
    GlobalSection, HeapType, ImportSection, MemorySection, Section as _, StartSection, TableSection,
    TypeSection, reencode, reencode::Reencode,
};
use wasmparser::{
    CompositeInnerType, ElementItems, ElementKind, ExternalKind, Payload, TableInit, TypeRef, ValType,
};

use crate::module::{limits::MAX_INLINED, objects::Hierarchy};

use super::super::{
    lacking::is_lacking,
    references,
    refusal::{Reason, Refused, refused},
    threads,
};
use super::{Goes, Sections, filled::Items};

fn encoded(expr: &ConstExpr) -> Vec<u8> {
    let mut bytes = Vec::new();
    wasm_encoder::Encode::encode(expr, &mut bytes);
    bytes
}

impl Sections<'_> {
    /// Writes a section; those of code are none of them.
    pub(in super::super) fn section(
        &mut self,
        wasm: &mut Vec<u8>,
        payload: Payload<'_>,
    ) -> Result<(), Refused> {
        macro_rules! write {
            ($new:expr, $read:ident, $section:expr) => {{
                let mut written = $new;
                self.$read(&mut written, $section)?;
                written.append_to(wasm);
            }};
        }
        self.close_before(wasm, &payload);
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
            // With threads it is called, so that it can be suspended.
            Payload::StartSection { func, .. } if self.meetings.is_none() => {
                StartSection { function_index: self.function_index(func)? }.append_to(wasm);
            }
            Payload::DataCountSection { count, .. } => {
                let count = count + self.more_data();
                self.kept.is_count_written = true;
                DataCountSection { count }.append_to(wasm);
            }
            // Tags stand for nothing without exceptions, custom sections for nothing at all.
            _ => {}
        }
        Ok(())
    }

    /// Writes sections of our own that stand before this one.
    fn close_before(&mut self, wasm: &mut Vec<u8>, payload: &Payload<'_>) {
        match payload {
            Payload::FunctionSection(_) => self.close_imports(wasm),
            Payload::MemorySection(_) => self.close_tables(wasm),
            Payload::GlobalSection(_) => self.close_memories(wasm),
            Payload::ExportSection(_) => self.close_globals(wasm),
            Payload::StartSection { .. } | Payload::ElementSection(_) => self.close_exports(wasm),
            Payload::DataCountSection { .. } | Payload::DataSection(_) => self.close_elements(wasm),
            _ => {}
        }
    }

    /// No section of imports can follow.
    fn close_imports(&mut self, wasm: &mut Vec<u8>) {
        if self.more_imports() > 0 && !self.are_imports_written {
            let mut written = ImportSection::new();
            self.write_imports(&mut written);
            written.append_to(wasm);
        }
    }

    /// Writes the imports of our own.
    fn write_imports(&mut self, imports: &mut ImportSection) {
        let mut ty = self.first_meeting_type()..;
        if self.meetings.is_some() {
            for (name, ty) in threads::NAMES.into_iter().zip(ty.by_ref()) {
                imports.import(threads::MODULE, name, EntityType::Function(ty));
            }
        }
        if self.asks_functions
            && let Some(ty) = ty.next()
        {
            imports.import(threads::MODULE, references::FUNCTION_NUMBER, EntityType::Function(ty));
        }
        self.are_imports_written = true;
    }

    /// No section of globals can follow.
    pub(in super::super) fn close_globals(&mut self, wasm: &mut Vec<u8>) {
        self.close_memories(wasm);
        if self.has_globals() && !self.are_globals_written {
            let mut written = GlobalSection::new();
            self.write_globals(&mut written);
            written.append_to(wasm);
        }
    }

    /// No section of segments for tables can follow.
    pub(in super::super) fn close_elements(&mut self, wasm: &mut Vec<u8>) {
        self.close_exports(wasm);
        if self.filled.is_due() || self.has_kept_elements() {
            let mut written = ElementSection::new();
            self.write_elements(&mut written);
            written.append_to(wasm);
        }
    }

    /// Writes the segments of our own.
    fn write_elements(&mut self, elements: &mut ElementSection) {
        if self.filled.is_due() {
            self.filled.write(elements);
        }
        if self.has_kept_elements() {
            self.write_kept_elements(elements);
        }
    }

    fn has_globals(&self) -> bool {
        self.are_thrown || self.meetings.is_some()
    }

    /// Writes the globals of our own.
    pub(in super::super) fn write_globals(&mut self, globals: &mut GlobalSection) {
        if !self.has_globals() || self.are_globals_written {
            return;
        }
        if self.meetings.is_some() {
            let ty = wasm_encoder::GlobalType {
                val_type: wasm_encoder::ValType::I32,
                mutable: true,
                shared: false,
            };
            for ticks in threads::FIRST_TICKS {
                globals.global(ty, &ConstExpr::i32_const(ticks));
            }
        }
        if self.are_thrown {
            self.globals.write(globals);
        }
        self.are_globals_written = true;
    }

    /// Writes the types of our own.
    fn write_types(&mut self, types: &mut TypeSection) -> Result<(), Refused> {
        let of = |index: &u32| self.sample.sections.types.get(*index as usize).and_then(Option::as_ref);
        let pads = self.pad_types.keys().filter_map(of).map(|ty| (ty.params(), &[][..]));
        let bodies = self.body_types.keys().filter_map(of).map(|ty| (&[][..], ty.results()));
        let all: Vec<_> = pads.chain(bodies).collect();
        for (params, results) in all {
            let ty = wasmparser::FuncType::new(params.iter().copied(), results.iter().copied());
            let ty = Reencode::func_type(self, ty)?;
            types.ty().func_type(&ty);
        }
        if self.meetings.is_some() {
            for params in threads::PARAMS {
                types.ty().function(params.iter().copied(), [wasm_encoder::ValType::I32]);
            }
        }
        if self.asks_functions {
            let function = wasm_encoder::ValType::Ref(wasm_encoder::RefType::FUNCREF);
            types.ty().function([function], [wasm_encoder::ValType::I32]);
        }
        Ok(())
    }

    /// To what a value refers, if it is a reference.
    fn refers(&self, ty: ValType) -> Option<Hierarchy> {
        match ty {
            ValType::Ref(ty) => Some(self.objects().hierarchy(ty.heap_type())),
            _ => None,
        }
    }

    /// A constant expression of type `ty`: null if it makes something that the engine has not.
    fn constant(&mut self, expr: &wasmparser::ConstExpr<'_>, ty: ValType) -> Result<ConstExpr, Refused> {
        let mut bytes = Vec::new();
        let mut operators = expr.get_operators_reader();
        while !operators.is_end_then_eof() {
            let operator = operators.read()?;
            if matches!(operator, wasmparser::Operator::RefNull { .. }) || is_lacking(&operator) {
                return self.null(ty);
            }
            // The engine knows the values of imported globals only.
            if let wasmparser::Operator::GlobalGet { global_index } = operator
                && let Some(Some(value)) = self.initial.get(global_index as usize)
            {
                bytes.extend_from_slice(value);
                continue;
            }
            wasm_encoder::Encode::encode(&self.instruction(operator)?, &mut bytes);
        }
        Ok(ConstExpr::raw(bytes))
    }

    /// Whether nothing that refers so is kept in tables.
    fn is_empty(&self, ty: wasmparser::RefType) -> bool {
        matches!(self.objects().hierarchy(ty.heap_type()), Hierarchy::Exception | Hierarchy::Object)
    }

    fn null(&mut self, ty: ValType) -> Result<ConstExpr, Refused> {
        match ty {
            ty if self.refers(ty) == Some(Hierarchy::Exception) => Ok(ConstExpr::v128_const(0)),
            ty if self.refers(ty) == Some(Hierarchy::Object) => Ok(ConstExpr::i32_const(0)),
            ValType::Ref(ty) => Ok(ConstExpr::ref_null(self.heap_type(ty.heap_type())?)),
            _ => refused("a number that is made from references"),
        }
    }
}

impl Reencode for Sections<'_> {
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
                        let ty = Reencode::func_type(self, ty)?;
                        types.ty().func_type(&ty);
                    }
                    _ => types.ty().function([], []),
                }
            }
        }
        self.write_types(types)
    }

    /// Those of ours stand between the imported and the defined.
    fn function_index(&mut self, func: u32) -> Result<u32, Refused> {
        let is_defined = func >= self.sample.imported_functions();
        Ok(if is_defined { func.saturating_add(self.more_imports()) } else { func })
    }

    /// A reference to an exception is what it holds, and one to an object its address.
    fn val_type(&mut self, ty: ValType) -> Result<wasm_encoder::ValType, Refused> {
        match self.refers(ty) {
            Some(Hierarchy::Exception) => Ok(wasm_encoder::ValType::V128),
            Some(Hierarchy::Object) => Ok(wasm_encoder::ValType::I32),
            _ => reencode::utils::val_type(self, ty),
        }
    }

    fn heap_type(&mut self, ty: wasmparser::HeapType) -> Result<HeapType, Refused> {
        let is_function = self.objects().hierarchy(ty) == Hierarchy::Function;
        Ok(if is_function { HeapType::FUNC } else { HeapType::EXTERN })
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

    fn parse_table_section(
        &mut self,
        tables: &mut TableSection,
        section: wasmparser::TableSectionReader<'_>,
    ) -> Result<(), Refused> {
        for table in section {
            self.parse_table(tables, table?)?;
        }
        self.write_tables(tables);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), Refused> {
        for memory in section {
            memories.memory(self.memory_type(memory?)?);
        }
        self.write_memory(memories);
        Ok(())
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: wasmparser::DataSectionReader<'_>,
    ) -> Result<(), Refused> {
        for segment in section {
            self.parse_data(data, segment?)?;
        }
        self.write_data(data);
        Ok(())
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
        self.write_imports(imports);
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
            let index = match kind {
                ExternalKind::Func => self.function_index(export.index)?,
                _ => export.index,
            };
            exports.export(export.name, self.export_kind(kind)?, index);
        }
        self.write_export(exports);
        Ok(())
    }

    fn parse_table(
        &mut self,
        tables: &mut TableSection,
        table: wasmparser::Table<'_>,
    ) -> Result<(), Refused> {
        let ty = self.table_type(table.ty)?;
        if let TableInit::Expr(expr) = &table.init
            && !self.is_empty(table.ty.element_type)
        {
            let of = ValType::Ref(table.ty.element_type);
            let value = self.constant(expr, of)?;
            let bytes = encoded(&value);
            if bytes != encoded(&self.null(of)?) {
                let more_bytes = (value, bytes.len() + size_of::<ConstExpr>());
                self.filled.table((tables.len(), ty), more_bytes, &mut self.room)?;
            }
        }
        tables.table(ty);
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: wasmparser::ElementSectionReader<'_>,
    ) -> Result<(), Refused> {
        for element in section {
            self.parse_element(elements, element?)?;
        }
        self.write_elements(elements);
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Refused> {
        for global in section {
            self.parse_global(globals, global?)?;
        }
        self.write_globals(globals);
        Ok(())
    }

    fn parse_global(
        &mut self,
        globals: &mut GlobalSection,
        global: wasmparser::Global<'_>,
    ) -> Result<(), Refused> {
        let position = self.defined_globals.saturating_sub(self.imported_globals);
        let value = match self.statics.globals.get(position).copied().flatten() {
            Some(object) => ConstExpr::i32_const(object as i32),
            None => self.constant(&global.init_expr, global.ty.content_type)?,
        };
        let mut bytes = encoded(&value);
        // Without its `end`.
        bytes.pop();
        if !global.ty.mutable
            && bytes.len() <= MAX_INLINED
            && let Some(initial) = self.initial.get_mut(self.defined_globals)
        {
            *initial = Some(bytes);
        }
        self.defined_globals += 1;
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
        let items = match element.items {
            ElementItems::Functions(functions) => {
                let functions = functions.into_iter().map(|function| self.function_index(function?));
                Items::Functions(functions.collect::<Result<Vec<_>, Refused>>()?)
            }
            // No constant expression makes an exception, and objects are kept elsewhere.
            ElementItems::Expressions(ty, all) if self.is_empty(ty) => {
                let nulls = vec![ConstExpr::ref_null(HeapType::EXTERN); all.count() as usize];
                Items::Expressions(self.ref_type(ty)?, nulls)
            }
            ElementItems::Expressions(ty, all) => {
                let exprs = all.into_iter().map(|expr| self.constant(&expr?, ValType::Ref(ty)));
                let exprs = exprs.collect::<Result<Vec<_>, Refused>>()?;
                Items::Expressions(self.ref_type(ty)?, exprs)
            }
        };
        match element.kind {
            ElementKind::Passive => {
                self.note_goes(Goes::Passive)?;
                elements.passive(items.elements())
            }
            ElementKind::Declared => {
                self.note_goes(Goes::Declared)?;
                elements.declared(items.elements())
            }
            ElementKind::Active { table_index, offset_expr } => {
                let offset = self.const_expr(offset_expr)?;
                self.note_goes(Goes::Active(table_index.unwrap_or(0), offset.clone()))?;
                self.filled.note(table_index, &offset, &items);
                elements.active(table_index, &offset, items.elements())
            }
        };
        Ok(())
    }
}
