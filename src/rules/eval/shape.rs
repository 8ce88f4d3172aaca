//! Shapes of code that obfuscators leave: opaque predicates and flattened control flow.
//!
//! *Opaque predicate*: a `br_if` or `if` whose condition is computed within its basic block. It is the parity
//! of a product of one single variable, such as `x * (x + 1) % 2`, or the difference of a variable with
//! itself. *Flattened control flow*: a `br_table` on a variable that the function sets to as many different
//! constants as half of the labels. The function has few blocks for each label, and they go back to a loop.
//! An interpreter's dispatch loads what it branches on and has no such variable; the states of a decoder are
//! many blocks each. What Go's compiler makes has this shape too.
//!
//! A function is decoded and searched once, when a rule first asks; time is linear in its instructions.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use wasmparser::{BinaryReader, FrameKind, FrameStack, Operator};

use crate::{
    Value,
    module::{Block, Code, Exit, FuncIndex, Op, Place},
};

use super::super::index::Index;

/// Shapes of the functions that were asked for.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    opaque: RefCell<HashMap<FuncIndex, Vec<Place>>>,
    flattened: RefCell<HashMap<FuncIndex, Vec<Place>>>,
}

impl Shapes {
    /// The branches of `func` on opaque predicates.
    pub(super) fn opaque(&self, index: &Index<'_>, func: FuncIndex) -> Vec<Place> {
        let Some(code) = code(index, func) else { return Vec::new() };
        let find = || find_opaque(index.image(), func, code);
        self.opaque.borrow_mut().entry(func).or_insert_with(find).clone()
    }

    /// The dispatchers of `func`.
    pub(super) fn flattened(&self, index: &Index<'_>, func: FuncIndex) -> Vec<Place> {
        let Some(code) = code(index, func) else { return Vec::new() };
        let find = || find_flattened(index.image(), func, code);
        self.flattened.borrow_mut().entry(func).or_insert_with(find).clone()
    }
}

/// The code of a function that branches. Others have no shape, and decoding them costs memory that is kept.
fn code<'i>(index: &'i Index<'_>, func: FuncIndex) -> Option<&'i Code> {
    index.defined(func).filter(|function| function.blocks != 1)?;
    index.module()?.code(func).ok()
}

/// An instruction is decoded on its own; in which construct it stands matters only for `else` and `end`,
/// which are not in the code.
struct Anywhere;

impl FrameStack for Anywhere {
    fn current_frame(&self) -> Option<FrameKind> {
        Some(FrameKind::Block)
    }
}

/// Decodes one instruction.
fn operator(wasm: &[u8], op: Op) -> Option<Operator<'_>> {
    BinaryReader::new(wasm.get(op.offset.position()..)?, 0).peek_operator(&Anywhere).ok()
}

/// The value of a constant instruction.
pub(super) fn constant(wasm: &[u8], op: Op) -> Option<Value> {
    match operator(wasm, op)? {
        Operator::I32Const { value } => Some(Value::I32(value)),
        Operator::I64Const { value } => Some(Value::I64(value)),
        _ => None,
    }
}

/// A variable between two assignments: whether it is a global, its index, how often it was assigned before.
type Variable = (bool, u32, u32);

/// What is known of a value on the stack within a block.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Term {
    /// The variable it depends on.
    variable: Option<Variable>,
    /// How often it is used.
    uses: u32,
    /// Whether it depends on more than one variable and constants.
    mixed: bool,
    /// A constant.
    constant: Option<i64>,
    /// Whether it is a product of the variable with itself in some form.
    product: bool,
    /// Whether it is the parity of such a product, or the difference of a variable with itself.
    decided: bool,
    /// Whether it is the variable itself.
    plain: bool,
}

const UNKNOWN: Term = Term {
    variable: None,
    uses: 0,
    mixed: true,
    constant: None,
    product: false,
    decided: false,
    plain: false,
};

fn find_opaque(wasm: &[u8], func: FuncIndex, code: &Code) -> Vec<Place> {
    let mut places = Vec::new();
    for block in code.blocks().iter().filter(|block| matches!(block.exit, Exit::BrIf(_) | Exit::If(_))) {
        let Some((branch, body)) = code.ops().get(block.range()).and_then(<[Op]>::split_last) else {
            continue;
        };
        // Without one of these there is nothing to find, and most blocks have none.
        let tells =
            |op: &Op| [".mul", ".xor", ".sub"].iter().any(|ending| op.opcode.mnemonic().ends_with(ending));
        if !body.iter().any(tells) {
            continue;
        }
        let mut terms = Terms::default();
        for op in body {
            match operator(wasm, *op) {
                Some(operator) => terms.step(&operator),
                None => terms.stack.clear(),
            }
        }
        if terms.stack.last().is_some_and(|condition| condition.decided) {
            places.push(Place { function: func, offset: branch.offset });
        }
    }
    places
}

/// The values on the stack and in variables, as far as the block tells.
#[derive(Debug, Default)]
struct Terms {
    stack: Vec<Term>,
    values: BTreeMap<(bool, u32), Term>,
    assigned: BTreeMap<(bool, u32), u32>,
}

impl Terms {
    fn pop(&mut self) -> Term {
        self.stack.pop().unwrap_or(UNKNOWN)
    }

    fn get(&mut self, is_global: bool, index: u32) {
        let term = self.values.get(&(is_global, index)).copied().unwrap_or_else(|| {
            let times = self.assigned.get(&(is_global, index)).copied().unwrap_or(0);
            Term { variable: Some((is_global, index, times)), uses: 1, plain: true, ..Term::default() }
        });
        self.stack.push(term);
    }

    fn set(&mut self, is_global: bool, index: u32, term: Term) {
        *self.assigned.entry((is_global, index)).or_default() += 1;
        if term.mixed {
            // A new value, of which only the name is known.
            self.values.remove(&(is_global, index));
        } else {
            self.values.insert((is_global, index), term);
        }
    }

    /// One instruction. What is not known empties the stack.
    fn step(&mut self, operator: &Operator<'_>) {
        use Operator as O;
        match operator {
            O::I32Const { value } => self.constant((*value).into()),
            O::I64Const { value } => self.constant(*value),
            O::LocalGet { local_index } => self.get(false, *local_index),
            O::GlobalGet { global_index } => self.get(true, *global_index),
            O::LocalSet { local_index } => self.pop_into(false, *local_index),
            O::GlobalSet { global_index } => self.pop_into(true, *global_index),
            O::LocalTee { local_index } => {
                self.pop_into(false, *local_index);
                self.get(false, *local_index);
            }
            O::I32Eqz | O::I64Eqz | O::I32WrapI64 | O::I64ExtendI32U | O::I64ExtendI32S => {}
            O::Nop | O::Block { .. } | O::Loop { .. } => {}
            _ => self.compute(operator),
        }
    }

    /// An instruction that makes one value of two.
    fn compute(&mut self, operator: &Operator<'_>) {
        use Operator as O;
        match operator {
            O::I32Xor | O::I64Xor | O::I32Sub | O::I64Sub if is_same(&self.stack) => {
                self.binary(|a, b| Term { decided: true, ..join(a, b) });
            }
            O::I32Mul | O::I64Mul => {
                self.binary(|a, b| Term { product: a.uses > 0 && b.uses > 0, ..join(a, b) })
            }
            O::I32Add | O::I64Add | O::I32Sub | O::I64Sub => {
                self.binary(|a, b| Term { product: a.product || b.product, ..join(a, b) });
            }
            O::I32RemU | O::I32RemS | O::I64RemU | O::I64RemS => self.binary(|a, b| parity(a, b, 2)),
            O::I32And | O::I64And => {
                self.binary(|a, b| if a.constant == Some(1) { parity(b, a, 1) } else { parity(a, b, 1) });
            }
            O::I32Xor | O::I64Xor => self.binary(join),
            O::I32Eq | O::I32Ne | O::I64Eq | O::I64Ne => self.binary(compared),
            _ => self.stack.clear(),
        }
    }

    fn constant(&mut self, value: i64) {
        self.stack.push(Term { constant: Some(value), ..Term::default() });
    }

    fn pop_into(&mut self, is_global: bool, index: u32) {
        let term = self.pop();
        self.set(is_global, index, term);
    }

    fn binary(&mut self, make: impl Fn(Term, Term) -> Term) {
        let b = self.pop();
        let a = self.pop();
        self.stack.push(make(a, b));
    }
}

/// Whether the two topmost values are one variable.
fn is_same(stack: &[Term]) -> bool {
    match stack {
        [.., a, b] => a.plain && b.plain && a.variable == b.variable,
        _ => false,
    }
}

fn join(a: Term, b: Term) -> Term {
    let mixed = a.mixed || b.mixed || matches!((a.variable, b.variable), (Some(a), Some(b)) if a != b);
    let uses = a.uses.saturating_add(b.uses);
    Term {
        variable: a.variable.or(b.variable),
        uses,
        mixed,
        constant: None,
        product: false,
        decided: false,
        plain: false,
    }
}

/// Whether `a` and `b` are equal: decided if one is decided and the other a constant.
fn compared(a: Term, b: Term) -> Term {
    let tests = a.decided && b.constant.is_some() || b.decided && a.constant.is_some();
    Term { decided: tests, ..join(a, b) }
}

/// `a` reduced by the constant `b` to its parity.
fn parity(a: Term, b: Term, by: i64) -> Term {
    let is_parity = a.product && !a.mixed && a.uses >= 2 && b.constant == Some(by);
    Term { decided: is_parity, ..join(a, b) }
}

/// Labels that a dispatcher must have.
const MIN_LABELS: usize = 4;
/// Blocks of the function for each label, at most: a state of a decoder is a program of its own, a flattened
/// block is one block.
const BLOCKS_PER_LABEL: usize = 5;

/// The blocks that end in a `br_table` which may be a dispatcher, each with the number of its labels.
fn dispatchers(code: &Code) -> Vec<(&Block, usize)> {
    let labels = |block: &Block| match block.exit {
        Exit::BrTable(table) => Some(code.labels(code.tables().get(table as usize)?).len()),
        _ => None,
    };
    let blocks = code.blocks();
    let is_enough =
        |labels: usize| labels >= MIN_LABELS && blocks.len() <= labels.saturating_mul(BLOCKS_PER_LABEL);
    let tables = blocks.iter().filter_map(|block| Some((block, labels(block)?)));
    tables.filter(|(_, labels)| is_enough(*labels)).collect()
}

fn find_flattened(wasm: &[u8], func: FuncIndex, code: &Code) -> Vec<Place> {
    let tables = dispatchers(code);
    let back = code.blocks().iter().filter(|block| matches!(block.exit, Exit::BrLoop(_))).count();
    if tables.is_empty() || back < MIN_LABELS - 1 {
        return Vec::new();
    }
    let states = assigned(wasm, code);
    let mut places = Vec::new();
    for (block, labels) in tables {
        let Some((table, body)) = code.ops().get(block.range()).and_then(<[Op]>::split_last) else {
            continue;
        };
        // Most states but the first and the last are set somewhere.
        let enough = |states: &&BTreeSet<i32>| states.len() >= (MIN_LABELS - 1).max(labels / 2);
        if subject(wasm, body).and_then(|variable| states.get(&variable)).as_ref().is_some_and(enough) {
            places.push(Place { function: func, offset: table.offset });
        }
    }
    places
}

/// The variable that a `br_table` branches on, maybe less a constant.
fn subject(wasm: &[u8], body: &[Op]) -> Option<(bool, u32)> {
    let mut before = body.iter().rev().map(|op| operator(wasm, *op));
    let mut last = before.next()??;
    if matches!(last, Operator::I32Sub | Operator::I32Add | Operator::I32Xor) {
        if !matches!(before.next()??, Operator::I32Const { .. }) {
            return None;
        }
        last = before.next()??;
    }
    match last {
        Operator::LocalGet { local_index } | Operator::LocalTee { local_index } => Some((false, local_index)),
        Operator::GlobalGet { global_index } => Some((true, global_index)),
        _ => None,
    }
}

/// The constants that each variable is set to.
fn assigned(wasm: &[u8], code: &Code) -> BTreeMap<(bool, u32), BTreeSet<i32>> {
    let mut states: BTreeMap<(bool, u32), BTreeSet<i32>> = BTreeMap::new();
    for pair in code.ops().windows(2) {
        let [value, set] = pair else { continue };
        let Some(Value::I32(value)) =
            (value.opcode.mnemonic() == "i32.const").then(|| constant(wasm, *value)).flatten()
        else {
            continue;
        };
        let variable = match operator(wasm, *set) {
            Some(Operator::LocalSet { local_index } | Operator::LocalTee { local_index }) => {
                (false, local_index)
            }
            Some(Operator::GlobalSet { global_index }) => (true, global_index),
            _ => continue,
        };
        states.entry(variable).or_default().insert(value);
    }
    states
}
