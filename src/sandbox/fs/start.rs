//! The tree at the start of a run: the user's files, then what the persona has.

use std::collections::BTreeMap;

use super::{Dir, Fs, Gone, Kind, Origin, ROOT, TOTAL_BYTES};
use crate::sandbox::{persona::Persona, wasi::Errno};

impl Fs {
    /// A tree of these files, of what `persona` has where there is none of that path, and of `dirs`.
    pub(in crate::sandbox) fn new(
        files: &BTreeMap<String, Vec<u8>>,
        persona: &Persona,
        dirs: &[&str],
        now_ns: u64,
    ) -> Self {
        let (nodes, free, gone) = (Vec::new(), Vec::new(), Gone::default());
        let mut fs =
            Self { nodes, free, gone, bytes: 0, names: 0, trails: 0, left_out: 0, is_running: false, now_ns };
        fs.nodes.push(fs.node(Kind::Dir(Dir::default()), String::new()));
        for (path, bytes) in files {
            fs.install(path, Kind::File(bytes.clone()));
        }
        // In the order of paths: so is a listing.
        let mut documents: Vec<_> = persona.files.iter().collect();
        documents.sort_by(|one, other| one.path.cmp(&other.path));
        for document in documents {
            fs.now_ns = now_ns.saturating_sub(document.age_ns);
            fs.install(&document.path, Kind::File(document.bytes.clone()));
        }
        fs.now_ns = now_ns;
        for (path, target) in &persona.links {
            fs.install(path, Kind::Link(target.clone()));
        }
        for dir in persona.dirs.iter().map(String::as_str).chain(dirs.iter().copied()) {
            fs.make_dirs(dir);
        }
        fs.is_running = true;
        fs
    }

    /// Puts a file or link there, unless there is something or no room.
    fn install(&mut self, path: &str, kind: Kind) {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let len = if let Kind::File(bytes) = &kind { bytes.len() as u64 } else { 0 };
        let has_room = self.bytes + len <= TOTAL_BYTES && !matches!(name, "" | "." | "..");
        let Some(dir) = self.make_dirs(dir).filter(|_| has_room) else {
            self.left_out += 1;
            return;
        };
        let path = format!("/{}", path.trim_start_matches('/'));
        match self.insert(dir, name, kind) {
            Ok(ino) => {
                self.bytes += len;
                self.nodes[ino.0].origin = Some(Origin { path, before: None });
            }
            // The user's goes before the persona's.
            Err(Errno::EXIST) => {}
            Err(_) => self.left_out += 1,
        }
    }

    /// The directory at `path`, made if it is not there.
    fn make_dirs(&mut self, path: &str) -> Option<super::Ino> {
        let mut at = ROOT;
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            at = match self.child(at, name) {
                Some(ino) => ino,
                None if name == ".." => return None,
                None => self.insert(at, name, Kind::Dir(Dir::default())).ok()?,
            };
        }
        self.is_dir(at).then_some(at)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A tree of these files only.
    pub(in crate::sandbox::fs) fn tree(files: &[(&str, &[u8])]) -> Fs {
        let files = files.iter().map(|&(path, bytes)| (path.to_owned(), bytes.to_vec())).collect();
        Fs::new(&files, &Persona::bare(), &[], 0)
    }

    #[test]
    fn the_persona_does_not_replace_files() {
        let mine = [("/etc/passwd".to_owned(), b"mine".to_vec())];
        let fs = Fs::new(&mine.into(), &Persona::default(), &["/empty"], 1 << 60);
        let read = |path: &str| {
            let ino = fs.resolve(ROOT, path, true).unwrap().ino.unwrap();
            fs.read(ino, 0, 1 << 20).unwrap().to_vec()
        };
        assert_eq!(read("etc/passwd"), b"mine");
        assert!(read("home/user/documents/report.txt").len() > 100);
        assert!(fs.dir_at("/empty").is_some() && fs.dir_at("/etc/passwd").is_none());
    }
}
