//! A simulated RTSP camera: loops a file in real time to any number of clients.
