//! Rows of the dictionary and of `meta`: a version byte, then bincode.
//!
//! The only user of bincode: its configuration, a limit against forged lengths, and the refusal of
//! trailing bytes are settled here, and golden tests pin what it writes.

use super::entry::{ClientId, NameId, UserId};
use super::{CHECKSUM_BYTES, FORMAT_VERSION};
use crate::error::{Error, ErrorKind, Result};
use bincode::config::{Config, standard};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The layout of the rows in this module.
const ROW_VERSION: u8 = 1;

/// More than any row holds: a name of 1,024 bytes and some ids.
const ROW_BYTES_MAX: usize = 4_096;

/// More than the dictionary part of any commit holds: 200,000 new names of 1,024 bytes.
const COMMIT_BYTES_MAX: usize = 1 << 29;

/// A row that bincode lays out, of the usual size.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// The row's body.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is larger than any row may be.
    fn to_body(&self) -> Result<Vec<u8>> {
        to_bytes(self, ROW_BYTES_MAX)
    }

    /// # Errors
    ///
    /// `UnsupportedFormat` for a row of another version; `Corrupted` if the body is not exactly one
    /// row.
    fn from_body(body: &[u8]) -> Result<Self> {
        from_bytes(body, standard().with_limit::<ROW_BYTES_MAX>())
    }
}

/// As [`Row::to_body`], for the dictionary part of a commit.
pub(super) fn encode(part: &impl Serialize) -> Result<Vec<u8>> {
    to_bytes(part, COMMIT_BYTES_MAX)
}

/// As [`Row::from_body`], for the dictionary part of a commit.
pub(super) fn decode<'b, T: Deserialize<'b>>(part: &'b [u8]) -> Result<T> {
    from_bytes(part, standard().with_limit::<COMMIT_BYTES_MAX>())
}

/// The limit of bincode's configuration holds for reading alone.
fn to_bytes(row: &impl Serialize, bytes_max: usize) -> Result<Vec<u8>> {
    let too_large = || Error::new(ErrorKind::InvalidInput, "a dictionary row is too large");
    let mut body = vec![ROW_VERSION];
    bincode::serde::encode_into_std_write(row, &mut body, standard())
        .map_err(|error| too_large().caused_by(error))?;
    match body.len() <= bytes_max {
        true => Ok(body),
        false => Err(too_large()),
    }
}

fn from_bytes<'b, T: Deserialize<'b>>(body: &'b [u8], config: impl Config) -> Result<T> {
    let rest = match body.split_first() {
        Some((&ROW_VERSION, rest)) => rest,
        Some((version, _)) => return Err(unknown_version(*version)),
        None => return Err(Error::corrupted("a dictionary row is empty")),
    };
    let (row, read) = bincode::serde::borrow_decode_from_slice(rest, config)
        .map_err(|error| Error::corrupted("a dictionary row is malformed").caused_by(error))?;
    if read != rest.len() {
        return Err(Error::corrupted(format!(
            "a dictionary row has {} bytes behind its end",
            rest.len() - read
        )));
    }
    Ok(row)
}

fn unknown_version(version: u8) -> Error {
    Error::new(
        ErrorKind::UnsupportedFormat,
        format!("a dictionary row has version {version}; this version reads {ROW_VERSION}"),
    )
}

/// A row of `names`: whose name it is, and the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameRow {
    user_id: u32,
    user_refer_uid: [u8; 16],
    pub(crate) user: String,
}

impl Row for NameRow {}

impl NameRow {
    pub(crate) fn new(user_id: UserId, user_refer_uid: Uuid, user: &str) -> Self {
        Self {
            user_id: user_id.0,
            user_refer_uid: user_refer_uid.into_bytes(),
            user: user.to_owned(),
        }
    }

    pub(crate) fn user_id(&self) -> UserId {
        UserId(self.user_id)
    }

    pub(crate) fn user_refer_uid(&self) -> Uuid {
        Uuid::from_bytes(self.user_refer_uid)
    }
}

/// A row of `clients`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientRow {
    pub(crate) client_refer_uid: String,
}

impl Row for ClientRow {}

/// A row of `users`, `name_ids` or `client_ids`: the id that a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdRow {
    pub(crate) id: u32,
}

impl Row for IdRow {}

/// Ids that have not been given out. None is ever used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ids {
    next_user: u32,
    next_name: u32,
    next_client: u32,
}

impl Ids {
    pub(crate) const START: Self = Self {
        next_user: 0,
        next_name: 0,
        next_client: 0,
    };

    pub(crate) fn take_user(&mut self) -> Result<UserId> {
        take(&mut self.next_user, "users").map(UserId)
    }

    pub(crate) fn take_name(&mut self) -> Result<NameId> {
        take(&mut self.next_name, "user names").map(NameId)
    }

    pub(crate) fn take_client(&mut self) -> Result<ClientId> {
        take(&mut self.next_client, "clients").map(ClientId)
    }

    /// How many users, user names and clients have been given an id.
    pub(crate) fn given(&self) -> (u32, u32, u32) {
        (self.next_user, self.next_name, self.next_client)
    }
}

/// The row `state` of `meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MainState {
    /// The last commit of the log that is in the main index; those after it are not.
    pub(crate) watermark: u64,
    /// The next free node id.
    pub(crate) next_node: u64,
    pub(crate) ids: Ids,
    /// The bytes of all keys and rows but those of `meta`.
    pub(crate) live_bytes: u64,
    /// How many merges there were.
    pub(crate) merge_count: u64,
}

impl Row for MainState {}

impl MainState {
    pub(crate) const START: Self = Self {
        watermark: 0,
        next_node: 0,
        ids: Ids::START,
        live_bytes: 0,
        merge_count: 0,
    };

    /// Whether the same was merged, wherever its rows lie.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let merged = |state: &Self| (state.watermark, state.ids, state.merge_count);
        merged(self) == merged(other)
    }
}

/// The row `levels` of `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LevelsRow {
    pub(crate) levels: Vec<Level>,
}

impl Row for LevelsRow {}

/// One level of the starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Level {
    /// How many are in it.
    pub(crate) count: u64,
    /// The `refer_uid` from which on the next slice goes to the next level.
    pub(crate) next: [u8; 16],
}

fn take(next: &mut u32, what: &str) -> Result<u32> {
    let id = *next;
    *next = id.checked_add(1).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("the store holds {id} {what}, as many as it can"),
        )
    })?;
    Ok(id)
}

/// The row `identity` of `meta`. Its layout holds in every format version, so that any version can
/// tell what it looks at; bincode has no part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) format_version: u32,
    pub(crate) store_uid: Uuid,
}

impl Identity {
    pub(crate) const BODY_BYTES: usize = 20;

    pub(crate) fn new(store_uid: Uuid) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            store_uid,
        }
    }

    pub(crate) fn to_body(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(CHECKSUM_BYTES + Self::BODY_BYTES);
        body.extend_from_slice(&self.format_version.to_le_bytes());
        body.extend_from_slice(self.store_uid.as_bytes());
        body
    }

    /// # Errors
    ///
    /// `UnsupportedFormat`, naming both versions, for any other than this code's.
    pub(crate) fn from_body(body: &[u8]) -> Result<Self> {
        let parsed = body
            .split_first_chunk::<4>()
            .map(|(version, rest)| (u32::from_le_bytes(*version), Uuid::from_slice(rest)));
        match parsed {
            Some((FORMAT_VERSION, Ok(store_uid))) => Ok(Self::new(store_uid)),
            Some((FORMAT_VERSION, Err(_))) | None => {
                Err(Error::corrupted("the store's identity is malformed"))
            }
            Some((version, _)) => Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!(
                    "the store has format version {version}; this version reads {FORMAT_VERSION}"
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Debug;

    fn check<R: Row + PartialEq + Debug>(row: R, golden: &[u8]) {
        let body = row.to_body().unwrap();
        assert_eq!(body, golden);
        assert_eq!(R::from_body(golden).unwrap(), row);
        for end in 0..golden.len() {
            assert!(R::from_body(&golden[..end]).is_err(), "cut at {end}");
        }
        let trailing = [golden, &[0]].concat();
        let error = R::from_body(&trailing).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted);
        let mut newer = golden.to_vec();
        newer[0] += 1;
        let error = R::from_body(&newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
    }

    #[test]
    fn the_bytes_of_a_name_are_pinned() {
        let user = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let row = NameRow::new(UserId(300), user, "Åsa");
        assert_eq!((row.user_id(), row.user_refer_uid()), (UserId(300), user));
        check(
            row,
            b"\x01\xfb\x2c\x01\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x04\xc3\x85sa",
        );
    }

    #[test]
    fn the_bytes_of_a_client_are_pinned() {
        let client_refer_uid = "PDA-01".to_owned();
        check(ClientRow { client_refer_uid }, b"\x01\x06PDA-01");
    }

    #[test]
    fn the_bytes_of_an_id_are_pinned() {
        check(IdRow { id: 250 }, b"\x01\xfa");
        check(IdRow { id: u32::MAX }, b"\x01\xfc\xff\xff\xff\xff");
    }

    #[test]
    fn the_bytes_of_the_state_are_pinned() {
        let state = MainState {
            watermark: 300,
            next_node: 1 << 40,
            ids: Ids {
                next_user: 1,
                next_name: 2,
                next_client: 70_000,
            },
            live_bytes: 255,
            merge_count: 3,
        };
        check(
            state,
            b"\x01\xfb\x2c\x01\xfd\0\0\0\0\0\x01\0\0\x01\x02\xfc\x70\x11\x01\0\xfb\xff\0\x03",
        );
    }

    #[test]
    fn the_ids_given_are_counted_and_tell_states_apart_as_commits_and_merges_do() {
        let mut ids = Ids::START;
        for _ in 0..3 {
            ids.take_client().unwrap();
        }
        ids.take_name().unwrap();
        ids.take_name().unwrap();
        ids.take_user().unwrap();
        assert_eq!(ids.given(), (1, 2, 3));
        let one = MainState::START;
        let elsewhere = MainState {
            next_node: 9,
            live_bytes: 9,
            ..one
        };
        assert!(one.is_same_as(&elsewhere));
        let others = [
            MainState { ids, ..one },
            MainState {
                watermark: 1,
                ..one
            },
            MainState {
                merge_count: 1,
                ..one
            },
        ];
        assert!(!others.iter().any(|other| one.is_same_as(other)));
    }

    #[test]
    fn the_bytes_of_the_levels_are_pinned() {
        let level = |count, byte| Level {
            count,
            next: [byte; 16],
        };
        let levels = vec![level(300, 0xff), level(1, 0)];
        let golden = [
            b"\x01\x02\xfb\x2c\x01".as_slice(),
            &[0xff; 16],
            &[1],
            &[0; 16],
        ]
        .concat();
        check(LevelsRow { levels }, &golden);
    }

    #[test]
    fn the_bytes_of_an_identity_are_pinned() {
        let identity = Identity::new(Uuid::from_u128(7));
        let golden = b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07";
        assert_eq!(identity.to_body(), golden);
        assert_eq!(Identity::from_body(golden).unwrap(), identity);
        assert!(Identity::from_body(&golden[..19]).is_err());
    }

    #[test]
    fn a_forged_length_is_refused_before_anything_is_allocated() {
        let forged = b"\x01\xfd\xff\xff\xff\xff\xff\xff\xff\x7f";
        let error = ClientRow::from_body(forged).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted);
    }

    #[test]
    fn ids_run_out_with_an_error() {
        let mut ids = Ids {
            next_client: u32::MAX,
            ..Ids::START
        };
        assert!(ids.take_client().is_err());
        assert_eq!(ids.take_user().unwrap(), UserId(0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = NameRow::from_body(&body);
            let _ = ClientRow::from_body(&body);
            let _ = MainState::from_body(&body);
            let _ = LevelsRow::from_body(&body);
            let _ = Identity::from_body(&body);
        }
    }
}
