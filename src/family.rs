//! Families: the ordered sets of which every query is one contiguous range of exactly one.

use crate::counted::{Edit, Key};
use crate::format::{ClientId, Entry, UserId};
use crate::query::Query;

/// {every session, a user's, a client's, a user's on a client} × {all, open only}.
///
/// Within a family, entries are ordered by start, then `refer_uid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Family {
    pub(crate) user: Option<UserId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) open_only: bool,
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

    /// The key of the family's root: kind, user id, client id; ids that do not apply are zero.
    pub(crate) fn to_key(self) -> [u8; 9] {
        let kind = self.user.map_or(0, |_| OF_USER)
            | self.client.map_or(0, |_| OF_CLIENT)
            | if self.open_only { OPEN_ONLY } else { 0 };
        let [u0, u1, u2, u3] = self.user.map_or(0, |user| user.0).to_be_bytes();
        let [c0, c1, c2, c3] = self.client.map_or(0, |client| client.0).to_be_bytes();
        [kind, u0, u1, u2, u3, c0, c1, c2, c3]
    }

    /// The families, open or not, that hold a session of this user on this client.
    fn of(user: UserId, client: ClientId, open_only: bool) -> [Self; 4] {
        [
            (None, None),
            (Some(user), None),
            (None, Some(client)),
            (Some(user), Some(client)),
        ]
        .map(|(user, client)| Self {
            user,
            client,
            open_only,
        })
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

/// What a commit makes of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The user of the session, which never changes.
    pub(crate) user_id: UserId,
    /// The session as it is stored; `None` if it is new.
    pub(crate) before: Option<Entry>,
    /// The session as it will be; `None` if it is removed.
    pub(crate) after: Option<Entry>,
}

impl Effect {
    /// The edits of this effect, each with its family.
    pub(crate) fn edits(&self) -> impl Iterator<Item = (Family, Edit)> {
        let Self {
            user_id,
            before,
            after,
        } = *self;
        [false, true].into_iter().flat_map(move |open_only| {
            let belongs = |entry: &Entry| !open_only || entry.is_open();
            let (before, after) = (before.filter(belongs), after.filter(belongs));
            let edit = match (before, after) {
                (before, Some(after)) if before != Some(after) => Some(Edit::Put(after.pack())),
                (Some(before), None) => Some(Edit::Remove(before.key())),
                _ => None,
            };
            let client = after.or(before).map(|entry| entry.client_id);
            edit.zip(client)
                .into_iter()
                .flat_map(move |(edit, client)| {
                    Family::of(user_id, client, open_only).map(|family| (family, edit))
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::NameId;
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

    fn edits(before: Option<Entry>, after: Option<Entry>) -> (usize, usize) {
        let effect = Effect {
            user_id: UserId(4),
            before,
            after,
        };
        let edits: Vec<(Family, Edit)> = effect.edits().collect();
        let puts = edits
            .iter()
            .filter(|(_, edit)| matches!(edit, Edit::Put(_)))
            .count();
        (puts, edits.len() - puts)
    }

    #[test]
    fn each_change_edits_just_the_families_it_concerns() {
        let open = Some(entry(None));
        let ended = Some(entry(Some(Ticks::FLOOR.next())));
        assert_eq!(edits(None, open), (8, 0));
        assert_eq!(edits(None, ended), (4, 0));
        assert_eq!(edits(open, ended), (4, 4));
        assert_eq!(edits(open, None), (0, 8));
        assert_eq!(edits(ended, None), (0, 4));
        assert_eq!(edits(open, open), (0, 0));
    }

    #[test]
    fn the_keys_of_families_are_pinned() {
        assert_eq!(Family::ALL.to_key(), [0; 9]);
        assert_eq!(Family::OPEN.to_key(), [4, 0, 0, 0, 0, 0, 0, 0, 0]);
        let pair = Family::of(UserId(0x0102_0304), ClientId(0x0506_0708), true)[3];
        assert_eq!(pair.to_key(), [7, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
