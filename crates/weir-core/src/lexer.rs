//! Splits JavaScript text into tokens, as far as needed to find where an expression ends and which names it uses.
//!
//! It reads any text without failing: what is not JavaScript comes out as punctuation, and the engine says what is
//! wrong with it. Telling a regular expression from a division takes the token before it, as every lexer without a
//! parser does.

/// One token with its place in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// Where it starts, in bytes.
    pub start: usize,
}

impl Token<'_> {
    /// Where it ends, in bytes.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this punctuation.
    pub fn is(&self, punctuation: &str) -> bool {
        self.kind == Kind::Punctuation && self.text == punctuation
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword.
    Name,
    /// A number.
    Number,
    /// A string in single or double quotes.
    Text,
    /// A regular expression with its flags.
    Regex,
    /// The text of a template literal up to its end or the next `${`, or from a `}` on.
    Template,
    /// A single character, or one of `?.`, `=>`, `...`, `++`, `--`.
    Punctuation,
    /// `// ...` up to the end of the line.
    LineComment,
    /// `/* ... */`.
    BlockComment,
    /// A string, template literal or comment without an end; the last token.
    Unterminated,
}

/// An iterator over the tokens of a text.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// The open braces; `true` for one that began with `${`.
    braces: Vec<bool>,
    /// Whether the token before was a value, so that `/` divides.
    after_value: bool,
}

impl<'a> Lexer<'a> {
    /// Starts at a byte offset of the source, which must be at a character's border.
    pub fn new(source: &'a str, at: usize) -> Self {
        Self { source, at, braces: Vec::new(), after_value: false }
    }

    /// How many braces are open after the tokens read so far.
    pub fn depth(&self) -> usize {
        self.braces.len()
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, kind: Kind, length: usize) -> Token<'a> {
        let start = self.at;
        let text = self.rest().get(..length).unwrap_or(self.rest());
        self.at += text.len();
        match kind {
            Kind::LineComment | Kind::BlockComment => {}
            Kind::Name => self.after_value = !PREFIX_WORDS.contains(&text),
            Kind::Punctuation => {
                // `a++ / 2` divides: an increment leaves it as it was before.
                self.after_value = matches!(text, ")" | "]" | "}") || (matches!(text, "++" | "--") && self.after_value);
            }
            Kind::Template => self.after_value = !text.ends_with("${"),
            Kind::Number | Kind::Text | Kind::Regex | Kind::Unterminated => self.after_value = true,
        }
        Token { kind, text, start }
    }

    /// A template literal's text; the first character (`` ` `` or `}`) is already known.
    fn template(&mut self) -> Token<'a> {
        let rest = self.rest().as_bytes();
        let mut i = 1;
        while let Some(&byte) = rest.get(i) {
            match byte {
                b'\\' => i += 2,
                b'`' => return self.take(Kind::Template, i + 1),
                b'$' if rest.get(i + 1) == Some(&b'{') => {
                    self.braces.push(true);
                    return self.take(Kind::Template, i + 2);
                }
                _ => i += 1,
            }
        }
        self.take(Kind::Unterminated, rest.len())
    }

    fn text(&mut self, quote: u8) -> Token<'a> {
        let rest = self.rest().as_bytes();
        let mut i = 1;
        while let Some(&byte) = rest.get(i) {
            match byte {
                b'\\' => i += 2,
                b'\n' => break,
                _ if byte == quote => return self.take(Kind::Text, i + 1),
                _ => i += 1,
            }
        }
        self.take(Kind::Unterminated, rest.len())
    }

    /// The length of the regular expression that starts here; `None` when it does not end on this line.
    fn regex(&self) -> Option<usize> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let (mut i, mut in_class) = (1, false);
        loop {
            match *bytes.get(i)? {
                b'\\' => i += 2,
                b'\n' => return None,
                b'/' if !in_class => break,
                byte => {
                    in_class = byte == b'[' || (in_class && byte != b']');
                    i += 1;
                }
            }
        }
        let flags = rest.get(i + 1..)?;
        Some(i + 1 + flags.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(flags.len()))
    }

    fn number(&self) -> usize {
        let bytes = self.rest().as_bytes();
        let hex = bytes.first() == Some(&b'0') && matches!(bytes.get(1), Some(b'x' | b'X' | b'b' | b'B' | b'o' | b'O'));
        let (mut i, mut dot) = (0, hex);
        while let Some(&byte) = bytes.get(i) {
            match byte {
                b'.' if !dot => dot = true,
                b'+' | b'-' if !hex && i > 0 && matches!(bytes.get(i - 1), Some(b'e' | b'E')) => {}
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' => {}
                _ => break,
            }
            i += 1;
        }
        i
    }

    fn slash(&mut self) -> Token<'a> {
        let rest = self.rest();
        if rest.starts_with("//") {
            let end = rest.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(rest.len());
            return self.take(Kind::LineComment, end);
        }
        if rest.starts_with("/*") {
            return match rest.get(2..).and_then(|body| body.find("*/")) {
                Some(end) => self.take(Kind::BlockComment, end + 4),
                None => self.take(Kind::Unterminated, rest.len()),
            };
        }
        match self.regex() {
            Some(length) if !self.after_value => self.take(Kind::Regex, length),
            _ => self.take(Kind::Punctuation, 1),
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_space).len();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let second = rest.as_bytes().get(1).copied();
        Some(match first {
            '"' => self.text(b'"'),
            '\'' => self.text(b'\''),
            '`' => self.template(),
            '/' => self.slash(),
            '{' => {
                self.braces.push(false);
                self.take(Kind::Punctuation, 1)
            }
            '}' => match self.braces.pop() {
                Some(true) => self.template(),
                _ => self.take(Kind::Punctuation, 1),
            },
            '0'..='9' => self.take(Kind::Number, self.number()),
            '.' if second.is_some_and(|byte| byte.is_ascii_digit()) => self.take(Kind::Number, self.number()),
            '?' if second == Some(b'.') && !rest.as_bytes().get(2).is_some_and(u8::is_ascii_digit) => {
                self.take(Kind::Punctuation, 2)
            }
            '=' if second == Some(b'>') => self.take(Kind::Punctuation, 2),
            '.' if rest.starts_with("...") => self.take(Kind::Punctuation, 3),
            '+' | '-' if second == Some(first as u8) => self.take(Kind::Punctuation, 2),
            _ if is_name(first) => self.take(Kind::Name, rest.find(|c| !is_name(c)).unwrap_or(rest.len())),
            _ => self.take(Kind::Punctuation, first.len_utf8()),
        })
    }
}

/// Words after which a `/` begins a regular expression.
const PREFIX_WORDS: [&str; 14] = [
    "return",
    "typeof",
    "in",
    "of",
    "instanceof",
    "new",
    "delete",
    "void",
    "throw",
    "case",
    "do",
    "else",
    "await",
    "yield",
];

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

/// Backslashes belong to names: `\u0061` may spell a letter of one.
fn is_name(c: char) -> bool {
    c == '_' || c == '$' || c == '\\' || c.is_alphanumeric() || matches!(c, '\u{200c}' | '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<(Kind, &str)> {
        Lexer::new(source, 0).map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn a_slash_divides_after_a_value_and_begins_a_regex_elsewhere() {
        assert_eq!(
            kinds(r#"a / b + /["}]/g.test(c)"#),
            [
                (Kind::Name, "a"),
                (Kind::Punctuation, "/"),
                (Kind::Name, "b"),
                (Kind::Punctuation, "+"),
                (Kind::Regex, r#"/["}]/g"#),
                (Kind::Punctuation, "."),
                (Kind::Name, "test"),
                (Kind::Punctuation, "("),
                (Kind::Name, "c"),
                (Kind::Punctuation, ")"),
            ]
        );
    }

    #[test]
    fn template_literals_nest() {
        assert_eq!(
            kinds("`a${ {b: `}${c}`} }d`"),
            [
                (Kind::Template, "`a${"),
                (Kind::Punctuation, "{"),
                (Kind::Name, "b"),
                (Kind::Punctuation, ":"),
                (Kind::Template, "`}${"),
                (Kind::Name, "c"),
                (Kind::Template, "}`"),
                (Kind::Punctuation, "}"),
                (Kind::Template, "}d`"),
            ]
        );
    }

    #[test]
    fn numbers_keep_their_dots_and_leave_those_of_members() {
        assert_eq!(
            kinds("1.5e-3.x 1..y a?.5:.5"),
            [
                (Kind::Number, "1.5e-3"),
                (Kind::Punctuation, "."),
                (Kind::Name, "x"),
                (Kind::Number, "1."),
                (Kind::Punctuation, "."),
                (Kind::Name, "y"),
                (Kind::Name, "a"),
                (Kind::Punctuation, "?"),
                (Kind::Number, ".5"),
                (Kind::Punctuation, ":"),
                (Kind::Number, ".5"),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_covered_in_order_without_a_panic(source in "[\"'`${}/\\\\.*+\\n a-c0-9é\u{2028}?=-]{0,60}") {
            let mut end = 0;
            for token in Lexer::new(&source, 0) {
                proptest::prop_assert!(token.start >= end && !token.text.is_empty());
                proptest::prop_assert_eq!(source.get(token.start..token.end()), Some(token.text));
                end = token.end();
            }
            proptest::prop_assert!(source[end..].chars().all(is_space));
        }
    }
}
