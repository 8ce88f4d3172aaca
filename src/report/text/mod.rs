//! The report for a terminal: a screen with the verdict, the reasons, what the sample is, what it did and
//! what was not seen. A higher [`Verbosity`] adds tables, then the evidence.
//!
//! Limitations stand first, because they say how far the rest can be trusted. What is left out is counted.
//! Everything that the sample chose is escaped; colour only where asked for.

mod did;
mod evidence;
mod head;
mod limits;
mod tables;
mod unseen;
mod why;
mod wrap;

use std::{
    cmp::Reverse,
    ffi::OsStr,
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};
use console::measure_text_width;

use crate::verdict::Class;

pub(crate) use self::{
    did::touched,
    unseen::{data as unseen_data, unseen},
};
use super::{Names, Report};
use crate::text::{clip, grouped, line};

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Verbosity {
    /// A screen: verdict, reasons, what the sample did, what was not seen.
    #[default]
    Normal,
    /// All reasons, tables, each rule with its places.
    Verbose,
    /// Also the evidence, the host calls, and all rows.
    Evidence,
}

/// The command that printed the report, for those that it says come next.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `run` or `report`.
    pub command: &'a str,
    /// The file that it was given: its name as the system has it, which need not be UTF-8; `-` is standard
    /// input.
    pub file: &'a OsStr,
    /// The options that say how the sample is run, as words of a shell.
    pub options: &'a str,
}

/// How the report is printed.
#[derive(Debug, Clone, Copy)]
pub struct TextOptions {
    /// How much.
    pub level: Verbosity,
    /// Columns of the terminal.
    pub width: u16,
    /// Whether lines of text are broken there, too, and not only tables: for people, not for `grep`.
    pub wrap: bool,
    /// Whether colours are wanted.
    pub colour: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { level: Verbosity::Normal, width: 110, wrap: false, colour: false }
    }
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// What the parts of a report are printed with.
struct Printer<'r, 'a, W> {
    report: &'r Report<'a>,
    names: Names<'a>,
    options: TextOptions,
    out: &'r mut W,
}

/// Prints a report.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(
    report: &Report<'_>,
    options: TextOptions,
    asked: Asked<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut printer = Printer { report, names: Names::of(report.view), options, out };
    head::write(&mut printer)?;
    why::write(&mut printer)?;
    head::facts(&mut printer)?;
    did::write(&mut printer)?;
    unseen::write(&mut printer)?;
    if options.level >= Verbosity::Verbose {
        tables::write(&mut printer)?;
        evidence::write(&mut printer)?;
    }
    next(&mut printer, asked)
}

/// Prints one line: verdict, score, family, file.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_line(report: &Report<'_>, out: &mut impl Write) -> io::Result<()> {
    let family = report.family.map_or_else(|| "-".to_owned(), |family| family.to_string());
    writeln!(out, "{} {} {family} {}", class(report.verdict), report.score, clip(report.sample.name, 1000))
}

/// The name of a verdict.
pub fn class(class: Class) -> &'static str {
    match class {
        Class::Clean => "CLEAN",
        Class::Undecided => "UNDECIDED",
        Class::PotentiallyUnwanted => "POTENTIALLY_UNWANTED",
        Class::Suspicious => "SUSPICIOUS",
        Class::Malicious => "MALICIOUS",
    }
}

impl<W: Write> Printer<'_, '_, W> {
    fn paint(&self, style: Style, text: &str) -> String {
        if self.options.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Prints `label`, of so many columns, and `text` behind it, wrapped so that later lines begin where the
    /// text does.
    fn labelled(&mut self, label: &str, columns: usize, text: &str) -> io::Result<()> {
        match self.options.wrap {
            true => writeln!(self.out, "{label}{}", wrap::hanging(text, self.options.width.into(), columns)),
            false => writeln!(self.out, "{label}{text}"),
        }
    }

    /// Prints a fact under its name.
    fn fact(&mut self, name: &str, value: &str) -> io::Result<()> {
        let name = format!("{} ", self.paint(BOLD, &format!("{name:<11}")));
        self.labelled(&name, 12, value)
    }

    /// Prints `left`, and `right` dim at the end of the line if there is room.
    fn beside(&mut self, left: &str, right: &str) -> io::Result<()> {
        let used = measure_text_width(left) + measure_text_width(right);
        let gap = usize::from(self.options.width).saturating_sub(used);
        if right.is_empty() || gap < 2 {
            return writeln!(self.out, "{left}");
        }
        let right = self.paint(DIM, right);
        writeln!(self.out, "{left}{:gap$}{right}", "")
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        let heading = self.paint(BOLD, text);
        writeln!(self.out, "\n{heading}")
    }

    /// Rows of a table at this level.
    fn rows(&self) -> usize {
        match self.options.level {
            Verbosity::Normal | Verbosity::Verbose => 40,
            Verbosity::Evidence => usize::MAX,
        }
    }

    fn more(&mut self, left_out: usize) -> io::Result<()> {
        if left_out == 0 {
            return Ok(());
        }
        let text = self.paint(DIM, &format!("  and {left_out} more (-vv shows all)"));
        writeln!(self.out, "{text}")
    }
}

fn next<W: Write>(printer: &mut Printer<'_, '_, W>, asked: Asked<'_>) -> io::Result<()> {
    let command = asked.command;
    let file = [&*quoted_file(asked.file), asked.options].join(" ").trim_end().to_owned();
    let ran = printer.report.dynamic.functions.iter().filter(|function| function.classes.total > 0);
    let hot = ran.min_by_key(|function| (Reverse(function.classes.total), function.index));
    let hot = hot.map(|function| function.index);
    let mut hints = Vec::new();
    match printer.options.level {
        Verbosity::Normal => hints.push((format!("spoor {command} {file} -v"), "all reasons, tables, rules")),
        Verbosity::Verbose => {
            hints.push((format!("spoor {command} {file} -vv"), "the evidence of every rule"))
        }
        Verbosity::Evidence => {}
    }
    if let Some(func) = hot {
        hints.push((format!("spoor graph cfg {file} --function {func}"), "what ran in the hottest function"));
    }
    hints.push((format!("spoor graph dynamic {file}"), "what ran, over what there is"));
    hints.push((format!("spoor {command} {file} --json"), "everything"));
    print_hints(printer, &hints)
}

/// Columns before a command that comes next.
const HINT: usize = 6;

/// Prints commands, each whole so that it can be copied, and what they are for beside them. Where the
/// terminal has no room for that, it stands beneath.
fn print_hints<W: Write>(printer: &mut Printer<'_, '_, W>, hints: &[(String, &str)]) -> io::Result<()> {
    let longest = |of: fn(&(String, &str)) -> usize| hints.iter().map(of).max().unwrap_or(0);
    let width = longest(|(command, _)| measure_text_width(command));
    let widest = HINT + width + 2 + longest(|(_, what)| what.len());
    let is_beneath = printer.options.wrap && widest > usize::from(printer.options.width);
    for (position, (command, what)) in hints.iter().enumerate() {
        let label = if position == 0 { "\nnext: " } else { "      " };
        if is_beneath {
            let what = printer.paint(DIM, what);
            writeln!(printer.out, "{label}{command}\n{:HINT$}  {what}", "")?;
            continue;
        }
        let gap = width.saturating_sub(measure_text_width(command)) + 2;
        writeln!(printer.out, "{label}{command}{:gap$}{what}", "")?;
    }
    Ok(())
}

/// The name of a file as [`quoted`] gives it. Behind a command, one with a dash in front would be an option.
/// `-` alone is standard input.
pub(crate) fn quoted_file(name: &OsStr) -> String {
    let bytes = name.as_encoded_bytes();
    match bytes.starts_with(b"-") && bytes != b"-" {
        true => quoted_bytes(&[b"./", bytes].concat()),
        false => quoted_bytes(bytes),
    }
}

/// A word for a shell, whatever a file is called. The shell reads it as this name and nothing else, and it
/// has no character that a terminal obeys.
pub fn quoted(name: impl AsRef<OsStr>) -> String {
    quoted_bytes(name.as_ref().as_encoded_bytes())
}

fn quoted_bytes(name: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./+:@%=,".contains(byte);
    match str::from_utf8(name) {
        Ok(name) if !name.is_empty() && name.as_bytes().iter().all(is_plain) => name.to_owned(),
        Ok(name) if line(name) == name => format!("'{}'", name.replace('\'', "'\\''")),
        _ => escaped(name),
    }
}

/// As bash, zsh and ksh read it, and the standard of 2024.
fn escaped(name: &[u8]) -> String {
    let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let mut word = String::from("$'");
    for chunk in name.utf8_chunks() {
        for letter in chunk.valid().chars() {
            let text = letter.to_string();
            match letter {
                '\'' | '\\' => word.extend(['\\', letter]),
                _ if line(&text) == text => word.push(letter),
                _ => word.push_str(&octal(text.as_bytes())),
            }
        }
        word.push_str(&octal(chunk.invalid()));
    }
    word + "'"
}

/// `12/40 (30 %)`.
fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "0/0".to_owned(),
        _ => format!("{}/{} ({:.0} %)", grouped(part), grouped(whole), part as f64 * 100.0 / whole as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_one_word_of_a_shell() {
        for (name, expected) in [
            ("a/b.wasm", "a/b.wasm"),
            ("", "''"),
            ("a b", "'a b'"),
            ("a'; rm", "'a'\\''; rm'"),
            ("$(id)", "'$(id)'"),
            ("~/x", "'~/x'"),
            ("-v", "./-v"),
            ("-", "-"),
            ("ü", "'ü'"),
            ("a\nb", "$'a\\012b'"),
            ("\u{1b}[31m'\\", "$'\\033[31m\\'\\\\'"),
            ("\u{202e}x", "$'\\342\\200\\256x'"),
        ] {
            assert_eq!(quoted_file(OsStr::new(name)), expected);
            assert_eq!(line(&quoted(name)), quoted(name), "nothing that a terminal obeys");
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            for (name, expected) in
                [(&b"a\xff.wasm"[..], "$'a\\377.wasm'"), (b"-\xe2\x80", "$'./-\\342\\200'")]
            {
                assert_eq!(quoted_file(OsStr::from_bytes(name)), expected, "no letter stands for a byte");
            }
        }
        let long = "x".repeat(1000);
        assert_eq!(quoted(&long), long, "cut, it would be another file");
    }
}
