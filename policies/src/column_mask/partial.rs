//! The partial mask: owns which part of a string stays. Counts characters, not bytes, and never
//! tells how long the hidden part is.

use std::fmt::Write;

const FILLER: &str = "****";
/// At least this many characters stay hidden, however many are kept.
const HIDDEN_CHARS_MIN: usize = 4;
const DOMAIN_BYTES_MAX: usize = 253;

/// Which part of a string stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartialMask {
    /// The first and last characters. A value of which less would be hidden than shown, or fewer
    /// than four characters, is hidden whole.
    Ends {
        /// Characters kept at the start.
        first: usize,
        /// Characters kept at the end.
        last: usize,
    },
    /// The domain of an e-mail address. What does not look like an address is hidden whole.
    EmailDomain,
}

impl PartialMask {
    /// The mask in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Ends { first, last: 0 } => format!("first {first} characters, the rest hidden"),
            Self::Ends { first: 0, last } => format!("last {last} characters, the rest hidden"),
            Self::Ends { first, last } => {
                format!("first {first} and last {last} characters, the rest hidden")
            }
            Self::EmailDomain => "domain of the e-mail address, the rest hidden".to_string(),
        }
    }

    /// Writes what stays of one value.
    pub(super) fn write(&self, value: &str, out: &mut String) {
        match self {
            Self::Ends { first, last } => write_ends(value, *first, *last, out),
            Self::EmailDomain => {
                out.push_str(FILLER);
                if let Some(domain) = email_domain(value) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "@{domain}");
                }
            }
        }
    }
}

fn write_ends(value: &str, first: usize, last: usize, out: &mut String) {
    let shown = first.saturating_add(last);
    let length = value.chars().count();
    let hidden = length.saturating_sub(shown);
    if hidden < shown.max(HIDDEN_CHARS_MIN) {
        out.push_str(FILLER);
        return;
    }
    out.extend(value.chars().take(first));
    out.push_str(FILLER);
    out.extend(value.chars().skip(length - last));
}

fn email_domain(value: &str) -> Option<&str> {
    let (local, domain) = value.rsplit_once('@')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let fine = !local.is_empty()
        && !local.contains(char::is_whitespace)
        && domain.len() <= DOMAIN_BYTES_MAX
        && domain.bytes().all(plain)
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty());
    fine.then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(mask: &PartialMask, value: &str) -> String {
        let mut out = String::new();
        mask.write(value, &mut out);
        out
    }

    #[test]
    fn ends_keep_what_is_asked_of_long_values_only() {
        let last4 = PartialMask::Ends { first: 0, last: 4 };
        assert_eq!(masked(&last4, "25-989-741-2988"), "****2988");
        assert_eq!(masked(&last4, "12345678"), "****5678");
        assert_eq!(masked(&last4, "1234567"), "****");
        assert_eq!(masked(&last4, "2988"), "****");
        assert_eq!(masked(&last4, ""), "****");
        let both = PartialMask::Ends { first: 1, last: 1 };
        assert_eq!(masked(&both, "abcdef"), "a****f");
        assert_eq!(masked(&both, "abcde"), "****");
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let mask = PartialMask::Ends { first: 2, last: 1 };
        assert_eq!(masked(&mask, "äöüßéè🦀"), "äö****🦀");
    }

    #[test]
    fn email_keeps_the_domain_of_addresses_only() {
        let mask = PartialMask::EmailDomain;
        assert_eq!(masked(&mask, "ann.lee@example.org"), "****@example.org");
        assert_eq!(masked(&mask, "\"a@b\"@example.org"), "****@example.org");
        for other in ["no address", "@example.org", "a@secret words.x", "a@localhost", "a@", "a@x..y", ""] {
            assert_eq!(masked(&mask, other), "****", "{other}");
        }
    }

    #[test]
    fn huge_counts_hide_everything() {
        let mask = PartialMask::Ends { first: usize::MAX, last: usize::MAX };
        assert_eq!(masked(&mask, "whatever"), "****");
    }
}
