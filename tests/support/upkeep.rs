//! What keeps a store in order, beside its model: writing it anew, erasing a user, and a copy.

use super::model::Model;
use super::world::World;
use sessionlog::storage::MemoryStorage;
use sessionlog::{Compacted, Erasure, Error, ErrorKind, Query, SessionLog, Snapshot, Store};
use std::sync::Arc;
use uuid::Uuid;

/// A snapshot, and what it shows for as long as it is held.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) snapshot: Snapshot,
    pub(super) model: Model,
    /// Whether the storage may have failed meanwhile, which ends a snapshot.
    pub(super) can_expire: bool,
}

impl World {
    /// Makes the file anew, with the same in it.
    pub(super) fn rewrite(&mut self, call: impl FnOnce(&Store) -> Result<Compacted, Error>) {
        let rewritten = call(&self.store());
        self.unless_failed(rewritten);
        self.check_snapshots();
    }

    pub(super) fn erase(&mut self, user: Uuid, erasure: Erasure) {
        let at_once = self.settings.swept_at_once();
        let name_count = self.model.names_of(user).len() as u64;
        let snapshot_count = self.snapshots.len() as u64;
        let expected = self.model.clone().erase(at_once, user);
        let client_count = expected.map_or(0, |((_, clients), _)| clients);
        let mut is_done = false;
        self.sweep(
            |store| {
                let erased = store.erase_user(user, erasure, |_| ())?;
                is_done = true;
                // Those that only removed sessions had are in the dictionary too.
                assert!(erased.user_name_count >= name_count);
                assert!(erased.client_count >= client_count);
                assert_eq!(erased.is_secure, erasure == Erasure::Secure);
                assert_eq!(erased.snapshot_count, snapshot_count);
                Ok((erased.session_count, client_count))
            },
            |model| model.erase(at_once, user),
        );
        if is_done {
            // No loss of power brings back who was erased.
            self.all_is_durable();
        }
        self.check_snapshots();
    }

    /// Copies the store to another place: what is there is a store of its own, or nothing if that
    /// failed.
    pub(super) fn back_up(&mut self) {
        let to = MemoryStorage::default();
        let made = self.store().backup_on(&to, |_| ());
        let is_made = self.unless_failed(made).is_some();
        let options = self.settings.options(&self.clock, &self.ids);
        let opened = options.open_on(Arc::new(to));
        if !is_made {
            return assert_eq!(opened.unwrap_err().kind(), ErrorKind::NotAStore);
        }
        let backup = opened.unwrap();
        let verified = backup.verify(|_| ()).unwrap();
        assert_eq!(verified.faults, Vec::<String>::new());
        assert_eq!(verified.session_count, self.model.0.len() as u64);
        let all = Query::all();
        let logs: Vec<SessionLog> = backup.iter(&all).unwrap().map(Result::unwrap).collect();
        assert_eq!(logs, self.model.answer(&all));
        let stats = self.store().stats();
        let stats = self.unless_failed(stats);
        let store_uid = backup.stats().unwrap().store_uid;
        assert!(stats.is_none_or(|stats| stats.store_uid == store_uid));
    }

    /// Every snapshot shows what was there when it was taken, whatever file the store has now.
    pub(super) fn check_snapshots(&self) {
        let all = Query::all();
        for taken in &self.snapshots {
            let logs = taken.snapshot.iter(&all);
            let logs = logs.and_then(|logs| logs.collect::<Result<Vec<SessionLog>, Error>>());
            match logs {
                Ok(logs) => assert_eq!(logs, taken.model.answer(&all)),
                Err(error) if taken.can_expire && error.kind() == ErrorKind::Expired => {}
                Err(error) if self.is_failure(&error) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    /// The storage fails from now on, which may end any snapshot that was taken.
    pub(super) fn let_snapshots_expire(&mut self) {
        for taken in &mut self.snapshots {
            taken.can_expire = true;
        }
    }
}
