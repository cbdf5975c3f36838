//! Nothing but a place for `tests`: the AWS SDK for Rust calls a Vigie server there, so that a client which we did not
//! write judges signatures, inputs, answers and errors.
