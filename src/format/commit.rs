//! One commit: what it makes of sessions, and the names that it is the first to use.

use super::dictionary::{Ids, decode, encode};
use super::entry::{ClientId, Entry, NameId, UserId};
use crate::counted::SLOT_BYTES;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// What a commit makes of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The user of the session, which never changes.
    pub(crate) user_id: UserId,
    /// The session as it will be, or as it was if it is removed.
    pub(crate) entry: Entry,
    pub(crate) kind: EffectKind,
}

/// What can become of a session in one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EffectKind {
    /// It is new.
    Added,
    /// It was open.
    Ended,
    Removed,
}

/// A kind, a user id and an entry.
const EFFECT_BYTES: usize = 1 + 4 + SLOT_BYTES;

impl Effect {
    /// The session as it was; `None` if it is new.
    pub(crate) fn before(&self) -> Option<Entry> {
        match self.kind {
            EffectKind::Added => None,
            EffectKind::Ended => Some(Entry {
                end: None,
                ..self.entry
            }),
            EffectKind::Removed => Some(self.entry),
        }
    }

    /// The session as it will be; `None` if it is removed.
    pub(crate) fn after(&self) -> Option<Entry> {
        (self.kind != EffectKind::Removed).then_some(self.entry)
    }

    fn pack(&self, out: &mut Vec<u8>) {
        out.push(match self.kind {
            EffectKind::Added => 1,
            EffectKind::Ended => 2,
            EffectKind::Removed => 3,
        });
        out.extend_from_slice(&self.user_id.0.to_le_bytes());
        out.extend_from_slice(&self.entry.to_bytes());
    }

    fn unpack(bytes: &[u8; EFFECT_BYTES]) -> Result<Self> {
        let [kind, u0, u1, u2, u3, slot @ ..] = bytes;
        let kind = match kind {
            1 => EffectKind::Added,
            2 => EffectKind::Ended,
            3 => EffectKind::Removed,
            other => return Err(malformed(format_args!("an effect is of kind {other}"))),
        };
        Ok(Self {
            user_id: UserId(u32::from_le_bytes([*u0, *u1, *u2, *u3])),
            entry: Entry::from_bytes(slot)?,
            kind,
        })
    }
}

/// A user under one of the user's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserName {
    pub(crate) user_id: UserId,
    pub(crate) user_refer_uid: Uuid,
    pub(crate) user: Arc<str>,
}

/// New rows of the dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NewNames {
    pub(crate) users: Vec<(UserId, Uuid)>,
    pub(crate) names: Vec<(NameId, UserName)>,
    pub(crate) clients: Vec<(ClientId, Arc<str>)>,
}

impl NewNames {
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.names.is_empty() && self.clients.is_empty()
    }
}

/// What one commit changes, resolved to ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// In the order in which they were asked for.
    pub(crate) effects: Vec<Effect>,
    pub(crate) names: NewNames,
    /// The ids that are free afterwards.
    pub(crate) ids: Ids,
}

/// The part of a commit that bincode lays out.
///
/// Its texts are borrowed: one whose length is forged takes no memory.
#[derive(Debug, Serialize, Deserialize)]
struct CommitRow<'c> {
    ids: Ids,
    users: Vec<(u32, [u8; 16])>,
    #[serde(borrow)]
    names: Vec<(u32, u32, [u8; 16], &'c str)>,
    #[serde(borrow)]
    clients: Vec<(u32, &'c str)>,
}

impl Commit {
    /// The length of the part that bincode lays out, that part, the effects.
    pub(crate) fn to_body(&self) -> Result<Vec<u8>> {
        let users = self.names.users.iter();
        let names = self.names.names.iter();
        let clients = self.names.clients.iter();
        let row = encode(&CommitRow {
            ids: self.ids,
            users: users.map(|(id, uid)| (id.0, uid.into_bytes())).collect(),
            names: names.map(|(id, name)| name_row(*id, name)).collect(),
            clients: clients.map(|(id, client)| (id.0, &**client)).collect(),
        })?;
        let len = u32::try_from(row.len()).map_err(|_| too_large())?;
        let effects = self.effects.len() * EFFECT_BYTES;
        let mut body = Vec::with_capacity(size_of_val(&len) + row.len() + effects);
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(&row);
        self.effects
            .iter()
            .for_each(|effect| effect.pack(&mut body));
        // A record tells its length in as many bits.
        match u32::try_from(body.len()) {
            Ok(_) => Ok(body),
            Err(_) => Err(too_large()),
        }
    }

    /// # Errors
    ///
    /// `Corrupted` if the body is not exactly one commit; `UnsupportedFormat` for another version's.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self> {
        let cut = || malformed("it is cut off");
        let (len, rest) = body.split_first_chunk::<4>().ok_or_else(cut)?;
        let len = usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX);
        let (row, effects) = rest.split_at_checked(len).ok_or_else(cut)?;
        let row: CommitRow<'_> = decode(row)?;
        let (effects, behind) = effects.as_chunks::<EFFECT_BYTES>();
        if !behind.is_empty() {
            return Err(cut());
        }
        let users = row.users.into_iter();
        let clients = row.clients.into_iter();
        Ok(Self {
            effects: effects.iter().map(Effect::unpack).collect::<Result<_>>()?,
            names: NewNames {
                users: users
                    .map(|(id, uid)| (UserId(id), Uuid::from_bytes(uid)))
                    .collect(),
                names: row.names.into_iter().map(name_of).collect(),
                clients: clients
                    .map(|(id, client)| (ClientId(id), client.into()))
                    .collect(),
            },
            ids: row.ids,
        })
    }
}

fn name_row(id: NameId, name: &UserName) -> (u32, u32, [u8; 16], &str) {
    let UserName {
        user_id,
        user_refer_uid,
        user,
    } = name;
    (id.0, user_id.0, user_refer_uid.into_bytes(), user)
}

fn name_of((id, user_id, uid, user): (u32, u32, [u8; 16], &str)) -> (NameId, UserName) {
    let name = UserName {
        user_id: UserId(user_id),
        user_refer_uid: Uuid::from_bytes(uid),
        user: user.into(),
    };
    (NameId(id), name)
}

#[cold]
fn malformed(problem: impl std::fmt::Display) -> Error {
    Error::corrupted(format!("a commit in the log is malformed: {problem}"))
}

#[cold]
fn too_large() -> Error {
    Error::invalid("batch", "has names of more than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Ticks;
    use proptest::prelude::*;

    fn commit() -> Commit {
        let entry = Entry {
            start: Ticks::floor("2026-11-01T08:00:00.0000001Z".parse().unwrap()),
            refer_uid: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
            end: None,
            name_id: NameId(1),
            client_id: ClientId(2),
        };
        let effect = |kind| Effect {
            user_id: UserId(0x0102_0304),
            entry,
            kind,
        };
        let user_refer_uid = Uuid::from_u128(7);
        let name = UserName {
            user_id: UserId(3),
            user_refer_uid,
            user: "Åsa".into(),
        };
        let mut ids = Ids::START;
        ids.take_client().unwrap();
        Commit {
            effects: [EffectKind::Added, EffectKind::Ended, EffectKind::Removed]
                .map(effect)
                .into(),
            names: NewNames {
                users: vec![(UserId(3), user_refer_uid)],
                names: vec![(NameId(300), name)],
                clients: vec![(ClientId(2), "PDA-01".into())],
            },
            ids,
        }
    }

    #[test]
    fn the_bytes_of_a_commit_are_pinned() {
        let slot =
            b"\x80\x3f\xb7\xf8\x28\xf9\xc0\x01\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\
            \xcc\xdd\xee\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\0\0\x02\0\0\0";
        let uid = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07";
        let golden: Vec<u8> = [
            b"\x39\0\0\0\x01\0\0\x01".as_slice(),
            b"\x01\x03",
            uid,
            b"\x01\xfb\x2c\x01\x03",
            uid,
            "\x04Åsa".as_bytes(),
            b"\x01\x02\x06PDA-01",
            b"\x01\x04\x03\x02\x01",
            slot,
            b"\x02\x04\x03\x02\x01",
            slot,
            b"\x03\x04\x03\x02\x01",
            slot,
        ]
        .concat();
        assert_eq!(commit().to_body().unwrap(), golden);
        assert_eq!(Commit::from_body(&golden).unwrap(), commit());
        for end in 0..golden.len() {
            // Cut between two effects it is a shorter commit; its row's checksum tells.
            let missing = golden.len() - end;
            let is_whole = missing.is_multiple_of(EFFECT_BYTES) && missing <= 3 * EFFECT_BYTES;
            assert_eq!(
                Commit::from_body(&golden[..end]).is_ok(),
                is_whole,
                "cut at {end}"
            );
        }
    }

    #[test]
    fn an_effect_of_an_unknown_kind_is_corrupted() {
        let mut body = commit().to_body().unwrap();
        let first = body.len() - 3 * EFFECT_BYTES;
        for kind in [0, 4, u8::MAX] {
            body[first] = kind;
            let error = Commit::from_body(&body).unwrap_err();
            assert!(
                error.to_string().contains(&format!("kind {kind}")),
                "{error}"
            );
        }
    }

    #[test]
    fn an_effect_leads_from_what_was_to_what_will_be() {
        let open = commit().effects[0].entry;
        let end = Some(open.start);
        let entry = Entry { end, ..open };
        let of = |kind| Effect {
            user_id: UserId(3),
            entry,
            kind,
        };
        let cases = [
            (EffectKind::Added, None, Some(entry)),
            (EffectKind::Ended, Some(open), Some(entry)),
            (EffectKind::Removed, Some(entry), None),
        ];
        for (kind, before, after) in cases {
            assert_eq!((of(kind).before(), of(kind).after()), (before, after));
        }
    }

    #[test]
    fn names_are_empty_without_any_user_name_and_client() {
        let all = commit().names;
        let parts = [
            NewNames {
                users: all.users,
                ..NewNames::default()
            },
            NewNames {
                names: all.names,
                ..NewNames::default()
            },
            NewNames {
                clients: all.clients,
                ..NewNames::default()
            },
        ];
        assert!(NewNames::default().is_empty());
        assert!(!parts.iter().any(NewNames::is_empty));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Commit::from_body(&body);
        }
    }
}
