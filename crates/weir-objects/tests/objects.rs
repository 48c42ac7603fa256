//! Objects in a local folder, as their users see them.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io;
use std::path::Path;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use weir_base::ErrorKind;
use weir_objects::{Error, Objects};

fn objects() -> (TempDir, Objects) {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::connect(&format!("file:{}", folder.path().join("objects").display())).unwrap();
    (folder, objects)
}

async fn keys(objects: &Objects, prefix: &str) -> Vec<String> {
    let mut keys: Vec<_> = objects.list(prefix).unwrap().map_ok(|object| object.key).try_collect().await.unwrap();
    keys.sort();
    keys
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn an_object_is_read_as_it_was_stored() {
    let (_folder, objects) = objects();
    objects.put("a/b.json", Bytes::from_static(b"one")).await.unwrap();
    objects.put("a/b.json", Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(objects.get("a/b.json", 6).await.unwrap(), "second");

    let (object, pieces) = objects.get_stream("a/b.json").await.unwrap();
    assert_eq!((object.key.as_str(), object.size), ("a/b.json", 6));
    let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"second");
    assert_eq!(objects.head("a/b.json").await.unwrap(), Some(object));
}

#[tokio::test]
async fn objects_survive_opening_again() {
    let (folder, objects) = objects();
    objects.put("a", Bytes::from_static(b"kept")).await.unwrap();
    drop(objects);
    let again = Objects::connect(&format!("file://{}", folder.path().join("objects").display())).unwrap();
    assert_eq!(again.get("a", 100).await.unwrap(), "kept");
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let (_folder, objects) = objects();
    let missing = Error::NotFound { key: "a/b".to_owned() };
    assert_eq!(objects.get("a/b", 1).await.unwrap_err(), missing);
    assert_eq!(objects.get_stream("a/b").await.err().unwrap(), missing);
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(objects.head("a/b").await.unwrap(), None);
    objects.delete("a/b").await.unwrap();
    objects.delete_prefix("a").await.unwrap();
    assert!(keys(&objects, "a").await.is_empty());
}

#[tokio::test]
async fn an_object_larger_than_the_limit_is_not_read() {
    let (_folder, objects) = objects();
    objects.put("a", Bytes::from_static(b"four")).await.unwrap();
    assert_eq!(objects.get("a", 3).await.unwrap_err(), Error::TooLarge { key: "a".to_owned(), limit: 3 });
}

#[tokio::test]
async fn a_stream_is_stored_and_measured() {
    let (_folder, objects) = objects();
    // More than two parts, in pieces that do not divide them.
    let pieces: Vec<Bytes> = (0..150_u8).map(|n| Bytes::from(vec![n; 77_777])).collect();
    let whole = pieces.concat();
    let received = objects.put_stream("big", stream::iter(pieces).map(Ok), 1 << 30).await.unwrap();
    assert_eq!(received.size, whole.len() as u64);
    assert_eq!(received.sha256[..], Sha256::digest(&whole)[..]);
    assert_eq!(objects.get("big", 1 << 30).await.unwrap(), whole);

    let empty = objects.put_stream("empty", stream::empty(), 10).await.unwrap();
    assert_eq!(empty.size, 0);
    assert!(objects.get("empty", 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stream_that_is_too_long_or_fails_leaves_nothing() {
    let (folder, objects) = objects();
    let piece = || Ok(Bytes::from(vec![1; 3_000_000]));
    let endless = stream::repeat_with(piece);
    let error = objects.put_stream("a", endless, 20_000_000).await.unwrap_err();
    assert_eq!(error, Error::TooLarge { key: "a".to_owned(), limit: 20_000_000 });

    let broken = stream::iter([piece(), Err(io::Error::other("the client went away"))]);
    let error = objects.put_stream("a", broken, 20_000_000).await.unwrap_err();
    assert!(matches!(&error, Error::Source { message, .. } if message == "the client went away"), "{error}");
    assert_eq!(objects.head("a").await.unwrap(), None);
    assert_eq!(files_below(folder.path()), 0);
}

#[tokio::test]
async fn prefixes_are_whole_names() {
    let (folder, objects) = objects();
    for key in ["a/b/1", "a/b/2/x", "a/bc/3", "d"] {
        objects.put(key, Bytes::copy_from_slice(key.as_bytes())).await.unwrap();
    }
    assert_eq!(keys(&objects, "a/b").await, ["a/b/1", "a/b/2/x"]);
    assert_eq!(keys(&objects, "a/b/").await, ["a/b/1", "a/b/2/x"]);
    assert_eq!(keys(&objects, "").await, ["a/b/1", "a/b/2/x", "a/bc/3", "d"]);

    assert_eq!(objects.copy_prefix("a/b", "copy/of").await.unwrap(), 2);
    assert_eq!(objects.get("copy/of/2/x", 100).await.unwrap(), "a/b/2/x");
    // Writing over the copy leaves the original.
    objects.put("copy/of/2/x", Bytes::from_static(b"new")).await.unwrap();
    assert_eq!(objects.get("a/b/2/x", 100).await.unwrap(), "a/b/2/x");

    objects.delete_prefix("a/b").await.unwrap();
    assert_eq!(keys(&objects, "").await, ["a/bc/3", "copy/of/1", "copy/of/2/x", "d"]);
    assert!(!folder.path().join("objects/a/b").exists(), "empty folders go as well");
}

#[tokio::test]
async fn keys_that_lead_elsewhere_are_refused_everywhere() {
    let (_folder, objects) = objects();
    let kind = |error: Error| error.kind();
    for key in ["../a", "/a", "a/../../b", "", "a\0"] {
        assert_eq!(objects.put(key, Bytes::new()).await.map_err(kind), Err(ErrorKind::Invalid));
        assert_eq!(objects.get(key, 1).await.map_err(kind), Err(ErrorKind::Invalid));
        assert_eq!(objects.head(key).await.map_err(kind), Err(ErrorKind::Invalid));
        assert_eq!(objects.delete(key).await.map_err(kind), Err(ErrorKind::Invalid));
        assert_eq!(objects.delete_prefix(key).await.map_err(kind), Err(ErrorKind::Invalid));
    }
    assert!(objects.list("../a").is_err());
    assert!(objects.copy_prefix("../a", "b").await.is_err());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = Objects::connect(&format!("file:{}/file/objects", folder.path().display())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("file/objects"), "{error}");
}
