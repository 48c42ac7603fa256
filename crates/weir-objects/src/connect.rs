//! Where the objects are.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;

use crate::{Error, key};

/// The store behind `file:PATH` or `s3://BUCKET/PREFIX`.
pub(crate) fn connect(url: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    if let Some(path) = url.strip_prefix("file:") {
        local(path.strip_prefix("//").unwrap_or(path))
    } else if let Some(place) = url.strip_prefix("s3://") {
        s3(place)
    } else {
        Err(Error::Url { reason: "expected file:PATH or s3://BUCKET/PREFIX".to_owned() })
    }
}

fn local(path: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    std::fs::create_dir_all(path).map_err(|error| Error::Unavailable { message: format!("{path}: {error}") })?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|error| Error::from_store(&error, path))?;
    Ok(Arc::new(store.with_fsync(true).with_automatic_cleanup(true)))
}

/// Region, endpoint and credentials come from the `AWS_*` variables, as for other S3 clients.
fn s3(place: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() {
        return Err(Error::Url { reason: "the name of the bucket is missing".to_owned() });
    }
    let prefix = key::parse_prefix(prefix)?;
    // Only fails if the process chose its provider before, and then that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .build()
        .map_err(|error| Error::Url { reason: error.to_string() })?;
    Ok(if prefix == object_store::path::Path::default() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_may_come_with_a_prefix() {
        assert!(connect("s3://bucket").unwrap().to_string().contains("bucket"));
        let shown = connect("s3://bucket/weir/objects/").unwrap().to_string();
        assert!(shown.contains("weir/objects"), "{shown}");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["", "s3://", "s3:///prefix", "ftp://host/path", "/tmp"] {
            assert!(matches!(connect(url).unwrap_err(), Error::Url { .. }), "{url}");
        }
        assert!(matches!(connect("s3://bucket/../x").unwrap_err(), Error::InvalidKey { .. }));
    }
}
