//! Installing the software of others, with pinned versions, below one folder.
//!
//! Each piece has a folder of its own with a stamp in it: the text of what was asked for. A folder whose stamp says
//! something else, or that has none because its installation broke off, is made anew. Invariant: an installed folder with
//! the right stamp is complete.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::process::output;
use crate::{Failure, Folders};

/// Downloads may be slow.
const WITHIN: Duration = Duration::from_secs(900);
const STAMP: &str = "installed.txt";
/// Pinned, as everything else is.
const COPY_DEPENDENCIES: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
const JAVA_PROGRAMS: [&str; 3] = ["Load.java", "SdkCheck.java", "TemporaryQueues.java"];

/// Where the installed software is.
#[derive(Debug)]
pub struct Installed {
    folder: PathBuf,
}

impl Installed {
    /// A program of a virtual environment.
    pub(crate) fn python(&self, environment: &str, program: &str) -> PathBuf {
        self.folder.join(environment).join("bin").join(program)
    }

    /// What follows `-cp`.
    #[must_use]
    pub fn class_path(&self, piece: &str) -> String {
        let folder = self.folder.join(piece);
        format!("{0}:{0}/*", folder.display())
    }

    /// Where a program in the background writes.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// What can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A server.
    LocalStack,
    /// A server.
    ElasticMq,
    /// The AWS CLI and boto3 of today.
    AwsCliJson,
    /// The last ones that spoke the query protocol.
    AwsCliQuery,
    /// The Java Temporary Queue Client, the AWS SDK for Java, and the programs of `java/client`.
    JavaClient,
}

/// Installs these pieces, as far as they are not there yet.
///
/// # Errors
/// What cannot be installed, with what is needed for it.
pub async fn all(pieces: &[Piece], folders: &Folders) -> Result<Installed, Failure> {
    std::fs::create_dir_all(&folders.installed)
        .map_err(|error| format!("cannot make {}: {error}", folders.installed.display()))?;
    let wants = |piece| pieces.contains(&piece);
    let python = async {
        for (piece, name) in [
            (Piece::LocalStack, "localstack"),
            (Piece::AwsCliJson, "awscli-json"),
            (Piece::AwsCliQuery, "awscli-query"),
        ] {
            if wants(piece) {
                virtual_environment(folders, name).await?;
            }
        }
        Ok::<_, Failure>(())
    };
    let jars = async {
        if wants(Piece::ElasticMq) {
            maven(folders, "elasticmq").await?;
        }
        if wants(Piece::JavaClient) {
            maven(folders, "client").await?;
            compile(folders).await?;
        }
        Ok(())
    };
    tokio::try_join!(python, jars)?;
    Ok(Installed {
        folder: folders.installed.clone(),
    })
}

/// Makes a virtual environment with the packages of `python/<name>.txt`, which lists dependencies, too.
async fn virtual_environment(folders: &Folders, name: &str) -> Result<(), Failure> {
    let requirements = folders.sources.join(format!("python/{name}.txt"));
    let wanted = read(&requirements)?;
    install(folders, name, &wanted, async |folder| {
        output(
            Command::new("python3").args(["-m", "venv"]).arg(folder),
            WITHIN,
        )
        .await
        .map_err(|failure| format!("{failure}\nPython 3.11 or newer, with venv, is needed"))?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--no-deps",
            "--no-compile",
        ])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(&requirements);
        output(&mut pip, WITHIN).await
    })
    .await
}

/// Downloads the jars that `java/<name>/pom.xml` asks for.
async fn maven(folders: &Folders, name: &str) -> Result<(), Failure> {
    let project = folders.sources.join("java").join(name).join("pom.xml");
    let wanted = read(&project)?;
    install(folders, name, &wanted, async |folder| {
        let mut maven = Command::new("mvn");
        maven
            .args(["--quiet", "--batch-mode", "--file"])
            .arg(&project)
            .arg(COPY_DEPENDENCIES)
            .arg("-DincludeScope=runtime")
            .arg(format!("-DoutputDirectory={}", folder.display()));
        output(&mut maven, WITHIN)
            .await
            .map_err(|failure| format!("{failure}\nMaven and a JDK, 17 or newer, are needed"))
    })
    .await
}

/// Compiles the Java programs, each time that they or the jars changed.
async fn compile(folders: &Folders) -> Result<(), Failure> {
    let sources = JAVA_PROGRAMS.map(|name| folders.sources.join("java/client").join(name));
    let mut wanted = read(&folders.sources.join("java/client/pom.xml"))?;
    for source in &sources {
        wanted.push_str(&read(source)?);
    }
    let jars = folders.installed.join("client");
    install(folders, "programs", &wanted, async |folder| {
        let mut javac = Command::new("javac");
        javac.args(["-Werror", "-Xlint:all", "-proc:none", "-cp"]);
        javac.arg(format!("{}/*", jars.display()));
        javac.arg("-d").arg(folder).args(&sources);
        output(&mut javac, WITHIN).await
    })
    .await
}

async fn install(
    folders: &Folders,
    name: &str,
    wanted: &str,
    make: impl AsyncFnOnce(&Path) -> Result<String, Failure>,
) -> Result<(), Failure> {
    let folder = folders.installed.join(name);
    let stamp = folder.join(STAMP);
    if std::fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    println!("installing {name}");
    let io = |error: std::io::Error| format!("cannot install {name}: {error}");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(io)?;
    }
    std::fs::create_dir_all(&folder).map_err(io)?;
    make(&folder).await?;
    std::fs::write(&stamp, wanted).map_err(io)
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn what_is_there_is_not_made_again_and_what_broke_off_is() {
        let folder = std::env::temp_dir().join(format!("interop-install-{}", std::process::id()));
        let folders = Folders {
            sources: PathBuf::new(),
            target: PathBuf::new(),
            installed: folder.clone(),
        };
        let made = Cell::new(0);
        let go = async |wanted: &str, outcome: Result<String, Failure>| {
            let make = async |folder: &Path| {
                made.set(made.get() + 1);
                assert!(!folder.join("left").exists(), "not made anew");
                std::fs::write(folder.join("left"), "").unwrap();
                outcome
            };
            install(&folders, "piece", wanted, make).await
        };
        assert!(go("1", Err("broke off".to_owned())).await.is_err());
        go("1", Ok(String::new())).await.unwrap();
        go("1", Ok(String::new())).await.unwrap();
        assert_eq!(made.get(), 2);
        go("2", Ok(String::new())).await.unwrap();
        assert_eq!(made.get(), 3);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
