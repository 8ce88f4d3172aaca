//! Metrics, compared with a number.

use super::super::{
    super::{metric::Subject, rule::Measure},
    Evaluator, Found, Instance,
};

impl Evaluator<'_> {
    pub(super) fn metric(&self, measure: &Measure, at: &Instance) -> Option<Found> {
        let dynamic = measure.metric.is_dynamic();
        let value = self.measure(measure, self.subject(at, dynamic)?)?;
        if !measure.op.holds(value, measure.value) {
            return None;
        }
        let places = self.place_of(at).into_iter().collect();
        Some(Found { count: 1, what: Some(show_number(value)), places, dynamic, ..Found::default() })
    }

    /// What a metric is measured on in `at`.
    fn subject<'s>(&'s self, at: &Instance, dynamic: bool) -> Option<Subject<'s>> {
        Some(match at {
            Instance::File => Subject::File,
            Instance::RunFile if !dynamic => Subject::File,
            Instance::Run | Instance::RunFile => Subject::Run,
            Instance::Function(func) => Subject::Function(self.index.defined(*func)?),
            Instance::Thread(entry) => Subject::Entry(*entry),
            Instance::RunFunction(func) => Subject::RunFunction(self.index.ran(*func)?),
            Instance::Loop(position) => Subject::Loop(self.index.facts.dynamic.loops.get(*position)?),
            _ => return None,
        })
    }

    /// The value of a metric; that of the whole file or run is computed once.
    fn measure(&self, measure: &Measure, subject: Subject<'_>) -> Option<f64> {
        let is_run = matches!(subject, Subject::Run);
        if !is_run && !matches!(subject, Subject::File) {
            return measure.metric.of(&self.index, subject);
        }
        let key = (measure.metric.name, is_run);
        if let Some(known) = self.metrics.borrow().get(&key) {
            return *known;
        }
        let value = measure.metric.of(&self.index, subject);
        self.metrics.borrow_mut().insert(key, value);
        value
    }
}

/// A number with at most four digits behind the point.
fn show_number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let text = if value.abs() < 0.01 { format!("{value:.6}") } else { format!("{value:.4}") };
    text.trim_end_matches('0').to_owned()
}
