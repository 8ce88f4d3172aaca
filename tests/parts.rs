//! Parts of a batch: `scan --shard` on several machines, killed or not, and `scan merge`, which makes one
//! scan of them. The tests also look at what both say of it.
#![cfg(unix)]

#[path = "common/command.rs"]
mod command;

use std::{
    collections::BTreeMap,
    fs,
    io::{Cursor, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use command::{lines, module, spoor, table, text, told};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const TABLES: [&str; 6] = ["samples", "paths", "functions", "host_calls", "findings", "clusters"];

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The tables of a folder, without what differs from scan to scan.
fn tables(folder: &Path) -> BTreeMap<&'static str, Vec<Value>> {
    let rows = |name| {
        let mut rows = table(folder, name);
        rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| drop(row.remove("time_ms")));
        (name, rows)
    };
    TABLES.into_iter().map(rows).collect()
}

/// Parts of a batch, one of them killed and taken up again, merged: the tables of one scan of everything.
#[test]
fn parts_that_are_merged_equal_one_scan_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("in")).unwrap();
    for number in 0..24 {
        // Every third one has the content of another.
        fs::write(at("in").join(format!("{number}.wasm")), module(&format!("f{}", number / 3 * 2))).unwrap();
    }
    fs::write(at("in/a.zip"), zip(&[("x.wasm", &module("f2")), ("y.wasm", &module("only here"))])).unwrap();
    fs::write(at("in/nothing.txt"), "no module").unwrap();
    let (files, whole) = (at("in"), at("whole"));
    assert!(spoor(&["scan", text(&files), "-o", text(&whole)]).status.success());
    for part in ["1/3", "2/3", "3/3"] {
        let out = at(&format!("part-{}", &part[..1]));
        spoor(&["scan", text(&files), "-o", text(&out), "--shard", part]);
    }
    // The end of a result that was not written whole.
    let mut samples = fs::OpenOptions::new().append(true).open(at("part-2/samples.jsonl")).unwrap();
    samples.write_all(b"{\"sha256\":\"00").unwrap();
    let before = fs::read(at("part-2/samples.jsonl")).unwrap();
    let (one, parts) = (at("one"), at("parts"));
    let merged = spoor(&["scan", "merge", text(&whole), "--out", text(&one)]);
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let folders = ["part-3", "part-1", "part-2", "part-1"].map(at);
    let words: Vec<&str> = folders.iter().map(|folder| text(folder)).collect();
    let merged = spoor(&[&["scan", "merge", "--json", "-o", text(&parts)], &words[..]].concat());
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    assert_eq!(lines(&merged.stdout)[0]["samples"], table(&whole, "samples").len());
    let (one, parts) = (tables(&one), tables(&parts));
    assert_eq!(one["samples"].len(), table(&whole, "samples").len());
    assert_eq!(one["paths"].len(), table(&whole, "paths").len());
    // Of a sample that stands in several places, one scan names the place that it saw first.
    let without_place = |tables: &BTreeMap<&'static str, Vec<Value>>| {
        let mut tables = tables.clone();
        for row in tables.get_mut("samples").unwrap().iter_mut().filter_map(Value::as_object_mut) {
            drop((row.remove("path"), row.remove("inside")));
        }
        tables
    };
    assert_eq!(without_place(&one), without_place(&parts));
    assert_eq!(fs::read(at("part-2/samples.jsonl")).unwrap(), before, "parts are only read");
}

#[test]
fn scans_that_do_not_belong_together_are_not_merged() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("m.wasm"), module("f")).unwrap();
    let (sample, a, b, out) = (at("m.wasm"), at("a"), at("b"), at("out"));
    spoor(&["scan", text(&sample), "-o", text(&a)]);
    spoor(&["scan", text(&sample), "-o", text(&b), "--seed", "7"]);
    let refused = |words: &[&str], why: &str| {
        let output = spoor(&[&["scan", "merge", "-o", text(&out)], words].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(why), "{words:?}: {error}");
        assert!(!out.exists(), "{words:?}");
    };
    refused(&[text(&a), text(&b)], "made in another way (--seed=7");
    fs::create_dir(at("empty")).unwrap();
    refused(&[text(&a), text(&at("empty"))], "scan.json");
    let mut findings = fs::read(a.join("samples.jsonl")).unwrap();
    findings[3] = 0;
    fs::write(a.join("samples.jsonl"), findings).unwrap();
    refused(&[text(&a)], "line 1, is damaged");
    let refused = spoor(&["scan", text(&sample), "--shard", "3/2"]);
    assert_eq!(refused.status.code(), Some(2));
}

/// A hash of each row of a table, sorted: without its time, and without the place named of a sample, which
/// may stand in several.
fn rows(folder: &Path, name: &str) -> Vec<[u8; 32]> {
    let file = std::io::BufReader::new(fs::File::open(folder.join(format!("{name}.jsonl"))).unwrap());
    let hash = |line: std::io::Result<String>| {
        let mut row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let fields = row.as_object_mut().unwrap();
        fields.remove("time_ms");
        if name == "samples" {
            fields.remove("path");
            fields.remove("inside");
        }
        Sha256::digest(row.to_string()).into()
    };
    let mut rows: Vec<_> = std::io::BufRead::lines(file).map(hash).collect();
    rows.sort_unstable();
    rows
}

/// Bytes in the journal of a scan: it grows with each sample that is done.
fn journal(out: &Path) -> u64 {
    fs::metadata(out.join("journal")).map_or(0, |meta| meta.len())
}

/// Scans a part, and kills it so often, each time after a random number of bytes of the journal.
fn scan_and_kill(files: &Path, out: &Path, part: &str, kills: u64, expected: u64, random: &mut u64) {
    // Each starts a process that reads the rules.
    let jobs = if kills < 10 { "--jobs=1" } else { "--jobs=2" };
    let start = |is_first: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spoor"));
        command.args(["scan", text(files), jobs, "--shard", part, "--out", text(out)]);
        command.args((!is_first).then_some("--resume")).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    for round in 0..kills {
        let mut child = start(round == 0);
        *random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let moment = journal(out) + (*random >> 33) % (2 * expected / kills).max(1);
        while journal(out) <= moment && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    start(false).wait().unwrap();
}

/// So many files, all but a few with a module of their own. There are archives, files that are nothing, and
/// one that cannot be read to its end.
fn generate(folder: &Path, count: u64) {
    for index in 0..count {
        let name = folder.join(format!("{:02}", index % 100));
        fs::create_dir_all(&name).unwrap();
        let path = |ending: &str| name.join(format!("{index:06}.{ending}"));
        let own = module(&format!("f{index}"));
        match index % 50 {
            // What another file is.
            7 => fs::write(path("wasm"), module(&format!("f{}", index - 1))),
            17 => fs::write(path("txt"), "no module"),
            27 => fs::write(path("zip"), zip(&[("a.wasm", &own), ("b.wasm", &module(&format!("g{index}")))])),
            37 => fs::write(path("gz"), b"\x1f\x8b\x08\0\0\0\0\0\0\x03cut"),
            _ => fs::write(path("wasm"), own),
        }
        .unwrap();
    }
}

/// Two parts, each killed at random moments and taken up again, merged: all tables are those of one scan.
fn killed_parts_equal_one_scan(count: u64, kills: u64) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (files, whole) = (at("in"), at("whole"));
    generate(&files, count);
    // Some files cannot be read: 1 is the code for that.
    assert_eq!(spoor(&["scan", text(&files), "--out", text(&whole)]).status.code(), Some(1));
    let mut random = 17;
    for (part, out) in [("1/2", at("part-1")), ("2/2", at("part-2"))] {
        scan_and_kill(&files, &out, part, kills, journal(&whole) / 2, &mut random);
    }
    let merged = at("merged");
    let output = spoor(&["scan", "merge", text(&at("part-1")), text(&at("part-2")), "-o", text(&merged)]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    for name in TABLES {
        let (found, expected) = (rows(&merged, name), rows(&whole, name));
        let same = found.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        assert!(found == expected, "{name}: {} rows and {}, {same} alike", found.len(), expected.len());
    }
    let samples = rows(&whole, "samples").len() as u64;
    assert!(samples > count * 9 / 10 && samples < count * 21 / 20, "{samples} of {count}");
    println!("{count} files, {samples} samples, {kills} kills of each part");
}

#[test]
fn parts_that_are_killed_and_merged_equal_one_scan() {
    killed_parts_equal_one_scan(150, 4);
}

#[test]
#[ignore = "takes half an hour"]
fn a_hundred_thousand_entries_in_two_parts_that_are_killed_equal_one_scan() {
    killed_parts_equal_one_scan(100_000, 25);
}

#[test]
fn a_scan_a_part_and_a_merge_say_what_was_found_and_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Both parts have a module, whatever the folder of the test is called: the path decides.
    let part = |folder: &Path, name: &str| {
        let digest = Sha256::digest(text(&folder.join(name)).as_bytes());
        digest[0] % 2
    };
    let is_shared = |folder: &std::path::PathBuf| {
        ["b.wasm", "c.wasm", "d.wasm"].iter().any(|name| part(folder, name) != part(folder, "a.wasm"))
    };
    let files = (0..).map(|number| at(&format!("in{number}"))).find(is_shared).unwrap();
    fs::create_dir(&files).unwrap();
    for (file, name) in [("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), ("e", "a")] {
        let module = format!("(module (import \"env\" \"f\" (func)) (func (export \"{name}\")))");
        fs::write(files.join(file).with_extension("wasm"), wat::parse_str(module).unwrap()).unwrap();
    }
    fs::write(files.join("nothing.txt"), "no module").unwrap();
    let said = |words: &[&str], out: &Path| {
        let (code, said) = told(&[&["scan"], words, &["--out", text(out)]].concat());
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    };
    let whole = said(&[text(&files), "--html"], &at("whole"));
    let written =
        "samples.jsonl, paths.jsonl, functions.jsonl, host_calls.jsonl, findings.jsonl, clusters.jsonl";
    for line in [
        "4 samples in 5 places; 1 file holds no module\n",
        "\n4 samples analysed in ",
        "\nsimilar     1 group by imports (4 samples)\n",
        "\nworkers     a process for each sample, at most ",
        &format!("\nwritten     in {}: {written}, overview.html\n", text(&at("whole"))),
    ] {
        assert!(whole.contains(line), "{line}: {whole}");
    }
    let again = said(&[text(&files), "--html", "--resume"], &at("whole"));
    assert!(again.contains("0 samples analysed in ") && again.contains("; 4 analysed before\n"), "{again}");
    let parts: Vec<_> =
        ["1/2", "2/2"].map(|part| said(&[text(&files), "--shard", part], &at(&part[..1]))).into();
    for (part, said) in ["1/2", "2/2"].iter().zip(&parts) {
        assert!(said.contains(&format!("part {part} of the files: ")), "{said}");
    }
    let merged = said(&["merge", text(&at("1")), text(&at("2"))], &at("merged"));
    assert!(merged.contains("2 folders merged in ") && !merged.contains("analysed"), "{merged}");
    assert!(merged.contains(": 4 samples in 5 places, each there once\n"), "{merged}");
    assert!(merged.contains(&format!("written     in {}: {written}\n", text(&at("merged")))), "{merged}");
    let (code, said) = told(&["scan", "merge", text(&at("1")), "--out", text(&at("merged"))]);
    assert!(code == Some(2) && said.contains("is not empty: merge into a new folder"), "{said}");
    let (code, said) = told(&["scan", "merge", text(&files), "--out", text(&at("x"))]);
    assert!(code == Some(2) && said.contains("holds no scan: it has no scan.json"), "{said}");
    let empty = ["1/2", "2/2"].map(|part| told(&["scan", text(&files.join("a.wasm")), "--shard", part]));
    let nothing = empty.iter().find(|(code, _)| *code == Some(2)).expect("one part has nothing");
    assert!(nothing.1.contains("no module was found in part "), "{}", nothing.1);
}

/// A part is only read: it is not what is written.
#[test]
fn a_merge_writes_over_none_of_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.wasm"), module("f")).unwrap();
    let part = folder.path().join("part");
    assert!(spoor(&["scan", text(&folder.path().join("x.wasm")), "--out", text(&part)]).status.success());
    let before = tables(&part);
    let around = format!("{}/../part", text(&part));
    let (code, said) = told(&["scan", "merge", text(&part), "--out", &around]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("is one of the scans that are read: --out names a new folder"), "{said}");
    assert_eq!(tables(&part), before);
}
