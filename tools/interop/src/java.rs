//! The AWS SDK for Java and the Java Temporary Queue Client, on local-sqs.
//!
//! Java's requester and responder are tested with each other and with this project's, in all three combinations. The
//! programs are in `java/client`. Each responder replies with the body in upper case and the attribute `tenant` of the
//! request.

use std::time::Duration;

use local_sqs::Server;
use sqs_requester::Requester;
use sqs_responder::{Attributes, Body, Reply, Responder};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::install::Installed;
use crate::local::{client, point, serve};
use crate::process::{Conversation, output};
use crate::{Failure, Folders};

const WITHIN: Duration = Duration::from_secs(120);
const TENANT: &str = "tenant";
const REQUESTS: usize = 20;

pub(crate) async fn run(_: &Folders, installed: &Installed) -> Result<(), Failure> {
    let server = serve().await?;
    let outcome = meetings(installed, &server).await;
    server.shutdown().await;
    outcome
}

async fn meetings(installed: &Installed, server: &Server) -> Result<(), Failure> {
    let java = Java { installed, server };
    output(java.program("SdkCheck").arg(server.endpoint_url()), WITHIN).await?;
    println!("AWS SDK for Java 2.20.30 works");

    let queue = queue(server, "java-java").await?;
    let responder = java.responder(&queue).await?;
    java.request(&queue).await?;
    println!("Java requester and Java responder: {REQUESTS} round trips");
    // Use the same responder, so that one JVM is enough.
    rust_requests(server, &queue).await?;
    responder.finish(WITHIN).await?;
    println!("our requester and Java responder: {REQUESTS} round trips");

    java_to_rust(&java).await?;
    println!("Java requester and our responder: {REQUESTS} round trips");
    Ok(())
}

async fn rust_requests(server: &Server, queue: &str) -> Result<(), Failure> {
    let requester = Requester::builder(client(&server.endpoint_url())).build();
    let requester = requester.map_err(|error| error.to_string())?;
    for number in 0..REQUESTS {
        let tenant = format!("t{number}");
        let request = requester
            .request(queue, format!("hello {number}"))
            .timeout(Duration::from_secs(20))
            .attribute(TENANT, &tenant);
        let reply = request
            .await
            .map_err(|error| format!("request {number}: {error:?}"))?;
        let seen = (reply.body(), reply.attribute(TENANT));
        let expected = format!("HELLO {number}");
        if seen != (expected.as_str(), Some(tenant.as_str())) {
            return Err(format!(
                "request {number}: expected {expected:?} with tenant {tenant}, found {seen:?}"
            ));
        }
    }
    requester.shutdown(Duration::from_secs(10)).await;
    Ok(())
}

async fn java_to_rust(java: &Java<'_>) -> Result<(), Failure> {
    async fn shout(Body(body): Body, attributes: Attributes) -> Reply {
        let tenant = attributes.string(TENANT).unwrap_or_default();
        Reply::new(body.to_uppercase()).with_attribute(TENANT, tenant)
    }
    let queue = queue(java.server, "java-rust").await?;
    let responder = Responder::builder(client(&java.server.endpoint_url())).build();
    let responder = responder.map_err(|error| error.to_string())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = responder
        .serve(&queue, shout)
        .with_graceful_shutdown(async { drop(stopped.await) })
        .into_future();
    let asking = async {
        let asked = java.request(&queue).await;
        drop(stop);
        asked
    };
    let (served, asked) = tokio::join!(serving, asking);
    asked?;
    let drained = served.map_err(|error| format!("our responder: {error}"))?;
    if drained.is_clean() {
        Ok(())
    } else {
        Err(format!(
            "expected a clean shutdown of our responder, found {drained:?}"
        ))
    }
}

async fn queue(server: &Server, name: &str) -> Result<String, Failure> {
    let made = client(&server.endpoint_url())
        .create_queue()
        .queue_name(name)
        .send()
        .await
        .map_err(|error| format!("queue {name}: {error:?}"))?;
    made.queue_url
        .ok_or_else(|| format!("queue {name} has no URL"))
}

struct Java<'a> {
    installed: &'a Installed,
    server: &'a Server,
}

impl Java<'_> {
    fn program(&self, class: &str) -> Command {
        let programs = self.installed.class_path("programs");
        let jars = self.installed.class_path("client");
        let mut java = Command::new("java");
        java.args(["-cp", &format!("{programs}:{jars}")]).arg(class);
        point(&mut java, self.server);
        java
    }

    async fn responder(&self, queue: &str) -> Result<Conversation, Failure> {
        let mut program = self.program("TemporaryQueues");
        program.args(["serve", &self.server.endpoint_url(), queue]);
        let mut conversation = Conversation::start(&mut program)?;
        conversation.says("ready", WITHIN).await?;
        Ok(conversation)
    }

    async fn request(&self, queue: &str) -> Result<(), Failure> {
        let mut program = self.program("TemporaryQueues");
        program
            .args(["request", &self.server.endpoint_url(), queue])
            .arg(REQUESTS.to_string());
        output(&mut program, WITHIN).await?;
        Ok(())
    }
}
