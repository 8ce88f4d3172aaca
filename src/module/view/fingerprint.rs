//! Fingerprints of functions: what a body does, without what linking changes.
//!
//! Hashed are the type, the locals and every operator with its immediates. Each program lays out its
//! functions, globals, types and data in its own way. So their indices are left out, and numbers that may be
//! addresses. The *types* of what is called stand for its index, and a function of WASI has its name. So a
//! function of a library has one fingerprint in all programs that one build of the library is linked into.
//!
//! Anyone can copy a function, so an equal fingerprint says what code is there and nothing of what it is for.
//!
//! Not here: which fingerprints are known ([`super::libraries`]).

use std::ops::RangeInclusive;

use wasmparser::{BlockType, FuncType, Operator, ValType};

use super::{contents::Contents, limits::CALLS_HASHED};
use crate::module::FuncIndex;

/// The fingerprints of a defined function. A hash of 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fingerprint {
    /// Of its own code.
    pub own: u64,
    /// Of its own code and that of the functions that it calls directly, in their order; 0 if it calls none,
    /// or too many.
    pub with_callees: u64,
    /// Its operators.
    pub operators: u32,
}

/// Numbers that may be addresses of data: linkers begin at 1,024, and what static data is seldom reaches
/// 256 MiB. Masks and constants of algorithms are mostly smaller or larger.
const ADDRESSES: RangeInclusive<u32> = 1024..=0x0fff_ffff;

/// Loads and stores of numbers, and what stands for each operator that is not hashed as it is.
const LOADS_AND_STORES: RangeInclusive<u8> = 0x28..=0x3e;
const CALL: u64 = 1 << 32;
const CALL_INDIRECT: u64 = 2 << 32;
const GLOBAL: u64 = 3 << 32;
const ADDRESS: u64 = 4 << 32;
const FUNCTION: u64 = 5 << 32;
const SEGMENT: u64 = 6 << 32;
const BLOCK: u64 = 7 << 32;
const FAR: u64 = 8 << 32;

/// A hash that takes a word in two operations. It need not withstand anybody: see the head of this file.
#[derive(Debug, Clone, Copy, Default)]
struct Hash(u64);

impl Hash {
    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Six bytes: so many tell millions of functions apart and keep the table small.
    fn finish(mut self) -> u64 {
        self.0 ^= self.0 >> 32;
        self.word(0);
        (self.0 ^ self.0 >> 29) >> 16
    }
}

fn of_val(ty: ValType) -> u64 {
    match ty {
        ValType::I32 => 1,
        ValType::I64 => 2,
        ValType::F32 => 3,
        ValType::F64 => 4,
        ValType::V128 => 5,
        ValType::Ref(_) => 6,
    }
}

fn of_type(ty: &FuncType) -> u64 {
    let mut hash = Hash::default();
    for &ty in ty.params() {
        hash.word(of_val(ty));
    }
    hash.word(7);
    for &ty in ty.results() {
        hash.word(of_val(ty));
    }
    hash.finish()
}

/// What stands for types and functions in the hash of a body.
#[derive(Debug)]
pub(super) struct Space {
    types: Vec<u64>,
    functions: Vec<u64>,
    imported: usize,
}

impl Space {
    pub(super) fn of(contents: &Contents<'_>) -> Self {
        let types: Vec<_> = contents.types.iter().map(|ty| ty.as_ref().map_or(0, of_type)).collect();
        let of_function = |func| {
            let ty = contents.type_index(FuncIndex(func))?;
            types.get(ty as usize).copied()
        };
        let mut functions: Vec<_> =
            (0..contents.functions()).map(|func| of_function(func).unwrap_or_default()).collect();
        // Names of other modules are often shortened.
        for import in contents.imports.iter().filter(|import| import.module.starts_with("wasi_")) {
            let Some(func) = import.func.and_then(|func| functions.get_mut(func.position())) else {
                continue;
            };
            let mut hash = Hash(*func);
            hash.bytes(import.name.as_bytes());
            *func = hash.finish();
        }
        Self { types, functions, imported: contents.imported_functions() as usize }
    }

    fn ty(&self, index: u32) -> u64 {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn function(&self, index: u32) -> u64 {
        self.functions.get(index as usize).copied().unwrap_or_default()
    }
}

/// Takes fingerprints, body by body.
#[derive(Debug)]
pub(super) struct Fingerprints {
    space: Space,
    found: Vec<Fingerprint>,
    /// Functions called directly, in the order of the code, and where those of each function end.
    callees: Vec<u32>,
    ends: Vec<usize>,
}

impl Fingerprints {
    pub(super) fn new(space: Space) -> Self {
        Self { space, found: Vec::new(), callees: Vec::new(), ends: Vec::new() }
    }

    /// Begins the body of `func`.
    pub(super) fn begin<'b>(&self, func: FuncIndex, body: &'b [u8], offset: u64) -> Shape<'b> {
        let hash = Hash(self.space.function(func.0));
        Shape { body, offset, hash, operators: 0, pending: None, calls: 0 }
    }

    /// The next operator of a body, at an offset of the file.
    pub(super) fn operator(&mut self, shape: &mut Shape<'_>, operator: &Operator<'_>, at: u64) {
        shape.operators += 1;
        let at = at.saturating_sub(shape.offset) as usize;
        shape.flush(at);
        let word = match *operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                if shape.calls < CALLS_HASHED {
                    self.callees.push(function_index);
                }
                shape.calls += 1;
                CALL ^ self.space.function(function_index)
            }
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                CALL_INDIRECT ^ self.space.ty(type_index)
            }
            Operator::Block { blockty: BlockType::FuncType(ty) }
            | Operator::Loop { blockty: BlockType::FuncType(ty) }
            | Operator::If { blockty: BlockType::FuncType(ty) } => BLOCK ^ self.space.ty(ty),
            Operator::GlobalGet { .. } => GLOBAL,
            Operator::GlobalSet { .. } => GLOBAL | 1,
            Operator::I32Const { value } if ADDRESSES.contains(&(value as u32)) => ADDRESS,
            Operator::RefFunc { .. } => FUNCTION,
            Operator::MemoryInit { .. } => SEGMENT,
            Operator::DataDrop { .. } => SEGMENT | 1,
            _ => {
                shape.pending = Some(at);
                return;
            }
        };
        shape.hash.word(word);
    }

    /// Ends a body that was read to its end.
    pub(super) fn end(&mut self, mut shape: Shape<'_>) {
        shape.flush(shape.body.len());
        self.found.push(Fingerprint {
            own: shape.hash.finish(),
            with_callees: u64::from(shape.calls <= CALLS_HASHED),
            operators: shape.operators,
        });
        self.ends.push(self.callees.len());
    }

    /// Ends a body that cannot be read.
    pub(super) fn broken(&mut self) {
        self.found.push(Fingerprint::default());
        self.ends.push(self.callees.len());
    }

    /// The fingerprints of all bodies.
    pub(super) fn finish(self) -> Vec<Fingerprint> {
        let mut from = 0;
        let with_callees = self.found.iter().zip(&self.ends).map(|(fingerprint, &end)| {
            let callees = self.callees.get(from..end).unwrap_or_default();
            from = end;
            if callees.is_empty() || fingerprint.with_callees == 0 {
                return Fingerprint { with_callees: 0, ..*fingerprint };
            }
            let mut hash = Hash(fingerprint.own);
            for &callee in callees {
                let defined = (callee as usize).checked_sub(self.space.imported);
                let defined = defined.and_then(|position| self.found.get(position));
                hash.word(defined.map_or_else(|| self.space.function(callee), |callee| callee.own));
            }
            Fingerprint { with_callees: hash.finish(), ..*fingerprint }
        });
        with_callees.collect()
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Shape<'b> {
    body: &'b [u8],
    /// Of the body in the file.
    offset: u64,
    hash: Hash,
    operators: u32,
    /// Where an operator begins whose bytes are to be hashed.
    pending: Option<usize>,
    calls: usize,
}

impl Shape<'_> {
    /// A declaration of locals.
    pub(super) fn locals(&mut self, count: u32, ty: ValType) {
        self.hash.word(u64::from(count) << 8 | of_val(ty));
    }

    /// Hashes the operator before `end`, if its bytes count.
    fn flush(&mut self, end: usize) {
        let Some(at) = self.pending.take() else { return };
        let bytes = self.body.get(at..end).unwrap_or_default();
        match bytes {
            [opcode, align, offset @ ..] if LOADS_AND_STORES.contains(opcode) && is_far(offset) => {
                self.hash.word(FAR | u64::from(*opcode) << 8 | u64::from(*align));
            }
            _ => self.hash.bytes(bytes),
        }
    }
}

/// Whether the offset of a load or store may be an address: it needs more than ten bits then.
fn is_far(offset: &[u8]) -> bool {
    matches!(offset, [_, second, ..] if *second > 7) || offset.len() > 2
}

#[cfg(test)]
mod tests {
    use crate::module::view::fingerprints;

    /// The fingerprint of the last function of a module.
    fn of(text: &str) -> super::Fingerprint {
        fingerprints(&wat::parse_str(text).unwrap()).pop().unwrap().1
    }

    const WHOLE: &str = r#"(module (import "a" "b" (func $x (param i32))) (memory 1) (global $g (mut i32) (i32.const 0))
        (func $h (param i32)) (func $f (param i32) (result i64) (local i64)
        (global.set $g (i32.add (global.get $g) (i32.const 16)))
        (call $h (i32.const 4096)) (i32.store8 offset=4 (local.get 0) (i32.const 7))
        (i64.load offset=2000 (i32.const 0)) (local.tee 1)))"#;

    #[test]
    fn what_linking_changes_is_left_out() {
        let expected = of(WHOLE);
        for (from, to) in [
            ("(i32.const 4096)", "(i32.const 70000)"),
            ("offset=2000", "offset=1048600"),
            (r#"(import "a" "b""#, r#"(import "c" "d" (func)) (import "a" "b""#),
            ("(global $g", "(global (mut i64) (i64.const 0)) (global $g"),
            ("(func $h (param i32))", "(func) (type (func (param i64))) (func $h (param i32))"),
        ] {
            let text = WHOLE.replace(from, to);
            assert_ne!(text, WHOLE);
            assert_eq!(of(&text).own, expected.own, "{to}");
        }
    }

    #[test]
    fn what_a_function_does_is_not() {
        let expected = of(WHOLE);
        for (from, to) in [
            ("(i32.const 16)", "(i32.const 32)"),
            ("offset=4", "offset=8"),
            ("i32.add", "i32.sub"),
            ("(local i64)", "(local i64 i32)"),
            ("(call $h (i32.const 4096))", "(drop (i32.const 4096))"),
            ("(param i32) (result i64)", "(param i32 i32) (result i64)"),
        ] {
            let text = WHOLE.replace(from, to);
            assert_ne!(text, WHOLE);
            assert_ne!(of(&text).own, expected.own, "{to}");
        }
    }

    #[test]
    fn callees_tell_functions_of_one_shape_apart() {
        let wrapper = |body: &str| {
            of(&format!(
                "(module (func $c (param i32) (result i32) {body}) (func (param i32) (result i32) (call $c (local.get 0))))"
            ))
        };
        let (a, b) = (wrapper("(i32.clz (local.get 0))"), wrapper("(i32.ctz (local.get 0))"));
        assert_eq!(a.own, b.own);
        assert_ne!(a.with_callees, b.with_callees);
        // A function of WASI by its name, any other by its type alone.
        let import = |module: &str, name: &str| {
            of(&format!(r#"(module (import "{module}" "{name}" (func $c)) (func (call $c)))"#)).own
        };
        assert_ne!(import("wasi_snapshot_preview1", "a"), import("wasi_snapshot_preview1", "b"));
        assert_eq!(import("env", "a"), import("env", "b"));
        // Too many calls, a body that cannot be read: none.
        assert_eq!(of(&format!("(module (func $a) (func {}))", "(call $a)".repeat(40))).with_callees, 0);
    }
}
