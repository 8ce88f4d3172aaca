//! A bundle of STIX 2.1, for platforms that exchange what is known of threats.
//!
//! The file and its analysis. A sample that is at least potentially unwanted adds the malware that it is, the
//! techniques that it uses, and indicators. These are its hash, and what it names in the network. Identifiers
//! are made of what they stand for, so a report that is imported twice is one. Times are the virtual start of
//! the run: there is no time of this machine in a report.

use std::{
    collections::{BTreeSet, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    Report,
    indicators::host,
    limits::STIX_INDICATORS,
    ndjson::snake,
    time::timestamp,
    uuid::{OURS, STIX, uuid},
};
use crate::{
    module::view::{Ioc, IocKind},
    text,
    verdict::{Class, Technique},
};

/// Writes the bundle of a sample.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn write(report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let objects = Objects::of(report).all;
    let id = format!("bundle--{}", uuid(OURS, &format!("bundle {}", report.sample.sha256)));
    text::write_json(out, &json!({ "type": "bundle", "id": id, "objects": objects }))
}

/// One bundle of several samples, written as they come. What they share (the author, techniques) is in it
/// once, and so is a sample that comes again. Memory is that of hashes: 200 bytes a sample.
#[derive(Debug, Default)]
pub struct Bundle {
    /// Hashes of the samples that are in it.
    samples: HashSet<String>,
    /// Identifiers of objects that more than one sample can have.
    shared: HashSet<String>,
    /// Made of all samples, in their order.
    id: String,
}

impl Bundle {
    /// Writes a sample.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn add(&mut self, report: &Report<'_>, out: &mut impl io::Write) -> io::Result<()> {
        let sha256 = report.sample.sha256;
        let mut is_first = self.samples.is_empty();
        if !self.samples.insert(sha256.to_owned()) {
            return Ok(());
        }
        self.id = uuid(OURS, &format!("bundle {} {sha256}", self.id));
        for object in Objects::of(report).all {
            if is_shared(&object).is_some_and(|id| !self.shared.insert(id.to_owned())) {
                continue;
            }
            let before = if is_first { "{\"type\": \"bundle\", \"objects\": [\n" } else { ", " };
            out.write_all(before.as_bytes())?;
            is_first = false;
            text::write_json_line(out, &object)?;
        }
        Ok(())
    }

    /// Ends the bundle.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn end(&self, out: &mut impl io::Write) -> io::Result<()> {
        match &*self.id {
            "" => writeln!(out, r#"{{"type": "bundle", "id": "bundle--{}"}}"#, uuid(OURS, "bundle")),
            id => writeln!(out, r#"], "id": "bundle--{id}"}}"#),
        }
    }
}

/// The identifier of an object that more than one sample can have: two may have one MD5.
fn is_shared(object: &Value) -> Option<&str> {
    let id = object["id"].as_str()?;
    ["identity--", "attack-pattern--", "file--"].iter().any(|kind| id.starts_with(kind)).then_some(id)
}

/// What there is to say of a sample.
struct Objects {
    all: Vec<Value>,
    /// Identifiers of these: a technique may stand under several tactics.
    ids: BTreeSet<String>,
    /// The virtual start of the run.
    time: String,
    /// Who says it.
    author: String,
}

impl Objects {
    fn of(report: &Report<'_>) -> Self {
        let time = timestamp(report.options.epoch_ns).replace('Z', ".000Z");
        let author = format!("identity--{}", uuid(OURS, "identity wasmspoor"));
        let mut objects = Self { all: Vec::new(), ids: BTreeSet::new(), time, author };
        objects.identity();
        let file = objects.file(report);
        let analysis = objects.analysis(report, &file);
        if report.verdict >= Class::PotentiallyUnwanted {
            let malware = objects.malware(report, &file);
            objects.relate(&analysis, "characterizes", &malware);
            for technique in report.attack {
                let pattern = objects.attack_pattern(technique);
                objects.relate(&malware, "uses", &pattern);
            }
            for indicator in objects.indicators(report) {
                objects.relate(&indicator, "indicates", &malware);
            }
        }
        objects
    }

    /// Adds an object, once; its identifier is made of its type and of `name`.
    fn add(&mut self, kind: &str, name: &str, fields: Value) -> String {
        let id = format!("{kind}--{}", uuid(OURS, &format!("{kind} {name}")));
        if !self.ids.insert(id.clone()) {
            return id;
        }
        let mut object = Map::new();
        object.insert("type".into(), kind.into());
        object.insert("spec_version".into(), "2.1".into());
        object.insert("id".into(), id.clone().into());
        for key in ["created", "modified"] {
            object.insert(key.into(), self.time.clone().into());
        }
        if kind != "identity" {
            object.insert("created_by_ref".into(), self.author.clone().into());
        }
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        self.all.push(object.into());
        id
    }

    fn identity(&mut self) {
        self.add("identity", "wasmspoor", json!({ "name": "wasmspoor", "identity_class": "system" }));
    }

    /// An observable, whose identifier is made as the standard says.
    fn file(&mut self, report: &Report<'_>) -> String {
        let sample = &report.sample;
        // Of several hashes the first of MD5, SHA-1, SHA-256 counts, in canonical JSON.
        let name = format!(r#"{{"hashes":{{"MD5":"{}"}}}}"#, sample.md5);
        let id = format!("file--{}", uuid(STIX, &name));
        self.all.push(json!({
            "type": "file", "spec_version": "2.1", "id": id,
            "hashes": { "MD5": sample.md5, "SHA-1": sample.sha1, "SHA-256": sample.sha256 },
            "size": sample.size, "mime_type": "application/wasm",
        }));
        id
    }

    fn analysis(&mut self, report: &Report<'_>, file: &str) -> String {
        let result = match report.verdict {
            Class::Malicious => "malicious",
            Class::Suspicious | Class::PotentiallyUnwanted => "suspicious",
            Class::Clean => "benign",
            _ => "unknown",
        };
        let fields = json!({
            "product": "wasmspoor", "version": report.tool.version, "result": result,
            "result_name": snake(&report.verdict), "sample_ref": file,
        });
        let name = format!("{} {}", report.sample.sha256, report.tool.version);
        self.add("malware-analysis", &name, fields)
    }

    fn malware(&mut self, report: &Report<'_>, file: &str) -> String {
        let sha256 = report.sample.sha256;
        let family = report.family.map(|family| family.to_string());
        let name = family.as_deref().map_or_else(|| format!("WebAssembly {sha256}"), str::to_owned);
        let reasons: Vec<_> = report.reasons.iter().map(|reason| &*reason.text).collect();
        let fields = json!({
            "name": name, "is_family": false, "sample_refs": [file], "description": reasons.join("\n"),
            "implementation_languages": ["x-webassembly"], "confidence": report.confidence,
        });
        self.add("malware", sha256, fields)
    }

    fn attack_pattern(&mut self, technique: &Technique) -> String {
        let fields = json!({
            "name": technique.technique,
            "external_references": [{ "source_name": "mitre-attack", "external_id": technique.id }],
        });
        self.add("attack-pattern", &technique.id, fields)
    }

    fn indicators(&mut self, report: &Report<'_>) -> Vec<String> {
        let sha256 = report.sample.sha256;
        let file = format!("[file:hashes.'SHA-256' = '{sha256}']");
        let patterns: BTreeSet<_> = report.iocs.iter().filter_map(pattern).collect();
        let patterns = patterns.into_iter().take(STIX_INDICATORS);
        let all: Vec<_> = std::iter::once(file).chain(patterns).collect();
        all.into_iter()
            .map(|pattern| {
                let fields = json!({
                    "name": pattern, "pattern": pattern, "pattern_type": "stix", "valid_from": self.time,
                    "indicator_types": ["malicious-activity"], "confidence": report.confidence,
                });
                self.add("indicator", &format!("{sha256} {pattern}"), fields)
            })
            .collect()
    }

    fn relate(&mut self, source: &str, kind: &str, target: &str) {
        let fields = json!({ "relationship_type": kind, "source_ref": source, "target_ref": target });
        self.add("relationship", &format!("{source} {kind} {target}"), fields);
    }
}

/// What in the network an indicator names, as a pattern; `None` for anything else.
fn pattern(ioc: &Ioc) -> Option<String> {
    let (object, value) = match ioc.kind {
        IocKind::Url | IocKind::Webhook => ("url:value", &*ioc.value),
        IocKind::PoolProtocol if ioc.value.contains("://") => ("url:value", &*ioc.value),
        IocKind::Domain => ("domain-name:value", host(ioc)),
        IocKind::Onion => ("domain-name:value", &*ioc.value),
        IocKind::Ipv4 => ("ipv4-addr:value", host(ioc)),
        IocKind::Ipv6 => ("ipv6-addr:value", &*ioc.value),
        IocKind::Email => ("email-addr:value", &*ioc.value),
        _ => return None,
    };
    let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
    Some(format!("[{object} = '{quoted}']"))
}
