//! Indicators as CSV, a row for each.

use std::io;

use super::{Report, csv};
use crate::module::view::Ioc;

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

/// The value of a domain or an IPv4 address, without its port.
pub(super) fn host(ioc: &Ioc) -> &str {
    ioc.value.rsplit_once(':').map_or(&*ioc.value, |(host, _)| host)
}
