//! What a search with a regular expression costs for each byte.
//!
//! Most expressions become a small automaton of which each byte is one step. Where the automaton would be too
//! large, a search follows all states that an expression can be in at once. `/[ab]*a[ab]{300}c/` takes three
//! hundred times as long, on each byte. So that is what it is charged for.
//!
//! Not here: what an evaluation may cost (`eval::budget`).

use regex_automata::{
    dfa::{StartKind, dense},
    nfa::thompson::NFA,
    util::syntax,
};

use super::limits::AUTOMATON;

/// Lengths from which on a gap makes an automaton large.
const GAP: usize = 30;

/// An expression that cannot be compiled is searched for by nobody.
const NONE: usize = 1;

/// The weight of an expression: 1, or as many as it has states.
pub(super) fn of(source: &str, ignore_case: bool) -> usize {
    let Some(nfa) = nfa(source, ignore_case) else { return NONE };
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(AUTOMATON))
        .determinize_size_limit(Some(AUTOMATON));
    match dense::Builder::new().configure(config).build_from_nfa(&nfa) {
        Ok(_) => 1,
        Err(_) => nfa.states().len().max(1),
    }
}

fn nfa(source: &str, ignore_case: bool) -> Option<NFA> {
    let syntax =
        syntax::Config::new().unicode(false).utf8(false).case_insensitive(ignore_case).nest_limit(64);
    NFA::compiler().syntax(syntax).build(source).ok()
}

/// About the weight of an expression of a rule that ships, without its automaton. That takes a hundred times
/// as long to make as to search a sample. Only gaps of many lengths make it grow, by two states for each
/// length. A test compares both.
pub(super) fn of_shipped(source: &str) -> usize {
    match gaps(source) {
        0 => 1,
        lengths => source.len() + 2 * lengths,
    }
}

/// The lengths of all that may come from once or never to many times, as in `{0,60}`.
fn gaps(source: &str) -> usize {
    let gaps = source.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let bounds = gaps.filter_map(|(bounds, _)| bounds.split_once(','));
    let lengths = bounds.filter(|(least, _)| matches!(*least, "0" | "1"));
    lengths.filter_map(|(_, most)| most.parse().ok()).filter(|most: &usize| *most >= GAP).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_many_beginnings_at_once_is_dear() {
        for source in ["abc", "(?i)ransom(ware)?", r"\bhttps?://[a-z.]+\b", "[ab]{300}", r"(?s)\x00.{4}\xff"]
        {
            assert_eq!(of(source, false), 1, "{source}");
        }
        for (source, least) in
            [("[ab]*a[ab]{300}c", 300), ("a.{0,200}b.{0,200}c", 400), ("(a|b)*a(a|b){40}", 40)]
        {
            let weight = of(source, true);
            assert!(weight >= least && weight < 100 * least, "{source}: {weight}");
        }
        assert_eq!(of("(", false), NONE);
    }
}
