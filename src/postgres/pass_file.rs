//! Passwords from the environment and from a pass file (PostgreSQL documentation, "The Password File").

use crate::error::{Error, Result};
use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The password that this process has for a server, if it has one.
pub(super) fn of_process(config: &Config) -> Result<Option<String>> {
    if let Some(password) = env::var("PGPASSWORD").ok().filter(|text| !text.is_empty()) {
        return Ok(Some(password));
    }
    let named = env::var_os("PGPASSFILE").map(PathBuf::from);
    let at_home = || env::home_dir().map(|home| home.join(".pgpass"));
    let Some(path) = named.or_else(at_home) else {
        return Ok(None);
    };
    match password(&path, config) {
        Ok(password) => Ok(password),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let path = path.display();
            let problem = format_args!("{path} cannot be used: {error}");
            Err(Error::invalid("pass file", problem).caused_by(error))
        }
    }
}

/// The password in a file, if that is one and has it.
fn password(path: &Path, config: &Config) -> io::Result<Option<String>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut text = String::new();
    File::open(path)?.read_to_string(&mut text)?;
    let found = find(&text, config);
    if found.is_some() && !is_private(&metadata) {
        let problem = "others than its owner may read it (chmod 600 makes it private)";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
    }
    Ok(found)
}

#[cfg(unix)]
fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

/// The password of the first line that is about this server: `host:port:database:user:password`.
fn find(text: &str, config: &Config) -> Option<String> {
    // As whom the client logs in who names nobody.
    let of_process = || env::var("USER").unwrap_or_default();
    let user = config.get_user().map_or_else(of_process, str::to_owned);
    let user = user.as_str();
    let database = config.get_dbname().unwrap_or(user);
    let hosts = config.get_hosts().iter().enumerate();
    let servers: Vec<(String, String)> = hosts
        .map(|(index, host)| (name_of(host), port_of(config, index)))
        .collect();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut fields = lines.map(fields_of);
    let is_it = |fields: &Vec<String>| {
        let [host, port, in_database, as_user, _] = fields.as_slice() else {
            return false;
        };
        let fits = |field: &str, value: &str| field == "*" || field == value;
        let is_server = |(name, at): &(String, String)| fits(host, name) && fits(port, at);
        servers.iter().any(is_server) && fits(in_database, database) && fits(as_user, user)
    };
    fields.find(is_it).and_then(|mut fields| fields.pop())
}

fn name_of(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(_) => "localhost".to_owned(),
    }
}

fn port_of(config: &Config, index: usize) -> String {
    let ports = config.get_ports();
    let port = ports.get(index).or(ports.first()).copied();
    port.unwrap_or(5432).to_string()
}

/// The five fields of a line, in which `\` takes the meaning from the character that follows.
fn fields_of(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let is_last = fields.len() == 5;
        let literal = match character {
            ':' if !is_last => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next(),
            other => Some(other),
        };
        if let Some(field) = fields.last_mut() {
            field.extend(literal);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, url: &str) -> Option<String> {
        find(text, &url.parse().unwrap())
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text = "# db1:5432:*:*:never\ndb1:5432:logs:ann:one\ndb1:*:*:ann:two\n*:*:*:*:three\n";
        assert_eq!(found(text, "postgres://ann@db1/logs").unwrap(), "one");
        assert_eq!(found(text, "postgres://ann@db1:7000/logs").unwrap(), "two");
        assert_eq!(found(text, "postgres://bob@db2/logs").unwrap(), "three");
        assert_eq!(
            found("db3:5432:logs:bob:x", "postgres://bob@db2,db3/logs").unwrap(),
            "x"
        );
        assert_eq!(found("db1:5432:logs:ann", "postgres://ann@db1/logs"), None);
    }

    #[test]
    fn colons_and_backslashes_are_escaped() {
        let text = r"db1:5432:a\:b:ann:p\\w\:d:e";
        assert_eq!(found(text, "postgres://ann@db1/a:b").unwrap(), r"p\w:d:e");
    }

    #[cfg(unix)]
    #[test]
    fn a_password_that_others_may_read_is_not_used_and_that_is_said() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        fs::write(&path, "db1:*:*:*:x").unwrap();
        let [here, elsewhere] = ["postgres://ann@db1/x", "postgres://ann@db2/x"]
            .map(|url| url.parse::<Config>().unwrap());
        for (mode, is_used) in [(0o600, true), (0o640, false), (0o604, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let found = password(&path, &here);
            assert_eq!(found.is_ok(), is_used, "{mode:o}: {found:?}");
            // Whom it is not about, it does not stop.
            assert_eq!(password(&path, &elsewhere).unwrap(), None);
        }
    }
}
