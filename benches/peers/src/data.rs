//! The records: a seeded profile, and what arrives after it.

use chrono::TimeDelta;
use sessionlog::SessionLog;
use sessionlog::generate::Profile;
use uuid::Uuid;

/// Days over which a [`Profile`] spreads its logins: one month of [`arrivals`].
const DAYS_OF_A_MONTH: i64 = 30;

/// Records in arrival order, without end.
pub(crate) type Arrivals = Box<dyn Iterator<Item = SessionLog> + Send>;

/// The profile of a size.
pub(crate) fn profile(sessions: u64) -> Profile {
    Profile {
        sessions,
        ..Profile::default()
    }
}

/// The records of a profile from this month on, month by month: zero is the profile itself.
///
/// Every month has the same users, clients and gaps between logins as the first, so that a store
/// grows at its end as one in use does; the ids differ.
pub(crate) fn arrivals(profile: Profile, first_month: u32) -> Arrivals {
    let months = first_month..;
    Box::new(months.flat_map(move |month| {
        let logs = profile.session_logs();
        logs.map(move |log| later(log, month))
    }))
}

fn later(log: SessionLog, months: u32) -> SessionLog {
    let by = TimeDelta::days(DAYS_OF_A_MONTH * i64::from(months));
    SessionLog {
        refer_uid: Uuid::from_u128(log.refer_uid.as_u128() ^ u128::from(months)),
        session_start: log.session_start + by,
        session_end: log.session_end.map(|end| end + by),
        ..log
    }
}

/// Each session by a user of its own, so that no name is met twice.
pub(crate) fn distinct_users(profile: Profile) -> impl Iterator<Item = SessionLog> {
    profile.session_logs().zip(1_u128..).map(|(log, number)| {
        // An odd factor permutes the numbers, so that ids do not come in order.
        let uid = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        SessionLog {
            user_refer_uid: Uuid::from_u128(uid),
            user: format!("user.name{number:07}").into(),
            ..log
        }
    })
}

/// The session while nobody has ended it.
pub(crate) fn opened(log: SessionLog) -> SessionLog {
    SessionLog {
        session_end: None,
        ..log
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn later_months_bring_new_sessions_of_the_same_users() {
        let logs: Vec<SessionLog> = arrivals(profile(1_000), 0).take(2_000).collect();
        let ids: HashSet<Uuid> = logs.iter().map(|log| log.refer_uid).collect();
        assert_eq!(ids.len(), logs.len());
        let (first, second) = logs.split_at(1_000);
        assert!(first.iter().zip(second).all(|(one, next)| {
            let months = next.session_start - one.session_start;
            one.user_refer_uid == next.user_refer_uid && months == TimeDelta::days(30)
        }));
    }

    #[test]
    fn no_user_comes_twice_where_all_are_distinct() {
        let users = distinct_users(profile(1_000)).map(|log| log.user_refer_uid);
        assert_eq!(users.collect::<HashSet<_>>().len(), 1_000);
    }
}
