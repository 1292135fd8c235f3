//! A disk: what is durable of each file and of the files' names, and what is not yet.

use crate::support::random::Random;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What is done to a disk. Files are numbers there, whatever they are called.
#[derive(Clone)]
pub enum Event {
    Change(usize, Change),
    Sync(usize),
    /// A sync fails: what it was to make durable is forgotten, though it is seen for as long as there
    /// is power.
    FailedSync(usize),
    Create(String),
    Rename(String, String),
    Remove(String),
    SyncNames,
}

/// A change of a file.
#[derive(Clone)]
pub enum Change {
    Write(u64, Arc<[u8]>),
    SetLen(u64),
}

/// How much of what is not durable a loss of power leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    All,
    /// Of the changes of each file any, in any order, and any sectors of those that are kept; of
    /// the changes of names any number, from the first on.
    Some(u64),
}

/// Files by their names.
type Names = BTreeMap<String, usize>;

#[derive(Clone)]
enum NameChange {
    Put(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    names: Names,
    durable_names: Names,
    /// What leads from the durable names to those that are seen.
    pending_names: Vec<NameChange>,
}

#[derive(Clone, Default)]
struct File {
    /// What it is called, or was last.
    name: String,
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// What leads from the durable bytes to those that are seen.
    pending: Vec<Change>,
}

impl Disk {
    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    pub fn name(&self, file: usize) -> &str {
        &self.files[file].name
    }

    pub fn bytes(&self, file: usize) -> &[u8] {
        &self.files[file].seen
    }

    /// Every file by its name, as a process sees it.
    pub fn seen(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let names = self.names.iter();
        names.map(|(name, file)| (name.as_str(), self.bytes(*file)))
    }

    /// The event must be one that can be: its files are there.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Change(file, change) => self.files[*file].change(change.clone()),
            Event::Sync(file) => self.files[*file].sync(),
            Event::FailedSync(file) => self.files[*file].pending.clear(),
            Event::Create(name) => self.create(name),
            Event::Rename(from, to) => {
                let file = self.names[from];
                to.clone_into(&mut self.files[file].name);
                self.rename(NameChange::Rename(from.clone(), to.clone()));
            }
            Event::Remove(name) => self.rename(NameChange::Remove(name.clone())),
            Event::SyncNames => {
                self.durable_names = self.names.clone();
                self.pending_names.clear();
            }
        }
    }

    /// A file that is there is cut, as a file system does it.
    fn create(&mut self, name: &str) {
        if let Some(file) = self.file(name) {
            return self.files[file].change(Change::SetLen(0));
        }
        let file = self.files.len();
        self.files.push(File {
            name: name.to_owned(),
            ..File::default()
        });
        self.rename(NameChange::Put(name.to_owned(), file));
    }

    fn rename(&mut self, change: NameChange) {
        apply_to_names(&mut self.names, &change);
        self.pending_names.push(change);
    }

    /// The disk after a loss of power.
    pub fn without_power(&self, kept: Kept) -> Self {
        let mut random = match kept {
            Kept::Some(seed) => Random::new(seed),
            Kept::Nothing | Kept::All => Random::default(),
        };
        let names_kept = match kept {
            Kept::Nothing => 0,
            Kept::All => self.pending_names.len(),
            Kept::Some(_) => random.below(self.pending_names.len() + 1),
        };
        let mut names = self.durable_names.clone();
        for change in &self.pending_names[..names_kept] {
            apply_to_names(&mut names, change);
        }
        let files = self.files.iter();
        let mut files: Vec<File> = files
            .map(|file| file.without_power(kept, &mut random))
            .collect();
        for (name, file) in &names {
            name.clone_into(&mut files[*file].name);
        }
        Self {
            files,
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
        }
    }

    /// Files that have no name and will have none are gone once nobody has them open.
    pub fn close_all(&mut self) {
        let names = self.names.values().chain(self.durable_names.values());
        let put = self.pending_names.iter().filter_map(|change| match change {
            NameChange::Put(_, file) => Some(file),
            NameChange::Rename(..) | NameChange::Remove(_) => None,
        });
        let named: HashSet<usize> = names.chain(put).copied().collect();
        for (number, file) in self.files.iter_mut().enumerate() {
            if !named.contains(&number) {
                *file = File::default();
            }
        }
    }

    /// Damages a file at rest: what it is now is what it always was.
    pub fn damage(&mut self, name: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let file = &mut self.files[self.names[name]];
        damage(&mut file.seen);
        file.durable = file.seen.clone();
        file.pending.clear();
    }
}

fn apply_to_names(names: &mut Names, change: &NameChange) {
    match change {
        NameChange::Put(name, file) => drop(names.insert(name.clone(), *file)),
        NameChange::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        NameChange::Remove(name) => drop(names.remove(name)),
    }
}

impl File {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn without_power(&self, kept: Kept, random: &mut Random) -> Self {
        let bytes = match kept {
            Kept::Nothing => self.durable.clone(),
            Kept::All => self.seen.clone(),
            Kept::Some(_) => self.in_part(random),
        };
        Self {
            name: self.name.clone(),
            seen: bytes.clone(),
            durable: bytes,
            pending: Vec::new(),
        }
    }

    fn in_part(&self, random: &mut Random) -> Vec<u8> {
        // Mostly few are lost, mostly few are kept, or as many as not.
        let lost = random.one_of(&[1, 4, 7]);
        let mut kept: Vec<&Change> = self.pending.iter().collect();
        kept.retain(|_| random.below(8) >= lost);
        if random.chance(2) {
            random.shuffle(&mut kept);
        }
        let is_torn = random.chance(2);
        let mut bytes = self.durable.clone();
        for change in kept {
            match change {
                Change::Write(offset, new) if is_torn => tear(*offset, new, &mut bytes, random),
                change => change.apply(&mut bytes),
            }
        }
        bytes
    }
}

/// Writes some sectors, either the first few or any.
fn tear(mut offset: u64, mut new: &[u8], bytes: &mut Vec<u8>, random: &mut Random) {
    let is_prefix = random.chance(2);
    while !new.is_empty() {
        let inside = usize::try_from(offset).unwrap() % SECTOR_BYTES;
        let (sector, rest) = new.split_at(new.len().min(SECTOR_BYTES - inside));
        match (random.chance(4), is_prefix) {
            (true, true) => return,
            (true, false) => {}
            (false, _) => write(offset, sector, bytes),
        }
        offset += sector.len() as u64;
        new = rest;
    }
}

fn write(offset: u64, new: &[u8], bytes: &mut Vec<u8>) {
    let start = usize::try_from(offset).unwrap();
    let end = start + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(new);
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, new) => write(*offset, new, bytes),
            Self::SetLen(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
        }
    }
}
