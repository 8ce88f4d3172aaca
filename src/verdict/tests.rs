//! Facts made by hand: each correlation on both sides and on one, each class, saturation, determinism, growth
//! with evidence.

use std::sync::Arc;

use super::*;
use crate::{
    module::{
        CodeOffset, FuncIndex, Place,
        view::{self, Classes, IocKind, TextEncoding, Validity, View},
    },
    passes::{self, CallEdgeKind, Dynamic, Metrics},
    rules::{Evidence, Facts, Family, Match, Origin},
    sandbox::{self, EntryEnd, EntryKind, Pointed, Run, Status},
    trace::Trap,
    tracer::{Limit, Value},
};

/// The smallest module.
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

/// What a test changes in facts.
type Change = fn(&mut Case);

/// Facts in the making.
struct Case {
    wasm: Vec<u8>,
    view: View,
    run: Option<Run>,
    dynamic: Dynamic,
    rules: Vec<Match>,
}

/// A valid module with one function of ten instructions, all of which ran once.
fn case() -> Case {
    let mut view = View::of(EMPTY);
    view.validity = Validity::Valid;
    view.functions = vec![function(1, 0)];
    view.classes = Classes { total: 10, ..Classes::default() };
    let metrics = Metrics { classes: Classes { total: 10, ..Classes::default() }, ..Metrics::default() };
    let coverage = passes::Coverage {
        functions_run: 1,
        functions: 1,
        blocks_run: 2,
        blocks: 2,
        instructions_run: 10,
        instructions: 10,
        ..passes::Coverage::default()
    };
    let dynamic = Dynamic { metrics, coverage, ..Dynamic::default() };
    Case { wasm: EMPTY.to_vec(), view, run: Some(run()), dynamic, rules: Vec::new() }
}

impl Case {
    fn facts(&self) -> Facts<'_> {
        Facts {
            wasm: &self.wasm,
            view: &self.view,
            run: self.run.as_ref(),
            dynamic: &self.dynamic,
            prediction: None,
            flows: None,
        }
    }

    fn correlations(&self) -> Vec<Correlation> {
        correlations(&self.facts(), &self.rules)
    }

    fn correlation(&self, name: &str) -> Option<Correlation> {
        self.correlations().into_iter().find(|correlation| correlation.name.as_str() == name)
    }

    fn finding(&self, name: &str) -> Option<Finding> {
        findings(&self.facts()).into_iter().find(|finding| finding.name.as_str() == name)
    }

    fn verdict(&self) -> Verdict {
        decide(&self.facts(), &self.rules, &self.correlations(), &findings(&self.facts()))
    }

    fn ran(&mut self) -> &mut Classes {
        &mut self.dynamic.metrics.classes
    }

    fn first_entry(&mut self) -> &mut sandbox::Entry {
        &mut self.run.as_mut().expect("it ran").entries[0]
    }

    fn calls(&mut self, calls: Vec<sandbox::Call>) {
        if let Some(run) = &mut self.run {
            run.calls = calls;
        }
    }
}

fn run() -> Run {
    Run { entries: vec![entry(EntryEnd::Returned)], status: Status::Exited, ..Run::default() }
}

fn entry(end: EntryEnd) -> sandbox::Entry {
    sandbox::Entry {
        name: "_start".into(),
        kind: EntryKind::Main,
        func: Some(FuncIndex(1)),
        args: Vec::new(),
        made_up: false,
        end,
        results: Vec::new(),
        site: None,
        stalled_in: None,
    }
}

fn function(index: u32, score: u32) -> view::Function {
    let empty = view::Function::new(FuncIndex(index), CodeOffset(index * 0x100), 0x80);
    view::Function { score, flags: ["XOR_HEAVY".into()].into(), blocks: 2, edges: 1, ..empty }
}

fn static_loop(offset: u32) -> view::Loop {
    view::Loop { header: 0, offset: CodeOffset(offset), depth: 1, blocks: 1, back_edges: 1 }
}

pub(super) fn ran_function(index: u32, total: u64) -> passes::FunctionMetrics {
    passes::FunctionMetrics {
        index: FuncIndex(index),
        name: None,
        calls: 1,
        classes: Classes { total, ..Classes::default() }.into(),
        blocks_run: 1,
        blocks: 2,
        instructions_run: 5,
        signatures: Default::default(),
        host_calls: 0,
        exclusive: Default::default(),
    }
}

fn ran_loop(func: u32, offset: u32, iterations: u64, share: f64) -> passes::ExecutedLoop {
    passes::ExecutedLoop {
        place: Place { function: FuncIndex(func), offset: CodeOffset(offset) },
        depth: 1,
        iterations,
        entries: 1,
        classes: Classes::default(),
        share,
        signatures: Default::default(),
        host_calls: 0,
        stopped_in: false,
    }
}

fn edge(caller: u32, callee: u32, sites: &[u32]) -> passes::CallEdge {
    let sites = sites.iter().copied().map(CodeOffset).collect();
    passes::CallEdge {
        caller: Some(FuncIndex(caller)),
        callee: FuncIndex(callee),
        kind: CallEdgeKind::Direct,
        tail: false,
        count: 2,
        sites,
    }
}

fn import(module: &str, name: &str, func: u32) -> view::ImportInfo {
    view::ImportInfo {
        module: module.into(),
        name: name.into(),
        kind: view::ExternKind::Function,
        ty: String::new(),
        func: Some(FuncIndex(func)),
    }
}

fn call(name: &str, first: i32, pointed: &[Pointed]) -> sandbox::Call {
    let value = |value| sandbox::Arg { name: None, value: Value::I32(value), points_at: None };
    let pointing = pointed.iter().map(|data| sandbox::Arg { points_at: Some(data.clone()), ..value(1024) });
    sandbox::Call::of_wasi(name, [value(first)].into_iter().chain(pointing).collect())
}

fn pointed(text: &str) -> Pointed {
    Pointed::Text { text: text.into() }
}

fn ioc(kind: IocKind, value: &str) -> view::Ioc {
    view::Ioc {
        kind,
        value: value.into(),
        offset: 0x40,
        address: None,
        encoding: TextEncoding::Plain,
        seen: view::Seen::Data,
    }
}

fn string(text: &str, encoding: TextEncoding) -> view::Text {
    view::Text { text: text.into(), offset: 0x40, address: None, encoding }
}

/// A match of confidence 90.
pub(super) fn rule(name: &str, namespace: &str, severity: u8, dynamic: bool) -> Match {
    Match {
        name: name.into(),
        namespace: namespace.into(),
        description: String::new(),
        severity,
        confidence: 90,
        attack: Vec::new(),
        mbc: Vec::new(),
        family: None,
        dynamic,
        places: Vec::new(),
        count: 1,
        implied: false,
        attempted: false,
        driven: false,
        evidence: Evidence {
            found: Some("0.213".into()),
            ..Evidence::leaf("wasm/metric: xor_share >= 0.05")
        },
        origin: Origin::default(),
    }
}

fn of_family(family: Family, rule: Match) -> Match {
    Match { family: Some(family), ..rule }
}

fn miner_rule() -> Match {
    of_family(Family::Miner, rule("mine", "impact/cryptomining", 3, true))
}

/// A correlation fires on both sides, names them, and not when either is taken away.
fn needs_both(name: &str, both: Case, sides: [(&str, Change); 2], build: fn() -> Case) {
    let found = both.correlation(name).unwrap_or_else(|| panic!("{name} must fire"));
    assert!(!found.static_side.is_empty() && !found.dynamic_side.is_empty(), "{found:?}");
    for (side, remove) in sides {
        let mut case = build();
        remove(&mut case);
        assert!(case.correlation(name).is_none(), "{name} fires without {side}");
    }
    let mut never_ran = build();
    never_ran.run = None;
    never_ran.dynamic = Dynamic::default();
    assert!(never_ran.correlations().is_empty(), "{name} fires though nothing ran");
}

macro_rules! both_sides {
    ($($test:ident: $name:literal, $build:expr, bytes: $bytes:expr, run: $run:expr;)*) => {$(
        #[test]
        fn $test() {
            let build: fn() -> Case = $build;
            needs_both($name, build(), [("the bytes", $bytes), ("the run", $run)], build);
        }
    )*};
}

fn xor_case() -> Case {
    let mut case = case();
    case.view.classes.xor = 21;
    case.ran().xor = 51;
    case
}

fn indirect_case() -> Case {
    let mut case = case();
    case.view.classes.indirect_call = 1;
    case.ran().indirect_call = 1;
    case
}

fn crypto_case() -> Case {
    let mut case = case();
    case.view.crypto = vec![view::CryptoConstant {
        name: "SHA-256 round constants".into(),
        algorithm: "SHA-256".into(),
        class: view::CryptoClass::Hash,
        found: 64,
        of: 64,
        place: "code".into(),
        func: Some(FuncIndex(1)),
        offset: 0x120,
        address: None,
        sites: vec![CodeOffset(0x120)],
    }];
    let place = Place { function: FuncIndex(1), offset: CodeOffset(0x120) };
    case.dynamic.constants = vec![passes::Constant {
        name: "SHA-256 round constants".into(),
        algorithm: "SHA-256".into(),
        place,
        count: 6400,
    }];
    case.dynamic.loops = vec![ran_loop(1, 0x110, 6400, 0.5)];
    case
}

fn leak_case() -> Case {
    let mut case = case();
    case.view.imports = vec![
        import("wasi_snapshot_preview1", "fd_read", 0),
        import("wasi_snapshot_preview1", "sock_send", 5),
    ];
    let secret = "-----BEGIN OPENSSH PRIVATE KEY-----";
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let bytes = Pointed::Bytes { hex, len: 35, entropy: 4.0 };
    case.calls(vec![
        call("fd_read", 4, &[bytes]),
        call("sock_send", 7, &[pointed(&format!("key={secret}"))]),
    ]);
    case
}

fn clock_case() -> Case {
    let mut case = case();
    case.view.imports = vec![import("wasi_snapshot_preview1", "clock_time_get", 0)];
    case.view.functions = vec![function(1, 0), function(2, 0)];
    case.view.functions[0].loops = [static_loop(0x120)].into();
    // The clock is read through a wrapper.
    case.dynamic.call_graph.edges = vec![edge(1, 2, &[0x110, 0x130]), edge(2, 0, &[0x210])];
    case.dynamic.loops = vec![ran_loop(1, 0x120, 100_000, 0.9)];
    case
}

both_sides! {
    confirmed_xor: "CONFIRMED_XOR", xor_case,
        bytes: |case| case.view.classes.xor = 20, run: |case| case.ran().xor = 50;
    confirmed_autorun: "CONFIRMED_AUTORUN", || {
        let mut case = case();
        case.view.start = Some(FuncIndex(1));
        case.dynamic.metrics.start_ran = true;
        case
    }, bytes: |case| case.view.start = None, run: |case| case.dynamic.metrics.start_ran = false;
    confirmed_indirect_calls: "CONFIRMED_INDIRECT_CALLS", indirect_case,
        bytes: |case| case.view.classes.indirect_call = 0, run: |case| case.ran().indirect_call = 0;
    mining_behavior_confirmed: "MINING_BEHAVIOR_CONFIRMED", || {
        let mut case = xor_case();
        case.rules = vec![miner_rule()];
        case
    }, bytes: |case| case.rules.clear(), run: |case| case.ran().xor = 30;
    mining_load_confirmed: "MINING_LOAD_CONFIRMED", || {
        let mut case = case();
        let places = vec![Place { function: FuncIndex(1), offset: CodeOffset(0x20) }];
        case.rules = vec![Match { dynamic: false, places, ..miner_rule() }];
        case.ran().total = 10_000_000;
        case.dynamic.functions = vec![ran_function(1, 2_000_000)];
        case
    }, bytes: |case| case.rules[0].dynamic = true, run: |case| Arc::make_mut(&mut case.dynamic.functions[0].classes).total = 1_999_999;
    obfuscation_confirmed: "OBFUSCATION_CONFIRMED", || {
        let mut case = indirect_case();
        case.rules = vec![rule("flatten", "anti-analysis/obfuscation/flow", 2, false)];
        case
    }, bytes: |case| case.rules.clear(), run: |case| case.ran().indirect_call = 0;
    ransomware_memory_confirmed: "RANSOMWARE_MEMORY_CONFIRMED", || {
        let mut case = case();
        case.rules = vec![of_family(Family::Ransomware, rule("encrypt", "impact/ransomware", 3, true))];
        case.view.classes.memory_grow = 1;
        case.ran().memory_grow = 6;
        case
    }, bytes: |case| case.rules.clear(), run: |case| case.ran().memory_grow = 0;
    family_strings_confirmed: "FAMILY_STRINGS_CONFIRMED", || {
        let mut case = case();
        case.rules = vec![miner_rule()];
        case.view.strings = vec![string("connecting to Stratum+TCP server", TextEncoding::Plain)];
        case
    }, bytes: |case| case.view.strings[0].text = "cryptonightly news".into(), run: |case| case.rules[0].dynamic = false;
    crypto_constant_in_hot_loop: "CRYPTO_CONSTANT_IN_HOT_LOOP", crypto_case,
        bytes: |case| case.view.crypto.clear(), run: |case| case.dynamic.constants[0].count = 1;
    predicted_hot_function: "PREDICTED_HOT_FUNCTION", || {
        let mut case = case();
        case.view.functions = vec![function(1, 21)];
        case.dynamic.functions = vec![ran_function(1, 9)];
        case
    }, bytes: |case| case.view.functions[0].score = 20, run: |case| Arc::make_mut(&mut case.dynamic.functions[0].classes).total = 0;
    dead_code_confirmed_suspicious: "DEAD_CODE_CONFIRMED_SUSPICIOUS", || {
        let mut case = case();
        case.view.functions = vec![function(1, 21)];
        case.view.calls.dead = vec![FuncIndex(1)];
        case.dynamic.coverage.dead_confirmed = vec![FuncIndex(1)];
        case
    }, bytes: |case| case.view.functions[0].score = 0, run: |case| case.dynamic.coverage.dead_confirmed.clear();
    decoded_string_passed_to_host: "DECODED_STRING_PASSED_TO_HOST", || {
        let mut case = case();
        case.view.strings = vec![string("secret.example", TextEncoding::Xor(0x5a))];
        case.calls(vec![call("fd_write", 1, &[pointed("hello secret.example")])]);
        case
    }, bytes: |case| case.view.strings[0].encoding = TextEncoding::Plain, run: |case| case.calls(Vec::new());
    ioc_passed_to_host: "IOC_PASSED_TO_HOST", || {
        let mut case = case();
        case.view.iocs = vec![ioc(IocKind::Onion, "abcdef.onion")];
        case.calls(vec![call("connect", 1, &[pointed("http://abcdef.onion/x")])]);
        case
    }, bytes: |case| case.view.iocs.clear(), run: |case| case.calls(vec![call("fd_read", 4, &[pointed("abcdef.onion")])]);
    file_read_then_sent: "FILE_READ_THEN_SENT", leak_case,
        bytes: |case| case.view.imports.truncate(1),
        run: |case| case.calls(vec![call("fd_read", 4, &[pointed("something else")]), call("sock_send", 7, &[pointed("good morning, world")])]);
    time_check_around_loop: "TIME_CHECK_AROUND_LOOP", clock_case,
        bytes: |case| case.view.functions[0].loops = Box::default(), run: |case| case.dynamic.loops[0].iterations = 3;
}

#[test]
fn a_changed_table_and_a_carved_module_are_both_sides_at_once() {
    let mut case = case();
    let hidden = |explained_by| passes::HiddenCall {
        caller: Some(FuncIndex(1)),
        callee: FuncIndex(2),
        count: 3,
        explained_by,
        slots: vec![],
        slots_cut: 0,
    };
    case.dynamic.coverage.hidden = vec![hidden(passes::HiddenCause::Host)];
    assert!(case.correlation("CALLS_THROUGH_CHANGED_TABLE").is_none());
    assert_eq!(case.finding("HIDDEN_CALL_PATHS").map(|finding| finding.severity), Some(0));
    case.dynamic.coverage.hidden.push(hidden(passes::HiddenCause::TableChanged));
    assert!(
        case.correlation("CALLS_THROUGH_CHANGED_TABLE")
            .is_some_and(|found| found.dynamic_side.contains("3 times"))
    );
    assert_eq!(case.finding("HIDDEN_CALL_PATHS").map(|finding| finding.severity), Some(1));

    let module = b"\0asm\x01\0\0\0hidden".to_vec();
    case.run.as_mut().unwrap().carved = vec![module.clone()];
    assert_eq!(case.correlation("CARVED_MODULE").map(|found| found.severity), Some(3));
    case.wasm.extend(module);
    assert_eq!(
        case.correlation("CARVED_MODULE").map(|found| found.severity),
        Some(2),
        "it stands in the file openly"
    );
}

#[test]
fn an_address_built_at_run_time_is_a_decoded_string_unless_the_host_supplied_it() {
    let address = "https://updates.evil.example/gate";
    let name = "DECODED_STRING_PASSED_TO_HOST";
    let mut case = case();
    case.calls(vec![call("fd_write", 1, &[pointed(address)])]);
    assert!(case.correlation(name).is_some());
    case.calls(vec![call("fd_read", 4, &[pointed(address)]), call("fd_write", 1, &[pointed(address)])]);
    assert!(case.correlation(name).is_none(), "read from a file");
    case.calls(vec![call("fd_write", 1, &[pointed(address)])]);
    case.wasm.extend(b"updates");
    assert!(case.correlation(name).is_none(), "put together from parts of the file");
}

#[test]
fn a_constant_after_its_loop_is_not_in_it() {
    let mut case = crypto_case();
    // As often as the loop was entered: before or after it.
    case.dynamic.loops[0].entries = 6400;
    assert!(case.correlation("CRYPTO_CONSTANT_IN_HOT_LOOP").is_none());
    // But within the loop around it.
    case.dynamic.loops.push(ran_loop(1, 0x108, 6400, 0.9));
    assert!(
        case.correlation("CRYPTO_CONSTANT_IN_HOT_LOOP")
            .is_some_and(|found| found.dynamic_side.contains("0x108"))
    );
}

#[test]
fn standard_input_is_no_file() {
    let mut case = leak_case();
    let run = case.run.as_mut().unwrap();
    run.calls[0].args[0].value = Value::I32(0);
    assert!(case.correlation("FILE_READ_THEN_SENT").is_none());
}

#[test]
fn an_encoding_hides_no_leak() {
    let secret = "-----BEGIN OPENSSH PRIVATE KEY-----";
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    for sent in [format!("k={base64}&x=1"), hex] {
        let mut case = leak_case();
        case.calls(vec![call("fd_read", 4, &[pointed(secret)]), call("sock_send", 7, &[pointed(&sent)])]);
        assert!(case.correlation("FILE_READ_THEN_SENT").is_some(), "{sent}");
    }
}

#[test]
fn every_class_has_its_evidence() {
    let class = |change: Change| {
        let mut case = case();
        change(&mut case);
        let verdict = case.verdict();
        (verdict.class, verdict.family)
    };
    let miner = Some(Family::Miner);
    let cases: [(&str, Change, Class, Option<Family>); 15] = [
        ("nothing against it", |_| {}, Class::Clean, None),
        ("did not run", |case| case.run = None, Class::Undecided, None),
        ("ran no instruction", |case| case.ran().total = 0, Class::Undecided, None),
        (
            "hardly ran, and the rest can do nothing",
            |case| case.dynamic.coverage.instructions = 100_000,
            Class::Clean,
            None,
        ),
        (
            "its program was stopped",
            |case| case.first_entry().end = EntryEnd::Stopped { limit: Limit::Decisions },
            Class::Undecided,
            None,
        ),
        (
            "no entry point came to its end",
            |case| {
                case.first_entry().kind = EntryKind::Export;
                case.first_entry().end = EntryEnd::Trapped { trap: Trap::Unreachable };
            },
            Class::Undecided,
            None,
        ),
        (
            "code that mixes bits did not run",
            |case| {
                let mut mixer = function(2, 0);
                mixer.signatures.insert("keccak".into(), 20);
                mixer.classes = Arc::new(Classes { total: 400, ..Classes::default() });
                case.view.functions.push(mixer);
            },
            Class::Undecided,
            None,
        ),
        (
            "it mixed bits for long",
            |case| {
                let classes = Classes { total: 100_000_000, xor: 40_000_000, ..Classes::default() };
                case.dynamic.loops = vec![ran_loop(1, 0x20, 1000, 1.0)];
                case.dynamic.loops[0].classes = classes;
            },
            Class::Undecided,
            None,
        ),
        (
            "did more than was logged",
            |case| case.run.as_mut().expect("it ran").calls_cut = 1,
            Class::Undecided,
            None,
        ),
        (
            "invalid",
            |case| case.view.validity = Validity::Invalid { offset: 8, reason: "no".into() },
            Class::Undecided,
            None,
        ),
        (
            "a strong rule of the run",
            |case| case.rules = vec![miner_rule(), miner_rule()],
            Class::Malicious,
            miner,
        ),
        (
            "a strong rule of the bytes",
            |case| case.rules = vec![Match { dynamic: false, ..miner_rule() }],
            Class::Suspicious,
            miner,
        ),
        (
            "two of them of one kind",
            |case| {
                case.rules =
                    vec![Match { dynamic: false, ..miner_rule() }, Match { dynamic: false, ..miner_rule() }]
            },
            Class::Suspicious,
            miner,
        ),
        (
            "two of them, independent",
            |case| {
                let bytes = Match { dynamic: false, ..miner_rule() };
                case.rules =
                    vec![bytes.clone(), Match { namespace: "malware-family/miner".into(), ..bytes.clone() }];
                case.rules.push(rule("steal", "collection/credentials", 3, false));
            },
            Class::Malicious,
            miner,
        ),
        (
            "something unwanted",
            |case| {
                case.rules =
                    vec![rule("track", "collection/browser", 2, true), rule("x", "impact/y", 1, true)]
            },
            Class::PotentiallyUnwanted,
            None,
        ),
    ];
    for (what, change, expected, family) in cases {
        assert_eq!(class(change), (expected, family), "{what}");
    }
}

#[test]
fn an_invalid_module_is_never_clean_and_can_be_worse() {
    let mut case = case();
    case.view.validity = Validity::Invalid { offset: 27, reason: "unexpected section".into() };
    case.run = None;
    case.dynamic = Dynamic::default();
    let verdict = case.verdict();
    assert_eq!((verdict.class, verdict.confidence), (Class::Undecided, 0));
    assert!(
        verdict.reasons[0].text.contains("unexpected section") && verdict.reasons[0].text.contains("0x1b"),
        "{verdict:?}"
    );
    case.rules = vec![Match { dynamic: false, ..miner_rule() }];
    assert_eq!(case.verdict().class, Class::Suspicious);
}

#[test]
fn weak_evidence_of_one_kind_does_not_add_up() {
    let mut case = case();
    case.rules = (0..50)
        .map(|n| of_family(Family::Miner, rule(&format!("hint {n}"), "impact/cryptomining", 1, true)))
        .collect();
    assert_eq!(case.verdict().class, Class::Clean);
    case.rules = (0..50)
        .map(|n| of_family(Family::Miner, rule(&format!("hint {n}"), "impact/cryptomining", 2, true)))
        .collect();
    let verdict = case.verdict();
    assert!(verdict.class < Class::Malicious && verdict.score < 75, "{} {:?}", verdict.score, verdict.class);
    // A deed of every program never counts, whatever its severity.
    case.rules = (0..50).map(|n| rule(&format!("hash {n}"), "data-manipulation/hashing", 3, true)).collect();
    assert_eq!(case.verdict().class, Class::Clean);
    // Many different weak kinds stay below SUSPICIOUS too.
    case.rules = (0..50).map(|n| rule(&format!("odd {n}"), &format!("impact/kind-{n}"), 1, true)).collect();
    assert!(case.verdict().class < Class::Suspicious);
}

#[test]
fn the_run_outweighs_the_bytes() {
    let score = |dynamic| {
        let mut case = case();
        case.rules = vec![Match { dynamic, ..miner_rule() }];
        case.verdict()
    };
    let (bytes, run) = (score(false), score(true));
    assert!(run.score > bytes.score && run.confidence > bytes.confidence, "{} {}", run.score, bytes.score);
    assert!(run.reasons[0].dynamic && run.reasons[0].text.contains("0.213"), "{:?}", run.reasons[0]);
}

#[test]
fn a_miner_in_a_page_is_a_cryptojacker() {
    let mut case = case();
    case.rules = vec![miner_rule(), miner_rule()];
    assert_eq!(case.verdict().family, Some(Family::Miner));
    case.view.imports = vec![import("env", "_emscripten_asm_const_ii", 0)];
    let verdict = case.verdict();
    assert_eq!(verdict.family, Some(Family::Cryptojacker));
    assert!(verdict.family_confidence > 50);
    // A rule of the narrower family counts for the broader one, and names the narrower.
    case.view.imports.clear();
    let before = case.verdict();
    case.rules.push(of_family(Family::Cryptojacker, rule("mine in a page", "impact/cryptojacking", 3, true)));
    let after = case.verdict();
    assert_eq!((before.family, after.family), (Some(Family::Miner), Some(Family::Cryptojacker)));
    assert!(after.family_confidence >= before.family_confidence);
}

#[test]
fn the_same_facts_give_the_same_bytes() {
    let build = || {
        let mut case = leak_case();
        case.rules = vec![
            rule("b", "impact/x", 2, true),
            rule("a", "impact/x", 2, true),
            miner_rule(),
            rule("c", "collection/y", 1, false),
        ];
        case
    };
    let json = |case: &Case| {
        serde_json::to_string(&(case.verdict(), case.correlations(), findings(&case.facts()))).unwrap()
    };
    let mut turned = build();
    turned.rules.reverse();
    assert_eq!(json(&build()), json(&build()));
    assert_eq!(
        serde_json::to_string(&build().verdict()).unwrap(),
        serde_json::to_string(&turned.verdict()).unwrap(),
        "the order of the matches matters"
    );
}

/// A generator of its own, so that the test needs no crate and always tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn rule(&mut self, number: u64) -> Match {
        let namespaces = [
            "impact/cryptomining",
            "impact/ransomware",
            "malware-family/miner",
            "collection/files",
            "anti-analysis/packer",
            "data-manipulation/hash",
            "unknown",
        ];
        let families = [None, Some(Family::Miner), Some(Family::Ransomware)];
        let namespace = namespaces[self.below(namespaces.len() as u64) as usize];
        let mut made = rule(&format!("rule {number}"), namespace, self.below(4) as u8, self.below(2) == 0);
        made.confidence = self.below(101) as u8;
        made.family = families[self.below(3) as usize];
        made.implied = self.below(4) == 0;
        made
    }
}

#[test]
fn more_evidence_never_looks_better() {
    let mut random = Random(7);
    for _ in 0..300 {
        let mut case = case();
        let mut before = case.verdict();
        for number in 0..12 {
            case.rules.push(random.rule(number));
            let after = case.verdict();
            assert!(
                after.score >= before.score && after.class >= before.class,
                "{} -> {}: {:?}",
                before.score,
                after.score,
                case.rules.last()
            );
            assert!(after.score <= 100 && after.confidence <= 100 && after.family_confidence <= 100);
            let weights: Vec<_> = after
                .reasons
                .iter()
                .filter(|reason| reason.from != "run")
                .map(|reason| reason.weight)
                .collect();
            assert!(weights.iter().rev().is_sorted(), "reasons stand in order");
            before = after;
        }
    }
}

#[test]
fn findings_of_the_bytes() {
    let mut case = case();
    assert!(
        findings(&case.facts()).iter().all(|finding| finding.severity == 0),
        "an ordinary module lights nothing up"
    );
    case.view.functions[0].nop_run = 90;
    std::sync::Arc::make_mut(&mut case.view.functions[0].classes).xor = 26;
    case.view.imports = vec![import("env", "bindings_wasm_bg", 0), import("env", "submit_nonce", 3)];
    case.view.exports = vec![
        view::ExportInfo { name: "dropPayload".into(), kind: view::ExternKind::Function, index: 1 },
        view::ExportInfo { name: "__wbindgen_drop".into(), kind: view::ExternKind::Function, index: 1 },
    ];
    case.view.iocs = vec![
        ioc(IocKind::Onion, "abcdef.onion"),
        view::Ioc { encoding: TextEncoding::Xor(0x11), ..ioc(IocKind::Url, "http://x.example") },
    ];
    for (name, severity, part) in [
        ("NOP_SLED", 1, "90 nop"),
        ("XOR_HEAVY", 0, "26 xor"),
        ("IMPORTS_MINING", 2, "env.submit_nonce"),
        ("EXPORT_NAME", 1, "dropPayload"),
        ("IOC_ONION", 2, "abcdef.onion"),
        ("HIDDEN_INDICATOR", 2, "xor 0x11"),
    ] {
        let found = case.finding(name).unwrap_or_else(|| panic!("{name}"));
        assert!(
            found.severity == severity && found.description.contains(part) && !found.dynamic,
            "{found:?}"
        );
    }
    assert!(case.finding("IMPORTS_NETWORK").is_none(), "`bind` is no part of `bindings`");
    assert!(case.finding("EXPORT_NAME").is_some_and(|found| !found.description.contains("wbindgen")));
}

#[test]
fn findings_of_the_run() {
    let mut case = case();
    *case.ran() =
        Classes { total: 2_000_000, xor: 101, memory_grow: 6, indirect_call: 2, ..Classes::default() };
    case.dynamic.metrics.grown_pages = 6;
    case.dynamic.coverage = passes::Coverage {
        functions_run: 1,
        functions: 4,
        unexpected: vec![FuncIndex(1)],
        ..passes::Coverage::default()
    };
    let change = |path: &str| sandbox::FileChange {
        path: path.into(),
        change: sandbox::ChangeKind::Changed,
        size_before: Some(4096),
        size_after: Some(4096),
        entropy_before: Some(4.1),
        entropy_after: Some(7.9),
        ..sandbox::FileChange::default()
    };
    let run = case.run.as_mut().unwrap();
    run.files = vec![change("/home/a"), change("/home/b")];
    (run.sleeps, run.slept_ns) = (3, 61_000_000_000);
    run.entries.push(entry(EntryEnd::Trapped { trap: Trap::Unreachable }));
    run.entries.push(sandbox::Entry { stalled_in: Some(FuncIndex(1)), ..entry(EntryEnd::Returned) });
    for (name, severity, part) in [
        ("RUNTIME_XOR", 0, "101 xor"),
        ("RUNTIME_MEMORY", 0, "6 times, 6 pages"),
        ("RUNTIME_INDIRECT", 0, "2 indirect"),
        ("RUNTIME_VOLUME", 0, "2,000,000"),
        ("RUNTIME_UNREACHABLE", 0, "1 entry point"),
        ("STALLED", 1, "func 1"),
        ("LONG_SLEEP", 1, "61 virtual seconds"),
        ("FILES_ENCRYPTED", 3, "4.10 → 7.90"),
        ("FILES_CHANGED", 0, "2 files"),
        ("LOW_COVERAGE", 0, "25.0 %"),
        ("UNEXPECTED_FUNCTIONS", 1, "func 1"),
    ] {
        let found = case.finding(name).unwrap_or_else(|| panic!("{name}"));
        assert!(found.severity == severity && found.description.contains(part) && found.dynamic, "{found:?}");
    }
    let order: Vec<_> = findings(&case.facts()).iter().map(|finding| finding.severity).collect();
    assert!(order.iter().rev().is_sorted());
}

#[test]
fn leaving_at_once_after_a_look_around_is_a_finding() {
    let mut case = case();
    case.run.as_mut().unwrap().entries = vec![entry(EntryEnd::Exited { code: 1 })];
    assert!(case.finding("EXIT_WITHOUT_WORK").is_none(), "it did not look around");
    case.calls(vec![call("environ_get", 0, &[])]);
    assert!(case.finding("EXIT_WITHOUT_WORK").is_some_and(|found| found.description.contains("environ_get")));
    case.run.as_mut().unwrap().stdout = b"usage".to_vec();
    assert!(case.finding("EXIT_WITHOUT_WORK").is_none(), "it printed something");
}

#[test]
fn facts_that_contradict_each_other_do_no_harm() {
    let mut case = leak_case();
    case.view.calls.dead = vec![FuncIndex(u32::MAX)];
    case.dynamic.coverage.dead_confirmed = vec![FuncIndex(u32::MAX)];
    case.dynamic.coverage.instructions_run = u64::MAX;
    case.dynamic.call_graph.edges = vec![edge(u32::MAX, 0, &[1, 2])];
    case.dynamic.functions = vec![ran_function(u32::MAX, u64::MAX)];
    case.calls(vec![call("fd_read", 4, &[Pointed::Bytes { hex: "zz0".into(), len: 2, entropy: f64::NAN }])]);
    case.view.file.entropy = f64::NAN;
    let verdict = case.verdict();
    assert!(verdict.score <= 100);
}

/// A module of 5 MB has a million functions that nothing calls. Comparing the two lists pair by pair took a
/// minute.
#[test]
fn many_dead_functions_take_no_time() {
    let mut case = case();
    let dead: Vec<_> = (0..300_000).map(FuncIndex).collect();
    case.view.calls.dead.clone_from(&dead);
    case.dynamic.coverage.dead_confirmed = dead;
    case.view.functions = vec![function(299_999, 21)];
    let found = case.correlation("DEAD_CODE_CONFIRMED_SUSPICIOUS").expect("the suspicious one");
    assert_eq!(found.places.len(), 1);
    assert!(
        case.finding("DEAD_CODE_CONFIRMED")
            .is_some_and(|finding| finding.description.contains("299,995 more"))
    );
}
