"""An OpenID Connect provider with one client and all the users that ever sign in.

The library takes a code without its PKCE verifier; this provider asks for both the challenge and the verifier.

usage: CLIENT-ID CLIENT-SECRET
"""

import dataclasses
import os
import socket
import sys

import uvicorn
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge
from oidc_provider_mock import _app
from oidc_provider_mock._storage import AuthorizationCode, Client, ClientAllowAny, storage

# It listens on the loopback interface only.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


@dataclasses.dataclass(kw_only=True, frozen=True)
class ChallengedCode(AuthorizationCode):
    code_challenge: str
    code_challenge_method: str


class ChallengingGrant(_app.AuthorizationCodeGrant):
    def __init__(self, request, server):
        super().__init__(request, server)
        CodeChallenge(required=True)(self)

    def validate_authorization_request(self):
        redirect_uri = super().validate_authorization_request()
        if self.request.payload.data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("this provider asks for PKCE with S256")
        return redirect_uri

    def save_authorization_code(self, code, request):
        super().save_authorization_code(code, request)
        saved = dataclasses.asdict(storage.get_authorization_code(code))
        names = ("code_challenge", "code_challenge_method")
        challenge = {name: request.payload.data[name] for name in names}
        storage.store_authorization_code(ChallengedCode(**saved, **challenge))


_app.AuthorizationCodeGrant = ChallengingGrant

client_id, client_secret = sys.argv[1:]
client = Client(
    id=client_id,
    secret=client_secret,
    redirect_uris=ClientAllowAny(),
    allowed_scopes=Client.SCOPES_SUPPORTED,
    token_endpoint_auth_method=ClientAllowAny(),
)
app = _app.app(require_client_registration=True)
# The storage is there only while a request is answered.
app.before_request(lambda: storage.store_client(client))

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print(f"listening on port {listener.getsockname()[1]}.", flush=True)
uvicorn.Server(uvicorn.Config(app, interface="wsgi", lifespan="off")).run(sockets=[listener])
