//! Every format over an analysis with made-up matches: what rules and verdict may say, and what a hostile
//! sample may name.

use crate::{
    analysis::Analysis,
    limitation::Limitation,
    module::{CodeOffset, FuncIndex, Place},
    rules::{self, Evidence, Family, Match, Origin, StatementKind},
    sandbox, text,
    verdict::{Class, Correlation, CorrelationName, Finding, FindingName, Reason, Technique},
};

use super::{Report, Subject, capa, csv, diff::Diff, ndjson, sarif};

const HOSTILE: &str = "\u{1b}[2J\u{202e}<img src=x>\n\"quoted\",";

fn analysis() -> Analysis {
    let options = sandbox::RunOptions::default();
    let sample = br#"(module (func (export "f") nop))"#;
    let mut analysis = Analysis::of(sample, &options, &rules::Set::default());
    let place = Place { function: FuncIndex(0), offset: CodeOffset(0x1e) };
    let leaf = |statement: &str| Evidence {
        found: Some(HOSTILE.into()),
        places: vec![place],
        ..Evidence::leaf(statement)
    };
    let parts = vec![leaf("api: fd_read"), leaf("wasm/metric: xor_share >= 0.05")];
    analysis.rules = vec![Match {
        name: "mine coins".into(),
        namespace: "impact/cryptomining".into(),
        description: HOSTILE.into(),
        severity: 3,
        confidence: 90,
        attack: vec!["Impact::Resource Hijacking::Compute Hijacking [T1496.001]".into()],
        mbc: vec!["Impact::Resource Hijacking [B0018]".into()],
        family: Some(Family::Miner),
        dynamic: true,
        places: vec![place],
        count: 1,
        implied: false,
        attempted: false,
        driven: false,
        evidence: Evidence { parts, ..Evidence::of(StatementKind::AtLeast(2), "2 or more".into()) },
        origin: Origin::default(),
    }];
    let (name, text) = (CorrelationName::ConfirmedXor, || HOSTILE.to_owned());
    analysis.correlations = vec![Correlation {
        name,
        severity: 2,
        family: None,
        description: text(),
        static_side: text(),
        dynamic_side: text(),
        places: Vec::new(),
    }];
    analysis.findings = vec![Finding {
        name: FindingName::RuntimeXor,
        description: text(),
        categories: vec!["runtime".into()],
        severity: 0,
        confidence: 50,
        dynamic: true,
        places: vec![place],
    }];
    analysis.verdict.class = Class::Malicious;
    analysis.verdict.score = 91;
    analysis.verdict.family = Some(Family::Miner);
    analysis.verdict.reasons =
        vec![Reason { text: text(), from: "mine coins".into(), weight: 40, dynamic: true }];
    let (tactic, technique) = ("Impact".to_owned(), "Resource Hijacking: Compute Hijacking".to_owned());
    analysis.verdict.attack =
        vec![Technique { tactic, technique, id: "T1496.001".into(), rules: vec!["mine coins".into()] }];
    analysis.limitations = vec![Limitation::Recorded(text())];
    analysis
}

/// A command line as a user may have given it.
#[cfg(feature = "cli")]
fn asked() -> super::text::Asked<'static> {
    super::text::Asked { command: "run", file: HOSTILE.as_ref(), options: "--persona server" }
}

/// Writes the report of [`analysis`] with `write`.
fn written(write: impl Fn(&Report<'_>, &mut Vec<u8>)) -> String {
    written_of(&analysis(), write)
}

fn written_of(analysis: &Analysis, write: impl Fn(&Report<'_>, &mut Vec<u8>)) -> String {
    let options = sandbox::RunOptions::default();
    let mut out = Vec::new();
    write(&Report::of(&Subject { name: HOSTILE, analysis, options: &options, max_log: 10 }), &mut out);
    let out = String::from_utf8(out).expect("reports are UTF-8");
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out}");
    out
}

#[test]
fn sarif_has_a_result_for_each_match_correlation_and_finding() {
    let log = written(|report, out| sarif::write(report, out).unwrap());
    assert!(!log.contains("<img"), "{log}");
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let ids: Vec<_> = results
        .iter()
        .map(|result| (result["ruleId"].as_str().unwrap(), result["level"].as_str().unwrap()))
        .collect();
    let expected = [
        ("rule/impact/cryptomining/mine-coins", "error"),
        ("correlation/CONFIRMED_XOR", "warning"),
        ("finding/RUNTIME_XOR", "none"),
    ];
    assert_eq!(ids, expected);
    assert_eq!(results[0]["locations"][0]["physicalLocation"]["address"]["absoluteAddress"], 0x1e);
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().len(), 3);
}

#[test]
fn capa_gets_its_shapes() {
    let document = written(|report, out| capa::write(report, out).unwrap());
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let (address, tree) = (
        &document["rules"]["mine coins"]["matches"][0][0],
        &document["rules"]["mine coins"]["matches"][0][1],
    );
    // That of the function; the evidence has that of the instruction.
    assert_eq!(*address, serde_json::json!({"type": "absolute", "value": 0x1d}));
    assert_eq!(tree["children"][0]["locations"][0]["value"], 0x1e);
    assert_eq!(
        tree["node"],
        serde_json::json!({"type": "statement", "statement": {"type": "some", "count": 2, "description": null}})
    );
    assert_eq!(tree["children"][0]["node"]["feature"]["api"], "fd_read");
    assert_eq!(tree["children"][1]["node"]["feature"]["characteristic"], "wasm/metric: xor_share >= 0.05");
    assert_eq!(document["meta"]["analysis"]["layout"]["functions"].as_array().unwrap().len(), 1);
}

#[test]
fn lines_stay_lines() {
    let row = written(|report, out| csv::write_row(report, out).unwrap());
    assert_eq!(row.lines().count(), 1, "{row}");
    assert!(row.contains(",MALICIOUS,91,miner,"), "{row}");
    let lines = written(|report, out| ndjson::write(report, out).unwrap());
    assert_eq!(lines.lines().count(), 4, "{lines}");
    assert!(lines.contains("\"threat.technique.id\":[\"T1496.001\"]"), "{lines}");
}

#[test]
fn json_keeps_the_text_as_it_is() {
    let report = written(|report, out| text::write_json(out, report).unwrap());
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["sample"]["name"], HOSTILE);
    assert_eq!(report["limitations"][0], HOSTILE);
    assert_eq!(report["rules"][0]["evidence"]["parts"][0]["statement"], "api: fd_read");
}

#[test]
fn the_same_differs_in_nothing() {
    let text = written(|report, out| {
        let diff = Diff::of(report, report);
        assert!(diff.is_empty());
        diff.write_text(out).unwrap();
    });
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[cfg(feature = "cli")]
#[test]
fn text_shows_more_with_each_level() {
    use super::text::{TextOptions, Verbosity, write};

    let shown = |level| {
        written(|report, out| {
            let head_limit = if level == Verbosity::Normal { 20 } else { usize::MAX };
            write(report, TextOptions { level, ..TextOptions::default() }, asked(), out).unwrap();
            let text = String::from_utf8_lossy(out);
            let head = text.lines().position(|line| line.is_empty()).unwrap();
            assert!(head <= head_limit, "{text}");
        })
    };
    let (normal, verbose, evidence) =
        (shown(Verbosity::Normal), shown(Verbosity::Verbose), shown(Verbosity::Evidence));
    assert!(normal.starts_with("limitation: "), "{normal}");
    assert!(normal.contains("MALICIOUS 91/100  family miner"), "{normal}");
    assert!(normal.contains("T1496.001") && verbose.contains("impact/cryptomining"), "{verbose}");
    let place = "func 0 (f) wasm-function[0]:0x1e  ghidra 0x8000001e";
    assert!(!normal.contains(place) && verbose.contains(place), "{verbose}");
    let metric = "wasm/metric: xor_share >= 0.05 = ";
    assert!(!verbose.contains(metric) && evidence.contains(metric), "{evidence}");
}

#[cfg(feature = "cli")]
#[test]
fn text_fits_a_narrow_terminal() {
    use super::text::{TextOptions, write};

    let text = written(|report, out| {
        write(report, TextOptions { width: 60, wrap: true, ..TextOptions::default() }, asked(), out).unwrap()
    });
    // Identifiers to be copied stay whole, and a table with one is as wide as it must be.
    let lines: Vec<_> = text.lines().take_while(|line| !line.is_empty()).collect();
    let has_identifier = |line: &str| line.split_whitespace().any(|word| word.chars().count() > 40);
    let wide: Vec<_> =
        lines.iter().filter(|line| line.chars().count() > 60 && !has_identifier(line)).collect();
    assert!(lines.len() > 15 && wide.is_empty(), "{wide:#?}");
    assert!(text.contains("1 function,") && !text.contains("1 functions"), "{text}");
    // The command goes on with the options of this one.
    // There is no room beside it, so what it is for stands beneath.
    assert!(text.contains(" --persona server -v\n        all reasons, tables, rules\n"), "{text}");
}

#[test]
fn what_the_sample_chose_is_escaped_once() {
    let path = "/дом/\"a\"\\b\n\u{202e}";
    let mut analysis = analysis();
    analysis.verdict.reasons = vec![Reason { text: path.into(), from: "x".into(), weight: 1, dynamic: true }];
    let json = written_of(&analysis, |report, out| text::write_json(out, report).unwrap());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["reasons"][0]["text"], path);
    let row = written_of(&analysis, |report, out| csv::write_row(report, out).unwrap());
    assert!(row.contains("\"/дом/\"\"a\"\"\\b\\n\\u{202e}\""), "{row}");
}

/// Everywhere a place is shown there is its line, with the call that was inlined there.
#[cfg(feature = "cli")]
#[test]
fn places_have_the_lines_of_debug_information() {
    let nops = "nop ".repeat(18);
    let text = format!(
        r#"(module (import "env" "log" (func $log))
        (func $_ZN4core3fmt5write17h0123456789abcdefE (export "_start") {nops} (call $log) {nops}))"#
    );
    let options = sandbox::RunOptions::default();
    let sample = crate::module::with_debug_information(&text);
    let analysis = Analysis::of(&sample, &options, &rules::Set::default());
    let report = Report::of(&Subject { name: "x", analysis: &analysis, options: &options, max_log: 10 });
    let site = report.host_calls[0].site.unwrap();
    let place = super::Names::of(report.view).place(site);
    let [line, call] = ["/source/lib/inner.c:7", "/source/lib/inner.c:12"];
    assert!(place.starts_with("func 1 (core::fmt::write) wasm-function[1]:0x"), "{place}");
    assert!(place.ends_with(&format!(" {line} (inner()) in {call}")), "{place}");
    let json = serde_json::to_value(&report).unwrap();
    let frames = &json["source_lines"][format!("{:#x}", site.offset.0)];
    assert_eq!((&frames[0]["function"], &frames[0]["line"]), (&"inner()".into(), &7.into()));
    assert_eq!((&frames[1]["function"], &frames[1]["line"]), (&"outer".into(), &12.into()));
    assert_eq!(json["view"]["functions"][0]["demangled"], "core::fmt::write");
    assert_eq!(json["view"]["functions"][0]["name"], "_ZN4core3fmt5write17h0123456789abcdefE");
    let mut page = Vec::new();
    super::text::write(
        &report,
        super::text::TextOptions { level: super::text::Verbosity::Evidence, ..Default::default() },
        asked(),
        &mut page,
    )
    .unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains(line) && page.contains("core::fmt::write"), "{page}");
    // Without it nothing is said of lines.
    let bare = Analysis::of(text.as_bytes(), &options, &rules::Set::default());
    let report = Report::of(&Subject { name: "x", analysis: &bare, options: &options, max_log: 10 });
    assert_eq!(serde_json::to_value(&report).unwrap().get("source_lines"), None);
}

/// Orange is what the static graph lacks, and nothing else.
#[test]
fn orange_is_what_the_static_graph_lacks() {
    let orange = |module: &str| {
        let options = sandbox::RunOptions::default();
        let analysis = Analysis::of(module.as_bytes(), &options, &rules::Set::default());
        let report = Report::of(&Subject { name: "x", analysis: &analysis, options: &options, max_log: 10 });
        let text = super::dot::dynamic(&report, super::dot::Shown::default());
        let sample = text.split("subgraph cluster_legend").next().unwrap_or_default().lines();
        sample
            .filter(|line| line.contains("#c06000"))
            .map(|line| line.split('[').next().unwrap_or_default().trim().to_owned())
            .collect::<Vec<_>>()
    };
    let filled = r#"(module (table 2 funcref) (elem declare func $p) (func $p nop)
        (func (export "_start") (table.set (i32.const 0) (ref.func $p)) (call_indirect (i32.const 0))))"#;
    assert_eq!(orange(filled), ["f0", "f1 -> f0"]);
    // The callee has another way in, so only the edge is new.
    let exported = filled.replace("(func $p nop)", r#"(func $p (export "p") nop)"#);
    assert_eq!(orange(&exported), ["f1 -> f0"]);
    let resolved = r#"(module (table 2 funcref) (elem (i32.const 0) $p) (func $p nop)
        (func (export "_start") (call_indirect (i32.const 0))))"#;
    assert!(orange(resolved).is_empty());
}
