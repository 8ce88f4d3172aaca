//! The hashes and sketches of samples, in a file: 41 bytes a sample, and 256 for each sketch.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{
    super::{
        limits::SPILL_HELD,
        sketch::{BINS, Sketch},
    },
    Entry,
};

/// Bytes of a sketch.
const SKETCH: usize = 2 * BINS;

/// What follows in an entry.
const IMPORTS: u8 = 1;
const CODE: u8 = 2;
const BEHAVIOUR: u8 = 4;

/// Which sketches are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    None,
    Code,
    Behaviour,
}

/// Entries in the order in which they came. They are in memory until they are many, then in a file without a
/// name, which is gone with the process.
#[derive(Debug, Default)]
pub(super) struct Spill {
    /// Where the file is made; `None` where the system has such files.
    folder: Option<PathBuf>,
    file: Option<File>,
    /// What is not yet written.
    held: Vec<u8>,
    len: usize,
    codes: usize,
    behaviours: usize,
}

impl Spill {
    pub(super) fn within(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many entries have a sketch of this kind.
    pub(super) fn count(&self, part: Part) -> usize {
        match part {
            Part::None => 0,
            Part::Code => self.codes,
            Part::Behaviour => self.behaviours,
        }
    }

    pub(super) fn push(&mut self, entry: &Entry) -> io::Result<()> {
        let Entry { sha256, imports, code, behaviour } = entry;
        let has = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
        let flags = has(imports.is_some(), IMPORTS) | has(code.is_some(), CODE);
        self.held.extend(sha256);
        self.held.extend(imports.unwrap_or_default().to_le_bytes());
        self.held.push(flags | has(behaviour.is_some(), BEHAVIOUR));
        for sketch in [code, behaviour].into_iter().flatten() {
            self.held.extend(sketch.0.map(u16::to_le_bytes).as_flattened());
        }
        self.len += 1;
        self.codes += usize::from(code.is_some());
        self.behaviours += usize::from(behaviour.is_some());
        if self.held.len() >= SPILL_HELD { self.write() } else { Ok(()) }
    }

    /// Writes what is held to the file.
    fn write(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => match &self.folder {
                Some(folder) => tempfile::tempfile_in(folder)?,
                None => tempfile::tempfile()?,
            },
        };
        file.write_all(&self.held)?;
        self.held.clear();
        self.file = Some(file);
        Ok(())
    }

    /// Gives every entry, with no sketch but of this kind.
    pub(super) fn each(&mut self, part: Part, mut take: impl FnMut(Entry)) -> io::Result<()> {
        let held = self.held.as_slice();
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(0))?;
            let mut reader = BufReader::with_capacity(1 << 18, &*file).chain(held);
            (0..self.len).try_for_each(|_| read(&mut reader, part).map(&mut take))?;
            // What comes next goes to its end.
            file.seek(SeekFrom::End(0)).map(drop)
        } else {
            let mut reader = held;
            (0..self.len).try_for_each(|_| read(&mut reader, part).map(&mut take))
        }
    }
}

fn read(from: &mut impl Read, part: Part) -> io::Result<Entry> {
    let (mut sha256, mut imports, mut flags) = ([0; 32], [0; 8], [0]);
    from.read_exact(&mut sha256)?;
    from.read_exact(&mut imports)?;
    from.read_exact(&mut flags)?;
    let has = |flag: u8| flags[0] & flag != 0;
    let imports = has(IMPORTS).then(|| u64::from_le_bytes(imports));
    let mut sketch = |flag: u8, wanted: bool| -> io::Result<Option<Sketch>> {
        let mut bytes = [0; SKETCH];
        if has(flag) {
            from.read_exact(&mut bytes)?;
        }
        let mut bins = [0; BINS];
        bins.iter_mut().zip(bytes.as_chunks().0).for_each(|(bin, pair)| *bin = u16::from_le_bytes(*pair));
        Ok((has(flag) && wanted).then_some(Sketch(bins)))
    };
    let code = sketch(CODE, part == Part::Code)?;
    Ok(Entry { sha256, imports, code, behaviour: sketch(BEHAVIOUR, part == Part::Behaviour)? })
}
