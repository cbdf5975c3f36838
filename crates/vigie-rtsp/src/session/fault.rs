//! What may go wrong with a request.

use super::end::LeftOut;
use super::message::Method;
use super::transport::Unusable;

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Status(u16),
    /// An answer without a status.
    Unreadable,
    NoAnswer,
    Closed,
    Unusable(Unusable),
    NoUdpPorts,
}

impl Fault {
    /// Why a medium is left out whose request went wrong.
    pub(super) fn left_out(self, request: Method) -> LeftOut {
        match self {
            Self::Status(status) => LeftOut::Refused { request, status },
            Self::Unreadable => LeftOut::Refused { request, status: 0 },
            Self::NoAnswer => LeftOut::NoAnswer { request },
            Self::Closed => LeftOut::ClosedByCamera { request },
            Self::Unusable(_) => LeftOut::UnusableTransport,
            Self::NoUdpPorts => LeftOut::NoUdpPorts,
        }
    }
}
