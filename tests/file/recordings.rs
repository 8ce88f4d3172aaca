//! The recordings of `tests/traces/`, which an earlier program wrote of samples of `corpus/`: the same runs
//! give the same files.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use wasmspoor::file::{self, ChunkKind, Reader, Recorded, Sample};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tool(path: &Path) -> String {
    Recorded::open(path, None).unwrap().header.tool
}

/// What is in a file, without its header, which names the program.
fn chunks(path: &Path) -> Vec<(ChunkKind, u64, u64, Vec<u8>)> {
    let reader = Reader::open(path).unwrap();
    let is_run = |(position, kind)| (kind != ChunkKind::Header).then_some(position);
    let positions = reader.chunks().iter().map(|(frame, _)| frame.kind).enumerate().filter_map(is_run);
    let chunk = |position: usize| {
        let frame = reader.chunks()[position].0;
        (frame.kind, frame.first, frame.count, reader.read(position).unwrap())
    };
    positions.map(chunk).collect()
}

#[test]
fn the_same_runs_give_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let recordings: Vec<PathBuf> = super::common::files(&root().join("tests/traces"), "spoor");
    assert!(recordings.len() > 12, "{recordings:?}");
    for old in recordings {
        let new = folder.path().join(old.file_name().unwrap());
        let header = Recorded::open(&old, None).unwrap().header;
        let bytes = fs::read(root().join(&header.name)).unwrap();
        let sample = Sample { name: &header.name, bytes: &bytes, is_embedded: true };
        file::record(File::create_new(&new).unwrap(), &new, &sample, &header.options).unwrap();
        let is_same = match tool(&new) == header.tool {
            true => fs::read(&old).unwrap() == fs::read(&new).unwrap(),
            false => chunks(&old) == chunks(&new),
        };
        if std::env::var_os("BLESS").is_some() {
            fs::copy(&new, &old).unwrap();
            continue;
        }
        assert!(is_same, "{}: BLESS=1 if what runs do has changed on purpose", old.display());
    }
}
