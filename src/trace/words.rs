//! The place where the words of a decision stream are kept: in memory, and past that in an unnamed temporary
//! file.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    sync::{Arc, Mutex},
};

use super::Chunks;
use super::limits::WORDS_PER_READ;

/// A decision stream.
#[derive(Debug, Clone, Default)]
pub struct Words {
    memory: Vec<Box<[u64]>>,
    in_memory: usize,
    file: Option<Arc<Mutex<File>>>,
    /// Words in the file.
    in_file: usize,
}

impl Words {
    /// Appends words, copying them.
    pub fn push(&mut self, words: &[u64]) {
        if !words.is_empty() {
            self.memory.push(words.into());
            self.in_memory += words.len();
        }
    }

    /// Appends words to the file, which then holds all that follow: do not [`Words::push`] any more.
    ///
    /// # Errors
    ///
    /// If the file cannot be made or written.
    pub fn spill(&mut self, words: &[u64]) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(Arc::new(Mutex::new(tempfile::tempfile()?))),
        };
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut file = file.lock().map_err(|_| io::Error::other("the file is in an unknown state"))?;
        file.seek(SeekFrom::Start(self.in_file as u64 * 8))?;
        file.write_all(&bytes)?;
        self.in_file += words.len();
        Ok(())
    }

    /// Whether words were spilled. No more may be pushed then: those in memory are read first.
    pub fn is_spilled(&self) -> bool {
        self.in_file > 0
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.in_memory + self.in_file
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the words that are in memory.
    pub fn bytes_in_memory(&self) -> u64 {
        self.in_memory as u64 * 8
    }

    /// The words, chunk by chunk, for a reader. A file that cannot be read any more ends the stream early,
    /// which replay reports as missing decisions.
    pub fn chunks(&self) -> Chunks<'_> {
        let memory = self.memory.iter().map(|chunk| Cow::Borrowed(&**chunk));
        let starts = (0..self.in_file).step_by(WORDS_PER_READ);
        let file = starts.map_while(|start| {
            self.read(start, WORDS_PER_READ.min(self.in_file - start)).ok().map(Cow::Owned)
        });
        Box::new(memory.chain(file.fuse()))
    }

    fn read(&self, start: usize, len: usize) -> io::Result<Vec<u64>> {
        let gone = || io::Error::other("the file is in an unknown state");
        let mut file = self.file.as_ref().ok_or_else(gone)?.lock().map_err(|_| gone())?;
        file.seek(SeekFrom::Start(start as u64 * 8))?;
        let mut bytes = vec![0; len * 8];
        file.read_exact(&mut bytes)?;
        Ok(bytes
            .chunks_exact(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_from_memory_and_file_in_order() {
        let all: Vec<u64> = (0..30_000).collect();
        let mut words = Words::default();
        words.push(&all[..5000]);
        for chunk in all[5000..].chunks(4096) {
            words.spill(chunk).unwrap();
        }
        let read: Vec<u64> = words.chunks().flat_map(Cow::into_owned).collect();
        assert_eq!(read, all);
        assert_eq!((words.len(), words.bytes_in_memory()), (30_000, 40_000));
    }
}
