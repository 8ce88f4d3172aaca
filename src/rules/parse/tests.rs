use super::*;
use crate::rules::{
    families::Family,
    rule::{Bounds, Kind},
};

const HEAD: &str =
    "rule:\n  meta:\n    name: test\n    namespace: test\n    scopes: {static: file, dynamic: process}\n";

fn parse(text: &str) -> Result<Rule, RuleLoadError> {
    let mut problems = RuleLoadError::default();
    let rule = rule(&Source::new("test.yml", text), true, &mut problems);
    if problems.is_empty() { Ok(rule.expect("a rule or a problem")) } else { Err(problems) }
}

/// A rule with these features, which are indented already.
fn with(features: &str) -> Result<Rule, RuleLoadError> {
    parse(&format!("{HEAD}  features:\n{features}"))
}

#[test]
fn a_whole_rule_is_read() {
    let text = r#"
rule:
  meta:
    name: encrypt files
    namespace: impact/ransomware
    authors: [a]
    description: what it does
    scopes: {static: unsupported, dynamic: span of calls}
    att&ck: ["Impact::Data Encrypted for Impact [T1486]"]
    mbc: ["Impact::Data Encrypted for Impact [E1486]"]
    wasm/severity: 3
    wasm/confidence: 90
    wasm/risk: [A1, B10]
    wasm/family: ransomware
    examples: [a.wat, b.wat:0x1a]
    wasm/counter-examples: [c.wat]
    references: [https://example.invalid]
  features:
    - and:
      - description: all of it
      - wasm/sequence:
        - {api: path_open, number: {arg: oflags, mask: 0x0001}}
        - {api: [fd_write, fd_pwrite], entropy: 7.5}
        - api: path_unlink_file
      - 2 or more:
        - api: path_rename = renames
        - number: -0x10
        - string: /\.locked$/i
          description: a suffix
      - count(api(path_unlink_file)): (2, )
"#;
    let rule = parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        (rule.meta.severity, rule.meta.confidence, rule.meta.family),
        (3, 90, Some(Family::Ransomware))
    );
    assert_eq!(rule.meta.examples[1].offset, Some(0x1a));
    let mut tree = String::new();
    rule.statement.tree(0, &mut tree);
    let expected = "all of:   (all of it)
  wasm/sequence: path_open(oflags & 0x1) → fd_write|fd_pwrite(entropy >= 7.5) → path_unlink_file
  2 or more of:
    api: path_rename   (renames)
    number: -0x10
    string: /\\.locked$/i   (a suffix)
  count(api(path_unlink_file)): 2 or more
";
    assert_eq!(tree, expected);
}

#[test]
fn counts_are_ranges() {
    for (text, expected) in [
        ("5", Some((5, 5))),
        ("5 or more", Some((5, u64::MAX))),
        ("5 or fewer", Some((0, 5))),
        ("(2, 8)", Some((2, 8))),
        ("(, 8)", Some((0, 8))),
        ("(2, )", Some((2, u64::MAX))),
        ("(8, 2)", None),
        ("(,)", None),
        ("-1", None),
        ("many", None),
        ("99999999999999999999", None),
    ] {
        let rule = with(&format!("    - count(api(a)): {text}\n"));
        let bounds = rule.ok().map(|rule| match rule.statement.kind {
            Kind::Count(_, Bounds { min, max }) => (min, max),
            _ => panic!("a count"),
        });
        assert_eq!(bounds, expected, "{text}");
    }
}

/// What is wrong, and in which line and column it is shown.
#[test]
fn mistakes_are_errors_with_their_place() {
    for (features, place, message, help) in [
        ("    - impotr: a\n", (7, 7), "unknown feature or statement `impotr`", "did you mean `import`?"),
        ("    - wasm/metrik: {}\n", (7, 7), "unknown feature `wasm/metrik`", "did you mean `metric`?"),
        (
            "    - wasm/metric: {name: xor_shar, op: '>', value: 1}\n",
            (7, 27),
            "unknown metric `xor_shar`",
            "did you mean `xor_share`?",
        ),
        (
            "    - wasm/metric: {name: xor_share, op: '=', value: 1}\n",
            (7, 42),
            "unknown comparison `=`",
            "did you mean",
        ),
        ("    - wasm/metric: {name: xor_share, op: '>'}\n", (7, 20), "`value` is missing here", ""),
        ("    - wasm/metric: {name: xor_share, op: '>', value: inf}\n", (7, 54), "`inf` is not a number", ""),
        (
            "    - wasm/metric: {name: share, op: '>', value: 1}\n",
            (7, 7),
            "this has no meaning in scope",
            "it has one in: thread (dynamic)",
        ),
        (
            "    - characteristic: nzxorr\n",
            (7, 23),
            "unknown characteristic `nzxorr`",
            "did you mean `nzxor`?",
        ),
        (
            "    - basic block:\n      - function:\n        - mnemonic: nop\n",
            (8, 9),
            "`function` cannot stand in scope",
            "",
        ),
        (
            "    - function:\n      - mnemonic: i32.xorr\n",
            (8, 19),
            "no instruction is named `i32.xorr`",
            "did you mean `i32.xor`?",
        ),
        ("    - string: /(/\n", (7, 15), "this regular expression cannot be used", "unclosed group"),
        (
            "    - string: /a{1000}{1000}{1000}/\n",
            (7, 15),
            "this regular expression cannot be used",
            "size limit",
        ),
        ("    - and: []\n", (7, 12), "an empty list of statements", ""),
        ("    - and: x\n", (7, 12), "here a list is expected, not a text", ""),
        ("    - 3 or more:\n      - api: a\n", (7, 7), "of 1 parts never 3 or more hold", ""),
        (
            "    - not:\n      - api: a\n      - api: b\n",
            (7, 7),
            "`not` takes one statement, not 2",
            "put them below one",
        ),
        ("    - api: a\n      import: b\n", (8, 7), "a second statement, `import`", ""),
        ("    - api: a\n    - api: b\n", (7, 5), "`features` holds one statement", ""),
        ("    - count(apy(a)): 1\n", (7, 7), "`apy` cannot be counted", "did you mean `api`?"),
        ("    - bytes: 0G\n", (7, 14), "here 1 to 256 bytes are expected", ""),
        ("    - wasm/ioc: urls\n", (7, 17), "unknown kind of indicator `urls`", "did you mean `url`?"),
        ("    - wasm/crypto: AESS\n", (7, 20), "unknown algorithm `AESS`", "did you mean `AES`?"),
        (
            "    - wasm/crypto: {class: ciphers}\n",
            (7, 28),
            "unknown class `ciphers`",
            "did you mean `cipher`?",
        ),
        (
            "    - wasm/anomaly: trailing_byte\n",
            (7, 21),
            "unknown anomaly `trailing_byte`",
            "did you mean `trailing_bytes`?",
        ),
        ("    - wasm/file: moved\n", (7, 18), "unknown change of a file `moved`", ""),
        ("    - wasm/sequence:\n      - {apy: a}\n", (8, 10), "unknown key `apy`", "did you mean `api`?"),
        ("    - wasm/sequence: {steps: [{api: a}], times: 0}\n", (7, 49), "0 is not from 1 to 1000000", ""),
        ("    - number: 0x\n", (7, 15), "`0x` is not an integer", ""),
    ] {
        let Err(error) = with(features) else { panic!("no error for {features}") };
        let first = error.problems.first().expect("a problem");
        assert!(first.message.starts_with(message), "{} instead of {message}", first.message);
        assert_eq!((first.line, first.column), place, "{features}{first}");
        assert!(first.help.as_deref().unwrap_or("").contains(help), "{:?} instead of {help}", first.help);
        assert!(first.to_string().contains('^'), "{first}");
    }
}

#[test]
fn the_head_is_checked() {
    for (meta, message) in [
        ("    nmae: x\n", "unknown key `nmae`"),
        ("    att&ck: [Impact::Data Destruction]\n", "does not name a technique"),
        ("    wasm/severity: 4\n", "`wasm/severity` is from 0 to 3"),
        ("    wasm/confidence: 101\n", "`wasm/confidence` is from 0 to 100"),
        ("    wasm/family: miners\n", "unknown family `miners`"),
        ("    wasm/risk: [E1]\n", "`E1` is not a risk category"),
        ("    examples: [../x.wat]\n", "`../x.wat` is not an example"),
        ("    examples: ['x.wat:y']\n", "`x.wat:y` is not an example"),
        ("    lib: yes\n", "neither true nor false"),
    ] {
        let error = parse(&format!("{HEAD}{meta}  features:\n    - api: a\n")).unwrap_err();
        assert!(error.problems[0].message.contains(message), "{error}");
    }
    for (scopes, message) in [
        ("{static: file}", "`dynamic` is missing here"),
        ("{static: call, dynamic: call}", "`call` is a dynamic scope"),
        ("{static: unsupported, dynamic: unsupported}", "needs a static or a dynamic scope"),
        ("{static: fil, dynamic: call}", "unknown scope `fil`"),
    ] {
        let text =
            format!("rule:\n  meta:\n    name: test\n    scopes: {scopes}\n  features:\n    - api: a\n");
        let error = parse(&text).unwrap_err();
        assert!(error.problems[0].message.contains(message), "{error}");
    }
}

#[test]
fn all_mistakes_are_shown_at_once() {
    let error = with("    - and:\n      - impotr: a\n      - apy: b\n      - wasm/ioc: c\n").unwrap_err();
    assert_eq!(error.problems.len(), 3, "{error}");
    assert!(error.to_string().ends_with("3 problems in the rules"));
}

#[test]
fn a_flood_of_mistakes_is_cut_and_counted() {
    let many = format!("    - and:\n{}", "      - x: y\n".repeat(500));
    let error = with(&many).unwrap_err();
    assert_eq!((error.problems.len(), error.cut), (100, 400));
}
