//! The tree at the start of a run.

use super::{DeletedFiles, Dir, Error, Free, Fs, Kind, Origin, ROOT, limits::TOTAL_BYTES};

impl Fs {
    /// A tree of nothing but its top directory. Files that are put there until [`Fs::begin`] were there at
    /// the start.
    pub(in crate::sandbox) fn empty(now_ns: u64) -> Self {
        let (nodes, free, deleted) = (Vec::new(), Free::default(), DeletedFiles::default());
        let mut fs = Self {
            nodes,
            free,
            deleted,
            bytes: 0,
            names: 0,
            trails: 0,
            left_out: 0,
            is_running: false,
            now_ns,
        };
        fs.nodes.push(fs.node(Kind::Dir(Dir::default()), String::new()));
        fs
    }

    /// Files that are made from now on were made by the sample.
    pub(in crate::sandbox) fn begin(&mut self) {
        self.is_running = true;
    }

    /// Puts a file or link there, unless there is something or no room.
    pub(in crate::sandbox) fn install(&mut self, path: &str, kind: Kind) {
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
            // What was put there first stays.
            Err(Error::Exists) => {}
            Err(_) => self.left_out += 1,
        }
    }

    /// The directory at `path`, made if it is not there.
    pub(in crate::sandbox) fn make_dirs(&mut self, path: &str) -> Option<super::Ino> {
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
        let mut fs = Fs::empty(0);
        for (path, bytes) in files {
            fs.install(path, Kind::File(bytes.to_vec()));
        }
        fs.begin();
        fs
    }
}
