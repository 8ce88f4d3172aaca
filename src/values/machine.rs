//! The machine: what is outside of Wasm. It follows the records, does what the host did, and begins and ends
//! invocations; between them `run` executes the code.
//!
//! Frames are plain data, and nothing here recurses: an execution nested in a host call is an invocation on
//! the same stack.

use std::sync::Arc;

use crate::{
    module::{CodeOffset, FuncIndex},
    trace::{
        End, FuncKey, InstanceIndex, Record, Trace, TracePosition, Trap,
        effects::{Effect, Effects, Imported, UNKNOWN_FUNC, Val},
    },
};

use super::check::Check;
use super::code::{Code, Instr, Ty};
use super::error::{Inner, ValuesError, ValuesErrorKind};
use super::layout::{Import, Layout};
use super::limits::{MAX_FRAMES, MAX_SLOTS};
use super::store::{Data, NONE, Store};
use super::translate::{Linked, translate};
use super::visitor::Visitor;

pub(super) type Result<T, E = ValuesErrorKind> = std::result::Result<T, E>;

/// A frame: which function, where it goes on, and its first slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) func: u32,
    pub(super) pc: usize,
    pub(super) fp: usize,
}

#[derive(Debug)]
pub(super) struct Invocation {
    func: u32,
    /// Where it is cut short.
    pub(super) place: Option<TracePosition>,
    /// Frames below its own.
    pub(super) base: usize,
    /// In a host call: its function, and the slot of its arguments and results.
    host: Option<(u32, usize)>,
}

/// The instruction before which the run may be cut short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planted {
    pub(super) func: u32,
    pub(super) pc: usize,
    pub(super) saved: Instr,
    /// Position of the operator among those that the instruction covers.
    pub(super) position: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Outside,
    Wasm,
    Done,
}

/// Totals of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Executed instructions.
    pub instructions: u64,
    /// Records followed.
    pub records: u64,
}

/// A run with its values.
#[derive(Debug)]
pub struct Machine<'t> {
    pub(super) trace: &'t Trace,
    effects: &'t Effects,
    cursor: usize,
    pub(super) layouts: Vec<Option<Arc<Layout>>>,
    made: usize,
    pub(super) store: Store,
    pub(super) check: Check<'t>,
    pub(super) frames: Vec<Frame>,
    pub(super) stack: Vec<u64>,
    pub(super) invocations: Vec<Invocation>,
    pub(super) count: u64,
    /// The bytes of memory `near_of`, taken out of the store while they are used.
    pub(super) near: Vec<u8>,
    pub(super) near_of: u32,
    pub(super) planted: Option<Planted>,
    pub(super) state: State,
}

#[derive(Debug, Default)]
struct Crossing<'t> {
    arguments: Option<&'t [Val]>,
    results: Option<&'t [Val]>,
}

impl<'t> Machine<'t> {
    /// Prepares to run `trace` again with its values.
    ///
    /// # Errors
    /// When it does not hold what the host did.
    pub fn new(trace: &'t Trace) -> Result<Self, ValuesError> {
        let at_begin = |kind| {
            let inner = Inner { kind, instructions: 0, record: 0, site: None };
            ValuesError { inner: Box::new(inner) }
        };
        let effects = trace.effects.as_deref().ok_or_else(|| at_begin(ValuesErrorKind::NoEffects))?;
        let mut store = Store::default();
        for &key in trace.hosts.keys() {
            store.new_func(key, None, None, NONE).map_err(at_begin)?;
        }
        Ok(Self {
            trace,
            effects,
            cursor: 0,
            layouts: vec![None; trace.modules.len()],
            made: 0,
            store,
            check: Check::new(trace).map_err(at_begin)?,
            frames: Vec::new(),
            stack: Vec::new(),
            invocations: Vec::new(),
            count: 0,
            near: Vec::new(),
            near_of: NONE,
            planted: None,
            state: State::Outside,
        })
    }

    /// Runs to the end of the trace, telling `visitor`.
    ///
    /// # Errors
    /// When a computed value disagrees with the recording, or what the host did is not known further, or a
    /// limit is reached. The visitor has seen everything before that.
    pub fn run(&mut self, visitor: &mut impl Visitor) -> Result<Totals, ValuesError> {
        loop {
            let done = match self.state {
                State::Done => {
                    let records = self.check.records.position;
                    return Ok(Totals { instructions: self.count, records });
                }
                State::Outside => self.outside(visitor),
                State::Wasm => self.wasm(visitor),
            };
            done.map_err(|kind| self.error(kind))?;
        }
    }

    #[cold]
    fn error(&self, kind: ValuesErrorKind) -> ValuesError {
        let site = self.frames.last().filter(|_| self.state == State::Wasm).and_then(|frame| {
            let func = self.store.funcs.get(frame.func as usize)?;
            let body = func.body.as_ref()?;
            let cover = body.covers.get(frame.pc)?;
            let op = cover.first as usize + usize::from(cover.before);
            let op = body.ops.get(op).or(body.ops.last())?;
            Some((FuncIndex(func.defined?.1), CodeOffset(op.offset)))
        });
        let inner = Inner { kind, instructions: self.count, record: self.check.records.position, site };
        ValuesError { inner: Box::new(inner) }
    }

    /// The bytes of a memory at this moment.
    pub fn memory(&self, memory: u32) -> Option<&[u8]> {
        match memory == self.near_of && memory != NONE {
            true => Some(&self.near),
            false => self.store.memories.get(memory as usize).map(|memory| &memory.bytes[..]),
        }
    }

    /// The slots of a global at this moment: its value, and the upper half of a `v128`.
    pub fn global(&self, global: u32) -> Option<[u64; 2]> {
        self.store.globals.get(global as usize).copied()
    }

    /// Number of memories, tables and globals made so far.
    pub fn objects(&self) -> (usize, usize, usize) {
        (self.store.memories.len(), self.store.tables.len(), self.store.globals.len())
    }

    /// The number of memory `index` of an instance.
    pub fn memory_of(&self, instance: InstanceIndex, index: u32) -> Option<u32> {
        self.store.linked.get(instance.0 as usize)?.memories.get(index as usize).copied()
    }

    /// The number of global `index` of an instance.
    pub fn global_of(&self, instance: InstanceIndex, index: u32) -> Option<u32> {
        self.store.linked.get(instance.0 as usize)?.globals.get(index as usize).copied()
    }

    /// Puts the memory that was taken out back, and takes out another.
    pub(super) fn take_memory(&mut self, memory: u32) {
        if memory == self.near_of {
            return;
        }
        if let Some(old) = self.store.memories.get_mut(self.near_of as usize) {
            old.bytes = std::mem::take(&mut self.near);
        }
        self.near_of = memory;
        self.near = match self.store.memories.get_mut(memory as usize) {
            Some(memory) => std::mem::take(&mut memory.bytes),
            None => Vec::new(),
        };
    }

    // What the host did.

    fn effects_before(&mut self, record: u64, visitor: &mut impl Visitor) -> Result<Crossing<'t>> {
        let mut crossing = Crossing::default();
        let effects = self.effects;
        while let Some((at, effect)) = effects.entries().get(self.cursor)
            && *at <= record
        {
            self.cursor += 1;
            match effect {
                Effect::Arguments(values) => crossing.arguments = Some(values),
                Effect::Results(values) => crossing.results = Some(values),
                effect => self.apply(effect, visitor)?,
            }
        }
        match self.effects.ends_at() {
            Some(end) if record >= end => Err(ValuesErrorKind::EffectsEnd),
            _ => Ok(crossing),
        }
    }

    fn apply(&mut self, effect: &Effect, visitor: &mut impl Visitor) -> Result<()> {
        self.take_memory(NONE);
        match effect {
            Effect::NewMemory(shape) => _ = self.store.new_memory(*shape)?,
            Effect::NewTable(shape) => _ = self.store.new_table(*shape, 0)?,
            Effect::NewGlobal(value) => {
                let (ty, slots) = self.lower(*value)?;
                self.store.new_global(ty, slots);
            }
            Effect::Instance(imports) => self.instantiate(imports, visitor)?,
            Effect::Write { memory, address, bytes } => {
                let target = self.store.memory(*memory)?;
                let start = usize::try_from(*address).unwrap_or(usize::MAX);
                let end = start.checked_add(bytes.len());
                let target = end.and_then(|end| target.bytes.get_mut(start..end));
                target
                    .ok_or(ValuesErrorKind::Effects("the host writes past the end of a memory"))?
                    .copy_from_slice(bytes);
                visitor.host_write(*memory, *address, bytes);
            }
            Effect::Grow { memory, pages } => {
                self.store.grow_memory(*memory, *pages)?;
                visitor.host_grow(*memory, *pages);
            }
            Effect::Arguments(_) | Effect::Results(_) => {}
        }
        Ok(())
    }

    fn lower(&self, value: Val) -> Result<(Ty, [u64; 2])> {
        Ok(match value {
            Val::I32(value) => (Ty::I32, [u64::from(value as u32), 0]),
            Val::I64(value) => (Ty::I64, [value as u64, 0]),
            Val::F32(bits) => (Ty::F32, [bits.into(), 0]),
            Val::F64(bits) => (Ty::F64, [bits, 0]),
            Val::V128(value) => (Ty::V128, [value as u64, (value >> 64) as u64]),
            Val::Func(None) => (Ty::Func, [0, 0]),
            Val::Func(Some(key)) => {
                let slot = self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
                (Ty::Func, [u64::from(*slot) + 1, 0])
            }
            Val::Extern(number) => (Ty::Extern, [number.map_or(0, |number| u64::from(number) + 1), 0]),
        })
    }

    /// Writes values that come from the host.
    fn put(&mut self, at: usize, values: &[Val], types: &[Ty]) -> Result<()> {
        if values.len() != types.len() {
            return Err(ValuesErrorKind::Effects("the number of values is not that of the type"));
        }
        let mut at = at;
        for (&value, &expected) in values.iter().zip(types) {
            let (ty, slots) = self.lower(value)?;
            if ty != expected {
                return Err(ValuesErrorKind::Effects("a value is not of the type"));
            }
            let len = ty.slots() as usize;
            self.reserve(at + len)?;
            self.stack[at..at + len].copy_from_slice(&slots[..len]);
            at += len;
        }
        Ok(())
    }

    /// Compares values on the stack with recorded ones.
    fn compare(&self, what: &'static str, at: usize, values: &[Val], types: &[Ty]) -> Result<()> {
        if values.len() != types.len() {
            return Err(ValuesErrorKind::Effects("the number of values is not that of the type"));
        }
        let mut at = at;
        for (index, (&value, &ty)) in values.iter().zip(types).enumerate() {
            let len = ty.slots() as usize;
            let slots = self.stack.get(at..at + len).unwrap_or_default();
            at += len;
            let is_same = match value {
                Val::Func(Some(UNKNOWN_FUNC)) | Val::Extern(Some(u32::MAX)) => slots.first() != Some(&0),
                value => {
                    let (value_ty, recorded) = self.lower(value)?;
                    value_ty == ty && (slots == &recorded[..len] || are_nans(ty, slots, recorded))
                }
            };
            if !is_same {
                let computed = slots.iter().rev().fold(0, |value, &slot| value << 64 | u128::from(slot));
                let recorded = format!("{value:x?}").into();
                return Err(ValuesErrorKind::Border { what, index, computed, recorded });
            }
        }
        Ok(())
    }

    /// Makes the next instance.
    fn instantiate(&mut self, imports: &[Imported], visitor: &mut impl Visitor) -> Result<()> {
        let bad = ValuesErrorKind::Effects;
        let index = self.made as u32;
        let trace = self.trace;
        let instance = trace.instances.get(self.made).ok_or(bad("more instances than the trace has"))?;
        self.made += 1;
        let module = trace.modules.get(instance.module).ok_or(bad("an instance of no module"))?;
        let layout = match &self.layouts[instance.module] {
            Some(layout) => Arc::clone(layout),
            None => {
                let layout = Layout::read(module.bytes())
                    .map_err(|error| ValuesErrorKind::Module(error.to_string().into()))?;
                Arc::clone(self.layouts[instance.module].insert(Arc::new(layout)))
            }
        };
        let linked = self.link(&layout, imports)?;
        let linked = self.define(&layout, linked, index, instance.first_key)?;
        let done = self.fill(&layout, &linked, instance.module, visitor);
        self.store.linked.push(linked);
        done
    }

    fn link(&mut self, layout: &Layout, imports: &[Imported]) -> Result<Linked> {
        let bad = || ValuesErrorKind::Effects("an import is not what the module asks for");
        let number = |ty: &Option<_>| ty.as_ref().map_or(u32::MAX, |ty| self.store.type_number(ty));
        let types = layout.types.iter().map(number).collect();
        let mut linked = Linked { types, ..Linked::default() };
        // The engine takes imports by kind; only within a kind is their order the module's.
        let mut left: Vec<&Imported> = imports.iter().rev().collect();
        for asked in &layout.imports {
            let position = left.iter().rposition(|given| asked.fits(given)).ok_or_else(bad)?;
            let given = *left.remove(position);
            self.link_one(layout, &mut linked, asked, given)?;
        }
        if left.is_empty() { Ok(linked) } else { Err(bad()) }
    }

    fn link_one(
        &mut self,
        layout: &Layout,
        linked: &mut Linked,
        asked: &Import,
        given: Imported,
    ) -> Result<()> {
        let bad = || ValuesErrorKind::Effects("an import is not what the module asks for");
        match (asked, given) {
            (Import::Func(ty), Imported::Func(key)) => {
                let slot = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
                let ty = *linked.types.get(*ty as usize).ok_or_else(bad)?;
                if *self.store.funcs[slot as usize].ty.get_or_insert(ty) != ty {
                    return Err(bad());
                }
                linked.funcs.push(slot);
            }
            (Import::Memory, Imported::Memory(memory)) => {
                let shape = layout.memories.get(linked.memories.len()).ok_or_else(bad)?;
                // Of an empty memory the host cannot tell the size of a page.
                self.store.memory(memory)?.page_log2 = shape.page_log2;
                linked.memories.push(memory);
            }
            (Import::Table, Imported::Table(table)) if (table as usize) < self.store.tables.len() => {
                linked.tables.push(table);
            }
            (Import::Global, Imported::Global(global))
                if self.store.global_types.get(global as usize)
                    == layout.globals.get(linked.globals.len()) =>
            {
                linked.globals.push(global);
            }
            _ => return Err(bad()),
        }
        Ok(())
    }

    /// Makes what the module defines.
    fn define(
        &mut self,
        layout: &Layout,
        mut linked: Linked,
        instance: u32,
        first: FuncKey,
    ) -> Result<Linked> {
        linked.first_element = self.store.elements.len() as u32;
        linked.first_segment = self.store.segments.len() as u32;
        for shape in &layout.memories[layout.imported_memories..] {
            linked.memories.push(self.store.new_memory(*shape)?);
        }
        let memory = linked.memories.first().copied().unwrap_or(NONE);
        for index in layout.imported_funcs..layout.funcs.len() as u32 {
            let key = first.0.checked_add(index - layout.imported_funcs);
            let key = FuncKey(key.ok_or(ValuesErrorKind::Effects("keys are too large"))?);
            let ty = layout.funcs.get(index as usize).and_then(|&ty| linked.types.get(ty as usize));
            let defined = Some((InstanceIndex(instance), index));
            linked.funcs.push(self.store.new_func(key, ty.copied(), defined, memory)?);
        }
        for global in &layout.defined_globals {
            let value = self.store.eval(&global.init, &linked)?;
            linked.globals.push(self.store.new_global(global.ty, value));
        }
        for table in &layout.defined_tables {
            let value = match &table.init {
                Some(init) => self.store.eval(init, &linked)?[0],
                None => 0,
            };
            linked.tables.push(self.store.new_table(table.shape, value)?);
        }
        Ok(linked)
    }

    /// Does what active segments do; one that does not fit ends the instantiation.
    fn fill(
        &mut self,
        layout: &Layout,
        linked: &Linked,
        module: usize,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let (first_element, first_segment) = (self.store.elements.len(), self.store.segments.len());
        for element in &layout.elements {
            let items = element.items.iter().map(|item| Ok(self.store.eval(item, linked)?[0]));
            let items = items.collect::<Result<Vec<u64>>>()?;
            self.store.elements.push(if element.is_declared { Vec::new() } else { items });
        }
        self.store
            .segments
            .extend(layout.segments.iter().map(|segment| Data { module, bytes: segment.bytes.clone() }));
        for (index, element) in layout.elements.iter().enumerate() {
            let Some((table, offset)) = &element.active else { continue };
            let start = self.store.eval(offset, linked)?[0] as usize;
            let items = std::mem::take(&mut self.store.elements[first_element + index]);
            let table = linked.tables.get(*table as usize).copied().unwrap_or(NONE);
            let table = self.store.tables.get_mut(table as usize);
            let end = start.checked_add(items.len());
            let target = table.and_then(|table| table.elements.get_mut(start..end?));
            let Some(target) = target else { return Ok(()) };
            target.copy_from_slice(&items);
        }
        let trace = self.trace;
        let bytes = trace.modules[module].bytes();
        for (index, segment) in layout.segments.iter().enumerate() {
            let Some((memory, offset)) = &segment.active else { continue };
            let start = self.store.eval(offset, linked)?[0];
            let data = bytes.get(segment.bytes.clone()).unwrap_or_default();
            self.store.segments[first_segment + index].bytes = 0..0;
            let number = linked.memories.get(*memory as usize).copied().unwrap_or(NONE);
            let Some(memory) = self.store.memories.get_mut(number as usize) else { return Ok(()) };
            let range = (start as usize).checked_add(data.len()).map(|end| start as usize..end);
            let Some(target) = range.and_then(|range| memory.bytes.get_mut(range)) else { return Ok(()) };
            target.copy_from_slice(data);
            visitor.segment(number, start, data);
        }
        Ok(())
    }

    // Invocations.

    fn outside(&mut self, visitor: &mut impl Visitor) -> Result<()> {
        let crossing = self.effects_before(self.check.records.position, visitor)?;
        let host = self.invocations.last().and_then(|invocation| invocation.host);
        match (self.check.records.peek(), host) {
            (Some(&Record::Invoke { func }), _) => self.invoke(func, crossing.arguments, visitor),
            (Some(&Record::HostReturn { failed }), Some(host)) => {
                self.host_return(host, failed, crossing.results, visitor)
            }
            (None, None) => self.finish(),
            (_, None) => Err(self.check.unexpected("Invoke")),
            (_, Some(_)) => Err(self.check.unexpected("HostReturn or Invoke")),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.take_memory(NONE);
        if !self.check.decisions.is_finished() || self.check.calls_left != 0 {
            return Err(ValuesErrorKind::LeftOver);
        }
        self.state = State::Done;
        Ok(())
    }

    pub(super) fn reserve(&mut self, slots: usize) -> Result<()> {
        if slots > MAX_SLOTS {
            let (given, limit) = (slots as u64, MAX_SLOTS as u64);
            return Err(ValuesErrorKind::TooBig { what: "stack in slots", given, limit });
        }
        if slots > self.stack.len() {
            self.stack.resize(slots.next_power_of_two().max(1 << 12), 0);
        }
        Ok(())
    }

    fn invoke(&mut self, key: FuncKey, values: Option<&[Val]>, visitor: &mut impl Visitor) -> Result<()> {
        let func = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
        let ty = self.store.func_ty(func).ok_or(ValuesErrorKind::UnknownKey(key))?;
        let params = ty.params.clone();
        let top = match self.frames.last() {
            Some(frame) => {
                let body = self.store.funcs[frame.func as usize].body.as_ref();
                frame.fp + body.map_or(0, |body| body.slots as usize)
            }
            None => 0,
        };
        // A frame that a tail call of a host function replaced is gone, but its results may come there.
        let top = self.invocations.last().and_then(|last| last.host).map_or(top, |(_, at)| top.max(at));
        let values = match (values, params.is_empty()) {
            (None, true) => &[],
            (None, false) => return Err(ValuesErrorKind::Effects("an invocation has no arguments")),
            (Some(values), _) => values,
        };
        self.check.records.take();
        self.put(top, values, &params)?;
        let place = self.check.begin();
        let base = self.frames.len();
        if self.invocations.len() >= MAX_FRAMES {
            return Err(too_deep());
        }
        self.invocations.push(Invocation { func, place, base, host: None });
        let len = params.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        self.reserve(top + len)?;
        visitor.invoke(key, &self.stack[top..top + len]);
        self.arm()?;
        if place.is_some_and(|place| place.depth == 0) {
            return self.end(CUT, None, visitor);
        }
        match self.store.funcs[func as usize].defined {
            Some(_) => {
                self.enter(func, top)?;
                self.state = State::Wasm;
                Ok(())
            }
            None => self.host_call(func, top, visitor),
        }
    }

    /// Translates a function that did not run before.
    pub(super) fn load(&mut self, func: u32) -> Result<()> {
        let entry = &self.store.funcs[func as usize];
        if entry.body.is_some() {
            return Ok(());
        }
        let (instance, index) = entry.defined.ok_or(ValuesErrorKind::UnknownKey(entry.key))?;
        let module = self.trace.instances[instance.0 as usize].module;
        let (Some(Some(layout)), Some(linked)) =
            (self.layouts.get(module), self.store.linked.get(instance.0 as usize))
        else {
            return Err(ValuesErrorKind::Effects("a function of an instance that is not made"));
        };
        let body = translate(self.trace.modules[module].bytes(), layout, linked, index)?;
        self.store.funcs[func as usize].body = Some(Box::new(body));
        Ok(())
    }

    /// Pushes a frame whose arguments are in place.
    pub(super) fn enter(&mut self, func: u32, fp: usize) -> Result<()> {
        self.load(func)?;
        if self.frames.len() >= MAX_FRAMES {
            return Err(too_deep());
        }
        let Some(body) = &self.store.funcs[func as usize].body else { return Err(too_deep()) };
        let (params, locals, slots) = (body.params as usize, body.locals as usize, body.slots as usize);
        if fp + slots > self.stack.len() {
            self.reserve(fp + slots)?;
        }
        self.stack[fp + params..fp + locals].fill(0);
        self.frames.push(Frame { func, pc: 0, fp });
        Ok(())
    }

    /// Enters a host function whose arguments are at slot `at`.
    pub(super) fn host_call(&mut self, func: u32, at: usize, visitor: &mut impl Visitor) -> Result<()> {
        let key = self.store.funcs[func as usize].key;
        match self.check.records.peek() {
            Some(&Record::HostCall { func }) if func == key => {}
            _ => return Err(self.check.unexpected("HostCall")),
        }
        let record = self.check.records.position;
        let crossing = self.effects_before(record, visitor)?;
        self.check.records.take();
        let params = self.store.func_ty(func).ok_or(ValuesErrorKind::UnknownKey(key))?.params.clone();
        if let Some(values) = crossing.arguments {
            self.compare("argument", at, values, &params)?;
        }
        let len = params.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        visitor.host_call(key, record, self.stack.get(at..at + len).unwrap_or_default());
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = Some((func, at));
        }
        self.state = State::Outside;
        Ok(())
    }

    fn host_return(
        &mut self,
        (func, at): (u32, usize),
        failed: bool,
        values: Option<&[Val]>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        self.check.records.take();
        if let Some(invocation) = self.invocations.last_mut() {
            invocation.host = None;
        }
        if failed {
            visitor.host_return(true, &[]);
            return self.end("failed in a host function", None, visitor);
        }
        let results = self.store.func_ty(func).map(|ty| ty.results.clone()).unwrap_or_default();
        let values = match (values, results.is_empty()) {
            (None, true) => &[],
            (None, false) => return Err(ValuesErrorKind::Effects("a host function has no results")),
            (Some(values), _) => values,
        };
        self.put(at, values, &results)?;
        let len = results.iter().map(|ty| ty.slots() as usize).sum::<usize>();
        self.reserve(at + len)?;
        visitor.host_return(false, &self.stack[at..at + len]);
        let base = self.invocations.last().map_or(0, |invocation| invocation.base);
        if self.frames.len() == base {
            return self.end(RETURNED, Some(at), visitor);
        }
        self.state = State::Wasm;
        Ok(())
    }

    /// Ends the last invocation, with its results at a slot if it returned.
    pub(super) fn end(
        &mut self,
        how: &'static str,
        results: Option<usize>,
        visitor: &mut impl Visitor,
    ) -> Result<()> {
        let record = self.check.records.position;
        let Some(Record::End(end)) = self.check.records.peek().cloned() else {
            return Err(self.check.unexpected("End"));
        };
        let fits = match end {
            End::Returned => how == RETURNED,
            End::HostError => how == "failed in a host function",
            End::Trapped { .. } => how != RETURNED,
            End::Stopped { .. } | End::Failed { .. } => how == CUT || how == "failed in a host function",
        };
        if !fits {
            return Err(ValuesErrorKind::End { how, recorded: end.name() });
        }
        let crossing = self.effects_before(record, visitor)?;
        let invocation = self.invocations.pop();
        let func = invocation.as_ref().map_or(NONE, |invocation| invocation.func);
        let types = self.store.func_ty(func).map(|ty| ty.results.clone()).unwrap_or_default();
        let mut slots = 0..0;
        if let Some(at) = results {
            let len = types.iter().map(|ty| ty.slots() as usize).sum::<usize>();
            self.reserve(at + len)?;
            slots = at..at + len;
            if let Some(values) = crossing.results {
                self.compare("result", at, values, &types)?;
            }
        }
        visitor.end(&end, &self.stack[slots]);
        self.check.records.take();
        if let Some(invocation) = invocation {
            self.frames.truncate(invocation.base);
        }
        self.state = State::Outside;
        self.arm()
    }

    // Where the run is cut short.

    /// Sets how far decisions may be read, and gets ready for an end that is near.
    fn arm(&mut self) -> Result<()> {
        self.unplant();
        let place = self.invocations.last().and_then(|invocation| invocation.place);
        self.check.decisions.set_barrier(place.map_or(u64::MAX, |place| place.bits))?;
        if self.check.decisions.is_at_end() {
            self.plant()?;
        }
        Ok(())
    }

    fn unplant(&mut self) {
        if let Some(planted) = self.planted.take()
            && let Some(body) = &mut self.store.funcs[planted.func as usize].body
        {
            body.code[planted.pc] = planted.saved;
        }
    }

    /// Marks the instruction at which the invocation is cut short, if no decision is left before that.
    pub(super) fn plant(&mut self) -> Result<()> {
        let place = self.invocations.last().and_then(|invocation| invocation.place);
        let Some(place) = place.filter(|place| place.bits == self.check.decisions.position()) else {
            return Ok(());
        };
        let Some((key, offset)) = place.site else { return Ok(()) };
        let func = *self.store.by_key.get(&key).ok_or(ValuesErrorKind::UnknownKey(key))?;
        self.load(func)?;
        let Some(body) = &mut self.store.funcs[func as usize].body else { return Ok(()) };
        let offset = body.start.saturating_add(offset);
        let Some((pc, position)) = body.find(offset) else {
            return Err(ValuesErrorKind::Effects("the run is cut short at no instruction"));
        };
        self.unplant();
        let Some(body) = &mut self.store.funcs[func as usize].body else { return Ok(()) };
        let saved = body.code[pc];
        body.code[pc].code = Code::Break;
        self.planted = Some(Planted { func, pc, saved, position });
        Ok(())
    }

    /// Whether the last invocation is cut short right after the decision that was read.
    pub(super) fn is_cut_after_decision(&self) -> bool {
        let place = self.invocations.last().and_then(|invocation| invocation.place);
        place.is_some_and(|place| place.site.is_none() && place.bits == self.check.decisions.position())
    }

    /// Whether the run is cut short at the planted instruction, which is next.
    pub(super) fn is_cut_here(&self, planted: &Planted) -> bool {
        let Some((base, place)) = self.invocations.last().and_then(|last| Some((last.base, last.place?)))
        else {
            return false;
        };
        let is_end = match self.check.records.peek() {
            Some(Record::End(End::Trapped { code, .. })) => !is_computed(*code),
            Some(Record::End(End::Stopped { .. } | End::Failed { .. })) => true,
            Some(Record::Bulk { .. }) => is_bulk(planted.saved.code),
            _ => false,
        };
        let is_call = matches!(planted.saved.code, Code::Call) && self.is_own(planted);
        is_end
            && self.frames.len() - base == place.depth as usize
            && self.check.calls() + u64::from(is_call) == place.calls
            && self.check.decisions.position() == place.bits
    }

    pub(super) fn is_own(&self, planted: &Planted) -> bool {
        let body = self.store.funcs[planted.func as usize].body.as_ref();
        let cover = body.map(|body| body.covers[planted.pc]).unwrap_or_default();
        cover.has_own && u32::from(cover.before) == planted.position
    }
}

pub(super) const RETURNED: &str = "returned";
pub(super) const CUT: &str = "was cut short";

/// Whether values differ only in what the specification leaves open: both are NaNs, of whatever payload.
/// Which of two payloads an addition passes on is up to the machine code that the engine was compiled to.
fn are_nans(ty: Ty, computed: &[u64], recorded: [u64; 2]) -> bool {
    let wide = |a: u64, b: u64| f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan();
    let narrow = |a: u64, b: u64| {
        let is_nan = |slot: u64| f32::from_bits(slot as u32).is_nan();
        (is_nan(a) && is_nan(b)) || a as u32 == b as u32
    };
    let mut halves = computed.iter().zip(recorded);
    match ty {
        Ty::F32 => halves.all(|(&a, b)| narrow(a, b)),
        Ty::F64 => halves.all(|(&a, b)| wide(a, b)),
        Ty::V128 => {
            halves.clone().all(|(&a, b)| a == b || wide(a, b))
                || halves.all(|(&a, b)| narrow(a, b) && narrow(a >> 32, b >> 32))
        }
        _ => false,
    }
}

pub(super) fn too_deep() -> ValuesErrorKind {
    let limit = MAX_FRAMES as u64;
    ValuesErrorKind::TooBig { what: "call depth", given: limit + 1, limit }
}

pub(super) fn is_bulk(code: Code) -> bool {
    matches!(
        code,
        Code::MemoryCopy
            | Code::MemoryFill
            | Code::MemoryInit
            | Code::TableCopy
            | Code::TableFill
            | Code::TableInit
    )
}

/// Whether a trap follows from values. The others are limits of the engine.
pub(super) fn is_computed(code: Trap) -> bool {
    !matches!(
        code,
        Trap::CallStackExhausted | Trap::OutOfFuel | Trap::GrowthLimited | Trap::OutOfSystemMemory
    )
}
