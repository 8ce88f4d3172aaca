//! The commands that show values, on recorded runs: `dump --values`, `state`, `who-wrote`, `find`.

#[path = "common/command.rs"]
mod command;

use std::{collections::BTreeMap, fs, path::PathBuf};

use command::{json, lines, shown, spoor};
use serde_json::Value;

/// Decrypts a text with a key that the host gives, in a function of its own, and copies it.
const DECRYPTER: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\39\3a\25\25\38")
  (global $count (mut i32) (i32.const 0))
  (func $decrypt (param $at i32) (result i32)
    (i32.store8 (i32.add (local.get $at) (i32.const 80))
      (i32.xor (i32.load8_u (i32.add (local.get $at) (i32.const 16))) (i32.const 0x4a)))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (local.get $at))
  (func (export "_start") (local $i i32)
    (drop (call $random (i32.const 0) (i32.const 4)))
    (loop $again
      (drop (call $decrypt (local.get $i)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
    (memory.copy (i32.const 256) (i32.const 80) (i32.const 5))
    (i32.store8 (i32.const 80) (i32.const 0))
    (drop (f64.mul (f64.const 1.5) (f64.const -2)))
    (drop (i64.add (i64.const 9007199254740993) (i64.const 0)))))"#;

/// What is refused: exit code and message.
fn refused(words: &[&str]) -> (i32, String) {
    let output = spoor(words);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A sample and its recording.
struct Recorded {
    _folder: tempfile::TempDir,
    sample: PathBuf,
    trace: PathBuf,
}

impl Recorded {
    fn new(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sample, trace) = (folder.path().join("decrypter.wat"), folder.path().join("decrypter.spoor"));
        fs::write(&sample, DECRYPTER).unwrap();
        let words = ["record", sample.to_str().unwrap(), "-o", trace.to_str().unwrap()];
        shown(&[&words, options].concat());
        Self { _folder: folder, sample, trace }
    }

    fn trace(&self) -> &str {
        self.trace.to_str().unwrap()
    }
}

#[test]
fn dump_tells_what_each_instruction_took_and_gave() {
    let recorded = Recorded::new(&["--effects"]);
    let all = lines(shown(&["dump", recorded.trace(), "--values", "--json"]));
    let plain = lines(shown(&["dump", recorded.trace(), "--json"]));
    // The same events with the same fields, and more.
    assert_eq!(all.len(), plain.len());
    for (with, without) in all.iter().zip(&plain) {
        for (key, value) in without.as_object().unwrap() {
            assert_eq!(&with[key], value, "{with}");
        }
    }
    let of = |opcode: &str| -> Vec<&Value> { all.iter().filter(|line| line["opcode"] == opcode).collect() };
    let xor = of("i32.xor");
    assert_eq!(xor.len(), 5);
    assert_eq!(xor[0]["operands"], serde_json::json!([{"i32": 0x39}, {"i32": 0x4a}]));
    assert_eq!(xor[0]["results"], serde_json::json!([{"i32": 0x73}]));
    let store = of("i32.store8");
    assert_eq!(
        (&store[4]["address"], &store[4]["memory"], &store[4]["bytes"]),
        (&84.into(), &0.into(), &1.into())
    );
    assert_eq!(of("i64.add")[0]["results"], serde_json::json!([{"i64": "9007199254740993"}]));
    assert_eq!(of("f64.mul")[0]["results"], serde_json::json!([{"f64": -3.0}]));
    let copy = of("memory.copy");
    assert_eq!(
        (&copy[0]["address"], &copy[0]["from_address"], &copy[0]["bytes"]),
        (&256.into(), &80.into(), &5.into())
    );
    let call = of("call");
    assert_eq!((&call[1]["operands"], &call[1]["callee"]), (&serde_json::json!([{"i32": 0}]), &1.into()));
    let host: Vec<_> = all.iter().filter(|line| line["event"] == "host_call").collect();
    assert_eq!(host[0]["operands"], serde_json::json!([{"i32": 0}, {"i32": 4}]));
    let leave: Vec<_> = all.iter().filter(|line| line["event"] == "leave").collect();
    assert_eq!(leave[2]["results"], serde_json::json!([{"i32": 2}]));
    // A part is the same as that part of the whole.
    let from = xor[2]["number"].as_u64().unwrap();
    let part = lines(shown(&[
        "dump",
        recorded.trace(),
        "--values",
        "--json",
        "--from",
        &from.to_string(),
        "--limit",
        "30",
    ]));
    let first = all.iter().position(|line| line["number"].as_u64() == Some(from)).unwrap();
    assert_eq!(part[..], all[first..first + 30]);
    let text = shown(&["dump", recorded.trace(), "--values", "--opcode", "i32.xor", "--limit", "1"]);
    assert!(text.contains("i32.xor  (i32 57, i32 74)  → i32 115"), "{text}");
}

#[test]
fn a_heat_map_has_all_that_was_read_and_written() {
    let recorded = Recorded::new(&[]);
    let map = json(&["dump", recorded.trace(), "--heat-map"]);
    assert_eq!(
        (&map["schema"], &map["page_bytes"], &map["from"]),
        (&"spoor.heat/1".into(), &4096.into(), &0.into())
    );
    let cells = map["cells"].as_array().unwrap();
    let sum = |what: &str| cells.iter().map(|cell| cell[what].as_u64().unwrap()).sum::<u64>();
    // Five loads and the copy; four random bytes, five stores, the copy, one store.
    assert_eq!((sum("read"), sum("written")), (5 + 5, 4 + 5 + 5 + 1));
    assert!(cells.iter().all(|cell| cell["address"] == 0 && cell["memory"] == 0), "{cells:?}");
    let part = json(&["dump", recorded.trace(), "--heat-map", "--from", "1000000"]);
    assert_eq!(part["cells"].as_array().map(Vec::len), Some(0));
    let (exit, _) = refused(&["dump", recorded.trace(), "--heat-map", "--values"]);
    assert_eq!(exit, 2);
}

/// Tenet's reading of a text: registers after each line, and a memory in which what is read must be what was
/// written.
fn explore(text: &str) -> Vec<BTreeMap<String, u64>> {
    let hex = |text: &str| u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap();
    let (mut registers, mut memory) = (BTreeMap::new(), BTreeMap::new());
    let read = |line: &str| {
        for (name, value) in line.split(',').map(|item| item.split_once('=').unwrap()) {
            let Some((address, bytes)) = value.split_once(':') else {
                registers.insert(name.to_owned(), hex(value));
                continue;
            };
            for (address, place) in (hex(address)..).zip((0..bytes.len()).step_by(2)) {
                let byte = u8::from_str_radix(&bytes[place..place + 2], 16).unwrap();
                let before = memory.insert(address, byte);
                assert!(name == "mw" || before.is_none_or(|before| before == byte), "{line}");
            }
        }
        registers.clone()
    };
    text.lines().map(read).collect()
}

#[test]
fn tenet_reads_what_each_instruction_took_gave_and_touched() {
    let recorded = Recorded::new(&["--effects"]);
    let text = shown(&["dump", recorded.trace(), "--tenet"]);
    let states = explore(&text);
    let all = lines(shown(&["dump", recorded.trace(), "--values", "--json"]));
    let instructions: Vec<_> = all.iter().filter(|line| line["event"] == "instruction").collect();
    assert_eq!(states.len(), instructions.len());
    let mut compared = 0;
    for (state, line) in states.iter().zip(&instructions) {
        assert_eq!(
            (state["rip"], state["r15"]),
            (line["offset"].as_u64().unwrap(), line["number"].as_u64().unwrap())
        );
        assert_eq!(state["rbx"], line["function"].as_u64().unwrap());
        if let Some(result) = line["results"].get(0).and_then(|value| value["i32"].as_i64()) {
            assert_eq!(state["rax"], u64::from(result as u32), "{line}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared}");
    // Tenet wants all registers of amd64 in the first line.
    assert_eq!(states[0].len(), 17);
    // The segment, each load and store of the loop, the copy; the host's four bytes come with the line after
    // the call.
    assert!(text.lines().next().unwrap().contains(",mw=0x10:393a252538"), "{text}");
    assert!(text.contains(",mr=0x10:39") && text.contains(",mw=0x50:73"), "{text}");
    assert!(text.contains(",mr=0x50:73706f6f72,mw=0x100:73706f6f72"), "{text}");
    assert_eq!(text.matches("mw=0x0:").count(), 1);
    // A function that is called is one deeper.
    let depth = |name: &str| {
        let of = instructions.iter().position(|line| line["opcode"] == name).unwrap();
        states[of]["rsp"]
    };
    assert_eq!((depth("call"), depth("i32.xor")), (1, 2));
    // A part says the same of its instructions.
    let xor = instructions.iter().position(|line| line["opcode"] == "i32.xor").unwrap();
    let from = instructions[xor]["number"].as_u64().unwrap();
    let (first, last) = (from.to_string(), (from + 20).to_string());
    let part = explore(&shown(&["dump", recorded.trace(), "--tenet", "--from", &first, "--to", &last]));
    assert_eq!(part.len(), 20);
    for (part, whole) in part.iter().zip(&states[xor..]) {
        assert_eq!((part["rip"], part["rsp"], part["rdi"]), (whole["rip"], whole["rsp"], whole["rdi"]));
    }
    assert_eq!(refused(&["dump", recorded.trace(), "--tenet", "--json"]).0, 2);
}

/// A tail call of an import takes the place of its function: the results are those of the caller's call.
#[test]
fn a_tail_call_of_an_import_leaves_its_frame() {
    let sample = tempfile::Builder::new().suffix(".wat").tempfile().unwrap();
    fs::write(
        &sample,
        r#"(module
          (import "env" "ask" (func $ask (param i32) (result i32)))
          (func $tail (param i64 i64) (result i32) (return_call $ask (i32.const 5)))
          (func $long (result i64) (drop (call $tail (i64.const 1) (i64.const 2))) (i64.const 9))
          (func (export "_start") (drop (call $long))))"#,
    )
    .unwrap();
    let trace = sample.path().with_extension("spoor");
    let trace = trace.to_str().unwrap();
    shown(&["record", sample.path().to_str().unwrap(), "-o", trace]);
    let all = lines(shown(&["dump", trace, "--values", "--json"]));
    let results = |event: &str| -> Vec<_> {
        let of = all.iter().filter(|line| line["event"] == event);
        of.filter_map(|line| line["results"].get(0)).cloned().collect()
    };
    assert_eq!(results("leave"), [serde_json::json!({ "i64": 9 })], "{all:?}");
    let states = explore(&shown(&["dump", trace, "--tenet"]));
    let depths: Vec<_> = states.iter().map(|state| state["rsp"]).collect();
    let deepest = depths.iter().max().unwrap();
    assert_eq!((deepest, depths.last()), (&3, Some(&1)), "{depths:?}");
    fs::remove_file(trace).unwrap();
}

/// With `--features parquet`; that rows are read again as they were written, `parquet/tests/tables.rs` tests.
#[cfg(feature = "parquet")]
#[test]
fn a_table_has_a_row_for_each_instruction_that_is_asked_for() {
    let recorded = Recorded::new(&[]);
    let file = recorded.trace.with_extension("parquet");
    let words = ["dump", recorded.trace(), "--parquet", file.to_str().unwrap(), "--function", "decrypt"];
    assert_eq!(shown(&words), "");
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let text = String::from_utf8_lossy(&bytes);
    assert!(["number", "operands", "from_address"].iter().all(|column| text.contains(column)));
    assert_eq!(refused(&[&words[..], &["--json"]].concat()).0, 2);
}

#[test]
fn dump_of_a_sample_has_values_too() {
    let recorded = Recorded::new(&[]);
    let sample = recorded.sample.to_str().unwrap();
    let text =
        shown(&["dump", sample, "--values", "--function", "decrypt", "--opcode", "i32.xor", "--to", "40"]);
    assert!(text.contains("→ i32 115"), "{text}");
    // The sample runs in the sandbox, as it is recorded.
    for more in [&[][..], &["--values"], &["--heat-map"], &["--json"]] {
        let [sample, trace] = [sample, recorded.trace()].map(|file| shown(&[&["dump", file], more].concat()));
        assert_eq!(sample, trace, "{more:?}");
    }
    let random = |seed: &str| shown(&["dump", sample, "--values", "--seed", seed]);
    assert_eq!(random("1"), random("1"));
    // A file without effects: the sample is run again.
    let again = shown(&["dump", recorded.trace(), "--values"]);
    assert_eq!(again, shown(&["dump", Recorded::new(&["--effects"]).trace(), "--values"]));
}

#[test]
fn state_shows_frames_globals_and_memory() {
    let recorded = Recorded::new(&[]);
    let all = lines(shown(&["dump", recorded.trace(), "--json", "--values", "--opcode", "i32.store8"]));
    let third = all[2]["number"].as_u64().unwrap();
    let at = |event: u64, more: &[&str]| {
        let event = event.to_string();
        json(&[&["state", recorded.trace(), "--at", &event, "--json"], more].concat())
    };
    let before = at(third, &["--memory", "0x50:5", "--memory", "0:16:2"]);
    assert_eq!((&before["schema"], &before["event"]), (&"spoor.state/1".into(), &third.into()));
    let levels = before["levels"].as_array().unwrap();
    assert_eq!((&levels[0]["name"], &levels[0]["opcode"]), (&"_start".into(), &"call".into()));
    assert_eq!((&levels[1]["name"], &levels[1]["opcode"]), (&"decrypt".into(), &"i32.store8".into()));
    assert_eq!(levels[1]["locals"], serde_json::json!([{"i32": 2}]));
    assert_eq!(levels[1]["operands"], serde_json::json!([{"i32": 82}, {"i32": 0x6f}]));
    assert_eq!(before["globals"], serde_json::json!([{"i32": 2}]));
    assert_eq!(before["memories"], serde_json::json!([65536]));
    assert_eq!(
        (&before["memory"][0]["hex"], &before["memory"][1]["hex"]),
        (&"7370000000".into(), &"393a".into())
    );
    let after = at(third + 1, &["--memory", "0x50:5"]);
    assert_eq!(after["memory"][0]["hex"], "73706f0000");
    let end = at(u64::MAX, &[]);
    assert_eq!((&end["is_end"], &end["levels"]), (&true.into(), &serde_json::json!([])));
    let text = shown(&["state", recorded.trace(), "--at", &(third + 1).to_string(), "--memory", "0x50:16"]);
    for part in
        ["local 0    i32 2", "global 0    i32 2", "00000050  73 70 6f 00", "spo....", "_start, at call"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn who_wrote_names_the_last_writers_and_follows_copies() {
    let recorded = Recorded::new(&[]);
    let runs = json(&["who-wrote", recorded.trace(), "--at", "100000", "0x50:5", "--json"]);
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 5, "{runs:?}");
    assert!(runs.iter().all(|run| run["opcode"] == "i32.store8" && run["len"] == 1));
    let copied = json(&["who-wrote", recorded.trace(), "--at", "100000", "256:5", "--json"]);
    let copy = &copied["runs"][0];
    assert_eq!((&copy["opcode"], &copy["from"]), (&"memory.copy".into(), &serde_json::json!([0, 80])));
    // Not who wrote there later.
    assert_eq!(copy["before"].as_array().unwrap().len(), 5);
    assert!(copy["before"][0]["event"].as_u64() < copy["event"].as_u64());
    let text = shown(&["who-wrote", recorded.trace(), "--at", "100000", "0x10:5"]);
    assert!(text.contains("a data segment"), "{text}");
    let text = shown(&["who-wrote", recorded.trace(), "--at", "100000", "0:8"]);
    assert!(text.contains("random_get") && text.contains("0x4 to 0x7: nobody"), "{text}");
}

#[test]
fn find_says_from_when_until_when_bytes_and_values_exist() {
    let recorded = Recorded::new(&[]);
    let found = json(&["find", recorded.trace(), "--text", "spoor", "--json"]);
    let places = found["places"].as_array().unwrap();
    assert_eq!(places.len(), 2, "{places:?}");
    assert_eq!((&places[0]["address"], &places[0]["encoding"]), (&80.into(), &"utf-8".into()));
    assert!(places[0]["until"].as_u64().unwrap() > places[0]["from"].as_u64().unwrap());
    assert_eq!((&places[1]["address"], &places[1]["until"]), (&256.into(), &Value::Null));
    assert_eq!(places[1]["writer"]["opcode"], "memory.copy");
    let segment = shown(&["find", recorded.trace(), "--bytes", "39 3a 25"]);
    assert!(
        segment.contains("found at 1 place") && segment.contains("from event 0 until the end"),
        "{segment}"
    );
    let value = json(&["find", recorded.trace(), "--value", "0x6f", "--json"]);
    assert_eq!(value["values"][0]["opcode"], "i32.xor");
    let value = shown(&["find", recorded.trace(), "--value", "-3.0"]);
    assert!(value.contains("f64.mul"), "{value}");
    assert!(shown(&["find", recorded.trace(), "--text", "absent"]).contains("found at 0 places"));
}

#[test]
fn what_makes_no_sense_is_refused_with_reasons() {
    let recorded = Recorded::new(&[]);
    let (trace, sample) = (recorded.trace(), recorded.sample.to_str().unwrap());
    for (words, code, said) in [
        (&["state", trace][..], 2, "--at"),
        (&["state", trace, "--at", "x"], 2, "not a number"),
        (&["state", trace, "--at", "1", "--memory", "0:0"], 2, "no bytes"),
        (&["state", trace, "--at", "1", "--memory", "65530:16"], 2, "are asked for"),
        (&["state", trace, "--at", "1", "--memory", "7:0:1"], 2, "no memory 7"),
        (&["state", trace, "--at", "1", "--memory", "0:4294967296"], 2, "at most"),
        (&["state", sample, "--at", "1"], 2, "not a trace file"),
        (&["who-wrote", trace, "--at", "1", "0:1000000"], 2, "the most"),
        (&["who-wrote", trace, "--at", "1", "99999999:4"], 2, "are asked for"),
        (&["who-wrote", trace, "--at", "1", "65534:4"], 2, "0xfffe to 0x10001 are asked for"),
        (&["who-wrote", trace, "--at", "1", "3:0:4"], 2, "no memory 3"),
        (&["slice", trace, "--at", "1", "--memory", "99999999:4"], 2, "are asked for"),
        (&["slice", trace, "--at", "1", "--memory", "3:0:4"], 2, "no memory 3"),
        (&["dump", trace, "--from", "10", "--to", "5"], 2, "no event is from 10 on and before 5"),
        (&["dump", sample, "--from", "10", "--to", "10"], 2, "no event is"),
        (&["dump", sample, "--function", "0"], 4, "function 0 is imported and has no code"),
        (&["dump", trace, "--function", "random"], 4, "function 0 is imported and has no code"),
        (&["find", trace, "--value", "99999999999999999999999999"], 2, "more than 64 bits"),
        (&["find", trace, "--value", "1e400"], 2, "beyond what an f64 can be"),
        (&["run", sample, "--file", "X::/a/../../b"], 2, "no absolute path"),
        (&["run", sample, "--file", "X::/a/./b"], 2, "no absolute path"),
        (&["run", sample, "--seed", "-1"], 2, "invalid value '-1'"),
        (&["state", trace, "--at", "-1"], 2, "not a number"),
        (&["dump", trace, "--limit", "-1"], 2, "invalid value '-1'"),
        (&["who-wrote", trace, "--at", "1"], 2, "ADDR:LEN"),
        (&["find", trace], 2, "required"),
        (&["find", trace, "--bytes", "abc"], 2, "hexadecimal"),
        (&["find", trace, "--text", ""], 2, "0 bytes"),
        (&["find", trace, "--value", "much"], 2, "not a number"),
    ] {
        let (found, message) = refused(words);
        assert!(found == code && message.contains(said), "{words:?}: {found} {message}");
    }
}

/// A recording whose decisions were changed has values only up to there, and says so.
#[test]
fn a_recording_that_lies_is_found_out() {
    let recorded = Recorded::new(&[]);
    let other = Recorded::new(&["--seed", "7"]);
    let detached = recorded.trace.with_file_name("detached.spoor");
    shown(&["record", recorded.sample.to_str().unwrap(), "-o", detached.to_str().unwrap(), "--detached"]);
    let (code, message) = refused(&["state", detached.to_str().unwrap(), "--at", "5"]);
    assert!(code == 2 && message.contains("--sample"), "{code} {message}");
    let shown = shown(&[
        "state",
        detached.to_str().unwrap(),
        "--at",
        "5",
        "--sample",
        other.sample.to_str().unwrap(),
    ]);
    assert!(shown.starts_with("event 5\n"), "{shown}");
}

#[test]
fn a_slice_leads_back_to_the_host_and_segments() {
    let recorded = Recorded::new(&[]);
    let all = lines(shown(&["dump", recorded.trace(), "--json", "--values", "--opcode", "i32.store8"]));
    let third = all[2]["number"].as_u64().unwrap().to_string();
    let slice = |more: &[&str]| {
        json(&[&["slice", recorded.trace(), "--at", &third, "--format", "json"], more].concat())
    };
    let of = |slice: &Value| -> Vec<String> {
        let steps = slice["steps"].as_array().unwrap();
        steps.iter().map(|step| step["opcode"].as_str().or(step["by"].as_str()).unwrap().to_owned()).collect()
    };
    // The value that is stored: a byte of the segment, and the key.
    let value = slice(&["--operand", "1"]);
    assert_eq!(of(&value), ["segment", "i32.load8_u", "i32.const", "i32.xor"]);
    assert_eq!((&value["roots"], &value["is_cut"]), (&serde_json::json!([3]), &false.into()));
    // With where it was loaded from: the counter of the loop.
    let with = of(&slice(&["--operand", "1", "--addresses"]));
    assert!(with.len() > 6 && with.contains(&"i32.add".to_owned()), "{with:?}");
    let memory = slice(&["--memory", "0:4"]);
    assert_eq!(of(&memory), ["host"]);
    let text = shown(&["slice", recorded.trace(), "--at", &third]);
    assert!(text.contains("i32.xor → 0x6f  of #"), "{text}");
    let dot = shown(&["slice", recorded.trace(), "--at", &third, "--format", "dot"]);
    assert!(dot.starts_with("digraph slice {") && dot.contains(" -> ") && dot.ends_with("}\n"), "{dot}");
    for (words, said) in [
        (&["--at", &third, "--operand", "2"][..], "no operand 2"),
        (&["--at", "99999999"], "the run is over"),
        (&["--at", &third, "--operand", "0", "--memory", "0:1"], "cannot be used with"),
    ] {
        let (code, message) = refused(&[&["slice", recorded.trace()], words].concat());
        assert!(code == 2 && message.contains(said), "{words:?}: {code} {message}");
    }
}

#[test]
fn a_slice_at_what_takes_nothing_is_of_what_it_gives() {
    let recorded = Recorded::new(&[]);
    let first = |opcode: &str, function: &str| {
        let words =
            ["dump", recorded.trace(), "--json", "--values", "--opcode", opcode, "--function", function];
        lines(shown(&words))[0]["number"].as_u64().unwrap().to_string()
    };
    let slice = |at: &str| json(&["slice", recorded.trace(), "--at", at, "--format", "json"]);
    let opcodes = |slice: &Value| -> Vec<String> {
        let steps = slice["steps"].as_array().unwrap();
        steps.iter().map(|step| step["opcode"].as_str().unwrap().to_owned()).collect()
    };
    // The second `local.tee` gives what an addition made.
    let words = ["dump", recorded.trace(), "--json", "--values", "--opcode", "local.get", "--function", "2"];
    let second = lines(shown(&words))[2]["number"].as_u64().unwrap().to_string();
    let local = slice(&second);
    assert_eq!(
        (&local["of"], opcodes(&local)),
        (&"local".into(), vec!["i32.const".into(), "i32.add".into()])
    );
    let words = ["dump", recorded.trace(), "--json", "--values", "--opcode", "global.get"];
    let third = lines(shown(&words))[2]["number"].as_u64().unwrap().to_string();
    let global = slice(&third);
    assert_eq!((&global["of"], opcodes(&global).last()), (&"global".into(), Some(&"i32.add".to_owned())));
    let constant = first("i64.const", "2");
    assert_eq!(slice(&constant)["of"], "nothing");
    let text = shown(&["slice", recorded.trace(), "--at", &constant]);
    assert_eq!(text, "`i64.const 9007199254740993` gives a constant of the code\n");
    let text = shown(&["slice", recorded.trace(), "--at", &first("loop", "2")]);
    assert_eq!(text, "`loop` takes no operands\n");
    let text = shown(&["dump", recorded.trace(), "--opcode", "i64.const"]);
    assert!(text.contains(" i64.const 9007199254740993\n"), "{text}");
}

/// What lies below on the stack is nothing that a `nop` or a `memory.size` takes.
#[test]
fn a_slice_at_what_leaves_the_stack_alone_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, trace) = (folder.path().join("size.wat"), folder.path().join("size.spoor"));
    let text = r#"(module (memory 2) (func (export "_start")
      i32.const 3 nop memory.size i32.add drop))"#;
    fs::write(&sample, text).unwrap();
    let trace = trace.to_str().unwrap();
    shown(&["record", sample.to_str().unwrap(), "-o", trace]);
    for (at, said) in [
        ("1", "`nop` takes no operands; 1 operand below it: --operand names one\n"),
        (
            "2",
            "`memory.size` gives a size: that of the beginning, and what grew it since; 1 operand below it: --operand names one\n",
        ),
    ] {
        assert_eq!(shown(&["slice", trace, "--at", at]), said, "{at}");
    }
    let text = shown(&["slice", trace, "--at", "2", "--operand", "0"]);
    assert!(text.contains("i32.const → 0x3"), "{text}");
}

/// Two threads that say a letter in turns.
const TURNS: &str = r#"(module
  (import "env" "memory" (memory 1 4 shared))
  (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))
  (data (i32.const 100) "AB")
  (global $mine (mut i32) (i32.const 7))
  (func $say (param $i i32)
    (i32.store (i32.const 0) (i32.add (i32.const 100) (local.get $i)))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "wasi_thread_start") (param $thread i32) (param $given i32) (local $n i32)
    (global.set $mine (local.get $given))
    (loop $again
      (call $say (local.get $given))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8))))
    (drop (i32.atomic.rmw.add (i32.const 204) (i32.const 1)))
    (drop (memory.atomic.notify (i32.const 204) (i32.const -1))))
  (func (export "_start")
    (drop (call $spawn (i32.const 0)))
    (drop (call $spawn (i32.const 1)))
    (block $done (loop $more
      (br_if $done (i32.eq (i32.atomic.load (i32.const 204)) (i32.const 2)))
      (drop (memory.atomic.wait32 (i32.const 204) (i32.atomic.load (i32.const 204)) (i64.const -1)))
      (br $more)))))"#;

#[test]
fn a_state_names_its_thread_and_those_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, trace) = (folder.path().join("turns.wat"), folder.path().join("turns.spoor"));
    fs::write(&sample, TURNS).unwrap();
    let trace = trace.to_str().unwrap();
    shown(&["record", sample.to_str().unwrap(), "-o", trace]);
    let said = lines(shown(&["dump", trace, "--json", "--values", "--function", "2", "--opcode", "i32.add"]));
    let events: Vec<String> = said.iter().map(|line| line["number"].as_u64().unwrap().to_string()).collect();
    let states: Vec<Value> =
        events.iter().map(|event| json(&["state", trace, "--at", event, "--json"])).collect();
    let threads: std::collections::BTreeSet<u64> =
        states.iter().map(|state| state["thread"].as_u64().unwrap()).collect();
    assert_eq!(threads.len(), 2, "{threads:?}");
    assert!(!threads.contains(&0), "{threads:?}");
    for state in &states {
        let main = state["waiting"].as_array().unwrap().iter().find(|of| of["thread"] == 0).unwrap();
        let levels = main["levels"].as_array().unwrap();
        assert_eq!(levels[0]["name"], "_start", "{state}");
        // Each thread has globals of its own.
        assert_eq!(main["globals"], serde_json::json!([{"i32": 7}]), "{state}");
        let others = state["waiting"].as_array().unwrap().iter().filter(|of| of["thread"] != 0);
        let mut globals = others.map(|of| &of["globals"]).chain([&state["globals"]]);
        assert!(globals.all(|of| of[0]["i32"].as_u64().unwrap() < 2), "{state}");
    }
    let text = shown(&["state", trace, "--at", &events[0]]);
    assert!(text.lines().next().unwrap().contains(", thread "), "{text}");
    let (_, waiting) = text.split_once("\nthread 0 waits for its turn\n").unwrap();
    assert!(waiting.contains("\nglobal 0    i32 7\n"), "{text}");
}

#[test]
fn a_dump_that_prints_nothing_says_why() {
    let recorded = Recorded::new(&[]);
    for file in [recorded.trace(), recorded.sample.to_str().unwrap()] {
        for (words, said) in [
            (&["--from", "99999999"][..], "ends before event 99,999,999"),
            (&["--opcode", "f32.sqrt"], "no event is what the options ask for"),
        ] {
            let output = spoor(&[&["dump", file], words].concat());
            let message = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success() && output.stdout.is_empty(), "{words:?}");
            assert!(message.contains(said), "{file} {words:?}: {message}");
        }
    }
    let (code, message) = refused(&["dump", recorded.trace(), "--limit", "1"]);
    assert!(code == 0 && message.is_empty(), "{message}");
}

/// An option that says how to run is refused of what was run already, and so is the sample of a sample.
#[test]
fn options_that_do_not_go_with_a_file_are_refused() {
    let recorded = Recorded::new(&[]);
    let (trace, sample) = (recorded.trace(), recorded.sample.to_str().unwrap());
    for command in
        [&["taint"][..], &["graph", "calls"], &["graph", "static-calls"], &["export", "folded"], &["dump"]]
    {
        for option in [
            &["--persona", "workstation"][..],
            &["--max-depth", "100"],
            &["--no-budgets"],
            &["--invoke", "_start"],
            &["--options", "x.json"],
        ] {
            let (code, message) = refused(&[command, &[trace], option].concat());
            assert!(code == 2 && message.contains(option[0]), "{command:?} {option:?}: {message}");
            assert!(message.contains("is a trace file"), "{command:?} {option:?}: {message}");
        }
        let (code, message) = refused(&[command, &[sample, "--sample", "/nonexistent"]].concat());
        assert!(code == 2 && message.contains("--sample is for trace files"), "{command:?}: {message}");
    }
    // What a configuration file sets for all commands is no mistake.
    let config = recorded.trace.with_file_name("spoor.toml");
    fs::write(&config, "[all]\npersona = \"workstation\"\n").unwrap();
    shown(&["taint", trace, "--config", config.to_str().unwrap()]);
}

/// The parts of a recording that is cut off before its chunks number 3, 4 and so on.
fn cuts(trace: &std::path::Path) -> Vec<PathBuf> {
    let reader = wasmspoor::file::Reader::open(trace).unwrap();
    let bytes = fs::read(trace).unwrap();
    let begins = reader.chunks().iter().map(|(_, at)| *at as usize).enumerate().skip(2);
    let cut = |(number, at): (usize, usize)| {
        let path = trace.with_file_name(format!("cut{number}.spoor"));
        fs::write(&path, &bytes[..at]).unwrap();
        path
    };
    begins.map(cut).collect()
}

/// The end of a file that is cut off is not the end of the run. An answer that would need what comes after it
/// is an error with exit code 1. An answer before it is told as it was.
#[test]
fn answers_of_a_file_that_is_cut_off_end_where_it_does() {
    let recorded = Recorded::new(&["--effects"]);
    let whole = recorded.trace();
    let (mut known, mut unknown) = (0, 0);
    for cut in cuts(&recorded.trace) {
        let cut = cut.to_str().unwrap();
        let recording = wasmspoor::file::Recorded::open(std::path::Path::new(cut), None).unwrap();
        if recording.is_over {
            continue;
        }
        for (words, needs_end) in [
            (&["state", "", "--at", "5"][..], false),
            (&["state", "", "--at", "4000000000"], true),
            (&["who-wrote", "", "--at", "5", "0:4"], false),
            (&["who-wrote", "", "--at", "4000000000", "0:4"], true),
            (&["slice", "", "--at", "5", "--memory", "0:4"], false),
            (&["find", "", "--text", "spoor"], true),
            (&["find", "", "--value", "7"], true),
            (&["taint", ""], true),
            (&["dump", ""], true),
            (&["dump", "", "--values"], true),
            (&["dump", "", "--values", "--from", "3", "--to", "5"], false),
            (&["dump", "", "--heat-map"], true),
            (&["dump", "", "--heat-map", "--from", "3", "--to", "5"], false),
        ] {
            let of = |file: &str| {
                spoor(
                    &words.iter().map(|&word| if word.is_empty() { file } else { word }).collect::<Vec<_>>(),
                )
            };
            let (part, all) = (of(cut), of(whole));
            let message = String::from_utf8_lossy(&part.stderr).into_owned();
            match part.status.code() {
                Some(0) => {
                    assert!(!needs_end, "{cut} {words:?}: {message}");
                    assert_eq!(part.stdout, all.stdout, "{cut} {words:?}");
                    known += 1;
                }
                code => {
                    assert_eq!(code, Some(1), "{cut} {words:?}: {message}");
                    assert!(!message.is_empty(), "{cut} {words:?}");
                    unknown += 1;
                }
            }
        }
    }
    assert!(known > 0 && unknown > 0, "{known} {unknown}");
}

/// What can be replayed of a file that is cut off is exported.
#[test]
fn a_part_of_a_run_is_exported() {
    let recorded = Recorded::new(&[]);
    let mut parts = 0;
    for cut in cuts(&recorded.trace) {
        let cut = cut.to_str().unwrap();
        for kind in ["drcov", "modoff", "folded", "flame", "speedscope", "pprof", "chrome", "lcov"] {
            let output = spoor(&["export", kind, cut]);
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1 | 4)), "{kind} {cut}: {code:?} {message}");
            assert!(code == Some(0) || !message.is_empty(), "{kind} {cut}");
            parts += u32::from(code == Some(1) && kind == "folded" && !output.stdout.is_empty());
        }
        let output = spoor(&["graph", "cfg", cut, "--function", "decrypt"]);
        assert!(String::from_utf8_lossy(&output.stdout).starts_with("digraph"), "{cut}: {output:?}");
    }
    assert!(parts > 0);
}

/// Accesses of each width on each type, waiting and waking.
const ATOMICS: &str = r#"(module (memory (export "memory") 1 1 shared)
  (func (export "_start")
    (i64.atomic.store16 (i32.const 8) (i64.const 0x1_0203))
    (drop (i64.atomic.rmw8.add_u (i32.const 8) (i64.const 5)))
    (drop (i64.atomic.rmw32.cmpxchg_u (i32.const 8) (i64.const 7) (i64.const 9)))
    (drop (i32.atomic.rmw16.xchg_u (i32.const 8) (i32.const 6)))
    (drop (i64.atomic.load (i32.const 8)))
    (drop (i32.atomic.load8_u (i32.const 8)))
    (drop (memory.atomic.wait32 (i32.const 8) (i32.const 1) (i64.const 2)))
    (drop (memory.atomic.wait64 (i32.const 8) (i64.const 1) (i64.const 2)))
    (drop (memory.atomic.notify (i32.const 8) (i32.const 3)))
    atomic.fence))"#;

/// Values that an atomic operator takes and gives have the type that it works on, and its address has that of
/// the memory.
#[test]
fn values_of_atomic_operators_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("x.wat");
    fs::write(&sample, ATOMICS).unwrap();
    let told = lines(shown(&["dump", sample.to_str().unwrap(), "--values", "--json"]));
    let of = |opcode: &str| {
        let line = told.iter().find(|line| line["opcode"] == opcode).unwrap_or_else(|| panic!("{opcode}"));
        let values = |field: &str| -> Vec<String> {
            let values = line[field].as_array().unwrap_or_else(|| panic!("{line}"));
            let one = |value: &Value| {
                let (ty, value) = value.as_object().unwrap().iter().next().unwrap();
                format!("{ty} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            };
            values.iter().map(one).collect()
        };
        (values("operands").join(" "), values("results").join(" "))
    };
    for (opcode, takes, gives) in [
        ("i64.atomic.store16", "i32 8 i64 66051", ""),
        ("i64.atomic.rmw8.add_u", "i32 8 i64 5", "i64 3"),
        ("i64.atomic.rmw32.cmpxchg_u", "i32 8 i64 7 i64 9", "i64 520"),
        ("i32.atomic.rmw16.xchg_u", "i32 8 i32 6", "i32 520"),
        ("i64.atomic.load", "i32 8", "i64 6"),
        ("i32.atomic.load8_u", "i32 8", "i32 6"),
        ("memory.atomic.wait32", "i32 8 i32 1 i64 2", "i32 1"),
        ("memory.atomic.wait64", "i32 8 i64 1 i64 2", "i32 1"),
        ("memory.atomic.notify", "i32 8 i32 3", "i32 0"),
        ("atomic.fence", "", ""),
    ] {
        assert_eq!(of(opcode), (takes.to_owned(), gives.to_owned()), "{opcode}");
    }
}
