//! The `EXPECT` header of a corpus sample, checked against an analysis: `;; EXPECT: key=value key=value …`. A
//! value in quotes may hold blanks; `\n`, `\"`, `\\` stand for themselves. `corpus/README.md` lists the keys;
//! one that does not exist is a mismatch.

#![allow(unreachable_pub)]

use serde::Serialize;
use wasmspoor::{
    analysis::Analysis,
    module::view::{Function, IocKind, Validity},
    passes::HiddenCause,
    rules::Family,
    sandbox::{Pointed, Status},
    verdict::{CorrelationName, FindingName},
};

/// A pair of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub key: String,
    pub value: String,
}

/// The pairs of a sample's header; an error names what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Expected>, String> {
    let mut pairs = Vec::new();
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(";; EXPECT: ")).collect();
    let [line] = lines[..] else {
        return Err(format!("{} lines begin with `;; EXPECT: `", lines.len()));
    };
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(|| format!("`{rest}` is no key=value"))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted).ok_or_else(|| format!("the quotes of `{key}` do not end"))?,
            None => {
                let end = after.find(' ').unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        pairs.push(Expected { key: key.to_owned(), value });
        rest = after.trim_start();
    }
    Ok(pairs)
}

fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            _ => value.push(letter),
        }
    }
    None
}

/// What was found in place of the expected; `None` if it is as expected.
pub fn mismatch(analysis: &Analysis, expected: &Expected) -> Option<String> {
    let value = expected.value.as_str();
    if !is_word(&expected.key, value) {
        return Some(format!("there is no {} `{value}`", expected.key));
    }
    let (holds, found) = verdict(analysis, &expected.key, value)
        .or_else(|| run(analysis, &expected.key, value))
        .or_else(|| bytes(analysis, &expected.key, value))
        .or_else(|| number(analysis, &expected.key, value))
        .or_else(|| pointed(analysis, &expected.key, value))
        .unwrap_or_else(|| (false, "there is no such key".into()));
    (!holds).then_some(found)
}

/// Whether a value that is a word is one: what is not expected and misspelt would never be found.
fn is_word(key: &str, value: &str) -> bool {
    match key {
        "finding" | "nofinding" => FindingName::ALL.iter().any(|name| name.as_str() == value),
        "correlation" | "nocorrelation" => CorrelationName::ALL.iter().any(|name| name.as_str() == value),
        "ioc" => IocKind::ALL.iter().any(|kind| kind.as_str() == value),
        "family" => value
            .split('|')
            .all(|word| word == "none" || Family::ALL.iter().any(|family| family.as_str() == word)),
        _ => true,
    }
}

type Checked = Option<(bool, String)>;

/// The results of passes, by JSON pointer, so that a new measure needs no key of its own.
fn pointed(analysis: &Analysis, key: &str, value: &str) -> Checked {
    let said = serde_json::to_value(key.starts_with('/').then_some(&analysis.dynamic)?).ok()?;
    let found = said.pointer(key)?;
    equal(&found.as_str().map_or_else(|| found.to_string(), str::to_owned), value)
}

/// Equal, with the found in words.
fn equal(found: &str, value: &str) -> Checked {
    Some((found == value, found.to_owned()))
}

/// One of the alternatives.
fn one_of(found: &str, value: &str) -> Checked {
    Some((value.split('|').any(|alternative| alternative == found), found.to_owned()))
}

/// Whether one of the names is as `holds` says, with all of them as what was found.
fn any<'a>(names: impl Iterator<Item = &'a str>, holds: impl Fn(&str) -> bool) -> Checked {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    Some((names.iter().any(|name| holds(name)), format!("[{}]", names.join(", "))))
}

fn not((holds, found): (bool, String)) -> (bool, String) {
    (!holds, found)
}

/// The name that something has in JSON.
fn name(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => format!("{other:?}"),
    }
}

/// Without case and punctuation: `SHA-256` is `sha256`.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// What the evidence adds up to: verdict, rules, correlations, findings.
fn verdict(analysis: &Analysis, key: &str, value: &str) -> Checked {
    let rules =
        || any(analysis.rules.iter().map(|rule| rule.namespace.as_str()), |name| name.starts_with(value));
    let findings =
        || any(analysis.findings.iter().map(|finding| finding.name.as_str()), |name| name == value);
    let correlations = || {
        any(analysis.correlations.iter().map(|correlation| correlation.name.as_str()), |name| name == value)
    };
    match key {
        "verdict" => one_of(&name(analysis.verdict.class), value),
        "family" => one_of(analysis.verdict.family.map_or("none", Family::as_str), value),
        "rule" => rules(),
        "norule" => rules().map(not),
        "correlation" => correlations(),
        "nocorrelation" => correlations().map(not),
        "finding" => findings(),
        "nofinding" => findings().map(not),
        _ => None,
    }
}

/// What happened in the sandbox.
fn run(analysis: &Analysis, key: &str, value: &str) -> Checked {
    if key == "status" {
        return one_of(&name(status(analysis)), value);
    }
    let run = analysis.run.as_ref();
    let texts = || {
        let args = run.into_iter().flat_map(|run| &run.calls).flat_map(|call| &call.args);
        args.filter_map(|arg| match &arg.points_at {
            Some(Pointed::Text { text }) => Some(text.as_str()),
            _ => None,
        })
    };
    let output = |bytes: Option<&Vec<u8>>| {
        let text = String::from_utf8_lossy(bytes.map_or(&[], |bytes| bytes)).into_owned();
        Some((text.contains(value), format!("{text:?}")))
    };
    match key {
        "exit_code" => {
            equal(&run.and_then(|run| run.exit_code).map_or("none".into(), |code| code.to_string()), value)
        }
        "stdout" => output(run.map(|run| &run.stdout)),
        "stderr" => output(run.map(|run| &run.stderr)),
        "host" => host(analysis, value),
        "host_text" => any(texts(), |text| text.contains(value)),
        "file" => {
            let changes: Vec<_> = run
                .into_iter()
                .flat_map(|run| &run.files)
                .map(|file| format!("{}:{}", file.path, file.change))
                .collect();
            any(changes.iter().map(String::as_str), |change| change == value)
        }
        "carved" => equal(&run.map_or(0, |run| run.carved.len()).to_string(), value),
        "sleeps" => equal(&run.map_or(0, |run| run.sleeps).to_string(), value),
        "constant_run" => {
            any(analysis.dynamic.constants.iter().map(|constant| constant.algorithm.as_str()), |name| {
                plain(name).contains(&plain(value))
            })
        }
        _ => None,
    }
}

/// `module.name:count`.
fn host(analysis: &Analysis, value: &str) -> Checked {
    let calls = &analysis.dynamic.metrics.host_calls;
    let (name, count) = value.rsplit_once(':')?;
    let found = calls.get(name).copied().unwrap_or(0);
    Some((count.parse() == Ok(found), format!("{found} of {calls:?}")))
}

fn status(analysis: &Analysis) -> Status {
    match (&analysis.run, &analysis.view.validity) {
        (Some(run), _) => run.status,
        (None, Validity::Unsupported { .. }) => Status::Unsupported,
        (None, _) => Status::Invalid,
    }
}

/// What the bytes say.
fn bytes(analysis: &Analysis, key: &str, value: &str) -> Checked {
    let view = &analysis.view;
    match key {
        "crypto" => any(view.crypto.iter().map(|constant| constant.algorithm.as_str()), |name| {
            plain(name).contains(&plain(value))
        }),
        "crypto_in" => {
            any(view.crypto.iter().map(|constant| constant.place.as_str()), |place| place == value)
        }
        "ioc" => any(view.iocs.iter().map(|ioc| ioc.kind.as_str()), |kind| kind == value),
        "string" => any(view.strings.iter().map(|string| string.text.as_str()), |text| text.contains(value)),
        "import" => {
            let names: Vec<_> =
                view.imports.iter().map(|import| format!("{}.{}", import.module, import.name)).collect();
            any(names.iter().map(String::as_str), |name| name == value)
        }
        "cyclomatic" => of_function(analysis, value, |function| u64::from(function.cyclomatic)),
        "loops" => of_function(analysis, value, |function| function.loops.len() as u64),
        "depth" => of_function(analysis, value, |function| u64::from(function.depth)),
        "unreachable" => of_function(analysis, value, |function| u64::from(function.unreachable)),
        "nop_run" => of_function(analysis, value, |function| u64::from(function.nop_run)),
        _ => None,
    }
}

/// `FUNC:N`, where the function is named or numbered.
fn of_function(analysis: &Analysis, value: &str, measure: impl Fn(&Function) -> u64) -> Checked {
    let (wanted, number) = value.rsplit_once(':')?;
    let mut functions = analysis.view.functions.iter();
    let function = functions.find(|function| {
        function.name.as_deref() == Some(wanted) || u64::from(index(function)).to_string() == wanted
    });
    Some(match function.map(measure) {
        Some(found) => (number.parse() == Ok(found), found.to_string()),
        None => (false, format!("no function is called `{wanted}`")),
    })
}

fn index(function: &Function) -> u32 {
    function.index.0
}

/// Everything that is one number: the classes of instructions, of the run and (`static_…`) of the code, and
/// sums.
fn number(analysis: &Analysis, key: &str, value: &str) -> Checked {
    let metrics = &analysis.dynamic.metrics;
    let coverage = &analysis.dynamic.coverage;
    let class = |classes, key: &str| serde_json::to_value(classes).ok()?.get(key)?.as_u64();
    let found = match key {
        "instructions" => Some(metrics.classes.total),
        "static_instructions" => Some(analysis.view.classes.total),
        "taken" => Some(metrics.taken),
        "not_taken" => Some(metrics.not_taken),
        "tables" => Some(metrics.tables),
        "calls" => Some(metrics.calls),
        "grown_pages" => Some(metrics.grown_pages),
        "grow_refused" => Some(metrics.grow_refused),
        "functions" => Some(analysis.view.functions.len() as u64),
        "functions_run" => Some(coverage.functions_run.into()),
        "unexpected" => Some(coverage.unexpected.len() as u64),
        // The host calls entry points, and that is hidden from no one.
        "hidden" => Some(coverage.hidden.iter().filter(|call| call.caller.is_some()).count() as u64),
        "hidden_changed" => {
            let changed =
                coverage.hidden.iter().filter(|call| call.explained_by == HiddenCause::TableChanged);
            Some(changed.count() as u64)
        }
        "dead" => Some(analysis.view.calls.dead.len() as u64),
        "static_indirect" => class(analysis.view.classes, "indirect_call"),
        _ => match key.strip_prefix("static_") {
            Some(key) => class(analysis.view.classes, key),
            None => class(metrics.classes, key),
        },
    }?;
    equal(&found.to_string(), value)
}
