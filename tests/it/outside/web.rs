//! A small HTTP server on the loopback interface, whose answers a test writes: it says what no real one would.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one side waits for the other, and how long an endless answer lasts at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// What is answered.
pub(super) enum Answer {
    /// A status, and a body.
    Whole(u16, Vec<u8>),
    /// These bytes as they are, whether or not they are HTTP.
    Bytes(Vec<u8>),
    /// These bytes, and then others over and over until nobody reads them.
    Endless(Vec<u8>, Vec<u8>),
}

/// The server; it ends when it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn new(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (stopped, keep) = (Arc::clone(&stop), Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let Ok(request) = read(&mut stream) else { continue };
                let answer = answer(&request);
                keep.lock().unwrap().push(request);
                // Whoever asked may have gone away before the end.
                let _ = write(&mut stream, answer);
            }
        });
        Self { address, stop, seen, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // The thread waits for somebody to connect.
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || std::thread::panicking());
    }
}

fn read(stream: &mut TcpStream) -> io::Result<Request> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    Ok(Request { path, body })
}

fn write(stream: &mut TcpStream, answer: Answer) -> io::Result<()> {
    match answer {
        Answer::Whole(status, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} As Told\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            )?;
            stream.write_all(&body)?;
        }
        Answer::Bytes(bytes) => stream.write_all(&bytes)?,
        Answer::Endless(first, more) => {
            let start = Instant::now();
            stream.write_all(&first)?;
            while start.elapsed() < PATIENCE {
                stream.write_all(&more)?;
            }
        }
    }
    stream.shutdown(Shutdown::Write)
}
