//! Compressing answers for whoever asks for it: the way of all others does not lead through here.

use axum::body::Body;
use axum::http::header::ACCEPT_ENCODING;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use futures::future::ready;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Bodies shorter than this are not worth compressing, in bytes.
const COMPRESSED_ABOVE: u16 = 1024;

/// The answer, compressed in a way that is accepted if it is worth it.
pub(crate) async fn compressed(accepted: HeaderValue, response: Response) -> Response {
    let mut answer = Some(response);
    let answers = service_fn(move |_: Request<()>| ready(answer.take().ok_or(std::fmt::Error)));
    let layer = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESSED_ABOVE.into()).and(NotForContentType::SSE));
    let mut request = Request::new(());
    request.headers_mut().insert(ACCEPT_ENCODING, accepted);
    let compressed = layer.layer(answers).oneshot(request).await;
    // It is asked once, and then it has the answer.
    compressed.map(|response| response.map(Body::new)).unwrap_or_default()
}
