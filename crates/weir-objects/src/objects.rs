//! The handle others hold.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, WriteMultipart};
use sha2::{Digest, Sha256};
use weir_base::Timestamp;

use crate::{Error, connect, key};

/// Parts of a stream that are on their way while the next is read; each has 5 MiB, the least S3 takes.
const PARTS: usize = 2;

/// Objects copied at the same time.
const COPIES: usize = 8;

/// A store of objects, cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was stored.
    pub modified: Timestamp,
}

/// What was seen of a stream while it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its bytes.
    pub size: u64,
    /// The SHA-256 of its content.
    pub sha256: [u8; 32],
}

impl Objects {
    /// Opens `file:PATH` (the folder is made if it is not there) or `s3://BUCKET/PREFIX`, with region, endpoint and
    /// credentials from the `AWS_*` variables.
    ///
    /// # Errors
    /// [`Error::Url`] for another URL, [`Error::Unavailable`] if the folder cannot be made. Whether a bucket can be
    /// reached shows with the first request.
    pub fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self { store: connect::connect(url)? })
    }

    /// Stores an object, in place of the one that is there. When this answers, it is durable.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn put(&self, key: &str, content: Bytes) -> Result<(), Error> {
        let failed = |error| Error::from_store(&error, key);
        self.store.put(&key::parse(key)?, content.into()).await.map(drop).map_err(failed)
    }

    /// Stores an object from a stream of at most `limit` bytes, with a few MiB of memory whatever its size. When this
    /// answers, it is durable; otherwise nothing is stored.
    ///
    /// # Errors
    /// [`Error::TooLarge`] once the stream is longer than `limit`, [`Error::Source`] if it fails,
    /// [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn put_stream(
        &self,
        key: &str,
        stream: impl Stream<Item = io::Result<Bytes>> + Send,
        limit: u64,
    ) -> Result<Received, Error> {
        let path = key::parse(key)?;
        let failed = |error| Error::from_store(&error, key);
        let mut upload = WriteMultipart::new(self.store.put_multipart(&path).await.map_err(failed)?);
        match receive(key, stream, limit, &mut upload).await {
            // S3 knows no upload without parts.
            Ok(received) if received.size == 0 => {
                upload.abort().await.map_err(failed)?;
                self.put(key, Bytes::new()).await?;
                Ok(received)
            }
            Ok(received) => {
                upload.finish().await.map_err(failed)?;
                Ok(received)
            }
            Err(error) => {
                upload.abort().await.map_err(failed)?;
                Err(error)
            }
        }
    }

    /// Reads a whole object of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooLarge`] (before anything is read), [`Error::InvalidKey`],
    /// [`Error::Unavailable`].
    pub async fn get(&self, key: &str, limit: u64) -> Result<Bytes, Error> {
        let failed = |error| Error::from_store(&error, key);
        let found = self.store.get(&key::parse(key)?).await.map_err(failed)?;
        if found.meta.size > limit {
            return Err(Error::TooLarge { key: key.to_owned(), limit });
        }
        found.bytes().await.map_err(failed)
    }

    /// Reads an object in pieces; what is known of it comes first.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn get_stream(&self, key: &str) -> Result<(Object, BoxStream<'static, Result<Bytes, Error>>), Error> {
        let found = self.store.get(&key::parse(key)?).await.map_err(|error| Error::from_store(&error, key))?;
        let (object, key) = (Object::from_meta(&found.meta), key.to_owned());
        let pieces = found.into_stream().map_err(move |error| Error::from_store(&error, &key));
        Ok((object, pieces.boxed()))
    }

    /// What is known of an object, or nothing if there is none under this key.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn head(&self, key: &str) -> Result<Option<Object>, Error> {
        match self.store.head(&key::parse(key)?).await {
            Ok(meta) => Ok(Some(Object::from_meta(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::from_store(&error, key)),
        }
    }

    /// The objects below a prefix of whole names (`a/b` for `a/b/c`, not for `a/bc`), in no order; all of them for an
    /// empty prefix.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] at once, [`Error::Unavailable`] within the stream.
    pub fn list(&self, prefix: &str) -> Result<BoxStream<'static, Result<Object, Error>>, Error> {
        let found = self.below(prefix)?;
        Ok(found.map_ok(|meta| Object::from_meta(&meta)).boxed())
    }

    /// Deletes an object; that there is none is no error.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        match self.store.delete(&key::parse(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::from_store(&error, key)),
        }
    }

    /// Deletes the objects below a prefix, which must not be empty. When it fails, some may be gone.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn delete_prefix(&self, prefix: &str) -> Result<(), Error> {
        let below = key::parse(prefix.strip_suffix('/').unwrap_or(prefix))?;
        let paths = self.store.list(Some(&below)).map_ok(|meta| meta.location).boxed();
        let mut deleted = self.store.delete_stream(paths);
        while let Some(result) = deleted.next().await {
            match result {
                // Somebody else deleted it in between.
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::from_store(&error, prefix)),
            }
        }
        Ok(())
    }

    /// Copies the objects below one prefix to the same names below another; answers how many. When it fails, some may
    /// be copied.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::Unavailable`].
    pub async fn copy_prefix(&self, from: &str, to: &str) -> Result<u64, Error> {
        let (source, target) = (key::parse_prefix(from)?, key::parse_prefix(to)?);
        // Listed to the end first: a copy must not find what it makes itself when one prefix is below the other.
        let found: Vec<ObjectMeta> = self.below(from)?.try_collect().await?;
        let copies = found.into_iter().map(|meta| {
            let copy: Path = target.parts().chain(meta.location.prefix_match(&source).into_iter().flatten()).collect();
            async move {
                let failed = |error| Error::from_store(&error, meta.location.as_ref());
                self.store.copy(&meta.location, &copy).await.map_err(failed)
            }
        });
        let mut copies = futures::stream::iter(copies).buffer_unordered(COPIES);
        let mut count = 0;
        while copies.try_next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn below(&self, prefix: &str) -> Result<BoxStream<'static, Result<ObjectMeta, Error>>, Error> {
        let (path, prefix) = (key::parse_prefix(prefix)?, prefix.to_owned());
        let found = self.store.list(Some(&path));
        Ok(found.map_err(move |error| Error::from_store(&error, &prefix)).boxed())
    }
}

impl Object {
    fn from_meta(meta: &ObjectMeta) -> Self {
        Self { key: meta.location.to_string(), size: meta.size, modified: meta.last_modified }
    }
}

/// Moves the stream into the upload, counting.
async fn receive(
    key: &str,
    stream: impl Stream<Item = io::Result<Bytes>> + Send,
    limit: u64,
    upload: &mut WriteMultipart,
) -> Result<Received, Error> {
    let mut stream = std::pin::pin!(stream);
    let (mut size, mut digest) = (0, Sha256::new());
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Error::Source { key: key.to_owned(), message: error.to_string() })?;
        size += piece.len() as u64;
        if size > limit {
            return Err(Error::TooLarge { key: key.to_owned(), limit });
        }
        digest.update(&piece);
        upload.wait_for_capacity(PARTS).await.map_err(|error| Error::from_store(&error, key))?;
        upload.put(piece);
    }
    Ok(Received { size, sha256: digest.finalize().into() })
}
