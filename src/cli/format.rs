//! The formats of `run` and `report`, in one table: a new one is a line of it, and what the line names.

use std::{
    cell::RefCell,
    io::{self, Write},
    path::Path,
};

use clap::{ValueEnum, builder::PossibleValue};
use wasmspoor::{
    report::{Report, Shortened, capa, csv, html, indicators, misp, ndjson, sarif, stix, text},
    sandbox::Run,
    text::write_json,
};

use super::given;

type Failure = fn(Unread<'_>, &mut dyn Write) -> io::Result<()>;

/// A format in which reports are written, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Format {
    name: &'static str,
    help: &'static str,
    /// Whether it can hold more than one report.
    pub(super) is_for_many: bool,
    /// Writes what stands before the first report.
    begin: fn(&mut dyn Write) -> io::Result<()>,
    report: fn(Report<'_>, Row<'_>, &mut dyn Write) -> io::Result<()>,
    /// Writes of a file that could not be read why, if the format has a place for that.
    failure: Option<Failure>,
    /// Writes what stands after the last report.
    end: fn(&Between, &mut dyn Write) -> io::Result<()>,
}

/// What a format keeps from one report to the next.
#[derive(Debug)]
pub(super) struct Between {
    /// The bundle of STIX, if there are several files.
    bundle: Option<RefCell<stix::Bundle>>,
}

impl Between {
    pub(super) fn new(is_many: bool) -> Self {
        Self { bundle: is_many.then(RefCell::default) }
    }
}

/// What a report is written with.
#[derive(Clone, Copy)]
pub(super) struct Row<'r> {
    pub(super) turn: Turn<'r>,
    /// How text is printed.
    pub(super) text: text::TextOptions,
    /// One line of text is enough.
    pub(super) is_quiet: bool,
    /// No list may be shortened.
    pub(super) is_full: bool,
    /// The run, if there was one.
    pub(super) run: Option<&'r Run>,
}

/// How many files there are, which of them this is, and who reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'f> {
    pub(super) is_many: bool,
    pub(super) is_first: bool,
    /// The subcommand.
    pub(super) command: &'static str,
    /// The file that was read.
    pub(super) file: &'f Path,
    pub(super) between: &'f Between,
}

/// A file that could not be read.
#[derive(Clone, Copy)]
struct Unread<'f> {
    file: &'f str,
    error: &'f str,
    is_first: bool,
}

/// One report, and nothing around it.
const ONE: Format = Format {
    name: "",
    help: "",
    is_for_many: false,
    begin: |_| Ok(()),
    report: |_, _, _| Ok(()),
    failure: None,
    end: |_, _| Ok(()),
};

/// Formats in the order of `--help`; the first is what is printed unless another is asked for.
const FORMATS: &[Format] = &[
    Format { name: "text", help: "For people", is_for_many: true, report: text, ..ONE },
    Format { name: "json", help: "One object, schema spoor.report/1", report: json, ..ONE },
    Format {
        name: "sarif",
        help: "SARIF 2.1.0, a run for each file",
        is_for_many: true,
        begin: |mut out| sarif::begin(&mut out),
        report: |report, row, mut out| sarif::write_run(&report, row.turn.is_first, &mut out),
        failure: Some(|of, mut out| sarif::write_failure(of.file, of.error, of.is_first, &mut out)),
        end: |_, mut out| sarif::end(&mut out),
    },
    Format {
        name: "csv",
        help: "A row for each file",
        is_for_many: true,
        begin: |mut out| csv::write_header(&mut out),
        report: |report, _, mut out| csv::write_row(&report, &mut out),
        failure: Some(|of, mut out| csv::write_failure(of.file, of.error, &mut out)),
        ..ONE
    },
    Format {
        name: "capa",
        help: "A capa result document",
        report: |report, _, mut out| capa::write(&report, &mut out),
        ..ONE
    },
    Format {
        name: "html",
        help: "A page to look at, one file that needs no network",
        report: |report, row, mut out| html::write(&report, row.run, asked(&row, &given::words()), &mut out),
        ..ONE
    },
    Format {
        name: "iocs",
        help: "Indicators as CSV, a row for each",
        report: |report, _, mut out| indicators::write_csv(&report, &mut out),
        ..ONE
    },
    Format {
        name: "ndjson",
        help: "A line for each verdict, rule and finding, named as in the Elastic Common Schema",
        is_for_many: true,
        report: |report, _, mut out| ndjson::write(&report, &mut out),
        failure: Some(|of, mut out| ndjson::write_failure(of.file, of.error, &mut out)),
        ..ONE
    },
    Format {
        name: "stix",
        help: "A bundle of STIX 2.1: file, analysis, malware, techniques, indicators",
        is_for_many: true,
        report: bundle,
        end: |between, mut out| between.bundle.as_ref().map_or(Ok(()), |it| it.borrow().end(&mut out)),
        ..ONE
    },
    Format {
        name: "misp",
        help: "An event of MISP",
        report: |report, _, mut out| misp::write(&report, &mut out),
        ..ONE
    },
];

fn text(report: Report<'_>, row: Row<'_>, mut out: &mut dyn Write) -> io::Result<()> {
    if row.is_quiet || row.turn.is_many {
        return text::write_line(&report, &mut out);
    }
    text::write(&report, row.text, asked(&row, &given::words()), &mut out)
}

/// The command that a report says how to give again.
fn asked<'r>(row: &Row<'r>, options: &'r str) -> text::Asked<'r> {
    text::Asked { command: row.turn.command, file: row.turn.file.as_os_str(), options }
}

fn json(report: Report<'_>, row: Row<'_>, mut out: &mut dyn Write) -> io::Result<()> {
    match Shortened::of(&report).filter(|_| !row.is_full) {
        Some(shortened) => write_json(&mut out, &shortened.report(report)),
        None => write_json(&mut out, &report),
    }
}

fn bundle(report: Report<'_>, row: Row<'_>, mut out: &mut dyn Write) -> io::Result<()> {
    match &row.turn.between.bundle {
        Some(bundle) => bundle.borrow_mut().add(&report, &mut out),
        None => stix::write(&report, &mut out),
    }
}

impl Format {
    /// The format of that name; the first if there is none.
    pub(super) fn named(name: &str) -> Self {
        FORMATS.iter().find(|format| format.name == name).copied().unwrap_or_default()
    }

    /// The names of those that can hold several reports, as in a sentence.
    pub(super) fn for_many() -> String {
        let names: Vec<_> =
            FORMATS.iter().filter(|format| format.is_for_many).map(|format| format.name).collect();
        match names.split_last() {
            Some((last, names)) if !names.is_empty() => format!("{} or {last}", names.join(", ")),
            _ => names.concat(),
        }
    }

    pub(super) fn begin(self, out: &mut dyn Write) -> io::Result<()> {
        (self.begin)(out)
    }

    pub(super) fn report(self, report: Report<'_>, row: Row<'_>, out: &mut dyn Write) -> io::Result<()> {
        (self.report)(report, row, out)
    }

    /// Whether it has a place for files that could not be read.
    pub(super) fn has_failures(self) -> bool {
        self.failure.is_some()
    }

    /// Writes that a file could not be read, if there is a place for that. Returns whether there is.
    pub(super) fn failure(
        self,
        file: &str,
        error: &str,
        is_first: bool,
        out: &mut dyn Write,
    ) -> io::Result<bool> {
        let Some(write) = self.failure else { return Ok(false) };
        write(Unread { file, error, is_first }, out)?;
        Ok(true)
    }

    pub(super) fn end(self, between: &Between, out: &mut dyn Write) -> io::Result<()> {
        (self.end)(between, out)
    }
}

impl Default for Format {
    fn default() -> Self {
        FORMATS.first().copied().unwrap_or(ONE)
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        FORMATS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name).help(self.help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_by_name() {
        for format in FORMATS {
            assert_eq!(Format::named(format.name).name, format.name);
            assert!(!format.help.is_empty() && format.help.len() < 100);
            // What can say that a file could not be read holds more than one.
            assert!(format.is_for_many || !format.has_failures(), "{}", format.name);
        }
        assert_eq!(Format::default().name, "text");
        assert_eq!(Format::for_many(), "text, sarif, csv, ndjson or stix");
    }
}
