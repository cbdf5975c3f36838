//! The conversation with the camera: requests, answers, transports, authentication, keep-alive.
