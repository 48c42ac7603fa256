//! PostgreSQL.

mod decode;
mod encode;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use weir_outbound::Outbound;

use self::decode::Raw;
use self::encode::Param;
use super::connections::Query;
use super::error::Error;
use super::rows::{Column, Table};
use super::sql::Statement;

/// How many rows are fetched at once.
const CHUNK: i32 = 200;

/// A connection, with the task that drives it.
pub(crate) struct Session {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    /// Connects to `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; with `?sslmode=require` by TLS, the certificate
    /// checked against the public authorities.
    pub(crate) async fn connect(url: &str, outbound: &Outbound) -> Result<Self, Error> {
        let given: Config = url.parse().map_err(|_| invalid("cannot be read"))?;
        let ([Host::Tcp(host)], []) = (given.get_hosts(), given.get_hostaddrs()) else {
            return Err(invalid("must name one host, and neither a socket nor `hostaddr`"));
        };
        let port = given.get_ports().first().copied().unwrap_or(5432);
        let addresses = outbound.addresses(host, port).await?;
        let unreachable =
            |error: &dyn std::error::Error| Error::Transient(format!("{host} cannot be reached: {error}"));
        let stream = TcpStream::connect(&addresses[..]).await.map_err(|error| unreachable(&error))?;
        let mut config = Config::new();
        config.application_name("weir").ssl_mode(SslMode::Disable);
        if let Some(user) = given.get_user() {
            config.user(user);
        }
        if let Some(password) = given.get_password() {
            config.password(password);
        }
        if let Some(database) = given.get_dbname() {
            config.dbname(database);
        }
        if given.get_ssl_mode() != SslMode::Require {
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(|error| failed(&error))?;
            return Ok(Self { client, driver: tokio::spawn(async move { drop(connection.await) }) });
        }
        config.ssl_mode(SslMode::Require);
        let tls: ClientConfig = weir_outbound::tls()?;
        let mut tls = MakeRustlsConnect::new(tls);
        let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, host).map_err(|error| unreachable(&error))?;
        let (client, connection) = config.connect_raw(stream, tls).await.map_err(|error| failed(&error))?;
        // What ends a connection is told by the query that needs it.
        Ok(Self { client, driver: tokio::spawn(async move { drop(connection.await) }) })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Takes back whatever a query may have left in the session; says whether it worked.
    pub(crate) async fn reset(&self) -> bool {
        self.client.batch_execute("DISCARD ALL").await.is_ok()
    }

    pub(crate) async fn run(&mut self, statement: &Statement, query: &Query) -> Result<Table, Error> {
        let read_only = !query.allow_writes;
        let failed = |error| match failed(&error) {
            Error::Timeout(_) => Error::too_slow(query.time_limit.as_secs_f64()),
            other => other,
        };
        let begin = self.client.build_transaction().read_only(read_only);
        let transaction = begin.start().await.map_err(failed)?;
        let limit = query.time_limit.as_millis();
        transaction.batch_execute(&format!("SET LOCAL statement_timeout = {limit}")).await.map_err(failed)?;
        let prepared = transaction.prepare(&statement.sql).await.map_err(failed)?;
        let values: Vec<_> = statement.values.iter().map(Param).collect();
        let columns = prepared.columns().iter();
        let columns = columns
            .map(|column| Column { name: column.name().to_owned(), ty: column.type_().name().to_owned() })
            .collect();
        let mut table = Table::new(columns, query.max_rows)?;
        if table.columns.is_empty() {
            let affected = transaction.execute_raw(&prepared, &values).await.map_err(failed)?;
            table.affected = Some(affected).filter(|_| !statement.reads);
        } else {
            let portal = transaction.bind_raw(&prepared, &values).await.map_err(failed)?;
            'fetch: loop {
                let rows = transaction.query_portal(&portal, CHUNK).await.map_err(failed)?;
                for row in &rows {
                    let mut cells = Vec::with_capacity(row.len());
                    for (index, column) in row.columns().iter().enumerate() {
                        let raw: Raw<'_> = row.try_get(index).map_err(failed)?;
                        cells.push(raw.value(column.type_()).map_err(|reason| unreadable(column.name(), &reason))?);
                    }
                    if !table.push(cells) {
                        break 'fetch;
                    }
                }
                if rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX) {
                    break;
                }
            }
            // Rows that a change returned; all of them were changed before the first was handed out.
            if !statement.reads && !table.truncated {
                table.affected = u64::try_from(table.rows.len()).ok();
            }
        }
        if read_only { transaction.rollback().await } else { transaction.commit().await }.map_err(failed)?;
        Ok(table)
    }
}

fn invalid(what: &str) -> Error {
    Error::Invalid(format!("the credential's url of a PostgreSQL database {what}"))
}

fn unreadable(column: &str, reason: &str) -> Error {
    Error::Invalid(format!("the column {column:?} cannot be read: {reason}"))
}

/// What PostgreSQL, or the way to it, said.
fn failed(error: &tokio_postgres::Error) -> Error {
    let Some(refusal) = error.as_db_error() else {
        // What a param could not be written as is told by the error behind.
        let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
        let is_broken =
            error.is_closed() || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>());
        return if is_broken {
            Error::Transient(format!("the connection to PostgreSQL broke: {cause}"))
        } else {
            Error::Invalid(format!("PostgreSQL cannot be asked: {cause}"))
        };
    };
    let code = refusal.code();
    let message = format!("PostgreSQL answered {}: {}", code.code(), refusal.message());
    if *code == SqlState::QUERY_CANCELED {
        Error::Timeout(message)
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        Error::read_only(&message)
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE || code.code().starts_with("28") {
        Error::Refused(message)
    // Classes: connection exception, rollback (deadlock, serialisation), insufficient resources, operator
    // intervention, system error; and locks that could not be had.
    } else if ["08", "40", "53", "57", "58"].iter().any(|class| code.code().starts_with(class))
        || *code == SqlState::LOCK_NOT_AVAILABLE
    {
        Error::Transient(message)
    } else {
        Error::Invalid(message)
    }
}
