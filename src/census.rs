//! Who is in a store: the busiest users and clients by the totals of their families, and users by
//! their names.

use crate::error::{Error, Result};
use crate::family::{Family, Group, Plan};
use crate::query::{Order, Query};
use crate::session::{self, SessionLog};
use crate::time;
use crate::view::View;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use uuid::Uuid;

/// The users or clients with the most of the sessions that match a query: see
/// [`Snapshot::busiest_users`](crate::Snapshot::busiest_users).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Busiest<T> {
    /// The busiest first; of equal counts, the one whom the store came to know first.
    pub entries: Vec<T>,
    /// How many there are in all who have a session that matches.
    pub total_count: u64,
    /// The sessions of all of them: as many as match.
    pub total_session_count: u64,
}

/// How many of the matching sessions a user has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserCount {
    /// The user.
    pub user_refer_uid: Uuid,
    /// What the user was called in the newest of the sessions.
    #[serde(with = "session::shared_text")]
    pub user: Arc<str>,
    /// How many sessions: never zero.
    pub session_count: u64,
    /// When the newest of them started.
    #[serde(with = "time::text")]
    pub last_session_start: DateTime<Utc>,
}

/// How many of the matching sessions were on a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientCount {
    /// The client.
    #[serde(with = "session::shared_text")]
    pub client_refer_uid: Arc<str>,
    /// How many sessions: never zero.
    pub session_count: u64,
    /// When the newest of them started.
    #[serde(with = "time::text")]
    pub last_session_start: DateTime<Utc>,
}

pub(crate) fn busiest_users(
    view: &View,
    query: &Query,
    count: usize,
) -> Result<Busiest<UserCount>> {
    busiest(view, query, Group::Users, count, |log, session_count| {
        UserCount {
            user_refer_uid: log.user_refer_uid,
            user: log.user,
            session_count,
            last_session_start: log.session_start,
        }
    })
}

pub(crate) fn busiest_clients(
    view: &View,
    query: &Query,
    count: usize,
) -> Result<Busiest<ClientCount>> {
    busiest(view, query, Group::Clients, count, |log, session_count| {
        ClientCount {
            client_refer_uid: log.client_refer_uid,
            session_count,
            last_session_start: log.session_start,
        }
    })
}

/// The best of a group: `entry` makes an entry of the newest session of each and the number of all.
fn busiest<T>(
    view: &View,
    query: &Query,
    group: Group,
    count: usize,
    entry: impl Fn(SessionLog, u64) -> T,
) -> Result<Busiest<T>> {
    let mut ranking = Ranking::new(count);
    let Some(plan) = view.plan(query)? else {
        return Ok(ranking.with(Vec::new()));
    };
    let part = |id| Plan {
        family: group.part(plan.family, id),
        ..plan
    };
    each_of(view, group, plan.family, &mut |id| {
        let count = view.answer_to(&part(id), Order::NewestFirst)?.len();
        ranking.take(id, count);
        Ok(())
    })?;
    let matching = view.answer(query)?.len();
    if ranking.sessions != matching {
        let counted = ranking.sessions;
        let problem = format!("{group:?} have {counted} of {matching} sessions");
        return Err(Error::corrupted(problem));
    }
    let entries = ranking.best_first().into_iter().map(|(count, id)| {
        let newest = view.answer_to(&part(id), Order::NewestFirst)?;
        let newest = newest.session_logs(0, 1)?.pop();
        let newest = newest.ok_or_else(|| Error::corrupted("a session that was counted is gone"));
        Ok(entry(newest?, count))
    });
    let entries = entries.collect::<Result<_>>()?;
    Ok(ranking.with(entries))
}

/// Visits the id of everyone of a group who has a session in the main index or one that the delta
/// changes; only those can have one of the family.
fn each_of(
    view: &View,
    group: Group,
    family: Family,
    visit: &mut dyn FnMut(u32) -> Result<()>,
) -> Result<()> {
    if let Some(only) = group.only(family) {
        return visit(only);
    }
    let keys = group.keys(family.open_only);
    let mut changed: BTreeSet<_> = view.delta.families(keys.clone()).collect();
    view.main.each_family(keys, &mut |key| {
        changed.remove(&key);
        visit(group.id_of(key))
    })?;
    changed
        .into_iter()
        .try_for_each(|key| visit(group.id_of(key)))
}

/// The best of those who come, and the sums of all.
struct Ranking {
    count: usize,
    /// The least of them at the top: the fewest sessions, and of those the greatest id.
    best: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
    members: u64,
    sessions: u64,
}

impl Ranking {
    fn new(count: usize) -> Self {
        Self {
            count,
            best: BinaryHeap::new(),
            members: 0,
            sessions: 0,
        }
    }

    fn take(&mut self, id: u32, count: u64) {
        if count == 0 {
            return;
        }
        self.members += 1;
        self.sessions = self.sessions.saturating_add(count);
        self.best.push(Reverse((count, Reverse(id))));
        if self.best.len() > self.count {
            self.best.pop();
        }
    }

    fn best_first(&mut self) -> Vec<(u64, u32)> {
        let best = std::mem::take(&mut self.best).into_sorted_vec();
        let best = best
            .into_iter()
            .map(|Reverse((count, Reverse(id)))| (count, id));
        best.collect()
    }

    fn with<T>(&self, entries: Vec<T>) -> Busiest<T> {
        Busiest {
            entries,
            total_count: self.members,
            total_session_count: self.sessions,
        }
    }
}

/// Every user with a session who has, or had, this name, by `user_refer_uid`.
pub(crate) fn users_named(view: &View, user: &str) -> Result<Vec<Uuid>> {
    let named = view.delta.names().users_named(user);
    let mut named: BTreeSet<Uuid> = named.into_iter().collect();
    view.main.each_name(&mut |name| {
        if name.user == user {
            named.insert(name.user_refer_uid());
        }
        Ok(())
    })?;
    let mut found = Vec::new();
    for uid in named {
        if let Some(id) = view.user_id(uid)?
            && view.len(Group::Users.part(Family::ALL, id.0))? > 0
        {
            found.push(uid);
        }
    }
    Ok(found)
}
