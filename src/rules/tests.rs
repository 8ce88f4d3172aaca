use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    Value,
    limitation::Named,
    module::{CodeOffset, FuncIndex, view},
    passes::{self, flows::DataFlow},
    sandbox::{Arg, Call, ChangeKind, Entry, EntryEnd, EntryKind, FileChange, Pointed, Status},
    values::taint::{How, SinkKind, SourceKind},
};

/// A defined function without anything.
pub(super) fn function(index: u32) -> view::Function {
    view::Function::new(FuncIndex(index), CodeOffset(100 * index), 10)
}

/// A function that ran.
pub(super) fn ran(index: u32) -> passes::FunctionMetrics {
    passes::FunctionMetrics {
        index: FuncIndex(index),
        name: None,
        calls: 1,
        classes: view::Classes { total: 100, xor: 10, ..view::Classes::default() }.into(),
        blocks_run: 1,
        blocks: 2,
        instructions_run: 10,
        signatures: BTreeMap::new(),
        host_calls: 0,
        exclusive: Default::default(),
    }
}

/// A loop that ran.
pub(super) fn looped(func: u32, iterations: u64) -> passes::ExecutedLoop {
    passes::ExecutedLoop {
        place: Place { function: FuncIndex(func), offset: CodeOffset(100 * func + 5) },
        depth: 1,
        iterations,
        entries: 1,
        classes: view::Classes { total: iterations * 10, xor: iterations, ..view::Classes::default() },
        share: 0.5,
        signatures: BTreeMap::new(),
        host_calls: 0,
        stopped_in: false,
    }
}

fn text(text: &str) -> Arg {
    Arg {
        name: Some("path".into()),
        value: Value::I32(64),
        points_at: Some(Pointed::Text { text: text.into() }),
    }
}

fn number(name: &'static str, value: i32) -> Arg {
    Arg { name: Some(name.into()), value: Value::I32(value), points_at: None }
}

fn call(name: &str, args: Vec<Arg>) -> Call {
    Call { results: vec![Value::I32(0)], ..Call::of_wasi(name, args) }
}

/// The facts of a made-up sample.
struct Sample {
    wasm: Vec<u8>,
    view: View,
    run: Option<Run>,
    dynamic: Dynamic,
    flows: Option<DataFlows>,
}

impl Sample {
    fn new() -> Self {
        let wasm = b"\0asm\x01\0\0\0".to_vec();
        Self { view: View::of(&wasm), wasm, run: None, dynamic: Dynamic::default(), flows: None }
    }

    fn calling(calls: Vec<Call>) -> Self {
        let entry = Entry {
            name: "_start".into(),
            kind: EntryKind::Main,
            func: None,
            args: Vec::new(),
            made_up: false,
            end: EntryEnd::Returned,
            results: Vec::new(),
            site: None,
            stalled_in: None,
        };
        let mut sample = Self::new();
        let session =
            crate::Tracer::new(crate::Options::default()).load(&sample.wasm).expect("an empty module loads");
        for call in &calls {
            *sample
                .dynamic
                .metrics
                .host_calls
                .entry(crate::text::import_name(&call.module, &call.name))
                .or_default() += 1;
        }
        let place = |position| Place { function: FuncIndex(1), offset: CodeOffset(100 + position as u32) };
        sample.dynamic.call_sites = (0..calls.len()).map(|position| Some(place(position))).collect();
        sample.run = Some(Run {
            trace: session.finish(),
            entries: vec![entry],
            calls,
            status: Status::Exited,
            ..Run::default()
        });
        sample
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            wasm: &self.wasm,
            view: &self.view,
            run: self.run.as_ref(),
            dynamic: &self.dynamic,
            prediction: None,
            flows: self.flows.as_ref(),
        }
    }

    fn matches(&self, rules: &[(&str, &str)]) -> Vec<Match> {
        set(rules).unwrap_or_else(|error| panic!("{error}")).evaluate(&self.facts()).matches
    }

    /// Whether one rule with these scopes and features matches.
    fn holds(&self, scopes: &str, features: &str) -> Option<Match> {
        self.matches(&[("one", &rule("one", scopes, features))]).pop()
    }
}

fn rule(name: &str, scopes: &str, features: &str) -> String {
    format!(
        "rule:\n  meta:\n    name: {name}\n    namespace: test/{name}\n    scopes: {scopes}\n  features:\n{features}"
    )
}

fn set(rules: &[(&str, &str)]) -> Result<Set, RuleLoadError> {
    let behavior = rules.iter().filter(|(name, _)| !name.ends_with(".yar"));
    let yara = rules.iter().filter(|(name, _)| name.ends_with(".yar"));
    let source = |(name, text): &(&str, &str)| problem::Source::new(*name, text);
    let sources = load::Sources {
        behavior: behavior.map(source).collect(),
        yara: yara.map(source).collect(),
        ..load::Sources::default()
    };
    let (set, problems) = Set::build(&sources, true);
    if problems.is_empty() { Ok(set) } else { Err(problems) }
}

const RUN: &str = "{static: unsupported, dynamic: process}";
const FILE: &str = "{static: file, dynamic: unsupported}";

#[test]
fn names_are_exact() {
    let mut sample = Sample::new();
    sample.view.imports =
        vec![import("./bindings.js", "__wbindgen_rethrow", 0), import("env.net", "connect", 1)];
    for (features, expected) in [
        ("import: bind", false),
        ("import: connect", true),
        ("import: env.net.connect", true),
        ("import: net.connect", false),
        ("import: /bind/", true),
        ("import: /^bind/", false),
    ] {
        assert_eq!(sample.holds(FILE, &format!("    - {features}\n")).is_some(), expected, "{features}");
    }
}

#[test]
fn calls_are_found_with_their_sites() {
    let sample = Sample::calling(vec![
        call("path_open", vec![text("/home/user/.ssh/id_rsa")]),
        call("fd_read", vec![]),
        call("sock_send", vec![]),
    ]);
    let found = sample.holds(RUN, "    - api: wasi_snapshot_preview1.path_open\n").expect("a match");
    assert!(found.dynamic);
    assert_eq!(found.places, [Place { function: FuncIndex(1), offset: CodeOffset(100) }]);
    assert_eq!(found.evidence.found.as_deref(), Some("path_open(\"/home/user/.ssh/id_rsa\")"));
    for (features, expected) in [
        ("    - api: open\n", false),
        ("    - count(api(path_open)): 1\n", true),
        ("    - count(api(path_open)): 2 or more\n", false),
        ("    - count(api(nothing)): 0\n", true),
        ("    - not:\n      - api: sock_send\n", false),
        ("    - string: /id_rsa/\n", true),
        ("    - string: id_rsa\n", false),
        ("    - substring: id_rsa\n", true),
        ("    - call:\n      - and:\n        - api: path_open\n        - substring: id_rsa\n", true),
        ("    - call:\n      - and:\n        - api: fd_read\n        - substring: id_rsa\n", false),
        ("    - number: 64\n", true),
        ("    - 2 or more:\n      - api: fd_read\n      - api: sock_send\n      - api: x\n", true),
        ("    - 2 or more:\n      - api: fd_read\n      - api: y\n      - api: x\n", false),
        ("    - optional:\n      - api: x\n", true),
    ] {
        assert_eq!(sample.holds(RUN, features).is_some(), expected, "{features}");
    }
}

fn import(module: &str, name: &str, func: u32) -> view::ImportInfo {
    let (module, name) = (module.into(), name.into());
    view::ImportInfo {
        module,
        name,
        kind: view::ExternKind::Function,
        ty: String::new(),
        func: Some(FuncIndex(func)),
    }
}

#[test]
fn a_part_of_a_host_function_s_name_is_not_its_name() {
    let dotted = Call { module: "env".into(), ..call("scheduler.submit_share", vec![]) };
    let mut sample =
        Sample::calling(vec![dotted, Call { module: "env".into(), ..call("task.clock_time_get", vec![]) }]);
    sample.view.imports =
        vec![import("env", "scheduler.submit_share", 0), import("env", "task.clock_time_get", 1)];
    for (name, expected) in [
        ("submit_share", false),
        ("scheduler", false),
        ("env.submit_share", false),
        ("scheduler.submit_share", true),
        ("env.scheduler.submit_share", true),
    ] {
        let found = sample.holds(RUN, &format!("    - api: {name}\n"));
        assert_eq!(found.is_some(), expected, "{name}");
        assert!(
            found.is_none_or(|found| found.places.len() == 1 && found.evidence.found.is_some()),
            "{name}"
        );
    }
    assert!(sample.holds(RUN, "    - wasm/metric: {name: clock_reads, op: '==', value: 0}\n").is_some());
}

#[test]
fn names_that_are_one_key_are_told_apart() {
    let mut sample = Sample::calling(vec![call("x", vec![])]);
    sample.view.imports = vec![import("a", "b.c", 0), import("a.b", "c", 1)];
    sample.dynamic.metrics.host_calls = [("a.b.c".to_owned(), 7)].into();
    let edge = |callee, count| passes::CallEdge {
        caller: Some(FuncIndex(2)),
        callee: FuncIndex(callee),
        kind: passes::CallEdgeKind::Direct,
        tail: false,
        count,
        sites: vec![CodeOffset(50 + callee)],
    };
    sample.dynamic.call_graph.edges = vec![edge(0, 5), edge(1, 2)];
    // None of these calls was kept: they are counted, and have their places, all the same.
    for (name, count, offset) in [("b.c", 5, 50), ("c", 2, 51), ("a.b.c", 7, 50)] {
        let found = sample
            .holds(RUN, &format!("    - count(api({name})): {count}\n"))
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(found.places[0], Place { function: FuncIndex(2), offset: CodeOffset(offset) }, "{name}");
    }
}

#[test]
fn a_call_that_two_names_fit_is_one_call() {
    let module = "wasi:io/streams@0.2.0".into();
    let write = Call { module, ..call("[method]output-stream.write", vec![]) };
    let sample = Sample::calling(vec![write, call("fd_write", vec![])]);
    for name in ["/write/", "/^fd_write$/", "fd_write"] {
        assert!(sample.holds(RUN, &format!("    - count(api({name})): 2\n")).is_some(), "{name}");
    }
}

#[test]
fn many_calls_cost_what_they_are_many() {
    let sample = Sample::calling((0..20_000).map(|_| call("a", vec![])).collect());
    for scope in ["span of calls", "call", "thread", "wasm/function"] {
        let text = rule(
            "one",
            &format!("{{static: unsupported, dynamic: {scope}}}"),
            "    - and:\n      - api: a\n      - api: b\n",
        );
        let evaluation = set(&[("one", &text)]).unwrap().evaluate(&sample.facts());
        assert!(
            evaluation.matches.is_empty() && evaluation.limitations.is_empty(),
            "{scope}: {:?}",
            evaluation.limitations
        );
    }
}

#[test]
fn what_cannot_be_paid_for_is_unknown_and_said() {
    let sample = Sample::calling((0..20_000).map(|_| call("a", vec![])).collect());
    let each = "{static: unsupported, dynamic: call}";
    let (part, cheap) = (rule("part", each, "    - api: a\n"), rule("cheap", RUN, "    - api: a\n"));
    // Every call is looked for among ten thousand matches: 200 million comparisons.
    let dear = rule("dear", each, "    - and:\n      - match: part\n      - api: b\n");
    let negated = rule("negated", RUN, "    - not:\n      - match: dear\n");
    let rules = [("part", part.as_str()), ("dear", &dear), ("negated", &negated), ("cheap", &cheap)];
    let evaluation = set(&rules).unwrap().evaluate(&sample.facts());
    let names: Vec<_> = evaluation.matches.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["cheap", "part"]);
    let [limitation] = &evaluation.limitations[..] else { panic!("{:?}", evaluation.limitations) };
    let dear = Named { first: vec!["dear".into()], count: 1 };
    assert_eq!(*limitation, Limitation::RulesCut(dear));
}

#[test]
fn a_count_has_no_hidden_end() {
    let mut sample = Sample::new();
    sample.wasm.extend([0xaa; 3000]);
    for (count, expected) in [("3000", true), ("1001 or more", true), ("3001 or more", false)] {
        assert_eq!(
            sample.holds(FILE, &format!("    - count(bytes(AA)): {count}\n")).is_some(),
            expected,
            "{count}"
        );
    }
    let each = "{static: unsupported, dynamic: call}";
    let sample = Sample::calling((0..10_500).map(|_| call("a", vec![])).collect());
    let (part, whole) =
        (rule("part", each, "    - api: a\n"), rule("whole", RUN, "    - count(match(part)): 10500\n"));
    assert_eq!(sample.matches(&[("part", &part), ("whole", &whole)]).len(), 2);
}

#[test]
fn a_rule_of_bytes_and_run_sees_both() {
    let mut sample = Sample::calling(vec![call("a", vec![])]);
    sample.view.strings.push(view::Text {
        text: "stratum+tcp://a".into(),
        offset: 20,
        address: None,
        encoding: view::TextEncoding::Plain,
    });
    let mixed = "    - and:\n      - string: /^stratum/\n      - api: a\n";
    let both = "{static: file, dynamic: process}";
    assert!(sample.holds(both, mixed).expect("a match").dynamic);
    // Facts that only the bytes show are no evidence of the run, and do not become so for a rule that builds
    // on them.
    let only = rule("only", both, "    - string: /^stratum/\n");
    let above = rule("above", both, "    - match: only\n");
    let matches = sample.matches(&[("only", &only), ("above", &above)]);
    assert_eq!(matches.iter().map(|found| found.dynamic).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn what_never_holds_is_an_error_or_an_advice() {
    let parsed = |scopes: &str, features: &str| set(&[("one", &rule("one", scopes, features))]);
    for (scopes, features, expected) in [
        (
            "{static: function, dynamic: call}",
            "    - and:\n      - mnemonic: nop\n      - string: a\n",
            "in none of the scopes",
        ),
        (RUN, "    - wasm/metric: {name: xor_share, op: '>', value: 1}\n", "`xor_share` is from 0 to 1"),
        (RUN, "    - wasm/metric: {name: xor, op: '<', value: 0}\n", "`xor` is from 0 up"),
        (RUN, "    - call:\n      - count(api(a)): 2 or more\n", "found 1 times at most"),
        (RUN, "    - span of calls:\n      - count(api(a)): 21\n", "found 20 times at most"),
        (RUN, "    - not:\n      - format: wasm\n", "what it denies always does"),
        (RUN, "    - number: 0x1ffffffffffffffff\n", "never holds"),
    ] {
        let error = parsed(scopes, features).err().unwrap_or_else(|| panic!("{features}")).to_string();
        assert!(error.contains(expected), "{error}");
    }
    // One branch of an `or` that never holds is a rule that works, and an advice.
    let one = "    - or:\n      - api: a\n      - and:\n        - mnemonic: nop\n        - string: a\n";
    let set = parsed("{static: function, dynamic: call}", one).unwrap_or_else(|error| panic!("{error}"));
    let advice = set.lint(Some(std::path::Path::new("corpus")));
    assert_eq!(
        advice.iter().filter(|one| one.message.starts_with("`and`: this never holds")).count(),
        1,
        "{advice:?}"
    );
}

#[test]
fn a_count_over_a_file_wants_a_share_or_a_place() {
    let many = "wasm/metric: {name: static_mining_windows, op: '>=', value: 40}";
    let share = "wasm/metric: {name: static_bit_share, op: '>=', value: 0.2}";
    for (scopes, features, is_refused) in [
        ("{static: file, dynamic: unsupported}", format!("    - {many}\n"), true),
        ("{static: function, dynamic: unsupported}", format!("    - {many}\n"), false),
        (
            "{static: file, dynamic: unsupported}",
            format!("    - and:\n      - {many}\n      - {share}\n"),
            false,
        ),
        (
            "{static: file, dynamic: unsupported}",
            format!("    - or:\n      - {many}\n      - {share}\n"),
            true,
        ),
        ("{static: file, dynamic: unsupported}", format!("    - function:\n      - {many}\n"), false),
        (RUN, "    - count(mnemonic(i32.xor)): 40 or more\n".into(), true),
        (RUN, "    - mnemonic: i32.xor\n".into(), false),
    ] {
        let text = rule("one", scopes, &features).replace("    scopes:", "    wasm/severity: 1\n    scopes:");
        let set = set(&[("one", &text)]).unwrap_or_else(|error| panic!("{error}"));
        let advice = set.lint(Some(std::path::Path::new("corpus")));
        let refused = advice.iter().any(|one| one.message.contains("counts over the whole file"));
        assert_eq!(refused, is_refused, "{features}{advice:?}");
    }
}

#[test]
fn an_explanation_says_what_a_rule_needs() {
    let explained = |features: &str| {
        let text = rule("one", "{static: file, dynamic: process}", features);
        set(&[("one", &text)]).unwrap_or_else(|error| panic!("{error}")).explain("one").unwrap()
    };
    let mixed =
        explained("    - and:\n      - string: a\n      - wasm/metric: {name: nops, op: '>=', value: 5}\n");
    assert!(
        mixed.contains("the bytes alone never make it match")
            && mixed.contains("process (run, with the bytes)"),
        "{mixed}"
    );
    assert!(explained("    - string: a\n").contains("It can match on the bytes alone"));
}

#[test]
fn sequences_keep_their_order() {
    let open = |path: &str, flags| call("path_open", vec![text(path), number("oflags", flags)]);
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.extend([
            open("/a", 0),
            call("fd_read", vec![]),
            open("/b", 1),
            call("fd_write", vec![]),
            call("path_unlink_file", vec![]),
        ]);
    }
    let sample = Sample::calling(calls);
    for (features, expected) in [
        ("[{api: path_open}, {api: path_unlink_file}]", true),
        ("[{api: path_unlink_file}, {api: path_rename}]", false),
        ("[{api: path_open, number: {arg: oflags, mask: 1}}, {api: fd_write}]", true),
        ("[{api: path_open, number: {arg: oflags, mask: 2}}, {api: fd_write}]", false),
        ("[{api: path_open, number: {arg: oflags, op: '>=', value: 1}}]", true),
        ("[{api: path_open, string: /^\\/b$/}, {api: [x, fd_write]}]", true),
        ("[{api: path_open, string: /c/}]", false),
        ("[{api: fd_write, succeeds: false}]", false),
        ("{steps: [{api: fd_read}, {api: path_unlink_file}], times: 3}", true),
        ("{steps: [{api: fd_read}, {api: path_unlink_file}], times: 4}", false),
        ("{steps: [{api: fd_read}, {api: path_unlink_file}], within: 4}", true),
        ("{steps: [{api: fd_read}, {api: path_unlink_file}], within: 3}", false),
    ] {
        let features = format!("    - wasm/sequence: {features}\n");
        assert_eq!(sample.holds(RUN, &features).is_some(), expected, "{features}");
    }
}

#[test]
fn a_window_may_begin_later_than_the_first_candidate() {
    let sample = Sample::calling(["a", "x", "x", "a", "b"].map(|name| call(name, vec![])).to_vec());
    assert!(sample.holds(RUN, "    - wasm/sequence: {steps: [{api: a}, {api: b}], within: 2}\n").is_some());
}

#[test]
fn spans_are_windows_of_twenty_calls() {
    let span = "{static: unsupported, dynamic: span of calls}";
    let both = "    - and:\n      - api: a\n      - api: b\n";
    for (between, expected) in [(18, true), (19, false)] {
        let mut calls = vec![call("a", vec![])];
        calls.extend((0..between).map(|_| call("x", vec![])));
        calls.push(call("b", vec![]));
        assert_eq!(Sample::calling(calls).holds(span, both).is_some(), expected, "{between}");
    }
}

#[test]
fn spans_that_overlap_count_once() {
    let calls = (0..40).map(|_| call("a", vec![])).collect();
    let found = Sample::calling(calls)
        .holds("{static: unsupported, dynamic: span of calls}", "    - api: a\n")
        .expect("a match");
    assert_eq!(found.count, 2);
}

#[test]
fn metrics_are_measured_in_their_scope() {
    let mut sample = Sample::calling(Vec::new());
    sample.dynamic.metrics.classes = view::Classes { total: 1000, xor: 50, ..view::Classes::default() };
    sample.dynamic.functions = vec![ran(0), ran(1)];
    sample.dynamic.loops = vec![looped(1, 262_144)];
    sample.view.functions = vec![function(0), function(1)];
    let metric = |name: &str, op: &str, value: &str| {
        format!("wasm/metric: {{name: {name}, op: '{op}', value: {value}}}")
    };
    for (features, expected) in [
        (format!("    - {}\n", metric("xor_share", "==", "0.05")), true),
        (format!("    - {}\n", metric("xor_share", ">", "0.05")), false),
        (format!("    - wasm/loop:\n      - {}\n", metric("iterations", "==", "0x40000")), true),
        (format!("    - wasm/loop:\n      - {}\n", metric("iterations", "!=", "0x40000")), false),
        (format!("    - wasm/function:\n      - {}\n", metric("xor_share", "==", "0.1")), true),
        (
            format!(
                "    - wasm/function:\n      - and:\n        - {}\n        - characteristic: loop\n",
                metric("share", "<=", "0.1")
            ),
            true,
        ),
    ] {
        let found = sample.holds(RUN, &features);
        assert_eq!(found.is_some(), expected, "{features}");
        assert!(found.is_none_or(|found| found.dynamic), "{features}");
    }
    let found = sample.holds(
        "{static: unsupported, dynamic: wasm/function}",
        &format!("    - {}\n", metric("instructions", ">", "1")),
    );
    assert_eq!(found.expect("a match").count, 2);
}

#[test]
fn without_a_run_only_the_bytes_match() {
    let mut sample = Sample::new();
    sample.view.strings.push(view::Text {
        text: "stratum+tcp://a".into(),
        offset: 20,
        address: None,
        encoding: view::TextEncoding::Plain,
    });
    let features = "    - string: /^stratum/\n";
    let found = sample.holds("{static: file, dynamic: file}", features).expect("a match");
    assert!(!found.dynamic);
    assert!(sample.holds(RUN, "    - count(api(x)): 0\n").is_none());
}

#[test]
fn the_run_is_better_evidence_than_the_bytes() {
    let mut sample = Sample::calling(vec![call("fd_write", vec![text("stratum+tcp://a")])]);
    sample.view.strings.push(view::Text {
        text: "stratum+tcp://a".into(),
        offset: 20,
        address: None,
        encoding: view::TextEncoding::Plain,
    });
    let found =
        sample.holds("{static: file, dynamic: process}", "    - string: /^stratum/\n").expect("a match");
    assert!(found.dynamic);
    assert_eq!(found.evidence.found.as_deref(), Some("\"stratum+tcp://a\" given to fd_write"));
}

#[test]
fn rules_build_on_rules() {
    let sample = Sample::calling(vec![call("a", vec![]), call("b", vec![])]);
    let part = |name: &str, api: &str| rule(name, RUN, &format!("    - api: {api}\n"));
    let (a, b, c) = (part("a", "a"), part("b", "b"), part("c", "c"));
    let whole = rule(
        "whole",
        RUN,
        "    - and:\n      - match: a\n      - match: test/b\n      - not:\n        - match: c\n",
    );
    let matches = sample.matches(&[("whole", &whole), ("a", &a), ("b", &b), ("c", &c)]);
    let shown: Vec<_> = matches.iter().map(|found| (found.name.as_str(), found.implied)).collect();
    assert_eq!(shown, [("a", true), ("b", true), ("whole", false)]);
    assert!(matches.iter().all(|found| found.dynamic));
}

#[test]
fn what_does_not_exist_is_an_error() {
    let a = rule("a", RUN, "    - match: b\n");
    let b = rule("b", RUN, "    - match: a\n");
    let typo = rule("typo", RUN, "    - match: test/aa\n");
    let yara = rule("yara", FILE, "    - match: yara/none\n");
    let error =
        set(&[("a.yml", &a), ("b.yml", &b), ("b2.yml", &b), ("typo.yml", &typo), ("yara.yml", &yara)])
            .unwrap_err();
    let text = error.to_string();
    for expected in [
        "a rule named `b` exists already",
        "no rule or namespace is named `test/aa`",
        "no YARA rule is named `none`",
        "the rule `a` matches itself",
        "the rule `b` matches itself",
        "typo.yml:7:7",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(set(&[("own.yml", &rule("own", RUN, "    - match: own\n"))]).is_err());
}

#[test]
fn yara_rules_see_bytes_and_the_module() {
    let mut sample = Sample::new();
    sample.wasm.extend_from_slice(b"xxMAGICxx");
    sample.view.exports.push(view::ExportInfo {
        name: "run".into(),
        kind: view::ExternKind::Function,
        index: 0,
    });
    let yara = r#"import "wasm"
rule magic { strings: $a = "MAGIC" condition: $a and wasm.number_of_exports == 1 and for any e in wasm.exports : (e == "run") }
rule other { condition: wasm.has_start == 1 }"#;
    let behavior = rule(
        "uses",
        FILE,
        "    - and:\n      - match: yara/magic\n      - not:\n        - match: yara/other\n",
    );
    let matches = sample.matches(&[("a.yar", yara), ("uses.yml", &behavior)]);
    assert_eq!(matches.len(), 1);
    assert_eq!(matches[0].evidence.parts[0].found.as_deref(), Some("at 0xa"));
    // Who is asked for by nobody is told as it stands, but for private ones.
    let own = "private rule hidden { condition: filesize > 1 } rule alone { condition: hidden } rule not_there { condition: filesize == 1 }";
    let alone = sample.matches(&[("a.yar", yara), ("own.yar", own), ("uses.yml", &behavior)]);
    let of_yara: Vec<_> = alone
        .iter()
        .filter(|found| found.namespace == YARA)
        .map(|found| (&*found.name, found.severity))
        .collect();
    assert_eq!(of_yara, [("match the YARA rule alone", 0)]);
    let error = set(&[("bad.yar", "rule a {\n  condition: $x\n}")]).unwrap_err();
    assert_eq!(error.problems[0].line, 2, "{error}");
    assert!(set(&[("bad.yar", "include \"/etc/passwd\"")]).is_err());
}

#[test]
fn texts_that_were_decoded_are_recognised() {
    let hidden: Vec<u8> = b"http://c2.example".iter().map(|byte| byte ^ 0x5a).collect();
    let shifted: Vec<u8> = b"second secret".iter().map(|byte| byte.wrapping_add(7)).collect();
    let calls = ["http://c2.example", "second secret", "made of input", "plain text"];
    let mut sample = Sample::calling(calls.map(|of| call("fd_write", vec![text(of)])).to_vec());
    sample.wasm.extend(hidden.into_iter().chain(shifted).chain(*b"plain text"));
    for (name, value) in [("decoded_texts", 2), ("new_texts", 3), ("new_addresses", 1)] {
        let features = format!("    - wasm/metric: {{name: {name}, op: '==', value: {value}}}\n");
        assert!(sample.holds(RUN, &features).is_some(), "{name}");
    }
}

#[test]
fn files_are_judged_by_entropy_for_their_size() {
    let change = |change, size, before, after| FileChange {
        path: "/home/user/a.docx".into(),
        change,
        size_before: Some(size),
        size_after: Some(size),
        entropy_before: before,
        entropy_after: after,
        ..FileChange::default()
    };
    let mut sample = Sample::calling(Vec::new());
    if let Some(run) = &mut sample.run {
        run.files = vec![
            change(ChangeKind::Changed, 100, Some(4.0), Some(6.2)),
            change(ChangeKind::Changed, 100_000, Some(4.0), Some(6.2)),
            change(ChangeKind::Renamed, 100_000, Some(4.0), Some(7.9)),
            change(ChangeKind::Created, 10, None, Some(3.3)),
        ];
    }
    for (features, expected) in [
        ("wasm/metric: {name: files_entropy_rise, op: '==', value: 2}", true),
        ("wasm/metric: {name: files_dense_created, op: '==', value: 0}", true),
        ("wasm/file: deleted", false),
        ("count(wasm/ioc(url)): 1", false),
        ("wasm/file: {change: renamed, path: /\\.docx$/}", true),
        ("wasm/file: {change: renamed, path: /\\.xlsx$/}", false),
    ] {
        if features.starts_with("count") {
            continue;
        }
        assert_eq!(sample.holds(RUN, &format!("    - {features}\n")).is_some(), expected, "{features}");
    }
}

fn of_code(wat: &str) -> Sample {
    let wasm = wat::parse_str(wat).expect("a module");
    let module = crate::module::Module::parse(Arc::<[u8]>::from(&wasm[..])).expect("a module");
    let mut sample = Sample::new();
    sample.view.functions = module
        .defined()
        .map(|func| {
            let body = module.body(func).expect("a body");
            view::Function { offset: CodeOffset(body.start), size: body.end - body.start, ..function(func.0) }
        })
        .collect();
    sample.wasm = wasm;
    sample
}

#[test]
fn code_is_searched_by_function_block_and_instruction() {
    let sample = of_code(
        "(module (func (param i32) (drop (i32.const 0x80000)) (if (local.get 0) (then (drop (i32.xor (i32.const 7) (i32.const -1)))))) (func nop))",
    );
    for (scope, features, expected) in [
        ("function", "    - number: 0x80000\n", 1),
        ("function", "    - number: 0xffffffff\n", 1),
        ("function", "    - and:\n      - number: 0x80000\n      - number: 7\n", 1),
        ("basic block", "    - and:\n      - number: 0x80000\n      - number: 7\n", 0),
        (
            "basic block",
            "    - and:\n      - number: 7\n      - mnemonic: i32.xor\n      - characteristic: nzxor\n",
            1,
        ),
        ("instruction", "    - mnemonic: i32.const\n", 3),
        ("instruction", "    - mnemonic: nop\n", 1),
        ("function", "    - count(mnemonic(i32.const)): 3\n", 1),
        ("function", "    - basic block:\n      - instruction:\n        - number: 7\n", 1),
        ("function", "    - bytes: 41 07\n", 1),
    ] {
        let scopes = format!("{{static: {scope}, dynamic: unsupported}}");
        assert_eq!(
            sample.holds(&scopes, features).map_or(0, |found| found.count),
            expected,
            "{scope}\n{features}"
        );
    }
}

#[test]
fn obfuscated_shapes_are_told_from_plain_code() {
    for (body, opaque) in [
        (
            "(br_if 0 (i32.rem_u (i32.mul (local.get 0) (i32.add (local.get 0) (i32.const 1))) (i32.const 2)))",
            true,
        ),
        (
            "(br_if 0 (i32.and (i32.mul (local.get 0) (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))",
            true,
        ),
        ("(if (i32.eqz (i32.and (i32.const 1) (i32.mul (local.get 0) (local.get 0)))) (then))", true),
        ("(br_if 0 (i32.xor (local.get 0) (local.get 0)))", true),
        (
            "(local.set 0 (call 0 (i32.const 1) (i32.const 2))) (br_if 0 (i32.xor (local.get 0) (local.get 0)))",
            true,
        ),
        ("(br_if 0 (i32.xor (local.get 0) (local.tee 0 (i32.load8_u (i32.const 8)))))", false),
        ("(br_if 0 (i32.xor (local.get 0) (local.get 1)))", false),
        ("(br_if 0 (i32.xor (local.get 0) (i32.add (local.get 0) (i32.const 1))))", false),
        ("(br_if 0 (i32.lt_u (i32.mul (local.get 0) (local.get 0)) (i32.const 100)))", false),
        ("(br_if 0 (i32.and (i32.mul (local.get 0) (local.get 1)) (i32.const 1)))", false),
        ("(br_if 0 (i32.and (local.get 0) (i32.const 1)))", false),
        ("(br_if 0 (i32.and (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))", false),
    ] {
        let sample = of_code(&format!(
            "(module (memory 1) (func $f (param i32 i32) (result i32) (i32.const 0)) (func (param i32 i32) {body}))"
        ));
        let scopes = "{static: function, dynamic: unsupported}";
        assert_eq!(
            sample.holds(scopes, "    - characteristic: opaque predicate\n").is_some(),
            opaque,
            "{body}"
        );
    }
    let states = "(br 4)) (local.set 0 (i32.const 5)) (br 3)) (local.set 0 (i32.const 6)) (br 2)) (local.set 0 (i32.const 7)) (br 1))";
    let flattened = format!(
        "(module (func (local i32) (block $out (loop $next (block (block (block (block (br_table 0 1 2 3 $out (local.get 0))) {} (local.set 0 (i32.const 8)) (br $next)))))",
        states
            .replace("(br 4)", "(local.set 0 (i32.const 4)) (br $next)")
            .replace("(br 3)", "(br $next)")
            .replace("(br 2)", "(br $next)")
            .replace("(br 1))", "")
    );
    let flattened = flattened.as_str();
    let interpreter = "(module (memory 1) (func (local i32) (loop (block (block (br_table 0 1 2 (i32.load8_u (local.get 0))))) (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br 0))))";
    for (wat, expected) in [(flattened, true), (interpreter, false)] {
        let found = of_code(wat).holds(
            "{static: function, dynamic: unsupported}",
            "    - characteristic: flattened control flow\n",
        );
        assert_eq!(found.is_some(), expected, "{wat}");
    }
}

#[test]
fn matches_come_in_a_fixed_order() {
    let sample = Sample::calling(vec![call("a", vec![])]);
    let severe = rule("z", RUN, "    - api: a\n").replace("    scopes", "    wasm/severity: 3\n    scopes");
    let rules =
        [("z", severe), ("b", rule("b", RUN, "    - api: a\n")), ("a", rule("a", RUN, "    - api: a\n"))];
    let rules: Vec<(&str, &str)> = rules.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let matches = sample.matches(&rules);
    let names: Vec<_> = matches.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "b"]);
}

#[test]
fn the_shipped_rules_load_without_a_problem() {
    let (set, problems) = Set::build(&load::shipped(), true);
    assert!(problems.is_empty(), "{problems}");
    assert_eq!(set.order.len(), set.rules.len());
}

/// A question about each function that ran must not walk the loops and calls of all.
#[test]
fn rules_on_functions_are_linear_in_the_run() {
    let count = 30_000;
    let mut sample = Sample::calling(Vec::new());
    sample.view.functions = (0..count).map(function).collect();
    sample.dynamic.functions = (0..count).map(ran).collect();
    sample.dynamic.loops = (0..count).rev().map(|func| looped(func, u64::from(func))).collect();
    let features = "    - wasm/function:
      - and:
        - wasm/metric: {name: loop_iterations_max, op: '>=', value: 29999}
        - characteristic: loop
";
    let set = set(&[("f.yml", &rule("busiest", RUN, features))]).unwrap();
    let found = set.evaluate(&sample.facts());
    assert_eq!(
        found.matches.iter().map(|found| (found.count, found.places[0].function.0)).collect::<Vec<_>>(),
        [(1, count - 1)]
    );
}

#[test]
fn flows_are_asked_by_source_way_and_goal() {
    let mut calls = vec![call("fd_read", Vec::new()), call("sock_send", Vec::new())];
    calls[1].number = 1;
    let mut sample = Sample::calling(calls);
    let flow = DataFlow {
        text: "bytes 0 to 19 of `/home/user/.ssh/id_rsa` (bait) → xor → `wasi.sock_send` #1".into(),
        source: SourceKind::File,
        name: "/home/user/.ssh/id_rsa".into(),
        is_bait: true,
        bytes: 20,
        how: How::Value,
        path: vec!["xor".into()],
        sink: SinkKind::Memory,
        host: Some("wasi_snapshot_preview1.sock_send".into()),
        first_call: Some(1),
        last_call: Some(1),
        times: 1,
    };
    assert!(sample.holds(RUN, "    - wasm/flow: file").is_none(), "nothing was followed");
    sample.flows = Some(DataFlows { instructions: 9, of: 9, flows: vec![flow], ..DataFlows::default() });
    for (wanted, expected) in [
        ("file", true),
        ("socket", false),
        ("{bait: true, to: sock_send, bytes: 20}", true),
        ("{to: wasi_snapshot_preview1.sock_send}", true),
        ("{to: [fd_write, send]}", false),
        ("{through: xor}", true),
        ("{through: /base/}", false),
        ("{name: '/id_rsa$/'}", true),
        ("{bytes: 21}", false),
    ] {
        let found = sample.holds(RUN, &format!("    - wasm/flow: {wanted}"));
        assert_eq!(found.is_some(), expected, "{wanted}");
        if let Some(found) = found {
            assert!(found.dynamic && !found.attempted);
            assert_eq!(found.places, [Place { function: FuncIndex(1), offset: CodeOffset(101) }]);
        }
    }
    // What could not be sent was not sent.
    sample.run.as_mut().unwrap().calls[1].errno = Some("badf".into());
    assert!(sample.holds(RUN, "    - wasm/flow: {bait: true, to: sock_send}").unwrap().attempted);
    for wrong in
        ["nowhere", "{from: data}", "{into: sock_send}", "{bytes: 0}", "{through: '/(/'}", "{}", "{to: []}"]
    {
        assert!(set(&[("one", &rule("one", RUN, &format!("    - wasm/flow: {wrong}")))]).is_err(), "{wrong}");
    }
}
