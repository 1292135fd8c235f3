//! What calls that write make of the stored sessions: the rules of their life, resolved to ids.
//!
//! Nothing here writes. A [`Resolver`] reads one view, takes one call after the other as if each
//! had been committed, and ends as one [`Commit`].

use crate::counted::Key;
use crate::error::Result;
use crate::family::Family;
use crate::format::{
    ClientId, Commit, Effect, EffectKind, Entry, Ids, NameId, NewNames, UserId, UserName,
};
use crate::query::{EndedOpen, Query};
use crate::retention::{Fate, Rule};
use crate::session::{self, Checked, Outcome, SessionLog};
use crate::time::Ticks;
use crate::view::{Answer, View};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// Sessions that are looked at together for one that has ended.
const SOUGHT_AT_ONCE: u64 = 64;

/// A commit in the making.
#[derive(Debug)]
pub(crate) struct Resolver<'a> {
    view: &'a View,
    ids: Ids,
    /// What becomes of each session that was touched.
    pending: HashMap<Uuid, Pending>,
    users: HashMap<Uuid, UserId>,
    names: HashMap<(Uuid, Arc<str>), (NameId, UserId)>,
    clients: HashMap<Arc<str>, ClientId>,
    new: NewNames,
}

/// How far a sweep has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Swept {
    /// Sessions that were removed or ended.
    pub(crate) changed: u64,
    /// Sessions that would have been, but could not.
    pub(crate) spared: u64,
    /// The key of the last that was looked at.
    pub(crate) last: Option<Key>,
    /// How many were looked at, and how many are left to be.
    pub(crate) looked_at: u64,
    pub(crate) left: u64,
    /// The clients of those that were removed.
    pub(crate) clients: BTreeSet<ClientId>,
}

impl Swept {
    /// Goes on with what came next.
    pub(crate) fn add(&mut self, next: Self) {
        self.changed += next.changed;
        self.spared += next.spared;
        self.looked_at += next.looked_at;
        self.left = next.left;
        self.last = next.last.or(self.last);
        self.clients.extend(next.clients);
    }
}

/// A session that was touched: what it was, what it is to be, and its record then, where known.
#[derive(Debug)]
struct Pending {
    user_id: UserId,
    before: Option<Entry>,
    after: Option<Entry>,
    log: Option<SessionLog>,
}

impl Pending {
    /// What becomes of the session, if anything does.
    fn effect(&self) -> Option<Effect> {
        let (kind, entry) = match (self.before, self.after) {
            (None, Some(after)) => (EffectKind::Added, after),
            (Some(before), Some(after)) if before != after => (EffectKind::Ended, after),
            (Some(before), None) => (EffectKind::Removed, before),
            _ => return None,
        };
        Some(Effect {
            user_id: self.user_id,
            entry,
            kind,
        })
    }
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(view: &'a View) -> Self {
        Self {
            view,
            ids: view.delta.ids(),
            pending: HashMap::new(),
            users: HashMap::new(),
            names: HashMap::new(),
            clients: HashMap::new(),
            new: NewNames::default(),
        }
    }

    /// What to commit; `None` if nothing changes.
    pub(crate) fn finish(self) -> Option<Commit> {
        let effects = self.pending.values().filter_map(Pending::effect);
        let mut effects: Vec<Effect> = effects.collect();
        // The same calls make the same bytes, whatever the order of the map.
        effects.sort_unstable_by_key(|effect| effect.entry.refer_uid);
        (!effects.is_empty()).then_some(Commit {
            effects,
            names: self.new,
            ids: self.ids,
        })
    }

    /// Appends a record; see [`session::reappend`] for what a known `refer_uid` means.
    ///
    /// # Errors
    ///
    /// `Conflict`; the resolver is then as it was.
    pub(crate) fn append(&mut self, new: &Checked) -> Result<Outcome> {
        let refer_uid = new.log.refer_uid;
        match self.get(refer_uid)? {
            None => self.add(new),
            Some(stored) => {
                let outcome = session::reappend(&stored, new)?;
                if let (Outcome::Ended, Some(end)) = (outcome, new.end) {
                    self.set_end(refer_uid, end);
                }
                Ok(outcome)
            }
        }
    }

    /// Starts a session; the start of a known one stands.
    ///
    /// # Errors
    ///
    /// `Conflict` if it is another user's or client's.
    pub(crate) fn start(&mut self, new: &Checked) -> Result<Outcome> {
        match self.get(new.log.refer_uid)? {
            None => self.add(new),
            Some(stored) => session::restart(&stored, &new.log),
        }
    }

    /// Ends a session.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyEnded`, or `InvalidInput` for an end before the start.
    pub(crate) fn end(&mut self, refer_uid: Uuid, end: Ticks) -> Result<Outcome> {
        let entry = self
            .find(refer_uid)?
            .ok_or_else(|| session::not_found(refer_uid))?;
        let outcome = session::end(refer_uid, entry.start, entry.end, end)?;
        if outcome == Outcome::Ended {
            self.set_end(refer_uid, end);
        }
        Ok(outcome)
    }

    /// Ends every open session of the view that matches and did not start after `end`.
    pub(crate) fn end_open(&mut self, query: &Query, end: Ticks) -> Result<EndedOpen> {
        let open = self.view.answer(&query.open_and_oldest_first())?;
        let ended = open.position_of(Entry::first_key_at(end.next()))?;
        for entry in open.entries(0, ended)? {
            self.touch(entry)?;
            self.set_end(entry.refer_uid, end);
        }
        let left_open = open.len() - ended;
        Ok(EndedOpen { ended, left_open })
    }

    /// Removes a session and answers what it was: the last call of its commit.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) fn remove(&mut self, refer_uid: Uuid) -> Result<SessionLog> {
        let log = self
            .get(refer_uid)?
            .ok_or_else(|| session::not_found(refer_uid))?;
        self.set_removed(refer_uid);
        Ok(log)
    }

    /// Does what a rule says to up to `count` of the view's sessions that match, behind a key: the
    /// last call of its commit.
    pub(crate) fn sweep(&mut self, rule: &Rule, after: Option<Key>, count: u64) -> Result<Swept> {
        let answer = self.view.answer(rule.query())?;
        let position = after.map_or(Ok(0), |last| answer.position_after(last))?;
        let mut removable = rule.removed_max(self.view.len(Family::ALL)?);
        let mut swept = Swept {
            left: answer.len() - position,
            ..Swept::default()
        };
        for entry in answer.entries(position, count)? {
            if removable == 0 {
                break;
            }
            swept.left -= 1;
            swept.looked_at += 1;
            swept.last = Some(entry.key());
            match rule.fate(entry.start, entry.end) {
                Fate::Keep => {}
                Fate::Spare => swept.spared += 1,
                Fate::Remove => {
                    self.touch(entry)?;
                    self.set_removed(entry.refer_uid);
                    swept.clients.insert(entry.client_id);
                    removable -= 1;
                    swept.changed += 1;
                }
                Fate::End(end) => {
                    self.touch(entry)?;
                    self.set_end(entry.refer_uid, end);
                    swept.changed += 1;
                }
            }
        }
        swept.left = swept.left.min(removable);
        Ok(swept)
    }

    /// Removes the oldest ended sessions of the view, so many if there are as many: the last call of its
    /// commit.
    pub(crate) fn remove_oldest_ended(&mut self, mut count: u64) -> Result<()> {
        let all = self.view.answer(&Query::all())?;
        let mut position = 0;
        while count > 0 && position < all.len() {
            let entries = all.entries(position, SOUGHT_AT_ONCE)?;
            position += entries.len() as u64;
            let mut is_any = false;
            for entry in entries.into_iter().filter(|entry| entry.end.is_some()) {
                if count == 0 {
                    break;
                }
                self.touch(entry)?;
                self.set_removed(entry.refer_uid);
                (is_any, count) = (true, count - 1);
            }
            if !is_any {
                position = self.first_ended(&all, position)?;
            }
        }
        Ok(())
    }

    /// The position of the first session from `position` on that has ended: as many are open before it
    /// as there are sessions. However many that is, it is found in a logarithm of them.
    fn first_ended(&self, all: &Answer<'_>, position: u64) -> Result<u64> {
        let open = self.view.answer(&Query::all().open_and_oldest_first())?;
        let open_before = |position| match all.entries(position, 1)?.first() {
            Some(entry) => open.position_of(entry.key()),
            None => Ok(open.len()),
        };
        let before = open_before(position)?;
        let (mut first, mut last) = (position, all.len());
        while first < last {
            let middle = first + (last - first).div_ceil(2);
            match open_before(middle)? - before == middle - position {
                true => first = middle,
                false => last = middle - 1,
            }
        }
        Ok(first)
    }

    /// The record as it stands after all calls so far, touched.
    fn get(&mut self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        let Some(entry) = self.find(refer_uid)? else {
            return Ok(None);
        };
        match self
            .pending
            .get(&refer_uid)
            .and_then(|pending| pending.log.clone())
        {
            Some(log) => Ok(Some(log)),
            None => self.view.session_log(entry),
        }
    }

    /// The entry as it stands after all calls so far, touched.
    fn find(&mut self, refer_uid: Uuid) -> Result<Option<Entry>> {
        if let Some(pending) = self.pending.get(&refer_uid) {
            return Ok(pending.after);
        }
        match self.view.find(refer_uid)? {
            Some(entry) => self.touch(entry).map(|()| Some(entry)),
            None => Ok(None),
        }
    }

    /// Takes a stored session in, unchanged so far.
    fn touch(&mut self, entry: Entry) -> Result<()> {
        let pending = Pending {
            user_id: self.view.user_of(&entry)?,
            before: Some(entry),
            after: Some(entry),
            log: None,
        };
        self.pending.insert(entry.refer_uid, pending);
        Ok(())
    }

    /// Removes a session that was touched.
    fn set_removed(&mut self, refer_uid: Uuid) {
        if let Some(pending) = self.pending.get_mut(&refer_uid) {
            pending.after = None;
            pending.log = None;
        }
    }

    /// Ends a session that was touched.
    fn set_end(&mut self, refer_uid: Uuid, end: Ticks) {
        if let Some(Pending { after, log, .. }) = self.pending.get_mut(&refer_uid) {
            if let Some(entry) = after {
                entry.end = Some(end);
            }
            if let Some(log) = log {
                log.session_end = Some(end.to_utc());
            }
        }
    }

    fn add(&mut self, new: &Checked) -> Result<Outcome> {
        let log = &new.log;
        let (name_id, user_id) = self.name(log.user_refer_uid, &log.user)?;
        let entry = Entry {
            start: new.start,
            refer_uid: log.refer_uid,
            end: new.end,
            name_id,
            client_id: self.client(&log.client_refer_uid)?,
        };
        let pending = Pending {
            user_id,
            before: None,
            after: Some(entry),
            log: Some(log.clone()),
        };
        self.pending.insert(entry.refer_uid, pending);
        Ok(Outcome::Added)
    }

    /// The ids of a name and its user, given now if they have none.
    fn name(&mut self, user_refer_uid: Uuid, user: &Arc<str>) -> Result<(NameId, UserId)> {
        let key = (user_refer_uid, Arc::clone(user));
        if let Some(ids) = self.names.get(&key) {
            return Ok(*ids);
        }
        let user_id = self.user(user_refer_uid)?;
        let name_id = match self.view.name_id(user_refer_uid, user)? {
            Some(id) => id,
            None => {
                let id = self.ids.take_name()?;
                let name = UserName {
                    user_id,
                    user_refer_uid,
                    user: Arc::clone(user),
                };
                self.new.names.push((id, name));
                id
            }
        };
        self.names.insert(key, (name_id, user_id));
        Ok((name_id, user_id))
    }

    fn user(&mut self, user_refer_uid: Uuid) -> Result<UserId> {
        if let Some(id) = self.users.get(&user_refer_uid) {
            return Ok(*id);
        }
        let id = match self.view.user_id(user_refer_uid)? {
            Some(id) => id,
            None => {
                let id = self.ids.take_user()?;
                self.new.users.push((id, user_refer_uid));
                id
            }
        };
        self.users.insert(user_refer_uid, id);
        Ok(id)
    }

    fn client(&mut self, client: &Arc<str>) -> Result<ClientId> {
        if let Some(id) = self.clients.get(client) {
            return Ok(*id);
        }
        let id = match self.view.client_id(client)? {
            Some(id) => id,
            None => {
                let id = self.ids.take_client()?;
                self.new.clients.push((id, Arc::clone(client)));
                id
            }
        };
        self.clients.insert(Arc::clone(client), id);
        Ok(id)
    }
}
