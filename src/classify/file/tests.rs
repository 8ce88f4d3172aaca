//! Files go round, and broken ones are refused.

use serde_json::{Value, json};

use super::*;

fn samples() -> Vec<Example> {
    let sample = |i: usize| {
        let malicious = i.is_multiple_of(2);
        let mut calls = vec!["fd_write"; i % 5 + 1];
        calls.push(if malicious { "args_get" } else { "random_get" });
        calls.push("proc_exit");
        let origin = format!("origin {}", i % 6);
        Example {
            name: i.to_string(),
            malicious,
            origin,
            calls: calls.into_iter().map(str::to_owned).collect(),
            trace: None,
        }
    };
    (0..40).map(sample).collect()
}

fn train(kind: ModelKind, features: Features) -> ModelFile {
    let options =
        TrainingOptions { kind: Some(kind), features: Some(features), ..TrainingOptions::default() };
    ModelFile::train(&samples(), &options).unwrap()
}

#[test]
fn a_file_read_back_is_the_same_model() {
    for kind in ModelKind::ALL {
        for features in [Features::Presence, Features::LogNgrams] {
            let file = train(kind, features);
            let bytes = file.to_bytes();
            let again = ModelFile::parse(&bytes).unwrap();
            assert_eq!(again, file, "{kind} {features:?}");
            assert_eq!(again.to_bytes(), bytes);
            for sample in samples() {
                let [before, after] = [&file, &again].map(|file| file.predict(&sample.calls, None));
                assert_eq!(before, after);
                assert_eq!(
                    after.map(|prediction| prediction.malicious),
                    Some(sample.malicious),
                    "{kind} {features:?}"
                );
            }
        }
    }
}

#[test]
fn without_a_call_there_is_no_evidence() {
    let file = train(ModelKind::Boosting, Features::Count);
    assert_eq!(file.predict(&[] as &[&str], None), None);
    let mut with_silent = samples();
    with_silent.push(Example { calls: Vec::new(), ..with_silent[0].clone() });
    let trained = ModelFile::train(&with_silent, &TrainingOptions::default()).unwrap();
    assert_eq!((trained.training.samples, trained.training.left_out), (40, 1));
}

#[test]
fn the_card_names_what_the_data_hide() {
    let file = train(ModelKind::Boosting, Features::Presence);
    assert!(file.card.contains("args_get"), "{}", file.card);
    assert!(file.limits.iter().any(|limit| limit.contains("no evidence")), "{:?}", file.limits);
    let mut one_origin = samples();
    one_origin
        .iter_mut()
        .filter(|sample| sample.malicious)
        .for_each(|sample| sample.origin = "juliet".to_owned());
    let file = ModelFile::train(&one_origin, &TrainingOptions::default()).unwrap();
    assert!(file.limits.iter().any(|limit| limit.contains("juliet")), "{:?}", file.limits);
}

#[test]
fn files_of_another_make_are_refused() {
    for (bytes, expected) in [
        (&b""[..], "not a model file"),
        (b"{}", "not a model file"),
        (b"\xff\xfe", "not a model file"),
        (br#"{"schema": "spoor.model/2"}"#, "version `spoor.model/2`"),
        (br#"{"schema": "spoor.model/1"}"#, "not a model file"),
        (br#"{"schema": "\u001b[2J"}"#, "version"),
    ] {
        let error = ModelFile::parse(bytes).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\u{1b}'), "{error}");
    }
    assert!(matches!(ModelFile::parse(&vec![b' '; MAX_MODEL_BYTES + 1]), Err(Error::FileTooBig { .. })));
    let deep = format!("{{\"schema\": \"spoor.model/1\", \"model\": {}", "[".repeat(1 << 20));
    assert!(ModelFile::parse(deep.as_bytes()).is_err());
}

#[test]
fn broken_models_are_refused() {
    let leaf = json!({"leaf": 0.5});
    for (model, why) in [
        (json!({"boosting": {"base": 0, "trees": [[{"split": [0, 1.0, 0, 1]}, leaf]]}}), "a cycle"),
        (
            json!({"boosting": {"base": 0, "trees": [[{"split": [999, 1.0, 1, 2]}, leaf, leaf]]}}),
            "a feature beyond the end",
        ),
        (json!({"boosting": {"base": 1e300, "trees": []}}), "an infinite base"),
        (json!({"boosting": {"base": 0, "trees": [vec![leaf.clone(); 5000]]}}), "a tree too large"),
        (json!({"sgd": {"weights": [1.0], "intercept": 0}}), "a weight for one of ten"),
        (json!({"nu-svc": {"gamma": -1.0, "rho": 0, "vectors": [], "weights": []}}), "a negative gamma"),
        (json!({"nu-svc": {"gamma": 1.0, "rho": 0, "vectors": [[1.0]], "weights": [1.0]}}), "a short vector"),
        (json!({"nu-svc": {"gamma": 1.0, "rho": 0, "vectors": [], "weights": [1.0]}}), "a weight too many"),
        (json!({"radius-neighbors": {"radius": 0.0, "outlier": true, "points": []}}), "no radius"),
        (json!({"adaboost": {"stumps": []}}), "no stump"),
        (
            json!({"adaboost": {"stumps": [{"weight": 1e200, "feature": 0, "threshold": 0, "below": true, "above": true}]}}),
            "a weight",
        ),
        (json!({"oracle": {}}), "an unknown kind"),
        (
            json!({"sgd": {"weights": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "intercept": 0, "more": 1}}),
            "an unknown key",
        ),
    ] {
        let mut value: Value =
            serde_json::from_slice(&train(ModelKind::Sgd, Features::Presence).to_bytes()).unwrap();
        value["model"] = model;
        assert!(ModelFile::parse(value.to_string().as_bytes()).is_err(), "{why}");
    }
}

/// Whatever a mutated file says: it is refused, or it predicts finite numbers.
#[test]
fn mutated_files_never_fail_later() {
    let replacements =
        ["0", "-1", "9", "1e308", "-1e15", "4294967296", "null", "[]", "{}", "\"U\"", "true", "["];
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let calls = ["fd_write", "args_get", "nonsense"];
    let (mut accepted, mut refused) = (0, 0);
    for kind in ModelKind::ALL {
        let bytes = train(kind, Features::Count).to_bytes();
        for _ in 0..150 {
            let mut mutated = bytes.clone();
            for _ in 0..=random(3) {
                let at = random(mutated.len());
                let numbers = || mutated[at..].iter().position(u8::is_ascii_digit).map(|skip| at + skip);
                match (random(3), numbers()) {
                    (0, _) => mutated[at] = random(256) as u8,
                    (1, Some(start)) => {
                        let len = mutated[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                        mutated.splice(start..start + len, replacements[random(replacements.len())].bytes());
                    }
                    _ => _ = mutated.drain(at..(at + random(20)).min(mutated.len())),
                }
            }
            match ModelFile::parse(&mutated) {
                Ok(file) => {
                    accepted += 1;
                    let prediction = file.predict(&calls, None);
                    assert!(prediction.is_none_or(|prediction| prediction.decision.is_finite()), "{kind}");
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(accepted > 20 && refused > 200, "{accepted} accepted, {refused} refused");
}
