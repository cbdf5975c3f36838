//! A code that is good for one exchange and some time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;
use vigie_kvs::Sensitive;
use vigie_media::Timestamp;

use super::{NewAccessKey, SealError};

const CODE_HOLDS: Duration = Duration::from_secs(3600);

/// The code that was offered, until it is used.
#[derive(Default)]
pub(crate) struct OneTimeCode(Mutex<Option<Offered>>);

struct Offered {
    code: Sensitive,
    until: Timestamp,
}

impl OneTimeCode {
    /// A new code, in the place of any other.
    pub(crate) fn offer(&self, now: Timestamp) -> Result<Sensitive, SealError> {
        // The secret half of a key that is never a key: as random as one, and from the same source. Its letters are
        // made fit for a URL.
        let key = NewAccessKey::generate()?;
        let code = secrecy::ExposeSecret::expose_secret(&key.secret_access_key);
        let code = Sensitive::new(code.replace('+', "-").replace('/', "_"));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Offered { code: code.clone(), until: now + CODE_HOLDS });
        Ok(code)
    }

    /// Whether this is the code; if so, it is one no more.
    pub(crate) fn take(&self, code: &Sensitive, now: Timestamp) -> bool {
        let mut offered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = offered.as_ref().is_some_and(|offered| {
            let same = offered.code.expose().as_bytes().ct_eq(code.expose().as_bytes());
            now < offered.until && bool::from(same)
        });
        if is_it {
            *offered = None;
        }
        is_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_an_hour() {
        let codes = OneTimeCode::default();
        let now = Timestamp::from_millis(1_795_000_000_000);
        assert!(!codes.take(&Sensitive::new(""), now), "none was offered");
        let code = codes.offer(now).unwrap();
        assert!(code.expose().len() >= 40);
        assert!(!codes.take(&Sensitive::new("x"), now));
        assert!(!codes.take(&code, now + CODE_HOLDS), "too late");
        assert!(codes.take(&code, now), "a wrong try does not use it up");
        assert!(!codes.take(&code, now), "used");
    }
}
