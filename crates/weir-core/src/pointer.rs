//! JSON pointers (RFC 6901) to places in a document.

/// The place `key` below `base`, escaped.
pub(crate) fn join(base: &str, key: &str) -> String {
    if key.contains(['~', '/']) {
        format!("{base}/{}", key.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{base}/{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped() {
        assert_eq!(join("/nodes/0", "a/b~c"), "/nodes/0/a~1b~0c");
    }
}
