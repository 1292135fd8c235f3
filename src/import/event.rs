//! What a login record means, read as last(1) reads it.

use crate::import::record::Record;
use chrono::{DateTime, Utc};

/// The values of `ut_type`.
const RUN_LEVEL: u64 = 1;
const BOOT: u64 = 2;
const NEW_TIME: u64 = 3;
const OLD_TIME: u64 = 4;
const USER_PROCESS: u64 = 7;
const DEAD_PROCESS: u64 = 8;
const LAST_KIND: u64 = 9;

/// The run levels of halt and reboot.
const DOWN_LEVELS: [u64; 2] = [b'0' as u64, b'6' as u64];

/// Something that begins or ends sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Login(Login<'a>),
    /// Nobody is logged in on the line.
    Logout {
        line: &'a str,
        at: DateTime<Utc>,
    },
    /// Nobody is logged in: the machine shuts down, or boots.
    Down {
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Login<'a> {
    pub(super) line: &'a str,
    pub(super) user: &'a str,
    pub(super) host: &'a str,
    pub(super) pid: u64,
    pub(super) at: DateTime<Utc>,
}

/// What a record is about, before its other fields are looked at.
enum Kind {
    Login,
    Logout,
    Down,
    Nothing,
}

impl<'a> Event<'a> {
    /// The event of a record, if it is one for the sessions.
    ///
    /// # Errors
    ///
    /// The reason if the record is corrupt in what matters.
    pub(super) fn of(record: Record<'a>) -> Result<Option<Self>, String> {
        Ok(match Kind::of(record)? {
            Kind::Nothing => None,
            Kind::Login => Some(Self::Login(Login::of(record)?)),
            Kind::Logout => Some(Self::Logout {
                line: record.line()?,
                at: record.time()?,
            }),
            Kind::Down => Some(Self::Down { at: record.time()? }),
        })
    }
}

impl<'a> Login<'a> {
    fn of(record: Record<'a>) -> Result<Self, String> {
        let line = record.line()?;
        if line.contains(' ') {
            // The line could not be told from the host in the client.
            return Err(format!("the line {line:?} has a space"));
        }
        Ok(Self {
            line,
            user: record.user()?,
            host: record.host()?,
            pid: record.pid(),
            at: record.time()?,
        })
    }
}

impl Kind {
    fn of(record: Record<'_>) -> Result<Self, String> {
        let kind = record.kind();
        if kind > LAST_KIND {
            return Err(format!("{kind} is no type of login record"));
        }
        let (line, user) = (record.line()?, record.user()?);
        Ok(match kind {
            _ if line.starts_with('~') && user.starts_with("shutdown") => Self::Down,
            _ if line.starts_with('~') && user.starts_with("reboot") => Self::Down,
            _ if line.starts_with('~') && user.starts_with("runlevel") => Self::of_level(record),
            BOOT => Self::Down,
            RUN_LEVEL if user == "shutdown" => Self::Down,
            RUN_LEVEL => Self::of_level(record),
            NEW_TIME | OLD_TIME => Self::Nothing,
            DEAD_PROCESS => Self::without_user(line),
            _ if user.is_empty() => Self::without_user(line),
            _ => Self::with_user(kind, line, user),
        })
    }

    fn of_level(record: Record<'_>) -> Self {
        match DOWN_LEVELS.contains(&(record.pid() & 0xFF)) {
            true => Self::Down,
            false => Self::Nothing,
        }
    }

    /// A process that ended; or one that begins without a user, as systemd tells of a getty: then
    /// the session before it has ended.
    fn without_user(line: &str) -> Self {
        match line.is_empty() {
            true => Self::Nothing,
            false => Self::Logout,
        }
    }

    /// Not every program sets the type as it should: any process with a user is a login, but for
    /// a getty's.
    fn with_user(kind: u64, line: &str, user: &str) -> Self {
        let is_time_change = user.starts_with("date") && line.starts_with(['|', '{']);
        match kind {
            _ if is_time_change => Self::Nothing,
            USER_PROCESS => Self::Login,
            _ if line.is_empty() || user.starts_with("LOGIN") => Self::Nothing,
            _ => Self::Login,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::record::Layout;

    /// What the record with these fields means.
    fn meaning(kind: u8, pid: u8, line: &str, user: &str) -> Result<&'static str, String> {
        let mut bytes = [0; 384];
        bytes[0] = kind;
        bytes[4] = pid;
        bytes[8..8 + line.len()].copy_from_slice(line.as_bytes());
        bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
        let event = Event::of(Record::new(Layout::ALL[0], &bytes))?;
        Ok(match event {
            None => "nothing",
            Some(Event::Login(_)) => "login",
            Some(Event::Logout { .. }) => "logout",
            Some(Event::Down { .. }) => "down",
        })
    }

    #[test]
    fn each_type_means_what_it_says() {
        let cases = [
            (0, 0, "", "", "nothing"),
            (1, b'5', "~", "runlevel", "nothing"),
            (1, b'6', "~", "runlevel", "down"),
            (1, 0, "~", "shutdown", "down"),
            (1, 0, "runlevel 0", "shutdown", "down"),
            (2, 0, "~", "reboot", "down"),
            (2, 0, "system boot", "reboot", "down"),
            (3, 0, "{", "date", "nothing"),
            (4, 0, "|", "date", "nothing"),
            (5, 0, "", "", "nothing"),
            (5, 0, "tty1", "", "logout"),
            (6, 0, "tty1", "LOGIN", "nothing"),
            (7, 0, "tty1", "ann", "login"),
            (7, 0, "tty1", "LOGIN", "login"),
            (7, 0, "tty1", "", "logout"),
            (7, 0, "", "", "nothing"),
            (8, 0, "tty1", "", "logout"),
            (8, 0, "tty1", "ann", "logout"),
            (8, 0, "", "", "nothing"),
            (9, 0, "tty1", "ann", "login"),
        ];
        for (kind, pid, line, user, expected) in cases {
            let meaning = meaning(kind, pid, line, user).unwrap();
            assert_eq!(meaning, expected, "{kind} {line:?} {user:?}");
        }
    }

    #[test]
    fn the_user_reboot_on_the_boot_line_is_a_boot_whatever_the_type() {
        for kind in 0..=LAST_KIND {
            let kind = u8::try_from(kind).unwrap();
            assert_eq!(meaning(kind, 0, "~", "reboot").unwrap(), "down");
        }
        assert_eq!(meaning(7, 0, "pts/0", "reboot").unwrap(), "login");
    }

    #[test]
    fn types_beyond_the_last_are_corrupt() {
        assert!(meaning(10, 0, "tty1", "ann").is_err());
        assert!(meaning(255, 0, "tty1", "ann").is_err());
    }
}
