//! What is exchanged with other platforms: bundles of STIX 2.1 and events of MISP.
//! `integrations/exchange/test` asks the validators of both.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

fn written(format: &str, sample: &str) -> (Value, Vec<u8>) {
    written_of(format, &[sample])
}

fn written_of(format: &str, samples: &[&str]) -> (Value, Vec<u8>) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
    command.args(["run", "--fail-on=never", "--format", format]);
    let output = command.args(samples.iter().map(|sample| corpus.join(sample))).output();
    let output = output.expect("the binary runs");
    (serde_json::from_slice(&output.stdout).expect("JSON"), output.stdout)
}

fn of<'a>(bundle: &'a Value, kind: &str) -> Vec<&'a Value> {
    bundle["objects"].as_array().unwrap().iter().filter(|object| object["type"] == kind).collect()
}

#[test]
fn a_bundle_says_what_a_miner_is_and_the_same_each_time() {
    let (bundle, bytes) = written("stix", "miner.wat");
    assert_eq!(bytes, written("stix", "miner.wat").1);
    let ids: Vec<_> =
        bundle["objects"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "identifiers differ");
    for relationship in of(&bundle, "relationship") {
        for end in ["source_ref", "target_ref"] {
            assert!(ids.contains(&relationship[end].as_str().unwrap()), "{relationship}");
        }
    }
    let file = of(&bundle, "file")[0];
    assert_eq!(of(&bundle, "malware-analysis")[0]["sample_ref"], file["id"]);
    assert_eq!(of(&bundle, "malware-analysis")[0]["result"], "malicious");
    assert_eq!(of(&bundle, "malware").len(), 1);
    let techniques = of(&bundle, "attack-pattern");
    let ids: Vec<_> =
        techniques.iter().map(|one| one["external_references"][0]["external_id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"T1496.001"), "{ids:?}");
    let hash = format!("[file:hashes.'SHA-256' = {}]", file["hashes"]["SHA-256"]).replace('"', "'");
    assert!(of(&bundle, "indicator").iter().any(|indicator| indicator["pattern"] == hash), "{hash}");
}

#[test]
fn a_harmless_file_has_an_analysis_and_no_malware() {
    let (bundle, _) = written("stix", "call-depth.wat");
    assert_eq!(of(&bundle, "malware-analysis").len(), 1);
    for kind in ["malware", "indicator", "relationship"] {
        assert!(of(&bundle, kind).is_empty(), "{kind}");
    }
}

#[test]
fn several_samples_make_one_bundle_with_each_object_once() {
    let samples = ["miner.wat", "call-depth.wat", "no-such-file.wat", "ransomware-xor.wat", "miner.wat"];
    let (bundle, bytes) = written_of("stix", &samples);
    assert_eq!(bytes, written_of("stix", &samples).1);
    let objects = |bundle: &Value| -> BTreeSet<String> {
        bundle["objects"].as_array().unwrap().iter().map(ToString::to_string).collect()
    };
    let mut expected = BTreeSet::new();
    for sample in ["miner.wat", "call-depth.wat", "ransomware-xor.wat"] {
        expected.extend(objects(&written("stix", sample).0));
    }
    assert_eq!(objects(&bundle), expected);
    assert_eq!(bundle["objects"].as_array().unwrap().len(), expected.len(), "an object stands twice");
    assert_eq!(of(&bundle, "malware").len(), 2);
    // Other samples, another bundle; of none there is one without objects.
    assert_ne!(bundle["id"], written_of("stix", &["miner.wat", "call-depth.wat"]).0["id"]);
    let (none, _) = written_of("stix", &["no-such-file.wat", "nor-this.wat"]);
    assert!(none["id"].as_str().unwrap().starts_with("bundle--") && none.get("objects").is_none(), "{none}");
}

#[test]
fn an_event_has_the_file_and_tags() {
    let (event, bytes) = written("misp", "miner.wat");
    assert_eq!(bytes, written("misp", "miner.wat").1);
    let event = &event["Event"];
    assert_eq!((&event["threat_level_id"], &event["published"]), (&"1".into(), &false.into()));
    let tags: Vec<_> =
        event["Tag"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    assert!(
        tags.iter()
            .any(|tag| tag.starts_with("misp-galaxy:mitre-attack-pattern=") && tag.ends_with("T1496.001\""))
    );
    let file = &event["Object"][0]["Attribute"];
    assert!(file.as_array().unwrap().iter().any(|one| one["type"] == "sha256" && one["to_ids"] == true));
}
