//! The tables against what is known of them.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_call_of_preview1_has_a_category_and_no_other_name_has() {
    assert_eq!(wasi().count(), 46);
    assert_eq!(of("args_get", Mode::Full).map(|category| category.to_string()).as_deref(), Some("A-1"));
    assert_eq!(of("sock_recv", Mode::Paper).map(|category| category.to_string()).as_deref(), Some("C-6"));
    assert_eq!(of("fd_frobnicate", Mode::Full), None);
}

#[test]
fn the_paper_prints_ten_categories_of_41_functions() {
    let printed: Vec<_> = wasi().filter(|(name, _)| of(name, Mode::Paper).is_some()).collect();
    assert_eq!(printed.len(), 41);
    let categories: BTreeSet<_> = printed.iter().flat_map(|(_, entry)| &entry.printed).collect();
    assert_eq!(categories.len(), 10);
    let missing: Vec<_> =
        wasi().filter(|(name, _)| of(name, Mode::Paper).is_none()).map(|(name, _)| name).collect();
    assert_eq!(
        missing,
        ["fd_fdstat_set_rights", "fd_filestat_set_size", "poll_oneoff", "proc_exit", "sock_accept"]
    );
}

#[test]
fn a_call_printed_twice_takes_one_of_the_two() {
    for (name, entry) in wasi().filter(|(_, entry)| !entry.printed.is_empty()) {
        assert!(entry.printed.contains(&entry.resolved), "{name}");
    }
}

#[test]
fn levels_and_groups_are_explained() {
    for level in RiskLevel::ALL.into_iter().map(Some).chain([None]) {
        assert!(!meaning(level).is_empty(), "{level:?}");
    }
    for group in 1..=GROUPS as u8 {
        assert!(!group_name(group).is_empty(), "{group}");
    }
}

#[test]
fn system_calls_stand_in_one_group_each() {
    let table: Linux = toml::from_str(include_str!("../../rules/linux-categories.toml")).unwrap();
    let calls = table.groups.values().flatten().count();
    assert_eq!(linux().count(), calls, "one stands twice");
    assert!(calls > 350, "{calls}");
    for (call, group) in [
        ("open", 1),
        ("execve", 2),
        ("init_module", 3),
        ("mmap", 4),
        ("clock_gettime", 5),
        ("connect", 6),
        ("uname", 7),
        ("ioctl", 10),
    ] {
        assert_eq!(of_linux(call), Some(group), "{call}");
    }
    assert_eq!(of_linux("frobnicate"), None);
    assert!(linux().all(|(_, group)| !group_name(group).is_empty()));
}

#[test]
fn what_is_no_category_is_refused() {
    for text in ["", "A", "A-0", "A-11", "E-1", "A-1-1", "a-1"] {
        assert!(text.parse::<Category>().is_err(), "{text}");
    }
}

/// A command that makes five WASI calls from two places, one of them unknown to the table.
const COMMAND: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_frobnicate" (func $new (param i32) (result i32)))
    (import "env" "other" (func $other))
    (memory (export "memory") 1)
    (func $say (drop (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 64))))
    (func (export "_start") (drop (call $sizes (i32.const 0) (i32.const 4))) (call $other)
        (call $say) (call $say) (drop (call $new (i32.const 1))) (call $say)))"#;

#[test]
fn a_run_is_profiled_by_category() {
    let analysis =
        crate::analysis::Analysis::of(COMMAND.as_bytes(), &Default::default(), &crate::rules::Set::default());
    let profiles = Profiles::of(analysis.run.as_ref().unwrap(), &analysis.dynamic, Mode::Full);
    let matrix: Vec<_> =
        profiles.run.matrix.iter().map(|cell| (cell.category.as_str(), cell.calls)).collect();
    assert_eq!(matrix, [("B-1", 3), ("D-1", 1), ("U", 1)]);
    let steps: Vec<_> =
        profiles.run.sequence.iter().map(|step| (step.category.as_str(), step.calls)).collect();
    assert_eq!(steps, [("D-1", 1), ("B-1", 2), ("U", 1), ("B-1", 1)]);
    assert_eq!((profiles.run.calls, profiles.run.cell(RiskLevel::B, 1), profiles.run.unknown()), (5, 3, 1));
    assert_eq!(profiles.run.groups().collect::<Vec<_>>(), [1]);
    assert_eq!((profiles.entries.len(), profiles.entries[0].calls), (1, 5));
    assert_eq!(profiles.sites.len(), 1, "all from one place: {:?}", profiles.sites);
    let site = &profiles.sites[0];
    assert_eq!((site.category.as_str(), site.function.as_str(), site.calls), ("B-1", "fd_write", 3));
    assert_eq!(site.site.map(|site| site.function.0), Some(4));
}
