//! One session as the index holds it.

use crate::counted::{Key, Rest, SLOT_BYTES, Slot};
use crate::error::{Error, Result};
use crate::session::SessionLog;
use crate::time::Ticks;
use uuid::Uuid;

/// The id of a `user_refer_uid` in one store, whatever the user is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UserId(pub(crate) u32);

/// The id of a (`user_refer_uid`, `user`) pair in one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameId(pub(crate) u32);

/// The id of a `client_refer_uid` in one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(pub(crate) u32);

/// The `end` of an open session: no tick has this number.
const OPEN: u64 = u64::MAX;

/// One session, its names as ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) start: Ticks,
    pub(crate) refer_uid: Uuid,
    pub(crate) end: Option<Ticks>,
    pub(crate) name_id: NameId,
    pub(crate) client_id: ClientId,
}

impl Entry {
    /// What orders entries: the start, then the `refer_uid`.
    pub(crate) fn key(&self) -> Key {
        Self::key_for(self.start, self.refer_uid)
    }

    pub(crate) fn key_for(start: Ticks, refer_uid: Uuid) -> Key {
        Key::new(start.to_sortable(), refer_uid.as_u128())
    }

    /// The least key of any entry that starts at `start`.
    pub(crate) fn first_key_at(start: Ticks) -> Key {
        Key::new(start.to_sortable(), 0)
    }

    /// The key of a record that came from the store.
    pub(crate) fn key_of(log: &SessionLog) -> Key {
        Self::key_for(Ticks::floor(log.session_start), log.refer_uid)
    }

    /// The start within a key.
    ///
    /// # Errors
    ///
    /// `Corrupted` if it is no tick.
    pub(crate) fn start_of(key: Key) -> Result<Ticks> {
        Ticks::from_sortable(key.major()).ok_or_else(|| not_a_tick(key, key.major()))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// The client within the ids of a packed entry.
    pub(crate) fn client_of([_, client]: [u32; 2]) -> ClientId {
        ClientId(client)
    }

    pub(crate) fn pack(&self) -> Slot {
        Slot {
            key: self.key(),
            rest: Rest {
                number: self.end.map_or(OPEN, Ticks::to_sortable),
                ids: [self.name_id.0, self.client_id.0],
            },
        }
    }

    /// # Errors
    ///
    /// `Corrupted` if a time is out of range.
    #[inline]
    pub(crate) fn unpack(slot: &Slot) -> Result<Self> {
        let [name, client] = slot.rest.ids;
        let end = match slot.rest.number {
            OPEN => None,
            end => Some(Ticks::from_sortable(end).ok_or_else(|| not_a_tick(slot.key, end))?),
        };
        Ok(Self {
            start: Self::start_of(slot.key)?,
            refer_uid: Uuid::from_u128(slot.key.minor()),
            end,
            name_id: NameId(name),
            client_id: ClientId(client),
        })
    }

    /// The entry by itself, as the log has it.
    pub(crate) fn to_bytes(self) -> [u8; SLOT_BYTES] {
        self.pack().to_bytes()
    }

    /// # Errors
    ///
    /// `Corrupted` if a time is out of range.
    pub(crate) fn from_bytes(bytes: &[u8; SLOT_BYTES]) -> Result<Self> {
        Self::unpack(&Slot::from_bytes(bytes))
    }
}

#[cold]
fn not_a_tick(of: Key, number: u64) -> Error {
    let uid = Uuid::from_u128(of.minor());
    Error::corrupted(format!(
        "an entry of session {uid} holds {number:#018x}, which is no time"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            start: Ticks::floor("2026-11-01T08:00:00.0000001Z".parse().unwrap()),
            refer_uid: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
            end: None,
            name_id: NameId(0x0102_0304),
            client_id: ClientId(0x0506_0708),
        }
    }

    #[test]
    fn the_bytes_of_an_entry_are_pinned() {
        #[rustfmt::skip]
        let open = [
            0x80, 0x3f, 0xb7, 0xf8, 0x28, 0xf9, 0xc0, 0x01,
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
            0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0x04, 0x03, 0x02, 0x01,
            0x08, 0x07, 0x06, 0x05,
        ];
        assert_eq!(entry().to_bytes(), open);
        let mut ended = open;
        ended[24..32].copy_from_slice(&[0x02, 0xc0, 0xf9, 0x28, 0xf8, 0xb7, 0x3f, 0x80]);
        let end = Some(entry().start.next());
        assert_eq!(Entry { end, ..entry() }.to_bytes(), ended);
    }

    #[test]
    fn an_entry_reads_back() {
        let end = Some(Ticks::floor("9999-12-31T23:59:59Z".parse().unwrap()));
        for entry in [entry(), Entry { end, ..entry() }] {
            assert_eq!(Entry::from_bytes(&entry.to_bytes()).unwrap(), entry);
            assert_eq!(Entry::client_of(entry.pack().rest.ids), entry.client_id);
        }
        assert!(entry().is_open() && !Entry { end, ..entry() }.is_open());
    }

    #[test]
    fn an_entry_with_a_time_out_of_range_is_corrupted() {
        for at in [0, 24] {
            let mut bytes = entry().to_bytes();
            bytes[at..at + 8].copy_from_slice(&[0; 8]);
            assert!(Entry::from_bytes(&bytes).is_err());
        }
    }
}
