//! Reads the YAML of the rules that ship, so that no start of the program does: what the parser says of each
//! file becomes a list that is read back in a tenth of the time (`src/rules/yaml.rs`).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=rules/behavior");
    #[cfg(feature = "analysis")]
    rules::write();
}

#[cfg(feature = "analysis")]
mod rules {
    use std::{
        env, fs,
        path::{Path, PathBuf},
    };

    use saphyr_parser::{Event, Parser};

    /// Writes `OUT_DIR/rules.bin`: of each file its name, its text and what the parser says of it, each as
    /// its length in four bytes, lowest first, and the bytes.
    pub(crate) fn write() {
        let mut files = Vec::new();
        collect(Path::new("rules/behavior"), &mut files);
        let mut bytes = Vec::new();
        for file in files {
            let text =
                fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let name: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
            put(&mut bytes, name.join("/").as_bytes());
            put(&mut bytes, text.as_bytes());
            put(&mut bytes, &events(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        }
        let folder = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        fs::write(folder.join("rules.bin"), bytes).unwrap_or_else(|error| panic!("rules.bin: {error}"));
    }

    /// The rule files below a folder, by name.
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
                files.push(path);
            }
        }
    }

    /// What the parser says: kind, where it begins and ends in characters, text.
    fn events(text: &str) -> Result<Vec<u8>, String> {
        let (mut bytes, mut parser) = (Vec::new(), Parser::new_from_str(text));
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| error.to_string())?;
            let (kind, text) = match event {
                Event::Scalar(text, _, 0, None) => (b's', text),
                Event::SequenceStart(0, None) => (b'[', "".into()),
                Event::MappingStart(0, None) => (b'{', "".into()),
                Event::SequenceEnd | Event::MappingEnd => (b'.', "".into()),
                Event::Alias(_) | Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                    return Err("anchors, aliases and tags are not allowed in rules".into());
                }
                _ => continue,
            };
            bytes.push(kind);
            for place in [span.start.index(), span.end.index(), text.len()] {
                bytes.extend(u32::try_from(place).map_err(|error| error.to_string())?.to_le_bytes());
            }
            bytes.extend(text.as_bytes());
        }
        Ok(bytes)
    }

    fn put(out: &mut Vec<u8>, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or_else(|error| panic!("{error}"));
        out.extend(len.to_le_bytes());
        out.extend(bytes);
    }
}
