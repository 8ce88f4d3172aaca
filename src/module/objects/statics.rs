//! Objects that constant expressions of globals make: they are there before anything runs.

use wasmparser::{ConstExpr, ElementItems, Operator, Payload, TableInit};

use crate::module::{component::Core, limits::STATIC_OBJECTS};

use super::{FIRST, HEADER, LENGTH, Objects, Shape, Storage, TOP};

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
    /// The references to objects that defined globals begin with; `None` has no object in it, or cannot be
    /// known.
    pub(crate) globals: Vec<Option<u32>>,
    /// Of each defined table the reference to an object that all of it begins with.
    pub(crate) tables: Vec<u32>,
    /// Of each segment for tables the references to objects in it; `None` has others.
    pub(crate) elements: Vec<Option<Vec<u32>>>,
}

impl Statics {
    /// Those of a valid module.
    pub(crate) fn of(core: Core<'_>, objects: &Objects) -> Self {
        let mut statics = Self { bytes: vec![0; FIRST as usize], ..Self::default() };
        let mut values = Vec::new();
        for payload in core.payloads().map_while(Result::ok) {
            match payload {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports().map_while(Result::ok) {
                        if let wasmparser::TypeRef::Global(ty) = import.ty {
                            values.push(imported(ty.content_type, objects));
                        }
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals.into_iter().map_while(Result::ok) {
                        let value = statics.value(&global.init_expr, objects, &values);
                        let refers = matches!(global.ty.content_type, wasmparser::ValType::Ref(ty)
                            if objects.refer(ty));
                        statics.globals.push(match value {
                            Some(Constant::Bits(bits)) if refers => Some(bits as u32),
                            _ => None,
                        });
                        values.push(value);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables.into_iter().map_while(Result::ok) {
                        let value = match &table.init {
                            TableInit::Expr(expr) if objects.refer(table.ty.element_type) => {
                                statics.value(expr, objects, &values)
                            }
                            _ => None,
                        };
                        statics.tables.push(reference(value));
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
                Some(all.map(|expr| reference(self.value(&expr, objects, globals))).collect())
            }
            _ => None,
        }
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
                let (len, value) = (bits(stack.pop()?)? as usize, stack.pop()?);
                self.array(objects.shape(array_type_index)?, value, len)?
            }
            O::ArrayNewDefault { array_type_index } => {
                let (shape, len) = (objects.shape(array_type_index)?, bits(stack.pop()?)? as usize);
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

    fn array(&mut self, shape: &Shape, value: Constant, len: usize) -> Option<Constant> {
        if len > STATIC_OBJECTS {
            return None;
        }
        self.object(shape, &vec![value; len], Some(len as u32))
    }

    /// Makes an object; an array has a length.
    fn object(&mut self, shape: &Shape, values: &[Constant], len: Option<u32>) -> Option<Constant> {
        let at = self.bytes.len() as u32;
        let size = match len {
            Some(len) => array_size(shape.element(), len),
            None => u64::from(shape.size),
        };
        let all = u64::from(at) + size + 8 * (self.functions.len() + values.len()) as u64;
        if all > STATIC_OBJECTS as u64 {
            return None;
        }
        self.bytes.resize((u64::from(at) + size) as usize, 0);
        self.put(at, &shape.number.to_le_bytes());
        if let Some(len) = len {
            self.put(at + LENGTH, &len.to_le_bytes());
            if shape.element().is_kept_aside() {
                let first = self.functions.len() as u32 + 1;
                self.put(at + HEADER, &first.to_le_bytes());
                values.iter().for_each(|&value| _ = self.keep(value));
                return Some(Constant::Bits(at.into()));
            }
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

/// A reference to an object; null if it is not known.
fn reference(value: Option<Constant>) -> u32 {
    match value {
        Some(Constant::Bits(bits)) => bits as u32,
        _ => 0,
    }
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

/// What an imported global holds: known only if it refers to objects. No host gives any.
fn imported(ty: wasmparser::ValType, objects: &Objects) -> Option<Constant> {
    matches!(ty, wasmparser::ValType::Ref(ty) if objects.refer(ty)).then_some(Constant::Bits(0))
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
