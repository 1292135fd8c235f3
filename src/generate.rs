//! Realistic session logs from a seed, for demonstrations and benches (feature `generate`).
//!
//! Logins arrive in order of time but for a few that come late, fewer of them at weekends; a few
//! users and clients have most of the sessions; durations are log-normal; the newest sessions, and
//! a few forgotten ones, are open. The same [`Profile`] gives the same records each time; on another
//! platform, whose mathematical functions round otherwise, times may differ by some ticks.

use crate::SessionLog;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::ops::RangeInclusive;
use std::sync::Arc;
use uuid::{Builder, Uuid};

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// How many sessions.
    pub sessions: u64,
    /// How many users to draw from; none counts as one. Each takes about 100 bytes of memory.
    pub users: u32,
    /// How many clients to draw from; none counts as one. Each takes about 100 bytes of memory.
    pub clients: u32,
    /// The seed: another one gives other records.
    pub seed: u64,
    /// The days over which the logins are spread, up to `end`; none counts as one.
    pub days: u16,
    /// The time of the last login, within [`Profile::ENDS`], or what is nearest to that.
    pub end: DateTime<Utc>,
}

impl Default for Profile {
    /// A million sessions of 50,000 users on 5,000 clients, in October 2026.
    fn default() -> Self {
        Self {
            sessions: 1_000_000,
            users: 50_000,
            clients: 5_000,
            seed: 1,
            days: 30,
            end: DateTime::from_timestamp(1_793_491_200, 0).unwrap_or_default(),
        }
    }
}

/// How many logins a day of the week has, Monday first, so that a chart has a week's shape.
const WEEK: [f64; 7] = [1.0, 1.05, 1.0, 0.95, 0.8, 0.25, 0.2];

/// Every user logs in from one of so many favourite clients most of the time.
const FAVOURITES: u64 = 3;

impl Profile {
    /// The years in which the last login can be.
    pub const ENDS: RangeInclusive<i32> = 1900..=8999;

    /// The id of a user, by rank: user zero has the most sessions.
    #[must_use]
    pub fn user_refer_uid(self, user: u32) -> Uuid {
        let mut random = self.random(1, user);
        random_uuid(&mut random)
    }

    /// The id of a client, by rank: client zero has the most sessions.
    #[must_use]
    pub fn client_refer_uid(self, client: u32) -> String {
        let serial = self.random(2, client).next_u32();
        format!("PDA-{client:05}-{serial:08x}")
    }

    /// The records, in the order of arrival.
    #[must_use]
    pub fn session_logs(self) -> Generated {
        let end = self
            .end
            .clamp(year(*Self::ENDS.start()), year(*Self::ENDS.end() + 1));
        let within_tick = end.timestamp_subsec_nanos() % 100;
        let end = end - TimeDelta::nanoseconds(within_tick.into());
        let users = (0..self.users.max(1)).map(|user| {
            let name = format!("user.name{user:05}");
            (self.user_refer_uid(user), Arc::from(name))
        });
        let clients = (0..self.clients.max(1)).map(|client| self.client_refer_uid(client).into());
        Generated {
            users: users.collect(),
            clients: clients.collect(),
            profile: self,
            random: ChaCha8Rng::seed_from_u64(self.seed),
            calendar: Calendar::new(self.days.max(1), end),
            end,
            next: 0,
        }
    }

    fn random(self, stream: u64, number: u32) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed ^ u64::from(number) << 32);
        random.set_stream(stream);
        random
    }
}

/// The records of a [`Profile`].
#[derive(Debug, Clone)]
pub struct Generated {
    profile: Profile,
    users: Vec<(Uuid, Arc<str>)>,
    clients: Vec<Arc<str>>,
    random: ChaCha8Rng,
    calendar: Calendar,
    end: DateTime<Utc>,
    next: u64,
}

impl Iterator for Generated {
    type Item = SessionLog;

    fn next(&mut self) -> Option<SessionLog> {
        if self.next == self.profile.sessions {
            return None;
        }
        let session_start = self.start();
        let user = self.ranked(self.users.len(), 3);
        let client = self.client_of(user);
        let session_end = self.end(session_start);
        self.next += 1;
        let (user_refer_uid, user) = self.users.get(user)?;
        Some(SessionLog {
            refer_uid: random_uuid(&mut self.random),
            user_refer_uid: *user_refer_uid,
            user: Arc::clone(user),
            client_refer_uid: Arc::clone(self.clients.get(client)?),
            session_start,
            session_end,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.profile.sessions - self.next).ok();
        (left.unwrap_or(usize::MAX), left)
    }
}

impl Generated {
    /// In the order of arrival, some seconds apart; one in twenty arrives up to four hours late.
    fn start(&mut self) -> DateTime<Utc> {
        let arrival = (self.next as f64 + self.unit()) / self.profile.sessions as f64;
        let late = match self.unit() < 0.05 {
            true => self.unit().powi(2) * 4.0 * 3_600.0,
            false => self.unit() * 2.0,
        };
        let days_before_end = self.calendar.days_left(arrival);
        self.end - seconds(days_before_end * 86_400.0 + late)
    }

    /// Log-normal, ten minutes in the median; none for the forgotten and the newest sessions, and
    /// where it would lie behind the last login.
    fn end(&mut self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let newest = self.next + self.profile.sessions / 125 >= self.profile.sessions;
        if self.unit() < 0.001 || newest && self.unit() < 0.5 {
            return None;
        }
        // The Box-Muller transform (1958).
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        let end = start + seconds(600.0 * (1.2 * normal).exp());
        (end <= self.end).then_some(end)
    }

    /// A number below `count`, small ones far more often.
    fn ranked(&mut self, count: usize, power: i32) -> usize {
        index(self.unit().powi(power), count)
    }

    fn client_of(&mut self, user: usize) -> usize {
        if self.unit() >= 0.7 {
            return self.ranked(self.clients.len(), 2);
        }
        let favourite = self.random.next_u64() % FAVOURITES;
        let mixed = (user as u64 * FAVOURITES + favourite + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        index(unit(mixed).powi(2), self.clients.len())
    }

    /// A number in 0.0..1.0.
    fn unit(&mut self) -> f64 {
        unit(self.random.next_u64())
    }
}

/// The share of each day in the logins, as sums: from a share, the time.
#[derive(Debug, Clone)]
struct Calendar(Vec<f64>);

impl Calendar {
    fn new(days: u16, end: DateTime<Utc>) -> Self {
        let mut through = 0.0;
        let sums = (1..=days).map(|day| {
            let date = end - TimeDelta::days(i64::from(days - day) + 1);
            let weekday = date.weekday().num_days_from_monday() as usize;
            through += WEEK.get(weekday).copied().unwrap_or(1.0);
            through
        });
        Self(sums.collect())
    }

    /// How many days are left when this share of the logins has come.
    fn days_left(&self, share: f64) -> f64 {
        let wanted = share * self.0.last().copied().unwrap_or(1.0);
        let day = self.0.partition_point(|through| *through < wanted);
        let before = day.checked_sub(1).and_then(|day| self.0.get(day));
        let (before, through) = (before.copied().unwrap_or(0.0), self.0.get(day).copied());
        let weight = through.map_or(1.0, |through| through - before);
        self.0.len() as f64 - (day as f64 + (wanted - before) / weight)
    }
}

/// The first instant of a year.
fn year(year: i32) -> DateTime<Utc> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
    first.and_time(NaiveTime::MIN).and_utc()
}

/// The high 53 bits as a number in 0.0..1.0.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[expect(clippy::cast_possible_truncation, reason = "in range by its bound")]
fn index(unit: f64, count: usize) -> usize {
    ((unit * count as f64) as usize).min(count.saturating_sub(1))
}

/// Whole ticks of 100 ns, as a store keeps them.
#[expect(clippy::cast_possible_truncation, reason = "far below the limits")]
fn seconds(seconds: f64) -> TimeDelta {
    TimeDelta::nanoseconds((seconds * 1e7) as i64 * 100)
}

fn random_uuid(random: &mut impl RngCore) -> Uuid {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_gives_the_same_records_each_time() {
        let profile = Profile {
            sessions: 500,
            ..Profile::default()
        };
        let logs: Vec<SessionLog> = profile.session_logs().collect();
        assert_eq!(logs.len(), 500);
        assert!(profile.session_logs().eq(logs.iter().cloned()));
        let other = Profile { seed: 2, ..profile };
        assert!(other.session_logs().ne(logs));
    }

    #[test]
    fn the_share_of_the_logins_that_came_grows_with_time_to_the_end() {
        let calendar = Calendar::new(30, Profile::default().end);
        let days: Vec<f64> = (0..=1_000)
            .map(|n| calendar.days_left(f64::from(n) / 1e3))
            .collect();
        assert!(days.is_sorted_by(|a, b| a > b), "{days:?}");
        assert!((days[0] - 30.0).abs() < 1e-9 && days[1_000].abs() < 1e-9);
    }

    #[test]
    fn the_logins_lie_in_the_days_before_the_end_and_no_session_ends_behind_it() {
        for (days, end) in [
            (60, year(2031)),
            (1, year(1970) + TimeDelta::hours(5)),
            (u16::MAX, DateTime::<Utc>::MIN_UTC),
            (0, DateTime::<Utc>::MAX_UTC),
        ] {
            let profile = Profile {
                sessions: 500,
                days,
                end,
                ..Profile::default()
            };
            let end = end.clamp(year(1900), year(9000));
            let late = TimeDelta::hours(4);
            let first = end - TimeDelta::days(days.max(1).into()) - late;
            for log in profile.session_logs() {
                let starts = first..=end;
                assert!(starts.contains(&log.session_start), "{log:?}");
                assert!(
                    log.session_end.is_none_or(|log_end| log_end <= end),
                    "{log:?}"
                );
            }
        }
    }

    #[test]
    fn every_record_keeps_the_rules_of_records() {
        let profile = Profile {
            sessions: 2_000,
            users: 3,
            clients: 1,
            seed: 9,
            end: year(2026) + TimeDelta::nanoseconds(199),
            ..Profile::default()
        };
        let mut open = 0;
        for log in profile.session_logs() {
            let checked = SessionLog::new(
                log.refer_uid,
                log.user_refer_uid,
                log.user.clone(),
                log.client_refer_uid.clone(),
                log.session_start,
                log.session_end,
            );
            assert_eq!(checked.unwrap(), log);
            open += u32::from(log.is_open());
        }
        assert!((1..100).contains(&open), "{open}");
    }
}
