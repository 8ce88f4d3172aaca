use crate::{
    analysis::Analysis,
    module::view::Library,
    report::{Report, Subject, text::Asked},
    rules,
    sandbox::RunOptions,
};

/// A module whose every name is hostile; it writes one of them and creates a file of that name.
const HOSTILE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "<script>alert(1)</script>" "\"><img src=x onerror=alert(2)>" (func $ask))
    (memory (export "memory") 1)
    (data (i32.const 16) "<script>alert(3)</script>\1b[2J\"'")
    (data (i32.const 0) "\10\00\00\00\20\00\00\00")
    (data (i32.const 100) "http://203.0.113.7/<script>alert(6)</script>")
    (func $main (export "_start") (local i32)
        (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 900))))
        (call $ask) (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
    (func (export "</script><script>alert(4)</script>\e2\80\ae")))"#;

fn page(text: &str, name: &str) -> String {
    let options = RunOptions::default();
    page_of(&Analysis::of(text.as_bytes(), &options, &rules::Set::builtin()), &options, name)
}

fn page_of(analysis: &Analysis, options: &RunOptions, name: &str) -> String {
    let report = Report::of(&Subject { name, analysis, options, max_log: 1000 });
    let asked = Asked { command: "run", file: name.as_ref(), options: "" };
    let mut page = Vec::new();
    super::write(&report, analysis.run.as_ref(), asked, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

#[test]
fn what_the_sample_chose_is_text() {
    let page = page(HOSTILE, "<b onclick='x'>\".wasm");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    // One script, ours, and no attribute of theirs.
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    assert!(!page.contains("<img") && !page.contains("<b onclick"));
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    // Styles stand in one place, so that the policy of the page can name it.
    assert_eq!(page.matches("<style").count(), 1);
    assert!(!page.contains(" style=\""));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn a_page_says_what_is_asked_first() {
    let page = page(HOSTILE, "sample.wasm");
    for id in [
        "why",
        "timeline",
        "course",
        "output",
        "map",
        "flame",
        "functions",
        "code",
        "states",
        "indicators",
        "unseen",
        "file",
    ] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(page.contains("spoor run sample.wasm --html"));
    assert!(page.contains("br_if 0"));
    assert!(page.contains("class=\"cfg\"") && page.contains("class=\"around\""));
    // Files of indicators are in the page.
    let (_, csv) = page.split_once("href=\"data:text/csv;base64,").unwrap();
    let csv = csv.split_once('"').unwrap().0;
    let csv = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, csv).unwrap();
    assert!(csv.starts_with(b"kind,value,seen,offset,encoding,sample\n"));
}

#[test]
fn a_file_that_is_no_module_has_a_page() {
    let page = page("(module (func (drop)))", "broken.wat");
    assert!(page.contains("it is no valid module"));
    assert!(!page.contains("<section id=\"flame\""));
}

#[test]
fn functions_of_libraries_stand_apart() {
    let options = RunOptions::default();
    let text = r#"(module (func $f (local i32) (local.set 0 (i32.const 5)) (loop (br_if 0
        (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))) (func (export "_start") (call 0)))"#;
    let wasm = wat::parse_str(text.replace("$f", "")).unwrap();
    let mut analysis = Analysis::of(&wasm, &options, &rules::Set::builtin());
    assert!(!page_of(&analysis, &options, "x").contains("by fingerprint"));
    let library = Library { of: "C library", name: "memcpy" };
    analysis.view.functions[0].library = Some(library);
    let page = page_of(&analysis, &options, "x");
    for part in ["memcpy by fingerprint", "chip library\">C library<", "h9 library", "its own or unknown"] {
        assert!(page.contains(part), "{part}");
    }
    let subject = Subject { name: "x", analysis: &analysis, options: &options, max_log: 0 };
    let report = serde_json::to_value(Report::of(&subject)).unwrap();
    assert_eq!(report["libraries"][0]["functions_run"], 1);
    assert_eq!(report["view"]["functions"][0]["library"]["name"], "memcpy");
    assert_eq!(report["view"]["functions"][0]["name"], serde_json::Value::Null);
}

/// A reader of a page that says CLEAN asks why as well.
#[test]
fn why_nothing_is_held_against_a_sample_is_said() {
    let page = page(r#"(module (func (export "_start") (drop (i32.const 1))) (func $never nop))"#, "x.wat");
    let (_, why) = page.split_once("<section id=\"why\"").unwrap();
    let why = why.split_once("</section>").unwrap().0;
    assert!(why.contains("Nothing that was looked at weighs against it"), "{why}");
    let (_, unseen) = page.split_once("<section id=\"unseen\"").unwrap();
    let (before, _) = unseen.split_once("never ran").unwrap();
    assert_eq!(before.matches("<li>").count(), 1, "it comes first: {before}");
}
