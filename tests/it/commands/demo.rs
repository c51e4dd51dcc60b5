//! `sluice demo` as a process: what it prints, and that a second start takes the lake of the first.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use sluice_tests::gateway::{Gateway, run};
use sluice_tests::process::binary;
use sluice_tests::scratch;

use super::sluice;

/// A running demo. Dropping it kills it.
struct Demo {
    child: Child,
    out: BufReader<ChildStdout>,
    url: String,
}

impl Demo {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(binary())
            .args(["demo", "--data-dir", directory.to_str().unwrap(), "--http-addr", "127.0.0.1:0"])
            .args(["--grpc-addr", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("Sluice serves the demo lake on ").expect(&line).to_owned();
        Self { child, out, url }
    }

    /// Asks it to stop; gives its exit code and the rest of what it printed.
    fn stop(mut self) -> (Option<i32>, String) {
        let killed = Command::new("sh").args(["-c", "kill -TERM $0", &self.child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Data files of the lake with their times.
fn files(directory: &Path) -> Vec<(PathBuf, SystemTime)> {
    let mut found = Vec::new();
    let mut pending = vec![directory.to_path_buf()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => pending.push(entry.path()),
                false => found.push((entry.path(), entry.metadata().unwrap().modified().unwrap())),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_second_start_takes_the_lake_of_the_first() {
    run(async {
        // The lake itself is made by the shared demo: what is tried here is the command.
        let shared = Gateway::demo().await;
        let own = scratch::fresh("demo-command");
        let copied =
            Command::new("cp").arg("-rp").arg(shared.directory.join("lake")).arg(own.path()).status();
        assert!(copied.unwrap().success());
        let lake = files(&own.path().join("lake"));

        let first = Demo::start(own.path());
        let port = first.url.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        assert_ne!(port, 0);
        let token = std::fs::read_to_string(own.path().join("tokens/partner.jwt")).unwrap();
        let asked = Command::new("curl")
            .args(["-s", "--fail-with-body", "-H"])
            .arg(format!("Authorization: Bearer {}", token.trim()))
            .arg(format!("{}/v1/tables", first.url))
            .output()
            .unwrap();
        assert!(asked.status.success(), "{asked:?}");
        assert!(String::from_utf8_lossy(&asked.stdout).contains("\"airlines\""), "{asked:?}");
        let (code, welcome) = first.stop();
        assert_eq!(code, Some(0));
        for role in ["admin", "analyst", "partner"] {
            assert!(welcome.contains(&format!("tokens/{role}.jwt")), "{welcome}");
        }

        let ring = std::fs::read(own.path().join("keys/signing.yaml")).unwrap();
        let second = Demo::start(own.path());
        assert_eq!(second.stop().0, Some(0));
        assert_eq!(files(&own.path().join("lake")), lake, "the lake was written anew");
        assert_eq!(std::fs::read(own.path().join("keys/signing.yaml")).unwrap(), ring);
    });
}

#[test]
fn a_start_on_a_full_disk_leaves_nothing_half_written() {
    run(async {
        let shared = Gateway::demo().await;
        let own = scratch::fresh("demo-full");
        let lake = own.path().join("lake");
        std::os::unix::fs::symlink(shared.directory.join("lake"), lake).unwrap();
        // Key rings fit what the shell lets files grow to; the configuration and the policies do not.
        let filled = Command::new("sh")
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f 1; exec \"$0\" demo --data-dir \"$1\" --http-addr 127.0.0.1:0 \
                 --grpc-addr 127.0.0.1:0",
            ])
            .arg(binary())
            .arg(own.path())
            .output()
            .unwrap();
        let said = String::from_utf8(filled.stderr).unwrap();
        assert_eq!(filled.status.code(), Some(1), "{said}");
        assert!(said.contains("sluice.yaml\": "), "{said}");
        assert!(own.path().join("keys/mask.yaml").is_file() && !own.path().join("sluice.yaml").exists());

        assert_eq!(Demo::start(own.path()).stop().0, Some(0));
        for (name, _) in files(own.path()) {
            assert!(!name.to_string_lossy().ends_with(".tmp"), "{}", name.display());
        }
    });
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let own = scratch::fresh("demo-foreign");
    std::fs::create_dir(own.path().join("lake")).unwrap();
    std::fs::write(own.path().join("lake/precious.txt"), "mine").unwrap();
    let arguments = ["demo", "--data-dir", own.path().to_str().unwrap(), "--http-addr", "127.0.0.1:0"];
    let ran = sluice(own.path(), &arguments);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.starts_with("sluice: "), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(own.path().join("lake/precious.txt")).unwrap(), "mine");
}
