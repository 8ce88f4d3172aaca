use super::*;
use crate::scan::rows::{FindingRow, SampleRow};

fn settings() -> Settings {
    Settings { schema: rows::SCHEMA.into(), version: "1".into(), options: vec!["--seed 1".into()] }
}

fn open(folder: &Path, resume: bool) -> Result<(Store, Vec<String>), StoreError> {
    let mut seen = Vec::new();
    let store = Store::open(folder, &settings(), resume, |row| seen.push(row.sha256), |_| ())?;
    Ok((store, seen))
}

/// A folder with these samples, and the lengths of its tables.
fn filled(names: &[&str]) -> (tempfile::TempDir, Lengths) {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), false).unwrap();
    for name in names {
        store.append(Some(&outcome(name)), None).unwrap();
    }
    (folder, store.lengths)
}

fn outcome(name: &str) -> SampleRows {
    let finding = FindingRow {
        sha256: name.into(),
        kind: "rule".into(),
        name: "x\ny".into(),
        class: String::new(),
        severity: 1,
        confidence: 2,
        dynamic: true,
        places: 3,
        text: "<b>".into(),
    };
    SampleRows {
        sample: SampleRow { sha256: name.into(), ..SampleRow::default() },
        findings: vec![finding; 2],
        ..SampleRows::default()
    }
}

#[test]
fn what_was_cut_off_at_any_byte_is_taken_back_whole() {
    let folder = filled(&["a", "b", "c"]).0;
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let (samples, findings, journal) = (read("samples.jsonl"), read("findings.jsonl"), read("journal"));
    // As many bytes of each file as a kill may have left: tables before the journal.
    for (samples_left, findings_left, journal_left, expected) in [
        (samples.len(), findings.len(), journal.len(), 3),
        (samples.len(), findings.len(), journal.len() - 1, 2),
        (samples.len() - 5, findings.len(), journal.len() - 9, 2),
        (samples.len(), findings.len() - 1, journal.len(), 2),
        (samples.len() / 3, findings.len() / 3 + 4, 0, 0),
        (samples.len() / 3, findings.len(), journal.len(), 1),
    ] {
        fs::write(folder.path().join("samples.jsonl"), &samples[..samples_left]).unwrap();
        fs::write(folder.path().join("findings.jsonl"), &findings[..findings_left]).unwrap();
        fs::write(folder.path().join("journal"), &journal[..journal_left]).unwrap();
        let (_store, seen) = open(folder.path(), true).unwrap();
        assert_eq!(seen, ["a", "b", "c"][..expected], "{samples_left} {findings_left} {journal_left}");
        assert_eq!(read("findings.jsonl").iter().filter(|&&byte| byte == b'\n').count(), 2 * expected);
    }
}

#[test]
fn a_journal_that_is_far_ahead_of_its_tables_is_no_reason_to_cut_them() {
    let (folder, lengths) = filled(&["a", "b"]);
    // A journal as a machine that went down may leave it: many lines for rows that never reached the disk.
    let path = folder.path().join("journal");
    let mut journal = fs::read(&path).unwrap();
    for more in 1..=2 * MAX_CANDIDATES as u64 {
        let ahead = lengths.map(|length| length + more);
        journal.extend(serde_json::to_vec(&ahead).unwrap());
        journal.push(b'\n');
    }
    fs::write(&path, &journal).unwrap();
    let (store, seen) = open(folder.path(), true).unwrap();
    assert_eq!((seen, store.lengths), (vec!["a".to_owned(), "b".to_owned()], lengths));
    drop(store);
    // No line is good, or what should be lines is none: all stays as it is.
    let samples = fs::read(folder.path().join("samples.jsonl")).unwrap();
    for (journal, samples) in [
        (&b"[9999,0,0,0,9999]\n"[..], samples.clone()),
        (&[0; 100], samples.clone()),
        (b"nonsense\n[0,0,0,0,0]\n", samples.clone()),
        (&fs::read(&path).unwrap(), vec![b' '; samples.len()]),
    ] {
        fs::write(&path, journal).unwrap();
        fs::write(folder.path().join("samples.jsonl"), &samples).unwrap();
        let error = open(folder.path(), true).unwrap_err().to_string();
        assert!(error.contains("journal, line ") && error.contains("nothing was changed"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), journal);
        assert_eq!(fs::read(folder.path().join("samples.jsonl")).unwrap(), samples);
    }
}

#[test]
fn a_damaged_row_is_named() {
    let folder = filled(&["a", "b"]).0;
    let path = folder.path().join("samples.jsonl");
    let mut samples = fs::read(&path).unwrap();
    let second = samples.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    samples[second..second + 9].fill(0);
    fs::write(&path, samples).unwrap();
    let error = open(folder.path(), true).unwrap_err().to_string();
    assert!(error.contains("samples.jsonl, line 2, is damaged"), "{error}");
}

#[test]
fn rows_are_flushed_when_no_others_follow() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(folder.path(), false).unwrap();
    store.append(Some(&outcome("a")), None).unwrap();
    store.sync_if_due().unwrap();
    assert!(store.unsynced.is_some(), "not yet");
    store.unsynced = store.unsynced.and_then(|since| since.checked_sub(SYNC));
    store.sync_if_due().unwrap();
    assert!(store.unsynced.is_none());
}

#[test]
fn a_folder_is_not_mixed_with_other_results() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), false).unwrap();
    assert!(matches!(open(folder.path(), true), Err(StoreError::InUse { .. })));
    drop(first);
    assert!(matches!(open(folder.path(), false), Err(StoreError::Exists { .. })));
    let other = Settings { options: Vec::new(), ..settings() };
    let error = Store::open(folder.path(), &other, true, |_| (), |_| ()).unwrap_err();
    assert!(error.to_string().contains("(--seed 1 then, not now)"), "{error}");
    let other = Settings { version: "2".into(), options: vec!["--seed 2".into()], ..settings() };
    let error = Store::open(folder.path(), &other, true, |_| (), |_| ()).unwrap_err();
    let expected = "(version 1 then, 2 now; --seed 1 then, not now; --seed 2 now, not then)";
    assert!(error.to_string().contains(expected), "{error}");
    assert!(open(folder.path(), true).is_ok());
}

#[test]
fn files_of_others_stay_as_they_are() {
    for name in contents().chain(["scan.json", "journal"].map(str::to_owned)) {
        for resume in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(&name);
            fs::write(&file, "precious").unwrap();
            let error = open(folder.path(), resume).unwrap_err();
            assert!(matches!(error, StoreError::Foreign { .. }), "{name}: {error}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "precious", "{name}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{name}: nothing was made beside it");
        }
    }
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path(), false).unwrap());
    let target = tempfile::NamedTempFile::new().unwrap();
    fs::write(target.path(), "precious").unwrap();
    for name in contents().chain(["scan.json", "journal"].map(str::to_owned)) {
        let path = folder.path().join(&name);
        let _ = fs::rename(&path, folder.path().join("away"));
        std::os::unix::fs::symlink(target.path(), &path).unwrap();
        let error = open(folder.path(), true).unwrap_err();
        assert!(error.to_string().contains("is a symbolic link"), "{name}: {error}");
        assert!(open_table(&path).is_err(), "{name}: nor if it comes later");
        fs::remove_file(&path).unwrap();
        let _ = fs::rename(folder.path().join("away"), &path);
    }
    assert_eq!(fs::read_to_string(target.path()).unwrap(), "precious");
    assert!(open(folder.path(), true).is_ok());
}

#[test]
fn keys_tell_places_apart() {
    let row = |path: &str, inside: &[&str]| rows::Path {
        origin: rows::Origin {
            path: path.into(),
            path_base64: None,
            inside: inside.iter().map(|&step| step.into()).collect(),
        },
        sha256: None,
        size: None,
        failure: None,
    };
    let keys = [row("a", &["b", "c"]), row("a", &["b"]), row("ab", &["c"]), row("a", &["bc"]), row("a", &[])]
        .map(|row| key(&row));
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 5);
}
