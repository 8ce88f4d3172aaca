//! The analyses that Wasabi ships, asked of one sample whose answers are known by counting. Each is a pass, a
//! command or a visitor of a few lines (`docs/values.md` says which).

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
    path::Path,
};

use wasmspoor::{
    Options, Outcome, Tracer,
    analysis::Analysis,
    module::{FuncIndex, Module},
    rules,
    sandbox::{self, Drive, RunOptions},
    trace::{Callee, End, FuncKey, Trace},
    values::{
        Access, At, Fused, Machine, Nothing, Op, Visitor,
        taint::{Sink, SourceKind, Taint, TaintOptions},
    },
};

/// Two blocks are allocated, the first is filled by an indirect call, and freed.
const SAMPLE: &str = r#"(module
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 1024))
  (table funcref (elem $work))
  (type $unary (func (param i32)))
  (func $malloc (export "malloc") (param $len i32) (result i32)
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $len))))
  (func $free (export "free") (param i32))
  (func $work (param $p i32) (local $i i32)
    (loop $l
      (i32.store8 (i32.add (local.get $p) (local.get $i)) (i32.xor (local.get $i) (i32.const 90)))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5)))))
  (func (export "_start") (local $a i32) (local $b i32)
    (local.set $a (call $malloc (i32.const 16)))
    (local.set $b (call $malloc (i32.const 32)))
    (call_indirect (type $unary) (local.get $a) (i32.const 0))
    (if (i32.load8_u (local.get $a)) (then (call $free (local.get $a))) (else (nop)))))"#;

fn options() -> RunOptions {
    let mut options = RunOptions::default();
    options.drive = Drive::None;
    options
}

fn analysis() -> Analysis {
    Analysis::of(SAMPLE.as_bytes(), &options(), &rules::Set::builtin())
}

fn trace() -> Trace {
    sandbox::run_with_effects(&wat::parse_str(SAMPLE).unwrap(), &options()).unwrap().trace
}

/// Follows the sample with a visitor.
fn visit<V: Visitor>(mut visitor: V) -> V {
    let trace = trace();
    Machine::new(&trace).and_then(|mut machine| machine.run(&mut visitor)).unwrap();
    visitor
}

/// `instruction-mix`, `instruction-count`: the pass `opcodes`, or a visitor.
#[test]
fn instruction_mix_and_count() {
    struct Mix(BTreeMap<String, u64>);
    impl Visitor for Mix {
        const INSTRUCTIONS: bool = true;
        fn instruction(&mut self, at: At<'_>, _: &[u64], _: &[u64]) {
            *self.0.entry(at.op.opcode.mnemonic().to_owned()).or_default() += 1;
        }
    }
    let mix = visit(Mix(BTreeMap::new())).0;
    assert_eq!((mix["i32.xor"], mix["i32.store8"], mix["i32.add"], mix["br_if"]), (5, 5, 12, 5));
    assert!(!mix.contains_key("nop"), "it is not executed");
    let dynamic = analysis().dynamic;
    assert_eq!(dynamic.opcodes, mix);
    assert_eq!(dynamic.metrics.classes.total, mix.values().sum::<u64>());
}

/// `block-counting`: the pass `hot-blocks`.
#[test]
fn basic_block_profile() {
    let dynamic = analysis().dynamic;
    let hottest = &dynamic.hot_blocks.blocks[0];
    assert_eq!((hottest.place.function, hottest.count), (FuncIndex(2), 5), "the loop");
    assert_eq!(dynamic.hot_blocks.cut, 0);
    let executed: u64 =
        dynamic.hot_blocks.blocks.iter().map(|block| block.count * u64::from(block.len)).sum();
    assert_eq!(executed, dynamic.metrics.classes.total, "each instruction is in one block");
}

/// `coverage-instruction`, `coverage-stmt`: the pass `coverage`.
#[test]
fn instruction_coverage() {
    struct Seen(BTreeSet<u32>);
    impl Visitor for Seen {
        const INSTRUCTIONS: bool = true;
        fn instruction(&mut self, at: At<'_>, _: &[u64], _: &[u64]) {
            self.0.insert(at.op.offset);
        }
    }
    let coverage = analysis().dynamic.coverage;
    assert_eq!((coverage.functions_run, coverage.functions), (4, 4));
    assert_eq!(coverage.instructions_run, visit(Seen(BTreeSet::new())).0.len() as u64);
    assert_eq!(coverage.instructions - coverage.instructions_run, 1, "the `nop`");
}

/// `coverage-branch`: the pass `branches`. Wasabi's takes the arguments of `br_if` in the wrong order.
#[test]
fn branch_coverage() {
    let branches = analysis().dynamic.branches;
    let ways: Vec<_> =
        branches.iter().map(|branch| (branch.place.function.0, branch.taken, branch.not_taken)).collect();
    assert_eq!(ways, [(2, 4, 1), (3, 1, 0)], "the loop, the `if`");
}

/// `call-graph`: the pass `call-graph`.
#[test]
fn call_graph() {
    let graph = analysis().dynamic.call_graph;
    let edges = graph.edges.iter().map(|edge| (edge.caller.map(|func| func.0), edge.callee.0, edge.count));
    let expected = [(None, 3, 1), (Some(3), 0, 2), (Some(3), 1, 1), (Some(3), 2, 1)];
    assert_eq!(edges.collect::<BTreeSet<_>>(), expected.into());
}

/// `memory-tracing`: a visitor.
#[test]
fn memory_tracing() {
    struct Accesses(Vec<(bool, u64, u64)>);
    impl Visitor for Accesses {
        const MEMORY: bool = true;
        fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
            self.0.push((access.is_write, access.address, access.len));
        }
    }
    let expected = [
        (true, 1024, 1),
        (true, 1025, 1),
        (true, 1026, 1),
        (true, 1027, 1),
        (true, 1028, 1),
        (false, 1024, 1),
    ];
    assert_eq!(visit(Accesses(Vec::new())).0, expected);
}

/// What is allocated by functions that are exported as `malloc` and `free`.
struct Heap<'t> {
    trace: &'t Trace,
    malloc: Option<FuncIndex>,
    free: Option<FuncIndex>,
    /// For each open call: the bytes asked for, if it is `malloc`.
    calls: Vec<Option<u64>>,
    live: BTreeMap<u64, u64>,
    allocations: u64,
    peak: u64,
}

impl<'t> Heap<'t> {
    fn new(trace: &'t Trace) -> Self {
        let module: &Module = &trace.modules[0];
        let named = |name: &str| {
            module.exports().iter().find(|export| &*export.name == name).and_then(|export| export.func)
        };
        let (malloc, free) = (named("malloc"), named("free"));
        Self { trace, malloc, free, calls: Vec::new(), live: BTreeMap::new(), allocations: 0, peak: 0 }
    }
}

impl Visitor for Heap<'_> {
    fn invoke(&mut self, _: FuncKey, _: &[u64]) {
        self.calls.push(None);
    }

    fn call(&mut self, callee: FuncKey, arguments: &[u64], is_tail: bool) {
        if is_tail {
            self.calls.pop();
        }
        let func = match self.trace.resolve(callee) {
            Some(Callee::Defined(_, func)) => Some(func),
            _ => None,
        };
        if func.is_some() && func == self.free {
            self.live.remove(&arguments[0]);
        }
        self.calls.push(arguments.first().copied().filter(|_| func.is_some() && func == self.malloc));
    }

    fn leave(&mut self, results: &[u64]) {
        if let (Some(Some(len)), [address]) = (self.calls.pop(), results) {
            self.allocations += 1;
            self.live.insert(*address, len);
            self.peak = self.peak.max(self.live.values().sum());
        }
    }
}

/// `heap-analysis`: a visitor.
#[test]
fn heap_analysis() {
    let trace = trace();
    let mut heap = Heap::new(&trace);
    Machine::new(&trace).and_then(|mut machine| machine.run(&mut heap)).unwrap();
    assert_eq!((heap.allocations, heap.peak), (2, 48));
    assert_eq!(heap.live, BTreeMap::from([(1040, 32)]), "not freed");
}

/// `log-all`: `spoor dump --values`, or a visitor.
#[test]
fn log_all() {
    struct Log(Vec<String>);
    impl Visitor for Log {
        const INSTRUCTIONS: bool = true;
        const MEMORY: bool = true;
        fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
            self.0.push(format!("{} {operands:?} {results:?}", at.op.opcode.mnemonic()));
        }
        fn access(&mut self, _: FuncIndex, _: &Op, access: Access) {
            self.0.push(format!("access {:#x}", access.address));
        }
        fn call(&mut self, callee: FuncKey, arguments: &[u64], _: bool) {
            self.0.push(format!("called {} {arguments:?}", callee.0));
        }
        fn leave(&mut self, results: &[u64]) {
            self.0.push(format!("leave {results:?}"));
        }
    }
    let log = visit(Log(Vec::new())).0;
    assert_eq!(log[0], "i32.const [] [16]");
    let calls = log.iter().filter(|line| line.starts_with("called ")).count();
    let leaves: Vec<_> = log.iter().filter(|line| line.starts_with("leave")).collect();
    assert_eq!(
        (calls, leaves[0].as_str(), leaves[1].as_str(), leaves.len()),
        (4, "leave [1024]", "leave [1040]", 5)
    );
    let xors: Vec<_> = log.iter().filter(|line| line.starts_with("i32.xor")).collect();
    assert_eq!(xors[3], "i32.xor [3, 90] [89]");
}

/// `mirror-execution`: the data level itself, which checks what it computes against the recording.
#[test]
fn mirror_execution() {
    let trace = trace();
    let mut machine = Machine::new(&trace).unwrap();
    let totals = machine.run(&mut Nothing).unwrap();
    assert_eq!(totals.instructions, trace.counts().unwrap().total);
    assert_eq!(machine.memory(0).unwrap()[1024..1029], [90, 91, 88, 89, 94]);
}

/// `cryptominer-detection`: passes `opcodes` and `signatures`, and a verdict that does not rest on counts.
#[test]
fn cryptominer_detection() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let of = |name: &str| {
        let text = fs::read(corpus.join(name)).unwrap();
        Analysis::of(&text, &RunOptions::default(), &rules::Set::builtin())
    };
    let (miner, hashes) = (of("cryptonight.wat"), of("benign-hashes.wat"));
    let family = |analysis: &Analysis| analysis.verdict.family;
    assert_eq!(family(&miner), Some(rules::Family::Miner));
    assert_ne!(family(&hashes), Some(rules::Family::Miner), "as many xors and shifts");
}

/// `taint`: byte by byte, through memory, with sets of sources.
#[test]
fn taint() {
    let trace = trace();
    let mut taint = Taint::new(&trace, TaintOptions::default().sources([SourceKind::Immediate]));
    Machine::new(&trace).and_then(|mut machine| machine.run(&mut taint)).unwrap();
    // The constants of `$work` decide the loop and, by memory, the `if` of `_start`.
    let flows = taint.flows();
    let decided =
        flows.iter().filter(|flow| &*flow.source.name == "func 2").filter_map(|flow| match flow.sink {
            Sink::Branch { function, .. } => Some(function.0),
            _ => None,
        });
    assert_eq!(decided.collect::<BTreeSet<_>>(), [2, 3].into());
}

/// Keeps the slots of all frames itself, from what is told: `mirror-execution`.
#[derive(Default)]
struct Mirror {
    slots: Vec<u64>,
    frames: Vec<usize>,
    at: usize,
    is_tail: bool,
    hosts: Vec<usize>,
    /// Operands of the exception that is under way.
    thrown: Vec<u64>,
    /// There was a reference to an exception: what it holds is not told.
    is_lost: bool,
    /// Frames and host calls below each invocation.
    bases: Vec<(usize, usize)>,
    operands: u64,
}

impl Mirror {
    fn put(&mut self, at: usize, values: &[u64]) {
        let end = at + values.len();
        self.slots.resize(self.slots.len().max(end), 0);
        self.slots[at..end].copy_from_slice(values);
    }

    fn fp(&self) -> usize {
        self.frames.last().copied().unwrap_or(0)
    }
}

impl Visitor for Mirror {
    const FUSED: bool = true;

    fn fused(&mut self, fused: Fused<'_>, operands: &[u64], results: &[u64]) {
        let (slots, fp) = (fused.slots(), self.fp());
        for (operand, slot) in operands.iter().zip(slots.operands) {
            if let Some(slot) = slot.filter(|_| !self.is_lost) {
                let own = fused.own().map(|op| op.opcode.mnemonic());
                let kept = self.slots.get(fp + slot as usize).copied().unwrap_or(0);
                assert_eq!(kept, *operand, "slot {slot} of {own:?} at instruction {}", fused.number);
                self.operands += 1;
            }
        }
        let is_branch = |op: &Op| matches!(op.opcode.mnemonic(), "br_if" | "if");
        if !fused.after().is_some_and(is_branch) {
            self.put(fp + slots.results as usize, results);
        }
    }

    fn zeroed(&mut self, slots: Range<usize>) {
        self.put(slots.start, &vec![0; slots.len()]);
    }

    fn moved(&mut self, from: u32, to: u32, len: u32) {
        let (from, to) = (self.fp() + from as usize, self.fp() + to as usize);
        let values: Vec<u64> =
            (0..len as usize).map(|place| self.slots.get(from + place).copied().unwrap_or(0)).collect();
        self.put(to, &values);
    }

    fn arguments_at(&mut self, slot: usize, is_tail: bool) {
        (self.at, self.is_tail) = (slot, is_tail);
    }

    fn throws(&mut self, exception: Option<u32>, operands: Range<u32>, _: &[(u8, u8)]) {
        self.is_lost |= exception.is_some();
        let slot = |slot| self.slots.get(self.fp() + slot as usize).copied().unwrap_or(0);
        self.thrown = operands.map(slot).collect();
    }

    fn catches(&mut self, exception: Option<u32>, operands: Range<u32>, _: &[(u8, u8)]) {
        self.is_lost |= exception.is_some();
        let thrown = std::mem::take(&mut self.thrown);
        self.put(self.fp() + operands.start as usize, &thrown);
    }

    fn invoke(&mut self, _: FuncKey, arguments: &[u64]) {
        self.bases.push((self.frames.len(), self.hosts.len()));
        self.frames.push(self.at);
        self.put(self.at, arguments);
    }

    fn call(&mut self, _: FuncKey, arguments: &[u64], is_tail: bool) {
        if is_tail {
            self.frames.pop();
        }
        self.frames.push(self.at);
        self.put(self.at, arguments);
    }

    fn leave(&mut self, _: &[u64]) {
        self.frames.pop();
    }

    fn host_call(&mut self, _: FuncKey, _: u64, _: &[u64]) {
        if self.is_tail {
            self.frames.pop();
        }
        self.hosts.push(self.at);
    }

    fn host_return(&mut self, _: bool, results: &[u64]) {
        if let Some(at) = self.hosts.pop() {
            self.put(at, results);
        }
    }

    fn end(&mut self, _: &End, _: &[u64]) {
        let (frames, hosts) = self.bases.pop().unwrap_or_default();
        self.frames.truncate(frames);
        self.hosts.truncate(hosts);
    }
}

#[test]
fn operands_are_in_the_slots_that_are_named() {
    let check = |trace: &Trace, name: &str| {
        let mut mirror = Mirror::default();
        if let Err(error) = Machine::new(trace).and_then(|mut machine| machine.run(&mut mirror)) {
            panic!("{name}: {error}");
        }
        mirror.operands
    };
    let (mut operands, mut traces) = (0, 0);
    for path in common::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), "wat") {
        let Ok(wasm) = wat::parse_file(&path) else { continue };
        let mut options = RunOptions::default();
        (options.entry_instructions, options.limits.instructions) = (Some(100_000), Some(300_000));
        let Ok(run) = sandbox::run_with_effects(&wasm, &options) else { continue };
        operands += check(&run.trace, &path.display().to_string());
        traces += 1;
    }
    for seed in 0..200 {
        let Ok(wasm) = common::bodies::smith(&common::noise(seed, 3000)) else { continue };
        let options = Options::default().limits(common::limits(10_000)).effects(true);
        let Ok(mut session) = Tracer::new(options).load(&wasm) else { continue };
        if session.start().is_err() {
            continue;
        }
        for export in session.exports() {
            let params = session.params(&export).unwrap_or_default();
            let args: Vec<_> = params.into_iter().map(common::hooked::zero).collect();
            if matches!(session.invoke(&export, &args), Ok(Outcome::Stopped { .. }) | Err(_)) {
                break;
            }
        }
        operands += check(&session.finish(), &format!("seed {seed}"));
        traces += 1;
    }
    println!("{traces} runs, {operands} operands");
    assert!(traces > 200 && operands > 1_000_000, "{traces} runs, {operands} operands");
}
