//! An event of MISP: the file as an object, what it names in the network as attributes, family and techniques
//! as tags. Identifiers are made of what they stand for, so an event that is imported twice is one.

use std::{collections::BTreeSet, io};

use serde_json::{Value, json};

use super::{
    Report,
    indicators::host,
    limits::STIX_INDICATORS,
    ndjson::snake,
    time::timestamp,
    uuid::{OURS, uuid},
};
use crate::{
    module::view::{Ioc, IocKind},
    text,
    verdict::Class,
};

/// The template of an object that is a file: its identifier and version in MISP's own list.
const FILE_TEMPLATE: (&str, &str) = ("688c46fb-5edb-40a3-8273-1af7923e2215", "24");

/// Writes the event of a sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let sha256 = report.sample.sha256;
    let date = timestamp(report.options.epoch_ns);
    let time = (report.options.epoch_ns / 1_000_000_000).to_string();
    // 1 is high, 4 is none.
    let threat = match report.verdict {
        Class::Malicious => "1",
        Class::Suspicious => "2",
        Class::PotentiallyUnwanted => "3",
        _ => "4",
    };
    let verdict = snake(&report.verdict);
    let named: BTreeSet<_> = report.iocs.iter().filter_map(attribute).collect();
    let attributes: Vec<_> = named
        .into_iter()
        .take(STIX_INDICATORS)
        .map(|(kind, category, value)| {
            json!({
                "uuid": uuid(OURS, &format!("attribute {sha256} {kind} {value}")), "type": kind,
                "category": category, "value": value, "timestamp": time,
                "to_ids": report.verdict >= Class::Suspicious,
            })
        })
        .collect();
    let event = json!({
        "uuid": uuid(OURS, &format!("event {sha256}")),
        "info": format!("wasmspoor: {verdict} {}", report.sample.name),
        "date": date[..10], "timestamp": time, "threat_level_id": threat,
        // Finished, and for this organisation only.
        "analysis": "2", "distribution": "0", "published": false,
        "Tag": tags(report), "Attribute": attributes, "Object": [file(report, &time)],
    });
    text::write_json(out, &json!({ "Event": event }))
}

fn tags(report: &Report<'_>) -> Vec<Value> {
    let verdict = format!("wasmspoor:verdict=\"{}\"", snake(&report.verdict));
    let family = report.family.map(|family| format!("wasmspoor:family=\"{family}\""));
    let techniques = report.attack.iter().map(|technique| {
        let name = technique.technique.rsplit("::").next().unwrap_or_default();
        format!("misp-galaxy:mitre-attack-pattern=\"{name} - {}\"", technique.id)
    });
    let all = std::iter::once(verdict).chain(family).chain(techniques);
    all.map(|name| json!({ "name": name })).collect()
}

fn file(report: &Report<'_>, time: &str) -> Value {
    let sample = &report.sample;
    let size = sample.size.to_string();
    let is_hostile = report.verdict >= Class::Suspicious;
    let fields = [
        ("md5", "Payload delivery", sample.md5, is_hostile),
        ("sha1", "Payload delivery", sample.sha1, is_hostile),
        ("sha256", "Payload delivery", sample.sha256, is_hostile),
        ("filename", "Payload delivery", sample.name, false),
        ("size-in-bytes", "Other", &size, false),
    ];
    let attributes = fields.map(|(relation, category, value, to_ids)| {
        json!({
            "uuid": uuid(OURS, &format!("file {} {relation}", sample.sha256)), "object_relation": relation,
            "type": relation, "category": category, "value": value, "to_ids": to_ids, "timestamp": time,
        })
    });
    json!({
        "uuid": uuid(OURS, &format!("object {}", sample.sha256)), "name": "file", "meta-category": "file",
        "template_uuid": FILE_TEMPLATE.0, "template_version": FILE_TEMPLATE.1, "timestamp": time,
        "Attribute": attributes,
    })
}

/// Type, category and value of an indicator; `None` if MISP has no type for it.
fn attribute(ioc: &Ioc) -> Option<(&'static str, &'static str, &str)> {
    Some(match ioc.kind {
        IocKind::Url | IocKind::Webhook => ("url", "Network activity", &ioc.value),
        IocKind::PoolProtocol if ioc.value.contains("://") => ("url", "Network activity", &ioc.value),
        IocKind::Domain => ("domain", "Network activity", host(ioc)),
        IocKind::Onion => ("domain", "Network activity", &ioc.value),
        IocKind::Ipv4 => ("ip-dst", "Network activity", host(ioc)),
        IocKind::Ipv6 => ("ip-dst", "Network activity", &ioc.value),
        IocKind::Email => ("email-dst", "Network activity", &ioc.value),
        IocKind::Wallet => ("other", "Financial fraud", &ioc.value),
        IocKind::Sha256 => ("sha256", "Artifacts dropped", &ioc.value),
        _ => return None,
    })
}
