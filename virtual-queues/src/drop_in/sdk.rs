//! Changes the SDK's behavior for calls that are served here.

use aws_sdk_sqs::config::auth::{DefaultAuthSchemeResolver, Params, ResolveAuthScheme};
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeId, AuthSchemeOption, AuthSchemeOptionResolverParams, AuthSchemeOptionsFuture,
    ResolveAuthSchemeOptions, SharedAuthSchemeOptionResolver,
};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::operations::Service;

/// Present in the config of a call that is served here.
#[derive(Debug)]
struct VirtualCall;

impl Storable for VirtualCall {
    type Storer = StoreReplace<Self>;
}

/// The header of a call that is served here. Its value is the operation. It tells the HTTP client what the interceptor
/// has found, so that each body is searched once, and so that an unsigned call is never forwarded.
pub(super) const SERVED: &str = "x-virtual-queue-operation";

/// Marks calls that are served here, and disables their retries. The resulting calls to SQS have the retries of their
/// own client, and a send that was retried again would arrive twice.
#[derive(Debug)]
pub(super) struct MarkVirtualCalls {
    service: Service,
}

impl MarkVirtualCalls {
    pub(super) const fn new(service: Service) -> Self {
        Self { service }
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for MarkVirtualCalls {
    fn name(&self) -> &'static str {
        "MarkVirtualCalls"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(operation) = self.service.screen(context.request()) {
            context
                .request_mut()
                .headers_mut()
                .insert(SERVED, operation);
            // This config layer takes precedence over those of the client and of the operation.
            let state = cfg.interceptor_state();
            state.store_put(VirtualCall);
            state.store_put(RetryConfig::disabled());
        }
        Ok(())
    }
}

/// Does not sign calls that are served here, so that they need no credentials. Uses the user's resolver for all other
/// calls.
#[derive(Debug)]
pub(super) struct VirtualAuth(Inner);

#[derive(Debug)]
enum Inner {
    Users(SharedAuthSchemeOptionResolver),
    Default(DefaultAuthSchemeResolver),
}

impl VirtualAuth {
    pub(super) const fn over(users: SharedAuthSchemeOptionResolver) -> Self {
        Self(Inner::Users(users))
    }

    pub(super) const fn over_default(resolver: DefaultAuthSchemeResolver) -> Self {
        Self(Inner::Default(resolver))
    }
}

impl ResolveAuthScheme for VirtualAuth {
    fn resolve_auth_scheme<'a>(
        &'a self,
        params: &'a Params,
        cfg: &'a ConfigBag,
        components: &'a RuntimeComponents,
    ) -> AuthSchemeOptionsFuture<'a> {
        if cfg.load::<VirtualCall>().is_some() {
            let unsigned = AuthSchemeOption::from(AuthSchemeId::new("noAuth"));
            return AuthSchemeOptionsFuture::ready(Ok(vec![unsigned]));
        }
        match &self.0 {
            Inner::Default(resolver) => resolver.resolve_auth_scheme(params, cfg, components),
            // The SDK keeps the parameters in the form that a shared resolver accepts.
            Inner::Users(resolver) => match cfg.load::<AuthSchemeOptionResolverParams>() {
                Some(params) => resolver.resolve_auth_scheme_options_v2(params, cfg, components),
                None => AuthSchemeOptionsFuture::ready(Err(
                    "the parameters of the auth scheme resolver are missing".into(),
                )),
            },
        }
    }
}
