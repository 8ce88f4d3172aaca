//! What a module declares that execution needs: types, memories, tables, globals, segments.
//!
//! Read once for each module, after the whole file was validated. Everything behind this may rely on indices
//! being in range, and still asks politely.

use std::ops::Range;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, FuncType,
    Operator, Payload, TypeRef,
};

use crate::{
    module::{
        Module,
        objects::{Hierarchy, Objects, Statics},
        tags::Tags,
    },
    trace::effects::{Imported, MemoryShape, TableShape},
};

use super::code::Ty;

/// What an import asks for.
#[derive(Debug, Clone)]
pub(super) enum Import {
    Func(u32),
    Memory,
    Table,
    Global,
}

impl Import {
    /// Whether an object is of the kind that is asked for.
    pub(super) fn fits(&self, given: &Imported) -> bool {
        matches!(
            (self, given),
            (Self::Func(_), Imported::Func(_))
                | (Self::Memory, Imported::Memory(_))
                | (Self::Table, Imported::Table(_))
                | (Self::Global, Imported::Global(_))
        )
    }
}

/// A constant expression.
#[derive(Debug, Clone, Copy)]
pub(super) enum ConstOp {
    Push(u64),
    Wide([u64; 2]),
    Global(u32),
    Func(u32),
    Add32,
    Sub32,
    Mul32,
    Add64,
    Sub64,
    Mul64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Expr(pub(super) Vec<ConstOp>);

#[derive(Debug, Clone)]
pub(super) struct GlobalDecl {
    pub(super) ty: Ty,
    pub(super) init: Expr,
}

#[derive(Debug, Clone)]
pub(super) struct TableDecl {
    pub(super) shape: TableShape,
    pub(super) init: Option<Expr>,
}

#[derive(Debug, Clone)]
pub(super) struct Element {
    /// Table and offset of an active one.
    pub(super) active: Option<(u32, Expr)>,
    pub(super) is_declared: bool,
    pub(super) items: Vec<Expr>,
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) active: Option<(u32, Expr)>,
    /// Bytes in the module file.
    pub(super) bytes: Range<usize>,
}

/// What a module declares.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) types: Vec<Option<FuncType>>,
    pub(super) tags: Tags,
    pub(super) imports: Vec<Import>,
    /// Type of each function, imports first.
    pub(super) funcs: Vec<u32>,
    pub(super) imported_funcs: u32,
    /// Whether the module begins threads.
    pub(super) is_threaded: bool,
    /// Type of each global, imports first.
    pub(super) globals: Vec<Ty>,
    pub(super) defined_globals: Vec<GlobalDecl>,
    /// Whether addresses have 64 bits, of each memory, imports first.
    pub(super) memories: Vec<MemoryShape>,
    pub(super) imported_memories: usize,
    /// Whether each may be waited on.
    pub(super) shared: Vec<bool>,
    pub(super) tables: Vec<TableShape>,
    pub(super) defined_tables: Vec<TableDecl>,
    /// Whether the elements are function references, of each table.
    pub(super) table_types: Vec<Ty>,
    pub(super) elements: Vec<Element>,
    pub(super) segments: Vec<Segment>,
    /// Bodies of the defined functions.
    pub(super) bodies: Vec<Range<usize>>,
    /// Types of objects, and what there is of them at the beginning.
    pub(super) objects: Objects,
    pub(super) statics: Statics,
}

/// Of a type that is named by its index nobody knows here what it is: it counts as one of functions.
impl From<wasmparser::ValType> for Ty {
    fn from(ty: wasmparser::ValType) -> Self {
        Layout::default().ty(ty)
    }
}

fn memory_shape(ty: &wasmparser::MemoryType) -> MemoryShape {
    let page_log2 = ty.page_size_log2.unwrap_or(16) as u8;
    MemoryShape { pages: ty.initial, maximum: ty.maximum, page_log2, is_64: ty.memory64 }
}

fn table_shape(ty: &wasmparser::TableType) -> TableShape {
    TableShape { len: ty.initial, maximum: ty.maximum, is_64: ty.table64 }
}

impl Layout {
    /// Reads the module; validates it, if nobody did. The host gave imported globals these values.
    pub(super) fn read(module: &Module, given: &[u128]) -> Result<Self, BinaryReaderError> {
        let core = module.core();
        // A heavy function is validated by nobody else, and could be asked for.
        module.validate_heavy()?;
        let (tags, is_threaded) = (module.tags().clone(), module.is_threaded());
        let objects = module.objects().clone();
        let statics = Statics::of(core, &objects, given);
        let mut layout = Self { tags, is_threaded, objects, statics, ..Self::default() };
        for payload in core.payloads() {
            layout.section(payload?)?;
        }
        Ok(layout)
    }

    fn section(&mut self, payload: Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    self.types.extend(group?.types().map(|ty| match &ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => Some(ty.clone()),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.import(import?.ty);
                }
            }
            Payload::FunctionSection(functions) => {
                for index in functions {
                    self.funcs.push(index?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table?;
                    let object = self.statics.tables.get(self.defined_tables.len()).copied().unwrap_or(0);
                    let init = match &table.init {
                        _ if object != 0 => Some(Expr(vec![ConstOp::Push(object.into())])),
                        wasmparser::TableInit::RefNull => None,
                        wasmparser::TableInit::Expr(_) if self.objects.refer(table.ty.element_type) => None,
                        wasmparser::TableInit::Expr(expr) => Some(self::expr(expr)?),
                    };
                    let shape = table_shape(&table.ty);
                    self.tables.push(shape);
                    let ty = self.ty(wasmparser::ValType::Ref(table.ty.element_type));
                    self.table_types.push(ty);
                    self.defined_tables.push(TableDecl { shape, init });
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory?;
                    self.memories.push(memory_shape(&memory));
                    self.shared.push(memory.shared);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    let ty = self.ty(global.ty.content_type);
                    self.globals.push(ty);
                    let object = self.statics.globals.get(self.defined_globals.len()).copied().flatten();
                    let init = match object {
                        Some(object) => Expr(vec![ConstOp::Push(object.into())]),
                        None => expr(&global.init_expr)?,
                    };
                    self.defined_globals.push(GlobalDecl { ty, init });
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    let active = match segment.kind {
                        DataKind::Passive => None,
                        DataKind::Active { memory_index, offset_expr } => {
                            Some((memory_index, expr(&offset_expr)?))
                        }
                    };
                    let end = segment.range.end;
                    let end = end as usize;
                    self.segments.push(Segment { active, bytes: end - segment.data.len()..end });
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                self.bodies.push(range.start as usize..range.end as usize);
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: TypeRef) {
        match import {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.funcs.push(index);
                self.imported_funcs += 1;
                self.imports.push(Import::Func(index));
            }
            TypeRef::Table(table) => {
                self.tables.push(table_shape(&table));
                let ty = self.ty(wasmparser::ValType::Ref(table.element_type));
                self.table_types.push(ty);
                self.imports.push(Import::Table);
            }
            TypeRef::Memory(memory) => {
                self.memories.push(memory_shape(&memory));
                self.shared.push(memory.shared);
                self.imported_memories += 1;
                self.imports.push(Import::Memory);
            }
            TypeRef::Global(global) => {
                let ty = self.ty(global.content_type);
                self.globals.push(ty);
                self.imports.push(Import::Global);
            }
            // No object of the store.
            TypeRef::Tag(_) => {}
        }
    }

    fn element(&mut self, element: wasmparser::Element<'_>) -> Result<(), BinaryReaderError> {
        let (active, is_declared) = match element.kind {
            ElementKind::Passive => (None, false),
            ElementKind::Declared => (None, true),
            ElementKind::Active { table_index, offset_expr } => {
                (Some((table_index.unwrap_or(0), expr(&offset_expr)?)), false)
            }
        };
        let mut items = Vec::new();
        if let Some(Some(objects)) = self.statics.elements.get(self.elements.len()) {
            items = objects.iter().map(|&object| Expr(vec![ConstOp::Push(object.into())])).collect();
            self.elements.push(Element { active, is_declared, items });
            return Ok(());
        }
        match element.items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    items.push(Expr(vec![ConstOp::Func(function?)]));
                }
            }
            ElementItems::Expressions(_, exprs) => {
                for item in exprs {
                    items.push(expr(&item?)?);
                }
            }
        }
        self.elements.push(Element { active, is_declared, items });
        Ok(())
    }

    /// What an exception with the tag of this number carries.
    pub(super) fn tag_params(&self, number: u32) -> &[wasmparser::ValType] {
        let ty = self.tags.tag(number).and_then(|(_, ty)| self.types.get(ty.position())?.as_ref());
        ty.map_or(&[], FuncType::params)
    }

    /// How values of a type are told.
    pub(super) fn ty(&self, ty: wasmparser::ValType) -> Ty {
        match ty {
            wasmparser::ValType::I32 => Ty::I32,
            wasmparser::ValType::I64 => Ty::I64,
            wasmparser::ValType::F32 => Ty::F32,
            wasmparser::ValType::F64 => Ty::F64,
            wasmparser::ValType::V128 => Ty::V128,
            wasmparser::ValType::Ref(ty) => self.ty_of(ty.heap_type()),
        }
    }

    /// How references of a type are told.
    pub(super) fn ty_of(&self, ty: wasmparser::HeapType) -> Ty {
        match self.objects.hierarchy(ty) {
            Hierarchy::Function => Ty::Func,
            Hierarchy::Host => Ty::Extern,
            // What an exception is: `module::tags`.
            Hierarchy::Exception => Ty::V128,
            Hierarchy::Object => Ty::Any,
        }
    }

    /// The type of a function.
    pub(super) fn func_type(&self, func: u32) -> Option<&FuncType> {
        self.types.get(*self.funcs.get(func as usize)? as usize)?.as_ref()
    }
}

fn expr(expr: &ConstExpr<'_>) -> Result<Expr, BinaryReaderError> {
    let mut steps = Vec::new();
    let mut reader = expr.get_operators_reader();
    while !reader.eof() {
        steps.push(match reader.read()? {
            Operator::I32Const { value } => ConstOp::Push(u64::from(value as u32)),
            Operator::I64Const { value } => ConstOp::Push(value as u64),
            Operator::F32Const { value } => ConstOp::Push(u64::from(value.bits())),
            Operator::F64Const { value } => ConstOp::Push(value.bits()),
            Operator::V128Const { value } => {
                let value = u128::from_le_bytes(*value.bytes());
                ConstOp::Wide([value as u64, (value >> 64) as u64])
            }
            Operator::GlobalGet { global_index } => ConstOp::Global(global_index),
            Operator::RefFunc { function_index } => ConstOp::Func(function_index),
            Operator::RefNull { .. } => ConstOp::Push(0),
            Operator::I32Add => ConstOp::Add32,
            Operator::I32Sub => ConstOp::Sub32,
            Operator::I32Mul => ConstOp::Mul32,
            Operator::I64Add => ConstOp::Add64,
            Operator::I64Sub => ConstOp::Sub64,
            Operator::I64Mul => ConstOp::Mul64,
            Operator::End => continue,
            // What the engine lacks is null.
            _ => return Ok(Expr(vec![ConstOp::Push(0)])),
        });
    }
    Ok(Expr(steps))
}
