//! The data level against the engine. Every value that shows is what the engine computed: decisions, callees,
//! growth, traps, arguments and results at the border, final memories and globals.

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{bodies, files, hash, limits, noise};
use wasmspoor::{
    Options, Outcome, Tracer, Value,
    sandbox::{self, RunOptions},
    trace::{
        End, FuncKey, InstanceIndex, Record, Trace, Trap, Words,
        effects::{Effect, Effects, Val},
    },
    values::{
        At, Definition, FindBytes, FindValue, Fused, LastWriters, Level, Machine, Nothing, Slicer, Timeline,
        Ty, ValuesError, ValuesErrorKind as Kind, Visitor, Writer, signature,
    },
};
use wasmspoor_needs::needs;

/// Exported memories and globals as the engine left them.
struct Left {
    memories: BTreeMap<u32, (usize, u64)>,
    globals: BTreeMap<u32, Value>,
}

/// Runs a module as `common::hooked` does; `None` if the engine does not take it.
fn record(wasm: &[u8], decisions: u64) -> Option<(Trace, Option<Left>)> {
    let options = Options::default().limits(limits(decisions)).effects(true);
    let mut session = Tracer::new(options).load(wasm).ok()?;
    let mut is_over = !matches!(session.start().ok()?, Outcome::Returned(_));
    let mut exports = session.exports();
    if exports.iter().any(|export| export == "_start") {
        exports = vec!["_start".into()];
    }
    let is_instance = !is_over;
    for export in exports {
        if is_over {
            break;
        }
        let params = session.params(&export).unwrap_or_default();
        let args: Vec<_> = params.into_iter().map(common::hooked::zero).collect();
        is_over = matches!(session.invoke(&export, &args).unwrap(), Outcome::Stopped { .. });
    }
    let left = is_instance.then(|| {
        let mut left = Left { memories: BTreeMap::new(), globals: BTreeMap::new() };
        for (name, kind, index) in exported(wasm) {
            match kind {
                wasmparser::ExternalKind::Memory => {
                    let bytes = session.memory(&name).unwrap();
                    left.memories.insert(index, (bytes.len(), hash(bytes)));
                }
                wasmparser::ExternalKind::Global => {
                    left.globals.insert(index, session.global(&name).unwrap());
                }
                _ => {}
            }
        }
        left
    });
    Some((session.finish(), left))
}

fn exported(wasm: &[u8]) -> Vec<(String, wasmparser::ExternalKind, u32)> {
    let payloads = || wasmparser::Parser::new(0).parse_all(wasm).map_while(Result::ok);
    // Of modules that are linked into one, those of each say nothing of that.
    let is_module = |payload: &_| matches!(payload, wasmparser::Payload::ModuleSection { .. });
    if payloads().filter(is_module).count() > 1 {
        return Vec::new();
    }
    let exports = payloads().filter_map(|payload| match payload {
        wasmparser::Payload::ExportSection(exports) => Some(exports),
        _ => None,
    });
    let exports = exports.flatten().map_while(Result::ok);
    exports.map(|export| (export.name.to_owned(), export.kind, export.index)).collect()
}

/// Counts what it is told.
#[derive(Default)]
struct Count {
    instructions: u64,
    next: u64,
}

impl Visitor for Count {
    const INSTRUCTIONS: bool = true;
    const MEMORY: bool = true;

    fn instruction(&mut self, at: At<'_>, _: &[u64], _: &[u64]) {
        assert_eq!(at.number, self.next, "{:?}", at.op);
        self.next += 1;
        self.instructions += 1;
    }
}

/// Runs a module through the data level; returns its instructions.
fn check(wasm: &[u8], decisions: u64) -> Result<Option<u64>, String> {
    let Some((trace, left)) = record(wasm, decisions) else { return Ok(None) };
    let mut machine = Machine::new(&trace).map_err(|error| error.to_string())?;
    let totals = machine.run(&mut Nothing).map_err(|error| error.to_string())?;
    let counted = trace.counts().map_err(|error| error.to_string())?.total;
    if totals.instructions != counted {
        return Err(format!("{} instructions, replay {counted}", totals.instructions));
    }
    let mut count = Count::default();
    let told = Machine::new(&trace).and_then(|mut machine| machine.run(&mut count));
    told.map_err(|error| format!("with a visitor: {error}"))?;
    if count.instructions != counted {
        return Err(format!("told of {} instructions, replay {counted}", count.instructions));
    }
    if let Some(left) = left {
        compare(&machine, &left)?;
    }
    Ok(Some(counted))
}

fn compare(machine: &Machine<'_>, left: &Left) -> Result<(), String> {
    let first = InstanceIndex(0);
    for (&index, &expected) in &left.memories {
        let bytes = machine.memory_of(first, index).and_then(|number| machine.memory(number)).unwrap();
        if (bytes.len(), hash(bytes)) != expected {
            return Err(format!("memory {index} differs"));
        }
    }
    for (&index, &expected) in &left.globals {
        let slots = machine.global_of(first, index).and_then(|number| machine.global(number)).unwrap();
        let is_same = match expected {
            Value::I32(value) => slots[0] == u64::from(value as u32),
            Value::I64(value) => slots[0] == value as u64,
            Value::F32(value) => slots[0] == u64::from(value.to_bits()),
            Value::F64(value) => slots[0] == value.to_bits(),
            Value::V128(value) => u128::from(slots[0]) | u128::from(slots[1]) << 64 == value,
            Value::Ref { null } => (slots[0] == 0) == null,
            _ => false,
        };
        if !is_same {
            return Err(format!("global {index} is {slots:x?}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn check_all(files: Vec<std::path::PathBuf>, decisions: u64) -> (u64, u64) {
    let (mut modules, mut instructions, mut wrong) = (0, 0, Vec::new());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let Ok(wasm) = wat::parse_bytes(&bytes) else { continue };
        match check(&wasm, decisions) {
            Ok(Some(total)) => (modules, instructions) = (modules + 1, instructions + total),
            Ok(None) => {}
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    (modules, instructions)
}

#[test]
fn corpus_is_recomputed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (modules, instructions) = check_all(files(&folder, "wat"), 100_000);
    assert!(modules >= 9 && instructions > 10_000, "{modules} modules, {instructions} instructions");
}

/// As `spoor run` runs them. There are a persona's files and sockets, and exports called with made-up
/// arguments. The instance is put back after each call that failed.
#[test]
fn sandbox_runs_of_the_corpus_are_recomputed_to_the_end() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let (mut runs, mut instructions, mut restored, mut wrong) = (0, 0, 0, Vec::new());
    for file in files(&folder, "wat") {
        let Ok(wasm) = wat::parse_bytes(&fs::read(&file).unwrap()).map(|wasm| wasm.into_owned()) else {
            continue;
        };
        match check_sandbox(&wasm) {
            Ok(Some((total, states))) => {
                (runs, instructions, restored) = (runs + 1, instructions + total, restored + states);
            }
            Ok(None) => {}
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
        }
    }
    println!("{runs} runs, {instructions} instructions, {restored} states put back");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(runs > 80 && restored > 10, "{runs} runs, {restored} states put back");
}

/// Counts states that are put back.
#[derive(Default)]
struct Restored(u64);

impl Visitor for Restored {
    fn host_restore(&mut self, _: u32) {
        self.0 += 1;
    }
}

/// Runs a sample in the sandbox and through the data level; its instructions, and how often a state was put
/// back. `None` if it does not run.
fn check_sandbox(wasm: &[u8]) -> Result<Option<(u64, u64)>, String> {
    let mut options = RunOptions::default();
    options.entry_decisions = Some(20_000);
    let Ok(run) = sandbox::run_with_effects(wasm, &options) else { return Ok(None) };
    let mut restored = Restored::default();
    let told = Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut restored));
    let totals = told.map_err(|error| error.to_string())?;
    let counted = run.trace.counts().map_err(|error| error.to_string())?.total;
    match totals.instructions == counted {
        true => Ok(Some((counted, restored.0))),
        false => Err(format!("{} instructions, replay {counted}", totals.instructions)),
    }
}

/// All of them, each as far as takes a moment; `SPOOR_DECISIONS` goes further.
#[needs("../shared")]
#[test]
fn shared_samples_are_recomputed() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let decisions = std::env::var("SPOOR_DECISIONS").map_or(5_000, |text| text.parse().unwrap());
    let mut all = Vec::new();
    for folder in ["samples", "workloads", "wasi", "cases"] {
        all.extend(["wasm", "wat"].into_iter().flat_map(|extension| files(&shared.join(folder), extension)));
    }
    let (modules, _) = check_all(all, decisions);
    assert!(modules > 100, "{modules}");
}

#[test]
fn modules_from_wasm_smith_are_recomputed() {
    let seeds = std::env::var("SPOOR_SMITH_SEEDS").map_or(400, |text| text.parse().unwrap());
    let (mut modules, mut instructions) = (0, 0);
    for seed in 0..seeds {
        let Ok(wasm) = bodies::smith(&noise(seed, 3000)) else { continue };
        match check(&wasm, 20_000) {
            Ok(total) => (modules, instructions) = (modules + 1, instructions + total.unwrap_or(0)),
            Err(error) => {
                panic!("seed {seed}: {error}\n{}", wasmprinter::print_bytes(&wasm).unwrap())
            }
        }
    }
    println!("{modules} modules, {instructions} instructions");
    assert!(modules > seeds / 2 && instructions > 1000, "{modules} modules, {instructions} instructions");
}

/// A function that calls another with operands below the call, loops, stores, and reads back.
const STEPS: &str = r#"(module
  (import "env" "give" (func $give (param i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 8) "spoor")
  (global $g (mut i64) (i64.const 7))
  (func $inner (param $x i32) (result i32) (local $y i64)
    (local.set $y (i64.extend_i32_u (i32.mul (local.get $x) (i32.const 3))))
    (global.set $g (i64.add (global.get $g) (local.get $y)))
    (i32.store (i32.const 64) (i32.wrap_i64 (local.get $y)))
    (memory.copy (i32.const 100) (i32.const 8) (i32.const 5))
    (i32.wrap_i64 (local.get $y)))
  (func (export "_start") (local $i i32) (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (i32.add (local.get $sum) (i32.const 1000))
          (call $inner (i32.add (call $give (local.get $i)) (i32.const 1)))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4))))
    (i32.store (i32.const 72) (local.get $sum))))"#;

/// A run with effects; `give` gives its argument and writes it at address 32.
fn run_steps() -> Trace {
    let mut tracer = Tracer::new(Options::default().effects(true));
    tracer.define("env", "give", |call| {
        let Value::I32(given) = call.args()[0] else { unreachable!("its type says so") };
        _ = call.write_memory(32, &given.to_le_bytes());
        call.set_result(0, Value::I32(given))
    });
    let mut session = tracer.load(STEPS.as_bytes()).unwrap();
    session.start().unwrap();
    session.invoke("_start", &[]).unwrap();
    session.finish()
}

/// Follows locals and operand stacks by what it is told, without looking at the machine.
#[derive(Default)]
struct Model {
    frames: Vec<(Vec<u64>, Vec<u64>)>,
    /// Before each instruction: function, locals and operands of the top frame.
    states: Vec<(u32, Vec<u64>, Vec<u64>)>,
}

impl Visitor for Model {
    const INSTRUCTIONS: bool = true;

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        let (locals, stack) = self.frames.last_mut().unwrap();
        self.states.push((at.function.0, locals.clone(), stack.clone()));
        let left = stack.len() - operands.len();
        assert_eq!(&stack[left..], operands, "{:?}", at.op);
        stack.truncate(left);
        stack.extend(results);
        let local =
            |results: &[u64], operands: &[u64]| results.first().or(operands.first()).copied().unwrap();
        match at.op.opcode.mnemonic() {
            // The first local that differs is the one: locals of the sample are set to ever new values.
            "local.set" | "local.tee" => {
                let index = self.set(at);
                self.frames.last_mut().unwrap().0[index] = local(results, operands);
            }
            _ => {}
        }
    }

    fn invoke(&mut self, _: wasmspoor::trace::FuncKey, arguments: &[u64]) {
        self.frames.push((arguments.to_vec(), Vec::new()));
        self.frames.last_mut().unwrap().0.resize(2, 0);
    }

    fn call(&mut self, _: wasmspoor::trace::FuncKey, arguments: &[u64], _: bool) {
        let stack = &mut self.frames.last_mut().unwrap().1;
        stack.truncate(stack.len() - arguments.len());
        let mut locals = arguments.to_vec();
        locals.resize(2, 0);
        self.frames.push((locals, Vec::new()));
    }

    fn leave(&mut self, results: &[u64]) {
        self.frames.pop();
        if let Some((_, stack)) = self.frames.last_mut() {
            stack.extend(results);
        }
    }

    fn host_call(&mut self, _: wasmspoor::trace::FuncKey, _: u64, arguments: &[u64]) {
        let stack = &mut self.frames.last_mut().unwrap().1;
        stack.truncate(stack.len() - arguments.len());
    }

    fn host_return(&mut self, _: bool, results: &[u64]) {
        self.frames.last_mut().unwrap().1.extend(results);
    }
}

impl Model {
    /// The index of a local, from the bytes of the instruction.
    fn set(&self, at: At<'_>) -> usize {
        let wasm = wat::parse_str(STEPS).unwrap();
        usize::from(wasm[at.op.offset as usize + 1])
    }
}

/// At every moment of the run, gone to in an order that jumps forwards and backwards.
#[test]
fn the_state_at_each_moment_is_what_the_instructions_made_it() {
    let trace = run_steps();
    let mut model = Model::default();
    let total = Machine::new(&trace).unwrap().run(&mut model).unwrap().instructions;
    assert_eq!(model.states.len() as u64, total);
    let mut timeline = Timeline::new(&trace).unwrap();
    let order = (0..total).map(|n| if n % 3 == 0 { total - 1 - n } else { n }).chain(0..total);
    for event in order {
        let state = timeline.state(event).unwrap();
        let Some(Level::Wasm(top)) = state.levels.last() else { panic!("event {event}: {state:?}") };
        let flat = |values: &[wasmspoor::values::Typed]| -> Vec<u64> {
            values.iter().map(|value| value.slots[0]).collect()
        };
        let (function, locals, operands) = &model.states[event as usize];
        assert_eq!(
            (top.function.0, &flat(&top.locals), &flat(&top.operands)),
            (*function, locals, operands),
            "event {event}, {:?}",
            top.opcode
        );
        assert_eq!(state.event, event);
    }
    let end = timeline.state(u64::MAX).unwrap();
    assert_eq!((end.event, end.levels.len()), (total, 0));
    // 7 + 3 * (1 + 2 + 3 + 4)
    assert_eq!(end.globals[0].slots[0], 37);
    let sum = 4 * 1000 + 30;
    assert_eq!(timeline.memory(0).unwrap()[72..76], u32::to_le_bytes(sum));
}

#[test]
fn callers_keep_what_is_below_their_arguments() {
    let trace = run_steps();
    let mut timeline = Timeline::new(&trace).unwrap();
    let total = timeline.total().unwrap();
    let mut seen = 0;
    for event in 0..total {
        let state = timeline.state(event).unwrap();
        let [Level::Wasm(outer), Level::Wasm(inner)] = &state.levels[..] else { continue };
        assert_eq!((outer.opcode.mnemonic(), outer.operands.len(), inner.function.0), ("call", 1, 1));
        assert_eq!(outer.operands[0].slots[0] % 1000, outer.locals[1].slots[0] % 1000);
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_last_writers_of_bytes_are_known() {
    let trace = run_steps();
    let mut timeline = Timeline::new(&trace).unwrap();
    let total = timeline.total().unwrap();
    let mut writers = |address, len| {
        let mut last = LastWriters::of(0, address, len, total);
        timeline.walk(0, total, &mut last).unwrap();
        last.runs()
    };
    let by = |writer: Option<Writer>| match writer {
        Some(Writer::Instruction { opcode, from, .. }) => format!("{} {from:?}", opcode.mnemonic()),
        Some(Writer::Host { call, .. }) => format!("host {}", call.is_some()),
        Some(Writer::Segment { event }) => format!("segment {event}"),
        None => "nobody".into(),
    };
    for (address, len, expected) in [
        (64, 4, vec![(64, 4, "i32.store None")]),
        (70, 8, vec![(70, 2, "nobody"), (72, 4, "i32.store None"), (76, 2, "nobody")]),
        (8, 5, vec![(8, 5, "segment 0")]),
        (32, 4, vec![(32, 4, "host true")]),
        (99, 4, vec![(99, 1, "nobody"), (100, 3, "memory.copy Some((0, 8))")]),
    ] {
        let found: Vec<_> =
            writers(address, len).into_iter().map(|(at, len, writer)| (at, len, by(writer))).collect();
        let expected: Vec<_> = expected.into_iter().map(|(at, len, by)| (at, len, by.to_owned())).collect();
        assert_eq!(found, expected, "{address}");
    }
}

#[test]
fn bytes_and_values_are_found_from_when_until_when() {
    let trace = run_steps();
    let mut timeline = Timeline::new(&trace).unwrap();
    let total = timeline.total().unwrap();
    let mut find = FindBytes::new(&[b"spoor".to_vec(), 6u32.to_le_bytes().to_vec()]);
    timeline.walk(0, total, &mut find).unwrap();
    let spoor: Vec<_> = find.found().iter().filter(|found| found.pattern == 0).collect();
    assert_eq!(
        spoor.iter().map(|found| (found.address, found.until)).collect::<Vec<_>>(),
        [(8, None), (100, None)]
    );
    assert_eq!(spoor[0].from, 0);
    // The second turn stores 2 * 3 at 64, the third overwrites it.
    let six: Vec<_> = find.found().iter().filter(|found| found.pattern == 1).collect();
    assert_eq!((six.len(), six[0].address), (1, 64));
    let (from, until) = (six[0].from, six[0].until.unwrap());
    for (event, is_there) in [(from - 1, false), (from, true), (until - 1, true), (until, false)] {
        timeline.state(event).unwrap();
        assert_eq!(timeline.memory(0).unwrap()[64..68] == 6u32.to_le_bytes(), is_there, "event {event}");
    }
    let mut value = FindValue::new(vec![12]);
    timeline.walk(0, total, &mut value).unwrap();
    assert_eq!(value.found()[0].opcode.mnemonic(), "i32.mul");
    assert!(value.count() >= 2 && value.last().unwrap().event > value.found()[0].event);
}

/// What instructions take and give has the types that are told, to the slot.
#[test]
fn types_fit_what_visitors_are_told() {
    struct Types<'t>(&'t Trace, u64);
    impl Visitor for Types<'_> {
        const INSTRUCTIONS: bool = true;

        fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
            let ty = self.0.modules[0].func_type(at.function).unwrap();
            let of_function: Vec<Ty> = ty.results().iter().map(|&ty| Ty::from(ty)).collect();
            let (takes, gives) = signature(at.op, &of_function);
            let slots = |types: &[Ty]| types.iter().map(|ty| ty.slots() as usize).sum::<usize>();
            // One that ends the invocation has no results, or does not act at all.
            let is_whole =
                operands.len() == slots(&takes) && (results.len() == slots(&gives) || results.is_empty());
            assert!(
                is_whole || operands.is_empty() || at.op.opcode.mnemonic() == "throw",
                "{:?}: {takes:?} {gives:?}, told {operands:?} {results:?}",
                at.op
            );
            for (ty, slot) in takes.iter().zip(operands).take_while(|(ty, _)| **ty != Ty::V128) {
                let is_narrow = matches!(ty, Ty::I32 | Ty::F32);
                assert!(!is_narrow || *slot <= u64::from(u32::MAX), "{:?}", at.op);
            }
            self.1 += 1;
        }
    }
    let mut count = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let corpus = files(&folder, "wat").into_iter().filter_map(|file| wat::parse_file(file).ok());
    let smith = (0..150).filter_map(|seed| bodies::smith(&noise(seed, 3000)).ok());
    for wasm in corpus.chain(smith) {
        let Some((trace, _)) = record(&wasm, 5_000) else { continue };
        let mut types = Types(&trace, 0);
        Machine::new(&trace).unwrap().run(&mut types).unwrap();
        count += types.1;
    }
    assert!(count > 100_000, "{count}");
}

/// The body of the fuzz target, on pseudo-random inputs.
#[test]
fn arbitrary_effects_and_streams_give_values_or_an_error() {
    for seed in 0..300 {
        let mut data = noise(seed, if seed % 2 == 0 { 400 } else { 2000 });
        data[0] = seed as u8;
        bodies::values(&data);
    }
}

/// What a value comes from: known for each, down to the last instruction.
#[test]
fn a_slice_has_what_a_value_comes_from_and_nothing_else() {
    let trace = run_steps();
    let mut timeline = Timeline::new(&trace).unwrap();
    let total = timeline.total().unwrap();
    let mut slicer = Slicer::new(total, false);
    timeline.walk(0, total, &mut slicer).unwrap();
    let names = |slice: &wasmspoor::values::Slice| -> Vec<String> {
        let name = |step: &Definition| match step {
            Definition::Instruction { opcode, value, .. } => format!("{} {value}", opcode.mnemonic()),
            Definition::Write(Writer::Segment { .. }) => "segment".into(),
            Definition::Write(_) => "host write".into(),
            Definition::Argument { index, .. } => format!("argument {index}"),
            Definition::Result { .. } => "result".into(),
        };
        slice.steps.iter().map(name).collect()
    };
    // 64: y of the last turn: (give(3) + 1) * 3, in another function.
    let y = slicer.of_memory(0, 64, 4);
    assert_eq!(
        names(&y),
        [
            "result",
            "i32.const 1",
            "i32.add 4",
            "i32.const 3",
            "i32.mul 12",
            "i64.extend_i32_u 12",
            "i32.wrap_i64 12",
            "i32.store 12"
        ]
    );
    assert_eq!((y.roots.len(), y.is_cut), (1, false));
    // The result that was added is used by the product, not by the constant.
    let position = |name: &str| names(&y).iter().position(|found| found == name).unwrap();
    assert!(y.edges.contains(&(position("i32.mul 12"), position("i32.add 4"))));
    // A copy of a segment, and bytes that nobody wrote.
    assert_eq!(names(&slicer.of_memory(0, 100, 5)), ["segment"]);
    assert!(slicer.of_memory(0, 500, 4).steps.is_empty());
    assert_eq!(names(&slicer.of_memory(0, 32, 4)), ["host write"]);
    // The sum of all turns: four results of the host.
    let sum = names(&slicer.of_memory(0, 72, 4));
    assert_eq!(sum.iter().filter(|name| *name == "result").count(), 4, "{sum:?}");
    assert!(sum.iter().all(|name| !name.contains("lt_u")), "{sum:?}");
}

/// Some millions of instructions: stores, calls, calls through a table, a global, growth; ends with a trap.
const LONG: &str = r#"(module
  (memory (export "memory") 1) (table 2 funcref) (elem (i32.const 0) $up $down)
  (type $step (func (param i32) (result i32)))
  (global $seed (mut i32) (i32.const 12345))
  (func $up (param i32) (result i32) (i32.add (local.get 0) (i32.const 3)))
  (func $down (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
  (func $next (result i32)
    (global.set $seed (i32.add (i32.mul (global.get $seed) (i32.const 1664525)) (i32.const 1013904223)))
    (i32.shr_u (global.get $seed) (i32.const 8)))
  (func (export "_start") (local $i i32) (local $sum i32)
    (loop $again
      (local.set $sum (call_indirect (type $step) (local.get $sum) (i32.and (call $next) (i32.const 1))))
      (i32.store (i32.and (call $next) (i32.const 0xfffc)) (local.get $sum))
      (if (i32.eqz (i32.and (local.get $i) (i32.const 0x7fff))) (then (drop (memory.grow (i32.const 1)))))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 90000))))
    (drop (i32.load (i32.const -1)))))"#;

/// Moments are saved on the way and taken up again: the same as computed from the beginning, of a trace in
/// memory and of one in a file.
#[test]
fn moments_that_were_saved_are_as_computed_anew() {
    let mut session = Tracer::new(Options::default().effects(true)).load(LONG.as_bytes()).unwrap();
    session.start().unwrap();
    assert!(matches!(session.invoke("_start", &[]).unwrap(), Outcome::Trapped { .. }));
    same_at_all_moments(&session.finish());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.spoor");
    let sample = wasmspoor::file::Sample { name: "long.wat", bytes: LONG.as_bytes(), is_embedded: true };
    let file = fs::File::create(&path).unwrap();
    wasmspoor::file::record_with_effects(file, &path, &sample, &RunOptions::default()).unwrap();
    let mut recorded = wasmspoor::file::Recorded::open(&path, None).unwrap();
    recorded.get_effects().unwrap();
    same_at_all_moments(&recorded.run.as_ref().unwrap().trace);
}

/// What is told of a part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Stretch {
    first: Option<u64>,
    count: u64,
    sum: u64,
    borders: u64,
}

impl Visitor for Stretch {
    const INSTRUCTIONS: bool = true;

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        let first = *self.first.get_or_insert(at.number);
        assert_eq!(at.number, first + self.count);
        self.count += 1;
        for slot in operands.iter().chain(results) {
            self.sum = self.sum.wrapping_add(slot.rotate_left(at.number as u32 & 63) ^ at.number);
        }
    }

    fn invoke(&mut self, _: FuncKey, _: &[u64]) {
        self.borders += 1;
    }

    fn call(&mut self, _: FuncKey, _: &[u64], _: bool) {
        self.borders += 1;
    }

    fn leave(&mut self, _: &[u64]) {
        self.borders += 1;
    }
}

/// Keeps what is told one by one, and holds what is told of several as one against it.
#[derive(Default)]
struct Both {
    single: Vec<(u64, u32, &'static str, Vec<u64>)>,
    fused: u64,
}

impl Visitor for Both {
    const INSTRUCTIONS: bool = true;
    const FUSED: bool = true;

    fn instruction(&mut self, at: At<'_>, operands: &[u64], _: &[u64]) {
        self.single.push((at.number, at.op.offset, at.op.opcode.mnemonic(), operands.to_vec()));
    }

    fn fused(&mut self, fused: Fused<'_>, operands: &[u64], results: &[u64]) {
        assert_eq!(fused.operators().len(), usize::from(fused.len));
        let first = self.single.len() - usize::from(fused.len);
        let mut is_behind = false;
        for ((number, op), single) in (fused.number..).zip(fused.operators()).zip(&self.single[first..]) {
            assert_eq!((number, op.offset), (single.0, single.1));
            let given = &single.3[..];
            match fused.own().is_some_and(|own| own.offset == op.offset) {
                true => {
                    assert_eq!(given, operands, "{}", single.2);
                    is_behind = true;
                }
                // What it gave is taken by the next; constants that are dropped are known without.
                false if is_behind => assert_eq!(given, results, "{}", single.2),
                false => assert!(given.is_empty() || single.2 == "drop", "{}: {given:?}", single.2),
            }
        }
        self.fused += u64::from(fused.len);
    }
}

#[test]
fn what_is_told_as_one_is_what_is_told_one_by_one() {
    let check = |trace: &Trace| {
        let mut both = Both::default();
        Machine::new(trace).unwrap().run(&mut both).unwrap();
        assert_eq!((both.fused, both.fused > 0), (both.single.len() as u64, true));
    };
    check(&run_steps());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for name in ["d6-features", "branch-tables", "growth-and-bulk", "stealer", "v3-uuid", "ransomware-chacha"]
    {
        let path = folder.join(name).with_extension("wat");
        let Ok(text) = fs::read(&path) else { panic!("{}", path.display()) };
        let wasm = wat::parse_bytes(&text).unwrap();
        let mut options = RunOptions::default();
        options.limits.instructions = Some(2_000_000);
        check(&wasmspoor::sandbox::run_with_effects(&wasm, &options).unwrap().trace);
    }
}

fn same_at_all_moments(trace: &Trace) {
    let mut timeline = Timeline::new(trace).unwrap();
    let total = timeline.total().unwrap();
    assert!(total > 3 << 20, "{total} instructions: nothing is saved");
    for event in [total - 1, (2 << 20) + 1, (1 << 20) - 1, total - 700_001, 9, total] {
        let state = timeline.state(event).unwrap();
        let bytes = hash(timeline.memory(0).unwrap());
        let mut anew = Timeline::new(trace).unwrap();
        assert_eq!(anew.state(event).unwrap(), state, "event {event}");
        assert_eq!(hash(anew.memory(0).unwrap()), bytes, "event {event}");
    }
    // On two threads: nothing is told twice and nothing is left out.
    let windows = timeline.windows(2, Stretch::default).unwrap();
    assert!(windows.len() > 3, "{}", windows.len());
    let mut whole = Stretch::default();
    timeline.walk(0, u64::MAX, &mut whole).unwrap();
    let mut joined = Stretch::default();
    for window in windows {
        assert_eq!(window.first, Some(joined.count), "windows follow each other");
        joined.first = joined.first.or(window.first);
        joined.count += window.count;
        joined.sum = joined.sum.wrapping_add(window.sum);
        joined.borders += window.borders;
    }
    assert_eq!((joined, whole.count), (whole, total));
    // From an early moment to the end once more: all of it is checked against the recording.
    timeline.state((1 << 20) + 77).unwrap();
    assert_eq!(timeline.total().unwrap(), total);
}

/// Does once each thing that is checked against the recording.
const CHECKED: &str = r#"(module
  (import "env" "give" (func $give (param i32 i32) (result i32)))
  (memory (export "memory") 1 9) (table 2 funcref) (elem (i32.const 0) $more $less)
  (type $one (func (param i32) (result i32)))
  (func $more (type $one) (i32.add (local.get 0) (i32.const 1)))
  (func $less (type $one) (i32.sub (local.get 0) (i32.const 1)))
  (func (export "work") (param $n i32) (result i32)
    (drop (call $give (i32.const 3) (local.get $n)))
    (block $out (br_if $out (i32.eqz (local.get $n))) (drop (memory.grow (i32.const 2))))
    (block (block (block (br_table 0 1 2 (local.get $n)))))
    (memory.fill (i32.const 8) (i32.const 7) (i32.const 16))
    (call_indirect (type $one) (i32.const 5) (local.get $n)))
  (func (export "trap") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#;

fn run_checked() -> Trace {
    let mut tracer = Tracer::new(Options::default().effects(true));
    tracer.define("env", "give", |call| call.set_result(0, Value::I32(40)));
    let mut session = tracer.load(CHECKED.as_bytes()).unwrap();
    session.start().unwrap();
    assert_eq!(session.invoke("work", &[Value::I32(1)]).unwrap(), Outcome::Returned(vec![Value::I32(4)]));
    session.invoke("trap", &[]).unwrap();
    session.finish()
}

/// The mnemonics of a run.
#[derive(Default)]
struct Names(Vec<&'static str>);

impl Visitor for Names {
    const INSTRUCTIONS: bool = true;

    fn instruction(&mut self, at: At<'_>, _: &[u64], _: &[u64]) {
        self.0.push(at.op.opcode.mnemonic());
    }
}

fn error_of(trace: &Trace) -> Option<ValuesError> {
    Machine::new(trace).and_then(|mut machine| machine.run(&mut Nothing)).err()
}

/// Every decision of a good recording, made another.
#[test]
fn each_damaged_decision_is_a_disagreement() {
    let good = run_checked();
    assert_eq!(error_of(&good), None);
    let words: Vec<u64> = good.words.chunks().flat_map(|chunk| chunk.into_owned()).collect();
    let (mut seen, mut kinds) = (0, [false; 3]);
    for bit in 0..words.len() * 64 {
        let (mut changed, mut trace) = (words.clone(), good.clone());
        changed[bit / 64] ^= 1 << (bit % 64);
        trace.words = Words::default();
        trace.words.push(&changed);
        let Some(error) = error_of(&trace) else { continue };
        seen += 1;
        kinds[0] |= matches!(error.kind(), Kind::Branch { .. });
        kinds[1] |= matches!(error.kind(), Kind::Label { .. });
        kinds[2] |= matches!(error.kind(), Kind::Callee { .. });
    }
    assert!(seen >= good.decisions, "{seen} of {} decisions", good.decisions);
    assert_eq!(kinds, [true; 3]);
}

/// Every record and value of the border of a good recording that is checked, made another: the disagreement
/// names the event.
#[test]
fn each_damaged_record_is_a_disagreement_with_its_event() {
    let good = run_checked();
    let mut names = Names::default();
    Machine::new(&good).and_then(|mut machine| machine.run(&mut names)).unwrap();
    type Row<'a> = (&'a str, &'a str, fn(&mut Record) -> bool, fn(&Kind) -> bool);
    let records: &[Row<'_>] = &[
        (
            "callee of an import",
            "call",
            |record| match record {
                Record::HostCall { func } => {
                    func.0 += 1;
                    true
                }
                _ => false,
            },
            |kind| matches!(kind, Kind::Callee { .. } | Kind::UnknownKey(_) | Kind::Record { .. }),
        ),
        (
            "operand of a growth",
            "memory.grow",
            |record| match record {
                Record::Grow { delta, .. } => {
                    *delta += 1;
                    true
                }
                _ => false,
            },
            |kind| matches!(kind, Kind::Operand { .. }),
        ),
        (
            "result of a growth",
            "memory.grow",
            |record| match record {
                Record::Grow { result, .. } => {
                    *result += 1;
                    true
                }
                _ => false,
            },
            |kind| matches!(kind, Kind::Growth { .. }),
        ),
        (
            "operand of a bulk operation",
            "memory.fill",
            |record| match record {
                Record::Bulk { len, .. } => {
                    *len += 1;
                    true
                }
                _ => false,
            },
            |kind| matches!(kind, Kind::Operand { .. }),
        ),
        (
            "code of a trap",
            "i32.div_u",
            |record| match record {
                Record::End(End::Trapped { code, .. }) => {
                    *code = Trap::Unreachable;
                    true
                }
                _ => false,
            },
            |kind| matches!(kind, Kind::Trap { .. }),
        ),
        (
            "a trap that was none",
            "i32.div_u",
            |record| match record {
                Record::End(end @ End::Trapped { .. }) => {
                    *end = End::Returned;
                    true
                }
                _ => false,
            },
            |kind| matches!(kind, Kind::Trap { .. } | Kind::End { .. }),
        ),
    ];
    for (what, name, damage, is_it) in records {
        let mut trace = good.clone();
        assert!(trace.records.iter_mut().any(damage), "{what}");
        is_told(&trace, &names.0, (what, name), is_it);
    }
    type Values<'a> = (&'a str, &'a str, fn(&mut Effect) -> bool);
    let values: &[Values<'_>] = &[
        ("argument of a host call", "call", |effect| match effect {
            Effect::Arguments(values) if values.len() == 2 => {
                values[1] = Val::I32(2);
                true
            }
            _ => false,
        }),
        ("result of an invocation", "i32.sub", |effect| match effect {
            Effect::Results(values) if values[..] == [Val::I32(4)] => {
                values[0] = Val::I32(5);
                true
            }
            _ => false,
        }),
    ];
    for (what, name, damage) in values {
        let (mut trace, mut effects, mut done) = (good.clone(), Effects::default(), false);
        for (record, effect) in good.effects.as_ref().unwrap().entries() {
            let mut effect = effect.clone();
            done |= !done && damage(&mut effect);
            effects.push(*record, effect);
        }
        assert!(done, "{what}");
        trace.effects = Some(effects.into());
        is_told(&trace, &names.0, (what, name), &|kind| matches!(kind, Kind::Border { .. }));
    }
    let mut more = good.clone();
    more.records.push(Record::HostReturn { failed: false });
    assert!(matches!(error_of(&more).unwrap().kind(), Kind::LeftOver | Kind::Record { .. }));
}

/// The disagreement is of this kind, and its event is the instruction of this name or, of what comes after
/// it, the next.
fn is_told(trace: &Trace, names: &[&str], (what, name): (&str, &str), is_it: &dyn Fn(&Kind) -> bool) {
    let error = error_of(trace).unwrap_or_else(|| panic!("{what} is not seen"));
    assert!(is_it(error.kind()), "{what}: {error}");
    let event = error.instructions() as usize;
    let near = &names[event.saturating_sub(3)..(event + 1).min(names.len())];
    assert!(near.contains(&name), "{what}: {error}: {near:?}");
}

/// Does once what hooks are told of that few visitors ask for.
const HOOKS: &str = r#"(module
  (import "env" "fill" (func $fill))
  (memory (export "memory") 1 9) (data (i32.const 8) "ab")
  (global $g (mut i32) (i32.const 0))
  (func $init (global.set $g (i32.const 3)))
  (start $init)
  (func (export "all") (result i32)
    (nop)
    (drop (i32.const 6))
    (drop (select (i32.const 1) (i32.const 2) (i32.const 0)))
    (drop (i32.clz (i32.const 1)))
    (drop (memory.size))
    (drop (memory.grow (i32.const 2)))
    (block (br 0))
    (block (block (br_table 0 1 (i32.const 1))))
    (call $fill)
    (return (i32.load8_u (i32.const 9))))
  (func (export "end") (unreachable)))"#;

/// What it is told, in words.
#[derive(Default)]
struct Hooks(Vec<String>);

impl Visitor for Hooks {
    const INSTRUCTIONS: bool = true;

    fn instruction(&mut self, at: At<'_>, operands: &[u64], results: &[u64]) {
        self.0.push(format!("{} {operands:?} {results:?}", at.op.opcode.mnemonic()));
    }

    fn segment(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        self.0.push(format!("segment {memory} {address} {bytes:?}"));
    }

    fn host_write(&mut self, memory: u32, address: u64, bytes: &[u8]) {
        self.0.push(format!("host writes {memory} {address} {bytes:?}"));
    }

    fn trap(&mut self, code: Trap) {
        self.0.push(format!("trap {code:?}"));
    }

    fn leave(&mut self, results: &[u64]) {
        self.0.push(format!("leave {results:?}"));
    }

    fn end(&mut self, _: &End, results: &[u64]) {
        self.0.push(format!("end {results:?}"));
    }
}

#[test]
fn hooks_are_told_what_is_known() {
    let mut tracer = Tracer::new(Options::default().effects(true));
    tracer.define("env", "fill", |call| {
        call.write_memory(9, b"xyz").unwrap();
        Ok(())
    });
    let mut session = tracer.load(HOOKS.as_bytes()).unwrap();
    session.start().unwrap();
    assert_eq!(session.invoke("all", &[]).unwrap(), Outcome::Returned(vec![Value::I32(i32::from(b'x'))]));
    session.invoke("end", &[]).unwrap();
    let trace = session.finish();
    let mut hooks = Hooks::default();
    Machine::new(&trace).and_then(|mut machine| machine.run(&mut hooks)).unwrap();
    let mut told = hooks.0.iter();
    // In this order, with others between.
    for expected in [
        "segment 0 8 [97, 98]",
        "global.set [3] []",
        "nop [] []",
        "drop [6] []",
        "select [1, 2, 0] [2]",
        "i32.clz [1] [31]",
        "memory.size [] [1]",
        "memory.grow [2] [1]",
        "br [] []",
        "br_table [1] []",
        "host writes 0 9 [120, 121, 122]",
        "i32.load8_u [9] [120]",
        "return [120] []",
        "leave [120]",
        "end [120]",
        "unreachable [] []",
        "trap Unreachable",
        "end []",
    ] {
        assert!(told.any(|told| told == expected), "{expected}: {:#?}", hooks.0);
    }
}

/// Counts states that the host keeps, what it says of the origin of writes, and pages that it adds.
#[derive(Default)]
struct Kept {
    states: u64,
    given: Vec<String>,
}

impl Visitor for Kept {
    fn host_keep(&mut self, _: u32) {
        self.states += 1;
    }

    fn host_given(&mut self, origin: &wasmspoor::trace::effects::Origin) {
        self.given.push(format!("{:?} {}", origin.kind, origin.name));
    }
}

#[test]
fn what_the_host_keeps_and_gives_is_told() {
    let wasm = wat::parse_str(
        r#"(module
          (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "one") (drop (call $random (i32.const 0) (i32.const 4))) (unreachable))
          (func (export "two") (drop (call $random (i32.const 8) (i32.const 4)))))"#,
    );
    let run = sandbox::run_with_effects(&wasm.unwrap(), &RunOptions::default()).unwrap();
    let mut kept = Kept::default();
    Machine::new(&run.trace).and_then(|mut machine| machine.run(&mut kept)).unwrap();
    assert!(kept.states > 0);
    assert!(
        kept.given.len() >= 2 && kept.given.iter().all(|given| given.starts_with("Random ")),
        "{:?}",
        kept.given
    );
}
