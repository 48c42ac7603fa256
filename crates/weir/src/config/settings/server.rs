//! How the server is reached, and how often.

use super::{Kind, Setting, at_least_one, given, list, network};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "host",
        also: &["HOST"],
        default: "127.0.0.1",
        kind: Kind::Text,
        secret: false,
        meaning: "The address `weir serve` listens on; `0.0.0.0` or `[::]` for every network.",
        put: |config, text| {
            config.host = given(text)?.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "port",
        also: &["PORT"],
        default: "8080",
        kind: Kind::Number,
        secret: false,
        meaning: "The port `weir serve` listens on; 0 takes any that is free.",
        put: |config, text| {
            config.port = text.parse().map_err(|_| "expected a port, 0 to 65535".to_owned())?;
            Ok(())
        },
    },
    Setting {
        key: "public_url",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: false,
        meaning: "How people reach this server from outside, such as `https://weir.example.com`: it stands in mails, \
                  in addresses of webhooks and in the sign-in with other providers. Without it, the address that is \
                  listened on.",
        put: |config, text| {
            config.public_url = match text {
                "" => None,
                text => {
                    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
                    Some(url.ok_or_else(|| "expected a URL such as https://weir.example.com".to_owned())?)
                }
            };
            Ok(())
        },
    },
    Setting {
        key: "trusted_proxies",
        also: &[],
        default: "",
        kind: Kind::List,
        secret: false,
        meaning: "Addresses and networks of the proxies in front of this server, such as `10.0.0.0/8`: only from \
                  them `X-Forwarded-For` is believed.",
        put: |config, text| {
            let entries = list(text).map(network);
            config.trusted_proxies = entries.collect::<Result<_, _>>()?;
            Ok(())
        },
    },
    Setting {
        key: "cors_origins",
        also: &[],
        default: "",
        kind: Kind::List,
        secret: false,
        meaning: "Origins of other web pages that may use the API, such as `https://intranet.example.com`. None \
                  without it.",
        put: |config, text| {
            for origin in list(text) {
                let url = url::Url::parse(origin).map_err(|_| format!("{origin:?} is no origin"))?;
                if url.origin().ascii_serialization() != origin {
                    return Err(format!("{origin:?} is no origin: write scheme, host and port only"));
                }
            }
            config.cors_origins = list(text).map(str::to_owned).collect();
            Ok(())
        },
    },
    Setting {
        key: "registration",
        also: &[],
        default: "invited",
        kind: Kind::Text,
        secret: false,
        meaning: "Who may make an account: `invited` people, or anybody (`open`), with a workspace of their own.",
        put: |config, text| {
            config.open_registration = match text {
                "invited" => false,
                "open" => true,
                _ => return Err("expected invited or open".to_owned()),
            };
            Ok(())
        },
    },
    Setting {
        key: "limits.user_per_minute",
        also: &[],
        default: "300",
        kind: Kind::Number,
        secret: false,
        meaning: "Requests a minute of a user, and of each API key.",
        put: |config, text| {
            config.limits.user_per_minute = at_least_one(text)?;
            Ok(())
        },
    },
    Setting {
        key: "limits.address_per_minute",
        also: &[],
        default: "60",
        kind: Kind::Number,
        secret: false,
        meaning: "Requests a minute of an address, without a sign-in.",
        put: |config, text| {
            config.limits.address_per_minute = at_least_one(text)?;
            Ok(())
        },
    },
    Setting {
        key: "limits.logins_per_minute",
        also: &[],
        default: "10",
        kind: Kind::Number,
        secret: false,
        meaning: "Attempts to sign in, a minute and address.",
        put: |config, text| {
            config.limits.logins_per_minute = at_least_one(text)?;
            Ok(())
        },
    },
    Setting {
        key: "limits.hooks_per_minute",
        also: &[],
        default: "600",
        kind: Kind::Number,
        secret: false,
        meaning: "Requests a minute at one webhook or form.",
        put: |config, text| {
            config.limits.hooks_per_minute = at_least_one(text)?;
            Ok(())
        },
    },
];
