//! Objects of garbage collection: what types there are, and where the fields of an object lie.
//!
//! An object lies in a memory of its own, behind those of the sample. The lowered module keeps it there, and
//! so does the data level, at the same addresses:
//!
//! ```text
//! 0   0: the type of what is no object          8   of an object: number of its type, u32
//! 4   where the next object begins, u32        12   of an array: its length, u32
//! 8   … objects, each at a multiple of 8       16   its fields or elements, one behind the other
//! ```
//!
//! A reference is 0 for null, odd for an `i31`, or the address of an object. What is the host's has a number,
//! of which a reference is four times that and two. In a module with types of objects `externref` is such a
//! reference, too, and in one that makes one of the other. A field that refers to a function has the number
//! of an element of a table; of an array of those it is the first one's.
//!
//! Types have numbers such that those of a type and all below it are in a row. Two that are the same by the
//! specification have one number. So a cast compares one number with two. Types of functions have numbers of
//! their own, and the host tells that of a function.
//!
//! Not here: what operators do (`lower`, `values`), constant expressions (`statics`).

mod statics;

use std::collections::HashMap;

use wasmparser::{
    AbstractHeapType, CompositeInnerType, FunctionBody, HeapType, Operator, Payload, StorageType,
    UnpackedIndex, ValType, Validator, types::CoreTypeId,
};

use super::{component::Core, features::lowered_features};

pub(crate) use statics::{Statics, array_size};

/// Where the next object begins is noted here.
pub(crate) const TOP: u32 = 4;
/// Where the first object begins.
pub(crate) const FIRST: u32 = 8;
/// Bytes before the fields of an object: its type, and of an array its length.
pub(crate) const HEADER: u32 = 8;
/// Where in that the length is.
pub(crate) const LENGTH: u32 = 4;
/// A reference to an object that constant expressions make and that has no room. Nothing is ever there.
pub(crate) const MISSING: u32 = 0xffff_fff8;
/// Under this name the lowered module exports that memory, for the host. It has none if the sample has
/// something of that name.
pub(crate) const EXPORT: &str = "memory of objects";
/// Pages by which the memory of objects grows, as a power of two.
pub(crate) const STEP: u32 = 4;

/// To what a reference refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    Function,
    Host,
    Exception,
    Object,
}

/// How a field is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    V128,
    Object,
    Function,
    Exception,
}

impl Storage {
    /// Bytes that it takes.
    pub(crate) fn size(self) -> u32 {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 | Self::Object | Self::Function => 4,
            Self::I64 | Self::F64 => 8,
            Self::V128 | Self::Exception => 16,
        }
    }

    /// Whether it is kept in a table.
    pub(crate) fn is_kept_aside(self) -> bool {
        self == Self::Function
    }
}

/// A field of a structure: how it is kept, and where, from the object's address on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) storage: Storage,
    pub(crate) offset: u32,
}

/// A type of objects.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Its number, and the last one of those below it.
    pub(crate) number: u32,
    pub(crate) last: u32,
    /// Its fields, or as the only one its elements.
    pub(crate) fields: Vec<Field>,
    /// Bytes of a structure.
    pub(crate) size: u32,
}

impl Shape {
    /// How the elements of an array are kept.
    pub(crate) fn element(&self) -> Storage {
        self.fields.first().map_or(Storage::I32, |field| field.storage)
    }

    /// Fields that are kept in a table.
    pub(crate) fn aside(&self) -> u32 {
        self.fields.iter().filter(|field| field.storage.is_kept_aside()).count() as u32
    }
}

/// What a cast or a test takes besides null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    All,
    Nothing,
    /// What can be compared: all but what is the host's.
    Comparable,
    I31,
    /// An object whose type has one of these numbers.
    Numbers(u32, u32),
    /// A function whose type has one of these numbers.
    Functions(u32, u32),
    /// What nobody can tell.
    Unknown,
}

/// The types of a module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    /// Of each type whether it is one of objects; `None` is one of functions.
    shapes: Vec<Option<Shape>>,
    /// Numbers of structures begin with 1, and those of arrays behind.
    structures: u32,
    arrays: u32,
    /// Of each type of functions its number, and the last one of those below it.
    functions: Vec<Option<(u32, u32)>>,
    /// Whether what refers to the host refers alike though there is no type: code makes one of the other.
    are_converted: bool,
}

/// A type and what is directly below it.
struct Node {
    below: Vec<CoreTypeId>,
    kind: Kind,
    has_above: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Structure,
    Array,
    Function,
}

/// Numbers of types, and the last ones of those below them.
type Numbers = HashMap<CoreTypeId, (u32, u32)>;

impl Objects {
    /// Those of a valid module; none if it is not valid.
    pub(crate) fn of(core: Core<'_>) -> Self {
        Self::read(core).unwrap_or_default()
    }

    fn read(core: Core<'_>) -> wasmparser::Result<Self> {
        let mut validator = Validator::new_with_features(lowered_features());
        let (mut ids, mut nodes, mut declared) = (Vec::new(), HashMap::<CoreTypeId, Node>::new(), Vec::new());
        let mut order = Vec::new();
        for payload in core.payloads() {
            let payload = payload?;
            if !matches!(
                payload,
                Payload::Version { .. } | Payload::TypeSection(_) | Payload::CustomSection(_)
            ) {
                break;
            }
            validator.payload(&payload)?;
            let Payload::TypeSection(groups) = payload else { continue };
            for group in groups {
                declared.extend(group?.into_types().map(|ty| ty.composite_type.inner));
            }
            let Some(types) = validator.types(0) else { continue };
            for index in 0..types.core_type_count_in_module() {
                let id = types.core_type_at_in_module(index);
                ids.push(id);
                let ty = &types[id];
                let kind = match ty.composite_type.inner {
                    CompositeInnerType::Struct(_) => Kind::Structure,
                    CompositeInnerType::Array(_) => Kind::Array,
                    CompositeInnerType::Func(_) => Kind::Function,
                    CompositeInnerType::Cont(_) => continue,
                };
                if nodes.contains_key(&id) {
                    continue;
                }
                order.push(id);
                let above = ty.supertype_idxs.first().and_then(|above| above.as_core_type_id());
                nodes.insert(id, Node { kind, has_above: above.is_some(), below: Vec::new() });
                // It was declared before.
                if let Some(above) = above.and_then(|above| nodes.get_mut(&above)) {
                    above.below.push(id);
                }
            }
        }
        let mut objects = Self::default();
        let number_all = |kind, numbers: &mut Numbers| {
            let is_root =
                |id: &&CoreTypeId| nodes.get(id).is_some_and(|node| node.kind == kind && !node.has_above);
            order.iter().filter(is_root).for_each(|&root| number(root, &nodes, numbers));
            numbers.len() as u32
        };
        let (mut numbers, mut of_functions) = (Numbers::new(), Numbers::new());
        objects.structures = number_all(Kind::Structure, &mut numbers);
        objects.arrays = number_all(Kind::Array, &mut numbers) - objects.structures;
        number_all(Kind::Function, &mut of_functions);
        objects.functions = ids.iter().map(|id| of_functions.get(id).copied()).collect();
        let is_function: Vec<bool> =
            declared.iter().map(|ty| matches!(ty, CompositeInnerType::Func(_))).collect();
        let hierarchy = |ty| hierarchy(ty, |index| is_function.get(index as usize).copied().unwrap_or(false));
        for (id, ty) in ids.iter().zip(&declared) {
            let shape = numbers.get(id).map(|&(number, last)| shape(ty, (number, last), hierarchy));
            objects.shapes.push(shape);
        }
        Ok(objects)
    }

    /// The type of objects at this index.
    pub(crate) fn shape(&self, ty: u32) -> Option<&Shape> {
        self.shapes.get(ty as usize).and_then(Option::as_ref)
    }

    /// How the elements of arrays are kept whose type has this number.
    pub(crate) fn element_of(&self, number: u32) -> Option<Storage> {
        let is_array = number > self.structures;
        let mut shapes = self.shapes.iter().flatten();
        shapes.find(|shape| is_array && shape.number == number).map(Shape::element)
    }

    /// Whether there is any.
    pub(crate) fn are_there(&self) -> bool {
        self.structures + self.arrays > 0
    }

    /// Whether what refers to the host refers as what refers to objects.
    pub(crate) fn are_alike(&self) -> bool {
        self.are_there() || self.are_converted
    }

    /// Those of a module that declares no types of them.
    pub(crate) fn without_types(core: Core<'_>) -> Self {
        let bodies = core.payloads().map_while(Result::ok).filter_map(|payload| match payload {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        let (mut are_converted, mut are_cast) = (false, false);
        for operator in bodies.into_iter().flat_map(|body| casts(&body)) {
            match operator {
                Operator::AnyConvertExtern | Operator::ExternConvertAny => are_converted = true,
                _ => are_cast = true,
            }
        }
        let read = (are_cast || has_subtypes(core)).then(|| Self::read(core).unwrap_or_default());
        Self { are_converted, ..read.unwrap_or_default() }
    }

    /// The number of a type of functions; 0 is that of none.
    pub(crate) fn function(&self, ty: u32) -> u32 {
        self.functions.get(ty as usize).copied().flatten().map_or(0, |(number, _)| number)
    }

    /// Whether a field or an element refers to a function.
    pub(crate) fn have_functions(&self) -> bool {
        self.shapes.iter().flatten().any(|shape| shape.aside() > 0)
    }

    /// Whether references of this type are to objects.
    pub(crate) fn refer(&self, ty: wasmparser::RefType) -> bool {
        self.hierarchy(ty.heap_type()) == Hierarchy::Object
    }

    /// To what references of this type refer.
    pub(crate) fn hierarchy(&self, ty: HeapType) -> Hierarchy {
        match hierarchy(ty, |index| self.shape(index).is_none()) {
            Hierarchy::Host if self.are_alike() => Hierarchy::Object,
            hierarchy => hierarchy,
        }
    }

    /// What of its hierarchy a reference of this type is.
    pub(crate) fn takes(&self, ty: HeapType) -> Takes {
        use AbstractHeapType as A;
        match ty {
            HeapType::Abstract { ty, .. } => match ty {
                A::Func | A::Extern | A::Exn | A::Any => Takes::All,
                A::Eq => Takes::Comparable,
                A::I31 => Takes::I31,
                A::Struct => Takes::Numbers(1, self.structures),
                A::Array => Takes::Numbers(1 + self.structures, self.structures + self.arrays),
                _ => Takes::Nothing,
            },
            HeapType::Concrete(UnpackedIndex::Module(index)) => match self.shape(index) {
                Some(shape) => Takes::Numbers(shape.number, shape.last),
                None => match self.functions.get(index as usize) {
                    Some(&Some((first, last))) => Takes::Functions(first, last),
                    _ => Takes::Unknown,
                },
            },
            _ => Takes::Unknown,
        }
    }
}

/// Whether types are declared as only modules that the engine refuses declare them.
fn has_subtypes(core: Core<'_>) -> bool {
    let sections = core.payloads().map_while(Result::ok).filter_map(|payload| match payload {
        Payload::TypeSection(groups) => Some(groups),
        _ => None,
    });
    let mut groups = sections.flatten().map_while(Result::ok);
    groups.any(|group| {
        let is_plain = |ty: &wasmparser::SubType| ty.is_final && ty.supertype_idxs.is_empty();
        group.is_explicit_rec_group() || !group.types().all(is_plain)
    })
}

/// The operators of a body that cast or convert references. Few bodies have the bytes of one.
fn casts<'b>(body: &FunctionBody<'b>) -> impl Iterator<Item = Operator<'b>> + use<'b> {
    let is_prefix = |pair: &[u8]| pair[0] == 0xfb && matches!(pair[1] & 0x7f, 0x14..=0x1b);
    let may = body.as_bytes().windows(2).any(is_prefix);
    let operators = body.get_operators_reader().ok().filter(|_| may);
    let operators = operators.into_iter().flatten().map_while(Result::ok);
    operators.filter(|operator| {
        let is_converted = matches!(operator, Operator::AnyConvertExtern | Operator::ExternConvertAny);
        is_converted || cast_to(operator).is_some()
    })
}

/// The type that an operator casts to or asks for.
pub(crate) fn cast_to(operator: &Operator<'_>) -> Option<HeapType> {
    use Operator as O;
    match *operator {
        O::RefTestNonNull { hty }
        | O::RefTestNullable { hty }
        | O::RefCastNonNull { hty }
        | O::RefCastNullable { hty } => Some(hty),
        O::BrOnCast { to_ref_type, .. } | O::BrOnCastFail { to_ref_type, .. } => {
            Some(to_ref_type.heap_type())
        }
        _ => None,
    }
}

/// Gives numbers to a type and all below it: its own, and the last one of theirs.
fn number(root: CoreTypeId, nodes: &HashMap<CoreTypeId, Node>, numbers: &mut Numbers) {
    let first = numbers.len() as u32 + 1;
    numbers.insert(root, (first, first));
    let mut open = vec![(root, 0)];
    while let Some((id, position)) = open.last_mut() {
        let below = nodes.get(id).and_then(|node| node.below.get(*position)).copied();
        *position += 1;
        match below {
            Some(below) => {
                let first = numbers.len() as u32 + 1;
                numbers.insert(below, (first, first));
                open.push((below, 0));
            }
            None => {
                let last = numbers.len() as u32;
                if let Some((_, of)) = numbers.get_mut(id) {
                    *of = last;
                }
                open.pop();
            }
        }
    }
}

/// Where the fields of a type lie.
fn shape(
    ty: &CompositeInnerType,
    (number, last): (u32, u32),
    hierarchy: impl Fn(HeapType) -> Hierarchy,
) -> Shape {
    let fields = match ty {
        CompositeInnerType::Struct(ty) => &ty.fields[..],
        CompositeInnerType::Array(ty) => std::slice::from_ref(&ty.0),
        _ => &[][..],
    };
    let mut offset = HEADER;
    let place = |field: &wasmparser::FieldType| {
        let storage = storage(field.element_type, &hierarchy);
        let place = Field { storage, offset };
        offset += storage.size();
        place
    };
    let fields = fields.iter().map(place).collect();
    Shape { number, last, fields, size: offset.next_multiple_of(8) }
}

fn storage(ty: StorageType, hierarchy: impl Fn(HeapType) -> Hierarchy) -> Storage {
    match ty {
        StorageType::I8 => Storage::I8,
        StorageType::I16 => Storage::I16,
        StorageType::Val(ValType::I32) => Storage::I32,
        StorageType::Val(ValType::I64) => Storage::I64,
        StorageType::Val(ValType::F32) => Storage::F32,
        StorageType::Val(ValType::F64) => Storage::F64,
        StorageType::Val(ValType::V128) => Storage::V128,
        StorageType::Val(ValType::Ref(ty)) => match hierarchy(ty.heap_type()) {
            Hierarchy::Function => Storage::Function,
            Hierarchy::Exception => Storage::Exception,
            Hierarchy::Host | Hierarchy::Object => Storage::Object,
        },
    }
}

fn hierarchy(ty: HeapType, is_function: impl Fn(u32) -> bool) -> Hierarchy {
    use AbstractHeapType as A;
    match ty {
        HeapType::Abstract { ty, .. } => match ty {
            A::Func | A::NoFunc => Hierarchy::Function,
            A::Exn | A::NoExn => Hierarchy::Exception,
            A::Any | A::Eq | A::I31 | A::Struct | A::Array | A::None => Hierarchy::Object,
            _ => Hierarchy::Host,
        },
        HeapType::Concrete(UnpackedIndex::Module(index)) | HeapType::Exact(UnpackedIndex::Module(index))
            if is_function(index) =>
        {
            Hierarchy::Function
        }
        _ => Hierarchy::Object,
    }
}
