//! How people get in.

use super::{Kind, Setting};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "admin.email",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: false,
        meaning: "The e-mail address of the first admin, who is made at the first start.",
        put: |config, text| {
            config.admin.email = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
            Ok(())
        },
    },
    Setting {
        key: "admin.password",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: true,
        meaning: "The password of the first admin. Without it, one is made up and printed once; it must be changed \
                  at the first sign-in.",
        put: |config, text| {
            config.admin.password = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
            Ok(())
        },
    },
    Setting {
        key: "smtp.url",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: true,
        meaning: "The server that mail is sent through, such as `smtp://USER:PASSWORD@mail.example.com:587` or \
                  `smtps://...`. Without it, Weir sends no mail, and shows the links that would have been in it to \
                  whoever asked for them.",
        put: |config, text| {
            config.smtp_url = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
            Ok(())
        },
    },
    Setting {
        key: "smtp.from",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: false,
        meaning: "The sender of that mail, such as `Weir <weir@example.com>`.",
        put: |config, text| {
            config.smtp_from = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
            Ok(())
        },
    },
    Setting {
        key: "oidc.issuer",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: false,
        meaning: "The OpenID Connect provider that people can sign in with, by the URL of its issuer.",
        put: |config, text| {
            config.oidc.issuer = Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
            Ok(())
        },
    },
    Setting {
        key: "oidc.client_id",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: false,
        meaning: "How Weir is called there.",
        put: |config, text| {
            config.oidc.client_id = text.to_owned();
            Ok(())
        },
    },
    Setting {
        key: "oidc.client_secret",
        also: &[],
        default: "",
        kind: Kind::Text,
        secret: true,
        meaning: "The secret it was given there.",
        put: |config, text| {
            config.oidc.client_secret = text.to_owned();
            Ok(())
        },
    },
];
