//! The other side of a scan: a process that analyses one sample, or looks into one file, and ends.
//!
//! Nothing of it goes through the file system. It first reads what it needs: rules, persona, stubs. Then it
//! confines itself and says how ([`READY`](message::READY)). Only then it reads something hostile: a sample
//! in a message on its standard input, or a file that *is* its standard input.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
};

use super::limits::{
    FEW_MESSAGES, LEFTOVER_BYTES, LEFTOVERS, MAX_REPORT, REPORT_CALLS, ROW_TEXT, UNPACK_PER_MIB, UNPACK_TIME,
};
pub use super::limits::{MAX_FILE_BYTES, MAX_SAMPLE_BYTES};
use super::{
    confine::{Bounds, confine},
    describe, frame, limits,
    message::{self, Allowance, Label},
    rows::{Failure, FailureKind},
    unpack::{self, Caps, Found},
};
use crate::{
    AtTraceLimit,
    analysis::Analysis,
    hex,
    passes::flows::Look,
    report::{self, Report, Shortened, Subject},
    rules, sandbox, text,
};

/// What a run hands on from its memory at most.
const CARVED: Allowance = Allowance { messages: limits::CARVED_MODULES, bytes: limits::CARVED_BYTES };

/// Bounds of what is looked for within a sample: enough for a dropper, and a flood of them costs no more than
/// the sample itself.
fn embedded_caps() -> Caps {
    Caps {
        depth: limits::EMBEDDED_DEPTH,
        members: limits::EMBEDDED_MEMBERS,
        bytes: limits::EMBEDDED_BYTES,
        member_bytes: limits::EMBEDDED_MEMBER_BYTES,
        failures: limits::EMBEDDED_FAILURES,
        ..Caps::default()
    }
}

/// What a worker may say that analyses a sample: the rows, and the modules within.
pub fn analyse_allowance() -> Allowance {
    let Caps { members, failures, bytes, .. } = embedded_caps();
    Allowance {
        messages: members + failures + CARVED.messages + FEW_MESSAGES,
        bytes: bytes + CARVED.bytes + limits::ROWS_BYTES,
    }
}

/// The same of one that is asked for everything: the full report, and what the run left behind.
pub fn report_allowance() -> Allowance {
    let Allowance { messages, bytes } = analyse_allowance();
    // Labels of what was left behind, too.
    let more = LEFTOVER_BYTES + MAX_REPORT as u64 + LEFTOVERS * limits::LABEL_BYTES;
    Allowance { messages: messages + LEFTOVERS + FEW_MESSAGES, bytes: bytes + more }
}

/// The same of one that is asked for a page.
pub fn page_allowance() -> Allowance {
    let bytes = (limits::ROWS_BYTES).saturating_add(limits::MAX_PAGE as u64);
    Allowance { messages: FEW_MESSAGES, bytes }
}

/// What a worker may say that looks into a file.
pub fn unpack_allowance() -> Allowance {
    let Caps { members, failures, bytes, .. } = Caps::default();
    // The file may itself be a module, and ways have as much room.
    Allowance { messages: members + failures + FEW_MESSAGES, bytes: bytes + 2 * MAX_FILE_BYTES }
}

/// What a worker analyses samples with.
#[derive(Debug)]
pub struct Analyst {
    options: sandbox::RunOptions,
    rules: rules::Set,
    bounds: Bounds,
    /// Whether it tells everything, or rows only.
    is_asked_for_report: bool,
    /// The file and the options that a page says how to run again, if it makes one.
    page: Option<(OsString, String)>,
}

impl Analyst {
    /// Runs samples with these options, and judges them by these rules, within these bounds.
    pub fn new(mut options: sandbox::RunOptions, rules: rules::Set, bounds: Bounds) -> Self {
        // It may write no file, so nothing can be spilled.
        options.limits.at_trace_limit = AtTraceLimit::Stop;
        Self { options, rules, bounds, is_asked_for_report: false, page: None }
    }

    /// Whether the full report and what a run left behind are told, too.
    #[must_use]
    pub fn with_report(self, is_asked_for_report: bool) -> Self {
        Self { is_asked_for_report, ..self }
    }

    /// Tells the page of the sample, too, which is called so and was run with these options, as words.
    #[must_use]
    pub fn with_page(self, page: Option<(OsString, String)>) -> Self {
        Self { page, ..self }
    }

    /// Analyses a sample of our own, so that tables and parsed files that are made at first use are there.
    pub fn warm_up(&self) {
        let sample = br#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $f (result i32)))
            (memory (export "memory") 1) (data (i32.const 0) "http://example.invalid/")
            (data (i32.const 64) "x='AGFzbQEAAAAB'+'BQFgAAF/';")
            (func (export "_start") (drop (call $f))))"#;
        let analysis = self.then_run(Analysis::before_run(sample, &self.rules));
        describe::outcome(&analysis, "");
        if self.is_asked_for_report {
            self.report(&analysis, "", self.options.clone());
        }
        // The expressions for text, too. What is found counts for nothing.
        let mut nowhere = |_: &[String], _: Found<'_>| Ok(());
        let _ = unpack::embedded(&analysis.wasm, Some(sample), &embedded_caps(), &mut nowhere);
    }

    /// As `spoor run` does: a verdict may rest on what became of bait.
    fn then_run(&self, analysis: Analysis) -> Analysis {
        analysis.then_run(&self.options, &self.rules, Look::Auto)
    }

    /// Confines this process and analyses the sample that comes on `input`. The facts of the sample and the
    /// modules within it go to `output`.
    ///
    /// # Errors
    ///
    /// When a stream fails: then the scan is gone.
    pub fn analyse(&self, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
        send(output, message::READY, &confine(&self.bounds))?;
        let sample = match frame::read(input, MAX_SAMPLE_BYTES as usize)? {
            Some((message::SAMPLE, sample)) => sample,
            _ => return Ok(()),
        };
        let sha256 = hex::sha256(&sample);
        // The facts of the bytes are known before the sample runs, whatever becomes of this process then.
        let analysis = Analysis::before_run(&sample, &self.rules);
        send(output, message::BYTES, &describe::outcome(&analysis, &sha256))?;
        let analysis = self.then_run(analysis);
        send(output, message::OUTCOME, &describe::outcome(&analysis, &sha256))?;
        if self.is_asked_for_report {
            self.tell(&analysis, &sha256, &sample, output)?;
        }
        if let Some((file, options)) = &self.page {
            return self.tell_page(&analysis, &sample, (file, options), output);
        }
        let mut sink = |inside: &[String], found: Found<'_>| hand_on(output, inside, found);
        let source = (*analysis.wasm != *sample).then_some(&*sample);
        unpack::embedded(&analysis.wasm, source, &embedded_caps(), &mut sink)?;
        for (number, module) in analysis.run.iter().flat_map(|run| &run.carved).enumerate() {
            hand_on(output, &[format!("memory#{number}")], Found::Module(module))?;
        }
        frame::write(output, message::DONE, &[])
    }

    /// Tells the page, and is done.
    fn tell_page(
        &self,
        analysis: &Analysis,
        sample: &[u8],
        (file, words): (&OsStr, &str),
        output: &mut impl Write,
    ) -> io::Result<()> {
        let (name, options) = (file.to_string_lossy(), self.options.clone().seeded(sample));
        let subject = Subject { name: &name, analysis, options: &options, max_log: REPORT_CALLS };
        let asked = report::text::Asked { command: "run", file, options: words };
        let mut page = Vec::new();
        report::html::write(&Report::of(&subject), analysis.run.as_ref(), asked, &mut page)?;
        frame::write(output, message::PAGE, &[&page])?;
        frame::write(output, message::DONE, &[])
    }

    /// Tells everything but modules, which are handed on as of any sample.
    fn tell(
        &self,
        analysis: &Analysis,
        sha256: &str,
        sample: &[u8],
        output: &mut impl Write,
    ) -> io::Result<()> {
        let options = self.options.clone().seeded(sample);
        match self.report(analysis, sha256, options) {
            Some(report) => frame::write(output, message::REPORT, &[&report])?,
            None => {
                let text = format!("the report is larger than {MAX_REPORT} bytes");
                hand_on(
                    output,
                    &["report".to_owned()],
                    Found::Failure(failure(FailureKind::TooLarge, text)),
                )?;
            }
        }
        let (mut count, mut bytes, mut left_out) = (0, 0, 0u64);
        let others = |left: &report::Leftover<'_>| left.kind != report::LeftoverKind::Module;
        for left in analysis.run.iter().flat_map(report::leftovers).filter(others) {
            let len = left.bytes.len() as u64;
            if count == LEFTOVERS || bytes + len > LEFTOVER_BYTES {
                left_out += 1;
                continue;
            }
            (count, bytes) = (count + 1, bytes + len);
            let short = |text: &str| text::cut(text, ROW_TEXT);
            let (name, change) = (left.name.map(short), left.change.map(short));
            let label = serde_json::to_vec(&Label { kind: left.kind, name, change })?;
            headed(output, message::LEFTOVER, &label, left.bytes)?;
        }
        if left_out > 0 {
            let text =
                format!("{LEFTOVERS} things left behind, {LEFTOVER_BYTES} bytes: {left_out} more left out");
            hand_on(output, &["left behind".to_owned()], Found::Failure(failure(FailureKind::Cut, text)))?;
        }
        Ok(())
    }

    /// The report in JSON, without the log of host calls if it would be too large with it.
    fn report(&self, analysis: &Analysis, name: &str, options: sandbox::RunOptions) -> Option<Vec<u8>> {
        let written = |max_log| {
            let report = Report::of(&Subject { name, analysis, options: &options, max_log });
            let mut json = Vec::new();
            match Shortened::of(&report) {
                Some(shortened) => text::write_json_line(&mut json, &shortened.report(report)),
                None => text::write_json_line(&mut json, &report),
            }
            .map(|()| json)
        };
        let fits = |max_log| written(max_log).ok().filter(|json| json.len() <= MAX_REPORT);
        fits(REPORT_CALLS).or_else(|| fits(0))
    }
}

/// Looks for modules in the file that `input` is.
///
/// # Errors
///
/// When a stream fails: then the scan is gone, or the file cannot be read.
pub fn unpack(bounds: &Bounds, input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    send(output, message::READY, &confine(bounds))?;
    let mut bytes = Vec::new();
    match input.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes) {
        Err(error) => {
            let failure = Failure { kind: FailureKind::Unreadable, text: error.to_string() };
            hand_on(output, &[], Found::Failure(failure))?;
        }
        Ok(_) => {
            let more = bytes.len() as u64 > MAX_FILE_BYTES;
            bytes.truncate(MAX_FILE_BYTES as usize);
            let caps = Caps::of_file(bytes.len() as u64);
            unpack::unpack(&bytes, &caps, &mut |inside: &[String], found: Found<'_>| {
                hand_on(output, inside, found)
            })?;
            if more {
                let text = format!("only the first {MAX_FILE_BYTES} bytes were looked at");
                hand_on(output, &[], Found::Failure(Failure { kind: FailureKind::TooLarge, text }))?;
            }
        }
    }
    frame::write(output, message::DONE, &[])
}

/// Bounds of a worker that looks into a file of this size: it holds the file and what one step of it expands
/// to. They are not those of a sample, which says nothing of how much there is in an archive.
pub fn unpack_bounds(file_bytes: u64) -> Bounds {
    let bytes = file_bytes.min(MAX_FILE_BYTES);
    let mebibytes = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
    Bounds { memory_bytes: limits::UNPACK_MEMORY + 2 * bytes, cpu: UNPACK_TIME + UNPACK_PER_MIB * mebibytes }
}

fn hand_on(output: &mut impl Write, inside: &[String], found: Found<'_>) -> io::Result<()> {
    match found {
        Found::Module(bytes) if bytes.len() as u64 > MAX_SAMPLE_BYTES => {
            let text = format!("larger than {MAX_SAMPLE_BYTES} bytes");
            hand_on(output, inside, Found::Failure(Failure { kind: FailureKind::TooLarge, text }))
        }
        Found::Failure(failure) => send(output, message::FAILURE, &(inside, failure)),
        Found::Module(bytes) => headed(output, message::MODULE, &serde_json::to_vec(inside)?, bytes),
    }
}

/// Sends bytes with something in JSON before them.
fn headed(output: &mut impl Write, kind: u8, head: &[u8], bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(head.len()).map_err(io::Error::other)?;
    frame::write(output, kind, &[&len.to_le_bytes(), head, bytes])
}

fn failure(kind: FailureKind, text: String) -> Failure {
    Failure { kind, text }
}

fn send(output: &mut impl Write, kind: u8, value: &impl serde::Serialize) -> io::Result<()> {
    frame::write(output, kind, &[&serde_json::to_vec(value)?])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_made_at_first_use_is_there_before_the_first_sample() {
        let bounds = Bounds { memory_bytes: 1 << 30, cpu: Duration::from_secs(1) };
        Analyst::new(sandbox::RunOptions::default(), rules::Set::builtin(), bounds).warm_up();
        assert!(unpack::is_warm());
    }

    #[test]
    fn looking_into_a_file_has_time_by_its_size() {
        assert_eq!(unpack_bounds(0), Bounds { memory_bytes: 2 << 30, cpu: UNPACK_TIME });
        let largest = unpack_bounds(MAX_FILE_BYTES);
        assert_eq!(largest, Bounds { memory_bytes: 4 << 30, cpu: UNPACK_TIME + 1024 * UNPACK_PER_MIB });
        assert_eq!(unpack_bounds(u64::MAX), largest);
    }

    #[test]
    fn a_module_that_is_too_large_is_told_and_not_sent() {
        let mut output = Vec::new();
        let module = vec![0; MAX_SAMPLE_BYTES as usize + 1];
        hand_on(&mut output, &["bytes@9".to_owned()], Found::Module(&module)).unwrap();
        let said = unpack_allowance().read(&mut &output[..]).unwrap();
        let Some(message::Message::Failure(inside, failure)) = said else { panic!("{said:?}") };
        assert_eq!((&*inside, failure.kind), (&["bytes@9".to_owned()][..], FailureKind::TooLarge));
    }
}
