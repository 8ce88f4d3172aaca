//! Invocations that are cut short, and what must agree for that.

use super::*;

fn place(bits: u64, calls: u64, depth: u32, site: Option<(u32, u32)>) -> TracePosition {
    TracePosition { bits, calls, depth, site: site.map(|(key, offset)| (FuncKey(key), offset)) }
}

fn trapped(at: TracePosition) -> Record {
    Record::End(End::Trapped { code: Trap::IntegerDivideByZero, at })
}

fn stopped(at: TracePosition) -> Record {
    Record::End(End::Stopped { at })
}

fn failed(at: TracePosition) -> Record {
    Record::End(End::Failed { message: "no".into(), at })
}

const DIVIDES: &str = r#"(module
  (func $f (param i32)
    (if (local.get 0) (then (call $f (i32.const 0)) nop))
    (drop (i32.div_u (i32.const 1) (local.get 0)))))"#;

#[test]
fn the_same_instruction_at_every_depth_and_call_count() {
    let module = module(DIVIDES);
    let div = offset(&module, 0, "i32.div_u", 0);
    // Three frames; then every frame divides on its way back, with no decision and no call between.
    let down =
        "local.get if:yes i32.const call:direct>0 local.get if:yes i32.const call:direct>0 local.get if:no";
    let last = "i32.const local.get i32.div_u";
    let back = "i32.const local.get i32.div_u drop [leave] nop";
    for (depth, expected) in [
        (3, format!("{down} {last}")),
        (2, format!("{down} {back} {last}")),
        (1, format!("{down} {back} {back} {last}")),
    ] {
        let records = [invoke(0), trapped(place(3, 2, depth, Some((0, div))))];
        let mut trace = trace(&module, 0, Writer::new().bits(&[0, 0, 1]), &records);
        trace.calls = 2;
        assert_eq!(tell(&trace), format!("[invoke 0] {expected} [trapped]"), "depth {depth}");
    }
    for (at, expected) in [
        (place(3, 2, 4, Some((0, div))), "the invocation returned, but its record says trapped"),
        (place(3, 1, 2, Some((0, div))), "the invocation returned, but its record says trapped"),
        (place(3, 2, 2, Some((0, div - 1))), "the invocation returned, but its record says trapped"),
        (place(3, 2, 2, Some((1, div))), "the invocation returned, but its record says trapped"),
        (place(2, 2, 2, Some((0, div))), "a decision is needed past the end of the invocation"),
        (place(4, 2, 2, Some((0, div))), "the invocation returned, but its record says trapped"),
        (place(3, 2, 2, Some((0, u32::MAX))), "the invocation returned, but its record says trapped"),
    ] {
        let mut trace = trace(&module, 0, Writer::new().bits(&[0, 0, 1]), &[invoke(0), trapped(at)]);
        trace.calls = 2;
        let message = failure(&trace);
        assert!(message.starts_with(expected), "{at:?}: {message}");
    }
}

#[test]
fn call_counts_tell_silent_calls_apart() {
    let module = module(
        "(module (func $f (drop (i32.div_u (i32.const 1) (i32.const 0)))) (func call $f call $f call $f))",
    );
    let div = offset(&module, 0, "i32.div_u", 0);
    for nth in 1..=3 {
        let mut trace =
            trace(&module, 0, &mut Writer::new(), &[invoke(1), trapped(place(0, nth, 2, Some((0, div))))]);
        trace.calls = nth;
        let before = "call:direct>0 i32.const i32.const i32.div_u drop [leave] ".repeat(nth as usize - 1);
        let expected = format!("[invoke 1] {before}call:direct>0 i32.const i32.const i32.div_u [trapped]");
        assert_eq!(tell(&trace), expected);
    }
}

#[test]
fn at_any_instruction_of_a_block() {
    let module = module("(module (func nop nop nop))");
    for len in 1..=3usize {
        let at = place(0, 0, 1, Some((0, len as u32)));
        let trace = trace(&module, 0, &mut Writer::new(), &[invoke(0), stopped(at)]);
        assert_eq!(tell(&trace), format!("[invoke 0]{} [stopped]", " nop".repeat(len)));
    }
}

#[test]
fn before_the_first_instruction() {
    let module = module("(module (func nop))");
    let never = place(0, 0, 0, None);
    let plain = trace(
        &module,
        0,
        &mut Writer::new(),
        &[invoke(0), failed(never), invoke(0), RETURNED, invoke(0), trapped(never)],
    );
    assert_eq!(tell(&plain), "[invoke 0] [failed] [invoke 0] nop [leave] [returned] [invoke 0] [trapped]");
    let later = trace(&module, 0, &mut Writer::new(), &[invoke(0), failed(place(1, 0, 0, None))]);
    assert!(failure(&later).starts_with("the invocation began, but its record says an end before that"));
}

#[test]
fn at_unreachable() {
    let module = module("(module (func nop unreachable))");
    let at = place(0, 0, 1, Some((0, 2)));
    assert_eq!(
        tell(&trace(&module, 0, &mut Writer::new(), &[invoke(0), trapped(at)])),
        "[invoke 0] nop unreachable [trapped]"
    );
    let passed = trace(&module, 0, &mut Writer::new(), &[invoke(0), RETURNED]);
    assert!(failure(&passed).starts_with("control passed an unreachable instruction"));
}

#[test]
fn right_after_a_decision() {
    let wat = "(module (import \"e\" \"h\" (func $h)) (table 1 funcref) (func $f (param i32)
        block local.get 0 br_if 0 nop end
        local.get 0 if nop end
        block block local.get 0 br_table 0 1 end nop end
        call $h
        (call_indirect (i32.const 0))
        return_call $g)
        (func $g nop))";
    let module = module(wat);
    type Push = fn(&mut Writer);
    let all: &[(&str, Push)] = &[
        ("block local.get br_if:no", |w| _ = w.bit(false)),
        ("nop local.get if:yes", |w| _ = w.bit(false)),
        ("nop block block local.get br_table:1", |w| _ = w.bit(true)),
        ("call", |w| _ = w.target(0)),
        ("[host 0] [host back] i32.const call_indirect", |w| _ = w.target(300)),
        (":indirect>300 nop [leave] return_call", |w| _ = w.bit(true)),
    ];
    for count in 1..=all.len() {
        let (mut writer, mut story) = (Writer::new(), "[invoke 299]".to_owned());
        for (text, push) in &all[..count] {
            push(&mut writer);
            if !text.starts_with(':') {
                story.push(' ');
            }
            story.push_str(text);
        }
        let bits = writer.position();
        // Decisions of a later invocation share the word.
        writer.bits(&[1, 1]).target(0);
        let middle = if count > 4 { vec![host_call(0), HOST_RETURN] } else { vec![] };
        let end = [stopped(place(bits, 0, 1, None)), invoke(299), stopped(place(bits + 1, 0, 1, None))];
        let end = [
            &end[..],
            &[invoke(299), stopped(place(bits + 2, 0, 1, None))],
            &[invoke(0), host_call(0), HOST_RETURN, RETURNED],
        ]
        .concat();
        let mut trace = trace(&module, 299, &mut writer, &[&[invoke(299)], &middle[..], &end].concat());
        trace.decisions = bits + 2;
        trace.words = Words::default();
        let mut again = Writer::new();
        all[..count].iter().for_each(|(_, push)| push(&mut again));
        trace.words.push(&again.bits(&[1, 1]).finish());
        host(&mut trace, 0, "h");
        let once = "[invoke 299] block local.get br_if:yes [stopped]";
        let expected = format!("{story} [stopped] {once} {once} [invoke 0] [host 0] [host back] [returned]");
        assert_eq!(tell(&trace), expected, "{count}");
    }
}

#[test]
fn at_a_direct_call_that_has_counted_itself() {
    let module = module("(module (func $f nop) (func call $f call $f))");
    for nth in 0..2 {
        let at = place(0, nth + 1, 1, Some((1, offset(&module, 1, "call", nth as usize))));
        let mut trace = trace(&module, 0, &mut Writer::new(), &[invoke(1), trapped(at)]);
        trace.calls = nth + 1;
        let before = "call:direct>0 nop [leave] ".repeat(nth as usize);
        assert_eq!(tell(&trace), format!("[invoke 1] {before}call [trapped]"));
    }
}

const CALLS: &str = r#"(module
  (import "env" "h" (func $h))
  (table 2 funcref)
  (func $f nop)
  (func (call_indirect (i32.const 0)) nop (call_indirect (i32.const 0)))
  (func call $h nop call $h)
  (func (return_call_indirect (i32.const 0)))
  (func return_call $f)
  (func return_call $h))"#;

#[test]
fn at_a_call_before_or_after_its_target() {
    let module = module(CALLS);
    let site = |func, name, nth| Some((func, offset(&module, func, name, nth)));
    let host_back = [host_call(0), HOST_RETURN];
    let f = "nop [leave]";
    for (func, bits, site, middle, expected) in [
        // A null element; no stack for the callee, which comes after the target and so has no site; at the
        // first call and at the second.
        (2, 0, site(2, "call_indirect", 0), 0, "i32.const call_indirect".to_owned()),
        (2, 10, None, 0, "i32.const call_indirect".to_owned()),
        (
            2,
            10,
            site(2, "call_indirect", 1),
            0,
            format!("i32.const call_indirect:indirect>1 {f} nop i32.const call_indirect"),
        ),
        (2, 11, None, 0, format!("i32.const call_indirect:indirect>1 {f} nop i32.const call_indirect")),
        // A host function: before the target, right after it, after its return, and at the next call.
        (3, 0, site(3, "call", 0), 0, "call".to_owned()),
        (3, 1, None, 0, "call".to_owned()),
        (3, 1, site(3, "nop", 0), 1, "call [host 0] [host back] nop".to_owned()),
        (3, 1, site(3, "call", 1), 1, "call [host 0] [host back] nop call".to_owned()),
        (3, 2, None, 1, "call [host 0] [host back] nop call".to_owned()),
        (4, 0, site(4, "return_call_indirect", 0), 0, "i32.const return_call_indirect".to_owned()),
        (4, 10, None, 0, "i32.const return_call_indirect".to_owned()),
        (4, 10, site(1, "nop", 0), 0, "i32.const return_call_indirect:tail-indirect>1 nop".to_owned()),
        (5, 0, site(5, "return_call", 0), 0, "return_call".to_owned()),
        (5, 1, None, 0, "return_call".to_owned()),
        (5, 1, site(1, "nop", 0), 0, "return_call:tail-direct>1 nop".to_owned()),
        (6, 0, site(6, "return_call", 0), 0, "return_call".to_owned()),
        (6, 1, None, 0, "return_call".to_owned()),
    ] {
        let mut writer = Writer::new();
        match (func, bits) {
            (_, 0) => &mut writer,
            (2 | 4, 10) => writer.target(1),
            (2, 11) => writer.target(1).target(1),
            (3 | 6, _) => writer.bits(&[0, 0][..bits as usize]),
            _ => writer.bit(true),
        };
        let records = [
            &[invoke(func)],
            &[&host_back[..], &host_back].concat()[..2 * middle],
            &[trapped(place(bits, 0, 1, site))],
        ]
        .concat();
        let mut trace = trace(&module, 1, &mut writer, &records);
        host(&mut trace, 0, "h");
        assert_eq!(
            tell(&trace),
            format!("[invoke {func}] {expected} [trapped]"),
            "function {func}, {bits} bits, {site:?}"
        );
    }
}

#[test]
fn at_growth_and_bulk_operations() {
    let module = module(
        "(module (memory 1) (func (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 1) (i32.const 2) (i32.const 3)) nop))",
    );
    let site = |name| Some((0, offset(&module, 0, name, 0)));
    let (grow, bulk) = (Record::Grow { delta: 1, result: 1 }, Record::Bulk { dst: 1, src: 2, len: 3 });
    let one_grow = [grow.clone()];
    let fill = "i32.const i32.const i32.const memory.fill";
    for (middle, at, expected) in [
        (&[][..], site("memory.grow"), "i32.const memory.grow".to_owned()),
        (&one_grow, site("memory.grow"), "i32.const memory.grow:1->1".to_owned()),
        (&one_grow, site("drop"), "i32.const memory.grow:1->1 drop".to_owned()),
        (&one_grow, site("memory.fill"), format!("i32.const memory.grow:1->1 drop {fill}")),
        (
            &[grow.clone(), bulk.clone()],
            site("memory.fill"),
            format!("i32.const memory.grow:1->1 drop {fill}:1,2,3"),
        ),
        (&[grow, bulk], site("nop"), format!("i32.const memory.grow:1->1 drop {fill}:1,2,3 nop")),
    ] {
        let records = [&[invoke(0)], middle, &[stopped(place(0, 0, 1, at))]].concat();
        let trace = trace(&module, 0, &mut Writer::new(), &records);
        assert_eq!(tell(&trace), format!("[invoke 0] {expected} [stopped]"), "{records:?}");
    }
}

#[test]
fn failing_host_functions() {
    let module = module(CALLS);
    let odd = place(77, 88, 0, None);
    for (records, bits, expected) in [
        (
            vec![invoke(3), host_call(0), HOST_FAILED, HOST_ERROR],
            1,
            "[invoke 3] call [host 0] [host failed] [failed in a host function]",
        ),
        // The failure says where a failed invocation ended, whatever ended it.
        (
            vec![invoke(6), host_call(0), HOST_FAILED, failed(odd)],
            1,
            "[invoke 6] return_call [tail host 0] [host failed] [failed]",
        ),
        (
            vec![invoke(3), host_call(0), HOST_FAILED, stopped(odd)],
            1,
            "[invoke 3] call [host 0] [host failed] [stopped]",
        ),
        (
            vec![invoke(0), host_call(0), HOST_FAILED, failed(odd)],
            0,
            "[invoke 0] [host 0] [host failed] [failed]",
        ),
    ] {
        let mut trace = trace(&module, 1, Writer::new().bits(&[0, 0][..bits]), &records);
        host(&mut trace, 0, "h");
        assert_eq!(tell(&trace), expected);
    }
    for (records, expected) in [
        (
            vec![invoke(3), host_call(0), HOST_FAILED, RETURNED],
            "the invocation failed in a host function, but its record says returned",
        ),
        (
            vec![invoke(3), host_call(0), HOST_FAILED],
            "expected is the end of a call by the host, recorded is the end of the records",
        ),
        (vec![invoke(3), host_call(0), HOST_RETURN, HOST_ERROR], "a decision is needed and none is left"),
        (
            vec![invoke(3), host_call(0), RETURNED],
            "expected is the return of a host function, or a call by the host, recorded is the end of a call by the host",
        ),
        (
            vec![invoke(3), host_call(7), HOST_RETURN, RETURNED],
            "host function 0 was called, but 7 was entered",
        ),
        (
            vec![invoke(3), RETURNED],
            "expected is a call of a host function, recorded is the end of a call by the host",
        ),
        (vec![invoke(9)], "no function has the key 9"),
        (vec![RETURNED], "expected is a call by the host, recorded is the end of a call by the host"),
        (
            vec![invoke(1), HOST_ERROR],
            "the invocation returned, but its record says failed in a host function",
        ),
        (vec![invoke(1)], "expected is the end of a call by the host, recorded is the end of the records"),
        (vec![invoke(1), RETURNED], "decisions are left over at the end of the records"),
    ] {
        let mut trace = trace(&module, 1, Writer::new().bit(false), &records);
        host(&mut trace, 0, "h");
        let message = failure(&trace);
        assert!(message.starts_with(expected), "{records:?}: {message}");
    }
}

#[test]
fn inside_a_host_call_and_after_it() {
    let module = module(
        r#"(module (import "env" "h" (func $h))
          (func $outer call $h nop (drop (i32.div_u (i32.const 1) (i32.const 0))))
          (func $inner (param i32) local.get 0 br_if 0 unreachable))"#,
    );
    let inner = |depth| trapped(place(2, 0, depth, Some((2, offset(&module, 2, "unreachable", 0)))));
    let outer = trapped(place(2, 0, 1, Some((1, offset(&module, 1, "i32.div_u", 0)))));
    let mut writer = Writer::new();
    writer.target(0).bit(false);
    let records = [
        invoke(1),
        host_call(0),
        invoke(2),
        inner(1),
        HOST_RETURN,
        outer.clone(),
        invoke(2),
        stopped(place(3, 0, 1, None)),
    ];
    let mut right = trace(&module, 1, writer.bit(true), &records);
    host(&mut right, 0, "h");
    let expected = "[invoke 1] call [host 0] [invoke 2] local.get br_if:no unreachable [trapped] [host back] \
                    nop i32.const i32.const i32.div_u [trapped] [invoke 2] local.get br_if:yes [stopped]";
    assert_eq!(tell(&right), expected);
    // The outer invocation may not end before the inner one does.
    let early = trapped(place(1, 0, 1, Some((1, offset(&module, 1, "i32.div_u", 0)))));
    let mut writer = Writer::new();
    writer.target(0).bit(false);
    let mut wrong =
        trace(&module, 1, &mut writer, &[invoke(1), host_call(0), invoke(2), inner(1), HOST_RETURN, early]);
    host(&mut wrong, 0, "h");
    assert!(
        failure(&wrong).starts_with("the invocation ends at decision 1, which was read already"),
        "{}",
        failure(&wrong)
    );
    let mut writer = Writer::new();
    let mut deep = trace(
        &module,
        1,
        writer.target(0).bit(false),
        &[invoke(1), host_call(0), invoke(2), inner(2), HOST_RETURN, outer],
    );
    host(&mut deep, 0, "h");
    assert!(failure(&deep).starts_with("control passed an unreachable"), "{}", failure(&deep));
}

#[test]
fn the_cut_block_is_counted_exactly() {
    let module = module("(module (func (loop nop nop nop (br 0))))");
    let at = place(5, 0, 1, Some((0, offset(&module, 0, "nop", 1))));
    let trace = trace(&module, 0, Writer::new().bits(&[1; 5]), &[invoke(0), stopped(at)]);
    tell(&trace);
    assert_eq!(counts(&trace), BTreeMap::from([("loop", 6), ("nop", 5 * 3 + 2), ("br", 5)]));
    let counts = Counts::of(&trace).unwrap();
    assert_eq!(*counts.per_function[0].per_block, [6]);
    assert_eq!(counts.of_mnemonic("nop"), 17);
}
