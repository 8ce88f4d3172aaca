//! The head of a rule.

use crate::rules::{
    families::Family,
    rule::{Example, Meta, SCOPES, Scope, Scopes},
};

use super::{Node, Pairs, Parser, get};

/// Keys of `meta`. Those with `wasm/` are ours, the others capa's.
const KEYS: &[&str] = &[
    "name",
    "namespace",
    "authors",
    "description",
    "scopes",
    "att&ck",
    "mbc",
    "examples",
    "references",
    "lib",
    "maec/malware-category",
    "maec/malware-family",
    "maec/analysis-conclusion",
    "wasm/severity",
    "wasm/confidence",
    "wasm/risk",
    "wasm/family",
    "wasm/counter-examples",
];

/// Tactics of ATT&CK, and objectives of MBC that it lacks.
pub(crate) const TACTICS: &[&str] = &[
    "Reconnaissance",
    "Resource Development",
    "Initial Access",
    "Execution",
    "Persistence",
    "Privilege Escalation",
    "Defense Evasion",
    "Stealth",
    "Defense Impairment",
    "Credential Access",
    "Discovery",
    "Lateral Movement",
    "Collection",
    "Command and Control",
    "Exfiltration",
    "Impact",
    "Anti-Behavioral Analysis",
    "Anti-Static Analysis",
    "Communication",
    "Cryptography",
    "Data",
    "File System",
    "Memory",
    "Operating System",
    "Process",
];

impl Parser<'_> {
    pub(super) fn meta(&self, node: &Node) -> Option<Meta> {
        let pairs = self.map(node)?;
        self.only(pairs, KEYS);
        let name_node = self.required(node, pairs, "name");
        let namespace = get(pairs, "namespace").and_then(|node| self.namespace(node));
        let scopes = self.required(node, pairs, "scopes").and_then(|node| self.scopes(node));
        let family = get(pairs, "wasm/family")
            .and_then(|node| self.one_of(node, "family", Family::ALL, |family| family.as_str()));
        let meta = Meta {
            name: name_node.and_then(|node| self.text(node))?.to_owned(),
            namespace: namespace.unwrap_or_default(),
            description: self.optional_text(pairs, "description"),
            authors: self.optional_texts(pairs, "authors"),
            scopes: scopes?,
            attack: self.techniques(pairs, "att&ck"),
            mbc: self.techniques(pairs, "mbc"),
            examples: self.examples(pairs, "examples"),
            counter_examples: self.examples(pairs, "wasm/counter-examples"),
            references: self.optional_texts(pairs, "references"),
            lib: get(pairs, "lib").and_then(|node| self.boolean(node)).unwrap_or(false),
            severity: self.small(pairs, "wasm/severity", 3).unwrap_or(0),
            confidence: self.small(pairs, "wasm/confidence", 100).unwrap_or(50),
            risk: self.risk(pairs),
            family: family.copied(),
            name_span: name_node?.span.clone(),
        };
        self.maec(pairs);
        Some(meta)
    }

    fn optional_text(&self, pairs: &Pairs, key: &str) -> String {
        get(pairs, key).and_then(|node| self.text(node)).unwrap_or_default().trim().to_owned()
    }

    fn optional_texts(&self, pairs: &Pairs, key: &str) -> Vec<String> {
        get(pairs, key).and_then(|node| self.texts(node)).unwrap_or_default()
    }

    /// capa's `maec/*` keys are accepted for the sake of its rules; `wasm/family` is what counts here.
    fn maec(&self, pairs: &Pairs) {
        for key in ["maec/malware-category", "maec/malware-family", "maec/analysis-conclusion"] {
            self.optional_text(pairs, key);
        }
    }

    fn namespace(&self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if !text.split('/').all(is_part) {
            let help = Some("lower case letters, digits and `-`, in parts divided by `/`".into());
            return self.wrong(&node.span, format!("`{text}` is not a namespace"), help);
        }
        Some(text.to_owned())
    }

    fn scopes(&self, node: &Node) -> Option<Scopes> {
        let pairs = self.map(node)?;
        self.only(pairs, &["static", "dynamic"]);
        let mut scopes = Scopes::default();
        for (key, on_run) in [("static", false), ("dynamic", true)] {
            let scope = self.required(node, pairs, key).and_then(|node| self.scope(node, on_run));
            if on_run { scopes.on_run = scope } else { scopes.on_bytes = scope }
        }
        if scopes == Scopes::default() {
            return self.wrong(&node.span, "a rule needs a static or a dynamic scope", None);
        }
        Some(scopes)
    }

    fn scope(&self, node: &Node, on_run: bool) -> Option<Scope> {
        if node.text() == Some("unsupported") {
            return None;
        }
        let (name, scope, only) = self.one_of(node, "scope", SCOPES, |(name, ..)| name)?;
        if only.is_some_and(|only| only != on_run) {
            let column = if on_run { "static" } else { "dynamic" };
            return self.wrong(&node.span, format!("`{name}` is a {column} scope"), None);
        }
        Some(*scope)
    }

    /// `Tactic::Technique::Sub-technique [T1234.001]`.
    fn techniques(&self, pairs: &Pairs, key: &str) -> Vec<String> {
        let Some(items) = get(pairs, key).and_then(|node| self.list(node)) else { return Vec::new() };
        let mut techniques = Vec::new();
        for item in items {
            let Some(text) = self.text(item) else { continue };
            match check_technique(text, key == "att&ck") {
                Ok(()) => techniques.push(text.to_owned()),
                Err(help) => {
                    self.wrong::<()>(&item.span, format!("`{text}` does not name a technique"), Some(help));
                }
            }
        }
        techniques
    }

    fn examples(&self, pairs: &Pairs, key: &str) -> Vec<Example> {
        let Some(items) = get(pairs, key).and_then(|node| self.list(node)) else { return Vec::new() };
        items.iter().filter_map(|item| self.example(item)).collect()
    }

    fn example(&self, node: &Node) -> Option<Example> {
        let text = self.text(node)?;
        let (file, offset) = match text.rsplit_once(':') {
            Some((file, offset)) => (file, Some(offset)),
            None => (text, None),
        };
        let number =
            offset.map(|offset| super::integer(offset).and_then(|offset| u32::try_from(offset).ok()));
        if number == Some(None) || file.is_empty() || file.contains(['/', '\\']) {
            return self.wrong(
                &node.span,
                format!("`{text}` is not an example"),
                Some("FILE or FILE:0xOFFSET".into()),
            );
        }
        Some(Example { file: file.to_owned(), offset: number.flatten() })
    }

    fn small(&self, pairs: &Pairs, key: &str, most: u8) -> Option<u8> {
        let node = get(pairs, key)?;
        let value = self.integer(node)?;
        match u8::try_from(value) {
            Ok(value) if value <= most => Some(value),
            _ => self.wrong(&node.span, format!("`{key}` is from 0 to {most}"), None),
        }
    }

    fn risk(&self, pairs: &Pairs) -> Vec<String> {
        let Some(items) = get(pairs, "wasm/risk").and_then(|node| self.list(node)) else { return Vec::new() };
        let mut risks = Vec::new();
        for item in items {
            let Some(text) = self.text(item) else { continue };
            let group = text.strip_prefix(['A', 'B', 'C', 'D']).and_then(|group| group.parse::<u8>().ok());
            if group.is_none_or(|group| !(1..=10).contains(&group)) {
                self.wrong::<()>(
                    &item.span,
                    format!("`{text}` is not a risk category"),
                    Some("A to D and 1 to 10, such as A1".into()),
                );
            }
            risks.push(text.to_owned());
        }
        risks
    }
}

fn check_technique(text: &str, is_attack: bool) -> Result<(), String> {
    let form = if is_attack {
        "Tactic::Technique [T1234] or [T1234.001]"
    } else {
        "Objective::Behavior [B0001] or [E1234.m01]"
    };
    let parts = text.strip_suffix(']').and_then(|rest| rest.rsplit_once(" ["));
    let (path, id) = parts.ok_or_else(|| form.to_owned())?;
    let names: Vec<&str> = path.split("::").collect();
    let is_named = (2..=3).contains(&names.len()) && names.iter().all(|name| !name.trim().is_empty());
    if !is_named || !is_id(id, is_attack) {
        return Err(form.to_owned());
    }
    match names.first().filter(|tactic| !TACTICS.contains(tactic)) {
        Some(tactic) => Err(super::closest(tactic, TACTICS.iter().copied())
            .unwrap_or_else(|| format!("no tactic `{tactic}`"))),
        None => Ok(()),
    }
}

/// `T1496.001`, `B0003.012`, `E1027.m02`, `C0027`.
fn is_id(id: &str, is_attack: bool) -> bool {
    let (main, sub) = id.split_once('.').map_or((id, None), |(main, sub)| (main, Some(sub)));
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    let letters: &[char] = if is_attack { &['T'] } else { &['B', 'C', 'E', 'F'] };
    let main_is = main.strip_prefix(letters).is_some_and(|rest| digits(rest, 4));
    let sub_is = sub.is_none_or(|sub| {
        digits(sub, 3) || !is_attack && sub.strip_prefix('m').is_some_and(|rest| digits(rest, 2))
    });
    main_is && sub_is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_are_checked() {
        for (text, is_attack, expected) in [
            ("Impact::Resource Hijacking::Compute Hijacking [T1496.001]", true, true),
            ("Impact::Data Destruction [T1485]", true, true),
            ("Impact::Data Destruction [T485]", true, false),
            ("Impact::Data Destruction T1485", true, false),
            ("Impakt::Data Destruction [T1485]", true, false),
            ("[T1485]", true, false),
            ("Impact::Data Destruction [B0018.002]", true, false),
            ("Impact::Resource Hijacking::Cryptojacking [B0018.002]", false, true),
            ("Defense Evasion::Obfuscated Files or Information [E1027.m02]", false, true),
        ] {
            assert_eq!(check_technique(text, is_attack).is_ok(), expected, "{text}");
        }
    }
}
