//! Which keys there are.

use object_store::path::Path;

use crate::Error;

/// S3's limit on a key.
const KEY_BYTES: usize = 1024;

/// The limit of the usual file systems on a name, less what a name in the making is given in addition.
const NAME_BYTES: usize = 200;

/// A key: names with `/` between them, each of which a file system and S3 take as it is.
pub(crate) fn parse(key: &str) -> Result<Path, Error> {
    let invalid = |reason| Err(Error::InvalidKey { key: key.chars().take(64).collect(), reason });
    if key.len() > KEY_BYTES {
        return invalid("it has more than 1024 bytes");
    }
    for name in key.split('/') {
        match name {
            "" => return invalid("an empty name stands between slashes, or at an end"),
            "." | ".." => return invalid("it holds a relative name"),
            _ if name.len() > NAME_BYTES => return invalid("a name has more than 200 bytes"),
            _ => {}
        }
    }
    if key.chars().any(char::is_control) {
        return invalid("it holds a control character");
    }
    // A backslash parts names on other systems, `#` marks files in the making, `%` begins an escape.
    if key.contains(['\\', '#', '%']) {
        return invalid("it holds one of \\ # %");
    }
    Path::parse(key).or_else(|_| invalid("the store does not take it"))
}

/// A prefix of whole names: `a/b` stands for `a/b/c`, never for `a/bc`. Nothing stands for all keys.
pub(crate) fn parse_prefix(prefix: &str) -> Result<Path, Error> {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() { Ok(Path::default()) } else { parse(prefix) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_keys_are_taken_as_they_are() {
        for key in ["a", "executions/0189/blobs/1", "grüße an alle.txt", "a b/c+d=e", "...", "a~b"] {
            assert_eq!(parse(key).unwrap().as_ref(), key);
        }
    }

    #[test]
    fn keys_that_could_lead_elsewhere_are_refused() {
        let long = "x".repeat(201);
        for key in
            ["", "/", "/etc/passwd", "a/", "a//b", "..", "a/../b", "./a", "a\0b", "a\nb", "a\\b", "a#1", "%2e", &long]
        {
            let error = parse(key).unwrap_err();
            assert!(matches!(error, Error::InvalidKey { .. }), "{key:?}: {error}");
        }
        assert!(parse(&"x/".repeat(600)).is_err());
    }

    #[test]
    fn a_prefix_may_be_empty_or_end_in_a_slash() {
        assert_eq!(parse_prefix("").unwrap(), Path::default());
        assert_eq!(parse_prefix("a/b/").unwrap().as_ref(), "a/b");
        assert!(parse_prefix("../a").is_err());
    }
}
