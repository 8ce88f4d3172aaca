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
    let missing: Vec<_> = wasi().filter(|(name, _)| of(name, Mode::Paper).is_none()).map(|(name, _)| name).collect();
    assert_eq!(missing, ["fd_fdstat_set_rights", "fd_filestat_set_size", "poll_oneoff", "proc_exit", "sock_accept"]);
}

#[test]
fn a_call_printed_twice_takes_one_of_the_two() {
    for (name, entry) in wasi().filter(|(_, entry)| !entry.printed.is_empty()) {
        assert!(entry.printed.contains(&entry.resolved), "{name}");
    }
}

#[test]
fn levels_and_groups_are_explained() {
    for level in Level::ALL.into_iter().map(Some).chain([None]) {
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
