//! Call stacks as folded lines (`outer;inner 42`, what flame graph tools read), and as a flame graph.

use std::io;

use crate::{module::FuncIndex, passes::stacks::Stacks};

use super::Names;
use super::limits::NAME_CHARS;

/// Writes a line for each stack, sorted: functions joined by `;`, a space, executed instructions.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(stacks: &Stacks, names: &Names<'_>, out: &mut impl io::Write) -> io::Result<()> {
    lines(stacks, names).iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn lines(stacks: &Stacks, names: &Names<'_>) -> Vec<String> {
    let mut lines: Vec<_> = stacks
        .stacks
        .iter()
        .map(|stack| {
            let frames: Vec<_> = stack.funcs.iter().map(|&func| frame(func, names)).collect();
            format!("{} {}", frames.join(";"), stack.instructions)
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// `name [42]`: the index keeps functions of the same name apart. Separators of frames and counts do not
/// occur in it.
fn frame(func: FuncIndex, names: &Names<'_>) -> String {
    match names.name(func) {
        Some(name) => format!("{}_[{func}]", name.replace(';', ":").replace(char::is_whitespace, "_")),
        None => format!("func_{func}"),
    }
}

/// Writes a flame graph as SVG, of a run without instructions one that says so. Names are escaped, and
/// colours follow from names: same run, same bytes.
///
/// # Errors
///
/// When `out` cannot be written.
#[cfg(feature = "cli")]
pub fn write_svg(
    stacks: &Stacks,
    names: &Names<'_>,
    title: &str,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let lines = lines(stacks, names);
    if lines.is_empty() {
        let (text, frame) = ("no instruction ran", "width=\"1200\" height=\"40\"");
        return writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" {frame}><text x=\"10\" y=\"25\">{text}</text></svg>"
        );
    }
    let mut options = inferno::flamegraph::Options::default();
    options.title = crate::text::clip(title, NAME_CHARS);
    options.count_name = "instructions".to_owned();
    options.name_type = "Function".to_owned();
    options.hash = true;
    options.deterministic = true;
    if stacks.merged > 0 {
        options.subtitle =
            Some(format!("{} instructions of deeper or further stacks count for a caller", stacks.merged));
    }
    inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), out)
}
