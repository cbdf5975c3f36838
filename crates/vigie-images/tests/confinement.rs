//! What a confined decoder can still do, tried from within: this program runs itself once more, as a decoder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test, which has no test functions because it must have no other thread"
)]

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use vigie_images::child;
use vigie_images::confinement::{Confinement, can_start_programs};
use vigie_images::decode::{CodedVideo, DecodeError, FrameDecoder};
use vigie_images::encode::{Form, Format};
use vigie_images::picture::{Picture, Rgb};
use vigie_images::protocol::{Request, read_reply};

/// Says which decoder the program is to be, and what of its parent it is to try to reach.
const DECODER: &str = "CONFINEMENT_TEST_DECODER";
const ALONE: &str = "alone";
const STARTING: &str = "starting";
/// Where a file of the server is, and where the server listens.
const SECRET: &str = "CONFINEMENT_TEST_SECRET";
const ADDRESS: &str = "CONFINEMENT_TEST_ADDRESS";
/// Any program that lies where programs do.
const PROGRAM: &str = "/bin/true";

fn main() {
    if let Ok(decoder) = std::env::var(DECODER) {
        be(&decoder);
        return;
    }
    let mut decoders = vec![ALONE];
    if can_start_programs() {
        decoders.push(STARTING);
    } else {
        println!("no Landlock in this kernel: no program is started, and {STARTING} is not tried");
    }
    for decoder in &decoders {
        try_from_outside(decoder);
        println!("test {decoder} ... ok");
    }
    println!("test result: ok. {} passed; 0 failed", decoders.len());
}

fn try_from_outside(decoder: &str) {
    let folder = std::env::temp_dir().join(format!("vigie-confinement-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let secret = folder.join("master.key");
    fs::write(&secret, "of the server").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(DECODER, decoder)
        .env(SECRET, &secret)
        .env(ADDRESS, listener.local_addr().unwrap().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let request = Request {
        video: CodedVideo {
            codec: vigie_images::decode::Codec::H264,
            parameter_sets: Vec::new(),
            nal_length_size: 4,
            frames: vec![vigie_images::decode::CodedFrame {
                data: bytes::Bytes::from_static(b"\0\0\0\x01e"),
                wanted: true,
                shown_ms: 0,
            }],
        },
        form: Form { format: Format::Png, width: None, height: None },
    };
    let mut input = child.stdin.take().unwrap();
    for piece in request.to_wire().unwrap() {
        io::Write::write_all(&mut input, &piece).unwrap();
    }
    let mut output = child.stdout.take().unwrap();
    let mut length = [0; 4];
    output
        .read_exact(&mut length)
        .expect("the decoder tells of its first misstep on standard error");
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.lines().any(|it| it == line), "{decoder}: {line} is not in {status}");
    }
    let mut reply = vec![0; u32::from_be_bytes(length) as usize];
    output.read_exact(&mut reply).unwrap();
    let image = read_reply(reply.into(), Format::Png).unwrap().unwrap();
    assert!(image.starts_with(b"\x89PNG"));
    drop(input);
    assert!(child.wait().unwrap().success());
    fs::remove_dir_all(&folder).unwrap();
}

/// A decoder that was taken over: tries what it must not when it is given the first frame, then does its work.
struct TakenOver {
    starts_programs: bool,
    secret: PathBuf,
    address: String,
}

fn be(decoder: &str) {
    let starts_programs = decoder == STARTING;
    let secret = PathBuf::from(std::env::var_os(SECRET).unwrap());
    let address = std::env::var(ADDRESS).unwrap();
    // Both can be reached before.
    File::open(&secret).unwrap();
    TcpStream::connect(&address).unwrap();
    let confinement =
        if starts_programs { Confinement::Starting(PROGRAM.into()) } else { Confinement::Alone };
    let mut decoder = TakenOver { starts_programs, secret, address };
    child::run(&confinement, &mut decoder, &mut io::stdin(), &mut io::stdout()).unwrap();
}

impl FrameDecoder for TakenOver {
    fn decode(&mut self, _: &CodedVideo, take: &mut dyn FnMut(Picture)) -> Result<(), DecodeError> {
        let beside = self.secret.with_file_name("written");
        let refused = [
            ("read a file", File::open(&self.secret).map(drop)),
            ("write a file", File::create(&beside).map(drop)),
            ("list a folder", fs::read_dir(self.secret.parent().unwrap()).map(drop)),
            ("remove a file", fs::remove_file(&self.secret)),
            ("connect", TcpStream::connect(&self.address).map(drop)),
            ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
            ("send datagrams", UdpSocket::bind("127.0.0.1:0").map(drop)),
            ("make a socket", UnixStream::pair().map(drop)),
        ];
        for (what, result) in refused {
            let kind = result.expect_err(what).kind();
            assert_eq!(kind, ErrorKind::PermissionDenied, "{what}");
        }
        let program = Command::new(PROGRAM).stdin(Stdio::inherit()).status();
        let thread = std::thread::Builder::new().spawn(|| std::thread::sleep(Duration::ZERO));
        if self.starts_programs {
            assert!(program.unwrap().success());
            assert!(File::open(Path::new(PROGRAM)).is_ok());
            thread.unwrap().join().unwrap();
        } else {
            assert_eq!(program.unwrap_err().kind(), ErrorKind::PermissionDenied);
            assert_eq!(thread.unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
        // A picture as large as they come is made all the same.
        let (width, height) = (3840, 2160);
        let data = vec![0x55; 3 * width as usize * height as usize];
        take(Picture::Rgb(Rgb { width, height, data }));
        Ok(())
    }
}
