//! Every family against that of all sessions, and every node against the families.

use super::dictionary::Readable;
use super::{Findings, Sum};
use crate::counted::{self, NODE_BYTES_MAX, Slot};
use crate::engine::{each_row, guarded};
use crate::error::Result;
use crate::family::{Family, FamilyKey, Part};
use crate::format::{Effect, EffectKind, Entry};
use crate::main_index::{MAIN, MainReader, tables};
use std::fmt;
use std::hash::Hasher;

/// As many as there are kinds of families.
const KINDS: usize = Family::KINDS.end as usize;

/// What the tables of roots and nodes hold, and what they should.
#[derive(Debug, Default)]
struct Seen {
    /// The entries of all families of each kind.
    found: [Sum; KINDS],
    /// The same, as the sessions and the sizes of families would have it.
    expected: [Sum; KINDS],
    starts: Sum,
    /// The nodes below the roots, and those in the table.
    referred: Sum,
    stored: Sum,
    /// Whether some session has a name that could not be read: it is expected nowhere then.
    has_unreadable: bool,
    /// Whether some family could not be gone through to its end.
    is_damaged: bool,
}

/// Checks roots and nodes, and answers the starts that there should be, if that can be said.
pub(super) fn check(
    reader: &MainReader,
    names: &Readable,
    findings: &mut Findings<'_>,
) -> Result<Option<Sum>> {
    let mut seen = Seen::default();
    findings.part(|findings| nodes(reader, &mut seen, findings))?;
    let all = findings.part(|findings| roots(reader, names, &mut seen, findings))?;
    if all.is_none() || seen.is_damaged {
        // What is missing then has been told, and what else is wrong may follow from it.
        return Ok(None);
    }
    if seen.referred != seen.stored {
        findings.fault(format!(
            "the families have {} nodes, not the {} that are stored",
            seen.referred.count, seen.stored.count
        ));
    }
    if seen.has_unreadable {
        return Ok(Some(seen.starts));
    }
    let kinds = seen.found.into_iter().zip(seen.expected).zip(0..);
    for ((found, expected), kind) in kinds.skip(1) {
        if found != expected {
            let before = findings.fault_count;
            findings.part(|findings| explain(reader, names, kind, findings))?;
            if findings.fault_count == before {
                findings.fault(format!(
                    "the families of kind {kind} are not what they must be"
                ));
            }
        }
    }
    Ok(Some(seen.starts))
}

fn nodes(reader: &MainReader, seen: &mut Seen, findings: &mut Findings<'_>) -> Result<()> {
    let next = reader.state().next_node;
    each_row(&reader.nodes, tables::NODES, &mut |id, row| {
        seen.stored.add(|hasher| hasher.write_u64(id));
        if id >= next {
            findings.fault(format!("node {id} has an id that is still to be given"));
        }
        match findings.row(row, |body| Ok(body.len()))? {
            Some(bytes) if bytes > NODE_BYTES_MAX => {
                findings.fault(format!("node {id} has {bytes} bytes"));
            }
            Some(_) => {}
            None => seen.is_damaged = true,
        }
        Ok(())
    })
}

fn roots(
    reader: &MainReader,
    names: &Readable,
    seen: &mut Seen,
    findings: &mut Findings<'_>,
) -> Result<()> {
    each_row(&reader.roots, tables::ROOTS, &mut |family, row| {
        let Some(root) = findings.row(row, |body| Ok(body.to_vec()))? else {
            seen.is_damaged = true;
            return Ok(());
        };
        if !is_key(*family) {
            findings.fault(format!("there is no family with the key {family:02x?}"));
        }
        let has_parts = Part::are_of(*family) && reader.has_parts(&root)?;
        let walked = guarded(MAIN, || {
            counted::check(reader, Some(&root), &mut |part| {
                match part {
                    counted::Part::Node(id) => seen.referred.add(|hasher| hasher.write_u64(id)),
                    counted::Part::Entry(slot) => {
                        seen.entry(*family, &slot, has_parts);
                        if *family == Family::ALL.to_key() {
                            seen.session(&slot, names, findings)?;
                        }
                    }
                }
                Ok(())
            })
        });
        let walked = walked.map_err(|error| {
            error.stored_in(format_args!("{} could not be gone through", Named(*family)))
        });
        if findings.told(walked)?.is_none() {
            seen.is_damaged = true;
        }
        Ok(())
    })
}

impl Seen {
    /// Takes an entry of a family in, and expects it in a part of that if there are parts.
    fn entry(&mut self, family: FamilyKey, slot: &Slot, has_parts: bool) {
        add(&mut self.found, family, slot);
        if has_parts {
            let client = Entry::client_of(slot.rest.ids);
            let part = Part {
                whole: family,
                client,
            };
            add(&mut self.expected, part.family(), slot);
        }
    }

    /// Takes an entry of the family of all in: it is expected in all others but parts.
    fn session(
        &mut self,
        slot: &Slot,
        names: &Readable,
        findings: &mut Findings<'_>,
    ) -> Result<()> {
        let entry = match Entry::unpack(slot) {
            Ok(entry) => entry,
            Err(error) => {
                self.is_damaged = true;
                return findings.unless_damage(error);
            }
        };
        let uid = entry.refer_uid;
        if entry.end.is_some_and(|end| end < entry.start) {
            findings.fault(format!("session {uid} ends before it starts"));
        }
        if names.all_clients && !names.known.has_client(entry.client_id) {
            let client = entry.client_id.0;
            findings.fault(format!(
                "session {uid} is on client {client}, which is missing"
            ));
        }
        let (start, minor) = (slot.key.major(), slot.key.minor());
        self.starts.add(|hasher| {
            hasher.write_u128(minor);
            hasher.write_u64(start);
        });
        match places(&entry, names) {
            Some(places) => places
                .filter(|family| Part::of(*family).is_none())
                .for_each(|family| add(&mut self.expected, family, slot)),
            None if names.all_names => findings.fault(format!(
                "session {uid} is of name {}, which is missing",
                entry.name_id.0
            )),
            None => self.has_unreadable = true,
        }
        Ok(())
    }
}

/// Whether a family can have this key: ids that do not apply are zero.
fn is_key([kind, user_and_client @ ..]: FamilyKey) -> bool {
    let (user, client) = user_and_client.split_at(4);
    let is_zero = |id: &[u8]| id.iter().all(|byte| *byte == 0);
    Family::KINDS.contains(&kind)
        && (kind & 1 != 0 || is_zero(user))
        && (kind & 2 != 0 || is_zero(client))
}

/// The families that a session is in; none if its name is not known.
fn places(entry: &Entry, names: &Readable) -> Option<impl Iterator<Item = FamilyKey> + use<>> {
    let effect = Effect {
        user_id: names.known.user_of(entry.name_id)?,
        entry: *entry,
        kind: EffectKind::Added,
    };
    Some(Family::KINDS.filter_map(move |kind| Some(effect.edit(kind)?.0.to_key())))
}

fn add(sums: &mut [Sum; KINDS], family: FamilyKey, slot: &Slot) {
    let [kind, ..] = family;
    if let Some(sum) = sums.get_mut(usize::from(kind)) {
        sum.add(|hasher| {
            hasher.write(&family);
            hasher.write_u64(slot.key.major());
            hasher.write_u128(slot.key.minor());
            hasher.write_u64(slot.rest.number);
            slot.rest
                .ids
                .into_iter()
                .for_each(|id| hasher.write_u32(id));
        });
    }
}

/// Finds the sessions that are missing from families of a kind, or should not be in them.
fn explain(
    reader: &MainReader,
    names: &Readable,
    kind: u8,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let all = reader.root(Family::ALL.to_key())?;
    let all = reader.tree(all.as_ref())?;
    all.visit(0..all.len(), &mut |slot| {
        let entry = Entry::unpack(&slot)?;
        let place = places(&entry, names).and_then(|mut places| places.find(|to| to[0] == kind));
        if let Some(family) = place
            && reader.should_be_kept(family)?
            && !has(reader, family, &slot)?
        {
            let (family, uid) = (Named(family), entry.refer_uid);
            findings.fault(format!(
                "{family} has session {uid} not as it is, or not at all"
            ));
        }
        Ok(())
    })?;
    each_row(&reader.roots, tables::ROOTS, &mut |family, row| {
        if family[0] != kind {
            return Ok(());
        }
        let tree = counted::Tree::new(reader, Some(row.body()?))?;
        tree.visit(0..tree.len(), &mut |slot| {
            let entry = Entry::unpack(&slot)?;
            let is_place = places(&entry, names).is_some_and(|mut all| all.any(|to| to == *family));
            let is_session = has(reader, Family::ALL.to_key(), &slot)?;
            if !(is_place && is_session && reader.should_be_kept(*family)?) {
                let (family, uid) = (Named(*family), entry.refer_uid);
                findings.fault(format!("{family} has session {uid}, which is none of its"));
            }
            Ok(())
        })
    })
}

/// Whether a family has just this entry.
fn has(reader: &MainReader, family: FamilyKey, slot: &Slot) -> Result<bool> {
    let root = reader.stored_root(family)?;
    let tree = counted::Tree::new(reader, root.as_deref())?;
    Ok(tree
        .get(slot.key)?
        .is_some_and(|found| found.rest == slot.rest))
}

impl MainReader {
    /// Whether a family with this root is kept in parts as well.
    fn has_parts(&self, root: &[u8]) -> Result<bool> {
        Ok(counted::Tree::new(self, Some(root))?.len() > self.parts_above)
    }

    /// Whether a family has a root of its own, if it has sessions.
    fn should_be_kept(&self, family: FamilyKey) -> Result<bool> {
        let Some(part) = Part::of(family) else {
            return Ok(true);
        };
        let whole = self.stored_root(part.whole)?;
        whole.map_or(Ok(false), |root| self.has_parts(&root))
    }
}

/// A family, for people.
struct Named(FamilyKey);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, u0, u1, u2, u3, c0, c1, c2, c3] = self.0;
        let user = u32::from_be_bytes([u0, u1, u2, u3]);
        let client = u32::from_be_bytes([c0, c1, c2, c3]);
        f.write_str(if kind & 4 == 0 {
            "the family of all"
        } else {
            "the family of open"
        })?;
        f.write_str(" sessions")?;
        if kind & 1 != 0 {
            write!(f, " of user {user}")?;
        }
        if kind & 2 != 0 {
            write!(f, " on client {client}")?;
        }
        Ok(())
    }
}
