//! Every kind on matrices whose answer is plain.

use super::*;

/// Two clouds around (0, 0) and (4, 4), deterministic.
fn clouds() -> (Matrix, Vec<bool>) {
    let row = |i: u32| {
        let centre = if i.is_multiple_of(2) { 0.0 } else { 4.0 };
        [centre + f64::from(i % 5) * 0.1, centre + f64::from(i % 7) * 0.1]
    };
    (Matrix::new(2, (0..60).map(row)).unwrap(), (0..60).map(|i| i % 2 == 1).collect())
}

#[test]
fn every_kind_tells_two_clouds_apart() {
    let (matrix, labels) = clouds();
    for kind in ModelKind::ALL {
        let model = kind.train(&matrix, &labels, 0).unwrap();
        assert_eq!(model.kind(), kind);
        model.check(2).unwrap();
        assert!(
            model.check(1).is_err() || kind == ModelKind::Adaboost || kind == ModelKind::Boosting,
            "{kind}"
        );
        for (row, &label) in matrix.rows().zip(&labels) {
            assert_eq!(model.predict(row), label, "{kind} {row:?}");
        }
        for (row, expected) in [([0.5, 0.2], false), ([4.2, 4.4], true)] {
            assert_eq!(model.predict(&row), expected, "{kind} {row:?}");
            if let Some(probability) = model.probability(&row) {
                assert!((0.0..=1.0).contains(&probability), "{kind} {probability}");
                assert_eq!(probability > 0.5, expected, "{kind} {probability}");
            }
        }
    }
}

/// Exclusive or: trees of two levels and kernels can, a line cannot.
#[test]
fn kinds_differ_in_what_they_can_learn() {
    let corner = |i: u32| {
        [
            f64::from(i & 1) * 5.0 + f64::from(i % 3) * 0.01,
            f64::from(i >> 1 & 1) * 5.0 + f64::from(i % 11) * 0.01,
        ]
    };
    let matrix = Matrix::new(2, (0..81).map(corner)).unwrap();
    let labels: Vec<bool> = (0..81).map(|i| (i & 1) != (i >> 1 & 1)).collect();
    for (kind, can) in [
        (ModelKind::Boosting, true),
        (ModelKind::NuSvc, true),
        (ModelKind::RadiusNeighbors, true),
        (ModelKind::Sgd, false),
    ] {
        let model = kind.train(&matrix, &labels, 0).unwrap();
        let right = matrix.rows().zip(&labels).filter(|(row, label)| model.predict(row) == **label).count();
        assert_eq!(right == 81, can, "{kind}: {right} of 81");
    }
}

#[test]
fn the_same_data_give_the_same_model() {
    let (matrix, labels) = clouds();
    for kind in ModelKind::ALL {
        assert_eq!(
            kind.train(&matrix, &labels, 5).unwrap(),
            kind.train(&matrix, &labels, 5).unwrap(),
            "{kind}"
        );
    }
    let sgd = |seed| ModelKind::Sgd.train(&matrix, &labels, seed).unwrap();
    assert_ne!(sgd(1), sgd(2));
}

#[test]
fn what_cannot_be_trained_is_said() {
    let matrix = Matrix::new(1, [[0.0], [1.0], [2.0], [3.0], [4.0]]).unwrap();
    for kind in ModelKind::ALL {
        assert_eq!(kind.train(&matrix, &[true; 5], 0), Err(Error::OneClass), "{kind}");
        assert_eq!(kind.train(&matrix, &[true; 4], 0), Err(Error::Labels { labels: 4, rows: 5 }), "{kind}");
    }
    let lopsided = ModelKind::NuSvc.train(&matrix, &[true, false, false, false, false], 0);
    assert_eq!(lopsided, Err(Error::Infeasible { nu: 0.5, smaller: 1, all: 5 }));
    let huge = Matrix::new(1, [[1e15], [-1e15]].repeat(20)).unwrap();
    for kind in ModelKind::ALL {
        // Whatever comes of it is a usable model or an error.
        if let Ok(model) = kind.train(&huge, &[true, false].repeat(20), 0) {
            model.check(1).unwrap();
            assert!(model.predict(&[1e15]), "{kind}");
        }
    }
}

#[test]
fn radius_neighbours_without_neighbours_follow_the_majority() {
    let matrix = Matrix::new(1, [[0.0], [0.5], [10.0]]).unwrap();
    for (labels, expected) in [([true, true, false], true), ([false, false, true], false)] {
        let model = ModelKind::RadiusNeighbors.train(&matrix, &labels, 0).unwrap();
        assert_eq!(model.predict(&[100.0]), expected);
        assert_eq!(model.predict(&[10.9]), !expected);
        // At the very radius is within.
        assert_eq!(model.predict(&[11.0]), !expected);
    }
    let tie = Matrix::new(1, [[0.0], [1.0]]).unwrap();
    assert!(!ModelKind::RadiusNeighbors.train(&tie, &[true, false], 0).unwrap().predict(&[0.5]));
}

/// Least and greatest row that a model can be asked about.
#[test]
fn decisions_are_numbers() {
    let (matrix, labels) = clouds();
    for kind in ModelKind::ALL {
        let model = kind.train(&matrix, &labels, 0).unwrap();
        for row in [[-1e15, 1e15], [1e15, 1e15], [0.0, -1e15]] {
            assert!(model.decision(&row).is_finite(), "{kind} {row:?}");
        }
    }
}
