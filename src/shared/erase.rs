//! A user who is to leave no trace.

use super::Shared;
use super::commit::resolved;
use super::merge::Purpose;
use super::rewrite::Rewrite;
use crate::delta::Delta;
use crate::error::Result;
use crate::family::Family;
use crate::format::{ClientId, NewNames};
use crate::resolve::Swept;
use crate::retention::{Erased, Erasure, Rule};
use crate::view::View;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use uuid::Uuid;

impl Shared {
    /// Removes the sessions of a user, then all names of the user and the clients that no session has
    /// then, and what the log has of it.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write) and [`rewrite`](Self::rewrite).
    pub(crate) fn erase(
        self: &Arc<Self>,
        user_refer_uid: Uuid,
        erasure: Erasure,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Erased> {
        let rule = Rule::erase(user_refer_uid)?;
        let mut swept = self.sweep(&rule, &mut |done, total| {
            progress(done, total);
            ControlFlow::Continue(())
        })?;
        // A copy in the making has the names that are to go.
        let alone = self.rewrite_alone()?;
        let gone = self.forget(user_refer_uid, &rule, &mut swept)?;
        if erasure == Erasure::Secure {
            self.rewrite_now(&alone, Rewrite::Clean, progress)?;
        }
        drop(alone);
        let (snapshot_count, _) = self.holders.count_and_oldest();
        Ok(Erased {
            session_count: swept.changed,
            user_name_count: gone.names.len() as u64,
            client_count: gone.clients.len() as u64,
            is_secure: erasure == Erasure::Secure,
            snapshot_count,
        })
    }

    /// With nobody writing: removes what came since, and everything from the dictionary and the log.
    fn forget(&self, user: Uuid, rule: &Rule, swept: &mut Swept) -> Result<NewNames> {
        // It takes long, if it is much, and others can go on meanwhile.
        self.merge(Purpose::All)?;
        swept
            .clients
            .extend(unused_clients(&*self.readable_view()?)?);
        let mut main = self.lock_main();
        self.recover_main(&mut main)?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        writer.ready()?;
        let view = self.view()?;
        let (last, commit) = resolved(&view, |resolver| resolver.sweep(rule, None, u64::MAX))?;
        swept.add(last);
        let mut delta = view.delta.clone();
        delta.apply(&commit)?;
        let gone = unused(&view, &delta, user, &swept.clients)?;
        let names = (&rest(&delta, &gone), &gone);
        self.merge_locked(&mut main, writer, (&view, &delta), names)?;
        let trimmed = writer.log.trim();
        self.measure(&writer.log);
        trimmed.map(|()| gone)
    }
}

/// The clients that no session has in a view.
fn unused_clients(view: &View) -> Result<Vec<ClientId>> {
    view.read(|view| {
        let mut unused = Vec::new();
        view.main.each_client(&mut |client| {
            if view.len(Family::of_client(client))? == 0 {
                unused.push(client);
            }
            Ok(())
        })?;
        Ok(unused)
    })
}

/// What of the dictionary nobody uses after a delta: every name of a user without sessions, and these
/// clients but for those that have some.
fn unused(
    view: &View,
    delta: &Delta,
    user: Uuid,
    clients: &BTreeSet<ClientId>,
) -> Result<NewNames> {
    let after = view.with(Arc::clone(&view.main), delta.clone());
    after.read(|after| {
        let mut gone = NewNames::default();
        if let Some(id) = after.user_id(user)? {
            gone.users.push((id, user));
            gone.names = view.main.names_of(user)?;
            let new = delta.names().rows().names.into_iter();
            gone.names
                .extend(new.filter(|(_, name)| name.user_id == id));
        }
        for client in clients {
            let new = delta.names().client(*client).map(Some);
            let known = new.map_or_else(|| view.main.known_client(*client), Ok)?;
            // It may have been dropped since the sweep.
            if let Some(text) = known
                && after.len(Family::of_client(*client))? == 0
            {
                gone.clients.push((*client, text));
            }
        }
        Ok(gone)
    })
}

/// The names of a delta that are not gone.
fn rest(delta: &Delta, gone: &NewNames) -> NewNames {
    let mut rest = delta.names().rows();
    rest.users.retain(|user| !gone.users.contains(user));
    rest.names
        .retain(|(_, name)| !gone.users.iter().any(|(id, _)| *id == name.user_id));
    rest.clients
        .retain(|(id, _)| !gone.clients.iter().any(|(client, _)| client == id));
    rest
}
