//! Families: the ordered sets of which every query is one contiguous range of exactly one.

use crate::counted::{Edit, Key};
use crate::format::{ClientId, Effect, Entry, UserId};
use crate::query::Query;
use std::ops::RangeInclusive;

/// {every session, a user's, a client's, a user's on a client} × {all, open only}.
///
/// Within a family, entries are ordered by start, then `refer_uid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Family {
    pub(crate) user: Option<UserId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) open_only: bool,
}

/// A family as the key of its root.
pub(crate) type FamilyKey = [u8; 9];

/// The family of a user's sessions on one client, as a part of that of all the user's.
///
/// Most users have few sessions on many clients: then the part is not kept, but picked out of the
/// whole. See [`Shape::parts_above`](crate::main_index::Shape).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// The family of all the user's sessions, open only if those of the part are.
    pub(crate) whole: FamilyKey,
    pub(crate) client: ClientId,
}

impl Part {
    /// The part that a family is; none if it is not of one user on one client.
    pub(crate) fn of(family: FamilyKey) -> Option<Self> {
        let [kind, u0, u1, u2, u3, c0, c1, c2, c3] = family;
        let is_part = kind & OF_USER != 0 && kind & OF_CLIENT != 0;
        is_part.then_some(Self {
            whole: [kind & !OF_CLIENT, u0, u1, u2, u3, 0, 0, 0, 0],
            client: ClientId(u32::from_be_bytes([c0, c1, c2, c3])),
        })
    }

    /// Whether a family has parts.
    pub(crate) fn are_of(family: FamilyKey) -> bool {
        let [kind, ..] = family;
        kind & OF_USER != 0 && kind & OF_CLIENT == 0
    }

    pub(crate) fn family(self) -> FamilyKey {
        let [kind, u0, u1, u2, u3, ..] = self.whole;
        let [c0, c1, c2, c3] = self.client.0.to_be_bytes();
        [kind | OF_CLIENT, u0, u1, u2, u3, c0, c1, c2, c3]
    }
}

const OF_USER: u8 = 1;
const OF_CLIENT: u8 = 2;
const OPEN_ONLY: u8 = 4;

impl Family {
    /// Every session.
    pub(crate) const ALL: Self = Self {
        user: None,
        client: None,
        open_only: false,
    };

    /// Every open session.
    pub(crate) const OPEN: Self = Self {
        user: None,
        client: None,
        open_only: true,
    };

    /// Every session on a client.
    pub(crate) const fn of_client(client: ClientId) -> Self {
        Self {
            client: Some(client),
            ..Self::ALL
        }
    }

    /// The key of the family's root: kind, user id, client id; ids that do not apply are zero.
    pub(crate) fn to_key(self) -> FamilyKey {
        let kind = self.kind();
        let [u0, u1, u2, u3] = self.user.map_or(0, |user| user.0).to_be_bytes();
        let [c0, c1, c2, c3] = self.client.map_or(0, |client| client.0).to_be_bytes();
        [kind, u0, u1, u2, u3, c0, c1, c2, c3]
    }

    /// The kind of this family, as the first byte of its key.
    fn kind(self) -> u8 {
        self.user.map_or(0, |_| OF_USER)
            | self.client.map_or(0, |_| OF_CLIENT)
            | if self.open_only { OPEN_ONLY } else { 0 }
    }

    /// Every kind of family, as the first byte of its key, in the order of keys.
    pub(crate) const KINDS: std::ops::Range<u8> = 0..8;

    /// The family of a kind that sessions of this user on this client belong to.
    fn of_kind(kind: u8, user: UserId, client: ClientId) -> Self {
        Self {
            user: (kind & OF_USER != 0).then_some(user),
            client: (kind & OF_CLIENT != 0).then_some(client),
            open_only: kind & OPEN_ONLY != 0,
        }
    }
}

/// By what the sessions of a family are told apart into smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Users,
    Clients,
}

impl Group {
    /// The keys of the families of one user each, or of one client each, from the first to the last
    /// that there can be.
    pub(crate) fn keys(self, open_only: bool) -> RangeInclusive<FamilyKey> {
        let every = Family {
            open_only,
            ..Family::ALL
        };
        let [first, last] = [0, u32::MAX].map(|id| self.part(every, id).to_key());
        first..=last
    }

    /// The id of the user or client whose family has a key among [`keys`](Self::keys).
    pub(crate) fn id_of(self, family: FamilyKey) -> u32 {
        let [_, u0, u1, u2, u3, c0, c1, c2, c3] = family;
        u32::from_be_bytes(match self {
            Self::Users => [u0, u1, u2, u3],
            Self::Clients => [c0, c1, c2, c3],
        })
    }

    /// What of a family is one user's, or one client's.
    pub(crate) fn part(self, family: Family, id: u32) -> Family {
        match self {
            Self::Users => Family {
                user: Some(UserId(id)),
                ..family
            },
            Self::Clients => Family {
                client: Some(ClientId(id)),
                ..family
            },
        }
    }

    /// The one user, or client, that all of a family is of, if it is.
    pub(crate) fn only(self, family: Family) -> Option<u32> {
        match self {
            Self::Users => family.user.map(|user| user.0),
            Self::Clients => family.client.map(|client| client.0),
        }
    }
}

/// Where the answer to a query lies: the entries of one family from one key up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) family: Family,
    /// The least key that passes; unbounded if `None`.
    pub(crate) from: Option<Key>,
    /// The least key above all that pass; unbounded if `None`.
    pub(crate) to: Option<Key>,
}

impl Plan {
    /// The plan of `query`, its user and client given by their ids.
    pub(crate) fn new(query: &Query, user: Option<UserId>, client: Option<ClientId>) -> Self {
        Self {
            family: Family {
                user,
                client,
                open_only: query.open_sessions_only(),
            },
            from: query.first_start().map(Entry::first_key_at),
            to: query.end_of_starts().map(Entry::first_key_at),
        }
    }
}

impl Effect {
    /// What this does to the one family of a kind that it concerns, if anything.
    pub(crate) fn edit(&self, kind: u8) -> Option<(Family, Edit)> {
        let belongs = |entry: &Entry| kind & OPEN_ONLY == 0 || entry.is_open();
        let (before, after) = (self.before().filter(belongs), self.after().filter(belongs));
        let edit = match (before, after) {
            (None, Some(after)) => Edit::Insert(after.pack()),
            (Some(_), Some(after)) => Edit::Replace(after.pack()),
            (Some(before), None) => Edit::Remove(before.key()),
            _ => return None,
        };
        let client = self.entry.client_id;
        Some((Family::of_kind(kind, self.user_id, client), edit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{EffectKind, NameId};
    use crate::time::Ticks;
    use uuid::Uuid;

    fn entry(end: Option<Ticks>) -> Entry {
        Entry {
            start: Ticks::FLOOR.next(),
            refer_uid: Uuid::from_u128(1),
            end,
            name_id: NameId(5),
            client_id: ClientId(6),
        }
    }

    /// How many entries are put, and how many removed.
    fn edits(kind: EffectKind, end: Option<Ticks>) -> (usize, usize) {
        let effect = Effect {
            user_id: UserId(4),
            entry: entry(end),
            kind,
        };
        let edits: Vec<(Family, Edit)> =
            Family::KINDS.filter_map(|kind| effect.edit(kind)).collect();
        let removals = edits
            .iter()
            .filter(|(_, edit)| matches!(edit, Edit::Remove(_)))
            .count();
        (edits.len() - removals, removals)
    }

    #[test]
    fn each_change_edits_just_the_families_it_concerns() {
        let end = Some(Ticks::FLOOR.next());
        assert_eq!(edits(EffectKind::Added, None), (8, 0));
        assert_eq!(edits(EffectKind::Added, end), (4, 0));
        assert_eq!(edits(EffectKind::Ended, end), (4, 4));
        assert_eq!(edits(EffectKind::Removed, None), (0, 8));
        assert_eq!(edits(EffectKind::Removed, end), (0, 4));
    }

    #[test]
    fn the_keys_of_families_are_pinned() {
        assert_eq!(Family::ALL.to_key(), [0; 9]);
        assert_eq!(Family::OPEN.to_key(), [4, 0, 0, 0, 0, 0, 0, 0, 0]);
        let pair = Family::of_kind(7, UserId(0x0102_0304), ClientId(0x0506_0708));
        assert_eq!(pair.to_key(), [7, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn just_the_families_of_a_user_and_client_are_parts() {
        for kind in Family::KINDS {
            let family = Family::of_kind(kind, UserId(0x0102_0304), ClientId(0x0506_0708));
            let part = Part::of(family.to_key());
            let whole = Family {
                client: None,
                ..family
            };
            let is_part = family.user.is_some() && family.client.is_some();
            let expected = is_part.then_some(Part {
                whole: whole.to_key(),
                client: ClientId(0x0506_0708),
            });
            assert_eq!(part, expected);
            assert!(part.is_none_or(|part| part.family() == family.to_key()));
            assert!(part.is_none_or(|part| Part::are_of(part.whole)));
            let has_parts = family.user.is_some() && family.client.is_none();
            assert_eq!(Part::are_of(family.to_key()), has_parts);
        }
    }
}
