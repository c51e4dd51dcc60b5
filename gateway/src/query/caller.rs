//! A caller as the pipeline takes it: owns the proof that its request was counted against its rate.
//! Does not verify tokens.

use std::ops::Deref;

use sluice_policies::principal::Principal;

/// A principal whose request was counted. Doors have one made before they read what is asked, so that
/// nothing of a request is free, malformed or not.
#[derive(Debug, Clone)]
pub struct Caller(Principal);

impl Caller {
    /// For the one who counts.
    pub(super) const fn counted(principal: Principal) -> Self {
        Self(principal)
    }
}

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}
