"""A client whose server has places for one session at a time; it takes what the package's own (2.6.0) takes."""

import os

from nnInteractive.inference.inference_session import Capabilities


class nnInteractiveRemoteInferenceSession(Capabilities):
    def __init__(
        self,
        server_url,
        api_key=None,
        connect_timeout=10.0,
        read_timeout=60.0,
        set_image_read_timeout=600.0,
        write_timeout=120.0,
        pool_timeout=10.0,
    ):
        super().__init__()
        key = os.environ.get("NN_INTERACTIVE_API_KEY", "") if api_key is None else api_key
        self._note("claim", server=server_url, key=key)

    def close(self):
        self._note("release")
