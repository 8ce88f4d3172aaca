//! The state of a sample: memories, tables, globals, functions and instances, all plain data.

use std::{collections::HashMap, sync::Arc};

use crate::trace::{
    FuncKey, InstanceIndex,
    effects::{MemoryShape, TableShape},
};

use super::code::{Body, Ty};
use super::error::ValuesErrorKind;
use super::layout::{ConstOp, Expr, Layout};
use super::limits::{MAX_FUNCTIONS, MAX_MEMORY_BYTES, MAX_TABLE_ELEMENTS, SMALL_MEMORY};
use super::translate::Linked;

type Result<T, E = ValuesErrorKind> = std::result::Result<T, E>;

/// A linear memory.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    pub(super) bytes: Vec<u8>,
    /// Pages that it declared and that are not there.
    pub(super) missing: u64,
    pub(super) page_log2: u8,
    pub(super) maximum: Option<u64>,
}

/// A table, its elements as slots.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) elements: Vec<u64>,
    pub(super) maximum: Option<u64>,
}

/// A function of the store.
#[derive(Debug, Clone)]
pub(super) struct Func {
    pub(super) key: FuncKey,
    /// Number of its type; `None` of a host function that was not imported yet.
    pub(super) ty: Option<u32>,
    /// Instance and index in its module; `None` for a host function.
    pub(super) defined: Option<(InstanceIndex, u32)>,
    /// The memory with index 0 of its instance.
    pub(super) memory: u32,
    /// Once it ran.
    pub(super) body: Option<Arc<Body>>,
}

/// A function type: what values a call takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FuncTy {
    pub(super) params: Box<[Ty]>,
    pub(super) results: Box<[Ty]>,
}

impl FuncTy {
    /// As the engine has it: of references to objects it knows no types.
    fn of(ty: &wasmparser::FuncType, layout: &Layout) -> Self {
        let types = |types: &[wasmparser::ValType]| types.iter().map(|&ty| layout.ty(ty).erased()).collect();
        Self { params: types(ty.params()), results: types(ty.results()) }
    }
}

/// No memory.
pub(super) const NONE: u32 = u32::MAX;

/// A part of a segment: where its bytes are.
#[derive(Debug, Clone)]
pub(super) struct Data {
    pub(super) module: usize,
    pub(super) bytes: std::ops::Range<usize>,
}

/// What is thrown.
#[derive(Debug, Clone)]
pub(super) struct Thrown {
    /// The number of its tag.
    pub(super) number: u32,
    /// As references hold it.
    pub(super) exception: u128,
    pub(super) operands: Vec<u64>,
    /// At which byte of that each operand is, and in how many.
    pub(super) places: Vec<(u8, u8)>,
}

/// The last exception whose operands find no room in what references hold.
#[derive(Debug, Clone, Default)]
pub(super) struct LastThrown {
    /// How many there were.
    pub(super) serial: u32,
    pub(super) operands: Vec<u64>,
    /// The exception that left an invocation last, of any kind: a host function may let it pass.
    pub(super) escaped: Option<Thrown>,
}

/// The state.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    /// Bytes of a memory that are there when it is made; `None`: all.
    pub(super) most: Option<u64>,
    pub(super) memories: Vec<Memory>,
    pub(super) tables: Vec<Table>,
    pub(super) globals: Vec<[u64; 2]>,
    pub(super) global_types: Vec<Ty>,
    /// Kept in globals of the engine's, and so of each thread.
    pub(super) last_thrown: LastThrown,
    pub(super) funcs: Vec<Func>,
    pub(super) by_key: HashMap<FuncKey, u32>,
    pub(super) types: Vec<FuncTy>,
    pub(super) by_type: HashMap<FuncTy, u32>,
    pub(super) linked: Vec<Linked>,
    pub(super) segments: Vec<Data>,
    pub(super) elements: Vec<Vec<u64>>,
}

impl Memory {
    /// Its size in pages, whether they are there or not.
    pub(super) fn pages(&self) -> u64 {
        (self.bytes.len() as u64 >> self.page_log2).saturating_add(self.missing)
    }
}

impl Store {
    /// Bytes that it takes, besides those of memories and code: about.
    pub(super) fn bytes(&self) -> u64 {
        let elements = self.tables.iter().map(|table| table.elements.len()).sum::<usize>()
            + self.elements.iter().map(Vec::len).sum::<usize>();
        let linked = self.linked.iter().map(|linked| linked.funcs.len() + linked.types.len()).sum::<usize>();
        let funcs = self.funcs.len() * (size_of::<Func>() + 2 * size_of::<(FuncKey, u32)>());
        (8 * elements + 4 * linked + funcs + 24 * self.globals.len() + 24 * self.segments.len()) as u64
    }

    pub(super) fn new_memory(&mut self, shape: MemoryShape) -> Result<u32> {
        let MemoryShape { pages, maximum, page_log2, .. } = shape;
        let there = pages.min(self.most.map_or(u64::MAX, |most| most >> page_log2.min(16)));
        let bytes = bytes_of(there, page_log2)?;
        self.check_room(bytes)?;
        check_system(bytes)?;
        let (bytes, missing) = (vec![0; bytes as usize], pages - there);
        self.memories.push(Memory { bytes, missing, page_log2, maximum });
        Ok(self.memories.len() as u32 - 1)
    }

    fn check_room(&self, more: u64) -> Result<()> {
        let used: u64 = self.memories.iter().map(|memory| memory.bytes.len() as u64).sum();
        let given = used.saturating_add(more);
        if given > MAX_MEMORY_BYTES {
            return Err(ValuesErrorKind::TooBig { what: "memory in bytes", given, limit: MAX_MEMORY_BYTES });
        }
        Ok(())
    }

    /// Grows a memory; it may have been refused growth for reasons of the host, but not given it.
    pub(super) fn grow_memory(&mut self, memory: u32, pages: u64) -> Result<()> {
        let page_log2 = self.memory(memory)?.page_log2;
        let more = bytes_of(pages, page_log2)?;
        self.check_room(more)?;
        let memory = self.memory(memory)?;
        let len = memory.bytes.len() + more as usize;
        if len <= SMALL_MEMORY {
            memory.bytes.resize(len, 0);
        } else {
            // Zeroed by the system when it is touched, and untouched pages stay so.
            check_system(len as u64)?;
            let mut grown = vec![0; len];
            for (old, new) in memory.bytes.chunks(4096).zip(grown.chunks_mut(4096)) {
                if old.iter().any(|&byte| byte != 0) {
                    new[..old.len()].copy_from_slice(old);
                }
            }
            memory.bytes = grown;
        }
        Ok(())
    }

    pub(super) fn memory(&mut self, memory: u32) -> Result<&mut Memory> {
        self.memories.get_mut(memory as usize).ok_or(ValuesErrorKind::Effects("no such memory"))
    }

    pub(super) fn new_table(&mut self, shape: TableShape, value: u64) -> Result<u32> {
        self.check_elements(shape.len)?;
        self.tables.push(Table { elements: vec![value; shape.len as usize], maximum: shape.maximum });
        Ok(self.tables.len() as u32 - 1)
    }

    pub(super) fn check_elements(&self, more: u64) -> Result<()> {
        let used: u64 = self.tables.iter().map(|table| table.elements.len() as u64).sum();
        let given = used.saturating_add(more);
        if given > MAX_TABLE_ELEMENTS {
            return Err(ValuesErrorKind::TooBig { what: "table elements", given, limit: MAX_TABLE_ELEMENTS });
        }
        Ok(())
    }

    pub(super) fn new_global(&mut self, ty: Ty, value: [u64; 2]) -> u32 {
        self.globals.push(value);
        self.global_types.push(ty);
        self.globals.len() as u32 - 1
    }

    pub(super) fn new_func(
        &mut self,
        key: FuncKey,
        ty: Option<u32>,
        defined: Option<(InstanceIndex, u32)>,
        memory: u32,
    ) -> Result<u32> {
        let limit = MAX_FUNCTIONS;
        if self.funcs.len() >= limit as usize {
            return Err(ValuesErrorKind::TooBig {
                what: "functions",
                given: u64::from(limit) + 1,
                limit: limit.into(),
            });
        }
        let slot = self.funcs.len() as u32;
        self.funcs.push(Func { key, ty, defined, memory, body: None });
        self.by_key.insert(key, slot);
        Ok(slot)
    }

    pub(super) fn type_number(&mut self, ty: &wasmparser::FuncType, layout: &Layout) -> u32 {
        let ty = FuncTy::of(ty, layout);
        if let Some(&number) = self.by_type.get(&ty) {
            return number;
        }
        let number = self.types.len() as u32;
        self.types.push(ty.clone());
        self.by_type.insert(ty, number);
        number
    }

    /// The type of a function, once it is known.
    pub(super) fn func_ty(&self, func: u32) -> Option<&FuncTy> {
        self.types.get(self.funcs.get(func as usize)?.ty? as usize)
    }

    /// Evaluates a constant expression.
    pub(super) fn eval(&self, expr: &Expr, linked: &Linked) -> Result<[u64; 2]> {
        let bad = ValuesErrorKind::Effects("a constant expression is not valid");
        let mut stack: Vec<[u64; 2]> = Vec::new();
        for step in &expr.0 {
            let value = match *step {
                ConstOp::Push(value) => [value, 0],
                ConstOp::Wide(value) => value,
                ConstOp::Global(global) => {
                    let number = *linked.globals.get(global as usize).ok_or_else(|| bad.clone())?;
                    *self.globals.get(number as usize).ok_or_else(|| bad.clone())?
                }
                ConstOp::Func(func) => {
                    [u64::from(*linked.funcs.get(func as usize).ok_or_else(|| bad.clone())?) + 1, 0]
                }
                operation => {
                    let (b, a) = (stack.pop(), stack.pop());
                    let (Some([a, _]), Some([b, _])) = (a, b) else { return Err(bad) };
                    [calculate(operation, a, b), 0]
                }
            };
            stack.push(value);
        }
        stack.pop().ok_or(bad)
    }
}

/// Whether the system has so many bytes: it need not have gigabytes.
fn check_system(bytes: u64) -> Result<()> {
    let limit = SMALL_MEMORY as u64;
    if bytes <= limit {
        return Ok(());
    }
    let has = usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok());
    let refused = ValuesErrorKind::TooBig { what: "memory in bytes for this system", given: bytes, limit };
    if has { Ok(()) } else { Err(refused) }
}

fn calculate(step: ConstOp, a: u64, b: u64) -> u64 {
    let narrow = |value: u32| u64::from(value);
    match step {
        ConstOp::Add32 => narrow((a as u32).wrapping_add(b as u32)),
        ConstOp::Sub32 => narrow((a as u32).wrapping_sub(b as u32)),
        ConstOp::Mul32 => narrow((a as u32).wrapping_mul(b as u32)),
        ConstOp::Add64 => a.wrapping_add(b),
        ConstOp::Sub64 => a.wrapping_sub(b),
        _ => a.wrapping_mul(b),
    }
}

fn bytes_of(pages: u64, page_log2: u8) -> Result<u64> {
    let given = u128::from(pages) << page_log2.min(16);
    let limit = MAX_MEMORY_BYTES;
    u64::try_from(given).ok().filter(|&bytes| bytes <= limit).ok_or(ValuesErrorKind::TooBig {
        what: "memory in bytes",
        given: pages,
        limit,
    })
}
