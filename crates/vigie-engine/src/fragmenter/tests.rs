//! Where fragments begin and end.
