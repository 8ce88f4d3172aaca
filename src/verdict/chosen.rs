//! What decided an effect without a branch. The time, chance, the surroundings, a file or standard input
//! chose which path, which length, which flags the host was handed. Or an order would have chosen it, and was
//! not there.
//!
//! All code ran, so nothing of it is unseen. What another time, or an order, would have done is.
//!
//! Not here: branches (`unseen`), and what a program tells its host (`told`).

use super::{
    text, told, waiting,
    weights::{Weighed, listed},
};
use crate::{
    module::view::ImportInfo,
    passes::flows::Chosen,
    sandbox::{self, Answer, Arg, Call, Pointed, RIGHT_TO_WRITE, Run},
    tracer::Value,
    values::taint::{How, Source, SourceKind},
};

/// Functions that say where the next write goes: in a file, and to which.
const PLACING: [&str; 2] = ["fd_seek", "fd_renumber"];

/// Why what was chosen forbids CLEAN, if it does.
pub(super) fn lack(facts: &Weighed<'_>) -> Option<String> {
    let run = facts.run?;
    by_choice(facts, run)
        .or_else(|| by_what_was_cut(facts))
        .or_else(|| by_nothing(facts, run))
        .or_else(|| by_what_was_not_followed(facts, run))
        .or_else(|| by_what_was_refused(facts, run))
}

/// An effect that was refused for want of a right that the sample had not asked for. Runtimes of today do not
/// look at rights.
fn by_what_was_refused(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let is_refused = |call: &&Call| {
        call.errno.as_deref() == Some("notcapable")
            && &*call.name != "path_open"
            && effect(facts, &format!("{}.{}", call.module, call.name)).is_some()
    };
    let call = run.calls.iter().find(is_refused)?;
    Some(format!("{} was refused here for want of a right, and other hosts do it", text::quoted(&call.name)))
}

/// An effect after what the host said of time, chance or surroundings, where values were not followed to the
/// end, or not at all: it may have decided. So may it which file is opened to write to it.
fn by_what_was_not_followed(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let how_far = told::how_far(facts)?;
    let (said, rest) = told::heard(facts, run)?;
    let does = |call: &&Call| {
        let effect = facts.weights.effect(&call.module, &call.name);
        effect.is_some_and(|kind| ["deletes", "starts", "runs"].iter().any(|one| kind.starts_with(one)))
            || opens_to_write(run, call)
    };
    let call = rest.iter().find(does)?;
    let [said, does] = [&said.name, &call.name].map(|name| text::quoted(name));
    Some(format!("{said} may decide what {does} does, and {how_far}"))
}

/// Whether a call opened, to write to it, a file that no argument names.
pub(super) fn opens_to_write(run: &Run, call: &Call) -> bool {
    let may_write =
        |arg: &Arg| matches!(arg.value, Value::I64(rights) if rights as u64 & RIGHT_TO_WRITE != 0);
    let path = || call.args.iter().find_map(|arg| arg.points_at.as_ref()?.kept_text());
    let is_asked = |path: &str| run.asked.iter().any(|arg| sandbox::is_named(arg, &told::absolute(path)));
    call.errno.is_none()
        && &*call.name == "path_open"
        && call.args.get(5).is_some_and(may_write)
        && path().is_some_and(|path| !is_asked(&path))
}

/// An argument of an effect that was computed from what the host said, or chosen by it.
fn by_choice(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let chosen = facts.flows?.chosen.iter().find(|chosen| is_decision(facts, run, chosen))?;
    let who = match chosen.source.kind {
        SourceKind::Clock => "the time",
        SourceKind::Random => "chance",
        SourceKind::Environment => "the environment",
        SourceKind::Stdin => "standard input",
        SourceKind::Socket => "what it received",
        SourceKind::Answer if is_unknown_answer(&chosen.source) => "a function that nobody knows",
        SourceKind::Answer => "how much it was given, or whether it was there,",
        _ => "what stands in a file",
    };
    Some(format!("{who} decides what it does: {}", chosen.text))
}

/// An effect of which it is not known what decided its arguments: there were too many.
fn by_what_was_cut(facts: &Weighed<'_>) -> Option<String> {
    let flows = facts.flows?;
    let decides = |(host, kind): &&(String, SourceKind)| is_heard(*kind) && effect(facts, host).is_some();
    let (host, _) = flows.cut_hosts.iter().find(decides)?;
    let cut = text::plural(flows.chosen_cut, "dependence");
    Some(format!("what decides what {} is handed is known in part: {cut} had no room", text::quoted(host)))
}

/// What a host function, `module.name`, does, if that is an effect.
fn effect<'w>(facts: &Weighed<'w>, host: &str) -> Option<&'w str> {
    let (module, name) = host.rsplit_once('.')?;
    facts.weights.effect(module, name).filter(|kind| !kind.contains("dates"))
}

fn is_decision(facts: &Weighed<'_>, run: &Run, chosen: &Chosen) -> bool {
    let name = chosen.host.rsplit_once('.').map_or(&*chosen.host, |(_, name)| name);
    let kind = chosen.source.kind;
    if PLACING.contains(&name) {
        return kind != SourceKind::Answer && is_heard(kind) && chosen.how != How::Address;
    }
    let Some(effect) = effect(facts, &chosen.host) else { return is_told_which(facts, run, chosen) };
    let Some(index) = chosen.index else {
        return is_heard(kind) && name.starts_with("path_") && !is_of_asked(run, chosen);
    };
    let is_heard = match kind {
        SourceKind::File => !is_of_asked(run, chosen),
        // Whoever sends on what it reads says how much that is.
        SourceKind::Answer => !effect.contains("network") && !name.starts_with("fd_"),
        kind => is_heard(kind),
    };
    is_heard && decides(facts, chosen, argument(run, chosen, index))
}

/// Whether it depends on a file that an argument names.
fn is_of_asked(run: &Run, chosen: &Chosen) -> bool {
    let Source { kind, name } = &chosen.source;
    *kind == SourceKind::File && run.asked.iter().any(|arg| sandbox::is_named(arg, name))
}

/// Whether a function that nobody knows is handed a text that the time, the surroundings or another such
/// function chose, or made of what it gave.
fn is_told_which(facts: &Weighed<'_>, run: &Run, chosen: &Chosen) -> bool {
    use SourceKind as Kind;
    let says = matches!(chosen.source.kind, Kind::Clock | Kind::Environment | Kind::Stdin | Kind::Socket)
        || is_unknown_answer(&chosen.source);
    let is_one = |import: &&ImportInfo| {
        chosen.host.strip_prefix(&*import.module).and_then(|rest| rest.strip_prefix('.'))
            == Some(&import.name)
    };
    let is_unknown = || {
        let import = facts.view.imports.iter().find(is_one);
        import.is_some_and(|import| waiting::does_unknown(facts.weights, import)) && is_invented(run, chosen)
    };
    let is_text = || {
        let Some(index) = chosen.index else { return true };
        argument(run, chosen, index).is_some_and(|arg| arg.points_at.is_some() && is_in_data(facts, arg))
    };
    says && is_text() && is_unknown()
}

/// Whether a source is what a function outside of WASI gave.
fn is_unknown_answer(source: &Source) -> bool {
    let module = source.name.rsplit_once('.').map_or("", |(module, _)| module);
    source.kind == SourceKind::Answer && !sandbox::is_of_wasi(module)
}

/// Whether nobody answers to the name of the function that it was handed to.
fn is_invented(run: &Run, chosen: &Chosen) -> bool {
    let called = chosen.calls.0.and_then(|number| {
        run.calls.binary_search_by_key(&number, |call| call.number).ok().and_then(|at| run.calls.get(at))
    });
    called.is_some_and(|call| call.answer == Answer::Default)
}

/// Whether an argument points into the data of the file.
fn is_in_data(facts: &Weighed<'_>, arg: &Arg) -> bool {
    let address = match arg.value {
        Value::I32(value) => u64::from(value as u32),
        Value::I64(value) => value as u64,
        _ => 0,
    };
    facts.view.segment_at(address).is_some()
}

/// Whether a source says what nobody had said before.
fn is_heard(kind: SourceKind) -> bool {
    use SourceKind as Kind;
    matches!(
        kind,
        Kind::Clock
            | Kind::Random
            | Kind::Environment
            | Kind::Stdin
            | Kind::Socket
            | Kind::File
            | Kind::Answer
    )
}

/// Whether that an argument depends on something says that another would have been handed over. Where memory
/// lies that was allocated says nothing, whatever it was allocated for.
fn decides(facts: &Weighed<'_>, chosen: &Chosen, arg: Option<&Arg>) -> bool {
    let (kind, how) = (chosen.source.kind, chosen.how);
    let is_number = matches!(kind, SourceKind::Clock | SourceKind::Random | SourceKind::Answer);
    let by_value = how == How::Value && is_number;
    let Some(arg) = arg else { return by_value };
    // What a file may be used for, every C library asks before it opens another.
    if arg.name.as_ref().is_some_and(|name| name.ends_with("fd") || name.contains("rights")) {
        return false;
    }
    match arg.points_at {
        Some(Pointed::Text { .. } | Pointed::Bytes { .. }) => {
            is_in_data(facts, arg) || by_value && kind == SourceKind::Clock
        }
        Some(Pointed::Resource { .. }) | None => by_value || how == How::Control,
    }
}

/// The first call to which it was handed.
fn argument<'r>(run: &'r Run, chosen: &Chosen, index: u32) -> Option<&'r Arg> {
    let number = chosen.calls.0?;
    let at = run.calls.binary_search_by_key(&number, |call| call.number).ok()?;
    run.calls.get(at)?.args.get(index as usize)
}

/// An effect with an empty name, or an empty script, after something was asked for: an order would have stood
/// there.
fn by_nothing(facts: &Weighed<'_>, run: &Run) -> Option<String> {
    let calls = &facts.weights.calls;
    let is_of = |names: &[String], call: &Call| {
        listed(names, &call.name) || listed(names, call.name.trim_start_matches('_'))
    };
    let asks = |call: &Call| {
        let lists = [&calls.read_file, &calls.read_other, &calls.environment];
        lists.into_iter().any(|names| is_of(names, call)) || call.answer == Answer::Default
    };
    let first = run.calls.iter().position(asks)?;
    let (asked, rest) = run.calls.get(first..)?.split_first()?;
    let is_empty = |arg: &Arg| matches!(&arg.points_at, Some(Pointed::Text { text }) if text.is_empty());
    let does = |call: &&Call| {
        let effect = facts.weights.effect(&call.module, &call.name);
        let is_no_order = |arg: &Arg| is_empty(arg) || is_no_name(call, arg);
        effect.is_some_and(|kind| !kind.contains("network")) && call.args.iter().any(is_no_order)
    };
    let call = rest.iter().find(does)?;
    let what = if call.args.iter().any(is_empty) { "nothing" } else { "bytes that are no name" };
    Some(format!(
        "its call of {} was handed {what}: what would stand there may be told by {}",
        text::quoted(&call.name),
        text::quoted(&asked.name)
    ))
}

/// Whether the name of a file is none: a key that was not there would have made one of it.
fn is_no_name(call: &Call, arg: &Arg) -> bool {
    let is_path = arg.name.as_ref().is_some_and(|name| name.contains("path"));
    is_path
        && sandbox::is_of_wasi(&call.module)
        && match &arg.points_at {
            Some(Pointed::Bytes { len, .. }) => *len > 0,
            Some(Pointed::Text { text }) => {
                text.contains(|letter: char| letter.is_control() || letter == char::REPLACEMENT_CHARACTER)
            }
            Some(Pointed::Resource { .. }) | None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        module::view::View,
        passes::{Dynamic, flows::DataFlows},
        rules::Facts,
    };

    /// What is said of a run with these flows.
    fn said(flows: &DataFlows) -> Option<String> {
        let (wasm, run, dynamic) = (b"\0asm\x01\0\0\0", Run::default(), Dynamic::default());
        let view = View::of(wasm);
        let (run, flows) = (Some(&run), Some(flows));
        lack(&Weighed::from(&Facts { wasm, view: &view, run, dynamic: &dynamic, prediction: None, flows }))
    }

    #[test]
    fn the_time_decides_what_an_effect_is_handed() {
        let chosen = |kind, host: &str| Chosen {
            source: crate::values::taint::Source { kind, name: "realtime".into() },
            how: How::Value,
            host: host.into(),
            index: Some(1),
            calls: (None, None),
            text: "bytes".into(),
        };
        let of = |kind, host| DataFlows { chosen: vec![chosen(kind, host)], ..DataFlows::default() };
        let lack = said(&of(SourceKind::Clock, "wasi_snapshot_preview1.path_unlink_file"));
        assert!(lack.is_some_and(|text| text.starts_with("the time decides")));
        assert_eq!(said(&of(SourceKind::Clock, "wasi_snapshot_preview1.clock_res_get")), None);
        assert_eq!(said(&of(SourceKind::Argument, "wasi_snapshot_preview1.path_unlink_file")), None);
    }

    #[test]
    fn what_had_no_room_is_missed_where_an_effect_depends_on_it() {
        let of = |host: &str, kind| DataFlows {
            chosen_cut: 2,
            cut_hosts: [(host.to_owned(), kind)].into(),
            ..DataFlows::default()
        };
        let lack = said(&of("wasi_snapshot_preview1.path_unlink_file", SourceKind::Stdin));
        assert!(lack.is_some_and(|text| text.contains("2 dependences had no room")));
        assert_eq!(said(&of("wasi_snapshot_preview1.path_unlink_file", SourceKind::Argument)), None);
        assert_eq!(said(&of("wasi_snapshot_preview1.clock_res_get", SourceKind::Stdin)), None);
        assert_eq!(said(&DataFlows::default()), None);
    }
}
