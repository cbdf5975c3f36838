//! The wire contract: operations, shapes and their constraints, errors, ARNs, fragment numbers, acknowledgements, SigV4. Pure.
