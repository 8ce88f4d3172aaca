//! Evaluation: which rules hold on the facts, and the evidence for each.
//!
//! A rule is evaluated on every instance of its static scope and of its dynamic scope: on each function, each
//! host call, each loop. `and` stops at the first part that fails, `or` looks at all parts, because each is
//! evidence. Rules come in an order in which what they `match` is known before.
//!
//! Time is in the sum, over instances and features, of what lies in the instance: calls, names, instructions,
//! bytes. That sum is bounded ([`budget`]), for each rule and for all. A rule that is not finished by then is
//! a limitation of the result. Logic is that of the known: what could not be found out holds neither with nor
//! without a `not`. A rule that matched [`MAX_INSTANCES`] times keeps counting and keeps no more instances.

mod budget;
mod flow;
mod grounds;
mod instance;
mod leaf;
mod limits;
mod sequence;
mod shape;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use crate::{
    limitation::{Limitation, Named},
    module::Place,
    text,
};

use self::limits::{MAX_FOUND_PLACES, MAX_INSTANCES, MAX_NAMED, MAX_PLACES, MAX_SHOWN};
use super::{
    Evaluation, Facts, Match, Origin,
    evidence::{Evidence, FeatureKind, StatementKind},
    index::Index,
    rule::{Bounds, Feature, Kind, Rule, Scope, Statement, Target},
    yara,
};
use budget::Budget;
use grounds::Grounds;
use instance::Instance;
use shape::Shapes;

/// What a statement found.
#[derive(Debug, Default)]
struct Found {
    count: u64,
    what: Option<String>,
    places: Vec<Place>,
    /// Whether it is a fact of the run.
    dynamic: bool,
    grounds: Grounds,
}

impl Found {
    /// Nothing yet, of the run.
    fn of_run() -> Self {
        Self { dynamic: true, ..Self::default() }
    }

    /// One more, a host call.
    fn at_call(&mut self, site: Option<Place>, grounds: Grounds) {
        self.rests_on(grounds);
        self.at(site);
        self.dynamic = true;
    }

    /// Says what the next one rests on: each of what is found would do.
    fn rests_on(&mut self, grounds: Grounds) {
        self.grounds = if self.count == 0 { grounds } else { self.grounds.or(grounds) };
    }

    fn at(&mut self, place: Option<Place>) {
        self.count += 1;
        self.places.extend(place.filter(|_| self.places.len() < MAX_FOUND_PLACES));
    }
}

/// A statement that held.
struct Held {
    evidence: Evidence,
    dynamic: bool,
    grounds: Grounds,
}

impl Held {
    /// With what the rule says of the statement.
    fn described(mut self, description: Option<&str>) -> Self {
        self.evidence = self.evidence.described(description);
        self
    }
}

/// Where a rule matched.
#[derive(Default)]
struct Matched {
    on_bytes: Places,
    on_run: Places,
    /// Whether there may be more that was not looked for.
    is_cut: bool,
    /// Whether what the sample gave its host used up its steps.
    is_starved: bool,
}

/// Where a rule matched in one column.
#[derive(Default)]
struct Places {
    /// The first [`MAX_INSTANCES`], each with whether it is evidence of the run.
    kept: Vec<(Instance, bool, Grounds)>,
    count: u64,
}

impl Places {
    fn add(&mut self, instance: Instance, held: &Held) {
        self.count += 1;
        if self.kept.len() < MAX_INSTANCES {
            self.kept.push((instance, held.dynamic, held.grounds));
        }
    }
}

/// The evaluation of one set of rules on one sample.
struct Evaluator<'e> {
    index: Index<'e>,
    rules: &'e [Rule],
    /// For each name or namespace that rules `match`: the rules behind it.
    targets: &'e HashMap<String, Vec<usize>>,
    matched: Vec<Matched>,
    yara: yara::Found,
    shapes: Shapes,
    budget: Budget,
    /// Metrics of the whole run or file that were asked for: some look at all host calls.
    metrics: RefCell<HashMap<(&'static str, bool), Option<f64>>>,
}

/// Evaluates `rules` in `order`.
pub(super) fn evaluate(
    facts: &Facts<'_>,
    rules: &[Rule],
    order: &[usize],
    targets: &HashMap<String, Vec<usize>>,
    yara: Option<&yara::Rules>,
) -> Evaluation {
    let found = yara.map(|yara| yara.scan(facts)).unwrap_or_default();
    let mut evaluator = Evaluator::new(facts, rules, targets, found);
    let mut matches: Vec<Match> = Vec::new();
    for &position in order {
        let Some(rule) = rules.get(position) else { continue };
        evaluator.budget.begin();
        matches.extend(evaluator.rule(position, rule));
        if let Some(matched) = evaluator.matched.get_mut(position) {
            matched.is_cut = evaluator.budget.is_cut();
            matched.is_starved = evaluator.budget.is_starved();
        }
    }
    let (limitations, unfinished) = (evaluator.limitations(order), evaluator.unfinished());
    mark_implied(&mut matches, rules, targets);
    matches.sort_by(|a, b| (b.severity, &a.namespace, &a.name).cmp(&(a.severity, &b.namespace, &b.name)));
    Evaluation { matches, limitations, unfinished }
}

/// Marks the matches that only serve another one.
fn mark_implied(matches: &mut [Match], rules: &[Rule], targets: &HashMap<String, Vec<usize>>) {
    // The rules that are used, each with the weightiest of those that use it. A rule of no weight must not
    // take any from what it builds on.
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
        found.implied =
            used.get(&found.name).is_some_and(|by| *by >= weight(found)) || libs.contains(&found.name);
    }
}

fn collect_used(
    evidence: &Evidence,
    rules: &[Rule],
    targets: &HashMap<String, Vec<usize>>,
    own: &str,
    used: &mut BTreeSet<String>,
) {
    if evidence.kind == StatementKind::Feature(FeatureKind::Match) {
        let of_target =
            targets.get(evidence.sought()).into_iter().flatten().filter_map(|position| rules.get(*position));
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

impl Column {
    /// The match of a rule, if it held anywhere.
    fn into_match(mut self, rule: &Rule) -> Option<Match> {
        let held = self.first?;
        self.places.sort_unstable();
        self.places.dedup();
        let meta = &rule.meta;
        Some(Match {
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            description: meta.description.clone(),
            severity: meta.severity,
            confidence: meta.confidence,
            attack: meta.attack.clone(),
            mbc: meta.mbc.clone(),
            family: meta.family,
            dynamic: held.dynamic,
            attempted: held.grounds.is_attempt,
            driven: held.grounds.is_driven,
            places: self.places,
            count: self.count.max(1),
            implied: false,
            evidence: held.evidence,
            origin: origin(rule),
        })
    }

    /// Notes an instance on which the rule held; `own` is where it is, if it has one place.
    fn note(&mut self, own: Option<Place>, held: Held) {
        self.count += 1;
        let from = own.map_or_else(|| places_of(&held.evidence), |place| vec![place]);
        self.places.extend(from.into_iter().take(MAX_PLACES.saturating_sub(self.places.len())));
        if self.first.as_ref().is_none_or(|first| held.rank() > first.rank()) {
            self.first = Some(held);
        }
    }
}

/// Where a rule comes from.
fn origin(rule: &Rule) -> Origin {
    Origin {
        text: rule.text.clone(),
        authors: rule.meta.authors.clone(),
        references: rule.meta.references.clone(),
    }
}

impl<'e> Evaluator<'e> {
    /// One that has evaluated nothing yet.
    fn new(
        facts: &Facts<'e>,
        rules: &'e [Rule],
        targets: &'e HashMap<String, Vec<usize>>,
        yara: yara::Found,
    ) -> Self {
        Self {
            index: Index::new(facts),
            rules,
            targets,
            matched: rules.iter().map(|_| Matched::default()).collect(),
            yara,
            shapes: Shapes::default(),
            budget: Budget::default(),
            metrics: RefCell::default(),
        }
    }
}

impl Evaluator<'_> {
    /// Evaluates a rule in both columns.
    fn rule(&mut self, position: usize, rule: &Rule) -> Option<Match> {
        let scopes = rule.meta.scopes;
        let on_bytes =
            scopes.on_bytes.map(|scope| self.column(position, rule, scope, false)).unwrap_or_default();
        let on_run = match scopes.on_run {
            Some(_) if self.index.run().is_some() => self.column(position, rule, scopes.of_run()?, true),
            _ => Column::default(),
        };
        (if on_run.first.is_some() { on_run } else { on_bytes }).into_match(rule)
    }

    /// Evaluates a rule on every instance of `scope`.
    fn column(&mut self, position: usize, rule: &Rule, scope: Scope, on_run: bool) -> Column {
        let mut column = Column::default();
        let mut places = Places::default();
        let mut next_call = 0;
        for instance in self.instances(scope, &Instance::root(on_run)) {
            if self.budget.is_cut() {
                break;
            }
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
            let own = self.place_of(&instance);
            places.add(instance, &held);
            column.note(own, held);
        }
        self.keep(position, on_run, places);
        column
    }

    /// Keeps where a rule matched in one column, for those that `match` it.
    fn keep(&mut self, position: usize, on_run: bool, places: Places) {
        if let Some(matched) = self.matched.get_mut(position) {
            if on_run { matched.on_run = places } else { matched.on_bytes = places }
        }
    }

    /// Evaluates a statement on an instance.
    fn statement(&self, statement: &Statement, at: &Instance) -> Option<Held> {
        if !self.budget.spend(1) {
            return None;
        }
        let held = match &statement.kind {
            Kind::And(parts) => {
                let held: Option<Vec<_>> = parts.iter().map(|part| self.statement(part, at)).collect();
                join(StatementKind::And, "and", held?, Grounds::of_all)
            }
            Kind::Or(parts) => join(StatementKind::Or, "or", self.held_of(parts, at, 1)?, Grounds::of_any),
            Kind::AtLeast(least, parts) => self.at_least(*least, parts, at)?,
            Kind::Not(part) => self.denied(part, at)?,
            Kind::Within(scope, part) => self.within(*scope, part, at)?,
            Kind::Count(feature, bounds) => self.counted(feature, bounds, at)?,
            Kind::Feature(feature) => {
                let found = self.feature(feature, at).filter(|found| found.count > 0)?;
                leaf(StatementKind::Feature(feature.kind()), feature.shown(), found)
            }
        };
        Some(held.described(statement.description.as_deref()))
    }

    /// A part that is known not to hold.
    fn denied(&self, part: &Statement, at: &Instance) -> Option<Held> {
        let (held, is_unknown) = self.budget.asking(|| self.statement(part, at).is_some());
        let denied = || leaf(StatementKind::Not, format!("not: {}", part.shown()), Found::default());
        (!held && !is_unknown).then(denied)
    }

    /// Those of some parts that hold, if there are so many. All are looked at: each is evidence.
    fn held_of(&self, parts: &[Statement], at: &Instance, least: usize) -> Option<Vec<Held>> {
        let held: Vec<_> = parts.iter().filter_map(|part| self.statement(part, at)).collect();
        (held.len() >= least).then_some(held)
    }

    fn at_least(&self, least: usize, parts: &[Statement], at: &Instance) -> Option<Held> {
        let held = self.held_of(parts, at, least)?;
        Some(match least {
            0 => join(StatementKind::Optional, "optional", held, |_| Grounds::default()),
            _ => join(StatementKind::AtLeast(least), &format!("{least} or more"), held, Grounds::of_any),
        })
    }

    /// A feature that is found as often as a rule asks. What is not known could only be more.
    fn counted(&self, feature: &Feature, bounds: &Bounds, at: &Instance) -> Option<Held> {
        let (mut found, is_unknown) = self.budget.asking(|| self.feature(feature, at).unwrap_or_default());
        let is_within = (bounds.min..=bounds.max).contains(&found.count);
        if !is_within || is_unknown && bounds.max != u64::MAX {
            return None;
        }
        found.what = Some(found.count.to_string());
        let shown = format!("count({}): {}", feature.counted(), bounds.shown());
        Some(leaf(StatementKind::Count(feature.kind()), shown, found))
    }

    /// A statement on a narrower scope: the first instance on which it holds.
    fn within(&self, scope: Scope, part: &Statement, at: &Instance) -> Option<Held> {
        for instance in self.instances(scope, at) {
            if self.budget.is_cut() {
                break;
            }
            if let Some(held) = self.statement(part, &instance) {
                let found =
                    Found { places: self.place_of(&instance).into_iter().collect(), ..Found::default() };
                let mut outer = leaf(StatementKind::Within, scope.name().to_owned(), found);
                (outer.dynamic, outer.grounds) = (held.dynamic, held.grounds);
                outer.evidence.parts.push(held.evidence);
                return Some(outer);
            }
        }
        None
    }

    /// Whether one of the rules behind a name matched inside `at`.
    fn target(&self, target: &Target, at: &Instance) -> Option<Found> {
        let name = match target {
            Target::Yara(name) => return self.yara_target(name),
            Target::Rule(name) => name,
        };
        let mut found = Found::default();
        let mut names = Vec::new();
        for &position in self.targets.get(name)? {
            let (Some(matched), Some(rule)) = (self.matched.get(position), self.rules.get(position)) else {
                continue;
            };
            let before = found.count;
            self.inside(&matched.on_run, at, &mut found);
            self.inside(&matched.on_bytes, at, &mut found);
            if matched.is_cut {
                self.budget.doubt();
            }
            if found.count > before {
                names.push(rule.meta.name.as_str());
            }
        }
        found.what = (names != [name.as_str()]).then(|| shorten(&names.join(", ")));
        (found.count > 0).then_some(found)
    }

    /// Adds the matches of one column that lie inside `at`.
    fn inside(&self, places: &Places, at: &Instance, found: &mut Found) {
        if !self.budget.spend_len(places.kept.len()) {
            return;
        }
        let before = found.count;
        for (instance, dynamic, grounds) in
            places.kept.iter().filter(|(instance, ..)| self.holds(at, instance))
        {
            found.rests_on(*grounds);
            found.at(self.place_of(instance));
            found.dynamic |= dynamic;
        }
        let left_out = places.count - places.kept.len() as u64;
        if left_out > 0 {
            // All lie in the whole; what lies in a part is known of those that were kept.
            match at {
                Instance::Run | Instance::RunFile | Instance::File if found.count > before => {
                    found.count += left_out
                }
                _ => self.budget.doubt(),
            }
        }
    }

    fn yara_target(&self, name: &str) -> Option<Found> {
        if self.yara.is_cut || self.yara.cut_rules.contains(name) {
            self.budget.doubt();
        }
        let offsets = self.yara.matches.get(name)?;
        let what = offsets.first().map(|offset| format!("at {offset:#x}"));
        Some(Found { count: offsets.len().max(1) as u64, what, ..Found::default() })
    }

    /// The weightiest rule whose steps were used up by what the sample gave its host: it chose how much that
    /// is. A large file is no choice of that kind.
    fn unfinished(&self) -> Option<String> {
        let rules = self.rules.iter().zip(&self.matched);
        let cut = rules.filter(|(rule, matched)| matched.is_starved && rule.meta.severity > 0);
        let rule = cut.map(|(rule, _)| rule).max_by_key(|rule| (rule.meta.severity, rule.meta.confidence))?;
        Some(rule.meta.name.to_string())
    }

    /// What was not evaluated to its end.
    fn limitations(&self, order: &[usize]) -> Vec<Limitation> {
        let mut limitations = self.yara.limitations();
        let cut = |position: &&usize| self.matched.get(**position).is_some_and(|matched| matched.is_cut);
        let cut: Vec<&Rule> =
            order.iter().filter(cut).filter_map(|position| self.rules.get(*position)).collect();
        if !cut.is_empty() {
            let names = cut.iter().map(|rule| &*rule.meta.name);
            limitations.push(Limitation::RulesCut(Named::of(names, MAX_NAMED)));
        }
        limitations
    }
}

/// Joins parts that held.
fn join(kind: StatementKind, statement: &str, parts: Vec<Held>, grounds: fn(&[Held]) -> Grounds) -> Held {
    let dynamic = parts.iter().any(|part| part.dynamic);
    let grounds = grounds(&parts);
    let parts = parts.into_iter().map(|part| part.evidence).collect();
    Held { evidence: Evidence { parts, ..Evidence::of(kind, statement.to_owned()) }, dynamic, grounds }
}

fn leaf(kind: StatementKind, statement: String, found: Found) -> Held {
    let evidence = Evidence { found: found.what, places: found.places, ..Evidence::of(kind, statement) };
    Held { evidence, dynamic: found.dynamic, grounds: found.grounds }
}

/// The places of a tree of evidence.
fn places_of(evidence: &Evidence) -> Vec<Place> {
    let mut places = evidence.places.clone();
    evidence.parts.iter().for_each(|part| places.extend(places_of(part)));
    places
}

/// A text of the sample in quotes. Characters that could deceive a reader are escaped where it is printed.
fn quoted(text: &str) -> String {
    format!("\"{}\"", shorten(text))
}

/// At most [`MAX_SHOWN`] characters of `text`.
fn shorten(text: &str) -> String {
    text::cut(text, MAX_SHOWN)
}
