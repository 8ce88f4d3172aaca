//! Operators on objects, which lie in a memory as the lowered module has them (`module::objects`): at the
//! same addresses, so that references are the same numbers. What does not fit is a trap, and where the engine
//! had no room the recording says so.

mod bytes;

use std::sync::Arc;

use crate::{
    module::{
        limits::{OBJECT_PAGES, OBJECT_REFERENCES},
        objects::{Field, HEADER, LENGTH, MISSING, STEP, Shape, Storage, TOP, array_size},
    },
    trace::{End, Record, Trap},
};

use self::bytes::{address, bytes_of, from_bytes, start, to_bytes, whole};
use super::super::{
    code::{Act, Heap, Instr, ObjectSite, Ty},
    error::ValuesErrorKind,
    layout::Layout,
    limits::MAX_TOLD_ELEMENTS,
    machine::{Machine, Result, too_deep},
    store::NONE,
    visitor::Visitor,
};

impl From<Storage> for Ty {
    fn from(storage: Storage) -> Self {
        match storage {
            Storage::I8 | Storage::I16 | Storage::I32 => Self::I32,
            Storage::I64 => Self::I64,
            Storage::F32 => Self::F32,
            Storage::F64 => Self::F64,
            Storage::V128 | Storage::Exception => Self::V128,
            Storage::Object => Self::Any,
            Storage::Function => Self::Func,
        }
    }
}

/// Why an operator did not act.
enum Failed {
    Trap(Trap),
    Other(ValuesErrorKind),
}

impl From<ValuesErrorKind> for Failed {
    fn from(kind: ValuesErrorKind) -> Self {
        Self::Other(kind)
    }
}

type Done<T> = std::result::Result<T, Failed>;

/// What an operator read and wrote in the memory of objects: where, how much, and the slot of a value that it
/// is.
#[derive(Default)]
struct Moves {
    reads: Vec<(u64, u64)>,
    writes: Vec<(u64, u64)>,
    /// Slots whose values were written, and where.
    stored: Vec<(u32, u64, u64)>,
    /// A value that was read goes to the slot of the result.
    loaded: Option<(u64, u64)>,
}

/// Fails unless a reference is to an object.
fn some(reference: u64, trap: Trap) -> Done<u64> {
    if reference == 0 { Err(Failed::Trap(trap)) } else { Ok(reference) }
}

/// Fails unless so many elements are there from an index on.
fn within(index: u64, count: u64, len: u64) -> Done<()> {
    let fits = index.checked_add(count).is_some_and(|end| end <= len);
    if fits { Ok(()) } else { Err(Failed::Trap(Trap::OutOfBoundsArrayAccess)) }
}

/// An element of an array as a field.
fn element(array: u64, index: u64, storage: Storage) -> (u64, Field) {
    (address(array, index, storage), Field { storage, offset: HEADER })
}

impl Machine<'_> {
    /// Does an operator on objects; whether Wasm is left.
    pub(super) fn object(&mut self, instr: Instr, visitor: &mut impl Visitor) -> Result<bool> {
        let frame = *self.frames.last().ok_or_else(too_deep)?;
        let body = self.store.funcs[frame.func as usize].body.as_ref();
        let site = body.and_then(|body| body.objects.get(instr.c as usize)).copied();
        let site = site.ok_or(ValuesErrorKind::Effects("unknown code"))?;
        self.take_memory(NONE);
        let operands: Vec<u64> = (0..site.operands).map(|place| self.here(instr.b + place)).collect();
        if let Some(trap) = self.is_refused(&operands) {
            return self.fails(visitor, instr, &operands, trap);
        }
        let mut moves = Moves::default();
        let done = self.acts(site, instr, &operands, &mut moves);
        let memory = site.heap.memory;
        for (at, len) in std::mem::take(&mut moves.reads) {
            self.access(visitor, memory, at, len, false);
        }
        if let Some((at, len)) = whole(&moves.writes) {
            self.access(visitor, memory, at, len, true);
            self.written(visitor, memory, at, len);
        }
        for (slot, at, len) in std::mem::take(&mut moves.stored) {
            visitor.stores(slot, memory, at, len);
        }
        let value = match done {
            Ok(value) => value,
            Err(Failed::Trap(trap)) => return self.fails(visitor, instr, &operands, trap),
            Err(Failed::Other(kind)) => return Err(kind),
        };
        for place in 0..site.results {
            self.set(instr.a + place, value[place as usize]);
        }
        self.told(visitor, instr, &operands, &value[..site.results as usize], 1);
        if let Some((at, len)) = moves.loaded {
            visitor.loads(instr.a, memory, at, len);
        }
        Ok(false)
    }

    fn acts(
        &mut self,
        site: ObjectSite,
        instr: Instr,
        operands: &[u64],
        moves: &mut Moves,
    ) -> Done<[u64; 2]> {
        let heap = site.heap;
        let of = |place: usize| operands.get(place).copied().unwrap_or(0);
        Ok(match site.act {
            Act::StructNew { ty } => self.new_structure(heap, ty, Some(instr.b), moves)?,
            Act::StructNewDefault { ty } => self.new_structure(heap, ty, None, moves)?,
            Act::StructGet { field, is_signed } => {
                let object = some(of(0), Trap::NullStructure)?;
                self.get_field(heap, (object, field), is_signed, moves)?
            }
            Act::StructSet { field } => {
                let object = some(of(0), Trap::NullStructure)?;
                self.set_field(heap, (object, field), instr.b + 1, moves)?;
                [0; 2]
            }
            Act::NewI31 => [u64::from((of(0) as u32) << 1 | 1), 0],
            Act::GetI31 { is_signed } => {
                let number = some(of(0), Trap::NullI31)? as u32;
                [u64::from(if is_signed { (number as i32 >> 1) as u32 } else { number >> 1 }), 0]
            }
            Act::Equals => [u64::from(of(0) as u32 == of(1) as u32), 0],
            Act::Test { asks } => {
                let is_null = operands.iter().all(|&slot| slot == 0);
                [u64::from(self.holds(asks, of(0), is_null, heap.memory)), 0]
            }
            Act::Cast { asks } => {
                let is_null = operands.iter().all(|&slot| slot == 0);
                if !self.holds(asks, of(0), is_null, heap.memory) {
                    return Err(Failed::Trap(Trap::CastFailure));
                }
                [of(0), of(1)]
            }
            Act::Convert { all: false } if of(0) != 0 => return Err(Failed::Trap(Trap::Unsupported)),
            Act::Convert { .. } => [of(0), 0],
            act => self.acts_on_array(act, heap, instr.b, operands, moves)?,
        })
    }

    fn acts_on_array(
        &mut self,
        act: Act,
        heap: Heap,
        first: u32,
        operands: &[u64],
        moves: &mut Moves,
    ) -> Done<[u64; 2]> {
        let of = |place: usize| operands.get(place).copied().unwrap_or(0);
        let last = operands.len().saturating_sub(1);
        match act {
            Act::ArrayNew { ty } => return self.new_array(heap, ty, of(last), Some(first), moves),
            Act::ArrayNewDefault { ty } => return self.new_array(heap, ty, of(0), None, moves),
            Act::ArrayNewFixed { ty, count } => return self.new_fixed(heap, ty, count, first, moves),
            Act::ArrayNewData { ty, segment, most } => {
                if of(1) > u64::from(most) {
                    return Err(Failed::Trap(Trap::OutOfBoundsMemoryAccess));
                }
                let array = self.new_array(heap, ty, of(1), None, moves)?;
                let storage = self.shape(ty)?.1.element();
                let at = array[0] + u64::from(HEADER);
                self.init_data(heap, segment, (at, of(0), of(1)), storage, moves)?;
                return Ok(array);
            }
            Act::ArrayNewElem { ty, element, most } => {
                if of(1) > u64::from(most) {
                    return Err(Failed::Trap(Trap::OutOfBoundsTableAccess));
                }
                let array = self.new_array(heap, ty, of(1), None, moves)?;
                let storage = self.shape(ty)?.1.element();
                self.init_elements(heap, element, (array[0], 0, of(0), of(1)), storage, moves)?;
                return Ok(array);
            }
            Act::ArrayLen => {
                let array = some(of(0), Trap::NullArray)?;
                moves.reads.push((array + u64::from(LENGTH), 4));
                return Ok([self.length(heap, array)?, 0]);
            }
            Act::ArrayGet { storage, is_signed } => {
                let array = some(of(0), Trap::NullArray)?;
                within(of(1), 1, self.length(heap, array)?)?;
                if storage.is_kept_aside() {
                    return Ok([*self.kept_element(heap, (array, of(1)))?, 0]);
                }
                return self.get_field(heap, element(array, of(1), storage), is_signed, moves);
            }
            Act::ArraySet { storage } => {
                let array = some(of(0), Trap::NullArray)?;
                within(of(1), 1, self.length(heap, array)?)?;
                match storage.is_kept_aside() {
                    true => *self.kept_element(heap, (array, of(1)))? = of(2),
                    false => self.set_field(heap, element(array, of(1), storage), first + 2, moves)?,
                }
            }
            Act::ArrayFill { storage } => {
                let array = some(of(0), Trap::NullArray)?;
                within(of(1), of(last), self.length(heap, array)?)?;
                self.fill_array(heap, (array, of(1), of(last)), storage, first + 2, moves)?;
            }
            Act::ArrayCopy { storage } => {
                let (to, from) = (some(of(0), Trap::NullArray)?, some(of(2), Trap::NullArray)?);
                within(of(1), of(4), self.length(heap, to)?)?;
                within(of(3), of(4), self.length(heap, from)?)?;
                self.copy(heap, (to, of(1)), (from, of(3)), of(4), storage, moves)?;
            }
            Act::ArrayInitData { storage, segment } => {
                let array = some(of(0), Trap::NullArray)?;
                within(of(1), of(3), self.length(heap, array)?)?;
                let at = start(array, of(1), storage);
                self.init_data(heap, segment, (at, of(2), of(3)), storage, moves)?;
            }
            Act::ArrayInitElem { storage, element } => {
                let array = some(of(0), Trap::NullArray)?;
                within(of(1), of(3), self.length(heap, array)?)?;
                self.init_elements(heap, element, (array, of(1), of(2), of(3)), storage, moves)?;
            }
            _ => return Err(ValuesErrorKind::Effects("unknown code").into()),
        }
        Ok([0; 2])
    }

    // Types, bytes and tables.

    fn shape(&self, ty: u32) -> Result<(Arc<Layout>, Shape)> {
        let layout = Arc::clone(self.layout_of_frame()?);
        let shape = layout.objects.shape(ty).cloned();
        shape.map(|shape| (layout, shape)).ok_or(ValuesErrorKind::Effects("no such type"))
    }

    fn bytes(&mut self, heap: Heap, at: u64, len: u64) -> Done<&mut [u8]> {
        let bytes = &mut self.store.memory(heap.memory)?.bytes;
        let end = at.checked_add(len).and_then(|end| usize::try_from(end).ok());
        let range = end.and_then(|end| bytes.get_mut(at as usize..end));
        range.ok_or(Failed::Trap(Trap::OutOfBoundsMemoryAccess))
    }

    fn word(&mut self, heap: Heap, at: u64) -> Done<u32> {
        let bytes = self.bytes(heap, at, 4)?;
        Ok(bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn put_word(&mut self, heap: Heap, at: u64, value: u32) -> Done<()> {
        self.bytes(heap, at, 4)?.copy_from_slice(&value.to_le_bytes());
        Ok(())
    }

    fn length(&mut self, heap: Heap, array: u64) -> Done<u64> {
        self.word(heap, array + u64::from(LENGTH)).map(u64::from)
    }

    fn functions(&mut self, heap: Heap) -> Done<&mut Vec<u64>> {
        let table = self.store.tables.get_mut(heap.functions as usize);
        Ok(&mut table.ok_or(ValuesErrorKind::Effects("no such table"))?.elements)
    }

    /// Whether the recording says that there was no room here.
    fn had_no_room(&self) -> bool {
        self.ended_here() == Some(Trap::ObjectsLimited)
    }

    /// Why an operator with these operands does nothing, as the recording says: no more memory may be
    /// touched, or an object is missing that the module began with.
    pub(super) fn is_refused(&self, operands: &[u64]) -> Option<Trap> {
        let is_missing = || operands.contains(&MISSING.into());
        self.ended_here().filter(|trap| match trap {
            Trap::GrowthLimited => true,
            Trap::ObjectsLimited => is_missing(),
            _ => false,
        })
    }

    /// The trap that the invocation ends with here.
    fn ended_here(&self) -> Option<Trap> {
        match self.check.records.peek() {
            Some(Record::End(End::Trapped { code, at }))
                if at.bits == self.check.decisions.position()
                    && at.calls == self.check.calls()
                    && at.site == self.offset_here() =>
            {
                Some(*code)
            }
            _ => None,
        }
    }

    /// Makes room for an object of a type.
    fn make(&mut self, heap: Heap, shape: &Shape, size: u64) -> Done<u64> {
        let object = u64::from(self.word(heap, TOP.into())?);
        let end = u64::from((object + size) as u32);
        let have = self.store.memory(heap.memory)?.pages();
        if end > have << 16 {
            let step = 1 << STEP;
            let pages = end.div_ceil(1 << 16).next_multiple_of(step);
            if pages > OBJECT_PAGES || self.had_no_room() {
                return Err(Failed::Trap(Trap::ObjectsLimited));
            }
            self.store.grow_memory(heap.memory, pages - have)?;
        }
        self.put_word(heap, TOP.into(), end as u32)?;
        self.put_word(heap, object, shape.number)?;
        Ok(object)
    }

    /// Makes elements of the table of functions.
    fn make_aside(&mut self, heap: Heap, count: u64, value: u64) -> Done<u32> {
        let first = self.functions(heap)?.len();
        if first as u64 + count > OBJECT_REFERENCES || self.had_no_room() {
            return Err(Failed::Trap(Trap::ObjectsLimited));
        }
        self.store.check_elements(count)?;
        let elements = self.functions(heap)?;
        elements.resize(first + count as usize, value);
        Ok(first as u32)
    }

    /// The value in a slot of the frame, which may take two.
    fn value(&self, storage: Storage, slot: u32) -> [u64; 2] {
        let is_wide = Ty::from(storage) == Ty::V128;
        [self.here(slot), if is_wide { self.here(slot + 1) } else { 0 }]
    }

    // Structures.

    fn new_structure(
        &mut self,
        heap: Heap,
        ty: u32,
        first: Option<u32>,
        moves: &mut Moves,
    ) -> Done<[u64; 2]> {
        let (_layout, shape) = self.shape(ty)?;
        let object = self.make(heap, &shape, shape.size.into())?;
        moves.writes.push((object, shape.size.into()));
        let count = shape.aside();
        let mut next = if count > 0 { self.make_aside(heap, count.into(), 0)? } else { 0 };
        let mut slot = first.unwrap_or(0);
        for field in &shape.fields {
            let at = object + u64::from(field.offset);
            if field.storage.is_kept_aside() {
                self.put_word(heap, at, next)?;
                next += 1;
            }
            if first.is_some() {
                self.set_field(heap, (object, *field), slot, moves)?;
                slot += Ty::from(field.storage).slots();
            }
        }
        Ok([object, 0])
    }

    fn get_field(
        &mut self,
        heap: Heap,
        (object, field): (u64, Field),
        is_signed: bool,
        moves: &mut Moves,
    ) -> Done<[u64; 2]> {
        let (at, len) = (object + u64::from(field.offset), u64::from(field.storage.size()));
        moves.reads.push((at, len));
        if field.storage.is_kept_aside() {
            let place = self.word(heap, at)?;
            let element = self.functions(heap)?.get(place as usize).copied();
            return element.map(|element| [element, 0]).ok_or(Failed::Trap(Trap::OutOfBoundsTableAccess));
        }
        moves.loaded = Some((at, len));
        Ok(from_bytes(self.bytes(heap, at, len)?, field.storage, is_signed))
    }

    fn set_field(
        &mut self,
        heap: Heap,
        (object, field): (u64, Field),
        slot: u32,
        moves: &mut Moves,
    ) -> Done<()> {
        let (at, len) = (object + u64::from(field.offset), u64::from(field.storage.size()));
        let value = self.value(field.storage, slot);
        if field.storage.is_kept_aside() {
            let place = self.word(heap, at)?;
            let element = self.functions(heap)?.get_mut(place as usize);
            *element.ok_or(Failed::Trap(Trap::OutOfBoundsTableAccess))? = value[0];
            return Ok(());
        }
        self.bytes(heap, at, len)?.copy_from_slice(&to_bytes(value)[..len as usize]);
        moves.writes.push((at, len));
        moves.stored.push((slot, at, len));
        Ok(())
    }

    // Arrays.

    /// The element of a table that one of an array is.
    fn place(&mut self, heap: Heap, array: u64, index: u64) -> Done<u64> {
        let first = self.word(heap, array + u64::from(HEADER))?;
        Ok(u64::from(first.wrapping_add(index as u32)))
    }

    /// An element that is in a table.
    fn kept_element(&mut self, heap: Heap, (array, index): (u64, u64)) -> Done<&mut u64> {
        let place = self.place(heap, array, index)?;
        let element = self.functions(heap)?.get_mut(place as usize);
        element.ok_or(Failed::Trap(Trap::OutOfBoundsTableAccess))
    }

    fn new_array(
        &mut self,
        heap: Heap,
        ty: u32,
        len: u64,
        first: Option<u32>,
        moves: &mut Moves,
    ) -> Done<[u64; 2]> {
        let (_layout, shape) = self.shape(ty)?;
        let storage = shape.element();
        let most = (OBJECT_PAGES << 16) / u64::from(storage.size());
        if !storage.is_kept_aside() && len > most {
            return Err(Failed::Trap(Trap::ObjectsLimited));
        }
        let array = self.make(heap, &shape, array_size(storage, len as u32))?;
        self.put_word(heap, array + u64::from(LENGTH), len as u32)?;
        moves.writes.push((array, u64::from(HEADER)));
        if storage.is_kept_aside() {
            let value = first.map_or(0, |slot| self.here(slot));
            let place = self.make_aside(heap, len, value)?;
            self.put_word(heap, array + u64::from(HEADER), place)?;
        } else if let Some(slot) = first {
            self.fill_array(heap, (array, 0, len), storage, slot, moves)?;
        }
        Ok([array, 0])
    }

    fn new_fixed(
        &mut self,
        heap: Heap,
        ty: u32,
        count: u32,
        first: u32,
        moves: &mut Moves,
    ) -> Done<[u64; 2]> {
        let array = self.new_array(heap, ty, count.into(), None, moves)?;
        let storage = self.shape(ty)?.1.element();
        let width = Ty::from(storage).slots();
        for index in 0..count {
            let slot = first + index * width;
            if storage.is_kept_aside() {
                let place = self.word(heap, array[0] + u64::from(HEADER))? + index;
                let value = self.here(slot);
                if let Some(element) = self.functions(heap)?.get_mut(place as usize) {
                    *element = value;
                }
            } else {
                let offset = HEADER + index * storage.size();
                self.set_field(heap, (array[0], Field { storage, offset }), slot, moves)?;
            }
        }
        Ok(array)
    }

    fn fill_array(
        &mut self,
        heap: Heap,
        (array, index, len): (u64, u64, u64),
        storage: Storage,
        slot: u32,
        moves: &mut Moves,
    ) -> Done<()> {
        let value = self.value(storage, slot);
        if storage.is_kept_aside() {
            let first = self.place(heap, array, index)?;
            let elements = self.functions(heap)?;
            let range = elements.get_mut(first as usize..(first + len) as usize);
            range.ok_or(Failed::Trap(Trap::OutOfBoundsTableAccess))?.fill(value[0]);
            return Ok(());
        }
        let size = u64::from(storage.size());
        let (at, mut all) = (start(array, index, storage), bytes_of(len, storage));
        if len > 0 && storage != Storage::I8 {
            // The first element is written whatever is left then.
            all = all.max(size);
        }
        let bytes = to_bytes(value);
        for element in self.bytes(heap, at, all)?.chunks_exact_mut(size as usize) {
            element.copy_from_slice(&bytes[..size as usize]);
        }
        moves.writes.push((at, all));
        let told = (0..(all / size).min(MAX_TOLD_ELEMENTS)).map(|place| (slot, at + place * size, size));
        moves.stored.extend(told);
        Ok(())
    }

    fn copy(
        &mut self,
        heap: Heap,
        (to, to_index): (u64, u64),
        (from, from_index): (u64, u64),
        len: u64,
        storage: Storage,
        moves: &mut Moves,
    ) -> Done<()> {
        if storage.is_kept_aside() {
            let target = self.place(heap, to, to_index)?;
            let source = self.place(heap, from, from_index)?;
            let elements = self.functions(heap)?;
            if target.max(source) + len > elements.len() as u64 {
                return Err(Failed::Trap(Trap::OutOfBoundsTableAccess));
            }
            elements.copy_within(source as usize..(source + len) as usize, target as usize);
            return Ok(());
        }
        let (target, source) = (start(to, to_index, storage), start(from, from_index, storage));
        let len = bytes_of(len, storage);
        self.bytes(heap, source, len)?;
        self.bytes(heap, target, len)?;
        let bytes = &mut self.store.memory(heap.memory)?.bytes;
        bytes.copy_within(source as usize..(source + len) as usize, target as usize);
        moves.reads.push((source, len));
        moves.writes.push((target, len));
        Ok(())
    }

    fn init_data(
        &mut self,
        heap: Heap,
        segment: u32,
        (at, from, count): (u64, u64, u64),
        storage: Storage,
        moves: &mut Moves,
    ) -> Done<()> {
        let len = bytes_of(count, storage);
        let data = Instr::data(segment, heap.memory);
        let done = self.memory_init(data, [at, from, len]);
        done.ok_or(Failed::Trap(Trap::OutOfBoundsMemoryAccess))?;
        moves.writes.push((at, len));
        Ok(())
    }

    fn init_elements(
        &mut self,
        heap: Heap,
        element: u32,
        (array, index, from, count): (u64, u64, u64, u64),
        storage: Storage,
        moves: &mut Moves,
    ) -> Done<()> {
        if !storage.is_kept_aside() {
            let items = self.store.elements.get(element as usize);
            let end = from.checked_add(count).and_then(|end| usize::try_from(end).ok());
            let items = items.and_then(|items| items.get(from as usize..end?));
            let items = items.ok_or(Failed::Trap(Trap::OutOfBoundsTableAccess))?;
            let bytes: Vec<u8> = items.iter().flat_map(|&object| (object as u32).to_le_bytes()).collect();
            let at = start(array, index, storage);
            self.bytes(heap, at, bytes.len() as u64)?.copy_from_slice(&bytes);
            moves.writes.push((at, bytes.len() as u64));
            return Ok(());
        }
        let first = self.place(heap, array, index)?;
        let done = self.table_init(Instr::data(element, heap.functions), [first, from, count]);
        done.ok_or(Failed::Trap(Trap::OutOfBoundsTableAccess))
    }
}
