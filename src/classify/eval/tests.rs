//! Evaluations whose outcome is known.

use super::*;

/// `n` samples of each class: malicious ones call `args_get`, benign ones `random_get`, then `i` distinct
/// tails.
fn samples(n: usize) -> Vec<Example> {
    let tails = [
        "fd_write",
        "fd_close",
        "clock_time_get",
        "path_open",
        "proc_exit",
        "fd_seek",
        "sock_send",
        "fd_sync",
    ];
    let sample = |i: usize| {
        let malicious = i.is_multiple_of(2);
        let head = if malicious { "args_get" } else { "random_get" };
        let calls = [head, tails[i / 2 % 8], tails[i / 16 % 8], tails[i / 128 % 8]];
        Example {
            name: format!("{i}"),
            malicious,
            origin: format!("{}", i % 4),
            calls: calls.map(str::to_owned).to_vec(),
            trace: None,
        }
    };
    (0..2 * n).map(sample).collect()
}

#[test]
fn what_one_call_tells_apart_is_told_apart() {
    let report =
        evaluate(&samples(40), &EvaluationOptions { splits: 4, ..EvaluationOptions::default() }).unwrap();
    assert_eq!((report.data.samples, report.data.malicious), (80, 40));
    let perfect = |scores: &Option<Scores>| {
        scores.as_ref().is_some_and(|scores| scores.f1.min == 1.0 && scores.splits == 4)
    };
    assert!(perfect(&report.baseline.random), "{:?}", report.baseline);
    assert_eq!(report.baseline.rules, BTreeMap::from([("args_get".to_owned(), 4)]));
    assert_eq!(report.models.iter().map(|evaluation| evaluation.model).collect::<Vec<_>>(), ModelKind::ALL);
    for evaluation in &report.models {
        assert!(evaluation.failures.is_empty(), "{evaluation:?}");
        assert_eq!(evaluation.origins.len(), 4);
        // A stump finds the call; kernels and neighbours look at all columns alike.
        if matches!(evaluation.model, ModelKind::Boosting | ModelKind::Adaboost) {
            assert!(perfect(&evaluation.random), "{evaluation:?}");
            assert!(evaluation.origins.iter().all(|origin| origin.unseen == Some(1.0)), "{evaluation:?}");
        }
    }
}

#[test]
fn copies_are_leakage_and_groups_take_it_away() {
    // Four sequences, ten copies of each.
    let copies: Vec<Example> = (0..10).flat_map(|_| samples(2)).collect();
    let report = evaluate(&copies, &EvaluationOptions { splits: 6, ..EvaluationOptions::default() }).unwrap();
    assert_eq!((report.data.distinct, report.data.groups), (4, 4));
    assert!(report.leakage.exact.mean > 0.95, "{:?}", report.leakage);
    let groups = Groups::of(&copies);
    for seed in 0..6 {
        let split = Split::grouped(&copies, &groups, seed);
        assert_eq!(split.train.len() + split.test.len(), 40);
        assert!(
            split.train.iter().all(|a| split.test.iter().all(|b| groups.of[*a] != groups.of[*b])),
            "{seed}"
        );
    }
}

#[test]
fn an_origin_with_all_of_a_class_cannot_be_left_out() {
    let mut all = samples(20);
    all.iter_mut()
        .for_each(|sample| sample.origin = if sample.malicious { "bad" } else { "good" }.to_owned());
    let report = evaluate(
        &all,
        &EvaluationOptions { splits: 2, kinds: vec![ModelKind::Boosting], ..EvaluationOptions::default() },
    )
    .unwrap();
    assert_eq!(report.models[0].unseen_origins, None);
    assert_eq!(report.models[0].origins.len(), 2);
    for origin in report.models.iter().flat_map(|model| &model.origins) {
        assert_eq!(origin.unseen, None);
        assert_eq!(origin.random, Some(1.0), "{origin:?}");
    }
}

#[test]
fn the_same_data_give_the_same_report() {
    let report = || {
        serde_json::to_string(
            &evaluate(&samples(30), &EvaluationOptions { splits: 3, ..EvaluationOptions::default() })
                .unwrap(),
        )
        .unwrap()
    };
    assert_eq!(report(), report());
}

#[test]
fn too_little_data_are_refused() {
    assert!(evaluate(&samples(1), &EvaluationOptions::default()).is_err());
    let malicious: Vec<Example> = samples(20).into_iter().filter(|sample| sample.malicious).collect();
    assert!(evaluate(&malicious, &EvaluationOptions::default()).is_err());
    assert!(
        evaluate(&samples(20), &EvaluationOptions { splits: 0, ..EvaluationOptions::default() }).is_err()
    );
    assert!(
        evaluate(
            &samples(20),
            &EvaluationOptions { features: Features::Trace, ..EvaluationOptions::default() }
        )
        .is_err()
    );
}
