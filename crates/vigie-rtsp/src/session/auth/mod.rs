//! Authentication (RFC 2326 appendix D): Basic (RFC 7617) and Digest (RFC 7616, and RFC 2617 and 2069 before it).
//!
//! Decides which challenge is answered and how. Never decides whether a request is repeated. Chance comes in as a seed.

use std::fmt;

use base16ct::lower::encode_string;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512_256};
use zeroize::Zeroizing;

use super::end::plain;
use super::limits::{CHALLENGE_PARAMETERS_MAX, CHALLENGES_MAX};
use super::message::Method;

/// A password. Does not print, and is wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text as the camera knows it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Who to be at the camera.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name, decoded.
    pub user: String,
    pub password: Password,
}

/// One challenge of a `WWW-Authenticate` header.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512256,
}

/// Quality of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Qop {
    /// RFC 2069.
    None,
    Auth,
    AuthInt,
}

#[derive(Debug)]
enum Scheme {
    Basic,
    Digest(Digest),
}

#[derive(Debug)]
struct Digest {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As the camera wrote it.
    algorithm: Option<String>,
    hash: Hash,
    /// `-sess`: the key is bound to the nonces.
    is_session: bool,
    qop: Qop,
    hides_user: bool,
    cnonce: String,
    /// Requests answered with this nonce.
    count: u32,
}

/// Answers one challenge, for as many requests as the camera lets it.
#[derive(Debug)]
pub(crate) struct Authenticator {
    scheme: Scheme,
    /// The camera says that the nonce before was too old, and did not judge the password.
    pub(crate) is_stale: bool,
    /// A request with it succeeded, or was for another connection: a refusal says nothing about the password.
    pub(crate) may_be_outworn: bool,
}

impl Authenticator {
    /// Chooses among the challenges of a 401: the first Digest that is supported, as the camera's order is its
    /// preference (RFC 7616 section 3.7), and Basic, which shows the password to anyone between, only without one.
    ///
    /// # Errors
    /// The name of what is not supported, plain characters alone; empty when nothing is named.
    pub(crate) fn choose<'h>(
        headers: impl Iterator<Item = &'h str>,
        cnonce: String,
    ) -> Result<Self, String> {
        let challenges: Vec<_> = headers.flat_map(challenges).take(CHALLENGES_MAX).collect();
        let is = |challenge: &&Challenge, name| challenge.scheme.eq_ignore_ascii_case(name);
        let mut unsupported = None;
        for challenge in challenges.iter().filter(|challenge| is(challenge, "digest")) {
            match Digest::from(challenge, cnonce.clone()) {
                Ok(digest) => {
                    let is_stale = challenge
                        .get("stale")
                        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
                    let scheme = Scheme::Digest(digest);
                    return Ok(Self { scheme, is_stale, may_be_outworn: false });
                }
                Err(name) => unsupported = unsupported.or(Some(name)),
            }
        }
        if challenges.iter().any(|challenge| is(&challenge, "basic")) {
            return Ok(Self { scheme: Scheme::Basic, is_stale: false, may_be_outworn: false });
        }
        let first = challenges.first().map(|challenge| plain(&challenge.scheme));
        Err(unsupported.or(first).unwrap_or_default())
    }

    /// Whether it answers the same challenge as `other`: then credentials that were refused will be again.
    pub(crate) fn has_nonce_of(&self, other: &Self) -> bool {
        match (&self.scheme, &other.scheme) {
            (Scheme::Digest(own), Scheme::Digest(theirs)) => own.nonce == theirs.nonce,
            (Scheme::Basic, Scheme::Basic) => true,
            _ => false,
        }
    }

    /// The value of `Authorization` for a request without a body.
    pub(crate) fn authorization(&mut self, login: &Login, method: Method, uri: &str) -> String {
        match &mut self.scheme {
            Scheme::Basic => {
                let pair = Zeroizing::new(format!("{}:{}", login.user, &*login.password.0));
                format!("Basic {}", BASE64.encode(pair.as_bytes()))
            }
            Scheme::Digest(digest) => digest.authorization(login, method, uri),
        }
    }
}

impl Digest {
    fn from(challenge: &Challenge, cnonce: String) -> Result<Self, String> {
        let algorithm = challenge.get("algorithm").filter(|name| !name.is_empty());
        let name = algorithm.unwrap_or("MD5").to_ascii_uppercase();
        let (base, is_session) = match name.strip_suffix("-SESS") {
            Some(base) => (base, true),
            None => (name.as_str(), false),
        };
        let hash = match base {
            "MD5" => Hash::Md5,
            // Without the hyphen, as some firmware writes it.
            "SHA-256" | "SHA256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512256,
            _ => return Err(plain(&format!("Digest-{name}"))),
        };
        let options = challenge.get("qop").unwrap_or_default();
        let offers = |wanted: &str| {
            let mut words = options.split([',', ' ']);
            words.any(|word| word.trim().eq_ignore_ascii_case(wanted))
        };
        let qop = match options.trim() {
            "" => Qop::None,
            _ if offers("auth") => Qop::Auth,
            _ if offers("auth-int") => Qop::AuthInt,
            _ => return Err(plain(&format!("Digest-qop-{options}"))),
        };
        let nonce = challenge.get("nonce").ok_or_else(|| "Digest".to_owned())?;
        Ok(Self {
            realm: challenge.get("realm").unwrap_or_default().to_owned(),
            nonce: nonce.to_owned(),
            opaque: challenge.get("opaque").map(str::to_owned),
            algorithm: algorithm.map(str::to_owned),
            hash,
            is_session,
            qop,
            hides_user: challenge
                .get("userhash")
                .is_some_and(|text| text.eq_ignore_ascii_case("true")),
            cnonce,
            count: 0,
        })
    }

    fn authorization(&mut self, login: &Login, method: Method, uri: &str) -> String {
        self.count = self.count.wrapping_add(1);
        let Self { realm, nonce, cnonce, .. } = &*self;
        let (user, password) = (login.user.as_str(), &*login.password.0);
        let hash = |text: &str| self.hash.hex(text.as_bytes());
        let mut key = hash(&Zeroizing::new(format!("{user}:{realm}:{password}")));
        if self.is_session {
            key = hash(&format!("{key}:{nonce}:{cnonce}"));
        }
        let count = format!("{:08x}", self.count);
        // The hash of the body, which is empty, stands for it.
        let (qop, action) = match self.qop {
            Qop::None => (None, hash(&format!("{method}:{uri}"))),
            Qop::Auth => (Some("auth"), hash(&format!("{method}:{uri}"))),
            Qop::AuthInt => (Some("auth-int"), hash(&format!("{method}:{uri}:{}", hash("")))),
        };
        let response = match qop {
            None => hash(&format!("{key}:{nonce}:{action}")),
            Some(qop) => hash(&format!("{key}:{nonce}:{count}:{cnonce}:{qop}:{action}")),
        };
        let shown_user = match self.hides_user {
            true => hash(&format!("{user}:{realm}")),
            false => quoted(user),
        };
        let mut value = format!(
            "Digest username=\"{shown_user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\"",
            quoted(realm),
            quoted(nonce)
        );
        let mut add = |text: String| {
            value.push_str(", ");
            value.push_str(&text);
        };
        if let Some(algorithm) = &self.algorithm {
            add(format!("algorithm={}", unquotable(algorithm)));
        }
        if let Some(opaque) = &self.opaque {
            add(format!("opaque=\"{}\"", quoted(opaque)));
        }
        if let Some(qop) = qop {
            add(format!("qop={qop}, nc={count}"));
        }
        if qop.is_some() || self.is_session {
            add(format!("cnonce=\"{cnonce}\""));
        }
        if self.hides_user {
            add("userhash=true".to_owned());
        }
        value
    }
}

impl Hash {
    fn hex(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => encode_string(&Md5::digest(bytes)),
            Self::Sha256 => encode_string(&Sha256::digest(bytes)),
            Self::Sha512256 => encode_string(&Sha512_256::digest(bytes)),
        }
    }
}

/// A client nonce of its own for each challenge.
pub(crate) fn cnonce(seed: &[u8; 16], challenge: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update(challenge.to_be_bytes());
    encode_string(hash.finalize().get(..8).unwrap_or_default())
}

/// For between quotation marks.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// For outside of them.
fn unquotable(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && !"\",;".contains(*c)).collect()
}

impl Challenge {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header line: a word without `=` behind it begins one (RFC 7235 section 4.1).
fn challenges(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',', ';']);
        if rest.is_empty() || found.len() > CHALLENGES_MAX {
            return found;
        }
        let end = rest.find([' ', '\t', ',', ';', '=']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            found.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
            rest = behind;
            continue;
        };
        let value = value.trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(text) => unquote(text),
            None => {
                let end = value.find([' ', '\t', ',', ';']).unwrap_or(value.len());
                let (value, behind) = value.split_at(end);
                (value.to_owned(), behind)
            }
        };
        if let Some(challenge) = found.last_mut()
            && challenge.parameters.len() < CHALLENGE_PARAMETERS_MAX
        {
            challenge.parameters.push((word.to_owned(), value));
        }
        rest = behind;
    }
}

/// The text before the closing quotation mark, with `\x` for `x`, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests;
