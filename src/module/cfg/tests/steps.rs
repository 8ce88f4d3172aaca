//! A second reading of control flow that shares nothing with the decoder but wasmparser. It gives, for each
//! operator, which operators may be the next, as the specification tells what an operator does. No blocks, no
//! landing pads, no labels: targets are found by walking outwards through the constructs around an operator.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{Catch, FunctionBody, Handle, Operator, Parser, Payload};

use crate::module::{Block, BlockIndex, Code, Exit, Module, Opcode};

/// Where the function ends without an operator.
const END: usize = usize::MAX;

type Steps = BTreeMap<u32, BTreeSet<Option<u32>>>;

/// An operator and the construct around it.
struct Step<'b> {
    offset: u32,
    operator: Operator<'b>,
    /// The operator that opens the construct directly around; `None` in the function itself.
    around: Option<usize>,
    /// The arm of it: 0 is the body, 1 its first `catch` and so on.
    arm: usize,
}

/// A construct.
#[derive(Default, Clone)]
struct Construct {
    end: usize,
    other: Option<usize>,
    catches: Vec<usize>,
    delegate: Option<u32>,
}

struct Reading<'b> {
    steps: Vec<Step<'b>>,
    constructs: BTreeMap<usize, Construct>,
}

impl<'b> Reading<'b> {
    fn of(body: &FunctionBody<'b>) -> Self {
        let mut reading = Self { steps: Vec::new(), constructs: BTreeMap::new() };
        let mut open: Vec<(usize, usize)> = Vec::new();
        let mut reader = body.get_operators_reader().expect("operators");
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset().expect("an operator");
            let at = reading.steps.len();
            let around = open.last().map(|(opener, _)| *opener);
            let arm = open.last().map_or(0, |(_, arm)| *arm);
            let construct = around.and_then(|around| reading.constructs.get_mut(&around));
            match operator {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Try { .. }
                | Operator::TryTable { .. } => {
                    reading.constructs.insert(at, Construct::default());
                    open.push((at, 0));
                }
                Operator::Else => construct.expect("an if").other = Some(at),
                Operator::Catch { .. } | Operator::CatchAll => {
                    construct.expect("a try").catches.push(at);
                    open.last_mut().expect("a try").1 += 1;
                }
                Operator::Delegate { relative_depth } => {
                    let construct = construct.expect("a try");
                    (construct.end, construct.delegate) = (at, Some(relative_depth));
                    open.pop();
                }
                Operator::End => {
                    if let Some(construct) = construct {
                        construct.end = at;
                    }
                    open.pop();
                }
                _ => {}
            }
            reading.steps.push(Step { offset: offset as u32, operator, around, arm });
        }
        reading
    }

    /// What is done when control comes to `at` from before it.
    fn land(&self, mut at: usize) -> usize {
        while let Some(step) = self.steps.get(at) {
            at = match step.operator {
                Operator::End | Operator::Delegate { .. } => at + 1,
                Operator::Else | Operator::Catch { .. } | Operator::CatchAll => {
                    self.constructs[&step.around.expect("a construct")].end + 1
                }
                _ => return at,
            };
        }
        END
    }

    /// The construct `depth` outwards from `at`, itself the first.
    fn construct(&self, at: Option<usize>, depth: u32) -> Option<usize> {
        (0..depth).fold(at, |at, _| at.and_then(|at| self.steps[at].around))
    }

    fn target(&self, at: Option<usize>, depth: u32) -> usize {
        match self.construct(at, depth) {
            None => END,
            Some(opener) if matches!(self.steps[opener].operator, Operator::Loop { .. }) => opener,
            Some(opener) => self.land(self.constructs[&opener].end + 1),
        }
    }

    /// Where an exception goes that is thrown in an arm of `at`.
    fn thrown(&self, mut at: Option<usize>, mut arm: usize) -> BTreeSet<usize> {
        let mut to = BTreeSet::new();
        while let Some(opener) = at {
            let step = &self.steps[opener];
            let construct = &self.constructs[&opener];
            let mut up = (step.around, step.arm);
            match &step.operator {
                Operator::TryTable { try_table } => {
                    for catch in &try_table.catches {
                        let (Catch::One { label, .. }
                        | Catch::OneRef { label, .. }
                        | Catch::All { label }
                        | Catch::AllRef { label }) = *catch;
                        to.insert(self.target(step.around, label));
                        if matches!(catch, Catch::All { .. } | Catch::AllRef { .. }) {
                            return to;
                        }
                    }
                }
                Operator::Try { .. } if arm == 0 => {
                    for &catch in &construct.catches {
                        to.insert(catch);
                        if matches!(self.steps[catch].operator, Operator::CatchAll) {
                            return to;
                        }
                    }
                    for _ in 0..construct.delegate.unwrap_or(0) {
                        let Some(opener) = up.0 else { break };
                        up = (self.steps[opener].around, self.steps[opener].arm);
                    }
                }
                _ => {}
            }
            (at, arm) = up;
        }
        to
    }

    fn next(&self, at: usize) -> BTreeSet<usize> {
        let Step { operator, around, arm, .. } = &self.steps[at];
        let (around, arm, on) = (*around, *arm, self.land(at + 1));
        let to = |depth: u32| self.target(around, depth);
        let one = |place| BTreeSet::from([place]);
        match operator {
            Operator::Br { relative_depth } => one(to(*relative_depth)),
            Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. }
            | Operator::BrOnCastDescEq { relative_depth, .. }
            | Operator::BrOnCastDescEqFail { relative_depth, .. } => {
                BTreeSet::from([on, to(*relative_depth)])
            }
            Operator::BrTable { targets } => {
                let all = targets.targets().map(|depth| depth.expect("a label"));
                all.chain([targets.default()]).map(to).collect()
            }
            Operator::If { .. } => {
                let Construct { end, other, .. } = self.constructs[&at];
                BTreeSet::from([on, self.land(other.unwrap_or(end) + 1)])
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => BTreeSet::new(),
            Operator::Throw { .. } | Operator::ThrowRef | Operator::Rethrow { .. } => {
                self.thrown(around, arm)
            }
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::Suspend { .. }
            | Operator::Switch { .. } => &one(on) | &self.thrown(around, arm),
            Operator::Resume { resume_table, .. }
            | Operator::ResumeThrow { resume_table, .. }
            | Operator::ResumeThrowRef { resume_table, .. } => {
                let labels = resume_table.handlers.iter().filter_map(|handle| match handle {
                    Handle::OnLabel { label, .. } => Some(to(*label)),
                    Handle::OnSwitch { .. } => None,
                });
                let handlers: BTreeSet<_> = labels.collect();
                &(&one(on) | &self.thrown(around, arm)) | &handlers
            }
            _ => one(on),
        }
    }

    /// The operators that can be reached, each with those that may be the next.
    fn steps(&self) -> Steps {
        let (mut steps, mut pending, mut seen) = (Steps::new(), vec![self.land(0)], BTreeSet::new());
        let offset = |at: usize| self.steps.get(at).map(|step| step.offset);
        while let Some(at) = pending.pop() {
            if at != END && seen.insert(at) {
                let next = self.next(at);
                steps.insert(self.steps[at].offset, next.iter().map(|at| offset(*at)).collect());
                pending.extend(next);
            }
        }
        steps
    }
}

/// The same of blocks and their exits.
fn steps_of(code: &Code) -> Steps {
    let mut steps = Steps::new();
    for (index, block) in (0..).map(BlockIndex).zip(code.blocks()) {
        if matches!(block.exit, Exit::Catch(_)) {
            continue;
        }
        let ops = ops(code, block);
        for pair in ops.windows(2) {
            steps.insert(pair[0], BTreeSet::from([Some(pair[1])]));
        }
        if let Some(last) = ops.last() {
            steps.insert(*last, after(code, index));
        }
    }
    steps
}

/// The operators of a block, by place. A `delegate` ends its `try` as an `end` does, and is none here.
fn ops(code: &Code, block: &Block) -> Vec<u32> {
    let ops = code.ops()[block.range()].iter().filter(|op| op.opcode != Opcode::Delegate);
    ops.map(|op| op.offset.0).collect()
}

/// The operators that may come after a block: through blocks without operators, and landing pads.
fn after(code: &Code, index: BlockIndex) -> BTreeSet<Option<u32>> {
    let (mut found, mut seen, mut pending) = (BTreeSet::new(), BTreeSet::new(), vec![index]);
    while let Some(index) = pending.pop() {
        if code.blocks()[index.position()].exit == Exit::End {
            found.insert(None);
        }
        for to in code.successors(index).filter(|to| seen.insert(*to)) {
            let block = &code.blocks()[to.position()];
            match ops(code, block).first() {
                Some(op) if !matches!(block.exit, Exit::Catch(_)) => {
                    found.insert(Some(*op));
                }
                _ => pending.push(to),
            }
        }
    }
    found
}

/// What was compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) functions: usize,
    pub(super) edges: usize,
    /// Operators of exceptions, by name.
    pub(super) seen: BTreeMap<&'static str, usize>,
}

/// Holds the graph of each function of a module against this reading. What cannot be parsed is left out.
pub(super) fn compare(bytes: &[u8], name: &str, compared: &mut Compared) {
    let Ok(module) = Module::parse(bytes.to_vec()) else { return };
    let bodies = Parser::new(0).parse_all(bytes).filter_map(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => Some(body),
        _ => None,
    });
    for (func, body) in module.defined().zip(bodies) {
        let code = module.code(func).unwrap_or_else(|error| panic!("{name}, function {func}: {error}"));
        let reading = Reading::of(&body);
        let (ours, theirs) = (steps_of(code), reading.steps());
        for (offset, next) in &theirs {
            assert_eq!(ours.get(offset), Some(next), "{name}, function {func}, {offset:#x}");
        }
        assert_eq!(ours.len(), theirs.len(), "{name}, function {func}: what can be reached");
        compared.functions += 1;
        compared.edges += theirs.values().map(BTreeSet::len).sum::<usize>();
        for step in &reading.steps {
            let word = match step.operator {
                Operator::TryTable { .. } => "try_table",
                Operator::Try { .. } => "try",
                Operator::Delegate { .. } => "delegate",
                Operator::Rethrow { .. } => "rethrow",
                Operator::Throw { .. } | Operator::ThrowRef => "throw",
                Operator::BrOnNull { .. }
                | Operator::BrOnNonNull { .. }
                | Operator::BrOnCast { .. }
                | Operator::BrOnCastFail { .. } => "br_on",
                _ => continue,
            };
            *compared.seen.entry(word).or_default() += 1;
        }
    }
}

/// A module of one function with code that nobody wrote. It does not validate, and its control flow makes
/// sense.
pub(super) fn written(mut next: impl FnMut() -> u8) -> Vec<u8> {
    let mut code = vec![0];
    // The constructs that are open: 1 a `try` in its body, 2 in a handler, 3 behind `catch_all`, 4 an `if`, 0
    // anything else.
    let mut open: Vec<u8> = vec![0];
    for _ in 0..40 + u32::from(next()) {
        let depth = next() % open.len() as u8;
        let kind = *open.last().expect("the function");
        match next() % 28 {
            0 => (code.extend([0x02, 0x40]), open.push(0)).1,
            1 => (code.extend([0x03, 0x40]), open.push(0)).1,
            2 => (code.extend([0x41, 0, 0x04, 0x40]), open.push(4)).1,
            3 | 4 => (code.extend([0x06, 0x40]), open.push(1)).1,
            5 => {
                let other = next() % open.len() as u8;
                code.extend([0x1f, 0x40, 2, 0, 0, depth, 2 + next() % 2, other]);
                open.push(0);
            }
            6 => (code.extend([0x1f, 0x40, 1, 0, 0, depth]), open.push(0)).1,
            7 | 8 if matches!(kind, 1 | 2) => {
                code.extend([0x07, 0]);
                *open.last_mut().expect("a try") = 2;
            }
            9 if matches!(kind, 1 | 2) => {
                code.push(0x19);
                *open.last_mut().expect("a try") = 3;
            }
            10 | 11 if kind == 1 => {
                code.extend([0x18, next() % (open.len() as u8 - 1)]);
                open.pop();
            }
            12 if kind == 4 => {
                code.push(0x05);
                *open.last_mut().expect("an if") = 0;
            }
            13..=16 if open.len() > 1 => {
                code.push(0x0b);
                open.pop();
            }
            17 => code.extend([0x0c, depth]),
            18 => code.extend([0x41, 0, 0x0d, depth]),
            19 => code.extend([0x41, 0, 0x0e, 2, depth, 0, next() % open.len() as u8]),
            20 => code.extend([0x08, 0]),
            21 => code.extend([0x09, depth]),
            22 => code.push([0x0a, 0x0f, 0x00][usize::from(next() % 3)]),
            23 => code.extend([0xd5 + next() % 2, depth]),
            _ => code.extend([0x10, 0]),
        }
    }
    code.extend(std::iter::repeat_n(0x0b, open.len()));
    module(&code)
}

fn module(code: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0d\x03\x01\0\0\x0a".to_vec();
    let len = |len: usize| [(len & 0x7f) as u8 | 0x80, (len >> 7 & 0x7f) as u8 | 0x80, (len >> 14) as u8];
    bytes.extend(len(code.len() + 4));
    bytes.push(1);
    bytes.extend(len(code.len()));
    bytes.extend(code);
    bytes
}
