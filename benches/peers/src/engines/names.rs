//! Users and clients behind ids, for the engines that store each name once.
//!
//! A name is bytes: for a user the tag, the id and the name, for a client the tag and the text. It
//! is found by its beginning that identifies it. The cache in front is bounded as ours is.

use crate::Result;
use crate::packed::{Packed, instant, ticks};
use quick_cache::sync::Cache;
use sessionlog::{Query, SessionLog};
use std::sync::Arc;
use uuid::Uuid;

use super::Settings;

/// About what a cached name takes.
const BYTES_A_NAME: usize = 160;

const USER: u8 = b'u';
const CLIENT: u8 = b'c';
/// Bytes that identify a user: the tag and the id.
const USER_KEY_BYTES: usize = 17;

/// The names as an engine stores them.
pub(super) trait Dictionary {
    /// The id of the name with this key.
    fn find(&self, key: &[u8]) -> Result<Option<u32>>;
    /// The bytes of the name with this id.
    fn bytes(&self, id: u32) -> Result<Vec<u8>>;
}

/// The names as an engine stores them, in a transaction that writes.
pub(super) trait DictionaryWriter: Dictionary {
    /// Stores a new name, and tells its id.
    fn add(&mut self, key: &[u8], bytes: &[u8]) -> Result<u32>;
}

#[derive(Debug, Clone)]
struct Name {
    /// Nil for a client.
    uid: Uuid,
    text: Arc<str>,
}

impl Name {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (uid, text) = match bytes {
            [CLIENT, text @ ..] => (Uuid::nil(), text),
            [USER, rest @ ..] => {
                let (uid, text) = rest.split_at_checked(16).ok_or("a short name")?;
                (Uuid::from_slice(uid)?, text)
            }
            _ => return Err("a name without a tag".into()),
        };
        let text = std::str::from_utf8(text)?.into();
        Ok(Self { uid, text })
    }
}

/// The cache in front of a [`Dictionary`].
pub(super) struct Names {
    ids: Cache<Box<[u8]>, u32>,
    names: Cache<u32, Name>,
}

impl Names {
    pub(super) fn new(settings: Settings) -> Self {
        let capacity = settings.names_cache_bytes / BYTES_A_NAME;
        Self {
            ids: Cache::new(capacity),
            names: Cache::new(capacity),
        }
    }

    /// The session with ids for names, new names stored.
    pub(super) fn pack(
        &self,
        dictionary: &mut impl DictionaryWriter,
        log: &SessionLog,
    ) -> Result<Packed> {
        let user = [user_key(log.user_refer_uid).as_slice(), log.user.as_bytes()].concat();
        let client = client_key(&log.client_refer_uid);
        let user_key = user.get(..USER_KEY_BYTES).unwrap_or_default();
        let user = self.id_or_add(dictionary, user_key, &user)?;
        let client = self.id_or_add(dictionary, &client, &client)?;
        let end = log.session_end.map(ticks);
        let start = ticks(log.session_start);
        Ok(Packed::new(start, log.refer_uid, end, [user, client]))
    }

    /// The session with names for ids.
    pub(super) fn unpack(
        &self,
        dictionary: &impl Dictionary,
        packed: &Packed,
    ) -> Result<SessionLog> {
        let user = self.name(dictionary, packed.user)?;
        Ok(SessionLog {
            refer_uid: packed.refer_uid,
            user_refer_uid: user.uid,
            user: user.text,
            client_refer_uid: self.name(dictionary, packed.client)?.text,
            session_start: instant(packed.start),
            session_end: packed.end().map(instant),
        })
    }

    /// The ids of the user and client that a query asks for, zero where it does not; `None` if one
    /// has never been seen.
    pub(super) fn of_query(
        &self,
        dictionary: &impl Dictionary,
        query: &Query,
    ) -> Result<Option<[u32; 2]>> {
        let user = query
            .user_refer_uid()
            .map(|uid| self.id(dictionary, &user_key(uid)));
        let client = query
            .client_refer_uid()
            .map(|text| self.id(dictionary, &client_key(text)));
        let user = user.unwrap_or(Ok(Some(0)))?;
        let client = client.unwrap_or(Ok(Some(0)))?;
        Ok(user.zip(client).map(<[u32; 2]>::from))
    }

    fn id(&self, dictionary: &impl Dictionary, key: &[u8]) -> Result<Option<u32>> {
        if let Some(id) = self.ids.get(key) {
            return Ok(Some(id));
        }
        let id = dictionary.find(key)?;
        if let Some(id) = id {
            self.ids.insert(key.into(), id);
        }
        Ok(id)
    }

    fn id_or_add(
        &self,
        dictionary: &mut impl DictionaryWriter,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<u32> {
        if let Some(id) = self.id(dictionary, key)? {
            return Ok(id);
        }
        let id = dictionary.add(key, bytes)?;
        self.ids.insert(key.into(), id);
        Ok(id)
    }

    fn name(&self, dictionary: &impl Dictionary, id: u32) -> Result<Name> {
        if let Some(name) = self.names.get(&id) {
            return Ok(name);
        }
        let name = Name::from_bytes(&dictionary.bytes(id)?)?;
        self.names.insert(id, name.clone());
        Ok(name)
    }
}

fn user_key(uid: Uuid) -> [u8; USER_KEY_BYTES] {
    let mut key = [USER; USER_KEY_BYTES];
    let (_, rest) = key.split_at_mut(1);
    rest.copy_from_slice(uid.as_bytes());
    key
}

fn client_key(text: &str) -> Vec<u8> {
    [&[CLIENT], text.as_bytes()].concat()
}
