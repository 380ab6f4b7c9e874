//! Installs third-party software with pinned versions below one folder.
//!
//! Each piece has its own folder with a stamp file that contains the requirements. A folder with a different stamp, or
//! without a stamp because its installation failed, is installed again. Invariant: a folder with the right stamp is
//! complete.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::process::output;
use crate::{Failure, Folders};

/// Timeout of one installation step; downloads may be slow.
const WITHIN: Duration = Duration::from_secs(900);
const STAMP: &str = "installed.txt";
/// The Maven plugin, with a pinned version.
const COPY_DEPENDENCIES: &str =
    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
const JAVA_PROGRAMS: [&str; 3] = ["Load.java", "SdkCheck.java", "TemporaryQueues.java"];

/// The folder of the installed software.
#[derive(Debug)]
pub struct Installed {
    folder: PathBuf,
}

impl Installed {
    /// The path of a program in a virtual environment.
    pub(crate) fn python(&self, environment: &str, program: &str) -> PathBuf {
        self.folder.join(environment).join("bin").join(program)
    }

    /// The value of Java's option `-cp`.
    #[must_use]
    pub fn class_path(&self, piece: &str) -> String {
        let folder = self.folder.join(piece);
        format!("{0}:{0}/*", folder.display())
    }

    /// The log file of a background program.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Software that can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The server LocalStack.
    LocalStack,
    /// The server ElasticMQ.
    ElasticMq,
    /// The current AWS CLI v1 and boto3.
    AwsCliJson,
    /// The last AWS CLI v1 and boto3 that use the Query protocol.
    AwsCliQuery,
    /// The Java Temporary Queue Client, the AWS SDK for Java, and the programs of `java/client`.
    JavaClient,
}

/// Installs the pieces that are not installed yet.
///
/// # Errors
/// A piece cannot be installed; the text lists the required software.
pub async fn all(pieces: &[Piece], folders: &Folders) -> Result<Installed, Failure> {
    std::fs::create_dir_all(&folders.installed)
        .map_err(|error| format!("cannot create {}: {error}", folders.installed.display()))?;
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

/// Creates a virtual environment with the packages of `python/<name>.txt`, which also lists all dependencies.
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

/// Downloads the jars that `java/<name>/pom.xml` lists.
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

/// Compiles the Java programs if they or the jars have changed.
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
    async fn only_missing_or_failed_installations_are_made_again() {
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
                assert!(!folder.join("left").exists(), "the folder was not emptied");
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
