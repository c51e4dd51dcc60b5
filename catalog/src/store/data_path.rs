//! Paths in the log: owns the way from the text of an `add` action or a deletion vector to an
//! object below the table's directory, and the refusal of every other. Opens nothing.

use object_store::path::Path;
use percent_encoding::percent_decode_str;
use url::Url;

use super::Location;
use crate::error::CatalogError;

const OUTSIDE: &str = "it lies outside the table's directory";

/// The object that the log's `raw` path names. Relative paths count from the table's directory;
/// absolute ones are taken when they lie inside it. Percent encoding is undone exactly once.
pub(crate) fn resolve(location: &Location, raw: &str) -> Result<Path, CatalogError> {
    let refuse = |reason| CatalogError::RefusedPath { path: crate::error::redact(raw), reason };
    if has_scheme(raw) {
        return resolve_url(location, raw).map_err(refuse);
    }
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| refuse("it is not valid UTF-8"))?;
    if let Some(absolute) = decoded.strip_prefix('/') {
        if location.root.scheme() != "file" {
            return Err(refuse(OUTSIDE));
        }
        check_segments(absolute).map_err(refuse)?;
        return inside(location, absolute).map_err(refuse);
    }
    check_segments(&decoded).map_err(refuse)?;
    inside(location, &format!("{}/{decoded}", location.prefix)).map_err(refuse)
}

fn resolve_url(location: &Location, raw: &str) -> Result<Path, &'static str> {
    let url = Url::parse(raw).map_err(|_| "it is not a valid URL")?;
    let root = &location.root;
    let same_store = url.scheme() == root.scheme()
        && url.host_str().unwrap_or_default() == root.host_str().unwrap_or_default()
        && url.username() == root.username()
        && url.port() == root.port();
    if !same_store || url.password().is_some() {
        return Err(OUTSIDE);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    let decoded = percent_decode_str(url.path()).decode_utf8().map_err(|_| "it is not valid UTF-8")?;
    let path = decoded.trim_start_matches('/');
    check_segments(path)?;
    inside(location, path)
}

fn check_segments(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("it is empty");
    }
    for segment in path.split('/') {
        match segment {
            "" => return Err("it has an empty segment"),
            "." | ".." => return Err("it has a relative segment"),
            _ => {}
        }
        if segment.contains(|c: char| c.is_ascii_control() || c == '\\') {
            return Err("it has a control character or a backslash");
        }
    }
    Ok(())
}

fn inside(location: &Location, path: &str) -> Result<Path, &'static str> {
    let path = Path::parse(path).map_err(|_| "it is not a valid object path")?;
    if path.prefix_matches(&location.prefix) && path != location.prefix { Ok(path) } else { Err(OUTSIDE) }
}

/// Whether the log's `raw` path does not count from the table's directory.
pub(crate) fn is_absolute(raw: &str) -> bool {
    has_scheme(raw) || percent_decode_str(raw).next() == Some(b'/')
}

/// Whether the text starts with a URL scheme, as RFC 3986 defines one.
fn has_scheme(raw: &str) -> bool {
    raw.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path as FilePath;

    use super::resolve;
    use crate::store::{Location, Stores};

    fn location() -> Location {
        Stores::new().resolve("/lake/my table", FilePath::new("/")).unwrap()
    }

    #[test]
    fn paths_inside_the_table_resolve_with_one_decoding() {
        for (raw, path) in [
            ("part-1.parquet", "lake/my table/part-1.parquet"),
            ("d=2024-01-01/a%20b.parquet", "lake/my table/d=2024-01-01/a b.parquet"),
            ("s=a%252Fb/x.parquet", "lake/my table/s=a%2Fb/x.parquet"),
            ("t=10:30/x.parquet", "lake/my table/t=10:30/x.parquet"),
            ("..x/y.parquet", "lake/my table/..x/y.parquet"),
            ("file:///lake/my%20table/x.parquet", "lake/my table/x.parquet"),
            ("file:/lake/my%20table/x.parquet", "lake/my table/x.parquet"),
            ("/lake/my%20table/x.parquet", "lake/my table/x.parquet"),
            ("%252e%252e/x", "lake/my table/%2e%2e/x"),
        ] {
            assert_eq!(resolve(&location(), raw).unwrap().as_ref(), path, "{raw}");
        }
    }

    #[test]
    fn paths_in_a_bucket_resolve_below_the_table_only() {
        let open = |location| Stores::new().resolve(location, FilePath::new("/")).unwrap();
        let (table, bucket) = (open("abfss://box@me.dfs.core.windows.net/t"), open("s3://lake"));
        for (location, raw, path) in [
            (&table, "a.parquet", "t/a.parquet"),
            (&table, "abfss://box@me.dfs.core.windows.net/t/a.parquet", "t/a.parquet"),
            (&bucket, "d=1/a.parquet", "d=1/a.parquet"),
            (&bucket, "s3://lake/a.parquet", "a.parquet"),
        ] {
            assert_eq!(resolve(location, raw).unwrap().as_ref(), path, "{raw}");
        }
        for (location, raw) in [
            (&table, "abfss://other@me.dfs.core.windows.net/t/a.parquet"),
            (&table, "abfss://box@you.dfs.core.windows.net/t/a.parquet"),
            (&table, "abfss://box@me.dfs.core.windows.net/u/a.parquet"),
            (&table, "/t/a.parquet"),
            (&bucket, "s3://other/a.parquet"),
            (&bucket, "s3://key:secret@lake/a.parquet"),
            (&bucket, "file:///a.parquet"),
            (&bucket, "/etc/passwd"),
            (&bucket, "../other/a.parquet"),
        ] {
            assert!(resolve(location, raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn paths_that_leave_the_table_are_refused() {
        for raw in [
            "",
            "/",
            ".",
            "..",
            "../x",
            "a/../../x",
            "a/../x",
            "%2e%2e/x",
            "%2E%2e%2Fx",
            "..%2f..%2fetc/passwd",
            "a%2F..%2F..%2Fx",
            "..\\x",
            "a//b",
            "/etc/passwd",
            "%2Fetc%2Fpasswd",
            "/lake/my tables/x",
            "/lake/my table",
            "/lake/my table/../x",
            "file:///etc/passwd",
            "file:///lake/my%20table/../other/x",
            "file:///lake/my%20table/%2e%2e/x",
            "file:///lake/my%20table/..%2fx",
            "file://host/lake/my%20table/x",
            "https://evil.example/x?sp=1&X-Amz-Signature=2",
            "s3://bucket/lake/my%20table/x",
            "FILE:///etc/passwd",
            "a\0b",
            "a%00b",
            "%ff",
        ] {
            assert!(resolve(&location(), raw).is_err(), "{raw}");
        }
    }
}
