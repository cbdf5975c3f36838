//! `vigie store`: the media store of a server or a hub.
//!
//! Listing and exporting work while it is in use; the check and the repair take it for themselves.

mod check;
mod export;
mod folder;
mod list;
mod mkv;
mod mp4;
mod repair;
mod selection;
mod unclaimed;

pub use self::check::check;
pub use self::export::export;
pub use self::list::list;
pub use self::repair::repair;
pub use self::unclaimed::unclaimed;
