//! What is absent makes an ignored test, and what is there an ordinary one.

use wasmspoor_needs::needs;

#[needs("Cargo.toml")]
#[test]
fn what_is_there_is_run() {}

#[needs("no/such/thing")]
#[test]
fn what_is_absent_is_not_run() {
    panic!("it was run");
}

#[test]
fn both_are_listed_as_what_they_are() {
    let listed = |option: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().expect("a path"));
        let output = command.args(["--list", option]).output().expect("a list");
        String::from_utf8(output.stdout).expect("UTF-8").matches(": test\n").count()
    };
    assert_eq!((listed("--include-ignored"), listed("--ignored")), (3, 1));
}
