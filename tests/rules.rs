//! The shipped rules: well kept, matching on their examples, documented; and quiet on harmless samples, where
//! those are at hand.

use std::{collections::BTreeSet, fs, path::Path};

use wasmspoor::{
    analysis::Analysis,
    rulebook,
    rules::{METRICS, Set},
    sandbox,
};
use wasmspoor_needs::needs;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).expect("a page of the documentation")
}

#[test]
fn the_rules_are_well_kept() {
    let set = Set::load::<&Path>(&[]).unwrap_or_else(|error| panic!("{error}"));
    let advice = set.lint(Some(&root().join("corpus")));
    assert!(advice.is_empty(), "{advice:#?}");
    assert!(set.rules().len() >= 80, "{}", set.rules().len());
}

#[test]
fn every_rule_matches_on_its_examples() {
    let tried = rulebook::test(&Set::builtin(), &root().join("corpus"), None, &mut |_, _| {});
    let failed: Vec<_> = tried.iter().filter(|tried| tried.failure.is_some()).collect();
    assert!(!tried.is_empty() && failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let page = document("rules.md");
    let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    for metric in METRICS {
        let row =
            format!("| `{}` | {} | {} | {} |", metric.name, metric.unit, metric.levels, metric.description);
        assert!(rows.contains(row.as_str()), "docs/rules.md lacks\n{row}");
    }
    let levels: BTreeSet<&str> = METRICS.iter().map(|metric| metric.levels).collect();
    let documented =
        rows.iter().filter(|row| row.split(" | ").nth(2).is_some_and(|cell| levels.contains(cell))).count();
    assert_eq!(documented, METRICS.len(), "docs/rules.md has rows of metrics that do not exist");
}

/// The cells of the table rows below a heading, up to the next.
fn rows(page: &str) -> Vec<Vec<String>> {
    let lines = page.lines().filter(|line| line.starts_with("| `"));
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_map_names_all_rules_of_theirs_and_only_rules_of_ours() {
    let page = document("rules-map.md");
    let (rules, correlations) = page.split_once("## Correlations").expect("two tables");
    let set = Set::builtin();
    let (rules, correlations) = (rows(rules), rows(correlations));
    assert_eq!((rules.len(), correlations.len()), (115, 6));
    let theirs: BTreeSet<_> =
        rules.iter().filter_map(|row| quoted(&row[0]).first().map(|name| (*name).to_owned())).collect();
    assert_eq!(theirs.len(), 115, "a rule of theirs stands twice");
    for row in &rules {
        let ours = quoted(&row[2]);
        assert!(!ours.is_empty() || !row[3].is_empty(), "{row:?} has neither a rule nor a reason");
        ours.iter().for_each(|name| assert!(set.rule(name).is_some(), "no rule is named `{name}`"));
    }
    for row in &correlations {
        quoted(&row[3])
            .iter()
            .for_each(|name| assert!(set.rule(name).is_some(), "no rule is named `{name}`"));
    }
}

#[test]
fn a_folder_of_rules_is_loaded_beside_the_shipped_ones() {
    let dir = tempfile::tempdir().expect("a folder");
    let text = "rule:\n  meta:\n    name: have an export\n    namespace: test\n    scopes: {static: file, dynamic: unsupported}\n  features:\n    - and:\n      - export: run\n      - match: yara/mine\n";
    fs::create_dir(dir.path().join("deeper")).expect("a folder");
    fs::write(dir.path().join("deeper/one.yml"), text).expect("a file");
    fs::write(dir.path().join("two.yar"), "rule mine { condition: filesize < 1MB }").expect("a file");
    fs::write(dir.path().join("notes.txt"), "no rule").expect("a file");
    let set = Set::load(&[dir.path()]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(set.rules().len(), Set::builtin().rules().len() + 1);
    let analysis = Analysis::of(b"(module (func (export \"run\")))", &sandbox::RunOptions::default(), &set);
    assert!(analysis.rules.iter().any(|found| found.name == "have an export" && !found.dynamic));
    for (path, message) in [("missing.yml", "cannot be read"), ("notes.txt", "ends in .yml")] {
        let error = Set::load(&[dir.path().join(path)]).expect_err("an error");
        assert!(error.to_string().contains(message), "{error}");
    }
    fs::write(dir.path().join("two.yar"), [0xff]).expect("a file");
    assert!(Set::load(&[dir.path()]).is_err());
}

/// Where real samples are at hand: no rule of severity 3 speaks of a miner or of ransomware on a harmless
/// one.
#[needs("../shared/samples")]
#[test]
#[ignore = "minutes without optimisation: cargo test --release --test rules -- --ignored"]
fn harmless_samples_raise_no_alarm() {
    let samples = root().join("../shared/samples/benign");
    let entries = fs::read_dir(&samples).expect("samples");
    let set = Set::builtin();
    let mut wrong = Vec::new();
    for entry in entries.flatten() {
        let bytes = fs::read(entry.path()).expect("a sample");
        let analysis = Analysis::of(&bytes, &sandbox::RunOptions::default(), &set);
        let severe = analysis.rules.iter().filter(|found| found.severity >= 3);
        wrong.extend(severe.map(|found| format!("{}: {}", entry.file_name().to_string_lossy(), found.name)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
