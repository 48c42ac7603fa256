//! Password hashes: Argon2id, away from the threads that serve requests, and never more at a time than there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::{Error, PasswordCost};

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Hashing {
    params: Params,
    turns: Arc<Semaphore>,
    /// Verified in the place of a hash that is not there, so that its absence takes the same time.
    dummy: String,
    computed: AtomicU64,
}

/// What came of comparing a password with a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is the password.
    pub(crate) fits: bool,
    /// The hash was made at another cost than is configured now.
    pub(crate) outdated: bool,
}

impl Hashing {
    /// Computes one hash, which takes as long as it will.
    pub(crate) fn new(cost: PasswordCost) -> Result<Self, Error> {
        let params = Params::new(cost.memory_kib, cost.iterations, cost.lanes, None)
            .map_err(|error| failed("reading the cost of passwords", &error))?;
        let dummy = hash(params.clone(), "a password that nobody has")?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self { params, turns: Arc::new(Semaphore::new(cores)), dummy, computed: AtomicU64::new(0) })
    }

    /// So many hashes were computed since the start.
    pub(crate) fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    pub(crate) async fn hash(&self, password: &str) -> Result<String, Error> {
        let (params, password) = (self.params.clone(), password.to_owned());
        self.in_turn(move || hash(params, &password)).await
    }

    /// Compares with the hash, or, where there is none, does the same work for nothing.
    pub(crate) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, Error> {
        let exists = stored.is_some();
        let (stored, password) = (stored.unwrap_or(&self.dummy).to_owned(), password.to_owned());
        let params = self.params.clone();
        self.in_turn(move || {
            let stored =
                PasswordHash::new(&stored).map_err(|error| failed("reading the hash of a password", &error))?;
            let fits = match argon(params.clone()).verify_password(password.as_bytes(), &stored) {
                Ok(()) => exists,
                Err(argon2::password_hash::Error::PasswordInvalid) => false,
                Err(error) => return Err(failed("checking a password", &error)),
            };
            let made_with =
                Params::try_from(&stored).map_err(|error| failed("reading the cost of a password", &error))?;
            let outdated = (made_with.m_cost(), made_with.t_cost(), made_with.p_cost())
                != (params.m_cost(), params.t_cost(), params.p_cost());
            Ok(Verdict { fits, outdated })
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Stopping)?;
        self.computed.fetch_add(1, Ordering::Relaxed);
        let work = move || {
            // Held until the work is done, even if nobody waits for it any more.
            let _turn = turn;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopping),
        }
    }
}

fn argon(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(params: Params, password: &str) -> Result<String, Error> {
    let salt: [u8; 16] = rand::random();
    let hash: PasswordHash = argon(params)
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map_err(|error| failed("hashing a password", &error))?;
    Ok(hash.to_string())
}

fn failed(what: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::Crypto { what, message: error.to_string() }
}
