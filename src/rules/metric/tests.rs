use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{passes::Dynamic, rules::Facts};

#[test]
fn every_metric_can_be_measured_where_it_says_and_nowhere_else() {
    let wasm = b"\0asm\x01\0\0\0";
    let view = view::View::of(wasm);
    let static_function = crate::rules::tests::function(0);
    let ran = crate::rules::tests::ran(0);
    let of = crate::rules::tests::looped(0, 10);
    let dynamic = Dynamic { entries: vec![passes::Metrics::default()], ..Dynamic::default() };
    let index =
        Index::new(&Facts { wasm, view: &view, run: None, dynamic: &dynamic, prediction: None, flows: None });
    let subjects = [
        ('B', Subject::File),
        ('b', Subject::Function(&static_function)),
        ('R', Subject::Run),
        ('E', Subject::Entry(0)),
        ('F', Subject::RunFunction(&ran)),
        ('L', Subject::Loop(&of)),
    ];
    for metric in METRICS {
        for (letter, subject) in subjects {
            let value = metric.of(&index, subject);
            assert_eq!(value.is_some(), metric.levels.contains(letter), "{} on {letter}", metric.name);
            assert!(value.is_none_or(f64::is_finite), "{} on {letter}: {value:?}", metric.name);
        }
    }
}

#[test]
fn the_table_is_well_kept() {
    let mut names = BTreeSet::new();
    for metric in METRICS {
        assert!(names.insert(metric.name), "{} twice", metric.name);
        assert!(!metric.description.is_empty() && !metric.levels.is_empty(), "{}", metric.name);
        assert!(
            metric.levels.chars().all(|letter| LEVELS.iter().any(|(known, _)| *known == letter)),
            "{}",
            metric.name
        );
        let (of_bytes, of_run) = (metric.levels.contains(['B', 'b']), metric.is_dynamic());
        assert!(of_bytes != of_run, "{}: a metric is of the bytes or of the run", metric.name);
    }
}

#[test]
fn windows_are_summed_by_signature() {
    let signatures: BTreeMap<String, u64> =
        [("coinhive".into(), 3), ("unknown1".into(), 4), ("arx32".into(), 100)].into();
    assert_eq!((windows(&signatures, MINING), windows(&signatures, &[])), (7, 107));
}
