//! The text of a query: one statement, its params as the database writes them.

use serde_json::{Map, Value};

use super::error::Error;

/// The longest query, in bytes.
const MAX_SQL: usize = 1024 * 1024;

/// The most params a query may use.
const MAX_PARAMS: usize = 1000;

/// What a query that only reads begins with.
const READS: [&str; 8] = ["select", "with", "values", "table", "show", "explain", "describe", "desc"];

/// What others begin with. What steers transactions, sessions and files is not among them.
const WRITES: [&str; 13] = [
    "insert", "update", "delete", "merge", "replace", "truncate", "call", "create", "alter", "drop", "refresh",
    "comment", "analyze",
];

/// Whose words a query is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    MySql,
    Sqlite,
}

/// The values for `$1`, `$2` ... or for `:name`.
#[derive(Debug, Clone)]
pub(crate) enum Params {
    Positional(Vec<Value>),
    Named(Map<String, Value>),
}

/// One statement, ready to be prepared.
#[derive(Debug)]
pub(crate) struct Statement {
    /// With the database's own placeholders.
    pub(crate) sql: String,
    /// In the order of the placeholders.
    pub(crate) values: Vec<Value>,
    /// Whether it begins as one that only reads; it may still try to write.
    pub(crate) reads: bool,
}

impl Statement {
    /// Reads a query. `$1` and `:name` become the database's own placeholders; strings, names and comments are left
    /// as they are.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than one statement and for params that are not there, [`Error::Refused`] for a
    /// statement that may not be run.
    pub(crate) fn read(sql: &str, params: &Params, dialect: Dialect, allow_writes: bool) -> Result<Self, Error> {
        if sql.len() > MAX_SQL {
            return Err(Error::Invalid(format!("the query is longer than {MAX_SQL} bytes")));
        }
        let mut reader = Reader { rest: sql, dialect, out: String::with_capacity(sql.len()) };
        let mut placeholders = Placeholders { params, dialect, values: Vec::new(), places: Vec::new() };
        let mut first_word: Option<String> = None;
        let mut ended = false;
        while let Some(token) = reader.next()? {
            if ended && token != Token::Space {
                return Err(Error::Invalid("there is more than one statement: a query is one".to_owned()));
            }
            match token {
                Token::Space | Token::Other => {}
                Token::End => ended = true,
                Token::Word(word) => {
                    let word = word.to_ascii_lowercase();
                    if dialect == Dialect::MySql && matches!(word.as_str(), "outfile" | "dumpfile") {
                        return Err(Error::Refused("a query may not write files".to_owned()));
                    }
                    first_word.get_or_insert(word);
                }
                Token::Placeholder(name) => {
                    let written = placeholders.write(name)?;
                    reader.out.push_str(&written);
                }
            }
        }
        let first_word = first_word.ok_or_else(|| Error::Invalid("the query is empty".to_owned()))?;
        let reads = READS.contains(&first_word.as_str());
        if !reads && !WRITES.contains(&first_word.as_str()) {
            let shown = first_word.chars().take(40).collect::<String>().to_uppercase();
            return Err(Error::Refused(format!("a query may not begin with {shown}")));
        }
        if !reads && !allow_writes {
            return Err(Error::read_only(&format!("the query begins with {}", first_word.to_uppercase())));
        }
        Ok(Self { sql: reader.out, values: placeholders.values, reads })
    }
}

/// Gives each param its place.
struct Placeholders<'a> {
    params: &'a Params,
    dialect: Dialect,
    values: Vec<Value>,
    /// The name behind each value.
    places: Vec<String>,
}

impl Placeholders<'_> {
    fn write(&mut self, name: &str) -> Result<String, Error> {
        let value = match (self.params, name.parse::<usize>()) {
            (Params::Positional(values), Ok(index)) => index.checked_sub(1).and_then(|index| values.get(index)),
            (Params::Named(values), Err(_)) => values.get(name),
            _ => None,
        };
        let shown =
            if name.starts_with(|c: char| c.is_ascii_digit()) { format!("${name}") } else { format!(":{name}") };
        let value = value.ok_or_else(|| {
            Error::Invalid(format!(
                "the query uses {shown}, but params has no such value: a list is for $1, $2 ..., \
                                    an object for :name"
            ))
        })?;
        // MySQL's placeholders have no numbers: a value that is used twice is sent twice.
        let known = self.places.iter().position(|place| place == name).filter(|_| self.dialect != Dialect::MySql);
        let place = known.unwrap_or(self.places.len());
        if known.is_none() {
            if self.values.len() >= MAX_PARAMS {
                return Err(Error::Invalid(format!("the query uses more than {MAX_PARAMS} params")));
            }
            self.places.push(name.to_owned());
            self.values.push(value.clone());
        }
        Ok(match self.dialect {
            Dialect::Postgres => format!("${}", place + 1),
            Dialect::Sqlite => format!("?{}", place + 1),
            Dialect::MySql => "?".to_owned(),
        })
    }
}

/// What matters of a query's parts; all but placeholders are copied to `out` as they are read.
#[derive(PartialEq)]
enum Token<'a> {
    /// White space or a comment.
    Space,
    /// A word that is not quoted.
    Word(&'a str),
    /// `$1` or `:name`, without its sign.
    Placeholder(&'a str),
    /// `;`.
    End,
    /// Strings, names in quotes, numbers, signs.
    Other,
}

struct Reader<'a> {
    rest: &'a str,
    dialect: Dialect,
    out: String,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, Error> {
        let text = self.rest;
        let Some(first) = text.chars().next() else { return Ok(None) };
        let second = text[first.len_utf8()..].chars().next().unwrap_or('\0');
        let (postgres, mysql, sqlite) =
            (self.dialect == Dialect::Postgres, self.dialect == Dialect::MySql, self.dialect == Dialect::Sqlite);
        let (length, token) = match (first, second) {
            (c, _) if c.is_whitespace() => (c.len_utf8(), Token::Space),
            ('-', '-') => (line(text), Token::Space),
            ('#', _) if mysql => (line(text), Token::Space),
            ('/', '*') if mysql && (text.starts_with("/*!") || text.starts_with("/*M!")) => {
                return Err(Error::Refused("a comment may hold nothing that is run".to_owned()));
            }
            ('/', '*') => (comment(text, postgres)?, Token::Space),
            ('\'', _) => (quoted(text, '\'', mysql)?, Token::Other),
            ('e' | 'E', '\'') if postgres => (1 + quoted(&text[1..], '\'', true)?, Token::Other),
            ('"', _) => (quoted(text, '"', mysql)?, Token::Other),
            ('`', _) if !postgres => (quoted(text, '`', false)?, Token::Other),
            ('[', _) if sqlite => (quoted(text, ']', false)?, Token::Other),
            ('$', '0'..='9') => {
                let digits = text[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - 1);
                (1 + digits, Token::Placeholder(&text[1..=digits]))
            }
            ('$', _) if postgres && dollar_tag(text).is_some() => (dollar_quoted(text)?, Token::Other),
            (':', ':') => (2, Token::Other),
            (':', 'a'..='z' | 'A'..='Z' | '_') => {
                let name = word(&text[1..]);
                (1 + name, Token::Placeholder(&text[1..=name]))
            }
            ('?', _) if !postgres => {
                return Err(Error::Invalid("a query's params are written $1, $2 ... or :name, not ?".to_owned()));
            }
            ('@' | '$', _) if sqlite => {
                return Err(Error::Invalid("a query's params are written $1, $2 ... or :name".to_owned()));
            }
            ('{', '{') => {
                let message = "a query takes no expressions: put their values into params and write $1 or :name here";
                return Err(Error::Invalid(message.to_owned()));
            }
            (';', _) => (1, Token::End),
            (c, _) if c.is_alphabetic() || c == '_' => {
                let length = word(text);
                (length, Token::Word(&text[..length]))
            }
            ('0'..='9', _) => (word(text), Token::Other),
            (c, _) => (c.len_utf8(), Token::Other),
        };
        self.rest = &text[length..];
        if !matches!(token, Token::Placeholder(_)) {
            self.out.push_str(&text[..length]);
        }
        Ok(Some(token))
    }
}

fn unclosed(what: &str) -> Error {
    Error::Invalid(format!("the query ends within {what}"))
}

/// The length of the name at the beginning.
fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len())
}

/// The length of the rest of the line.
fn line(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |end| end + 1)
}

/// The length of a comment; PostgreSQL's may hold others.
fn comment(text: &str, nests: bool) -> Result<usize, Error> {
    let (mut at, mut depth) = (2, 1);
    loop {
        let rest = &text[at..];
        let close = rest.find("*/").ok_or_else(|| unclosed("a comment"))?;
        match rest.find("/*").filter(|open| nests && *open < close) {
            Some(open) => (at, depth) = (at + open + 2, depth + 1),
            None => (at, depth) = (at + close + 2, depth - 1),
        }
        if depth == 0 {
            return Ok(at);
        }
    }
}

/// The length of what is in quotes; the quote itself is doubled within.
fn quoted(text: &str, quote: char, backslash: bool) -> Result<usize, Error> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Ok(at + c.len_utf8());
            }
        }
    }
    Err(unclosed("quotes"))
}

/// `$tag$`, where there is one.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = 1 + word(&text[1..]);
    text[end..].starts_with('$').then(|| &text[..=end])
}

fn dollar_quoted(text: &str) -> Result<usize, Error> {
    let tag = dollar_tag(text).unwrap_or("$$");
    let close = text[tag.len()..].find(tag).ok_or_else(|| unclosed("quotes"))?;
    Ok(tag.len() + close + tag.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(values: Value) -> Params {
        Params::Named(values.as_object().cloned().expect("an object"))
    }

    fn read(sql: &str, dialect: Dialect) -> Result<(String, Vec<Value>), Error> {
        let params = named(json!({"a": 1, "b": "x"}));
        Statement::read(sql, &params, dialect, false).map(|statement| (statement.sql, statement.values))
    }

    #[test]
    fn params_become_the_databases_own_placeholders() {
        let sql = "select :a, :b, :a";
        let [one, x] = [json!(1), json!("x")];
        let (text, values) = read(sql, Dialect::Postgres).expect("a query");
        assert_eq!((text.as_str(), &values[..]), ("select $1, $2, $1", &[one.clone(), x.clone()][..]));
        let (text, values) = read(sql, Dialect::MySql).expect("a query");
        assert_eq!((text.as_str(), &values[..]), ("select ?, ?, ?", &[one.clone(), x.clone(), one.clone()][..]));
        let (text, values) = read(sql, Dialect::Sqlite).expect("a query");
        assert_eq!((text.as_str(), &values[..]), ("select ?1, ?2, ?1", &[one, x][..]));
        let positional = Params::Positional(vec![json!("p"), json!("q")]);
        let statement = Statement::read("select $2::text", &positional, Dialect::Postgres, false).expect("a query");
        assert_eq!((statement.sql.as_str(), &statement.values[..]), ("select $1::text", &[json!("q")][..]));
    }

    #[test]
    fn strings_names_and_comments_stay_as_they_are() {
        for (sql, dialect) in [
            (r#"select ':a; it''s' as ":b", 1 -- :a;"#, Dialect::Postgres),
            ("select $$:a;$$, $t$ $1; $$ $t$, E'\\';:a', x::text /* ; /* :a */ ; */", Dialect::Postgres),
            ("select '\\';:a', \"\\\";:b\", `;:a` # :a;", Dialect::MySql),
            ("select [;:a], `;:a`, ';', '\\' -- x", Dialect::Sqlite),
            ("select data ? 'k', ARRAY[1,2][1:2] from t;  -- done\n", Dialect::Postgres),
        ] {
            let (text, values) = read(sql, dialect).expect(sql);
            assert_eq!((text.as_str(), values.len()), (sql, 0));
        }
    }

    #[test]
    fn a_query_is_one_statement_of_a_kind_that_is_allowed() {
        for sql in ["select 1; select 2", "select 1; drop table t", "select 1;;", "select 1; /* */ delete from t"] {
            let error = read(sql, Dialect::Postgres).expect_err(sql);
            assert!(error.to_string().contains("more than one statement"), "{error}");
        }
        for sql in ["delete from t", "/* */ (insert into t values (1))", "DROP TABLE t", "create table t (a int)"] {
            let error = read(sql, Dialect::Sqlite).expect_err(sql);
            assert!(matches!(error, Error::Refused(_)) && error.to_string().contains("allow_writes"), "{error}");
        }
        let none = named(json!({}));
        for sql in [
            "commit",
            "set role admin",
            "attach 'x' as y",
            "pragma query_only = 0",
            "copy t to program 'id'",
            "do $$ $$",
        ] {
            assert!(matches!(Statement::read(sql, &none, Dialect::Postgres, true), Err(Error::Refused(_))), "{sql}");
        }
        assert!(Statement::read("insert into t values (1)", &none, Dialect::MySql, true).is_ok_and(|s| !s.reads));
        for sql in ["select 1 into outfile '/tmp/x'", "select 1 INTO DumpFile 'x'", "select 1 /*! into outfile 'x' */"]
        {
            assert!(matches!(read(sql, Dialect::MySql), Err(Error::Refused(_))), "{sql}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (sql, dialect, told) in [
            ("select :c", Dialect::Postgres, ":c"),
            ("select $1", Dialect::Postgres, "$1"),
            ("select ?", Dialect::MySql, "$1, $2"),
            ("select {{ input.a }}", Dialect::Sqlite, "no expressions"),
            ("select 'a", Dialect::Postgres, "within quotes"),
            ("select 1 /* a", Dialect::MySql, "within a comment"),
            (" -- nothing", Dialect::Postgres, "empty"),
        ] {
            let error = read(sql, dialect).expect_err(sql);
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
