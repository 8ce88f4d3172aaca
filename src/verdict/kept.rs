//! Secrets that were read and stayed: nothing of any file went to the host but a digest of a known hash.
//!
//! A tool that prints the fingerprint of a key, and a client that signs with a secret, read it as a thief
//! does. What tells them apart is what leaves. So rules that rest on the reading weigh nothing here. The
//! sample is not CLEAN either, for nobody had named the file.
//!
//! That something stayed is said only of a program all of whose values were followed. It changed no file and
//! called nothing that nobody knows, and its code that did not run can do no harm.

use std::borrow::Cow;

use super::{
    mixing,
    seen::Code,
    text, told,
    weights::{Weighed, in_namespace},
};
use crate::{
    rules::Match,
    sandbox::{self, Answer, Call, Entry, EntryKind},
};

/// Whether a rule rests on secrets that were read.
pub(super) fn is_of(facts: &Weighed<'_>, rule: &Match) -> bool {
    let listed = &facts.weights.class.kept;
    rule.dynamic && rule.severity >= 2 && listed.iter().any(|prefix| in_namespace(&rule.namespace, prefix))
}

/// The rules that count.
pub(super) fn counted<'r>(code: &Code<'_>, rules: &'r [Match]) -> Cow<'r, [Match]> {
    if !rules.iter().any(|rule| is_of(code.facts, rule)) || !stayed(code) {
        return Cow::Borrowed(rules);
    }
    rules.iter().filter(|rule| !is_of(code.facts, rule)).cloned().collect()
}

/// Why what stayed forbids CLEAN, if it does: of `rules` all are shown, and some do not count.
pub(super) fn lack(facts: &Weighed<'_>, rules: &[Match]) -> Option<String> {
    let rule = rules.iter().find(|rule| is_of(facts, rule))?;
    let name = text::quoted(&rule.name);
    Some(format!("what nobody had asked for ({name}) was read, and nothing but a digest was seen to leave"))
}

/// Whether nothing of a file left, as far as all is known.
fn stayed(code: &Code<'_>) -> bool {
    let facts = code.facts;
    let (Some(run), Some(flows)) = (facts.run, facts.flows) else { return false };
    let is_followed = flows.instructions >= flows.of && flows.lost == 0 && flows.error.is_none();
    let is_program = |entry: &Entry| entry.kind != EntryKind::Export;
    let is_known = |call: &Call| call.answer != Answer::Default && sandbox::is_of_wasi(&call.module);
    let left = flows.left.values().any(|only_digest| !only_digest)
        || run.honeytokens.iter().any(|token| !token.leaks.is_empty());
    if left || told::sends_bits(run) || !is_followed || run.calls_cut > 0 || !run.files.is_empty() {
        return false;
    }
    if !run.entries.iter().all(is_program) || !run.calls.iter().all(is_known) {
        return false;
    }
    (flows.left.is_empty() || hashed(code)) && code.unseen().is_none()
}

/// Whether a known hash ran.
fn hashed(code: &Code<'_>) -> bool {
    let (facts, Some(module)) = (code.facts, code.module()) else { return false };
    mixing::Hashing::of(facts, module).ran()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        module::view::View,
        passes::{Dynamic, flows::DataFlows},
        rules::Facts,
        sandbox::Run,
        verdict::tests::rule,
    };

    #[test]
    fn rules_on_secrets_count_unless_all_was_followed_and_nothing_left() {
        let rules = [
            rule("read a key", "collection/credentials/keys", 2, true),
            rule("mine", "impact/cryptomining", 3, true),
        ];
        let (wasm, run, dynamic) = (b"\0asm\x01\0\0\0", Run::default(), Dynamic::default());
        let view = View::of(wasm);
        let counted = |flows: Option<&DataFlows>| {
            let facts =
                Facts { wasm, view: &view, run: Some(&run), dynamic: &dynamic, prediction: None, flows };
            let weighed = Weighed::from(&facts);
            counted(&Code::of(&weighed), &rules).len()
        };
        let all = DataFlows::default();
        let left = |only_digest| DataFlows { left: [("/key".into(), only_digest)].into(), ..all.clone() };
        assert_eq!(counted(Some(&all)), 1);
        assert_eq!(counted(None), 2);
        assert_eq!(counted(Some(&DataFlows { of: 5, ..all.clone() })), 2);
        assert_eq!(counted(Some(&DataFlows { lost: 1, ..all.clone() })), 2);
        assert_eq!(counted(Some(&left(false))), 2);
        assert_eq!(counted(Some(&left(true))), 2, "no known hash ran");
    }
}
