//! In which order rules are evaluated: what a rule matches comes before it.

use std::collections::{BTreeSet, HashMap};

use super::{
    problem::{RuleLoadError, Source},
    rule::{Feature, Kind, Rule, Statement, Target},
};

/// What `match:` names: a rule, or a namespace and all below it.
pub(super) type Targets = HashMap<String, Vec<usize>>;

/// A `match:` in a rule.
struct Use<'r> {
    name: &'r Target,
    span: std::ops::Range<usize>,
}

fn uses<'r>(statement: &'r Statement, out: &mut Vec<Use<'r>>) {
    match &statement.kind {
        Kind::And(parts) | Kind::Or(parts) | Kind::AtLeast(_, parts) => {
            parts.iter().for_each(|part| uses(part, out))
        }
        Kind::Not(part) | Kind::Within(_, part) => uses(part, out),
        Kind::Count(Feature::Match(name), _) | Kind::Feature(Feature::Match(name)) => {
            out.push(Use { name, span: statement.span.clone() });
        }
        _ => {}
    }
}

/// The rules behind every name that is matched, and the order of evaluation. Names that do not exist and
/// cycles are problems.
pub(super) fn resolve(
    rules: &[Rule],
    is_yara: impl Fn(&str) -> bool,
    problems: &mut RuleLoadError,
) -> (Targets, Vec<usize>) {
    let names = names(rules, problems);
    let mut targets = Targets::new();
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(rules.len());
    for (position, rule) in rules.iter().enumerate() {
        let mut used = Vec::new();
        uses(&rule.statement, &mut used);
        let mut own = Vec::new();
        for one in used {
            let missing = |what: String, help: Option<String>| source(rule).problem(&one.span, what, help);
            match one.name {
                Target::Yara(name) if is_yara(name) => {}
                Target::Yara(name) => problems.push(missing(format!("no YARA rule is named `{name}`"), None)),
                Target::Rule(name) => {
                    let found = targets.entry(name.clone()).or_insert_with(|| behind(name, rules, &names));
                    if found.is_empty() {
                        let help = super::problem::closest(name, names.keys().copied());
                        problems.push(missing(format!("no rule or namespace is named `{name}`"), help));
                    }
                    // A rule may match its own namespace: that is all others in it.
                    let is_own_name = rule.meta.name == *name;
                    own.extend(found.iter().copied().filter(|other| is_own_name || *other != position));
                }
            }
        }
        needs.push(own);
    }
    let order = sort(rules, &needs, problems);
    (targets, order)
}

/// The YARA rules that behaviour rules ask for.
pub(super) fn yara_rules(rules: &[Rule]) -> BTreeSet<&str> {
    let mut used = Vec::new();
    rules.iter().for_each(|rule| uses(&rule.statement, &mut used));
    let of_yara = used.into_iter().filter_map(|one| match one.name {
        Target::Yara(name) => Some(name.as_str()),
        Target::Rule(_) => None,
    });
    of_yara.collect()
}

fn source(rule: &Rule) -> Source {
    Source::new(rule.file.clone(), &rule.text)
}

/// Positions of the rules by name. Two rules of one name are a problem.
fn names<'r>(rules: &'r [Rule], problems: &mut RuleLoadError) -> HashMap<&'r str, usize> {
    let mut names: HashMap<&str, usize> = HashMap::with_capacity(rules.len());
    for (position, rule) in rules.iter().enumerate() {
        match names.get(rule.meta.name.as_str()).and_then(|other| rules.get(*other)) {
            Some(other) => {
                let message = format!("a rule named `{}` exists already", rule.meta.name);
                problems.push(source(rule).problem(
                    &rule.meta.name_span,
                    message,
                    Some(format!("in {}", other.file)),
                ));
            }
            None => {
                names.insert(&rule.meta.name, position);
            }
        }
    }
    names
}

fn behind(name: &str, rules: &[Rule], names: &HashMap<&str, usize>) -> Vec<usize> {
    if let Some(position) = names.get(name) {
        return vec![*position];
    }
    let is_inside = |namespace: &str| {
        namespace.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| is_inside(&rule.meta.namespace))
        .map(|(position, _)| position)
        .collect()
}

/// What each rule needs, before it. Without recursion: a chain of rules may be long.
fn sort(rules: &[Rule], needs: &[Vec<usize>], problems: &mut RuleLoadError) -> Vec<usize> {
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); rules.len()];
    for (position, own) in needs.iter().enumerate() {
        for &need in own {
            needed_by[need].push(position);
        }
    }
    let mut order: Vec<usize> = (0..rules.len()).filter(|position| waiting[*position] == 0).collect();
    let mut next = 0;
    while let Some(&position) = order.get(next) {
        next += 1;
        for &other in &needed_by[position] {
            waiting[other] -= 1;
            if waiting[other] == 0 {
                order.push(other);
            }
        }
    }
    for (rule, _) in rules.iter().zip(&waiting).filter(|(_, waiting)| **waiting > 0) {
        let message = format!("the rule `{}` matches itself, through others or not", rule.meta.name);
        problems.push(source(rule).problem(&rule.meta.name_span, message, None));
    }
    order
}
