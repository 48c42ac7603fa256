//! Access tokens that were not issued here, or not for here, or not for now.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use weir_db::args;
use weir_identity::{Denial, Error};

use crate::support::{ADMIN, World, settled};

/// Whoever knows a signing key can make tokens; only right ones are taken all the same.
struct Forger {
    kid: String,
    secret: Vec<u8>,
    claims: Value,
}

impl Forger {
    async fn new(world: &World) -> Self {
        let rows = world.db.query("SELECT kid, secret FROM signing_keys", args![]).await.unwrap();
        let kid: String = rows[0].get(0).unwrap();
        let sealed: String = rows[0].get(1).unwrap();
        let secret = world.keyring.open(&sealed, &format!("signing_key/{kid}")).unwrap().to_vec();
        assert_eq!(secret.len(), 32);
        let tokens = world.login(ADMIN).await;
        let claims = URL_SAFE_NO_PAD.decode(tokens.access_token.split('.').nth(1).unwrap()).unwrap();
        Self { kid, secret, claims: serde_json::from_slice(&claims).unwrap() }
    }

    fn header(&self) -> Header {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.kid.clone());
        header
    }

    fn sign(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(&self.secret)).unwrap()
    }

    fn with(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        self.sign(&self.header(), &claims)
    }
}

async fn denial(world: &World, token: &str) -> Denial {
    match world.identity.authenticate(token, None, None).await {
        Err(Error::Unauthenticated(denial)) => denial,
        other => panic!("{}: {token}: {other:?}", world.name),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_issued_here_for_here_and_for_now_is_taken() {
    for world in settled().await {
        let forger = Forger::new(&world).await;
        let good = forger.with(|_| {});
        world.identity.authenticate(&good, None, None).await.unwrap();
        let now = world.now().timestamp();

        for (what, expected, token) in [
            ("another audience", Denial::Forged, forger.with(|claims| claims["aud"] = json!("other"))),
            ("no audience", Denial::Forged, forger.with(|claims| claims["aud"] = Value::Null)),
            ("another issuer", Denial::Forged, forger.with(|claims| claims["iss"] = json!("https://evil.example"))),
            ("expired", Denial::Expired, forger.with(|claims| claims["exp"] = json!(now - 1))),
            ("expired just now", Denial::Expired, forger.with(|claims| claims["exp"] = json!(now))),
            ("without an end", Denial::Forged, forger.with(|claims| _ = claims.as_object_mut().unwrap().remove("exp"))),
            ("from the future", Denial::NotYetValid, forger.with(|claims| claims["nbf"] = json!(now + 60))),
            ("of another session", Denial::Revoked, forger.with(|claims| claims["sid"] = json!(uuid::Uuid::now_v7()))),
            ("of another user", Denial::Forged, forger.with(|claims| claims["sub"] = json!(uuid::Uuid::now_v7()))),
        ] {
            assert_eq!(denial(&world, &token).await, expected, "{} {what}", world.name);
        }

        let mut id_token = forger.header();
        id_token.typ = Some("JWT".to_owned());
        assert_eq!(denial(&world, &forger.sign(&id_token, &forger.claims)).await, Denial::Forged);
        let mut unknown = forger.header();
        unknown.kid = Some("unknown".to_owned());
        assert_eq!(denial(&world, &forger.sign(&unknown, &forger.claims)).await, Denial::Forged);
        let mut nameless = forger.header();
        nameless.kid = None;
        assert_eq!(denial(&world, &forger.sign(&nameless, &forger.claims)).await, Denial::Forged);
        let mut stronger = forger.header();
        stronger.alg = Algorithm::HS512;
        assert_eq!(denial(&world, &forger.sign(&stronger, &forger.claims)).await, Denial::Forged);
        let stranger = Forger { secret: vec![7; 32], ..forger };
        assert_eq!(denial(&world, &stranger.with(|_| {})).await, Denial::Forged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tampered_tokens_and_other_algorithms_are_refused() {
    for world in settled().await {
        let good = world.login(ADMIN).await.access_token;
        let parts: Vec<&str> = good.split('.').collect();
        let header = |alg: &str| {
            let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
            header["alg"] = json!(alg);
            URL_SAFE_NO_PAD.encode(header.to_string())
        };
        for none in ["none", "None", "NONE", ""] {
            let unsigned = format!("{}.{}.", header(none), parts[1]);
            assert_eq!(denial(&world, &unsigned).await, Denial::Malformed);
            let signed = format!("{}.{}.{}", header(none), parts[1], parts[2]);
            assert_eq!(denial(&world, &signed).await, Denial::Malformed);
        }
        for alg in ["RS256", "PS256", "ES256", "EdDSA", "HS384"] {
            let confused = format!("{}.{}.{}", header(alg), parts[1], parts[2]);
            assert_eq!(denial(&world, &confused).await, Denial::Forged, "{} {alg}", world.name);
        }
        let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        claims["exp"] = json!(world.now().timestamp() + 100_000);
        let longer = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()), parts[2]);
        assert_eq!(denial(&world, &longer).await, Denial::Forged);
        let unsigned = format!("{}.{}.", parts[0], parts[1]);
        assert_eq!(denial(&world, &unsigned).await, Denial::Forged);
        for garbage in ["", ".", "..", "a.b.c", "Bearer", &good[..good.len() / 2], &"x".repeat(10_000)] {
            let denial = denial(&world, garbage).await;
            assert!(matches!(denial, Denial::Malformed | Denial::Forged), "{garbage}: {denial}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_replaced_each_month_and_old_tokens_stay_good_in_every_process() {
    for world in settled().await {
        let other = world.another().await;
        assert!(!world.identity.rotate_signing_keys().await.unwrap());
        let tokens = world.login(ADMIN).await;
        world.pass(6 * 24 * 60 * 60);
        let mut tokens = world.identity.refresh(&tokens.refresh_token, &Default::default()).await.unwrap();
        for _ in 0..4 {
            world.pass(6 * 24 * 60 * 60 - 120);
            tokens = world.identity.refresh(&tokens.refresh_token, &Default::default()).await.unwrap();
        }
        let before = world.login(ADMIN).await.access_token;
        world.pass(15 * 60 - 1);
        assert!(world.identity.rotate_signing_keys().await.unwrap(), "{}", world.name);
        let after = world.login(ADMIN).await.access_token;
        let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        assert_ne!(kid(&before), kid(&after));
        for identity in [&world.identity, &other] {
            identity.authenticate(&before, None, None).await.unwrap();
            identity.authenticate(&after, None, None).await.unwrap();
        }
        world.pass(60 * 24 * 60 * 60);
        world.identity.rotate_signing_keys().await.unwrap();
        world.identity.purge(world.now()).await.unwrap();
        let rows = world.db.query("SELECT kid FROM signing_keys", args![]).await.unwrap();
        assert_eq!(rows.len(), 1);
    }
}
