//! Objects that constant expressions of globals make: they are there before anything runs.

use wasmparser::{ConstExpr, ElementItems, Operator, Payload, TableInit};

use crate::module::{
    component::Core,
    limits::{OBJECT_REFERENCES, STATIC_OBJECTS},
};

use super::{FIRST, HEADER, LENGTH, MISSING, Objects, Shape, Storage, TOP};

/// A value that is known before anything runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Constant {
    /// A number, in its lowest bits, or a reference to an object.
    Bits(u128),
    /// A function by its index; `None` is null.
    Function(Option<u32>),
}

/// The memory and the tables of objects before anything runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statics {
    /// The memory, from its beginning.
    pub(crate) bytes: Vec<u8>,
    /// Functions, by their indices, behind the one that calls go through.
    pub(crate) functions: Vec<Option<u32>>,
    /// The references to objects that defined globals begin with; `None` refers to nothing of that kind.
    pub(crate) globals: Vec<Option<u32>>,
    /// Of each defined table the reference to an object that all of it begins with.
    pub(crate) tables: Vec<u32>,
    /// Of each segment for tables the references to objects in it; `None` has others.
    pub(crate) elements: Vec<Option<Vec<u32>>>,
    /// Whether an object is missing: there is no room for it, or nobody knows how it is made. [`MISSING`]
    /// stands for it.
    pub(crate) are_cut: bool,
}

impl Statics {
    /// Those of a valid module. The host gave imported globals these values; the rest is zero.
    pub(crate) fn of(core: Core<'_>, objects: &Objects, given: &[u128]) -> Self {
        let mut statics = Self { bytes: vec![0; FIRST as usize], ..Self::default() };
        let mut values = Vec::new();
        for payload in core.payloads().map_while(Result::ok) {
            match payload {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports().map_while(Result::ok) {
                        if let wasmparser::TypeRef::Global(ty) = import.ty {
                            let given = given.get(values.len()).copied().unwrap_or(0);
                            values.push(Some(imported(ty.content_type, objects, given)));
                        }
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals.into_iter().map_while(Result::ok) {
                        let value = statics.value(&global.init_expr, objects, &values);
                        let refers = matches!(global.ty.content_type, wasmparser::ValType::Ref(ty)
                            if objects.refer(ty));
                        let object = refers.then(|| statics.reference(value));
                        statics.globals.push(object);
                        values.push(value);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables.into_iter().map_while(Result::ok) {
                        let object = match &table.init {
                            TableInit::Expr(expr) if objects.refer(table.ty.element_type) => {
                                let value = statics.value(expr, objects, &values);
                                statics.reference(value)
                            }
                            _ => 0,
                        };
                        statics.tables.push(object);
                    }
                }
                Payload::ElementSection(elements) => {
                    for element in elements.into_iter().map_while(Result::ok) {
                        let items = statics.items(element.items, objects, &values);
                        statics.elements.push(items);
                    }
                }
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        let top = statics.bytes.len() as u32;
        statics.put(TOP, &top.to_le_bytes());
        statics
    }

    /// References to objects in a segment.
    fn items(
        &mut self,
        items: ElementItems<'_>,
        objects: &Objects,
        globals: &[Option<Constant>],
    ) -> Option<Vec<u32>> {
        match items {
            ElementItems::Expressions(ty, all) if objects.refer(ty) => {
                let all = all.into_iter().map_while(Result::ok);
                let item = |expr| {
                    let value = self.value(&expr, objects, globals);
                    self.reference(value)
                };
                Some(all.map(item).collect())
            }
            _ => None,
        }
    }

    /// A reference to an object.
    fn reference(&mut self, value: Option<Constant>) -> u32 {
        let object = value.and_then(bits);
        self.are_cut |= object.is_none();
        object.map_or(MISSING, |object| object as u32)
    }

    /// Where the first object begins that the code makes.
    pub(crate) fn top(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn put(&mut self, at: u32, bytes: &[u8]) {
        let end = at as usize + bytes.len();
        if let Some(target) = self.bytes.get_mut(at as usize..end) {
            target.copy_from_slice(bytes);
        }
    }

    /// The value of a constant expression; `None` if it is not known.
    fn value(
        &mut self,
        expr: &ConstExpr<'_>,
        objects: &Objects,
        globals: &[Option<Constant>],
    ) -> Option<Constant> {
        let mut stack = Vec::new();
        let mut reader = expr.get_operators_reader();
        while !reader.is_end_then_eof() {
            let operator = reader.read().ok()?;
            let value = self.step(&operator, objects, globals, &mut stack)?;
            stack.push(value);
        }
        stack.pop()
    }

    fn step(
        &mut self,
        operator: &Operator<'_>,
        objects: &Objects,
        globals: &[Option<Constant>],
        stack: &mut Vec<Constant>,
    ) -> Option<Constant> {
        use Operator as O;
        Some(match *operator {
            O::I32Const { value } => Constant::Bits(u128::from(value as u32)),
            O::I64Const { value } => Constant::Bits(u128::from(value as u64)),
            O::F32Const { value } => Constant::Bits(u128::from(value.bits())),
            O::F64Const { value } => Constant::Bits(u128::from(value.bits())),
            O::V128Const { value } => Constant::Bits(u128::from_le_bytes(*value.bytes())),
            O::GlobalGet { global_index } => globals.get(global_index as usize).copied().flatten()?,
            O::RefFunc { function_index } => Constant::Function(Some(function_index)),
            O::RefNull { hty } => match objects.hierarchy(hty) {
                super::Hierarchy::Function => Constant::Function(None),
                _ => Constant::Bits(0),
            },
            O::RefI31 => Constant::Bits(u128::from(i31(bits(stack.pop()?)? as u32))),
            O::AnyConvertExtern | O::ExternConvertAny => stack.pop()?,
            O::StructNew { struct_type_index } => {
                let shape = objects.shape(struct_type_index)?;
                let first = stack.len().checked_sub(shape.fields.len())?;
                let fields = stack.split_off(first);
                self.object(shape, &fields, None)?
            }
            O::StructNewDefault { struct_type_index } => {
                let shape = objects.shape(struct_type_index)?;
                let fields: Vec<_> = shape.fields.iter().map(|field| default(field.storage)).collect();
                self.object(shape, &fields, None)?
            }
            O::ArrayNew { array_type_index } => {
                let (len, value) = (bits(stack.pop()?)? as u32, stack.pop()?);
                self.array(objects.shape(array_type_index)?, value, len)?
            }
            O::ArrayNewDefault { array_type_index } => {
                let (shape, len) = (objects.shape(array_type_index)?, bits(stack.pop()?)? as u32);
                self.array(shape, default(shape.element()), len)?
            }
            O::ArrayNewFixed { array_type_index, array_size } => {
                let first = stack.len().checked_sub(array_size as usize)?;
                let elements = stack.split_off(first);
                self.object(objects.shape(array_type_index)?, &elements, Some(array_size))?
            }
            ref operator => return calculate(operator, stack),
        })
    }

    /// Makes an array whose elements are all alike.
    fn array(&mut self, shape: &Shape, value: Constant, len: u32) -> Option<Constant> {
        let element = shape.element();
        let at = self.begin(shape, Some(len), if element.is_kept_aside() { len } else { 0 })?;
        match value {
            Constant::Function(function) => {
                let functions = self.functions.len() + len as usize;
                self.functions.resize(functions, function);
            }
            Constant::Bits(0) => {}
            Constant::Bits(bits) => {
                let (bytes, width) = (bits.to_le_bytes(), element.size() as usize);
                let begin = (at + HEADER) as usize;
                let elements = self.bytes.get_mut(begin..begin + width * len as usize)?;
                elements.chunks_exact_mut(width).for_each(|one| one.copy_from_slice(&bytes[..width]));
            }
        }
        Some(Constant::Bits(at.into()))
    }

    /// Begins an object, which is zero but for its head; an array has a length. So many functions are kept
    /// aside for it.
    fn begin(&mut self, shape: &Shape, len: Option<u32>, functions: u32) -> Option<u32> {
        let at = self.bytes.len() as u32;
        let size = match len {
            Some(len) => array_size(shape.element(), len),
            None => u64::from(shape.size),
        };
        let end = u64::from(at) + size;
        // The table has one more.
        let functions = self.functions.len() as u64 + u64::from(functions);
        if end > STATIC_OBJECTS as u64 || functions >= OBJECT_REFERENCES {
            return None;
        }
        self.bytes.resize(end as usize, 0);
        self.put(at, &shape.number.to_le_bytes());
        if let Some(len) = len {
            self.put(at + LENGTH, &len.to_le_bytes());
            if shape.element().is_kept_aside() {
                let first = self.functions.len() as u32 + 1;
                self.put(at + HEADER, &first.to_le_bytes());
            }
        }
        Some(at)
    }

    /// Makes an object; an array has a length.
    fn object(&mut self, shape: &Shape, values: &[Constant], len: Option<u32>) -> Option<Constant> {
        let is_aside = |value: &&Constant| matches!(value, Constant::Function(_));
        let at = self.begin(shape, len, values.iter().filter(is_aside).count() as u32)?;
        if len.is_some() && shape.element().is_kept_aside() {
            values.iter().for_each(|&value| _ = self.keep(value));
            return Some(Constant::Bits(at.into()));
        }
        let width = shape.element().size();
        for (index, &value) in (0..).zip(values) {
            let (storage, offset) = match len {
                Some(_) => (shape.element(), HEADER + index * width),
                None => shape.fields.get(index as usize).map(|field| (field.storage, field.offset))?,
            };
            let bits = match value {
                Constant::Bits(bits) => bits,
                value => u128::from(self.keep(value)),
            };
            self.put(at + offset, bits.to_le_bytes().get(..storage.size() as usize)?);
        }
        Some(Constant::Bits(at.into()))
    }

    /// Keeps a reference in a table; gives the number of its element.
    fn keep(&mut self, value: Constant) -> u32 {
        match value {
            Constant::Function(function) => {
                self.functions.push(function);
                self.functions.len() as u32
            }
            Constant::Bits(_) => 0,
        }
    }
}

/// Bytes of an array of so many elements.
pub(crate) fn array_size(element: Storage, len: u32) -> u64 {
    let elements = if element.is_kept_aside() { 4 } else { u64::from(element.size()) * u64::from(len) };
    (u64::from(HEADER) + elements).next_multiple_of(8)
}

/// What a reference to a small number is.
fn i31(value: u32) -> u32 {
    value << 1 | 1
}

fn bits(value: Constant) -> Option<u128> {
    match value {
        Constant::Bits(bits) => Some(bits),
        _ => None,
    }
}

fn default(storage: Storage) -> Constant {
    match storage {
        Storage::Function => Constant::Function(None),
        _ => Constant::Bits(0),
    }
}

/// What an imported global holds. No host gives functions.
fn imported(ty: wasmparser::ValType, objects: &Objects, given: u128) -> Constant {
    match ty {
        wasmparser::ValType::Ref(ty) => match objects.hierarchy(ty.heap_type()) {
            super::Hierarchy::Function => Constant::Function(None),
            super::Hierarchy::Object => Constant::Bits(given),
            _ => Constant::Bits(0),
        },
        _ => Constant::Bits(given),
    }
}

fn calculate(operator: &Operator<'_>, stack: &mut Vec<Constant>) -> Option<Constant> {
    let (b, a) = (bits(stack.pop()?)? as u64, bits(stack.pop()?)? as u64);
    let narrow = |value: u32| u64::from(value);
    let value = match operator {
        Operator::I32Add => narrow((a as u32).wrapping_add(b as u32)),
        Operator::I32Sub => narrow((a as u32).wrapping_sub(b as u32)),
        Operator::I32Mul => narrow((a as u32).wrapping_mul(b as u32)),
        Operator::I64Add => a.wrapping_add(b),
        Operator::I64Sub => a.wrapping_sub(b),
        Operator::I64Mul => a.wrapping_mul(b),
        _ => return None,
    };
    Some(Constant::Bits(value.into()))
}
