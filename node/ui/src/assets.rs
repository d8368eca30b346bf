//! Style sheets, scripts and the icon, embedded and served under the hash of
//! their content: cached for a year, never stale, no build step.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

struct Asset {
    name: &'static str,
    mime: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 5] = [
    Asset {
        name: "chaski.css",
        mime: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/chaski.css"),
    },
    Asset {
        name: "demo.css",
        mime: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/demo.css"),
    },
    Asset {
        name: "print.css",
        mime: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/print.css"),
    },
    Asset {
        name: "chaski.js",
        mime: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/chaski.js"),
    },
    Asset {
        name: "icon.svg",
        mime: "image/svg+xml",
        bytes: include_bytes!("../assets/icon.svg"),
    },
];

/// Where each asset of this build is found.
#[derive(Clone, Debug)]
pub(crate) struct AssetUrls {
    pub(crate) css: String,
    pub(crate) demo_css: String,
    pub(crate) print_css: String,
    pub(crate) js: String,
    pub(crate) icon: String,
}

static URLS: LazyLock<AssetUrls> = LazyLock::new(|| AssetUrls {
    css: url_of("chaski.css"),
    demo_css: url_of("demo.css"),
    print_css: url_of("print.css"),
    js: url_of("chaski.js"),
    icon: url_of("icon.svg"),
});

pub(crate) fn urls() -> &'static AssetUrls {
    &URLS
}

fn tag(bytes: &[u8]) -> String {
    const TAG_HEX: usize = 12;
    blake3::hash(bytes).to_hex().chars().take(TAG_HEX).collect()
}

fn url_of(name: &str) -> String {
    let tag = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .map(|asset| tag(asset.bytes))
        .unwrap_or_default();
    format!("/assets/{tag}/{name}")
}

/// `GET /assets/{tag}/{name}`
pub(crate) async fn asset(Path((wanted, name)): Path<(String, String)>) -> Response {
    match ASSETS
        .iter()
        .find(|asset| asset.name == name && tag(asset.bytes) == wanted)
    {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.mime),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ],
            asset.bytes,
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /favicon.ico`
pub(crate) async fn favicon() -> Response {
    let bytes: &[u8] = include_bytes!("../assets/icon.svg");
    (
        [
            (header::CONTENT_TYPE, "image/svg+xml"),
            (header::CACHE_CONTROL, "public, max-age=86400"),
        ],
        bytes,
    )
        .into_response()
}
