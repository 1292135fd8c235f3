//! Connections to the first of several hosts that takes writes, each of which has so much time for it.

use super::tls::Verified;
use deadpool_postgres::Connect;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error};

/// Makes connections host by host. The client's own limit ends with the socket: a server that takes the
/// connection and says nothing, as one that hangs does, would keep everybody from the next host for ever.
pub(super) struct HostByHost {
    pub(super) tls: Verified,
    /// Of the socket, and of all that is said until the connection can be used.
    pub(super) timeout: Duration,
}

impl HostByHost {
    /// How long it takes to try all hosts.
    pub(super) fn longest(timeout: Duration, config: &Config) -> Duration {
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX);
        timeout.saturating_mul(hosts.saturating_add(1))
    }

    async fn any(&self, config: &Config) -> Result<(Client, JoinHandle<()>), Error> {
        let mut last = None;
        for index in 0..config.get_hosts().len() {
            let host = of_host(config, index);
            match timeout(self.timeout, host.connect(self.tls.clone())).await {
                Ok(Ok((client, connection))) => {
                    // Whoever waits for an answer is told of its end.
                    let connected = tokio::spawn(connection.map(drop));
                    return Ok((client, connected));
                }
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
        }
        match last {
            Some(error) => Err(error),
            // The pool has a limit too, and the words for it.
            None => std::future::pending().await,
        }
    }
}

impl Connect for HostByHost {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let config = config.clone();
        async move { self.any(&config).await }.boxed()
    }
}

/// The same for one of the hosts.
fn of_host(config: &Config, index: usize) -> Config {
    let mut host = Config::new();
    host.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle());
    match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => drop(host.host(name)),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(host.host_path(path)),
        None => {}
    }
    config
        .get_hostaddrs()
        .get(index)
        .map(|at| host.hostaddr(*at));
    let ports = config.get_ports();
    let port = ports.get(index).or(ports.first());
    port.map(|port| host.port(*port));
    config.get_user().map(|user| host.user(user));
    config
        .get_password()
        .map(|password| host.password(password));
    config.get_dbname().map(|name| host.dbname(name));
    config.get_options().map(|options| host.options(options));
    let name = config.get_application_name();
    name.map(|name| host.application_name(name));
    let timeout = config.get_connect_timeout();
    timeout.map(|timeout| host.connect_timeout(*timeout));
    let timeout = config.get_tcp_user_timeout();
    timeout.map(|timeout| host.tcp_user_timeout(*timeout));
    let interval = config.get_keepalives_interval();
    interval.map(|interval| host.keepalives_interval(interval));
    let retries = config.get_keepalives_retries();
    retries.map(|retries| host.keepalives_retries(retries));
    host
}
