//! The value of the nodes that led here.

use weir_core::payload::Payload;
use weir_engine::node::NodeCtx;

/// The output of the one node that led here; of several, an object by node id; `null` of none.
pub(crate) fn passed_on(ctx: &NodeCtx) -> Payload {
    match ctx.incoming.as_slice() {
        [] => Payload::null(),
        [(_, output)] => output.clone(),
        several => Payload::object(several.to_vec()),
    }
}
