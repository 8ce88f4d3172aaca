//! Whether custom sections that have a known layout follow it.
//!
//! No engine refuses a module for a broken one. So it is a place to hide something, or the mark of a tool
//! that took no care.

use wasmparser::{BranchHint, BranchHintSectionReader, Dylink0SectionReader, LinkingSectionReader};
use wasmparser::{RelocSectionReader, SectionLimited};

use super::{
    kinds::AnomalyKind,
    section::{Anomalies, Frame},
};
use crate::module::names::Names;

/// Notes where a custom section departs from its layout. `producers` and `target_features` are read anyway.
pub(super) fn check(frame: &Frame<'_>, anomalies: &mut Anomalies) {
    let walked = match frame.name {
        "name" => {
            let (_, damage) = Names::parse(frame.data, frame.offset);
            if let Some((offset, detail)) = damage {
                anomalies.note(AnomalyKind::MalformedSection, offset, format!("section `name`: {detail}"));
            }
            return;
        }
        "dylink.0" => Dylink0SectionReader::new(frame.reader()).try_for_each(|item| item.map(drop)),
        "linking" => LinkingSectionReader::new(frame.reader())
            .and_then(|linking| linking.subsections().try_for_each(|item| item.map(drop))),
        "metadata.code.branch_hint" => BranchHintSectionReader::new(frame.reader()).and_then(hints),
        "sourceMappingURL" | "external_debug_info" => frame.reader().read_string().map(drop),
        name if name.starts_with("reloc.") => RelocSectionReader::new(frame.reader())
            .and_then(|section| section.entries().into_iter().try_for_each(|item| item.map(drop))),
        _ => return,
    };
    if let Err(error) = walked {
        anomalies.malformed(frame.name, &error);
    }
}

fn hints(section: BranchHintSectionReader<'_>) -> wasmparser::Result<()> {
    section.into_iter().try_for_each(|function| {
        let hints: SectionLimited<'_, BranchHint> = function?.hints;
        hints.into_iter().try_for_each(|hint| hint.map(drop))
    })
}
