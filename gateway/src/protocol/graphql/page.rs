//! The page for analysts in a browser: owns GraphiQL's files, the HTML around them, how long both are kept and what they
//! may reach. Knows no caller and no table; the page asks the door as any client does, with the token that its reader
//! pastes.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Nothing but this door, and nobody's frame. GraphiQL writes styles into the page as it runs, and brings its fonts inside
/// its own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// A file as it is served.
struct File {
    name: &'static str,
    media_type: &'static str,
    coding: Option<&'static str>,
    kept: &'static str,
    tag: String,
    bytes: &'static [u8],
}

impl File {
    /// One of ours, which changes under its name: asked for each time.
    fn ours(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        Self { name, media_type, coding: None, kept: "no-cache", tag: tag(bytes), bytes }
    }

    /// One of others, compressed as it lies here, whose name has its version.
    fn vendored(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let kept = "max-age=86400, immutable";
        Self { name, media_type, coding: Some("gzip"), kept, tag: tag(bytes), bytes }
    }

    fn answer(&self, request: &HeaderMap) -> Response {
        let headers =
            [(ETAG, self.tag.as_str()), (CACHE_CONTROL, self.kept), (CONTENT_SECURITY_POLICY, POLICY)];
        if self.is_held(request) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let mut answer = (headers, [(CONTENT_TYPE, self.media_type)], Body::from(self.bytes)).into_response();
        if let Some(coding) = self.coding {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        answer
    }

    /// Whether the caller has these very bytes.
    fn is_held(&self, request: &HeaderMap) -> bool {
        let tags = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        tags.flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag)
    }
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{:x}\"", Sha256::digest(bytes))
}

static PAGE: LazyLock<File> =
    LazyLock::new(|| File::ours("page.html", HTML, include_bytes!("assets/page.html")));

static ASSETS: LazyLock<[File; 5]> = LazyLock::new(|| {
    [
        File::ours("boot.js", SCRIPT, include_bytes!("assets/boot.js")),
        File::vendored("graphiql-3.9.0.min.css", STYLE, include_bytes!("assets/graphiql-3.9.0.min.css.gz")),
        File::vendored("graphiql-3.9.0.min.js", SCRIPT, include_bytes!("assets/graphiql-3.9.0.min.js.gz")),
        File::vendored(
            "react-18.3.1.production.min.js",
            SCRIPT,
            include_bytes!("assets/react-18.3.1.production.min.js.gz"),
        ),
        File::vendored(
            "react-dom-18.3.1.production.min.js",
            SCRIPT,
            include_bytes!("assets/react-dom-18.3.1.production.min.js.gz"),
        ),
    ]
});

/// The page.
pub(super) fn page(request: &HeaderMap) -> Response {
    PAGE.answer(request)
}

/// A file that the page loads; `None` where there is none of that name.
pub(super) fn asset(name: &str, request: &HeaderMap) -> Option<Response> {
    ASSETS.iter().find(|file| file.name == name).map(|file| file.answer(request))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;

    use super::*;

    const README: &str = include_str!("assets/README.md");

    fn text(file: &File) -> &'static str {
        std::str::from_utf8(file.bytes).unwrap()
    }

    fn asking_again(tags: &str) -> StatusCode {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tags.parse().unwrap());
        let answer = page(&headers);
        assert_eq!(answer.headers()[ETAG], PAGE.tag.as_str());
        answer.status()
    }

    #[test]
    fn the_page_loads_every_asset_and_nothing_else() {
        let loaded: BTreeSet<&str> = text(&PAGE)
            .split('"')
            .filter(|part| part.contains('/') && !part.contains(' '))
            .filter_map(|part| part.strip_prefix("graphql/assets/"))
            .collect();
        assert_eq!(loaded, ASSETS.iter().map(|file| file.name).collect());
        for name in loaded {
            let answer = asset(name, &HeaderMap::new()).expect(name);
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.headers().get(CONTENT_ENCODING).is_some(), name != "boot.js", "{name}");
        }
        for name in ["", "page.html", "README.md", "boot.js.gz", "../page.rs"] {
            assert!(asset(name, &HeaderMap::new()).is_none(), "{name}");
        }
    }

    #[test]
    fn our_own_files_name_no_other_place() {
        for file in [&*PAGE, &ASSETS[0]] {
            assert!(!text(file).contains("//") || file.name == "boot.js", "{}", file.name);
            assert!(!text(file).contains("://"), "{}", file.name);
        }
    }

    #[test]
    fn whoever_has_the_page_gets_no_second_copy() {
        assert_eq!(page(&HeaderMap::new()).status(), StatusCode::OK);
        assert_eq!(asking_again(&PAGE.tag), StatusCode::NOT_MODIFIED);
        assert_eq!(asking_again(&format!("\"other\", W/{}", PAGE.tag)), StatusCode::NOT_MODIFIED);
        assert_eq!(asking_again("*"), StatusCode::NOT_MODIFIED);
        assert_eq!(asking_again("\"other\""), StatusCode::OK);
    }

    #[test]
    fn the_page_reaches_this_door_alone() {
        let answer = page(&HeaderMap::new());
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
        for directive in policy.split("; ") {
            let sources: Vec<&str> = directive.split(' ').skip(1).collect();
            let allowed = ["'none'", "'self'", "data:", "'unsafe-inline'"];
            assert!(sources.iter().all(|source| allowed.contains(source)), "{directive}");
            assert!(!directive.starts_with("script-src") || sources == ["'self'"], "{directive}");
        }
    }

    #[test]
    fn the_vendored_files_are_those_of_the_readme() {
        for file in ASSETS.iter().filter(|file| file.coding.is_some()) {
            let row = README.lines().find(|line| line.contains(&format!("`{}.gz`", file.name)));
            assert!(row.expect(file.name).contains(file.tag.trim_matches('"')), "{}", file.name);
        }
    }
}
