//! The HTML report: one file that holds all it needs, and works in a real browser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use wasmspoor_needs::needs;

/// Names, texts, files and output that would be markup, were they not escaped.
const HOSTILE: &str = r#"(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "<script>alert(1)</script>" "\"><img src=x onerror=alert(2)>" (func $ask (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\20\00\00\00")
  (data (i32.const 64) "<script>alert(3)</script>\1b[2J\"'&")
  (data (i32.const 128) "<svg onload=alert(4)>.txt")
  (data (i32.const 192) "https://x.example/\"><script>alert(5)</script>")
  (func $"<style>*{display:none}</style>" (export "_start") (local i32)
    (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 900))))
    (drop (call $ask))
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 25) (i32.const 9)
      (i64.const 0x42) (i64.const 0) (i32.const 0) (i32.const 8)))
    (drop (call $write (i32.load (i32.const 8)) (i32.const 0) (i32.const 1) (i32.const 12)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12))))
  (func (export "</script><script>alert(6)</script>\e2\80\ae")))"#;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Runs a sample and writes its page into a folder.
fn page(sample: &Path, folder: &Path, name: &str) -> PathBuf {
    let page = folder.join(name);
    let words = ["run", sample.to_str().unwrap(), "--persona", "workstation", "--html", "--fail-on", "never"];
    let spoor = Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).arg("-o").arg(&page).output().unwrap();
    assert!(spoor.status.success(), "{}", String::from_utf8_lossy(&spoor.stderr));
    page
}

/// The pages of samples that show all views, and of one that would deface them.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let hostile = folder.join("a'b\"<i>.wat");
    fs::write(&hostile, HOSTILE).unwrap();
    let mut pages = vec![page(&hostile, folder, "hostile.html")];
    for name in ["miner", "ransomware-chacha", "key-sender", "packed-loader", "form-grabber", "benign-json"] {
        pages.push(page(&corpus(&format!("{name}.wat")), folder, &format!("{name}.html")));
    }
    pages
}

#[test]
fn a_page_is_the_same_from_a_trace_file_and_says_how_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let sample = corpus("benign-json.wat");
    let (trace, path) = (folder.path().join("x.spoor"), |name: &str| folder.path().join(name));
    let spoor = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_spoor")).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    spoor(&["run", &text(&sample), "--html", "-o", &text(&path("run.html")), "--save", &text(&trace)]);
    spoor(&["report", &text(&trace), "--html", "-o", &text(&path("report.html"))]);
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    let (run, report) = (read("run.html"), read("report.html"));
    let command = format!("spoor run {}", text(&sample));
    assert!(run.contains(&command), "{command}");
    // But for the command, a trace file says what the run said.
    let without = |page: &str| {
        let lines = page.replace(&text(&sample), "FILE").replace(&text(&trace), "FILE");
        lines.replace("spoor report FILE", "spoor run FILE")
    };
    assert_eq!(without(&run), without(&report));
}

#[test]
fn a_page_draws_what_became_of_what_the_sample_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(page(&corpus("stealer.wat"), folder.path(), "x.html")).unwrap();
    let (_, flows) = page.split_once("<h3>Data flows</h3>").expect("flows");
    let flow = flows.split("class=\"flow\"").nth(1).expect("a flow");
    for part in ["class=\"source\"", "base64", "→", "class=\"sink\"", "sock_send"] {
        assert!(flow.contains(part), "{part} is not in {flow}");
    }
}

#[needs("chromium")]
#[test]
fn pages_work_in_a_browser_and_hostile_ones_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    let tried =
        Command::new(".ci/html").args(&pages).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(tried.status.success(), "{said}{}", String::from_utf8_lossy(&tried.stderr));
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), pages.len(), "{said}");
}
