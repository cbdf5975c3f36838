//! The names of a simulated disk: as programs see them, and as they are sure to be after the power was lost.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::chance::SimChance;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(pub(super) u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(FileId),
    Directory,
}

type Tree = BTreeMap<PathBuf, Node>;

#[derive(Clone)]
enum Change {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf, Node),
}

pub(super) struct Names {
    now: Tree,
    durable: Tree,
    /// Changes that are not durable, oldest first.
    unsure: Vec<Change>,
}

impl Names {
    pub(super) fn new() -> Self {
        let root: Tree = [(PathBuf::from("/"), Node::Directory)].into();
        Self { now: root.clone(), durable: root, unsure: Vec::new() }
    }

    pub(super) fn create(&mut self, path: &Path, file: FileId) -> io::Result<()> {
        if self.now.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.directory(path.parent().unwrap_or(path))?;
        self.change(Change::Put(path.to_owned(), Node::File(file)));
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            match self.now.get(ancestor) {
                Some(Node::Directory) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => self.change(Change::Put(ancestor.to_owned(), Node::Directory)),
            }
        }
        Ok(())
    }

    pub(super) fn unlink(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        self.change(Change::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.list(path)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(Change::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.file(from)?;
        self.directory(to.parent().unwrap_or(to))?;
        self.change(Change::Rename(from.to_owned(), to.to_owned(), Node::File(file)));
        Ok(())
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<FileId> {
        match self.now.get(path) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.directory(path)?;
        let children = self.now.keys().filter(|name| name.parent() == Some(path));
        Ok(children.cloned().collect())
    }

    pub(super) fn files_under(&self, path: &Path) -> impl Iterator<Item = FileId> {
        // Asked after every event: bytes are compared, where a path would be taken apart.
        let wanted = path.as_os_str().as_encoded_bytes();
        let is_under = move |name: &Path| {
            let rest = name.as_os_str().as_encoded_bytes().strip_prefix(wanted);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || wanted == b"/")
        };
        self.now.iter().filter(move |(name, _)| is_under(name)).filter_map(|(_, node)| match node {
            Node::File(file) => Some(*file),
            Node::Directory => None,
        })
    }

    /// Whether a name leads to it, now or after a loss of power.
    pub(super) fn has_file(&self, file: FileId) -> bool {
        let puts = |change: &Change| match change {
            Change::Put(_, node) | Change::Rename(_, _, node) => *node == Node::File(file),
            Change::Remove(_) => false,
        };
        let named = |tree: &Tree| tree.values().any(|node| *node == Node::File(file));
        named(&self.now) || named(&self.durable) || self.unsure.iter().any(puts)
    }

    /// The changes in this directory are durable.
    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.directory(path)?;
        let here = |name: &PathBuf| name.parent() == Some(path);
        let synced = self.unsure.extract_if(.., |change| match change {
            Change::Put(name, _) | Change::Remove(name) => here(name),
            Change::Rename(from, to, _) => here(from) || here(to),
        });
        for change in synced {
            change.apply(&mut self.durable);
        }
        Ok(())
    }

    /// Each unsure change is kept or lost; what is in a directory that was lost is lost with it.
    pub(super) fn lose_power(&mut self, chance: &mut SimChance) {
        for change in std::mem::take(&mut self.unsure) {
            if chance.happens(500) {
                change.apply(&mut self.durable);
            }
        }
        let mut kept = Tree::new();
        for (path, node) in &self.durable {
            // Parents sort before their children.
            if path.parent().is_none_or(|parent| kept.get(parent) == Some(&Node::Directory)) {
                kept.insert(path.clone(), *node);
            }
        }
        self.durable.clone_from(&kept);
        self.now = kept;
    }

    fn directory(&self, path: &Path) -> io::Result<()> {
        match self.now.get(path) {
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.unsure.push(change);
    }
}

impl Change {
    fn apply(&self, tree: &mut Tree) {
        match self {
            Self::Put(path, node) => {
                tree.insert(path.clone(), *node);
            }
            Self::Remove(path) => {
                tree.remove(path);
            }
            Self::Rename(from, to, node) => {
                tree.remove(from);
                tree.insert(to.clone(), *node);
            }
        }
    }
}
