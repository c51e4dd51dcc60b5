//! The page for analysts in a browser: owns GraphiQL's files, the HTML around them, how long both are kept and what they
//! may reach. Knows no caller and no table; the page asks the door as any client does, with the token that its reader
//! pastes.

use std::borrow::Cow;
use std::io::Read;
use std::sync::{LazyLock, OnceLock};

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::protocol::http::media::takes_gzip;

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
    kept: &'static str,
    here: Bytes,
    /// What a file that lies here compressed is for those who do not take it so, once one of them has come.
    inflated: OnceLock<Bytes>,
}

/// The bytes of a file in one coding.
struct Bytes {
    coding: Option<&'static str>,
    tag: String,
    bytes: Cow<'static, [u8]>,
}

impl Bytes {
    fn new(coding: Option<&'static str>, bytes: Cow<'static, [u8]>) -> Self {
        let tag = format!("\"{:x}\"", Sha256::digest(&bytes));
        Self { coding, tag, bytes }
    }
}

impl File {
    /// One of ours, which changes under its name: asked for each time.
    fn ours(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let here = Bytes::new(None, bytes.into());
        Self { name, media_type, kept: "no-cache", here, inflated: OnceLock::new() }
    }

    /// One of others, compressed as it lies here, whose name has its version.
    fn vendored(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let here = Bytes::new(Some("gzip"), bytes.into());
        Self { name, media_type, kept: "max-age=86400, immutable", here, inflated: OnceLock::new() }
    }

    fn answer(&'static self, request: &HeaderMap) -> Response {
        let Bytes { coding, tag, bytes } = self.bytes_for(request);
        let headers = [(ETAG, tag.as_str()), (CACHE_CONTROL, self.kept), (CONTENT_SECURITY_POLICY, POLICY)];
        if is_held(tag, request) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let body = Body::from(&**bytes);
        let mut answer = (headers, [(CONTENT_TYPE, self.media_type)], body).into_response();
        if let Some(coding) = coding {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        answer
    }

    /// The file in a coding that the caller takes.
    fn bytes_for(&self, request: &HeaderMap) -> &Bytes {
        if self.here.coding.is_none() || takes_gzip(request) {
            return &self.here;
        }
        self.inflated.get_or_init(|| {
            let mut bytes = Vec::new();
            // Compressed when this was built, which is tested: this cannot fail.
            let _ = GzDecoder::new(&*self.here.bytes).read_to_end(&mut bytes);
            Bytes::new(None, bytes.into())
        })
    }
}

/// Whether the caller has the bytes of that tag.
fn is_held(tag: &str, request: &HeaderMap) -> bool {
    let tags = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|held| held == "*" || held.strip_prefix("W/").unwrap_or(held) == tag)
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

    use axum::http::header::ACCEPT_ENCODING;

    use super::*;

    const README: &str = include_str!("assets/README.md");

    fn text(file: &File) -> &str {
        std::str::from_utf8(&file.here.bytes).unwrap()
    }

    fn taking(codings: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, codings.parse().unwrap())])
    }

    fn asking_again(tags: &str) -> StatusCode {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tags.parse().unwrap());
        let answer = page(&headers);
        assert_eq!(answer.headers()[ETAG], PAGE.here.tag.as_str());
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
            let answer = asset(name, &taking("gzip, br")).expect(name);
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
        assert_eq!(asking_again(&PAGE.here.tag), StatusCode::NOT_MODIFIED);
        assert_eq!(asking_again(&format!("\"other\", W/{}", PAGE.here.tag)), StatusCode::NOT_MODIFIED);
        assert_eq!(asking_again("*"), StatusCode::NOT_MODIFIED);
        assert_eq!(asking_again("\"other\""), StatusCode::OK);
    }

    #[test]
    fn whoever_takes_no_gzip_gets_the_file_itself() {
        for file in ASSETS.iter().filter(|file| file.here.coding.is_some()) {
            let plain = file.bytes_for(&HeaderMap::new());
            assert!(plain.coding.is_none() && plain.tag != file.here.tag, "{}", file.name);
            let tail = &file.here.bytes[file.here.bytes.len() - 4..];
            let length = u32::from_le_bytes(tail.try_into().unwrap());
            assert_eq!(plain.bytes.len(), length as usize, "{}", file.name);
            let answer = file.answer(&taking("br, gzip;q=0"));
            assert!(answer.headers().get(CONTENT_ENCODING).is_none(), "{}", file.name);
            assert_eq!(answer.headers()[ETAG], plain.tag.as_str());
            // The tag of the one is not that of the other.
            let mut again = taking("gzip");
            again.insert(IF_NONE_MATCH, plain.tag.parse().unwrap());
            assert_eq!(file.answer(&again).status(), StatusCode::OK, "{}", file.name);
            again.remove(ACCEPT_ENCODING);
            assert_eq!(file.answer(&again).status(), StatusCode::NOT_MODIFIED, "{}", file.name);
        }
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
        for file in ASSETS.iter().filter(|file| file.here.coding.is_some()) {
            let row = README.lines().find(|line| line.contains(&format!("`{}.gz`", file.name)));
            assert!(row.expect(file.name).contains(file.here.tag.trim_matches('"')), "{}", file.name);
        }
    }
}
