//! `spoor debug`: the prompt by its standard input, and the Debug Adapter Protocol by a client that speaks
//! it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use wasmspoor::file::{ChunkKind, Reader};

/// Adds numbers that the host is asked for, and stores the sum after each.
const ADDER: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $turns (mut i32) (i32.const 0))
  (func $square (param $n i32) (result i32) (i32.mul (local.get $n) (local.get $n)))
  (func $add (param $n i32)
    (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (call $square (local.get $n))))
    (global.set $turns (i32.add (global.get $turns) (i32.const 1))))
  (func (export "_start") (local $i i32)
    (loop $again
      (call $add (local.get $i))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 6))))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 0) (i32.const 32)))))"#;

struct Recorded {
    _folder: tempfile::TempDir,
    trace: PathBuf,
}

impl Recorded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sample, trace) = (folder.path().join("adder.wat"), folder.path().join("adder.spoor"));
        fs::write(&sample, ADDER).unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_spoor"))
            .args(["record", sample.to_str().unwrap(), "-o", trace.to_str().unwrap(), "--effects"])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Self { _folder: folder, trace }
    }

    fn start(&self, options: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_spoor"))
            .args(["debug", self.trace.to_str().unwrap()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Gives commands to the prompt; what it prints.
    fn talk(&self, commands: &str) -> String {
        let mut child = self.start(&[]);
        child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The event that each line `event N  …` names.
fn events(text: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("event "));
    lines.map(|line| line.split(' ').next().unwrap().replace(',', "").parse().unwrap()).collect()
}

#[test]
fn steps_and_breakpoints_go_both_ways() {
    let recorded = Recorded::new();
    let there = recorded.talk("break function square\ncontinue\ncontinue\ncontinue\n");
    let there = events(&there);
    assert_eq!(there.len(), 4, "{there:?}");
    assert_eq!(there[0], 0);
    assert!(there.is_sorted());
    // From the end backwards the same places in the other order.
    let back =
        recorded.talk("break function square\ngoto 99999999\nreverse-continue\nrc\nrc\nrc\nrc\nrc\nrc\n");
    assert!(back.contains("the end of the run") && back.contains("the beginning of the run"), "{back}");
    let mut back = events(&back);
    assert_eq!(back.pop(), Some(0));
    back.reverse();
    assert_eq!(back[..3], there[1..], "{back:?}");
    // A step and a step back lead to where it was.
    let steps = events(&recorded.talk("goto 20\nstep\nstep 3\nback\nback 3\n"));
    assert_eq!(steps, [0, 20, 21, 24, 23, 20]);
}

/// Who walks to the end is told how it came.
#[test]
fn the_end_of_a_run_says_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, trace) = (folder.path().join("zero.wat"), folder.path().join("zero.spoor"));
    let text = r#"(module (func (export "_start") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#;
    fs::write(&sample, text).unwrap();
    let spoor = || Command::new(env!("CARGO_BIN_EXE_spoor"));
    let done = spoor().arg("record").arg(&sample).arg("-o").arg(&trace).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let recorded = Recorded { _folder: folder, trace };
    let text = recorded.talk("continue\n");
    let said = "the end of the run: _start trapped: integer divide by zero, at wasm-function[0]:0x";
    assert!(text.contains(said), "{text}");
    // An editor gets it as output.
    let mut client = Client::new(&recorded);
    client.done("initialize", json!({}));
    assert_eq!(client.events.pop().unwrap_or_else(|| client.read())["event"], "initialized");
    client.done("configurationDone", json!({}));
    client.stopped();
    client.done("continue", json!({ "threadId": 1 }));
    client.stopped();
    assert!(client.said.contains(said), "{}", client.said);
    client.done("disconnect", json!({}));
}

#[test]
fn over_and_out_follow_the_call_stack() {
    let recorded = Recorded::new();
    let text = recorded.talk("break function add\ncontinue\nbacktrace\nbreak function square\ncontinue\nbacktrace\nout\nbacktrace\n");
    let depths: Vec<usize> =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line[1..2].parse().unwrap()).collect();
    assert_eq!(depths, [0, 1, 0, 1, 2, 0, 1], "{text}");
    // Instructions with what stands behind them.
    let listed = recorded.talk("break function add\ncontinue\nwhere\n");
    for line in ["  i32.const 64", "  i32.load offset=0", "  call 1"] {
        let starts = line.trim_end_matches(" offset=0");
        assert!(listed.lines().any(|found| found.contains(starts)), "{line}: {listed}");
    }
    // Over a call: the next instruction is in the same function.
    let text = recorded.talk("break opcode call\ncontinue\ndelete 1\nover\n");
    let last = text.lines().rfind(|line| line.starts_with("event ")).unwrap();
    assert!(last.contains("wasm-function[3]") && last.contains("local.get"), "{text}");
}

#[test]
fn watchpoints_and_values_stop_after_what_changed_them() {
    let recorded = Recorded::new();
    // 0 + 0, + 1, + 4: the third write gives 5.
    let text = recorded.talk("watch 64:4\nc\nc\nc\nx 64:4\nww 64:4\nrc\nx 64:4\n");
    let dumps: Vec<&str> = text.lines().filter(|line| line.starts_with("00000040")).collect();
    assert!(dumps[0].contains("05 00 00 00") && dumps[1].contains("01 00 00 00"), "{text}");
    assert!(text.contains("i32.store"), "{text}");
    let text = recorded.talk("watch global 0\nc\nc\nglobals\nlocals\n");
    assert!(text.contains("   0 i32 2"), "{text}");
    let text = recorded.talk("break value 25\nc\nback\nwhere\noperands\n");
    assert!(text.contains("i32.mul  (i32 5, i32 5)"), "{text}");
    let text = recorded.talk("break host fd_write\nwatch 0xffffff:4\nc\nbreakpoints\nstate\n");
    assert!(text.contains("stopped at 1: host function wasi_snapshot_preview1.fd_write"), "{text}");
    assert!(
        text.contains("memory 0 at 0xffffff to 0x1000002 written")
            && text.contains("memory 0    65,536 bytes"),
        "{text}"
    );
}

#[test]
fn what_is_no_command_is_said_and_the_prompt_goes_on() {
    let recorded = Recorded::new();
    let text = recorded.talk("jump\nbreak\nbreak function nowhere\nbreak host nobody\nbreak opcode i32.frob\nwatch 1:2:3:4\nx 65535:2\ngoto\ndelete 7\nhelp\nquit\nstep\n");
    for said in [
        "no command `jump`",
        "how? break",
        "no function `nowhere`",
        "imports no function `nobody`",
        "no instruction is called `i32.frob`",
        "is not ADDR:LEN",
        "are asked for",
        "which event?",
        "there is none with this number",
        "reverse-continue",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // Nothing after `quit`.
    assert_eq!(events(&text), [0]);
}

#[test]
fn what_can_never_be_hit_is_refused() {
    let recorded = Recorded::new();
    let listing = recorded.talk("break function square\nc\n");
    let at = listing.lines().last().unwrap().split(":0x").nth(1).unwrap();
    let at = u32::from_str_radix(at.split(' ').next().unwrap(), 16).unwrap();
    let text = recorded.talk(&format!(
        "break offset 99999999\nbreak offset {}\nbreak offset {at}\nwatch global 99\nwatch 3:0:4\nbreak function 0\n\
         break offset 5000000000\nstep back\ncontinue 5\nlocals 1\nback 1 2\nww 99999999:4\nww 0:99999\nbreakpoints\n",
        at + 1
    ));
    for said in [
        "no instruction is at offset 0x5f5e0ff, nor any code",
        "the one before, local.get, is at",
        "there is no global 99; there is global 0",
        "there is no memory 3",
        "function 0 is imported and has no code",
        "no instruction is at offset 0x12a05f200",
        "`step` takes [N], not `back`; `back` is a command of its own",
        "`continue` takes nothing, not `5`",
        "`locals` takes nothing, not `1`",
        "`back` takes [N], not `1 2`",
        "are asked for",
        "99999 bytes are asked for; 65536 are the most",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // The one that can be hit, when it is set and in the list.
    assert_eq!(text.matches(&format!("1: offset {at:#x}")).count(), 2, "{text}");
    // Each command of the list has its words in the same column.
    let help = recorded.talk("help\n");
    let column = |word: &str| help.lines().find_map(|line| line.find(word)).unwrap();
    assert_eq!(column("set a breakpoint"), column("list the commands"), "{help}");
    assert_eq!(column("stop after bytes"), column("list the commands"), "{help}");
}

/// The file is cut off after the sample. No event is known, and the end of the file is not that of the run.
#[test]
fn a_recording_that_is_cut_off_has_no_end() {
    let recorded = Recorded::new();
    let cut = recorded.trace.with_file_name("cut.spoor");
    let bytes = fs::read(&recorded.trace).unwrap();
    let reader = Reader::open(&recorded.trace).unwrap();
    let is_of_run = |kind| matches!(kind, ChunkKind::Decisions | ChunkKind::Records);
    let (_, at) = reader.chunks().iter().find(|(frame, _)| is_of_run(frame.kind)).unwrap();
    fs::write(&cut, &bytes[..*at as usize]).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_spoor"))
        .arg("debug")
        .arg(&cut)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"continue\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("the values are known only up to here") && !text.contains("after the last"),
        "{text}"
    );
}

/// A client of the Debug Adapter Protocol.
struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    seq: i64,
    /// Events that came before the answer that was waited for.
    events: Vec<Value>,
    /// What the adapter said to the person.
    said: String,
}

impl Client {
    fn new(recorded: &Recorded) -> Self {
        let mut child = recorded.start(&["--dap"]);
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, seq: 0, events: Vec::new(), said: String::new() }
    }

    fn read(&mut self) -> Value {
        let mut len = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the adapter is gone");
            match line.trim().split_once(": ") {
                Some(("Content-Length", value)) => len = value.parse().unwrap(),
                Some(other) => panic!("{other:?}"),
                None => break,
            }
        }
        let mut bytes = vec![0; len];
        self.output.read_exact(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn ask(&mut self, command: &str, arguments: Value) -> Value {
        self.seq += 1;
        let text = json!({ "seq": self.seq, "type": "request", "command": command, "arguments": arguments })
            .to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        loop {
            let message = self.read();
            match message["type"].as_str() {
                Some("response") => {
                    assert_eq!(
                        (&message["request_seq"], &message["command"]),
                        (&self.seq.into(), &command.into())
                    );
                    return message;
                }
                _ => self.events.push(message),
            }
        }
    }

    fn done(&mut self, command: &str, arguments: Value) -> Value {
        let answer = self.ask(command, arguments);
        assert_eq!(answer["success"], true, "{answer}");
        answer["body"].clone()
    }

    /// Waits for the event `stopped`; its reason.
    fn stopped(&mut self) -> String {
        loop {
            let message = self.events.pop().unwrap_or_else(|| self.read());
            if message["event"] == "output" {
                self.said += message["body"]["output"].as_str().unwrap();
                continue;
            }
            assert_eq!(message["event"], "stopped", "{message}");
            return message["body"]["reason"].as_str().unwrap().to_owned();
        }
    }

    /// The top frame.
    fn top(&mut self) -> Value {
        self.done("stackTrace", json!({ "threadId": 1 }))["stackFrames"][0].clone()
    }

    /// The variables of a scope of the top frame.
    fn variables(&mut self, scope: usize) -> Vec<String> {
        let frame = self.top()["id"].clone();
        let scopes = self.done("scopes", json!({ "frameId": frame }));
        let reference = scopes["scopes"][scope]["variablesReference"].clone();
        let variables = self.done("variables", json!({ "variablesReference": reference }));
        variables["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn an_editor_walks_forwards_and_backwards() {
    let recorded = Recorded::new();
    let mut client = Client::new(&recorded);
    let capabilities = client.done("initialize", json!({ "adapterID": "spoor" }));
    assert_eq!(capabilities["supportsStepBack"], true);
    assert_eq!(client.events.pop().unwrap_or_else(|| client.read())["event"], "initialized");
    client.done("attach", json!({}));
    let set = client
        .done("setFunctionBreakpoints", json!({ "breakpoints": [{ "name": "square" }, { "name": "none" }] }));
    assert_eq!(
        (&set["breakpoints"][0]["verified"], &set["breakpoints"][1]["verified"]),
        (&true.into(), &false.into())
    );
    client.done("configurationDone", json!({}));
    assert_eq!(client.stopped(), "entry");
    assert_eq!(client.done("threads", json!({}))["threads"][0]["id"], 1);
    for n in 0..3 {
        client.done("continue", json!({ "threadId": 1 }));
        assert_eq!(client.stopped(), "breakpoint");
        assert_eq!(client.variables(0), [format!("i32 {n}")]);
    }
    // And back.
    client.done("reverseContinue", json!({ "threadId": 1 }));
    assert_eq!(client.stopped(), "breakpoint");
    assert_eq!(client.variables(0), ["i32 1"]);
    let here = client.top()["instructionPointerReference"].clone();
    client.done("stepIn", json!({ "threadId": 1 }));
    client.stopped();
    assert_ne!(client.top()["instructionPointerReference"], here);
    client.done("stepBack", json!({ "threadId": 1 }));
    client.stopped();
    assert_eq!(client.top()["instructionPointerReference"], here);
    // A part of the call stack.
    let whole = client.done("stackTrace", json!({ "threadId": 1 }))["stackFrames"].clone();
    let part = json!({ "threadId": 1, "startFrame": 1, "levels": 1 });
    let part = client.done("stackTrace", part);
    assert_eq!((&part["totalFrames"], part["stackFrames"].as_array().unwrap().len()), (&3.into(), 1));
    assert_eq!(part["stackFrames"][0], whole[1]);
    client.done("stepOut", json!({ "threadId": 1 }));
    client.stopped();
    assert!(client.top()["name"].as_str().unwrap().contains("add"));
    assert_eq!(client.variables(1).last().unwrap(), "i32 1");
    // The listing is the source, and breakpoints are set on its lines.
    let source = client.top()["source"].clone();
    let listing =
        client.done("source", json!({ "source": source, "sourceReference": source["sourceReference"] }));
    let listing = listing["content"].as_str().unwrap();
    let line = listing.lines().position(|line| line.contains("i32.store")).unwrap() + 1;
    client.done("setFunctionBreakpoints", json!({ "breakpoints": [] }));
    let set = client.done(
        "setBreakpoints",
        json!({ "source": source, "breakpoints": [{ "line": line }, { "line": 999 }] }),
    );
    assert_eq!(
        (&set["breakpoints"][0]["verified"], &set["breakpoints"][1]["verified"]),
        (&true.into(), &false.into())
    );
    client.done("continue", json!({ "threadId": 1 }));
    assert_eq!(client.stopped(), "breakpoint");
    assert_eq!(client.top()["line"], line);
    // The instructions around it, as many as are asked for; beyond the function there are none.
    let here = client.top()["instructionPointerReference"].clone();
    let around = json!({ "memoryReference": here, "instructionOffset": -2, "instructionCount": 9 });
    let around = client.done("disassemble", around)["instructions"].clone();
    let around: Vec<_> =
        around.as_array().unwrap().iter().map(|one| one["instruction"].as_str().unwrap()).collect();
    assert_eq!(around[..4], ["call 1", "i32.add", "i32.store", "global.get 0"], "{around:?}");
    assert_eq!((around.len(), around[6], around[7]), (9, "global.set 0", ""), "{around:?}");
    let nowhere = client.ask("disassemble", json!({ "memoryReference": "0x1", "instructionCount": 1 }));
    assert_eq!(nowhere["success"], false);
    // A watchpoint on memory, and what is there then.
    client.done("setBreakpoints", json!({ "source": source, "breakpoints": [] }));
    let info = client.done("dataBreakpointInfo", json!({ "name": "64:4" }));
    let set = json!({ "breakpoints": [{ "dataId": info["dataId"] }, { "dataId": "global 9" }] });
    let set = client.done("setDataBreakpoints", set);
    assert_eq!(set["breakpoints"][1]["message"], "there is no global 9; there is global 0");
    assert_eq!(client.done("dataBreakpointInfo", json!({ "name": "global 9" }))["dataId"], Value::Null);
    let set = json!({ "breakpoints": [{ "instructionReference": "0x1" }] });
    assert_eq!(client.done("setInstructionBreakpoints", set)["breakpoints"][0]["verified"], false);
    client.done("continue", json!({ "threadId": 1 }));
    assert_eq!(client.stopped(), "data breakpoint");
    let memory = client.done("readMemory", json!({ "memoryReference": "0x40", "count": 4 }));
    assert_eq!(memory["data"], "AQAAAA==");
    let shown = client.done("evaluate", json!({ "expression": "memory 0:0x40:4", "context": "repl" }));
    assert_eq!(shown["memoryReference"], "0x40");
    let memory = client.done("readMemory", json!({ "memoryReference": "0:0x40", "count": 4 }));
    assert_eq!(memory["data"], "AQAAAA==");
    let other = client.ask("readMemory", json!({ "memoryReference": "1:0x40", "count": 4 }));
    assert_eq!((&other["success"], &other["message"]), (&false.into(), &"there is no memory 1".into()));
    let shown = client.done("evaluate", json!({ "expression": "who-wrote 64:4", "context": "repl" }));
    assert!(shown["result"].as_str().unwrap().contains("i32.store"), "{shown}");
    // To the end, and what is not known.
    client.done("setDataBreakpoints", json!({ "breakpoints": [] }));
    client.done("continue", json!({ "threadId": 1 }));
    client.stopped();
    assert_eq!(client.done("stackTrace", json!({ "threadId": 1 }))["totalFrames"], 0);
    let refused = client.ask("frobnicate", json!({}));
    assert_eq!(refused["success"], false);
    client.done("disconnect", json!({}));
    assert!(client.child.wait().unwrap().success());
}

#[test]
fn a_client_that_lies_about_lengths_is_refused() {
    let recorded = Recorded::new();
    for said in ["Content-Length: 99999999999\r\n\r\n{}", "Content-Length: x\r\n\r\n{}", "\r\n\r\n"] {
        let mut child = recorded.start(&["--dap"]);
        child.stdin.take().unwrap().write_all(said.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
    // One that is cut off is the end.
    let mut child = recorded.start(&["--dap"]);
    child.stdin.take().unwrap().write_all(b"Content-Length: 50\r\n\r\n{").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}
