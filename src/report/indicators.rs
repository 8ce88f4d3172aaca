//! Indicators as CSV, a row for each.

use std::io;

use super::{Report, csv};

/// Writes a row for each indicator: kind, value, where it was seen, its offset in the file, its encoding, and
/// the SHA-256 of the sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write_csv(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    csv::write_fields(out, ["kind", "value", "seen", "offset", "encoding", "sample"].into_iter())?;
    for ioc in report.iocs {
        let (offset, encoding) = (ioc.offset.to_string(), ioc.encoding.to_string());
        let fields =
            [ioc.kind.as_str(), &ioc.value, ioc.seen.as_str(), &offset, &encoding, report.sample.sha256];
        csv::write_fields(out, fields.into_iter())?;
    }
    Ok(())
}
