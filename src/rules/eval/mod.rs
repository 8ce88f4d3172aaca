//! Evaluation: which rules hold on the facts, and the evidence for each.
//!
//! A rule is evaluated on every instance of its static scope and of its dynamic scope: on each function, each host call, each loop. `and` stops at
//! the first part that fails, `or` looks at all parts, because each is evidence. Rules come in an order in which what they `match` is known before.
//!
//! Time is linear in instances times statements; a rule that matched [`MAX_INSTANCES`] times keeps counting and keeps no more evidence.

mod instance;
mod leaf;
mod sequence;
mod shape;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::passes::Place;

use super::{
    Evidence, Facts, Match,
    index::Index,
    rule::{Kind, Rule, Scope, Statement, Target},
    yara,
};
use instance::Instance;
use shape::Shapes;

/// Places of a match that are kept.
const MAX_PLACES: usize = 100;
/// Places of one statement that are kept.
const MAX_FOUND_PLACES: usize = 20;
/// Instances of one rule that are kept for `match:`.
const MAX_INSTANCES: usize = 10_000;
/// Characters of what was found that are kept.
const MAX_SHOWN: usize = 160;

/// What a statement found.
#[derive(Debug, Default)]
struct Found {
    count: u64,
    what: Option<String>,
    places: Vec<Place>,
    /// Whether it is a fact of the run.
    dynamic: bool,
}

impl Found {
    fn at(&mut self, place: Option<Place>) {
        self.count += 1;
        self.places.extend(place.filter(|_| self.places.len() < MAX_FOUND_PLACES));
    }
}

/// A statement that held.
struct Held {
    evidence: Evidence,
    dynamic: bool,
}

/// Where a rule matched.
#[derive(Default)]
struct Matched {
    on_bytes: Vec<Instance>,
    on_run: Vec<Instance>,
}

/// The evaluation of one set of rules on one sample.
struct Evaluator<'e> {
    index: Index<'e>,
    rules: &'e [Rule],
    /// For each name or namespace that rules `match`: the rules behind it.
    targets: &'e HashMap<String, Vec<usize>>,
    matched: Vec<Matched>,
    yara: BTreeMap<String, Vec<usize>>,
    shapes: Shapes,
}

/// Evaluates `rules` in `order`.
pub(super) fn evaluate(
    facts: &Facts<'_>,
    rules: &[Rule],
    order: &[usize],
    targets: &HashMap<String, Vec<usize>>,
    yara: Option<&yara::Rules>,
) -> Vec<Match> {
    let mut evaluator = Evaluator {
        index: Index::new(facts),
        rules,
        targets,
        matched: rules.iter().map(|_| Matched::default()).collect(),
        yara: yara.map(|yara| yara.scan(facts)).unwrap_or_default(),
        shapes: Shapes::default(),
    };
    let mut found: Vec<Option<Match>> = rules.iter().map(|_| None).collect();
    for &position in order {
        let Some(rule) = rules.get(position) else { continue };
        if let (Some(slot), one) = (found.get_mut(position), evaluator.rule(position, rule)) {
            *slot = one;
        }
    }
    let mut matches: Vec<Match> = found.into_iter().flatten().collect();
    mark_implied(&mut matches, rules, targets);
    matches.sort_by(|a, b| (b.severity, &a.namespace, &a.name).cmp(&(a.severity, &b.namespace, &b.name)));
    matches
}

/// Marks the matches that only serve another one.
fn mark_implied(matches: &mut [Match], rules: &[Rule], targets: &HashMap<String, Vec<usize>>) {
    // What is used, with the weightiest of those that use it: a rule of no weight must not take any from what it builds on.
    let weight = |found: &Match| (found.severity, found.confidence);
    let mut used = BTreeMap::new();
    for found in matches.iter() {
        let mut by_this = BTreeSet::new();
        collect_used(&found.evidence, rules, targets, &found.name, &mut by_this);
        for name in by_this {
            let by = used.entry(name).or_insert(weight(found));
            *by = weight(found).max(*by);
        }
    }
    let libs: HashSet<_> = rules.iter().filter(|rule| rule.meta.lib).map(|rule| &rule.meta.name).collect();
    for found in matches {
        found.implied = used.get(&found.name).is_some_and(|by| *by >= weight(found)) || libs.contains(&found.name);
    }
}

fn collect_used(
    evidence: &Evidence,
    rules: &[Rule],
    targets: &HashMap<String, Vec<usize>>,
    own: &str,
    used: &mut BTreeSet<String>,
) {
    if let Some(target) = evidence.statement.strip_prefix("match: ") {
        let target = target.split(" = ").next().unwrap_or_default();
        let of_target = targets.get(target).into_iter().flatten().filter_map(|position| rules.get(*position));
        used.extend(of_target.map(|rule| rule.meta.name.clone()).filter(|name| name != own));
    }
    evidence.parts.iter().for_each(|part| collect_used(part, rules, targets, own, used));
}

/// What a rule found in one column.
#[derive(Default)]
struct Column {
    first: Option<Held>,
    places: Vec<Place>,
    count: u64,
}

impl Evaluator<'_> {
    /// Evaluates a rule in both columns.
    fn rule(&mut self, position: usize, rule: &Rule) -> Option<Match> {
        let scopes = rule.meta.scopes;
        let on_bytes = scopes.on_bytes.map(|scope| self.column(position, rule, scope, false)).unwrap_or_default();
        let on_run = match scopes.on_run {
            Some(scope) if self.index.run().is_some() => self.column(position, rule, scope, true),
            _ => Column::default(),
        };
        let mut column = if on_run.first.is_some() { on_run } else { on_bytes };
        let held = column.first.take()?;
        column.places.sort_unstable();
        column.places.dedup();
        let meta = &rule.meta;
        Some(Match {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            description: meta.description.clone(),
            severity: meta.severity,
            confidence: meta.confidence,
            attack: meta.attack.clone(),
            mbc: meta.mbc.clone(),
            family: meta.family.clone(),
            dynamic: held.dynamic,
            places: column.places,
            count: column.count.max(1),
            implied: false,
            evidence: held.evidence,
        })
    }

    /// Evaluates a rule on every instance of `scope`.
    fn column(&mut self, position: usize, rule: &Rule, scope: Scope, on_run: bool) -> Column {
        let mut column = Column::default();
        let mut kept = Vec::new();
        let mut next_call = 0;
        for instance in self.instances(scope, &Instance::root(on_run)) {
            // Spans that overlap one that matched would match on the same calls again.
            if let Instance::Span { first, .. } = instance
                && first < next_call
            {
                continue;
            }
            let Some(held) = self.statement(&rule.statement, &instance) else { continue };
            if let Instance::Span { end, .. } = instance {
                next_call = end;
            }
            column.count += 1;
            let own = self.place_of(&instance);
            let from = own.map_or_else(|| places_of(&held.evidence), |place| vec![place]);
            column.places.extend(from.into_iter().take(MAX_PLACES.saturating_sub(column.places.len())));
            if kept.len() < MAX_INSTANCES {
                kept.push(instance);
            }
            // Evidence of the run is better evidence.
            if column.first.as_ref().is_none_or(|first| !first.dynamic && held.dynamic) {
                column.first = Some(held);
            }
        }
        if let Some(matched) = self.matched.get_mut(position) {
            if on_run { matched.on_run = kept } else { matched.on_bytes = kept }
        }
        column
    }

    /// Evaluates a statement on an instance.
    fn statement(&self, statement: &Statement, at: &Instance) -> Option<Held> {
        let held = match &statement.kind {
            Kind::And(parts) => {
                let mut held = Vec::with_capacity(parts.len());
                for part in parts {
                    held.push(self.statement(part, at)?);
                }
                join("and", held)
            }
            Kind::Or(parts) => {
                let held: Vec<_> = parts.iter().filter_map(|part| self.statement(part, at)).collect();
                if held.is_empty() {
                    return None;
                }
                join("or", held)
            }
            Kind::AtLeast(least, parts) => {
                let held: Vec<_> = parts.iter().filter_map(|part| self.statement(part, at)).collect();
                if held.len() < *least {
                    return None;
                }
                let shown = if *least == 0 { "optional".to_owned() } else { format!("{least} or more") };
                join(&shown, held)
            }
            Kind::Not(part) => {
                if self.statement(part, at).is_some() {
                    return None;
                }
                leaf(format!("not: {}", part.shown()), Found::default())
            }
            Kind::Within(scope, part) => self.within(*scope, part, at)?,
            Kind::Count(feature, bounds) => {
                let mut found = self.feature(feature, at).unwrap_or_default();
                if found.count < bounds.min || found.count > bounds.max {
                    return None;
                }
                found.what = Some(found.count.to_string());
                leaf(format!("count({}): {}", feature.counted(), bounds.shown()), found)
            }
            Kind::Feature(feature) => {
                let found = self.feature(feature, at).filter(|found| found.count > 0)?;
                leaf(feature.shown(), found)
            }
        };
        Some(match &statement.description {
            Some(text) => Held {
                evidence: Evidence { statement: format!("{} = {text}", held.evidence.statement), ..held.evidence },
                ..held
            },
            None => held,
        })
    }

    /// A statement on a narrower scope: the first instance on which it holds.
    fn within(&self, scope: Scope, part: &Statement, at: &Instance) -> Option<Held> {
        for instance in self.instances(scope, at) {
            if let Some(held) = self.statement(part, &instance) {
                let found = Found { places: self.place_of(&instance).into_iter().collect(), ..Found::default() };
                let mut outer = leaf(scope.name().to_owned(), found);
                outer.dynamic = held.dynamic;
                outer.evidence.parts.push(held.evidence);
                return Some(outer);
            }
        }
        None
    }

    /// Whether one of the rules behind a name matched inside `at`.
    fn target(&self, target: &Target, at: &Instance) -> Option<Found> {
        let name = match target {
            Target::Yara(name) => {
                let offsets = self.yara.get(name)?;
                let what = offsets.first().map(|offset| format!("at {offset:#x}"));
                return Some(Found { count: offsets.len().max(1) as u64, what, ..Found::default() });
            }
            Target::Rule(name) => name,
        };
        let mut found = Found::default();
        let mut names = Vec::new();
        for &position in self.targets.get(name)? {
            let (Some(matched), Some(rule)) = (self.matched.get(position), self.rules.get(position)) else { continue };
            let before = found.count;
            for instance in matched.on_run.iter().filter(|instance| self.holds(at, instance)) {
                found.at(self.place_of(instance));
                found.dynamic = true;
            }
            for instance in matched.on_bytes.iter().filter(|instance| self.holds(at, instance)) {
                found.at(self.place_of(instance));
            }
            if found.count > before {
                names.push(rule.meta.name.as_str());
            }
        }
        found.what = (names != [name.as_str()]).then(|| shorten(&names.join(", ")));
        (found.count > 0).then_some(found)
    }
}

/// Joins parts that held.
fn join(statement: &str, parts: Vec<Held>) -> Held {
    let dynamic = parts.iter().any(|part| part.dynamic);
    let parts = parts.into_iter().map(|part| part.evidence).collect();
    Held { evidence: Evidence { statement: statement.to_owned(), found: None, places: Vec::new(), parts }, dynamic }
}

fn leaf(statement: String, found: Found) -> Held {
    let evidence = Evidence { statement, found: found.what, places: found.places, parts: Vec::new() };
    Held { evidence, dynamic: found.dynamic }
}

/// The places of a tree of evidence.
fn places_of(evidence: &Evidence) -> Vec<Place> {
    let mut places = evidence.places.clone();
    evidence.parts.iter().for_each(|part| places.extend(places_of(part)));
    places
}

/// At most [`MAX_SHOWN`] characters of `text`.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
