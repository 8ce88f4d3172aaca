//! Files of other programs than this one. A file of an earlier one is read and written byte for byte
//! (`tests/file/recordings.rs` records it again). A file of a later one is read as far as it is known.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{
    Stored, append,
    later::{self, Later},
    read, to_bytes,
};
use crate::{
    Limits,
    file::{
        ChunkKind, Frame, Header, Info, Reader, Recorded,
        checkpoints::StoredCheckpoint,
        chunk::Chunk,
        contents::{Links, Outcome},
        decode::Budget,
        writer::ChunkWriter,
    },
    sandbox::{Item, RunOptions},
    trace::Record,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Recordings of samples of `corpus/` by the first program that wrote trace files.
fn recordings() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("tests/traces")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "spoor")).collect();
    files.sort();
    assert!(files.len() > 12, "{files:?}");
    files
}

fn chunks(path: &Path) -> Vec<(Frame, Vec<u8>)> {
    let reader = Reader::open(path).unwrap();
    let contents = (0..).map_while(|position| reader.read(position));
    reader.chunks().iter().map(|(frame, _)| *frame).zip(contents).collect()
}

/// The things of a chunk, read and written.
fn again<T: Stored>(raw: &[u8]) -> Vec<u8> {
    let (mut rest, mut bytes, budget) = (raw, Vec::new(), Budget::of(64 << 20));
    while !rest.is_empty() {
        let (thing, after) = read::<T>(rest, &budget).unwrap();
        append(thing, &mut bytes).unwrap();
        rest = after;
    }
    bytes
}

#[test]
fn what_was_written_is_read_and_written_as_it_was() {
    for path in recordings() {
        for (frame, raw) in chunks(&path) {
            let written = match frame.kind {
                ChunkKind::Header => again::<Header>(&raw),
                ChunkKind::Links => again::<Links>(&raw),
                ChunkKind::Log => again::<Item>(&raw),
                ChunkKind::Records => again::<Record>(&raw),
                ChunkKind::Outcome => again::<Outcome>(&raw),
                ChunkKind::Checkpoint => again::<StoredCheckpoint>(&raw),
                _ => continue,
            };
            assert!(written == raw, "{}: {}", path.display(), frame.kind);
        }
    }
}

/// As if this limit had come after version 1.
const FIELDS: &[Later<RunOptions>] = &[Later {
    name: "limits.stack_bytes",
    write: |options| {
        let is_usual = options.limits.stack_bytes == Limits::default().stack_bytes;
        (!is_usual).then(|| to_bytes(options.limits.stack_bytes).unwrap())
    },
    read: |options, value, budget| {
        options.limits.stack_bytes = read(value, budget)?.0;
        Some(())
    },
}];

#[test]
fn a_limit_that_came_later_has_its_default_where_it_is_absent() {
    let section = |options: &RunOptions| {
        let mut bytes = Vec::new();
        later::append(FIELDS, options, &mut bytes).unwrap();
        bytes
    };
    let of = |fields, bytes: &[u8]| {
        let mut options = RunOptions::default();
        let unknown = later::read(fields, bytes, &mut options, &Budget::of(1 << 16))?;
        Some((options.limits.stack_bytes, unknown))
    };
    let usual = RunOptions::default();
    let (default, none) = (usual.limits.stack_bytes, Vec::<String>::new());
    assert_eq!(section(&usual), b"", "a file without it is the one that it always was");
    assert_eq!(of(FIELDS, b""), Some((default, none.clone())));
    let mut other = usual.clone();
    other.limits.stack_bytes = 12_345;
    let bytes = section(&other);
    assert_eq!(of(FIELDS, &bytes), Some((12_345, none)));
    // A program that does not know it, or cannot take its value.
    let name = vec!["limits.stack_bytes".to_owned()];
    assert_eq!(of(&[], &bytes), Some((default, name.clone())));
    let wrong = to_bytes(vec![(name[0].clone(), vec![0xff_u8; 11])]).unwrap();
    assert_eq!(of(FIELDS, &wrong), Some((default, name)));
    // No section, and one that says of itself that it is huge.
    assert_eq!(of(FIELDS, b"\x05abc"), None);
    let many = to_bytes(vec![(String::new(), Vec::<u8>::new()); 1 << 14]).unwrap();
    assert_eq!(of(FIELDS, &many), None);
}

/// A recording with what `change` makes of its chunks.
fn changed(folder: &Path, change: impl Fn(Frame, Vec<u8>) -> Vec<(ChunkKind, Vec<u8>)>) -> PathBuf {
    let path = folder.join("x.spoor");
    let mut writer = ChunkWriter::begin(File::create(&path).unwrap()).unwrap();
    for (frame, raw) in chunks(&root().join("tests/traces/benign-archiver.spoor")) {
        for (kind, raw) in change(frame, raw) {
            let (first, count, calls) = (frame.first, frame.count, frame.calls);
            writer.write(&Chunk { kind, is_last: frame.is_last, first, count, calls, raw }).unwrap();
        }
    }
    writer.end().unwrap();
    path
}

#[test]
fn an_option_that_is_not_known_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let section = to_bytes(vec![("limits.dreams".to_owned(), vec![7_u8])]).unwrap();
    let path = changed(folder.path(), |frame, mut raw| {
        if frame.kind == ChunkKind::Header {
            raw.extend_from_slice(&section);
            // What version 1 reads is the same.
            assert_eq!(read::<Header>(&raw, &Budget::of(1 << 24)).unwrap().1, section);
        }
        vec![(frame.kind, raw)]
    });
    assert!(Info::of(&Reader::open(&path).unwrap()).is_whole);
    let recorded = Recorded::open(&path, None).unwrap();
    assert_eq!(recorded.header.unknown_options, ["limits.dreams"]);
    let expected = "it was run with options that this version does not know: `limits.dreams`";
    assert!(recorded.run.as_ref().unwrap().limitations.iter().any(|text| text.to_string() == expected));
    let rerun = recorded.rerun();
    assert!(!rerun.is_complete && rerun.damage.is_empty(), "{rerun:?}");
    // Anything else after the header.
    let path = changed(folder.path(), |frame, mut raw| {
        if frame.kind == ChunkKind::Header {
            raw.extend_from_slice(b"\x05abc");
        }
        vec![(frame.kind, raw)]
    });
    assert!(!Recorded::open(&path, None).unwrap().has_header);
}

#[test]
fn chunks_of_an_unknown_kind_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(folder.path(), |frame, raw| {
        vec![(ChunkKind::Unknown, vec![1, 2, 3]), (frame.kind, raw), (ChunkKind::Unknown, Vec::new())]
    });
    let was = Recorded::open(&root().join("tests/traces/benign-archiver.spoor"), None).unwrap();
    let count = was.reader().chunks().len() as u64;
    // With the index, and without it.
    for cut in [0, 8] {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        let info = Info::of(&Reader::open(&path).unwrap());
        assert_eq!(info.streams[&ChunkKind::Unknown].chunks, 2 * count);
        let harm = Reader::open(&path).unwrap().harm();
        assert!(harm.0.is_empty() && info.is_over && info.is_whole == (cut == 0), "{info:?}");
        let rerun = Recorded::open(&path, None).unwrap().rerun();
        assert!(rerun.is_equal && rerun.is_complete, "{rerun:?}");
    }
}
