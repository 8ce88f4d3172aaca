//! Numbers, names and lists as reasons, findings and correlations write them.

use std::collections::HashMap;

use super::MAX_PLACES;
use crate::{
    module::{CodeOffset, FuncIndex, Place},
    passes::{ExecutedLoop, Metrics},
    rules::Facts,
    text,
};

use super::limits::QUOTED;
pub(super) use crate::text::{grouped, import_name, percent, plural, share, some};

/// A string of the sample in quotes, the end cut. It stays as it is: whoever prints it escapes what could
/// deceive, once.
pub(super) fn quoted(name: &str) -> String {
    text::quoted(name, QUOTED)
}

/// A statement of a rule and what it found, for a sentence. A pattern is left out if its find stands beside
/// it.
pub(super) fn held(statement: &str, found: Option<&str>) -> String {
    let pattern = statement.split_once(": ").filter(|(_, value)| value.starts_with('/'));
    match (pattern, found) {
        (Some((feature, _)), Some(found)) => format!("{feature}: {}", text::cut(found, QUOTED)),
        (None, Some(found)) => format!("{} ({})", text::cut(statement, QUOTED), text::cut(found, QUOTED)),
        (_, None) => text::cut(statement, QUOTED),
    }
}

/// A function, with its name if it has one.
pub(super) fn function(facts: &Facts<'_>, func: FuncIndex) -> String {
    let import = || facts.view.imports.iter().find(|import| import.func == Some(func));
    let name = match defined(facts, func) {
        Some(defined) => defined.called().map(str::to_owned),
        None => import().map(|import| import_name(&import.module, &import.name)),
    };
    match name {
        Some(name) => format!("func {func} ({})", quoted(&name).trim_matches('`')),
        None => format!("func {func}"),
    }
}

/// The static view of a defined function.
pub(super) fn defined<'a>(facts: &Facts<'a>, func: FuncIndex) -> Option<&'a crate::module::view::Function> {
    let functions = &facts.view.functions;
    let position = functions.binary_search_by_key(&func, |function| function.index).ok()?;
    functions.get(position)
}

/// The loops that ran, by their function.
pub(super) type LoopsByFunction<'a> = HashMap<FuncIndex, Vec<&'a ExecutedLoop>>;

/// Groups the loops that ran, greatest share first, by their function: who asks for many functions must not
/// walk all loops for each.
pub(super) fn loops_by_function<'a>(facts: &Facts<'a>) -> LoopsByFunction<'a> {
    let mut loops = LoopsByFunction::new();
    for natural in &facts.dynamic.loops {
        loops.entry(natural.place.function).or_default().push(natural);
    }
    loops
}

/// The beginning of a defined function.
pub(super) fn place_of(facts: &Facts<'_>, func: FuncIndex) -> Place {
    Place { function: func, offset: defined(facts, func).map_or(CodeOffset(0), |function| function.offset) }
}

/// The places that are kept.
pub(super) fn places(places: impl IntoIterator<Item = Place>) -> Vec<Place> {
    places.into_iter().take(MAX_PLACES).collect()
}

/// The measurements of the run, if anything ran.
pub(super) fn metrics<'a>(facts: &Facts<'a>) -> Option<&'a Metrics> {
    (facts.run.is_some() && facts.dynamic.metrics.classes.total > 0).then_some(&facts.dynamic.metrics)
}

/// Whether `bytes` hold `part`; nothing holds an empty part.
pub(super) fn in_bytes(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && memchr::memmem::find(bytes, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_bytes() {
        assert_eq!(held("string: /^a|b$/", Some("\"b\" at 0x8")), "string: \"b\" at 0x8");
        assert_eq!(held("wasm/metric: xor >= 5", Some("7")), "wasm/metric: xor >= 5 (7)");
        assert_eq!(held(&format!("string: /{}/", "x".repeat(500)), None).chars().count(), 81);
        assert!(in_bytes(b"\0asm\xff\n.", b"\xff\n.") && !in_bytes(b"abc", b"a.c") && !in_bytes(b"abc", b""));
    }
}
