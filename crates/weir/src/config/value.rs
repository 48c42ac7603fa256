//! A setting's value with the place it came from.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use super::settings::Setting;

/// A setting's value with the place it came from.
#[derive(Debug, Clone)]
pub(crate) struct Valued {
    pub(crate) setting: &'static Setting,
    pub(crate) text: String,
    pub(crate) source: Source,
}

impl Valued {
    /// The value as people may see it: passwords in URLs are masked.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        if !self.setting.secret || self.text == self.setting.default {
            return Cow::Borrowed(&self.text);
        }
        let Ok(mut url) = url::Url::parse(&self.text) else { return Cow::Borrowed("***") };
        let mut masked = false;
        if url.password().is_some() {
            // A URL that has a password can take another one.
            masked = url.set_password(Some("***")).is_ok();
        }
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if pairs.iter().any(|(name, _)| is_secret(name)) {
            masked = true;
            url.query_pairs_mut().clear().extend_pairs(
                pairs.iter().map(|(name, value)| (name, if is_secret(name) { "***" } else { value.as_str() })),
            );
        }
        if masked { Cow::Owned(url.to_string()) } else { Cow::Borrowed(&self.text) }
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "secret", "token", "key"].iter().any(|word| name.contains(word))
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Variable(String),
    /// The variable names a file that holds the value.
    FileOf {
        variable: String,
        path: PathBuf,
    },
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => name.fmt(f),
            Self::FileOf { variable, path } => write!(f, "{variable}={}", path.display()),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::settings;
    use super::*;

    fn shown(text: &str) -> String {
        let setting = settings().find(|setting| setting.secret).expect("a secret setting");
        Valued { setting, text: text.to_owned(), source: Source::Default }.shown().into_owned()
    }

    #[test]
    fn passwords_are_masked_and_the_rest_is_shown() {
        assert_eq!(shown("sqlite:./weir-data/weir.db"), "sqlite:./weir-data/weir.db");
        assert_eq!(shown("postgres://weir@db/weir"), "postgres://weir@db/weir");
        assert_eq!(shown("postgres://weir:geheim@db/weir"), "postgres://weir:***@db/weir");
        assert_eq!(shown("postgres://db/weir?user=a&password=geheim"), "postgres://db/weir?user=a&password=***");
        assert_eq!(shown("no url, perhaps a password"), "***");
    }
}
