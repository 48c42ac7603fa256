//! Refresh tokens: good once, and a trap for whoever stole one.

use weir_identity::{Denial, Error};

use crate::support::{ADMIN, client, settled};

const DAY: u64 = 24 * 60 * 60;

fn denial(error: &Error) -> Denial {
    match error {
        Error::Unauthenticated(denial) => *denial,
        error => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_session() {
    for world in settled().await {
        let first = world.login(ADMIN).await;
        world.pass(60);
        let second = world.identity.refresh(&first.refresh_token, &client()).await.unwrap();
        assert_eq!(second.session, first.session);
        assert_ne!(second.refresh_token, first.refresh_token);
        world.who(&second).await;
        let reuse = world.identity.refresh(&first.refresh_token, &client()).await.unwrap_err();
        assert_eq!(denial(&reuse), Denial::Reused, "{}", world.name);
        for token in [&first.access_token, &second.access_token] {
            let ended = world.identity.authenticate(token, None, None).await.unwrap_err();
            assert_eq!(denial(&ended), Denial::Revoked);
        }
        let late = world.identity.refresh(&second.refresh_token, &client()).await.unwrap_err();
        assert_eq!(denial(&late), Denial::Revoked);
        assert!(world.told().await.contains(&"RefreshTokenReused".to_owned()));
        let unknown = world.identity.refresh("no such token", &client()).await.unwrap_err();
        assert_eq!(denial(&unknown), Denial::Forged);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_race_with_one_token_one_wins_and_the_session_ends() {
    for world in settled().await {
        for _ in 0..10 {
            let tokens = world.login(ADMIN).await;
            let other = world.another().await;
            let (here, there) = (client(), client());
            let (one, two) = tokio::join!(
                world.identity.refresh(&tokens.refresh_token, &here),
                other.refresh(&tokens.refresh_token, &there),
            );
            let (won, lost) = match (one, two) {
                (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
                both => panic!("{}: {both:?}", world.name),
            };
            assert_eq!(denial(&lost), Denial::Reused);
            let late = world.identity.refresh(&won.refresh_token, &client()).await.unwrap_err();
            assert_eq!(denial(&late), Denial::Revoked);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_idle_for_a_week_and_after_a_month_in_any_case() {
    for world in settled().await {
        let idle = world.login(ADMIN).await;
        let mut used = world.login(ADMIN).await;
        world.pass(7 * DAY);
        let late = world.identity.refresh(&idle.refresh_token, &client()).await.unwrap_err();
        assert_eq!(denial(&late), Denial::Expired, "{}", world.name);
        let late = world.identity.refresh(&used.refresh_token, &client()).await.unwrap_err();
        assert_eq!(denial(&late), Denial::Expired);

        used = world.login(ADMIN).await;
        for _ in 0..5 {
            world.pass(6 * DAY - 60);
            used = world.identity.refresh(&used.refresh_token, &client()).await.unwrap();
        }
        assert_eq!(used.expires_in.as_secs(), 300, "an access token does not outlive its session");
        world.pass(300);
        let over = world.identity.refresh(&used.refresh_token, &client()).await.unwrap_err();
        assert_eq!(denial(&over), Denial::Expired);
        let over = world.identity.authenticate(&used.access_token, None, None).await.unwrap_err();
        assert_eq!(denial(&over), Denial::Expired);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_purged() {
    for world in settled().await {
        world.login(ADMIN).await;
        world.pass(70 * DAY);
        let kept = world.login(ADMIN).await;
        assert!(world.identity.purge(world.now()).await.unwrap() >= 1);
        let rows = world.db.query("SELECT id FROM sessions", vec![]).await.unwrap();
        assert_eq!(rows.len(), 1, "{}", world.name);
        let rows = world.db.query("SELECT hash FROM refresh_tokens", vec![]).await.unwrap();
        assert_eq!(rows.len(), 1, "{}", world.name);
        world.who(&kept).await;
    }
}
