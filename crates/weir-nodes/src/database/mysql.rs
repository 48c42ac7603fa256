//! MySQL and MariaDB.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params};
use serde_json::Value;
use weir_outbound::Outbound;

use super::connections::Query;
use super::error::Error;
use super::rows::{Column, MAX_BYTES, Table, decimal, integer, real};
use super::sql::Statement;

/// The character set that means bytes.
const BINARY: u16 = 63;

/// A connection.
pub(crate) struct Session {
    conn: Conn,
    /// The two name their time limits differently.
    is_mariadb: bool,
}

impl Session {
    /// Connects to `mysql://USER:PASSWORD@HOST:PORT/DATABASE`; with `?require_ssl=true` by TLS, the certificate checked
    /// against the public authorities.
    pub(crate) async fn connect(url: &str, outbound: &Outbound) -> Result<Self, Error> {
        let invalid = || Error::Invalid("the credential's url of a MySQL database cannot be read".to_owned());
        // One more name for the same.
        let url = url.strip_prefix("mariadb:").map_or_else(|| url.to_owned(), |rest| format!("mysql:{rest}"));
        let given = Opts::from_url(&url).map_err(|_| invalid())?;
        let (host, port) = (given.ip_or_hostname(), given.tcp_port());
        let addresses = outbound.addresses(host, port).await?;
        let addresses: Vec<_> = addresses.iter().map(std::net::SocketAddr::ip).collect();
        let options = OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(port)
            .resolved_ips(Some(addresses))
            .user(given.user())
            .pass(given.pass())
            .db_name(given.db_name())
            .ssl_opts(given.ssl_opts().cloned())
            // A socket would lead to this machine.
            .prefer_socket(Some(false))
            .max_allowed_packet(Some(MAX_BYTES + 1024 * 1024))
            .stmt_cache_size(Some(0));
        let mut conn = Conn::new(options).await.map_err(|error| failed(&error))?;
        let version: Option<String> = conn.query_first("SELECT VERSION()").await.map_err(|error| failed(&error))?;
        let is_mariadb = version.is_some_and(|version| version.contains("MariaDB"));
        Ok(Self { conn, is_mariadb })
    }

    pub(crate) async fn is_open(&mut self) -> bool {
        self.conn.ping().await.is_ok()
    }

    /// Takes back whatever a query may have left in the session; says whether it worked.
    pub(crate) async fn reset(&mut self) -> bool {
        matches!(self.conn.reset().await, Ok(true))
    }

    pub(crate) async fn run(&mut self, statement: &Statement, query: &Query) -> Result<Table, Error> {
        let failed = |error| match failed(&error) {
            Error::Timeout(_) => Error::too_slow(query.time_limit.as_secs_f64()),
            other => other,
        };
        let limit = if self.is_mariadb {
            format!("max_statement_time = {}", query.time_limit.as_secs_f64())
        } else {
            format!("max_execution_time = {}", query.time_limit.as_millis())
        };
        // A change of tables commits by itself; whatever begins after it reads only as well.
        let mode = if query.allow_writes { "READ WRITE" } else { "READ ONLY" };
        for set in [
            format!("SET SESSION {limit}, SESSION time_zone = '+00:00'"),
            format!("SET SESSION TRANSACTION {mode}"),
            format!("START TRANSACTION {mode}"),
        ] {
            self.conn.query_drop(set).await.map_err(failed)?;
        }
        let values: Vec<_> = statement.values.iter().map(param).collect();
        let params = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
        let mut table = {
            let mut result = self.conn.exec_iter(statement.sql.as_str(), params).await.map_err(failed)?;
            let columns = result.columns();
            let columns = columns.as_deref().unwrap_or_default();
            let named = columns.iter();
            let named = named.map(|column| Column { name: column.name_str().into_owned(), ty: type_name(column) });
            let mut table = Table::new(named.collect(), query.max_rows)?;
            if columns.is_empty() {
                table.affected = Some(result.affected_rows()).filter(|_| !statement.reads);
            }
            while let Some(mut row) = result.next().await.map_err(failed)? {
                let cells = columns.iter().enumerate();
                let cells = cells.map(|(index, column)| value(row.take(index), column)).collect();
                if !table.push(cells) {
                    break;
                }
            }
            table
        };
        if !table.columns.is_empty() && !statement.reads && !table.truncated {
            table.affected = u64::try_from(table.rows.len()).ok();
        }
        // An answer that was cut is read to its end before the next statement: only a change needs one.
        if query.allow_writes {
            self.conn.query_drop("COMMIT").await.map_err(failed)?;
        } else if !table.truncated {
            self.conn.query_drop("ROLLBACK").await.map_err(failed)?;
        }
        Ok(table)
    }
}

fn param(value: &Value) -> mysql_async::Value {
    match value {
        Value::Null => mysql_async::Value::NULL,
        Value::Bool(flag) => mysql_async::Value::Int((*flag).into()),
        Value::String(text) => mysql_async::Value::Bytes(text.clone().into_bytes()),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => mysql_async::Value::Int(signed),
            (None, Some(unsigned)) => mysql_async::Value::UInt(unsigned),
            (None, None) => number.as_f64().map_or(mysql_async::Value::NULL, mysql_async::Value::Double),
        },
        Value::Array(_) | Value::Object(_) => mysql_async::Value::Bytes(value.to_string().into_bytes()),
    }
}

/// `MYSQL_TYPE_VAR_STRING` becomes `var_string`.
fn type_name(column: &mysql_async::Column) -> String {
    let name = format!("{:?}", column.column_type());
    name.strip_prefix("MYSQL_TYPE_").unwrap_or(&name).to_ascii_lowercase()
}

fn value(value: Option<mysql_async::Value>, column: &mysql_async::Column) -> Value {
    use mysql_async::Value as Sql;

    let ty = column.column_type();
    match value {
        None | Some(Sql::NULL) => Value::Null,
        Some(Sql::Int(number)) => integer(number.into()),
        Some(Sql::UInt(number)) => integer(number.into()),
        // By its own digits, so that 0.1 does not become 0.10000000149011612.
        Some(Sql::Float(number)) => number.to_string().parse().map_or(Value::Null, real),
        Some(Sql::Double(number)) => real(number),
        Some(Sql::Date(year, month, day, hour, minute, second, micros)) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            if ty == ColumnType::MYSQL_TYPE_DATE {
                return date.into();
            }
            // The session's time zone is UTC; only this type knows of zones at all.
            let zone = if ty == ColumnType::MYSQL_TYPE_TIMESTAMP { "Z" } else { "" };
            format!("{date}T{hour:02}:{minute:02}:{second:02}{}{zone}", fraction(micros)).into()
        }
        Some(Sql::Time(is_negative, days, hours, minutes, seconds, micros)) => {
            let sign = if is_negative { "-" } else { "" };
            let hours = days * 24 + u32::from(hours);
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(micros)).into()
        }
        Some(Sql::Bytes(bytes)) => match ty {
            ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL => {
                decimal(&String::from_utf8_lossy(&bytes))
            }
            ColumnType::MYSQL_TYPE_JSON => match serde_json::from_slice(&bytes) {
                Ok(value) => value,
                Err(_) => text(bytes),
            },
            _ if column.character_set() == BINARY && column.flags().contains(ColumnFlags::BINARY_FLAG) => {
                STANDARD.encode(bytes).into()
            }
            _ => text(bytes),
        },
    }
}

/// Text, or Base64 of what is none.
fn text(bytes: Vec<u8>) -> Value {
    String::from_utf8(bytes).unwrap_or_else(|error| STANDARD.encode(error.as_bytes())).into()
}

fn fraction(micros: u32) -> String {
    if micros == 0 { String::new() } else { format!(".{micros:06}") }
}

/// What MySQL, or the way to it, said.
fn failed(error: &mysql_async::Error) -> Error {
    match error {
        mysql_async::Error::Server(refusal) => {
            let message = format!("MySQL answered {}: {}", refusal.code, refusal.message);
            match refusal.code {
                // Too many connections, shutting down, locks and deadlocks, the server's own storage.
                1040 | 1053 | 1203 | 1205 | 1213 | 1226 | 1317 | 1927 => Error::Transient(message),
                1969 | 3024 => Error::Timeout(message),
                1792 => Error::read_only(&message),
                1044 | 1045 | 1142 | 1143 | 1227 | 1290 | 1370 => Error::Refused(message),
                _ => Error::Invalid(message),
            }
        }
        mysql_async::Error::Io(error) => Error::Transient(format!("the connection to MySQL broke: {error}")),
        // Such as a statement with another number of params; a URL was read before, and is in no such error.
        error => Error::Invalid(format!("MySQL cannot be asked: {error}")),
    }
}
